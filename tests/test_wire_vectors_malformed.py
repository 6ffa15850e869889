"""The Java reference's messages, bent: what still means something is read, the rest refused.

Whatever is wrong ends as an error that names the message and the member, and shows no key
and no token.
"""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.protocol.arrow import encode_block
from athena_connectors.common.protocol.codec import (
    decode_request,
    decode_response,
    request_version,
)
from athena_connectors.common.protocol.messages import Identity
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERDE = Path(__file__).parent / "vectors" / "serde"
GENERATED = "generated/v6/"
BY_KIND = {
    kind: json.loads((SERDE / f"{path}.json").read_text(encoding="utf-8"))
    for kind, path in {
        "PingRequest": "ping/PingRequest",
        "ListSchemasRequest": "v2/ListSchemasRequest",
        "ListTablesRequest": "v2/ListTablesRequest",
        "GetTableRequest": GENERATED + "GetTableRequest_query_passthrough",
        "GetTableLayoutRequest": "generated/v4/GetTableLayoutRequest_rich",
        "GetSplitsRequest": GENERATED + "GetSplitsRequest_first_page",
        "GetDataSourceCapabilitiesRequest": GENERATED + "GetDataSourceCapabilitiesRequest",
        "ReadRecordsRequest": GENERATED + "ReadRecordsRequest_rich",
        "UserDefinedFunctionRequest": GENERATED + "UserDefinedFunctionRequest",
        "PingResponse": "ping/PingResponse",
        "ListSchemasResponse": "v2/ListSchemasResponse",
        "ListTablesResponse": "generated/v4/ListTablesResponse_last_page",
        "GetTableResponse": "v2/GetTableResponse",
        "GetTableLayoutResponse": "v2/GetTableLayoutResponse",
        "GetSplitsResponse": "v2/GetSplitsResponse",
        "GetDataSourceCapabilitiesResponse": GENERATED
        + "GetDataSourceCapabilitiesResponse_everything",
        "ReadRecordsResponse": "v2/ReadRecordsResponse",
        "RemoteReadRecordsResponse": GENERATED + "RemoteReadRecordsResponse_no_key",
        "UserDefinedFunctionResponse": "v2/UserDefinedFunctionResponse",
    }.items()
}
READ = BY_KIND["ReadRecordsRequest"]
ALL = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(SERDE.rglob("*.json"))]
ALL = [event for event in ALL if isinstance(event, dict)]


def read(event: Any) -> Any:
    is_response = isinstance(event, dict) and str(event.get("@type")).endswith("Response")
    return decode_response(event) if is_response else decode_request(event)


MemberPath = str | tuple[Any, ...]
"""Names and places with dots between them, or one by one."""


def step(path: MemberPath) -> list[Any]:
    if isinstance(path, tuple):
        return list(path)
    return [int(name) if name.isdigit() else name for name in path.split(".")]


def at(event: Any, path: MemberPath) -> Any:
    for name in step(path):
        event = event[name]
    return event


def put(event: Any, path: MemberPath, value: Any) -> Any:
    changed = copy.deepcopy(event)
    *parents, name = step(path)
    node = changed
    for parent in parents:
        node = node[parent]
    node[name] = value
    return changed


def without(event: Any, path: MemberPath) -> Any:
    changed = copy.deepcopy(event)
    *parents, name = step(path)
    node = changed
    for parent in parents:
        node = node[parent]
    del node[name]
    return changed


def told(path: str) -> str:
    """Spell a path as errors do."""
    parts = [f"[{name}]" if isinstance(name, int) else f".{name}" for name in step(path)]
    return "".join(parts)


def attribute(message: Any, path: str) -> Any:
    for name in path.split("."):
        message = getattr(message, name)
    return message


# What has a meaning


