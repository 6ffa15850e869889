"""What the connector is accepted by, end to end: SQL in, rows out, calls counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pytest
from athena_connectors.cloudwatch_logs import insights
from athena_connectors.cloudwatch_logs.app import handler
from athena_connectors.common.errors import ThrottledError, UnsupportedOperationError
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.faults import OneInstance, RemainingTime
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.logs_faults import LogsFault
from athena_connectors.common.testing.logs_server import logs_server
from athena_connectors.common.testing.logs_virtual import VirtualStreams
from athena_connectors.common.testing.transport import InProcess
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.testing.logs_server import LogsFake

DAY = 86_400_000
HOUR = 3_600_000
ZERO = 1_720_000_000_000
MB = 1 << 20
STREAMS = ("stream-1", "stream-10", "stream-1-b", "STREAM-1")
READS = ("FilterLogEvents", "GetLogEvents", "StartQuery")
LISTINGS = ("DescribeLogStreams", "ListLogGroups")

Row = tuple[str, int, str]


class Open(Protocol):
    """Opens the connector."""

    def __call__(self, logs: LogsFake, **settings: str) -> LocalEngine: ...


@pytest.fixture(scope="module")
def open_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    opened = []

    def open_(logs: LogsFake, **settings: str) -> LocalEngine:
        store = FolderStore(tmp_path_factory.mktemp("spill"))
        environ = {
            "spill_bucket": "local",
            "throttle_max_delay_ms": "20",
            **logs.settings,
            **settings,
        }
        transport = InProcess(handler, settings=environ, store=store)
        opened.append(LocalEngine({"cw": Catalog(transport, store)}))
        return opened[-1]

    yield open_
    for engine in opened:
        engine.close()


@pytest.fixture(scope="module", autouse=True)
def _quick_insights() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(insights, "_FIRST_PAUSE_SECONDS", 0.001)
        patch.setattr(insights, "_LONGEST_PAUSE_SECONDS", 0.001)
        yield


def _rows(engine: LocalEngine, where: str, *, group: str = "/app", table: str = "") -> list[Row]:
    sql = (
        'SELECT log_stream, "time", message'
        f' FROM cw."{group}"."{table or "all_log_streams"}" {where}'
    )
    return [tuple(row.values()) for row in engine.query(sql).table.to_pylist()]


def _once(found: list[Row], expected: list[Row]) -> None:
    assert Counter(found) == Counter(expected)


# 1: every form of a predicate on time, in every mode

EDGES = (0, 1, 999, 1000, 1001, 5000, 5001, 60_000, 60_001, 3_600_000)
ROWS: list[Row] = [
    (stream, ZERO + offset, f"{word} {stream} {offset}")
    for offset in EDGES
    for stream in STREAMS
    for word in ("error", "fine")
]
MODES: dict[str, tuple[str, str, Callable[[Row], bool]]] = {
    "group": ("/app", "", lambda _: True),
    "table": ("/app", "stream-1", lambda row: row[0] == "stream-1"),
    "names": (
        "/app",
        "log_stream IN ('stream-1', 'stream-10', 'gone')",
        lambda row: row[0] in {"stream-1", "stream-10"},
    ),
    "prefix": ("/app", "log_stream LIKE 'stream-1%'", lambda row: row[0].startswith("stream-1")),
    "implied": ("/app", "message LIKE '%error%'", lambda row: "error" in row[2]),
    "pattern": ("/app", "filter_pattern = 'error'", lambda row: "error" in row[2]),
    "ids": ("/app", "event_id IS NOT NULL", lambda _: True),
    "insights": ("/rare", "", lambda _: True),
    "insights names": ("/rare", "log_stream = 'stream-1'", lambda row: row[0] == "stream-1"),
}
X, A, B, C, D = (ZERO + EDGES[index] for index in (3, 1, 4, 6, 8))
FORMS: dict[str, Callable[[int], bool]] = {
    f'"time" = {X}': lambda t: t == X,
    f'"time" <= {X}': lambda t: t <= X,
    f'"time" < {X}': lambda t: t < X,
    f'"time" >= {X}': lambda t: t >= X,
    f'"time" > {X}': lambda t: t > X,
    f'"time" BETWEEN {A} AND {B}': lambda t: A <= t <= B,
    f'"time" >= {A} AND "time" < {B}': lambda t: A <= t < B,
    f'"time" IN ({A}, {B}, {C})': lambda t: t in {A, B, C},
    f'("time" BETWEEN {A} AND {X} OR "time" BETWEEN {C} AND {D})': (
        lambda t: A <= t <= X or C <= t <= D
    ),
    f'"time" <> {X}': lambda t: t != X,
    '"time" IS NOT NULL': lambda _: True,
    '"time" IS NULL': lambda _: False,
    f'("time" > {X} OR "time" IS NULL)': lambda t: t > X,
    '"time" < -5': lambda _: False,
    '"time" > -5': lambda _: True,
    f'"time" > {2**62}': lambda _: False,
    f'"time" = {X} AND "time" = {C}': lambda _: False,
    "event_time = TIMESTAMP '2024-07-03 09:46:41.000'": lambda t: t == X,
    "event_time < TIMESTAMP '2024-07-03 09:46:41.001'": lambda t: t <= X,
    f"ingestion_time = {X + 500}": lambda t: t == X,
}


@pytest.fixture(scope="module", params=[True, False], ids=["inclusive", "exclusive"])
def edges(request: pytest.FixtureRequest, open_engine: Open) -> Iterator[LocalEngine]:
    """Events just at the edges, in a service that gives empty and short pages."""
    with logs_server() as logs:
        for group, class_ in {"/app": "STANDARD", "/rare": "INFREQUENT_ACCESS"}.items():
            logs.create_group(group, created_at=ZERO - DAY, log_class=class_, stored_bytes=10**12)
            for stream, at, text in ROWS:
                logs.put(group, stream, [(at, text)])
        logs.switch(
            empty_pages=0.2, short_pages=0.2, page_events=9, filter_end_inclusive=request.param
        )
        yield open_engine(logs, max_splits="3")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", MODES)
def test_acceptance_01_a_predicate_on_time_gives_what_brute_force_gives(
    edges: LocalEngine, mode: str, form: str
) -> None:
    group, condition, is_wanted = MODES[mode]
    expected = [row for row in ROWS if is_wanted(row) and FORMS[form](row[1])]
    if mode == "table":
        found = _rows(edges, f"WHERE {form}", group=group, table=condition)
    else:
        found = _rows(edges, f"WHERE {form}" + (condition and f" AND {condition}"), group=group)
    _once(found, expected)


_PLACES = st.sampled_from(sorted({e + d for e in EDGES for d in (-1, 0, 1)})).map(
    lambda offset: ZERO + offset
)
_RANGES = st.lists(st.tuples(_PLACES, _PLACES), min_size=1, max_size=12)


@given(ranges=_RANGES, mode=st.sampled_from(sorted({*MODES} - {"table"})))
@settings(max_examples=40, deadline=None)
def test_complaint_01_any_set_of_ranges_gives_what_brute_force_gives(
    edges: LocalEngine, ranges: list[tuple[int, int]], mode: str
) -> None:
    group, condition, is_wanted = MODES[mode]
    forms = " OR ".join(f'"time" BETWEEN {low} AND {high}' for low, high in ranges)
    found = _rows(edges, f"WHERE ({forms})" + (condition and f" AND {condition}"), group=group)
    _once(
        found,
        [
            row
            for row in ROWS
            if is_wanted(row) and any(low <= row[1] <= high for low, high in ranges)
        ],
    )


# 2: one stream is one table


def test_acceptance_02_a_table_has_the_rows_of_its_stream_alone(edges: LocalEngine) -> None:
    for stream in STREAMS:
        expected = [row for row in ROWS if row[0] == stream]
        where = f"WHERE log_stream = '{stream}'"
        _once(_rows(edges, where), expected)
        if stream.islower():  # Athena folds names of tables
            _once(_rows(edges, "", table=stream), expected)
            _once(_rows(edges, where, table=stream), expected)
    assert _rows(edges, "WHERE log_stream = 'stream-10'", table="stream-1") == []


# 3: splits


@pytest.mark.parametrize("splits", [1, 2, 40])
def test_acceptance_03_each_event_is_in_one_of_the_splits(
    logs: LogsFake, open_engine: Open, splits: int
) -> None:
    now = int(time.time() * 1000)
    logs.create_group("/app", created_at=now - DAY, stored_bytes=10**12)
    rows = [(STREAMS[n % 4], now - DAY + n * DAY // 1000, f"m {n}") for n in range(1000)] + [
        ("stream-1", now + HOUR, "ahead"),
        ("stream-1", now - 10 * DAY, "late"),
    ]
    for stream in STREAMS:
        logs.put(
            "/app",
            stream,
            [(at, text) for each, at, text in rows if each == stream],
            ingested_at=now,
        )
    logs.switch(page_events=30)
    engine = open_engine(logs, max_splits=str(splits))
    result = engine.query('SELECT log_stream, "time", message FROM cw."/app".all_log_streams')
    _once([tuple(row.values()) for row in result.table.to_pylist()], rows)
    assert len(result.scans[0].splits) == splits


# 4: a million streams


@pytest.fixture
def million(logs: LogsFake) -> LogsFake:
    """One event each second, each in a stream of its own."""
    logs.create_group(
        "/big",
        created_at=ZERO,
        stored_bytes=10**12,
        streams=VirtualStreams(1_000_000, ZERO, step=1000),
    )
    return logs


def test_acceptance_04_an_hour_of_a_million_streams_takes_a_call_for_each_slice(
    million: LogsFake, open_engine: Open
) -> None:
    engine = open_engine(million)
    low = ZERO + 100 * HOUR
    million.faults.forget()
    sql = (
        'SELECT count(*) AS n, min(message) AS first FROM cw."/big".all_log_streams'
        f' WHERE "time" >= {low} AND "time" < {low + HOUR}'
    )
    (row,) = engine.query(sql).table.to_pylist()
    assert row == {"n": 3600, "first": f"message {low // 1000 - ZERO // 1000}"}
    assert sum(million.count(operation) for operation in LISTINGS) == 0
    assert million.count("FilterLogEvents") <= 8


def test_acceptance_04_a_query_without_bounds_is_planned_without_a_listing(
    million: LogsFake, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", "max_splits": "1000", **million.settings}
    instance = OneInstance(handler, environ, spill=store, store=store)
    sizes = []
    send = instance.send

    def measured(event: dict[str, Any]) -> dict[str, Any]:
        reply = send(event)
        sizes.append((event["@type"], len(json.dumps(reply))))
        return reply

    instance.send = measured  # type: ignore[method-assign]  # what is sent is the same
    scan = instance.scan("/big.all_log_streams", "time")
    splits = list(instance.client.splits(scan))
    assert len(splits) == 1000
    layout = [size for kind, size in sizes if kind == "GetTableLayoutRequest"]
    assert layout
    assert max(layout) < 2000 + 1000  # a schema in base64 is most of it
    assert max(size for _, size in sizes) < 2_000_000
    assert {call.operation for call in million.calls} <= {"DescribeLogGroups"}
    million.faults.forget()
    rows = instance.client.read(scan, splits[1]).rows
    assert 0 < rows < 100_000
    assert million.count() <= rows / 10_000 + 2
    instance.close()


def test_acceptance_05_many_sparse_streams_take_few_calls(
    logs: LogsFake, open_engine: Open
) -> None:
    logs.create_group("/sparse", created_at=ZERO, streams=VirtualStreams(10_000, ZERO, step=60_000))
    engine = open_engine(logs)
    (row,) = engine.query(
        'SELECT count(*) AS n FROM cw."/sparse".all_log_streams'
    ).table.to_pylist()
    assert row["n"] == 10_000
    assert logs.count() <= 200


# 6: throttling


def test_acceptance_06_a_query_succeeds_where_half_of_its_calls_are_throttled(
    logs: LogsFake, open_engine: Open
) -> None:
    logs.create_group("/app", created_at=ZERO)
    for stream, at, text in ROWS:
        logs.put("/app", stream, [(at, text)])
    logs.switch(page_events=5)
    logs.fail(LogsFault(share=0.5))
    _once(_rows(open_engine(logs), ""), ROWS)
    throttled = [call for call in logs.calls if call.code == "ThrottlingException"]
    assert len(throttled) > 5


def test_acceptance_06_a_service_that_stays_throttled_is_an_error_before_the_end(
    logs: LogsFake, tmp_path: Path
) -> None:
    logs.create_group("/app", created_at=ZERO)
    logs.put("/app", "s", [(ZERO, "x")])
    store = FolderStore(tmp_path)
    instance = OneInstance(
        handler, {"spill_bucket": "local", **logs.settings}, spill=store, store=store
    )
    scan = instance.scan("/app.all_log_streams", "time")
    (split,) = instance.client.splits(scan)
    logs.fail(LogsFault(operation="FilterLogEvents"))
    instance.context = RemainingTime(6000)
    started = time.monotonic()
    with pytest.raises(ThrottledError, match="stayed congested") as caught:
        instance.client.read(scan, split)
    assert time.monotonic() - started < 5
    assert "Run fewer queries" in str(caught.value)
    instance.close()


# 7: a group that grows


@pytest.mark.parametrize("table", ["all_log_streams", "stream-1"])
def test_acceptance_07_a_query_of_the_group_that_it_writes_to_ends(
    logs: LogsFake, open_engine: Open, table: str
) -> None:
    started = int(time.time() * 1000)
    logs.create_group("/app", created_at=started - DAY)
    rows = [("stream-1", started - 1000 + n, f"m {n}") for n in range(100)]
    logs.put("/app", "stream-1", [row[1:] for row in rows])
    numbers = count()

    def written() -> dict[str, list[tuple[int, str]]]:
        now = int(time.time() * 1000)
        return {"stream-1": [(now, f"own {next(numbers)}") for _ in range(20)]}

    logs.grow("/app", written)
    logs.switch(page_events=10)
    found = _rows(open_engine(logs), "", table=table)
    _once([row for row in found if not row[2].startswith("own")], rows)
    own = [row[2] for row in found if row[2].startswith("own")]
    assert len(own) == len(set(own))
    assert logs.count() < 60


# 8: LIMIT


@pytest.mark.parametrize(
    "order", ["", 'ORDER BY "time" DESC', 'ORDER BY "time"', "ORDER BY event_time DESC"]
)
def test_acceptance_08_a_limit_on_a_huge_group_takes_one_page(
    million: LogsFake, open_engine: Open, order: str
) -> None:
    engine = open_engine(million)
    million.faults.forget()
    found = _rows(engine, f"{order} LIMIT 10", group="/big")
    assert len(found) == 10
    assert million.count("FilterLogEvents") == 1
    if order:
        first = 1_000_000 - 10 if "DESC" in order else 0
        assert {row[2] for row in found} == {f"message {first + n}" for n in range(10)}


def test_acceptance_08_a_limit_behind_a_condition_reads_no_page_in_advance(
    million: LogsFake, open_engine: Open
) -> None:
    engine = open_engine(million, max_splits="1")
    assert len(_rows(engine, "WHERE message LIKE '%_9' LIMIT 10", group="/big")) == 10
    assert million.count("FilterLogEvents") == 1


# 9: infrequent access


def test_acceptance_09_a_group_of_infrequent_access_is_read_by_logs_insights(
    logs: LogsFake, open_engine: Open
) -> None:
    logs.create_group("/rare", created_at=ZERO, log_class="INFREQUENT_ACCESS")
    logs.put("/rare", "s", [(ZERO + n, f"m {n}") for n in range(50)])
    found = _rows(open_engine(logs), f'WHERE "time" < {ZERO + 20}', group="/rare")
    _once(found, [("s", ZERO + n, f"m {n}") for n in range(20)])
    assert logs.count("StartQuery") == 1
    assert logs.count("FilterLogEvents") == logs.count("GetLogEvents") == 0


def test_acceptance_09_a_group_that_nothing_reads_is_an_error_that_names_its_class(
    logs: LogsFake, open_engine: Open
) -> None:
    logs.create_group("/out", created_at=ZERO, log_class="DELIVERY")
    with pytest.raises(UnsupportedOperationError, match="class DELIVERY"):
        _rows(open_engine(logs), "", group="/out")
    assert sum(logs.count(operation) for operation in READS) == 0


# 12: sizes and characters


def test_acceptance_12_large_messages_and_half_characters_survive_in_blocks_below_the_limit(
    logs: LogsFake, tmp_path: Path
) -> None:
    logs.create_group("/app", created_at=ZERO)
    large = [f"{n}" + "é" * (MB // 2 - 50) for n in range(8)]
    texts = [*large, "half \ud800 pair", "\udc00", "whole \U0001f600", "\x00"]
    logs.put("/app", "s", [(ZERO + n, text) for n, text in enumerate(texts)])
    store = FolderStore(tmp_path)
    instance = OneInstance(
        handler,
        {"spill_bucket": "local", **logs.settings},
        spill=store,
        store=store,
        max_block_bytes=3 * MB,
        max_inline_bytes=MB,
    )
    scan = instance.scan("/app.all_log_streams", "message")
    (split,) = instance.client.splits(scan)
    read = instance.client.read(scan, split)
    shown = [*large, "half � pair", "�", "whole \U0001f600", "\x00"]
    assert pa.Table.from_batches(read.batches)["message"].to_pylist() == shown
    assert read.spill_objects >= 3
    sizes = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert max(sizes, default=0) <= 3 * MB + MB // 8
    instance.close()
