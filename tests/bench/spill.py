"""What it costs to turn rows into encrypted blocks, and how memory grows with the result.

The same batch of 16,384 rows of five columns, over and over. Three comparisons, none with a
network: the whole path against its three unavoidable steps (join, serialise, encrypt) on
batches of the right size; uploads that take 30 ms each against the same one after the
other; and memory against the way of collecting everything and writing one object.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.config import SpillSettings
from athena_connectors.common.crypto import encrypt_block, local_key
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.arrow import batch_message
from athena_connectors.common.protocol.messages import S3SpillLocation, Split
from athena_connectors.common.spill import MAX_BLOCK_BYTES, BlockSpiller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection

_BATCH_ROWS = 16_384
_PUT_SECONDS = 0.03
_SMALL, _LARGE = 120, 480
"""Batches of the smaller and the larger result: about 210 and 850 MB."""


class _Sink:
    """Takes each object after a while and forgets it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def put(
        self, location: S3SpillLocation, data: bytes | memoryview, *, headers: Mapping[str, str]
    ) -> None:
        del location, data, headers
        time.sleep(self._seconds)

    def check(self, bucket: str) -> None:
        del bucket


def run() -> dict[str, float]:
    """Return the three comparisons.

    ``overhead`` is expected under 2, ``overlap`` over 1.5, ``memory_growth``, the
    peak for four times the rows, under 1.5.
    """
    batch = _batch()
    # Memory first: what this process has used and freed would hide some of it.
    small_mb = _peak_mb(lambda: _spill(batch, _SMALL, put_seconds=_PUT_SECONDS))
    large_mb = _peak_mb(lambda: _spill(batch, _LARGE, put_seconds=_PUT_SECONDS))
    collected_mb = _peak_mb(lambda: _collect(batch, _LARGE))
    bytes_read = batch.nbytes * _LARGE
    spilled_s = _best(lambda: _spill(batch, _LARGE, put_seconds=0))
    steps_s = _best(lambda: _steps(batch, _LARGE))
    beside_s = _best(lambda: _spill(batch, _LARGE, put_seconds=_PUT_SECONDS))
    blocks = bytes_read / MAX_BLOCK_BYTES
    result = {
        "mb_per_second": bytes_read / spilled_s / 1e6,
        "overhead": spilled_s / steps_s,
        "overlap": (spilled_s + blocks * _PUT_SECONDS) / beside_s,
        "peak_mb": large_mb,
        "memory_growth": large_mb / small_mb,
        "collected_peak_mb": collected_mb,
    }
    return {name: round(value, 2) for name, value in result.items()}


def _spill(batch: pa.RecordBatch, count: int, *, put_seconds: float) -> None:
    place = S3SpillLocation("bucket", "key", directory=True)
    spiller = BlockSpiller(
        batch.schema,
        split=Split({}, place, local_key()),
        table="bench.rows",
        max_block_bytes=MAX_BLOCK_BYTES,
        max_inline_bytes=0,
        settings=SpillSettings(),
        store=_Sink(put_seconds),
        stats=SplitStats(),
    )
    with spiller:
        for _ in range(count):
            spiller.add(batch)
        spiller.finish()


def _steps(batch: pa.RecordBatch, count: int) -> None:
    key = local_key()
    per_block = MAX_BLOCK_BYTES // batch.nbytes
    for _ in range(count // per_block):
        block = pa.concat_batches([batch] * per_block)  # type: ignore[attr-defined]  # no stub
        encrypt_block(batch_message(block, legacy=True), key)


def _collect(batch: pa.RecordBatch, count: int) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(count):
            writer.write_batch(batch)
    encrypt_block(sink.getvalue(), local_key())


def _batch() -> pa.RecordBatch:
    chance = random.Random(4)
    words = ["".join(chance.choices("abcdefghij ", k=chance.randrange(10, 70))) for _ in range(997)]
    numbers = range(_BATCH_ROWS)
    return pa.record_batch(
        {
            "id": pa.array(numbers, pa.int64()),
            "price": pa.array([number / 7 for number in numbers], pa.float64()),
            "text": pa.array(chance.choices(words, k=_BATCH_ROWS), pa.string()),
            "note": pa.array([None if n % 20 == 0 else words[n % 997] for n in numbers]),
            "time": pa.array(numbers, pa.timestamp("us")),
        }
    )


def _best(action: Callable[[], None], repeats: int = 3) -> float:
    seconds = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        seconds = min(seconds, time.perf_counter() - start)
    return seconds


def _peak_mb(action: Callable[[], None]) -> float:
    """Return by how much memory grows at most, in a process of its own."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(action, sender))
    process.start()
    grown: float = receiver.recv()
    process.join()
    return grown


def _measure(action: Callable[[], None], sender: Connection) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    before = pages * resource.getpagesize()
    action()
    sender.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / 1e6)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))  # noqa: T201
