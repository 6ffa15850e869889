"""Shapes of JSON and Arrow content, checked the way a reader with a fixed order reads.

A check takes the reply under test, a value and the path of the member that holds it, and
raises ``EngineProtocolError`` with that path.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from athena_connectors.common.testing.engine_errors import EngineProtocolError
from athena_connectors.common.testing.ipc_frames import Frame, decode_frame

__all__ = [
    "MAX_REPLY_BYTES",
    "Check",
    "Checker",
    "base64_text",
    "block",
    "children",
    "each",
    "members",
    "nullable",
    "schema_text",
    "text",
    "truth",
    "values_of",
    "whole",
]

MAX_REPLY_BYTES = 6 * 1024 * 1024
"""Lambda's quota for a synchronous reply."""
LEGACY_VERSION = 2

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checker:
    """One reply under test.

    Attributes:
        request: The request as it was sent.
        reply: ``@type`` of the reply.
        version: SerDe version that was sent.
    """

    request: Event
    reply: str
    version: int

    def fail(self, member: str, problem: str) -> EngineProtocolError:
        """Return the error that says what is wrong with a member."""
        return EngineProtocolError(problem, reply=self.reply, member=member)

    def size(self, reply: Event) -> None:
        """Check that the reply is JSON that fits into Lambda's quota."""
        try:
            size = len(json.dumps(reply, ensure_ascii=False, allow_nan=False).encode())
        except (TypeError, ValueError) as cause:
            raise self.fail("", f"is no JSON: {cause}") from cause
        if size > MAX_REPLY_BYTES:
            raise self.fail("", f"has {size:,} bytes, Lambda takes {MAX_REPLY_BYTES:,}")

    def echoes(self, reply: Event) -> None:
        """Check that the names of the request come back as they were."""
        for member in ("catalogName", "queryId", "tableName"):
            if member in reply and reply[member] != self.request[member]:
                asked = self.request[member]
                raise self.fail(member, f"is {reply[member]!r}, asked was {asked!r}")

    def frame(self, text: str, member: str) -> Frame:
        """Return an Arrow message in the framing of the version that is spoken."""
        try:
            frame = decode_frame(text)
        except ValueError as cause:
            raise self.fail(member, str(cause)) from cause
        legacy_asked = self.version == LEGACY_VERSION and _carries_arrow(self.request)
        if frame.modern is legacy_asked:
            wanted = "legacy" if legacy_asked else "modern"
            if self.version != LEGACY_VERSION or legacy_asked:
                raise self.fail(member, f"is not framed in the {wanted} way of {self.version}")
        if frame.compressed:
            raise self.fail(member, "is compressed, which the reader has no codec for")
        return frame

    def schema(self, text: str, member: str) -> pa.Schema:
        """Return a schema that can be read."""
        frame = self.frame(text, member)
        if frame.is_batch:
            raise self.fail(member, "is no schema message")
        try:
            return pa.ipc.read_schema(pa.py_buffer(frame.data))
        except pa.ArrowException as cause:
            raise self.fail(member, f"is no readable schema: {cause}") from cause

    def block(self, block: Event, member: str) -> pa.Schema:
        """Check a block's records against its schema, and return the schema."""
        schema = self.schema(block["schema"], f"{member}.schema")
        _no_dictionaries(self, schema, f"{member}.schema")
        if block["records"]:
            self._batch(block["records"], schema, f"{member}.records")
        return schema

    def _batch(self, text: str, schema: pa.Schema, member: str) -> None:
        frame = self.frame(text, member)
        if not frame.is_batch:
            raise self.fail(member, "is no record batch message")
        try:
            message = pa.ipc.read_message(pa.py_buffer(frame.data))
            batch = pa.ipc.read_record_batch(message, schema)
            batch.validate()
        except (pa.ArrowException, OSError) as cause:
            raise self.fail(member, f"does not fit its schema: {cause}") from cause
        if batch.num_rows == 0:
            raise self.fail(member, "holds no rows and must be empty text")


Check = Callable[[Checker, Any, str], None]


def _carries_arrow(request: Event) -> bool:
    return "schema" in request or "partitions" in request


def text(checker: Checker, value: Any, member: str) -> None:
    """Check for text that is not null."""
    if not isinstance(value, str):
        raise checker.fail(member, f"is {type(value).__name__}, text is expected")


def whole(checker: Checker, value: Any, member: str) -> None:
    """Check for a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise checker.fail(member, f"is {type(value).__name__}, a whole number is expected")


def truth(checker: Checker, value: Any, member: str) -> None:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise checker.fail(member, f"is {type(value).__name__}, true or false is expected")


def schema_text(checker: Checker, value: Any, member: str) -> None:
    """Check for a schema message in base64."""
    text(checker, value, member)
    checker.schema(value, member)


def base64_text(checker: Checker, value: Any, member: str) -> None:
    """Check for standard base64 with padding."""
    text(checker, value, member)
    try:
        base64.b64decode(value, validate=True)
    except ValueError as cause:
        raise checker.fail(member, "is no padded standard base64") from cause


def nullable(check: Check) -> Check:
    """Return the check that lets null pass as well."""

    def checked(checker: Checker, value: Any, member: str) -> None:
        if value is not None:
            check(checker, value, member)

    return checked


def each(check: Check) -> Check:
    """Return the check of a list whose items pass a check."""

    def checked(checker: Checker, value: Any, member: str) -> None:
        if not isinstance(value, list):
            raise checker.fail(member, f"is {type(value).__name__}, a list is expected")
        for place, item in enumerate(value):
            check(checker, item, f"{member}[{place}]")

    return checked


def values_of(check: Check) -> Check:
    """Return the check of a map whose values pass a check; its keys are free."""

    def checked(checker: Checker, value: Any, member: str) -> None:
        if not isinstance(value, dict):
            raise checker.fail(member, f"is {type(value).__name__}, an object is expected")
        for key, item in value.items():
            check(checker, item, f"{member}.{key}")

    return checked


def members(shape: dict[str, Check]) -> Check:
    """Return the check of an object with exactly these members, in this order."""
    wanted = list(shape)

    def checked(checker: Checker, value: Any, member: str) -> None:
        if not isinstance(value, dict):
            raise checker.fail(member, f"is {type(value).__name__}, an object is expected")
        found = list(value)
        if found != wanted:
            fault = next(
                (name for name in found + wanted if (name in value) != (name in shape)), "order"
            )
            where = f"{member}.{fault}" if member else fault
            raise checker.fail(where, f"members are {found}, in this order they must be {wanted}")
        for name, check in shape.items():
            check(checker, value[name], f"{member}.{name}" if member else name)

    return checked


def block(checker: Checker, value: Any, member: str) -> None:
    """Check for a block: a schema and the records that fit it."""
    members({"aId": nullable(text), "schema": text, "records": text})(checker, value, member)
    checker.block(value, member)


def _no_dictionaries(checker: Checker, schema: pa.Schema, member: str) -> None:
    pending = [(field.name, field.type) for field in schema]
    while pending:
        name, type_ = pending.pop()
        if isinstance(type_, pa.DictionaryType):
            raise checker.fail(member, f"column {name!r} is dictionary-encoded")
        pending += [(name, child) for child in children(type_)]


def children(type_: pa.DataType) -> list[pa.DataType]:
    """Return the types nested in a type, one level deep."""
    if isinstance(type_, pa.MapType):
        return [type_.key_type, type_.item_type]
    return [type_.field(place).type for place in range(type_.num_fields)]
