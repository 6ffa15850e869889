"""The command shows what a query may cost, what it did cost, and why it is refused."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import athena_connectors
import pytest
from athena_connectors.common.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import pyarrow as pa
from athena_connectors.common.estimates import CheapAccess, Estimate
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.memory import MemoryConnector


class Told(MemoryConnector):
    def estimate(self, scan):
        if str(scan.table) == "s.unknown":
            return None
        return Estimate(
            "guess", rows_scanned=2000, bytes_scanned=1500, rows_read=4, requests=1,
            source_units=2.5, unit="widgets", cheap_by=(CheapAccess(("id",), "index i"),),
        )


ROWS = pa.record_batch({"id": pa.array([1, 2, 3], pa.int32())})
handler = lambda_handler(lambda _: Told({"s.t": ROWS, "s.unknown": ROWS}, splits=2))
"""
CONFIG = """
[engine]
spill = "spill"
[catalogs.mem]
connector = "with-costs"
[catalogs.guarded]
connector = "with-costs"
[catalogs.guarded.settings]
max_rows_scanned = 1999
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "src" / "athena_connectors" / "with_costs"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(APP, encoding="utf-8")
    folders = [*athena_connectors.__path__, str(folder.parent)]
    monkeypatch.setattr(athena_connectors, "__path__", folders)
    for name in ("athena_connectors.with_costs", "athena_connectors.with_costs.app"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    file = tmp_path / "athena-connectors.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return str(file)


def test_explain_shows_the_estimate(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["explain", "--config", config]
    assert main([*arguments, "SELECT id FROM mem.s.t"]) == 0
    assert (
        "  estimate: look at 2,000 rows, 1.5 kB; read 4 rows; 1 requests; 2.5 widgets (by guess)\n"
    ) in capsys.readouterr().out
    assert main([*arguments, "--format", "json", "SELECT id FROM mem.s.t"]) == 0
    (scan,) = json.loads(capsys.readouterr().out)
    assert scan["estimate"]["rows_scanned"] == 2000
    assert scan["estimate"]["cheap_by"] == [{"columns": ["id"], "by": "index i"}]
    assert main([*arguments, "SELECT id FROM mem.s.unknown"]) == 0
    assert "estimate" not in capsys.readouterr().out
    assert main([*arguments, "--format", "json", "SELECT id FROM mem.s.unknown"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["estimate"] is None


def test_stats_show_the_estimate_beside_the_fact(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["query", "--config", config, "--stats", "--format", "csv"]
    sql = "SELECT a.id FROM mem.s.t a JOIN mem.s.unknown b ON a.id = b.id"
    assert main([*arguments, sql]) == 0
    header, estimate, fact = capsys.readouterr().err.splitlines()[-3:]
    assert header.split("  ")[0] == "scan"
    assert "rows looked at" in header
    assert estimate.split() == ["mem.s.t", "estimate", "2000", "1500", "4", "1", "2.5", "guess"]
    assert fact.split() == ["mem.s.t", "fact", "3", "0", "0", "0"]
    assert main([*arguments, "SELECT id FROM mem.s.unknown"]) == 0
    assert "estimate" not in capsys.readouterr().err


def test_a_refused_query_fails_with_the_reason(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("query", "explain"):
        assert main([command, "--config", config, "SELECT id FROM guarded.s.t"]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "max_rows_scanned is 1,999" in captured.err
        assert "Give a condition on id (index i)" in captured.err
