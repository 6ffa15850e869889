"""Native queries: what is read of their arguments, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.documentdb.passthrough import FUNCTION, Statement, read_statement
from bson.objectid import ObjectId

_HEX = "65920080f1d2c3b4a5968778"


def _read(filter_: str, **names: str) -> Statement:
    given = {"DATABASE": "shop", "COLLECTION": "orders", "FILTER": filter_}
    return read_statement(given | names)


def test_the_function_has_the_arguments_of_the_java_connector() -> None:
    assert FUNCTION.signature == "SYSTEM.QUERY"
    assert FUNCTION.arguments == ("DATABASE", "COLLECTION", "FILTER")


def test_a_document_is_a_filter() -> None:
    found = _read(f"{{_id: ObjectId('{_HEX}'), 'n': {{$gt: 5}}}}")
    assert found == Statement("shop", "orders", {"_id": ObjectId(_HEX), "n": {"$gt": 5}})
    assert _read("{}").filter == {}
    assert _read(" {} ", DATABASE=" shop ", COLLECTION=" orders ") == _read("{}")


def test_an_array_is_a_pipeline() -> None:
    found = _read("[{$match: {a: 1}}, {$group: {_id: '$b', n: {$sum: 1}}}]")
    assert found.pipeline == ({"$match": {"a": 1}}, {"$group": {"_id": "$b", "n": {"$sum": 1}}})
    assert found.filter == {}
    assert _read("[]").pipeline == ()


@pytest.mark.parametrize("text", ["5", "'x'", "null", "[5]", "[{}]", "[{$match: {}, $limit: 5}]"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="neither a document nor an array"):
        _read(text)


_WRITES = ["$out", "$merge"]
_SCRIPTS = ["$where", "$function", "$accumulator"]


@pytest.mark.parametrize("name", [*_WRITES, *_SCRIPTS, "$changeStream"])
@pytest.mark.parametrize(
    "place",
    [
        "{%s: 'x'}",
        "{a: {$not: {'%s': 'x'}}}",
        "{$or: [{a: 1}, {$and: [{\"%s\": 'x'}]}]}",
        "{$expr: {$eq: [1, {%s: {body: 'x'}}]}}",
        "[{%s: 'x'}]",
        "[{$lookup: {from: 'a', pipeline: [{$match: {}}, {%s: 'x'}], as: 'b'}}]",
        "[{$facet: {a: [{$group: {_id: null, n: {%s: {}}}}]}}]",
        "[{$unionWith: {coll: 'a', pipeline: [{%s: {}}]}}]",
        "{a: {'\\u0024%.0s': 1}, b: {'\\u0024%s': 1}}",
    ],
)
def test_what_does_more_than_read_is_refused_wherever_it_stands(name: str, place: str) -> None:
    text = place % (name, name.removeprefix("$")) if "%.0s" in place else place % name
    with pytest.raises(UnsupportedOperationError) as refused:
        _read(text)
    assert f"holds {name}," in str(refused.value)


def test_names_of_values_are_not_taken_for_operators() -> None:
    assert _read("{out: 1, where: '$where', merge: {$in: ['$out']}}").filter["where"] == "$where"


@pytest.mark.parametrize("text", ["{'a\\u0000b': 1}", "{a: {$regex: 'x\\u0000'}}"])
def test_what_bson_can_not_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="with a zero"):
        _read(text)


def test_a_filter_that_fits_no_request_is_refused() -> None:
    long: Any = "x" * (12 * 1024 * 1024)
    with pytest.raises(InvalidRequestError, match=r"12,582,9\d\d bytes"):
        _read(f"{{a: '{long}'}}")


def test_a_text_that_is_no_filter_tells_the_place() -> None:
    with pytest.raises(InvalidRequestError, match="Argument FILTER can't be read at character 5"):
        _read("{a: x}")
