"""A look at some items of a table, from several places of it.

The items of one page are neighbours and often of one sort, as all are of one partition, so
as many segments of a scan are begun as there are places to be.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.dynamodb.types import empty_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.observed import Sample
    from athena_connectors.common.source_calls import Reply
    from athena_connectors.dynamodb.access import AttributeValue
    from athena_connectors.dynamodb.client import Client
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import SourceTable

__all__ = ["read_sample", "told_by"]

ITEMS_PER_PAGE = 1000
"""Items for which a page of 1 MB is taken to be enough; with larger ones fewer are seen."""

Item = dict[str, "AttributeValue"]


@dataclass(slots=True)
class _Segment:
    """One place of the table, and how far it was read."""

    number: int
    next_key: Mapping[str, AttributeValue] | None = None
    is_over: bool = False


def read_sample(client: Client, table: SourceTable, settings: Settings) -> Sample:
    """Return what stands in some items of a table.

    Args:
        client: Reads the table.
        table: The table.
        settings: How many items from how many places.

    Raises:
        AccessDeniedError: They may not be read, or not be decrypted.
        ConnectorError: See ``Client.read``.

    Cost:
        A page of 1 MB at most for each segment and for each thousand items: with the
        defaults 5 pages, 640 read units, and for most tables far less.
    """
    sample = empty_sample(settings)
    for item in _items(client.at(table.target), table, settings):
        sample.add(item)
    return sample


def _items(client: Client, table: SourceTable, settings: Settings) -> Iterator[Item]:
    wanted, total = settings.schema_sample_size, settings.schema_sample_segments
    total = min(total, wanted)
    pages = total + -(-wanted // ITEMS_PER_PAGE)
    segments = [_Segment(number) for number in range(total)]
    while segments and wanted > 0 and pages > 0:
        # What the segments that are over did not give, the others do.
        share = -(-wanted // len(segments))
        for segment in segments:
            if wanted <= 0 or pages <= 0:
                return
            found = _page(client, table, segment, total=total, limit=min(share, wanted))
            wanted, pages = wanted - len(found), pages - 1
            yield from found
        segments = [segment for segment in segments if not segment.is_over]


def _page(
    client: Client, table: SourceTable, segment: _Segment, *, total: int, limit: int
) -> list[Item]:
    request: dict[str, Any] = {
        "TableName": table.target,
        "Limit": limit,
        "Segment": segment.number,
        "TotalSegments": total,
    }
    if segment.next_key is not None:
        request["ExclusiveStartKey"] = segment.next_key
    reply = told_by(client.read("Scan", request, table=table.name))
    last_key = reply.get("LastEvaluatedKey")
    segment.next_key = last_key
    segment.is_over = last_key is None
    found: list[Item] = reply["Items"]
    return found


def told_by(reply: Reply) -> Mapping[str, Any]:
    """Return a reply as botocore parses it; for a few small ones only."""
    if reply.body is None:
        assert reply.parsed is not None
        return reply.parsed
    told: Mapping[str, Any] = json.loads(reply.body, object_hook=_with_bytes)
    return told


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object, with the bytes of a binary value if it is one."""
    if len(value) != 1:
        return value
    ((tag, content),) = value.items()
    if tag == "B" and isinstance(content, str):
        return {tag: base64.b64decode(content)}
    if tag == "BS" and isinstance(content, list):
        return {tag: list(map(base64.b64decode, content))}
    return value
