"""Settings that the connectors of SQL servers share.

Each function declares one of them, as ``config.setting`` does, under its own name.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from athena_connectors.common.config import parse_choice, parse_int, parse_json_object, setting
from athena_connectors.common.sql.names import CasingMode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "INT4_MAX",
    "SqlSettings",
    "StringPushdown",
    "casing_mode",
    "default_connection",
    "enable_query_passthrough",
    "fetch_size",
    "glue_connection",
    "max_connection_age_s",
    "max_splits",
    "min_rows_per_split",
    "non_default_collate",
    "split_column",
    "statement_timeout_ms",
    "string_pushdown",
]

StringPushdown = Literal["exact", "equality_only", "off"]
INT4_MAX = 2**31 - 1


class SqlSettings:
    """What follows from them; a base of a connector's ``Settings``."""

    __slots__ = ()

    if TYPE_CHECKING:
        casing_mode: CasingMode | None
        glue_connection: str
        split_column: Mapping[str, str]

    @property
    def casing(self) -> CasingMode:
        """The casing mode in force."""
        if self.casing_mode is not None:
            return self.casing_mode
        return "NONE" if self.glue_connection else "CASE_INSENSITIVE_SEARCH"

    def split_column_of(self, schema: str, table: str) -> str | None:
        """Return the column to cut a table by, if one is set; the table may not have it."""
        return self.split_column.get(f"{schema}.{table}".lower()) or self.split_column.get("*")


def _parse_split_columns(text: str) -> Mapping[str, str]:
    if not text.strip().startswith("{"):
        return MappingProxyType({"*": text.strip()})
    columns = parse_json_object(text)
    return MappingProxyType({table.lower(): column for table, column in columns.items()})


def split_column(*, example: str) -> Any:
    """Declare a mapping: by which column tables are cut, of which one is an example."""
    return setting(
        "split_column",
        default=MappingProxyType({}),
        parse=_parse_split_columns,
        doc="Column to cut tables by: a name for all tables that have it, or JSON such as"
        f' `{{"{example}": "created_at"}}`, where `*` stands for the other tables.',
    )


def default_connection() -> Any:
    """Declare a text: the connection string of the default catalog."""
    return setting(
        "default",
        default="",
        secret=True,
        doc="Connection string of the default catalog; required. Further catalogs take"
        " `<catalog>_connection_string`.",
    )


def casing_mode() -> Any:
    """Declare a ``CasingMode``, or ``None`` for the usual one."""
    return setting(
        "casing_mode",
        default=None,
        parse=parse_choice(*get_args(CasingMode)),
        doc="How names are matched: `NONE`, `LOWER`, `UPPER` or `CASE_INSENSITIVE_SEARCH`,"
        " which is the default; `NONE` is with a Glue connection.",
    )


def glue_connection() -> Any:
    """Declare a text: the Glue connection that gives the default connection string."""
    return setting(
        "glue_connection",
        default="",
        doc="Name of a Glue connection that gives the default connection string.",
    )


def non_default_collate() -> Any:
    """Declare a truth: whether Athena is told to push no predicate on text."""
    return setting(
        "non_default_collate",
        default=False,
        doc="Tell Athena to push no predicate on text, as the Java connector does; not needed"
        " for correct rows.",
    )


def string_pushdown() -> Any:
    """Declare a ``StringPushdown``: which predicates on text go to the server."""
    return setting(
        "string_pushdown",
        default="exact",
        parse=parse_choice(*get_args(StringPushdown)),
        doc="Predicates on text that go to the server: `exact` (all that are exact),"
        " `equality_only` or `off`.",
    )


def enable_query_passthrough() -> Any:
    """Declare a truth: whether native queries are offered."""
    return setting(
        "enable_query_passthrough",
        default=True,
        doc="Offer the table function `system.query`.",
    )


def max_splits() -> Any:
    """Declare a number: splits of a scan at most."""
    return setting(
        "max_splits",
        default=20,
        parse=parse_int(minimum=1, maximum=1000),
        doc="Splits of one scan at most.",
    )


def min_rows_per_split() -> Any:
    """Declare a number: rows that make a split worth while."""
    return setting(
        "min_rows_per_split",
        default=100_000,
        parse=parse_int(minimum=1, maximum=INT4_MAX),
        doc="Rows that make a split worth while, by the server's estimate.",
    )


def fetch_size() -> Any:
    """Declare a number: rows decoded at a time."""
    return setting(
        "fetch_size",
        default=16_384,
        parse=parse_int(minimum=1, maximum=1_000_000),
        doc="Rows decoded at a time.",
    )


def statement_timeout_ms() -> Any:
    """Declare a number: the time limit of a statement, in ms."""
    return setting(
        "statement_timeout_ms",
        default=0,
        parse=parse_int(minimum=0, maximum=INT4_MAX),
        doc="Time limit of a statement in the server, in ms; the function's remaining time is"
        " another limit. 0 for no limit but that.",
    )


def max_connection_age_s() -> Any:
    """Declare a number: the age at which a connection is replaced, in seconds."""
    return setting(
        "max_connection_age_s",
        default=600,
        parse=parse_int(minimum=0, maximum=86_400),
        doc="Age in seconds at which a connection is replaced, so that new credentials count.",
    )
