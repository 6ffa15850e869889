"""PostgreSQL types: what each becomes in Athena, how it is read and how it compares.

The mapping is data: ``TYPES`` is read by the code, the tests and the README. Every type of
the server has a rule, so no column is ever left out. Source: PostgreSQL manual, "Data
Types".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.sql.type_rules import TypeRule as SqlTypeRule
from athena_connectors.jdbc_postgres.server_types import (
    declared_decimal,
    default_decimal,
    has_sub_milliseconds,
    is_array,
    is_citext,
    is_constrained,
    is_nested,
    is_one_bit,
    is_row,
    knows_infinity,
    shows_zone,
    up_to,
    wants_decimal,
)

if TYPE_CHECKING:
    from athena_connectors.jdbc_postgres.server_types import ServerType, TypeOptions

__all__ = [
    "TYPES",
    "TypeRule",
    "column_of",
    "rule_of",
]


_TEXT = pa.string()
_TIMES = (Comparison.TIMESTAMP, Comparison.TIMESTAMPTZ)
_FAST_DIGITS, _MAX_DIGITS = 18, 38
"""Digits of a numeric that the decoder of its binary form takes; of the engine's decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule(SqlTypeRule["ServerType", "TypeOptions"]):
    """How the types that it applies to are read, and arrays of them.

    Attributes:
        projection: As in ``Column``; also ``{scale}`` for the setting ``default_scale``.
        compared: As in ``Column``, and ``{scale}``.
        list_projection: As ``projection``, of an array of the type.
        list_decoder: Decoder of that; ``list:text`` makes its elements text.
        elements: Whether it is for arrays, and the rule of the elements tells how.
    """

    projection: str = "{c}::text"
    list_projection: str = "{c}::text[]"
    list_decoder: str = "list:text"
    elements: bool = False

    def element_type(self, type_: ServerType, options: TypeOptions) -> pa.DataType:
        """Return the engine type of an element of a list."""
        if self.list_decoder == "list:text":
            return _TEXT
        element = self.engine_type(type_, options)
        # The engine is not known to take zoned times inside of lists.
        return pa.date64() if pa.types.is_timestamp(element) else element


def rule_of(type_: ServerType, options: TypeOptions) -> TypeRule:
    """Return the rule of a type; there is one for every type."""
    return next(rule for rule in TYPES if rule.matches(type_, options))


def column_of(
    name: str,
    source_type: str,
    type_: ServerType,
    *,
    options: TypeOptions,
    collation: Comparison = Comparison.TEXT_FOLDED,
    nullable: bool = True,
) -> Column:
    """Return how a column is read and compared.

    Args:
        name: As the server spells it.
        source_type: As ``format_type`` writes it.
        type_: Its type.
        options: What else the mapping depends on.
        collation: How the column's collation compares; what is said of an unknown one is
            true of all.
        nullable: False only where the server makes sure that there is no NULL.
    """
    rule = rule_of(type_, options)
    arrow, projection, decoder = _reading(rule, type_, options)
    comparison = rule.comparison or collation
    if pa.types.is_string(arrow) and options.encoding != "UTF8":
        # A constant that the encoding lacks is an error there, in SQL_ASCII a character of
        # LIKE is a byte, and others have an order of their own: texts are compared here.
        comparison = Comparison.NEVER
    return Column(
        name=name,
        source_type=source_type,
        base_type=type_.name,
        arrow=arrow,
        projection=_scaled(projection, options),
        decoder=decoder,
        comparison=comparison,
        null_when=rule.null_when,
        sub_millisecond=comparison in _TIMES and has_sub_milliseconds(type_),
        nullable=nullable,
        compared=_scaled(rule.compared, options),
    )


def _reading(
    rule: TypeRule, type_: ServerType, options: TypeOptions
) -> tuple[pa.DataType, str, str]:
    if not rule.elements or type_.element is None:
        return rule.engine_type(type_, options), rule.projection, rule.decoder
    of_element = rule_of(type_.element, options)
    list_type = pa.list_(of_element.element_type(type_.element, options))
    return list_type, of_element.list_projection, of_element.list_decoder


def _scaled(template: str, options: TypeOptions) -> str:
    return template.replace("{scale}", str(options.settings.default_scale))


