"""A new connector is a copy that works: it is tested, built and asked under its own name."""

from __future__ import annotations

import importlib.util
import json
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.engine import Catalog, LocalEngine

from tests.clone import ROOT, Clone, clone
from tests.packaging.runtime_api import packaged_function

if TYPE_CHECKING:
    from types import ModuleType

NAME, PACKAGE = "air-quality", "air_quality"
"""A name before ``common`` in the alphabet, so that imports have to be sorted anew."""
FORK, FORK_PACKAGE = "my-postgres", "my_postgres"
WITHOUT_SERVER = ("pushdown", "splits_sources")
"""Tests of jdbc-postgres that need no server."""
TEXTS = {".csv", ".json", ".jsonl", ".md", ".py", ".toml", ".yaml", ""}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with a copy of the template and a copy of jdbc-postgres."""
    made = clone(tmp_path_factory.mktemp("clone"))
    for options in (f"NAME={NAME}", f"NAME={FORK} FROM=jdbc-postgres"):
        run = made.run(f"make new-connector {options}")
        assert run.status == 0, run.told
    return made


def succeeds(shell: Clone, command: str) -> str:
    run = shell.run(command)
    assert run.status == 0, run.told
    return run.output


@pytest.mark.parametrize(("name", "source"), [(NAME, "template"), (FORK, "jdbc-postgres")])
def test_no_name_of_the_source_is_left(shell: Clone, name: str, source: str) -> None:
    package = source.replace("-", "_")
    folder = shell.root / "connectors" / name
    assert not list(folder.rglob(package))
    own = re.compile(
        rf"athena_connectors[./]{package}\b|athena-connectors-{source}\b|\b{source}-\w|\"{source}\""
        rf"|\b{'Template' if source == 'template' else 'Postgres'}Connector|begin {source}"
    )
    left = [
        f"{path.relative_to(folder)}: {line}"
        for path in folder.rglob("*")
        if path.suffix in TEXTS and path.is_file()
        for line in path.read_text(encoding="utf-8").splitlines()
        if own.search(line)
    ]
    assert left == []


def test_names_are_replaced(shell: Clone) -> None:
    folder = shell.root / "connectors" / NAME
    template = (folder / "template.yaml").read_text()
    assert "Name: AthenaPythonAirQualityConnector" in template
    assert "Description: Athena connector for air-quality" in template
    assert "Handler: athena_connectors.air_quality.app.handler" in template
    assert (folder / "README.md").read_text().startswith("# Athena connector for air-quality\n")
    assert 'name = "athena-connectors-air-quality"' in (folder / "pyproject.toml").read_text()
    connector = (folder / f"src/athena_connectors/{PACKAGE}/connector.py").read_text()
    assert "class AirQualityConnector(Connector):" in connector
    assert 'source_type = "air-quality"' in connector
    assert not (folder / "CONNECTOR.md").exists()


def test_files_that_the_copy_names_are_there(shell: Clone) -> None:
    for name in (NAME, FORK):
        folder = shell.root / "connectors" / name
        links = re.findall(r"\]\(([^):#]+)\)", (folder / "README.md").read_text())
        urls = re.findall(
            r"(?:LicenseUrl|ReadmeUrl): (\S+)", (folder / "template.yaml").read_text()
        )
        missing = [link for link in (*links, *urls) if not (folder / link).exists()]
        # The clone has what a connector needs, not every document.
        assert set(missing) <= {"../../LICENSE"}


def test_nothing_else_is_changed(shell: Clone) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "template/README.md"):
        assert (shell.root / name).read_bytes() == (ROOT / name).read_bytes()
    folders = {path.name for path in (shell.root / "connectors").iterdir()}
    assert folders == {path.name for path in (ROOT / "connectors").iterdir()} | {NAME, FORK}


def test_the_copy_is_in_style_and_its_types_are_right(shell: Clone) -> None:
    succeeds(shell, f".venv/bin/ruff check connectors/{NAME}")
    succeeds(shell, f".venv/bin/ruff check --select I connectors/{FORK}")
    succeeds(shell, f".venv/bin/ruff format --check connectors/{NAME} connectors/{FORK}")
    packages = f"-p athena_connectors.{PACKAGE} -p athena_connectors.{FORK_PACKAGE}"
    sources = f"connectors/{NAME}/src:connectors/{FORK}/src"
    succeeds(shell, f"MYPYPATH={sources} .venv/bin/mypy {packages}")


def test_the_copy_passes_its_tests(shell: Clone) -> None:
    succeeds(shell, f"make test-{NAME}")


def test_a_copy_of_another_connector_passes_its_tests(shell: Clone) -> None:
    tests = " ".join(f"connectors/{FORK}/tests/test_{name}.py" for name in WITHOUT_SERVER)
    succeeds(shell, f".venv/bin/python -m pytest {tests}")
    modules = sorted(
        f"athena_connectors.{FORK_PACKAGE}.{path.stem}"
        for path in (shell.root / f"connectors/{FORK}/src").rglob("*.py")
    )
    succeeds(shell, f".venv/bin/python -W error -c 'import {', '.join(modules)}'")


def test_the_copy_answers_sql(shell: Clone) -> None:
    query = "SELECT year, count(*) AS n FROM files.shop.orders GROUP BY year ORDER BY year"
    command = f'../../.venv/bin/athena-connectors query --format json "{query}"'
    output = succeeds(shell, f"(cd connectors/{NAME} && {command})")
    assert json.loads(output) == [
        {"year": 2023, "n": 3},
        {"year": 2024, "n": 4},
        {"year": 2025, "n": 3},
    ]


def test_the_copy_is_built_and_runs_as_lambda_runs_it(shell: Clone, tmp_path: Path) -> None:
    host = f"--python 3.{sys.version_info.minor} --architecture"
    host += {"x86_64": " x86_64", "aarch64": " arm64"}[platform.machine()]
    where = f"--connector connectors/{NAME} --common common --out {tmp_path}/package"
    succeeds(shell, f".venv/bin/python common/packaging/package.py {where} {host} --limit-mb 145")
    with aws_server() as aws:
        aws.create_bucket("files")
        aws.create_bucket("spilled")
        for year in (2023, 2024):
            body = f"id\n{year}1\n{year}2\n".encode()
            key = f"data/shop/orders/year={year}/a.csv"
            aws.client("s3").put_object(Bucket="files", Key=key, Body=body)
        environ = {**aws.environ, "location": "s3://files/data", "spill_bucket": "spilled"}
        entry = f"athena_connectors.{PACKAGE}.app.handler"
        (tmp_path / "lambda").mkdir()
        with (
            packaged_function(
                tmp_path / "package", entry, tmp_path / "lambda", environ=environ
            ) as function,
            LocalEngine({"files": Catalog(function, S3Reader(aws.environ))}) as engine,
        ):
            rows = engine.query("SELECT id FROM files.shop.orders WHERE year = 2024 ORDER BY id")
    assert rows.table["id"].to_pylist() == [20241, 20242]


@pytest.fixture(scope="module")
def new_connector() -> ModuleType:
    """The script as a module."""
    path = ROOT / "common/packaging/new_connector.py"
    spec = importlib.util.spec_from_file_location("new_connector", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["new_connector"] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "make new-connector NAME=my-source"),
        ("My-Source", "lower-case letters"),
        ("my_source", "lower-case letters"),
        ("my--source", "lower-case letters"),
        ("-my", "lower-case letters"),
        ("my-", "lower-case letters"),
        ("1st", "a letter first"),
        ("../my", "lower-case letters"),
        ("é", "lower-case letters"),
        ("a" * 41, "40 characters at most"),
        ("import", "a word of Python"),
        ("common", "already"),
        ("template", "already"),
        ("jdbc-postgres", "already"),
    ],
)
def test_a_name_that_is_none_is_refused(
    new_connector: ModuleType, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        new_connector.main([f"--name={name}"])
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_a_source_that_is_none_is_refused(
    new_connector: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    for source, told in (("jdbc-postgre", "did you mean jdbc-postgres?"), ("x", "there are ")):
        with pytest.raises(SystemExit):
            new_connector.main(["--name", "my-source", "--from", source])
        assert told in capsys.readouterr().err
    assert not (ROOT / "connectors/my-source").exists()


def test_a_copy_that_fails_leaves_nothing(
    new_connector: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, data: bytes) -> int:
        raise OSError("disk full")

    (tmp_path / "connectors").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", fail)
        with pytest.raises(OSError, match="disk full"):
            new_connector.copy(ROOT / "template", tmp_path / "connectors/mine", root=ROOT)
    assert not (tmp_path / "connectors/mine").exists()
    new_connector.copy(ROOT / "template", tmp_path / "connectors/mine", root=ROOT)
    assert (tmp_path / "connectors/mine/README.md").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from athena_connectors.template import x", "from athena_connectors.own import x"),
        ("src/athena_connectors/template/app.py", "src/athena_connectors/own/app.py"),
        ('connector = "template"', 'connector = "own"'),
        ('    source_type = "template"', '    source_type = "own"'),
        ("make test-template build-template", "make test-own build-own"),
        ("athena-connectors-template", "athena-connectors-own"),
        ("TemplateConnector", "OwnConnector"),
        ("    Name: AthenaPythonTemplateConnector", "    Name: AthenaPythonOwnConnector"),
        ("# Athena connector for files", "# Athena connector for own"),
        ("include ../common/x", "include ../../common/x"),
        ("](../common/README.md)", "](../../common/README.md)"),
        ("LicenseUrl: ../LICENSE", "LicenseUrl: ../../LICENSE"),
        ("    ReadmeUrl: CONNECTOR.md", "    ReadmeUrl: README.md"),
        ("<!-- begin template-capabilities -->\nx", "<!-- begin own-capabilities -->\nx"),
        ("<!-- end template-evaluation -->", "<!-- end own-evaluation -->"),
        ("<!-- begin template-settings -->\nx", "<!-- begin own-settings -->\nx"),
        ("<!-- begin errors -->\nx", "x"),
        # What only looks like a name:
        ("template.yaml", "template.yaml"),
        ("a template of files", "a template of files"),
        ("athena_connectors.templates", "athena_connectors.templates"),
        ("FROM files.shop.orders", "FROM files.shop.orders"),
        ("../../common", "../../common"),
        ("my-test-template.yaml", "my-test-template.yaml"),
    ],
)
def test_only_names_are_replaced(new_connector: ModuleType, text: str, expected: str) -> None:
    replacements = tuple(new_connector._replacements(ROOT / "template", "own", is_template=True))
    assert new_connector._replaced(text.encode(), replacements).decode() == expected


def test_bytes_that_are_no_text_stay(new_connector: ModuleType) -> None:
    replacements = (new_connector.Replacement(r"a", "b"),)
    assert new_connector._replaced(b"a\xff", replacements) == b"a\xff"
