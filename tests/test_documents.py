"""The Markdown files say what the code does."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING

import pytest
import sqlglot
from athena_connectors.common.cli.main import command_line

from tests.documents import DOCUMENTS, PARTS, ROOT, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def blocks(language: str) -> list[pytest.ParameterSet]:
    return list(_blocks(language))


def _blocks(language: str) -> Iterator[pytest.ParameterSet]:
    for path in DOCUMENTS:
        for number, (found, body) in enumerate(_BLOCK.findall(path.read_text(encoding="utf-8"))):
            if found == language:
                name = f"{path.relative_to(ROOT).as_posix()}-{number}"
                yield pytest.param(body, id=name)


def commands(program: str) -> list[pytest.ParameterSet]:
    return [
        pytest.param(words[1:], id=f"{block.id}-{' '.join(words)[:60]}")
        for block in blocks("")
        for words in command_lines(str(block.values[0]))
        if words[0].rpartition("/")[2] == program
    ]


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each command; where some lines begin with $, the others are output."""
    lines = iter(text.splitlines())
    prompt = "$ " if text.startswith("$ ") else ""
    for line in lines:
        if not line.startswith(prompt):
            continue
        command = line.removeprefix(prompt).partition("   #")[0]
        while command.count('"') % 2:
            command += f"\n{next(lines)}"
        words = shlex.split(command, comments=True)
        if words:
            yield words


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_generated_parts_are_as_the_code_has_them(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert rendered(text) == text, "run make docs"


def test_every_part_stands_in_a_document() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    assert [name for name in PARTS if f"<!-- begin {name} -->" not in text] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    links = _LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("text", blocks("toml"))
def test_configurations_can_be_read(text: str) -> None:
    assert tomllib.loads(text)


@pytest.mark.parametrize("text", blocks("sql"))
def test_queries_are_sql(text: str) -> None:
    assert sqlglot.parse(text, dialect="trino")


@pytest.mark.parametrize("words", commands("athena-connectors"))
def test_commands_exist(words: list[str]) -> None:
    assert command_line().parse_args(words)


@pytest.mark.parametrize("words", commands("make"))
def test_targets_exist(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w%-]+):", makefile, re.MULTILINE))
    (target,) = [word for word in words if "=" not in word] or ["help"]
    kind, dash, connector = target.partition("-")
    pattern = f"{kind}-%" if dash and (ROOT / "connectors" / connector).is_dir() else target
    assert pattern in targets
