"""Each connector's package starts as Lambda starts it, on its own files alone."""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.client import ProtocolClient
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore

from tests.packaging.builds import handler_of
from tests.packaging.records import foreign_files
from tests.packaging.repository import settings_of
from tests.packaging.runtime_api import packaged_function

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType

    from tests.packaging.conftest import FindPackage

INIT_SECONDS = 10
"""What Lambda gives the import. Source: AWS Lambda Developer Guide, "Lambda execution
environment lifecycle"."""
STATEMENTS = """
from sqlalchemy import String, column, select, table
from sqlalchemy.dialects import mysql, postgresql
t = table("a", column("select", String))
statement = select(t.c.select).where(t.c.select.in_(["o'clock"])).limit(3)
for dialect in (postgresql.dialect(), mysql.dialect()):
    text = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    print(" ".join(text.split()))
"""
UNCHECKED_HASH = 1
BYTECODE_HEADER = 16


@pytest.mark.parametrize(("initialization", "restored"), [("on-demand", 0), ("snap-start", 1)])
def test_starts_and_answers(
    packaged: tuple[str, Path], tmp_path: Path, initialization: str, restored: int
) -> None:
    connector, package = packaged
    with packaged_function(
        package,
        handler_of(connector),
        tmp_path,
        environ=settings_of(connector),
        initialization=initialization,
        record=tmp_path / "record",
    ) as function:
        assert function.restored == restored
        assert function.init_seconds < INIT_SECONDS
        client = ProtocolClient("c", function, spill=FolderStore(tmp_path))
        first = client.ping()
        assert first.sourceType
        assert client.ping().sourceType == first.sourceType
    assert foreign_files(tmp_path / "record", package) == set()


def test_trimmed_arrow_reads_and_evaluates(package_of: FindPackage, tmp_path: Path) -> None:
    package, handler = package_of("template"), handler_of("template")
    with (
        packaged_function(package, handler, tmp_path, environ=settings_of("template")) as function,
        LocalEngine({"files": Catalog(function, FolderStore(tmp_path))}) as engine,
    ):
        comma = engine.query(
            "SELECT name FROM files.shop.products WHERE price > 10 ORDER BY price LIMIT 1"
        )
        lines = engine.query("SELECT count(*) AS n FROM files.shop.customers WHERE city LIKE 'L%'")
    assert comma.table["name"].to_pylist() == ["Espresso beans"]
    assert lines.table["n"].to_pylist() == [1]


def test_trimmed_sqlalchemy_writes_statements(package_of: FindPackage) -> None:
    run = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", STATEMENTS],
        cwd=package_of("jdbc-postgres"),
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "SELECT a.\"select\" FROM a WHERE a.\"select\" IN ('o''clock') LIMIT 3",
        "SELECT a.`select` FROM a WHERE a.`select` IN ('o''clock') LIMIT 3",
    ]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("open('/etc/hostname').close()", "open /etc/hostname"),
        ("import os; os.listdir('/etc')", "os.listdir /etc"),
        (f"open({__file__!r}).close()", f"open {__file__}"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
    ],
)
def test_what_a_function_touches_is_noticed(tmp_path: Path, code: str, told: str) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "own.py").write_text(f"{code}\ndef handler(event, context): return event\n")
    record = tmp_path / "record"
    with packaged_function(package, "own.handler", tmp_path, environ={}, record=record) as function:
        assert function.send({"a": "b"}) == {"a": "b"}
    assert any(found.startswith(told) for found in foreign_files(record, package))


def test_bytecode_is_valid_in_lambda(packaged: tuple[str, Path]) -> None:
    _, package = packaged
    for source in package.rglob("*.py"):
        tag = sys.implementation.cache_tag
        compiled = (source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc").read_bytes()
        assert compiled[: len(importlib.util.MAGIC_NUMBER)] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH
        code: CodeType = marshal.loads(compiled[BYTECODE_HEADER:])
        assert code.co_filename == f"/var/task/{source.relative_to(package)}"