def _same(name: str, arrow: pa.DataType, engine: str, comparison: Comparison) -> TypeRule:
    """Return the rule of a type that is read as it is, also in arrays."""
    return TypeRule(
        source=name,
        engine=engine,
        names=frozenset({name}),
        arrow=arrow,
        projection="{c}",
        decoder=name,
        comparison=comparison,
        list_projection="{c}",
        list_decoder=f"list:{name}",
    )


_NOT_A_NUMBER = "{c} = 'NaN'::numeric"
_NO_DATE = "{c} NOT BETWEEN '0001-01-01'::date AND '9999-12-31'::date"
_NO_TIMESTAMP = "({c} < '0001-01-01'::timestamp OR {c} >= '10000-01-01'::timestamp)"
_NO_TIMESTAMPTZ = (
    "({c} < '0001-01-01 00:00+00'::timestamptz OR {c} >= '10000-01-01 00:00+00'::timestamptz)"
)
# Of arrays with more dimensions than declared the decoder complains; unnest would not.
_ROUNDED_LIST = (
    "CASE WHEN array_ndims({c}) = 1 THEN ARRAY(SELECT round(item, {scale})::text"
    " FROM unnest({c}) WITH ORDINALITY AS items(item, place) ORDER BY place)"
    " ELSE {c}::text[] END"
)

_NUMERIC = TypeRule(
    source="numeric(p, s)",
    condition="up to 18 digits",
    engine="decimal(p, s)",
    note="NaN is NULL. A negative scale gives decimal(p - s, 0), one above p decimal(s, s).",
    names=frozenset({"numeric"}),
    applies=up_to(_FAST_DIGITS),
    decimal=declared_decimal,
    projection="{c}",
    decoder="numeric",
    comparison=Comparison.NUMERIC,
    null_when=_NOT_A_NUMBER,
    list_projection="{c}",
    list_decoder="list:numeric",
)
_ROUNDED = TypeRule(
    source="numeric",
    condition="numeric_unconstrained is decimal, server before 14",
    engine="decimal(38, default_scale)",
    note="Rounded, half away from zero; NaN and infinities are NULL. A value with more digits"
    " than fit ends the query with an error that names the column.",
    names=frozenset({"numeric"}),
    applies=wants_decimal,
    decimal=default_decimal,
    projection="round({c}, {scale})::text",
    compared="round({c}, {scale})",
    decoder="decimal_text",
    comparison=Comparison.NUMERIC,
    null_when=_NOT_A_NUMBER,
    list_projection=_ROUNDED_LIST,
    list_decoder="list:decimal_text",
)
_TIMESTAMPTZ = TypeRule(
    source="timestamptz(n)",
    engine="timestamp",
    note="Wall clock of UTC, cut to milliseconds. Infinities and years outside of 1 to 9999"
    " are NULL.",
    names=frozenset({"timestamptz"}),
    arrow=pa.date64(),
    projection="{c}",
    decoder="timestamptz",
    comparison=Comparison.TIMESTAMPTZ,
    null_when=_NO_TIMESTAMPTZ,
    list_projection="{c}",
    list_decoder="list:timestamptz",
)

