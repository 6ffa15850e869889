"""Messages survive the wire, whatever they hold; malformed ones are refused with a place."""

from __future__ import annotations

import base64
import copy
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Constraints, Direction, OrderBy, QueryPlan
from athena_connectors.common.errors import InternalError, InvalidRequestError, UnsupportedTypeError
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.codec import (
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    request_version,
)
from athena_connectors.common.testing.strategies import (
    batches,
    column_of,
    conditions,
    schemas,
    value_sets,
)
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERDES = (2, 3, 4, 5, 6)
TABLE = m.TableName("s", "t")
SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())], metadata={"k": "v"})
ROWS = pa.record_batch([pa.array([1, 2]), pa.array(["a", None])], schema=SCHEMA)
IDENTITY = m.Identity(
    account="1",
    arn="arn",
    tags={"team": "x", "none": None},
    groups=("g",),
    configOptions={"fas_token": "token-5e", "none": None},
)
SPLIT = m.Split(
    {"part": "1"},
    m.S3SpillLocation("b", "p/q/u", directory=True),
    m.EncryptionKey(b"k" * 32, b"n" * 12),
)
CONSTRAINTS = Constraints(
    summary={
        "id": SortedRangeSet.of(
            pa.int64(), [Range.between(1, 5, high_inclusive=False)], null_allowed=True
        ),
        "name": EquatableValueSet(pa.string(), ("a", "b"), white_list=True, null_allowed=False),
        "list": AllOrNoneValueSet(pa.list_(pa.null()), all=True, null_allowed=True),
    },
    expression=(
        Call(
            "$in",
            (
                Variable("name", pa.string()),
                Call("$array", (Constant(("a", None, "c"), pa.string()),), pa.list_(pa.null())),
            ),
            pa.bool_(),
        ),
    ),
    order_by=(OrderBy("id", Direction.DESC_NULLS_LAST),),
    limit=7,
    passthrough={"schemaFunctionName": "SYSTEM.QUERY", "QUERY": "select 1"},
    query_plan=QueryPlan(None, "no base64!"),
)
READ = m.ReadRecordsRequest(
    IDENTITY, "q", "c", TABLE, SCHEMA, SPLIT, CONSTRAINTS, 16_000_000, 5_242_880
)
REQUESTS: tuple[m.Request, ...] = (
    m.PingRequest(IDENTITY, "c", "q"),
    m.ListSchemasRequest(IDENTITY, "q", "c"),
    m.ListTablesRequest(IDENTITY, "q", "c", "s", "token", 5),
    m.GetTableRequest(IDENTITY, "q", "c", TABLE, {"QUERY": "select 1"}),
    m.GetTableLayoutRequest(IDENTITY, "q", "c", TABLE, CONSTRAINTS, SCHEMA, ("id",)),
    m.GetSplitsRequest(IDENTITY, "q", "c", TABLE, ROWS, ("id",), CONSTRAINTS, "token"),
    m.GetDataSourceCapabilitiesRequest(IDENTITY, "q", "c"),
    READ,
    m.UserDefinedFunctionRequest(IDENTITY, ROWS, SCHEMA, "f", "SCALAR"),
)
RESPONSES: tuple[m.Response, ...] = (
    m.PingResponse("c", "q", "test", 24, 6),
    m.ListSchemasResponse("c", ("a", "b")),
    m.ListTablesResponse((TABLE,), "c", "token"),
    m.GetTableResponse("c", TABLE, SCHEMA, ("id",)),
    m.GetTableLayoutResponse("c", TABLE, ROWS),
    m.GetSplitsResponse("c", (SPLIT, m.Split({})), "token"),
    m.GetDataSourceCapabilitiesResponse(
        "c",
        {"limit": (m.OptimizationSubType("integer_constant"), m.OptimizationSubType("x", ("y",)))},
    ),
    m.ReadRecordsResponse("c", ROWS),
    m.RemoteReadRecordsResponse(
        "c", SCHEMA, (m.S3SpillLocation("b", "p/q/u.0", directory=False),), SPLIT.encryptionKey
    ),
    m.UserDefinedFunctionResponse(ROWS, "f"),
)
MESSAGES = (*REQUESTS, *RESPONSES)

every_message = pytest.mark.parametrize("message", MESSAGES, ids=lambda item: type(item).__name__)


def is_request(message: Any) -> bool:
    return type(message).__name__.endswith("Request")


