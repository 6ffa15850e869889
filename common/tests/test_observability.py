"""A split's cost is one JSON line in Lambda and a debug record anywhere else."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from athena_connectors.common.observability import SplitStats, log_split

if TYPE_CHECKING:
    import pytest

STATS = SplitStats(rows_read=10, rows_returned=7, bytes_returned=123, source_seconds=1.23456789)
PLACE = {"catalog": "shop", "table": "public.orders", "query_id": "q-1"}


def _lambda_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    environ = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "POWERTOOLS_SERVICE_NAME": _service()}
    log_split(STATS, **PLACE, environ=environ)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _service() -> str:
    return f"service-{uuid.uuid4()}"  # Powertools keeps one logger and its stream for each


def test_counters_are_taken_away_once_and_added() -> None:
    counted, total = SplitStats(requests=2, source_seconds=0.5), SplitStats(requests=1, blocks=3)
    total.add(counted.take())
    assert total == SplitStats(requests=3, source_seconds=0.5, blocks=3)
    assert counted == SplitStats()
    total.add(counted.take())
    assert total.requests == 3


def test_outside_of_lambda_nothing_is_printed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    log_split(STATS, **PLACE, environ={})
    assert capsys.readouterr() == ("", "")
    (record,) = caplog.records
    assert record.levelname == "DEBUG"
    assert "'rows_read': 10" in record.getMessage()
    assert "public.orders" in record.getMessage()


def test_by_default_the_process_tells_whether_it_is_lambda(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    log_split(STATS, **PLACE)
    assert not capsys.readouterr().out
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", _service())
    monkeypatch.delenv("POWERTOOLS_SERVICE_NAME", raising=False)
    log_split(STATS, **PLACE)
    assert capsys.readouterr().out.count("\n") == 2


def test_in_lambda_the_line_holds_every_counter(capsys: pytest.CaptureFixture[str]) -> None:
    line, _ = _lambda_lines(capsys)
    assert line["message"] == "split read"
    assert {name: line[name] for name in PLACE} == PLACE
    assert (line["rows_read"], line["rows_returned"], line["bytes_returned"]) == (10, 7, 123)
    assert line["source_seconds"] == 1.234568
    assert set(SplitStats.__slots__) <= set(line)


def test_in_lambda_metrics_are_by_catalog_only(capsys: pytest.CaptureFixture[str]) -> None:
    _, metrics = _lambda_lines(capsys)
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "AthenaConnectors"
    assert sorted(directive["Dimensions"][0]) == ["catalog", "service"]
    units = {each["Name"]: each["Unit"] for each in directive["Metrics"]}
    assert set(SplitStats.__slots__) - set(units) == {"blocks", "requests", "source_units"}
    assert units["bytes_read"] == "Bytes"
    assert metrics["rows_read"] == [10.0]
    assert metrics["query_id"] == "q-1"


def test_units_are_a_metric_of_sources_that_bill_by_them_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stats = SplitStats(requests=3, source_units=128.5)
    log_split(
        stats,
        **PLACE,
        environ={"AWS_LAMBDA_RUNTIME_API": "x", "POWERTOOLS_SERVICE_NAME": _service()},
    )
    line, metrics = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (line["requests"], line["source_units"]) == (3, 128.5)
    units = {
        each["Name"]: each["Unit"] for each in metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert units["source_units"] == "None"
    assert metrics["source_units"] == [128.5]


def test_metrics_of_one_split_do_not_reach_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    _lambda_lines(capsys)
    _, second = _lambda_lines(capsys)
    assert second["rows_returned"] == [7.0]
