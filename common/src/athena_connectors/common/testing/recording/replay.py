"""Runs a recorded query again, with no source and no network, and compares.

What runs is today's code of the handler, the residual, types, limits, blocks and the protocol,
and of the engine if the SQL is there whole. What a connector does by itself is not run: its
pushdown, its splits and its rows are those of the recording.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.client import ProtocolClient, TableScan
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.engine_errors import EngineError, UsageError
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.recording.boundary import replaying_connector
from athena_connectors.common.testing.recording.record import (
    engine_error,
    one_batch,
    with_native_queries,
)
from athena_connectors.common.testing.recording.recordings import read_recording
from athena_connectors.common.testing.recording.secrets import replayed_settings
from athena_connectors.common.testing.recording.wire import (
    Exchange,
    LoggedProcess,
    WireLog,
    difference,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.connector import Connector
    from athena_connectors.common.testing.recording.calls import Tape, ToldError
    from athena_connectors.common.testing.recording.recordings import Recording, Step

__all__ = ["Replayed", "assert_replays", "replay", "run_again"]

_DIGITS = 12
"""Digits of a real number of an answer that have to be the same: sums depend on their order."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What running a recording again brought.

    Attributes:
        recording: What was read from the file.
        differences: In what the replay differs, one sentence each; empty when it does not.
        answer: Rows of the replay's answer; ``None`` if it has none.
    """

    recording: Recording
    differences: tuple[str, ...]
    answer: pa.RecordBatch | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    exchanges: list[Exchange]
    answer: pa.RecordBatch | None
    error: ToldError | None


def replay(path: str | os.PathLike[str]) -> Replayed:
    """Run a recorded query again and compare requests, native queries, replies and rows.

    Raises:
        UsageError: The file is no recording, or is damaged.
    """
    recording = read_recording(path)
    try:
        outcome = run_again(recording)
        differences = tuple(_differences(recording, outcome))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as cause:
        raise UsageError(
            f"The recording {path} is damaged: {type(cause).__name__} at {cause}.",
            hint="Record the query again.",
        ) from cause
    return Replayed(recording, differences, outcome.answer)


def assert_replays(path: str | os.PathLike[str]) -> None:
    """Fail if a recorded query does not give the same requests and rows any more.

    Raises:
        AssertionError: It does not; the text tells each difference.
        UsageError: The file is no recording, or is damaged.
    """
    differences = replay(path).differences
    assert not differences, "\n".join(differences)


def run_again(recording: Recording) -> _Outcome:
    """Run the SQL of a recording again, or in its place the steps."""
    log = WireLog()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="athena-replay-"))
        store = FolderStore(folder)
        processes = {
            name: LoggedProcess(
                name,
                lambda_handler(partial(_replaying, item.tape)),
                settings={**replayed_settings(item.settings), "spill_bucket": "local"},
                store=store,
                spill=store,
                log=log,
            )
            for name, item in recording.catalogs.items()
        }
        for process in processes.values():
            stack.callback(process.close)
        error, answer = None, None
        try:
            if recording.scrubbed:
                _repeat(recording, processes, store)
            else:
                answer = _ask(recording, processes, store)
        except (EngineError, ConnectorError) as cause:
            error = engine_error(cause)
        exchanges = with_native_queries(log.in_order(), processes)
    return _Outcome(exchanges, answer, error)


def _replaying(tape: Tape, environ: Mapping[str, str]) -> Connector:
    del environ
    return replaying_connector(tape)


def _ask(
    recording: Recording, processes: Mapping[str, LoggedProcess], store: FolderStore
) -> pa.RecordBatch:
    options = recording.options
    engine = LocalEngine(
        {name: Catalog(process, store) for name, process in processes.items()},
        serde=options.serde,
        pushdown=options.pushdown,
        plans=options.plans,
        parallel=1,
        max_block_bytes=options.max_block_bytes,
        max_inline_bytes=options.max_inline_bytes,
    )
    with closing(engine):
        return one_batch(engine.query(recording.sql).table)


def _repeat(
    recording: Recording, processes: Mapping[str, LoggedProcess], store: FolderStore
) -> None:
    options = recording.options
    clients = {
        name: ProtocolClient(
            name,
            process,
            spill=store,
            serde=options.serde,
            max_block_bytes=options.max_block_bytes,
            max_inline_bytes=options.max_inline_bytes,
        )
        for name, process in processes.items()
    }
    for step in recording.steps:
        _repeat_step(clients[step.catalog], step)


def _repeat_step(client: ProtocolClient, step: Step) -> None:
    asked = step.members
    if "constraints" not in asked:
        client.describe(asked["table"], passthrough=asked["passthrough"])
        return
    scan = TableScan(
        table=asked["table"],
        schema=asked["schema"],
        partition_columns=tuple(asked["partition_columns"]),
        projected=asked["schema"] if asked["projected"] is None else asked["projected"],
        constraints=asked["constraints"],
        query_id="query",
    )
    splits = list(client.splits(scan))
    for split in splits[: asked["reads"]]:
        client.read(scan, split)


def _differences(recording: Recording, now: _Outcome) -> Iterator[str]:
    if recording.error != now.error and not _both_unforeseen(recording.error, now.error):
        yield f"The query {_told(now.error)}, and {_told(recording.error)} when it was recorded."
    for is_read in (False, True):
        then = [item for item in recording.exchanges if item.is_read() == is_read]
        again = [item for item in now.exchanges if item.is_read() == is_read]
        yield from _exchange_differences(then, again, ended_early=recording.error is not None)
    if recording.answer is not None and now.answer is not None:
        yield from _answer_differences(recording.answer, now.answer)


def _exchange_differences(
    then: Sequence[Exchange], now: Sequence[Exchange], *, ended_early: bool
) -> Iterator[str]:
    for one, two in zip_longest(then, now):
        if one is None or two is None:
            # After an error it is chance how many requests were under way.
            if not ended_early:
                yield f"{one} is not sent any more." if two is None else f"{two} is sent now."
        elif found := difference(one, two):
            yield f"{found[0].upper()}{found[1:]}."


def _answer_differences(then: pa.RecordBatch, now: pa.RecordBatch) -> Iterator[str]:
    if then.schema != now.schema:
        yield (
            f"The answer has columns {_columns(now)}, and had {_columns(then)} when it was"
            " recorded."
        )
        return
    if then.equals(now):
        return
    old, new = Counter(_rows(then)), Counter(_rows(now))
    lost, extra = old - new, new - old
    if lost or extra:
        yield (
            f"The answer has {now.num_rows} rows, and had {then.num_rows}: {lost.total()} are"
            f" lost{_some(lost)}, {extra.total()} are new{_some(extra)}."
        )


def _columns(batch: pa.RecordBatch) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in batch.schema)


def _rows(batch: pa.RecordBatch) -> list[tuple[str, ...]]:
    columns = [[_comparable(value) for value in _python(column)] for column in batch.columns]
    return list(zip(*columns, strict=True))


def _python(column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):  # a time beyond Python's years
        values = column.cast("string").to_pylist()
    return values


def _comparable(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.{_DIGITS}g}"
    return repr(value)


def _some(rows: Counter[tuple[str, ...]]) -> str:
    return f", such as ({', '.join(next(iter(rows)))})" if rows else ""


def _told(error: ToldError | None) -> str:
    return "was answered" if error is None else f"failed with {error.kind}: {error.message}"


def _both_unforeseen(then: ToldError | None, now: ToldError | None) -> bool:
    return then is not None and now is not None and then.kind == now.kind == "InternalError"
