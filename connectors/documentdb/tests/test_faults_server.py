"""A server that refuses, breaks off, steps down or falls silent ends a read as a whole.

A real one, behind a network that can be made bad, and the function as Athena calls it, which
spills. Each fault is taken away in the end, and the same instance then has to work.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    DeadlineExceededError,
    InvalidCredentialsError,
    SourceError,
    SpillError,
    TableNotFoundError,
)
from athena_connectors.common.testing.faults import FaultCheck, OneInstance, RemainingTime
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.documentdb.app import handler
from bson.objectid import ObjectId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.protocol.messages import S3SpillLocation
    from athena_connectors.common.testing.client import TableScan
    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.common.testing.tcp_proxy import TcpProxy

    Make = Callable[..., OneInstance]

USER, PASSWORD = "reader", "correct horse/battery+staple@%"
ROWS = 6000
SPLITS = 4
BLOCK_BYTES = 60_000


class HookedStore(FolderStore):
    """Calls ``hook`` once, at its third put."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.puts = 0
        self.hook: Callable[[], object] = lambda: None

    def put(self, location: S3SpillLocation, data: Any, *, headers: Any) -> None:
        super().put(location, data, headers=headers)
        self.puts += 1
        if self.puts == 3:
            self.hook()


@pytest.fixture(scope="module")
def database(mongodb: MongoDb) -> str:
    name = mongodb.create_database()
    database = mongodb.client()[name]
    database["big"].insert_many(
        {"_id": ObjectId(f"{number:024x}"), "n": number, "text": "x" * 400}
        for number in range(ROWS)
    )
    database["small"].insert_many({"_id": number, "n": number} for number in range(3))
    return name


@pytest.fixture
def network(mongodb: MongoDb) -> Iterator[TcpProxy]:
    with tcp_proxy(mongodb.host, mongodb.port) as proxy:
        yield proxy


@pytest.fixture
def store(tmp_path: Path) -> HookedStore:
    return HookedStore(tmp_path)


