"""Other values in place of those of a source: of the same types, in the same order.

All values of a kind are gathered first and then replaced by as many others, so that equal ones
stay equal, a smaller one stays smaller, and a range of a predicate keeps the same rows. NULL,
true and false, NaN, infinities and empty texts stay as they are. Where a value of the source
is by chance the one that takes its place, it looks the same and says nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from athena_connectors.common.casting import is_packed
from athena_connectors.common.expressions import Call, Constant, Expression
from athena_connectors.common.ordering import sort_key
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.recording.arrays import map_array
from athena_connectors.common.valueset import EquatableValueSet, Marker, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from athena_connectors.common.constraints import Constraints
    from athena_connectors.common.valueset import Value, ValueSet

__all__ = ["Exchanged", "Gathered", "Values", "map_batch", "map_constraints", "map_texts"]

_SIGNATURE = "schemaFunctionName"
"""Names the passthrough function among its arguments."""

_EXACT = Context(prec=100)
_DAY_MS = 86_400_000
_ZONE_BITS = 12
_FIRST_DAY = 10_957  # 2000-01-01
_EDGES = sorted({0, *(s * 2**b for b in (7, 8, 15, 16, 31, 32, 63, 64) for s in (-1, 1))})
"""Where the ranges of whole numbers of some width begin or end."""


class Values(Protocol):
    """Is shown each value and says what takes its place."""

    def value(self, type_: pa.DataType, value: Any) -> Any:
        """Return what takes the place of a physical value that is not ``None``."""


class Gathered:
    """Gathers values, and lets each stay."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[Any]] = {}

    def value(self, type_: pa.DataType, value: Any) -> Any:
        """Gather a value."""
        kind, key = _place(type_, value)
        if kind:
            self._kinds.setdefault(kind, set()).add(key)
        return value

    def exchanged(self) -> Exchanged:
        """Return what takes the places of all values that were gathered."""
        return Exchanged({kind: _ranks(kind, keys) for kind, keys in self._kinds.items()})


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Says what takes the place of a value that was gathered.

    Attributes:
        places: Kind and value to the value that takes its place.
    """

    places: Mapping[str, Mapping[Any, Any]]

    def value(self, type_: pa.DataType, value: Any) -> Any:
        """Return what takes the place of a value."""
        kind, key = _place(type_, value)
        if not kind:
            return value
        return _valued(type_, self.places[kind][key], value)


def _place(type_: pa.DataType, value: Any) -> tuple[str, Any]:
    """Return the kind of a value, empty where it stays, and the value as all of a kind have it."""
    types = pa.types
    if types.is_boolean(type_) or types.is_null(type_) or value in ("", b""):
        return "", None
    if types.is_integer(type_):
        return "whole", value
    if types.is_floating(type_):
        return ("real", sort_key(type_, value)) if math.isfinite(value) else ("", None)
    if types.is_decimal(type_):
        return f"decimal {type_.scale}", int(value.scaleb(type_.scale, _EXACT))
    if types.is_string(type_):
        return "text", value
    if types.is_binary(type_):
        return "bytes", value
    if types.is_date32(type_):
        return "day", value
    if types.is_date64(type_):
        return "time", value
    if is_packed(type_):
        return "time", value >> _ZONE_BITS
    raise UsageError(
        f"Values of Arrow type {type_} can't be scrubbed.", hint="Record without --scrub-values."
    )


def _valued(type_: pa.DataType, taken: Any, value: Any) -> Any:
    if pa.types.is_decimal(type_):
        return Decimal(taken).scaleb(-type_.scale, _EXACT)
    if is_packed(type_):
        return taken << _ZONE_BITS | value & (1 << _ZONE_BITS) - 1
    return taken


def _ranks(kind: str, keys: set[Any]) -> dict[Any, Any]:
    ordered = sorted(keys, key=_text_key if kind == "text" else None)
    if kind == "whole":
        return _within(ordered, _EDGES)
    if kind.startswith("decimal"):
        powers = [10**digits for digits in range(77)]
        edges = [*(1 - power for power in reversed(powers)), *powers]
        return _within(ordered, edges)
    make = _MAKERS[kind]
    return {key: make(rank) for rank, key in enumerate(ordered)}


def _text_key(text: str) -> Any:
    return sort_key(pa.string(), text)


_MAKERS: dict[str, Callable[[int], Any]] = {
    "real": float,
    "text": lambda rank: f"text-{rank:08d}",
    "bytes": lambda rank: b"bytes" + rank.to_bytes(6),
    "day": lambda rank: _FIRST_DAY + rank,
    "time": lambda rank: _FIRST_DAY * _DAY_MS + rank * 1000,
}


def _within(ordered: list[int], edges: list[int]) -> dict[int, int]:
    """Spread whole numbers evenly between those edges between which they are, in their order.

    So each fits into the width, or the digits, into which it fitted before.
    """
    between: dict[int, list[int]] = {}
    for key in ordered:
        between.setdefault(bisect_right(edges, key), []).append(key)
    taken = {}
    for place, keys in between.items():
        low, high = edges[place - 1], edges[place]
        for rank, key in enumerate(keys):
            taken[key] = low + (high - low) * (2 * rank + 1) // (2 * len(keys))
    return taken


# --- what holds values


def map_batch(values: Values, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with other values."""
    if not batch.num_columns:
        return batch
    columns = [map_array(column, values.value) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def map_texts(values: Values, texts: Mapping[str, str]) -> dict[str, str]:
    """Return properties or arguments with other values; a function's name stays."""
    return {
        name: text if name == _SIGNATURE else values.value(pa.string(), text)
        for name, text in texts.items()
    }


def map_constraints(values: Values, constraints: Constraints) -> Constraints:
    """Return constraints with other values; query plans are taken out of them."""
    return replace(
        constraints,
        summary={name: _map_set(values, held) for name, held in constraints.summary.items()},
        expression=tuple(_map_expression(values, item) for item in constraints.expression),
        passthrough=map_texts(values, constraints.passthrough),
        query_plan=None,
    )


def _map_set(values: Values, held: ValueSet) -> ValueSet:
    match held:
        case SortedRangeSet():

            def end(marker: Marker) -> Marker:
                if marker.value is None:
                    return marker
                return replace(marker, value=values.value(held.type, marker.value))

            ranges = [replace(item, low=end(item.low), high=end(item.high)) for item in held.ranges]
            return replace(held, ranges=tuple(ranges))
        case EquatableValueSet():
            return replace(held, values=_map_all(values, held.type, held.values))
        case _:
            return held


def _map_expression(values: Values, expression: Expression) -> Expression:
    match expression:
        case Constant():
            return replace(expression, values=_map_all(values, expression.type, expression.values))
        case Call():
            arguments = tuple(_map_expression(values, item) for item in expression.arguments)
            return replace(expression, arguments=arguments)
        case _:
            return expression


def _map_all(values: Values, type_: pa.DataType, items: Iterable[Value | None]) -> tuple[Any, ...]:
    return tuple(None if item is None else values.value(type_, item) for item in items)
