"""Expressions of query plans as the engine's own, which every connector knows.

Nothing here recurses: a plan may nest as deeply as it has values. What can't be said in the
engine's expressions is an error, because rows would be wrong without it.

Source: Substrait specification, "Expressions" and its function extensions; wire protocol,
sections 11 and 12.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.casts import can_cast
from athena_connectors.common.comparisons import COMPARISONS, FUNCTIONS_OF, MIRRORED
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.expressions import Call, Constant, Expression, Variable, is_deeper
from athena_connectors.common.physical import INTEGER_DIGITS, Kind, kind_of
from athena_connectors.common.plan_values import (
    PlanConstant,
    PlanType,
    cast_constant,
    constant_of,
    type_of,
    unsupported,
)
from athena_connectors.common.type_text import type_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["MAX_DEPTH", "Output", "PlanExpressions", "TypedColumn"]

MAX_DEPTH = 100
"""Levels of an expression in the engine's terms, chains of ANDs and of ORs counted once."""

_BOOL = pa.bool_()
_TRUE = Constant((True,), _BOOL)
_LIST = pa.list_(pa.null())
_EXACT_IN_DOUBLE = 32
_SEEN_DIGITS = 3
_OR_EQUALS = 2
"""So many comparisons of one column with constants become a list."""


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """A column of the table, with the plan's type."""

    variable: Variable
    type: PlanType


Output = TypedColumn | Expression | UnsupportedOperationError
"""What a relation of a plan gives at one place: a column of the table, an expression, or
what could not be said, which is an error only if it is looked at."""

_Term = TypedColumn | PlanConstant | Expression


@dataclass(slots=True)
class PlanExpressions:
    """Expressions of one plan.

    Attributes:
        functions: Names of the plan's functions by their anchors, with their signatures.
    """

    functions: Mapping[int, str]
    _names: dict[int, str] = field(default_factory=dict)

    def condition(self, message: Any, outputs: Sequence[Output]) -> tuple[Expression, ...]:
        """Return the conjuncts of a predicate; none if it is always true.

        Args:
            message: A ``substrait.Expression``.
            outputs: What its field references mean.

        Raises:
            InvalidRequestError: It is malformed or nested too deeply.
            UnsupportedOperationError: It can't be said in the engine's expressions.
        """
        expression = _expression(self.term(message, outputs))
        conjuncts = (
            expression.arguments
            if isinstance(expression, Call) and expression.function == "$and"
            else (expression,)
        )
        return tuple(item for item in conjuncts if item != _TRUE)

    def output(self, message: Any, outputs: Sequence[Output]) -> Output:
        """Return what a projection computes; an error if that is none of ours."""
        try:
            term = self.term(message, outputs)
        except UnsupportedOperationError as error:
            return error
        return term if isinstance(term, TypedColumn) else _expression(term)

    def term(self, message: Any, outputs: Sequence[Output]) -> _Term:
        """Return an expression; errors as of ``condition``."""
        results: list[_Term] = []
        todo: list[_Step] = [_Step(message)]
        while todo:
            step = todo.pop()
            if step.build is not None:
                start = len(results) - step.count
                built = step.build(results[start:])
                del results[start:]
                results.append(built)
                continue
            found = self._entered(step.message, outputs)
            if isinstance(found, _Step):
                todo.append(found)
                todo.extend(_Step(each) for each in reversed(found.operands))
            else:
                results.append(found)
        (term,) = results
        if is_deeper(_expression(term), MAX_DEPTH):
            raise InvalidRequestError(
                f"An expression of the query plan has more than {MAX_DEPTH} levels.",
                hint="Write the predicate with fewer parentheses.",
            )
        return term

    def _entered(self, message: Any, outputs: Sequence[Output]) -> _Term | _Step:
        """Return a leaf, or the step that builds a node of its operands."""
        kind = message.WhichOneof("rex_type")
        match kind:
            case "literal":
                return constant_of(message.literal)
            case "selection":
                return _selected(message.selection, outputs)
            case "cast":
                target = type_of(message.cast.type)
                return _Step(
                    build=lambda terms: _cast(terms[0], target), operands=[message.cast.input]
                )
            case "singular_or_list":
                listed = message.singular_or_list
                return _Step(build=_in_list, operands=[listed.value, *listed.options])
            case "scalar_function":
                return self._called(message.scalar_function)
            case _:
                raise unsupported(f"an expression of kind {kind}")

    def _called(self, function: Any) -> _Step:
        anchor = function.function_reference
        name = self._name(anchor)
        if name in _CONNECTIVES:
            return _Step(build=_CONNECTIVES[name], operands=list(_chain(function, anchor=anchor)))
        rule = _FUNCTIONS.get(name)
        if rule is None:
            raise unsupported(f"the function {name}")
        count, build = rule
        operands = _arguments(function)
        if len(operands) != count:
            raise InvalidRequestError(
                f"Function {name} of the query plan has {len(operands)} arguments, not {count}."
            )
        return _Step(build=build, operands=operands)

    def _name(self, anchor: int) -> str:
        name = self._names.get(anchor)
        if name is None:
            if anchor not in self.functions:
                raise InvalidRequestError(
                    f"The query plan calls function {anchor}, which it does not name."
                )
            name = self._names[anchor] = self.functions[anchor].partition(":")[0]
        return name


