"""The Markdown files say what the code does."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING

import botocore.session
import pytest
import sqlglot
from athena_connectors.common.cli.main import command_line
from botocore import xform_name
from botocore.validate import ParamValidator

from tests.documents import DOCUMENTS, PARTS, REQUIRED, ROOT, documented, rendered, report_of
from tests.packaging.repository import CONNECTORS, folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from botocore.model import Shape, StructureShape

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"^<!-- begin ([\w-]+) -->$", re.MULTILINE)
_COMMAND_OF_AWS = re.compile(r"^aws .+$|(?<=`)aws [^`]+(?=`)", re.MULTILINE)
_OPTIONS_OF_ALL = {"--profile", "--region"}
_OWN_TABLES = [connector for connector in CONNECTORS if documented(connector)]
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


def test_every_part_of_a_document_is_known() -> None:
    marks = {mark for path in DOCUMENTS for mark in _MARK.findall(path.read_text("utf-8"))}
    assert marks <= set(PARTS)
    assert "errors" in marks


@pytest.mark.parametrize("connector", CONNECTORS)
def test_documents_of_a_connector_have_all_parts(connector: str) -> None:
    # Tables of its own do not replace the one of what the tests saw.
    kinds = (*REQUIRED, "evaluation") if documented(connector) else REQUIRED
    marks = [mark for text in texts_of(connector) for mark in _MARK.findall(text)]
    assert [kind for kind in kinds if marks.count(f"{connector}-{kind}") != 1] == []


@pytest.mark.parametrize("connector", CONNECTORS)
def test_documents_of_a_connector_register_it_and_look(connector: str) -> None:
    commands = [
        shlex.split(command)
        for text in texts_of(connector)
        for command in _COMMAND_OF_AWS.findall(text)
    ]
    registered = {words[4] for words in commands if "create-data-catalog" in words}
    shown = {words[4] for words in commands if "get-data-catalog" in words}
    assert len(registered) == 1
    assert registered == shown


def texts_of(connector: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(folder_of(connector).glob("*.md"))]


@pytest.mark.parametrize("connector", _OWN_TABLES)
def test_own_table_of_types_has_the_types_that_were_seen(connector: str) -> None:
    own = documented(connector)
    assert own is not None
    mapped = {
        (source.strip(), _plain(engine))
        for sources, engine in own.mapped()
        for source in _plain(sources).split(",")
    }
    seen = {
        ("arrays" if each.source.endswith("[]") else _plain(each.source), _plain(each.athena))
        for each in report_of(connector).types
        if each.source != "partition column"
    }
    assert len(seen) > 5
    assert seen - mapped == set()


def _plain(type_: str) -> str:
    """Return a type without its parameters, its elements and its collation."""
    return re.split(r" of | COLLATE ", re.sub(r"\(.*?\)", "", type_))[0]


@pytest.mark.parametrize("connector", _OWN_TABLES)
def test_own_table_of_pushdown_says_what_was_seen(connector: str) -> None:
    own = documented(connector)
    assert own is not None
    seen = {each.source: each.predicates for each in report_of(connector).types}
    compared = [
        (source, kind, exactness.value, seen[source][kind])
        for kind, source, exactness in own.pushed()
        if kind in seen.get(source, {})
    ]
    assert len(compared) > len(list(own.pushed())) / 2
    assert [each for each in compared if each[2] not in each[3]] == []


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


@pytest.mark.parametrize(
    "command",
    sorted(
        {each for path in DOCUMENTS for each in _COMMAND_OF_AWS.findall(path.read_text("utf-8"))}
    ),
)
def test_commands_of_aws_have_the_parameters_of_their_operations(command: str) -> None:
    _, service, name, *options = shlex.split(command)
    shape = _input_shape(service, name)
    members = {f"--{xform_name(each, '-')}": each for each in shape.members}
    pairs = dict(zip(options[::2], options[1::2], strict=True))
    assert set(pairs) <= set(members) | _OPTIONS_OF_ALL
    given = {
        members[option]: _value(shape.members[members[option]], text)
        for option, text in pairs.items()
        if option in members
    }
    found = ParamValidator().validate(given, shape)
    assert not found.has_errors(), found.generate_report()


def _input_shape(service: str, name: str) -> StructureShape:
    model = botocore.session.get_session().get_service_model(service)
    (operation,) = [each for each in model.operation_names if xform_name(each, "-") == name]
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return shape


def _value(shape: Shape, text: str) -> str | int | dict[str, str]:
    """Return an option's value as the command reads it: KEY=VALUE,... for a map."""
    if shape.type_name == "map":
        return dict(pair.split("=", 1) for pair in text.split(","))
    return int(text) if shape.type_name == "integer" else text


@pytest.mark.parametrize("words", commands("make"))
def test_targets_exist(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w%-]+):", makefile, re.MULTILINE))
    (target,) = [word for word in words if "=" not in word] or ["help"]
    kind, dash, connector = target.partition("-")
    pattern = f"{kind}-%" if dash and (ROOT / "connectors" / connector).is_dir() else target
    assert pattern in targets
