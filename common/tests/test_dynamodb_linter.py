"""Requests that DynamoDB refuses are refused, and no others."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.dynamodb import DynamoDb, TableIndex
from athena_connectors.common.testing.dynamodb_expressions import (
    ExpressionError,
    Path,
    parse_condition,
    parse_projection,
)
from athena_connectors.common.testing.dynamodb_linter import complaints, watch_requests

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEXES = (
    TableIndex("by_day", [("pk", "S"), ("day", "S")], is_local=True),
    TableIndex("by_shop", [("shop", "S"), ("day", "S")], included=("price",)),
)
S, N, B = {"S": "x"}, {"N": "1"}, {"B": b"x"}


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDb) -> Mapping[str, Any]:
    name = dynamodb.create_table(("pk", "S"), ("sk", "N"), indexes=INDEXES)
    found = dynamodb.describe(name)
    assert found is not None
    return found


@pytest.fixture
def wide(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table with an index of two hash keys and three range keys."""
    names = ("h1", "h2", "r1", "r2", "r3")
    keys = [
        {"AttributeName": name, "KeyType": "HASH" if name[0] == "h" else "RANGE"} for name in names
    ]
    index = {"IndexName": "wide", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
    types = [{"AttributeName": name, "AttributeType": "S"} for name in names]
    return {
        **table,
        "AttributeDefinitions": [*table["AttributeDefinitions"], *types],
        "GlobalSecondaryIndexes": [*table["GlobalSecondaryIndexes"], index],
    }


def _lint(table: Mapping[str, Any], operation: str, request: dict[str, Any]) -> str:
    asked = {"TableName": table["TableName"], **request}
    return "; ".join(complaints(operation, asked, lambda _: table))


def _scan(table: Mapping[str, Any], text: str, *values: Any, **more: Any) -> str:
    """Lint a Scan whose filter names attributes ``#a``, ``#b`` and values ``:0``, ``:1``."""
    request: dict[str, Any] = {"FilterExpression": text}
    names = {alias: alias[1:] for alias in ("#a", "#b") if alias in text}
    if names:
        request["ExpressionAttributeNames"] = names
    if values:
        request["ExpressionAttributeValues"] = {f":{i}": value for i, value in enumerate(values)}
    return _lint(table, "Scan", {**request, **more})


def _query(
    table: Mapping[str, Any], text: str, values: list[Any], *, index: str = "", **more: Any
) -> str:
    """Lint a Query whose expressions name attributes by ``#`` and their own names."""
    request: dict[str, Any] = {"KeyConditionExpression": text, **more}
    if index:
        request["IndexName"] = index
    texts = " ".join(
        str(more.get(name, "")) for name in ("FilterExpression", "ProjectionExpression")
    )
    words = (text + " " + texts).replace("(", " ").replace(",", " ").replace(")", " ").split()
    request["ExpressionAttributeNames"] = {w: w[1:] for w in words if w.startswith("#")}
    request["ExpressionAttributeValues"] = {f":{i}": value for i, value in enumerate(values)}
    return _lint(table, "Query", request)


# --- what is fine


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("#a = :0", [S]),
        ("#a <> :0 AND NOT #b IN (:0, :1)", [S, {"BOOL": True}]),
        ("(#a < :0 OR (#b > :1 AND #a >= :0)) AND attribute_exists(#a)", [N, S]),
        ("((#a = :0) OR (#b = :0))", [N]),
        ("#a.#b[3] BETWEEN :0 AND :1 AND size(#a) > :0", [N, {"N": "1.0"}]),
        ("begins_with(#a, :0) OR contains(#a, :1)", [B, {"NULL": True}]),
        ("attribute_type(#a, :0) OR attribute_not_exists(#b)", [{"S": "NS"}]),
        ("#a = :0", [{"M": {"x": {"L": [{"N": "1E+10"}, {"NULL": True}]}}}]),
        ("#a BETWEEN :0 AND :1", [{"N": "-10"}, {"N": "9"}]),
    ],
)
def test_good_filters(
    dynamodb: DynamoDb, table: Mapping[str, Any], text: str, values: list[Any]
) -> None:
    assert _scan(table, text, *values) == ""
    request: dict[str, Any] = {
        "ExpressionAttributeNames": {alias: alias[1:] for alias in ("#a", "#b") if alias in text},
        "ExpressionAttributeValues": {f":{i}": value for i, value in enumerate(values)},
    }
    dynamodb.client().scan(TableName=table["TableName"], FilterExpression=text, **request)


