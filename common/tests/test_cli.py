"""The command, as scripts call it: exit status, formats, and where each text goes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import athena_connectors
import pyarrow as pa
import pytest
from athena_connectors.common.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import pyarrow as pa
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.memory import MemoryConnector

TABLES = {
    "s.t": pa.record_batch({"id": pa.array([1, 2, 3], pa.int32()), "name": ["a", None, "c"]}),
    "z.u": pa.record_batch({"k": pa.array([1], pa.int64())}),
}


def factory(environ):
    if "fault" in environ:
        raise ConfigurationError("The setting fault is set.", hint="Remove it.")
    return MemoryConnector(TABLES, splits=int(environ.get("splits", "2")))


handler = lambda_handler(factory)
"""
CONFIG = """
[engine]
spill = "spill"
[catalogs.mem]
connector = "in-memory"
[catalogs.mem.settings]
splits = 2
[catalogs."two.parts"]
connector = "in-memory"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "src" / "athena_connectors" / "in_memory"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(APP, encoding="utf-8")
    folders = [*athena_connectors.__path__, str(folder.parent)]
    monkeypatch.setattr(athena_connectors, "__path__", folders)
    monkeypatch.delitem(sys.modules, "athena_connectors.in_memory", raising=False)
    monkeypatch.delitem(sys.modules, "athena_connectors.in_memory.app", raising=False)
    file = tmp_path / "athena-connectors.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def run(config: Path, command: str, *arguments: str) -> int:
    return main([command, "--config", str(config), *arguments])


def test_query_formats(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select id, name from mem.s.t where id > 1 order by id"
    assert run(config, "query", sql) == 0
    assert "NULL" in capsys.readouterr().out
    assert run(config, "query", sql, "--format", "csv") == 0
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        ["id", "name"],
        ["2", ""],
        ["3", "c"],
    ]
    assert run(config, "query", sql, "--format", "json", "--serde", "2") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"id": 2, "name": None},
        {"id": 3, "name": "c"},
    ]


def test_query_writes_a_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config.parent / "answer.arrow"
    sql = "select count(*) as n from mem.s.t"
    arguments = ("--format", "arrow", "--output", str(file), "--no-pushdown")
    assert run(config, "query", sql, *arguments) == 0
    assert capsys.readouterr().out == ""
    with pa.ipc.open_stream(file) as stream:
        assert stream.read_all().to_pylist() == [{"n": 3}]


def test_stats_go_to_standard_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "query", "select id from mem.s.t", "--format", "csv", "--stats") == 0
    captured = capsys.readouterr()
    assert captured.out == "id\n1\n2\n3\n"
    header, first, second, total = captured.err.splitlines()
    assert header.split()[:3] == ["scan", "split", "rows"]
    assert "spill objects" in header
    assert [line.split()[1] for line in (first, second, total)] == ["0", "1", "all"]
    assert total.split()[2] == "3"
    config.write_text(CONFIG.replace("splits = 2", "splits = 1"), encoding="utf-8")
    assert run(config, "query", "select id from mem.s.t", "--stats") == 0
    _, only = capsys.readouterr().err.splitlines()
    assert only.split()[1:3] == ["0", "3"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("query", "select * from mem.s.nosuch"), 1, "TableNotFoundError: "),
        (("query", "select nosuch from mem.s.t"), 1, "QueryError: "),
        (("query", "select cast('x' as integer)"), 1, "QueryError: "),
        (("query", "select * from men.s.t"), 1, "There is no catalog 'men'"),
        (("describe", "mem.s"), 2, "Usage: mem.s is no CATALOG.SCHEMA.TABLE"),
        (("tables", "mem.s.t"), 2, "Usage: "),
        (("tables", "men"), 2, "Usage: There is no catalog 'men'"),
        (("invoke", "mem", "nowhere.json"), 2, "nowhere.json can't be read"),
        (("doctor", "men"), 2, "Usage: There is no catalog 'men'"),
    ],
)
def test_errors_have_a_status_and_one_line(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    assert run(config, *arguments) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_an_error_is_told_once(config: Path) -> None:
    code = (
        "import sys, athena_connectors\n"
        "folders = [*athena_connectors.__path__, sys.argv[1]]\n"
        "athena_connectors.__path__ = folders\n"
        "from athena_connectors.common.cli.main import main\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    folder = config.parent / "src" / "athena_connectors"
    arguments = ("query", "--config", str(config), "select * from mem.s.nosuch")
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), *arguments], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["query"],
        ["query", "select 1", "--format", "xml"],
        ["query", "select 1", "--serde", "1"],
        ["query", "select 1", "--parallel", "0"],
        ["query", "select 1", "--config", "/nowhere.toml"],
    ],
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_help_is_quick() -> None:
    code = (
        "import sys\n"
        "from athena_connectors.common.cli.main import main\n"
        "status = main(['--help'])\n"
        "slow = {'duckdb', 'sqlglot', 'rich', 'pyarrow', 'boto3'} & set(sys.modules)\n"
        "sys.exit(status or bool(slow))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_metadata(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "tables") == 0
    assert capsys.readouterr().out.split() == [
        "mem.s.t",
        "mem.z.u",
        "two.parts.s.t",
        "two.parts.z.u",
    ]
    assert run(config, "tables", "two.parts.z") == 0
    assert capsys.readouterr().out.split() == ["two.parts.z.u"]
    assert run(config, "describe", 'mem."S".T') == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["column", "type"],
        ["id", "integer"],
        ["name", "varchar"],
    ]


def test_explain(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select name from mem.s.t where id in (1, 2) and lower(name) = 'a' limit 3"
    assert run(config, "explain", sql) == 0
    text = capsys.readouterr().out
    for part in (
        "scan of mem.s.t",
        "columns: id, name",
        'sent: "id" IN (1, 2)',
        "kept here: LOWER(t.name) = 'a'",
        "limit kept here: not all of WHERE can be sent",
        "splits: 2",
        "s.t[0:1]",
        "splits 0 to 1, each",
        "    not pushed: ",
        "(memory has no query language)",
    ):
        assert text.count(part) == 1
    assert run(config, "explain", sql, "--format", "json") == 0
    (scan,) = json.loads(capsys.readouterr().out)
    assert scan["table"] == "mem.s.t"
    assert scan["splits"][0]["decisions"][0]["exactness"] == "not pushed"
    assert run(config, "explain", "select id from mem.s.t order by id desc limit 1") == 0
    text = capsys.readouterr().out
    assert "order: id DESC_NULLS_LAST" in text
    assert "limit: 1" in text
    assert run(config, "explain", "select 1") == 0
    assert capsys.readouterr().out == "No table is read.\n"


def test_invoke(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = {"id": "UNKNOWN", "principal": "UNKNOWN", "account": "1", "arn": "a"}
    event = {
        "@type": "ListTablesRequest",
        "identity": {**identity, "tags": {}, "groups": [], "configOptions": {}},
        "queryId": "q",
        "catalogName": "mem",
        "schemaName": "s",
        "nextToken": None,
        "pageSize": -1,
    }
    file = config.parent / "request.json"
    file.write_text(json.dumps(event), encoding="utf-8")
    assert run(config, "invoke", "mem", str(file)) == 0
    assert json.loads(capsys.readouterr().out)["tables"] == [{"schemaName": "s", "tableName": "t"}]
    monkeypatch.setattr("sys.stdin", io.StringIO("no json"))
    assert run(config, "invoke", "mem", "-") == 2
    file.write_text('["no object"]', encoding="utf-8")
    assert run(config, "invoke", "mem", str(file)) == 2
    file.write_text('{"@type": "Nothing"}', encoding="utf-8")
    assert run(config, "invoke", "mem", str(file)) == 1


def test_doctor(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "doctor") == 0
    text = capsys.readouterr().out
    assert "mem: ping: OK" in text
    assert "mem: schemas: OK: 2 schemas can be listed." in text
    assert "mem: spill folder: OK: " in text
    assert not any(path.is_file() for path in (config.parent / "spill").rglob("*"))


def test_doctor_finds_faults(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(
        "[catalogs.a]\nconnector = 'in-memory'\n[catalogs.a.settings]\nfault = 'x'\n"
        "[catalogs.b]\nconnector = 'in-memori'\n"
        "[catalogs.c]\nendpoint = 'http://127.0.0.1:9/invocations'\n",
        encoding="utf-8",
    )
    assert run(config, "doctor") == 1
    text = capsys.readouterr().out
    assert "a: ping: FAULT: The setting fault is set.\n    Fix: Remove it." in text
    assert "b: connector: FAULT: There is no connector 'in-memori'." in text
    assert "Did you mean in-memory?" in text
    assert "c: ping: FAULT: RemoteError: http://127.0.0.1:9/" in text
    config.write_text("[engin]\n", encoding="utf-8")
    assert run(config, "doctor") == 1
    assert "FAULT" in capsys.readouterr().out


POLICY = {
    "rules": [
        {
            "effect": "allow",
            "schemas": ["s"],
            "principals": {"accounts": ["111122223333"], "tags": {"team": ["bi"]}},
        },
        {"effect": "allow", "principals": {"arns": ["*/ann"]}, "columns": {"name": "hide"}},
    ]
}


@pytest.fixture
def guarded(config: Path) -> Path:
    text = config.read_text(encoding="utf-8")
    policy = f"access_policy = '{json.dumps(POLICY)}'\nsplit_signing_key = \"0123456789abcdef\"\n"
    text = text.replace("splits = 2\n", f"splits = 2\n{policy}")
    config.write_text(text, encoding="utf-8")
    return config


@pytest.mark.parametrize(
    ("identity", "columns"),
    [
        ({"account": "111122223333", "tags": {"team": "bi"}}, "id,name"),
        ("arn:aws:iam::1:user/ann", "id"),
        ("", None),
    ],
)
def test_who_asks_can_be_told(
    guarded: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    identity: object,
    columns: str | None,
) -> None:
    file = tmp_path / "who.json"
    file.write_text(json.dumps(identity), encoding="utf-8")
    who = identity if isinstance(identity, str) else str(file)
    options = ["--config", str(guarded), "--identity", who]
    status = main(["query", *options, "--format", "csv", "SELECT * FROM mem.s.t"])
    answer = capsys.readouterr()
    listed = main(["tables", *options, "mem"]), capsys.readouterr().out
    described = main(["describe", *options, "mem.s.t"]), capsys.readouterr().out
    explained = main(["explain", *options, "SELECT * FROM mem.s.t"])
    if columns is None:
        assert (status, listed, described[0], explained) == (1, (0, ""), 1, 1)
        assert "There is no schema 's'" in answer.err
        return
    assert (status, listed[0], described[0], explained) == (0, 0, 0, 0)
    assert answer.out.splitlines()[0] == columns
    assert ("mem.z.u" in listed[1]) is (columns == "id")
    assert ("name" in described[1]) is ("name" in columns)


@pytest.mark.parametrize("text", ["{}x", '["a"]', '{"user": "a"}', '{"groups": "a"}', None])
def test_what_is_no_identity_is_refused(
    guarded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    file = tmp_path / "who.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    options = ["--config", str(guarded), "--identity", str(file)]
    assert main(["query", *options, "SELECT 1 AS a"]) == 2
    assert "who.json" in capsys.readouterr().err