def write(message: Any, serde: int = 6) -> dict[str, Any]:
    event = (encode_request if is_request(message) else encode_response)(message, serde)
    plain: dict[str, Any] = json.loads(json.dumps(event))
    return plain


def read(event: Any) -> Any:
    is_response = isinstance(event, dict) and str(event.get("@type")).endswith("Response")
    return decode_response(event) if is_response else decode_request(event)


def expressible(constraints: Constraints, serde: int) -> Constraints:
    """Return what is left of constraints in a version."""
    missing: dict[str, Any] = {}
    if serde < 6:
        missing["query_plan"] = None
    if serde < 5:
        missing["passthrough"] = {}
    if serde < 4:
        missing |= {"expression": (), "order_by": (), "limit": None}
    return replace(constraints, **missing)


@every_message
@pytest.mark.parametrize("serde", SERDES)
def test_messages_come_back_without_what_a_version_lacks(message: Any, serde: int) -> None:
    if "Capabilities" in type(message).__name__ and serde < 4:
        with pytest.raises(InvalidRequestError, match=f"SerDe {serde} has no GetDataSource"):
            write(message, serde)
        return
    expected = message
    if hasattr(message, "constraints"):
        expected = replace(message, constraints=expressible(message.constraints, serde))
    if isinstance(message, m.GetTableRequest) and serde < 5:
        expected = replace(message, queryPassthroughArguments={})
    event = write(message, serde)
    assert next(iter(event)) == "@type"
    assert read(event) == expected


# Constraints of any content

COLUMNS = {
    "b": pa.bool_(),
    "i": pa.int32(),
    "f": pa.float64(),
    "d": pa.decimal128(38, 9),
    "s": pa.string(),
    "x": pa.binary(),
    "day": pa.date32(),
    "at": pa.date64(),
    "zoned": pa.timestamp("ms", "UTC"),
}


def as_written(values: Any) -> Any:
    """NOT NULL of a type without an order looks like nothing at all on the wire."""
    if isinstance(values, AllOrNoneValueSet):
        return replace(values, all=values.all and values.null_allowed)
    return values


@st.composite
def any_constraints(draw: st.DrawFn) -> Constraints:
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True, max_size=4))
    return Constraints(
        {name: draw(value_sets(COLUMNS[name])) for name in names},
        tuple(draw(st.lists(conditions(COLUMNS), max_size=2))),
        tuple(
            draw(
                st.lists(
                    st.builds(OrderBy, st.text(max_size=3), st.sampled_from(Direction)), max_size=2
                )
            )
        ),
        draw(st.none() | st.integers(0, 2**63 - 1)),
        draw(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)),
        draw(st.none() | st.builds(QueryPlan, st.none() | st.text(), st.text())),
    )


@settings(max_examples=150, deadline=None)
@given(any_constraints(), st.sampled_from(SERDES))
def test_any_constraints_come_back(constraints: Constraints, serde: int) -> None:
    event = write(replace(READ, constraints=constraints), serde)
    summary = {name: as_written(values) for name, values in constraints.summary.items()}
    expected = expressible(replace(constraints, summary=summary), serde)
    assert repr(read(event).constraints) == repr(expected)  # a NaN is itself in text alone


@settings(max_examples=50, deadline=None)
@given(schemas().flatmap(batches), st.sampled_from(SERDES))
def test_any_rows_come_back(rows: pa.RecordBatch, serde: int) -> None:
    found = read(write(m.ReadRecordsResponse("c", rows), serde)).records
    assert found.schema.equals(rows.schema, check_metadata=True)
    stored = {"date64[ms]": pa.int64(), "timestamp[ms, tz=UTC]": pa.int64()}
    for one, two in zip(found.columns, rows.columns, strict=True):
        type_: Any = stored.get(str(one.type), one.type)
        assert repr(one.view(type_).to_pylist()) == repr(two.view(type_).to_pylist())


def scan_of(type_: pa.DataType, values: Any, serde: int = 6) -> Any:
    constraints = Constraints({"c": SortedRangeSet.of_points(type_, values)})
    return write(replace(READ, constraints=constraints), serde)


