"""The whole connector, as Athena calls it, on a real server."""

from __future__ import annotations

import json
import math
import operator
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Scan, TableDescription
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import (
    ConfigurationError,
    InvalidCredentialsError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.common.read_ahead import batches_of
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.engines import Engines
from athena_connectors.common.testing.faults import OneInstance
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.documentdb import connector as connector_module
from athena_connectors.documentdb.app import handler
from athena_connectors.documentdb.connector import from_environment
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.connector import Connector
    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.common.testing.tcp_proxy import TcpProxy

DOCUMENTS = 600
MANY_SPLITS = {"split_bytes": "3000", "batch_bytes": "65536"}
Both = tuple[LocalEngine, LocalEngine]


@pytest.fixture
def open_engine(mongodb: MongoDb, tmp_path: Path) -> Iterator[Engines]:
    with Engines(handler, "mo", mongodb.settings, spill=tmp_path) as engines:
        yield engines


@pytest.fixture(scope="module")
def both(mongodb: MongoDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """An engine that pushes and one that does not."""
    settings = {**mongodb.settings, **MANY_SPLITS}
    spill = tmp_path_factory.mktemp("spill")
    with Engines(handler, "mo", settings, spill=spill) as engines:
        yield engines(), engines(pushdown=False)


def _document(number: int) -> dict[str, Any]:
    """Return a document; ``odd`` is of many types, and some fields are missing or null."""
    odd = [
        f"text {number % 7}",
        number % 7,
        None,
        number % 2 == 0,
        [1, "a"],
        {"a": number % 3},
        ObjectId(f"{number:024x}"),
        number / 4,
        Decimal128(f"{number}.50"),
        DatetimeMS(number * 1000),
        Binary(b"\1\2", 5),
        Timestamp(number + 1, 1),
    ][number % 12]
    document: dict[str, Any] = {
        "_id": ObjectId(f"65920080{number:016x}"),
        "n": number,
        "Size": Int64(number % 10) if number % 3 else number % 10,
        "share": number / 8 if number % 5 else float("nan"),
        "flag": number % 3 == 0,
        "at": datetime(2024, 1, 1 + number % 28, tzinfo=UTC),
        "odd": odd,
        "name": f"näme {number % 11} \U0001f600",
        "place": {"city": f"city {number % 3}", "zip": number},
        "tags": [f"t{number % 4}", "all"] if number % 2 else [],
        "ref": ObjectId(f"{number % 9:024x}"),
        "filler": "x" * 100,
    }
    if number % 6 == 0:
        del document["Size"]
    if number % 7 == 0:
        document["name"] = None
    return document


@pytest.fixture(scope="module")
def database(mongodb: MongoDb) -> str:
    name = mongodb.create_database()
    database = mongodb.client()[name]
    database["Orders"].insert_many(map(_document, range(DOCUMENTS)))
    database["Orders"].create_index("n")
    database.create_collection(
        "big_orders", viewOn="Orders", pipeline=[{"$match": {"n": {"$gte": 300}}}]
    )
    mixed = [7, 7.5, "seven", None, True, {"a": 1}, Binary(b"7", 0), DatetimeMS(7), float("nan")]
    database["mixed"].insert_many(
        [{"_id": each, "place": place, "fill": "x" * 50} for place, each in enumerate(mixed)]
        + [{"_id": number * 10, "place": number, "fill": "x" * 50} for number in range(9, 200)]
        + [{"_id": f"k{n:03}", "place": n, "fill": "x" * 50} for n in range(200, 400)]
    )
    return name


def _rows(engine: LocalEngine, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = engine.query(sql).table.to_pylist()
    return rows


def _numbers(engine: LocalEngine, sql: str) -> list[int]:
    return [int(row["n"]) for row in _rows(engine, sql)]


def _bag(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(map(repr, rows))


# What it is


def test_nothing_is_asked_before_it_is_needed() -> None:
    connector = from_environment(
        {"default_docdb": "mongodb://${nobody}@nowhere.invalid/", "schema_file": "/nowhere"}
    )
    assert connector.source_type == "documentdb"
    shop = connector.for_catalog("shop")
    assert shop is connector.for_catalog("another")
    connector.close()


def test_each_catalog_has_the_server_of_its_own_variable(mongodb: MongoDb) -> None:
    connector = from_environment(
        {**mongodb.settings, "shop": "mongodb://nowhere.invalid/", "disable_glue": "true"}
    )
    assert connector.for_catalog("SHOP") is not connector.for_catalog("other")
    assert "admin" not in list(connector.for_catalog("other").list_schemas())
    connector.close()


def test_everything_is_claimed(open_engine: Engines) -> None:
    claims = open_engine().client("mo").capabilities()
    assert claims.limit
    assert claims.top_n
    assert claims.functions == FUNCTIONS
    assert claims.passthrough is not None
    assert claims.passthrough.arguments == ("DATABASE", "COLLECTION", "FILTER")
    off = open_engine(enable_query_passthrough="false").client("mo").capabilities()
    assert off.passthrough is None


def test_tables_are_listed_and_described(open_engine: Engines, database: str) -> None:
    engine = open_engine()
    found = engine.tables("mo", database)
    assert set(found) == {TableName(database, name) for name in ("big_orders", "mixed", "orders")}
    schema = engine.describe("mo", TableName(database, "orders")).schema
    assert set(schema.names) == {*_document(1)} - {"Size"} | {"size"}


# Predicates: what is pushed gives what a scan without pushdown gives


@pytest.mark.parametrize("table", ["orders", "big_orders"])
@pytest.mark.parametrize(
    "predicate",
    [
        "_id = '659200800000000000000003'",
        "_id IN ('659200800000000000000003', 'nothing')",
        "_id > '6592008000000000000001f0'",
        "_id IS NULL",
        "n = 400",
        "n IN (1, 301, 401, 99999)",
        "n BETWEEN 290 AND 310",
        "size = 3",
        "size <> 3",
        "size IS NULL OR size < 2",
        "share > 70.1 OR share IS NULL",
        "share <> 5.0",
        "flag AND size IN (1, 4, 9)",
        "NOT flag",
        "at = TIMESTAMP '2024-01-05 00:00:00'",
        "at > TIMESTAMP '2024-01-20 00:00:00'",
        "odd = '3'",
        "odd = 'true'",
        "odd <> 'text 1'",
        "odd IS NULL",
        "odd IS NOT NULL",
        "odd LIKE 'te%' OR n = 305",
        "odd = '[1,\"a\"]'",
        "odd = '000000000000000000000132'",
        "odd > 'a'",
        "name LIKE 'näme 1%'",
        "name = 'näme 3 \U0001f600'",
        "name IS NULL AND size = 1",
        "ref = '000000000000000000000003'",
        "ref < '000000000000000000000003'",
        "place IS NULL",
        "place.city = 'city 1'",
        "cardinality(tags) = 2",
        "false",
        "n = 1 AND n = 2",
    ],
)
def test_a_pushed_predicate_loses_and_invents_no_row(
    both: Both, database: str, table: str, predicate: str
) -> None:
    sql = f'SELECT * FROM mo."{database}"."{table}" WHERE {predicate}'
    pushed, plain = (_bag(_rows(engine, sql)) for engine in both)
    assert pushed == plain


@pytest.mark.parametrize("collation", [None, {"locale": "en", "strength": 1}])
@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("_id <> 'a'", [3, 4, 5]),
        ("_id = 'a'", [0, 1, 2]),
        ('_id = \'["a","x"]\'', [3, 4, 5]),
        ("_id IN ('x', 'A')", []),
        ("_id > 'a' OR _id < 'A'", []),
        ("_id IS NULL", []),
    ],
)
def test_the_ids_of_a_view_may_be_arrays_and_texts_of_a_language(
    both: Both, mongodb: MongoDb, predicate: str, expected: list[int], collation: Any
) -> None:
    name = mongodb.create_database()
    source = mongodb.client()[name]
    source["numbers"].insert_many({"n": number} for number in range(6))
    ids = {"$cond": [{"$lt": ["$n", 3]}, "a", ["a", "x"]]}
    options = {"collation": collation} if collation else {}
    source.create_collection(
        "v", viewOn="numbers", pipeline=[{"$project": {"_id": ids, "n": 1}}], **options
    )
    for engine in both:
        assert (
            sorted(_numbers(engine, f'SELECT n FROM mo."{name}".v WHERE {predicate}')) == expected
        )


def test_a_field_of_any_case_is_found_by_its_folded_name(both: Both, database: str) -> None:
    sql = f'SELECT n FROM mo."{database}".orders WHERE size = 3'
    expected = [number for number in range(DOCUMENTS) if number % 10 == 3 and number % 6]
    assert [sorted(_numbers(engine, sql)) for engine in both] == [expected, expected]


# Splits


def test_the_splits_of_a_collection_hold_each_document_once(both: Both, database: str) -> None:
    for engine in both:
        result = engine.query(f'SELECT n FROM mo."{database}".orders')
        assert len(result.scans[0].splits) > 5
        assert sorted(row["n"] for row in result.table.to_pylist()) == list(range(DOCUMENTS))


def test_ids_of_all_types_are_read_over_several_splits(both: Both, database: str) -> None:
    for engine in both:
        result = engine.query(f'SELECT place FROM mo."{database}".mixed')
        assert len(result.scans[0].splits) > 1
        assert sorted(row["place"] for row in result.table.to_pylist()) == list(range(400))


@pytest.mark.parametrize("predicate", ["", "WHERE n >= 100", "WHERE size = 3", "WHERE odd = '3'"])
def test_rows_are_counted_without_reading_them(both: Both, database: str, predicate: str) -> None:
    sql = f'SELECT count(*) AS c FROM mo."{database}".orders {predicate}'
    pushed, plain = (_rows(engine, sql) for engine in both)
    assert pushed == plain
    assert pushed[0]["c"] > 0


@pytest.mark.parametrize("limit", [0, 1, 7, 599, 600, 5000])
@pytest.mark.parametrize("table", ["orders", "big_orders"])
def test_a_limit_gives_as_many_rows_as_there_are(
    both: Both, database: str, table: str, limit: int
) -> None:
    most = DOCUMENTS if table == "orders" else DOCUMENTS // 2
    for engine in both:
        rows = _rows(engine, f'SELECT n FROM mo."{database}"."{table}" LIMIT {limit}')
        assert len(rows) == min(limit, most)
        sql = f'SELECT n FROM mo."{database}"."{table}" WHERE size <> 3 LIMIT {limit}'
        assert len(_rows(engine, sql)) == min(limit, len(_rows(engine, sql.partition(" LIMIT")[0])))


def test_an_order_is_never_cut_before_it_is_sorted(both: Both, database: str) -> None:
    sql = f'SELECT n FROM mo."{database}".orders ORDER BY n DESC LIMIT 5'
    assert [_numbers(engine, sql) for engine in both] == [[599, 598, 597, 596, 595]] * 2


def test_native_queries_of_splits_are_explained(open_engine: Engines, database: str) -> None:
    engine = open_engine(split_bytes="3000")
    (scan,) = engine.explain(f'SELECT name FROM mo."{database}".orders WHERE n > 5')
    texts = [json.loads(split.native.native) for split in scan.splits if split.native]
    assert len(texts) > 5
    assert {text["find"] for text in texts} == {"Orders"}
    assert all("_id" in text["filter"] and "n" in str(text["filter"]) for text in texts)


# Native queries


def _query(database: str, filter_: str, columns: str = "*", collection: str = "orders") -> str:
    escaped = filter_.replace("'", "''")
    return (
        f"SELECT {columns} FROM TABLE(mo.system.query(database => '{database}',"
        f" collection => '{collection}', filter => '{escaped}'))"
    )


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("{}", range(DOCUMENTS)),
        ("{n: {$lt: 5}}", range(5)),
        ("{'n': {'$in': [NumberInt(3), NumberLong('4')]}}", [3, 4]),
        ("{_id: ObjectId('659200800000000000000003')}", [3]),
        ("{at: {$gte: ISODate('2024-01-28')}, n: {$lt: 60}}", [27, 55]),
        ("{name: /^näme 1 /, n: {$lt: 20}}", [1, 12]),
        ("{$or: [{n: 5}, {'place.zip': 6}]}", [5, 6]),
        ('{"odd": {"$oid": "000000000000000000000132"}}', [306]),
        ("{n: -1}", []),
        ("[{$match: {n: {$lt: 3}}}]", range(3)),
        ("[{$match: {n: {$lt: 3}}}, {$project: {n: 1}}]", range(3)),
    ],
)
@pytest.mark.parametrize("pushdown", [True, False])
def test_a_native_query_gives_what_the_server_finds(
    both: Both, database: str, filter_: str, expected: Any, *, pushdown: bool
) -> None:
    engine = both[0 if pushdown else 1]
    assert sorted(_numbers(engine, _query(database, filter_, "n"))) == list(expected)
    rows = _rows(engine, _query(database, filter_, "count(*) AS n"))
    assert rows == [{"n": len(expected)}]


