"""Value sets on columns of a SQL server, each checked against the rows that were read.

Sets are made of what a column holds and of what is next to that, where a server's order,
equality or precision may be another one.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.ordering import ZONE_BITS, key_function, sort_key
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.sql.dialect import NotPushedError
from athena_connectors.common.sql.spelling import FIRST_MS, LAST_MS
from athena_connectors.common.testing import strategies
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from athena_connectors.common.sql.domains_sql import Fragment
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.common.valueset import ValueSet

    RowsWhere = Callable[[Sequence[str]], "list[set[int]]"]

__all__ = ["HeldColumn", "check_sets", "near", "physical", "random_sets", "sets_of", "simple_sets"]

_EXACT = Context(prec=100)
_SINGLE = 32
_SIDES = ("low_inclusive", "high_inclusive")
_SOME = 0.3


@dataclass(frozen=True)
class HeldColumn:
    """A column, the rows as they were read and its values among them.

    Attributes:
        column: The column.
        batch: All rows; ``id`` is their number.
        values: Physical values of the column, none of them NULL.
    """

    column: Column
    batch: pa.RecordBatch
    values: list[Any]

    def __repr__(self) -> str:
        return repr(self.column)

    def keeps(self, values: ValueSet) -> set[int]:
        """Return the rows whose value is in a set."""
        kept = compile_residual([ColumnDomain(self.column.name, values)]).apply(self.batch)
        ids: list[Any] = kept.column("id").to_pylist()
        return set(ids)


def physical(values: Any) -> list[Any]:
    """Return the physical values of an array, without NULL."""
    if pa.types.is_temporal(values.type):
        values = values.view(pa.int32() if values.type.bit_width == _SINGLE else pa.int64())
    return [value for value in values.to_pylist() if value is not None]


def check_sets(
    rows_where: RowsWhere,
    compile_: Callable[[ValueSet, Column], Fragment],
    held: HeldColumn,
    asked: Iterable[ValueSet],
    tally: Counter[str],
) -> None:
    """Ask the server for all sets at once, and compare the rows of each.

    Args:
        rows_where: Returns the rows for which each condition is true.
        compile_: Makes a condition of a set.
        held: The column.
        asked: The sets.
        tally: Counts what is ``exact``, a ``superset`` or ``not pushed``.
    """
    pushed = []
    for values in asked:
        try:
            pushed.append((values, compile_(values, held.column)))
        except NotPushedError:
            tally["not pushed"] += 1
    found = rows_where([fragment.text or "true" for _, fragment in pushed])
    for (values, fragment), rows in zip(pushed, found, strict=True):
        wanted = held.keeps(values)
        told = (held.column, values, fragment)
        assert wanted <= rows, (*told, "lost", sorted(wanted - rows))
        if fragment.exact:
            assert rows == wanted, (*told, "invented", sorted(rows - wanted))
        tally["exact" if fragment.exact else "superset"] += 1


def near(held: HeldColumn) -> list[Any]:
    """Return the values of a column and those next to them."""
    around = (_neighbours(value, held.column.arrow) for value in held.values)
    return [*held.values, *chain.from_iterable(around)]


def _neighbours(value: Any, type_: Any) -> list[Any]:
    match kind_of(type_):
        case Kind.INTEGER | Kind.DATE:
            least = -(2 ** (type_.bit_width - 1))
            around = [value - 1, value + 1, least, -least - 1]
            return [item for item in around if least <= item < -least]
        case Kind.DATETIME:
            return [value - 1, value + 1]
        case Kind.INSTANT:
            return [value - 4096, value + 4096, value + 7]
        case Kind.FLOAT:
            return _neighbouring_floats(value, type_)
        case Kind.DECIMAL:
            step = Decimal(1).scaleb(-type_.scale)
            around = [_EXACT.subtract(value, step), _EXACT.add(value, step)]
            limit = Decimal(10) ** (type_.precision - type_.scale)
            return [item for item in around if abs(item) < limit]
        case Kind.TEXT:
            changed = [value + " ", value.upper(), value.rstrip(), value[:-1], value[:-1] + "_"]
            return [*changed, value + "\0", value + "\uffff", f"{value}\0a"]
        case Kind.BYTES:
            return [value + b"\0", value[:-1]]
        case _:
            return []


def _neighbouring_floats(value: float, type_: Any) -> list[float]:
    width = type_.bit_width
    return [-value, *(_step(value, width, step) for step in (-1, 1))]


def _step(value: float, width: int, step: int) -> float:
    """Return the next float: their bits ascend with their magnitude."""
    number, bits = ("<f", "<I") if width == _SINGLE else ("<d", "<Q")
    sign = 1 << (width - 1)
    (raw,) = struct.unpack(bits, struct.pack(number, value))
    key = (-(raw - sign) if raw >= sign else raw) + step
    raw = sign - key if key < 0 else key
    (stepped,) = struct.unpack(number, struct.pack(bits, raw))
    return float(stepped)


def sets_of(held: HeldColumn) -> st.SearchStrategy[ValueSet]:
    """Return sets of all kinds for a column."""
    type_ = held.column.arrow
    if pa.types.is_nested(type_):
        return st.builds(AllOrNoneValueSet, st.just(type_), st.booleans(), st.booleans())
    anything = strategies.values(type_)
    if kind_of(type_) in (Kind.DATETIME, Kind.INSTANT):
        # Nearly all of them are years that no constant of the server has.
        shift = ZONE_BITS if kind_of(type_) is Kind.INSTANT else 0
        anything = st.integers(FIRST_MS, LAST_MS).map(lambda ms: ms << shift)
    return strategies.value_sets(type_, ends=st.sampled_from(near(held)) | anything)


def simple_sets(held: HeldColumn) -> Iterator[ValueSet]:
    """Yield every operator next to every value."""
    type_ = held.column.arrow
    for value in dict.fromkeys(near(held)):
        for make in (Range.less_than, Range.at_most, Range.greater_than, Range.at_least):
            yield SortedRangeSet.of(type_, (make(value),), null_allowed=False)
        point = SortedRangeSet.of_points(type_, (value,))
        yield point
        yield SortedRangeSet(type_, point.complement().ranges, null_allowed=False)


def random_sets(held: HeldColumn, count: int) -> Iterator[ValueSet]:
    """Yield lists, what they leave out, and ranges: more of them than hypothesis finds."""
    type_, pool = held.column.arrow, near(held)
    dice = random.Random(held.column.name)  # noqa: S311 - test data
    for _ in range(count):
        chosen = [dice.choice(pool) for _ in range(dice.choice((1, 2, 3, 5, 30)))]
        null_allowed = dice.random() < _SOME
        match dice.choice(("points", "gaps", "ranges", "equatable")):
            case "points":
                yield SortedRangeSet.of_points(type_, chosen, null_allowed=null_allowed)
            case "gaps":
                gaps = SortedRangeSet.of_points(type_, chosen).complement().ranges
                yield SortedRangeSet(type_, gaps, null_allowed)
            case "ranges":
                ranges = _random_ranges(dice, chosen[:10], type_)
                yield SortedRangeSet.of(type_, ranges, null_allowed=null_allowed)
            case _:
                white_list = dice.choice((True, False))
                yield EquatableValueSet(type_, tuple(chosen), white_list, null_allowed)


def _random_ranges(dice: random.Random, ends: list[Any], type_: pa.DataType) -> Iterator[Range]:
    ends = sorted(ends, key=key_function(type_))
    for low, high in zip(ends[::2], ends[1::2], strict=False):
        if sort_key(type_, low) < sort_key(type_, high):
            bounds = {side: dice.choice((True, False)) for side in _SIDES}
            yield Range.between(low, high, **bounds)
    if dice.random() < _SOME:
        yield Range.at_most(ends[0])
    if dice.random() < _SOME:
        yield Range.greater_than(ends[-1])
