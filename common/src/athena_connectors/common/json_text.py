"""Values as JSON text, one form for each value, whichever source it comes from.

Separators are compact and letters beyond ASCII stand as they are. Members of objects are in
the order of their names. Numbers are written plainly, with all their digits, without an
exponent and without zeros at the end of a fraction. Bytes are base64 text. Sets are arrays
in the order of their elements: texts, then numbers, then bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["json_text", "number_text", "quoted"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def json_text(value: Any) -> str:
    """Return a value as JSON.

    Args:
        value: ``None``, ``bool``, ``int``, ``float``, ``Decimal``, ``str``, ``bytes``, or of
            such values a ``list``, ``tuple``, ``set``, ``frozenset``, or a ``dict`` with
            texts for keys. NaN and infinities are written as the texts ``"NaN"``,
            ``"Infinity"`` and ``"-Infinity"``.

    Raises:
        UnsupportedTypeError: A value is of another type, or a set holds lists or objects.
    """
    text = _written(value)
    return text if text.isascii() else _escaped(text)


def quoted(text: str) -> str:
    """Return a text as a JSON string."""
    written: str = encode_basestring(text)
    return written if written.isascii() else _escaped(written)


def number_text(number: str | Decimal) -> str:
    """Return a finite number plainly, with all its digits.

    There is no exponent, no sign of a zero, no zero before the first digit but one before
    the point, and no zero at the end of a fraction.

    Args:
        number: The number, or a text that ``Decimal`` reads as one.
    """
    if isinstance(number, str):
        # What needs no second look: digits, without a zero first.
        if number.isascii() and number.isdigit() and (number[0] != "0" or number == "0"):
            return number
        number = Decimal(number)
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _escaped(text: str) -> str:
    """Return JSON with halves of surrogate pairs escaped, which no encoding has room for."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _written(value: Any) -> str:  # noqa: C901, PLR0911 - one case for each type, in this order for speed
    kind = type(value)
    if kind is str:
        written: str = encode_basestring(value)
        return written
    if kind is Decimal:
        return number_text(value) if value.is_finite() else _not_finite(float(value))
    if kind is dict:
        members = (f"{encode_basestring(name)}:{_written(value[name])}" for name in sorted(value))
        return f"{{{','.join(members)}}}"
    if kind is list or kind is tuple:
        return f"[{','.join(map(_written, value))}]"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        exact = Decimal(repr(value))
        return number_text(exact) if exact.is_finite() else _not_finite(value)
    if kind is bytes:
        return f'"{b64encode(value).decode()}"'
    if kind is set or kind is frozenset:
        return f"[{','.join(map(_written, _in_order(value)))}]"
    raise UnsupportedTypeError(
        f"A value of type {kind.__name__} has no form in JSON.",
        hint="Let the connector turn it into a text, a number, a list or a dict first.",
    )


def _not_finite(number: float) -> str:
    if number != number:  # noqa: PLR0124 - NaN alone does not equal itself
        return '"NaN"'
    return '"Infinity"' if number > 0 else '"-Infinity"'


_RANKS: dict[type, int] = {str: 0, int: 1, float: 1, Decimal: 1, bytes: 2}


def _in_order(elements: Iterable[Any]) -> list[Any]:
    try:
        return sorted(elements, key=lambda element: (_RANKS[type(element)], element))
    except KeyError as cause:
        raise UnsupportedTypeError(
            f"A set with an element of type {cause.args[0].__name__} has no form in JSON.",
            hint="Let the connector turn it into a list first.",
        ) from None
