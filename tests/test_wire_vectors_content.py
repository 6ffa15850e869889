"""What is inside of the Java reference's messages: blocks, types, value sets, spilled blocks.

Also its error payloads, as the local engine takes them.
"""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.crypto import decrypt_block, encrypt_block
from athena_connectors.common.errors import InvalidRequestError, UnsupportedTypeError
from athena_connectors.common.protocol.arrow import (
    batch_message,
    decode_block,
    decode_schema,
    encode_block,
    read_batch_message,
)
from athena_connectors.common.protocol.arrow_types import ARROW_TYPE
from athena_connectors.common.protocol.codec import decode_request, encode_request
from athena_connectors.common.protocol.members import read_whole
from athena_connectors.common.protocol.messages import EncryptionKey, ReadRecordsRequest
from athena_connectors.common.protocol.storage import physical_values
from athena_connectors.common.testing.engine_errors import RemoteError
from athena_connectors.common.testing.ipc_frames import decode_frame
from athena_connectors.common.testing.transport import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parent / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def by_name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


# Blocks

BLOCKS = [load(f"blocks/{path.name}") for path in sorted((VECTORS / "blocks").glob("*.json"))]


def described(field: pa.Field[Any]) -> dict[str, Any]:
    """Describe a field as the vectors do."""
    type_ = field.type
    if pa.types.is_map(type_):
        kind: Any = {"map": [described(type_.key_field), described(type_.item_field)]}
    elif pa.types.is_struct(type_):
        kind = {"struct": [described(child) for child in type_]}
    elif pa.types.is_list(type_):
        kind = {"list": described(type_.value_field)}
    else:
        kind = str(type_)
    return {"name": field.name, "nullable": field.nullable, "type": kind}


def spelled(value: Any) -> Any:
    """Spell a physical value as the vectors do."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list | tuple):
        return [spelled(item) for item in value]
    if isinstance(value, dict):
        return {name: spelled(item) for name, item in value.items()}
    return f"{value:f}" if isinstance(value, Decimal) else value


def contents(batch: pa.RecordBatch) -> dict[str, Any]:
    metadata = batch.schema.metadata or {}
    return {
        "row_count": batch.num_rows,
        "schema_metadata": {key.decode(): value.decode() for key, value in metadata.items()},
        "fields": [described(field) for field in batch.schema],
        "columns": {
            name: spelled(physical_values(column))
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        },
    }


@pytest.mark.parametrize("vector", BLOCKS, ids=lambda item: f"{item['name']}-{item['framing']}")
@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_block(vector: dict[str, Any], *, legacy: bool) -> None:
    batch = decode_block(vector["block"])
    assert contents(batch) == vector["expected"]
    written = encode_block(batch, legacy=legacy)
    assert list(written) == ["aId", "schema", "records"]
    assert decode_frame(written["schema"]).modern is not legacy
    again = decode_block(written)
    assert again.schema.equals(batch.schema, check_metadata=True)
    assert contents(again) == vector["expected"]


# Arrow types


TYPES = load("arrow_types/arrow_type_json.json")
HERE: dict[str, pa.DataType] = {
    "Bool": pa.bool_(),
    "Int(8, true)": pa.int8(),
    "Int(16, true)": pa.int16(),
    "Int(32, true)": pa.int32(),
    "Int(64, true)": pa.int64(),
    "Int(8, false)": pa.uint8(),
    "FloatingPoint(HALF)": pa.float16(),
    "FloatingPoint(SINGLE)": pa.float32(),
    "FloatingPoint(DOUBLE)": pa.float64(),
    "Utf8": pa.string(),
    "Binary": pa.binary(),
    "Null": pa.null(),
    "Decimal(10, 2, 128)": pa.decimal128(10, 2),
    "Date(DAY)": pa.date32(),
    "Date(MILLISECOND)": pa.date64(),
    "Time(MILLISECOND, 32)": pa.time32("ms"),
    "Timestamp(MILLISECOND, UTC)": pa.timestamp("ms", "UTC"),
    "Timestamp(MICROSECOND, UTC)": pa.timestamp("us", "UTC"),
    "Timestamp(MILLISECOND, null)": pa.timestamp("ms"),
    "FixedSizeBinary(4)": pa.binary(4),
    "LargeUtf8": pa.large_string(),
    "LargeBinary": pa.large_binary(),
    "LargeList": pa.large_list(pa.int8()),
    "Duration(SECOND)": pa.duration("s"),
    "Utf8View": pa.string_view(),
    "Union(Sparse, [0, 1])": pa.sparse_union([pa.field("a", pa.int8()), pa.field("b", pa.int8())]),
    "Decimal(50, 2, 256)": pa.decimal256(50, 2),
    # Their children are not on the wire.
    "List": pa.list_(pa.null()),
    "Struct": pa.struct([]),
    "Map(false)": pa.map_(pa.string(), pa.null()),
    "Map(true)": pa.map_(pa.string(), pa.null()),
    "FixedSizeList(3)": pa.list_(pa.null(), 3),
}
UNREADABLE = {"Interval(DAY_TIME)", "Union(Sparse, [0, 1])", "Decimal(50, 2, 256)"}
"""What the reference writes and can't read back, or Arrow in Python does not have."""