def test_a_predicate_on_a_native_query_is_applied(both: Both, database: str) -> None:
    for engine in both:
        sql = _query(database, "{n: {$lt: 50}}", "n") + " WHERE size = 3 AND n > 9"
        assert sorted(_numbers(engine, sql)) == [13, 23, 33, 43]
        grouped = "[{$group: {_id: ['$flag'], c: {$sum: 1}}}]"
        assert len(_rows(engine, _query(database, grouped) + " WHERE c > 300")) == 1
        assert len(_rows(engine, _query(database, grouped) + " WHERE _id IS NOT NULL")) == 2
        assert len(_rows(engine, _query(database, grouped) + " LIMIT 1")) == 1


def test_a_limit_cuts_no_result_that_is_still_to_be_filtered_or_sorted(
    both: Both, database: str
) -> None:
    smallest_first = "[{$group: {_id: '$flag', c: {$sum: 1}}}, {$sort: {c: 1}}]"
    for engine in both:
        result = _query(database, smallest_first, "c")
        assert _rows(engine, f"{result} WHERE c > 300 LIMIT 1") == [{"c": 400}]
        assert _rows(engine, f"{result} ORDER BY c DESC LIMIT 1") == [{"c": 400}]
        result = _query(database, "{n: {$lt: 50}}", "n")
        assert _rows(engine, f"{result} WHERE n > 48 LIMIT 1") == [{"n": 49}]
        assert _rows(engine, f"{result} ORDER BY n DESC LIMIT 1") == [{"n": 49}]


