"""Parts of the Markdown files that come from code; ``make docs`` writes them anew.

A part stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. A test fails when
what is committed differs.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.config import SpillSettings, describe_settings
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import ColumnDomain, Constraints
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.testing.conformance.report import (
    Report,
    capabilities_table,
    pushdown_table,
    types_table,
)
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_postgres.pushdown import plan
from athena_connectors.jdbc_postgres.server_types import ServerType, TypeOptions
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.types import TYPES, Comparison, Relation, column_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.valueset import Value
    from athena_connectors.jdbc_postgres.types import Column

__all__ = ["DOCUMENTS", "PARTS", "rendered"]

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
"""Every Markdown file of the project."""

_FOLDED = Comparison.TEXT_FOLDED
_NOON = 1_714_564_800_000
_UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
_PART = re.compile(r"(<!-- begin ([\w-]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def rendered(text: str) -> str:
    """Return a document with its generated parts as the code has them now."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}\n{found[3]}", text)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _settings() -> str:
    described = [
        item for settings in (Settings, SpillSettings) for item in describe_settings(settings)
    ]
    return _table(
        ("Setting", "Default", "Meaning"),
        [
            (f"`{item.name}`", f"`{item.default}`" if item.default else "", item.doc)
            for item in described
        ],
    )


def _types() -> str:
    return _table(
        ("PostgreSQL", "Where", "Athena", "Compared", "Note"),
        [
            (
                rule.source,
                rule.condition,
                rule.engine,
                rule.comparison.value if rule.comparison else "by the column's collation",
                rule.note,
            )
            for rule in TYPES
        ],
    )


def _pushdown() -> str:
    return _table(
        ("Athena's predicate", "Column", "Sent to the server", "Exact"),
        [_pushed(*sample) for sample in SAMPLES],
    )


def _pushed(text: str, column: Column, conjunct: Conjunct) -> tuple[str, str, str, str]:
    relation = Relation("public", "t", "r", (column, _OTHER))
    summary = {conjunct.column: conjunct.values} if isinstance(conjunct, ColumnDomain) else {}
    expression = () if summary else (conjunct,)
    (decision,) = plan(Constraints(summary, expression), relation, Settings()).decisions
    exact = "yes" if decision.exactness is Exactness.EXACT else f"no: {decision.reason}"
    native = f"`{decision.native}`" if decision.native else "nothing"
    return f"`{text}`", column.source_type, native, exact


def _errors() -> str:
    return _table(
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


def _column(source: str, type_: ServerType, collation: Comparison = _FOLDED) -> Column:
    options = TypeOptions(Settings(), 180_000, "UTF8")
    return column_of("c", source, type_, options=options, collation=collation)


def _in(column: Column, *values: Value) -> ColumnDomain:
    return ColumnDomain("c", SortedRangeSet.of_points(column.arrow, values))


def _range(column: Column, *ranges: Range) -> ColumnDomain:
    return ColumnDomain("c", SortedRangeSet.of(column.arrow, ranges, null_allowed=False))


def _call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def _samples() -> Iterable[tuple[str, Column, Conjunct]]:
    whole = _column("integer", ServerType("int4"))
    yield "c IN (1, 2)", whole, _in(whole, 1, 2)
    yield "c <> 5", whole, _range(whole, Range.less_than(5), Range.greater_than(5))
    yield "c IS NULL", whole, ColumnDomain("c", SortedRangeSet.only_null(whole.arrow))
    variable, two = Variable("c", whole.arrow), Constant((2,), whole.arrow)
    remainder = Call("$modulus", (variable, two), whole.arrow)
    one = Constant((1,), whole.arrow)
    yield "c % 2 = 1", whole, _call("$equal", remainder, one)
    other = Variable("other", pa.int32())
    yield (
        "c + 2 > other",
        whole,
        _call("$greater_than", Call("$add", (variable, two), whole.arrow), other),
    )
    real = _column("double precision", ServerType("float8"))
    yield "c > 1.5", real, _range(real, Range.greater_than(1.5))
    time = _column("timestamp", ServerType("timestamp"))
    yield "c <= TIMESTAMP '2024-05-01 12:00:00'", time, _range(time, Range.at_most(_NOON))
    for name, comparison in (
        ("text, collation C", Comparison.TEXT_C),
        ("text, deterministic collation", Comparison.TEXT_DETERMINISTIC),
        ("text, nondeterministic collation", Comparison.TEXT_FOLDED),
    ):
        text = _column(name, ServerType("text"), comparison)
        yield "c = 'é'", text, _in(text, "é")
        yield "c < 'm'", text, _range(text, Range.less_than("m"))
    plain = _column("text", ServerType("text"), Comparison.TEXT_C)
    pattern = Constant(("a_b%",), plain.arrow)
    yield "c LIKE 'a_b%'", plain, _call("$like_pattern", Variable("c", plain.arrow), pattern)
    identifier = _column("uuid", ServerType("uuid"))
    yield f"c = '{_UUID}'", identifier, _in(identifier, _UUID)
    document = _column("jsonb", ServerType("jsonb"))
    yield "c = '{}'", document, _in(document, "{}")
    numbers = _column("integer[]", ServerType("_int4", element=ServerType("int4")))
    yield "c IS NOT NULL", numbers, ColumnDomain("c", SortedRangeSet.not_null(numbers.arrow))


_OTHER = replace(_column("integer", ServerType("int4")), name="other")
SAMPLES = tuple(_samples())
"""Predicates whose pushdown the document shows."""


def _reported(path: Path, table: Callable[[Report], str]) -> str:
    return table(Report.from_json(path.read_text(encoding="utf-8")))


def _reports() -> Iterable[tuple[str, Callable[[], str]]]:
    """Yield the tables of each connector's conformance report that its README shows."""
    folders = [*sorted(ROOT.glob("connectors/*")), ROOT / "template"]
    for path in (folder / "tests" / "conformance.json" for folder in folders):
        documents = [each.read_text(encoding="utf-8") for each in path.parents[1].glob("*.md")]
        for kind, table in _REPORTED.items():
            name = f"{path.parents[1].name}-{kind}"
            if any(f"<!-- begin {name} -->" in text for text in documents):
                yield name, partial(_reported, path, table)


_REPORTED: dict[str, Callable[[Report], str]] = {
    "capabilities": capabilities_table,
    "evaluation": types_table,
    "types": types_table,
    "pushdown": pushdown_table,
}
"""What a README can show of a report: the part's name follows the connector's."""

PARTS: dict[str, Callable[[], str]] = {
    **dict(_reports()),
    "jdbc-postgres-settings": _settings,
    "jdbc-postgres-types": _types,
    "jdbc-postgres-pushdown": _pushdown,
    "errors": _errors,
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
