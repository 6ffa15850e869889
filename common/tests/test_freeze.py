"""``freeze``, as people and scripts call it."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING

import athena_connectors
import pyarrow as pa
import pytest
from athena_connectors.common.cli.main import main
from athena_connectors.common.schema_files import parse_schemas

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import json

import pyarrow as pa
from athena_connectors.common.connector import Connector
from athena_connectors.common.errors import AccessDeniedError
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.inference import InferencePolicy, InferredTable, infer_schema
from athena_connectors.common.observed import Kind, Sample

KINDS = {str: Kind.TEXT, int: Kind.INT64, dict: Kind.STRUCT, list: Kind.LIST, bool: Kind.BOOLEAN}


class Documents(Connector):
    source_type = "documents"

    def __init__(self, environ):
        self._schemas = json.loads(environ["documents"])
        self._denied = environ.get("denied", "")

    def list_schemas(self):
        return list(self._schemas)

    def list_tables(self, schema):
        return list(self._schemas[schema])

    def describe_table(self, name):
        return pa.schema([("x", pa.string())])

    def read_split(self, scan, split):
        return []

    def infer_table(self, name):
        if name.table == self._denied:
            raise AccessDeniedError(f"{name} may not be read.", hint="Allow it.")
        sample = Sample(lambda value: (KINDS[type(value)], value), max_struct_fields=9)
        for document in self._schemas[name.schema][name.table]:
            sample.add(document)
        columns = infer_schema(sample, InferencePolicy())
        return InferredTable(columns, documents=sample.documents, method="all")


handler = lambda_handler(Documents)
"""
MEMORY_APP = """
import pyarrow as pa
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.memory import MemoryConnector

handler = lambda_handler(lambda environ: MemoryConnector({"s.t": pa.record_batch({"id": [1]})}))
"""
CONFIG = """
[catalogs.docs]
connector = "documents"
[catalogs.docs.settings]
documents = '''{documents}'''
denied = "{denied}"
[catalogs.mem]
connector = "in-memory"
[catalogs.far]
endpoint = "http://127.0.0.1:1"
"""
DOCUMENTS = {
    "Shop": {"Orders": [{"Id": "a", "n": 1}, {"Id": "b"}], "users": [{"name": "x"}]},
    "log": {"Events": [{"at": 1, "who": {"id": 7}}]},
}