def _scan(connector: Connector, constraints: Constraints) -> Scan:
    description = connector.describe_passthrough(constraints.passthrough)
    assert isinstance(description, TableDescription)
    return Scan(TableName("system", "query"), description.schema, constraints, description)


def _wanted(number: int) -> Constraints:
    one = SortedRangeSet.of(pa.int64(), [Range.equal(number)], null_allowed=False)
    return Constraints(summary={"n": one}, limit=5)


def test_a_native_filter_and_the_predicate_are_both_sent(mongodb: MongoDb, database: str) -> None:
    given = {"DATABASE": database, "COLLECTION": "Orders", "FILTER": "{Size: {$lt: 5}}"}
    with closing(from_environment(mongodb.settings)) as catalogs:
        connector = catalogs.for_catalog("shop")
        scan = _scan(connector, replace(_wanted(7), passthrough=given))
        sent = json.loads(connector.native_query(scan, Split()))
        assert "'Size': {'$lt': 5}" in str(sent["filter"])
        assert "'n': " in str(sent["filter"])
        pipeline = {**given, "FILTER": "[{$match: {n: 7}}]"}
        scan = _scan(connector, Constraints(passthrough=pipeline, limit=5))
        sent = json.loads(connector.native_query(scan, Split()))
        assert sent["pipeline"] == [{"$match": {"n": 7}}, {"$limit": 5}]
        scan = _scan(connector, replace(_wanted(7), passthrough=pipeline))
        sent = json.loads(connector.native_query(scan, Split()))
        assert sent["pipeline"] == [{"$match": {"n": 7}}]


