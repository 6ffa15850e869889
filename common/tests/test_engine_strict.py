"""Every malformed reply is refused, and the error names the member."""

from __future__ import annotations

import base64
import io
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.testing.engine_errors import EngineProtocolError
from athena_connectors.common.testing.strict import check_reply, check_spilled

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]
SCHEMA = pa.schema([("id", pa.int32()), ("name", pa.string()), ("p", pa.string())])
BATCH = pa.record_batch([[1, 2], ["a", None], ["x", "y"]], schema=SCHEMA)
LEGACY = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4, use_legacy_format=True)


def text(data: bytes | pa.Buffer) -> str:
    return base64.b64encode(data).decode()


def legacy(schema: pa.Schema, batch: pa.RecordBatch) -> tuple[bytes, bytes]:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema, options=LEGACY) as stream:
        stream.write_batch(batch)
        end = sink.tell()
    raw = sink.getvalue()
    cut = 4 + int.from_bytes(raw[:4], "little")
    return raw[:cut], raw[cut:end]


def block(batch: pa.RecordBatch) -> Event:
    records = text(batch.serialize()) if batch.num_rows else ""
    return {"aId": "x", "schema": text(batch.schema.serialize()), "records": records}


TABLE = {"schemaName": "s", "tableName": "t"}
KEY = {"key": text(b"k" * 32), "nonce": text(b"n" * 12)}
HOME = {"@type": "S3SpillLocation", "bucket": "b", "key": "p/q/u", "directory": True}
SPLIT = {"spillLocation": HOME, "encryptionKey": KEY, "properties": {"part": "1"}}
LAYOUT = pa.record_batch([["x"]], schema=pa.schema([("p", pa.string())]))
ASKED: dict[str, Event] = {
    "Ping": {"queryId": "q"},
    "ListSchemas": {},
    "ListTables": {"schemaName": "s"},
    "GetTable": {"tableName": TABLE},
    "GetTableLayout": {
        "tableName": TABLE, "schema": text(SCHEMA.serialize()), "partitionColumns": ["p"],
    },
    "GetSplits": {"tableName": TABLE, "partitions": block(LAYOUT)},
    "GetDataSourceCapabilities": {},
    "ReadRecords": {"tableName": TABLE, "schema": text(SCHEMA.serialize()), "split": SPLIT},
}  # fmt: skip
REPLIES: dict[str, Event] = {
    "Ping": {
        "@type": "PingResponse", "catalogName": "c", "queryId": "q", "sourceType": "x",
        "capabilities": 24, "serDeVersion": 5,
    },
    "ListSchemas": {"@type": "ListSchemasResponse", "catalogName": "c", "schemas": ["a", "b"]},
    "ListTables": {
        "@type": "ListTablesResponse", "tables": [TABLE], "catalogName": "c", "nextToken": None,
    },
    "GetTable": {
        "@type": "GetTableResponse", "catalogName": "c", "tableName": TABLE,
        "schema": text(SCHEMA.serialize()), "partitionColumns": ["p"],
    },
    "GetTableLayout": {
        "@type": "GetTableLayoutResponse", "catalogName": "c", "tableName": TABLE,
        "partitions": block(LAYOUT),
    },
    "GetSplits": {
        "@type": "GetSplitsResponse", "catalogName": "c", "splits": [SPLIT],
        "continuationToken": None,
    },
    "GetDataSourceCapabilities": {
        "@type": "GetDataSourceCapabilitiesResponse", "catalogName": "c",
        "capabilities": {
            "supports_complex_expression_pushdown": [
                {"subType": "supported_function_expression_types", "properties": ["$and"]}
            ]
        },
    },
    "ReadRecords": {
        "@type": "ReadRecordsResponse", "catalogName": "c", "records": block(BATCH),
    },
    "Remote": {
        "@type": "RemoteReadRecordsResponse", "catalogName": "c",
        "schema": text(SCHEMA.serialize()),
        "remoteBlocks": [
            {"@type": "S3SpillLocation", "bucket": "b", "key": f"p/q/u.{n}", "directory": False}
            for n in (0, 1)
        ],
        "encryptionKey": KEY,
    },
}  # fmt: skip


