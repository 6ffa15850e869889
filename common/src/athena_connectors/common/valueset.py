"""Value sets: which values of one column a scan may return.

Values are *physical* Python values, the integers, texts and bytes that stand in the
Arrow buffers, because that is lossless, hashable and ordered:

    bool → bool                     int8…int64 → int          float32/64 → float
    decimal128 → decimal.Decimal    utf8 → str                binary → bytes
    date32 → int days               date64 → int milliseconds, time of day included
    zoned timestamp → int, packed (see ``timestamps``)

``None`` is never a value; SQL NULL is ``null_allowed``. Order and equality of values are
those of ``sort_key`` everywhere in this module. A ``SortedRangeSet`` made by ``of`` or by
an operation here holds its ranges ascending, disjoint and not adjacent.

Source: wire protocol, section 10.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.ordering import has_order, key_function, same_type, sort_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    "as_ranges",
    "has_order",
    "sort_key",
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


_NO_LOW = Marker(None, Bound.ABOVE)
_NO_HIGH = Marker(None, Bound.BELOW)


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of values that is never empty."""

    low: Marker
    high: Marker

    @classmethod
    def all(cls) -> Range:
        """Return the range of all values."""
        return cls(_NO_LOW, _NO_HIGH)

    @classmethod
    def equal(cls, value: Value) -> Range:
        """Return the range that holds one value."""
        return cls(Marker(value, Bound.EXACTLY), Marker(value, Bound.EXACTLY))

    @classmethod
    def less_than(cls, value: Value) -> Range:
        """Return the values below a value, which is excluded."""
        return cls(_NO_LOW, Marker(value, Bound.BELOW))

    @classmethod
    def at_most(cls, value: Value) -> Range:
        """Return the values up to a value, which is included."""
        return cls(_NO_LOW, Marker(value, Bound.EXACTLY))

    @classmethod
    def greater_than(cls, value: Value) -> Range:
        """Return the values above a value, which is excluded."""
        return cls(Marker(value, Bound.ABOVE), _NO_HIGH)

    @classmethod
    def at_least(cls, value: Value) -> Range:
        """Return the values from a value on, which is included."""
        return cls(Marker(value, Bound.EXACTLY), _NO_HIGH)

    @classmethod
    def between(
        cls, low: Value, high: Value, *, low_inclusive: bool = True, high_inclusive: bool = True
    ) -> Range:
        """Return the values from ``low`` to ``high``, each end included unless told."""
        return cls(
            Marker(low, Bound.EXACTLY if low_inclusive else Bound.ABOVE),
            Marker(high, Bound.EXACTLY if high_inclusive else Bound.BELOW),
        )


