"""Filters as people write them for MongoDB: every form, and what is no form."""

from __future__ import annotations

import json
import math
from typing import Any

import bson
import pytest
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.documentdb.shell_json import MAX_DEPTH, parse_shell_json
from bson import json_util
from bson.binary import Binary
from bson.code import Code
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.json_util import JSONMode, JSONOptions
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

_HEX = "65920080f1d2c3b4a5968778"
_ID = ObjectId(_HEX)
_NEW_YEAR = DatetimeMS(1_704_067_200_000)
_UUID = "3b241101-e2bb-4255-8caf-4136c566a962"


def _parse(text: str) -> Any:
    return parse_shell_json(text, name="Argument FILTER")


def _same(one: Any, other: Any) -> bool:
    """Whether values are the same for MongoDB, types and order included."""
    return bson.encode({"value": one}) == bson.encode({"value": other})


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), max_size=6)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(allow_nan=False),
    st.just(math.nan),
    _TEXTS,
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.integers(-(2**62), 2**62).map(DatetimeMS),
    st.builds(Binary, st.binary(max_size=9), st.integers(1, 254)),
    st.binary(max_size=9),
    st.decimals(allow_nan=False, places=4, min_value=-(10**20), max_value=10**20).map(Decimal128),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.builds(
        Regex, _NAMES, st.sets(st.sampled_from("imsx")).map(lambda each: "".join(sorted(each)))
    ),
    st.builds(Code, _NAMES),
    st.sampled_from([MinKey(), MaxKey()]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("mode", [JSONMode.CANONICAL, JSONMode.RELAXED, JSONMode.LEGACY])
@given(value=_VALUES, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
@examples(max_examples=150, deadline=None)
def test_extended_json_is_read_as_the_driver_reads_it(
    mode: int, value: Any, indent: int | None, *, ascii_only: bool
) -> None:
    options: JSONOptions = JSONOptions(
        json_mode=mode, datetime_conversion=DatetimeConversion.DATETIME_MS
    )
    text = json_util.dumps(value, json_options=options, indent=indent, ensure_ascii=ascii_only)
    assert _same(_parse(text), json_util.loads(text, json_options=options))
    if mode == JSONMode.CANONICAL:
        assert _same(_parse(text), value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


def _shell(value: Any, quote: str) -> str:
    """Write a value as loosely as the shell lets one."""
    match value:
        case dict():
            members = [
                f"{_name(name, quote)} : {_shell(each, quote)}" for name, each in value.items()
            ]
            return f"{{ {' , '.join(members)}{',' * bool(members)} }}"
        case list():
            return f"[{','.join(_shell(each, quote) for each in value)}]"
        case str():
            return _quoted(value, quote)
    return json.dumps(value)


def _name(name: str, quote: str) -> str:
    plain = name.isascii() and name.isidentifier()
    return name if plain else _quoted(name, quote)


def _quoted(text: str, quote: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(quote, "\\" + quote).replace("\n", "\\n")
    return f"{quote}{escaped}{quote}"


@given(value=_JSON, quote=st.sampled_from("'\""))
@examples(max_examples=150, deadline=None)
def test_single_quotes_and_bare_names_mean_the_same_as_json(value: Any, quote: str) -> None:
    text = _shell(value, quote)
    assert repr(_parse(text)) == repr(json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("{a: 1, 'b': [true, null,], \"$c\": undefined}", {"a": 1, "b": [True, None], "$c": None}),
        ("[true, false]", [True, False]),
        ("{$or: [{_id: 'x'}, {b: {$gt: 5}}]}", {"$or": [{"_id": "x"}, {"b": {"$gt": 5}}]}),
        ("{a: 1, a: 2}", {"a": 2}),
        (f"ObjectId('{_HEX}')", _ID),
        (f'new  ObjectId ( "{_HEX.upper()}" )', _ID),
        ("ISODate('2024-01-01')", _NEW_YEAR),
        ("ISODate('2024-01-01T00:00:00Z')", _NEW_YEAR),
        ("ISODate('2024-01-01T01:30+01:30')", _NEW_YEAR),
        ("ISODate('2023-12-31 19:00:00.000-0500')", _NEW_YEAR),
        ("ISODate('2024-01-01T00:00:00.1239Z')", DatetimeMS(1_704_067_200_123)),
        ("ISODate('1969-12-31T23:59:59.999Z')", DatetimeMS(-1)),
        ("new Date(1704067200000)", _NEW_YEAR),
        ("Date('2024-01-01T00:00:00Z')", _NEW_YEAR),
        ("new Date(2024, 0, 1)", _NEW_YEAR),
        ("new Date(2024, 0, 1, 2, 3, 4, 5)", DatetimeMS(1_704_074_584_005)),
        ("NumberInt('5')", 5),
        ("NumberInt(5)", 5),
        ("NumberLong('-9223372036854775808')", Int64(-(2**63))),
        ("NumberLong(5)", Int64(5)),
        ("NumberDecimal('1.50')", Decimal128("1.50")),
        ("NumberDecimal(2.5)", Decimal128("2.5")),
        ("2147483648", Int64(2**31)),
        ("-2147483648", -(2**31)),
        ("[+1, -1.5, .5, 2., 1e3, -0.0]", [1, -1.5, 0.5, 2.0, 1000.0, -0.0]),
        ("[Infinity, -Infinity, NaN]", [math.inf, -math.inf, math.nan]),
        ("Timestamp(5, 7)", Timestamp(5, 7)),
        ("BinData(0, 'AQID')", b"\1\2\3"),
        ("BinData(128, 'AQID')", Binary(b"\1\2\3", 128)),
        ("HexData(5, '010203')", Binary(b"\1\2\3", 5)),
        (f"UUID('{_UUID}')", Binary(bytes.fromhex(_UUID.replace("-", "")), 4)),
        ("/^a\\/b[/", Regex("^a\\/b[")),
        ("/x/im", Regex("x", "im")),
        ("RegExp('x', 'i')", Regex("x", "i")),
        ("RegExp('x')", Regex("x")),
        ("{n: {$regex: 'x', $options: 'i'}}", {"n": Regex("x", "i")}),
        ("{n: {$regex: /x/i, $ne: 'X'}}", {"n": {"$regex": Regex("x", "i"), "$ne": "X"}}),
        ("{n: {$regex: 'x', $ne: 'X'}}", {"n": {"$regex": "x", "$ne": "X"}}),
        ("{n: {$regex: /x/, $options: 'i'}}", {"n": {"$regex": Regex("x"), "$options": "i"}}),
        (f"DBPointer('c', ObjectId('{_HEX}'))", {"$ref": "c", "$id": _ID}),
        (f"{{$ref: 'c', $id: {{$oid: '{_HEX}'}}}}", {"$ref": "c", "$id": _ID}),
        ("[MinKey, MaxKey, MinKey(), new MaxKey()]", [MinKey(), MaxKey(), MinKey(), MaxKey()]),
        ("{$type: 'date'}", {"$type": "date"}),
        ("{$type: 2}", {"$type": 2}),
        ("{$binary: 'AQID', $type: '80'}", Binary(b"\1\2\3", 128)),
        ("{$date: '2024-01-01T00:00:00Z'}", _NEW_YEAR),
        ("{$date: {$numberLong: '1704067200000'}}", _NEW_YEAR),
        (f"{{$uuid: '{_UUID}'}}", Binary(bytes.fromhex(_UUID.replace("-", "")), 4)),
        ("{$undefined: true}", None),
        (r"'\'\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\x41\q'", "'\"\\/\b\f\n\r\té😀Aq"),
    ],
)  # fmt: skip
def test_each_form_of_the_shell_is_a_value(text: str, value: Any) -> None:
    assert _same(_parse(text), value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "character 1, at 'its end': a value is expected"),
        ("{a: Ann}", "character 5, at 'Ann}': texts stand in quotes"),
        ("{a: 'Ann}", 'character 5, at "\'Ann}": it is not closed'),
        ("{a: /x}", "character 5, at '/x}': it is not closed"),
        ("{a 1}", "character 4, at '1}': a colon is expected"),
        ("{a: 1 b: 2}", "character 7, at 'b: 2}': a comma or a closing brace"),
        ("{5: 1}", "character 2, at '5: 1}': a name is expected"),
        ("[1 2]", "character 4, at '2]': a comma or ] is expected"),
        ("[1", "character 3, at 'its end': a comma or ]"),
        ("{a: 1", "character 6, at 'its end': a comma or a closing brace"),
        ("{", "character 2, at 'its end': a name"),
        ("{} {}", "character 4, at '{}': only one value"),
        ("{a: 1};", "character 7, at ';': only one value"),
        ("ObjectId('5')", "character 1, at \"ObjectId('5')\": what is given"),
        ("ObjectId()", "what is given is no such value"),
        ("ObjectId", "texts stand in quotes"),
        ("new Thing(5)", "character 5, at 'Thing(5)': new stands"),
        ("sleep(5)", "texts stand in quotes"),
        ("ISODate('yesterday')", "what is given"),
        ("ISODate('2024-02-30')", "what is given"),
        ("new Date()", "what is given"),
        ("Date(2024, 12, 1)", "what is given"),
        ("NumberInt(2147483648)", "what is given"),
        ("NumberLong(1.5)", "what is given"),
        ("NumberLong(true)", "what is given"),
        ("NumberDecimal('x')", "what is given"),
        ("9223372036854775808", "whole numbers have 64 bits"),
        ("1" * 5000, "whole numbers have 64 bits"),
        ("BinData(0, '*')", "what is given"),
        ("BinData(255, 'AQID')", "what is given"),
        ("UUID('5')", "what is given"),
        ("/x/q", "what is given"),
        ("RegExp('x', 'q')", "what is given"),
        ("Timestamp(-1, 0)", "what is given"),
        ("{$oid: 5}", "what is given"),
        ("{$minKey: 0}", "what is given"),
        ("{$binary: {base64: 'AQID'}}", "what is given"),
        (r"'\ud800'", "half a letter"),
        ("[" * 101 + "]" * 101, "nested deeper than 100"),
        ("function() { return 1 }", "texts stand in quotes"),
    ],
)
def test_what_is_no_value_is_refused_at_its_place(text: str, place: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        _parse(text)
    assert place in str(refused.value)
    assert str(refused.value).startswith("Argument FILTER can't be read at character ")


def test_nesting_is_read_as_deep_as_mongodb_takes_it() -> None:
    value = _parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        (value,) = value
    assert value == []


@given(text=st.text(st.sampled_from("{}[]:,'\"\\/ab$1.-eE \nn"), max_size=25))
@examples(max_examples=300, deadline=None)
def test_any_text_is_a_value_or_refused(text: str) -> None:
    try:
        value = _parse(text)
    except InvalidRequestError:
        return
    assert isinstance(value, (dict, list, str, int, float, Regex))
