"""The statements that read one split; see ``common.sql.statement``."""

from __future__ import annotations

from functools import partial

from athena_connectors.common.sql import statement
from athena_connectors.jdbc_mysql.dialect import MYSQL

__all__ = ["derived_table", "parts_of"]

derived_table = partial(statement.derived_table, dialect=MYSQL)
parts_of = partial(statement.parts_of, dialect=MYSQL)
