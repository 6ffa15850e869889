"""Every error tells the engine one of its codes, and the reader a fact and an action."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from athena_connectors.common import errors
from athena_connectors.common.errors import ConnectorError

ROOT = Path(__file__).parents[1]
CODES = {
    "AccessDeniedException",
    "EntityNotFoundException",
    "InternalServiceException",
    "InvalidCredentialsException",
    "InvalidInputException",
    "InvalidResponseException",
    "OperationNotSupportedException",
    "OperationTimeoutException",
    "PartialFailureException",
    "ThrottlingException",
}
LINE = re.compile(
    r"^ {4}(?P<stem>[│├└─ ]*)(?P<name>\w+Error)(?: \((?P<base>\w+)\))?(?: +(?P<code>\w+Exception))?"
    r"(?P<retry> +retryable)?$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Drawn:
    """One line of the tree in the module's docstring."""

    name: str
    depth: int
    built_in: str | None
    code: str | None
    retryable: bool


def drawn_tree() -> dict[str, Drawn]:
    assert errors.__doc__ is not None
    lines = [
        Drawn(m["name"], len(m["stem"]) // 4, m["base"], m["code"], m["retry"] is not None)
        for m in LINE.finditer(errors.__doc__)
    ]
    return {line.name: line for line in lines}


def below(class_: type[ConnectorError]) -> set[type[ConnectorError]]:
    return {class_}.union(*map(below, class_.__subclasses__()))


CLASSES = sorted(below(ConnectorError) - {ConnectorError}, key=lambda class_: class_.__name__)


@pytest.mark.parametrize("class_", CLASSES, ids=lambda class_: class_.__name__)
def test_each_class_says_what_it_is(class_: type[ConnectorError]) -> None:
    assert class_.code in CODES
    assert class_.code != "PartialFailureException", "half a result is an error"
    assert (class_.__doc__ or "").strip()
    assert class_.__doc__ not in [base.__doc__ for base in class_.__bases__]
    assert class_.__name__.endswith("Error")
    assert class_.__name__ in errors.__all__


@pytest.mark.parametrize("class_", CLASSES, ids=lambda class_: class_.__name__)
def test_the_tree_is_drawn_as_it_is(class_: type[ConnectorError]) -> None:
    drawn = drawn_tree()[class_.__name__]
    ours = [base for base in class_.__bases__ if issubclass(base, ConnectorError)]
    theirs = [base for base in class_.__bases__ if not issubclass(base, ConnectorError)]
    assert drawn.depth == len([c for c in class_.__mro__ if issubclass(c, ConnectorError)]) - 1
    assert [base.__name__ for base in theirs] == ([drawn.built_in] if drawn.built_in else [])
    assert all(hasattr(builtins, base.__name__) for base in theirs)
    assert class_.code == (drawn.code or ours[0].code)
    assert class_.retryable is drawn.retryable


def test_nothing_else_is_drawn() -> None:
    assert set(drawn_tree()) == {class_.__name__ for class_ in CLASSES} | {"ConnectorError"}


@pytest.mark.parametrize("class_", CLASSES, ids=lambda class_: class_.__name__)
def test_the_text_is_fact_and_action(class_: type[ConnectorError]) -> None:
    error = class_("Column 'a' is missing.", hint="Add it.", column="a")
    assert str(error) == "Column 'a' is missing. Add it."
    assert (error.message, error.hint) == ("Column 'a' is missing.", "Add it.")
    assert error.context == {"column": "a"}
    plain = class_("Column 'a' is missing.")
    assert str(plain) == "Column 'a' is missing."
    assert (plain.hint, plain.context) == ("", {})


def test_no_other_module_makes_a_class_of_them() -> None:
    """The engine's errors are in one module, so that one page shows them all."""
    names = {class_.__name__ for class_ in CLASSES} | {"ConnectorError"}
    strays = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in ROOT.glob("**/src/athena_connectors/**/*.py")
        if path != Path(errors.__file__) and ".venv" not in path.parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base).split(".")[-1] for base in node.bases} & names
    ]
    assert not strays
