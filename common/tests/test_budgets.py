"""A scan that would cost too much is refused; one that does is stopped, with nothing returned."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.budgets import (
    SHARES,
    BudgetSettings,
    Limit,
    SplitBudget,
    check_estimate,
    limits_of,
    shares_of,
    unit_limit,
)
from athena_connectors.common.config import load_settings
from athena_connectors.common.deadline import ReadGuard
from athena_connectors.common.errors import (
    BudgetExceededError,
    ConfigurationError,
    InvalidRequestError,
)
from athena_connectors.common.estimates import CheapAccess, Estimate, estimate_text
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import Split
from athena_connectors.common.read_ahead import ReadPage, batches_of
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.testing.transport import InProcess
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from athena_connectors.common.connector import Scan

FIELDS: list[pa.Field[Any]] = [
    pa.field("id", pa.int64()),
    pa.field("Day", pa.int64()),
    pa.field("text", pa.string()),
]
SCHEMA = pa.schema(FIELDS)


def _page(rows: int, *, wide: bool = False, **cost: float) -> ReadPage:
    columns = {
        "id": pa.array(range(rows), pa.int64()),
        "Day": pa.array([1] * rows, pa.int64()),
        "text": pa.array(["x" * (10_000 if wide else 1)] * rows),
    }
    return ReadPage(pa.record_batch(columns), SplitStats(**{"requests": 1, **cost}))  # type: ignore[arg-type]


@dataclass
class Paged(MemoryConnector):
    """One table that is read page by page; it tells which pages were read."""

    pages: list[ReadPage]
    splits: int = 1
    ahead: bool = False
    told: Estimate | None = None
    units: float = 0
    read: list[tuple[str, int]] = field(default_factory=list)
    estimated: int = 0

    def __post_init__(self) -> None:
        super().__init__({"s.t": pa.RecordBatch.from_pylist([], schema=SCHEMA)})

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        return (Split({"number": str(number)}) for number in range(self.splits))

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        def pages() -> Generator[ReadPage]:
            for number, page in enumerate(self.pages):
                self.read.append((split.properties["number"], number))
                yield page

        return batches_of(
            pages, stats=scan.stats, ahead=self.ahead, cancel=self.cancel, budget=scan.budget
        )

    def estimate(self, scan: Scan) -> Estimate | None:
        self.estimated += 1
        return self.told

    def unit_limit(self) -> Limit | None:
        return unit_limit("max_widgets", self.units, "widgets")


def _engine(connector: MemoryConnector, folder: Path, **options: Any) -> LocalEngine:
    """Return an engine; names of settings are taken as such, all else as the engine's options."""
    known = {name for name in BudgetSettings.__slots__ if name in options}
    environ = {"spill_bucket": "local", **{name: str(options.pop(name)) for name in known}}
    store = FolderStore(folder)
    handler = lambda_handler(lambda _: connector)
    transport = InProcess(handler, settings=environ, store=store)
    return LocalEngine({"mem": Catalog(transport, store)}, parallel=1, **options)


def _rows(connector: MemoryConnector, folder: Path, where: str = "", **options: Any) -> int:
    with _engine(connector, folder, **options) as engine:
        return engine.query(f"SELECT * FROM mem.s.t {where}").table.num_rows


