"""What PostgreSQL evaluates of a scan; see ``common.sql.pushdown``."""

from __future__ import annotations

from functools import partial

from athena_connectors.common.sql import pushdown
from athena_connectors.jdbc_postgres.dialect import POSTGRES

__all__ = ["plan"]

plan = partial(pushdown.plan, dialect=POSTGRES)
