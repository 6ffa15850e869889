"""Value sets: which values of one column a scan may return.

Values are *physical* Python values, the integers, texts and bytes that stand in the
Arrow buffers, because that is lossless, hashable and ordered:

    bool → bool                     int8…int64 → int          float32/64 → float
    decimal128 → decimal.Decimal    utf8 → str                binary → bytes
    date32 → int days               date64 → int milliseconds, time of day included
    zoned timestamp → int, packed (see ``timestamps``)

``None`` is never a value; SQL NULL is ``null_allowed``.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "AllOrNoneValueSet",
    "Bound",
    "EquatableValueSet",
    "Marker",
    "Range",
    "SortedRangeSet",
    "Value",
    "ValueSet",
]

Value = bool | int | float | Decimal | str | bytes


class Bound(Enum):
    """Where a marker stands relative to its value."""

    BELOW = "BELOW"
    EXACTLY = "EXACTLY"
    ABOVE = "ABOVE"


@dataclass(frozen=True, slots=True)
class Marker:
    """One end of a range.

    Attributes:
        value: The value at the end, or ``None`` for no bound on this side.
        bound: ``EXACTLY`` includes the value; ``ABOVE`` (low end) and ``BELOW`` (high
            end) exclude it. An unbounded low end is ABOVE, an unbounded high end BELOW.
    """

    value: Value | None
    bound: Bound


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of values that is never empty."""

    low: Marker
    high: Marker


@dataclass(frozen=True, slots=True)
class SortedRangeSet:
    """A disjunction of ranges, for types with an order.

    Attributes:
        type: Arrow type of the column.
        ranges: Disjoint, not adjacent, ascending.
        null_allowed: Whether SQL NULL is in the set.
    """

    type: pa.DataType
    ranges: tuple[Range, ...]
    null_allowed: bool


@dataclass(frozen=True, slots=True)
class EquatableValueSet:
    """Values that are in (``white_list``) or out of the set, for types without an order."""

    type: pa.DataType
    values: tuple[Value, ...]
    white_list: bool
    null_allowed: bool


@dataclass(frozen=True, slots=True)
class AllOrNoneValueSet:
    """All values or none, for types that can't be compared at all."""

    type: pa.DataType
    all: bool
    null_allowed: bool


ValueSet = SortedRangeSet | EquatableValueSet | AllOrNoneValueSet
