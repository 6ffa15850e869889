"""The expressions of one request, as the linter of DynamoDB requests sees them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.dynamodb_expressions import (
    Between,
    Call,
    Comparison,
    ExpressionError,
    Junction,
    Membership,
    Negation,
    Path,
    Place,
    parse_condition,
    parse_projection,
    walk,
)
from athena_connectors.common.testing.dynamodb_lint_values import (
    ORDERED,
    TAGS,
    about_value,
    ordinal,
    size_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.common.testing.dynamodb_expressions import Condition, Operand

__all__ = ["Expressions"]

_MAX_EXPRESSION_BYTES = 4096
_MAX_OPERATORS = 300
_MAX_OPERANDS = 100
_MAX_VALUE_BYTES = 2 * 1024 * 1024
_ORDERING = frozenset({"<", "<=", ">", ">="})
_EXPRESSIONS = ("KeyConditionExpression", "FilterExpression", "ProjectionExpression")


class Expressions:
    """The expressions of one request, read.

    Args:
        parameters: The request, or the part of one that has expressions.

    Attributes:
        key_condition: What its items are found by, if it says so.
        filter: What is asked of them then, if anything.
        projection: What is taken of them; empty for all.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._names: Mapping[str, str] = parameters.get("ExpressionAttributeNames", {})
        self._values: Mapping[str, Any] = parameters.get("ExpressionAttributeValues", {})
        self._malformed: list[str] = []
        self.key_condition = self._read("KeyConditionExpression")
        self.filter = self._read("FilterExpression")
        self.projection: tuple[Path, ...] = ()
        if "ProjectionExpression" in parameters:
            try:
                self.projection = parse_projection(parameters["ProjectionExpression"])
            except ExpressionError as error:
                self._malformed.append(str(error))

    @property
    def is_readable(self) -> bool:
        """Whether all is well formed and defined."""
        return not self._malformed and not list(self._about_definitions())

    def name(self, path: Path) -> str:
        """Return the name of the attribute that a path begins with."""
        return self._names[str(path.steps[0])]

    def value(self, operand: Operand) -> Mapping[str, Any] | None:
        """Return the value of an operand that is one."""
        if isinstance(operand, Place):
            value: Mapping[str, Any] = self._values[operand.name]
            return value
        return None

    def complaints(self) -> Iterator[str]:
        """Yield what is wrong with them, whatever they are about."""
        yield from self._malformed
        yield from self._about_sizes()
        yield from self._about_definitions()
        for value in self._values.values():
            yield from about_value(value)
        if not self.is_readable:
            return
        for condition in (self.key_condition, self.filter):
            if condition is not None:
                yield from self._about_operands(condition)
        for first, second in combinations(map(self._resolved, self.projection), 2):
            shorter = min(len(first), len(second))
            if first[:shorter] == second[:shorter]:
                yield f"paths {first} and {second} overlap"

    def _read(self, parameter: str) -> Condition | None:
        if parameter not in self._parameters:
            return None
        try:
            return parse_condition(self._parameters[parameter])
        except ExpressionError as error:
            self._malformed.append(str(error))
            return None

    def _about_sizes(self) -> Iterator[str]:
        for parameter in _EXPRESSIONS:
            size = len(self._parameters.get(parameter, "").encode())
            if size > _MAX_EXPRESSION_BYTES:
                yield f"{parameter} of {size} bytes"
        for parameter in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            if not self._parameters.get(parameter, True):
                yield f"empty {parameter}"
        size = sum(len(name.encode()) for pair in self._names.items() for name in pair)
        size += sum(len(place) + size_bytes(value) for place, value in self._values.items())
        if size > _MAX_VALUE_BYTES:
            yield f"{size} bytes of names and values"
        for condition in (self.key_condition, self.filter):
            operators = sum(map(_operators, walk(condition))) if condition else 0
            if operators > _MAX_OPERATORS:
                yield f"{operators} operators"

    def _about_definitions(self) -> Iterator[str]:
        paths, places = set(), set()
        for node in self._nodes():
            if isinstance(node, Path):
                paths |= {step for step in node.steps if isinstance(step, str)}
            elif isinstance(node, Place):
                places.add(node.name)
        plain = {step for step in paths if not step.startswith("#")}
        if plain:
            yield f"names {sorted(plain)}, which may be reserved words"
        if paths - plain != set(self._names):
            yield f"names used: {sorted(paths - plain)}, defined: {sorted(self._names)}"
        if places != set(self._values):
            yield f"values used: {sorted(places)}, defined: {sorted(self._values)}"

    def _nodes(self) -> Iterator[Condition | Operand]:
        yield from self.projection
        for condition in (self.key_condition, self.filter):
            if condition is not None:
                yield from walk(condition)

    def _resolved(self, path: Path) -> tuple[str | int, ...]:
        return tuple(self._names[step] if isinstance(step, str) else step for step in path.steps)

    def _about_operands(self, condition: Condition) -> Iterator[str]:
        for node in walk(condition):
            match node:
                case Comparison(operator, left, right):
                    if isinstance(left, Place) and isinstance(right, Place):
                        yield f"{left.name} is compared with {right.name}"
                    if operator in _ORDERING:
                        yield from self._about_types((left, right), operator, ORDERED)
                case Between(_, low, high):
                    yield from self._about_types((low, high), "BETWEEN", ORDERED)
                    yield from self._about_bounds(low, high)
                case Membership(_, options) if len(options) > _MAX_OPERANDS:
                    yield f"IN of {len(options)} operands"
                case Call("begins_with", (_, prefix)):
                    yield from self._about_types((prefix,), "begins_with", {"S", "B"})
                case Call("attribute_type", (_, tag)):
                    if (self.value(tag) or {}).get("S") not in TAGS:
                        yield f"attribute_type of {self.value(tag)}"

    def _about_types(
        self, operands: Sequence[Operand], operator: str, tags: set[str] | frozenset[str]
    ) -> Iterator[str]:
        for operand in operands:
            value = self.value(operand)
            if value is not None and not set(value) <= tags:
                yield f"{operator} with an operand of type {sorted(value)}"

    def _about_bounds(self, low: Operand, high: Operand) -> Iterator[str]:
        first, second = self.value(low), self.value(high)
        if first is None or second is None:
            return
        if set(first) != set(second):
            yield f"BETWEEN of {sorted(first)} and {sorted(second)}"
        elif set(first) <= ORDERED and ordinal(first) > ordinal(second):
            yield f"BETWEEN {first} AND {second}"


def _operators(node: Condition | Operand) -> int:
    """Count as DynamoDB does: operators, functions, and the words between conditions."""
    match node:
        case Junction():
            return len(node.parts) - 1
        case Call() | Comparison() | Between() | Membership() | Negation():
            return 1
        case _:
            return 0