@pytest.mark.parametrize(
    ("text", "values", "more"),
    [
        ("#pk = :0", [S], {}),
        ("#pk = :0 AND #sk BETWEEN :1 AND :2", [S, N, {"N": "2"}], {"ConsistentRead": True}),
        ("(#pk = :0) AND (#sk >= :1)", [S, N], {"Select": "COUNT"}),
        ("#pk = :0 AND begins_with(#day, :0)", [S], {"index": "by_day", "Limit": 1}),
        ("#shop = :0", [S], {"index": "by_shop", "FilterExpression": "#price = :0"}),
        ("#shop = :0", [S], {"index": "by_shop", "ProjectionExpression": "#pk, #price"}),
        ("#pk = :0", [S], {"index": "by_day", "ProjectionExpression": "#anything"}),
        ("#shop = :0", [S], {"index": "by_shop", "FilterExpression": "#pk = :0"}),
    ],
)
def test_good_queries(
    table: Mapping[str, Any], text: str, values: list[Any], more: dict[str, Any]
) -> None:
    assert _query(table, text, values, **more) == ""


def test_other_good_requests(table: Mapping[str, Any]) -> None:
    assert _lint(table, "Scan", {"Segment": 0, "TotalSegments": 1}) == ""
    key = {"pk": S, "sk": N}
    assert _lint(table, "Scan", {"ExclusiveStartKey": key}) == ""
    wider = {**key, "shop": S, "day": S}
    assert _lint(table, "Scan", {"IndexName": "by_shop", "ExclusiveStartKey": wider}) == ""
    assert _batch(table, [key, {"pk": S, "sk": {"N": "2"}}]) == ""
    assert _lint(table, "ExecuteStatement", {"Statement": "SELECT 1", "Limit": 1}) == ""
    assert _lint(table, "DescribeTable", {}) == ""


def test_nothing_is_said_of_a_table_that_does_not_exist() -> None:
    assert not list(complaints("Scan", {"TableName": "x", "Limit": 0}, lambda _: None))


# --- filters


@pytest.mark.parametrize(
    ("text", "values", "complaint"),
    [
        ("", [], "unexpected 'end'"),
        ("#a = ", [], "unexpected 'end'"),
        ("#a == :0", [S], "unexpected"),
        ("#a = :0 :0", [S], "unexpected ':0'"),
        ("#a ! :0", [S], "unexpected '!'"),
        ("(#a = :0", [S], "unexpected 'end'"),
        ("#a IN ()", [], "unexpected ')'"),
        ("size(#a)", [], "unexpected 'end'"),
        ("begins_with(#a)", [], "takes 2 operands"),
        ("((#a = :0))", [S], "redundant parentheses"),
        ("#b = :0 OR ((#a = :0 AND #b = :0))", [S], "redundant parentheses"),
        ("plain = :0", [S], "names ['plain'], which may be reserved words"),
        ("#a = :0 AND #c = :0", [S], "names used: ['#a', '#c'], defined: ['#a']"),
        ("#a = :0", [S, N], "values used: [':0'], defined: [':0', ':1']"),
        ("#a = :1", [S], "values used: [':1'], defined: [':0']"),
        ("#a < :0", [{"BOOL": True}], "< with an operand of type ['BOOL']"),
        ("#a >= :0", [{"NULL": True}], ">= with an operand of type ['NULL']"),
        ("#a <= :0", [{"L": [N]}], "<= with an operand of type ['L']"),
        ("begins_with(#a, :0)", [N], "begins_with with an operand of type ['N']"),
        ("attribute_type(#a, :0)", [{"S": "X"}], "attribute_type of {'S': 'X'}"),
        ("#a BETWEEN :0 AND :1", [{"N": "10"}, {"N": "9"}], "BETWEEN {'N': '10'}"),
        ("#a BETWEEN :0 AND :1", [{"B": b"\xff"}, {"B": b"\x00"}], "BETWEEN"),
        ("#a BETWEEN :0 AND :1", [N, S], "BETWEEN of ['N'] and ['S']"),
        ("#a BETWEEN :0 AND :1", [{"BOOL": True}, {"BOOL": True}], "BETWEEN with an operand"),
        (":0 = :1", [S, S], ":0 is compared with :1"),
        ("#a = :0", [{"N": "1e200"}], "number 1e200 is out of range"),
        ("#a = :0", [{"N": "NaN"}], "number NaN is out of range"),
        ("#a = :0", [{"N": "1" * 39}], "out of range"),
        ("#a = :0", [{"N": "one"}], "'one' is no number"),
        ("#a = :0", [{"SS": []}], "a set that is empty"),
        ("#a = :0", [{"NS": ["1", "1"]}], "has a member twice"),
        ("#a = :0", [{"M": {"x": {"X": 1}}}], "no attribute value"),
        ("#a = :0", [{"S": "x", "N": "1"}], "no attribute value"),
    ],
)
def test_bad_filters(
    table: Mapping[str, Any], text: str, values: list[Any], complaint: str
) -> None:
    assert complaint in _scan(table, text, *values)


