"""Every setting of the connector, with its default and its meaning.

Names are environment variables of the function; those that the Java connector knows mean
the same here. The README's table is generated from this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from athena_connectors.common.config import (
    parse_choice,
    parse_int,
    setting,
)
from athena_connectors.common.sql import settings as sql
from athena_connectors.common.sql.settings import SqlSettings, StringPushdown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.sql.names import CasingMode

__all__ = [
    "NumericUnconstrained",
    "ReadConsistency",
    "Settings",
    "StringPushdown",
]

NumericUnconstrained = Literal["decimal", "varchar"]
ReadConsistency = Literal["auto", "snapshot", "read_committed", "repeatable_read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SqlSettings):
    """The connector's settings; each attribute is an environment variable's name."""

    default: str = sql.default_connection()
    casing_mode: CasingMode | None = sql.casing_mode()  # noqa: RUF009 - declares a field
    glue_connection: str = sql.glue_connection()
    default_scale: int = setting(
        "default_scale",
        default=0,
        parse=parse_int(minimum=0, maximum=38),
        doc="Decimal places of a `numeric` column without precision; values are rounded.",
    )
    numeric_unconstrained: NumericUnconstrained = setting(  # noqa: RUF009 - declares a field
        "numeric_unconstrained",
        default="decimal",
        parse=parse_choice(*get_args(NumericUnconstrained)),
        doc="`decimal` or `varchar`: what a `numeric` without precision becomes; `varchar`"
        " keeps every digit.",
    )
    timestamptz_as_tz: bool = setting(
        "timestamptz_as_tz",
        default=False,
        doc="Show `timestamptz` as a timestamp with time zone instead of the UTC wall clock.",
    )
    non_default_collate: bool = sql.non_default_collate()
    string_pushdown: StringPushdown = sql.string_pushdown()  # noqa: RUF009 - declares a field
    enable_query_passthrough: bool = sql.enable_query_passthrough()
    expose_partition_columns: bool = setting(
        "expose_partition_columns",
        default=True,
        doc="Show `partition_schema_name` and `partition_name`, as the Java connector does.",
    )
    include_system_schemas: bool = setting(
        "include_system_schemas",
        default=False,
        doc="List `pg_catalog` and `information_schema`; they can be queried either way.",
    )
    max_splits: int = sql.max_splits()
    min_rows_per_split: int = sql.min_rows_per_split()
    split_column: Mapping[str, str] = sql.split_column(example="public.orders")
    ctid_splits: bool = setting(
        "ctid_splits",
        default=False,
        doc="Cut tables without a usable key by physical pages (PostgreSQL 14 or later).",
    )
    fetch_size: int = sql.fetch_size()
    statement_timeout_ms: int = sql.statement_timeout_ms()
    read_consistency: ReadConsistency = setting(  # noqa: RUF009 - declares a field
        "read_consistency",
        default="auto",
        parse=parse_choice(*get_args(ReadConsistency)),
        doc="`auto`: the splits of a scan read one snapshot of the database when the server"
        " allows it; `snapshot`: or else the query fails; `read_committed` or"
        " `repeatable_read`: each split reads by itself.",
    )
    snapshot_hold_seconds: int = setting(
        "snapshot_hold_seconds",
        default=60,
        parse=parse_int(minimum=1, maximum=3600),
        doc="How long planning keeps that snapshot for splits that are yet to start.",
    )
    max_connection_age_s: int = sql.max_connection_age_s()
    ssl_root_cert: str = setting(
        "ssl_root_cert",
        default="",
        doc="File of certificates to trust, PEM, or `system`; needed for sslmode `verify-ca`"
        " and `verify-full`. Amazon's for RDS are found by themselves if"
        " `global-bundle.pem` is in the package or in a layer.",
    )
