"""Which edges of types the sample holds.

The check of splits compares every row, so what the sample holds is read unchanged. What a
connector claims to keep therefore has to be among the sample's values.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.conformance.sample import Expected

__all__ = ["HELD"]

_GREGORIAN_DAY = -141_427
"""15 October 1582 in days since 1970."""
_DAY_MS = 86_400_000
_LAST_OF_BASIC_PLANE = "\uffff"
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED = frozenset(
    {"and", "case", "create", "end", "from", "group", "in", "join", "left", "like", "not"}
    | {"null", "on", "or", "order", "right", "select", "table", "then", "values", "when", "where"}
)


def _values(tables: tuple[Expected, ...], *kinds: Kind) -> Iterator[tuple[Kind, Any]]:
    for table in tables:
        for field in table.schema:
            kind = kind_of(field.type)
            if kind in kinds:
                yield from ((kind, v) for v in table.column(field.name) if v is not None)


def _holds_null(tables: tuple[Expected, ...]) -> bool:
    return any(value is None for table in tables for row in table.rows for value in row)


def _holds_empty_text(tables: tuple[Expected, ...]) -> bool:
    return any(not value for _, value in _values(tables, Kind.TEXT))


def _holds_wide_text(tables: tuple[Expected, ...]) -> bool:
    texts = (value for _, value in _values(tables, Kind.TEXT))
    return any(char > _LAST_OF_BASIC_PLANE for text in texts for char in text)


def _holds_nan(tables: tuple[Expected, ...]) -> bool:
    return any(math.isnan(value) for _, value in _values(tables, Kind.FLOAT))


def _holds_infinity(tables: tuple[Expected, ...]) -> bool:
    return any(math.isinf(value) for _, value in _values(tables, Kind.FLOAT))


def _times(tables: tuple[Expected, ...]) -> Iterator[int]:
    """Yield dates and times in milliseconds since 1970."""
    for kind, value in _values(tables, Kind.DATE, Kind.DATETIME, Kind.INSTANT):
        if kind is Kind.DATE:
            yield value * _DAY_MS
        else:
            yield value >> ZONE_BITS if kind is Kind.INSTANT else value


def _holds_early_date(tables: tuple[Expected, ...]) -> bool:
    return any(time < _GREGORIAN_DAY * _DAY_MS for time in _times(tables))


def _holds_milliseconds(tables: tuple[Expected, ...]) -> bool:
    return any(time % 1000 for time in _times(tables))


def _holds_nested(tables: tuple[Expected, ...]) -> bool:
    return any(pa.types.is_nested(type_) for table in tables for type_ in table.schema.types)


def _has_odd_names(tables: tuple[Expected, ...]) -> bool:
    names = [table.name.table for table in tables]
    names += [name for table in tables for name in table.schema.names]
    foreign = any(not name.isascii() for name in names)
    quoted = any(name.isascii() and not _PLAIN_NAME.fullmatch(name) for name in names)
    return foreign and quoted and any(name in _RESERVED for name in names)


def _has_empty_table(tables: tuple[Expected, ...]) -> bool:
    return any(not table.rows for table in tables)


HELD: dict[str, Callable[[tuple[Expected, ...]], bool]] = {
    "empty_table": _has_empty_table,
    "nulls": _holds_null,
    "empty_text": _holds_empty_text,
    "wide_text": _holds_wide_text,
    "nan": _holds_nan,
    "infinity": _holds_infinity,
    "early_dates": _holds_early_date,
    "milliseconds": _holds_milliseconds,
    "nested": _holds_nested,
    "odd_names": _has_odd_names,
}
"""Behaviour to the test whether the tables of a sample show it."""
