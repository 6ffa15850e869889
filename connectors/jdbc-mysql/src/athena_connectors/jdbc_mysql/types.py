"""MySQL types: what each becomes in Athena, how it is read and how it compares.

The mapping is data: ``TYPES`` is read by the code, the tests and the README. Every type of
the server has a rule, so no column is ever left out. Source: MySQL manual, "Data Types";
MariaDB documentation, "Data Types".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.sql.type_rules import TypeRule as SqlTypeRule
from athena_connectors.jdbc_mysql.server_types import (
    ServerType,
    collation_comparison,
    declared_decimal,
    has_sub_milliseconds,
    is_bool,
    is_unsigned,
    of_length,
    rounds_zero_dates,
    shows_year_as_date,
    up_to,
    wants_every_date,
)
from athena_connectors.jdbc_mysql.settings import Settings

__all__ = ["TYPES", "TypeRule", "column_of", "rule_of"]

_TIMES = (Comparison.TIMESTAMP, Comparison.TIMESTAMPTZ)
_MAX_DIGITS = 38
_LONG = 64
_AS_TEXT = "CAST({c} AS CHAR)"
_AS_NUMBER = "({c} + 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule(SqlTypeRule[ServerType, Settings]):
    """How the types that it applies to are read."""

    projection: str = "{c}"


def rule_of(type_: ServerType, settings: Settings) -> TypeRule:
    """Return the rule of a type; there is one for every type."""
    return next(rule for rule in TYPES if rule.matches(type_, settings))


def column_of(
    name: str,
    source_type: str,
    type_: ServerType,
    *,
    settings: Settings,
    nullable: bool = True,
) -> Column:
    """Return how a column is read and compared.

    Args:
        name: As the server spells it.
        source_type: As the server declares it.
        type_: Its type.
        settings: The connector's settings.
        nullable: False only where the server makes sure that there is no NULL.
    """
    rule = rule_of(type_, settings)
    comparison = rule.comparison or collation_comparison(type_)
    return Column(
        name=name,
        source_type=source_type,
        base_type=type_.name,
        arrow=rule.engine_type(type_, settings),
        projection=rule.projection,
        decoder=rule.decoder,
        comparison=comparison,
        null_when=rule.null_when,
        sub_millisecond=comparison in _TIMES and has_sub_milliseconds(type_),
        nullable=nullable,
        compared=rule.compared,
        charset=type_.charset,
    )


def _integer(name: str, arrow: pa.DataType, engine: str) -> TypeRule:
    return TypeRule(
        source=name,
        engine=engine,
        names=frozenset({name}),
        arrow=arrow,
        decoder="integer",
        comparison=Comparison.NATIVE,
    )


def _unsigned(name: str, arrow: pa.DataType, engine: str) -> TypeRule:
    return replace(_integer(name, arrow, engine), source=f"{name} unsigned", applies=is_unsigned)


def _dates(rule: TypeRule, first: str) -> tuple[TypeRule, ...]:
    """Return the rules of a type of dates, for each value of ``mysql_zero_date``.

    Args:
        rule: The rule that makes dates that don't exist NULL.
        first: SQL of the first of all dates.
    """
    note = f"{rule.note} " if rule.note else ""
    return (
        replace(
            rule,
            condition="mysql_zero_date is fail",
            note=f"{note}A date that does not exist ends the query with an error that names"
            " the column.",
            applies=wants_every_date,
            decoder=f"strict:{rule.decoder}",
            null_when="",
        ),
        replace(
            rule,
            condition="mysql_zero_date is round",
            note=f"{note}`0000-00-00` is 0001-01-01, other dates that don't exist are NULL.",
            applies=rounds_zero_dates,
            comparison=Comparison.NEVER,
            projection=f"CASE WHEN {_ZERO} THEN {first} ELSE {{c}} END",
            null_when=f"({rule.null_when} AND NOT ({_ZERO}))",
        ),
        replace(
            rule,
            note=f"{note}Dates that don't exist are NULL: those with zeros, the year 0,"
            " 30 February.",
        ),
    )


# Days are counted without a look at whether a month has them, and back again; the count is
# NULL where a part is zero, and the year 0 becomes the zero date. There is no IS NULL in it:
# of a column that is NOT NULL, the server takes that for the zero date, even within NOT.
_NO_DATE = "NOT (FROM_DAYS(TO_DAYS({c})) <=> DATE({c}))"
_ZERO = "YEAR({c}) = 0 AND MONTH({c}) = 0 AND DAYOFMONTH({c}) = 0"

_DATE = TypeRule(
    source="date",
    engine="date",
    names=frozenset({"date"}),
    arrow=pa.date32(),
    decoder="date",
    comparison=Comparison.DATE,
    null_when=_NO_DATE,
)
_DATETIME = TypeRule(
    source="datetime(n)",
    engine="timestamp",
    note="Cut to milliseconds.",
    names=frozenset({"datetime"}),
    arrow=pa.date64(),
    decoder="datetime",
    comparison=Comparison.TIMESTAMP,
    null_when=_NO_DATE,
)
_TIMESTAMP = replace(
    _DATETIME,
    source="timestamp(n)",
    note="Wall clock of UTC, cut to milliseconds.",
    names=frozenset({"timestamp"}),
    comparison=Comparison.TIMESTAMPTZ,
    null_when="MONTH({c}) = 0",
)
_YEAR = replace(
    _integer("year", pa.int32(), "integer"),
    # Next to a year, the server takes a constant below 100 for a year of this time.
    compared=_AS_NUMBER,
)
_BITS = TypeRule(
    source="bit(n)",
    condition="up to 63 bits",
    engine="bigint",
    names=frozenset({"bit"}),
    arrow=pa.int64(),
    compared=_AS_NUMBER,
    decoder="integer",
    comparison=Comparison.NATIVE,
)
_TRUTH = TypeRule(
    source="tinyint(1), bool",
    condition="mysql_tinyint1_as_bool is true",
    engine="boolean",
    note="False is 0, all else is true.",
    names=frozenset({"tinyint"}),
    applies=is_bool,
    arrow=pa.bool_(),
    compared="({c} <> 0)",
    decoder="bool",
    comparison=Comparison.NATIVE,
)

TYPES: tuple[TypeRule, ...] = (
    _TRUTH,
    _unsigned("tinyint", pa.int16(), "smallint"),
    _integer("tinyint", pa.int8(), "tinyint"),
    _unsigned("smallint", pa.int32(), "integer"),
    _integer("smallint", pa.int16(), "smallint"),
    replace(_integer("mediumint", pa.int32(), "integer"), note="Unsigned or not."),
    _unsigned("int", pa.int64(), "bigint"),
    _integer("int", pa.int32(), "integer"),
    replace(
        _unsigned("bigint", pa.decimal128(20, 0), "decimal(20, 0)"),
        source="bigint unsigned, serial",
    ),
    _integer("bigint", pa.int64(), "bigint"),
    TypeRule(
        source="float",
        engine="real",
        names=frozenset({"float"}),
        arrow=pa.float32(),
        decoder="float",
        comparison=Comparison.FLOAT,
    ),
    TypeRule(
        source="double",
        engine="double",
        names=frozenset({"double"}),
        arrow=pa.float64(),
        decoder="float",
        comparison=Comparison.FLOAT,
    ),
    TypeRule(
        source="decimal(p, s)",
        condition="up to 38 digits",
        engine="decimal(p, s)",
        names=frozenset({"decimal"}),
        applies=up_to(_MAX_DIGITS),
        decimal=declared_decimal,
        decoder="decimal",
        comparison=Comparison.NUMERIC,
    ),
    TypeRule(
        source="decimal(p, s)",
        condition="more digits",
        engine="varchar",
        note="Every digit, as the server writes it.",
        names=frozenset({"decimal"}),
        projection=_AS_TEXT,
    ),
    replace(
        _TRUTH,
        source="bit(1)",
        condition="",
        note="",
        names=frozenset({"bit"}),
        applies=of_length(1),
    ),
    replace(
        _BITS,
        source="bit(64)",
        condition="",
        engine="decimal(20, 0)",
        applies=of_length(_LONG),
        arrow=pa.decimal128(20, 0),
    ),
    _BITS,
    TypeRule(
        source="year",
        condition="mysql_year_as_date is true",
        engine="date",
        note="The first of January; the year 0 is NULL.",
        names=frozenset({"year"}),
        applies=shows_year_as_date,
        arrow=pa.date32(),
        projection=f"CASE WHEN {_AS_NUMBER} <> 0 THEN MAKEDATE({{c}}, 1) END",
        decoder="date",
        comparison=Comparison.DATE,
        null_when=f"{_AS_NUMBER} = 0",
    ),
    replace(
        _YEAR,
        source="year(2)",
        note="MariaDB's years of two digits, from 1970 to 2069.",
        applies=of_length(2),
        projection="YEAR(MAKEDATE({c}, 1))",
        compared="",
    ),
    _YEAR,
    *_dates(_DATE, "CAST('0001-01-01' AS DATE)"),
    *_dates(_DATETIME, "CAST('0001-01-01' AS DATETIME(6))"),
    *_dates(_TIMESTAMP, "CAST('0001-01-01' AS DATETIME(6))"),
    TypeRule(
        source="time(n)",
        engine="varchar",
        note="`-HHH:MM:SS.ffffff` with the digits that the column has.",
        names=frozenset({"time"}),
        compared=_AS_TEXT,
    ),
    TypeRule(
        source="char(n)",
        engine="varchar",
        note="Without the blanks at the end.",
        names=frozenset({"char"}),
        comparison=Comparison.TEXT_FOLDED,
    ),
    TypeRule(
        source="varchar, tinytext, text, mediumtext, longtext",
        engine="varchar",
        note="In every character set. MariaDB's json is a longtext.",
        names=frozenset({"varchar", "tinytext", "text", "mediumtext", "longtext"}),
        comparison=None,
    ),
    TypeRule(
        source="binary, varbinary, tinyblob, blob, mediumblob, longblob",
        engine="varbinary",
        note="binary(n) with the zeros at its end.",
        names=frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}),
        arrow=pa.binary(),
        decoder="bytes",
        comparison=Comparison.BYTES,
    ),
    TypeRule(
        source="enum, set, json",
        engine="varchar",
        note="The labels, those of a set with commas between them; the server's text of json.",
        names=frozenset({"enum", "set", "json"}),
        compared=_AS_TEXT,
    ),
    TypeRule(
        source="geometry and its kinds, vector",
        engine="varbinary",
        note="As the server keeps it: of a geometry, four bytes of SRID and then WKB.",
        names=frozenset(
            {
                *("geometry", "point", "linestring", "polygon", "geometrycollection"),
                *("geomcollection", "multipoint", "multilinestring", "multipolygon", "vector"),
            }
        ),
        arrow=pa.binary(),
        decoder="bytes",
        comparison=Comparison.NEVER,
    ),
    TypeRule(
        source="all other types",
        engine="varchar",
        note="The server's text form: MariaDB's uuid, inet4 and inet6, and whatever is new.",
        projection=_AS_TEXT,
    ),
)
"""How every type is read, the first rule that applies counts."""
