"""Expression trees over the columns of one scan, as the engine sends them.

Functions go by their wire names (``$add``, ``$like_pattern``). Semantics are SQL's
three-valued logic in Athena's reading: ``FUNCTIONS`` lists every function the protocol
knows. Source: wire protocol, section 11.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from athena_connectors.common.comparisons import COMPARISONS
from athena_connectors.common.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from athena_connectors.common.valueset import Value

__all__ = [
    "FUNCTIONS",
    "Call",
    "Constant",
    "Expression",
    "Variable",
    "check_calls",
    "is_deeper",
    "referenced_columns",
    "renamed",
    "render",
    "walk",
]

FUNCTIONS: tuple[str, ...] = (
    "$and",
    "$or",
    "$not",
    "$is_null",
    "$nullif",
    "$equal",
    "$not_equal",
    "$less_than",
    "$less_than_or_equal",
    "$greater_than",
    "$greater_than_or_equal",
    "$is_distinct_from",
    "$add",
    "$subtract",
    "$multiply",
    "$divide",
    "$modulus",
    "$negate",
    "$like_pattern",
    "$in",
    "$array",
)


@dataclass(frozen=True, slots=True)
class Variable:
    """A reference to a column of the scanned table."""

    column: str
    type: pa.DataType


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant; several values only as a batched part of an ``$array``.

    Attributes:
        values: Physical values (see ``valueset``), ``None`` for SQL NULL.
        type: Their Arrow type.
    """

    values: tuple[Value | None, ...]
    type: pa.DataType


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to arguments.

    Attributes:
        function: Wire name, such as ``$equal``.
        arguments: Operands, in order.
        type: Result type; ``pa.list_(pa.null())`` for ``$array``, whose element type the
            wire does not carry.
    """

    function: str
    arguments: tuple[Expression, ...]
    type: pa.DataType


Expression = Variable | Constant | Call


def referenced_columns(expression: Expression) -> frozenset[str]:
    """Return the names of all columns that an expression looks at."""
    return frozenset(node.column for node in walk(expression) if isinstance(node, Variable))


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield every node of an expression, without recursion, in no particular order."""
    pending = [expression]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, Call):
            pending.extend(node.arguments)


def renamed(expression: Expression, rename: Callable[[str], str]) -> Expression:
    """Return an expression with other names of its columns."""
    match expression:
        case Variable():
            return replace(expression, column=rename(expression.column))
        case Call():
            arguments = tuple(renamed(item, rename) for item in expression.arguments)
            return replace(expression, arguments=arguments)
        case _:
            return expression


def is_deeper(expression: Expression, levels: int) -> bool:
    """Return whether an expression has more than so many levels of calls."""
    level = [expression]
    for _ in range(levels):
        level = [item for node in level if isinstance(node, Call) for item in node.arguments]
        if not level:
            return False
    return True


_CAST = "$cast"
"""Only query plans have it: its type says to what. No connector is asked to push it."""
_UNARY = frozenset({"$not", "$is_null", "$negate", _CAST})
_VARARG = frozenset({"$and", "$or", "$array"})
_OPERATORS = {
    **COMPARISONS,
    "$and": "AND",
    "$or": "OR",
    "$is_distinct_from": "IS DISTINCT FROM",
    "$add": "+",
    "$subtract": "-",
    "$multiply": "*",
    "$divide": "/",
    "$modulus": "%",
    "$like_pattern": "LIKE",
    "$in": "IN",
}


def check_calls(expression: Expression) -> None:
    """Check that every call is of a known function with the right number of arguments.

    Raises:
        InvalidRequestError: A function is unknown or has too few or too many arguments;
            ``$and`` and ``$or`` need one at least, ``$array`` may be empty.
    """
    for node in walk(expression):
        if isinstance(node, Call):
            _check_call(node)


def render(expression: Expression) -> str:
    """Return an expression as SQL-like text for people; not for a source to execute."""
    if isinstance(expression, Variable):
        return f'"{expression.column}"'
    if isinstance(expression, Constant):
        return ", ".join(map(_literal, expression.values))
    function = expression.function
    parts = [render(item) for item in expression.arguments]
    if function in _OPERATORS and len(parts) > 1:
        return f"({f' {_OPERATORS[function]} '.join(parts)})"
    if function == _CAST:
        return f"CAST({parts[0]} AS {expression.type})"
    name = "" if function == "$array" else function.removeprefix("$")
    return f"{name}({', '.join(parts)})"


def _check_call(call: Call) -> None:
    if call.function not in FUNCTIONS and call.function != _CAST:
        raise InvalidRequestError(
            f"Function {call.function!r} of an expression is not known.",
            hint=f"Known are {', '.join(FUNCTIONS)}.",
        )
    count = len(call.arguments)
    if call.function in _VARARG:
        wrong = count == 0 and call.function != "$array"
    else:
        wrong = count != (1 if call.function in _UNARY else 2)
    if wrong:
        raise InvalidRequestError(
            f"Function {call.function} can't have {count} arguments: {render(call)}."
        )


def _literal(value: Value | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bytes):
        return f"X'{value.hex().upper()}'"
    return str(value)
