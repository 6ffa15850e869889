"""Messages survive the wire, whatever they hold; malformed ones are refused with a place."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

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
from athena_connectors.common.protocol.storage import physical_values
from athena_connectors.common.testing.strategies import (
    batches,
    column_of,
    schemas,
)
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from hypothesis import given, settings
from hypothesis import strategies as st

SERDES = (2, 3, 4, 5, 6)
TABLE = m.TableName("s", "t")
FIELDS: list[pa.Field[Any]] = [pa.field("id", pa.int64()), pa.field("name", pa.string())]
SCHEMA = pa.schema(FIELDS, metadata={"k": "v"})
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


@settings(max_examples=50, deadline=None)
@given(schemas().flatmap(batches), st.sampled_from(SERDES))
def test_any_rows_come_back(rows: pa.RecordBatch, serde: int) -> None:
    found = read(write(m.ReadRecordsResponse("c", rows), serde)).records
    assert found.schema.equals(rows.schema, check_metadata=True)
    for one, two in zip(found.columns, rows.columns, strict=True):
        assert repr(physical_values(one)) == repr(physical_values(two))


# The version of an answer


@pytest.mark.parametrize("serde", SERDES)
def test_requests_are_answered_in_their_version(serde: int) -> None:
    for message in REQUESTS:
        if "Capabilities" in type(message).__name__ and serde < 4:
            continue
        expected = serde if hasattr(message, "constraints") else 5
        assert request_version(write(message, serde)) == expected


def test_members_of_later_versions_rule_out_the_legacy_framing() -> None:
    event = write(READ, 2)
    assert request_version(event) == 2
    for member, version in (("expression", 4), ("limit", 4), ("queryPlan", 6)):
        event["constraints"][member] = None
        assert request_version(event) == version


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
    (m.PingResponse("c", "q", None, "24", 6), "capabilities"),  # type: ignore[arg-type]
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
        "print({'pyarrow.compute', 'boto3', 'duckdb', 'cryptography'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
