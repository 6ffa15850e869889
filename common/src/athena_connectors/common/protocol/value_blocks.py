"""Blocks of constants: one column of physical values, inside of constraints.

An IN list of 5,000 values, which is about what fits into a request, is 10,000 blocks with
a schema each, so texts that repeat are read once. Source: wire protocol, sections 10.1
and 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.ordering import same_type
from athena_connectors.common.protocol.arrow import (
    ARROW_FAULTS,
    BLOCK,
    LEGACY_SERDE,
    SCHEMA,
    batch_messages,
    block_of,
    encode_schema,
    read_batch_message,
)
from athena_connectors.common.protocol.members import (
    FAULTS,
    Form,
    MemberError,
    Node,
    member_of,
    read_member,
    within,
)
from athena_connectors.common.protocol.scalars import decode_base64
from athena_connectors.common.protocol.storage import physical_array, physical_values

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["VALUES", "ScalarBlocks", "Values", "check_unused", "write_scalars"]

COLUMN = "col1"


@dataclass(frozen=True, slots=True)
class Values:
    """Physical values of one type; ``None`` for SQL NULL."""

    values: tuple[Any, ...]
    type: pa.DataType


def _read_values(node: Node) -> Values:
    batch = BLOCK.read(node)
    type_ = _only_column(batch.schema)
    try:
        return Values(tuple(physical_values(batch.column(0))), type_)
    except ARROW_FAULTS as cause:
        raise MemberError(f"has values that are none of type {type_}.") from cause


def _write_values(values: Values, serde: int) -> Node:
    return BLOCK.write(_batch(values.values, values.type), serde)


VALUES = Form(_read_values, _write_values)
"""A block of any number of values, as ``Values``."""


def write_scalars(values: Sequence[Any], type_: pa.DataType, *, serde: int) -> list[Node]:
    """Return a block for each value, and after them the block of no value.

    Raises:
        MemberError: A value is not of the type.
        UnsupportedTypeError: The type has no form on the wire.
    """
    legacy = serde == LEGACY_SERDE
    batch = _batch(values, type_)
    schema = encode_schema(batch.schema, legacy=legacy)
    rows = [batch.slice(place, 1) for place in range(len(values))]
    blocks = [block_of(schema, message) for message in batch_messages(rows, legacy=legacy)]
    return [*blocks, block_of(schema, None)]


def _batch(values: Sequence[Any], type_: pa.DataType) -> pa.RecordBatch:
    try:
        column = physical_array(values, type_)
    except ARROW_FAULTS as cause:
        raise MemberError(f"has a value that is none of type {type_}.") from cause
    return pa.RecordBatch.from_arrays([column], [COLUMN])


def _only_column(schema: pa.Schema) -> pa.DataType:
    if len(schema) != 1:
        raise MemberError(f"has {len(schema)} columns, one is expected.")
    type_: pa.DataType = schema.field(0).type
    return type_


class ScalarBlocks:
    """Takes blocks of one value each, and reads them together: that is far cheaper.

    Two blocks in a row are often equal, and nearly all have one schema.

    Args:
        type_: What the values are.
    """

    def __init__(self, type_: pa.DataType) -> None:
        self._schema = pa.schema([(COLUMN, type_)])
        self._last: tuple[Node, Node] = (None, None)
        self._batches: list[pa.RecordBatch] = []

    def add(self, node: Node) -> int:
        """Take a block and return the place of its value.

        Raises:
            MemberError: It has no row, or several, or is of another type.
        """
        texts = member_of(node, "schema"), member_of(node, "records")
        if texts != self._last:
            if texts[0] != self._last[0]:
                self._check_schema(texts[0])
            self._batches.append(self._read_records(texts[1]))
            self._last = texts
        return len(self._batches) - 1

    def values(self) -> list[Any]:
        """Return all values by their places.

        Raises:
            MemberError: One is NULL or none of the type.
        """
        if not self._batches:
            return []
        try:
            columns: Any = [batch.column(0) for batch in self._batches]
            values = physical_values(pa.concat_arrays(columns))
        except ARROW_FAULTS as cause:
            raise MemberError("have values that are none of their type.") from cause
        if None in values:
            raise MemberError("have NULL where a value is expected.")
        return values

    def _check_schema(self, node: Node) -> None:
        wanted = self._schema.field(0).type
        try:
            found = _only_column(SCHEMA.read(node))
            if not same_type(found, wanted):
                raise MemberError(f"is of type {found}, {wanted} is expected.")
        except FAULTS as error:
            raise within("schema", error) from error.__cause__

    def _read_records(self, node: Node) -> pa.RecordBatch:
        if node == "":
            raise MemberError("has no row, one is expected.", member="records")
        try:
            batch = read_batch_message(decode_base64(node), self._schema)
        except FAULTS as error:
            raise within("records", error) from error.__cause__
        _check_rows(batch)
        return batch


def check_unused(node: Node) -> None:
    """Check the block of a marker without a value, which may hold anything of one row.

    Raises:
        MemberError: It is no block, or has several rows.
    """
    read_member(node, "schema", SCHEMA)
    if member_of(node, "records") != "":
        _check_rows(BLOCK.read(node))


def _check_rows(batch: pa.RecordBatch) -> None:
    if batch.num_rows != 1:
        raise MemberError(f"has {batch.num_rows} rows, one is expected.", member="records")
