"""Attribute values, as the linter of DynamoDB requests sees them: valid, ordered, sized."""

from __future__ import annotations

import base64
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ORDERED", "TAGS", "about_value", "identity", "ordinal", "size_bytes"]

TAGS = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
ORDERED = frozenset({"S", "N", "B"})
"""Types whose values have an order."""

_MAX_DIGITS = 38
_EXPONENTS = range(-130, 126)
_EXACT = Context(prec=1000)


def about_value(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield what DynamoDB would refuse in a value, if anything."""
    if len(value) != 1 or not set(value) <= TAGS:
        yield f"{value} is no attribute value"
        return
    ((tag, plain),) = value.items()
    match tag:
        case "N":
            yield from _about_number(plain)
        case "SS" | "NS" | "BS" if not plain or len(set(plain)) < len(plain):
            yield f"a set that is empty or has a member twice: {plain}"
        case "NS":
            for number in plain:
                yield from _about_number(number)
        case "L":
            for item in plain:
                yield from about_value(item)
        case "M":
            for item in plain.values():
                yield from about_value(item)


def _about_number(text: str) -> Iterator[str]:
    try:
        number = Decimal(text)
    except InvalidOperation:
        yield f"{text!r} is no number"
        return
    digits = number.normalize(_EXACT).as_tuple().digits if number.is_finite() else ()
    if not digits or len(digits) > _MAX_DIGITS or (number and number.adjusted() not in _EXPONENTS):
        yield f"number {text} is out of range"


def ordinal(value: Mapping[str, Any]) -> Any:
    """Return what values of one type are ordered by."""
    ((tag, plain),) = value.items()
    match tag:
        case "N":
            return Decimal(plain).normalize(_EXACT)
        case "S":
            return plain.encode()
        case _:
            return _bytes(plain)


def _bytes(plain: bytes | str) -> bytes:
    return base64.b64decode(plain) if isinstance(plain, str) else bytes(plain)


def identity(key: Mapping[str, Any]) -> str:
    """Return a text that is the same for equal keys and for no others."""
    parts = [
        (name, tag, ordinal({tag: plain}) if tag in ORDERED else plain)
        for name, value in sorted(key.items())
        for tag, plain in value.items()
    ]
    return repr(parts)


def size_bytes(value: Mapping[str, Any]) -> int:
    """Return about how many bytes a value has; exact for texts and bytes."""
    size = 0
    for tag, plain in value.items():
        match tag:
            case "S":
                size += len(plain.encode("utf-8", "replace"))
            case "B":
                size += len(_bytes(plain))
            case _:
                size += len(str(plain))
    return size
