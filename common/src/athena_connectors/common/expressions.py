"""Expression trees over the columns of one scan, as the engine sends them.

Functions go by their wire names (``$add``, ``$like_pattern``). Semantics are SQL's
three-valued logic in Athena's reading: ``FUNCTIONS`` lists every function the protocol
knows. Source: wire protocol, section 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from athena_connectors.common.valueset import Value

__all__ = ["FUNCTIONS", "Call", "Constant", "Expression", "Variable", "referenced_columns"]

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
