"""JSON lines: what values become, and what is said of lines that can't be read."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import DataConversionError
from athena_connectors.template.json_lines import columns_of, rows_of
from athena_connectors.template.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TEXT, WHOLE = pa.string(), pa.int64()


def settings_of(**settings: str) -> Settings:
    return load_settings(Settings, {"location": "unused", **settings})


def stream(content: str | bytes) -> io.BufferedReader:
    data = content.encode() if isinstance(content, str) else content
    return io.BufferedReader(io.BytesIO(data))


def columns(content: str | bytes, **settings: str) -> dict[str, pa.DataType | None]:
    return columns_of(stream(content), settings_of(**settings), path="t.jsonl")


def rows(
    content: str | bytes,
    wanted: Mapping[str, pa.DataType],
    *,
    untyped: Collection[str] = (),
    **settings: str,
) -> list[dict[str, Any]]:
    found = []
    options = settings_of(**settings)
    for batch in rows_of(stream(content), wanted, options, path="t.jsonl", untyped=untyped):
        found += batch.to_pylist() if batch.num_columns else [{}] * batch.num_rows
    return found


def type_of(*values: Any) -> pa.DataType | None:
    return columns("".join(json.dumps({"a": value}) + "\n" for value in values)).get("a")


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ((1, None, -2), WHOLE),
        ((1, 2.5), pa.float64()),
        ((True, False), pa.bool_()),
        (("2024-02-29", "x"), TEXT),
        (({"x": 1}, {"y": "z"}), pa.struct([("x", WHOLE), ("y", TEXT)])),
        (([1], []), pa.list_(WHOLE)),
        ((None, None), pa.null()),
        ((1, "x"), None),
        ((True, 1), None),
        ((2**70,), None),
        (({}, {}), None),
        (([], []), None),
        (({"x": None},), None),
        (({"x": 1}, [1]), None),
    ],
)
def test_values_show_their_type(values: tuple[Any, ...], type_: pa.DataType | None) -> None:
    assert type_of(*values) == type_


def test_columns_are_those_of_all_lines_in_their_order() -> None:
    assert list(columns('{"b":1}\n\n{"a":1,"b":2}\n')) == ["b", "a"]


def test_only_whole_lines_of_the_first_block_are_looked_at() -> None:
    line = json.dumps({"a": "x" * 600}) + "\n"
    assert columns(line + json.dumps({"b": "y" * 600}), block_bytes="1024") == {"a": TEXT}


@pytest.mark.parametrize("content", ["", "\n", " \n\n"])
@pytest.mark.parametrize("untyped", [(), ("a",)])
def test_files_without_rows_are_empty(content: str, untyped: tuple[str, ...]) -> None:
    assert columns(content) == {}
    assert rows(content, {"a": TEXT}, untyped=untyped) == []


def test_only_the_columns_that_are_asked_for_are_read() -> None:
    content = '{"a":1,"b":[2]}\n{"a":"text"}\n{"c":1}'
    assert rows(content, {"b": pa.list_(WHOLE)}) == [{"b": [2]}, {"b": None}, {"b": None}]
    assert rows(content, {}) == [{}, {}, {}]


def test_values_of_several_kinds_are_text() -> None:
    values = ["x", 1, 2.5, True, None, [1, "é"], {"k": None}, 2**70, ""]
    content = "".join(json.dumps({"n": n, "a": value}) + "\n" for n, value in enumerate(values))
    found = rows(content, {"a": TEXT, "n": WHOLE}, untyped={"a"})
    assert [row["a"] for row in found] == [
        *("x", "1", "2.5", "true", None, '[1, "é"]', '{"k": null}', str(2**70), ""),
    ]
    assert [row["n"] for row in found] == list(range(len(values)))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"a":"secret"}', "row 501 has a string in 'a'"),
        ('{"a":', "row 501 is no JSON object"),
        ('{"a":1,"a":2}', "row 501 is no JSON object, or has a name twice"),
        ("[1]", "row 501 is no JSON object"),
        ('{"a":1.5}', "a number after row 4"),
        ('{"a":' + "1" * 4000 + "}", "a row of it is longer than block_bytes"),
        ('{"a":' + str(2**70) + "}", "a number after row"),
    ],
)
def test_a_bad_line_is_told_without_its_value(line: str, fault: str) -> None:
    content = "".join(f'{{"a":{number}}}\n' for number in range(500)) + line + "\n"
    with pytest.raises(DataConversionError, match=r"File t\.jsonl") as caught:
        rows(content, {"a": WHOLE}, block_bytes="1024")
    assert fault in str(caught.value)
    assert "secret" not in str(caught.value)


def test_text_that_is_no_utf8_is_told() -> None:
    content = b'{"a":"x"}\n{"a":"\xff"}\n'
    with pytest.raises(DataConversionError, match="a text after row 0 is no UTF-8"):
        rows(content, {"a": TEXT})


@pytest.mark.parametrize("line", ['{"a":', "[1]", "1"])
def test_a_bad_line_is_told_when_columns_are_looked_for(line: str) -> None:
    with pytest.raises(DataConversionError, match="line 3 is no JSON"):
        columns('{"a":1}\n\n' + line)
    with pytest.raises(DataConversionError, match="its first line is longer"):
        columns('{"a":"' + "x" * 2000 + '"}', block_bytes="1024")


def test_a_value_that_does_not_fit_is_told_when_read_by_hand() -> None:
    content = '{"a":1,"b":"x"}\n{"a":"secret","b":2}\n'
    with pytest.raises(DataConversionError, match="a value of 'a' in rows 1 to 2 is no int64"):
        rows(content, {"a": WHOLE, "b": TEXT}, untyped={"b"})


_objects = st.fixed_dictionaries(
    {},
    optional={
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "text": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        "flag": st.none() | st.booleans(),
        "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "items": st.none() | st.lists(st.integers(-9, 9)),
        "mixed": st.integers(-9, 9) | st.text(max_size=3) | st.lists(st.booleans(), max_size=2),
    },
)
_TYPES = {
    "whole": WHOLE,
    "text": TEXT,
    "flag": pa.bool_(),
    "real": pa.float64(),
    "items": pa.list_(WHOLE),
}


@settings(deadline=None)
@given(objects=st.lists(_objects, max_size=20), spaces=st.sampled_from(["", " ", "\t"]))
def test_every_object_is_read_as_it_was_written(objects: list[dict[str, Any]], spaces: str) -> None:
    separators = (f"{spaces},", f":{spaces}")
    content = "\n".join(
        json.dumps(each, ensure_ascii=not spaces, separators=separators) for each in objects
    )
    expected = [{name: each.get(name) for name in _TYPES} for each in objects]
    assert rows(content, _TYPES) == expected
    by_hand = rows(content, {**_TYPES, "mixed": TEXT}, untyped={"mixed"})
    assert [{name: row[name] for name in _TYPES} for row in by_hand] == expected
    for row, each in zip(by_hand, objects, strict=True):
        value = each.get("mixed")
        assert (
            row["mixed"] == value
            if isinstance(value, str)
            else json.loads(row["mixed"] or "null") == value
        )
