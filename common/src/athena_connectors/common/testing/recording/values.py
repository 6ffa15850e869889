"""Values that cross the connector's boundary, as JSON and members of a file.

JSON holds what it can as it is; the rest are objects of one member, whose name says what it
is. Rows are Arrow streams, each a member of its own, so that every type and every bit of a
value is kept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from dataclasses import fields as fields_of
from typing import Any

import pyarrow as pa
from athena_connectors.common.capabilities import Capabilities, PassthroughFunction
from athena_connectors.common.connector import TableDescription
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.estimates import CheapAccess, Estimate
from athena_connectors.common.paging import Page
from athena_connectors.common.protocol.constraints import CONSTRAINTS
from athena_connectors.common.protocol.members import read_whole
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.protocol.storage import check_values, physical_values

__all__ = [
    "ReadBatch",
    "WriteBatch",
    "batch_bytes",
    "key_of",
    "read_batch",
    "read_value",
    "write_value",
]

WriteBatch = Callable[[pa.RecordBatch], str]
"""Puts rows away and returns what they are called."""
ReadBatch = Callable[[str], pa.RecordBatch]
"""Returns the rows of a name."""

NEWEST_SERDE = 6


def key_of(value: Any) -> str:
    """Return text that is the same for the same value, rows and messages included.

    NaN is the same as NaN here. Bytes of Arrow would not do: their padding may be anything.
    """
    return repr(_keyed(value))


def _keyed(value: Any) -> Any:
    match value:
        case pa.RecordBatch():
            columns = [physical_values(column) for column in value.columns]
            return _keyed(value.schema), value.num_rows, columns
        case pa.Schema():
            fields = [(field.name, str(field.type), field.metadata or {}) for field in value]
            return fields, value.metadata or {}
        case pa.DataType():
            return str(value)
        case Mapping():
            return [(name, _keyed(value[name])) for name in sorted(value)]
        case list() | tuple():
            return [_keyed(item) for item in value]
        case _ if is_dataclass(value):
            members = [_keyed(getattr(value, member.name)) for member in fields_of(value)]
            return type(value).__name__, members
        case _:
            return value


def batch_bytes(batch: pa.RecordBatch) -> bytes:
    """Return rows as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def read_batch(data: bytes) -> pa.RecordBatch:
    """Return the rows of an Arrow stream, every value of them looked at.

    Raises:
        ValueError: It is damaged, or holds more or less than one batch.
    """
    with pa.ipc.open_stream(data) as stream:
        (batch,) = list(stream)
    check_values(batch)
    return batch


def write_value(value: Any, write_batch: WriteBatch) -> Any:
    """Return a value as JSON holds it.

    Args:
        value: Text, a number, ``None``, or one of the kinds that ``read_value`` returns.
        write_batch: Puts rows away.

    Raises:
        TypeError: It is of another kind.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [write_value(item, write_batch) for item in value]
    if isinstance(value, Mapping):
        return {"map": {name: write_value(item, write_batch) for name, item in value.items()}}
    return dict([_tagged(value, write_batch)])


def _tagged(value: Any, write_batch: WriteBatch) -> tuple[str, Any]:
    match value:
        case pa.RecordBatch():
            return "rows", write_batch(value)
        case pa.Schema():
            # No metadata and empty metadata are written in different ways and mean the same.
            plain = value if value.metadata else value.remove_metadata()
            return "schema", base64.b64encode(plain.serialize().to_pybytes()).decode()
        case Constraints():
            return "constraints", CONSTRAINTS.write(value, NEWEST_SERDE)
        case TableName():
            return "table", [value.schema, value.table]
        case Page():
            return "page", [list(value.items), value.next_token]
        case Estimate():
            return "estimate", asdict(value)
        case Capabilities():
            return "capabilities", asdict(value)
        case TableDescription():
            columns = write_value(value.schema, write_batch)
            return "description", [columns, list(value.partition_columns)]
        case _:
            raise TypeError(f"A {type(value).__name__} can't be recorded.")


def read_value(node: Any, read_batch: ReadBatch) -> Any:
    """Return the value that JSON holds.

    Args:
        node: What ``write_value`` returned.
        read_batch: Returns rows that were put away.

    Raises:
        Exception: The JSON is nothing that ``write_value`` returned.
    """
    if isinstance(node, list):
        return [read_value(item, read_batch) for item in node]
    if not isinstance(node, dict):
        return node
    ((kind, held),) = node.items()
    return _READERS[kind](held, read_batch)


def _mapping(held: Any, read_batch: ReadBatch) -> dict[str, Any]:
    return {str(name): read_value(item, read_batch) for name, item in held.items()}


def _schema(held: Any) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(held, validate=True)))


def _estimate(held: Any) -> Estimate:
    cheap = [CheapAccess(tuple(item["columns"]), item["by"]) for item in held["cheap_by"]]
    return Estimate(**{**held, "cheap_by": tuple(cheap)})


def _capabilities(held: Mapping[str, Any]) -> Capabilities:
    told = held["passthrough"]
    return Capabilities(
        filters=tuple(held["filters"]),
        functions=tuple(held["functions"]),
        limit=held["limit"],
        top_n=held["top_n"],
        hints=tuple(held["hints"]),
        passthrough=told
        and PassthroughFunction(told["schema"], told["name"], tuple(told["arguments"])),
    )


_READERS: dict[str, Callable[[Any, ReadBatch], Any]] = {
    "map": _mapping,
    "rows": lambda held, read_batch: read_batch(held),
    "schema": lambda held, _: _schema(held),
    "constraints": lambda held, _: read_whole(CONSTRAINTS, held, name="constraints"),
    "table": lambda held, _: TableName(*map(str, held)),
    "page": lambda held, _: Page(tuple(map(str, held[0])), held[1]),
    "capabilities": lambda held, _: _capabilities(held),
    "estimate": lambda held, _: _estimate(held),
    "description": lambda held, read_batch: TableDescription(
        read_value(held[0], read_batch), tuple(map(str, held[1]))
    ),
}