TYPES: tuple[TypeRule, ...] = (
    _same("bool", pa.bool_(), "boolean", Comparison.NATIVE),
    _same("int2", pa.int16(), "smallint", Comparison.NATIVE),
    _same("int4", pa.int32(), "integer", Comparison.NATIVE),
    _same("int8", pa.int64(), "bigint", Comparison.NATIVE),
    TypeRule(
        source="oid",
        engine="bigint",
        names=frozenset({"oid"}),
        arrow=pa.int64(),
        projection="{c}::int8",
        decoder="int8",
        comparison=Comparison.NATIVE,
        list_projection="{c}::int8[]",
        list_decoder="list:int8",
    ),
    _same("float4", pa.float32(), "real", Comparison.FLOAT),
    _same("float8", pa.float64(), "double", Comparison.FLOAT),
    _NUMERIC,
    replace(
        _NUMERIC,
        condition="up to 38 digits",
        applies=up_to(_MAX_DIGITS),
        projection="{c}::text",
        compared="{c}",
        decoder="decimal_text",
        list_projection="{c}::text[]",
        list_decoder="list:decimal_text",
    ),
    TypeRule(
        source="numeric(p, s)",
        condition="more digits",
        engine="varchar",
        note="Every digit.",
        names=frozenset({"numeric"}),
        applies=is_constrained,
    ),
    replace(
        _ROUNDED,
        condition="numeric_unconstrained is decimal",
        applies=knows_infinity,
        null_when="{c} IN ('NaN'::numeric, 'Infinity'::numeric, '-Infinity'::numeric)",
    ),
    _ROUNDED,
    TypeRule(
        source="numeric",
        condition="numeric_unconstrained is varchar",
        engine="varchar",
        note="Every digit, NaN and infinities by name.",
        names=frozenset({"numeric"}),
    ),
    TypeRule(
        source="money",
        engine="decimal(20, 2)",
        note="With the decimal places of the database's lc_monetary, up to two; a value with"
        " more ends the query with an error that names the column.",
        names=frozenset({"money"}),
        arrow=pa.decimal128(20, 2),
        projection="{c}::numeric",
        decoder="numeric",
        comparison=Comparison.NUMERIC,
        list_projection="{c}::numeric[]",
        list_decoder="list:numeric",
    ),
    TypeRule(
        source="char(n), bpchar",
        engine="varchar",
        note="Without the blanks at the end.",
        names=frozenset({"bpchar"}),
        comparison=Comparison.TEXT_FOLDED,
    ),
    TypeRule(
        source="varchar, text",
        engine="varchar",
        names=frozenset({"varchar", "text"}),
        projection="{c}",
        comparison=None,
        list_projection="{c}",
    ),
    TypeRule(
        source="citext",
        engine="varchar",
        note="Predicates tell upper from lower case, as Athena does.",
        applies=is_citext,
        comparison=Comparison.TEXT_FOLDED,
    ),
    TypeRule(
        source="bytea",
        engine="varbinary",
        note="Elements of arrays are varchar: hexadecimal digits after a backslash and x.",
        names=frozenset({"bytea"}),
        arrow=pa.binary(),
        projection="{c}",
        decoder="bytea",
        comparison=Comparison.BYTES,
    ),
    replace(
        _same("date", pa.date32(), "date", Comparison.DATE),
        note="Infinities and years outside of 1 to 9999 are NULL.",
        null_when=_NO_DATE,
    ),
    replace(
        _same("timestamp", pa.date64(), "timestamp", Comparison.TIMESTAMP),
        source="timestamp(n)",
        note="Cut to milliseconds. Infinities and years outside of 1 to 9999 are NULL.",
        null_when=_NO_TIMESTAMP,
    ),
    replace(
        _TIMESTAMPTZ,
        condition="timestamptz_as_tz is true",
        engine="timestamp with time zone",
        note="In UTC, cut to milliseconds; elements of arrays are the wall clock of UTC."
        " Infinities and years outside of 1 to 9999 are NULL.",
        applies=shows_zone,
        arrow=pa.timestamp("ms", "UTC"),
    ),
    _TIMESTAMPTZ,
    TypeRule(
        source="bit(1)",
        engine="boolean",
        note="Elements of arrays are varchar.",
        names=frozenset({"bit"}),
        applies=is_one_bit,
        arrow=pa.bool_(),
        projection="{c} = B'1'",
        decoder="bool",
        comparison=Comparison.NATIVE,
    ),
    replace(_same("uuid", pa.string(), "varchar", Comparison.UUID), note="In lower case."),
    TypeRule(
        source="inet",
        engine="varchar",
        note="Without the netmask of a single host.",
        names=frozenset({"inet"}),
        projection="abbrev({c})",
        list_projection="{c}::text::text[]",
    ),
    TypeRule(
        source="composite types, record",
        engine="varchar",
        note="A JSON object. Elements of arrays are in the server's own form.",
        applies=is_row,
        projection="to_json({c})::text",
        comparison=Comparison.NEVER,
    ),
    TypeRule(
        source="arrays",
        condition="of more than one declared dimension, or of arrays in a domain",
        engine="varchar",
        note="A JSON array.",
        applies=is_nested,
        projection="to_json({c})::text",
        comparison=Comparison.NEVER,
    ),
    TypeRule(
        source="arrays",
        engine="array of the element's type",
        note="Elements are varchar where nothing else is said. A value of several dimensions"
        " ends the query with an error that names the column.",
        applies=is_array,
        comparison=Comparison.NEVER,
        elements=True,
    ),
    TypeRule(
        source="all other types",
        engine="varchar",
        note="The server's text form: json, jsonb, xml, enums, time, timetz, interval, bit(n),"
        " varbit, cidr, macaddr, ranges, geometric and full text types, name, reg* types,"
        " hstore and whatever an extension brings. A domain is read as its base type.",
    ),
)
"""How every type is read, the first rule that applies counts."""
