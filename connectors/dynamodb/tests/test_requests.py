"""Requests as DynamoDB takes them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Exactness, Pushdown
from athena_connectors.common.constraints import ColumnDomain, Constraints
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.dynamodb.access import (
    KeyQuery,
    Lookup,
    Queries,
    RangeCondition,
    TableScan,
)
from athena_connectors.dynamodb.conditions import Comparison, Condition, Exists, In, any_of
from athena_connectors.dynamodb.pushdown import NativeScan, plan
from athena_connectors.dynamodb.relation import Column, Relation
from athena_connectors.dynamodb.requests import (
    counts_only,
    fits,
    lookup_request,
    native_text,
    page_limit,
    query_request,
    scan_request,
)
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable

BASE = Index("", IndexKind.TABLE, (Key("pk", "S"),), (Key("sk", "N"),))
BY_CITY = Index("by_city", IndexKind.GLOBAL, (Key("city", "S"),))
TABLE = SourceTable("shop", "arn:shop", BASE, (BY_CITY,))
SET = Settings()

PK = Column("pk", pa.string(), "pk", key_type="S")
SIZE = Column("size", pa.int64(), "Size-1")
LONG = Column("a-b", pa.string(), "a-b")
OTHER = Column("a_b", pa.string(), "a_b")
SCAN = NativeScan(TableScan())
BIG: Condition = Comparison("Size-1", ">", {"N": "3"})


def test_a_scan_says_no_more_than_it_has_to() -> None:
    assert scan_request(TABLE, SCAN, [PK], SET) == {
        "TableName": "arn:shop",
        "ReturnConsumedCapacity": "TOTAL",
        "ProjectionExpression": "#n0",
        "ExpressionAttributeNames": {"#n0": "pk"},
    }


def test_a_scan_of_an_index_by_segments_has_a_filter() -> None:
    native = NativeScan(TableScan("by_city"), (BIG, Exists("pk")), is_exact=False)
    request = scan_request(TABLE, native, [SIZE, PK], SET, index="by_city", segment=(2, 5))
    assert request == {
        "TableName": "arn:shop",
        "IndexName": "by_city",
        "Segment": 2,
        "TotalSegments": 5,
        "ReturnConsumedCapacity": "TOTAL",
        "FilterExpression": "#n0 > :v0 AND attribute_exists(#n1)",
        "ProjectionExpression": "#n0, #n1",
        "ExpressionAttributeNames": {"#n0": "Size-1", "#n1": "pk"},
        "ExpressionAttributeValues": {":v0": {"N": "3"}},
    }


def test_a_query_has_a_key_condition() -> None:
    query = KeyQuery(({"S": "a"},), (RangeCondition("sk", "BETWEEN", ({"N": "1"}, {"N": "2"})),))
    request = query_request(
        TABLE, NativeScan(Queries("", (query,)), (BIG,)), [PK], SET, index="", query=query
    )
    assert request == {
        "TableName": "arn:shop",
        "ReturnConsumedCapacity": "TOTAL",
        "FilterExpression": "#n0 > :v0",
        "KeyConditionExpression": "#n1 = :v1 AND #n2 BETWEEN :v2 AND :v3",
        "ProjectionExpression": "#n1",
        "ExpressionAttributeNames": {"#n0": "Size-1", "#n1": "pk", "#n2": "sk"},
        "ExpressionAttributeValues": {
            ":v0": {"N": "3"},
            ":v1": {"S": "a"},
            ":v2": {"N": "1"},
            ":v3": {"N": "2"},
        },
    }


@pytest.mark.parametrize("consistent", [True, False])
def test_items_are_fetched_by_keys(consistent: bool) -> None:  # noqa: FBT001 - a parameter
    settings = replace(SET, consistent_read=consistent)
    keys = [({"S": "a"}, {"N": "1"}), ({"S": "b"}, {"N": "2"})]
    asked: dict[str, Any] = {
        "Keys": [
            {"pk": {"S": "a"}, "sk": {"N": "1"}},
            {"pk": {"S": "b"}, "sk": {"N": "2"}},
        ],
        "ProjectionExpression": "#n0",
        "ExpressionAttributeNames": {"#n0": "Size-1"},
    }
    if consistent:
        asked["ConsistentRead"] = True
    assert lookup_request(TABLE, keys, [SIZE], settings) == {
        "RequestItems": {"arn:shop": asked},
        "ReturnConsumedCapacity": "TOTAL",
    }


def test_reads_are_consistent_if_set() -> None:
    settings = replace(SET, consistent_read=True)
    assert scan_request(TABLE, SCAN, [PK], settings)["ConsistentRead"] is True
    assert "ConsistentRead" not in scan_request(TABLE, SCAN, [PK], SET)


def test_bug_16_only_names_and_values_that_are_used_are_sent() -> None:
    native = NativeScan(TableScan(), (BIG, BIG, Comparison("x", "=", {"N": "3.0"})))
    request = scan_request(TABLE, native, [Column("all", pa.string(), "")], SET)
    assert request["FilterExpression"] == "#n0 > :v0 AND #n0 > :v0 AND #n1 = :v0"
    assert request["ExpressionAttributeNames"] == {"#n0": "Size-1", "#n1": "x"}
    assert request["ExpressionAttributeValues"] == {":v0": {"N": "3"}}
    empty = scan_request(TABLE, SCAN, [], SET)
    assert "ExpressionAttributeNames" not in empty
    assert "ExpressionAttributeValues" not in empty


def test_bug_17_names_that_look_alike_have_aliases_of_their_own() -> None:
    columns = [LONG, OTHER, Column("é", pa.string(), "é"), Column("ü", pa.string(), "ü")]
    request = scan_request(TABLE, SCAN, columns, SET)
    assert request["ExpressionAttributeNames"] == {
        "#n0": "a-b",
        "#n1": "a_b",
        "#n2": "é",
        "#n3": "ü",
    }
    assert request["ProjectionExpression"] == "#n0, #n1, #n2, #n3"


def test_attributes_that_differ_by_case_are_read_too_and_none_twice() -> None:
    column = Column("City", pa.string(), "City", others=("city", "CITY"))
    same = Column("again", pa.string(), "city")
    request = scan_request(TABLE, SCAN, [column, same], SET)
    assert list(request["ExpressionAttributeNames"].values()) == ["City", "city", "CITY"]


@pytest.mark.parametrize(
    "column",
    [Column("x", pa.string(), "x", is_spelled=False), Column("rest", pa.string(), "")],
)
def test_whole_items_are_read_for_a_column_of_any_attribute(column: Column) -> None:
    assert "ProjectionExpression" not in scan_request(TABLE, SCAN, [PK, column], SET)


def test_bug_26_so_many_columns_that_their_names_do_not_fit_are_read_with_the_whole_item() -> None:
    columns = [Column(f"c{number}", pa.string(), f"c{number}") for number in range(1000)]
    fitting = scan_request(TABLE, SCAN, columns[:600], SET)
    assert fitting["ProjectionExpression"].count("#") == 600
    request = scan_request(TABLE, SCAN, columns, SET)
    assert "ProjectionExpression" not in request
    assert "ExpressionAttributeNames" not in request


def test_bug_26_no_column_at_all_is_a_count() -> None:
    request = scan_request(TABLE, NativeScan(TableScan(), (BIG,)), [], SET)
    assert request["Select"] == "COUNT"
    assert "ProjectionExpression" not in request
    assert request["FilterExpression"] == "#n0 > :v0"


def test_items_are_read_to_be_counted_if_that_is_not_exact_or_they_are_fetched() -> None:
    request = scan_request(TABLE, NativeScan(TableScan(), is_exact=False), [], SET)
    assert "Select" not in request
    assert request["ProjectionExpression"] == "#n0"
    assert request["ExpressionAttributeNames"] == {"#n0": "pk"}
    assert not counts_only(NativeScan(Lookup(())), [])
    assert counts_only(SCAN, [])
    assert not counts_only(SCAN, [PK])


def test_bug_27_a_page_with_a_filter_is_larger_than_the_limit_and_the_next_ones_grow() -> None:
    filtered = NativeScan(TableScan(), (BIG,), limit=10)
    assert [page_limit(filtered, page) for page in range(3)] == [1000, 4000, 16000]
    assert page_limit(replace(filtered, limit=5000), 1) == 20000
    assert page_limit(filtered, 10**9) == 2**31 - 1
    residual = NativeScan(TableScan(), is_exact=False, limit=10)
    assert page_limit(residual, 0) == 1000
    assert page_limit(NativeScan(TableScan(), limit=10), 7) == 10
    assert page_limit(SCAN, 0) is None


def test_limits_of_a_filter_are_known_to_the_byte_and_the_operator() -> None:
    many: list[Condition] = [Exists("a")] * 150
    assert fits([])
    assert fits([*many, Exists("a")][:150])
    assert not fits([*many, Exists("a")])
    # "#n0 IN (...)": 100 operands of 4 to 6 bytes each.
    wide = In("a", tuple({"N": str(number)} for number in range(100)))
    text = scan_request(TABLE, NativeScan(TableScan(), (wide,)), [PK], SET)["FilterExpression"]
    count = 4096 // (len(text) + 4)
    assert fits([any_of([wide] * count)])
    assert not fits([any_of([wide] * (count + 1))])
    assert fits([Comparison("a", "=", {"S": "x" * 1_000_000})])
    assert not fits([Comparison("a", "=", {"S": "x" * 1_100_000})])


# Fitting


COLUMNS = (
    PK,
    Column("sk", pa.decimal128(38, 9), "sk", key_type="N", is_rounded=False),
    Column("city", pa.string(), "city", key_type="S"),
    Column("note", pa.string(), "note"),
    Column("amount", pa.int64(), "amount"),
)
RELATION = Relation(TABLE, COLUMNS)


def many(count: int, start: str = "") -> SortedRangeSet:
    texts = [f"{start}{number:06}" for number in range(count)]
    return SortedRangeSet.of_points(pa.string(), texts)


def kinds(planned: Pushdown) -> dict[str, Exactness]:
    found = {}
    for each in planned.decisions:
        assert isinstance(each.conjunct, ColumnDomain)
        found[each.conjunct.column] = each.exactness
    return found


def test_bug_18_lists_are_split_and_what_is_too_long_is_left_out_dearest_first() -> None:
    settings = replace(SET, dynamodb_index_mode="never")
    wanted = {
        "note": many(250),
        "city": many(250, "c"),
        "amount": SortedRangeSet.of_points(pa.int64(), [1]),
    }
    planned = plan(Constraints(wanted), RELATION, settings, ["pk"])
    assert kinds(planned) == {
        "note": Exactness.SUPERSET,
        "city": Exactness.EXACT,
        "amount": Exactness.SUPERSET,
    }
    wanted["pk"] = many(290, "p").complement()
    planned = plan(Constraints(wanted, limit=5), RELATION, settings, ["pk"])
    assert isinstance(planned.native, NativeScan)
    assert kinds(planned) == {
        "note": Exactness.NOT_PUSHED,
        "city": Exactness.EXACT,
        "amount": Exactness.SUPERSET,
        "pk": Exactness.EXACT,
    }
    assert fits(planned.native.filters)
    assert not planned.native.is_exact
    reasons = [each.reason for each in planned.decisions]
    assert reasons[0] == "The filter would be longer than DynamoDB takes it."


def test_bug_18_a_list_that_is_too_long_for_a_filter_is_a_range() -> None:
    planned = plan(Constraints({"city": many(1001).union(many(2000))}), RELATION, SET, ["pk"])
    assert isinstance(planned.native, NativeScan)
    # As keys of an index they are still asked for one by one.
    assert isinstance(planned.native.path, Queries)
    settings = replace(SET, dynamodb_index_mode="never")
    planned = plan(Constraints({"city": many(2000)}), RELATION, settings, ["pk"])
    assert isinstance(planned.native, NativeScan)
    assert native_text(TABLE, planned.native) == (
        'Scan shop: filter: city BETWEEN "000000" AND "001999"',
    )
    assert planned.decisions[0].exactness is Exactness.SUPERSET


# For people


def test_requests_are_told_a_line_each() -> None:
    queries = (
        KeyQuery(({"S": "Rome"},)),
        KeyQuery(({"S": "Bonn"},), (RangeCondition("name", "begins_with", ({"S": "A"},)),)),
    )
    native = NativeScan(Queries("by_city", queries), (BIG,))
    assert native_text(TABLE, native) == (
        'Query shop$by_city: city = "Rome"; filter: "Size-1" > 3',
        'Query shop$by_city: city = "Bonn" AND begins_with(name, "A"); filter: "Size-1" > 3',
    )
    assert native_text(TABLE, native, Queries("by_city", queries[:1])) == (
        'Query shop$by_city: city = "Rome"; filter: "Size-1" > 3',
    )
    keys = tuple(({"S": "a"}, {"N": str(number)}) for number in range(101))
    lines = native_text(TABLE, NativeScan(Lookup(keys)))
    assert len(lines) == 2
    assert lines[1] == 'BatchGetItem shop: pk = "a" AND sk = 100'
    assert native_text(TABLE, SCAN) == ("Scan shop",)
    assert native_text(TABLE, NativeScan(TableScan("by_city"), (BIG,))) == (
        'Scan shop$by_city: filter: "Size-1" > 3',
    )
    assert native_text(TABLE, NativeScan(Lookup(()))) == ()


def test_a_query_is_not_filtered_by_keys_of_its_index() -> None:
    wanted = SortedRangeSet.of(
        pa.decimal128(38, 9),
        [Range.less_than(Decimal(1)), Range.greater_than(Decimal(1))],
        null_allowed=False,
    )
    constraints = Constraints({"pk": many(1), "sk": wanted})
    planned = plan(constraints, RELATION, SET, ["pk"])
    assert isinstance(planned.native, NativeScan)
    assert planned.native.filters == ()
    assert [each.exactness for each in planned.decisions] == [
        Exactness.EXACT,
        Exactness.NOT_PUSHED,
    ]