def _values(count: int) -> list[dict[str, str]]:
    return [{"N": str(number)} for number in range(count)]


def _places(count: int) -> str:
    return ", ".join(f":{number}" for number in range(count))


@pytest.mark.parametrize(("count", "is_good"), [(100, True), (101, False)])
def test_operands_of_in(table: Mapping[str, Any], *, count: int, is_good: bool) -> None:
    found = _scan(table, f"#a IN ({_places(count)})", *_values(count))
    assert found == ("" if is_good else "IN of 101 operands")


@pytest.mark.parametrize(("count", "is_good"), [(150, True), (151, False)])
def test_operators(table: Mapping[str, Any], *, count: int, is_good: bool) -> None:
    # So many comparisons have one AND less between them.
    text = " AND ".join(["#a = :0"] * count)
    assert _scan(table, text, S) == ("" if is_good else "301 operators")


@pytest.mark.parametrize(("size", "is_good"), [(4096, True), (4097, False)])
def test_bytes_of_an_expression(table: Mapping[str, Any], *, size: int, is_good: bool) -> None:
    text = "#a = :0".ljust(size)
    assert _scan(table, text, S) == ("" if is_good else "FilterExpression of 4097 bytes")


def test_bytes_of_names_and_values(table: Mapping[str, Any]) -> None:
    assert "bytes of names and values" in _scan(table, "#a = :0", {"S": "x" * 2**21})


def test_empty_names_and_values(table: Mapping[str, Any]) -> None:
    request: dict[str, Any] = {"ExpressionAttributeNames": {}, "ExpressionAttributeValues": {}}
    found = _lint(table, "Scan", request)
    assert found == "empty ExpressionAttributeNames; empty ExpressionAttributeValues"


def test_texts_are_ordered_by_their_bytes(table: Mapping[str, Any]) -> None:
    # By UTF-16 code units, as dynalite orders them, the second would come first.
    low, high = {"S": "\uffff"}, {"S": "\U0001f600"}
    assert _scan(table, "#a BETWEEN :0 AND :1", low, high) == ""
    assert "BETWEEN" in _scan(table, "#a BETWEEN :0 AND :1", high, low)


# --- projections


@pytest.mark.parametrize(
    ("text", "names", "complaint"),
    [
        ("#a, #b", {"#a": "a", "#b": "b"}, ""),
        ("#a.#b, #a.#c", {"#a": "a", "#b": "b", "#c": "c"}, ""),
        ("#a, #b", {"#a": "a", "#b": "a"}, "overlap"),
        ("#a, #a.#b", {"#a": "a", "#b": "b"}, "overlap"),
        ("#a[0].#b, #a[0]", {"#a": "a", "#b": "b"}, "overlap"),
        ("#a,", {"#a": "a"}, "unexpected 'end'"),
        ("#a[x]", {"#a": "a"}, "unexpected 'x'"),
        ("#a #b", {"#a": "a", "#b": "b"}, "unexpected '#b'"),
    ],
)
def test_projections(
    table: Mapping[str, Any], text: str, names: dict[str, str], complaint: str
) -> None:
    request = {"ProjectionExpression": text, "ExpressionAttributeNames": names}
    found = _lint(table, "Scan", request)
    assert complaint in found
    assert bool(complaint) == bool(found)


