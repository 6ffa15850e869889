from __future__ import annotations

import base64
import gc
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import (
    ConfigurationError,
    DataConversionError,
    SourceError,
    UnsupportedTypeError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.dynamodb import pages
from athena_connectors.dynamodb.pages import PageDecoder
from athena_connectors.dynamodb.relation import Column, TimeFormat
from athena_connectors.dynamodb.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

_DECIMAL = pa.decimal128(38, 9)
_COLUMNS = (
    Column("id", pa.string(), "id", key_type="S"),
    Column("price", _DECIMAL, "price"),
    Column("sold", pa.int32(), "sold"),
    Column("active", pa.bool_(), "active"),
    Column("photo", pa.binary(), "photo"),
    Column("since", pa.date64(), "since", time=TimeFormat()),
    Column("tags", pa.list_(pa.string()), "tags"),
    Column("scores", pa.list_(_DECIMAL), "scores"),
    Column("address", pa.struct([("City", pa.string()), ("zip", pa.int32())]), "address"),
    Column("note", pa.string(), "note", others=("Note",)),
)
_ITEMS: list[dict[str, Any]] = [
    {
        "id": {"S": "a"},
        "price": {"N": "1.5"},
        "sold": {"N": "7"},
        "active": {"BOOL": True},
        "photo": {"B": "AAE="},
        "since": {"S": "2020-01-01T00:00:00Z"},
        "tags": {"SS": ["y", "x"]},
        "scores": {"L": [{"N": "1"}, {"N": "2"}]},
        "address": {"M": {"City": {"S": "Rome"}, "zip": {"N": "123"}}},
        "note": {"NULL": True},
        "unasked": {"M": {"deep": {"L": [{"S": "x"}]}}},
    },
    {"id": {"S": "b"}, "address": {"M": {"City": {"S": "Oslo"}}}, "Note": {"S": "late"}},
]
_ROWS = [
    {
        "id": "a",
        "price": "1.500000000",
        "sold": 7,
        "active": True,
        "photo": b"\0\1",
        "since": 1_577_836_800_000,
        "tags": ["x", "y"],
        "scores": ["1.000000000", "2.000000000"],
        "address": {"City": "Rome", "zip": 123},
        "note": None,
    },
    dict.fromkeys([column.name for column in _COLUMNS])
    | {"id": "b", "address": {"City": "Oslo", "zip": None}, "note": "late"},
]


@dataclass
class Reply:
    body: bytes | None = None
    parsed: dict[str, Any] | None = None


def reply(items: Sequence[dict[str, Any]] | None = None, **members: Any) -> Reply:
    if items is not None:
        members = {"Count": len(items), "Items": items, "ScannedCount": len(items), **members}
    return Reply(json.dumps(members, separators=(",", ":")).encode())


def decoder(
    columns: Sequence[Column] = _COLUMNS,
    *,
    stats: SplitStats | None = None,
    relation_columns: Sequence[Column] | None = None,
    **changed: Any,
) -> PageDecoder:
    return PageDecoder(
        columns,
        table="shop",
        settings=Settings(**changed),
        stats=stats or SplitStats(),
        relation_columns=relation_columns,
    )


def text_column(name: str = "note", **changed: Any) -> Column:
    return Column(name, pa.string(), name, **changed)


def rows_of(page: pages.Page) -> list[dict[str, Any]]:
    plain = [
        array.view(pa.int64()) if pa.types.is_date64(array.type) else array
        for array in page.batch.columns
    ]
    rows = pa.RecordBatch.from_arrays(plain, names=page.batch.schema.names).to_pylist()
    decimals = {"price": str, "scores": lambda values: list(map(str, values))}
    return [
        {k: decimals[k](v) if k in decimals and v is not None else v for k, v in row.items()}
        for row in rows
    ]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Bodies that were read into dictionaries."""
    seen: list[bytes] = []
    load = pages.load

    def watched(body: bytes) -> dict[str, Any]:
        seen.append(body)
        return load(body)

    monkeypatch.setattr(pages, "load", watched)
    return seen


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Bodies that were given to Arrow's reader."""
    seen: list[bytes] = []
    read = pages.read_json

    def watched(body: bytes, *arguments: Any, **named: Any) -> Any:
        seen.append(body)
        return read(body, *arguments, **named)

    monkeypatch.setattr(pages, "read_json", watched)
    return seen


# Ways of reading


def test_plain_pages_are_never_read_into_dictionaries(loads: list[bytes]) -> None:
    decode = decoder().decode
    for _ in range(3):
        assert rows_of(decode(reply(_ITEMS), "Scan")) == _ROWS
    assert loads == []


def test_a_tag_that_was_not_expected_is_expected_from_then_on(loads: list[bytes]) -> None:
    decode = decoder([text_column()]).decode
    page = reply([{"note": {"S": "x"}}, {"note": {"N": "5.0"}}, {"note": {"BOOL": False}}])
    for _ in range(3):
        assert decode(page, "Scan").batch["note"].to_pylist() == ["x", "5", "false"]
    assert len(loads) == 1


def test_a_page_after_one_that_needed_dictionaries_starts_with_them(reads: list[bytes]) -> None:
    decode = decoder([text_column()]).decode
    nested, plain = reply([{"note": {"M": {"b": {"N": "1"}}}}]), reply([{"note": {"S": "x"}}])
    found = [
        decode(page, "Scan").batch["note"][0].as_py() for page in (nested, nested, plain, plain)
    ]
    assert found == ['{"b":1}', '{"b":1}', "x", "x"]
    assert len(reads) == 2


def test_a_name_in_another_case_within_a_map_is_found(loads: list[bytes]) -> None:
    column = Column("address", pa.struct([("City", pa.string())]), "address")
    decode = decoder([column]).decode
    plain = [{"address": {"M": {}}}, {"address": {"M": {"City": {"S": "Rome"}}}}]
    assert decode(reply(plain), "Scan").batch["address"].to_pylist() == [
        {"City": None},
        {"City": "Rome"},
    ]
    assert loads == []
    other = [*plain, {"address": {"M": {"city": {"S": "Oslo"}}}}]
    found = decode(reply(other), "Scan").batch["address"].to_pylist()
    assert found[2] == {"City": "Oslo"}
    two = [{"address": {"M": {"city": {"S": "Oslo"}, "CITY": {"S": "Rome"}}}}]
    assert decode(reply(two), "Scan").batch["address"].to_pylist() == [{"City": None}]


@pytest.mark.parametrize("type_", [pa.string(), pa.list_(pa.binary())], ids=str)
def test_a_set_of_binary_values_is_in_the_order_of_their_bytes(type_: pa.DataType) -> None:
    first, last = base64.b64encode(b"\0").decode(), base64.b64encode(b"\xfb").decode()
    assert last < first
    page = decoder([Column("b", type_, "b")]).decode(reply([{"b": {"BS": [last, first]}}]), "Scan")
    text = page.batch["b"].to_pylist() == [f'["{first}","{last}"]']
    assert text or page.batch["b"].to_pylist() == [[b"\0", b"\xfb"]]


def test_texts_of_a_set_are_in_order_whether_they_come_so_or_not() -> None:
    column = Column("tags", pa.list_(pa.string()), "tags")
    sorted_, not_sorted = ["a", "b", "\uffff", "\U00010000"], ["b", "a"]
    pages = [[sorted_, None, sorted_], [["b"], None, not_sorted, ["a"]], [["b"], [], ["a"]]]
    for sets in pages:
        items = [{} if each is None else {"tags": {"SS": each}} for each in sets]
        page = decoder([column]).decode(reply(items), "Scan")
        assert page.batch["tags"].to_pylist() == [each and sorted(each) for each in sets]


def test_the_collector_rests_while_items_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def load(body: bytes) -> dict[str, Any]:
        seen.append(gc.isenabled())
        loaded: dict[str, Any] = json.loads(body)
        return loaded

    monkeypatch.setattr(pages, "load", load)
    with pytest.raises(SourceError):
        decoder([text_column(is_json=True)]).decode(Reply(b"{}"), "Scan")
    assert (seen, gc.isenabled()) == ([False], True)


@pytest.mark.parametrize("name", ["k\\u212aey", "\\u004bey", "\u00c9", 'A\\"', "\\u00c9"])
def test_a_name_in_another_case_is_found_however_it_is_escaped(name: str) -> None:
    spelled = json.loads(f'"{name}"')
    column = Column("m", pa.struct([(spelled.lower(), pa.string())]), "m")
    body = f'{{"Items":[{{"m":{{"M":{{"{name}":{{"S":"x"}}}}}}}}],"Count":1}}'
    page = decoder([column]).decode(Reply(body.encode()), "Scan")
    assert page.batch["m"].to_pylist() == [{spelled.lower(): "x"}]


def test_an_attribute_in_another_case_is_read_where_an_item_lacks_it(loads: list[bytes]) -> None:
    column = text_column("a", others=("A", "\u00c9"))
    items = [{}, {"a": {"S": "x"}}, {"A": {"S": "y"}}, {"a": {"NULL": True}, "A": {"S": "z"}}]
    page = decoder([column]).decode(reply(items), "Scan")
    assert page.batch["a"].to_pylist() == [None, "x", "y", None]
    assert loads == []


def test_half_a_surrogate_pair_is_read_as_the_replacement_character() -> None:
    body = rb'{"Items":[{"note":{"S":"a\ud800b"}},{"note":{"L":[{"S":"\udc00"}]}}],"Count":2}'
    page = decoder([text_column()]).decode(Reply(body), "Scan")
    assert page.batch["note"].to_pylist() == ["a\ufffdb", '["\ufffd"]']


def test_json_with_blanks_and_line_ends_is_read_as_well() -> None:
    body = json.dumps({"Items": _ITEMS, "Count": 2, "ScannedCount": 2}, indent=1).encode()
    assert rows_of(decoder().decode(Reply(body), "Scan")) == _ROWS


def test_a_parsed_reply_has_bytes_for_binary_values() -> None:
    columns = [Column("photo", pa.binary(), "photo"), text_column("text")]
    items = [{"photo": {"B": b"\0\1"}, "text": {"B": b"\0\1"}}, {"text": {"BS": [b"\2", b"\1"]}}]
    page = decoder(columns).decode(Reply(parsed={"Items": items, "Count": 2}), "Query")
    assert page.batch["photo"].to_pylist() == [b"\0\1", None]
    assert page.batch["text"].to_pylist() == ["AAE=", '["AQ==","Ag=="]']


# Columns


def test_other_attributes_are_those_that_no_column_of_the_table_shows() -> None:
    rest = Column("rest", pa.string(), "")
    known = [text_column("a", others=("A",)), Column("b", pa.string(), "b", is_spelled=False), rest]
    items = [
        {"a": {"S": "x"}, "A": {"S": "x"}, "B": {"S": "x"}},
        {"z": {"NS": ["10", "9"]}, "c": {"NULL": True}, "b": {"S": "x"}},
    ]
    page = decoder([rest], relation_columns=known).decode(reply(items), "Scan")
    assert page.batch["rest"].to_pylist() == [None, '{"c":null,"z":[9,10]}']


def test_two_columns_may_show_one_attribute() -> None:
    columns = [Column("n", pa.int64(), "a"), Column("t", pa.string(), "a")]
    page = decoder(columns).decode(reply([{"a": {"N": "5"}}]), "Scan")
    assert page.batch.to_pylist() == [{"n": 5, "t": "5"}]


def test_a_map_with_other_keys_than_texts_is_refused_by_name() -> None:
    column = Column("m", pa.list_(pa.map_(pa.int32(), pa.string())), "m")
    with pytest.raises(UnsupportedTypeError, match="'m'"):
        decoder([column])


def test_a_malformed_time_format_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigurationError, match="'QQ'"):
        decoder([Column("d", pa.date32(), "d", time=TimeFormat("QQ"))])
    with pytest.raises(ConfigurationError, match="Mars"):
        decoder([Column("d", pa.date32(), "d", time=TimeFormat(zone="Mars"))])


