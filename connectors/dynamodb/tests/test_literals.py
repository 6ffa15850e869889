"""Values and spans as DynamoDB takes them: nothing in them is ever lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.ordering import key_function
from athena_connectors.common.testing.dynamodb_lint_values import about_value
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.dynamodb.literals import (
    Edge,
    Span,
    attribute_value,
    binary_span,
    intersected,
    literal_text,
    merged,
    number_point,
    number_span,
    number_text,
    text_span,
    value_identity,
)
from athena_connectors.dynamodb.relation import TimeFormat
from athena_connectors.dynamodb.time_spans import number_spans, text_spans
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-100, max_value=100),
    st.decimals(allow_nan=False, allow_infinity=False).filter(lambda n: abs(n.adjusted()) < 300),
    st.sampled_from([Decimal(9) * Decimal(10) ** 125, Decimal("1E-130"), Decimal("1E-131")]),
)
TEXTS = st.text(st.sampled_from("ab\ud7ff\ue000\uffff\U00010000\U0010ffff"), max_size=4)


def edges(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Edge | None]:
    return st.none() | st.builds(Edge, values, st.booleans())


def is_in(value: Any, span: Span, order: Any = lambda value: value) -> bool:
    low, high, place = span.low, span.high, order(value)
    above = low is None or place > order(low.value) or (low.inclusive and value == low.value)
    below = high is None or place < order(high.value) or (high.inclusive and value == high.value)
    return above and below


@given(edges(NUMBERS), edges(NUMBERS), NUMBERS)
def test_a_span_of_numbers_holds_what_lies_in_it_and_has_ends_that_can_be_sent(
    low: Edge | None, high: Edge | None, value: Decimal
) -> None:
    wanted = Span(low, high)
    found = number_span(low, high)
    storable = number_point(value) is not None
    if storable and is_in(value, wanted):
        assert found is not None
        assert is_in(value, found)
    if found is not None:
        for end in (found.low, found.high):
            assert end is None or list(about_value(attribute_value(end.value))) == []
        if storable and not found.is_widened:
            assert is_in(value, found) == is_in(value, wanted)


@given(NUMBERS)
def test_the_text_of_a_number_is_the_number(value: Decimal) -> None:
    assert Decimal(number_text(value)) == value


def test_numbers_are_equal_by_value() -> None:
    same = [{"N": text} for text in ("1", "1.0", "01", "1E0", "10E-1")]
    assert len({value_identity(each) for each in same}) == 1
    assert value_identity({"N": "-0"}) == value_identity({"N": "0"})
    assert value_identity({"S": "1"}) != value_identity({"N": "1"})
    assert number_text(Decimal("-0.00")) == "0"
    assert number_text(Decimal("1E+30")) == "1" + "0" * 30
    assert number_text(Decimal("1E+125")) == "1E+125"


@settings(max_examples=400)
@given(
    edges(TEXTS),
    edges(TEXTS),
    TEXTS,
    st.sampled_from(("utf16", "utf8")),
    st.sampled_from((0, 2, 4)),
)
def test_a_span_of_texts_holds_in_utf8_what_lies_in_it_in_either_order(
    low: Edge | None, high: Edge | None, value: str, order: str, max_bytes: int
) -> None:
    utf16 = order == "utf16"
    meant = key_function(pa.string()) if utf16 else str.encode
    found = text_span(low, high, utf16=utf16, max_bytes=max_bytes)
    wanted = is_in(value, Span(low, high), meant)
    if wanted:
        assert is_in(value, found, str.encode)
    if found.prefix:
        assert wanted == value.startswith(found.prefix)
    elif not found.is_widened:
        assert wanted == is_in(value, found, str.encode)
    for end in (found.low, found.high):
        assert end is None or not max_bytes or len(str(end.value).encode()) <= max_bytes


def test_a_range_up_to_the_next_text_is_a_prefix() -> None:
    low, high = Edge("A#", inclusive=True), Edge("A$", inclusive=False)
    assert text_span(low, high, utf16=True, max_bytes=0).prefix == "A#"
    for other in (Edge("A$", inclusive=True), Edge("B", inclusive=False)):
        assert text_span(low, other, utf16=True, max_bytes=0).prefix == ""
    assert text_span(Edge("A#", inclusive=False), high, utf16=True, max_bytes=0).prefix == ""


@given(edges(st.binary(max_size=4)), edges(st.binary(max_size=4)), st.binary(max_size=5))
def test_a_span_of_bytes_holds_what_lies_in_it(
    low: Edge | None, high: Edge | None, value: bytes
) -> None:
    found = binary_span(low, high, max_bytes=2)
    if is_in(value, Span(low, high)):
        assert is_in(value, found)
    if not found.is_widened:
        assert is_in(value, found) == is_in(value, Span(low, high))
    for end in (found.low, found.high):
        assert end is None or len(end.value) <= 2  # type: ignore[arg-type]


SMALL = st.integers(-6, 6).map(Decimal)
SMALL_SPANS = st.lists(
    st.tuples(edges(SMALL), edges(SMALL)).map(lambda ends: number_span(*ends)), max_size=6
).map(lambda found: [each for each in found if each is not None])


@given(SMALL_SPANS, SMALL_SPANS)
def test_spans_are_joined_and_intersected_as_sets(one: list[Span], two: list[Span]) -> None:
    left, right = merged(one), merged(two)
    both = intersected(left, right)
    for half in range(-14, 15):
        value = Decimal(half) / 2
        inside = [any(is_in(value, span) for span in spans) for spans in (one, two)]
        assert any(is_in(value, span) for span in left) == inside[0]
        assert any(is_in(value, span) for span in both) == all(inside)


def test_values_are_shown_to_people() -> None:
    shown = [{"S": 'a"é'}, {"N": "1.5"}, {"B": b"\x01\xff"}, {"BOOL": True}, {"BOOL": False}]
    assert [literal_text(each) for each in shown] == [
        '"a\\"é"',
        "1.5",
        "X'01FF'",
        "true",
        "false",
    ]


# Times

DAYS, MILLIS = pa.date32(), pa.date64()


def numbers(type_: pa.DataType, item: Range, pattern: str = "", *, is_rounded: bool = True) -> str:
    values = SortedRangeSet.of(type_, [item], null_allowed=False)
    is_date = type_ == DAYS
    (found,) = number_spans(values, TimeFormat(pattern), is_date=is_date, is_rounded=is_rounded)
    return shown(found)


def shown(span: Span) -> str:
    low = "(" if span.low is None else f"{'[' if span.low.inclusive else '('}{span.low.value}"
    high = ")" if span.high is None else f"{span.high.value}{']' if span.high.inclusive else ')'}"
    return f"{low}, {high}"


def test_bug_20_a_date_is_a_day_of_milliseconds() -> None:
    assert numbers(DAYS, Range.equal(1)) == "[86400000, 172800000)"
    assert numbers(DAYS, Range.less_than(1)) == "(, 86400000)"
    assert numbers(DAYS, Range.equal(-1)) == "[-86400000, 0)"
    assert numbers(DAYS, Range.equal(1), "epoch_seconds") == "[86400.000, 172800.000)"


def test_bug_20_a_time_is_a_millisecond_of_numbers() -> None:
    assert numbers(MILLIS, Range.equal(5)) == "[5, 6)"
    assert numbers(MILLIS, Range.greater_than(5)) == "[6, )"
    assert numbers(MILLIS, Range.between(5, 7, high_inclusive=False)) == "[5, 7)"
    assert numbers(MILLIS, Range.equal(1500), "epoch_seconds") == "[1.500, 1.501)"
    assert numbers(MILLIS, Range.equal(5), is_rounded=False) == "[5, 5]"


def texts(type_: pa.DataType, pattern: str, *items: Range, zone: str = "UTC") -> list[str] | None:
    values = SortedRangeSet.of(type_, items, null_allowed=False)
    found = text_spans(values, TimeFormat(pattern, zone), is_date=type_ == DAYS)
    return None if found is None else [shown(each) for each in found]


LEAP_DAY = 19782
NOON = LEAP_DAY * 86_400_000 + 12 * 3_600_000


@pytest.mark.parametrize(
    ("type_", "pattern", "item", "expected"),
    [
        (DAYS, "yyyy-MM-dd", Range.equal(LEAP_DAY), ["[2024-02-29, 2024-02-29]"]),
        (DAYS, "dd.MM.yyyy", Range.equal(LEAP_DAY), ["[29.02.2024, 29.02.2024]"]),
        (DAYS, "yyyyMMdd", Range.at_least(LEAP_DAY), ["[20240229, 99991231]"]),
        (DAYS, "yyyyMMdd", Range.less_than(LEAP_DAY), ["[00010101, 20240228]"]),
        (
            DAYS,
            "yyyy-MM-dd HH:mm",
            Range.equal(LEAP_DAY),
            ["[2024-02-29 00:00, 2024-02-29 23:59]"],
        ),
        (DAYS, "dd.MM.yyyy", Range.at_least(LEAP_DAY), None),
        (DAYS, "dd.MM.yyyy HH:mm", Range.equal(LEAP_DAY), None),
        (DAYS, "", Range.equal(LEAP_DAY), None),
        (DAYS, "epoch_seconds", Range.equal(LEAP_DAY), None),
        (DAYS, "yyyy-MM-dd", Range.equal(3_000_000), []),
        (MILLIS, "yyyyMMdd'T'HHmmss", Range.equal(NOON), ["[20240229T120000, 20240229T120000]"]),
        (MILLIS, "yyyyMMdd'T'HHmmss", Range.equal(NOON + 1), []),
        (
            MILLIS,
            "yyyy-MM-dd'T'HH:mm:ss",
            Range.between(NOON + 1, NOON + 2000),
            ["[2024-02-29T12:00:01, 2024-02-29T12:00:02]"],
        ),
        (MILLIS, "yyyy-MM-dd'T'HH:mm:ss", Range.between(NOON + 1, NOON + 999), []),
        (MILLIS, "yyyy-MM-dd HH:mm:ss Z", Range.equal(NOON), None),
    ],
)
def test_bug_20_dates_and_times_are_asked_for_as_the_texts_that_are_read_as_them(
    type_: pa.DataType, pattern: str, item: Range, expected: list[str] | None
) -> None:
    assert texts(type_, pattern, item) == expected


def test_local_times_of_a_region_are_asked_for_by_value_or_with_a_day_more() -> None:
    pattern, zone = "yyyy-MM-dd HH:mm", "America/New_York"
    assert texts(MILLIS, pattern, Range.equal(NOON), zone=zone) == [
        "[2024-02-29 07:00, 2024-02-29 07:00]"
    ]
    assert texts(MILLIS, pattern, Range.between(NOON, NOON + 1), zone=zone) == [
        "[2024-02-28 12:00, 2024-03-01 12:00]"
    ]
    # 2024-11-03 05:30 UTC is the first of two 01:30 there, and 06:30 no text of its own.
    second = 1_730_615_400_000
    assert texts(MILLIS, pattern, Range.equal(second), zone=zone) == [
        "[2024-11-02 06:30, 2024-11-04 06:30]"
    ]
    assert texts(MILLIS, pattern, Range.equal(NOON), zone="+05:30") == [
        "[2024-02-29 17:30, 2024-02-29 17:30]"
    ]
