"""Value sets in a server's terms, before they become text.

Texts and sets of floats need care. Value sets order texts by UTF-16 code units and tell
-0.0 from 0.0, servers do neither; what would lose a row by that is widened or left.
Source: wire protocol, sections 10.3 and 10.7.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.physical import Kind
from athena_connectors.common.sql.dialect import NotPushedError
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.common.sql.spelling import (
    FIRST_DAY,
    FIRST_MS,
    LAST_DAY,
    LAST_MS,
    instant_ms,
    is_storable_text,
)
from athena_connectors.common.valueset import Bound, Marker, Range, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from athena_connectors.common.sql.dialect import Dialect, Subject
    from athena_connectors.common.valueset import Value

__all__ = ["EVERYTHING", "MAX_POINTS", "Shape", "Span", "shape_of"]

MAX_POINTS = 50_000
"""Single values of one set that are pushed as such; beyond, numbers and dates as a range."""
_MAX_SPANS = 1000
_MAX_WINDOWS = 16
_EXACT = Context(prec=100)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_FIRST_DISORDERED = "\ue000"
_TOO_MANY = "There are too many values to list."

Edge = tuple[str, str]
"""Operator and content of a constant."""
Span = tuple[Edge | None, Edge | None]

EVERYTHING: tuple[Span, ...] = ((None, None),)


@dataclass(frozen=True, slots=True)
class Shape:
    """A value set as points, ranges or what is left out.

    Attributes:
        points: Values that are in the set.
        spans: Ranges that are in the set.
        excluded: The values that alone are missing; without it, the set is ``points`` and
            ``spans`` together.
        around: More of the bare column, for an index.
        reason: Why it holds more than the set; empty if it doesn't.
    """

    points: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    excluded: tuple[str, ...] | None = None
    around: Span = (None, None)
    reason: str = ""

    @property
    def bounded(self) -> bool:
        """Whether it ends on both sides."""
        return self.excluded is None and all(low and high for low, high in self.spans)


def shape_of(
    ranges: SortedRangeSet, subject: Subject, dialect: Dialect, *, utf16: bool
) -> tuple[Shape, Subject]:
    """Return the shape of a set that is neither empty nor all, and the operands for it.

    Args:
        ranges: Values of the type of the column.
        subject: The column.
        dialect: The server's.
        utf16: Whether texts are ordered by UTF-16 code units, not by code points.

    Raises:
        NotPushedError: No SQL would be of use, or none is safe.
    """
    shapes = _Shapes(subject, dialect)
    match subject.column.comparison:
        case Comparison.UUID:
            return _uuid_shape(shapes.text(ranges, utf16=False), subject)
        case Comparison.FLOAT:
            shape = shapes.float(ranges)
        case Comparison.DATE:
            shape = shapes.common(_clamp(ranges, FIRST_DAY, LAST_DAY))
        case Comparison.TIMESTAMP | Comparison.TIMESTAMPTZ:
            shape = shapes.time(_as_milliseconds(ranges))
        case _ if subject.kind is Kind.BOOLEAN:
            shape = shapes.boolean(ranges)
        case _ if subject.kind is Kind.TEXT:
            shape = shapes.text(ranges, utf16=utf16)
        case _ if subject.step is not None:
            shape = shapes.rounded(ranges, subject.step)
        case _:
            shape = shapes.common(ranges)
    return shape, subject


@dataclass(frozen=True, slots=True)
class _Shapes:
    subject: Subject
    dialect: Dialect

    def boolean(self, ranges: SortedRangeSet) -> Shape:
        wanted = [truth for truth in (True, False) if ranges.contains(truth)]
        if len(wanted) > 1:
            return Shape(spans=EVERYTHING)
        return Shape(points=self._contents(wanted, ranges.type))

    def common(self, ranges: SortedRangeSet) -> Shape:
        """Return the shape of values that the server orders as the set does."""
        excluded = ranges.excluded_points()
        if excluded is not None:
            if len(excluded) > MAX_POINTS:
                return Shape(spans=EVERYTHING, reason=_TOO_MANY)
            return Shape(excluded=self._contents(excluded, ranges.type))
        points = [item.low.value for item in ranges.ranges if item.low == item.high]
        spans = [item for item in ranges.ranges if item.low != item.high]
        if len(points) > MAX_POINTS or len(spans) > _MAX_SPANS:
            return self._bounding(ranges)
        return Shape(
            self._contents((point for point in points if point is not None), ranges.type),
            tuple(self._span(item, ranges.type) for item in spans),
        )

    def _bounding(self, ranges: SortedRangeSet) -> Shape:
        if self.subject.kind in (Kind.TEXT, Kind.BYTES):
            raise NotPushedError(_TOO_MANY)
        whole = Range(ranges.ranges[0].low, ranges.ranges[-1].high)
        return Shape(spans=(self._span(whole, ranges.type),), reason=_TOO_MANY)

    def _contents(self, values: Iterable[Value], type_: pa.DataType) -> tuple[str, ...]:
        return tuple(self.dialect.content_of(value, type_) for value in values)

    def _span(self, item: Range, type_: pa.DataType) -> Span:
        return self._edge(item.low, ">", type_), self._edge(item.high, "<", type_)

    def _edge(self, marker: Marker, operator: str, type_: pa.DataType) -> Edge | None:
        if marker.value is None:
            return None
        inclusive = "=" if marker.bound is Bound.EXACTLY else ""
        return operator + inclusive, self.dialect.content_of(marker.value, type_)

    def rounded(self, ranges: SortedRangeSet, step: Decimal) -> Shape:
        low, high = ranges.ranges[0].low.value, ranges.ranges[-1].high.value
        first = last = None
        if isinstance(low, Decimal):
            less = _EXACT.subtract(low, step)
            first = (">=", self.dialect.content_of(less, ranges.type))
        if isinstance(high, Decimal):
            more = _EXACT.add(high, step)
            last = ("<=", self.dialect.content_of(more, ranges.type))
        return replace(self.common(ranges), around=(first, last))

    # Floats: servers have one zero, and not all of them what is no number

    def float(self, ranges: SortedRangeSet) -> Shape:
        numbers = [item for item in ranges.ranges if not _is_between_zeros(item)]
        if not self.dialect.has_nan:
            numbers = [_finite(item) for item in numbers if _has_finite(item)]
        merged = SortedRangeSet.of(
            ranges.type, map(_with_both_zeros, numbers), null_allowed=ranges.null_allowed
        )
        shape = Shape(spans=EVERYTHING) if merged.is_all else self.common(merged)
        if ranges.contains(0.0) != ranges.contains(-0.0):
            return replace(shape, reason="The server does not tell -0.0 from 0.0.")
        return shape

    # Times: Athena has milliseconds

    def time(self, ranges: SortedRangeSet) -> Shape:
        shape = self.common(ranges)
        if self.subject.column.sub_millisecond:
            shape = self._with_windows(shape, ranges)
        if self.subject.type_name != "timestamptz":
            return shape
        return replace(
            shape,
            points=tuple(map(_utc, shape.points)),
            spans=tuple(map(_utc_span, shape.spans)),
            excluded=None if shape.excluded is None else tuple(map(_utc, shape.excluded)),
            around=_utc_span(shape.around),
        )

    def _with_windows(self, shape: Shape, ranges: SortedRangeSet) -> Shape:
        """Return a shape whose spans, and single values if few, are whole milliseconds."""
        if len(shape.excluded or ()) > _MAX_WINDOWS:
            return shape
        whole = tuple(self._windows([Range(ranges.ranges[0].low, ranges.ranges[-1].high)]))
        if shape.reason or not whole:
            return replace(shape, spans=whole)
        if len(shape.points) <= _MAX_WINDOWS:
            return Shape(spans=tuple(self._windows(ranges.ranges)))
        spans = tuple(self._windows(item for item in ranges.ranges if item.low != item.high))
        return replace(shape, spans=spans, around=whole[0])

    def _windows(self, ranges: Iterable[Range]) -> Iterator[Span]:
        end_of_time = None if self.dialect.has_later_times else LAST_MS
        for item in ranges:
            low, high = item.low, item.high
            first = last = None
            if isinstance(low.value, int):
                start = low.value + (low.bound is not Bound.EXACTLY)
                if end_of_time is not None and start > end_of_time:
                    continue
                first = (">=", self._time(start))
            if isinstance(high.value, int):
                end = high.value + (high.bound is Bound.EXACTLY)
                if end_of_time is None or end <= end_of_time:
                    last = ("<", self._time(end))
            yield first, last

    def _time(self, ms: int) -> str:
        return self.dialect.content_of(ms, pa.date64())

    # Texts

    def text(self, ranges: SortedRangeSet, *, utf16: bool) -> Shape:
        shape = self.common(ranges)
        texts = [*shape.points, *(shape.excluded or ()), *(content for _, content in _edges(shape))]
        if not all(map(is_storable_text, texts)):
            raise NotPushedError("A text holds half a surrogate pair, which no server text can.")
        if utf16 and any(
            max(content, default="") >= _FIRST_DISORDERED for _, content in _edges(shape)
        ):
            raise NotPushedError(
                "A range ends in a text with a character from U+E000 on, around which the"
                " server's order is another."
            )
        return shape if self.dialect.has_nul else _without_nul(shape)


def _is_between_zeros(item: Range) -> bool:
    """Whether a range is that from -0.0 to 0.0 without either, which holds no number."""
    low, high = item.low, item.high
    return low.value == high.value == 0 and (low.bound, high.bound) == (Bound.ABOVE, Bound.BELOW)


def _with_both_zeros(item: Range) -> Range:
    """Return a range that holds both zeros if it held one, with ends of 0.0 for -0.0."""
    low, high = item.low, item.high
    if low.value == 0:
        holds_one = low.bound is Bound.EXACTLY or str(low.value).startswith("-")
        low = Marker(0.0, Bound.EXACTLY if holds_one else Bound.ABOVE)
    if high.value == 0:
        holds_one = high.bound is Bound.EXACTLY or not str(high.value).startswith("-")
        high = Marker(0.0, Bound.EXACTLY if holds_one else Bound.BELOW)
    return Range(low, high)


def _has_finite(item: Range) -> bool:
    """Whether a range may hold a number, be it that between the greatest and infinity."""
    low, high = item.low.value, item.high.value
    above = isinstance(low, float) and (math.isnan(low) or low == math.inf)
    return not above and high != -math.inf


def _finite(item: Range) -> Range:
    """Return a range that holds the same numbers and has no end that is none."""
    low, high = item.low, item.high
    if low.value == -math.inf:
        low = Marker(None, Bound.ABOVE)
    if isinstance(high.value, float) and not math.isfinite(high.value):
        high = Marker(None, Bound.BELOW)
    return Range(low, high)


def _clamp(ranges: SortedRangeSet, first: int, last: int) -> SortedRangeSet:
    """Return a set that agrees with another from first to last and has no end beyond."""
    kept = []
    for item in ranges.ranges:
        low, high = _number(item.low, first - 1), _number(item.high, last + 1)
        if low > last or high < first:
            continue
        kept.append(
            Range(
                Marker(None, Bound.ABOVE) if low < first else item.low,
                Marker(None, Bound.BELOW) if high > last else item.high,
            )
        )
    return SortedRangeSet(ranges.type, tuple(kept), ranges.null_allowed)


def _number(marker: Marker, default: int) -> int:
    return marker.value if isinstance(marker.value, int) else default


def _as_milliseconds(ranges: SortedRangeSet) -> SortedRangeSet:
    zoned = isinstance(ranges.type, pa.TimestampType)
    kept = tuple(
        Range(_plain_time(item.low, zoned=zoned), _plain_time(item.high, zoned=zoned))
        for item in ranges.ranges
    )
    return SortedRangeSet(pa.date64(), kept, ranges.null_allowed)


def _plain_time(marker: Marker, *, zoned: bool) -> Marker:
    value = marker.value
    if not isinstance(value, int):
        return marker
    ms = instant_ms(value) if zoned else value
    if not FIRST_MS <= ms <= LAST_MS:
        raise NotPushedError(
            "A time lies outside of the years 1 to 9999; Athena is known to send microseconds"
            " in place of milliseconds."
        )
    return Marker(ms, marker.bound)


def _utc(content: str) -> str:
    return f"{content}+00"


def _utc_span(span: Span) -> Span:
    low, high = span
    return low and (low[0], _utc(low[1])), high and (high[0], _utc(high[1]))


def _edges(shape: Shape) -> list[Edge]:
    return [edge for span in shape.spans for edge in span if edge is not None]


def _without_nul(shape: Shape) -> Shape:
    """Leave out what no text of the server is, because none has the character U+0000.

    Between a text and the same with U+0000 and more after it there is none either.
    """
    return replace(
        shape,
        points=tuple(text for text in shape.points if "\0" not in text),
        spans=tuple(
            (low and _cut_at_nul(low, ">"), high and _cut_at_nul(high, "<="))
            for low, high in shape.spans
        ),
        excluded=None
        if shape.excluded is None
        else tuple(text for text in shape.excluded if "\0" not in text),
    )


def _cut_at_nul(edge: Edge, operator: str) -> Edge:
    before, nul, _ = edge[1].partition("\0")
    return (operator, before) if nul else edge


def _uuid_shape(shape: Shape, subject: Subject) -> tuple[Shape, Subject]:
    shape = replace(
        shape,
        points=tuple(text for text in shape.points if _UUID.fullmatch(text)),
        excluded=None
        if shape.excluded is None
        else tuple(text for text in shape.excluded if _UUID.fullmatch(text)),
    )
    if all(_UUID.fullmatch(content) for _, content in _edges(shape)):
        return shape, subject
    as_text = replace(subject, ordered=subject.value, equal=subject.value, type_name="text")
    return shape, as_text
