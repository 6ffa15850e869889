"""What every fault has to end in: the right error, no secret told, and nothing left behind.

``OneInstance`` is the function, ``FaultCheck`` what it is held to. The bad network and the
bad AWS that make the faults are ``tcp_proxy`` and ``aws_proxy``.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.client import ProtocolClient, TableScan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.handler import LambdaHandler
    from athena_connectors.common.spill import SpillStore
    from athena_connectors.common.testing.client import SpillReader

__all__ = ["THREAD_NAMES", "Caught", "FaultCheck", "OneInstance", "RemainingTime"]

Event = dict[str, Any]

THREAD_NAMES = ("spill", "read-guard", "streaming-producer", "query-status")
"""How the names of the threads begin that an invocation may start."""

THREAD_SECONDS = 6.0
"""Longest time in which a thread ends by itself: a call to Athena is not broken off."""

MAX_BLOCK_BYTES = 16_000_000
MAX_INLINE_BYTES = 5_242_880


@dataclass(frozen=True, slots=True)
class RemainingTime:
    """Lambda's context, as far as it is used.

    Attributes:
        milliseconds: Until the function is killed; does not shrink.
    """

    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function is killed."""
        return self.milliseconds


class OneInstance:
    """A function with one instance, which answers all requests one after the other.

    A transport (see ``transport``). The keys of all splits that it hands out are remembered
    as secrets.

    Args:
        handler: What the connector's ``app`` module calls ``handler``.
        settings: The function's environment variables.
        store: Where it spills to; ``None`` for S3.
        spill: Gives spilled objects back.
        max_block_bytes: Largest block that is asked for.
        max_inline_bytes: Largest inline block that is asked for; 0 to have all spilled.

    Attributes:
        client: The engine's side, which checks every reply.
        context: What Lambda passes beside the event; ``None`` for no deadline.
        secrets: Keys of the splits handed out so far, in base64.
    """

    def __init__(
        self,
        handler: LambdaHandler,
        settings: Mapping[str, str],
        *,
        spill: SpillReader,
        store: SpillStore | None = None,
        max_block_bytes: int = MAX_BLOCK_BYTES,
        max_inline_bytes: int = MAX_INLINE_BYTES,
    ) -> None:
        self._handler = handler.with_environment(settings, store=store)
        self.context: RemainingTime | None = None
        self.secrets: set[str] = set()
        self.client = ProtocolClient(
            "shop",
            self,
            spill=spill,
            max_block_bytes=max_block_bytes,
            max_inline_bytes=max_inline_bytes,
        )

    def send(self, event: Event) -> Event:
        """Return the reply to a request; errors pass through."""
        reply = self._handler(json.loads(json.dumps(event)), self.context)
        for split in reply.get("splits", ()):
            if split["encryptionKey"]:
                self.secrets.add(split["encryptionKey"]["key"])
        plain: Event = json.loads(json.dumps(reply))
        return plain

    def close(self) -> None:
        """Close what the connector holds open; the next request opens it again."""
        self._handler.close()

    def scan(
        self,
        name: str,
        *columns: str,
        passthrough: Mapping[str, str] | None = None,
        constraints: Constraints | None = None,
    ) -> TableScan:
        """Return a scan of a table.

        Args:
            name: Schema and table, with a dot between them.
            columns: What to read; all if there is none.
            passthrough: Arguments of a native query.
            constraints: What is pushed; must hold ``passthrough`` too.
        """
        table = TableName(*name.split(".", 1))
        described = self.client.describe(table, passthrough=passthrough)
        schema = described.schema
        projected = pa.schema([schema.field(column) for column in columns]) if columns else schema
        wanted = constraints or Constraints(passthrough=passthrough or {})
        return TableScan(table, schema, described.partitionColumns, projected, wanted, "query-1")

    def rows(self, scan: TableScan) -> list[Event]:
        """Return all rows of a scan, with physical values."""
        return [
            row
            for split in list(self.client.splits(scan))
            for batch in self.client.read(scan, split).batches
            for row in batch.to_pylist()
        ]


@dataclass(slots=True)
class Caught:
    """What a fault ended in.

    Attributes:
        error: The error; there is one once the ``with`` statement is left.
        seconds: How long it took.
    """

    error: ConnectorError = field(default_factory=lambda: ConnectorError("nothing yet"))
    seconds: float = 0.0


