"""Arrow schemas and record batches as messages, and as base64 text in JSON.

A message is exactly one encapsulated Arrow message: a schema, or one record batch that
is never compressed and has no dictionaries. Either framing is read. The legacy one is
written for SerDe 2 and for spilled objects, the modern one for everything else.

Source: wire protocol, section 7.
"""

from __future__ import annotations

import uuid
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import InvalidRequestError, UnsupportedTypeError
from athena_connectors.common.protocol.columnless import COLUMNLESS_SIZE, columnless_message
from athena_connectors.common.protocol.members import (
    Form,
    MemberError,
    Node,
    read_member,
    read_whole,
)
from athena_connectors.common.protocol.scalars import decode_base64, encode_base64
from athena_connectors.common.protocol.storage import check_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "ARROW_FAULTS",
    "BLOCK",
    "LEGACY_SERDE",
    "SCHEMA",
    "batch_message",
    "batch_message_size",
    "batch_messages",
    "block_of",
    "decode_block",
    "decode_schema",
    "encode_block",
    "encode_schema",
    "is_modern",
    "read_batch_message",
]

LEGACY_SERDE = 2
"""The one SerDe version that is written in the legacy framing."""

ARROW_FAULTS = (
    pa.ArrowException,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    MemoryError,
)
"""What Arrow raises for bytes or values that are not what they are said to be."""

_LEGACY = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4, use_legacy_format=True)
_CACHED_TEXT = 4096
_PREFIX = 4
_END_OF_STREAM = 8


def encode_schema(schema: pa.Schema, *, legacy: bool) -> str:
    """Return a schema as text.

    Raises:
        UnsupportedTypeError: A column is dictionary-encoded.
    """
    _check_plain(schema)
    if not legacy:
        return encode_base64(schema.serialize())
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, schema, options=_LEGACY).close()
    stream = sink.getvalue()
    return encode_base64(stream.slice(0, _message_end(stream)))


def decode_schema(encoded: str) -> pa.Schema:
    """Return the schema of a text, in either framing.

    Raises:
        InvalidRequestError: It is no schema.
    """
    schema: pa.Schema = read_whole(SCHEMA, encoded, name="schema")
    return schema


def encode_block(batch: pa.RecordBatch, *, legacy: bool) -> dict[str, str]:
    """Return a batch as a block.

    A batch without rows has no records at all. Rows without columns keep their number
    (see ``columnless``): leaving the records out would lose them.

    Raises:
        UnsupportedTypeError: A column is dictionary-encoded.
    """
    message = batch_message(batch, legacy=legacy) if batch.num_rows else None
    return block_of(encode_schema(batch.schema, legacy=legacy), message)


def block_of(schema: str, message: pa.Buffer | bytes | None) -> dict[str, str]:
    """Return the block of an encoded schema and a message, ``None`` for no rows."""
    records = "" if message is None else encode_base64(message)
    return {"aId": _allocator(), "schema": schema, "records": records}


def decode_block(block: Mapping[str, Any]) -> pa.RecordBatch:
    """Return the rows of a block, possibly none.

    Raises:
        InvalidRequestError: It is no block, or its records do not fit its schema.
    """
    batch: pa.RecordBatch = read_whole(BLOCK, block, name="block")
    return batch


def batch_message(batch: pa.RecordBatch, *, legacy: bool) -> pa.Buffer | bytes:
    """Return a batch as one message; its columns are copied once.

    Raises:
        UnsupportedTypeError: A column is dictionary-encoded.
    """
    _check_plain(batch.schema)
    if not batch.num_columns:
        return columnless_message(batch.num_rows, legacy=legacy)
    if not legacy:
        return batch.serialize()
    (message,) = _legacy_messages([batch])
    return message


def batch_messages(
    batches: Sequence[pa.RecordBatch], *, legacy: bool
) -> Iterator[pa.Buffer | bytes]:
    """Yield the messages of many small batches with columns, all of one schema."""
    if not batches:
        return iter(())
    if legacy:
        return _legacy_messages(batches)
    return (batch.serialize() for batch in batches)


def batch_message_size(batch: pa.RecordBatch, *, legacy: bool) -> int:
    """Return the bytes of ``batch_message`` without making it.

    Both framings have one size: the metadata of a batch is a multiple of eight bytes, and
    the shorter prefix of the legacy one is made up for by padding.

    Cost:
        The data is not copied; offsets and bitmaps of a slice are looked through.
    """
    del legacy
    if not batch.num_columns:
        return COLUMNLESS_SIZE
    return pa.ipc.get_record_batch_size(batch)