# --- queries


@pytest.mark.parametrize(
    ("text", "values", "more", "complaint"),
    [
        ("#pk = :0 OR #sk = :1", [S, N], {}, "is no key condition"),
        ("#pk = :0 AND NOT #sk = :1", [S, N], {}, "is no key condition"),
        ("#pk = :0 AND #sk IN (:1)", [S, N], {}, "is no key condition"),
        ("#pk = :0 AND attribute_exists(#sk)", [S], {}, "is no key condition"),
        ("#pk = :0 AND #sk <> :1", [S, N], {}, "<> on range key sk"),
        ("#pk > :0", [S], {}, "hash key pk without an equality"),
        ("#sk = :0", [N], {}, "hash key pk without an equality"),
        ("#pk = :0 AND #sk > :1 AND #sk < :1", [S, N], {}, "two conditions on sk"),
        ("#pk = :0 AND #other = :0", [S], {}, "other is no key of the index"),
        ("#pk = :0 AND #sk = :0", [S], {}, "no value for key sk of type N"),
        ("#pk = :0", [{"S": ""}], {}, "a value of 0 bytes for key pk"),
        ("#pk = :0", [{"S": "x" * 2049}], {}, "a value of 2049 bytes for key pk"),
        ("#pk = :0 AND begins_with(#sk, :1)", [S, N], {}, "begins_with with an operand"),
        ("#pk = :0", [S], {"FilterExpression": "#sk = :0"}, "a filter on keys"),
        ("#pk = :0", [S], {"FilterExpression": "attribute_exists(#pk)"}, "a filter on keys"),
        ("#shop = :0", [S], {"index": "by_shop", "ConsistentRead": True}, "ConsistentRead"),
        (
            "#shop = :0",
            [S],
            {"index": "by_shop", "ProjectionExpression": "#pk, #color"},
            "the index lacks ['color']",
        ),
        (
            "#shop = :0",
            [S],
            {"index": "by_shop", "FilterExpression": "#color = :0"},
            "the index lacks ['color']",
        ),
        ("#pk = :0", [S], {"index": "nothing"}, "no index nothing"),
        ("#pk = :0", [S], {"Limit": 0}, "Limit below 1"),
        ("#pk = :0", [S], {"ProjectionExpression": "#a", "Select": "COUNT"}, "Select together"),
        ("#pk = :0", [S], {"Segment": 0, "TotalSegments": 1}, "do not belong to Query"),
        ("#pk = :0", [S], {"AttributesToGet": ["a"]}, "do not belong to Query"),
        ("#pk = :0", [S], {"ExclusiveStartKey": {"pk": S}}, "are not the key ['pk', 'sk']"),
        ("#pk = :0", [S], {"ExclusiveStartKey": {"pk": S, "sk": S}}, "key sk of type N"),
    ],
)
def test_bad_queries(
    table: Mapping[str, Any], text: str, values: list[Any], more: dict[str, Any], complaint: str
) -> None:
    assert complaint in _query(table, text, values, **more)


def test_a_query_needs_a_key_condition(table: Mapping[str, Any]) -> None:
    assert _lint(table, "Query", {}) == "a Query without a key condition"


@pytest.mark.parametrize(
    ("operators", "complaint"),
    [
        ({"h1": "=", "h2": "="}, ""),
        ({"h1": "=", "h2": "=", "r1": "=", "r2": "=", "r3": "<"}, ""),
        ({"r1": ">", "h2": "=", "h1": "="}, ""),
        ({"h1": "="}, "hash key h2 without an equality"),
        ({"h1": "=", "h2": "=", "r2": "="}, "range keys ['r2'] with a gap"),
        ({"h1": "=", "h2": "=", "r1": ">", "r2": "="}, "> on range key r1, which is not the last"),
    ],
)
def test_indexes_of_several_keys(
    wide: Mapping[str, Any], operators: dict[str, str], complaint: str
) -> None:
    text = " AND ".join(f"#{name} {operator} :0" for name, operator in operators.items())
    found = _query(wide, text, [S], index="wide")
    assert complaint in found
    assert bool(complaint) == bool(found)


