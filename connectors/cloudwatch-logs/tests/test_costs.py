"""What a scan costs is estimated by the size of the group, and refused where it is too much."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs.app import handler
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.testing.engines import Engines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.logs_server import LogsFake

DAY = 86_400_000
MB = 1 << 20
EVENTS = 100


@pytest.fixture
def now(logs: LogsFake) -> int:
    """Make groups of 10 days, and return the time in ms."""
    now = int(time.time() * 1000)
    for name, log_class in (("/app", "STANDARD"), ("/rare", "INFREQUENT_ACCESS")):
        logs.create_group(
            name, created_at=now - 10 * DAY, stored_bytes=10 * MB, log_class=log_class
        )
        logs.put(name, "web", [(now - DAY + n * 1000, "x" * 100) for n in range(EVENTS)])
    return now


@pytest.fixture
def open_engine(logs: LogsFake, tmp_path: Path) -> Iterator[Engines]:
    with Engines(handler, "cw", logs.settings, spill=tmp_path) as engines:
        yield engines


def _native(text: str, now: int) -> str:
    arguments = {
        "STARTTIME": str(now - 2 * DAY),
        "ENDTIME": str(now),
        "QUERYSTRING": text,
        "LOGGROUPNAMES": "/app",
        "LIMIT": "1000",
    }
    told = ", ".join(f"{name} => '{value}'" for name, value in arguments.items())
    return f"SELECT * FROM TABLE(cw.system.query({told}))"


def test_an_estimate_is_the_share_of_the_time_that_is_read(open_engine: Engines, now: int) -> None:
    engine = open_engine()
    source = 'cw."/app".all_log_streams'
    (whole,) = engine.explain(f"SELECT * FROM {source}")
    (part,) = engine.explain(f"SELECT * FROM {source} WHERE time >= {now - 5 * DAY}")
    assert whole.estimate is not None
    assert part.estimate is not None
    # Messages are about six times as large as what a group stores.
    assert whole.estimate.bytes_scanned == pytest.approx(60 * MB, rel=0.01)
    assert whole.estimate.requests == pytest.approx(60, abs=2)
    assert whole.estimate.source_units == 0
    assert part.estimate.bytes_scanned == pytest.approx(30 * MB, rel=0.01)


def test_nobody_tells_how_large_a_stream_is(open_engine: Engines, now: int) -> None:
    engine = open_engine(max_bytes_scanned="1000000")
    for sql in (
        'SELECT * FROM cw."/app".web',
        "SELECT * FROM cw.\"/app\".all_log_streams WHERE log_stream = 'web'",
        'SELECT * FROM cw."/app".all_log_streams LIMIT 2',
    ):
        (scan,) = engine.explain(sql)
        assert scan.estimate is None
        assert engine.query(sql).table.num_rows in (EVENTS, 2)


@pytest.mark.parametrize("setting", ["max_bytes_scanned", "max_requests"])
def test_a_group_over_a_budget_is_refused_and_time_is_named(
    open_engine: Engines, logs: LogsFake, now: int, setting: str
) -> None:
    value = {"max_bytes_scanned": 20 * MB, "max_requests": 20}[setting]
    settings: dict[str, Any] = {setting: str(value), "max_splits": "1"}
    engine = open_engine(**settings)
    with pytest.raises(BudgetExceededError) as caught:
        engine.query('SELECT * FROM cw."/app".all_log_streams')
    text = str(caught.value)
    assert f"by storedBytes and time: {setting} is {value:,}. Nothing was read." in text
    assert "Give a condition on time, or on log_stream, or raise" in text
    assert logs.count("FilterLogEvents") == 0
    sql = f'SELECT * FROM cw."/app".all_log_streams WHERE time >= {now - 2 * DAY}'
    assert engine.query(sql).table.num_rows == EVENTS


def test_what_logs_insights_would_scan_is_refused_before_it_is_billed(
    open_engine: Engines, logs: LogsFake, now: int
) -> None:
    engine = open_engine(max_insights_bytes=str(20 * MB))
    with pytest.raises(BudgetExceededError, match=r"bytes scanned by Logs Insights, by stored"):
        engine.query('SELECT * FROM cw."/rare".all_log_streams')
    assert logs.count("StartQuery") == 0
    sql = f'SELECT * FROM cw."/rare".all_log_streams WHERE time >= {now - 2 * DAY}'
    assert engine.query(sql).table.num_rows == EVENTS


def test_events_that_logs_insights_reads_are_stopped_too(
    open_engine: Engines, logs: LogsFake, now: int
) -> None:
    logs.create_group("/odd", created_at=now - DAY, log_class="INFREQUENT_ACCESS")
    logs.put("/odd", "web", [(now - DAY + n * 1000, "x" * 100) for n in range(EVENTS)])
    with pytest.raises(BudgetExceededError, match=r"odd\.all_log_streams was stopped after"):
        open_engine(max_insights_bytes="9999").query('SELECT * FROM cw."/odd".all_log_streams')
    engine = open_engine(max_insights_bytes="20000")
    assert engine.query('SELECT * FROM cw."/odd".all_log_streams').table.num_rows == EVENTS


@pytest.mark.parametrize("text", ["fields @message", "filter @message like /x/"])
def test_a_native_query_over_its_budget_is_stopped(
    open_engine: Engines, logs: LogsFake, now: int, text: str
) -> None:
    # The second names no column, so that it is run to describe it.
    with pytest.raises(BudgetExceededError, match=r"bytes scanned by Logs Insights: max_ins"):
        open_engine(max_insights_bytes="9999").query(_native(text, now))
    assert logs.count("StartQuery") == 1
    engine = open_engine(max_insights_bytes="10000")
    assert engine.query(_native(text, now)).table.num_rows == EVENTS


def test_a_query_that_is_still_running_over_its_budget_is_ended(
    open_engine: Engines, logs: LogsFake, now: int
) -> None:
    logs.script(states=("Running",) * 9)
    with pytest.raises(BudgetExceededError):
        open_engine(max_insights_bytes="1000").query(_native("fields @message", now))
    assert logs.count("StopQuery") == 1


def test_no_page_is_read_in_advance_of_one_that_is_over_the_budget(
    open_engine: Engines, logs: LogsFake, now: int
) -> None:
    logs.switch(page_events=10)
    sql = f'SELECT * FROM cw."/app".all_log_streams WHERE time BETWEEN {now - DAY} AND {now}'
    with pytest.raises(BudgetExceededError, match="after 30 rows: max_rows_scanned is 25"):
        open_engine(max_rows_scanned="25", max_splits="1").query(sql)
    assert logs.count("FilterLogEvents") == 3