NULL_OR_ABSENT: list[tuple[str, str, str, Any]] = [
    ("PingRequest", "identity", "identity", Identity()),
    ("PingRequest", "identity.configOptions", "identity.configOptions", {}),
    ("PingRequest", "identity.tags", "identity.tags", {}),
    ("PingRequest", "identity.groups", "identity.groups", ()),
    ("PingRequest", "identity.account", "identity.account", None),
    ("PingRequest", "identity.arn", "identity.arn", None),
    ("ListSchemasRequest", "queryId", "queryId", ""),
    ("ListTablesRequest", "schemaName", "schemaName", ""),
    ("ListTablesRequest", "nextToken", "nextToken", None),
    ("ListTablesRequest", "pageSize", "pageSize", -1),
    ("GetTableRequest", "queryPassthroughArguments", "queryPassthroughArguments", {}),
    ("GetSplitsRequest", "continuationToken", "continuationToken", None),
    ("GetSplitsRequest", "constraints.expression", "constraints.expression", ()),
    ("GetSplitsRequest", "constraints.orderByClause", "constraints.order_by", ()),
    ("GetSplitsRequest", "constraints.limit", "constraints.limit", None),
    ("GetSplitsRequest", "constraints.queryPassthroughArguments", "constraints.passthrough", {}),
    ("ReadRecordsRequest", "constraints.queryPlan", "constraints.query_plan", None),
    ("ReadRecordsRequest", "split.spillLocation", "split.spillLocation", None),
    ("ReadRecordsRequest", "split.encryptionKey", "split.encryptionKey", None),
    ("PingResponse", "sourceType", "sourceType", None),
    ("PingResponse", "serDeVersion", "serDeVersion", 1),
    ("ListTablesResponse", "nextToken", "nextToken", None),
    ("GetSplitsResponse", "continuationToken", "continuationToken", None),
    ("RemoteReadRecordsResponse", "encryptionKey", "encryptionKey", None),
]


@pytest.mark.parametrize(("kind", "path", "name", "value"), NULL_OR_ABSENT)
def test_what_may_be_null_may_be_absent_too(kind: str, path: str, name: str, value: Any) -> None:
    present = put(BY_KIND[kind], path, None)  # a ping of an old connector lacks some members
    for event in (present, without(present, path)):
        assert attribute(read(event), name) == value


LOCATION = "split.spillLocation.directory"
SPELLED_OTHERWISE: list[tuple[str, str, Any, str, Any]] = [
    ("PingRequest", "catalogName", 5, "catalogName", "5"),
    ("PingRequest", "catalogName", True, "catalogName", "true"),
    ("PingRequest", "identity.account", 123456789012, "identity.account", "123456789012"),
    ("ListTablesRequest", "pageSize", "7", "pageSize", 7),
    ("ListTablesRequest", "pageSize", 7.9, "pageSize", 7),
    ("GetSplitsRequest", "constraints.limit", "0", "constraints.limit", 0),
    ("GetSplitsRequest", "constraints.limit", -1, "constraints.limit", None),
    ("GetSplitsRequest", "constraints.limit", " -1.0", "constraints.limit", None),
    ("ReadRecordsRequest", "maxBlockSize", 5, "maxBlockSize", 5),
    ("ReadRecordsRequest", "maxInlineBlockSize", "5", "maxInlineBlockSize", 5),
    ("ReadRecordsRequest", LOCATION, "false", LOCATION, False),
    ("ReadRecordsRequest", LOCATION, 1, LOCATION, True),
    ("ReadRecordsRequest", "split.properties.partition", 7, "split.properties", {"partition": "7"}),
    ("PingResponse", "serDeVersion", 0, "serDeVersion", 1),
    ("PingResponse", "serDeVersion", "4", "serDeVersion", 4),
    ("PingResponse", "serDeVersion", 99, "serDeVersion", 99),
]


@pytest.mark.parametrize(("kind", "path", "given_", "name", "value"), SPELLED_OTHERWISE)
def test_numbers_and_texts_are_taken_for_each_other(
    kind: str, path: str, given_: Any, name: str, value: Any
) -> None:
    found = attribute(read(put(BY_KIND[kind], path, given_)), name)
    assert (type(found), found) == (type(value), value)


# What has none