# Values that do not fit


def test_a_mismatch_is_counted_on_every_page_and_told_once_without_the_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decode = decoder([Column("sold", pa.int32(), "sold")]).decode
    page = reply([{"sold": {"S": "secret"}}, {"sold": {"N": "1"}}, {"sold": {"L": []}}])
    with caplog.at_level(logging.WARNING):
        assert [decode(page, "Scan").mismatches for _ in range(3)] == [{"sold": 2}] * 3
    (record,) = caplog.records
    text = record.getMessage()
    assert "'sold'" in text
    assert "shop" in text
    assert "L, S" in text
    assert "secret" not in text


def test_a_mismatch_ends_the_query_if_the_settings_say_so() -> None:
    decode = decoder([Column("sold", pa.int32(), "sold")], on_type_mismatch="fail").decode
    with pytest.raises(DataConversionError, match=r"'sold' of shop is int32.*type S ") as caught:
        decode(reply([{"sold": {"S": "secret"}}]), "Scan")
    assert "secret" not in str(caught.value)
    assert "on_type_mismatch=null" in caught.value.hint


def test_a_number_out_of_range_ends_the_query_unless_the_settings_say_otherwise() -> None:
    column, page = Column("sold", pa.int8(), "sold"), reply([{"sold": {"N": "128"}}])
    with pytest.raises(DataConversionError, match="'sold' of shop") as caught:
        decoder([column]).decode(page, "Scan")
    assert "number_inference=varchar" in caught.value.hint
    lenient = decoder([column], on_number_overflow="null").decode(page, "Scan")
    assert lenient.batch["sold"].to_pylist() == [None]
    assert lenient.mismatches == {"sold": 1}