class Command:
    """The command with a configuration and an output file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "athena-connectors.toml"
        self.file = folder / "schema.json"
        self._capsys = capsys
        self.out = self.err = ""

    def serve(self, documents: object, *, denied: str = "") -> None:
        text = CONFIG.format(documents=json.dumps(documents), denied=denied)
        self.config.write_text(text, encoding="utf-8")

    def freeze(self, name: str, *arguments: str) -> int:
        options = ("--config", str(self.config), "--output", str(self.file))
        status = main(["freeze", *options, name, *arguments])
        self.out, self.err = self._capsys.readouterr()
        return status

    def frozen(self) -> dict[str, dict[str, pa.DataType]]:
        tables = parse_schemas(self.file.read_text("utf-8"), where="it")
        return {
            str(name): {column.name: column.type for column in table.columns}
            for name, table in tables.items()
        }


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    root = tmp_path / "src" / "athena_connectors"
    for name, app in (("documents", APP), ("in_memory", MEMORY_APP)):
        (root / name).mkdir(parents=True)
        (root / name / "app.py").write_text(app, encoding="utf-8")
        for module in (f"athena_connectors.{name}", f"athena_connectors.{name}.app"):
            monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(athena_connectors, "__path__", [*athena_connectors.__path__, str(root)])
    command = Command(tmp_path, capsys)
    command.serve(DOCUMENTS)
    return command


ORDERS = {"Id": pa.string(), "n": pa.int64()}
USERS = {"name": pa.string()}
EVENTS = {"at": pa.int64(), "who": pa.struct([("id", pa.int64())])}


def test_a_catalog_is_frozen_in_the_spelling_of_its_source(command: Command) -> None:
    assert command.freeze("docs") == 0
    assert command.frozen() == {"Shop.Orders": ORDERS, "Shop.users": USERS, "log.Events": EVENTS}
    assert "Shop.Orders: 2 columns from 2 documents." in command.out
    assert command.out.endswith(f"Tables frozen in {command.file}: 3. Failed: 0.\n")
    assert command.err == ""
    told = json.loads(command.file.read_text("utf-8"))["schemas"]["Shop"]["Orders"]["sampled"]
    assert (told["documents"], told["method"]) == (2, "all")
    assert len(told["at"]) == len("2025-01-31T12:00:00Z")


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("docs.log", {"log.Events"}),
        ("docs.shop", {"Shop.Orders", "Shop.users"}),
        ("docs.shop.orders", {"Shop.Orders"}),
        ('docs."Shop"."Orders"', {"Shop.Orders"}),
    ],
)
def test_a_schema_or_a_table_is_frozen_by_name_in_any_case(
    command: Command, name: str, tables: set[str]
) -> None:
    assert command.freeze(name) == 0
    assert set(command.frozen()) == tables


def test_other_tables_of_the_file_stay_and_the_same_is_replaced(command: Command) -> None:
    assert command.freeze("docs.shop") == 0
    command.file.chmod(0o640)
    command.serve({"Shop": {"Orders": [{"Id": 5}], "users": []}})
    assert command.freeze("docs.shop.orders") == 0
    assert command.frozen() == {"Shop.Orders": {"Id": pa.int64()}, "Shop.users": USERS}
    assert stat.S_IMODE(command.file.stat().st_mode) == 0o640
    assert [path.name for path in command.file.parent.iterdir() if "schema" in path.name] == [
        "schema.json"
    ]


def test_one_table_that_fails_stops_no_other_and_stays_as_it_was(command: Command) -> None:
    assert command.freeze("docs") == 0
    command.serve({**DOCUMENTS, "log": {"Events": [{"new": 1}]}}, denied="Orders")
    assert command.freeze("docs") == 1
    assert command.frozen() == {
        "Shop.Orders": ORDERS,
        "Shop.users": USERS,
        "log.Events": {"new": pa.int64()},
    }
    assert command.err == "shop.orders: AccessDeniedError: Shop.Orders may not be read. Allow it.\n"
    assert command.out.endswith(": 2. Failed: 1.\n")


def test_a_table_without_a_column_is_left_out(command: Command) -> None:
    command.serve({"s": {"t": []}})
    assert command.freeze("docs") == 1
    assert command.err == "s.t: no column was found, so the table is left out.\n"
    assert not command.file.exists()


def test_an_unchanged_catalog_has_not_drifted(command: Command) -> None:
    assert command.freeze("docs") == 0
    before = command.file.read_bytes()
    assert command.freeze("docs", "--check") == 0
    assert command.out == "Tables checked: 3. Drifted: 0. Failed: 0.\n"
    assert command.file.read_bytes() == before


def test_drift_is_told_and_the_file_stays(command: Command) -> None:
    assert command.freeze("docs") == 0
    before = command.file.read_bytes()
    command.serve({**DOCUMENTS, "log": {"Events": [{"at": "x"}], "other": [{"a": 1}]}})
    assert command.freeze("docs", "--check") == 1
    assert command.out.splitlines() == [
        "log.Events: other type: Column 'at': bigint is frozen, varchar was seen.",
        "log.Events: gone: Attribute 'who' was not seen in 1 documents.",
        "Tables checked: 3. Drifted: 1. Failed: 0.",
    ]
    assert command.freeze("docs.shop", "--check") == 0
    assert command.freeze("docs.LOG.events", "--check") == 1
    assert command.file.read_bytes() == before


def test_a_frozen_table_that_is_gone_fails_the_check(command: Command) -> None:
    assert command.freeze("docs.shop") == 0
    command.serve({"Shop": {"users": DOCUMENTS["Shop"]["users"]}})
    assert command.freeze("docs.shop", "--check") == 1
    assert command.err.startswith("Shop.Orders: TableNotFoundError: ")
    assert command.out == "Tables checked: 2. Drifted: 0. Failed: 1.\n"


def test_what_was_not_frozen_can_t_be_checked(command: Command) -> None:
    assert command.freeze("docs", "--check") == 2
    assert "can't be read: No such file" in command.err
    assert command.freeze("docs.shop") == 0
    assert command.freeze("docs.log", "--check") == 2
    assert "holds no table of log" in command.err


def test_a_file_of_another_form_is_not_overwritten(command: Command) -> None:
    command.file.write_text('{"version": 1}', encoding="utf-8")
    assert command.freeze("docs") == 1
    assert "ConfigurationError" in command.err
    assert command.file.read_text("utf-8") == '{"version": 1}'


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("none", 2, "is no CATALOG, CATALOG.SCHEMA or CATALOG.SCHEMA.TABLE"),
        ("docs.a.b.c", 2, "is no CATALOG"),
        ("far", 2, "Catalog far is served by endpoint http://127.0.0.1:1"),
        ("mem", 1, "UnsupportedOperationError: Connector memory infers no schema"),
        ("docs.none", 1, "SchemaNotFoundError"),
        ("docs.shop.none", 1, "TableNotFoundError"),
    ],
)
def test_what_can_t_be_frozen_is_told(command: Command, name: str, status: int, told: str) -> None:
    assert command.freeze(name) == status
    assert told in command.err
    assert not command.file.exists()


def test_a_folder_that_is_missing_is_named(command: Command) -> None:
    command.file = command.file.parent / "none" / "schema.json"
    assert command.freeze("docs.log") == 2
    assert "none/schema.json can't be written: No such file" in command.err


def test_the_output_is_asked_for(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["freeze", "--config", str(command.config), "docs"]) == 2
    assert "--output" in capsys.readouterr().err
