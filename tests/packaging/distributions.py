"""Which library each file of a package belongs to."""

from __future__ import annotations

import ast
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["FAMILY", "distributions", "imports_of", "owners", "requirements"]

FAMILY = "athena_connectors"


def distributions(package: Path) -> dict[str, metadata.Distribution]:
    """Return the libraries of a package by their names."""
    found = metadata.distributions(path=[str(package)])
    return {canonicalize_name(each.metadata["Name"]): each for each in found}


def owners(package: Path) -> dict[Path, str]:
    """Return the library of each file that is in a package, bytecode excepted."""
    return {
        package / file: name
        for name, distribution in distributions(package).items()
        for file in distribution.files or ()
        if ".." not in file.parts and (package / file).is_file()
    }


def requirements(distribution: metadata.Distribution) -> set[str]:
    """Return the names of what a library requires without any extra."""
    required = map(Requirement, distribution.requires or ())
    return {
        canonicalize_name(each.name)
        for each in required
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


def imports_of(paths: Iterable[Path]) -> set[str]:
    """Return the top-level modules that sources import anywhere, types alone excepted."""
    return {
        name.partition(".")[0]
        for path in paths
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")))
    }


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import():
                yield from (alias.name for alias in child.names)
            case ast.ImportFrom():
                yield child.module or ""
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                for other in child.orelse:
                    yield from _imported(other)
            case _:
                yield from _imported(child)