@dataclass(frozen=True, slots=True)
class _Step:
    """A message to enter, or a node to build of the operands that come first."""

    message: Any = None
    build: Callable[[list[_Term]], _Term] | None = None
    operands: Sequence[Any] = ()

    @property
    def count(self) -> int:
        return len(self.operands)


def _arguments(function: Any) -> list[Any]:
    found = []
    for argument in function.arguments:
        if argument.WhichOneof("arg_type") != "value":
            raise unsupported("a function's argument that is no value")
        found.append(argument.value)
    return found or list(function.args)


def _chain(function: Any, *, anchor: int) -> Iterator[Any]:
    """Yield the operands of a chain of one function, however it is bracketed, in order."""
    pending = _arguments(function)[::-1]
    while pending:
        message = pending.pop()
        nested = message.scalar_function
        if (
            message.WhichOneof("rex_type") == "scalar_function"
            and nested.function_reference == anchor
        ):
            pending.extend(reversed(_arguments(nested)))
        else:
            yield message


def _selected(selection: Any, outputs: Sequence[Output]) -> _Term:
    segment = selection.direct_reference
    root = selection.WhichOneof("root_type")
    is_plain = (
        selection.WhichOneof("reference_type") == "direct_reference"
        and segment.WhichOneof("reference_type") == "struct_field"
        and root in (None, "root_reference")
    )
    if not is_plain or segment.struct_field.HasField("child"):
        raise unsupported("a reference to a part of a column")
    place: int = segment.struct_field.field
    if not 0 <= place < len(outputs):
        raise InvalidRequestError(f"The query plan refers to column {place} of {len(outputs)}.")
    output = outputs[place]
    if isinstance(output, UnsupportedOperationError):
        raise output
    return output


def _expression(term: _Term) -> Expression:
    if isinstance(term, TypedColumn):
        return term.variable
    if isinstance(term, PlanConstant):
        if term.is_cut:
            raise unsupported("a time with fractions of a millisecond outside of a comparison")
        return term.constant
    return term


def _call(function: str, *terms: _Term, type_: pa.DataType = _BOOL) -> Call:
    return Call(function, tuple(_expression(term) for term in terms), type_)


# Casts


def _cast(term: _Term, target: PlanType) -> _Term:
    if isinstance(term, PlanConstant):
        return cast_constant(term, target)
    if isinstance(term, TypedColumn) and _is_lossless(term.type, target):
        # What it is compared with has the wider type, and all comparisons are of values.
        return TypedColumn(term.variable, target)
    expression = _expression(term)
    source = expression.type
    if source == target.arrow and target.length is None and target.digits >= _SEEN_DIGITS:
        return expression
    if target.length is not None or not can_cast(source, target.arrow):
        name = type_text(source) if source != pa.null() else "a type unknown here"
        raise unsupported(f"a cast from {name} to {target.name}")
    return Call("$cast", (expression,), target.arrow)


