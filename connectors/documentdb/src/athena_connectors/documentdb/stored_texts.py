"""What a document may hold for a column of texts to show a wanted text.

Everything that is stored is shown as a text. For single texts the few other values are asked
for that show one of them; a range is asked for of strings and of ObjectIds, and every other
type is let through.

The server orders strings by their UTF-8 bytes, value sets go by UTF-16 code units, and bytes
that are no UTF-8 are read as U+FFFD. All three agree on what stands before the first letter
beyond ASCII, so the ends of a range are cut there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.texts import is_text, text_after
from athena_connectors.common.valueset import Bound
from athena_connectors.documentdb.filters import one_of
from athena_connectors.documentdb.lookalikes import Lookalikes
from athena_connectors.documentdb.predicates import other_types, without_arrays
from bson.objectid import ObjectId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.valueset import Range
    from athena_connectors.documentdb.fields import Subject
    from athena_connectors.documentdb.filters import Filter

__all__ = ["any_string", "range_filters", "text_filters"]

_REPLACEMENT = "\ufffd"
_HEX = "0123456789abcdef"
_ID_LENGTH = 24


def any_string(subject: Subject) -> Filter:
    """Return that a field holds a string, in a form that an index answers."""
    return {subject.field: {"$gte": ""}}


def text_filters(texts: Iterable[str], subject: Subject) -> tuple[list[Filter], bool]:
    """Return filters for documents in which a column shows one of some texts.

    Returns:
        Filters of which every such document passes one, and whether no other does.
    """
    possible = [text for text in texts if is_text(text)]
    alike = Lookalikes(subject)
    for text in possible:
        alike.add(text)
    is_damaged = any(_REPLACEMENT in text for text in possible)
    others = [*alike.filters(), *([any_string(subject)] if is_damaged else ())]
    if not possible:
        return others, True
    points = one_of(subject.field, [*possible, *alike.values])
    if others or not alike.is_exact or subject.is_collated:
        return [points, *others], False
    return [without_arrays(subject, points)], True


def range_filters(ranges: Sequence[Range], subject: Subject) -> Iterator[Filter]:
    """Yield filters for documents in which a column shows a text of some ranges."""
    for item in ranges:
        tests: dict[str, Any] = {}
        low, high = item.low.value, item.high.value
        assert low is None or isinstance(low, str)
        assert high is None or isinstance(high, str)
        if low:
            kept = _ascii_start(low)
            is_whole = kept == low and item.low.bound is Bound.ABOVE
            tests["$gt" if is_whole else "$gte"] = kept
        if high is not None:
            kept = _ascii_start(high)
            if kept == high:
                tests["$lte" if item.high.bound is Bound.EXACTLY else "$lt"] = kept
            elif kept:
                tests["$lt"] = text_after(kept)
        yield {subject.field: tests} if tests else any_string(subject)
        ids = _id_tests(item)
        if ids is not None:
            yield {subject.field: ids or {"$type": "objectId"}}
    yield other_types(subject, ("string", "objectId"))


def _ascii_start(text: str) -> str:
    return next((text[:place] for place, char in enumerate(text) if char > "\x7f"), text)


# ObjectIds, whose order is that of their texts


def _id_tests(item: Range) -> dict[str, ObjectId] | None:
    """Return the ObjectIds whose texts are in a range; ``None`` if there are none."""
    tests: dict[str, ObjectId] = {}
    low, high = item.low.value, item.high.value
    if isinstance(low, str):
        first = _first_id(low, inclusive=item.low.bound is Bound.EXACTLY)
        if first is None:
            return None
        tests["$gte"] = first
    if isinstance(high, str):
        behind = _first_id(high, inclusive=item.high.bound is not Bound.EXACTLY)
        if behind is not None:
            tests["$lt"] = behind
    if len(tests) > 1 and tests["$gte"] >= tests["$lt"]:
        return None
    return tests


def _first_id(text: str, *, inclusive: bool) -> ObjectId | None:
    """Return the first ObjectId whose text is not less than a text, or is greater."""
    digits = ""
    for char in text[:_ID_LENGTH]:
        if char not in _HEX:
            greater = next((digit for digit in _HEX if digit > char), None)
            return _padded(digits + greater) if greater else _following(digits)
        digits += char
    if len(digits) < _ID_LENGTH or (inclusive and len(text) == _ID_LENGTH):
        return _padded(digits)
    return _following(digits)


def _padded(digits: str) -> ObjectId:
    return ObjectId(digits.ljust(_ID_LENGTH, "0"))


def _following(digits: str) -> ObjectId | None:
    """Return the first ObjectId behind those that begin with some digits."""
    number = int(digits, 16) + 1 if digits else 1
    text = f"{number:0{len(digits)}x}"
    return _padded(text) if digits and len(text) == len(digits) else None
