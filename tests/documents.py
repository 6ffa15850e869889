"""Parts of the Markdown files that come from code; ``make docs`` writes them anew.

A part stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. A test fails when
what is committed differs. The parts of a connector are named after it, ``NAME-settings``,
and found by convention: in its settings, its ``template.yaml``, its conformance report, and
``tests/documented.py`` in its folder, if it has tables of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athena_connectors.common.access.gate import AccessSettings
from athena_connectors.common.budgets import BudgetSettings
from athena_connectors.common.config import SpillSettings, describe_settings
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.testing.conformance.report import (
    Report,
    capabilities_table,
    markdown_table,
    pushdown_table,
    types_table,
)

from tests.packaging.calls import package_of
from tests.packaging.repository import CONNECTORS, folder_of
from tests.packaging.sizes import limit_mb, read_sizes, sizes_file, sizes_table
from tests.packaging.templates import load_template
from tests.permissions import people, role_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

__all__ = ["DOCUMENTS", "PARTS", "REQUIRED", "documented", "rendered", "report_of"]

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
"""Every Markdown file of the project."""

REQUIRED = (
    *("parameters", "settings", "role", "permissions"),
    *("capabilities", "types", "pushdown"),
    "size",
)
"""Kinds of parts that every connector's documents have."""

_PART = re.compile(r"(<!-- begin ([\w-]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
_REPORTED: dict[str, Callable[[Report], str]] = {
    "capabilities": capabilities_table,
    "evaluation": types_table,
    "types": types_table,
    "pushdown": pushdown_table,
}
"""What documents show of a conformance report."""


def rendered(text: str) -> str:
    """Return a document with its generated parts as the code has them now."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}\n{found[3]}", text)


def documented(connector: str) -> ModuleType | None:
    """Return the module with a connector's own tables."""
    path = folder_of(connector) / "tests/documented.py"
    if not path.exists():
        return None
    name = f"documented_{connector.replace('-', '_')}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def report_of(connector: str) -> Report:
    """Return a connector's conformance report."""
    path = folder_of(connector) / "tests/conformance.json"
    return Report.from_json(path.read_text(encoding="utf-8"))


def _parts(connector: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield kind and writer of each part of a connector."""
    yield "settings", partial(_settings, connector)
    yield "parameters", partial(_parameters, connector)
    yield "role", partial(_role, connector)
    yield "permissions", partial(_permissions, connector)
    yield "size", partial(_size, connector)
    for kind, table in _REPORTED.items():
        yield kind, partial(_reported, connector, table)
    if _type_rules(connector):
        yield "inference", partial(_inference, connector)
    if _column_rules(connector):
        yield "columns", partial(_columns, connector)
    if (own := documented(connector)) is not None:
        yield from own.PARTS.items()


def _settings(connector: str) -> str:
    own = importlib.import_module(f"{package_of(connector)}.settings").Settings
    shared = (AccessSettings, BudgetSettings, SpillSettings)
    described = [item for each in (own, *shared) for item in describe_settings(each)]
    return markdown_table(
        ("Setting", "Default", "Meaning"),
        [
            (f"`{item.name}`", f"`{item.default}`" if item.default else "", item.doc)
            for item in described
        ],
    )


def _inference(connector: str) -> str:
    """Tell what values become in a source whose tables have no schema."""
    return markdown_table(
        ("Seen", "If", "Athena", "Note"),
        [(rule.source, rule.condition, rule.engine, rule.note) for rule in _type_rules(connector)],
    )


def _type_rules(connector: str) -> tuple[Any, ...]:
    """Return what ``types.TYPES`` says, where a connector infers its columns."""
    types = _types_module(connector)
    return tuple(types.TYPES) if hasattr(types, "TypeRule") else ()


def _columns(connector: str) -> str:
    """Tell the columns of a source whose tables all have the same ones."""
    return markdown_table(
        ("Column", "Type", "What"),
        [(f"`{rule.name}`", rule.engine, rule.note) for rule in _column_rules(connector)],
    )


def _column_rules(connector: str) -> tuple[Any, ...]:
    """Return what ``types.COLUMNS`` says, where all tables have the same columns."""
    types = _types_module(connector)
    return tuple(types.COLUMNS) if hasattr(types, "ColumnRule") else ()


def _types_module(connector: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"{package_of(connector)}.types")
    except ModuleNotFoundError:
        return None


def _parameters(connector: str) -> str:
    parameters: dict[str, dict[str, Any]] = load_template(connector)["Parameters"]
    return markdown_table(
        ("Parameter", "Default", "Meaning"),
        [
            (f"`{name}`", _default(facts), facts["Description"])
            for name, facts in parameters.items()
        ],
    )


def _default(facts: dict[str, Any]) -> str:
    if "Default" not in facts:
        return "needed"
    return f"`{facts['Default']}`" if facts["Default"] != "" else ""


def _role(connector: str) -> str:
    return markdown_table(
        ("Action", "On", "For", "If given"), list(role_rows(load_template(connector)))
    )


def _permissions(connector: str) -> str:
    return people(load_template(connector))


def _size(connector: str) -> str:
    return sizes_table(read_sizes(sizes_file(connector)), limit_mb(connector))


def _reported(connector: str, table: Callable[[Report], str]) -> str:
    return table(report_of(connector))


def _errors() -> str:
    return markdown_table(
        ("Error", "Code", "Means"),
        [
            (f"`{kind.__name__}`", f"`{kind.code}`", (kind.__doc__ or "").splitlines()[0])
            for kind in _subclasses(ConnectorError)
        ],
    )


def _subclasses(kind: type[ConnectorError]) -> Iterable[type[ConnectorError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


PARTS: dict[str, Callable[[], str]] = {
    "errors": _errors,
    **{f"{name}-{kind}": write for name in CONNECTORS for kind, write in _parts(name)},
}
"""Name of a part to what writes it."""


def main() -> int:
    """Write the generated parts of every document."""
    for path in DOCUMENTS:
        before = path.read_text(encoding="utf-8")
        after = rendered(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