def test_ranges_are_sorted_and_joined() -> None:
    event = scan_of(pa.int32(), [1, 2, 3])
    low = scan_of(pa.int32(), [1])["constraints"]["summary"]["c"]["ranges"][0]["low"]
    ranges = event["constraints"]["summary"]["c"]["ranges"]
    event["constraints"]["summary"]["c"]["ranges"] = [
        ranges[2],
        ranges[1],
        {"low": {**low, "bound": "ABOVE"}, "high": ranges[1]["high"]},
    ]
    values = read(event).constraints.summary["c"]
    assert values.ranges == (Range.between(1, 2, low_inclusive=False), Range.equal(3))


def test_zones_of_markers_do_not_matter() -> None:
    zone = pa.timestamp("ms", "Europe/Warsaw")
    event = scan_of(zone, [5 << 12, (6 << 12) + 1847])
    other = scan_of(pa.timestamp("ms", "UTC"), [6 << 12])
    summary = event["constraints"]["summary"]
    summary["c"]["type"]["timezone"] = "Asia/Tokyo"
    summary["c"]["ranges"] += other["constraints"]["summary"]["c"]["ranges"]
    values = read(event).constraints.summary["c"]
    assert values.type == pa.timestamp("ms", "Asia/Tokyo")
    assert values.points() == (5 << 12, (6 << 12) + 1847)


NESTED = [
    (pa.list_(pa.date64()), ([1577881801234, None], [])),
    (pa.struct([("at", pa.timestamp("ms", "UTC")), ("n", pa.int8())]), ({"at": 4096, "n": None},)),
    (pa.map_(pa.string(), pa.decimal128(5, 2)), ([("k", None)],)),
]


@pytest.mark.parametrize(("type_", "values"), NESTED, ids=lambda item: str(item)[:20])
@pytest.mark.parametrize("serde", [4, 6])
def test_nested_values_come_back(type_: Any, values: tuple[Any, ...], serde: int) -> None:
    constraints = Constraints(
        {"c": EquatableValueSet(type_, values, white_list=False, null_allowed=True)},
        (Call("$in", (Variable("c", pa.string()), Constant((*values, None), type_)), pa.bool_()),),
    )
    assert read(write(replace(READ, constraints=constraints), serde)).constraints == constraints


def test_a_constant_without_block_is_null() -> None:
    event = write(READ)
    listed = event["constraints"]["expression"][0]["arguments"][1]["arguments"]
    listed[0]["valueBlock"] = None
    call = read(event).constraints.expression[0]
    assert call.arguments[1].arguments == (Constant((None,), pa.string()),)


def test_a_long_list_of_values_is_read_and_written_quickly() -> None:
    numbers = list(range(0, 10_000, 2))
    event = scan_of(pa.int64(), numbers)
    assert read(event).constraints.summary["c"].points() == tuple(numbers)
    assert len({item["low"]["valueBlock"]["schema"] for item in ranges_of(event)}) == 1


def ranges_of(event: Any) -> Any:
    return event["constraints"]["summary"]["c"]["ranges"]


# Tolerant reading


def without(event: Any, path: str) -> Any:
    changed = copy.deepcopy(event)
    *parents, name = path.split(".")
    node = changed
    for parent in parents:
        node = node[int(parent) if parent.isdigit() else parent]
    del node[int(name) if name.isdigit() else name]
    return changed


def put(event: Any, path: str, value: Any) -> Any:
    changed = copy.deepcopy(event)
    *parents, name = path.split(".")
    node = changed
    for parent in parents:
        node = node[int(parent) if parent.isdigit() else parent]
    node[int(name) if name.isdigit() else name] = value
    return changed


MAY_BE_NULL_OR_ABSENT: list[tuple[str, str, str, Any]] = [
    ("PingRequest", "identity", "identity", m.Identity()),
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
    ("GetSplitsRequest", "constraints.queryPlan", "constraints.query_plan", None),
    ("ReadRecordsRequest", "split.spillLocation", "split.spillLocation", None),
    ("ReadRecordsRequest", "split.encryptionKey", "split.encryptionKey", None),
    (
        "ReadRecordsRequest",
        "constraints.queryPlan.substraitVersion",
        "constraints.query_plan.substrait_version",
        None,
    ),
    ("PingResponse", "sourceType", "sourceType", None),
    ("PingResponse", "serDeVersion", "serDeVersion", 1),
    ("ListTablesResponse", "nextToken", "nextToken", None),
    ("GetSplitsResponse", "continuationToken", "continuationToken", None),
    ("RemoteReadRecordsResponse", "encryptionKey", "encryptionKey", None),
]
BY_NAME = {type(message).__name__: write(message) for message in MESSAGES}


