from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.cli.configuration import (
    installed_connectors,
    open_catalogs,
    read_configuration,
)
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import HttpEndpoint, LambdaFunction

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, text: str) -> Path:
    file = folder / "athena-connectors.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_whole_file(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        [engine]
        spill = "spilled/here"
        [catalogs.shop]
        connector = "jdbc-postgres"
        [catalogs.shop.settings]
        default = "postgres://secret"
        fetch_size = 100
        enable_query_passthrough = true
        [catalogs.orders]
        function = "my-connector"
        [catalogs.logs]
        endpoint = "http://127.0.0.1:9001/invocations"
        """,
    )
    found = read_configuration(file)
    assert found.spill_folder == tmp_path / "spilled" / "here"
    shop = found.catalogs["shop"]
    assert (shop.kind, shop.target) == ("connector", "jdbc-postgres")
    assert shop.settings == {
        "default": "postgres://secret",
        "fetch_size": "100",
        "enable_query_passthrough": "true",
    }
    assert "secret" not in repr(found)
    catalogs = open_catalogs(found)
    assert isinstance(catalogs["orders"].transport, LambdaFunction)
    assert isinstance(catalogs["logs"].transport, HttpEndpoint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "is no TOML"),
        ("[catalog.a]\nfunction = 'f'", "unknown key catalog"),
        ("[engine]\nspil = 'x'", "unknown key spil"),
        ("[engine]\nspill = 3", "no text"),
        ("engine = 3", "no table"),
        ("[catalogs]\na = 3", "no table"),
        ("[catalogs.a]\nconector = 'x'", "unknown key conector"),
        ("[catalogs.a]", "none of connector, function, endpoint"),
        ("[catalogs.a]\nfunction = 'f'\nendpoint = 'http://x'", "function and endpoint"),
        ("[catalogs.a]\nfunction = ''", "no text"),
        ("[catalogs.a]\nfunction = 'f'\n[catalogs.a.settings]\nx = 'y'", "does not take from here"),
        ("[catalogs.a]\nconnector = 'x'\n[catalogs.a.settings]\nx = [1]", "Setting x"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_configuration(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml can't be read"):
        read_configuration(tmp_path / "nowhere.toml")


def test_values_are_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHO", "me")
    file = write(tmp_path, "[catalogs.a]\nconnector = 'x'\n[catalogs.a.settings]\nv = '${WHO}'")
    assert read_configuration(file).catalogs["a"].settings == {"v": "${WHO}"}


def test_unknown_connectors_are_refused_when_they_are_used(tmp_path: Path) -> None:
    file = write(tmp_path, "[catalogs.a]\nconnector = 'jdbc-postgrs'\n[catalogs.b]\nfunction='f'")
    catalogs = open_catalogs(read_configuration(file))
    assert list(catalogs) == ["a", "b"]
    with pytest.raises(UsageError, match="jdbc-postgrs"):
        catalogs["a"]


def test_spilling_goes_to_the_folder_of_the_file_or_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "athena_connectors" / "made_up"
    made.mkdir(parents=True)
    (made / "app.py").write_text("handler = None\n", encoding="utf-8")
    import athena_connectors  # noqa: PLC0415

    folders = [*athena_connectors.__path__, str(tmp_path / "athena_connectors")]
    monkeypatch.setattr(athena_connectors, "__path__", folders)
    assert "made-up" in installed_connectors()
    for text, named in (("", False), ("[engine]\nspill = 'out'\n", True)):
        file = write(tmp_path, f"{text}[catalogs.a]\nconnector = 'made-up'\n")
        catalog = open_catalogs(read_configuration(file))["a"]
        assert isinstance(catalog.spill, FolderStore)
        folder = catalog.spill._folder
        assert (folder == tmp_path / "out") is named
        catalog.on_close()
        assert not folder.exists()


def test_an_unknown_catalog_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "[catalogs.shop]\nfunction = 'f'\n")
    with LocalEngine.from_file(file) as engine, pytest.raises(UsageError, match="shop"):
        engine.client("shopp")
