"""What an item may hold for its row to show a wanted value: reading, turned around.

Every rounding of reading is undone by widening: a stored 0.0000000004 is a 0 in a column of
nine digits.
"""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from athena_connectors.common.physical import Kind
from athena_connectors.common.texts import is_text
from athena_connectors.common.valueset import Bound
from athena_connectors.dynamodb.literals import (
    Edge,
    Span,
    binary_span,
    merged,
    number_point,
    point,
    text_span,
)
from athena_connectors.dynamodb.storage import Stored, all_but, readable
from athena_connectors.dynamodb.stored_numbers import (
    stored_decimals,
    stored_floats,
    stored_integers,
)
from athena_connectors.dynamodb.time_spans import number_spans, text_spans

if TYPE_CHECKING:
    from athena_connectors.common.valueset import Marker, Range, SortedRangeSet
    from athena_connectors.dynamodb.storage import Subject

__all__ = ["stored"]

_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.INSTANT})

_OTHER_TYPES = "Attributes of other types may show the value too."
_ENDS = "An end of the range is cut, because it is long or texts are ordered otherwise there."
_TIME_TEXTS = "Not every text in the range need be a time."


def stored(values: SortedRangeSet, subject: Subject, *, utf16: bool) -> Stored:
    """Return what a column shows as values of a set, which is neither empty nor all.

    Args:
        values: Values of the column's type, or of ``REALS`` for one of whole or decimal
            numbers; whether NULL is among them does not count.
        subject: The column.
        utf16: Whether texts are ordered by UTF-16 code units, as in the engine's value
            sets, or by code points, as in its expressions.
    """
    tags = readable(subject)
    if subject.kind is Kind.TEXT:
        found = _texts(values, subject, utf16=utf16)
    elif subject.kind is Kind.BYTES:
        found = _binaries(values, subject)
    elif subject.kind is Kind.BOOLEAN:
        wanted = tuple(point(truth) for truth in (False, True) if values.contains(truth))
        found = Stored({"BOOL": wanted})
    elif subject.kind in _TIMES:
        found = _times(values, subject)
    elif subject.kind is Kind.FLOAT:
        found = stored_floats(values, subject)
    elif subject.kind is Kind.INTEGER:
        found = stored_integers(values, subject)
    else:
        found = stored_decimals(values, subject)
    spans = {tag: few for tag, few in found.spans.items() if tag in tags}
    excluded = {tag: few for tag, few in found.excluded.items() if tag in tags}
    escapes = tags.difference(spans)
    reason = _OTHER_TYPES if escapes else found.reason
    return Stored(spans, excluded, escapes, reason)


# Texts and bytes


def _texts(values: SortedRangeSet, subject: Subject, *, utf16: bool) -> Stored:
    if subject.column.key_type == "N":
        return _parsed_texts(values, "N", _as_number)
    if subject.column.key_type == "B":
        return _parsed_texts(values, "B", _as_bytes)
    excluded = values.excluded_points()
    if excluded is not None:
        kept = (str(text) for text in excluded)
        return all_but("S", (text for text in kept if _is_possible_text(text, subject)))
    spans = []
    for item in values.ranges:
        text = _point_value(item)
        if text is not None:
            if _is_possible_text(text, subject):
                spans.append(point(text))
        elif subject.max_bytes and item.high.value == "":
            continue
        else:
            low, high = _edge(item.low), _edge(item.high)
            if low is not None and low.value == "" and low.inclusive:
                low = None
            spans.append(text_span(low, high, utf16=utf16, max_bytes=subject.max_bytes))
    reason = _ENDS if any(span.is_widened for span in spans) else ""
    return Stored({"S": merged(spans)}, reason=reason)


def _is_possible_text(text: str, subject: Subject) -> bool:
    return is_text(text) and _is_possible(text.encode(), subject)


def _is_possible(content: bytes, subject: Subject) -> bool:
    """Whether a key may be so long; none is empty."""
    return not subject.max_bytes or 0 < len(content) <= subject.max_bytes


def _parsed_texts(values: SortedRangeSet, tag: str, parse: Any) -> Stored:
    points = values.points()
    if points is None:
        return Stored()
    contents = (parse(text) for text in points)
    return Stored({tag: merged(point(content) for content in contents if content is not None)})


_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?", re.ASCII)


def _as_number(text: str) -> Decimal | None:
    """Return the number that is shown as a text, if one is."""
    if _PLAIN_NUMBER.fullmatch(text) is None or text == "-0":
        return None
    return number_point(Decimal(text))


def _as_bytes(text: str) -> bytes | None:
    """Return the bytes that are shown as a text, if any are."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    is_canonical = base64.b64encode(content).decode() == text
    return content if is_canonical and content else None


def _binaries(values: SortedRangeSet, subject: Subject) -> Stored:
    excluded = values.excluded_points()
    if excluded is not None:
        kept = (content for content in excluded if isinstance(content, bytes))
        return all_but("B", (content for content in kept if _is_possible(content, subject)))
    spans = []
    for item in values.ranges:
        content = _point_value(item)
        if content is not None:
            if _is_possible(content, subject):
                spans.append(point(content))
        elif not (subject.max_bytes and item.high.value == b""):
            low = _edge(item.low)
            if low is not None and low.value == b"" and low.inclusive:
                low = None
            spans.append(binary_span(low, _edge(item.high), max_bytes=subject.max_bytes))
    reason = _ENDS if any(span.is_widened for span in spans) else ""
    return Stored({"B": merged(spans)}, reason=reason)


def _point_value(item: Range) -> Any:
    return item.low.value if item.low == item.high else None


def _edge(marker: Marker) -> Edge | None:
    if marker.value is None:
        return None
    assert isinstance(marker.value, str | bytes)
    return Edge(marker.value, marker.bound is Bound.EXACTLY)


# Times


def _times(values: SortedRangeSet, subject: Subject) -> Stored:
    time = subject.column.time
    if subject.kind is Kind.INSTANT:
        return Stored()
    is_date = subject.kind is Kind.DATE
    spans: dict[str, tuple[Span, ...]] = {}
    texts = text_spans(values, time, is_date=is_date)
    if texts is not None:
        spans["S"] = merged(texts)
    numbers = number_spans(values, time, is_date=is_date, is_rounded=subject.column.is_rounded)
    spans["N"] = merged(numbers)
    tags = readable(subject)
    inexact = [span for tag in tags for span in spans.get(tag, ()) if span.is_widened]
    return Stored(spans, reason=_TIME_TEXTS if inexact else "")
