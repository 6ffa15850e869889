"""The documents of one split as record batches.

Memory is bounded by a few batches, whatever is read. An iterator ends normally only after the
batch that the server says is the last one. Where a split is read in the order of ``_id``, a
read whose cursor or server is lost goes on behind the last document that came.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import ConnectorError, TableNotFoundError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.read_ahead import ReadPage
from athena_connectors.common.streaming import iterate_in_thread
from athena_connectors.common.types import rows_without_columns
from athena_connectors.documentdb.batches import BatchDecoder
from athena_connectors.documentdb.fields import ID
from athena_connectors.documentdb.filters import all_of
from athena_connectors.documentdb.listings import look_up
from athena_connectors.documentdb.projection import projection
from athena_connectors.documentdb.ranges import id_of
from athena_connectors.documentdb.sizes import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from athena_connectors.documentdb.client import Client
    from athena_connectors.documentdb.filters import Filter
    from athena_connectors.documentdb.pushdown import NativeScan
    from athena_connectors.documentdb.ranges import IdRange
    from athena_connectors.documentdb.relation import Column, Relation
    from athena_connectors.documentdb.settings import Settings
    from athena_connectors.documentdb.splits import SplitPlan

__all__ = ["MAX_RESUMES", "CollectionReader", "fields_read", "filter_of"]

MAX_RESUMES = 3
"""How often one read goes on after its cursor or its server was lost."""

_BY_ID = ((ID, 1),)
_COUNTED_ROWS = 1_000_000_000
_Fetched = tuple[bytes | None, float]
_log = logging.getLogger(__name__)


def filter_of(ids: IdRange, native: NativeScan) -> Filter:
    """Return what the documents of a split have to match."""
    return _joined(ids.filter(), native)


def fields_read(
    columns: Sequence[Column], settings: Settings, ids: IdRange
) -> Mapping[str, int] | None:
    """Return the projection of a split's read; ``None`` for all fields.

    A read that may have to go on behind a document has to know this document's id.
    """
    fields = projection(columns, settings)
    if fields is None or ids.is_everything:
        return fields
    return {name: shown for name, shown in fields.items() if shown} or {ID: 1}


@dataclass(slots=True)
class CollectionReader:
    """Reads documents of one collection for one split.

    Attributes:
        client: Makes the requests.
        relation: The collection.
        columns: The columns to read; none to count.
        settings: The connector's settings.
        deadline: ``time.monotonic()`` at which the read has to have ended, or ``None``.
        ahead: Whether a thread fetches the next batch while one is taken apart. If a read is
            given up before its end, it cancels the client's requests.
    """

    client: Client
    relation: Relation
    columns: Sequence[Column]
    settings: Settings
    deadline: float | None = None
    ahead: bool = False

    def pages(self, plan: SplitPlan, native: NativeScan) -> Generator[ReadPage]:
        """Read what a split reads; without columns only count it.

        Raises:
            DataConversionError: A document is malformed, or a value does not fit its column
                and the settings forbid it.
            TableNotFoundError: The collection was dropped since the read was planned.
            ConnectorError: The server refuses, is lost too often or can't be reached; see
                ``Client.find_raw``.
        """
        if native.is_empty:
            return
        if not self.columns:
            yield from self._counted(plan, native)
            return
        yield from self._found(plan, native)

    def pages_of_pipeline(
        self, pipeline: Sequence[Mapping[str, Any]], *, batch_size: int
    ) -> Generator[ReadPage]:
        """Read the results of stages; errors as of ``pages``."""
        source = _Source(self)
        batches = self.client.aggregate_raw(
            self.relation.collection, pipeline, batch_size=batch_size, deadline=self.deadline
        )
        with closing(source.fetched(batches)) as fetched:
            for raw in fetched:
                yield source.page(raw)
        yield source.told(rows_without_columns(0))

    def _found(self, plan: SplitPlan, native: NativeScan) -> Generator[ReadPage]:
        source = _Source(self)
        ids, limit = plan.ids, native.server_limit or 0
        condition: Filter = filter_of(ids, native)
        order = () if ids.is_everything else _BY_ID
        resumes, rows, last = 0, 0, b""
        while True:
            batches = self.client.find_raw(
                self.relation.collection,
                condition,
                fields_read(self.columns, self.settings, ids),
                batch_size=plan.batch_size,
                sort=order,
                hint=order or None,
                limit=limit and limit - rows,
                deadline=self.deadline,
            )
            try:
                with closing(source.fetched(batches)) as fetched:
                    for raw in fetched:
                        page = source.page(raw)
                        last, rows = raw, rows + page.batch.num_rows
                        yield page
            except ConnectorError as error:
                if limit and rows >= limit:
                    return
                after = _rest(error, ids, last)
                if after is None or resumes == MAX_RESUMES or not self._is_alone(last):
                    raise
                resumes += 1
                _log.warning("The read of %s goes on after: %s", source.label, error)
                condition = _joined(after, native)
            else:
                if not rows:
                    self._require_collection()
                yield source.told(rows_without_columns(0))
                return

    def _is_alone(self, raw: bytes) -> bool:
        """Return whether no other document has the ``_id`` of the last one of a batch.

        Shards can't see each other's, and which of several have come nobody could tell.
        """
        if not raw:
            return True
        equal: Filter = {ID: {"$eq": _last_id(raw)}}
        collection = self.relation.collection
        return self.client.count(collection, equal, limit=2, deadline=self.deadline) < 2  # noqa: PLR2004

    def _require_collection(self) -> None:
        """Let a split without documents be one of a collection that is still there.

        The server finds nothing in one that was dropped since other splits were read.

        Raises:
            TableNotFoundError: It is not there.
        """
        collection = self.relation.collection
        try:
            found = look_up(self.client, collection.database, collection.name)
        except REFUSALS as error:
            _log.debug("Collection %s is not looked up: %s", collection.name, error)
            return
        if found is None:
            raise TableNotFoundError(
                f"Collection {collection.database}.{collection.name} is not there any more.",
                hint="It was dropped or renamed while the query ran; list the schema's tables.",
                schema=collection.database,
                table=f"{collection.database}.{collection.name}",
            )

    def _counted(self, plan: SplitPlan, native: NativeScan) -> Iterator[ReadPage]:
        source = _Source(self)
        for resumes in range(MAX_RESUMES + 1):
            try:
                count = source.count(filter_of(plan.ids, native), native.server_limit)
                break
            except ConnectorError as error:
                if resumes == MAX_RESUMES or _rest(error, plan.ids, b"") is None:
                    raise
        if not count:
            self._require_collection()
        for start in range(0, count, _COUNTED_ROWS):
            yield source.told(rows_without_columns(min(_COUNTED_ROWS, count - start)))


class _Source:
    """One read's batches, and what they cost."""

    def __init__(self, reader: CollectionReader) -> None:
        collection = reader.relation.collection
        self.label = f"{collection.database}.{collection.name}"
        self._reader = reader
        # A batch may be decoded while the stats of the split are in other hands.
        self._cost = SplitStats()
        self._decoder = BatchDecoder(
            reader.columns,
            collection=self.label,
            settings=reader.settings,
            stats=self._cost,
            relation_columns=reader.relation.columns,
        )

    def fetched(self, batches: Iterator[bytes]) -> Generator[bytes]:
        """Yield batches, and count the wait for the server as the source's time."""
        if not self._reader.ahead:
            yield from self._received(_timed(batches))
            return

        def produce(emit: Callable[[_Fetched], None]) -> None:
            for each in _timed(batches):
                emit(each)

        cancel = self._reader.client.cancel
        with closing(iterate_in_thread(produce, capacity=1, on_cancel=cancel)) as fetched:
            yield from self._received(fetched)

    def _received(self, fetched: Iterable[_Fetched]) -> Iterator[bytes]:
        for raw, seconds in fetched:
            self._cost.requests += 1
            self._cost.source_seconds += seconds
            if raw is not None:
                yield raw

    def page(self, raw: bytes) -> ReadPage:
        """Return the documents of a batch."""
        return self.told(self._decoder.decode(raw))

    def count(self, condition: Filter, limit: int | None) -> int:
        """Return how many documents fit, up to a limit."""
        reader = self._reader
        started = time.perf_counter()
        count = reader.client.count(
            reader.relation.collection, condition, limit=limit or 0, deadline=reader.deadline
        )
        self._cost.source_seconds += time.perf_counter() - started
        self._cost.requests += 1
        return count

    def told(self, batch: Any) -> ReadPage:
        """Return rows with what was spent since those before."""
        return ReadPage(batch, self._cost.take())


