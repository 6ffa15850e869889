"""What the conformance suite stands on: oracle, edges, random predicates, flags, reports."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import fields
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common import testing
from athena_connectors.common.capabilities import Capabilities
from athena_connectors.common.constraints import Direction, OrderBy
from athena_connectors.common.errors import SourceError, UnsupportedOperationError
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.limits import TopN
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import (
    ConnectorSuite,
    Gap,
    Report,
    Sample,
    Supports,
    edge_table,
    edge_values,
)
from athena_connectors.common.testing.conformance.flags import check_flag
from athena_connectors.common.testing.conformance.near import values_near
from athena_connectors.common.testing.conformance.oracle import first_rows, selected
from athena_connectors.common.testing.conformance.probes import columns_of, probes
from athena_connectors.common.testing.conformance.pushdown import Pushdowns, observe
from athena_connectors.common.testing.conformance.random_predicates import Predicates
from athena_connectors.common.testing.conformance.report import (
    capabilities_table,
    make_report,
    pushdown_table,
    types_table,
)
from athena_connectors.common.testing.conformance.rows import (
    physical_rows,
    require_same_rows,
    row_key,
)
from athena_connectors.common.testing.conformance.sample import expected_table, table_name
from athena_connectors.common.testing.conformance.subject import Subject
from athena_connectors.common.testing.conformance.supports import BEHAVIOURS, GapKind
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.testing.strategies import column_of
from athena_connectors.common.types import cast_batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from athena_connectors.common.errors import ConnectorError

TYPES: dict[str, pa.DataType] = {
    "flag": pa.bool_(),
    "tiny": pa.int8(),
    "whole": pa.int32(),
    "other": pa.int32(),
    "big": pa.int64(),
    "price": pa.decimal128(12, 3),
    "huge": pa.decimal128(38, 0),
    "single": pa.float32(),
    "double": pa.float64(),
    "text": pa.string(),
    "word": pa.string(),
    "bytes": pa.binary(),
    "day": pa.date32(),
    "at": pa.timestamp("us"),
    "since": pa.timestamp("us", "UTC"),
}
CONTENT = edge_table(TYPES)
EDGES = expected_table(TableName("main", "edges"), CONTENT)
BATCH = cast_batch(CONTENT.combine_chunks().to_batches()[0], EDGES.schema, table="edges")

# The oracle against the evaluation of residuals, which its own tests hold to a third one


def test_the_oracle_agrees_about_random_predicates() -> None:
    made = Predicates(columns_of(EDGES), Random("oracle"))
    kept = 0
    for _ in range(1500):
        constraints = made.make(expressions=True)
        rows = selected(EDGES, constraints)
        kept += len(rows)
        found = physical_rows(compile_residual(constraints.conjuncts()).apply(BATCH))
        require_same_rows(found, rows, where=str(constraints))
    assert 5_000 < kept < 25_000, "most predicates keep nothing or everything"


def test_the_oracle_agrees_about_all_probes() -> None:
    tried = set()
    for probe in probes([EDGES]):
        tried.add(probe.behaviour)
        rows = selected(EDGES, probe.constraints)
        found = physical_rows(compile_residual(probe.constraints.conjuncts()).apply(BATCH))
        require_same_rows(found, rows, where=probe.text)
    assert tried >= {"ranges", "comparison", "disjunction", "like", "arithmetic", "in_list"}


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("column", TYPES)
def test_the_oracle_agrees_about_orders(column: str, direction: Direction) -> None:
    order = OrderBy(column, direction), OrderBy("big", Direction.DESC_NULLS_FIRST)
    for limit in (0, 1, 7, 100):
        top = TopN(order, limit, max_bytes=10**9)
        batches = [*top.push(BATCH), *top.finish()]
        rows = [row for batch in batches for row in physical_rows(batch)]
        wanted = first_rows(EDGES.rows, EDGES.schema, order, limit)
        assert first_rows(rows, EDGES.schema, order, limit) == wanted
        assert len(wanted) == min(limit, len(EDGES.rows))


# Rows


def test_rows_hold_what_stands_in_the_buffers() -> None:
    packed = pa.timestamp("ms", "UTC")
    inner = pa.struct([("at", pa.date64())])
    batch = pa.record_batch(
        {
            "at": column_of([1, None, 86_400_001], pa.date64()),
            "since": column_of([4096 + 361, 0, None], packed),
            "list": pa.array([[{"at": 5}], [], None], pa.list_(inner)),
            "map": pa.array([[("b", 1), ("a", None)], [], None], pa.map_(pa.string(), pa.int8())),
        }
    )
    assert physical_rows(batch) == [
        (1, 4457, [{"at": 5}], [("a", None), ("b", 1)]),
        (None, 0, [], []),
        (86_400_001, None, None, None),
    ]
    assert physical_rows(batch.slice(1)) == physical_rows(batch)[1:]
    assert physical_rows(batch.select([])) == [(), (), ()]


def test_differences_are_quoted() -> None:
    require_same_rows([(1,), (float("nan"),)], [(float("nan"),), (1,)], where="here")
    with pytest.raises(AssertionError, match=r"^here: of 2 rows 1 missing: \(0.0,\); 1 too many"):
        require_same_rows([(-0.0,), (1,)], [(0.0,), (1,)], where="here")
    with pytest.raises(AssertionError, match=r"of 1 rows 5 too many: .* and 2 others"):
        require_same_rows([(place,) for place in range(6)], [(0,)], where="here")


# Edges and what lies next to them


@pytest.mark.parametrize("name", TYPES)
def test_each_column_of_edges_holds_them_all(name: str) -> None:
    held = CONTENT.column(name).to_pylist()
    wanted = [*edge_values(TYPES[name]), None]
    assert {repr(value) for value in pa.array(wanted, TYPES[name]).to_pylist()} == set(
        map(repr, held)
    )


def test_edges_can_be_left_out() -> None:
    table = edge_table(
        {"a": pa.int8(), "b": pa.int8()}, keep=lambda name, value: name == "a" or value > 0
    )
    assert -128 in table.column("a").to_pylist()
    assert set(table.column("b").to_pylist()) == {1, 2, 7, 127, None}
    with pytest.raises(TypeError, match="no edges of list"):
        edge_values(pa.list_(pa.int8()))


@pytest.mark.parametrize("name", TYPES)
def test_values_next_to_others_are_of_the_type(name: str) -> None:
    field = EDGES.schema.field(name)
    for value in EDGES.column(name):
        for near in [] if value is None else values_near(field.type, value):  # type: ignore[arg-type]
            stored = physical_rows(pa.record_batch({"c": column_of([near], field.type)}))
            assert row_key(stored[0]) == row_key((near,)) != row_key((value,))


# What is said of a connector


class Silent(MemoryConnector):
    """Takes no native query, and says so."""

    def describe_passthrough(self, arguments: Mapping[str, str]) -> pa.Schema:
        raise UnsupportedOperationError("It has no language.")


@contextmanager
def subject_of(
    supports: Supports, folder: Path, kind: type[MemoryConnector] = MemoryConnector
) -> Iterator[Subject]:
    handler = lambda_handler(lambda _: kind({"main.edges": BATCH}, capabilities=Capabilities()))
    sample = Sample(handler=handler, tables={"main.edges": CONTENT})
    with closing(Subject(sample, supports, folder=folder)) as subject:
        yield subject


def test_every_behaviour_is_a_field() -> None:
    assert [each.name for each in BEHAVIOURS] == [each.name for each in fields(Supports)]


def test_a_gap_needs_a_reason_and_support_a_gap() -> None:
    with pytest.raises(ValueError, match="reason"):
        Gap.never(" ")
    with pytest.raises(TypeError, match="like is False: write True or a Gap"):
        Supports(like=False)  # type: ignore[arg-type]


def test_what_needs_a_gap_has_that_gap() -> None:
    filters, likes = Gap.not_yet("no filter"), Gap.not_implemented("no like")
    assert Supports(filter=filters).of("like") is filters
    assert Supports(filter=filters, like=likes).of("like") is likes
    assert Supports(like=likes).of("arithmetic") is True
    kinds = filters.kind, likes.kind, Gap.never("x").kind
    assert kinds == (GapKind.NOT_YET, GapKind.NOT_IMPLEMENTED, GapKind.NEVER)


def test_gaps_are_checked_both_ways(tmp_path: Path) -> None:
    gap = Gap.never("so it is said")
    with subject_of(Supports(nan=gap, filter=gap), tmp_path) as subject:
        pushdowns = observe(subject)
        check_flag(subject, pushdowns, "like")
        check_flag(subject, pushdowns, "splits")
        with pytest.raises(AssertionError, match=r"nan works, though .* \(so it is said\)"):
            check_flag(subject, pushdowns, "nan")
        with pytest.raises(AssertionError, match="limit is not seen"):
            check_flag(subject, pushdowns, "limit")


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        (Silent, None, ""),
        (Silent, UnsupportedOperationError, ""),
        (Silent, SourceError, "a gap that shows as UnsupportedOperationError"),
        (MemoryConnector, None, "raised TableNotFoundError .*, not UnsupportedOperationError"),
    ],
)
def test_native_queries_are_refused_as_is_said(
    kind: type[MemoryConnector], error: type[ConnectorError] | None, says: str, tmp_path: Path
) -> None:
    supports = Supports(passthrough=Gap.never("no language", error=error))
    nothing = Pushdowns((), limit=False, top_n=False, claims=Capabilities())
    with subject_of(supports, tmp_path, kind) as subject:
        if not says:
            check_flag(subject, nothing, "passthrough")
            return
        with pytest.raises(AssertionError, match=says):
            check_flag(subject, nothing, "passthrough")


def test_an_error_that_does_not_show_is_missed(tmp_path: Path) -> None:
    supports = Supports(nested=Gap.never("flat", error=SourceError))
    with subject_of(supports, tmp_path) as subject:
        nothing = Pushdowns((), limit=False, top_n=False, claims=Capabilities())
        with pytest.raises(AssertionError, match="shows as no error"):
            check_flag(subject, nothing, "nested")


# Reports


def test_a_report_makes_tables(tmp_path: Path) -> None:
    supports = Supports(filter=Gap.not_implemented("it can | can't"), nan=Gap.not_yet("soon"))
    with subject_of(supports, tmp_path) as subject:
        report = make_report(supports, subject.tables, observe(subject))
    assert Report.from_json(report.to_json()) == report
    capabilities = capabilities_table(report).splitlines()
    assert (
        r"| Evaluated by the source | `c LIKE 'a%'` | not implemented | it can \| can't |"
        in capabilities
    )
    assert "| Kept as they are | NaN | not yet | soon |" in capabilities
    assert "| Kept as they are | NULL | yes |  |" in capabilities
    assert len(capabilities) == 2 + len(BEHAVIOURS)
    types = types_table(report).splitlines()
    assert types[0].startswith("| Source | Athena | `c = 1` |")
    assert len([line for line in types if "| varchar | not pushed |" in line]) == 1
    reason = "no: memory has no query language |"
    assert f'| `"tiny" = 0` | tinyint | nothing | {reason}' in pushdown_table(report).splitlines()


def test_a_report_that_is_not_what_is_seen_fails(tmp_path: Path) -> None:
    class Reported(ConnectorSuite):
        supports = Supports(filter=Gap.never("no language"))
        report = tmp_path / "conformance.json"

    def request(*, write: bool) -> Any:
        return SimpleNamespace(config=SimpleNamespace(getoption=lambda *_, **__: write))

    with subject_of(Reported.supports, tmp_path) as subject:
        pushdowns = observe(subject)
        check = Reported().test_the_report_is_up_to_date
        with pytest.raises(AssertionError, match=r"conformance\.json is not what is seen"):
            check(subject, pushdowns, request(write=False))
        check(subject, pushdowns, request(write=True))
        check(subject, pushdowns, request(write=False))
        text = Reported.report.read_text("utf-8")
        Reported.report.write_text(text.replace("no language", "no verbs"), "utf-8")
        with pytest.raises(AssertionError, match="run pytest --write-conformance"):
            check(subject, pushdowns, request(write=False))


# As an author uses it

CONNECTOR = """
from pathlib import Path

