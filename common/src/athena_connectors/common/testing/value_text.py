"""Value sets as text for people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    Bound,
    EquatableValueSet,
    Range,
    Value,
    ValueSet,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["domain_text"]

MANY = 10
"""More values than these are counted instead of listed."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - one spelling with the rest
_SHIFTS = {Kind.DATETIME: 0, Kind.INSTANT: ZONE_BITS}


def domain_text(column: str, values: ValueSet) -> str:
    """Return a value set as SQL-like text, such as ``"x" >= 1 OR "x" IS NULL``."""
    name = f'"{column}"'
    parts = _parts(name, values)
    if values.null_allowed:
        parts.append(f"{name} IS NULL")
    return " OR ".join(parts) or "FALSE"


def _parts(name: str, values: ValueSet) -> list[str]:
    match values:
        case AllOrNoneValueSet():
            return [f"{name} IS NOT NULL"] if values.all else []
        case EquatableValueSet():
            operator = "IN" if values.white_list else "NOT IN"
            return [_listed(name, operator, values.type, values.values)]
    points, excluded = values.points(), values.excluded_points()
    if points is not None and len(points) > 1:
        return [_listed(name, "IN", values.type, points)]
    if excluded is not None:
        return [_listed(name, "NOT IN", values.type, excluded)]
    return [_range(name, values.type, item) for item in values.ranges]


def _listed(name: str, operator: str, type_: pa.DataType, values: tuple[Value, ...]) -> str:
    if len(values) > MANY:
        return f"{name} {operator} ({len(values)} values)"
    return f"{name} {operator} ({', '.join(_text(type_, value) for value in values)})"


def _range(name: str, type_: pa.DataType, item: Range) -> str:
    low, high = item.low, item.high
    if low == high and low.value is not None:
        return f"{name} = {_text(type_, low.value)}"
    parts = []
    if low.value is not None:
        operator = ">=" if low.bound is Bound.EXACTLY else ">"
        parts.append(f"{name} {operator} {_text(type_, low.value)}")
    if high.value is not None:
        operator = "<=" if high.bound is Bound.EXACTLY else "<"
        parts.append(f"{name} {operator} {_text(type_, high.value)}")
    return " AND ".join(parts) or f"{name} IS NOT NULL"


def _text(type_: pa.DataType, value: Value) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, int) and kind_of(type_) in _UNITS:
        return _time(value, kind_of(type_))
    return str(value).lower() if isinstance(value, bool) else str(value)


_UNITS = frozenset({Kind.DATE, Kind.DATETIME, Kind.INSTANT})


def _time(value: int, kind: Kind) -> str:
    try:
        if kind is Kind.DATE:
            moment = _EPOCH + timedelta(days=value)
        else:
            moment = _EPOCH + timedelta(milliseconds=value >> _SHIFTS[kind])
    except OverflowError:
        return f"{value} since 1970"
    if kind is Kind.DATE:
        return f"DATE '{moment.date()}'"
    text = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
    return f"TIMESTAMP '{text}{' UTC' if kind is Kind.INSTANT else ''}'"
