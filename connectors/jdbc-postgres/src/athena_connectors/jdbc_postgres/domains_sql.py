"""Value sets as SQL: true exactly for the rows whose value is in the set, or for more.

Texts and sets of floats need care. Value sets order texts by UTF-16 code units and tell
-0.0 from 0.0, the server does neither; what would lose a row by that is widened or left.
Source: wire protocol, sections 10.3 and 10.7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.ordering import has_order, same_type
from athena_connectors.common.physical import Kind
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    Bound,
    EquatableValueSet,
    Marker,
    Range,
    SortedRangeSet,
    as_ranges,
)
from athena_connectors.jdbc_postgres.comparisons import (
    TEXTS,
    NotPushedError,
    is_not_null,
    is_null,
    subject_of,
)
from athena_connectors.jdbc_postgres.literals import (
    FIRST_DAY,
    FIRST_MS,
    LAST_DAY,
    LAST_MS,
    array_literal,
    content_of,
    instant_ms,
    server_type,
    typed,
)
from athena_connectors.jdbc_postgres.types import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.valueset import Value, ValueSet
    from athena_connectors.jdbc_postgres.comparisons import PushdownSettings, Subject
    from athena_connectors.jdbc_postgres.types import Column

__all__ = ["FALSE", "MAX_POINTS", "Fragment", "domain_sql", "membership_sql"]

FALSE = "false"
MAX_POINTS = 50_000
"""Single values of one set that are pushed as such; beyond, numbers and dates as a range."""
_MAX_SPANS = 1000
_MAX_WINDOWS = 16
_EXACT = Context(prec=100)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_FIRST_DISORDERED = "\ue000"
_TOO_MANY = "There are too many values to list."


@dataclass(frozen=True, slots=True)
class Fragment:
    """SQL of one predicate, and whether it is exact; ``text`` is empty if all rows pass."""

    text: str
    reason: str = ""

    @property
    def exact(self) -> bool:
        """Whether it holds for no other rows than the predicate does."""
        return not self.reason


_Edge = tuple[str, str]
"""Operator and content of a constant."""
_Span = tuple[_Edge | None, _Edge | None]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A value set in the server's terms, before it becomes text.

    ``excluded`` are the values that alone are missing; without it, the set is ``points``
    and ``spans`` together. ``around`` says more of the bare column, for an index.
    """

    points: tuple[str, ...] = ()
    spans: tuple[_Span, ...] = ()
    excluded: tuple[str, ...] | None = None
    around: _Span = (None, None)
    reason: str = ""

    @property
    def bounded(self) -> bool:
        return self.excluded is None and all(low and high for low, high in self.spans)


_EVERYTHING = ((None, None),)


def domain_sql(values: ValueSet, column: Column, settings: PushdownSettings) -> Fragment:
    """Return the SQL for "the column's value is in the set".

    Raises:
        NotPushedError: No SQL would be of use, or none is safe.
    """
    if isinstance(values, AllOrNoneValueSet):
        if values.is_none:
            raise NotPushedError(
                "A set of neither all values nor NULL may have been NOT NULL on the wire."
            )
        return Fragment(_by_nullness(column, some=values.all, null_allowed=values.null_allowed))
    ranges = _as_ranges(values)
    if ranges is None or ranges.is_all or ranges.is_none:
        some = ranges.is_all if ranges is not None else not _is_white(values)
        return Fragment(_by_nullness(column, some=some, null_allowed=values.null_allowed))
    if not same_type(ranges.type, column.arrow):
        raise NotPushedError(
            f"The constraint is of type {ranges.type}, the column of type {column.arrow}."
        )
    subject = subject_of(column)
    _check_setting(subject, ranges, settings)
    return membership_sql(ranges, subject, utf16=True)