def test_a_plan_is_made_for_each_scan_anew(mongodb: MongoDb, database: str) -> None:
    with closing(from_environment(mongodb.settings)) as catalogs:
        connector = catalogs.for_catalog("shop")
        description = connector.describe_table(TableName(database, "Orders"))
        assert isinstance(description, TableDescription)
        name, schema = TableName(database, "Orders"), description.schema
        first, second = (Scan(name, schema, _wanted(n), description) for n in (1, 2))
        plans = [connector.plan_pushdown(scan) for scan in (first, first, second)]
        assert plans[0] is plans[1]
        assert plans[1] != plans[2]


@pytest.mark.parametrize(("limit", "expected"), [("", True), ("LIMIT 5", False)])
def test_nothing_is_read_in_advance_that_a_limit_may_spare(
    both: Both,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    *,
    expected: bool,
) -> None:
    made: list[bool] = []

    def recorded(*arguments: Any, ahead: bool, **options: Any) -> Any:
        made.append(ahead)
        return batches_of(*arguments, ahead=ahead, **options)

    monkeypatch.setattr(connector_module, "batches_of", recorded)
    both[0].query(f'SELECT n FROM mo."{database}".orders {limit}')
    assert set(made) == {expected}


def test_a_pipeline_has_the_columns_of_its_results(open_engine: Engines, database: str) -> None:
    text = "[{$group: {_id: '$place.city', total: {$sum: '$n'}}}, {$sort: {_id: 1}}]"
    assert _rows(open_engine(), _query(database, text)) == [
        {"_id": f"city {city}", "total": sum(range(city, DOCUMENTS, 3))} for city in range(3)
    ]


