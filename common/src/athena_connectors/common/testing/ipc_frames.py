"""Arrow messages as they stand in JSON: their framing and what pyarrow would forgive.

pyarrow reads compressed bodies, either framing and trailing bytes without a word; the
engine's Java reader does not take all of them. Source: wire protocol, section 7; Arrow's
``Message.fbs`` for the metadata's layout.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

import pyarrow as pa

__all__ = ["Frame", "decode_frame", "read_frame"]

_CONTINUATION = b"\xff\xff\xff\xff"
_RECORD_BATCH = 3
_HEADER_TYPE, _HEADER = 1, 2
_COMPRESSION = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One encapsulated message.

    Attributes:
        data: All its bytes.
        modern: Whether it is framed as SerDe 3 and later write it.
        is_batch: Whether it is a record batch; a schema otherwise.
        compressed: Whether the body's buffers are compressed.
    """

    data: bytes
    modern: bool
    is_batch: bool
    compressed: bool


def decode_frame(text: str) -> Frame:
    """Take a base64 message apart; raises as ``read_frame``, and for other base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as cause:
        raise ValueError("is no padded standard base64") from cause
    return read_frame(data)


def read_frame(data: bytes) -> Frame:
    """Take a message apart.

    Raises:
        ValueError: It is no Arrow message, or has bytes to spare.
    """
    modern = data.startswith(_CONTINUATION)
    prefix = 8 if modern else 4
    if len(data) < prefix:
        raise ValueError("is too short for an Arrow message")
    size = int.from_bytes(data[prefix - 4 : prefix], "little")
    try:
        message = pa.ipc.read_message(pa.py_buffer(data))
        metadata = message.metadata.to_pybytes()
        kind, header = _header(metadata)
    except (pa.ArrowException, OSError, EOFError, struct.error) as cause:
        raise ValueError("is no Arrow message") from cause
    version = pa.ipc.MetadataVersion.V5 if modern else pa.ipc.MetadataVersion.V4
    if message.metadata_version != version:
        raise ValueError("has a metadata version that does not belong to its framing")
    body = 0 if message.body is None else message.body.size
    if prefix + size + body != len(data):
        raise ValueError("has bytes after its message")
    is_batch = kind == _RECORD_BATCH
    compressed = is_batch and _field(metadata, header, _COMPRESSION) is not None
    return Frame(data, modern, is_batch, compressed)


def _header(metadata: bytes) -> tuple[int, int]:
    """Return the kind of a message and where its header table stands."""
    (root,) = struct.unpack_from("<I", metadata)
    kind = _field(metadata, root, _HEADER_TYPE)
    place = _field(metadata, root, _HEADER)
    if kind is None or place is None:
        raise struct.error("a message without a header")
    (offset,) = struct.unpack_from("<I", metadata, place)
    return metadata[kind], place + offset


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Return where a field of a flatbuffer table stands, ``None`` if it is absent."""
    (back,) = struct.unpack_from("<i", metadata, table)
    vtable = table - back
    (size,) = struct.unpack_from("<H", metadata, vtable)
    slot = 4 + 2 * number
    if slot >= size:
        return None
    (offset,) = struct.unpack_from("<H", metadata, vtable + slot)
    return table + offset if offset else None
