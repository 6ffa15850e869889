"""The Lambda entry. Importing it reads no setting and opens no connection."""

from __future__ import annotations

from athena_connectors.common.handler import lambda_handler
from athena_connectors.jdbc_mysql.connector import from_environment

__all__ = ["handler"]

handler = lambda_handler(from_environment)
