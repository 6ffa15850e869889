"""The code that the README shows is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
CONNECTOR, QUERY = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PEOPLE = "name,age,born\nAda,36,1815-12-10 01:02:03\nBlaise,39,\nCarl,77,1777-04-30 00:00:00\n"


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "people.csv").write_text(PEOPLE, "utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "csv_folder"}
    exec(compile(CONNECTOR, "README.md", "exec"), names)
    return names


def test_the_connector_answers_the_query(
    shown: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(QUERY, "README.md", "exec"), shown)
    assert capsys.readouterr().out == "[{'name': 'Carl'}]\n"


@pytest.mark.parametrize("kind", ["count", "star"])
def test_it_answers_any_query(shown: dict[str, Any], kind: str) -> None:
    sql = {
        "count": "SELECT count(*) AS n FROM csv.files.people",
        "star": "SELECT * FROM csv.files.people WHERE born IS NOT NULL ORDER BY age LIMIT 1",
    }[kind]
    query = QUERY.split("with LocalEngine")[0]
    exec(compile(query, "README.md", "exec"), shown)
    with shown["LocalEngine"]({"csv": shown["catalog"]}) as engine:
        rows = engine.query(sql).table.to_pylist()
    if kind == "count":
        assert rows == [{"n": 3}]
    else:
        assert [(row["name"], row["age"], str(row["born"])) for row in rows] == [
            ("Ada", 36, "1815-12-10 01:02:03")
        ]


def test_the_connector_is_as_short_as_is_said() -> None:
    assert len([line for line in CONNECTOR.splitlines() if line.strip()]) <= 28
