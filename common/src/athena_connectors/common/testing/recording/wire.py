"""Requests and replies as they crossed the wire, without what differs from run to run.

Ids, keys and places to spill are new in each run and say nothing of a query. Rows are kept as
the engine reads them, so that inline and spilled blocks look alike here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from athena_connectors.common.crypto import decrypt_block
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.arrow import read_batch_message
from athena_connectors.common.protocol.codec import (
    decode_request,
    decode_response,
    request_version,
)
from athena_connectors.common.protocol.storage import physical_values
from athena_connectors.common.testing.recording.calls import ToldError
from athena_connectors.common.testing.recording.values import key_of
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from athena_connectors.common.handler import LambdaHandler
    from athena_connectors.common.spill import SpillStore
    from athena_connectors.common.testing.client import SpillReader

__all__ = ["Exchange", "LoggedProcess", "WireLog", "difference", "rows_difference"]

Event = dict[str, Any]

_SETTLED: dict[str, Any] = {"queryId": "query", "encryptionKey": None}
_PLACE = {"bucket": "spill", "key": "spill"}
_LOOKED_INTO = ("split", "splits", "spillLocation")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it.

    Attributes:
        catalog: Whom it was sent to.
        request: The event, settled.
        reply: The event, settled; that of a read without its rows. ``None`` after an error.
        blocks: Rows of a read, a batch for each block.
        error: What was raised instead.
        native: What a read sent to the source, for people.
    """

    catalog: str
    request: Event
    reply: Event | None = None
    blocks: tuple[pa.RecordBatch, ...] = ()
    error: ToldError | None = None
    native: str = ""

    def is_read(self) -> bool:
        """Tell whether rows were asked for."""
        return bool(self.request.get("@type") == "ReadRecordsRequest")

    def __str__(self) -> str:
        table = self.request.get("tableName")
        named = f" of {table['schemaName']}.{table['tableName']}" if table else ""
        split = (self.request.get("split") or {}).get("properties")
        return f"{self.request.get('@type')}{named}{f', split {split}' if split else ''}"


@dataclass(slots=True)
class WireLog:
    """Exchanges in their order; written by several threads."""

    exchanges: list[Exchange] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, exchange: Exchange) -> None:
        """Add one."""
        with self._lock:
            self.exchanges.append(exchange)

    def in_order(self) -> list[Exchange]:
        """Return all of them, reads last: they start while other scans are still planned."""
        return sorted(self.exchanges, key=Exchange.is_read)


class LoggedProcess(InProcess):
    """A handler in this process, of whose requests and replies a log is kept.

    Args:
        catalog: Its catalog.
        handler: What answers.
        settings: The function's variables.
        store: Where it spills to.
        spill: Gives spilled objects back.
        log: Where exchanges are kept.
    """

    def __init__(
        self,
        catalog: str,
        handler: LambdaHandler,
        *,
        settings: Mapping[str, str],
        store: SpillStore | None,
        spill: SpillReader,
        log: WireLog,
    ) -> None:
        super().__init__(handler, settings=settings, store=store)
        self._catalog = catalog
        self._spill = spill
        self._log = log

    def send(self, event: Event) -> Event:
        """Return the reply to a request, and keep both."""
        request = _settled(event)
        try:
            reply = super().send(event)
        except Exception as error:
            self._log.add(Exchange(self._catalog, request, error=ToldError.of(error)))
            raise
        blocks = self._blocks(reply)
        shown = _settled(reply)
        if blocks is not None:
            shown = {"@type": shown["@type"], "catalogName": shown["catalogName"]}
        self._log.add(Exchange(self._catalog, request, shown, tuple(blocks or ())))
        return reply

    def _blocks(self, reply: Event) -> list[pa.RecordBatch] | None:
        answered = decode_response(reply)
        if isinstance(answered, m.ReadRecordsResponse):
            return [answered.records]
        if not isinstance(answered, m.RemoteReadRecordsResponse):
            return None
        key = answered.encryptionKey
        stored = [self._spill.get(place) for place in answered.remoteBlocks]
        plain = [data if key is None else decrypt_block(data, key) for data in stored]
        return [read_batch_message(data, answered.schema) for data in plain]


def difference(then: Exchange, now: Exchange) -> str:
    """Return in what an exchange differs from the recorded one; nothing if it does not."""
    if (then.catalog, then.request["@type"]) != (now.catalog, now.request["@type"]):
        return f"{now} was sent to {now.catalog} in place of {then} to {then.catalog}"
    if request_version(then.request) != request_version(now.request) or (
        key_of(decode_request(then.request)) != key_of(decode_request(now.request))
    ):
        return f"{then} differs: {_members(then.request, now.request)}"
    if not _same_error(then.error, now.error):
        return f"{then} {_outcome(now)}, and {_outcome(then)} when it was recorded"
    if then.native != now.native:
        return f"the native query of {then} is {now.native!r} in place of {then.native!r}"
    if then.reply is None or now.reply is None:
        return ""
    if now.reply["@type"] != then.reply["@type"]:
        return f"{then} is answered by {now.reply['@type']} in place of {then.reply['@type']}"
    if _is_read(then.reply):
        told = rows_difference(then.blocks, now.blocks)
        return f"the rows of {then} differ: {told}" if told else ""
    if key_of(decode_response(then.reply)) != key_of(decode_response(now.reply)):
        return f"the reply to {then} differs: {_members(then.reply, now.reply)}"
    return ""


def rows_difference(then: tuple[pa.RecordBatch, ...], now: tuple[pa.RecordBatch, ...]) -> str:
    """Return in what blocks of rows differ; nothing if they do not."""
    counts = [[block.num_rows for block in blocks] for blocks in (then, now)]
    if counts[0] != counts[1]:
        return f"blocks of {counts[1]} rows in place of {counts[0]}"
    for place, (old, new) in enumerate(zip(then, now, strict=True)):
        if old.schema != new.schema:
            return f"columns {new.schema.to_string()} in place of {old.schema.to_string()}"
        wrong = [
            name
            for name, one, two in zip(old.schema.names, old.columns, new.columns, strict=True)
            # Arrow takes NaN for different from itself.
            if not one.equals(two) and repr(physical_values(one)) != repr(physical_values(two))
        ]
        if wrong:
            return f"block {place}, column {', '.join(wrong)}"
    return ""


def _same_error(then: ToldError | None, now: ToldError | None) -> bool:
    """Tell whether errors are the same; one that was unforeseen tells where it was raised."""
    if then is not None and now is not None and then.kind == now.kind == "InternalError":
        return True
    return then == now


def _outcome(exchange: Exchange) -> str:
    told = exchange.error
    return f"failed with {told.kind}: {told.message}" if told else "was answered"


def _is_read(reply: Event) -> bool:
    return reply["@type"] in ("ReadRecordsResponse", "RemoteReadRecordsResponse")


def _members(then: Event, now: Event) -> str:
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return f"member {', '.join(names)}" if names else "its values"


def _settled(event: Event) -> Event:
    plain = {name: _SETTLED.get(name, held) for name, held in event.items()}
    if "directory" in plain:
        return {**plain, **_PLACE}
    for name in _LOOKED_INTO:
        held = plain.get(name)
        if isinstance(held, list):
            plain[name] = [_settled(item) for item in held]
        elif isinstance(held, dict):
            plain[name] = _settled(held)
    return plain
