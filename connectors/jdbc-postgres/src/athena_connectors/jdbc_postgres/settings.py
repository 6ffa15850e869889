"""Every setting of the connector, with its default and its meaning.

Names are environment variables of the function; those that the Java connector knows mean
the same here. The README's table is generated from this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from athena_connectors.common.config import (
    parse_choice,
    parse_int,
    parse_json_object,
    setting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CasingMode",
    "NumericUnconstrained",
    "ReadConsistency",
    "Settings",
    "StringPushdown",
]

CasingMode = Literal["NONE", "LOWER", "UPPER", "CASE_INSENSITIVE_SEARCH"]
NumericUnconstrained = Literal["decimal", "varchar"]
StringPushdown = Literal["exact", "equality_only", "off"]
ReadConsistency = Literal["auto", "snapshot", "read_committed", "repeatable_read"]


def _parse_split_columns(text: str) -> Mapping[str, str]:
    if not text.strip().startswith("{"):
        return MappingProxyType({"*": text.strip()})
    columns = parse_json_object(text)
    return MappingProxyType({table.lower(): column for table, column in columns.items()})


_INT4_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The connector's settings; each attribute is an environment variable's name."""

    default: str = setting(
        "default",
        default="",
        secret=True,
        doc="Connection string of the default catalog; required. Further catalogs take"
        " `<catalog>_connection_string`.",
    )
    casing_mode: CasingMode | None = setting(  # noqa: RUF009 - declares a field
        "casing_mode",
        default=None,
        parse=parse_choice(*get_args(CasingMode)),
        doc="How names are matched: `NONE`, `LOWER`, `UPPER` or `CASE_INSENSITIVE_SEARCH`,"
        " which is the default; `NONE` is with a Glue connection.",
    )
    glue_connection: str = setting(
        "glue_connection",
        default="",
        doc="Name of a Glue connection that gives the default connection string.",
    )
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
    non_default_collate: bool = setting(
        "non_default_collate",
        default=False,
        doc="Tell Athena to push no predicate on text, as the Java connector does; not needed"
        " for correct rows.",
    )
    string_pushdown: StringPushdown = setting(  # noqa: RUF009 - declares a field
        "string_pushdown",
        default="exact",
        parse=parse_choice(*get_args(StringPushdown)),
        doc="Predicates on text that go to the server: `exact` (all that are exact),"
        " `equality_only` or `off`.",
    )
    enable_query_passthrough: bool = setting(
        "enable_query_passthrough",
        default=True,
        doc="Offer the table function `system.query`.",
    )
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
    max_splits: int = setting(
        "max_splits",
        default=20,
        parse=parse_int(minimum=1, maximum=1000),
        doc="Splits of one scan at most.",
    )
    min_rows_per_split: int = setting(
        "min_rows_per_split",
        default=100_000,
        parse=parse_int(minimum=1, maximum=_INT4_MAX),
        doc="Rows that make a split worth while, by the server's estimate.",
    )
    split_column: Mapping[str, str] = setting(
        "split_column",
        default=MappingProxyType({}),
        parse=_parse_split_columns,
        doc="Column to cut tables by: a name for all tables that have it, or JSON such as"
        ' `{"public.orders": "created_at"}`, where `*` stands for the other tables.',
    )
    ctid_splits: bool = setting(
        "ctid_splits",
        default=False,
        doc="Cut tables without a usable key by physical pages (PostgreSQL 14 or later).",
    )
    fetch_size: int = setting(
        "fetch_size",
        default=16_384,
        parse=parse_int(minimum=1, maximum=1_000_000),
        doc="Rows decoded at a time.",
    )
    statement_timeout_ms: int = setting(
        "statement_timeout_ms",
        default=0,
        parse=parse_int(minimum=0, maximum=_INT4_MAX),
        doc="Time limit of a statement in the server, in ms; the function's remaining time is"
        " another limit. 0 for no limit but that.",
    )
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
    max_connection_age_s: int = setting(
        "max_connection_age_s",
        default=600,
        parse=parse_int(minimum=0, maximum=86_400),
        doc="Age in seconds at which a connection is replaced, so that new credentials count.",
    )
    ssl_root_cert: str = setting(
        "ssl_root_cert",
        default="",
        doc="File of certificates to trust, PEM, or `system`; needed for sslmode `verify-ca`"
        " and `verify-full`. For RDS, put Amazon's global bundle into the package or a layer.",
    )

    @property
    def casing(self) -> CasingMode:
        """The casing mode in force."""
        if self.casing_mode is not None:
            return self.casing_mode
        return "NONE" if self.glue_connection else "CASE_INSENSITIVE_SEARCH"

    def split_column_of(self, schema: str, table: str) -> str | None:
        """Return the column to cut a table by, if one is set; the table may not have it."""
        return self.split_column.get(f"{schema}.{table}".lower()) or self.split_column.get("*")
