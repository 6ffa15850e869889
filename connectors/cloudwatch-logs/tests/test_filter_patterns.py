from __future__ import annotations

import string

import pytest
from athena_connectors.cloudwatch_logs.filter_patterns import (
    MAX_PATTERN,
    check_patterns,
    containing,
    like_pieces,
    longest_run,
)
from athena_connectors.cloudwatch_logs.log_group import LogClass, LogGroup
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.testing.logs_patterns import compile_pattern
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = st.text("Ea0 _-%*\\\"'\n\0é\U0001f600[]{}()^$?.|/~\x7f", max_size=12)


@pytest.mark.parametrize(
    ("texts", "run"),
    [
        (["ERROR"], "ERROR"),
        (["", "Task timed", "out"], "Task timed"),
        (["ab", ""], ""),
        (["éabcé"], "abc"),
        (["line\nnext one"], "next one"),
        (["abc***defg"], "defg"),
        (["***"], ""),
        (["a\tb\x7fc\0d"], ""),
        ([], ""),
    ],
)
def test_the_longest_run_of_plain_characters_is_asked_for(texts: list[str], run: str) -> None:
    assert longest_run(texts) == run


def test_what_is_no_letter_and_no_digit_is_a_code() -> None:
    assert containing("Task timed (3.0)") == r"%Task\x20timed\x20\x283\x2e0\x29%"


@given(TEXTS, TEXTS, TEXTS)
@settings(max_examples=500)
def test_a_message_with_the_text_matches_the_pattern(before: str, text: str, after: str) -> None:
    run = longest_run([text])
    if run:
        assert compile_pattern(containing(run))(before + text + after)


@given(TEXTS, TEXTS)
@settings(max_examples=500)
def test_a_message_matches_if_it_has_the_run(text: str, message: str) -> None:
    run = longest_run([text])
    if run:
        assert compile_pattern(containing(run))(message) == (run in message)


def test_a_masked_part_of_a_message_is_not_asked_for() -> None:
    stored, shown = "card 4111 paid", "card **** paid"
    matches = compile_pattern(containing(longest_run(["card **** paid"])))
    assert matches(stored)
    assert matches(shown)


@given(st.text(string.printable[:95], min_size=1024, max_size=2000))
@settings(max_examples=30)
def test_a_pattern_is_cut_to_the_length_that_is_taken(text: str) -> None:
    pattern = containing(text.replace("*", "x"))
    assert MAX_PATTERN - 4 < len(pattern) <= MAX_PATTERN
    assert compile_pattern(pattern)(text.replace("*", "x"))


def test_a_like_pattern_falls_into_the_texts_between_its_wildcards() -> None:
    assert like_pieces("abc") == ["abc"]
    assert like_pieces("ab%_c%") == ["ab", "c", ""]
    assert like_pieces("%") == ["", ""]


STANDARD = LogGroup("/app")


def test_patterns_that_the_service_takes_are_taken() -> None:
    check_patterns(["", '{ $.level = "ERROR" }', "x" * MAX_PATTERN], STANDARD)


def test_a_pattern_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="1025 characters") as caught:
        check_patterns(["x" * 1025], STANDARD)
    assert "message" in caught.value.hint


def test_a_group_without_filter_patterns_is_not_asked_for_one() -> None:
    cheap = LogGroup("/cheap", log_class=LogClass.INFREQUENT_ACCESS)
    check_patterns([], cheap)
    with pytest.raises(UnsupportedOperationError, match="/cheap is of class INFREQUENT_ACCESS"):
        check_patterns(["ERROR"], cheap)