@dataclass(frozen=True, slots=True)
class SortedRangeSet:
    """A disjunction of ranges, for types with an order.

    Attributes:
        type: Arrow type of the column.
        ranges: Disjoint, not adjacent, ascending; ``of`` makes them so.
        null_allowed: Whether SQL NULL is in the set.
    """

    type: pa.DataType
    ranges: tuple[Range, ...]
    null_allowed: bool

    @classmethod
    def of(
        cls, type_: pa.DataType, ranges: Iterable[Range], *, null_allowed: bool
    ) -> SortedRangeSet:
        """Make a set of ranges in any order, which may overlap.

        Cost:
            n log n in the number of ranges.

        Raises:
            InvalidRequestError: The type has no order, a value is not of the type, a range
                is empty, or a low end is BELOW or a high end ABOVE a value.
        """
        spans = _spans(type_, ranges)
        for span in spans:
            _check_span(type_, span)
        spans.sort(key=itemgetter(0, 1))
        return cls(type_, _coalesce(spans), null_allowed)

    @classmethod
    def of_points(
        cls, type_: pa.DataType, values: Iterable[Value], *, null_allowed: bool = False
    ) -> SortedRangeSet:
        """Make the set of some values, as of an IN list; the values may repeat."""
        return cls.of(type_, map(Range.equal, values), null_allowed=null_allowed)

    @classmethod
    def all_values(cls, type_: pa.DataType) -> SortedRangeSet:
        """Return the set of everything, NULL included."""
        return cls(type_, (Range.all(),), null_allowed=True)

    @classmethod
    def none(cls, type_: pa.DataType) -> SortedRangeSet:
        """Return the empty set."""
        return cls(type_, (), null_allowed=False)

    @classmethod
    def only_null(cls, type_: pa.DataType) -> SortedRangeSet:
        """Return the set that holds NULL and no value."""
        return cls(type_, (), null_allowed=True)

    @classmethod
    def not_null(cls, type_: pa.DataType) -> SortedRangeSet:
        """Return the set of all values without NULL."""
        return cls(type_, (Range.all(),), null_allowed=False)

    @property
    def is_none(self) -> bool:
        """Whether the set holds no value; NULL does not count."""
        return not self.ranges

    @property
    def is_all(self) -> bool:
        """Whether the set holds every value; NULL does not count."""
        return self.ranges == (Range.all(),)

    @property
    def is_single_value(self) -> bool:
        """Whether the set holds exactly one value, or NULL alone."""
        if self.null_allowed:
            return not self.ranges
        points = self.points()
        return points is not None and len(points) == 1

    def contains(self, value: Value | None) -> bool:
        """Return whether a value, or NULL for ``None``, is in the set."""
        if value is None:
            return self.null_allowed
        key = key_function(self.type)
        cut = (0, key(value), 0)
        place = bisect_right(self.ranges, cut, key=lambda item: _low_cut(item.low, key))
        return place > 0 and cut < _high_cut(self.ranges[place - 1].high, key)

    def points(self) -> tuple[Value, ...] | None:
        """Return the values, ascending, of a set of single values; ``None`` for any other.

        NULL does not count: look at ``null_allowed``. A set without values gives ``()``.
        """
        points = []
        for item in self.ranges:
            point = self._point(item.low, item.high, (Bound.EXACTLY, Bound.EXACTLY))
            if point is None:
                return None
            points.append(point)
        return tuple(points)

    def excluded_points(self) -> tuple[Value, ...] | None:
        """Return the values, ascending, that alone are missing from the set.

        That is the shape of ``<>`` and NOT IN. ``None`` when anything else or nothing is
        missing. NULL does not count: look at ``null_allowed``.
        """
        ranges = self.ranges
        if len(ranges) < 2 or ranges[0].low != _NO_LOW or ranges[-1].high != _NO_HIGH:  # noqa: PLR2004
            return None
        points = []
        for left, right in pairwise(ranges):
            point = self._point(left.high, right.low, (Bound.BELOW, Bound.ABOVE))
            if point is None:
                return None
            points.append(point)
        return tuple(points)

    def union(self, other: ValueSet) -> SortedRangeSet:
        """Return what is in this set, the other or both.

        Raises:
            InvalidRequestError: The other set is of another class or type.
        """
        right = _alike(self, other)
        return self.of(
            self.type,
            (*self.ranges, *right.ranges),
            null_allowed=self.null_allowed or right.null_allowed,
        )

    def intersect(self, other: ValueSet) -> SortedRangeSet:
        """Return what is in both sets; raises as ``union``."""
        right = _alike(self, other)
        return SortedRangeSet(
            self.type,
            _overlaps(_spans(self.type, self.ranges), _spans(self.type, right.ranges)),
            self.null_allowed and right.null_allowed,
        )

    def complement(self) -> SortedRangeSet:
        """Return what is not in this set, NULL included."""
        markers = [marker for item in self.ranges for marker in (item.low, item.high)]
        lows = [_NO_LOW, *map(_after, markers[1::2])]
        highs = [*map(_before, markers[0::2]), _NO_HIGH]
        gaps = (
            Range(low, high)
            for low, high in zip(lows, highs, strict=True)
            if low is not None and high is not None
        )
        return SortedRangeSet(self.type, tuple(gaps), not self.null_allowed)

    def subtract(self, other: ValueSet) -> SortedRangeSet:
        """Return what is in this set and not in the other; raises as ``union``."""
        return self.intersect(other.complement())

    def _point(self, one: Marker, two: Marker, bounds: tuple[Bound, Bound]) -> Value | None:
        if one.value is None or two.value is None or (one.bound, two.bound) != bounds:
            return None
        same = one.value is two.value or (
            sort_key(self.type, one.value) == sort_key(self.type, two.value)
        )
        return one.value if same else None