@pytest.fixture
def make(mongodb: MongoDb, database: str, network: TcpProxy, store: HookedStore) -> Iterator[Make]:
    """Make instances whose way to the server is the bad network."""
    mongodb.create_user(USER, PASSWORD, ("read", database))
    made: list[OneInstance] = []

    def make_instance(more: str = "", **settings: str) -> OneInstance:
        place = f"127.0.0.1:{network.port}"
        login, _, query = mongodb.url_of(USER, PASSWORD).partition("?")
        url = f"{login.rpartition('@')[0]}@{place}/?{query}&directConnection=true"
        environ = {
            "default_docdb": f"{url}&serverSelectionTimeoutMS=1500{more}".replace("?&", "?"),
            "disable_glue": "true",
            "spill_bucket": "bucket",
            "MAX_BLOCK_SIZE_BYTES": str(BLOCK_BYTES),
            "batch_bytes": "65536",  # many more batches than are read ahead of the third put
            "split_bytes": str(ROWS * 460 // SPLITS),
            **settings,
        }
        made.append(OneInstance(handler, environ, spill=store, store=store, max_inline_bytes=0))
        return made[-1]

    yield make_instance
    for instance in made:
        instance.close()


@pytest.fixture
def instance(make: Make) -> OneInstance:
    return make()


@pytest.fixture
def check(
    instance: OneInstance, mongodb: MongoDb, database: str, capfd: pytest.CaptureFixture[str]
) -> FaultCheck:
    def works() -> None:
        rows = instance.rows(instance.scan(f"{database}.small", "n"))
        assert sorted(row["n"] for row in rows) == [0, 1, 2]

    def at_rest() -> None:
        limit = time.monotonic() + 10
        while _running(mongodb, database):
            assert time.monotonic() < limit, "the server still works for the function"
            time.sleep(0.02)

    return FaultCheck(
        instance,
        secrets=(PASSWORD, mongodb.password),
        output=lambda: "".join(capfd.readouterr()),
        at_rest=at_rest,
        recovered=works,
    )


def _running(mongodb: MongoDb, database: str) -> bool:
    found = mongodb.client().admin.aggregate([{"$currentOp": {"allUsers": True}}])
    return any(str(op.get("ns", "")).startswith(f"{database}.") for op in found)


def _kill_cursors(mongodb: MongoDb, database: str) -> None:
    idle = {"$currentOp": {"allUsers": True, "idleCursors": True}}
    open_cursors = [
        op["cursor"]["cursorId"]
        for op in mongodb.client().admin.aggregate([idle, {"$match": {"ns": f"{database}.big"}}])
        if "cursor" in op
    ]
    assert open_cursors
    mongodb.client()[database].command("killCursors", "big", cursors=open_cursors)


def _numbers(instance: OneInstance, scan: TableScan) -> list[int]:
    return sorted(row["n"] for row in instance.rows(scan))


# In mid-read


@pytest.fixture(params=["step down", "cursor killed", "connection cut"])
def fault(
    request: pytest.FixtureRequest, mongodb: MongoDb, database: str, network: TcpProxy
) -> Callable[[], object]:
    """What happens in mid-read and is over soon."""

    def cut() -> None:
        network.cut_after(0)
        network.heal()

    faults: dict[str, Callable[[], object]] = {
        "step down": mongodb.step_down,
        "cursor killed": lambda: _kill_cursors(mongodb, database),
        "connection cut": cut,
    }
    return faults[request.param]


def test_a_spilled_read_of_a_range_loses_no_row(
    check: FaultCheck,
    instance: OneInstance,
    database: str,
    store: HookedStore,
    fault: Callable[[], object],
) -> None:
    scan = instance.scan(f"{database}.big", "n", "text")
    assert len(list(instance.client.splits(scan))) == SPLITS
    store.hook = fault
    with check.watched():
        assert _numbers(instance, scan) == list(range(ROWS))
    assert store.puts > 20


def test_a_spilled_read_that_can_not_go_on_is_an_error(
    check: FaultCheck,
    make: Make,
    mongodb: MongoDb,
    database: str,
    store: HookedStore,
) -> None:
    whole = make(max_splits="1")
    scan = whole.scan(f"{database}.big", "n", "text")
    (split,) = whole.client.splits(scan)
    store.hook = lambda: _kill_cursors(mongodb, database)
    with check.expect(SourceError, f"{database}.big", "run the query again"):
        whole.client.read(scan, split)
    assert store.puts >= 3
    assert _numbers(whole, scan) == list(range(ROWS))


def test_a_primary_that_steps_down_between_planning_and_reading_loses_no_row(
    check: FaultCheck, instance: OneInstance, mongodb: MongoDb, database: str
) -> None:
    scan = instance.scan(f"{database}.big", "n")
    splits = list(instance.client.splits(scan))
    mongodb.step_down()
    found: list[Any] = []
    with check.watched():
        for split in splits:
            for batch in instance.client.read(scan, split).batches:
                found += batch.column("n").to_pylist()
    assert sorted(found) == list(range(ROWS))


def test_a_collection_that_is_dropped_in_mid_read_is_an_error(
    check: FaultCheck, make: Make, mongodb: MongoDb, database: str, store: HookedStore
) -> None:
    whole = make(max_splits="1")
    stored = mongodb.client()[database]
    stored["going"].drop()
    stored["going"].insert_many(stored["big"].find())
    scan = whole.scan(f"{database}.going", "n", "text")
    (split,) = whole.client.splits(scan)
    store.hook = stored["going"].drop
    with check.expect(SourceError, f"{database}.going", "changed while it was read"):
        whole.client.read(scan, split)


@pytest.mark.parametrize("columns", [("n",), ()])
def test_a_collection_that_is_dropped_between_two_splits_is_an_error(
    check: FaultCheck,
    instance: OneInstance,
    mongodb: MongoDb,
    database: str,
    columns: tuple[str, ...],
) -> None:
    stored = mongodb.client()[database]
    stored["going"].drop()
    stored["going"].insert_many(stored["big"].find())
    scan = instance.scan(f"{database}.going", "n")
    scan = replace(scan, projected=pa.schema([scan.schema.field(name) for name in columns]))
    first, second, *_ = instance.client.splits(scan)
    assert instance.client.read(scan, first).rows > 0
    stored["going"].drop()
    with check.expect(TableNotFoundError, f"{database}.going", "not there any more"):
        instance.client.read(scan, second)


def test_a_split_without_documents_is_no_error(
    instance: OneInstance, mongodb: MongoDb, database: str
) -> None:
    stored = mongodb.client()[database]
    stored["going"].drop()
    stored["going"].insert_many(stored["big"].find())
    scan = instance.scan(f"{database}.going", "n")
    splits = list(instance.client.splits(scan))
    stored["going"].delete_many({})
    assert [instance.client.read(scan, split).rows for split in splits] == [0] * SPLITS


def test_wherever_a_connection_is_cut_there_is_no_half_result(
    check: FaultCheck, make: Make, database: str, network: TcpProxy
) -> None:
    whole = make(max_splits="1", MAX_BLOCK_SIZE_BYTES="2000000")
    scan = whole.scan(f"{database}.big", "n")
    (split,) = whole.client.splits(scan)
    before = network.bytes_passed
    assert whole.client.read(scan, split).rows == ROWS
    needed = network.bytes_passed - before
    failed = 0
    with check.watched() as told:
        for cut in [1, 30, *range(0, needed, needed // 8)]:
            network.cut_after(cut)
            try:
                assert whole.client.read(scan, split).rows == ROWS
            except SourceError as error:
                told.append(str(error))
                failed += 1
            network.heal()
    assert failed
    assert whole.client.read(scan, split).rows == ROWS


def test_a_network_that_falls_silent_is_given_up_before_the_deadline(
    check: FaultCheck, make: Make, database: str, store: HookedStore, network: TcpProxy
) -> None:
    whole = make(max_splits="1")
    scan = whole.scan(f"{database}.big", "n", "text")
    (split,) = whole.client.splits(scan)
    whole.context = RemainingTime(4000)
    store.hook = lambda: network.stall_after(0)

    def heal() -> None:
        network.heal()
        whole.context = None

    with check.expect(DeadlineExceededError, f"{database}.big", heal=heal) as it:
        whole.client.read(scan, split)
    assert it.seconds < 4


def test_a_spill_that_fails_ends_the_read(
    check: FaultCheck, instance: OneInstance, database: str, store: HookedStore
) -> None:
    scan = instance.scan(f"{database}.big", "n", "text")
    split = next(iter(instance.client.splits(scan)))

    def fail() -> None:
        raise OSError("no space left")

    store.hook = fail
    with check.expect(SpillError, "s3://bucket/"):
        instance.client.read(scan, split)


# The way in


def test_a_wrong_password_is_told_without_it(
    check: FaultCheck, instance: OneInstance, mongodb: MongoDb, database: str
) -> None:
    mongodb.create_user(USER, "another", ("read", database))

    def heal() -> None:
        mongodb.create_user(USER, PASSWORD, ("read", database))

    with check.expect(
        InvalidCredentialsError, "Authentication failed", "Check user and password", heal=heal
    ):
        instance.rows(instance.scan(f"{database}.big", "n"))


def test_a_right_that_was_taken_away_is_told(
    check: FaultCheck, instance: OneInstance, mongodb: MongoDb, database: str
) -> None:
    scan = instance.scan(f"{database}.big", "n")
    (split, *_) = instance.client.splits(scan)
    mongodb.create_user(USER, PASSWORD, ("read", "elsewhere"))

    def heal() -> None:
        mongodb.create_user(USER, PASSWORD, ("read", database))

    with check.expect(AccessDeniedError, f"{database}.big", "role read", heal=heal):
        instance.client.read(scan, split)


def test_a_server_that_refuses_tls_is_told(check: FaultCheck, make: Make, database: str) -> None:
    secure = make("&tls=true")
    with check.expect(ConfigurationError, "SSL handshake failed", "Check tls"):
        secure.scan(f"{database}.big", "n")


def test_a_server_that_is_down_for_a_while(
    check: FaultCheck, instance: OneInstance, database: str, network: TcpProxy
) -> None:
    scan = instance.scan(f"{database}.big", "n")
    network.refuse()
    with check.expect(SourceError, "refused", heal=network.heal):
        instance.rows(scan)


# Documents as large as they may be


def test_documents_of_16_mb_are_rows_unless_a_row_fits_no_block(
    check: FaultCheck, make: Make, mongodb: MongoDb, database: str
) -> None:
    megabytes = 1024 * 1024
    stored = mongodb.client()[database]["huge"]
    stored.drop()
    texts = {"left": "x" * (7 * megabytes), "right": "y" * (9 * megabytes - 200)}
    for number in range(2):
        stored.insert_one({"_id": number, "n": number, **texts})
    large = make(MAX_BLOCK_SIZE_BYTES="16000000", split_bytes="20000000")
    scan = large.scan(f"{database}.huge", "n", "right")
    with check.watched():
        rows = large.rows(scan)
        assert [(row["n"], len(row["right"])) for row in rows] == [(0, 9436984), (1, 9436984)]
    with check.expect(SpillError, f"{database}.huge", "'right'", "16,000,000"):
        large.rows(large.scan(f"{database}.huge"))
