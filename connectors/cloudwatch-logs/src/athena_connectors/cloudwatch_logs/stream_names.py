"""Names of log streams: what a predicate says of them, and what the service is asked for.

Texts in a range have what its ends have in common as a prefix, whether they are ordered by
UTF-16 code units, as value sets are, or by code points, as expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.selection import StreamSelector
from athena_connectors.common.valueset import Bound

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from athena_connectors.common.valueset import Range

__all__ = ["ALL_STREAMS", "StreamSet", "can_be_name", "prefix_of"]

_MAX_LENGTH = 512
_FOREIGN = frozenset(":*")


def can_be_name(text: str) -> bool:
    """Return whether a stream may have a name, or one that begins so if it is not empty.

    Source: CloudWatch Logs API, ``logStreamName``: ``[^:*]*``, 1 to 512 characters.
    """
    return 0 < len(text) <= _MAX_LENGTH and _FOREIGN.isdisjoint(text)


def prefix_of(item: Range) -> tuple[str, bool]:
    """Return what all texts of a range begin with, and whether all that do so are in it."""
    low, high = item.low.value, item.high.value
    if low is None or high is None:
        return "", item.low.value is item.high.value
    assert isinstance(low, str)
    assert isinstance(high, str)
    shared = _shared_beginning((low, high))
    place = len(shared)
    is_next = (
        item.high.bound is Bound.BELOW
        and place < len(low)
        and len(high) == place + 1
        and ord(high[place]) == ord(low[place]) + 1
    )
    if not is_next:
        return shared, False
    prefix = low[: place + 1]
    return prefix, low == prefix and item.low.bound is Bound.EXACTLY


@dataclass(frozen=True, slots=True)
class StreamSet:
    """Streams that have one of some names, or whose names begin with one of some prefixes.

    Attributes:
        names: Names; none begins with one of the prefixes.
        prefixes: Prefixes, none of which begins with another; an empty one stands for all
            streams.
    """

    names: frozenset[str]
    prefixes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str], prefixes: Iterable[str] = ()) -> StreamSet:
        """Make a set of any texts; names that no stream can have are not in it."""
        shortest: set[str] = set()
        for prefix in sorted(prefixes):
            possible = not prefix or can_be_name(prefix)
            if possible and not _begins_with_any(prefix, shortest):
                shortest.add(prefix)
        own = {name for name in names if can_be_name(name)}
        kept = (name for name in own if not _begins_with_any(name, shortest))
        return cls(frozenset(kept), frozenset(shortest))

    @property
    def is_empty(self) -> bool:
        """Whether no stream is in it."""
        return not self.names and not self.prefixes

    def union(self, other: StreamSet) -> StreamSet:
        """Return the streams of both."""
        return self.of(self.names | other.names, self.prefixes | other.prefixes)

    def intersect(self, other: StreamSet) -> StreamSet:
        """Return the streams that are in both."""
        shared = self.names & other.names
        shared |= {name for name in self.names if _begins_with_any(name, other.prefixes)}
        shared |= {name for name in other.names if _begins_with_any(name, self.prefixes)}
        prefixes = {item for item in self.prefixes if _begins_with_any(item, other.prefixes)}
        prefixes |= {item for item in other.prefixes if _begins_with_any(item, self.prefixes)}
        return self.of(shared, prefixes)

    def selector(self) -> StreamSelector:
        """Return what is asked for: the names, or what all names and prefixes begin with."""
        if not self.prefixes:
            return StreamSelector(tuple(sorted(self.names)))
        return StreamSelector(prefix=_shared_beginning(self.names | self.prefixes))

    def covers(self, selector: StreamSelector) -> bool:
        """Return whether every stream that is asked for is in it."""
        if selector.names is None:
            return _begins_with_any(selector.prefix, self.prefixes)
        return all(
            name in self.names or _begins_with_any(name, self.prefixes) for name in selector.names
        )


ALL_STREAMS = StreamSet(frozenset(), frozenset(("",)))
"""Every stream of a group."""


def _shared_beginning(texts: Collection[str]) -> str:
    """Return what all texts begin with: what the first and the last of them do."""
    first, last = min(texts), max(texts)
    for place, char in enumerate(first):
        if not last.startswith(char, place):
            return first[:place]
    return first


def _begins_with_any(text: str, prefixes: Iterable[str]) -> bool:
    return text.startswith(tuple(prefixes))
