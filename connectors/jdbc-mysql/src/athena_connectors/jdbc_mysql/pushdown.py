"""What MySQL evaluates of a scan; see ``common.sql.pushdown``."""

from __future__ import annotations

from functools import partial

from athena_connectors.common.sql import pushdown
from athena_connectors.jdbc_mysql.dialect import MYSQL

__all__ = ["plan"]

plan = partial(pushdown.plan, dialect=MYSQL)