NAMES = "tableName tableName.schemaName tableName.tableName"
ALWAYS_THERE = {
    "PingRequest": "catalogName queryId",
    "ListSchemasRequest": "catalogName",
    "ListTablesRequest": "catalogName",
    "GetTableRequest": f"catalogName {NAMES}",
    "GetTableLayoutRequest": f"{NAMES} constraints schema partitionColumns constraints.summary",
    "GetSplitsRequest": f"{NAMES} partitions partitions.schema partitions.records"
    " partitionColumns constraints",
    "GetDataSourceCapabilitiesRequest": "catalogName",
    "ReadRecordsRequest": f"queryId catalogName {NAMES} schema split constraints maxBlockSize"
    " maxInlineBlockSize split.properties split.spillLocation.bucket split.spillLocation.key"
    " split.spillLocation.directory split.encryptionKey.key split.encryptionKey.nonce"
    " constraints.summary.id.type constraints.summary.id.ranges"
    " constraints.summary.id.nullAllowed constraints.summary.id.ranges.0.low"
    " constraints.summary.id.ranges.0.high.bound constraints.summary.id.ranges.0.low.nullValue"
    " constraints.summary.id.ranges.0.low.valueBlock constraints.summary.name.valueBlock"
    " constraints.summary.name.whiteList constraints.summary.flag.all"
    " constraints.summary.flag.type.@type constraints.summary.flag.@type"
    " constraints.expression.0.@type constraints.expression.0.functionName"
    " constraints.expression.0.functionName.functionName constraints.expression.0.arguments"
    " constraints.expression.0.type constraints.expression.0.arguments.0.arguments.0.columnName"
    " constraints.orderByClause.0.direction constraints.orderByClause.0.columnName"
    " constraints.queryPlan.substraitPlan",
    "UserDefinedFunctionRequest": "inputRecords outputSchema methodName functionType",
    "PingResponse": "catalogName queryId capabilities",
    "ListSchemasResponse": "catalogName schemas",
    "ListTablesResponse": "catalogName tables tables.0.tableName",
    "GetTableResponse": "catalogName tableName schema partitionColumns",
    "GetTableLayoutResponse": "catalogName tableName partitions",
    "GetSplitsResponse": "catalogName splits splits.0.properties",
    "GetDataSourceCapabilitiesResponse": "catalogName capabilities"
    " capabilities.supports_limit_pushdown.0.subType",
    "ReadRecordsResponse": "catalogName records",
    "RemoteReadRecordsResponse": "catalogName schema remoteBlocks remoteBlocks.0.key",
    "UserDefinedFunctionResponse": "records methodName",
}
REQUIRED = [(kind, path) for kind, paths in ALWAYS_THERE.items() for path in paths.split()]


