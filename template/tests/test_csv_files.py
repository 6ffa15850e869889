"""CSV files: what fields become, and what is said of rows that can't be read."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import DataConversionError
from athena_connectors.template.csv_files import columns_of, rows_of
from athena_connectors.template.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT, WHOLE = pa.string(), pa.int64()


def settings_of(**settings: str) -> Settings:
    return load_settings(Settings, {"location": "unused", **settings})


def stream(content: str | bytes) -> io.BufferedReader:
    data = content.encode() if isinstance(content, str) else content
    return io.BufferedReader(io.BytesIO(data))


def columns(content: str | bytes, **settings: str) -> dict[str, pa.DataType | None]:
    return columns_of(stream(content), settings_of(**settings), path="t.csv")


def rows(
    content: str | bytes, wanted: Mapping[str, pa.DataType], **settings: str
) -> list[dict[str, Any]]:
    batches = rows_of(
        stream(content), wanted, settings_of(**settings), path="t.csv", untyped=frozenset()
    )
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("field", "type_"),
    [
        ("7", pa.int64()),
        ("-9223372036854775808", pa.int64()),
        ("9223372036854775808", pa.float64()),
        ("0.5", pa.float64()),
        ("NaN", pa.float64()),
        ("inf", pa.float64()),
        ("true", pa.bool_()),
        ("FALSE", pa.bool_()),
        ("2024-02-29", pa.date32()),
        ("2024-02-29 12:00:00", pa.timestamp("s")),
        ("2024-02-29T12:00:00.123", pa.timestamp("ns")),
        ("2024-02-29T12:00:00Z", pa.timestamp("s", "UTC")),
        ("2023-02-29", pa.string()),
        ("12:30", pa.string()),
        ("NA", pa.string()),
        ("null", pa.string()),
        ("é", pa.string()),
        ("", pa.null()),
    ],
)
def test_a_field_shows_its_type(field: str, type_: pa.DataType) -> None:
    assert columns(f"a,b\n{field},x\n")["a"] == type_


def test_columns_that_are_said_to_be_text_are() -> None:
    content = "zip,n\n007,1\n"
    assert columns(content) == {"zip": WHOLE, "n": WHOLE}
    assert columns(content, text_columns="zip, other") == {"zip": TEXT, "n": WHOLE}
    assert rows(content, {"zip": TEXT}) == [{"zip": "007"}]


def test_only_a_field_without_characters_is_null() -> None:
    content = 'a,b\n,1\n"",2\nNA,3\nnull,4\n'
    found = [row["a"] for row in rows(content, {"a": TEXT, "b": WHOLE})]
    assert found == [None, "", "NA", "null"]


def test_quoted_fields_have_line_ends_quotes_and_delimiters() -> None:
    content = 'a,b\r\n"x\ny","say ""no"", twice"\r\n'
    assert rows(content, {"a": TEXT, "b": TEXT}) == [{"a": "x\ny", "b": 'say "no", twice'}]
    long = "a,b\n" + '"line\n\n\nbreaks",1\n' * 500  # some of them where a block ends
    found = rows(long, {"a": TEXT, "b": WHOLE}, block_bytes="1024")
    assert found == [{"a": "line\n\n\nbreaks", "b": 1}] * 500


def test_the_row_of_names_may_have_line_ends_and_a_byte_order_mark() -> None:
    content = '\ufeff"a\nb",c\n1,2\n'
    assert columns(content) == {"a\nb": WHOLE, "c": WHOLE}
    assert rows(content, {"a\nb": WHOLE}) == [{"a\nb": 1}]


def test_columns_without_a_name_of_their_own_are_named_by_their_place() -> None:
    content = ",a,a\n1,2,3\n"
    assert list(columns(content)) == ["column_1", "a", "column_3"]
    assert rows(content, {"column_3": WHOLE}) == [{"column_3": 3}]


@pytest.mark.parametrize("content", ["", "\n\n", "a,b", "a,b\n", "a,b\n\n"])
def test_files_without_rows_are_empty(content: str) -> None:
    assert rows(content, {"a": WHOLE}) == []
    assert columns(content) == ({"a": pa.null(), "b": pa.null()} if "a" in content else {})


def test_a_missing_column_is_null() -> None:
    wanted = {"z": pa.struct([("x", WHOLE)]), "a": WHOLE}
    assert rows("a\n1\n2\n", wanted) == [{"z": None, "a": 1}, {"z": None, "a": 2}]
    assert rows("a\n1\n2\n", {"z": TEXT}) == [{"z": None}] * 2


@pytest.mark.parametrize("first", ["1", "\xff", '"x\ny"'])
def test_rows_are_counted_by_any_column(first: str) -> None:
    content = f"a,b\n{first},1\n,2\n".encode("latin-1")
    assert len(rows(content, {})) == 2


def test_another_delimiter() -> None:
    assert rows("a;b\n1;x,y\n", {"a": WHOLE, "b": TEXT}, delimiter=";") == [{"a": 1, "b": "x,y"}]
    assert rows("a\tb\n1\tx\n", {"b": TEXT}, delimiter="tab") == [{"b": "x"}]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a,b\n1,2\nsecret,4\n", "row 2 has a value in 'a' that is no int64"),
        ("a,b\n1,2\n3\n", "row 2 has 1 fields instead of 2"),
        ("a,b\n1,2\nsecret,4,5\n", "row 2 has 3 fields instead of 2"),
        ("a,b\n1," + "x" * 4000 + "\n", "a row of it is longer than block_bytes"),
        (b"a,b\n1,\xff\n", "row 1 has a value in 'b' that is no string"),
    ],
)
def test_a_bad_row_is_told_without_its_value(content: str | bytes, fault: str) -> None:
    with pytest.raises(DataConversionError, match=r"File t\.csv") as caught:
        rows(content, {"a": WHOLE, "b": TEXT}, block_bytes="1024")
    assert fault in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_bad_row_far_down_has_its_number() -> None:
    content = "a\n" + "".join(f"{number}\n" for number in range(5000)) + "x\n"
    with pytest.raises(DataConversionError, match="row 5001 has a value in 'a'"):
        rows(content, {"a": WHOLE}, block_bytes="1024")


@pytest.mark.parametrize("content", ["a,b\n1\n", '"a\n1,2\n'])
def test_a_bad_row_is_told_when_columns_are_looked_for(content: str) -> None:
    with pytest.raises(DataConversionError, match=r"File t\.csv"):
        columns(content)


@settings(deadline=None)
@given(
    table=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"))),
        max_size=20,
    ),
    block_bytes=st.integers(1024, 4096),
)
def test_every_text_is_read_as_it_was_written(table: list[tuple[str]], block_bytes: int) -> None:
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["a"])
    writer.writerows(table)
    found = rows(file.getvalue(), {"a": TEXT}, block_bytes=str(block_bytes))
    assert [(row["a"],) for row in found] == table
