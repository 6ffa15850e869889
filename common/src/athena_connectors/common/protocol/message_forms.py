"""Every message and the objects inside, member by member in the order of the wire.

Source: wire protocol, sections 4 to 6; what may be null or absent, sections 3.2 and 3.3.
"""

from __future__ import annotations

from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.arrow import BLOCK, SCHEMA
from athena_connectors.common.protocol.constraints import CONSTRAINTS
from athena_connectors.common.protocol.members import (
    Form,
    Node,
    absent_as,
    each,
    map_of,
    nullable,
    object_of,
    since,
)
from athena_connectors.common.protocol.scalars import (
    base64_bytes,
    text,
    truth,
    whole,
    whole_text,
    word_of,
)

__all__ = ["REQUESTS", "RESPONSES"]


_texts = absent_as(dict, map_of(text))
_nullable_texts = absent_as(dict, map_of(nullable(text)))
_possible_text = absent_as(str, text)
"""Text that some senders leave null, which is empty here."""

_IDENTITY = absent_as(
    m.Identity,
    object_of(
        m.Identity,
        {
            "id": nullable(text),
            "principal": nullable(text),
            "account": nullable(text),
            "arn": nullable(text),
            "tags": _nullable_texts,
            "groups": absent_as(tuple, each(text)),
            "configOptions": _nullable_texts,
        },
    ),
)
_TABLE = object_of(m.TableName, {"schemaName": text, "tableName": text})
_LOCATION = object_of(
    m.S3SpillLocation, {"bucket": text, "key": text, "directory": truth}, kind="S3SpillLocation"
)
_KEY = object_of(m.EncryptionKey, {"key": base64_bytes, "nonce": base64_bytes})
_SPLIT = object_of(
    m.Split,
    {
        "spillLocation": nullable(_LOCATION),
        "encryptionKey": nullable(_KEY),
        "properties": map_of(text),
    },
)
_SUB_TYPE = object_of(
    m.OptimizationSubType, {"subType": text, "properties": absent_as(tuple, each(text))}
)
_METADATA = {"identity": _IDENTITY, "queryId": _possible_text, "catalogName": text}


_FIRST_SERDE = {m.GetDataSourceCapabilitiesRequest: 4, m.GetDataSourceCapabilitiesResponse: 4}


def _messages(forms: dict[type, dict[str, Form]]) -> dict[str, Form]:
    return {
        class_.__name__: since(
            _FIRST_SERDE.get(class_, 2), object_of(class_, members, kind=class_.__name__)
        )
        for class_, members in forms.items()
    }


REQUESTS = _messages(
    {
        m.PingRequest: {"identity": _IDENTITY, "catalogName": text, "queryId": text},
        m.ListSchemasRequest: _METADATA,
        m.ListTablesRequest: {
            **_METADATA,
            "schemaName": _possible_text,
            "nextToken": nullable(text),
            "pageSize": absent_as(lambda: -1, whole),
        },
        m.GetTableRequest: {
            **_METADATA,
            "tableName": _TABLE,
            "queryPassthroughArguments": since(5, _texts),
        },
        m.GetTableLayoutRequest: {
            **_METADATA,
            "tableName": _TABLE,
            "constraints": CONSTRAINTS,
            "schema": SCHEMA,
            "partitionColumns": each(text),
        },
        m.GetSplitsRequest: {
            **_METADATA,
            "tableName": _TABLE,
            "partitions": BLOCK,
            "partitionColumns": each(text),
            "constraints": CONSTRAINTS,
            "continuationToken": nullable(text),
        },
        m.GetDataSourceCapabilitiesRequest: _METADATA,
        m.ReadRecordsRequest: {
            "identity": _IDENTITY,
            "queryId": text,
            "catalogName": text,
            "tableName": _TABLE,
            "schema": SCHEMA,
            "split": _SPLIT,
            "constraints": CONSTRAINTS,
            "maxBlockSize": whole_text,
            "maxInlineBlockSize": whole_text,
        },
        m.UserDefinedFunctionRequest: {
            "identity": _IDENTITY,
            "inputRecords": BLOCK,
            "outputSchema": SCHEMA,
            "methodName": text,
            "functionType": word_of({"SCALAR": "SCALAR"}),
        },
    }
)
"""Form of each request by its ``@type``."""


def _read_version(node: Node) -> int:
    """Read a SerDe version; 0 is what the oldest senders leave there."""
    version: int = whole.read(node)
    return version or 1


RESPONSES = _messages(
    {
        m.PingResponse: {
            "catalogName": text,
            "queryId": text,
            "sourceType": nullable(text),
            "capabilities": whole,
            "serDeVersion": absent_as(lambda: 1, Form(_read_version, whole.write)),
        },
        m.ListSchemasResponse: {"catalogName": text, "schemas": each(text)},
        m.ListTablesResponse: {
            "tables": each(_TABLE),
            "catalogName": text,
            "nextToken": nullable(text),
        },
        m.GetTableResponse: {
            "catalogName": text,
            "tableName": _TABLE,
            "schema": SCHEMA,
            "partitionColumns": each(text),
        },
        m.GetTableLayoutResponse: {
            "catalogName": text,
            "tableName": _TABLE,
            "partitions": BLOCK,
        },
        m.GetSplitsResponse: {
            "catalogName": text,
            "splits": each(_SPLIT),
            "continuationToken": nullable(text),
        },
        m.GetDataSourceCapabilitiesResponse: {
            "catalogName": text,
            "capabilities": map_of(each(_SUB_TYPE)),
        },
        m.ReadRecordsResponse: {"catalogName": text, "records": BLOCK},
        m.RemoteReadRecordsResponse: {
            "catalogName": text,
            "schema": SCHEMA,
            "remoteBlocks": each(_LOCATION),
            "encryptionKey": nullable(_KEY),
        },
        m.UserDefinedFunctionResponse: {"records": BLOCK, "methodName": text},
    }
)
"""Form of each response by its ``@type``."""
