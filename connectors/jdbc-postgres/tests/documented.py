"""What the README shows of types and pushdown, from the tables and the plans of the code.

A root test holds it against the conformance report, which says what a real server did.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.common.testing.sql_documents import (
    PredicateSample,
    like,
    number_samples,
    one_of,
    samples_table,
    time_sample,
    types_table,
    word_samples,
)
from athena_connectors.common.valueset import SortedRangeSet
from athena_connectors.jdbc_postgres.pushdown import plan
from athena_connectors.jdbc_postgres.server_types import ServerType, TypeOptions
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.types import TYPES, column_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.connector import Exactness
    from athena_connectors.common.sql.relation import Column

__all__ = ["PARTS", "mapped", "pushed"]

_FOLDED = Comparison.TEXT_FOLDED
_UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


def mapped() -> Iterator[tuple[str, str]]:
    """Yield what the README calls a type of the server, and Athena's for it."""
    for rule in TYPES:
        yield rule.source, rule.engine


def pushed() -> Iterator[tuple[str, str, Exactness]]:
    """Yield kind, type and exactness of each predicate that the README shows."""
    for sample in SAMPLES:
        yield sample.kind, sample.source_type, sample.decided(_plan).exactness


def _column(source: str, type_: ServerType, collation: Comparison = _FOLDED) -> Column:
    options = TypeOptions(Settings(), 180_000, "UTF8")
    return column_of("c", source, type_, options=options, collation=collation)


def _samples() -> Iterator[PredicateSample]:
    whole = _column("int4", ServerType("int4"))
    real = _column("float8", ServerType("float8"))
    yield from number_samples(whole, replace(whole, name="other"), real)
    yield time_sample(_column("timestamp", ServerType("timestamp")))
    for name, comparison in (
        ('text COLLATE "C"', Comparison.TEXT_C),
        ("text", Comparison.TEXT_DETERMINISTIC),
        ("text, nondeterministic collation", Comparison.TEXT_FOLDED),
    ):
        yield from word_samples(_column(name, ServerType("text"), comparison))
    yield like(_column("text", ServerType("text"), Comparison.TEXT_DETERMINISTIC))
    uuid = _column("uuid", ServerType("uuid"))
    yield PredicateSample("equality", f"c = '{_UUID}'", (uuid,), one_of(uuid, _UUID))
    document = _column("jsonb", ServerType("jsonb"))
    yield PredicateSample("equality", "c = '{}'", (document,), one_of(document, "{}"))
    numbers = _column("int4[]", ServerType("_int4", element=ServerType("int4")))
    some = ColumnDomain("c", SortedRangeSet.not_null(numbers.arrow))
    yield PredicateSample("null", "c IS NOT NULL", (numbers,), some)


_plan = partial(plan, settings=Settings())
SAMPLES = tuple(_samples())
"""Predicates whose pushdown the README shows."""

PARTS = {
    "types": partial(types_table, "PostgreSQL", TYPES),
    "pushdown": partial(samples_table, SAMPLES, _plan),
}
"""Kind of part to what writes it."""
