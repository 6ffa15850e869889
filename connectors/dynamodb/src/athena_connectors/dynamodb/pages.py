"""Pages of items as record batches.

The fast way reads a reply's JSON by Arrow, and only columns that this way has no answer for
from dictionaries; both give the same. Memory is bounded by the page.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from athena_connectors.common.errors import SourceError
from athena_connectors.common.garbage import collector_paused
from athena_connectors.common.physical import compute
from athena_connectors.common.types import rows_without_columns
from athena_connectors.dynamodb.conversion import column_type, convert
from athena_connectors.dynamodb.envelope import items_of, load, open_reply
from athena_connectors.dynamodb.items import Findings, Items, OtherAttributes, read_column
from athena_connectors.dynamodb.outcome import Outcome
from athena_connectors.dynamodb.page_columns import NotColumnar, PageValues, wire_type
from athena_connectors.dynamodb.page_json import read_json
from athena_connectors.dynamodb.spelling import Spelling
from athena_connectors.dynamodb.times import check_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Sized

    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.source_calls import Reply
    from athena_connectors.dynamodb.access import AttributeValue
    from athena_connectors.dynamodb.envelope import Envelope
    from athena_connectors.dynamodb.page_json import PageJson
    from athena_connectors.dynamodb.relation import Column
    from athena_connectors.dynamodb.settings import Settings

__all__ = ["Page", "PageDecoder"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """One reply.

    Attributes:
        batch: Its items as rows: the columns by name, in order, in engine types
            (``common.types.engine_type``); rows without columns if there are none.
        last_key: Key to go on from (``LastEvaluatedKey``), binary values as bytes; ``None``
            at the end.
        next_token: Token to go on with, of ``ExecuteStatement``; ``None`` at the end.
        count: Items in it, or counted with ``Select=COUNT``.
        scanned: Items that were evaluated for it, before the filter.
        read_units: Read units that it cost, as far as told.
        unprocessed: ``RequestItems`` to ask for again, of ``BatchGetItem``; ``None`` if all
            were answered.
        mismatches: Values that are NULL because they do not fit their column, by column.
    """

    batch: pa.RecordBatch
    last_key: Mapping[str, AttributeValue] | None = None
    next_token: str | None = None
    count: int = 0
    scanned: int = 0
    read_units: float = 0.0
    unprocessed: Mapping[str, Any] | None = None
    mismatches: Mapping[str, int] = field(default_factory=dict)


class PageDecoder:
    """Decodes the pages of one split; not for several threads at a time.

    Args:
        columns: Columns of the batches, in order.
        table: Name for messages.
        settings: What becomes of values that do not fit.
        stats: Counts the bytes and the time of conversion.
        relation_columns: All columns of the table, which is what the column of all other
            attributes is made by; ``columns`` if not given.

    Raises:
        UnsupportedTypeError: A column's type is none that attributes are read as.
        ConfigurationError: The format of a column of times is malformed.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        table: str,
        settings: Settings,
        stats: SplitStats,
        relation_columns: Sequence[Column] | None = None,
    ) -> None:
        self._columns = columns
        self._types = list(map(column_type, columns))
        self._schema = pa.schema(
            [(column.name, type_) for column, type_ in zip(columns, self._types, strict=True)]
        )
        for column in columns:
            if column.time is not None:
                check_format(column.time)
        self._table = table
        self._settings = settings
        self._stats = stats
        self._others = OtherAttributes(columns if relation_columns is None else relation_columns)
        self._warned: set[str] = set()
        self._is_columnar = _are_columnar(columns)
        # What the pages before taught: tags to expect, and where to start.
        self._further: list[frozenset[str]] = [frozenset()] * len(columns)
        self._by_items = not self._is_columnar

    def decode(self, reply: Reply, operation: str) -> Page:
        """Return the page that a reply is.

        Args:
            reply: The reply to a Scan, a Query, a BatchGetItem or an ExecuteStatement.
            operation: Which of them it was.

        Raises:
            DataConversionError: A value does not fit its column and the settings forbid it.
            SourceError: The reply is malformed.
        """
        started = time.perf_counter()
        if reply.body is not None:
            self._stats.bytes_read += len(reply.body)
        with collector_paused():
            page = self._decoded(reply, operation)
        self._stats.conversion_seconds += time.perf_counter() - started
        return page

    def _decoded(self, reply: Reply, operation: str) -> Page:
        json = None
        if reply.body is not None and not self._by_items:
            json = read_json(reply.body, self._wire_types(), operation=operation)
        return self._page(_Content(reply), json)

    def _wire_types(self) -> dict[str, pa.DataType]:
        return {
            name: wire_type(type_, further)
            for column, type_, further in zip(
                self._columns, self._types, self._further, strict=True
            )
            for name in _names(column)
        }

    def _page(self, content: _Content, json: PageJson | None) -> Page:
        items = content.items if json is None else json.items
        envelope = content.envelope if json is None else json.envelope
        rows = self._count(items, envelope)
        read = [self._read(index, content, json) for index in range(len(self._columns))]
        self._by_items = not self._is_columnar or any(column.needs_items for column in read)
        return Page(
            batch=pa.RecordBatch.from_arrays([column.array for column in read], schema=self._schema)
            if read
            else rows_without_columns(rows),
            last_key=envelope.last_key,
            next_token=envelope.next_token,
            count=rows,
            scanned=rows if envelope.scanned is None else envelope.scanned,
            read_units=envelope.read_units,
            unprocessed=envelope.unprocessed,
            mismatches={
                column.name: found.mismatches
                for column, found in zip(self._columns, read, strict=True)
                if found.mismatches
            },
        )

    def _count(self, items: Sized | None, envelope: Envelope) -> int:
        told = envelope.count
        if items is None and told is not None and not self._columns:
            return told
        if items is None or told not in {None, len(items)}:
            has = "no" if items is None else len(items)
            raise SourceError(
                f"DynamoDB's reply for {self._table} has {has} items and says {told}.",
                hint="Run the query again.",
                table=self._table,
            )
        return len(items)

    def _read(self, index: int, content: _Content, json: PageJson | None) -> _Read:
        column, type_ = self._columns[index], self._types[index]
        if json is not None:
            outcome = self._outcome(column)
            try:
                values = PageValues(_attribute(json.items, column), content.spelling)
                array = convert(values, type_, outcome)
            except NotColumnar:
                pass
            else:
                return self._done(array, outcome, needs_items=False)
        items = Items(()) if content.items is None else content.items
        outcome, findings = self._outcome(column), Findings()
        if not column.attribute:
            return self._done(self._others.read(items), outcome, needs_items=True)
        array = read_column(items, column, type_, outcome=outcome, findings=findings)
        is_news = bool(findings.tags - self._further[index])
        self._further[index] |= findings.tags
        # What was not dropped for an unexpected tag will not arrive the next time either.
        needs_items = findings.needs_items or (json is not None and not is_news)
        return self._done(array, outcome, needs_items=needs_items)

    def _outcome(self, column: Column) -> Outcome:
        return Outcome(column, table=self._table, settings=self._settings)

    def _done(self, array: pa.Array[Any], outcome: Outcome, *, needs_items: bool) -> _Read:
        column = outcome.column
        if outcome.found and column.name not in self._warned:
            self._warned.add(column.name)
            _log.warning(
                "Column %r of %s is %s; values of DynamoDB's type %s in it are read as NULL.",
                column.name,
                self._table,
                column.type,
                ", ".join(sorted(outcome.found)),
            )
        return _Read(array, outcome.found.total(), needs_items)


