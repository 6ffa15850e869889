"""What a connector does and does not, as data, and the tables of a README made of it.

A report is committed as JSON beside the tests, and compared with what is seen.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.connector import Exactness
from athena_connectors.common.testing.conformance.predicates import PREDICATES
from athena_connectors.common.testing.conformance.supports import BEHAVIOURS, Gap
from athena_connectors.common.type_text import type_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.capabilities import Capabilities
    from athena_connectors.common.testing.conformance.pushdown import Pushdowns, Pushed
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.supports import Behaviour, Supports

__all__ = [
    "BehaviourReport",
    "ClaimsReport",
    "PredicateReport",
    "Report",
    "TypeReport",
    "capabilities_table",
    "make_report",
    "markdown_table",
    "pushdown_table",
    "types_table",
]

_EXAMPLES = 2
"""Predicates of each kind and exactness that a report quotes."""


@dataclass(frozen=True, slots=True)
class BehaviourReport:
    """One behaviour.

    Attributes:
        name: Field of ``Supports``.
        group: What it is about.
        text: What it is.
        gap: Empty if it is supported, else whether it could be.
        reason: Why it is not.
    """

    name: str
    group: str
    text: str
    gap: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClaimsReport:
    """What Athena is told; see ``Capabilities``."""

    filters: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    limit: bool = False
    top_n: bool = False
    hints: tuple[str, ...] = ()
    passthrough: str = ""


@dataclass(frozen=True, slots=True)
class TypeReport:
    """One type of column.

    Attributes:
        source: What the source calls it; empty if the sample does not say.
        athena: What Athena calls it.
        predicates: Kind of predicate to who evaluates it: words of ``Exactness``.
    """

    source: str
    athena: str
    predicates: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class PredicateReport:
    """One predicate.

    Attributes:
        kind: Name of the behaviour.
        predicate: As people write it.
        column: The type of its column.
        native: What is sent to the source.
        exactness: Who evaluates it.
        reason: Why it is not exact.
    """

    kind: str
    predicate: str
    column: str
    native: str
    exactness: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a connector does and does not."""

    behaviours: tuple[BehaviourReport, ...]
    claims: ClaimsReport
    types: tuple[TypeReport, ...]
    predicates: tuple[PredicateReport, ...]

    def to_json(self) -> str:
        """Return the report as text, the same for equal reports."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a report that ``to_json`` wrote."""
        data: dict[str, Any] = json.loads(text)
        claims: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in data["claims"].items()
        }
        types = (
            TypeReport(each["source"], each["athena"], _tuples(each["predicates"]))
            for each in data["types"]
        )
        return cls(
            tuple(BehaviourReport(**each) for each in data["behaviours"]),
            ClaimsReport(**claims),
            tuple(types),
            tuple(PredicateReport(**each) for each in data["predicates"]),
        )


def make_report(supports: Supports, tables: Sequence[Expected], pushdowns: Pushdowns) -> Report:
    """Return the report of a connector.

    Args:
        supports: What it is said to do; other tests check that it is so.
        tables: The sample's tables, for the types.
        pushdowns: What the source was seen to evaluate.
    """
    return Report(
        tuple(_behaviour(supports, each) for each in BEHAVIOURS),
        _claims(pushdowns.claims),
        tuple(_types(tables, pushdowns)),
        tuple(each for kind in PREDICATES for each in _examples(pushdowns.of(kind))),
    )


def capabilities_table(report: Report) -> str:
    """Return what is supported and what is not, as a Markdown table."""
    rows = [(each.group, each.text, each.gap or "yes", each.reason) for each in report.behaviours]
    return markdown_table(("", "What", "Supported", "Why not"), rows)


def types_table(report: Report) -> str:
    """Return each type and who evaluates which predicates on it, as a Markdown table.

    A type that the sample has no word for goes by Athena's.
    """
    kinds = [kind for kind in PREDICATES if any(kind in each.predicates for each in report.types)]
    titles = {each.name: each.text for each in report.behaviours}
    rows = [
        (
            each.source or each.athena,
            each.athena,
            *(" or ".join(each.predicates.get(kind, ())) for kind in kinds),
        )
        for each in report.types
    ]
    return markdown_table(("Source", "Athena", *(titles[kind] for kind in kinds)), rows)


def pushdown_table(report: Report) -> str:
    """Return examples of predicates and what is sent for them, as a Markdown table."""
    return markdown_table(
        ("Athena's predicate", "Column", "Sent to the source", "Exact"),
        [
            (
                _code(each.predicate),
                each.column,
                _code(each.native) or "nothing",
                "yes" if each.exactness == Exactness.EXACT.value else f"no: {each.reason}",
            )
            for each in report.predicates
        ],
    )


def _behaviour(supports: Supports, behaviour: Behaviour) -> BehaviourReport:
    support = supports.of(behaviour.name)
    gap = (support.kind.value, support.reason) if isinstance(support, Gap) else ()
    return BehaviourReport(behaviour.name, behaviour.group.value, behaviour.text, *gap)


def _claims(claims: Capabilities) -> ClaimsReport:
    return ClaimsReport(
        claims.filters,
        claims.functions,
        claims.limit,
        claims.top_n,
        claims.hints,
        claims.passthrough.signature if claims.passthrough else "",
    )


def _types(tables: Iterable[Expected], pushdowns: Pushdowns) -> Iterator[TypeReport]:
    found: dict[tuple[str, str], dict[str, set[str]]] = {}
    for table in tables:
        for field in table.schema:
            key = _source(table, field.name), type_text(field.type)
            kinds = found.setdefault(key, {})
            for each in pushdowns.predicates:
                if each.probe.table is table and each.probe.column == field.name:
                    kinds.setdefault(each.probe.behaviour, set()).add(each.exactness.value)
    for (source, athena), kinds in found.items():
        told = {kind: tuple(sorted(kinds[kind])) for kind in PREDICATES if kind in kinds}
        yield TypeReport(source, athena, told)


def _source(table: Expected, column: str) -> str:
    own = "partition column" if column in table.partition_columns else ""
    return table.source_types.get(column, own)


def _examples(predicates: Sequence[Pushed]) -> Iterator[PredicateReport]:
    for exactness in Exactness:
        alike = [each for each in predicates if each.exactness is exactness]
        different = {(_column(each), each.reason): each for each in reversed(alike)}
        for each in list(reversed(different.values()))[:_EXAMPLES]:
            yield PredicateReport(
                each.probe.behaviour,
                each.probe.text,
                _column(each),
                each.native,
                exactness.value,
                each.reason,
            )


def _column(pushed: Pushed) -> str:
    table, column = pushed.probe.table, pushed.probe.column
    return _source(table, column) or type_text(table.schema.field(column).type)


def _tuples(lists: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(items) for name, items in lists.items()}


def _code(text: str) -> str:
    shown = (char if char.isprintable() else _escaped(char) for char in text)
    return f"`{''.join(shown)}`" if text else ""


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; a cell may have any text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