# While a split is read


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize(
    ("cost", "limited"),
    [
        ({}, {"max_rows_scanned": 25}),
        ({"bytes_read": 100}, {"max_bytes_scanned": 250}),
        ({}, {"max_requests": 2}),
        ({"source_seconds": 1.0}, {"max_source_seconds": 2.5}),
        ({"source_units": 0.5}, {"units": 1.2}),
    ],
)
def test_a_read_over_its_budget_stops_after_the_page_that_is_over_it(
    tmp_path: Path, cost: dict[str, Any], limited: dict[str, Any], *, ahead: bool
) -> None:
    settings_of = dict(limited)
    units = settings_of.pop("units", 0)
    connector = Paged([_page(10, **cost) for _ in range(9)], ahead=ahead, units=units)
    name = next(iter(settings_of), "max_widgets")
    with pytest.raises(BudgetExceededError, match=rf"s\.t was stopped after .* {name} is") as it:
        _rows(connector, tmp_path, **settings_of)
    assert connector.read == [("0", 0), ("0", 1), ("0", 2)]
    assert it.value.context == {"setting": name, "table": "s.t"}


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 50), max_size=8),
    limit=st.integers(1, 200),
    splits=st.integers(1, 4),
    ahead=st.booleans(),
)
def test_whatever_pages_come_all_rows_arrive_or_none_and_one_page_is_the_most_too_much(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    limit: int,
    splits: int,
    *,
    ahead: bool,
) -> None:
    connector = Paged([_page(size) for size in sizes], splits=splits, ahead=ahead)
    folder = tmp_path_factory.mktemp("spill")
    if sum(sizes) * splits <= limit:
        assert _rows(connector, folder, max_rows_scanned=limit) == sum(sizes) * splits
        return
    with pytest.raises(BudgetExceededError):
        _rows(connector, folder, max_rows_scanned=limit)
    for split in {name for name, _ in connector.read}:
        read = [number for name, number in connector.read if name == split]
        assert read == list(range(len(read)))
        assert sum(sizes[: read[-1]]) * splits <= limit < sum(sizes[: len(read)]) * splits


def test_rows_that_were_spilled_before_the_budget_was_spent_are_not_told(tmp_path: Path) -> None:
    connector = Paged([_page(100, wide=True) for _ in range(6)])
    with pytest.raises(BudgetExceededError):
        _rows(
            connector,
            tmp_path,
            max_rows_scanned=450,
            max_block_bytes=1_000_000,
            max_inline_bytes=100_000,
        )
    assert any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_connector_that_knows_nothing_of_budgets_is_stopped_between_batches(
    tmp_path: Path,
) -> None:
    taken: list[int] = []

    class Plain(MemoryConnector):
        def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
            for number in range(9):
                taken.append(number)
                yield _page(10).batch

    table = {"s.t": pa.RecordBatch.from_pylist([], schema=SCHEMA)}
    with pytest.raises(BudgetExceededError, match="stopped after 30 rows: max_rows_scanned is 25"):
        _rows(Plain(table, splits=1), tmp_path, max_rows_scanned=25)
    assert taken == [0, 1, 2]


def test_each_split_has_its_part_of_the_budget(tmp_path: Path) -> None:
    pages = [_page(10)] * 2
    assert _rows(Paged(pages, splits=3), tmp_path, max_rows_scanned=60) == 60
    with pytest.raises(BudgetExceededError) as caught:
        _rows(Paged(pages, splits=3), tmp_path, max_rows_scanned=59)
    assert str(caught.value) == (
        "Reading s.t was stopped after 20 rows: max_rows_scanned is 59, and that is more than"
        " 19.7, this split's part of it (3 splits). Nothing was returned. Narrow the predicate,"
        " or raise max_rows_scanned."
    )


def test_many_splits_are_all_told_how_many_they_are(tmp_path: Path) -> None:
    connector = Paged([], splits=2500)
    with _engine(connector, tmp_path, max_rows_scanned=10) as engine:
        (scan,) = engine.explain("SELECT * FROM mem.s.t")
    assert [dict(split.properties) for split in scan.splits] == [
        {"number": str(number), SHARES: "2500"} for number in range(2500)
    ]
    with _engine(connector, tmp_path) as engine:
        (scan,) = engine.explain("SELECT * FROM mem.s.t LIMIT 1")
    assert all(SHARES not in split.properties for split in scan.splits)


@pytest.mark.parametrize("told", ["0", "-1", "1.5", "x", "", "²"])
def test_a_share_that_nobody_wrote_is_refused(told: str) -> None:
    with pytest.raises(InvalidRequestError, match=SHARES):
        shares_of({SHARES: told})


def test_a_native_query_has_the_whole_budget(tmp_path: Path) -> None:
    table = {"s.t": _page(30).batch}
    sql = "SELECT id FROM TABLE(mem.system.query(QUERY => 's.t'))"
    with _engine(MemoryConnector(table), tmp_path, max_rows_scanned=30, require_filter=True) as it:
        assert it.query(sql).table.num_rows == 30
    with (
        _engine(MemoryConnector(table), tmp_path, max_rows_scanned=29) as engine,
        pytest.raises(BudgetExceededError, match="after 30 rows"),
    ):
        engine.query(sql)


