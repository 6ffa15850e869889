"""JSON text of values, against the standard library's reader."""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any

import pytest
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.json_text import json_text, number_text, quoted
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False) | st.integers().map(Decimal)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | NUMBERS
    | st.text(st.characters())
    | st.binary()
)
VALUES = st.recursive(
    SCALARS | st.sets(NUMBERS) | st.sets(st.text()) | st.sets(st.binary()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def expected(value: Any) -> Any:
    """Return what a JSON reader that keeps all digits should find."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return Decimal(value)
        case float():
            return Decimal(repr(value))
        case bytes():
            return b64encode(value).decode()
        case dict():
            return {name: expected(value[name]) for name in value}
        case set():
            return [expected(element) for element in sorted(value)]
        case list():
            return [expected(element) for element in value]
        case _:
            return value


def read(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


@settings(max_examples=300)
@given(VALUES)
def test_any_value_is_read_back_whole(value: Any) -> None:
    text = json_text(value)
    text.encode()  # every text has an encoding, also with half a surrogate pair
    assert read(text) == expected(value)


@settings(max_examples=300)
@given(NUMBERS)
def test_a_number_has_one_plain_text(number: Decimal) -> None:
    text = number_text(number)
    assert Decimal(text) == number
    assert set(text) <= set("-.0123456789")
    assert text == "0" or not (
        text.startswith(("-0", "0", ".")) and not text.lstrip("-").startswith("0.")
    )
    assert "." not in text or not text.endswith(("0", "."))
    assert number_text(str(number)) == text
    assert json_text(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0100", "100"),
        ("00", "0"),
        ("5.00", "5"),
        ("-1.50", "-1.5"),
        ("1E+5", "100000"),
        ("1e-3", "0.001"),
        ("9.99E+3", "9990"),
        (".5", "0.5"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("1E-130", f"0.{'0' * 129}1"),
    ],
)
def test_numbers_are_plain(number: str, text: str) -> None:
    assert number_text(number) == text


def test_the_form_is_the_same_for_the_same_value() -> None:
    value = {"b": [1.0, 2.5, 1e20], "a": {"y": None, "x": True}, "ä": 'ö\n"\\\x01', "c": b"ab"}
    text = (
        '{"a":{"x":true,"y":null},"b":[1,2.5,100000000000000000000],"c":"YWI=",'
        '"ä":"ö\\n\\"\\\\\\u0001"}'
    )
    assert json_text(value) == text
    assert b64decode(json.loads(text)["c"]) == b"ab"


def test_sets_are_ordered_by_value_not_by_text() -> None:
    assert json_text({Decimal(10), Decimal(9), Decimal("9.5")}) == "[9,9.5,10]"
    assert json_text(frozenset({"b", "a", 3, b"z"})) == '["a","b",3,"eg=="]'


def test_numbers_that_json_lacks_are_texts() -> None:
    assert json_text([math.nan, math.inf, -math.inf, Decimal("NaN")]) == (
        '["NaN","Infinity","-Infinity","NaN"]'
    )


def test_half_a_surrogate_pair_is_escaped() -> None:
    assert json_text({"\ud800": "é\udfff"}) == '{"\\ud800":"é\\udfff"}'
    assert quoted("\ud800") == '"\\ud800"'
    assert quoted('é"') == '"é\\""'


@pytest.mark.parametrize("value", [object(), {"a": [1j]}, {1j}, {(1, 2)}])
def test_other_types_are_refused_without_their_value(value: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match="has no form in JSON") as caught:
        json_text(value)
    assert "1" not in str(caught.value)