@pytest.mark.parametrize(("kind", "path"), REQUIRED)
def test_a_member_that_is_missing_or_of_another_kind_is_named(kind: str, path: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read(without(BY_KIND[kind], path))
    assert str(caught.value) == f"{kind}{told(path)}: is missing."
    others: tuple[Any, ...] = (None, {}, [])
    for other in others:
        if type(other) is not type(at(BY_KIND[kind], path)):
            with pytest.raises(InvalidRequestError) as caught:
                read(put(BY_KIND[kind], path, other))
            assert str(caught.value).startswith(f"{kind}{told(path)}")


def block(*values: Any, type_: pa.DataType | None = None) -> dict[str, str]:
    column = pa.array(values, type_ or pa.int64())
    return encode_block(pa.record_batch([column], ["col1"]), legacy=False)


def call(function: str, *arguments: Any) -> dict[str, Any]:
    return {
        "@type": "FunctionCallExpression",
        "type": {"@type": "Bool"},
        "functionName": {"functionName": function},
        "arguments": list(arguments),
    }


def constant(value_block: dict[str, str]) -> dict[str, Any]:
    type_ = {"@type": "Int", "bitWidth": 64, "isSigned": True}
    return {"@type": "ConstantExpression", "valueBlock": value_block, "type": type_}


VARIABLE = {"@type": "VariableExpression", "columnName": "b", "type": {"@type": "Bool"}}
TWO_COLUMNS = encode_block(pa.record_batch({"col1": [1], "col2": [2]}), legacy=False)
SET = "constraints.summary"
LOW = f"{SET}.id.ranges.0.low"
TREE = "constraints.expression.0"
LISTED = f"{TREE}.arguments.0.arguments.1.arguments.0"
PARTITIONS = BY_KIND["GetSplitsRequest"]["partitions"]

# Where a value goes, the value, and where the error says that it is when that differs.
MALFORMED: dict[str, list[tuple[str, Any] | tuple[str, Any, str]]] = {
    "GetSplitsRequest": [
        ("partitions.records", "AAAA"),
        ("partitions.records", PARTITIONS["schema"]),
        ("partitions.records", None),
        ("partitions.schema", TWO_COLUMNS["schema"], "partitions.records"),
        ("partitions.schema", "AAAA"),
        ("partitions", []),
        ("partitionColumns", "id"),
        ("partitionColumns", [None], "partitionColumns.0"),
        ("continuationToken", {"a": 1}),
    ],
    "ListTablesRequest": [
        ("pageSize", "many"),
        ("pageSize", 1e300),
        ("pageSize", float("nan")),
        ("pageSize", True),
        ("pageSize", "1" * 5000),
        ("identity", "me"),
        ("identity.groups", {"g": 1}),
        ("identity.tags", ["g"]),
    ],
    "ReadRecordsRequest": [
        ("maxBlockSize", ""),
        ("maxBlockSize", 2**63),
        ("split.properties.partition", None),
        ("split.spillLocation.@type", "Disk"),
        ("split.spillLocation.directory", "maybe"),
        ("split.encryptionKey.key", "_-=="),
        ("split.encryptionKey.nonce", "AAA"),
        ("constraints.limit", 2**63),
        (f"{SET}", []),
        (f"{SET}.id.@type", "Sorted"),
        (f"{SET}.id.type.bitWidth", 12),
        (f"{SET}.id.type", {"@type": "Utf8"}, f"{LOW}.valueBlock.schema"),
        (f"{SET}.id.type", {"@type": "List"}, f"{SET}.id"),
        (f"{LOW}.bound", "exactly"),
        (f"{LOW}.bound", "BELOW", f"{SET}.id"),
        (f"{LOW}.nullValue", True, f"{SET}.id"),
        (f"{LOW}.valueBlock", block(1, 2), f"{LOW}.valueBlock.records"),
        (f"{LOW}.valueBlock", block(), f"{LOW}.valueBlock.records"),
        (f"{LOW}.valueBlock", block(None), f"{SET}.id.ranges"),
        (f"{LOW}.valueBlock", block("a", type_=pa.string()), f"{LOW}.valueBlock.schema"),
        (f"{LOW}.valueBlock", TWO_COLUMNS, f"{LOW}.valueBlock.schema"),
        (f"{LOW}", {"valueBlock": block(1, 2), "bound": "ABOVE", "nullValue": True},
         f"{LOW}.valueBlock.records"),
        (f"{SET}.name.valueBlock", block(None)),
        (f"{SET}.name.valueBlock", TWO_COLUMNS),
        ("constraints.orderByClause.0.direction", "ASC"),
        (TREE, call("$not")),
        (TREE, call("$nosuch", VARIABLE)),
        (TREE, call("$not", call("$and"))),
        (TREE, call("$not", constant(block(1, 2))), f"{TREE}.arguments.0.valueBlock"),
        (TREE, constant(block()), f"{TREE}.valueBlock"),
        (TREE, call("$equal", VARIABLE, 5), f"{TREE}.arguments.1"),
        (f"{LISTED}.valueBlock.records", "####"),
        (f"{LISTED}.@type", "Constant"),
        (f"{TREE}.arguments.0.arguments.0.columnName", ""),
    ],
    "UserDefinedFunctionRequest": [("functionType", "AGGREGATE")],
    "PingResponse": [("capabilities", None)],
    "RemoteReadRecordsResponse": [("remoteBlocks.0.@type", "Tape")],
}  # fmt: skip
CASES = [
    pytest.param(kind, path, value, *(other or [path]), id=f"{kind}.{path}-{place}")
    for kind, cases in MALFORMED.items()
    for place, (path, value, *other) in enumerate(cases)
]


@pytest.mark.parametrize(("kind", "path", "value", "named"), CASES)
def test_a_malformed_member_is_named(kind: str, path: str, value: Any, named: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read(put(BY_KIND[kind], path, value))
    assert str(caught.value).startswith(f"{kind}{told(named)}: ")


@pytest.mark.parametrize(
    "event", [None, [], "PingRequest", {}, {"@type": None}, {"@type": "Ping"}, {"@type": ["x"]}]
)
def test_what_is_no_message_is_refused(event: Any) -> None:
    with pytest.raises(InvalidRequestError, match="request"):
        decode_request(event)
    with pytest.raises(InvalidRequestError, match="response"):
        decode_response(event)


def test_requests_are_no_responses() -> None:
    with pytest.raises(InvalidRequestError, match="Known are PingResponse"):
        decode_response(BY_KIND["PingRequest"])
    with pytest.raises(InvalidRequestError, match="Known are PingRequest"):
        decode_request(BY_KIND["PingResponse"])


def test_an_endless_tree_is_refused() -> None:
    event = copy.deepcopy(READ)
    tree: dict[str, Any] = VARIABLE
    for _ in range(5000):
        tree = call("$not", tree)
    event["constraints"]["expression"] = [tree]
    with pytest.raises(InvalidRequestError, match="ReadRecordsRequest: is nested too deeply"):
        read(event)


SECRET = base64.b64encode(b"secret-key-of-32-bytes-0123456789").decode()
TOKEN = "token-5e"
REVEALING: list[tuple[str, Any]] = [
    ("split.encryptionKey.key", SECRET[:-1]),
    ("split.encryptionKey.key", [SECRET]),
    ("split.encryptionKey.nonce", SECRET[:-1] + "_"),
    ("split.encryptionKey", SECRET),
    ("split.spillLocation.directory", SECRET),
    ("split.spillLocation", [SECRET]),
    ("identity.configOptions.fas_token", [TOKEN]),
    ("identity.configOptions", TOKEN),
    ("identity", [TOKEN]),
    ("maxBlockSize", SECRET),
    ("schema", SECRET),
    ("@type", TOKEN),
    ("constraints.orderByClause.0.direction", TOKEN),
    (f"{SET}.id.@type", TOKEN),
    (f"{LOW}.bound", TOKEN),
]


@pytest.mark.parametrize(("path", "value"), REVEALING)
def test_errors_show_no_secret(path: str, value: Any) -> None:
    event = put(READ, "split.encryptionKey.key", SECRET)
    event["identity"]["configOptions"] = {"fas_token": TOKEN}
    assert TOKEN not in repr(read(event))
    assert "secret-key" not in repr(read(event))
    with pytest.raises(InvalidRequestError) as caught:
        read(put(event, path, value))
    assert SECRET[:6] not in str(caught.value)
    assert TOKEN not in str(caught.value)


# SerDe 1


def in_serde_1(event: Any) -> Any:
    identity = {"arn": "a", "account": "1", "principalTags": {}, "iamGroups": ["g"]}
    return {**event, "identity": identity, "requestType": "X"}


SERDE_1: dict[str, Callable[[], Any]] = {
    "identity": lambda: in_serde_1(BY_KIND["ListSchemasRequest"]),
    "schema": lambda: put(BY_KIND["GetTableLayoutRequest"], "schema", {"schema": "AAAA"}),
    "block": lambda: put(BY_KIND["GetSplitsRequest"], "partitions.schema", {"schema": "AAAA"}),
    "value set": lambda: put(READ, "constraints.summary.id.@type", "sortable"),
    "response": lambda: put(BY_KIND["GetTableResponse"], "schema", {"schema": "AAAA"}),
}


@pytest.mark.parametrize("name", SERDE_1)
def test_serde_1_is_refused(name: str) -> None:
    event = SERDE_1[name]()
    with pytest.raises(InvalidRequestError, match=f"^{event['@type']}: is written in SerDe 1"):
        read(event)


def test_a_ping_in_serde_1_is_answered_to_tell_what_is_spoken() -> None:
    found = read(in_serde_1(BY_KIND["PingRequest"]))
    assert (found.catalogName, found.identity.account) == ("test-catalog", "1")


# Damage


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(node, dict | list):
        for name, item in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(item, (*path, name))


ARROW = ("schema", "outputSchema", "records")
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, float("nan"), 10**50, "", "x", "=", "\ud800", "é", [], {}, [None]]
)