class FaultCheck:
    """Holds an instance to what every fault has to end in.

    Args:
        instance: The function.
        secrets: Texts that nothing may tell, beside the keys of its splits.
        output: Returns what was written to standard output and error since the last call.
        at_rest: Fails if the source still works for the function.
        recovered: Asks the function for something that it can do, and fails if it does not
            do it right.
    """

    def __init__(
        self,
        instance: OneInstance,
        *,
        secrets: tuple[str, ...],
        output: Callable[[], str],
        at_rest: Callable[[], object],
        recovered: Callable[[], object],
    ) -> None:
        self._instance = instance
        self._secrets = set(secrets)
        self._output = output
        self._at_rest = at_rest
        self._recovered = recovered

    def hide(self, *secrets: str) -> None:
        """Let further texts be told by nothing."""
        self._secrets.update(secrets)

    @contextmanager
    def expect(
        self,
        kind: type[ConnectorError],
        *words: str,
        heal: Callable[[], object] = lambda: None,
    ) -> Iterator[Caught]:
        """Run a fault to its end.

        It has to end in an error of exactly one class. Neither the error with its causes,
        nor a log record of any level, nor the output may tell a secret. No thread may be
        left, the source has to be at rest, and once the fault is gone the same instance has
        to work.

        Args:
            kind: The class.
            words: What the text has to say, each word or phrase.
            heal: Takes the fault away.
        """
        caught = Caught()
        with self.watched() as told:
            started = time.monotonic()
            try:
                yield caught
            except ConnectorError as error:
                caught.error = error
            caught.seconds = time.monotonic() - started
            assert type(caught.error) is kind, f"{type(caught.error).__name__}: {caught.error}"
            missing = [word for word in words if word not in str(caught.error)]
            assert not missing, f"{missing} not in: {caught.error}"
            told.append(_everything_about(caught.error))
            _require_no_thread()
            heal()
            self._at_rest()
            self._recovered()
            _require_no_thread()
            self._at_rest()

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """Let nothing that is logged, printed or added to the list tell a secret."""
        told: list[str] = []
        self._output()
        with _all_logs(told):
            yield told
        told.append(self._output())
        everything = "\n".join(told)
        for secret in self._secrets | self._instance.secrets:
            for form in _forms(secret):
                assert form not in everything, f"{form!r} is told: {_around(form, everything)}"


def _require_no_thread() -> None:
    limit = time.monotonic() + THREAD_SECONDS
    while left := [item for item in threading.enumerate() if item.name.startswith(THREAD_NAMES)]:
        assert time.monotonic() < limit, f"These threads are left: {left}"
        left[0].join(limit - time.monotonic())


def _everything_about(error: BaseException) -> str:
    """Return all that an error and its causes say, to Lambda and to a debugger."""
    texts = ["".join(traceback.format_exception(error))]
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        item = queue.pop()
        if item is not None and item not in seen:
            seen.append(item)
            texts += [str(item), repr(item), repr(item.args)]
            if isinstance(item, ConnectorError):
                texts.append(repr(vars(item)))
            queue += [item.__cause__, item.__context__]
    return "\n".join(texts)


def _forms(secret: str) -> set[str]:
    """Return a secret as it may stand in a text."""
    data = secret.encode()
    encoded = base64.b64encode(data).decode().rstrip("=")
    forms = {secret, json.dumps(secret)[1:-1], quote(secret), quote_plus(secret), data.hex()}
    return forms | {encoded, repr(secret)[1:-1]} | _forms_of_key(secret)


def _forms_of_key(secret: str) -> set[str]:
    """Return what base64 stands for, as it may stand in a text."""
    try:
        data = base64.b64decode(secret, validate=True)
    except ValueError:
        return set()
    return {data.hex(), repr(data)[2:-1]}


def _around(form: str, text: str) -> str:
    place = text.index(form)
    return text[max(0, place - 200) : place + len(form) + 50]


class _Collector(logging.Handler):
    """Writes all that a log record holds to a list."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told += [self.format(record), repr(vars(record))]


@contextmanager
def _all_logs(told: list[str]) -> Iterator[None]:
    """Collect the records of every level, as a function does whose log level is DEBUG."""
    root = logging.getLogger()
    level, collector = root.level, _Collector(told)
    root.addHandler(collector)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(collector)