def test_a_filter_that_fits_nothing_has_the_columns_of_the_collection(
    open_engine: Engines, database: str
) -> None:
    table = open_engine().query(_query(database, "{n: -1}")).table
    assert table.num_rows == 0
    assert {"n", "size", "place"} <= set(table.schema.names)


def test_names_of_a_native_query_may_be_in_any_case(open_engine: Engines, database: str) -> None:
    for collection in ("Orders", "ORDERS", "orders"):
        sql = _query(database.upper(), "{n: 5}", "n", collection)
        assert _numbers(open_engine(), sql) == [5]


@pytest.mark.parametrize(
    ("filter_", "error", "fact"),
    [
        ("{$where: 'true'}", UnsupportedOperationError, "executes JavaScript"),
        ("[{$out: 'x'}]", UnsupportedOperationError, "writes"),
        ("{n: }", InvalidRequestError, "can't be read at character 5"),
        ("{n: {$foo: 1}}", InvalidRequestError, "foo"),
        ("[{$foo: 1}]", UnsupportedOperationError, "foo"),
    ],
)
def test_a_native_query_that_can_not_be_is_an_error(
    open_engine: Engines, database: str, filter_: str, error: type[Exception], fact: str
) -> None:
    with pytest.raises(error) as raised:
        open_engine().query(_query(database, filter_))
    assert fact in str(raised.value)


def test_native_queries_can_be_switched_off(open_engine: Engines, database: str) -> None:
    engine = open_engine(enable_query_passthrough="false")
    with pytest.raises(Exception, match="query"):
        engine.query(_query(database, "{}"))


# Pushdown gives what Python's own evaluation gives

_VALUES = st.none() | st.integers(-3, 3)
_DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "whole": _VALUES,
        "part": st.none() | st.sampled_from([-1.5, 0.0, 1.0, 2.5, math.nan]),
        "word": st.none() | st.sampled_from(["", "a", "B", "ab", "é", "\U0001f600", "\uffee"]),
        "flag": st.none() | st.booleans(),
    },
)
_CONSTANTS: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-3, 3),
    "part": st.sampled_from([-1.5, 0.0, 1.0, 2.5]),
    "word": st.sampled_from(["", "a", "B", "ab", "é", "\U0001f600", "\uffee"]),
}
_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """A predicate in SQL, and what it is for a document: true, false or unknown."""

    sql: str
    holds: Callable[[dict[str, Any]], bool | None]


def _negated(inner: Condition) -> Condition:
    def holds(document: dict[str, Any]) -> bool | None:
        found = inner.holds(document)
        return None if found is None else not found

    return Condition(f"NOT ({inner.sql})", holds)


def _all(parts: list[Condition]) -> Condition:
    def holds(document: dict[str, Any]) -> bool | None:
        found = [part.holds(document) for part in parts]
        return False if False in found else None if None in found else True

    return Condition(" AND ".join(f"({part.sql})" for part in parts), holds)


def _any(parts: list[Condition]) -> Condition:
    none = _negated(_all([_negated(part) for part in parts]))
    return Condition(" OR ".join(f"({part.sql})" for part in parts), none.holds)


def _literal(value: Any) -> str:
    if isinstance(value, float):
        return f"DOUBLE '{value}'"
    return f"'{value}'" if isinstance(value, str) else str(value)


@st.composite
def _leaves(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from([*_CONSTANTS, "flag"]))
    kind = draw(st.sampled_from(["is null", "is not null", "compare", "in"]))
    if kind == "is null":
        return Condition(f"{name} IS NULL", lambda document: document.get(name) is None)
    if kind == "is not null":
        return Condition(f"{name} IS NOT NULL", lambda document: document.get(name) is not None)
    if name == "flag":
        return Condition("flag", lambda document: document.get("flag"))
    if kind == "in":
        values = draw(st.lists(_CONSTANTS[name], min_size=1, max_size=3))
        sql = f"{name} IN ({', '.join(map(_literal, values))})"
        return Condition(sql, lambda document: _known(document, name, values.__contains__))
    sign = draw(st.sampled_from(sorted(_COMPARED)))
    constant = draw(_CONSTANTS[name])

    def compare(value: Any) -> bool:
        return bool(_COMPARED[sign](value, constant))

    sql = f"{name} {sign} {_literal(constant)}"
    return Condition(sql, lambda document: _known(document, name, compare))