# Around the items


@pytest.mark.parametrize("is_parsed", [False, True])
def test_a_page_tells_where_to_go_on_and_what_it_cost(is_parsed: bool) -> None:  # noqa: FBT001
    key = {"id": {"S": "b"}, "n": {"N": "1.5"}, "b": {"B": "AAE="}}
    told = reply(
        [{"id": {"S": "a"}}],
        ScannedCount=9,
        LastEvaluatedKey=key,
        NextToken="more",
        ConsumedCapacity={"TableName": "shop", "CapacityUnits": 1.5},
    )
    if is_parsed:
        told = Reply(parsed=json.loads(told.body or b""))
    page = decoder([text_column("id")]).decode(told, "Scan")
    assert page.last_key == {"id": {"S": "b"}, "n": {"N": "1.5"}, "b": {"B": b"\0\1"}}
    assert (page.next_token, page.count, page.scanned, page.read_units) == ("more", 1, 9, 1.5)


def test_the_last_page_tells_no_place_to_go_on() -> None:
    page = decoder().decode(reply([]), "Scan")
    assert (page.batch.num_rows, page.last_key, page.next_token) == (0, None, None)
    assert (page.read_units, page.unprocessed, page.mismatches) == (0.0, None, {})


_NAMES = st.sampled_from(["LastEvaluatedKey", 'x"LastEvaluatedKey', "Items", "Count", "a", "}]"])
_VALUES = st.recursive(
    st.one_of(_NAMES, st.text(max_size=3)).map(lambda text: {"S": text}),
    lambda inner: st.dictionaries(_NAMES, inner, max_size=2).map(lambda content: {"M": content}),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(
    items=st.lists(st.dictionaries(_NAMES, _VALUES, max_size=2), max_size=3),
    key=st.one_of(st.none(), st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=2)),
    order=st.permutations(["Items", "LastEvaluatedKey", "Count", "ScannedCount"]),
)
def test_the_place_to_go_on_is_found_whatever_the_items_hold(
    items: list[dict[str, Any]], key: dict[str, Any] | None, order: list[str]
) -> None:
    members = {"Items": items, "Count": len(items), "ScannedCount": 7, "LastEvaluatedKey": key}
    told = {name: members[name] for name in order if members[name] is not None}
    page = decoder([text_column("a")]).decode(reply(**told), "Scan")
    assert page.last_key == key
    assert (page.count, page.scanned) == (len(items), 7)


