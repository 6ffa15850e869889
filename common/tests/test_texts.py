"""Texts arrive as they are, but for what no encoding has room for."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from athena_connectors.common.texts import text_array
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
