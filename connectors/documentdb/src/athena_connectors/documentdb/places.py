"""Values of ``_id`` at some distance of each other, to look at a collection from.

Which they are must not change with every document that is inserted, so that all who look at
a collection see the same: they lie on a grid whose points do not depend on where exactly the
lowest and the highest value are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.binary import BINARY_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.objectid import ObjectId

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["places"]

_OBJECT_ID_BYTES = 12
_LAST_SURROGATE = 0xDFFF
_FIRST_SURROGATE = 0xD800


def places(low: Any, high: Any, most: int) -> Sequence[Any]:
    """Return values that are greater than one and not greater than another, in order.

    Args:
        low: The lowest value of ``_id``.
        high: The highest one.
        most: How many are wanted at most.

    Returns:
        Half of ``most`` at least where there is room; none where the two are of different
        types, or of a type whose values have no distance.
    """
    match low, high:
        case ObjectId(), ObjectId():
            return _grid(_number(low.binary), _number(high.binary), most, _object_id)
        case DatetimeMS(), DatetimeMS():
            return _grid(int(low), int(high), most, DatetimeMS)
        case (bool(), _) | (_, bool()):
            return ()
        case int(), int():
            return _grid(low, high, most, Int64)
        case str(), str():
            return _texts(low, high, most)
        case bytes(), bytes() if (_subtype(low), len(low)) == (_subtype(high), len(high)):
            size, subtype = len(low), _subtype(low)
            return _grid(
                _number(low),
                _number(high),
                most,
                lambda number: Binary(number.to_bytes(size, "big"), subtype),
            )
        case _:
            return ()


def _subtype(content: bytes) -> int:
    return content.subtype if isinstance(content, Binary) else BINARY_SUBTYPE


def _number(content: bytes) -> int:
    return int.from_bytes(content, "big")


def _object_id(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(_OBJECT_ID_BYTES, "big"))


def _grid(low: int, high: int, most: int, make: Callable[[int], Any]) -> list[Any]:
    """Return the multiples of a power of two that lie between two numbers."""
    step = 1
    while (high // step) - (low // step) > most:
        step *= 2
    return [make(number * step) for number in range(low // step + 1, high // step + 1)]


def _texts(low: str, high: str, most: int) -> list[str]:
    """Return texts that differ at the first place at which two others differ."""
    size = next((place for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), -1)
    if size < 0:
        return []
    return [
        high[:size] + chr(number)
        for number in _grid(ord(low[size]), ord(high[size]), most, int)
        if not _FIRST_SURROGATE <= number <= _LAST_SURROGATE
    ]