def membership_sql(ranges: SortedRangeSet, subject: Subject, *, utf16: bool) -> Fragment:
    """Return the SQL for a set that is neither empty nor all.

    It is true where it should be and false or NULL elsewhere, so it may stand below AND
    and OR, and not below NOT.

    Args:
        ranges: Values of the type of the column.
        subject: The column.
        utf16: Whether texts are ordered by UTF-16 code units, not by code points.

    Raises:
        NotPushedError: No SQL would be of use, or none is safe.
    """
    if subject.kind is Kind.BOOLEAN:
        return _boolean(ranges, subject)
    if subject.kind is Kind.INTEGER:
        # The set's type may be the wider one, and then hold values that the column's can't.
        subject = replace(subject, type_name=server_type(ranges.type))
    shape, subject = _shape(ranges, subject, utf16=utf16)
    return _render(shape, subject, null_allowed=ranges.null_allowed)


def _is_white(values: ValueSet) -> bool:
    return isinstance(values, EquatableValueSet) and values.white_list


def _as_ranges(values: SortedRangeSet | EquatableValueSet) -> SortedRangeSet | None:
    """Return a set as ranges; ``None`` for one without values of a type without order."""
    if isinstance(values, SortedRangeSet) or has_order(values.type):
        return as_ranges(values)
    if values.values:
        raise NotPushedError(f"Values of type {values.type} are never compared.")
    return None


def _by_nullness(column: Column, *, some: bool, null_allowed: bool) -> str:
    if some:
        return "" if null_allowed else is_not_null(column)
    return is_null(column) if null_allowed else FALSE


def _check_setting(subject: Subject, ranges: SortedRangeSet, settings: PushdownSettings) -> None:
    if subject.column.comparison not in TEXTS or settings.string_pushdown == "exact":
        return
    if settings.string_pushdown == "equality_only" and (
        ranges.points() is not None or ranges.excluded_points() is not None
    ):
        return
    raise NotPushedError(f"Setting string_pushdown is {settings.string_pushdown}.")


def _boolean(ranges: SortedRangeSet, subject: Subject) -> Fragment:
    wanted = [truth for truth in (True, False) if ranges.contains(truth)]
    points = tuple(content_of(truth, ranges.type) for truth in wanted)
    shape = _Shape(spans=_EVERYTHING) if len(points) > 1 else _Shape(points=points)
    return _render(shape, subject, null_allowed=ranges.null_allowed)


# Shapes


def _shape(ranges: SortedRangeSet, subject: Subject, *, utf16: bool) -> tuple[_Shape, Subject]:
    match subject.column.comparison:
        case Comparison.UUID:
            return _uuid_shape(ranges, subject)
        case Comparison.FLOAT:
            shape = _float_shape(ranges, subject)
        case Comparison.DATE:
            shape = _common_shape(_clamp(ranges, FIRST_DAY, LAST_DAY), subject)
        case Comparison.TIMESTAMP | Comparison.TIMESTAMPTZ:
            shape = _time_shape(_as_milliseconds(ranges), subject)
        case _ if subject.kind is Kind.TEXT:
            shape = _text_shape(ranges, subject, utf16=utf16)
        case _ if subject.step is not None:
            shape = _rounded_shape(ranges, subject, subject.step)
        case _:
            shape = _common_shape(ranges, subject)
    return shape, subject


def _common_shape(ranges: SortedRangeSet, subject: Subject) -> _Shape:
    """Return the shape of values that the server orders as the set does."""
    excluded = ranges.excluded_points()
    if excluded is not None:
        if len(excluded) > MAX_POINTS:
            return _Shape(spans=_EVERYTHING, reason=_TOO_MANY)
        return _Shape(excluded=_contents(excluded, ranges.type))
    points = [item.low.value for item in ranges.ranges if item.low == item.high]
    spans = [item for item in ranges.ranges if item.low != item.high]
    if len(points) > MAX_POINTS or len(spans) > _MAX_SPANS:
        return _bounding_shape(ranges, subject)
    return _Shape(
        _contents((point for point in points if point is not None), ranges.type),
        tuple(_span(item, ranges.type) for item in spans),
    )