def check(name: str, change: Callable[[Event], Any] | None = None, *, version: int = 6) -> None:
    asked = "ReadRecords" if name == "Remote" else name
    request = {"@type": f"{asked}Request", "catalogName": "c", **ASKED[asked]}
    reply = deepcopy(REPLIES[name])
    if change is not None:
        changed = change(reply)
        reply = changed if isinstance(changed, dict) else reply
    check_reply(request, reply, version=version)


def refused(name: str, change: Callable[[Event], Any], *, version: int = 6) -> str:
    with pytest.raises(EngineProtocolError) as caught:
        check(name, change, version=version)
    assert caught.value.member in str(caught.value)
    return caught.value.member


@pytest.mark.parametrize("name", REPLIES)
def test_good_replies_pass(name: str) -> None:
    for version in (3, 4, 5, 6):
        check(name, version=version)


@pytest.mark.parametrize("name", REPLIES)
def test_members_are_all_there_in_order_and_no_more(name: str) -> None:
    members = list(REPLIES[name])
    for member in members[1:]:
        assert refused(name, lambda reply, member=member: reply.pop(member) and None) == member
    assert refused(name, lambda reply: reply.update(extra=1)) == "extra"

    def reordered(reply: Event) -> Event:
        first, second, *rest = members[1:]
        return {key: reply[key] for key in ("@type", second, first, *rest)}

    assert refused(name, reordered) == "order"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("GetTable", ["tableName"]),
        ("ListTables", ["tables", 0]),
        ("GetTableLayout", ["partitions"]),
        ("GetSplits", ["splits", 0]),
        ("GetSplits", ["splits", 0, "spillLocation"]),
        ("GetSplits", ["splits", 0, "encryptionKey"]),
        (
            "GetDataSourceCapabilities",
            ["capabilities", "supports_complex_expression_pushdown", 0],
        ),
        ("ReadRecords", ["records"]),
        ("Remote", ["remoteBlocks", 1]),
        ("Remote", ["encryptionKey"]),
    ],
)
def test_nested_objects_know_no_other_member(name: str, path: list[str | int]) -> None:
    def at(reply: Event) -> Event:
        node: Any = reply
        for step in path:
            node = node[step]
        assert isinstance(node, dict)
        return node

    assert refused(name, lambda reply: at(reply).update(extra="x") or reply).endswith("extra")
    first = next(iter(at(REPLIES[name])))
    assert refused(name, lambda reply: at(reply).pop(first) and None).endswith(first)


def put(member: str, value: Any) -> Callable[[Event], None]:
    def change(reply: Event) -> None:
        node: Any = reply
        *way, last = [int(step) if step.isdigit() else step for step in member.split(".")]
        for step in way:
            node = node[step]
        node[last] = value

    return change


