"""What the Java reader would reject in a reply, checked before anything is decoded.

It reads members in a fixed order and knows no others inside nested objects, so the shape
of every reply stands here as data. Rules about content (echoed names, schemas, keys of
spilled blocks) follow. Source: wire protocol, sections 3 to 8, 14 and 15.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.testing.engine_errors import EngineProtocolError
from athena_connectors.common.testing.ipc_frames import read_frame
from athena_connectors.common.testing.shapes import (
    Check,
    Checker,
    base64_text,
    block,
    children,
    each,
    members,
    nullable,
    schema_text,
    text,
    truth,
    values_of,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_reply", "check_spilled"]

Event = dict[str, Any]


def check_reply(request: Event, reply: Any, *, version: int) -> None:
    """Check a reply for everything that the Java reader would reject or misread.

    Args:
        request: The request as it was sent.
        reply: The reply as it came.
        version: The SerDe version that was sent.

    Raises:
        EngineProtocolError: Names the message and the member at fault.
    """
    kind = reply.get("@type") if isinstance(reply, dict) else None
    expected = _REPLIES[request["@type"]]
    name = kind if isinstance(kind, str) else expected[0]
    if kind not in expected:
        problem = f"the reply is {kind!r}, expected was {' or '.join(expected)}"
        raise EngineProtocolError(problem, reply=name, member="@type")
    checker = Checker(request, name, version)
    checker.size(reply)
    members({"@type": text, **_SHAPES[name]})(checker, reply, "")
    checker.echoes(reply)
    rule = _RULES.get(name)
    if rule is not None:
        rule(checker, reply)


def check_spilled(data: bytes, *, key: str) -> None:
    """Check a decrypted object of the spill bucket.

    Raises:
        EngineProtocolError: It is no record batch message in the legacy framing.
    """
    reply, member = "RemoteReadRecordsResponse", f"remoteBlocks {key}"
    try:
        frame = read_frame(data)
    except ValueError as cause:
        raise EngineProtocolError(str(cause), reply=reply, member=member) from cause
    if frame.modern or not frame.is_batch or frame.compressed:
        problem = "is no plain record batch in the legacy framing"
        raise EngineProtocolError(problem, reply=reply, member=member)


_TABLE_NAME = members({"schemaName": text, "tableName": text})
_LOCATION = members({"@type": text, "bucket": text, "key": text, "directory": truth})
_KEY = members({"key": base64_text, "nonce": base64_text})
_SPLIT = members(
    {
        "spillLocation": nullable(_LOCATION),
        "encryptionKey": nullable(_KEY),
        "properties": values_of(text),
    }
)
_SUB_TYPE = members({"subType": text, "properties": each(text)})

_SHAPES: dict[str, dict[str, Check]] = {
    "PingResponse": {
        "catalogName": text,
        "queryId": text,
        "sourceType": nullable(text),
        "capabilities": whole,
        "serDeVersion": whole,
    },
    "ListSchemasResponse": {"catalogName": text, "schemas": each(text)},
    "ListTablesResponse": {
        "tables": each(_TABLE_NAME),
        "catalogName": text,
        "nextToken": nullable(text),
    },
    "GetTableResponse": {
        "catalogName": text,
        "tableName": _TABLE_NAME,
        "schema": schema_text,
        "partitionColumns": each(text),
    },
    "GetTableLayoutResponse": {
        "catalogName": text,
        "tableName": _TABLE_NAME,
        "partitions": block,
    },
    "GetSplitsResponse": {
        "catalogName": text,
        "splits": each(_SPLIT),
        "continuationToken": nullable(text),
    },
    "GetDataSourceCapabilitiesResponse": {
        "catalogName": text,
        "capabilities": values_of(each(_SUB_TYPE)),
    },
    "ReadRecordsResponse": {"catalogName": text, "records": block},
    "RemoteReadRecordsResponse": {
        "catalogName": text,
        "schema": schema_text,
        "remoteBlocks": each(_LOCATION),
        "encryptionKey": nullable(_KEY),
    },
}
_REPLIES: dict[str, tuple[str, ...]] = {
    name.replace("Response", "Request"): (name,) for name in _SHAPES
} | {"ReadRecordsRequest": ("ReadRecordsResponse", "RemoteReadRecordsResponse")}


def _check_schemas(checker: Checker, reply: Event) -> None:
    _check_folded(checker, reply["schemas"], "schemas")


def _check_tables(checker: Checker, reply: Event) -> None:
    names = [table["tableName"] for table in reply["tables"]]
    _check_folded(checker, names, "tables")
    for place, table in enumerate(reply["tables"]):
        if table["schemaName"] != checker.request["schemaName"]:
            asked = checker.request["schemaName"]
            raise checker.fail(f"tables[{place}].schemaName", f"is not {asked!r} as asked")


def _check_folded(checker: Checker, names: list[str], member: str) -> None:
    """Refuse capitals, except where the folded name belongs to another one in the list."""
    known = set(names)
    for place, name in enumerate(names):
        if name != name.lower() and name.lower() not in known:
            raise checker.fail(f"{member}[{place}]", f"{name!r} is not in lower case")
    if len(known) < len(names):
        raise checker.fail(member, "lists a name twice")


def _check_table(checker: Checker, reply: Event) -> None:
    schema = checker.schema(reply["schema"], "schema")
    names = schema.names
    for field in schema:
        if field.name != field.name.lower():
            raise checker.fail("schema", f"column {field.name!r} is not in lower case")
        if not _is_engine_type(field.type):
            problem = f"column {field.name!r} has the type {field.type}, which is not supported"
            raise checker.fail("schema", problem)
    if len(set(names)) < len(names):
        raise checker.fail("schema", "has two columns of one name")
    unknown = set(reply["partitionColumns"]) - set(names)
    if unknown:
        raise checker.fail("partitionColumns", f"names no column of the schema: {sorted(unknown)}")
    if not set(names) - set(reply["partitionColumns"]):
        raise checker.fail("schema", "has no column besides partition columns")


def _check_layout(checker: Checker, reply: Event) -> None:
    schema = checker.schema(reply["partitions"]["schema"], "partitions.schema")
    asked = checker.schema(checker.request["schema"], "partitions.schema")
    for name in checker.request["partitionColumns"]:
        if name not in schema.names or schema.field(name).type != asked.field(name).type:
            raise checker.fail(
                "partitions.schema", f"lacks partition column {name!r} in its type of the table"
            )


def _check_splits(checker: Checker, reply: Event) -> None:
    seen: set[str] = set()
    for place, split in enumerate(reply["splits"]):
        member = f"splits[{place}]"
        location, key = split["spillLocation"], split["encryptionKey"]
        if location is not None:
            _check_location(checker, location, f"{member}.spillLocation", directory=True)
        if key is not None:
            _check_key(checker, key, f"{member}.encryptionKey")
        text = json.dumps(split, sort_keys=True)
        if text in seen:
            raise checker.fail(member, "equals an earlier split, so that one of them vanishes")
        seen.add(text)


def _check_location(checker: Checker, location: Event, member: str, *, directory: bool) -> None:
    if location["@type"] != "S3SpillLocation":
        raise checker.fail(f"{member}.@type", f"is {location['@type']!r}, which is not known")
    if location["directory"] is not directory:
        raise checker.fail(f"{member}.directory", f"must be {str(directory).lower()}")


def _check_key(checker: Checker, key: Event, member: str) -> None:
    if len(base64.b64decode(key["key"])) not in (16, 32):
        raise checker.fail(f"{member}.key", "is neither 16 nor 32 bytes long")
    if len(base64.b64decode(key["nonce"])) != 12:  # noqa: PLR2004 - AES-GCM
        raise checker.fail(f"{member}.nonce", "is not 12 bytes long")


def _check_capabilities(checker: Checker, reply: Event) -> None:
    for name, items in reply["capabilities"].items():
        for place, item in enumerate(items):
            if item["subType"] != "supported_function_expression_types":
                continue
            unknown = set(item["properties"]) - set(FUNCTIONS)
            member = f"capabilities.{name}[{place}].properties"
            if unknown or not item["properties"]:
                raise checker.fail(member, f"names no known functions: {sorted(unknown)}")


def _check_records(checker: Checker, reply: Event) -> None:
    _same_schema(checker, reply["records"]["schema"], "records.schema")


def _check_remote(checker: Checker, reply: Event) -> None:
    _same_schema(checker, reply["schema"], "schema")
    split = checker.request["split"]
    if reply["encryptionKey"] != split["encryptionKey"]:
        raise checker.fail("encryptionKey", "is not the key of the split")
    home = split["spillLocation"]
    if home is None:
        raise checker.fail("remoteBlocks", "belongs to a split that has no place to spill")
    blocks = reply["remoteBlocks"]
    for place, location in enumerate(blocks):
        _check_location(checker, location, f"remoteBlocks[{place}]", directory=False)
    found = {(location["bucket"], location["key"]) for location in blocks}
    wanted = {(home["bucket"], f"{home['key']}.{number}") for number in range(len(blocks))}
    if found != wanted:
        stray = sorted(key for _, key in found - wanted) or "the same key twice"
        raise checker.fail("remoteBlocks", f"are not numbered <split key>.0 and up: {stray}")


def _same_schema(checker: Checker, text: str, member: str) -> None:
    asked = checker.schema(checker.request["schema"], member)
    given = checker.schema(text, member)
    if not given.equals(asked, check_metadata=True):
        raise checker.fail(member, f"is not the schema asked for: {given} instead of {asked}")


_RULES: dict[str, Callable[[Checker, Event], None]] = {
    "ListSchemasResponse": _check_schemas,
    "ListTablesResponse": _check_tables,
    "GetTableResponse": _check_table,
    "GetTableLayoutResponse": _check_layout,
    "GetSplitsResponse": _check_splits,
    "GetDataSourceCapabilitiesResponse": _check_capabilities,
    "ReadRecordsResponse": _check_records,
    "RemoteReadRecordsResponse": _check_remote,
}

_SCALARS = frozenset(
    {
        pa.bool_(),
        pa.int8(),
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.float32(),
        pa.float64(),
        pa.string(),
        pa.binary(),
        pa.date32(),
        pa.date64(),
    }
)


def _is_engine_type(type_: pa.DataType) -> bool:
    if type_ in _SCALARS or pa.types.is_decimal128(type_):
        return True
    if isinstance(type_, pa.TimestampType):
        return type_.unit == "ms" and type_.tz is not None
    if isinstance(type_, pa.ListType | pa.StructType | pa.MapType):
        return all(map(_is_engine_type, children(type_)))
    return False
