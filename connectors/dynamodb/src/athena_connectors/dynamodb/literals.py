"""Values as DynamoDB takes them: numbers within its digits, texts and bytes within its keys.

A *span* is an interval of the values of one type that an attribute may have. What can't be
said exactly is widened, never narrowed: a span that was cut here may hold more values than
it was made for, and says so.

Source: reference of DynamoDB, "Supported data types" (38 digits, magnitudes from 1E-130 to
9.99E+125; texts by their UTF-8 bytes, bytes unsigned) and "Quotas" (key sizes).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any

from athena_connectors.common.texts import FIRST_SURROGATE, LAST_SURROGATE, text_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.dynamodb.access import AttributeValue

__all__ = [
    "Edge",
    "Span",
    "attribute_value",
    "binary_span",
    "intersected",
    "literal_text",
    "merged",
    "number_point",
    "number_span",
    "number_text",
    "point",
    "text_span",
    "value_identity",
    "value_size",
]

MAX_DIGITS = 38
MAX_HASH_BYTES = 2048
MAX_RANGE_BYTES = 1024

_LEAST = Decimal("1E-130")
_GREATEST = Decimal("9." + "9" * (MAX_DIGITS - 1) + "E+125")
_DOWN = Context(prec=MAX_DIGITS, rounding=ROUND_FLOOR)
_UP = Context(prec=MAX_DIGITS, rounding=ROUND_CEILING)
_LONG_EXPONENT = 40

_LAST_BYTE = 0xFF

Content = Decimal | str | bytes | bool
"""A value without its type: of N, S, B and BOOL."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a span."""

    value: Content
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of values of one type.

    Attributes:
        low: Its low end; ``None`` for none.
        high: Its high end; ``None`` for none.
        prefix: What exactly its texts begin with, if that is what it holds.
        is_widened: Whether it holds more values than it should.
    """

    low: Edge | None = None
    high: Edge | None = None
    prefix: str = ""
    is_widened: bool = False

    @property
    def point(self) -> Content | None:
        """The only value, if there is but one."""
        low, high = self.low, self.high
        both = low is not None and high is not None and low.inclusive and high.inclusive
        return low.value if both and low == high and low is not None else None


def point(value: Content) -> Span:
    """Return the span of one value."""
    edge = Edge(value, inclusive=True)
    return Span(edge, edge)


# Numbers


def number_point(value: Decimal) -> Decimal | None:
    """Return a number that an attribute may have, or ``None`` if none has it."""
    if not value:
        return Decimal(0)
    digits = len(value.normalize(Context(prec=1000)).as_tuple().digits)
    fits = digits <= MAX_DIGITS and _LEAST <= value.copy_abs() <= _GREATEST
    return value if fits else None


def number_span(low: Edge | None, high: Edge | None) -> Span | None:
    """Return the span between two numbers of any digits; ``None`` if it holds no value."""
    below, low_moved = _sendable(low, _DOWN)
    above, high_moved = _sendable(high, _UP)
    if (low is not None and _decimal(low) > _GREATEST) or (
        high is not None and _decimal(high) < _GREATEST.copy_negate()
    ):
        return None
    if below is not None and above is not None:
        one, two = _decimal(below), _decimal(above)
        if one > two or (one == two and not (below.inclusive and above.inclusive)):
            return None
    return Span(below, above, is_widened=low_moved or high_moved)


def _sendable(edge: Edge | None, outward: Context) -> tuple[Edge | None, bool]:
    if edge is None:
        return None, False
    value = _decimal(edge)
    if number_point(value) is not None:
        return edge, False
    if value.copy_abs() > _GREATEST:
        return None, False
    if value.copy_abs() < _LEAST:
        toward_zero = (value > 0) == (outward is _DOWN)
        moved = Decimal(0) if toward_zero else _LEAST.copy_sign(value)
    else:
        moved = outward.plus(value)
    return Edge(moved, inclusive=True), True


def _decimal(edge: Edge) -> Decimal:
    assert isinstance(edge.value, Decimal)
    return edge.value


def number_text(value: Decimal) -> str:
    """Return a number as DynamoDB takes it, in plain digits unless there are many zeros."""
    if not value:
        return "0"
    plain = value.normalize(Context(prec=1000))
    if abs(plain.adjusted()) > _LONG_EXPONENT:
        return str(plain)
    return format(plain, "f")


# Texts


def text_span(low: Edge | None, high: Edge | None, *, utf16: bool, max_bytes: int) -> Span:
    """Return the span between two texts.

    DynamoDB orders texts by UTF-8 bytes, which is the order of code points. UTF-16 code
    units differ from it only behind the first character from U+D800 on, so an end is cut
    there: in either order, all that is not less than a text is not less than its beginning.

    Args:
        low: The low end.
        high: The high end.
        utf16: Whether the ends are meant in the order of UTF-16 code units.
        max_bytes: Length beyond which an end is cut too; 0 for any.
    """
    prefix = _prefix(low, high)
    if prefix and _harmless(prefix, utf16=utf16, max_bytes=max_bytes) == prefix:
        return Span(low, high, prefix=prefix)
    below, low_moved = _text_edge(low, utf16=utf16, max_bytes=max_bytes, upward=False)
    above, high_moved = _text_edge(high, utf16=utf16, max_bytes=max_bytes, upward=True)
    return Span(below, above, is_widened=low_moved or high_moved)


def _prefix(low: Edge | None, high: Edge | None) -> str:
    """Return what texts of a span begin with, if its high end is the next such text."""
    if low is None or high is None or not low.inclusive or high.inclusive:
        return ""
    text, end = low.value, high.value
    if not isinstance(text, str) or not text or ord(text[-1]) >= ord(FIRST_SURROGATE) - 1:
        return ""
    return text if end == text[:-1] + chr(ord(text[-1]) + 1) else ""


def _harmless(text: str, *, utf16: bool, max_bytes: int) -> str:
    last = "\U0010ffff" if utf16 else LAST_SURROGATE
    harmful = (i for i, char in enumerate(text) if FIRST_SURROGATE <= char <= last)
    kept = text[: next(harmful, len(text))]
    if max_bytes:
        # The text that follows it may take a byte more.
        kept = kept.encode()[: max_bytes - 1].decode(errors="ignore")
    return kept


def _text_edge(
    edge: Edge | None, *, utf16: bool, max_bytes: int, upward: bool
) -> tuple[Edge | None, bool]:
    if edge is None:
        return None, False
    assert isinstance(edge.value, str)
    kept = _harmless(edge.value, utf16=utf16, max_bytes=max_bytes)
    if kept == edge.value:
        return edge, False
    if not upward:
        return (Edge(kept, inclusive=True) if kept else None), True
    following = text_after(kept)
    return (Edge(following, inclusive=False) if following else None), True


# Bytes


def binary_span(low: Edge | None, high: Edge | None, *, max_bytes: int) -> Span:
    """Return the span between two byte strings; as ``text_span``."""
    below, low_moved = _binary_edge(low, max_bytes=max_bytes, upward=False)
    above, high_moved = _binary_edge(high, max_bytes=max_bytes, upward=True)
    return Span(below, above, is_widened=low_moved or high_moved)


def _binary_edge(edge: Edge | None, *, max_bytes: int, upward: bool) -> tuple[Edge | None, bool]:
    if edge is None:
        return None, False
    assert isinstance(edge.value, bytes)
    if not max_bytes or len(edge.value) <= max_bytes:
        return edge, False
    kept = edge.value[:max_bytes]
    if not upward:
        return Edge(kept, inclusive=True), True
    body = kept.rstrip(bytes((_LAST_BYTE,)))
    following = body[:-1] + bytes((body[-1] + 1,)) if body else b""
    return (Edge(following, inclusive=False) if following else None), True


# Spans together; those of one list are of one type


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same values as spans that are ascending and do not overlap."""
    found: list[Span] = []
    for span in sorted(spans, key=_low_cut):
        last = found[-1] if found else None
        if last is None or _low_cut(span) > _high_cut(last):
            found.append(span)
        elif _high_cut(span) > _high_cut(last):
            widened = last.is_widened or span.is_widened
            found[-1] = Span(last.low, span.high, is_widened=widened)
    return tuple(found)