@pytest.mark.parametrize("vector", TYPES, ids=by_name)
def test_arrow_type(vector: dict[str, Any]) -> None:
    name = vector["name"]
    if "error" in vector:
        with pytest.raises(UnsupportedTypeError, match="has no form on the wire"):
            ARROW_TYPE.write(HERE[name], 6)
    elif name in UNREADABLE:
        assert not vector["supported"]
        with pytest.raises(InvalidRequestError, match=r"^type\."):
            read_whole(ARROW_TYPE, vector["json"], name="type")
        if name in HERE:
            with pytest.raises(UnsupportedTypeError):
                ARROW_TYPE.write(HERE[name], 6)
    else:
        assert ARROW_TYPE.read(vector["json"]) == HERE[name]
        written = ARROW_TYPE.write(HERE[name], 6)
        assert list(written.items()) == list(vector["json"].items())


# Value sets


SETS = {
    **{item["name"]: item["value_set"] for item in load("valuesets/contains.json")},
    **{
        f"{item['name']}-{side}": item[side]
        for item in load("valuesets/ops.json")
        for side in ("left", "right", "result")
        if item[side] is not None
    },
}
REQUEST = load("serde/generated/v6/ReadRecordsRequest_rich.json")


def plain(node: Any) -> Any:
    """Return a value set with its blocks as lists of values."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "records" not in node:
        return {name: plain(item) for name, item in node.items()}
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(node["schema"])))
    if not node["records"]:
        return [str(schema)]
    message = pa.ipc.read_message(base64.b64decode(node["records"]))
    column = pa.ipc.read_record_batch(message, schema).column("col1")
    stored = {pa.date32(): pa.int32(), pa.timestamp("ms", "UTC"): pa.int64()}
    return [str(schema), column.view(stored.get(column.type, column.type)).to_pylist()]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("serde", [2, 6])
def test_value_set(name: str, serde: int) -> None:
    constraints = {**REQUEST["constraints"], "summary": {"c": SETS[name]}}
    request = decode_request({**REQUEST, "constraints": constraints})
    assert isinstance(request, ReadRecordsRequest)
    written = encode_request(request, serde)["constraints"]["summary"]["c"]
    assert json.dumps(plain(written)) == json.dumps(plain(SETS[name]))


# Spilled blocks


@pytest.mark.parametrize("vector", load("spill/aes_gcm.json"), ids=by_name)
def test_spilled_block(vector: dict[str, Any]) -> None:
    key = EncryptionKey(base64.b64decode(vector["key"]), base64.b64decode(vector["nonce"]))
    schema = decode_schema(vector["schema_field"])
    message = decrypt_block(base64.b64decode(vector["ciphertext_with_tag"]), key)
    assert message == base64.b64decode(vector["plaintext_record_batch_message"])
    batch = read_batch_message(message, schema)
    assert contents(batch)["columns"] == vector["expected"]
    stored = encrypt_block(batch_message(batch, legacy=True), key)
    assert read_batch_message(decrypt_block(stored, key), schema) == batch


# Errors of a function


class _Failing(BaseHTTPRequestHandler):
    payload: bytes

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("X-Amz-Function-Error", "Unhandled")
        self.end_headers()
        self.wfile.write(self.payload)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def failing(payload: Any) -> Iterator[str]:
    answer = type("_Answer", (_Failing,), {"payload": json.dumps(payload).encode()})
    with HTTPServer(("127.0.0.1", 0), answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


ERRORS = {
    **{item["name"]: item["payload"] for item in load("errors/lambda_errors.json")},
    "reference_fixture": load("serde/v2/LambdaFunctionException.json"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_of_a_function(name: str) -> None:
    payload = ERRORS[name]
    with failing(payload) as url, pytest.raises(RemoteError) as caught:
        HttpEndpoint(url).send({"@type": "PingRequest"})
    assert str(caught.value) == payload["errorMessage"]
    assert caught.value.error_type == payload.get("errorType", "RemoteError")