@dataclass(frozen=True, slots=True)
class EquatableValueSet:
    """Values that are in (``white_list``) or out of the set, for types without an order."""

    type: pa.DataType
    values: tuple[Value, ...]
    white_list: bool
    null_allowed: bool

    @property
    def is_none(self) -> bool:
        """Whether the set holds nothing, not even NULL."""
        return self.white_list and not self.values and not self.null_allowed

    @property
    def is_all(self) -> bool:
        """Whether the set holds everything, NULL included."""
        return not self.white_list and not self.values and self.null_allowed

    @property
    def is_single_value(self) -> bool:
        """Whether the set holds exactly one value, or NULL alone."""
        return self.white_list and len(self.values) == (0 if self.null_allowed else 1)

    def contains(self, value: Value | None) -> bool:
        """Return whether a value, or NULL for ``None``, is in the set."""
        if value is None:
            return self.null_allowed
        key = _identity(self.type)
        return (key(value) in map(key, self.values)) == self.white_list

    def union(self, other: ValueSet) -> EquatableValueSet:
        """Return what is in this set, the other or both.

        Raises:
            InvalidRequestError: The other set is of another class or type.
        """
        return self.complement().intersect(other.complement()).complement()

    def intersect(self, other: ValueSet) -> EquatableValueSet:
        """Return what is in both sets; raises as ``union``."""
        right = _alike(self, other)
        mine, theirs = _by_key(self), _by_key(right)
        match self.white_list, right.white_list:
            case True, wanted:
                kept = {key: item for key, item in mine.items() if (key in theirs) == wanted}
            case False, True:
                kept = {key: item for key, item in theirs.items() if key not in mine}
            case _:
                kept = mine | theirs
        return EquatableValueSet(
            self.type,
            tuple(kept.values()),
            white_list=self.white_list or right.white_list,
            null_allowed=self.null_allowed and right.null_allowed,
        )

    def complement(self) -> EquatableValueSet:
        """Return what is not in this set, NULL included."""
        return EquatableValueSet(self.type, self.values, not self.white_list, not self.null_allowed)

    def subtract(self, other: ValueSet) -> EquatableValueSet:
        """Return what is in this set and not in the other; raises as ``union``."""
        return self.intersect(other.complement())


@dataclass(frozen=True, slots=True)
class AllOrNoneValueSet:
    """All values or none, for types that can't be compared at all.

    The writer of the wire form puts ``all and null_allowed`` into ``all``, so a set that
    was read as neither may have been NOT NULL: it says nothing that a filter may use.
    The operations below take a set as it is written.
    """

    type: pa.DataType
    all: bool
    null_allowed: bool

    @property
    def is_none(self) -> bool:
        """Whether the set holds nothing, not even NULL."""
        return not self.all and not self.null_allowed

    @property
    def is_all(self) -> bool:
        """Whether the set holds everything, NULL included."""
        return self.all and self.null_allowed

    @property
    def is_single_value(self) -> bool:
        """Whether the set holds NULL alone."""
        return not self.all and self.null_allowed

    def contains(self, value: object) -> bool:
        """Return whether a value, or NULL for ``None``, is in the set."""
        return self.null_allowed if value is None else self.all

    def union(self, other: ValueSet) -> AllOrNoneValueSet:
        """Return what is in this set, the other or both.

        Raises:
            InvalidRequestError: The other set is of another class or type.
        """
        right = _alike(self, other)
        return AllOrNoneValueSet(
            self.type, self.all or right.all, self.null_allowed or right.null_allowed
        )

    def intersect(self, other: ValueSet) -> AllOrNoneValueSet:
        """Return what is in both sets; raises as ``union``."""
        right = _alike(self, other)
        return AllOrNoneValueSet(
            self.type, self.all and right.all, self.null_allowed and right.null_allowed
        )

    def complement(self) -> AllOrNoneValueSet:
        """Return what is not in this set, NULL included."""
        return AllOrNoneValueSet(self.type, not self.all, not self.null_allowed)

    def subtract(self, other: ValueSet) -> AllOrNoneValueSet:
        """Return what is in this set and not in the other; raises as ``union``."""
        return self.intersect(other.complement())


ValueSet = SortedRangeSet | EquatableValueSet | AllOrNoneValueSet
_Set = TypeVar("_Set", SortedRangeSet, EquatableValueSet, AllOrNoneValueSet)


