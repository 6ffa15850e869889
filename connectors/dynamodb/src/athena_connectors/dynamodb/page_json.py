"""The JSON of a reply, read by Arrow with the types that are expected in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from athena_connectors.dynamodb.envelope import Envelope, member_of, open_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PageJson", "read_json"]

_CAPACITY = pa.struct([("CapacityUnits", pa.float64())])
_TABLE = re.compile(rb'"Responses"\s*:\s*\{\s*"([^"\\]+)"').search


class PageJson(NamedTuple):
    """A reply.

    Attributes:
        envelope: What is around its items.
        items: Structures of the attributes that were expected; ``None`` if it is a count.
    """

    envelope: Envelope
    items: Any


def read_json(
    body: bytes, attributes: Mapping[str, pa.DataType], *, operation: str
) -> PageJson | None:
    """Read a reply.

    Args:
        body: JSON.
        attributes: Types of the attributes' values, by name; all others are dropped.
        operation: What it is a reply to.

    Returns:
        The reply; ``None`` if it is not as it should be, or a text in it is no UTF-8.

    Raises:
        SourceError: As ``envelope.load``.
    """
    items = pa.list_(pa.struct(list(attributes.items())))
    if operation == "BatchGetItem":
        return _read_batch(body, items)
    members = {
        "Items": items,
        "Count": pa.int64(),
        "ScannedCount": pa.int64(),
        "NextToken": pa.string(),
        "ConsumedCapacity": _CAPACITY,
    }
    table = _read(body, members)
    if table is None:
        return None
    told = {name: table[name][0].as_py() for name in members if name != "Items"}
    told["LastEvaluatedKey"] = member_of(body, "LastEvaluatedKey")
    return PageJson(open_reply(told), _flat(table["Items"].chunk(0)))


def _read_batch(body: bytes, items: pa.DataType) -> PageJson | None:
    match = _TABLE(body)
    if match is None:
        return None
    tables = pa.struct([(match[1].decode(), items)])
    table = _read(body, {"Responses": tables, "ConsumedCapacity": pa.list_(_CAPACITY)})
    if table is None:
        return None
    responses: Any = table["Responses"].chunk(0)
    flat = _flat(responses.field(0))
    if flat is None:  # what was found is the name of something else
        return None
    told = {
        "ConsumedCapacity": table["ConsumedCapacity"][0].as_py(),
        "UnprocessedKeys": member_of(body, "UnprocessedKeys"),
    }
    return PageJson(open_reply(told), flat)


def _read(body: bytes, members: Mapping[str, pa.DataType]) -> pa.Table | None:
    from pyarrow import json  # noqa: PLC0415 - takes a while

    source: Any = pa.BufferReader(body)
    try:
        table = json.read_json(
            source,
            # An object may not be longer than a block.
            read_options=json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=json.ParseOptions(
                explicit_schema=pa.schema(list(members.items())),
                unexpected_field_behavior="ignore",
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == 1 else None


def _flat(lists: Any) -> Any:
    """Return the elements of a column of one list; ``None`` if it is NULL."""
    return None if lists.null_count else lists.values
