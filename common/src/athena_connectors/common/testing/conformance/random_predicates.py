"""Random predicates about columns: values that they hold, or that lie next to these.

Nothing in them can fail for a row, so there is no arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.ordering import sort_key
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.testing.conformance.near import values_near
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.testing.conformance.probes import Column
    from athena_connectors.common.valueset import Value, ValueSet

__all__ = ["Predicates"]

_BOOL = pa.bool_()
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
_COMPARISONS = (
    "$equal",
    "$not_equal",
    "$less_than",
    "$less_than_or_equal",
    "$greater_than",
    "$greater_than_or_equal",
    "$is_distinct_from",
)


class Predicates:
    """Makes predicates about some columns of one table.

    Args:
        columns: The columns; at least one.
        random: Chooses.
    """

    def __init__(self, columns: Sequence[Column], random: Random) -> None:
        self._columns = columns
        self._random = random

    def make(self, *, expressions: bool) -> Constraints:
        """Return the next predicate.

        Args:
            expressions: Whether there may be conditions beside value sets.
        """
        counts = (0, 1, 1, 2) if expressions else (1, 1, 2)
        count = min(self._random.choice(counts), len(self._columns))
        summary = {
            column.name: self._value_set(column)
            for column in self._random.sample(self._columns, count)
        }
        trees = self._random.choice((0, 1, 1, 2) if summary else (1, 2)) if expressions else 0
        return Constraints(summary, tuple(self._condition(2) for _ in range(trees)))

    # Value sets

    def _value_set(self, column: Column) -> ValueSet:
        type_, null_allowed = column.type, self._maybe(1, 4)
        match self._random.randrange(8):
            case 0 | 1 | 2:
                ranges = [self._range(column) for _ in range(self._random.choice((1, 1, 2, 3)))]
                return SortedRangeSet.of(type_, ranges, null_allowed=null_allowed)
            case 3 | 4:
                return SortedRangeSet.of_points(
                    type_, self._values(column), null_allowed=null_allowed
                )
            case 5:
                points = self._values(column)
                found = SortedRangeSet.of_points(type_, points, null_allowed=null_allowed)
                return found.complement()
            case 6:
                white_list = self._maybe(1, 2)
                return EquatableValueSet(
                    type_, tuple(self._values(column)), white_list, null_allowed
                )
            case _:
                return AllOrNoneValueSet(type_, self._maybe(1, 2), null_allowed)

    def _range(self, column: Column) -> Range:
        low, high = sorted(
            (self._value(column), self._value(column)),
            key=lambda value: sort_key(column.type, value),
        )
        one_value = sort_key(column.type, low) == sort_key(column.type, high)
        above, below = one_value or self._maybe(1, 2), one_value or self._maybe(1, 2)
        return self._random.choice(
            (
                Range.between(low, high, low_inclusive=above, high_inclusive=below),
                Range.less_than(high),
                Range.at_most(high),
                Range.greater_than(low),
                Range.at_least(low),
            )
        )

    # Conditions

    def _condition(self, depth: int) -> Expression:
        shape = self._random.randrange(6) if depth else 0
        if shape < 3:  # noqa: PLR2004 - half of them
            return self._test(self._random.choice(self._columns))
        if shape == 3:  # noqa: PLR2004
            return Call("$not", (self._condition(depth - 1),), _BOOL)
        parts = tuple(self._condition(depth - 1) for _ in range(self._random.choice((1, 2, 2, 3))))
        return Call(self._random.choice(("$and", "$or")), parts, _BOOL)

    def _test(self, column: Column) -> Expression:
        variable = Variable(column.name, column.type)
        match self._random.randrange(8):
            case 0:
                return Call("$is_null", (self._operand(column),), _BOOL)
            case 1:
                return Call("$in", (variable, self._array(column)), _BOOL)
            case 2 if kind_of(column.type) is Kind.TEXT:
                pattern = Constant((self._pattern(column),), column.type)
                return Call("$like_pattern", (variable, pattern), _BOOL)
            case 3 if kind_of(column.type) is Kind.BOOLEAN:
                return variable
            case _:
                sides = [variable, self._operand(column)]
                self._random.shuffle(sides)
                return Call(self._random.choice(_COMPARISONS), tuple(sides), _BOOL)

    def _operand(self, column: Column) -> Expression:
        """Return something that a column can be compared with."""
        match self._random.randrange(6):
            case 0:
                other = self._random.choice(self._alike(column))
                return Variable(other.name, other.type)
            case 1:
                arguments = Variable(column.name, column.type), self._constant(column)
                return Call("$nullif", arguments, column.type)
            case _:
                return self._constant(column)

    def _alike(self, column: Column) -> list[Column]:
        kind = kind_of(column.type)
        kinds = _NUMBERS if kind in _NUMBERS else {kind}
        return [other for other in self._columns if kind_of(other.type) in kinds]

    def _array(self, column: Column) -> Expression:
        """Return a list of constants, some of them batched into one."""
        batches = [
            Constant((*self._values(column), *[None] * self._maybe(1, 4)), column.type)
            for _ in range(self._random.choice((0, 1, 1, 2)))
        ]
        return Call("$array", tuple(batches), pa.list_(pa.null()))

    def _pattern(self, column: Column) -> str:
        text = list(str(self._value(column)))
        for place in range(len(text)):
            if self._maybe(1, 4):
                text[place] = self._random.choice("%_")
        return "".join(text[: self._random.randint(0, 4)]) + self._random.choice(("", "%"))

    def _constant(self, column: Column) -> Constant:
        value = None if self._maybe(1, 12) else self._value(column)
        return Constant((value,), column.type)

    # Values

    def _values(self, column: Column) -> list[Value]:
        return [self._value(column) for _ in range(self._random.choice((1, 1, 2, 3, 8)))]

    def _value(self, column: Column) -> Value:
        value = self._random.choice(column.known)
        near = values_near(column.type, value) if self._maybe(1, 4) else []
        return self._random.choice(near) if near else value

    def _maybe(self, one: int, of: int) -> bool:
        return self._random.randrange(of) < one