@pytest.mark.parametrize(("kind", "path", "attribute", "value"), MAY_BE_NULL_OR_ABSENT)
def test_what_may_be_null_may_be_absent_too(
    kind: str, path: str, attribute: str, value: Any
) -> None:
    for event in (put(BY_NAME[kind], path, None), without(BY_NAME[kind], path)):
        found = read(event)
        for name in attribute.split("."):
            found = getattr(found, name)
        assert found == value


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
    (
        "ReadRecordsRequest",
        "split.spillLocation.directory",
        "false",
        "split.spillLocation.directory",
        False,
    ),
    (
        "ReadRecordsRequest",
        "split.spillLocation.directory",
        1,
        "split.spillLocation.directory",
        True,
    ),
    ("ReadRecordsRequest", "split.properties.part", 7, "split.properties", {"part": "7"}),
    ("PingResponse", "serDeVersion", 0, "serDeVersion", 1),
    ("PingResponse", "serDeVersion", "4", "serDeVersion", 4),
    ("PingResponse", "serDeVersion", 99, "serDeVersion", 99),
]


@pytest.mark.parametrize(("kind", "path", "given", "attribute", "value"), SPELLED_OTHERWISE)
def test_numbers_and_texts_are_taken_for_each_other(
    kind: str, path: str, given: Any, attribute: str, value: Any
) -> None:
    found = read(put(BY_NAME[kind], path, given))
    for name in attribute.split("."):
        found = getattr(found, name)
    assert (type(found), found) == (type(value), value)


# Malformed messages

ALWAYS_THERE = {
    "PingRequest": "catalogName queryId",
    "ListSchemasRequest": "catalogName",
    "ListTablesRequest": "catalogName",
    "GetTableRequest": "catalogName tableName tableName.schemaName tableName.tableName",
    "GetTableLayoutRequest": "tableName constraints schema partitionColumns constraints.summary",
    "GetSplitsRequest": "tableName partitions partitions.schema partitions.records"
    " partitionColumns constraints",
    "GetDataSourceCapabilitiesRequest": "catalogName",
    "ReadRecordsRequest": "queryId catalogName tableName schema split constraints maxBlockSize"
    " maxInlineBlockSize split.properties split.properties.part split.spillLocation.bucket"
    " split.spillLocation.key split.spillLocation.directory split.encryptionKey.key"
    " split.encryptionKey.nonce constraints.summary.id.type constraints.summary.id.ranges"
    " constraints.summary.id.nullAllowed constraints.summary.id.ranges.0.low"
    " constraints.summary.id.ranges.0.high.bound constraints.summary.id.ranges.0.low.nullValue"
    " constraints.summary.id.ranges.0.low.valueBlock constraints.summary.name.valueBlock"
    " constraints.summary.name.whiteList constraints.summary.list.all"
    " constraints.summary.list.type.@type constraints.summary.list.@type"
    " constraints.expression.0.@type constraints.expression.0.functionName"
    " constraints.expression.0.functionName.functionName constraints.expression.0.arguments"
    " constraints.expression.0.type constraints.expression.0.arguments.0.columnName"
    " constraints.orderByClause.0.direction constraints.orderByClause.0.columnName"
    " constraints.queryPlan.substraitPlan",
    "UserDefinedFunctionRequest": "inputRecords outputSchema methodName functionType",
    "PingResponse": "catalogName queryId capabilities",
    "ListSchemasResponse": "catalogName schemas",
    "ListTablesResponse": "catalogName tables tables.0.tableName",
    "GetTableResponse": "catalogName tableName schema partitionColumns",
    "GetTableLayoutResponse": "catalogName tableName partitions",
    "GetSplitsResponse": "catalogName splits splits.0.properties",
    "GetDataSourceCapabilitiesResponse": "catalogName capabilities capabilities.limit.0.subType",
    "ReadRecordsResponse": "catalogName records",
    "RemoteReadRecordsResponse": "catalogName schema remoteBlocks remoteBlocks.0.key",
    "UserDefinedFunctionResponse": "records methodName",
}
REQUIRED = [(kind, path) for kind, paths in ALWAYS_THERE.items() for path in paths.split()]


def spelled(path: str) -> str:
    """Spell a path as errors do."""
    parts = [f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".")]
    return "".join(parts)