def test_a_source_that_gives_nothing_is_left_when_its_time_is_spent(tmp_path: Path) -> None:
    cancelled = threading.Event()

    class Silent(MemoryConnector):
        def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
            assert cancelled.wait(20)
            yield from ()

        def cancel(self) -> None:
            cancelled.set()

    table = {"s.t": pa.RecordBatch.from_pylist([], schema=SCHEMA)}
    started = time.monotonic()
    with pytest.raises(BudgetExceededError, match=r"max_source_seconds is 0\.3"):
        _rows(Silent(table, splits=1), tmp_path, max_source_seconds=0.3)
    assert time.monotonic() - started < 10


def test_time_that_is_counted_already_is_not_counted_twice() -> None:
    limits = limits_of(BudgetSettings(max_source_seconds=100))
    stats = SplitStats(source_seconds=60)
    guard = ReadGuard(
        deadline=None,
        status=None,
        cancel=lambda: None,
        table="s.t",
        budget=SplitBudget(limits, table="s.t"),
        stats=stats,
    )
    with guard.waiting():
        stats.source_seconds += 39
        guard.check()
        stats.source_seconds += 2
        with pytest.raises(BudgetExceededError, match=r"after 101\.\d seconds of the source"):
            guard.check()


# Before anything is read

BIG = Estimate(
    "pg_class",
    rows_scanned=12_000_000,
    rows_read=10,
    requests=7,
    cheap_by=(
        CheapAccess(("hidden",), "index on_hidden"),
        CheapAccess(("id",)),
        CheapAccess(("Day", "id"), "index by_day"),
    ),
)


def test_a_scan_that_is_estimated_over_the_budget_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    connector = Paged([_page(1)], told=BIG)
    with pytest.raises(BudgetExceededError) as caught:
        _rows(connector, tmp_path, max_rows_scanned=1_000_000)
    assert str(caught.value) == (
        "Reading s.t would cost about 12,000,000 rows, by pg_class: max_rows_scanned is 1,000,000."
        " Nothing was read. Give a condition on id, or on day and id (index by_day), or raise"
        " max_rows_scanned."
    )
    assert connector.read == []
    assert _rows(connector, tmp_path, max_rows_scanned=12_000_000) == 1


@pytest.mark.parametrize(
    ("told", "limited"),
    [
        (Estimate("x", bytes_scanned=11), {"max_bytes_scanned": 10}),
        (Estimate("x", bytes_read=11, bytes_scanned=2), {"max_bytes_scanned": 10}),
        (Estimate("x", rows_read=11, rows_scanned=2), {"max_rows_scanned": 10}),
        (Estimate("x", requests=11), {"max_requests": 10}),
        (Estimate("x", source_units=10.5, unit="widgets"), {"units": 10}),
    ],
)
def test_every_number_of_an_estimate_is_held_against_its_limit(
    tmp_path: Path, told: Estimate, limited: dict[str, Any]
) -> None:
    settings_of = dict(limited)
    units = settings_of.pop("units", 0)
    connector = Paged([_page(1)], told=told, units=units)
    with pytest.raises(BudgetExceededError, match="Narrow the predicate, or raise max_"):
        _rows(connector, tmp_path, **settings_of)
    assert connector.read == []


def test_nobody_asks_for_an_estimate_without_a_budget(tmp_path: Path) -> None:
    connector = Paged([_page(1)], told=BIG)
    assert _rows(connector, tmp_path, require_filter="false") == 1
    assert connector.estimated == 0


def test_what_is_not_known_is_not_refused() -> None:
    limits = limits_of(BudgetSettings(max_rows_scanned=1, max_requests=1))
    check_estimate(limits, None, table="s.t", names={})
    check_estimate(limits, Estimate("x", bytes_read=10**12), table="s.t", names={})


def test_an_estimate_is_told_in_a_line() -> None:
    told = Estimate("x", rows_scanned=5000, rows_read=1, bytes_read=1500, requests=2)
    assert estimate_text(told) == "look at 5,000 rows; read 1 rows, 1.5 kB; 2 requests (by x)"
    units = Estimate("x", source_units=1234.56, unit="widgets")
    assert estimate_text(units) == "1,234.6 widgets (by x)"
    assert estimate_text(Estimate("x")) == "nothing is known (by x)"