def _bounding_shape(ranges: SortedRangeSet, subject: Subject) -> _Shape:
    if subject.kind in (Kind.TEXT, Kind.BYTES):
        raise NotPushedError(_TOO_MANY)
    whole = Range(ranges.ranges[0].low, ranges.ranges[-1].high)
    return _Shape(spans=(_span(whole, ranges.type),), reason=_TOO_MANY)


def _contents(values: Iterable[Value], type_: pa.DataType) -> tuple[str, ...]:
    return tuple(content_of(value, type_) for value in values)


def _span(item: Range, type_: pa.DataType) -> _Span:
    return _edge(item.low, ">", type_), _edge(item.high, "<", type_)


def _edge(marker: Marker, operator: str, type_: pa.DataType) -> _Edge | None:
    if marker.value is None:
        return None
    inclusive = "=" if marker.bound is Bound.EXACTLY else ""
    return operator + inclusive, content_of(marker.value, type_)


def _rounded_shape(ranges: SortedRangeSet, subject: Subject, step: Decimal) -> _Shape:
    low, high = ranges.ranges[0].low.value, ranges.ranges[-1].high.value
    first = last = None
    if isinstance(low, Decimal):
        first = (">=", content_of(_EXACT.subtract(low, step), ranges.type))
    if isinstance(high, Decimal):
        last = ("<=", content_of(_EXACT.add(high, step), ranges.type))
    return replace(_common_shape(ranges, subject), around=(first, last))


# Floats: the server has one zero


def _float_shape(ranges: SortedRangeSet, subject: Subject) -> _Shape:
    numbers = [item for item in ranges.ranges if not _is_between_zeros(item)]
    merged = SortedRangeSet.of(
        ranges.type, map(_with_both_zeros, numbers), null_allowed=ranges.null_allowed
    )
    shape = _Shape(spans=_EVERYTHING) if merged.is_all else _common_shape(merged, subject)
    if ranges.contains(0.0) != ranges.contains(-0.0):
        return replace(shape, reason="The server does not tell -0.0 from 0.0.")
    return shape


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


# Dates and times: Athena has the years 1 to 9999, and milliseconds


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


def _time_shape(ranges: SortedRangeSet, subject: Subject) -> _Shape:
    shape = _common_shape(ranges, subject)
    if subject.column.sub_millisecond:
        shape = _with_windows(shape, ranges)
    if subject.type_name != "timestamptz":
        return shape
    return replace(
        shape,
        points=tuple(map(_utc, shape.points)),
        spans=tuple(map(_utc_span, shape.spans)),
        excluded=None if shape.excluded is None else tuple(map(_utc, shape.excluded)),
        around=_utc_span(shape.around),
    )


def _with_windows(shape: _Shape, ranges: SortedRangeSet) -> _Shape:
    """Return a shape whose spans, and single values if few, are whole milliseconds."""
    if len(shape.excluded or ()) > _MAX_WINDOWS:
        return shape
    whole = _window(Range(ranges.ranges[0].low, ranges.ranges[-1].high))
    if shape.reason:
        return replace(shape, spans=(whole,))
    if len(shape.points) <= _MAX_WINDOWS:
        return _Shape(spans=tuple(map(_window, ranges.ranges)))
    spans = tuple(_window(item) for item in ranges.ranges if item.low != item.high)
    return replace(shape, spans=spans, around=whole)


def _window(item: Range) -> _Span:
    low, high = item.low, item.high
    first = None
    if isinstance(low.value, int):
        after = low.bound is not Bound.EXACTLY
        first = (">=", content_of(low.value + after, pa.date64()))
    last = None
    if isinstance(high.value, int):
        through = high.bound is Bound.EXACTLY
        last = ("<", content_of(high.value + through, pa.date64()))
    return first, last


def _utc(content: str) -> str:
    return f"{content}+00"


def _utc_span(span: _Span) -> _Span:
    low, high = span
    return low and (low[0], _utc(low[1])), high and (high[0], _utc(high[1]))


# Texts


