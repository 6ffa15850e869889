"""Integers calculated from one column, solved for it: ``time / 1000 >= 1700000000``.

Semantics are those of ``common.arithmetic``: integers of 64 bits, a quotient cut toward zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.windows import INTEGERS, Spans, intersected, merged
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.physical import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.expressions import Expression

__all__ = ["Solution", "solve"]


@dataclass(frozen=True, slots=True)
class Solution:
    """The values of a column for which something calculated is as wanted.

    Attributes:
        column: The column.
        values: Its values.
        can_fail: Whether the calculation may fail for other values.
    """

    column: str
    values: Spans
    can_fail: bool


def solve(expression: Expression, wanted: Spans) -> Solution | None:
    """Return for which values of a column an expression has one of some results.

    Returns:
        ``None`` unless each step adds, subtracts, multiplies, divides or negates a column of
        integers or the step before, by constants other than 0.
    """
    can_fail = False
    while isinstance(expression, Call):
        step = _undone(expression, wanted)
        if step is None:
            return None
        can_fail = can_fail or expression.function != "$divide"
        expression, spans = step
        # What does not fail is an integer of 64 bits after each step.
        wanted = intersected(merged(spans), INTEGERS)
    if not isinstance(expression, Variable) or kind_of(expression.type) is not Kind.INTEGER:
        return None
    return Solution(expression.column, wanted, can_fail)


def _undone(call: Call, wanted: Spans) -> tuple[Expression, Spans] | None:
    """Return the operand of a step that is not constant, and the values wanted of it."""
    if call.function == "$negate":
        return call.arguments[0], _negated(wanted)
    if len(call.arguments) != 2:  # noqa: PLR2004 - nothing else calculates
        return None
    left, right = call.arguments
    if (number := _integer(right)) is not None:
        undo = _UNDO_RIGHT.get(call.function)
        return None if undo is None else (left, undo(wanted, number))
    if (number := _integer(left)) is not None:
        undo = _UNDO_LEFT.get(call.function)
        return None if undo is None else (right, undo(wanted, number))
    return None


def _integer(expression: Expression) -> int | None:
    """Return a constant integer other than 0."""
    match expression:
        case Constant(values=(int(value),), type=type_) if kind_of(type_) is Kind.INTEGER:
            return value or None
    return None


def _negated(wanted: Spans) -> Spans:
    return tuple((-last, -first) for first, last in reversed(wanted))


def _added(wanted: Spans, number: int) -> Spans:
    return tuple((first + number, last + number) for first, last in wanted)


def _subtracted(wanted: Spans, number: int) -> Spans:
    return _added(wanted, -number)


def _subtracted_from(wanted: Spans, number: int) -> Spans:
    return _added(_negated(wanted), number)


def _divided(wanted: Spans, factor: int) -> Spans:
    if factor < 0:
        return _divided(_negated(wanted), -factor)
    return tuple((-(-first // factor), last // factor) for first, last in wanted)


def _multiplied(wanted: Spans, divisor: int) -> Spans:
    if divisor < 0:
        return _multiplied(_negated(wanted), -divisor)
    return tuple(
        (
            first * divisor if first > 0 else (first - 1) * divisor + 1,
            last * divisor if last < 0 else (last + 1) * divisor - 1,
        )
        for first, last in wanted
    )


_UNDO_RIGHT: dict[str, Callable[[Spans, int], Spans]] = {
    "$add": _subtracted,
    "$subtract": _added,
    "$multiply": _divided,
    "$divide": _multiplied,
}
_UNDO_LEFT: dict[str, Callable[[Spans, int], Spans]] = {
    "$add": _subtracted,
    "$subtract": _subtracted_from,
    "$multiply": _divided,
}