from athena_connectors.common import Connector, lambda_handler
from pyarrow import csv


class CsvFolder(Connector):
    source_type = "csvfolder"

    def __init__(self, root):
        self._root = root

    def list_schemas(self):
        return ["files"]

    def list_tables(self, schema):
        return [path.stem for path in self._root.glob("*.csv")]

    def describe_table(self, name):
        return self._open(name).schema

    def read_split(self, scan, split):
        return self._open(scan.table)

    def _open(self, name):
        return csv.open_csv(self._root / f"{name.table}.csv")


handler = lambda_handler(lambda environ: CsvFolder(Path(environ["CSV_ROOT"])))
"""
SUITE = """
from pathlib import Path

import pyarrow as pa
import pytest
from athena_connectors.common.testing import ConnectorSuite, Gap, Sample, Supports
from csv_folder import handler

FILES = Gap.not_implemented("files are read whole")
MISSING = Gap.not_implemented("the sample has none")


@pytest.fixture(scope="module")
def age():
    return [39, 12, None, 50]


class TestCsvFolder(ConnectorSuite):
    supports = Supports(
        filter=FILES, limit=FILES, splits=FILES, partitions=FILES, passthrough=FILES,
        empty_table=MISSING, empty_text=MISSING, nan=MISSING, infinity=MISSING, wide_text=MISSING,
        early_dates=MISSING, milliseconds=MISSING, nested=MISSING, odd_names=MISSING,
    )
    report = Path(__file__).with_name("conformance.json")
    list_length = 100
    examples = 5

    def make(self, tmp_path, age):
        rows = pa.table({"name": ["Ada", "Bo", "Cy", "Di"], "age": age})
        lines = [f"{row['name']},{row['age'] or ''}\\n" for row in rows.to_pylist()]
        (tmp_path / "people.csv").write_text("name,age\\n" + "".join(lines))
        return Sample(
            handler=handler, settings={"CSV_ROOT": str(tmp_path)}, tables={"files.people": rows}
        )
"""


def run_suite(folder: Path, *options: str) -> str:
    plugin = "athena_connectors.common.testing.plugin"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", plugin, *options]
    done = subprocess.run(
        [*command, "test_csv_folder.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_a_file_of_an_author_is_enough(tmp_path: Path) -> None:
    (tmp_path / "csv_folder.py").write_text(CONNECTOR, "utf-8")
    (tmp_path / "test_csv_folder.py").write_text(SUITE, "utf-8")
    assert "1 passed" in run_suite(tmp_path, "--write-conformance", "-k", "report")
    assert "137 passed" in run_suite(tmp_path)
    report = Report.from_json((tmp_path / "conformance.json").read_text("utf-8"))
    assert {each.gap for each in report.behaviours} == {"", "not implemented"}


def test_the_names_for_authors_are_there() -> None:
    assert list(testing.__all__) == sorted(testing.__all__)
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = testing.nothing


def test_names_of_tables_are_cut_at_the_first_dot() -> None:
    assert table_name("a.b.c") == TableName("a", "b.c")
    assert table_name(TableName("a.b", "c")) == TableName("a.b", "c")
