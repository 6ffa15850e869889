from __future__ import annotations

import string

import pytest
from athena_connectors.common.testing.logs_errors import LogsError
from athena_connectors.common.testing.logs_patterns import compile_pattern
from hypothesis import given, settings
from hypothesis import strategies as st

MESSAGES = (
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERRORCODE 419] MISSING ARGUMENTS",
    "[INFO 420] ok (x) 50%",
    'say "hi" \\ there',
)


def matched(pattern: str) -> list[int]:
    matches = compile_pattern(pattern)
    return [number for number, message in enumerate(MESSAGES) if matches(message)]


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("", [0, 1, 2, 3, 4]),
        (" ", [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1, 2]),
        ("error", []),
        ("ERROR REQUEST", [0, 1]),
        ("?ERRORCODE ?INFO", [2, 3]),
        ("ERROR ?INFO", [0, 1, 2]),
        ("ERROR -UNAUTHORIZED", [0, 2]),
        ("-ERROR", [3, 4]),
        ("ERROR -UNAUTHORIZED -ERRORCODE", [0]),
        ("-ERROR ?ok ?nothing", [3]),
        ('"BAD REQUEST"', [0]),
        ('"[ERROR" -"401"', [0, 2]),
        ('"say \\"hi\\" \\\\"', [4]),
        ('"x)" "50%"', [3]),
        ("%AUTHORIZED%", [1]),
        ("%authorized%", []),
        ("%^.ERROR\\s4%", [0, 1]),
        ("%4[12][0-9]%", [2, 3]),
        ("-%ERROR% ok", [3]),
        ("%\\x28x\\x29%", [3]),
        ("%50\\x25$%", [3]),
        ("%ERROR% %401%", [1]),
        ("?%401% ?%419%", [1, 2]),
        ("419", [2]),
    ],
)
def test_terms_phrases_and_regexes(pattern: str, numbers: list[int]) -> None:
    assert matched(pattern) == numbers


@pytest.mark.parametrize(
    "pattern",
    [
        *("user@x", "a.b", '"open', "%open", "%%", "%(a)%", "%a b%", "%ä%", "%a!%", "%[%", "%*%"),
        *("%a% %b% %c%", '"a"b', "? a", "{", "{}", "{ $.a }", "{ $.a = }", "{ $.a = 1 } x"),
        *("{ a = 1 }", "{ $.a < x }", '{ $.a ~ "x" }', "{ ($.a = 1 }", "{ $.a IS MAYBE }"),
        *("{ $.a = 1 && }", "{ $.a = %(% }", "{ $.a = %a% && $.b = %b% && $.c = %c% }"),
    ],
)
def test_wrong_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(LogsError, match="InvalidParameterException"):
        compile_pattern(pattern)


def test_patterns_of_delimited_fields_are_not_played() -> None:
    with pytest.raises(NotImplementedError):
        compile_pattern("[ip, user, status = 4*]")


@given(
    literal=st.text(string.printable, min_size=1, max_size=6),
    around=st.tuples(st.text(max_size=4), st.text(max_size=4)),
    other=st.text(string.printable, max_size=8),
)
@settings(max_examples=300)
def test_a_literal_in_hex_is_found_where_it_is(
    literal: str, around: tuple[str, str], other: str
) -> None:
    matches = compile_pattern("%" + "".join(f"\\x{ord(char):02x}" for char in literal) + "%")
    assert matches(around[0] + literal + around[1])
    assert matches(other) == (literal in other)


DOCUMENTS = (
    '{"level": "ERROR", "code": 500, "ip": "10.0.0.7", "user": null, "tags": ["a", "b"]}',
    '{"level": "INFO", "code": 200.5, "deep": {"on": true, "a-b": {"c": "x y"}}}',
    '{"level": "ERRORS", "code": "500", "deep": {"on": false}}',
    "ERROR no JSON",
    '"ERROR"',
)


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ('{ $.level = "ERROR" }', [0]),
        ("{$.level=ERROR}", [0]),
        ('{ $.level = "ERROR*" }', [0, 2]),
        ('{ $.level = "*R*" }', [0, 2]),
        ('{ $.level = "*O" }', [1]),
        ('{ $.level = "" }', []),
        ('{ $.level != "ERROR" }', [1, 2]),
        ("{ $.level = %^E.*S$% }", [2]),
        ("{ $.code = 500 }", [0]),
        ('{ $.code = "500" }', [2]),
        ("{ $.code != 500 }", [1, 2]),
        ("{ $.code > 200.5 }", [0]),
        ("{ $.code >= 200.5 }", [0, 1]),
        ("{ $.code < 500 }", [1]),
        ("{ $.code <= 5e2 }", [0, 1]),
        ("{ $.ip = 10.0.* }", [0]),
        ("{ $.user IS NULL }", [0]),
        ("{ $.user NOT EXISTS }", [1, 2]),
        ("{ $.deep.on IS TRUE }", [1]),
        ("{ $.deep.on IS FALSE }", [2]),
        ("{ $.deep.on = 1 }", []),
        ('{ $.tags[1] = "b" }', [0]),
        ("{ $.tags[2] NOT EXISTS }", [0, 1, 2]),
        ('{ $.deep["a-b"].c = "x y" }', [1]),
        ("{ $.deep.['a-b'].c = %x% }", [1]),
        ("{ $.code = 500 || $.deep.on IS TRUE && $.code > 1 }", [0, 1]),
        ("{ ($.code = 500 || $.deep.on IS TRUE) && $.code < 300 }", [1]),
    ],
)
def test_json_patterns(pattern: str, numbers: list[int]) -> None:
    matches = compile_pattern(pattern)
    assert [number for number, text in enumerate(DOCUMENTS) if matches(text)] == numbers
