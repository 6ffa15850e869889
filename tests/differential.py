"""Tables and predicates that a SQL server and the connector on it have to agree about.

Predicates are generated in Athena's SQL. The server answers them over views that show each
column as Athena sees it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.predicates import Probe, in_dialect, text_constants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.predicates import Chunk
    from athena_connectors.common.testing.scans import ScanReport

ROWS = 300
PLANNED = 3
"""Every so many-th group of predicates is sent as query plans too."""
WANTED = 2000

# What texts are like

PATTERNS = (
    "", "%", "_", "__", "a", "a%", "%a", "%b%", "a_", "a_%", "_b", "A%", "%\\%", "a\\_b", "\\",
    "a\\%", "%%", "_%_", "é%", "%\U0001f600", "%'%", "1%", "%\n%", "{%", "%:%", " %", "% ", "%-%",
)  # fmt: skip
WORDS = (
    "", " ", "a", "a ", " a", "A", "b", "B", "ab", "aB", "Ab", "AB", "abc", "a%b", "a_b", "a\\b",
    "a\\_b", "%", "_", "\\", "é", "É", "e\u0301", "ß", "ss", "z", "Z", "ä", "5-LOW", "_x", "'",
    '"', "\n", "\t", "\x01", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600",
    "a\U0001f600", "NULL", "null", "1", "10", "9", "-", "{}",
)  # fmt: skip
ODD_WORDS = ("aa", "\U0010ffff", "zz", "a\ue000", "A ", "B'")
SHORT_WORDS = tuple(word for word in WORDS if word == word.rstrip(" ") and len(word) <= 5)

# Columns: what the server has, what Athena sees of it, and what it is compared with


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        declared: Its type.
        values: What it holds, in the server's SQL.
        seen: SQL of the value that Athena sees; ``{c}`` stands for the column.
        probe: Makes predicates about it.
    """

    declared: str
    values: tuple[str, ...]
    seen: str
    probe: Probe


def number(name: str, declared: str, values: str, near: str = "", **options: Any) -> Column:
    """A column of numbers; ``near`` are constants beside those that it holds.

    A constant ends with a digit and has no more places than the column shows: DuckDB would
    round it where it has to make one type of both.
    """
    held, places = values.split(), options.pop("places", 99)
    fitting = (value for value in held if len(value.partition(".")[2]) <= places)
    constants = (*(value for value in fitting if value[-1].isdigit()), *near.split())
    return Column(
        declared,
        text_constants(held),
        options.pop("seen", "{c}"),
        probe_of(name, constants, options),
    )


def probe_of(name: str, constants: Sequence[str], options: dict[str, Any]) -> Probe:
    for key in ("peers", "terms"):
        options[key] = tuple(options.get(key, "").split())
    tests = tuple(test.replace("{c}", name) for test in options.pop("tests", ()))
    return Probe(name, tuple(constants), tests=tests, **options)


@dataclass(frozen=True)
class Table:
    """A table with a number for each row, ``id``.

    Attributes:
        columns: Its other columns.
        catalog: Name of the catalog in which it is looked at.
        options: What follows the list of columns.
        parts: Statements that make its partitions or indexes.
        extra: Columns that only Athena sees, and SQL of their values.
        probes: What makes predicates about ``id`` and such columns.
        schema: Schema that it is in.
        views: Schema of the view on it.
        analyze: What brings its statistics up to date.
    """

    name: str
    columns: tuple[Column, ...]
    catalog: str = "plain"
    options: str = ""
    parts: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    schema: str = "public"
    views: str = "seen"
    analyze: str = "ANALYZE"

    def __str__(self) -> str:
        return self.name

    def all_probes(self) -> tuple[Probe, ...]:
        return (*self.probes, *(column.probe for column in self.columns))

    def statements(self) -> Iterator[str]:
        """SQL that makes the table and the view on it; the same at every call."""
        declared = ", ".join(f"{each.probe.column} {each.declared}" for each in self.columns)
        yield f"CREATE TABLE {self.name} (id bigint NOT NULL, {declared}) {self.options}"
        yield from self.parts
        rows = zip(map(str, range(ROWS)), *map(_spread, self.columns), strict=True)
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        yield f"INSERT INTO {self.name} VALUES {values}"
        yield f"{self.analyze} {self.name}"
        seen = {each.probe.column: each.seen for each in self.columns}
        shown = ", ".join(
            f"{sql.replace('{c}', name)} AS {name}" for name, sql in {**seen, **self.extra}.items()
        )
        yield f"CREATE VIEW {self.views}.{self.name} AS SELECT id, {shown} FROM {self.name}"


