"""Comparisons in expressions, by their SQL symbols, for connectors that push them down."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from athena_connectors.common.valueset import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.valueset import Value

__all__ = ["COMPARISONS", "FUNCTIONS_OF", "MIRRORED", "NEGATED", "compared_ranges"]

COMPARISONS: Mapping[str, str] = MappingProxyType(
    {
        "$equal": "=",
        "$not_equal": "<>",
        "$less_than": "<",
        "$less_than_or_equal": "<=",
        "$greater_than": ">",
        "$greater_than_or_equal": ">=",
    }
)
"""Wire names of the functions, and their symbols."""

FUNCTIONS_OF: Mapping[str, str] = MappingProxyType(
    {symbol: name for name, symbol in COMPARISONS.items()}
)
"""Symbols, and the wire names of their functions."""

MIRRORED: Mapping[str, str] = MappingProxyType(
    {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
)
"""What says the same with its sides exchanged."""

NEGATED: Mapping[str, str] = MappingProxyType(
    {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
)
"""What is true where the comparison is false, of values that have an order."""

_RANGES: Mapping[str, Callable[[Value], tuple[Range, ...]]] = MappingProxyType(
    {
        "=": lambda value: (Range.equal(value),),
        "<>": lambda value: (Range.less_than(value), Range.greater_than(value)),
        "<": lambda value: (Range.less_than(value),),
        "<=": lambda value: (Range.at_most(value),),
        ">": lambda value: (Range.greater_than(value),),
        ">=": lambda value: (Range.at_least(value),),
    }
)


def compared_ranges(operator: str, value: Value) -> tuple[Range, ...]:
    """Return the values that compare so with a value.

    Args:
        operator: One of the symbols of ``COMPARISONS``.
        value: What stands on the right.
    """
    return _RANGES[operator](value)
