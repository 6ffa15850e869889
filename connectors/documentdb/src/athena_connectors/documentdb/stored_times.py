"""Dates and timestamps that a column reads as times of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import Kind
from athena_connectors.common.valueset import Bound
from athena_connectors.documentdb.filters import one_of
from bson.datetime_ms import DatetimeMS
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.valueset import Marker, SortedRangeSet
    from athena_connectors.documentdb.fields import Subject
    from athena_connectors.documentdb.filters import Filter

__all__ = ["time_filters"]

_DAY = 86_400_000
_LEAST, _GREATEST = -(2**63), 2**63 - 1
_LAST_SECOND = 2**32 - 1
_LAST_INCREMENT = 2**32 - 1


def time_filters(values: SortedRangeSet, subject: Subject) -> Iterator[Filter]:
    """Yield filters one of which every date or timestamp of a set passes."""
    dates: list[Any] = []
    for item in values.ranges:
        low = _first(item.low, subject)
        high = _last(item.high, subject)
        if low > high:
            continue
        if low == high:
            dates.append(DatetimeMS(low))
        else:
            yield {subject.field: _between(low, high)}
        seconds = max(-(-low // 1000), 0), min(high // 1000, _LAST_SECOND)
        if seconds[0] <= seconds[1]:
            yield {
                subject.field: {
                    "$gte": Timestamp(seconds[0], 0),
                    "$lte": Timestamp(seconds[1], _LAST_INCREMENT),
                }
            }
    if dates:
        yield one_of(subject.field, dates)


def _between(low: int, high: int) -> dict[str, Any]:
    tests: dict[str, Any] = {}
    if low > _LEAST or high == _GREATEST:
        tests["$gte"] = DatetimeMS(low)
    if high < _GREATEST:
        tests["$lte"] = DatetimeMS(high)
    return tests


def _first(marker: Marker, subject: Subject) -> int:
    """Return the first millisecond inside of a low end."""
    if marker.value is None:
        return _LEAST
    count = _count(marker, subject) + (marker.bound is Bound.ABOVE)
    return max(count * _DAY if subject.kind is Kind.DATE else count, _LEAST)


def _last(marker: Marker, subject: Subject) -> int:
    """Return the last millisecond inside of a high end."""
    if marker.value is None:
        return _GREATEST
    count = _count(marker, subject) - (marker.bound is Bound.BELOW)
    return min((count + 1) * _DAY - 1 if subject.kind is Kind.DATE else count, _GREATEST)


def _count(marker: Marker, subject: Subject) -> int:
    assert isinstance(marker.value, int)
    return marker.value >> ZONE_BITS if subject.kind is Kind.INSTANT else marker.value