def read_batch_message(data: bytes | memoryview | pa.Buffer, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch of a message, in either framing, without a copy of its columns.

    Args:
        data: The message; bytes after it are passed over.
        schema: Its columns, which the message itself does not tell.

    Raises:
        InvalidRequestError: It is no record batch of that schema.
    """
    try:
        message = pa.ipc.read_message(pa.py_buffer(data))
        batch = pa.ipc.read_record_batch(message, schema)
        batch.validate()
    except ARROW_FAULTS as cause:
        raise InvalidRequestError("No readable Arrow record batch of its schema.") from cause
    return batch


def is_modern(encoded: str) -> bool:
    """Return whether an encoded message is framed as SerDe 3 and later write it."""
    return encoded.startswith("/////")


@cache
def _allocator() -> str:
    """Return the id of this process.

    One made at import would be shared by all functions that are restored from one snapshot.
    """
    return str(uuid.uuid4())


def _legacy_messages(batches: Sequence[pa.RecordBatch]) -> Iterator[pa.Buffer]:
    """Cut the messages out of a stream: nothing else in Arrow writes the legacy framing."""
    schema = batches[0].schema
    sizes = [pa.ipc.get_record_batch_size(batch) for batch in batches]
    stream = pa.allocate_buffer(schema.serialize().size + sum(sizes) + _END_OF_STREAM)
    sink = pa.FixedSizeBufferWriter(stream)
    with sink, pa.ipc.new_stream(sink, schema, options=_LEGACY) as writer:
        for batch in batches:
            writer.write_batch(batch)
    start = _message_end(stream)
    for size in sizes:
        yield stream.slice(start, size)
        start += size


def _message_end(stream: pa.Buffer) -> int:
    """Return where the first message ends, which has no body, in the legacy framing."""
    return _PREFIX + int.from_bytes(memoryview(stream)[:_PREFIX], "little")


def _check_plain(schema: pa.Schema) -> None:
    for field in schema:
        if _has_dictionary(field.type):
            raise UnsupportedTypeError(
                f"Column {field.name!r} is dictionary-encoded, which has no form on the wire.",
                hint="Decode it to its value type.",
                column=field.name,
            )


def _has_dictionary(type_: pa.DataType) -> bool:
    if isinstance(type_, pa.DictionaryType):
        return True
    return any(_has_dictionary(type_.field(place).type) for place in range(type_.num_fields))


# Members of messages


def _read_schema(node: Node) -> pa.Schema:
    if isinstance(node, str) and len(node) <= _CACHED_TEXT:
        return _read_small_schema(node)
    return _parse_schema(node)


@lru_cache(maxsize=256)
def _read_small_schema(node: str) -> pa.Schema:
    """Read a schema again and again: each marker of a constraint has one."""
    return _parse_schema(node)


def _parse_schema(node: Node) -> pa.Schema:
    data = decode_base64(node)
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(data))
        for field in schema:
            str((field.name, field.type))  # names that are no text fail here, not later
    except ARROW_FAULTS as cause:
        raise MemberError("is no readable Arrow schema.") from cause
    return schema


def _read_block(node: Node) -> pa.RecordBatch:
    schema = read_member(node, "schema", SCHEMA)
    records: pa.RecordBatch = read_member(
        node, "records", Form(lambda text: _read_records(text, schema))
    )
    return records


def _read_records(node: Node, schema: pa.Schema) -> pa.RecordBatch:
    data = None if node == "" else decode_base64(node)
    try:
        if data is None:
            return pa.RecordBatch.from_pylist([], schema=schema)
        batch = read_batch_message(data, schema)
        check_values(batch)
    except InvalidRequestError:
        raise
    except ARROW_FAULTS as cause:
        raise MemberError("has values that are none of their type.") from cause
    return batch


SCHEMA = Form(_read_schema, lambda schema, serde: encode_schema(schema, legacy=_is_legacy(serde)))
BLOCK = Form(_read_block, lambda batch, serde: encode_block(batch, legacy=_is_legacy(serde)))


def _is_legacy(serde: int) -> bool:
    return serde == LEGACY_SERDE