def test_a_count_has_no_items() -> None:
    told = reply(Count=5, ScannedCount=9, LastEvaluatedKey={"id": {"S": "x"}})
    page = decoder([]).decode(told, "Scan")
    assert (page.batch.num_rows, page.batch.num_columns, page.count, page.scanned) == (5, 0, 5, 9)
    assert page.last_key == {"id": {"S": "x"}}


def test_rows_are_kept_when_no_column_is_asked_for() -> None:
    page = decoder([]).decode(reply([{"id": {"S": "a"}}, {}]), "Scan")
    assert (page.batch.num_rows, page.batch.num_columns) == (2, 0)


@pytest.mark.parametrize(
    "told",
    [
        reply([{"id": {"S": "a"}}], Count=2),
        reply(Count=2),
        reply(),
        reply(ScannedCount=0, LastEvaluatedKey={"id": {"S": "x"}}),
        Reply(parsed={"ScannedCount": 1}),
        Reply(b"<html>"),
        Reply(b"[]"),
        Reply(b'{"Items":[{"id":{"S":"a"}}],"Cou'),
        Reply(b""),
    ],
)
def test_a_reply_that_is_not_whole_is_an_error(told: Reply) -> None:
    with pytest.raises(SourceError, match="reply"):
        decoder([text_column("id")]).decode(told, "Scan")


def test_a_reply_without_items_and_without_a_count_is_no_empty_page() -> None:
    with pytest.raises(SourceError, match="no items"):
        decoder([]).decode(reply(ScannedCount=0), "Scan")