def _timed(batches: Iterator[bytes]) -> Iterator[_Fetched]:
    """Yield batches and the seconds that each took; last the server's word that there is none."""
    raw: bytes | None = b""
    while raw is not None:
        started = time.perf_counter()
        raw = next(batches, None)
        yield raw, time.perf_counter() - started


def _joined(within: Filter, native: NativeScan) -> Filter:
    """Return what a scan asks of some documents; of all of them it is what was written."""
    return all_of([within, native.filter]) if within else native.filter


def _rest(error: ConnectorError, ids: IdRange, last: bytes) -> Filter | None:
    """Return what the documents match that a failed read did not give.

    Args:
        error: Why it failed.
        ids: Of which documents it was.
        last: The last batch that came; empty if none did.

    Returns:
        ``None`` if they can't be told, or the failure would be the same again.
    """
    # It loads the driver, which has been loaded if there is an error of it.
    from athena_connectors.documentdb.faults import is_resumable  # noqa: PLC0415

    if not is_resumable(error):
        return None
    return ids.filter_after(_last_id(last)) if last else ids.filter()


def _last_id(raw: bytes) -> Any:
    """Return the ``_id`` of the last document of a batch; ``None`` as of ``id_of``."""
    start = end = 0
    while end < len(raw):
        start, end = end, end + int.from_bytes(raw[end : end + 4], "little")
    return id_of(raw[start:])