@pytest.mark.parametrize(("kind", "path"), REQUIRED)
def test_a_missing_member_is_named(kind: str, path: str) -> None:
    # A map without one of its names is just another map.
    is_name = path.rsplit(".", 1)[0].endswith("properties")
    if not is_name:
        with pytest.raises(InvalidRequestError) as caught:
            read(without(BY_NAME[kind], path))
        assert str(caught.value) == f"{kind}{spelled(path)}: is missing."
    for wrong in (None, {}, []):
        if type(wrong) is type(value_at(BY_NAME[kind], path)):
            continue
        with pytest.raises(InvalidRequestError) as caught:
            read(put(BY_NAME[kind], path, wrong))
        assert str(caught.value).startswith(f"{kind}{spelled(path)}")


def value_at(event: Any, path: str) -> Any:
    for name in path.split("."):
        event = event[int(name) if name.isdigit() else name]
    return event


MARKER = "constraints.summary.id.ranges.0.low"
EMPTY_BLOCK = write(m.ReadRecordsResponse("c", ROWS.slice(2)))["records"]
VALUES = write(m.ReadRecordsResponse("c", pa.record_batch({"col1": pa.array([1, 2])})))["records"]
NULL = write(m.ReadRecordsResponse("c", pa.record_batch({"col1": pa.array([None], pa.int64())})))
TEXTS = write(m.ReadRecordsResponse("c", pa.record_batch({"col1": ["a"]})))["records"]
NO_VALUE = {**VALUES, "records": ""}
IN_LIST = "constraints.expression.0.arguments.1.arguments.0"


def call(function: str, *arguments: Any) -> dict[str, Any]:
    return {
        "@type": "FunctionCallExpression",
        "type": {"@type": "Bool"},
        "functionName": {"functionName": function},
        "arguments": list(arguments),
    }


def int_constant(block: Any) -> dict[str, Any]:
    type_ = {"@type": "Int", "bitWidth": 64, "isSigned": True}
    return {"@type": "ConstantExpression", "valueBlock": block, "type": type_}


