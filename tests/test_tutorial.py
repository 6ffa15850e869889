"""The tutorial does what it says: every block of ``template/README.md`` is run, in order."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.clone import ROOT, clone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clone import Clone, Run

TUTORIAL = (ROOT / "template/README.md").read_text(encoding="utf-8")
MAX_LINES = 30
"""Of a connector in its simplest form."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`([\w/]+\.py)`")


@dataclass(frozen=True)
class Step:
    """Something that the reader does.

    Attributes:
        command: What they enter; empty if they write a file.
        output: What they should see, if the tutorial shows it.
        file: What they write, below the folder where they are.
        content: Its content.
    """

    command: str = ""
    output: str = ""
    file: str = ""
    content: str = ""

    def __str__(self) -> str:
        return self.command[:60] or self.file


def steps() -> Iterator[Step]:
    for block in _BLOCK.finditer(TUTORIAL):
        language, content = block.groups()
        if language == "python":
            named = _FILE.findall(TUTORIAL[: block.start()])
            yield Step(file=named[-1], content=content)
        elif language == "console":
            for entered in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
                command, _, output = entered.partition("\n")
                yield Step(command, output)


STEPS = tuple(steps())
MODULES = [step.content for step in STEPS if "lambda_handler(" in step.content]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[Step, Run | None]:
    """What came of each step."""
    shell = clone(tmp_path_factory.mktemp("clone"))
    return {step: _do(shell, step) for step in STEPS}


def _do(shell: Clone, step: Step) -> Run | None:
    if step.command:
        return shell.run(step.command)
    (shell.folder / step.file).write_text(step.content, encoding="utf-8")
    return shell.run(f"ruff check {step.file} && ruff format --diff {step.file}")


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_each_step_does_what_is_shown(runs: dict[Step, Run], step: Step) -> None:
    run = runs[step]
    assert run.status == 0, run.told
    if step.output:
        assert _lines(run.output) == _lines(step.output)


def _lines(text: str) -> list[str]:
    """Return what is shown, less what make says of itself."""
    shown = [line.rstrip() for line in text.strip("\n").splitlines()]
    return [line for line in shown if not line.startswith("make[")]


def test_every_block_is_a_step() -> None:
    languages = [language for language, _ in _BLOCK.findall(TUTORIAL)]
    assert set(languages) == {"console", "python"}
    assert len(STEPS) > len(languages)


def test_a_connector_is_as_short_as_is_said() -> None:
    simplest, _ = MODULES
    assert len([line for line in simplest.splitlines() if line.strip()]) <= MAX_LINES


def test_types_are_right(tmp_path: Path) -> None:
    for number, content in enumerate(MODULES):
        (tmp_path / f"step_{number}.py").write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", *map(str, sorted(tmp_path.glob("*.py")))]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