def as_ranges(values: SortedRangeSet | EquatableValueSet) -> SortedRangeSet:
    """Return a set of values of a type with an order as ranges.

    Raises:
        InvalidRequestError: The type has no order.
    """
    if isinstance(values, SortedRangeSet):
        return values
    points = SortedRangeSet.of_points(values.type, values.values)
    ranges = points.ranges if values.white_list else points.complement().ranges
    return SortedRangeSet(values.type, ranges, values.null_allowed)


# A cut is a place between values: before everything, before or after one value, after
# everything. Every range is the values from its low cut to its high cut.
_Cut = tuple[Any, ...]
_Span = tuple[_Cut, _Cut, Range]


def _low_cut(marker: Marker, key: Callable[[Value], Any]) -> _Cut:
    if marker.value is None:
        return (-1,)
    return (0, key(marker.value), int(marker.bound is not Bound.EXACTLY))


def _high_cut(marker: Marker, key: Callable[[Value], Any]) -> _Cut:
    if marker.value is None:
        return (1,)
    return (0, key(marker.value), int(marker.bound is Bound.EXACTLY))


def _spans(type_: pa.DataType, ranges: Iterable[Range]) -> list[_Span]:
    key = key_function(type_)
    return [(_low_cut(item.low, key), _high_cut(item.high, key), item) for item in ranges]


def _check_span(type_: pa.DataType, span: _Span) -> None:
    low_cut, high_cut, item = span
    for marker, end, wrong, unbounded in (
        (item.low, "low", Bound.BELOW, Bound.ABOVE),
        (item.high, "high", Bound.ABOVE, Bound.BELOW),
    ):
        if marker.bound is wrong or (marker.value is None and marker.bound is not unbounded):
            raise InvalidRequestError(
                f"A range of type {type_} has the bound {marker.bound.value} at its {end} end.",
                hint=f"Use EXACTLY or {unbounded.value} there, {unbounded.value} if unbounded.",
            )
    if low_cut >= high_cut:
        raise InvalidRequestError(
            f"A range of type {type_} from {item.low.value!r} to {item.high.value!r} is empty.",
            hint="Leave empty ranges out.",
        )


def _coalesce(spans: list[_Span]) -> tuple[Range, ...]:
    merged: list[Range] = []
    end: _Cut = (-2,)
    for low_cut, high_cut, item in spans:
        if low_cut > end:
            merged.append(item)
        elif high_cut > end:
            merged[-1] = Range(merged[-1].low, item.high)
        end = max(end, high_cut)
    return tuple(merged)


def _overlaps(left: list[_Span], right: list[_Span]) -> tuple[Range, ...]:
    shared = []
    i = j = 0
    while i < len(left) and j < len(right):
        one, two = left[i], right[j]
        later = one if one[0] >= two[0] else two
        sooner = one if one[1] <= two[1] else two
        if later[0] < sooner[1]:
            shared.append(Range(later[2].low, sooner[2].high))
        if sooner is one:
            i += 1
        else:
            j += 1
    return tuple(shared)


def _before(low: Marker) -> Marker | None:
    """Return the high end of what lies below a low end, ``None`` if that is nothing."""
    if low.value is None:
        return None
    return Marker(low.value, Bound.BELOW if low.bound is Bound.EXACTLY else Bound.EXACTLY)


def _after(high: Marker) -> Marker | None:
    """Return the low end of what lies above a high end, ``None`` if that is nothing."""
    if high.value is None:
        return None
    return Marker(high.value, Bound.ABOVE if high.bound is Bound.EXACTLY else Bound.EXACTLY)


def _identity(type_: pa.DataType) -> Callable[[Value], Any]:
    """Return what tells equal values of a type; nested ones are equal if spelled equal."""
    return key_function(type_) if has_order(type_) else repr


def _by_key(values: EquatableValueSet) -> dict[Any, Value]:
    key = _identity(values.type)
    return {key(value): value for value in values.values}


def _alike(left: _Set, right: ValueSet) -> _Set:
    if not isinstance(right, type(left)):
        raise InvalidRequestError(
            f"A {type(left).__name__} can't be combined with a {type(right).__name__}."
        )
    if not same_type(left.type, right.type):
        raise InvalidRequestError(
            f"A value set of type {left.type} can't be combined with one of type {right.type}."
        )
    return right