VARIABLE = {"@type": "VariableExpression", "columnName": "b", "type": {"@type": "Bool"}}
MALFORMED: list[tuple[str, str, Any, str]] = [
    ("GetSplitsRequest", "partitions.records", "AAAA", "partitions.records"),
    ("GetSplitsRequest", "partitions.records", BY_NAME["GetSplitsRequest"]["partitions"]["schema"], "partitions.records"),
    ("GetSplitsRequest", "partitions.schema", VALUES["schema"], "partitions.records"),
    ("GetSplitsRequest", "partitions.schema", "AAAA", "partitions.schema"),
    ("GetSplitsRequest", "partitions", [], "partitions"),
    ("GetSplitsRequest", "partitionColumns", "id", "partitionColumns"),
    ("GetSplitsRequest", "partitionColumns.0", None, "partitionColumns[0]"),
    ("GetSplitsRequest", "continuationToken", {"a": 1}, "continuationToken"),
    ("ListTablesRequest", "pageSize", "many", "pageSize"),
    ("ListTablesRequest", "pageSize", 1e300, "pageSize"),
    ("ListTablesRequest", "pageSize", float("nan"), "pageSize"),
    ("ListTablesRequest", "pageSize", True, "pageSize"),
    ("ListTablesRequest", "pageSize", "1" * 5000, "pageSize"),
    ("ListTablesRequest", "identity", "me", "identity"),
    ("ListTablesRequest", "identity.groups", {"g": 1}, "identity.groups"),
    ("ListTablesRequest", "identity.tags", ["g"], "identity.tags"),
    ("ReadRecordsRequest", "maxBlockSize", "", "maxBlockSize"),
    ("ReadRecordsRequest", "split.properties.part", None, "split.properties.part"),
    ("ReadRecordsRequest", "split.spillLocation.@type", "Disk", "split.spillLocation.@type"),
    ("ReadRecordsRequest", "split.spillLocation.directory", "maybe", "split.spillLocation.directory"),
    ("ReadRecordsRequest", "split.encryptionKey.key", "_-==", "split.encryptionKey.key"),
    ("ReadRecordsRequest", "split.encryptionKey.nonce", "AAA", "split.encryptionKey.nonce"),
    ("ReadRecordsRequest", "constraints.limit", 2**63, "constraints.limit"),
    ("ReadRecordsRequest", "constraints.summary", [], "constraints.summary"),
    ("ReadRecordsRequest", "constraints.summary.id.@type", "Sorted", "constraints.summary.id.@type"),
    ("ReadRecordsRequest", "constraints.summary.id.type.bitWidth", 12, "constraints.summary.id.type.bitWidth"),
    ("ReadRecordsRequest", "constraints.summary.id.type", {"@type": "Utf8"}, "constraints.summary.id.ranges[0].low.valueBlock.schema"),
    ("ReadRecordsRequest", "constraints.summary.id.type", {"@type": "List"}, "constraints.summary.id"),
    ("ReadRecordsRequest", f"{MARKER}.bound", "exactly", "constraints.summary.id.ranges[0].low.bound"),
    ("ReadRecordsRequest", f"{MARKER}.bound", "BELOW", "constraints.summary.id"),
    ("ReadRecordsRequest", f"{MARKER}.nullValue", True, "constraints.summary.id"),
    ("ReadRecordsRequest", f"{MARKER}.valueBlock", VALUES, "constraints.summary.id.ranges[0].low.valueBlock.records"),
    ("ReadRecordsRequest", f"{MARKER}.valueBlock", NO_VALUE, "constraints.summary.id.ranges[0].low.valueBlock.records"),
    ("ReadRecordsRequest", f"{MARKER}.valueBlock", NULL["records"], "constraints.summary.id.ranges"),
    ("ReadRecordsRequest", f"{MARKER}.valueBlock", TEXTS, "constraints.summary.id.ranges[0].low.valueBlock.schema"),
    ("ReadRecordsRequest", f"{MARKER}.valueBlock", EMPTY_BLOCK, "constraints.summary.id.ranges[0].low.valueBlock.schema"),
    ("ReadRecordsRequest", "constraints.summary.name.valueBlock", NULL["records"], "constraints.summary.name.valueBlock"),
    ("ReadRecordsRequest", "constraints.summary.name.valueBlock", EMPTY_BLOCK, "constraints.summary.name.valueBlock"),
    ("ReadRecordsRequest", "constraints.orderByClause.0.direction", "ASC", "constraints.orderByClause[0].direction"),
    ("ReadRecordsRequest", "constraints.expression.0", call("$not"), "constraints.expression[0]"),
    ("ReadRecordsRequest", "constraints.expression.0", call("$nosuch", VARIABLE), "constraints.expression[0]"),
    ("ReadRecordsRequest", "constraints.expression.0", call("$not", call("$and")), "constraints.expression[0]"),
    ("ReadRecordsRequest", "constraints.expression.0", call("$not", int_constant(VALUES)), "constraints.expression[0].arguments[0].valueBlock"),
    ("ReadRecordsRequest", "constraints.expression.0", int_constant(NO_VALUE), "constraints.expression[0].valueBlock"),
    ("ReadRecordsRequest", "constraints.expression.0", call("$equal", VARIABLE, 5), "constraints.expression[0].arguments[1]"),
    ("ReadRecordsRequest", f"{IN_LIST}.valueBlock.records", "####", "constraints.expression[0].arguments[1].arguments[0].valueBlock.records"),
    ("ReadRecordsRequest", f"{IN_LIST}.@type", "Constant", "constraints.expression[0].arguments[1].arguments[0].@type"),
    ("ReadRecordsRequest", "constraints.expression.0.arguments.0.columnName", "", "constraints.expression[0].arguments[0].columnName"),
    ("UserDefinedFunctionRequest", "functionType", "AGGREGATE", "functionType"),
    ("PingResponse", "capabilities", None, "capabilities"),
    ("RemoteReadRecordsResponse", "remoteBlocks.0.@type", "Tape", "remoteBlocks[0].@type"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "value", "told"), MALFORMED)