def test_the_engine_tells_estimates_beside_facts(tmp_path: Path) -> None:
    connector = Paged([_page(2, bytes_read=9)], splits=2, told=BIG)
    with _engine(connector, tmp_path, estimates=True) as engine:
        (scan,) = engine.query("SELECT * FROM mem.s.t").scans
        (explained,) = engine.explain("SELECT * FROM mem.s.t")
    assert scan.estimate == explained.estimate == BIG
    assert scan.cost is not None
    assert (scan.cost.rows_read, scan.cost.bytes_read, scan.cost.requests) == (4, 18, 2)


# Conditions that are needed


@pytest.mark.parametrize(
    ("rules", "where", "allowed"),
    [
        ("true", "", False),
        ("TRUE", "WHERE id = 1", True),
        ("false", "", True),
        ('{"s.t": true}', "WHERE text LIKE 'x%'", True),
        ('{"S.T": ["DAY"]}', "WHERE day = 1", True),
        ('{"s.*": ["day"]}', "WHERE id = 1", False),
        ('{"s.*": ["day", "id"]}', "WHERE id = 1", True),
        ('{"s.t": [], "*": true}', "", True),
        ('{"*": true, "s.t": []}', "", False),
        ('{"other.*": true}', "", True),
        ('{"s.t": ["day"]}', "WHERE day + 1 = 2", True),
        ('{"s.t": ["day"]}', "WHERE day + 1 = 2 OR id = 3", False),
        ('{"s.t": ["day"]}', "WHERE day + 1 = 2 OR (day = 3 AND id + 1 = 2)", True),
        ('{"s.t": ["day"]}', "WHERE day + 1 = 2 AND id + 2 = 3", True),
        ('{"s.t": ["day"]}', "LIMIT 1", False),
    ],
)
def test_tables_that_need_a_condition(
    tmp_path: Path, rules: str, where: str, *, allowed: bool
) -> None:
    connector = Paged([_page(1)])
    if allowed:
        _rows(connector, tmp_path, where, require_filter=rules)
        assert connector.read == [("0", 0)]
        return
    with pytest.raises(BudgetExceededError, match=r"s\.t may be read only with a condition on"):
        _rows(connector, tmp_path, where, require_filter=rules)
    assert connector.read == []


def test_the_columns_that_need_a_condition_are_named(tmp_path: Path) -> None:
    with pytest.raises(BudgetExceededError) as caught:
        _rows(Paged([]), tmp_path, require_filter='{"s.t": ["day", "secret"]}')
    assert "with a condition on day, by the setting require_filter;" in str(caught.value)


def test_a_split_is_not_read_without_the_condition_either(tmp_path: Path) -> None:
    # As who asks for a split without having asked for a layout.
    with _engine(Paged([_page(1)]), tmp_path) as engine:
        client = engine.client("mem")
        (planned,) = engine.explain("SELECT * FROM mem.s.t")
        (split,) = client.splits(planned.planned.scan)
        event = client.read_event(planned.planned.scan, split)
    connector = Paged([_page(1)])
    handler = lambda_handler(lambda _: connector).with_environment({"require_filter": "true"})
    with pytest.raises(BudgetExceededError):
        handler(event, None)
    assert connector.read == []


@pytest.mark.parametrize(
    "text", ["yes", "[]", '{"a": 1}', '{"a": "day"}', '{"a": [1]}', '{"a": [""]}', "{", "null"]
)
def test_malformed_rules_are_a_fault_of_the_setting(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"require_filter.*has to be true, or a JSON"):
        load_settings(BudgetSettings, {"require_filter": text})


def test_settings_are_read_as_documented() -> None:
    environ = {
        "max_rows_scanned": "1",
        "max_bytes_scanned": "2",
        "max_requests": "3",
        "max_source_seconds": "4.5",
    }
    limits = limits_of(load_settings(BudgetSettings, environ), unit_limit("own", 6, "things"))
    assert {limit.setting: limit.most for limit in limits} == {
        **{name: float(value) for name, value in environ.items()},
        "own": 6,
    }
    assert limits_of(BudgetSettings()) == ()
    assert json.loads('{"shop.orders": ["created_at"], "*": false}')
