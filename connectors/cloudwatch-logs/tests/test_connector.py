"""The whole connector, as Athena calls it: what it claims, plans, shows and refuses."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs import connector, tally
from athena_connectors.cloudwatch_logs.app import handler
from athena_connectors.cloudwatch_logs.client import Client
from athena_connectors.cloudwatch_logs.connector import from_environment
from athena_connectors.common.errors import (
    ConfigurationError,
    DeadlineExceededError,
    InvalidRequestError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.engines import Engines
from athena_connectors.common.testing.faults import OneInstance, RemainingTime
from athena_connectors.common.testing.folder_store import FolderStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.logs_server import LogsFake

ZERO = 1_720_000_000_000
DAY = 86_400_000
EVENTS = 40
COLUMNS = ["log_stream", "time", "message"]
EXTRA = ["event_time", "ingestion_time", "event_id", "log_group", "filter_pattern"]


@pytest.fixture
def open_engine(logs: LogsFake, tmp_path: Path) -> Iterator[Engines]:
    logs.create_group("/App/Mixed", created_at=ZERO)
    for stream in ("a", "B"):
        logs.put("/App/Mixed", stream, [(ZERO + n * 1000, _text(n)) for n in range(EVENTS)])
    with Engines(handler, "cw", logs.settings, spill=tmp_path) as engines:
        yield engines


@pytest.fixture
def instance(logs: LogsFake, open_engine: Engines, tmp_path: Path) -> Iterator[OneInstance]:
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", **logs.settings}
    opened = OneInstance(handler, environ, spill=store, store=store)
    yield opened
    opened.close()


def _text(number: int) -> str:
    return f'{{"level": "{("INFO", "ERROR")[number % 2]}", "n": {number}}}'


def _rows(engine: LocalEngine, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = engine.query(sql).table.to_pylist()
    return rows


ALL = 'cw."/App/Mixed".all_log_streams'


# What it is


def test_nothing_is_asked_before_it_is_needed() -> None:
    opened = from_environment({"logs_endpoint": "http://nowhere.invalid"})
    assert opened.source_type == "cloudwatch"
    assert opened.for_catalog("logs") is opened
    opened.close()


def test_a_malformed_setting_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_splits"):
        from_environment({"max_splits": "many"})


def test_everything_is_claimed(open_engine: Engines) -> None:
    claims = open_engine().client("cw").capabilities()
    assert claims.limit
    assert claims.top_n
    assert claims.functions == FUNCTIONS
    assert claims.passthrough is not None
    assert claims.passthrough.signature == "SYSTEM.QUERY"
    off = open_engine(enable_query_passthrough="false").client("cw").capabilities()
    assert off.passthrough is None


def test_tables_are_listed_and_all_described_alike(open_engine: Engines) -> None:
    engine = open_engine()
    names = set(engine.tables("cw", "/App/Mixed"))
    assert {name.table for name in names} == {"a", "b", "all_log_streams"}
    table = TableName("/app/mixed", "all_log_streams")
    assert engine.describe("cw", table).schema.names == [*COLUMNS, *EXTRA]
    plain = open_engine(extra_columns="false")
    assert plain.describe("cw", table).schema.names == COLUMNS


def test_names_are_found_in_any_case_and_shown_as_they_are(open_engine: Engines) -> None:
    (row,) = _rows(
        open_engine(),
        'SELECT DISTINCT log_group, log_stream FROM cw."/APP/mixed"."b"',
    )
    assert row == {"log_group": "/App/Mixed", "log_stream": "B"}


# Predicates: pushed or not, the rows are the same


@pytest.mark.parametrize(
    "predicate",
    [
        f'"time" = {ZERO + 5000}',
        f"\"time\" > {ZERO + 5000} AND log_stream = 'a'",
        f'NOT ("time" BETWEEN {ZERO + 5000} AND {ZERO + 30_000})',
        "event_time >= TIMESTAMP '2024-07-03 09:47:00'",
        f"ingestion_time > {ZERO + 20_000}",
        "message LIKE '%ERROR%'",
        "message LIKE '%\"n\": 1_}'",
        "message NOT LIKE '%ERROR%'",
        "log_stream LIKE 'a%' OR message LIKE '%17%'",
        "log_stream <> 'a'",
        "log_stream IN ('a', 'b')",
        "log_stream IN ('A', 'none')",
        "log_stream IS NULL",
        "log_group = '/App/Mixed'",
        "log_group = '/app/mixed'",
        "event_id IS NULL",
        "filter_pattern IS NULL",
        "length(message) > 27",
    ],
)
def test_a_pushed_predicate_loses_and_invents_no_row(open_engine: Engines, predicate: str) -> None:
    sql = f"SELECT * FROM {ALL} WHERE {predicate} ORDER BY event_id"
    assert _rows(open_engine(), sql) == _rows(open_engine(pushdown=False), sql)


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("ERROR", {*range(1, EVENTS, 2)}),
        ('{ $.level = "INFO" }', {*range(0, EVENTS, 2)}),
        ("{ $.n = 7 }", {7}),
        ('"no such thing"', set()),
        ("", {*range(EVENTS)}),
    ],
)
def test_a_filter_pattern_is_asked_for_and_comes_back(
    open_engine: Engines, pattern: str, numbers: set[int]
) -> None:
    where = f"WHERE filter_pattern = '{pattern}'"
    rows = _rows(open_engine(), f"SELECT DISTINCT message, filter_pattern AS p FROM {ALL} {where}")
    assert {row["message"] for row in rows} == {_text(n) for n in numbers}
    assert {row["p"] for row in rows} <= {pattern}


def test_a_malformed_filter_pattern_is_an_error(open_engine: Engines) -> None:
    with pytest.raises(InvalidRequestError, match=r"filter pattern 'user@x'"):
        _rows(open_engine(), f"SELECT * FROM {ALL} WHERE filter_pattern = 'user@x'")
    with pytest.raises(InvalidRequestError, match="2000 characters"):
        _rows(open_engine(), f"SELECT * FROM {ALL} WHERE filter_pattern = '{'x' * 2000}'")


def test_a_scan_that_can_have_no_row_makes_no_read(open_engine: Engines, logs: LogsFake) -> None:
    engine = open_engine()
    for predicate in ('"time" < 0', "log_stream = 'a:b'", '"time" IS NULL', f'"time" > {2**60}'):
        assert _rows(engine, f"SELECT * FROM {ALL} WHERE {predicate}") == []
    assert logs.count("FilterLogEvents") == logs.count("GetLogEvents") == 0


def test_one_stream_is_read_by_the_operation_that_may_be_called_more_often(
    open_engine: Engines, logs: LogsFake
) -> None:
    engine = open_engine()
    (row,) = _rows(engine, 'SELECT count(*) AS n FROM cw."/App/Mixed"."a"')
    assert row == {"n": EVENTS}
    assert logs.count("GetLogEvents") >= 2
    assert logs.count("FilterLogEvents") == 0
    (row,) = _rows(engine, 'SELECT count(DISTINCT event_id) AS n FROM cw."/App/Mixed"."a"')
    assert row == {"n": EVENTS}
    assert logs.count("FilterLogEvents") > 0


@pytest.mark.parametrize("table", ["all_log_streams", "s"])
def test_complaint_17_a_group_of_a_linked_account_is_read_by_its_arn(
    open_engine: Engines, logs: LogsFake, table: str
) -> None:
    account = "210987654321"
    logs.create_group("/App/Mixed", created_at=ZERO, account=account)
    logs.put("/App/Mixed", "s", [(ZERO, "far")], account=account)
    engine = open_engine(include_linked_accounts="true")
    schema = f"{account}:/App/Mixed"
    sql = f'SELECT message, log_group AS g FROM cw."{schema}"."{table}"'
    for where in ("", f"WHERE log_group = '{schema}'"):
        assert _rows(engine, f"{sql} {where}") == [{"message": "far", "g": schema}]
    assert _rows(engine, f"{sql} WHERE log_group = '/App/Mixed'") == []
    reads = logs.requests("FilterLogEvents") + logs.requests("GetLogEvents")
    assert {request["logGroupIdentifier"].split(":")[4] for request in reads} == {account}


def test_complaint_04_no_more_readers_than_max_splits_are_at_work(
    open_engine: Engines, logs: LogsFake
) -> None:
    now = int(time.time() * 1000)
    logs.create_group("/full", created_at=now - DAY, stored_bytes=10**15)
    for most in (8, 3):
        engine = open_engine(max_splits=str(most), slice_bytes="1048576")
        (scan,) = engine.query('SELECT message FROM cw."/full".all_log_streams').scans
        assert len(scan.splits) == most


# Passthrough


def _query(engine: LocalEngine, columns: str = "*", **changes: str) -> list[dict[str, Any]]:
    arguments = {
        "STARTTIME": str(ZERO // 1000),
        "ENDTIME": str(ZERO // 1000 + 100),
        "QUERYSTRING": "fields @timestamp, @message | sort @timestamp asc",
        "LOGGROUPNAMES": "/App/Mixed",
        "LIMIT": "5",
        **changes,
    }
    written = ", ".join(f"{name} => '{value}'" for name, value in arguments.items())
    return _rows(engine, f"SELECT {columns} FROM TABLE(cw.system.query({written}))")


def test_a_native_query_is_run_once(open_engine: Engines, logs: LogsFake) -> None:
    rows = _query(open_engine())
    assert [row["@message"] for row in rows] == [_text(n // 2) for n in range(5)]
    assert logs.count("StartQuery") == 1


def test_a_native_query_of_what_does_not_exist_for_athena_is_refused(
    open_engine: Engines, logs: LogsFake
) -> None:
    with pytest.raises(LookupError, match="/App/Mixed"):
        _query(open_engine(log_group_exclude="/App/*"))
    with pytest.raises(InvalidRequestError, match="STARTTIME"):
        _query(open_engine(), STARTTIME="soon")
    assert logs.count("StartQuery") == 0


def test_native_queries_can_be_switched_off(open_engine: Engines) -> None:
    opened = from_environment({"enable_query_passthrough": "false"})
    with pytest.raises(UnsupportedOperationError, match="switched off"):
        opened.describe_passthrough({})


# What it shows


def test_the_native_query_of_each_split_is_shown(open_engine: Engines) -> None:
    engine = open_engine()
    (scan,) = engine.explain(
        f"SELECT * FROM {ALL} WHERE \"time\" < {ZERO + 10} AND log_stream = 'a'"
    )
    (split,) = scan.splits
    assert split.native is not None
    assert split.native.native.endswith(f"endTime={ZERO + 10} logStreamNames='a'")
    assert split.native.native.startswith("FilterLogEvents /App/Mixed startTime=")
    (scan,) = engine.explain('SELECT "time" FROM cw."/App/Mixed"."a" LIMIT 3')
    assert scan.splits[0].native is not None
    assert scan.splits[0].native.native.startswith("GetLogEvents /App/Mixed startTime=")
    assert scan.splits[0].native.limit_pushed


def test_complaint_23_a_scan_of_everything_leaves_a_warning(
    open_engine: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, connector.__name__)
    engine = open_engine()
    for narrow in (f'"time" > {ZERO}', "log_stream = 'a'"):
        _rows(engine, f"SELECT message FROM {ALL} WHERE {narrow}")
    _rows(engine, f"SELECT message FROM {ALL} LIMIT 3")
    assert not caplog.records
    _rows(engine, f"SELECT message FROM {ALL} WHERE message LIKE '%x%'")
    (record,) = caplog.records
    assert "reads all that log group /App/Mixed holds" in record.getMessage()


def test_complaint_06_each_split_leaves_one_line(
    open_engine: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, tally.__name__)
    _rows(open_engine(), f"SELECT message FROM {ALL}")
    lines = [record.getMessage() for record in caplog.records if record.name == tally.__name__]
    assert len(lines) == 1
    assert lines[0].startswith("Read log group /App/Mixed, streams *, times [")


# How it ends


def test_a_stream_that_was_removed_is_an_error_that_names_it(
    instance: OneInstance, logs: LogsFake
) -> None:
    scan = instance.scan("/App/Mixed.a", "time")
    (split,) = instance.client.splits(scan)
    logs.delete_stream("/App/Mixed", "a")
    with pytest.raises(TableNotFoundError, match="no log stream 'a' in log group /App/Mixed"):
        instance.client.read(scan, split)


@pytest.mark.parametrize("table", ["all_log_streams", "a"])
def test_a_read_that_takes_too_long_ends_in_time_and_can_be_made_again(
    instance: OneInstance, logs: LogsFake, table: str
) -> None:
    scan = instance.scan(f"/App/Mixed.{table}", "time")
    (split,) = instance.client.splits(scan)
    logs.switch(page_events=1)
    logs.faults.delay("", 0.1)
    instance.context = RemainingTime(5000)
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError, match="It was at 2024-07-03 09:46"):
        instance.client.read(scan, split)
    assert time.monotonic() - started < 5
    instance.context = None
    logs.faults.heal()
    logs.switch(page_events=10_000)
    assert instance.client.read(scan, split).rows == EVENTS * (1 if table == "a" else 2)


def test_a_query_of_a_container_is_as_good_as_its_first(instance: OneInstance) -> None:
    for _ in range(3):
        assert len(instance.rows(instance.scan("/App/Mixed.all_log_streams", "time"))) == EVENTS * 2


def test_the_rate_is_shared_by_the_splits(
    open_engine: Engines, logs: LogsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float | None] = []
    monkeypatch.setattr(Client, "limit_rate", lambda _, rate: rates.append(rate))
    now = int(time.time() * 1000)
    logs.create_group("/full", created_at=now - DAY, stored_bytes=10**12)
    for engine in (open_engine(), open_engine(max_calls_per_second="8", max_splits="4")):
        _rows(engine, 'SELECT message FROM cw."/full".all_log_streams')
    assert rates.count(2.0) == 4
    assert set(rates) == {None, 2.0, 8.0}