def test_a_malformed_member_is_named(kind: str, path: str, value: Any, told: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read(put(BY_NAME[kind], path, value))
    assert str(caught.value).startswith(f"{kind}.{told}: ")


def test_the_second_of_two_wrong_markers_is_found_too() -> None:
    event = scan_of(pa.int64(), [1, 3, 5])
    wrong = put(event, "constraints.summary.c.ranges.2.high.valueBlock.records", "AAAA")
    with pytest.raises(
        InvalidRequestError, match=r"summary\.c\.ranges\[2\]\.high\.valueBlock\.rec"
    ):
        read(wrong)


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
        decode_response(BY_NAME["PingRequest"])
    with pytest.raises(InvalidRequestError, match="Known are PingRequest"):
        decode_request(BY_NAME["PingResponse"])


def test_an_endless_tree_is_refused() -> None:
    tree: dict[str, Any] = VARIABLE
    for _ in range(5000):
        tree = call("$not", tree)
    with pytest.raises(InvalidRequestError, match="ReadRecordsRequest: is nested too deeply"):
        read(put(BY_NAME["ReadRecordsRequest"], "constraints.expression.0", tree))


def test_errors_show_no_secret() -> None:
    secret = base64.b64encode(b"secret-key-of-32-bytes-0123456789").decode()
    event = put(BY_NAME["ReadRecordsRequest"], "split.encryptionKey.key", secret)
    event["identity"]["configOptions"] = {"fas_token": "token-5e"}
    broken = [
        put(event, "split.encryptionKey.key", secret[:-1]),
        put(event, "split.encryptionKey.key", [secret]),
        put(event, "split.encryptionKey", secret),
        put(event, "split.spillLocation.directory", secret),
        put(event, "identity.configOptions.fas_token", ["token-5e"]),
        put(event, "identity.configOptions", "token-5e"),
        put(event, "maxBlockSize", secret),
        put(event, "constraints.orderByClause.0.direction", secret),
    ]
    for message in broken:
        with pytest.raises(InvalidRequestError) as caught:
            read(message)
        assert secret[:8] not in str(caught.value)
        assert "token-5e" not in str(caught.value)
    assert "token-5e" not in repr(read(event))


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for name, item in items:
        yield from places(item, (*path, name))


JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        10**50,
        "",
        "x",
        "=",
        "////",
        "\ud800",
        "é",
        [],
        {},
        [None],
    ]
)


def damage(text: str, draw: st.DrawFn) -> str:
    """Cut base64 or change bytes behind it."""
    if draw(st.booleans()):
        return text[: draw(st.integers(0, len(text)))]
    data = bytearray(base64.b64decode(text))
    for place in draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=4)):
        data[place] = draw(st.sampled_from([0, 1, 127, 128, 255]))
    return base64.b64encode(bytes(data)).decode()


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    event = copy.deepcopy(BY_NAME[draw(st.sampled_from(sorted(BY_NAME)))])
    for _ in range(draw(st.integers(1, 3))):
        *parents, name = draw(st.sampled_from(list(places(event))))
        node = event
        for parent in parents:
            node = node[parent]
        value = node[name]
        if isinstance(value, str) and len(value) > 60:
            node[name] = damage(value, draw) if value.isascii() else value[:9]
        elif draw(st.booleans()):
            node[name] = draw(JUNK)
        else:
            del node[name]
        if not event:
            break
    return event


@settings(max_examples=400, deadline=None)
@given(mutations())
def test_damaged_messages_are_read_or_refused(event: Any) -> None:
    for decode in (decode_request, decode_response):
        try:
            message = decode(event)
        except InvalidRequestError:
            continue
        assert type(message).__name__ == event["@type"]
    assert request_version(event) in SERDES


# SerDe 1


def in_serde_1(event: Any) -> Any:
    identity = {"arn": "a", "account": "1", "principalTags": {}, "iamGroups": ["g"]}
    return {**event, "identity": identity, "requestType": "X"}


SERDE_1: list[Callable[[], Any]] = [
    lambda: in_serde_1(BY_NAME["ListSchemasRequest"]),
    lambda: put(BY_NAME["GetTableLayoutRequest"], "schema", {"schema": "AAAA"}),
    lambda: put(BY_NAME["GetSplitsRequest"], "partitions.schema", {"schema": "AAAA"}),
    lambda: put(BY_NAME["ReadRecordsRequest"], "constraints.summary.id.@type", "sortable"),
    lambda: put(BY_NAME["GetTableResponse"], "schema", {"schema": "AAAA"}),
]


@pytest.mark.parametrize("make", SERDE_1)
def test_serde_1_is_refused(make: Callable[[], Any]) -> None:
    event = make()
    with pytest.raises(InvalidRequestError, match=f"^{event['@type']}: is written in SerDe 1"):
        read(event)


def test_a_ping_in_serde_1_is_read_to_tell_it_what_is_spoken() -> None:
    found = read(in_serde_1(BY_NAME["PingRequest"]))
    assert (found.catalogName, found.identity.account) == ("c", "1")


