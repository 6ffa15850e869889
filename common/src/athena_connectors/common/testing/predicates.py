"""Predicates in Athena's SQL, made of columns and constants in every shape.

``chunks`` gives the same predicates for the same seed, in whatever order tests run, so a
failure can be repeated. ``in_dialect`` says a predicate in the language of a source, so
that the source's own answer is the oracle.

What is generated means the same in Athena, in DuckDB, which plays Athena's part, and in
SQL servers; a probe's constants have to be chosen for that. So there is no division, and
arithmetic only where no result is out of range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    _Maker = Callable[["Probe", Random], "str | None"]

__all__ = ["Chunk", "Probe", "chunks", "in_dialect", "text_constants"]

SIZE = 4
"""Predicates in most chunks, unless fewer differ."""
_LARGER = {"like": 3}
"""Shapes of which a chunk has more, because patterns differ in many ways."""
_ATTEMPTS = 30
_MANY = 40
_ESCAPES = "!|~^#"


@dataclass(frozen=True, slots=True)
class Probe:
    """A column that predicates are made of.

    Attributes:
        column: Its name, as SQL writes it.
        constants: Constants in Athena's SQL to compare it with: values that it has, some
            next to them, ends of the type. None for a column that is not comparable.
        peers: Columns that it is compared with.
        terms: Positive numbers and columns to calculate with; none where a result could be
            out of range.
        patterns: Patterns of LIKE in quotes; none for a column that is not text.
        tests: Conditions that only a column of its type has.
    """

    column: str
    constants: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.column


@dataclass(frozen=True, slots=True)
class Chunk:
    """Predicates of one shape about one column, all different.

    Attributes:
        column: What they are about.
        shape: Name of the shape, such as ``between``.
        predicates: Conditions in Athena's SQL.
    """

    column: str
    shape: str
    predicates: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column}-{self.shape}"


def chunks(probes: Sequence[Probe], *, seed: str, size: int = SIZE) -> list[Chunk]:
    """Generate predicates about the columns of one table, in every shape that fits each.

    Args:
        probes: The columns; predicates of the shape ``logic`` combine several.
        seed: Chooses among the predicates that could be.
        size: Predicates in most chunks at most, 1 or more.
    """
    makers: dict[str, _Maker] = {**_LEAVES, "logic": partial(_logic, probes)}
    found = []
    for probe in probes:
        for shape, make in makers.items():
            random = Random(f"{seed} {probe.column} {shape}")  # noqa: S311 - repeatable
            count = size * _LARGER.get(shape, 1)
            made = _distinct(partial(make, probe, random), count)
            if made:
                found.append(Chunk(probe.column, shape, made))
    return found


def _distinct(make: Callable[[], str | None], size: int) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for _ in range(_ATTEMPTS * size):
        predicate = make()
        if predicate is None or len(found) == size:
            break
        found[predicate] = None
    return tuple(found)


def _value(probe: Probe, random: Random) -> str:
    return "NULL" if random.random() < 1 / 12 else random.choice(probe.constants)


def _equality(probe: Probe, random: Random) -> str | None:
    if not probe.constants:
        return None
    return _compared(probe, random, ("=", "=", "<>"))


def _order(probe: Probe, random: Random) -> str | None:
    if not probe.constants:
        return None
    return _compared(probe, random, ("<", "<=", ">", ">="))


def _compared(probe: Probe, random: Random, operators: Sequence[str]) -> str:
    sides = [probe.column, _value(probe, random)]
    if random.random() < 1 / 4:
        sides.reverse()
    condition = f"{sides[0]} {random.choice(operators)} {sides[1]}"
    return f"NOT ({condition})" if random.random() < 1 / 6 else condition


def _between(probe: Probe, random: Random) -> str | None:
    if not probe.constants:
        return None
    word = random.choice(("BETWEEN", "BETWEEN", "NOT BETWEEN"))
    return f"{probe.column} {word} {_value(probe, random)} AND {_value(probe, random)}"


def _listed(probe: Probe, random: Random) -> str | None:
    if not probe.constants:
        return None
    count = random.choice((1, 2, 3, 5, _MANY))
    values = dict.fromkeys(_value(probe, random) for _ in range(count))
    word = random.choice(("IN", "IN", "NOT IN"))
    return f"{probe.column} {word} ({', '.join(values)})"


def _null(probe: Probe, random: Random) -> str:
    column = probe.column
    forms = [
        f"{column} IS NULL",
        f"{column} IS NOT NULL",
        f"NOT ({column} IS NULL)",
        f"NOT ({column} IS NOT NULL)",
    ]
    if probe.constants:
        forms.append(f"{column} IS NULL OR {_compared(probe, random, ('=', '<', '>'))}")
        forms.append(f"{column} IS NOT NULL AND {_compared(probe, random, ('<>', '<=', '>='))}")
    return random.choice(forms)


def _distinctness(probe: Probe, random: Random) -> str | None:
    if not probe.constants:
        return None
    other = random.choice(("NULL", *probe.peers, *random.choices(probe.constants, k=5)))
    word = random.choice(("IS DISTINCT FROM", "IS NOT DISTINCT FROM"))
    return f"{probe.column} {word} {other}"


def _columns(probe: Probe, random: Random) -> str | None:
    if not probe.peers:
        return None
    operator = random.choice(("=", "<>", "<", "<=", ">", ">="))
    return f"{probe.column} {operator} {random.choice(probe.peers)}"


def _like(probe: Probe, random: Random) -> str | None:
    if not probe.patterns:
        return None
    word = random.choice(("LIKE", "LIKE", "NOT LIKE"))
    pattern = random.choice(probe.patterns)
    escape = " ESCAPE 'x'" if "x" not in pattern and random.random() < 1 / 8 else ""
    return f"{probe.column} {word} {pattern}{escape}"


def _arithmetic(probe: Probe, random: Random) -> str | None:
    if not probe.terms:
        return None
    column, one, two = probe.column, random.choice(probe.terms), random.choice(probe.terms)
    results = [
        f"{column} + {one}",
        f"{one} - {column}",
        f"{column} * {one}",
        f"-{column}",
        f"{column} - {one} * {two}",
        f"({column} + {one}) * {two}",
    ]
    whole = [term for term in probe.terms if term.isdigit()]
    if whole:
        results.append(f"{column} % {random.choice(whole)}")
    operator = random.choice(("=", "<>", "<", ">="))
    right = random.choice((*probe.peers, *random.choices(probe.constants, k=3)))
    return f"{random.choice(results)} {operator} {right}"


def _function(probe: Probe, random: Random) -> str | None:
    tests = [f"({test})" for test in probe.tests]
    if probe.constants:
        column, one, two = probe.column, _value(probe, random), random.choice(probe.constants)
        tests += [
            f"NULLIF({column}, {one}) IS NULL",
            f"NULLIF({column}, {one}) = {two}",
            f"NULLIF({column}, {one}) IS DISTINCT FROM {two}",
            f"COALESCE({column}, {two}) = {two}",
            f"CASE WHEN {column} = {one} THEN 1 WHEN {column} < {two} THEN 2 END <> 1",
        ]
    return random.choice(tests) if tests else None


def _logic(probes: Sequence[Probe], probe: Probe, random: Random) -> str:
    return _nested(probes, probe, random, random.choice((1, 1, 2, 3)))


def _nested(probes: Sequence[Probe], probe: Probe, random: Random, levels: int) -> str:
    """Combine conditions about the column with others."""
    if not levels:
        return _leaf(probe, random)
    one = _nested(probes, probe, random, levels - 1)
    two = _nested(probes, random.choice(probes), random, random.randrange(levels))
    word = random.choice(("AND", "AND", "OR"))
    negation = random.choice(("", "", "NOT "))
    return f"{negation}(({one}) {word} ({two}))"


def _leaf(probe: Probe, random: Random) -> str:
    while True:
        predicate = random.choice(list(_LEAVES.values()))(probe, random)
        if predicate is not None:
            return predicate


_LEAVES: dict[str, _Maker] = {
    "equality": _equality,
    "order": _order,
    "between": _between,
    "in": _listed,
    "null": _null,
    "distinct": _distinctness,
    "columns": _columns,
    "like": _like,
    "arithmetic": _arithmetic,
    "function": _function,
}
"""Shapes of one condition; each gives ``None`` for a column that has none of it."""


def in_dialect(predicate: str, dialect: str) -> str:
    """Say a predicate of ``chunks`` in the SQL of a source.

    Args:
        predicate: A condition in Athena's SQL.
        dialect: Name of the source's SQL, as sqlglot knows it.
    """
    tree = sqlglot.condition(predicate, dialect="trino")
    return tree.transform(_spell, dialect).sql(dialect=dialect)


def _spell(node: exp.Expr, dialect: str) -> exp.Expr:
    """Write one node so that no dialect reads something else into it."""
    if isinstance(node, exp.Like) and not isinstance(node.parent, exp.Escape):
        # Athena has no character that escapes, others have the backslash.
        pattern = node.expression.name
        free = next(char for char in _ESCAPES if char not in pattern)
        return exp.Escape(this=node, expression=exp.Literal.string(free))
    if isinstance(node, exp.Literal) and not node.is_string and "e" in node.this.lower():
        return exp.cast(node, "double")  # others have decimals of this form
    if isinstance(node, exp.HexString) and dialect == "postgres":
        return exp.cast(exp.Literal.string(rf"\x{node.this}"), "varbinary")
    if isinstance(node, exp.ArraySize):
        return exp.Anonymous(this="cardinality", expressions=[node.this])
    return node


def text_constants(values: Iterable[str]) -> tuple[str, ...]:
    """Return texts as constants of Athena's SQL."""
    return tuple("'" + value.replace("'", "''") + "'" for value in values)
