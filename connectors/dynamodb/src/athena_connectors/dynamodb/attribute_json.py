"""Attribute values as JSON: compact, deterministic, numbers with all their digits.

Keys of maps are sorted; sets are arrays, sorted too, numbers by value and bytes as bytes.
Binary values are base64 texts.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from athena_connectors.dynamodb.numbers import plain_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from athena_connectors.dynamodb.access import AttributeValue

__all__ = ["as_base64", "as_bytes", "json_text", "map_text", "sorted_set"]


def as_base64(value: bytes | str) -> str:
    """Return a binary value as base64, which it is in a reply that botocore did not parse."""
    return value if isinstance(value, str) else b64encode(value).decode()


def as_bytes(value: bytes | str) -> bytes:
    """Return a binary value as bytes."""
    return b64decode(value) if isinstance(value, str) else bytes(value)


def sorted_set(tag: str, members: Sequence[Any]) -> list[Any]:
    """Return the members of a set, sorted.

    Args:
        tag: ``SS``, by code points; ``NS``, by value; ``BS``, by bytes.
        members: Its members.
    """
    return sorted(members, key=_SET_ORDERS[tag])


def json_text(value: AttributeValue) -> str:
    """Return a value as JSON."""
    for tag, content in value.items():
        return _WRITERS[tag](content)
    return "null"


def map_text(attributes: Mapping[str, AttributeValue]) -> str:
    """Return named values as a JSON object."""
    members = (
        f"{encode_basestring(name)}:{json_text(attributes[name])}" for name in sorted(attributes)
    )
    return f"{{{','.join(members)}}}"


def _binary_text(value: bytes | str) -> str:
    return f'"{as_base64(value)}"'


def _array_text(members: Sequence[Any], write: Callable[[Any], str]) -> str:
    return f"[{','.join(map(write, members))}]"


_SET_ORDERS: dict[str, Callable[[Any], Any] | None] = {"SS": None, "NS": Decimal, "BS": as_bytes}

_WRITERS: dict[str, Callable[[Any], str]] = {
    "S": encode_basestring,
    "N": plain_number,
    "BOOL": lambda value: "true" if value else "false",
    "NULL": lambda _: "null",
    "B": _binary_text,
    "L": lambda members: _array_text(members, json_text),
    "M": map_text,
    "SS": lambda members: _array_text(sorted_set("SS", members), encode_basestring),
    "NS": lambda members: _array_text(sorted_set("NS", members), plain_number),
    "BS": lambda members: _array_text(sorted_set("BS", members), _binary_text),
}
