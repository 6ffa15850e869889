"""The whole way: what is written to files is what SQL gives, whatever files it is cut into."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Scan
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import DataConversionError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.engine_errors import RemoteError
from athena_connectors.common.valueset import SortedRangeSet
from athena_connectors.template.connector import from_environment
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.engine import LocalEngine

    Ask = Callable[..., list[dict[str, Any]]]
    Fill = Callable[..., dict[str, str]]
    OpenEngine = Callable[..., LocalEngine]

TABLE = "files.shop.orders"
ORDERS = {
    "shop/orders/year=2023/a.csv": "id,total\n1,2.5\n2,\n",
    "shop/orders/year=2024/b.jsonl": '{"id":3,"note":"x"}\n{"id":4,"total":1.5}\n',
    "shop/orders/year=2024/empty.csv": "",
    "shop/orders/c.csv": "id\n5\n",
}


def test_a_folder_and_a_bucket_give_the_same_rows(fill: Fill, ask: Ask) -> None:
    rows = ask(fill(ORDERS), f"SELECT * FROM {TABLE} ORDER BY id")
    assert rows == [
        {"id": 1, "total": 2.5, "note": None, "year": 2023},
        {"id": 2, "total": None, "note": None, "year": 2023},
        {"id": 3, "total": None, "note": "x", "year": 2024},
        {"id": 4, "total": 1.5, "note": None, "year": 2024},
        {"id": 5, "total": None, "note": None, "year": None},
    ]


@pytest.mark.parametrize(
    ("condition", "ids", "files"),
    [
        ("TRUE", [1, 2, 3, 4, 5], 4),
        ("year = 2024", [3, 4], 2),
        ("year IS NULL", [5], 1),
        ("year < 2024 AND id > 1", [2], 1),
        ("year = 1999", [], 0),
        ("year + 1 = 2024", [1, 2], 1),
        ("year = 2024 OR id = 1", [1, 3, 4], 4),
    ],
)
def test_only_the_files_that_a_predicate_wants_are_read(
    fill_folder: Fill, open_engine: OpenEngine, condition: str, ids: list[int], files: int
) -> None:
    engine = open_engine(fill_folder(ORDERS))
    result = engine.query(f"SELECT id FROM {TABLE} WHERE {condition} ORDER BY id")
    assert result.table["id"].to_pylist() == ids
    assert sum(len(scan.splits) for scan in result.scans) == files


def test_a_split_that_the_predicate_does_not_want_has_no_rows(fill_folder: Fill) -> None:
    connector = from_environment(fill_folder(ORDERS))
    name = TableName("shop", "orders")
    described = connector.describe_table(name)
    everything = Scan(name, described.schema, Constraints(), described)
    years = SortedRangeSet.of_points(pa.int64(), [2024])
    wanted = replace(everything, constraints=Constraints({"year": years}))
    splits = list(connector.plan_splits(everything, connector.plan_partitions(everything)))
    rows = [
        row["id"]
        for split in splits
        for batch in connector.read_split(wanted, split)
        for row in batch.to_pylist()
    ]
    assert len(splits) == 4
    assert sorted(rows) == [3, 4]


def test_rows_are_counted_without_a_column(fill_folder: Fill, ask: Ask) -> None:
    sql = f"SELECT year, count(*) AS n FROM {TABLE} GROUP BY year ORDER BY n, year"
    assert ask(fill_folder(ORDERS), sql) == [
        {"year": None, "n": 1},
        {"year": 2023, "n": 2},
        {"year": 2024, "n": 2},
    ]
    assert ask(fill_folder({}), f"SELECT count(*) AS n FROM {TABLE}") == [{"n": 5}]


def test_names_are_found_in_any_case(fill_folder: Fill, ask: Ask) -> None:
    environ = fill_folder({"Shop/Big Orders.csv": "ID,The Total\n1,2\n"})
    rows = ask(environ, 'SELECT "the total" FROM files.shop."big orders" WHERE id = 1')
    assert rows == [{"the total": 2}]


def test_times_keep_their_instant(fill_folder: Fill, ask: Ask) -> None:
    content = "t,z\n1969-12-31 23:59:59.999,2024-05-01T12:00:00+02:00\n"
    (row,) = ask(fill_folder({"s/t.csv": content}), "SELECT * FROM files.s.t")
    assert str(row["t"]) == "1969-12-31 23:59:59.999000"
    assert row["z"].timestamp() == 1714557600


def test_values_of_several_kinds_are_text_in_every_file(fill_folder: Fill, ask: Ask) -> None:
    files = {"s/t/a.csv": "a\n007\n", "s/t/b.jsonl": '{"a":"x"}\n{"a":{"b":1}}\n{"a":7}\n'}
    rows = ask(fill_folder(files), "SELECT a FROM files.s.t ORDER BY a")
    assert [row["a"] for row in rows] == ["007", "7", "x", '{"b": 1}']


def test_a_bad_row_fails_the_query_with_its_place(fill: Fill, ask: Ask) -> None:
    environ = fill({"s/t/a.csv": "a\n1\n", "s/t/b.csv": "a\n" + "1\n" * 600 + "x\n"})
    environ["block_bytes"] = "1024"
    with pytest.raises(
        (DataConversionError, RemoteError), match=r"s/t/b\.csv: row 601 has a value"
    ):
        ask(environ, "SELECT sum(a) FROM files.s.t")
    assert ask(environ, "SELECT count(*) AS n FROM files.s.t") == [{"n": 602}]


def test_bytes_and_rows_are_told(fill_folder: Fill, open_engine: OpenEngine) -> None:
    engine = open_engine(fill_folder(ORDERS))
    explained = engine.explain(f"SELECT total FROM {TABLE} WHERE year = 2023")
    result = engine.query(f"SELECT total FROM {TABLE} WHERE year = 2023")
    (split,) = explained[0].splits
    assert split.native is not None
    assert split.native.native == "shop/orders/year=2023/a.csv: total"
    (report,) = result.scans[0].splits
    assert report.stats is not None
    assert report.stats.bytes_read == len(ORDERS["shop/orders/year=2023/a.csv"])


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=5)
_rows = st.fixed_dictionaries(
    {
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.none() | st.booleans(),
        "text": st.none() | _texts.map(lambda text: f"'{text}'"),
    }
)
_NAMES = ("whole", "real", "flag", "text")
_FORMATS = st.lists(st.sampled_from(["csv", "jsonl"]), min_size=3, max_size=3)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(st.integers(0, 2), _rows), max_size=12), formats=_FORMATS)
def test_every_row_that_is_written_is_read_once(
    open_engine: OpenEngine, rows: list[tuple[int, dict[str, Any]]], formats: list[str]
) -> None:
    assume(rows or "csv" in formats)  # else no file has a column
    with tempfile.TemporaryDirectory() as root:
        for part, format_ in enumerate(formats):
            file = Path(root, f"s/t/part={part}/f.{format_}")
            file.parent.mkdir(parents=True)
            file.write_text(_content(format_, [row for number, row in rows if number == part]))
        read = open_engine({"location": root}).query("SELECT * FROM files.s.t").table.to_pylist()
    found = Counter(repr([row.get(name) for name in (*_NAMES, "part")]) for row in read)
    assert found == Counter(repr([*map(row.get, _NAMES), part]) for part, row in rows)


def _content(format_: str, rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    if format_ == "csv":
        writer = csv.writer(text)
        writer.writerow(_NAMES)
        writer.writerows([_field(row[name]) for name in _NAMES] for row in rows)
    else:
        text.writelines(json.dumps(row) + "\n" for row in rows)
    return text.getvalue()


def _field(value: object) -> str:
    shown = {None: "", True: "true", False: "false"}
    return shown[value] if value is None or isinstance(value, bool) else str(value)