def intersected(one: Sequence[Span], two: Sequence[Span]) -> tuple[Span, ...]:
    """Return the values that are in spans of both lists, which ``merged`` has made."""
    found: list[Span] = []
    left = right = 0
    while left < len(one) and right < len(two):
        pair = one[left], two[right]
        low, high = max(pair, key=_low_cut), min(pair, key=_high_cut)
        if low is high:
            found.append(low)
        elif _low_cut(low) < _high_cut(high):
            widened = any(span.is_widened for span in pair)
            found.append(Span(low.low, high.high, is_widened=widened))
        if high is pair[0]:
            left += 1
        else:
            right += 1
    return tuple(found)


def _low_cut(span: Span) -> tuple[Any, ...]:
    if span.low is None:
        return (-1,)
    return (0, _order(span.low.value), int(not span.low.inclusive))


def _high_cut(span: Span) -> tuple[Any, ...]:
    if span.high is None:
        return (1,)
    return (0, _order(span.high.value), int(span.high.inclusive))


def _order(value: Content) -> Any:
    return value.encode() if isinstance(value, str) else value


# Attribute values


def attribute_value(value: Content) -> AttributeValue:
    """Return a value with its type."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case Decimal():
            return {"N": number_text(value)}


def value_identity(value: AttributeValue) -> tuple[str, Any]:
    """Return what is equal for equal values: numbers go by value."""
    ((tag, content),) = value.items()
    return tag, Decimal(content) if tag == "N" else content


def value_size(value: AttributeValue) -> int:
    """Return about how many bytes a value takes in a request."""
    ((_, content),) = value.items()
    if isinstance(content, str):
        return len(content.encode())
    return len(content) if isinstance(content, bytes) else 1


def literal_text(value: AttributeValue) -> str:
    """Return a value for people to read."""
    ((tag, content),) = value.items()
    match tag:
        case "S":
            return json.dumps(content, ensure_ascii=False)
        case "B":
            return f"X'{content.hex().upper()}'"
        case "BOOL":
            return "true" if content else "false"
        case _:
            return str(content)