def damaged(text: str, draw: st.DrawFn) -> str:
    """Cut base64 or change bytes behind it."""
    data = bytearray(base64.b64decode(text[: len(text) // 4 * 4]))
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(text)))
        return draw(st.sampled_from([text[:cut], base64.b64encode(data[:cut]).decode()]))
    for place in draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=4)):
        data[place] = draw(st.sampled_from([0, 1, 127, 128, 255]))
    return base64.b64encode(bytes(data)).decode()


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    event = copy.deepcopy(draw(st.sampled_from(ALL)))
    for _ in range(draw(st.integers(1, 3))):
        *parents, name = draw(st.sampled_from(list(places(event)) or [("@type",)]))
        node = event
        for parent in parents:
            node = node[parent]
        if name in ARROW and isinstance(node[name], str):
            node[name] = damaged(node[name], draw) if len(node[name]) > 60 else "A"
        elif draw(st.booleans()) or not isinstance(node, dict):
            node[name] = copy.deepcopy(draw(JUNK))  # changed by the next round
        else:
            node.pop(name, None)
    return event


@settings(max_examples=500, deadline=None)
@given(mutations())
def test_damaged_messages_are_read_or_refused(event: Any) -> None:
    for decode in (decode_request, decode_response):
        try:
            message = decode(event)
        except InvalidRequestError:
            continue
        assert type(message).__name__ == event["@type"]
        assert repr(message)
    assert request_version(event) in range(2, 7)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ALL), st.data())
def test_cut_arrow_is_never_half_a_result(event: Any, data: st.DataObject) -> None:
    paths = [path for path in places(event) if path[-1] in ARROW and len(at(event, path)) > 60]
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    whole = base64.b64decode(at(event, path))
    cut = base64.b64encode(whole[: data.draw(st.integers(1, len(whole) - 8))]).decode()
    with pytest.raises(InvalidRequestError, match=r"(schema|outputSchema|records): "):
        read(put(event, path, cut))