def _known(document: dict[str, Any], name: str, test: Callable[[Any], bool]) -> bool | None:
    value = document.get(name)
    return None if value is None else test(value)


_CONDITIONS = st.recursive(
    _leaves(),
    lambda inner: st.one_of(
        inner.map(_negated),
        st.lists(inner, min_size=2, max_size=3).map(_all),
        st.lists(inner, min_size=2, max_size=3).map(_any),
    ),
    max_leaves=5,
)
_TYPED = {"whole": 1, "part": 0.5, "word": "w", "flag": True}
"""A document that shows the sample each column's type."""


@given(documents=st.lists(_DOCUMENT, max_size=25), condition=_CONDITIONS, splits=st.booleans())
@examples(max_examples=40, deadline=None)
def test_any_predicate_keeps_the_rows_that_it_is_true_for(
    mongodb: MongoDb,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    documents: list[dict[str, Any]],
    condition: Condition,
    splits: bool,
) -> None:
    stored = [{"_id": place, **each} for place, each in enumerate([_TYPED, *documents])]
    collection = mongodb.client()["any_predicate"]["c"]
    collection.delete_many({})
    collection.insert_many(stored)
    expected = sorted(each["_id"] for each in stored if condition.holds(each))
    for pushdown in (True, False):
        store = FolderStore(tmp_path_factory.getbasetemp())
        environ = {"spill_bucket": "local", **mongodb.settings}
        if splits:
            environ["split_bytes"] = "1024"
        transport = InProcess(handler, settings=environ, store=store)
        engine = LocalEngine({"mo": Catalog(transport, store)}, pushdown=pushdown)
        sql = f"SELECT _id FROM mo.any_predicate.c WHERE {condition.sql}"
        assert sorted(row["_id"] for row in _rows(engine, sql)) == expected
        engine.close()


# Faults


@pytest.fixture
def proxy(mongodb: MongoDb) -> Iterator[TcpProxy]:
    with tcp_proxy(mongodb.host, mongodb.port) as running:
        yield running


def test_a_wrong_password_is_told_without_telling_it(
    mongodb: MongoDb, open_engine: Engines, database: str
) -> None:
    url = mongodb.url_of(mongodb.user, "s3cret")
    with pytest.raises(InvalidCredentialsError) as refused:
        open_engine(default_docdb=url).query(f'SELECT * FROM mo."{database}".orders')
    assert "s3cret" not in str(refused.value)
    assert mongodb.password not in str(refused.value)


def test_a_server_without_tls_is_told_from_one_that_is_not_there(
    mongodb: MongoDb, open_engine: Engines, database: str
) -> None:
    url = f"{mongodb.url}&tls=true" if "?" in mongodb.url else f"{mongodb.url}?tls=true"
    url += "&serverSelectionTimeoutMS=500"
    with pytest.raises(ConfigurationError, match=r"(?i)ssl|tls"):
        open_engine(default_docdb=url).query(f'SELECT * FROM mo."{database}".orders')


@pytest.mark.parametrize("after", [2000, 40_000])
def test_a_connection_that_breaks_off_loses_no_row(
    mongodb: MongoDb, open_engine: Engines, database: str, proxy: TcpProxy, after: int
) -> None:
    url = f"{mongodb.through(proxy.port)}&serverSelectionTimeoutMS=1500"
    engine = open_engine(default_docdb=url, max_splits="1")
    sql = f'SELECT n, filler FROM mo."{database}".orders'
    assert len(_rows(engine, sql)) == DOCUMENTS
    proxy.cut_after(after)
    with pytest.raises((SourceError, SourceTimeoutError)):
        engine.query(sql)
    proxy.heal()
    assert len(_rows(engine, sql)) == DOCUMENTS


def test_a_collection_that_is_not_there_is_not_found(open_engine: Engines, database: str) -> None:
    with pytest.raises(TableNotFoundError, match="nothing"):
        open_engine().query(f'SELECT * FROM mo."{database}".nothing')


def test_no_split_and_no_layout_holds_the_password(
    mongodb: MongoDb, database: str, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", **mongodb.settings, **MANY_SPLITS}
    instance = OneInstance(handler, environ, spill=store, store=store)
    scan = instance.scan(f"{database}.Orders", "n")
    splits = list(instance.client.splits(scan))
    assert len(splits) > 5
    assert mongodb.password not in repr(splits)
    assert all(set(split.properties) == {"__split_range", "__split_batch"} for split in splits)
    instance.close()