def _text_shape(ranges: SortedRangeSet, subject: Subject, *, utf16: bool) -> _Shape:
    shape = _common_shape(ranges, subject)
    texts = [*shape.points, *(shape.excluded or ()), *(content for _, content in _edges(shape))]
    if any(max(text, default="") >= "\ud800" and _has_surrogate(text) for text in texts):
        raise NotPushedError("A text holds half a surrogate pair, which no server text can.")
    if utf16 and any(max(content, default="") >= _FIRST_DISORDERED for _, content in _edges(shape)):
        raise NotPushedError(
            "A range ends in a text with a character from U+E000 on, around which the"
            " server's order is another."
        )
    return _without_nul(shape)


def _edges(shape: _Shape) -> list[_Edge]:
    return [edge for span in shape.spans for edge in span if edge is not None]


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _without_nul(shape: _Shape) -> _Shape:
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


def _cut_at_nul(edge: _Edge, operator: str) -> _Edge:
    before, nul, _ = edge[1].partition("\0")
    return (operator, before) if nul else edge


def _uuid_shape(ranges: SortedRangeSet, subject: Subject) -> tuple[_Shape, Subject]:
    shape = _text_shape(ranges, subject, utf16=False)
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


# Text of the statement


def _render(shape: _Shape, subject: Subject, *, null_allowed: bool) -> Fragment:
    if shape.excluded is not None:
        some = _excluding(shape.excluded, subject)
    elif shape.spans == _EVERYTHING:
        some = is_not_null(subject.column)
    else:
        some = _including(shape, subject)
    if null_allowed:
        absent = is_null(subject.column)
        everything = shape.spans == _EVERYTHING
        text = "" if everything else absent if some == FALSE else f"({absent} OR {some})"
    else:
        text = _guarded(some, shape, subject)
    return Fragment(text, shape.reason)


def _guarded(some: str, shape: _Shape, subject: Subject) -> str:
    """Keep out, at the ends that are open, what is no value here though the server has one."""
    if not subject.guard or shape.bounded or shape.spans == _EVERYTHING:
        return some
    if not subject.first:
        return f"({some} AND NOT ({subject.guard}))"
    ends = []
    if shape.excluded is not None or any(low is None for low, _ in shape.spans):
        ends.append(subject.first)
    if shape.excluded is not None or any(high is None for _, high in shape.spans):
        ends.append(subject.last)
    return f"({' AND '.join([some, *ends])})"


def _excluding(excluded: tuple[str, ...], subject: Subject) -> str:
    if not excluded:
        return is_not_null(subject.column)
    if len(excluded) == 1:
        return f"{subject.equal} <> {typed(excluded[0], subject.type_name)}"
    return f"{subject.equal} <> ALL({array_literal(excluded, subject.type_name)})"


def _including(shape: _Shape, subject: Subject) -> str:
    parts = [_span_sql(span, subject, subject.ordered) for span in shape.spans]
    if shape.points:
        parts.append(_points_sql(shape.points, subject))
    if not parts:
        return FALSE
    text = parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
    if any(shape.around):
        text = f"({_span_sql(shape.around, subject, subject.name)} AND {text})"
    return text


def _span_sql(span: _Span, subject: Subject, left: str) -> str:
    ends = [
        f"{left} {operator} {typed(content, subject.type_name)}"
        for operator, content in filter(None, span)
    ]
    return ends[0] if len(ends) == 1 else f"({' AND '.join(ends)})"


def _points_sql(points: tuple[str, ...], subject: Subject) -> str:
    exact = _equals(subject.equal, points, subject.type_name)
    if not subject.hint:
        return exact
    # The hint's constants take the column's own type, which has its own equality.
    return f"({_equals(subject.hint, points, '')} AND {exact})"


def _equals(left: str, points: tuple[str, ...], type_name: str) -> str:
    if len(points) == 1:
        return f"{left} = {typed(points[0], type_name or 'text')}"
    return f"{left} = ANY({array_literal(points, type_name)})"
