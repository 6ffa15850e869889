from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing import debian
from athena_connectors.common.testing import fetched as module
from athena_connectors.common.testing.debian import unpack_packages
from athena_connectors.common.testing.fetched import fetched, run

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_fetched_is_fetched_once_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_SHARED", tmp_path / "new")
    calls: list[Path] = []

    def fetch(folder: Path) -> None:
        calls.append(folder)
        (folder / "file").write_text("whole")

    folders = {fetched("thing", fetch) for _ in range(2)}
    assert folders == {tmp_path / "new/thing"}
    assert (tmp_path / "new/thing/file").read_text() == "whole"
    assert len(calls) == 1
    told = capsys.readouterr().err
    assert told == f"Preparing thing in {tmp_path / 'new'}, which is done once ...\n"


def test_what_failed_to_be_fetched_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_SHARED", tmp_path)

    def fetch(folder: Path) -> None:
        (folder / "file").write_text("half")
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        fetched("thing", fetch)
    assert not (tmp_path / "thing").exists()


def test_a_command_says_what_it_says_or_complains(tmp_path: Path) -> None:
    script = "import os, sys; print(sys.stdin.read() + os.environ['WORD'], os.getcwd())"
    command = [sys.executable, "-c", script]
    told = run(command, folder=tmp_path, stdin="one ", environ={"WORD": "two"})
    assert told == f"one two {tmp_path}"
    with pytest.raises(RuntimeError, match="KeyError: 'WORD'"):
        run(command)


def test_without_the_tools_of_debian_it_is_said_which_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(debian.shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match=r"apt-get and dpkg-deb .*so locales can't be fetched"):
        unpack_packages(tmp_path, "locales")


def test_packages_come_with_what_this_machine_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # apt-get as it answers: the package itself and one that it needs.
    commands: list[list[str]] = []

    def answer(command: list[str], *, folder: Path | None = None) -> str:
        commands.append(command)
        if "download" in command:
            assert folder is not None
            for name in command[command.index("download") + 1 :]:
                (folder / f"{name}_1_all.deb").touch()
        if "--print-uris" in command:
            return (
                "Reading package lists...\n\n"
                "'http://a/libneeded_2%3a1_amd64.deb' libneeded_2:1_amd64.deb 7 SHA256:0\n"
                "'http://a/wanted_1_all.deb' wanted_1_all.deb 9 SHA256:0"
            )
        return ""

    monkeypatch.setattr(debian, "run", answer)
    unpack_packages(tmp_path, "wanted")
    unpacked = {command[2].rpartition("/")[2] for command in commands if command[0] == "dpkg-deb"}
    assert unpacked == {"libneeded_1_all.deb", "wanted_1_all.deb"}
    assert [words for words in commands if "update" in words] == commands[:1]