def test_a_batch_of_items_tells_what_was_left_out(loads: list[bytes]) -> None:
    binary = base64.b64encode(b"\1").decode()
    members = {
        "Responses": {"shop": [{"id": {"S": "a"}, "Responses": {"L": []}}, {"id": {"S": "b"}}]},
        "UnprocessedKeys": {
            "shop": {"Keys": [{"id": {"B": binary}}], "ProjectionExpression": "#n0"}
        },
        "ConsumedCapacity": [{"CapacityUnits": 1.0}, {"CapacityUnits": 0.5}],
    }
    page = decoder([text_column("id")]).decode(reply(**members), "BatchGetItem")
    assert page.batch["id"].to_pylist() == ["a", "b"]
    assert (page.count, page.scanned, page.read_units) == (2, 2, 1.5)
    assert page.unprocessed == {
        "shop": {"Keys": [{"id": {"B": b"\1"}}], "ProjectionExpression": "#n0"}
    }
    assert loads == []


@pytest.mark.parametrize(
    "members",
    [
        {"UnprocessedKeys": {}, "Responses": {"shop": []}},
        {"UnprocessedKeys": {"t": {"Keys": []}}, "Responses": {}},
    ],
)
def test_a_batch_may_find_nothing(members: dict[str, Any]) -> None:
    page = decoder([text_column("id")]).decode(reply(**members), "BatchGetItem")
    assert (page.count, page.unprocessed) == (0, None)


def test_a_batch_is_found_behind_an_attribute_of_its_name() -> None:
    key = {"Responses": {"L": [{"S": "x"}]}}
    members = {
        "UnprocessedKeys": {"shop": {"Keys": [key]}},
        "Responses": {"shop": [{"id": {"S": "a"}}]},
    }
    page = decoder([text_column("id")]).decode(reply(**members), "BatchGetItem")
    assert page.batch["id"].to_pylist() == ["a"]
    assert page.unprocessed == {"shop": {"Keys": [key]}}


def test_bytes_and_time_are_counted() -> None:
    stats = SplitStats()
    told = reply(_ITEMS)
    decoder(stats=stats).decode(told, "Scan")
    assert stats.bytes_read == len(told.body or b"")
    assert stats.conversion_seconds > 0


_TAGGED: dict[str, Any] = {
    "S": "x",
    "N": "7.5",
    "BOOL": True,
    "B": "AAE=",
    "NULL": True,
    "L": [{"N": "1"}, {"NULL": True}],
    "M": {"a": {"S": "é"}},
    "SS": ["b", "a"],
}
"""A value of each type, as the body of a reply has it."""


@pytest.mark.parametrize("type_", [pa.bool_(), _DECIMAL, pa.binary()])
def test_bug_06_a_value_of_another_type_is_null_and_counted(type_: pa.DataType) -> None:
    column = Column("c", type_, "c")
    own = {pa.bool_(): "BOOL", _DECIMAL: "N", pa.binary(): "B"}[type_]
    for tag, value in _TAGGED.items():
        page = decoder([column]).decode(reply([{"c": {tag: value}}]), "Scan")
        (shown,) = page.batch["c"].to_pylist()
        assert (shown is None) is (tag != own), tag
        assert sum(page.mismatches.values()) == (tag not in {own, "NULL"}), tag


@pytest.mark.parametrize("number", ["2147483648", "-2147483649", "1E+30"])
def test_bug_07_whole_numbers_never_wrap_around(number: str) -> None:
    column = Column("c", pa.int32(), "c")
    page = reply([{"c": {"N": number}}])
    with pytest.raises(DataConversionError, match=r"\bc\b.*shop|shop.*\bc\b"):
        decoder([column]).decode(page, "Scan")
    lenient = decoder([column], on_number_overflow="null").decode(page, "Scan")
    assert lenient.batch["c"].to_pylist() == [None]


def test_bug_07_a_fraction_is_not_cut_off() -> None:
    column = Column("c", pa.int32(), "c")
    page = decoder([column]).decode(reply([{"c": {"N": "7.5"}}, {"c": {"N": "7.0"}}]), "Scan")
    assert page.batch["c"].to_pylist() == [None, 7]


def test_bug_08_text_shows_what_is_no_text_as_json() -> None:
    shown = {
        "S": "x",
        "N": "7.5",
        "BOOL": "true",
        "B": "AAE=",
        "NULL": None,
        "L": "[1,null]",
        "M": '{"a":"é"}',
        "SS": '["a","b"]',
    }
    items = [{"note": {tag: value}} for tag, value in _TAGGED.items()]
    page = decoder([text_column()]).decode(reply(items), "Scan")
    assert page.batch["note"].to_pylist() == list(shown.values())
