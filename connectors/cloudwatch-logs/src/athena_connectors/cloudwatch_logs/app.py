"""The Lambda entry. Importing it reads no setting and opens no connection."""

from __future__ import annotations

from athena_connectors.cloudwatch_logs.connector import from_environment
from athena_connectors.common.handler import lambda_handler

__all__ = ["handler"]

handler = lambda_handler(from_environment)
