"""What a reply holds around its items: where to go on, what was counted, what it cost."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from athena_connectors.common.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.dynamodb.access import AttributeValue
    from athena_connectors.dynamodb.items import Item

__all__ = ["Envelope", "items_of", "load", "member_of", "open_reply"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """The members of a reply other than its items.

    Attributes:
        count: Items that it says it has; ``None`` if it does not say.
        scanned: Items that were evaluated, as ``count``.
        last_key: ``LastEvaluatedKey`` with binary values as bytes; ``None`` at the end.
        next_token: ``NextToken``; ``None`` at the end.
        read_units: Read units of all its ``ConsumedCapacity``.
        unprocessed: ``UnprocessedKeys`` with binary values as bytes; ``None`` if empty.
    """

    count: int | None = None
    scanned: int | None = None
    last_key: Mapping[str, AttributeValue] | None = None
    next_token: str | None = None
    read_units: float = 0.0
    unprocessed: Mapping[str, Any] | None = None


def load(body: bytes) -> dict[str, Any]:
    """Return a reply as dictionaries.

    Raises:
        SourceError: It is no JSON object.
    """
    try:
        reply = _loads(body)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise SourceError(
            "DynamoDB's reply is not the JSON that was expected.",
            hint="Look at what stands between the function and DynamoDB, such as a proxy.",
        )
    return reply


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:  # half of a surrogate pair, which DynamoDB stores
        return json.loads(body)


def open_reply(reply: Mapping[str, Any]) -> Envelope:
    """Return what a reply says around its items.

    Args:
        reply: The reply, or those of its members that matter; binary values as base64 or
            bytes. A member that is ``None`` is not there.
    """
    return Envelope(
        count=reply.get("Count"),
        scanned=reply.get("ScannedCount"),
        last_key=_key(reply.get("LastEvaluatedKey") or {}) or None,
        next_token=reply.get("NextToken"),
        read_units=_read_units(reply.get("ConsumedCapacity")),
        unprocessed=_requests(reply.get("UnprocessedKeys") or {}) or None,
    )


def items_of(reply: Mapping[str, Any]) -> Sequence[Item] | None:
    """Return the items of a reply, of all tables; ``None`` if it is a mere count."""
    responses = reply.get("Responses")
    if responses is not None:
        return [item for items in responses.values() for item in items]
    items: Sequence[Item] | None = reply.get("Items")
    return items


def member_of(body: bytes, name: str) -> Any:
    """Return a member of a reply without reading all of it; ``None`` if it has none.

    A quoted name can't be within a text, where quotes are escaped, but it may be a text or
    the name of an attribute. Behind the reply's own member everything fits into one object
    up to the end of the reply, and behind nothing else.

    Raises:
        SourceError: As ``load``.
    """
    position = body.rfind(f'"{name}"'.encode())
    if position < 0:
        return None
    try:
        rest = _loads(b"{" + body[position:])
    except ValueError:
        rest = load(body)
    return rest.get(name)


def _key(key: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {
        name: {"B": b64decode(value["B"])} if isinstance(value.get("B"), str) else value
        for name, value in key.items()
    }


def _requests(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        table: {**request, "Keys": [_key(key) for key in request["Keys"]]}
        for table, request in tables.items()
        if request.get("Keys")
    }


def _read_units(consumed: Any) -> float:
    if consumed is None:
        return 0.0
    each = [consumed] if isinstance(consumed, Mapping) else consumed
    return float(sum(entry.get("CapacityUnits") or 0 for entry in each))