def _spread(column: Column) -> list[str]:
    """Return a value for each row: each as often as the others, in no order."""
    pool = [*column.values, "NULL"]
    literals = (pool * (ROWS // len(pool) + 1))[:ROWS]
    Random(column.probe.column).shuffle(literals)
    return literals


# Asking

ORDERS = [
    f"{direction} NULLS {nulls}" for direction, nulls in product(("ASC", "DESC"), ("FIRST", "LAST"))
]
LIMITS = (0, 1, 7, 2 * ROWS)
_NULLS = re.compile(r"(\w+) (ASC|DESC) NULLS (FIRST|LAST)")


class Server:
    """Answers over the views.

    Args:
        connection: A connection of the server's driver.
        dialect: The server's SQL, as sqlglot calls it.
    """

    def __init__(self, connection: Any, dialect: str) -> None:
        self._connection = connection
        self._dialect = dialect

    def ask(self, table: Table, clauses: Sequence[str]) -> list[list[int]]:
        """Return, for each clause after WHERE in Athena's SQL, the rows."""
        queries = (
            f"(SELECT {number}, id FROM {table.views}.{table} WHERE {self._said(clause)})"
            for number, clause in enumerate(clauses)
        )
        with self._connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(queries))
            return _grouped(cursor.fetchall(), len(clauses))

    def _said(self, clause: str) -> str:
        """Say a condition, which an order may follow, in the server's SQL."""
        condition, order, keys = clause.partition(" ORDER BY ")
        if self._dialect == "mysql":
            keys = _NULLS.sub(_nulls_by_themselves, keys)
        return in_dialect(condition, self._dialect) + order + keys


def _nulls_by_themselves(key: re.Match[str]) -> str:
    column, direction, nulls = key.groups()
    return f"{column} IS NULL {'DESC' if nulls == 'FIRST' else 'ASC'}, {column} {direction}"


def ask(
    engine: LocalEngine, table: Table, clauses: Sequence[str]
) -> tuple[list[list[int]], list[ScanReport]]:
    """Return, for each clause after WHERE in Athena's SQL, the rows; and all scans."""
    name = f"{table.catalog}.{table.schema}.{table}"
    queries = (f"(SELECT {n} AS q, id FROM {name} WHERE {c})" for n, c in enumerate(clauses))
    result = engine.query(" UNION ALL ".join(queries))
    rows = zip(*(column.to_pylist() for column in result.table.columns), strict=True)
    return _grouped(rows, len(clauses)), result.scans


def _grouped(rows: Iterable[Sequence[int]], count: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(count)]
    for query, row in rows:
        found[query].append(row)
    return [sorted(each) for each in found]


def differences(
    clauses: Sequence[str], expected: list[list[int]], found: list[list[int]]
) -> list[str]:
    return [
        f"{clause}: missing {Counter(wanted) - Counter(got)}, too many"
        f" {Counter(got) - Counter(wanted)}"
        for clause, wanted, got in zip(clauses, expected, found, strict=True)
        if wanted != got
    ]


# Comparing


def check(server: Server, engine: LocalEngine, table: Table, chunk: Chunk) -> None:
    """Assert that both answer the predicates of a chunk in the same way."""
    expected = server.ask(table, chunk.predicates)
    found, scans = ask(engine, table, chunk.predicates)
    assert differences(chunk.predicates, expected, found) == []
    counts = set(map(len, expected))
    for scan in scans:  # what is sent whole comes back exact: DuckDB has nothing to drop
        assert scan.planned.held or scan.rows in counts


def check_variety(server: Server, cases: Iterable[tuple[Table, Chunk]]) -> None:
    """Assert that predicates are many and that most select some of the rows."""
    counts: dict[tuple[str, str], int] = {}
    for table, chunk in cases:
        answers = server.ask(table, chunk.predicates)
        keys = product([table.name], chunk.predicates)
        counts.update(zip(keys, map(len, answers), strict=True))
    selective = [rows for rows in counts.values() if 0 < rows < ROWS]
    assert len(counts) >= WANTED
    assert len(selective) > 0.7 * len(counts)


def check_filtering(engine: LocalEngine, table: Table, probe: Probe) -> None:
    """Assert that an equality goes to the server, and that it reads no more rows for it."""
    clauses = [f"{probe.column} = {constant}" for constant in probe.constants[:3]]
    found, scans = ask(engine, table, clauses)
    assert 0 < sum(map(len, found)) < ROWS * len(clauses) or probe.column.startswith("partition")
    for scan in scans:
        assert scan.planned.scan.constraints.conjuncts()
        assert scan.planned.held == ()
        assert sum(split.stats.rows_read for split in scan.splits if split.stats) == scan.rows


def check_splits(engine: LocalEngine, table: Table) -> None:
    """Assert that a table is cut and that its splits hold each row once."""
    (rows,), (scan,) = ask(engine, table, ["true"])
    assert rows == list(range(ROWS))
    assert len(scan.splits) > 2
    assert all(0 < split.rows < ROWS for split in scan.splits)


def check_first_rows(
    server: Server, engine: LocalEngine, number: int, table: Table, probe: Probe
) -> None:
    """Assert that the first rows in each direction are the server's.

    Args:
        number: Chooses filters and limits.
    """
    filters = ("true", f"{probe.column} <> {probe.constants[0]}", "id % 3 = 1")
    clauses = [
        f"{filters[(number + place) % 3]} ORDER BY {probe.column} {order}, id"
        f" LIMIT {LIMITS[(number + place // 2) % len(LIMITS)]}"
        for place, order in enumerate(ORDERS * 2)
    ]
    expected = server.ask(table, clauses)
    found, scans = ask(engine, table, clauses)
    assert differences(clauses, expected, found) == []
    check_limits(scans)


def check_limits(scans: list[ScanReport]) -> None:
    """Assert that limits went to the server wherever that can be."""
    for scan in scans:
        limit, reason = scan.planned.scan.constraints.limit, scan.planned.limit_reason
        assert limit is not None or "0.0 tie here" in reason, reason
        assert limit is None or all(split.rows <= limit for split in scan.splits)
