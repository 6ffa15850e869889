"""Texts arrive as they are, but for what no encoding has room for."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from athena_connectors.common.texts import is_text, text_after, text_array
from hypothesis import given, settings
from hypothesis import strategies as st

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@settings(max_examples=50)
@given(st.lists(st.none() | _TEXTS))
def test_texts_stay_as_they_are(values: list[str | None]) -> None:
    array = text_array(values)
    assert array.type == pa.string()
    assert array.to_pylist() == values
    assert text_array([*values, "\ud800"]).to_pylist() == [*values, "\ufffd"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"\ud800", "\ufffd"),
        (r"a\udc00b", "a\ufffdb"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\ud800\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ufeff\ud800", "\ufeff\ufffd"),
    ],
)
def test_half_a_surrogate_pair_is_replaced_and_no_more(written: str, shown: str) -> None:
    text = json.loads(f'"{written}"')
    assert text_array(["before", text, None, ""]).to_pylist() == ["before", shown, None, ""]
    assert text_array(["\ud83d" + "\ude00"]).to_pylist() == ["\U0001f600"]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(pa.ArrowTypeError):
        text_array([7])  # type: ignore[list-item]


@given(_TEXTS.filter(bool), _TEXTS)
def test_the_text_behind_all_that_begin_with_one_is_the_next(prefix: str, rest: str) -> None:
    following = text_after(prefix)
    if following:
        assert is_text(following)
        assert (prefix + rest).encode() < following.encode()
        assert not following.startswith(prefix)
    else:
        assert set(prefix) == {"\U0010ffff"}


@pytest.mark.parametrize(
    ("prefix", "following"),
    [("a#", "a$"), ("\ud7ff", "\ue000"), ("a\U0010ffff", "b"), ("\U0010ffff", ""), ("", "")],
)
def test_no_half_of_a_pair_is_behind_a_text(prefix: str, following: str) -> None:
    assert text_after(prefix) == following


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), ("\U0001f600", True), ("a\ud800", False), ("\udfff", False)]
)
def test_half_a_surrogate_pair_can_not_be_stored(text: str, *, expected: bool) -> None:
    assert is_text(text) is expected
