"""Start a connector as a copy of another one, with the names replaced.

``make new-connector NAME=my-source`` calls it. It runs on the standard library alone, reads
the names to replace out of the connector that is copied, and changes nothing but the new
folder: whatever looks for connectors finds it there.
"""
# ruff: noqa: INP001 - a script, run by its path

from __future__ import annotations

import argparse
import ast
import keyword
import re
import shutil
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "template"
MAX_NAME_CHARACTERS = 40
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
TAKEN = frozenset({"common", TEMPLATE})
NOT_COPIED = frozenset({"build", "demo", "dist", "samconfig.toml", "spill", "tests/test_demo.py"})
"""Parts of a connector's folder that are made, or show that one connector only."""
README_OF_COPY = "CONNECTOR.md"
"""Becomes the copy's README where a connector's own is about something else."""


class UsageError(Exception):
    """What was asked for can't be done; the text says why."""


@dataclass(frozen=True)
class Replacement:
    """A pattern, and what takes its place, as of ``re.sub``."""

    pattern: str
    text: str


def main(arguments: list[str] | None = None) -> None:
    """Copy a connector."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--name", default="", help="what the new connector is called")
    parser.add_argument("--from", dest="source", default=TEMPLATE, help="what it is a copy of")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    options = parser.parse_args(arguments)
    try:
        check_name(options.name, options.root)
        source = folder_of(options.source, options.root)
        copy(source, options.root / "connectors" / options.name, root=options.root)
    except UsageError as error:
        parser.exit(2, f"error: {error}\n")
    sys.stdout.write(
        f"connectors/{options.name} is a copy of {source.relative_to(options.root)}.\n"
    )


def check_name(name: str, root: Path) -> None:
    """Check that a connector can be called so.

    Raises:
        UsageError: It can't.
    """
    if not name:
        raise UsageError("Say what it is called: make new-connector NAME=my-source")
    if not NAME.fullmatch(name) or len(name) > MAX_NAME_CHARACTERS:
        raise UsageError(
            f"{name!r} can't be a connector's name: take lower-case letters, digits and single"
            f" hyphens, a letter first, {MAX_NAME_CHARACTERS} characters at most."
        )
    if keyword.iskeyword(name):
        raise UsageError(f"{name!r} is a word of Python, which no module can be called.")
    if name in TAKEN or (root / "connectors" / name).exists():
        raise UsageError(f"There is a {name!r} already: take another name.")


def folder_of(connector: str, root: Path) -> Path:
    """Return the folder of a connector.

    Raises:
        UsageError: There is none.
    """
    folders = {path.parent.name: path.parent for path in root.glob("connectors/*/pyproject.toml")}
    folders[TEMPLATE] = root / TEMPLATE
    if connector not in folders:
        close = get_close_matches(connector, folders, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(folders))}."
        raise UsageError(f"There is no connector {connector!r} to copy: {hint}")
    return folders[connector]


def copy(source: Path, target: Path, *, root: Path) -> None:
    """Copy a connector's folder, wholly or not at all.

    Args:
        source: The connector's folder.
        target: The folder to make; its name is the new connector's.
        root: The repository.
    """
    replacements = tuple(_replacements(source, target.name, is_template=source == root / TEMPLATE))
    unfinished = target.with_name(f".{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    for path in _files(source):
        place = unfinished / _renamed(path.relative_to(source), source.name, target.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        # Written, not copied: what is newer than the environment is installed into it.
        place.write_bytes(_replaced(path.read_bytes(), replacements))
    if (readme := unfinished / README_OF_COPY).exists():
        readme.replace(unfinished / "README.md")
    unfinished.rename(target)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if hidden or parts[0] in NOT_COPIED or "/".join(parts) in NOT_COPIED:
            continue
        if path.is_file() and not any(part.endswith(".egg-info") for part in parts):
            yield path


def _renamed(path: Path, old: str, new: str) -> Path:
    return Path(*(_package(new) if part == _package(old) else part for part in path.parts))


def _replaced(content: bytes, replacements: tuple[Replacement, ...]) -> bytes:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    for each in replacements:
        text = re.sub(each.pattern, each.text, text, flags=re.MULTILINE)
    return text.encode()


def _replacements(source: Path, new: str, *, is_template: bool) -> Iterator[Replacement]:
    """Yield what is replaced; no pattern is so wide that it meets a word of the source."""
    old = source.name
    if is_template:
        yield Replacement(r"(?<![\w./-])\.\./(?=common\b|LICENSE\b)", "../../")
        yield Replacement(rf"^(\s+ReadmeUrl: ){re.escape(README_OF_COPY)}$", r"\g<1>README.md")
    yield Replacement(rf"\b(athena_connectors[./]){_package(old)}\b", rf"\g<1>{_package(new)}")
    yield Replacement(rf"\b(athena-connectors-|connectors/){old}(?![\w-])", rf"\g<1>{new}")
    yield Replacement(rf"(?<![\w-])(test|build|deploy|publish)-{old}(?![\w.-])", rf"\g<1>-{new}")
    yield Replacement(rf'^(\s*(?:connector|source_type) = )"{old}"', rf'\g<1>"{new}"')
    if "-" in old:
        yield Replacement(rf"(?<![\w-]){old}(?![\w-])", new)
        yield Replacement(rf"(?<![\w-]){_package(old)}(?![\w-])", _package(new))
    for class_ in _connector_classes(source)[:1]:
        yield Replacement(rf"\b{class_}\b", f"{_camel(new)}Connector")
    for title in _titles(source):
        yield Replacement(rf"\bconnector for {re.escape(title)}(?!\w)", f"connector for {new}")
    yield Replacement(r"^(    Name: AthenaPython)\w+?(Connector)$", rf"\g<1>{_camel(new)}\g<2>")
    # A connector's own parts are written for the copy too; others become plain text.
    yield Replacement(rf"^<!-- (begin|end) {old}-([\w-]+) -->$", rf"<!-- \g<1> {new}-\g<2> -->")
    yield Replacement(rf"^<!-- (begin|end) (?!{new}-)[\w-]+ -->\n", "")


def _connector_classes(source: Path) -> list[str]:
    """Return the names of the classes that make a connector."""
    package = source / "src/athena_connectors" / _package(source.name)
    modules = [path for name in ("connector", "app") if (path := package / f"{name}.py").exists()]
    return [
        node.name
        for path in modules
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).partition("[")[0].endswith("Connector") for base in node.bases)
    ]


def _titles(source: Path) -> list[str]:
    """Return what documents say that the connector is for."""
    for name in (README_OF_COPY, "README.md"):
        if (path := source / name).exists():
            return re.findall(
                r"\A# Athena connector for (.+)$", path.read_text("utf-8"), re.MULTILINE
            )
    return []


def _package(name: str) -> str:
    return name.replace("-", "_")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


if __name__ == "__main__":
    main()
