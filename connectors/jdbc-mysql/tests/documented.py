"""What the README shows of types and pushdown, from the tables and the plans of the code.

A root test holds it against the conformance report, which says what a real server did.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.constraints import ColumnDomain
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
from athena_connectors.jdbc_mysql.pushdown import plan
from athena_connectors.jdbc_mysql.server_types import declared_type
from athena_connectors.jdbc_mysql.settings import Settings
from athena_connectors.jdbc_mysql.types import TYPES, column_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.connector import Exactness
    from athena_connectors.common.sql.relation import Column

__all__ = ["PARTS", "mapped", "pushed"]


def mapped() -> Iterator[tuple[str, str]]:
    """Yield what the README calls a type of the server, and Athena's for it."""
    for rule in TYPES:
        yield rule.source, rule.engine


def pushed() -> Iterator[tuple[str, str, Exactness]]:
    """Yield kind, type and exactness of each predicate that the README shows."""
    for sample in SAMPLES:
        yield sample.kind, sample.source_type, sample.decided(_plan).exactness


def _column(declaration: str, collation: str = "") -> Column:
    name = declaration.partition("(")[0].partition(" ")[0]
    type_ = declared_type(
        name, declaration, charset=collation.partition("_")[0], collation=collation
    )
    source = f"{declaration} COLLATE {collation}" if collation else declaration
    return column_of("c", source, type_, settings=Settings())


def _samples() -> Iterator[PredicateSample]:
    whole = _column("int")
    yield from number_samples(whole, replace(whole, name="other"), _column("double"))
    yield time_sample(_column("datetime(6)"))
    folded = _column("varchar(20)", "utf8mb4_general_ci")
    for text in (
        _column("varchar(20)", "utf8mb4_nopad_bin"),
        folded,
        _column("varchar(20)", "latin1_swedish_ci"),
    ):
        yield from word_samples(text)
    yield like(folded)
    label = _column("enum('a','b')")
    yield PredicateSample("equality", "c = 'a'", (label,), one_of(label, "a"))
    shape = _column("point")
    some = ColumnDomain("c", SortedRangeSet.not_null(shape.arrow))
    yield PredicateSample("null", "c IS NOT NULL", (shape,), some)


_plan = partial(plan, settings=Settings())
SAMPLES = tuple(_samples())
"""Predicates whose pushdown the README shows."""

PARTS = {
    "types": partial(types_table, "MySQL", TYPES),
    "pushdown": partial(samples_table, SAMPLES, _plan),
}
"""Kind of part to what writes it."""
