"""Record batch messages of rows without columns, as ``count(*)`` wants them.

Such a batch has an empty body, and the Java reader fails on a message whose body is
empty. So the message is put together here with a body of eight bytes that no column
uses: what reads it takes the number of rows from the metadata.

Source: wire protocol, section 7.2; Arrow's ``Message.fbs`` and the flatbuffers format.
That the body need not be used is read from Arrow Java's ``MessageSerializer``.
"""

from __future__ import annotations

import struct

__all__ = ["COLUMNLESS_SIZE", "columnless_message"]

COLUMNLESS_SIZE = 96
"""Bytes of such a message, in either framing."""

_BODY = bytes(8)
_RECORD_BATCH = 3
_V4, _V5 = 3, 4
# Root offset; vtable and table of the message (version, kind, header, body length); vtable
# and table of the record batch (rows, nodes, buffers); one empty vector for both lists.
_METADATA = struct.Struct("<I HHHHHH iHBxI4xq HHHHH6x iIqI I")


def columnless_message(rows: int, *, legacy: bool) -> bytes:
    """Return the message of a batch without columns.

    Args:
        rows: How many rows it has.
        legacy: Whether it is framed as SerDe 2 and spilled objects are.
    """
    metadata = _METADATA.pack(
        *(16, 12, 24, 4, 6, 8, 16),
        *(12, _V4 if legacy else _V5, _RECORD_BATCH, 32, len(_BODY)),
        *(10, 20, 8, 4, 16),
        *(16, 16, rows, 4),
        0,
    )
    if legacy:
        return struct.pack("<I", len(metadata) + 4) + metadata + bytes(4) + _BODY
    return b"\xff\xff\xff\xff" + struct.pack("<I", len(metadata)) + metadata + _BODY
