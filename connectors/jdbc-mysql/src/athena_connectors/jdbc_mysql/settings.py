"""Every setting of the connector, with its default and its meaning.

Names are environment variables of the function; those that the Java connector knows mean
the same here. The README's table is generated from this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from athena_connectors.common.config import (
    parse_bool,
    parse_choice,
    setting,
)
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.sql import settings as sql
from athena_connectors.common.sql.settings import SqlSettings, StringPushdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.sql.connection_strings import ConnectionString
    from athena_connectors.common.sql.names import CasingMode

__all__ = [
    "ReadConsistency",
    "Settings",
    "StringPushdown",
    "ZeroDate",
]

ZeroDate = Literal["null", "fail", "round"]
ReadConsistency = Literal["read_committed", "repeatable_read"]


def _parse_zero_date(text: str) -> ZeroDate:
    words: dict[str, ZeroDate] = {"exception": "fail", "converttonull": "null", "round": "round"}
    try:
        return words[text.replace("_", "").lower()]
    except KeyError:
        raise ValueError("has to be EXCEPTION, CONVERT_TO_NULL or ROUND") from None


_PROPERTIES: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "tinyint1isbit": ("tinyInt1isBit", "mysql_tinyint1_as_bool", parse_bool),
    "yearisdatetype": ("yearIsDateType", "mysql_year_as_date", parse_bool),
    "zerodatetimebehavior": ("zeroDateTimeBehavior", "mysql_zero_date", _parse_zero_date),
}
"""Properties of a connection string: their names, the settings that they stand for, and
how they are read. Source: manual of MySQL Connector/J."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SqlSettings):
    """The connector's settings; each attribute is an environment variable's name."""

    default: str = sql.default_connection()
    casing_mode: CasingMode | None = sql.casing_mode()  # noqa: RUF009 - declares a field
    glue_connection: str = sql.glue_connection()
    mysql_tinyint1_as_bool: bool = setting(
        "mysql_tinyint1_as_bool",
        default=True,
        doc="Show a signed `tinyint(1)` as boolean; the URL's `tinyInt1isBit` counts before it.",
    )
    mysql_year_as_date: bool = setting(
        "mysql_year_as_date",
        default=False,
        doc="Show `year` as the date of its first of January; the URL's `yearIsDateType` counts"
        " before it.",
    )
    mysql_zero_date: ZeroDate = setting(  # noqa: RUF009 - declares a field
        "mysql_zero_date",
        default="null",
        parse=parse_choice(*get_args(ZeroDate)),
        doc="`null`, `fail` or `round`: what becomes of dates such as `0000-00-00` and"
        " `2024-02-00`; `round` makes the first of these 0001-01-01 and others NULL. The URL's"
        " `zeroDateTimeBehavior` counts before it.",
    )
    non_default_collate: bool = sql.non_default_collate()
    string_pushdown: StringPushdown = sql.string_pushdown()  # noqa: RUF009 - declares a field
    enable_query_passthrough: bool = sql.enable_query_passthrough()
    expose_partition_columns: bool = setting(
        "expose_partition_columns",
        default=True,
        doc="Show the column `partition_name`, as the Java connector does.",
    )
    include_system_schemas: bool = setting(
        "include_system_schemas",
        default=False,
        doc="List `information_schema`, `mysql`, `performance_schema` and `sys`; they can be"
        " queried either way.",
    )
    max_splits: int = sql.max_splits()
    min_rows_per_split: int = sql.min_rows_per_split()
    split_column: Mapping[str, str] = sql.split_column(example="shop.orders")
    fetch_size: int = sql.fetch_size()
    statement_timeout_ms: int = sql.statement_timeout_ms()
    read_consistency: ReadConsistency = setting(  # noqa: RUF009 - declares a field
        "read_consistency",
        default="repeatable_read",
        parse=parse_choice(*get_args(ReadConsistency)),
        doc="`repeatable_read`: all statements of a split see one snapshot of the database;"
        " `read_committed`: each its own.",
    )
    max_connection_age_s: int = sql.max_connection_age_s()
    ssl_root_cert: str = setting(
        "ssl_root_cert",
        default="",
        doc="File of certificates to trust, PEM, or `system`; needed for sslMode `VERIFY_CA`"
        " and `VERIFY_IDENTITY`. Amazon's for RDS are found by themselves if"
        " `global-bundle.pem` is in the package or in a layer.",
    )

    def of_connection(self, target: ConnectionString) -> Settings:
        """Return the settings with what the properties of a connection string say instead.

        Raises:
            ConfigurationError: A property has a value that it can't have.
        """
        said: dict[str, Any] = {}
        for key, (name, attribute, parse) in _PROPERTIES.items():
            text = target.properties.get(key)
            if text is None:
                continue
            try:
                said[attribute] = parse(text)
            except ValueError as error:
                raise ConfigurationError(
                    f"{name} in the connection string of setting {target.setting} {error}.",
                    setting=target.setting,
                ) from error
        return replace(self, **said)
