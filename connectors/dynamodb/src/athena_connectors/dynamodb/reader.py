"""The pages of one split as record batches, one request after the other.

Memory is bounded by a few pages of 1 MB, those of keys by 16 MB, whatever is read. An iterator
ends normally only after the page that DynamoDB says is the last one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import SourceError, ThrottledError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.read_ahead import ReadPage
from athena_connectors.dynamodb.access import Lookup, Queries
from athena_connectors.dynamodb.pages import PageDecoder
from athena_connectors.dynamodb.requests import (
    MAX_BATCH,
    lookup_request,
    page_limit,
    query_request,
    scan_request,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from athena_connectors.dynamodb.access import AttributeValue
    from athena_connectors.dynamodb.client import Client, Operation
    from athena_connectors.dynamodb.pages import Page
    from athena_connectors.dynamodb.parts import Part
    from athena_connectors.dynamodb.pushdown import NativeScan
    from athena_connectors.dynamodb.relation import Column, Relation
    from athena_connectors.dynamodb.settings import Settings

__all__ = ["PartReader"]

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_MAX_PAUSES = 60
"""Pauses in a row after which keys that DynamoDB leaves unanswered end the read: a minute."""


@dataclass(slots=True)
class PartReader:
    """Reads pages of one table for one split.

    Attributes:
        client: Makes the requests.
        relation: The table.
        columns: The columns to read; none to count.
        settings: The connector's settings.
        deadline: ``time.monotonic()`` at which the read has to have ended, or ``None``.
    """

    client: Client
    relation: Relation
    columns: Sequence[Column]
    settings: Settings
    deadline: float | None = None

    def pages_of_part(self, part: Part, native: NativeScan) -> Generator[ReadPage]:
        """Read what a split reads.

        Args:
            part: What is read.
            native: What DynamoDB evaluates of it.

        Raises:
            ThrottledError: DynamoDB stayed congested.
            SourceError: It gives the same page again and again.
            ConnectorError: It refuses or can't be reached; see ``faults``.
        """
        table = self.relation.table
        source = _Source(self)
        match part:
            case Lookup():
                yield from source.items(part.keys)
            case Queries():
                for query in part.queries:
                    request = query_request(
                        table, native, self.columns, self.settings, index=part.index, query=query
                    )
                    yield from source.pages("Query", request, native)
            case segment:
                request = scan_request(
                    table,
                    native,
                    self.columns,
                    self.settings,
                    index=segment.index,
                    segment=(segment.number, segment.count) if segment.count > 1 else None,
                )
                yield from source.pages("Scan", request, native)

    def pages_of_statement(self, statement: str) -> Generator[ReadPage]:
        """Read all that a PartiQL statement gives; errors as of ``pages_of_part``."""
        request: dict[str, Any] = {"Statement": statement, "ReturnConsumedCapacity": "TOTAL"}
        if self.settings.consistent_read:
            request["ConsistentRead"] = True
        source = _Source(self)
        token = None
        while True:
            asked = request if token is None else {**request, "NextToken": token}
            page = source.read("ExecuteStatement", asked)
            yield source.told(page)
            before, token = token, page.next_token
            if token is None:
                return
            if token == before:
                raise source.stuck()


class _Source:
    """One read's pages: counts them and what they cost."""

    def __init__(self, reader: PartReader) -> None:
        self._client = reader.client
        self._relation = reader.relation
        self._columns = reader.columns
        self._settings = reader.settings
        self._deadline = reader.deadline
        self._name = reader.relation.table.name
        self._pages = 0
        # A page may be decoded while the stats of the split are in other hands.
        self._cost = SplitStats()
        self._decoder = PageDecoder(
            reader.columns,
            table=self._name,
            settings=reader.settings,
            stats=self._cost,
            relation_columns=reader.relation.columns,
        )

    def pages(
        self, operation: Operation, request: Mapping[str, Any], native: NativeScan
    ) -> Iterator[ReadPage]:
        """Read a Query or a Scan to its end."""
        start: Mapping[str, AttributeValue] | None = None
        while True:
            asked = dict(request)
            limit = page_limit(native, self._pages)
            if limit is not None:
                asked["Limit"] = limit
            if start is not None:
                asked["ExclusiveStartKey"] = start
            page = self.read(operation, asked)
            yield self.told(page)
            before, start = start, page.last_key
            if start is None:
                return
            if start == before:
                raise self.stuck()

    def items(self, keys: Sequence[tuple[AttributeValue, ...]]) -> Iterator[ReadPage]:
        """Fetch items by their keys, and again those keys that were left unanswered."""
        table = self._relation.table
        names = [key.name for key in table.base.keys]
        waiting = list(keys)
        pauses = 0
        while waiting:
            asked, waiting = waiting[:MAX_BATCH], waiting[MAX_BATCH:]
            request = lookup_request(table, asked, self._columns, self._settings)
            page = self.read("BatchGetItem", request)
            yield self.told(page)
            left = _left(page, names)
            waiting = left + waiting
            pauses = pauses + 1 if len(left) == len(asked) else 0
            if pauses > _MAX_PAUSES:
                raise ThrottledError(
                    f"DynamoDB gives no items of table {self._name}: it leaves all"
                    f" {len(left)} keys of a request unanswered, {pauses} times in a row.",
                    hint="Run fewer queries at the same time, or raise the table's capacity.",
                    table=self._name,
                )
            if left:
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**pauses)
                self._client.pause(self._name, pause)

    def read(self, operation: Operation, request: Mapping[str, Any]) -> Page:
        """Make one request."""
        started = time.perf_counter()
        reply = self._client.read(operation, request, table=self._name, deadline=self._deadline)
        self._cost.source_seconds += time.perf_counter() - started
        page = self._decoder.decode(reply, operation)
        self._pages += 1
        self._cost.requests += 1
        self._cost.source_units += page.read_units
        self._client.charge(self._name, page.read_units)
        return page

    def told(self, page: Page) -> ReadPage:
        """Return the rows of a page with what was spent since the one before."""
        return ReadPage(page.batch, self._cost.take())

    def stuck(self) -> SourceError:
        """Return the error for a read that does not go on."""
        return SourceError(
            f"DynamoDB goes on from the same place of table {self._name} again and again.",
            hint="Run the query again.",
            table=self._name,
        )


def _left(page: Page, names: Sequence[str]) -> list[tuple[AttributeValue, ...]]:
    """Return the keys of a page that were left unanswered."""
    asked = (page.unprocessed or {}).values()
    return [tuple(key[name] for name in names) for each in asked for key in each["Keys"]]
