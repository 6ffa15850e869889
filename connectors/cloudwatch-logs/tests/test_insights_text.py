"""Columns are told from a text only where the service gives just these."""

from __future__ import annotations

import pytest
from athena_connectors.cloudwatch_logs.insights_text import (
    TextColumns,
    columns_of,
    selects_groups,
    string_literal,
)
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("fields @timestamp, @message", ["@timestamp", "@message"]),
        ("fields @timestamp | fields level | sort @timestamp desc | limit 5",
         ["@timestamp", "level"]),
        ("FIELDS a.b.0.c as c, concat(a, ',', b) AS ab", ["c", "ab"]),
        ("fields a, b | display b, a", ["b", "a"]),
        ("display a | display b", ["b"]),
        ("fields a | filter b like /x|fields y/ and c like 'd | e' | dedup a", ["a"]),
        ("fields a / b as ratio, c | limit 2", ["ratio", "c"]),
        ("# fields x\nfields a # , b\n, c", ["a", "c"]),
        ('fields a | filter b = "it\\"s | display c"', ["a"]),
        ("stats count(*) by bin(5m)", ["bin(5m)", "count(*)"]),
        ("stats count(*) as n, avg(duration) by host, bin(1h) as hour | sort n desc",
         ["host", "hour", "n", "avg(duration)"]),
        ("parse @message /(?<word>[a-z|]+)/ | stats count() by word", ["word", "count()"]),
        ("parse @message '* | *' as a, b | display b", ["b"]),
        ("fields a | stats max(a) as m by b | stats sum(m) as total", ["total"]),
        ("filter a in ['x', 'y'] | fields a, jsonParse(b) as c", ["a", "c"]),
        ("stats sum(by) as s by a", ["a", "s"]),
        ("fields @ptr, a, a", ["@ptr", "a"]),
    ],
)  # fmt: skip
def test_all_columns_are_told(text: str, names: list[str]) -> None:
    assert columns_of(text) == TextColumns(tuple(names), are_all=True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("filter level = 'ERROR'", []),
        ("fields a, b - c", ["a"]),
        ("fields a, b -", ["a"]),
        ("fields `a-b`, c", ["c"]),
        ("fields a as `b-c`", []),
        ("fields upper( a ), d", ["d"]),
        ("stats COUNT(*) by a", ["a"]),
        ("stats pct(a, 95) by b", ["b"]),
        ("fields a, | limit 3", ["a"]),
        ("fields 5", []),
        ("fields @message | parse @message '* *' as x, y", ["@message", "x", "y"]),
        ("fields a | parse @message /(?<w>[|]+) (?<v>.)/", ["a", "w", "v"]),
        ("stats count(*) as n by a | fields n * 2 as m", ["a", "n", "m"]),
        ("fields a | pattern @message", ["a"]),
        ("fields a | unnest b into c", ["a"]),
        ("fields a | filter b = 'open", []),
        ("fields a | filter b like /open", []),
        ("fields a | | fields b", ["a", "b"]),
    ],
)
def test_what_is_not_certain_is_left_open(text: str, names: list[str]) -> None:
    assert columns_of(text) == TextColumns(tuple(names), are_all=False)


_PIECES = st.lists(
    st.sampled_from(
        [
            *("fields ", "stats ", "parse ", "display ", "by ", "as ", "a", ",", "|", "(", ")"),
            *('"', "'", "`", "#", "/", "\n", "\\", "like ", "bin(5m)", "5", " ", "@ptr", "SOURCE "),
        ]
    ),
    max_size=25,
).map("".join)


@given(_PIECES)
@settings(max_examples=400, deadline=None)
def test_every_text_is_read(text: str) -> None:
    told = columns_of(text)
    assert len(set(told.names)) == len(told.names)
    assert all(told.names)
    assert told.names or not told.are_all
    assert selects_groups(text) in (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "SOURCE logGroups(namePrefix: ['a']) | fields @message",
        "source '/a/b' | fields c",
        "# all\n SOURCE logGroups() START=-1h | limit 1",
        "filter a in (SOURCE '/x' | fields b)",
        "fields a | source logGroups()",
    ],
)
def test_a_text_that_selects_groups_is_known(text: str) -> None:
    assert selects_groups(text)


@pytest.mark.parametrize(
    "text",
    [
        "fields source, a",
        "stats count(source) by source",
        "filter source = 'SOURCE x' | filter (source = 1)",
        "fields '| SOURCE x' as b",
        "fields a # | SOURCE logGroups()",
    ],
)
def test_a_field_of_that_name_selects_nothing(text: str) -> None:
    assert not selects_groups(text)


def test_plain_texts_are_written_as_strings() -> None:
    assert string_literal("2024/01/01/[$LATEST]0a") == '"2024/01/01/[$LATEST]0a"'
    for text in ('a"b', "a'b", "a\\b", "a\nb", "a`b", "é"):
        assert string_literal(text) is None