WRONG: list[tuple[str, str, Any, str]] = [
    ("Ping", "capabilities", "24", "capabilities"),
    ("Ping", "serDeVersion", True, "serDeVersion"),
    ("Ping", "queryId", "other", "queryId"),
    ("Ping", "catalogName", None, "catalogName"),
    ("ListSchemas", "catalogName", "other", "catalogName"),
    ("ListSchemas", "schemas", None, "schemas"),
    ("ListSchemas", "schemas", ["a", "B"], "schemas[1]"),
    ("ListSchemas", "schemas", ["a", "a"], "schemas"),
    ("ListTables", "tables.0.tableName", "T", "tables[0]"),
    ("ListTables", "tables.0.schemaName", "z", "tables[0].schemaName"),
    ("ListTables", "nextToken", 3, "nextToken"),
    ("GetTable", "tableName.tableName", "u", "tableName"),
    ("GetTable", "partitionColumns", ["q"], "partitionColumns"),
    ("GetTable", "partitionColumns", ["id", "name", "p"], "schema"),
    ("GetTable", "schema", "no base64", "schema"),
    ("GetTable", "schema", text(b"abcdefgh"), "schema"),
    ("GetTable", "schema", text(BATCH.serialize()), "schema"),
    ("GetTable", "schema", text(pa.schema([("Id", pa.int32())]).serialize()), "schema"),
    ("GetTable", "schema", text(pa.schema([("id", pa.large_string())]).serialize()), "schema"),
    ("GetTable", "schema", text(pa.schema([("id", pa.timestamp("ms"))]).serialize()), "schema"),
    ("GetTable", "schema", text(pa.schema([("l", pa.list_(pa.uint8()))]).serialize()), "schema"),
    ("GetTable", "schema", text(bytes(SCHEMA.serialize()) + b"\0" * 8), "schema"),
    ("GetTable", "schema", text(legacy(SCHEMA, BATCH)[0]), "schema"),
    ("GetTableLayout", "partitions", block(BATCH.select(["id"])), "partitions.schema"),
    ("GetTableLayout", "partitions.records", None, "partitions.records"),
    ("GetTableLayout", "partitions.records", text(LAYOUT.slice(1).serialize()),
     "partitions.records"),
    ("GetSplits", "splits.0.properties.part", None, "splits[0].properties.part"),
    ("GetSplits", "splits.0.properties.part", 1, "splits[0].properties.part"),
    ("GetSplits", "splits.0.properties", None, "splits[0].properties"),
    ("GetSplits", "splits.0.spillLocation.directory", False,
     "splits[0].spillLocation.directory"),
    ("GetSplits", "splits.0.spillLocation.@type", "Other", "splits[0].spillLocation.@type"),
    ("GetSplits", "splits.0.encryptionKey.key", text(b"k" * 24), "splits[0].encryptionKey.key"),
    ("GetSplits", "splits.0.encryptionKey.nonce", "bm9uY2U", "splits[0].encryptionKey.nonce"),
    ("GetSplits", "splits", [SPLIT, SPLIT], "splits[1]"),
    ("GetDataSourceCapabilities", "capabilities",
     {"x": [{"subType": "supported_function_expression_types", "properties": []}]},
     "capabilities.x[0].properties"),
    ("GetDataSourceCapabilities", "capabilities", {"x": None}, "capabilities.x"),
    ("ReadRecords", "records.schema", text(SCHEMA.remove(0).serialize()), "records.records"),
    ("ReadRecords", "records", block(BATCH.select(["name", "id", "p"])), "records.schema"),
    ("ReadRecords", "records", block(BATCH.replace_schema_metadata({"a": "b"})),
     "records.schema"),
    ("ReadRecords", "records.records", text(SCHEMA.serialize()), "records.records"),
    ("ReadRecords", "records.records",
     text(BATCH.serialize()) + text(BATCH.serialize()), "records.records"),
    ("Remote", "schema", text(SCHEMA.remove(0).serialize()), "schema"),
    ("Remote", "encryptionKey", None, "encryptionKey"),
    ("Remote", "remoteBlocks.1.key", "p/q/u.2", "remoteBlocks"),
    ("Remote", "remoteBlocks.1.key", "p/q/u.0", "remoteBlocks"),
    ("Remote", "remoteBlocks.0.bucket", "other", "remoteBlocks"),
    ("Remote", "remoteBlocks.0.directory", True, "remoteBlocks[0].directory"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "member", "value", "told"), WRONG)
def test_wrong_content_is_refused(name: str, member: str, value: Any, told: str) -> None:
    assert refused(name, put(member, value)) == told


def test_another_kind_of_reply_is_refused() -> None:
    assert refused("Ping", lambda reply: reply.update({"@type": "PongResponse"})) == "@type"
    with pytest.raises(EngineProtocolError):
        check_reply({"@type": "PingRequest"}, ["no object"], version=6)


