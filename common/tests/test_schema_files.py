"""Frozen schemas: what is written is read, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.errors import ConfigurationError, ConnectorError, SourceError
from athena_connectors.common.inference import InferredColumn, InferredTable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.schema_files import load_schemas, parse_schemas, schemas_text
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from athena_connectors.common.testing.aws import AwsAddress

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
TYPES = st.sampled_from(
    [
        *(pa.string(), pa.int64(), pa.decimal128(38, 9), pa.list_(pa.timestamp("ms", "UTC"))),
        *(pa.struct([("a b", pa.float64())]), pa.map_(pa.string(), pa.bool_())),
    ]
)
COLUMNS = st.builds(
    InferredColumn,
    name=NAMES,
    type=TYPES,
    attribute=NAMES,
    others=st.lists(NAMES, max_size=2).map(tuple),
    share=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    note=st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    seen=st.none() | TYPES,
) | st.builds(InferredColumn, NAMES, st.just(pa.string()), NAMES, is_json=st.booleans())
TABLES = st.builds(
    InferredTable,
    columns=st.lists(COLUMNS, min_size=1, max_size=4, unique_by=lambda column: column.name).map(
        tuple
    ),
    documents=st.integers(0, 10**6),
    method=st.sampled_from(["", "4 segments"]),
    at=st.sampled_from(["", "2025-01-31T12:00:00Z"]),
)
FILES = st.dictionaries(st.builds(TableName, NAMES, NAMES), TABLES, max_size=4)

WHOLE = """{
  "version": 1,
  "schemas": {
    "default": {
      "Orders": {
        "sampled": {"documents": 1000, "method": "4 segments", "at": "2025-01-31T12:00:00Z"},
        "columns": [
          {"name": "id", "type": "varchar", "share": 1.0},
          {"name": "total", "type": "decimal(38,9)", "attribute": "Total", "share": 0.9877}
        ]
      },
      "users": {
        "sampled": {"documents": 0, "method": "", "at": ""},
        "columns": [
          {"name": "é", "type": "varchar", "others": ["É"], "json": true, "note": "mixed"}
        ]
      }
    }
  }
}
"""
DECODED = {
    TableName("default", "users"): InferredTable(
        (InferredColumn("é", pa.string(), "é", others=("É",), is_json=True, note="mixed"),)
    ),
    TableName("default", "Orders"): InferredTable(
        (
            InferredColumn("id", pa.string(), "id", share=1.0),
            InferredColumn("total", pa.decimal128(38, 9), "Total", share=0.9877),
        ),
        documents=1000,
        method="4 segments",
        at="2025-01-31T12:00:00Z",
    ),
}


@settings(max_examples=200)
@given(FILES)
def test_what_is_written_is_read(tables: dict[TableName, InferredTable]) -> None:
    text = schemas_text(tables)
    assert parse_schemas(text, where="f") == tables
    assert text == schemas_text(dict(reversed(tables.items())))
    lines = [line for line in text.splitlines() if line.startswith('          {"name"')]
    assert len(lines) == sum(len(table.columns) for table in tables.values())


def test_the_form_is_what_people_review() -> None:
    assert schemas_text(DECODED) == WHOLE
    assert parse_schemas(WHOLE, where="f") == DECODED


def test_all_but_name_and_type_may_be_left_out() -> None:
    text = '{"version": 1, "schemas": {"s": {"t": {"columns": [{"name": "a", "type": "int"}]}}}}'
    assert parse_schemas(text, where="f") == {
        TableName("s", "t"): InferredTable((InferredColumn("a", pa.int32(), "a"),))
    }


COLUMN = {"name": "a", "type": "int"}


def changed(**members: Any) -> str:
    """Return a file of one column with members changed, or left out if None."""
    column = {"name": "a", "type": "varchar", **members}
    column = {name: value for name, value in column.items() if value is not None}
    return json.dumps({"version": 1, "schemas": {"s": {"t": {"columns": [column]}}}})


def with_table(table: Any) -> str:
    return json.dumps({"version": 1, "schemas": {"s": {"t": table}}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Schema file f is no JSON: "),
        ("[" * 100_000, "Schema file f is no JSON"),
        ("[]", "Schema file f is no JSON object."),
        ("{}", "has version None, and 1 is the one known"),
        ('{"version": 2, "schemas": {}}', "has version 2"),
        ('{"version": 1}', "schemas is missing"),
        ('{"version": 1, "schemas": []}', "schemas is no JSON object"),
        ('{"version": 1, "schemas": {}, "x": 0}', "unknown member 'x'"),
        ('{"version": 1, "schemas": {"s": 1}}', "schemas s is no JSON object"),
        ('{"version": 1, "schemas": {"s": {}, "s": {}}}', "the member 's' twice"),
        (with_table(7), "table s.t is no JSON object"),
        (with_table({}), "table s.t has no column"),
        (with_table({"columns": {}}), "table s.t: columns is no array"),
        (with_table({"columns": [], "cols": 1}), "table s.t has the unknown member 'cols'"),
        (with_table({"columns": [3]}), "table s.t: an entry of columns is no JSON object"),
        (with_table({"columns": [COLUMN] * 2}), "s.t has the column 'a' twice"),
        (with_table({"columns": [COLUMN], "sampled": 1}), "s.t: sampled is no JSON object"),
        (with_table({"columns": [COLUMN], "sampled": {"documents": -1}}), "s.t: sampled has"),
        (with_table({"columns": [COLUMN], "sampled": {"at": 3}}), "s.t: at is no text"),
        (with_table({"columns": [COLUMN], "sampled": {"by": ""}}), "has the unknown member 'by'"),
        (changed(name=None), "table s.t: a column has no name"),
        (changed(name=""), "table s.t: a column has no name"),
        (changed(type=None), "table s.t, column 'a': type is missing"),
        (changed(type="strin"), "table s.t, column 'a' has the unknown type 'strin'"),
        (changed(type=4), "table s.t, column 'a': type is no text"),
        (changed(seen="?"), "column 'a' has the unknown seen '?'"),
        (changed(attribute=""), "column 'a': attribute is no text"),
        (changed(others="b"), "column 'a': others is no array"),
        (changed(others=[1]), "column 'a': others has an entry that is no text"),
        (changed(json="yes"), "column 'a': json is neither true nor false"),
        (changed(json=True, type="int"), "column 'a' is JSON and not varchar"),
        (changed(share=1.01), "column 'a': share is no number from 0 to 1"),
        (changed(share=True), "column 'a': share is no number from 0 to 1"),
        (changed(note=1), "column 'a': note is no text"),
        (changed(kind="x"), "column 'a' has the unknown member 'kind'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_schemas(text, where="f")
    assert told in str(caught.value)
    assert str(caught.value).startswith("Schema file f")
    assert caught.value.context == {"setting": "schema_file"}


def test_a_file_is_loaded_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(WHOLE, encoding=encoding)
        assert load_schemas(str(path), AwsClients({})) == DECODED
    path.write_text(WHOLE, encoding="latin-1")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        load_schemas(str(path), AwsClients({}))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none.json")
    with pytest.raises(
        ConfigurationError, match=r"none\.json can't be read: No such file"
    ) as caught:
        load_schemas(path, AwsClients({}))
    assert "athena-connectors freeze" in caught.value.hint


def test_an_object_is_loaded(aws: AwsAddress) -> None:
    aws.create_bucket("has-schemas")
    aws.client("s3").put_object(Bucket="has-schemas", Key="a/b.json", Body=WHOLE.encode())
    assert load_schemas("s3://has-schemas/a/b.json", aws.clients) == DECODED
    with pytest.raises(ConnectorError, match="s3://has-schemas/none"):
        load_schemas("s3://has-schemas/none", aws.clients)


def test_a_bucket_that_is_missing_is_named(aws: AwsAddress) -> None:
    with pytest.raises(ConnectorError, match="s3://no-such-bucket/a"):
        load_schemas("s3://no-such-bucket/a", aws.clients)


@pytest.mark.parametrize("location", ["s3://", "s3://bucket", "s3:///key"])
def test_a_location_without_bucket_or_key_is_refused(location: str) -> None:
    with pytest.raises(ConfigurationError, match="is no s3://bucket/key"):
        load_schemas(location, AwsClients({}))


def test_an_unreachable_s3_is_an_error() -> None:
    clients = AwsClients(
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
    )
    with pytest.raises(SourceError, match="the schema file s3://b/k can't be reached"):
        load_schemas("s3://b/k", clients)
