"""Reading from a server that loses cursors and connections: every document once, or an error."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import bson
import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    ConnectorError,
    DataConversionError,
    DeadlineExceededError,
    SourceError,
    SourceTimeoutError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.read_ahead import batches_of
from athena_connectors.common.testing.conformance.threads import no_thread_stays
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.documentdb.batches import BatchDecoder
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.connection_strings import target_of
from athena_connectors.documentdb.pushdown import NativeScan
from athena_connectors.documentdb.ranges import EVERYTHING, IdRange
from athena_connectors.documentdb.reader import (
    MAX_RESUMES,
    CollectionReader,
    _last_id,
    fields_read,
)
from athena_connectors.documentdb.relation import Collection, Column, Relation
from athena_connectors.documentdb.settings import Settings
from athena_connectors.documentdb.splits import SplitPlan
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.errors import AutoReconnect, CursorNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from athena_connectors.common.testing.mongodb import MongoDb

COUNT = 3000
BATCH = 500
COLUMNS = (
    Column("_id", pa.string(), "_id"),
    Column("n", pa.int64(), "n"),
    Column("name", pa.string(), "name"),
)
ALL = NativeScan()
LOW = IdRange(low=ObjectId(f"{0:024x}"))
"""All documents, in order of their ids."""


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    with no_thread_stays():
        yield


@pytest.fixture(scope="module")
def database(mongodb: MongoDb) -> str:
    name = mongodb.create_database()
    database = mongodb.client()[name]
    database["c"].insert_many(
        {"_id": ObjectId(f"{number:024x}"), "n": number, "name": f"name {number}", "x": "x" * 200}
        for number in range(COUNT)
    )
    return name


@dataclass
class Watched(Client):
    """A client that does something before a read, -1, and after each of its batches."""

    between: Callable[[int], None] = lambda _: None
    reads: list[Mapping[str, Any]] = field(default_factory=list)

    def __init__(self, environ: Mapping[str, str]) -> None:
        settings = load_settings(Settings, environ)
        target = target_of("shop", environ)
        super().__init__(target, settings, secrets=None, environ=environ)
        self.between = lambda _: None
        self.reads = []

    def find_raw(self, *arguments: Any, **options: Any) -> Iterator[bytes]:
        self.reads.append({**options, "filter": arguments[1], "projection": arguments[2]})
        self.between(-1)
        for number, raw in enumerate(super().find_raw(*arguments, **options)):
            yield raw
            self.between(number)

    def count(self, *arguments: Any, **options: Any) -> int:
        self.between(-1)
        return super().count(*arguments, **options)


@pytest.fixture
def client(mongodb: MongoDb) -> Iterator[Watched]:
    with closing(Watched(mongodb.settings)) as opened:
        yield opened


class Reading:
    """Reads one collection."""

    def __init__(self, client: Watched, database: str, *, settings: Settings | None = None) -> None:
        self.client = client
        self.stats = SplitStats()
        self.relation = Relation(Collection(database, "c"), COLUMNS)
        self.settings = settings or Settings()

    def batches(
        self,
        ids: IdRange = LOW,
        native: NativeScan = ALL,
        columns: Sequence[Column] = COLUMNS[1:2],
        *,
        ahead: bool = True,
        deadline: float | None = None,
        batch: int = BATCH,
    ) -> Generator[pa.RecordBatch]:
        reader = CollectionReader(
            self.client, self.relation, columns, self.settings, deadline, ahead
        )
        return batches_of(
            lambda: reader.pages(SplitPlan(ids, batch), native),
            stats=self.stats,
            ahead=ahead,
            cancel=self.client.cancel,
        )

    def numbers(self, *arguments: Any, **options: Any) -> list[Any]:
        found: list[Any] = []
        for batch in self.batches(*arguments, **options):
            assert batch.num_rows
            found += batch.column("n").to_pylist()
        return found


@pytest.fixture
def reading(client: Watched, database: str) -> Reading:
    return Reading(client, database)


def _kill_cursors(mongodb: MongoDb, database: str) -> bool:
    """End all cursors of a database on the server; tell whether there were any.

    One of an earlier test may be among them: the driver ends them when it finds the time.
    """
    driver = mongodb.client()
    idle = {"$currentOp": {"allUsers": True, "idleCursors": True}}
    found = [
        op["cursor"]["cursorId"]
        for op in driver.admin.aggregate([idle, {"$match": {"ns": f"{database}.c"}}])
        if "cursor" in op
    ]
    if found:
        driver[database].command("killCursors", "c", cursors=found)
    return bool(found)


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("ids", [EVERYTHING, LOW])
def test_a_read_gives_each_document_once_and_tells_its_cost(
    reading: Reading, ids: IdRange, *, ahead: bool
) -> None:
    assert Counter(reading.numbers(ids, ahead=ahead)) == Counter(range(COUNT))
    assert reading.stats.requests in (COUNT // BATCH, COUNT // BATCH + 1)
    assert reading.stats.bytes_read >= COUNT * 12
    assert reading.stats.source_seconds > 0
    assert reading.stats.conversion_seconds > 0


def test_fields_that_nobody_wants_stay_on_the_server(reading: Reading) -> None:
    reading.numbers(EVERYTHING)
    lean = reading.stats.bytes_read
    whole = Reading(reading.client, reading.relation.collection.database)
    whole.relation = replace(
        whole.relation, columns=(Column("n", pa.int64(), "n", is_spelled=False),)
    )
    whole.numbers(EVERYTHING, columns=whole.relation.columns)
    assert lean < whole.stats.bytes_read / 8
    (first, second) = (read["projection"] for read in reading.client.reads)
    assert (first, second) == ({"n": 1, "_id": 0}, None)


def test_a_read_that_may_go_on_reads_the_ids_too() -> None:
    names = COLUMNS[2:]
    assert fields_read(names, Settings(), EVERYTHING) == {"name": 1, "_id": 0}
    assert fields_read(names, Settings(), LOW) == {"name": 1}
    assert fields_read((), Settings(), LOW) == {"_id": 1}
    unspelled = [replace(COLUMNS[1], is_spelled=False)]
    assert fields_read(unspelled, Settings(), LOW) is None


def test_documents_of_a_range_come_in_the_order_of_the_index(reading: Reading) -> None:
    ids = IdRange(ObjectId(f"{100:024x}"), ObjectId(f"{2000:024x}"))
    assert reading.numbers(ids, NativeScan({"n": {"$gte": 150}})) == list(range(150, 2000))
    (read,) = reading.client.reads
    assert (read["sort"], read["hint"]) == ((("_id", 1),), (("_id", 1),))


@pytest.mark.parametrize("ids", [EVERYTHING, LOW])
@pytest.mark.parametrize("limit", [1, 7, BATCH, BATCH + 1, COUNT, COUNT + 5])
def test_a_limit_ends_a_read_on_the_server(reading: Reading, ids: IdRange, limit: int) -> None:
    found = reading.numbers(ids, NativeScan(limit=limit), ahead=False)
    assert len(set(found)) == len(found) == min(limit, COUNT)
    inexact = NativeScan({"n": {"$gte": 0}}, is_exact=False, limit=limit)
    assert len(reading.numbers(ids, inexact)) == COUNT


@pytest.mark.parametrize("limit", [None, 1, 100, COUNT, COUNT + 5])
@pytest.mark.parametrize("ids", [EVERYTHING, IdRange(high=ObjectId(f"{1000:024x}"))])
def test_without_columns_the_server_counts(
    reading: Reading, ids: IdRange, limit: int | None
) -> None:
    native = NativeScan({"n": {"$gte": 10}}, limit=limit)
    most = COUNT if ids.is_everything else 1000
    batches = list(reading.batches(ids, native, columns=()))
    assert [batch.num_columns for batch in batches] == [0]
    assert batches[0].num_rows == min(most - 10, most if limit is None else limit)
    assert reading.client.reads == []
    assert list(reading.batches(ids, NativeScan({"n": -1}), columns=())) == []


def test_a_scan_that_nothing_satisfies_asks_nobody(reading: Reading) -> None:
    assert list(reading.batches(native=NativeScan(is_empty=True))) == []
    assert reading.client.reads == []


# Cursors and servers that are lost


@pytest.mark.parametrize("ids", [LOW, IdRange(high=ObjectId("f" * 24))])
@pytest.mark.parametrize("ahead", [True, False])
def test_a_read_whose_cursor_is_killed_goes_on_behind_the_last_document(
    reading: Reading,
    mongodb: MongoDb,
    database: str,
    caplog: pytest.LogCaptureFixture,
    ids: IdRange,
    *,
    ahead: bool,
) -> None:
    killed: list[bool] = []

    def kill(number: int) -> None:
        if number == 1 and len(killed) < MAX_RESUMES:
            killed.append(_kill_cursors(mongodb, database))

    reading.client.between = kill
    native = NativeScan({"n": {"$gte": 7, "$not": {"$mod": [5, 0]}}})
    with caplog.at_level(logging.WARNING, "athena_connectors.documentdb.reader"):
        found = reading.numbers(ids, native, ahead=ahead)
    assert found == [number for number in range(7, COUNT) if number % 5]
    assert killed[:2] == [True, True]
    assert len(caplog.messages) == sum(killed)
    assert len(reading.client.reads) == sum(killed) + 1


@pytest.mark.parametrize("ahead", [True, False])
def test_a_limit_counts_what_came_before_a_cursor_was_killed(
    reading: Reading, mongodb: MongoDb, database: str, *, ahead: bool
) -> None:
    killed: list[bool] = []

    def kill(number: int) -> None:
        if number == 1 and not killed:
            killed.append(_kill_cursors(mongodb, database))

    reading.client.between = kill
    assert reading.numbers(LOW, NativeScan(limit=2200), ahead=ahead) == list(range(2200))
    assert killed == [True]


def test_a_limit_that_was_reached_needs_no_more_of_a_server_that_is_lost(
    reading: Reading,
) -> None:
    def lose(number: int) -> None:
        if number == 0:
            raise SourceError("lost") from AutoReconnect("closed")

    reading.client.between = lose
    assert reading.numbers(LOW, NativeScan(limit=BATCH), ahead=False) == list(range(BATCH))
    assert len(reading.client.reads) == 1


def test_a_cursor_that_is_killed_again_and_again_is_an_error(
    reading: Reading, mongodb: MongoDb, database: str
) -> None:
    def kill(number: int) -> None:
        if number == 0:
            _kill_cursors(mongodb, database)

    reading.client.between = kill
    with pytest.raises(SourceError, match="cursor"):
        reading.numbers(LOW)
    assert len(reading.client.reads) == 1 + MAX_RESUMES


@pytest.mark.parametrize(
    "ids", [EVERYTHING, IdRange(outside=("a",)), IdRange(low=ObjectId("0" * 24), outside=("a",))]
)
def test_where_the_rest_can_not_be_told_a_killed_cursor_is_an_error(
    reading: Reading, mongodb: MongoDb, database: str, ids: IdRange
) -> None:
    def kill(number: int) -> None:
        if number == 0:
            assert _kill_cursors(mongodb, database)

    reading.client.between = kill
    with pytest.raises(SourceError, match=f"{database}.c"):
        reading.numbers(ids)
    assert len(reading.client.reads) == 1


def test_where_another_shard_has_the_same_id_a_killed_cursor_is_an_error(
    reading: Reading, mongodb: MongoDb, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def count(collection: Collection, filter_: Any, **options: Any) -> int:
        asked.append((collection.name, filter_, options["limit"]))
        return 2

    def kill(number: int) -> None:
        if number == 0:
            assert _kill_cursors(mongodb, database)

    reading.client.between = kill
    monkeypatch.setattr(reading.client, "count", count)
    with pytest.raises(SourceError, match=f"{database}.c"):
        reading.numbers(LOW)
    assert asked == [("c", {"_id": {"$eq": ObjectId(f"{BATCH - 1:024x}")}}, 2)]
    assert len(reading.client.reads) == 1


def test_a_read_goes_on_behind_no_text_that_is_no_utf8(mongodb: MongoDb, client: Watched) -> None:
    database = mongodb.create_database()
    texts = [b"a%03d" % number for number in range(BATCH)]
    texts[BATCH - 1] = b"b\xff\xff\xff"
    texts += [b"c%03d" % number for number in range(BATCH)]
    documents = [
        RawBSONDocument(bson.encode({"_id": "????", "n": place}).replace(b"????", text))
        for place, text in enumerate(texts)
    ]
    mongodb.client()[database]["c"].insert_many(documents)
    reading = Reading(client, database)

    def kill(number: int) -> None:
        if number == 0 and len(client.reads) == 1:
            assert _kill_cursors(mongodb, database)

    client.between = kill
    with pytest.raises(SourceError, match="cursor"):
        reading.numbers(IdRange(low="a"))
    assert len(client.reads) == 1
    client.between = lambda _: None
    assert reading.numbers(IdRange(low="a")) == list(range(2 * BATCH))


def test_a_primary_that_steps_down_loses_no_document(reading: Reading, mongodb: MongoDb) -> None:
    def step_down(number: int) -> None:
        if number == 1 and len(reading.client.reads) == 1:
            mongodb.step_down()

    reading.client.between = step_down
    assert Counter(reading.numbers(LOW)) == Counter(range(COUNT))


def test_a_connection_that_is_lost_loses_no_document(mongodb: MongoDb, database: str) -> None:
    with tcp_proxy(mongodb.host, mongodb.port) as proxy:
        environ = {**mongodb.settings, "default_docdb": mongodb.through(proxy.port)}
        with closing(Watched(environ)) as watched:

            def lose(number: int) -> None:
                if number == -1:
                    proxy.heal()
                elif number == 1 and len(watched.reads) == 1:
                    proxy.cut_after(100)

            watched.between = lose
            assert Reading(watched, database).numbers(LOW) == list(range(COUNT))
            assert len(watched.reads) == 2


@dataclass
class Failing:
    """A client whose reads fail before they give anything, so many times."""

    client: Client
    errors: list[BaseException]
    asked: int = 0

    def find_raw(self, *arguments: Any, **options: Any) -> Iterator[bytes]:
        self.asked += 1
        self._fail()
        yield from self.client.find_raw(*arguments, **options)

    def count(self, *arguments: Any, **options: Any) -> int:
        self.asked += 1
        self._fail()
        return self.client.count(*arguments, **options)

    def cancel(self) -> None:
        self.client.cancel()

    def _fail(self) -> None:
        if self.errors:
            raise SourceError("lost") from self.errors.pop()


_LOST = [AutoReconnect("closed"), CursorNotFound("gone", 43)]


@pytest.mark.parametrize("error", _LOST, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("ids", [EVERYTHING, LOW, IdRange(outside=("a",))])
@pytest.mark.parametrize("columns", [COLUMNS[1:2], ()])
def test_a_read_that_gave_nothing_yet_is_begun_again(
    reading: Reading, ids: IdRange, columns: Sequence[Column], error: BaseException
) -> None:
    real = reading.client
    reading.client = failing = Failing(real, [error] * MAX_RESUMES)  # type: ignore[assignment]
    rows = sum(batch.num_rows for batch in reading.batches(ids, columns=columns))
    assert (rows, failing.asked) == (COUNT, MAX_RESUMES + 1)
    reading.client = failing = Failing(real, [error] * (MAX_RESUMES + 1))  # type: ignore[assignment]
    with pytest.raises(SourceError, match="lost"):
        list(reading.batches(ids, columns=columns))
    assert failing.asked == MAX_RESUMES + 1


@pytest.mark.parametrize("columns", [COLUMNS[1:2], ()])
def test_an_error_of_the_request_is_not_tried_again(
    reading: Reading, columns: Sequence[Column]
) -> None:
    failing = Failing(reading.client, [ValueError("no")])
    reading.client = failing  # type: ignore[assignment]
    with pytest.raises(SourceError, match="lost"):
        list(reading.batches(columns=columns))
    assert failing.asked == 1


def test_the_last_id_of_a_batch_is_found() -> None:
    documents = [{"_id": number, "x": "y" * number} for number in range(1, 9)]
    raw = b"".join(map(bson.encode, documents))
    assert _last_id(raw) == 8
    assert _last_id(bson.encode({"a": 1})) is None
    assert _last_id(bson.encode({"_id": 1})[:-1] + b"\1") is None
    assert _last_id(bson.encode({"a": 1, "xid": 1}).replace(b"xid", b"_id")) is None


# Ahead


def test_the_next_batch_is_fetched_while_one_is_taken_apart(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked_for = threading.Event()
    reading.client.between = lambda number: is_asked_for.set() if number == 0 else None
    decode = BatchDecoder.decode

    def slow(decoder: BatchDecoder, raw: bytes) -> pa.RecordBatch:
        assert is_asked_for.wait(60)
        return decode(decoder, raw)

    monkeypatch.setattr(BatchDecoder, "decode", slow)
    assert len(reading.numbers()) == COUNT


def test_a_batch_that_is_refused_ends_the_wait_for_the_next_one(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_cancelled = threading.Event()
    cancel = reading.client.cancel

    def wait(number: int) -> None:
        assert number < 0 or is_cancelled.wait(60)

    def refuse(_: BatchDecoder, raw: bytes) -> pa.RecordBatch:
        raise DataConversionError(f"{len(raw)} bytes")

    def cancelled() -> None:
        is_cancelled.set()
        cancel()

    reading.client.between = wait
    monkeypatch.setattr(reading.client, "cancel", cancelled)
    monkeypatch.setattr(BatchDecoder, "decode", refuse)
    with pytest.raises(DataConversionError, match="bytes"):
        reading.numbers()
    assert is_cancelled.is_set()


# Ends before the end


def test_a_read_that_a_limit_ends_early_leaves_no_cursor(
    reading: Reading, mongodb: MongoDb, database: str
) -> None:
    _kill_cursors(mongodb, database)  # those of connections that were cut
    batches = reading.batches(ahead=False)
    next(batches)
    batches.close()
    assert not _kill_cursors(mongodb, database)


def test_a_read_ahead_may_be_closed_at_any_time(reading: Reading) -> None:
    batches = reading.batches()
    next(batches)
    batches.close()
    reading.client.release()
    assert len(reading.numbers()) == COUNT


def test_a_cancelled_read_is_an_error_and_no_short_answer(reading: Reading) -> None:
    batches = reading.batches(batch=BATCH)
    next(batches)
    reading.client.cancel()
    with pytest.raises(ConnectorError) as stopped:
        list(batches)
    assert isinstance(stopped.value, SourceTimeoutError)
    reading.client.release()
    assert len(reading.numbers()) == COUNT


def test_a_read_whose_time_is_over_is_an_error(reading: Reading) -> None:
    with pytest.raises(DeadlineExceededError):
        reading.numbers(deadline=time.monotonic() - 1)


def test_documents_of_16_mb_are_read(mongodb: MongoDb, client: Watched) -> None:
    database = mongodb.create_database()
    text = "x" * (16 * 1024 * 1024 - 100)
    for number in range(3):  # one by one: each is a transaction, and the cache is small
        large = {"_id": ObjectId(f"{number:024x}"), "n": number, "name": text}
        mongodb.client()[database]["c"].insert_one(large)
    reading = Reading(client, database)
    found = [
        (row["n"], len(row["name"]))
        for batch in reading.batches(columns=COLUMNS[1:])
        for row in batch.to_pylist()
    ]
    assert found == [(number, len(text)) for number in range(3)]


def test_a_value_that_does_not_fit_ends_a_read_if_that_is_wanted(
    mongodb: MongoDb, client: Watched
) -> None:
    database = mongodb.create_database()
    mongodb.client()[database]["c"].insert_one({"_id": ObjectId(), "n": "many"})
    strict = Reading(client, database, settings=Settings(on_type_mismatch="fail"))
    with pytest.raises(DataConversionError, match="Column 'n'"):
        strict.numbers()
    client.release()
    assert Reading(client, database).numbers() == [None]