# The version of an answer


@pytest.mark.parametrize("serde", SERDES)
def test_requests_are_answered_in_their_version(serde: int) -> None:
    for message in REQUESTS:
        if "Capabilities" in type(message).__name__ and serde < 4:
            continue
        expected = serde if hasattr(message, "constraints") else 5
        assert request_version(write(message, serde)) == expected


def test_members_of_later_versions_rule_out_the_legacy_framing() -> None:
    legacy = write(READ, 2)
    assert request_version(legacy) == 2
    for member, version in (("expression", 4), ("limit", 4), ("queryPlan", 6)):
        assert request_version(put(legacy, f"constraints.{member}", None)) == version


@pytest.mark.parametrize(
    "event", [None, [], {}, {"constraints": 5}, {"constraints": {}, "schema": 5}]
)
def test_a_version_is_found_for_anything(event: Any) -> None:
    assert request_version(event) in (3, 5)


# Writing

WRONG: list[tuple[Any, str]] = [
    (m.GetSplitsResponse("c", (m.Split({"part": 5}),), None), "splits[0].properties.part"),  # type: ignore[dict-item]
    (m.GetSplitsResponse("c", (m.Split({"part": None}),), None), "splits[0].properties.part"),  # type: ignore[dict-item]
    (m.GetSplitsResponse("c", (m.Split({5: "x"}),), None), "splits[0].properties"),  # type: ignore[dict-item]
    (m.GetTableResponse("c", TABLE, SCHEMA, "id"), "partitionColumns"),  # type: ignore[arg-type]
    (m.GetTableResponse("c", "t", SCHEMA, ()), "tableName"),  # type: ignore[arg-type]
    (m.PingResponse("c", "q", None, True, 6), "capabilities"),
    (m.ListSchemasResponse("c", (None,)), "schemas[0]"),  # type: ignore[arg-type]
    (
        m.RemoteReadRecordsResponse("c", SCHEMA, (), m.EncryptionKey("secret", b"n")),  # type: ignore[arg-type]
        "encryptionKey.key",
    ),
    (
        replace(READ, constraints=Constraints({"c": SortedRangeSet.of_points(pa.int8(), [1000])})),
        "constraints.summary.c",
    ),
    (replace(READ, constraints=Constraints({"c": 5})), "constraints.summary.c"),  # type: ignore[dict-item]
    (replace(READ, constraints=Constraints(expression=(5,))), "constraints.expression[0]"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("message", "member"), WRONG, ids=lambda item: str(item)[:20])
def test_a_value_that_its_member_cannot_take_is_named(message: Any, member: str) -> None:
    with pytest.raises(InternalError) as caught:
        write(message)
    assert str(caught.value).startswith(f"{type(message).__name__}.{member}: ")
    assert "secret" not in str(caught.value)


def test_types_without_a_form_are_named() -> None:
    values = AllOrNoneValueSet(pa.large_string(), all=True, null_allowed=True)
    with pytest.raises(UnsupportedTypeError, match="large_string"):
        write(replace(READ, constraints=Constraints({"c": values})))
    with pytest.raises(UnsupportedTypeError, match="'d'"):
        write(
            m.ReadRecordsResponse("c", pa.record_batch({"d": pa.array(["a"]).dictionary_encode()}))
        )


@pytest.mark.parametrize("serde", [-1, 0, 1, 7])
def test_other_versions_are_refused(serde: int) -> None:
    for message in MESSAGES:
        with pytest.raises(InvalidRequestError, match=f"SerDe {serde} is not spoken"):
            write(message, serde)


def test_requests_are_not_written_as_responses() -> None:
    with pytest.raises(InvalidRequestError, match="PingResponse"):
        encode_request(RESPONSES[0], 6)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="PingRequest"):
        encode_response(REQUESTS[0], 6)  # type: ignore[arg-type]


def test_blocks_hold_the_whole_values_of_columns() -> None:
    rows = pa.record_batch([column_of([1577881801234, None], pa.date64())], ["at"])
    found = read(write(m.ReadRecordsResponse("c", rows), 2)).records.column("at")
    assert found.view(pa.int64()).to_pylist() == [1577881801234, None]


def test_the_codec_loads_no_compute_kernels() -> None:
    code = (
        "import sys, athena_connectors.common.protocol.codec;"
        "print([n for n in ('pyarrow.compute', 'boto3', 'duckdb', 'cryptography') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