# --- the rest


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"Segment": 0}, "belong together"),
        ({"TotalSegments": 2}, "belong together"),
        ({"Segment": 2, "TotalSegments": 2}, "segment 2 of 2"),
        ({"Segment": 0, "TotalSegments": 1_000_001}, "1000001 segments"),
        ({"KeyConditionExpression": "#a = :0"}, "do not belong to Scan"),
    ],
)
def test_bad_scans(table: Mapping[str, Any], request_: dict[str, Any], complaint: str) -> None:
    assert complaint in _lint(table, "Scan", request_)


def _batch(table: Mapping[str, Any], keys: list[Any], **more: Any) -> str:
    return _lint(table, "BatchGetItem", {"RequestItems": {"t": {"Keys": keys, **more}}})


def test_bad_batches(table: Mapping[str, Any]) -> None:
    keys = [{"pk": S, "sk": {"N": str(number)}} for number in range(101)]
    assert _batch(table, keys[:100]) == ""
    assert _batch(table, keys) == "101 keys"
    assert _batch(table, []) == "0 keys"
    assert "key twice" in _batch(table, [keys[1], {"pk": S, "sk": {"N": "1.0"}}])
    assert "are not the key" in _batch(table, [{"pk": S}])
    projection = {"ProjectionExpression": "#a, #a", "ExpressionAttributeNames": {"#a": "a"}}
    assert "overlap" in _batch(table, keys[:1], **projection)


def test_bad_statements(table: Mapping[str, Any]) -> None:
    assert "length" in _lint(table, "ExecuteStatement", {"Statement": ""})
    assert "length" in _lint(table, "ExecuteStatement", {"Statement": "x" * 8193})
    assert "empty" in _lint(table, "ExecuteStatement", {"Statement": "x", "Parameters": []})
    assert "Limit" in _lint(table, "ExecuteStatement", {"Statement": "x", "Limit": 0})


def test_values_of_the_wire_are_understood(table: Mapping[str, Any]) -> None:
    low, high = {"B": "AAA="}, {"B": "/w=="}
    assert _scan(table, "#a BETWEEN :0 AND :1", low, high) == ""
    assert "BETWEEN" in _scan(table, "#a BETWEEN :0 AND :1", high, low)


def test_a_watched_client_sends_no_bad_request(
    dynamodb: DynamoDb, table: Mapping[str, Any]
) -> None:
    client = DynamoDb(dynamodb.url).client()
    watch_requests(client, dynamodb.describe)
    name = table["TableName"]
    client.scan(TableName=name)
    with pytest.raises(AssertionError, match="Segment and TotalSegments belong together"):
        client.scan(TableName=name, Segment=0)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.scan(TableName="nothing")


# --- the language


def test_precedence() -> None:
    parts = ["#a = :0", "#b = :0", "#c = :0"]
    assert parse_condition(" OR ".join([parts[0], f"{parts[1]} and {parts[2]}"])) == (
        parse_condition(f"{parts[0]} OR ({parts[1]} AND {parts[2]})")
    )
    assert parse_condition(f"NOT {parts[0]} AND {parts[1]}") == (
        parse_condition(f"(NOT {parts[0]}) AND {parts[1]}")
    )
    assert parse_condition("#a BETWEEN :0 AND :1 AND #b = :0") == (
        parse_condition("(#a BETWEEN :0 AND :1) AND #b = :0")
    )
    texts = [
        f"{parts[0]} AND {parts[1]} OR {parts[2]}",
        f"{parts[0]} AND ({parts[1]} OR {parts[2]})",
    ]
    for first, second in combinations(texts, 2):
        assert parse_condition(first) != parse_condition(second)


def test_paths() -> None:
    assert parse_projection("#a.#b[10][2].c") == (Path(("#a", "#b", 10, 2, "c")),)
    for text in ("#a.", "#a[", "#a[1", "[1]", ".a", "and"):
        with pytest.raises(ExpressionError):
            parse_projection(text)