def test_names_that_differ_in_case_alone_are_both_listed() -> None:
    check("ListSchemas", put("schemas", ["a", "A"]))


def test_empty_blocks_have_no_records() -> None:
    check("ReadRecords", put("records", block(BATCH.slice(2))))


def test_rows_without_columns_are_counted() -> None:
    empty = pa.schema([])
    rows = BATCH.select([])
    request = {
        "@type": "ReadRecordsRequest",
        "catalogName": "c",
        **ASKED["ReadRecords"],
        "schema": text(empty.serialize()),
    }
    reply = {"@type": "ReadRecordsResponse", "catalogName": "c", "records": block(rows)}
    check_reply(request, reply, version=6)


def test_bodies_are_not_compressed() -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    sink = io.BytesIO()
    wide = pa.record_batch([["a" * 5000] * 9] * 3, schema=pa.schema([(n, "string") for n in "abc"]))
    with pa.ipc.new_stream(sink, wide.schema, options=options) as stream:
        stream.write_batch(wide)
        end = sink.tell()
    start = len(wide.schema.serialize())
    records = sink.getvalue()[start:end]
    request = {
        "@type": "ReadRecordsRequest",
        "catalogName": "c",
        **ASKED["ReadRecords"],
        "schema": text(wide.schema.serialize()),
    }
    content = {"aId": "x", "schema": text(wide.schema.serialize()), "records": text(records)}
    reply = {"@type": "ReadRecordsResponse", "catalogName": "c", "records": content}
    with pytest.raises(EngineProtocolError, match="compressed"):
        check_reply(request, reply, version=6)


def test_dictionaries_are_refused() -> None:
    schema = pa.schema([("id", pa.dictionary(pa.int32(), pa.string()))])
    content = {"aId": "x", "schema": text(schema.serialize()), "records": ""}
    assert refused("GetTableLayout", put("partitions", content)) == "partitions.schema"


def test_version_2_is_answered_in_the_legacy_framing() -> None:
    schema, records = legacy(SCHEMA, BATCH)
    old = {"aId": "x", "schema": text(schema), "records": text(records)}
    check_v2 = {
        "@type": "ReadRecordsRequest",
        "catalogName": "c",
        **ASKED["ReadRecords"],
        "schema": text(schema),
    }
    reply = {"@type": "ReadRecordsResponse", "catalogName": "c", "records": old}
    check_reply(check_v2, reply, version=2)
    with pytest.raises(EngineProtocolError, match="legacy"):
        check_reply(check_v2, {**reply, "records": block(BATCH)}, version=2)
    with pytest.raises(EngineProtocolError, match="modern"):
        check("ReadRecords", put("records", old))
    check("GetTable", version=2)  # its request carries no Arrow that would show the framing


def test_replies_fit_into_lambda() -> None:
    assert refused("ListSchemas", put("schemas", ["a" * 7_000_000])) == ""
    assert refused("ListSchemas", put("schemas", [float("nan")])) == ""
    assert refused("ListSchemas", put("schemas", [b"bytes"])) == ""


def test_spilled_objects_are_one_batch_in_the_legacy_framing() -> None:
    schema, records = legacy(SCHEMA, BATCH)
    check_spilled(records, key="k.0")
    for wrong in (schema, bytes(BATCH.serialize()), b"", records + b"\0" * 8, records[:-8]):
        with pytest.raises(EngineProtocolError, match=r"k\.0"):
            check_spilled(wrong, key="k.0")


def test_errors_are_readable() -> None:
    with pytest.raises(EngineProtocolError) as caught:
        check("GetSplits", put("splits.0.properties.part", None))
    assert str(caught.value) == (
        "GetSplitsResponse.splits[0].properties.part: is NoneType, text is expected. "
        "Athena would refuse this reply."
    )
    assert json.dumps(caught.value.reply) == '"GetSplitsResponse"'
