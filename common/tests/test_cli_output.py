from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.cli.output import aligned, write_answer
from athena_connectors.common.testing.engine_errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = pa.table(
    {
        "id": pa.array([1, None, 9_007_199_254_740_993], pa.int64()),
        "price": pa.array([Decimal("1.10"), None, Decimal("-0.05")], pa.decimal128(38, 2)),
        "text": ['a,"b"\n[red]c', None, "\U0001f600" * 200],
        "at": pa.array([0, None, 1_577_836_800_001], pa.timestamp("ms")),
        "zoned": pa.array([0, None, 1], pa.timestamp("us", "UTC")),
        "day": pa.array([date(2020, 1, 1), None, date(1, 1, 1)]),
        "raw": [b"\x00\xff", None, b""],
        "flag": [True, None, False],
        "nested": [[{"x": Decimal(1)}], None, []],
        "f": [float("nan"), None, 0.1],
    }
)


def test_csv(capsys: pytest.CaptureFixture[str]) -> None:
    write_answer(ANSWER, format_="csv", output=None)
    header, first, nulls, last = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ANSWER.schema.names
    assert first == [
        "1", "1.10", 'a,"b"\n[red]c', "1970-01-01 00:00:00", "1970-01-01 00:00:00+00:00",
        "2020-01-01", "00ff", "true", '[{"x": "1"}]', "nan",
    ]  # fmt: skip
    assert nulls == [""] * len(header)
    assert last[:2] == ["9007199254740993", "-0.05"]
    assert last[3] == "2020-01-01 00:00:00.001000"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    write_answer(ANSWER, format_="json", output=None)
    first, nulls, last = json.loads(capsys.readouterr().out)
    assert first["price"] == "1.10"
    assert first["nested"] == [{"x": "1"}]
    assert first["f"] == "nan"
    assert set(nulls.values()) == {None}
    assert last["id"] == 9_007_199_254_740_993
    assert last["flag"] is False


def test_empty_answers_keep_their_form(capsys: pytest.CaptureFixture[str]) -> None:
    empty = ANSWER.slice(3)
    write_answer(empty, format_="json", output=None)
    assert json.loads(capsys.readouterr().out) == []
    write_answer(empty, format_="csv", output=None)
    assert capsys.readouterr().out == ",".join(ANSWER.schema.names) + "\n"
    write_answer(empty, format_="table", output=None)
    assert "price" in capsys.readouterr().out


def test_nothing_is_cut_off_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    write_answer(ANSWER, format_="table", output=None)
    shown = capsys.readouterr().out
    assert "\U0001f600" * 200 in shown
    assert "[red]c" in shown
    assert shown.count("NULL") == ANSWER.num_columns
    assert "9007199254740993" in shown


def test_arrow_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "answer.arrow"
    write_answer(ANSWER, format_="arrow", output=str(file))
    with pa.ipc.open_stream(file) as stream:
        assert stream.read_all().schema == ANSWER.schema


def test_arrow_does_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(UsageError, match="--output"):
        write_answer(ANSWER, format_="arrow", output=None)


@pytest.mark.parametrize("format_", ["csv", "arrow"])
def test_a_file_that_can_not_be_written_is_named(tmp_path: Path, format_: str) -> None:
    file = tmp_path / "missing" / "answer"
    with pytest.raises(UsageError, match="missing"):
        write_answer(ANSWER, format_=format_, output=str(file))


def test_times_beyond_python_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    far = pa.table({"at": pa.array([400_000_000_000_000], pa.timestamp("ms"))})
    write_answer(far, format_="csv", output=None)
    assert capsys.readouterr().out.startswith("at\n14645-")
    near = pa.table({"at": [datetime(2020, 1, 1, tzinfo=timezone.utc)]})  # noqa: UP017
    write_answer(near, format_="csv", output=None)
    assert "2020-01-01 00:00:00+00:00" in capsys.readouterr().out


def test_aligned() -> None:
    assert aligned([("a", "bb", ""), ("ccc", "d", "x")]) == "a    bb\nccc  d   x"
