"""Messages written by the Java reference, read and written again by the codec.

What is written is compared member by member and in order; Arrow inside is compared by
content, because two writers of Arrow never agree on bytes. The Arrow in the vectors is
read here with pyarrow alone, so that the codec is not its own judge.
"""

from __future__ import annotations

import base64
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.protocol.codec import (
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    request_version,
)
from athena_connectors.common.testing.ipc_frames import decode_frame

SERDE = Path(__file__).parent / "vectors" / "serde"
IS_MESSAGE = re.compile(r"[A-Z]\w+(Request|Response)\w*")
MESSAGES = sorted(path for path in SERDE.rglob("*.json") if IS_MESSAGE.fullmatch(path.stem))
MAPS = {"summary", "properties", "tags", "configOptions", "queryPassthroughArguments"}
LEGACY = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4, use_legacy_format=True)

every_message = pytest.mark.parametrize(
    "path", MESSAGES, ids=lambda path: path.relative_to(SERDE).with_suffix("").as_posix()
)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def version_of(path: Path) -> int:
    """A ping is the same in all versions, and is not in a folder of one."""
    found = re.fullmatch(r"v(\d)", path.parent.name)
    return int(found[1]) if found else 6


def read(node: Any) -> Any:
    return decode_request(node) if "Request" in node["@type"] else decode_response(node)


def write(message: Any, version: int) -> Any:
    is_request = type(message).__name__.endswith("Request")
    return (encode_request if is_request else encode_response)(message, version)


def is_block(node: Any) -> bool:
    return isinstance(node, dict) and set(node) == {"aId", "schema", "records"}


def schema_of(text: str) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))


def batch_of(block: dict[str, str]) -> pa.RecordBatch | None:
    if not block["records"]:
        return None
    data = base64.b64decode(block["records"], validate=True)
    return pa.ipc.read_record_batch(pa.ipc.read_message(data), schema_of(block["schema"]))


def assert_same(left: Any, right: Any, path: str = "") -> None:
    """Compare two JSON trees, member by member and in order, Arrow inside by content."""
    if is_block(left):
        assert is_block(right), path
        assert isinstance(right["aId"], str), path
        assert_same_schema(left["schema"], right["schema"], path)
        assert batch_of(left) == batch_of(right), path
    elif isinstance(left, dict):
        assert isinstance(right, dict), path
        assert list(left) == list(right), path
        for name, value in left.items():
            if name in ("schema", "outputSchema"):
                assert_same_schema(value, right[name], f"{path}.{name}")
            else:
                assert_same(value, right[name], f"{path}.{name}")
    elif isinstance(left, list):
        assert len(left) == len(right), path
        for place, (one, two) in enumerate(zip(left, right, strict=True)):
            assert_same(one, two, f"{path}[{place}]")
    else:
        assert (type(left), left) == (type(right), right), path


def assert_same_schema(left: str, right: str, path: str) -> None:
    assert schema_of(left).equals(schema_of(right), check_metadata=True), path


def arrow_texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node[name] for name in ("schema", "outputSchema", "records") if name in node]
        texts = [text for text in own if isinstance(text, str) and text]
        return texts + [text for value in node.values() for text in arrow_texts(value)]
    return [text for item in node for text in arrow_texts(item)] if isinstance(node, list) else []


@every_message
def test_message_is_written_as_it_came(path: Path) -> None:
    event, version = load(path), version_of(path)
    written = write(read(event), version)
    assert_same(event, written)
    assert json.loads(json.dumps(written)) == written
    for text in arrow_texts(written):
        assert decode_frame(text).modern is (version > 2)


def disorder(node: Any, chance: random.Random, *, is_map: bool = False) -> Any:
    """Shuffle the members of every object, and add one that nobody knows."""
    if isinstance(node, list):
        return [disorder(item, chance) for item in node]
    if not isinstance(node, dict):
        return node
    names = list(node)
    if not is_map:
        chance.shuffle(names)
    is_capabilities = node.get("@type") == "GetDataSourceCapabilitiesResponse"
    maps = MAPS | ({"capabilities"} if is_capabilities else set())
    mixed = {name: disorder(node[name], chance, is_map=name in maps) for name in names}
    extra = {} if is_map else {"unheardOf": {"@type": "Nobody", "knows": [1, None]}}
    return {**extra, **mixed} if chance.random() < 0.5 else {**mixed, **extra}


@every_message
@pytest.mark.parametrize("seed", range(3))
def test_order_and_unknown_members_do_not_matter(path: Path, seed: int) -> None:
    event, version = load(path), version_of(path)
    mixed = disorder(event, random.Random(seed))
    assert_same(event, write(read(mixed), version))


def reframe(node: Any, *, legacy: bool) -> Any:
    """Write all Arrow again in one framing, whatever the message's version."""
    if isinstance(node, list):
        return [reframe(item, legacy=legacy) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {name: reframe(value, legacy=legacy) for name, value in node.items()}
    for name in {"schema", "outputSchema"} & set(node):
        batch = batch_of(node) if is_block(node) else None
        schema, records = messages_of(schema_of(node[name]), batch, legacy=legacy)
        changed[name] = base64.b64encode(schema).decode()
        if is_block(node):
            changed["records"] = base64.b64encode(records).decode()
    return changed


def messages_of(
    schema: pa.Schema, batch: pa.RecordBatch | None, *, legacy: bool
) -> tuple[bytes, bytes]:
    if not legacy:
        return bytes(schema.serialize()), b"" if batch is None else bytes(batch.serialize())
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema, options=LEGACY) as writer:
        if batch is not None:
            writer.write_batch(batch)
        end = sink.tell()
    raw = sink.getvalue()
    cut = 4 + int.from_bytes(raw[:4], "little")
    return raw[:cut], b"" if batch is None else raw[cut:end]


@every_message
@pytest.mark.parametrize("framing", ["legacy", "modern"])
def test_either_framing_is_read_in_every_version(path: Path, framing: str) -> None:
    event, version = load(path), version_of(path)
    other = reframe(event, legacy=framing == "legacy")
    assert all(decode_frame(text).modern is (framing == "modern") for text in arrow_texts(other))
    assert_same(event, write(read(other), version))


@every_message
def test_message_is_written_in_every_version_that_has_it(path: Path) -> None:
    """A version has all that older ones have, in one order, and drops what is newer."""
    event, version = load(path), version_of(path)
    oldest = 4 if "Capabilities" in path.stem else 2
    texts = [write(read(event), newer) for newer in range(oldest, 7)]
    for newer, written in enumerate(texts, oldest):
        again = write(read(written), version)
        if newer >= version:
            assert_same(event, again)
        for text in arrow_texts(written):
            assert decode_frame(text).modern is (newer > 2)


RESOLUTION = load(SERDE / "version_resolution.json")


@pytest.mark.parametrize("entry", RESOLUTION, ids=lambda entry: entry["fixture"])
def test_requests_are_answered_in_a_version_they_can_read(entry: dict[str, Any]) -> None:
    """The reference answers a v2 request in v3; here it gets what it asked in.

    Requests that look alike in several versions are answered in the modern framing, as
    the reference does, and responses differ in nothing else.
    """
    path = SERDE / entry["fixture"]
    event, version = load(path), version_of(path)
    answered = request_version(event)
    if "constraints" in event:
        assert answered == version
        assert entry["java_composite_handler_resolves_to"] == max(version, 3)
    else:
        assert answered == 5
        assert entry["java_composite_handler_resolves_to"] > 2
