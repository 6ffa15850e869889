"""Documents out of the bytes that the server sent, those too that the driver refuses.

The server stores binary data without a look at it. Where its subtype says UUID and it has not
16 bytes, or says the old form, with a length of its own, and that is wrong, the driver decodes
none of the documents around it. Here it is binary data of no subtype, all of its bytes.

Source: BSON specification 1.1.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import bson
from bson.binary import BINARY_SUBTYPE, OLD_BINARY_SUBTYPE, OLD_UUID_SUBTYPE, UUID_SUBTYPE
from bson.errors import InvalidBSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bson.codec_options import CodecOptions

__all__ = ["decode_documents"]

_UUID_SUBTYPES = frozenset({UUID_SUBTYPE, OLD_UUID_SUBTYPE})
_UUID_BYTES = 16
_LENGTH_BYTES = 4
_length = struct.Struct("<i").unpack_from

_END = 0x00
_DOCUMENT, _ARRAY = 0x03, 0x04
_BINARY = 0x05
_REGEX = 0x0B
_SCOPED_CODE = 0x0F
_TEXTS = {0x02: 0, 0x0C: 12, 0x0D: 0, 0x0E: 0}
"""Types that begin with a text, a pointer for one; and how many bytes follow that."""
_SIZES = {
    0x06: 0,
    0x0A: 0,
    0x7F: 0,
    0xFF: 0,  # undefined, null, maxKey, minKey
    0x01: 8,
    0x09: 8,
    0x11: 8,
    0x12: 8,  # double, date, timestamp, long
    0x07: 12,
    0x08: 1,
    0x10: 4,
    0x13: 16,  # ObjectId, bool, int, decimal
    _DOCUMENT: _LENGTH_BYTES,
    _ARRAY: _LENGTH_BYTES,  # what is in it follows
}
"""How many bytes the value of each other type has."""


def decode_documents(raw: bytes, options: CodecOptions[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return documents that stand one after the other.

    Args:
        raw: The documents.
        options: How their values are decoded.

    Raises:
        BSONError: One is malformed.
        RecursionError: One is nested too deep.
    """
    try:
        return bson.decode_all(raw, options)
    except InvalidBSON:
        places = list(_wrong_subtypes(raw))
        if not places:
            raise
    mended = bytearray(raw)
    for place in places:
        mended[place] = BINARY_SUBTYPE
    return bson.decode_all(bytes(mended), options)


def _wrong_subtypes(raw: bytes) -> Iterator[int]:
    """Yield where the subtypes are that the driver does not take, up to what is malformed."""
    try:
        for start in _binaries(raw):
            (length,) = _length(raw, start)
            subtype, content = raw[start + _LENGTH_BYTES], start + _LENGTH_BYTES + 1
            if subtype in _UUID_SUBTYPES:
                is_wrong = length != _UUID_BYTES
            else:
                is_wrong = subtype == OLD_BINARY_SUBTYPE and (
                    length < _LENGTH_BYTES or _length(raw, content)[0] != length - _LENGTH_BYTES
                )
            if is_wrong:
                yield start + _LENGTH_BYTES
    except (LookupError, ValueError, struct.error):
        return


def _binaries(raw: bytes) -> Iterator[int]:
    """Yield where the length of each binary value stands.

    Raises:
        LookupError, ValueError, struct.error: What comes next is malformed.
    """
    at, depth = 0, 0
    while at < len(raw):
        if not depth:
            at, depth = at + _LENGTH_BYTES, 1
        kind = raw[at]
        at += 1
        if kind == _END:
            depth -= 1
            continue
        at = _after_name(raw, at)
        if kind == _BINARY:
            yield at
            at += _LENGTH_BYTES + 1 + _length_at(raw, at)
        elif kind == _REGEX:
            at = _after_name(raw, _after_name(raw, at))
        elif kind == _SCOPED_CODE:
            at = _after_text(raw, at + _LENGTH_BYTES) + _LENGTH_BYTES
            depth += 1
        elif kind in _TEXTS:
            at = _after_text(raw, at) + _TEXTS[kind]
        else:
            depth += kind in {_DOCUMENT, _ARRAY}
            at += _SIZES[kind]


def _after_name(raw: bytes, at: int) -> int:
    return raw.index(0, at) + 1


def _after_text(raw: bytes, at: int) -> int:
    return at + _LENGTH_BYTES + _length_at(raw, at)


def _length_at(raw: bytes, at: int) -> int:
    length: int = _length(raw, at)[0]
    if length < 0:
        raise ValueError(length)
    return length
