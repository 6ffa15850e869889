"""Values at the ends of each type, to fill a sample's tables with.

They are plain Python values, as Arrow takes them and drivers of databases do.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["edge_table", "edge_values"]

_DAYS = (
    date.min,
    date(1582, 10, 4),
    date(1582, 10, 15),
    date(1969, 12, 31),
    date(1970, 1, 1),
    date(2000, 2, 29),
    date(2024, 3, 31),
    date.max,
)
_TIMES = (
    *(datetime(day.year, day.month, day.day) for day in _DAYS),  # noqa: DTZ001 - wall clocks
    datetime(1969, 12, 31, 23, 59, 59, 999_000),  # noqa: DTZ001
    datetime(2024, 3, 31, 2, 30, 0, 1000),  # noqa: DTZ001 - a time that clocks jump over
    datetime(9999, 12, 31, 23, 59, 59, 999_000),  # noqa: DTZ001
)
_TEXTS = (
    *("", " ", "a", "A", "a ", "ab", "b", "aB", "a%b", "a_b", "%", "_", "\\", "'", '"', "NULL"),
    *("\n", "é", "e\u0301", "ß", "\ud7ff", "\ue000", "\uffff", "\U00010000", "a\U0001f600"),
)
_BYTES = (b"", b"\0", b"a", b"a\0", b"\x7f", b"\x80", b"\xff\xfe")
_FLOATS = (math.nan, math.inf, -math.inf, -0.0, 0.0, 0.5, 1.0, -1.5, 16_777_216.0)
_SINGLES = (*_FLOATS, 2.0**-149, (2 - 2.0**-23) * 2.0**127)
_DOUBLES = (*_FLOATS, 0.1, 5e-324, 1.7976931348623157e308, 9_007_199_254_740_993.0)


def edge_values(type_: pa.DataType) -> tuple[Any, ...]:
    """Return values at the ends of a scalar type, each once, without NULL.

    Times are exact to the millisecond, from the year 1 to 9999; times with a zone are in
    UTC. No text has the character of code 0, which many sources refuse.

    Args:
        type_: Boolean, whole number, float, ``decimal128``, text, binary, ``date32`` or a
            timestamp of microseconds.
    """
    for fits, values in _EDGES:
        if fits(type_):
            return values(type_)
    raise TypeError(f"There are no edges of {type_}.")


def edge_table(
    types: Mapping[str, pa.DataType], *, keep: Callable[[str, Any], bool] = lambda _, __: True
) -> pa.Table:
    """Return a table in which each column holds the edges of its type, and NULL.

    Args:
        types: Name and type of each column.
        keep: Whether a column, by its name, may hold a value.
    """
    held = {
        name: [*(value for value in edge_values(type_) if keep(name, value)), None]
        for name, type_ in types.items()
    }
    rows = max(map(len, held.values()))
    columns = {
        name: pa.array(_repeated(held[name], rows, start=place), type_)
        for place, (name, type_) in enumerate(types.items())
    }
    return pa.table(columns)


def _repeated(values: list[Any], count: int, *, start: int) -> list[Any]:
    """Return so many values, each as often as the others, from some place on."""
    return [values[(start + place) % len(values)] for place in range(count)]


def _integers(type_: Any) -> tuple[int, ...]:
    half = 2 ** (type_.bit_width - 1)
    return (-half, -half + 1, -2, -1, 0, 1, 2, 7, half - 1)


def _decimals(type_: Any) -> tuple[Decimal, ...]:
    most = 10**type_.precision - 1
    return tuple(
        Decimal((number < 0, tuple(map(int, str(abs(number)))), -type_.scale))
        for number in dict.fromkeys((-most, -1, 0, 1, 9, most))
    )


def _floats(type_: Any) -> tuple[float, ...]:
    return _SINGLES if pa.types.is_float32(type_) else _DOUBLES


def _times(type_: Any) -> tuple[datetime, ...]:
    if type_.tz is None:
        return _TIMES
    return tuple(time.replace(tzinfo=UTC) for time in _TIMES)


_EDGES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], tuple[Any, ...]]], ...] = (
    (pa.types.is_boolean, lambda _: (True, False)),
    (pa.types.is_signed_integer, _integers),
    (pa.types.is_floating, _floats),
    (pa.types.is_decimal, _decimals),
    (pa.types.is_string, lambda _: _TEXTS),
    (pa.types.is_binary, lambda _: _BYTES),
    (pa.types.is_date32, lambda _: _DAYS),
    (pa.types.is_timestamp, _times),
)