def _is_lossless(source: PlanType, target: PlanType) -> bool:
    kinds = kind_of(source.arrow), kind_of(target.arrow)
    one: Any = source.arrow
    other: Any = target.arrow
    match kinds:
        case (Kind.TEXT, Kind.TEXT):
            if target.name == "fixed_char":
                return source == target
            return target.length is None or (
                source.length is not None and source.length <= target.length
            )
        case (Kind.INTEGER, Kind.INTEGER) | (Kind.FLOAT, Kind.FLOAT):
            return bool(one.bit_width <= other.bit_width)
        case (Kind.DECIMAL, Kind.DECIMAL):
            wider = other.precision - other.scale >= one.precision - one.scale
            return bool(wider and other.scale >= one.scale)
        case (Kind.INTEGER, Kind.DECIMAL):
            return bool(INTEGER_DIGITS[one.bit_width] <= other.precision - other.scale)
        case (Kind.INTEGER, Kind.FLOAT):
            return bool(one.bit_width <= _EXACT_IN_DOUBLE and other == pa.float64())
        case (Kind.DATETIME, Kind.DATETIME) | (Kind.INSTANT, Kind.INSTANT):
            # Athena sees milliseconds, whatever the column holds.
            return target.digits >= min(source.digits, _SEEN_DIGITS)
        case (
            (Kind.DATE, Kind.DATE | Kind.DATETIME)
            | (Kind.BOOLEAN, Kind.BOOLEAN)
            | (Kind.BYTES, Kind.BYTES)
        ):
            return True
        case _:
            return bool(one == other)


# Functions


def _conjunction(terms: list[_Term]) -> Expression:
    parts = [part for part in map(_expression, terms) if part != _TRUE]
    if len(parts) < 2:  # noqa: PLR2004 - a conjunction is of two at least
        return parts[0] if parts else _TRUE
    return Call("$and", tuple(parts), _BOOL)


def _disjunction(terms: list[_Term]) -> Expression:
    parts = _with_lists([_expression(term) for term in terms])
    if not parts:
        return Constant((False,), _BOOL)
    return parts[0] if len(parts) == 1 else Call("$or", tuple(parts), _BOOL)


def _with_lists(parts: list[Expression]) -> list[Expression]:
    """Return alternatives with those of one column as a list, where the first of them was."""
    values: dict[tuple[Expression, pa.DataType], list[Any]] = {}
    for part in parts:
        compared = _equal_to_constant(part)
        if compared is not None:
            column, constant = compared
            values.setdefault((column, constant.type), []).extend(constant.values)
    kept: list[Expression] = []
    done = set()
    for part in parts:
        compared = _equal_to_constant(part)
        if compared is None:
            kept.append(part)
            continue
        column, constant = compared
        key = column, constant.type
        if len(values[key]) < _OR_EQUALS:
            kept.append(part)
        elif key not in done:
            done.add(key)
            kept.append(_member(column, [Constant(tuple(values[key]), constant.type)]))
    return kept


def _equal_to_constant(part: Expression) -> tuple[Variable, Constant] | None:
    match part:
        case Call(function="$equal", arguments=(Variable() as column, Constant() as constant)):
            return column, constant
        case Call(function="$equal", arguments=(Constant() as constant, Variable() as column)):
            return column, constant
        case _:
            return None


def _member(value: Expression, constants: Sequence[Expression]) -> Call:
    return Call("$in", (value, Call("$array", tuple(constants), _LIST)), _BOOL)


def _in_list(terms: list[_Term]) -> Expression:
    value, *options = terms
    return _disjunction([_comparison("$equal", [value, option]) for option in options])


def _comparison(function: str, terms: list[_Term]) -> Expression:
    """Return a comparison, with times in the milliseconds that Athena sees."""
    left, right = terms
    if isinstance(left, PlanConstant) and left.is_cut:
        return _with_cut(FUNCTIONS_OF[MIRRORED[COMPARISONS[function]]], right, left)
    if isinstance(right, PlanConstant) and right.is_cut:
        return _with_cut(function, left, right)
    return _call(function, left, right)