class _Read(NamedTuple):
    """A column of a page, and whether the next one should be read from dictionaries."""

    array: pa.Array[Any]
    mismatches: int
    needs_items: bool


class _Content:
    """A reply, as far as it has to be taken apart."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    @cached_property
    def _parsed(self) -> Mapping[str, Any]:
        if self._reply.parsed is not None:
            return self._reply.parsed
        return load(self._reply.body or b"")

    @cached_property
    def envelope(self) -> Envelope:
        return open_reply(self._parsed)

    @cached_property
    def items(self) -> Items | None:
        rows = items_of(self._parsed)
        return None if rows is None else Items(rows)

    @cached_property
    def spelling(self) -> Spelling:
        return Spelling(self._reply.body or b"")


def _names(column: Column) -> tuple[str, ...]:
    return (column.attribute, *column.others)


def _are_columnar(columns: Sequence[Column]) -> bool:
    """Whether Arrow's reader can be told what to read of each item, and read it once."""
    names = [name for column in columns for name in _names(column)]
    return len(set(names)) == len(names) and all(
        column.attribute and column.is_spelled and not column.is_json for column in columns
    )


def _attribute(items: Any, column: Column) -> pa.Array[Any]:
    array, *others = (items.field(items.type.get_field_index(name)) for name in _names(column))
    others = [other for other in others if other.null_count < len(other)]
    merged: pa.Array[Any] = compute().coalesce(array, *others) if others else array
    return merged
