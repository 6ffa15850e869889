"""Value sets of columns as reaches.

Every event has a time, and so has every row its ``time``, ``event_time``, ``log_stream`` and
``log_group``: they are never NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.filter_patterns import longest_run
from athena_connectors.cloudwatch_logs.reach import NEVER, Reach, always
from athena_connectors.cloudwatch_logs.stream_names import StreamSet, prefix_of
from athena_connectors.cloudwatch_logs.types import (
    EVENT_TIME,
    FILTER_PATTERN,
    INGESTION_TIME,
    LOG_GROUP,
    LOG_STREAM,
    MESSAGE,
    TIME,
)
from athena_connectors.cloudwatch_logs.windows import (
    ALL_TIMES,
    Spans,
    event_times,
    integers,
    intersected,
)
from athena_connectors.common.ordering import has_order
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    as_ranges,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.valueset import Range, ValueSet

__all__ = ["KINDS", "domain_reach", "nullness", "ranges_reach", "times_reach"]

KINDS: Mapping[str, Kind] = {
    TIME: Kind.INTEGER,
    EVENT_TIME: Kind.DATETIME,
    INGESTION_TIME: Kind.INTEGER,
    LOG_STREAM: Kind.TEXT,
    MESSAGE: Kind.TEXT,
    FILTER_PATTERN: Kind.TEXT,
}
"""Columns that CloudWatch Logs can be asked for, and how they compare."""

_NOT_NULL = frozenset({TIME, EVENT_TIME, LOG_STREAM, LOG_GROUP})
_OWN = "CloudWatch Logs can't be asked for the column."
_TYPES = "Values of different types are compared here."
_MAYBE = "A set of neither all values nor NULL may have been NOT NULL on the wire."
_INGESTION = (
    "CloudWatch Logs finds events by their own time, which is up to 14 days before and 2 hours"
    " after they came."
)
_STREAMS = "CloudWatch Logs knows names of streams and what they begin with, no other condition."
_MESSAGES = "The condition on messages says of no characters that they are in all of them."
_RUN = "The pattern asks for a part of the condition on messages only."
_PATTERNS = "Filter patterns are known by = and IN alone, so this is evaluated here."


def domain_reach(column: str, values: ValueSet, known: Mapping[str, str]) -> Reach:
    """Return where the value of a column is in a set, or NULL if the set has it.

    Args:
        column: The column.
        values: The set.
        known: Columns that have the same value in all rows, and that value.
    """
    if isinstance(values, AllOrNoneValueSet):
        if values.is_none:
            return always(_MAYBE)
        return nullness(column, some=values.all, null_allowed=values.null_allowed)
    if isinstance(values, EquatableValueSet) and not has_order(values.type):
        return always(_TYPES)
    ranges = as_ranges(values)
    if ranges.is_all or ranges.is_none:
        return nullness(column, some=ranges.is_all, null_allowed=ranges.null_allowed)
    if column in known and kind_of(values.type) is Kind.TEXT:
        return always() if ranges.contains(known[column]) else NEVER
    if column not in KINDS:
        return always(_OWN)
    if kind_of(values.type) is not KINDS[column]:
        return always(_TYPES)
    return ranges_reach(column, ranges.ranges, null_allowed=ranges.null_allowed)


def nullness(column: str, *, some: bool, null_allowed: bool) -> Reach:
    """Return where a column has any value, if ``some``, or is NULL, if that is allowed."""
    if some and null_allowed:
        return always()
    if not some and not null_allowed:
        return NEVER
    if column in _NOT_NULL:
        return always() if some else NEVER
    if column == FILTER_PATTERN:
        return Reach(needs_pattern=True) if some else always(_PATTERNS)
    return always(_OWN)


def ranges_reach(column: str, ranges: tuple[Range, ...], *, null_allowed: bool) -> Reach:
    """Return where a column of ``KINDS`` has a value in some ranges, or NULL if allowed.

    Args:
        column: The column.
        ranges: Values of the column's kind; one at least, and not all values.
        null_allowed: Whether it may be NULL instead.
    """
    if column == LOG_STREAM:
        return _streams_reach(ranges)
    if column == MESSAGE:
        return always(_MESSAGES) if null_allowed else _messages_reach(ranges)
    if column == FILTER_PATTERN:
        return always(_PATTERNS) if null_allowed else _patterns_reach(ranges)
    return times_reach(column, integers(ranges), null_allowed=null_allowed)


def times_reach(column: str, spans: Spans, *, null_allowed: bool = False) -> Reach:
    """Return where a column of times has a value in some spans, or NULL if allowed."""
    if column != INGESTION_TIME:
        return Reach(times=intersected(spans, ALL_TIMES))
    if null_allowed:
        return always(_INGESTION)
    return Reach(times=event_times(spans), reason=_INGESTION)


def _streams_reach(ranges: tuple[Range, ...]) -> Reach:
    names: list[str] = []
    prefixes: list[str] = []
    is_whole = True
    for item in ranges:
        point = _point(item)
        if point is not None:
            names.append(point)
            continue
        prefix, is_exact = prefix_of(item)
        prefixes.append(prefix)
        is_whole = is_whole and is_exact
    return Reach(streams=StreamSet.of(names, prefixes), reason="" if is_whole else _STREAMS)


def _messages_reach(ranges: tuple[Range, ...]) -> Reach:
    run = ""
    if len(ranges) == 1:
        point = _point(ranges[0])
        run = longest_run([prefix_of(ranges[0])[0] if point is None else point])
    return Reach(run=run, reason=_RUN if run else _MESSAGES)


def _patterns_reach(ranges: tuple[Range, ...]) -> Reach:
    points = [_point(item) for item in ranges]
    listed = frozenset(point for point in points if point is not None)
    if len(listed) == len(ranges):
        return Reach(patterns=listed, needs_pattern=True)
    return Reach(needs_pattern=True, reason=_PATTERNS)


def _point(item: Range) -> str | None:
    if item.low != item.high:
        return None
    assert isinstance(item.low.value, str)
    return item.low.value