def _with_cut(function: str, term: _Term, time: PlanConstant) -> Expression:
    """Compare with a time between two milliseconds, of which the first is known."""
    if isinstance(term, PlanConstant) and term.is_cut:
        raise unsupported("a comparison of times with fractions of a millisecond")
    replaced = _BETWEEN_MILLISECONDS[function]
    # Equal to no millisecond: false, or true, of all but NULL.
    other = PlanConstant(time.constant) if replaced in _ORDERED else term
    return _call(replaced, term, other)


_BETWEEN_MILLISECONDS = {
    "$equal": "$not_equal",
    "$not_equal": "$equal",
    "$less_than": "$less_than_or_equal",
    "$less_than_or_equal": "$less_than_or_equal",
    "$greater_than": "$greater_than",
    "$greater_than_or_equal": "$greater_than",
}
_ORDERED = frozenset({"$less_than_or_equal", "$greater_than"})


def _comparing(function: str) -> Callable[[list[_Term]], _Term]:
    return lambda terms: _comparison(function, terms)


def _logical(function: str) -> Callable[[list[_Term]], _Term]:
    return lambda terms: _call(function, *terms)


def _calculated(function: str) -> Callable[[list[_Term]], _Term]:
    # The type of a result is the evaluation's business; what it is made of decides it.
    def build(terms: list[_Term]) -> Expression:
        operands = [_operand(term) for term in terms]
        return _call(function, *operands, type_=operands[0].type)

    return build


def _operand(term: _Term) -> Expression:
    """Return a term in the very type that the plan gives it, which decides what overflows."""
    expression = _expression(term)
    if not isinstance(term, TypedColumn) or term.type.arrow == expression.type:
        return expression
    if not can_cast(expression.type, term.type.arrow):
        raise unsupported(f"a calculation with a cast to {term.type.name}")
    return Call("$cast", (expression,), term.type.arrow)


def _not(expression: Expression) -> Expression:
    return Call("$not", (expression,), _BOOL)


def _between(terms: list[_Term]) -> Expression:
    value, low, high = terms
    return _conjunction(
        [
            _comparison("$greater_than_or_equal", [value, low]),
            _comparison("$less_than_or_equal", [value, high]),
        ]
    )


def _matching(before: str, after: str) -> Callable[[list[_Term]], _Term]:
    """Return what finds a text within another, as a pattern."""

    def build(terms: list[_Term]) -> Expression:
        value, sought = terms
        text = sought.constant.values[0] if isinstance(sought, PlanConstant) else None
        if not isinstance(text, str) or "%" in text or "_" in text:
            raise unsupported("a search for a text that is no constant or has % or _ in it")
        return _call("$like_pattern", value, Constant((f"{before}{text}{after}",), pa.string()))

    return build


_CONNECTIVES: dict[str, Callable[[list[_Term]], _Term]] = {
    "and": _conjunction,
    "or": _disjunction,
}
_FUNCTIONS: dict[str, tuple[int, Callable[[list[_Term]], _Term]]] = {
    "not": (1, lambda terms: _not(_expression(terms[0]))),
    "equal": (2, _comparing("$equal")),
    "not_equal": (2, _comparing("$not_equal")),
    "lt": (2, _comparing("$less_than")),
    "lte": (2, _comparing("$less_than_or_equal")),
    "gt": (2, _comparing("$greater_than")),
    "gte": (2, _comparing("$greater_than_or_equal")),
    "between": (3, _between),
    "is_null": (1, _logical("$is_null")),
    "is_not_null": (1, lambda terms: _not(_call("$is_null", *terms))),
    "is_distinct_from": (2, _logical("$is_distinct_from")),
    "is_not_distinct_from": (2, lambda terms: _not(_call("$is_distinct_from", *terms))),
    "like": (2, _logical("$like_pattern")),
    "starts_with": (2, _matching("", "%")),
    "ends_with": (2, _matching("%", "")),
    "contains": (2, _matching("%", "%")),
    "nullif": (2, _calculated("$nullif")),
    "add": (2, _calculated("$add")),
    "subtract": (2, _calculated("$subtract")),
    "multiply": (2, _calculated("$multiply")),
    "divide": (2, _calculated("$divide")),
    "modulus": (2, _calculated("$modulus")),
    "negate": (1, _calculated("$negate")),
}
