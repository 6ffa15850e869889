"""Rows to blocks: one inline in the reply, or any number of objects in the spill bucket.

Blocks leave this module at or under the block limit, measured as they are written. Rows
are packed densely and in order, keys are numbered without gaps, and either every block was
written or an error is raised. Memory is bounded by a few blocks, whatever the result.

Source: wire protocol, section 15.
"""

from __future__ import annotations

import time
import uuid
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pyarrow as pa
from athena_connectors.common.config import SpillSettings
from athena_connectors.common.crypto import TAG_BYTES, encrypt_block
from athena_connectors.common.errors import SpillError
from athena_connectors.common.protocol.arrow import batch_message, batch_message_size
from athena_connectors.common.protocol.messages import S3SpillLocation
from athena_connectors.common.spill_store import S3Store, SpillStore, Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.protocol.messages import Identity, Split

__all__ = [
    "MAX_BLOCK_BYTES",
    "BlockSpiller",
    "S3Store",
    "SpillResult",
    "SpillSettings",
    "SpillStore",
    "new_spill_location",
]

MAX_BLOCK_BYTES = 16_000_000
"""No block is larger, whatever the request or the settings say."""
LAMBDA_REPLY_BYTES = 6 * 1024 * 1024
REPLY_RESERVE_BYTES = 64 * 1024
"""For all of an inline reply that is neither schema nor records."""


@dataclass(frozen=True, slots=True)
class SpillResult:
    """Where the rows went.

    Attributes:
        inline: All rows, possibly none; ``None`` when they were spilled.
        blocks: The spilled objects in the order of their rows.
    """

    inline: pa.RecordBatch | None
    blocks: tuple[S3SpillLocation, ...]


def new_spill_location(
    settings: SpillSettings, identity: Identity, query_id: str
) -> S3SpillLocation:
    """Return a place of its own for the blocks of a new split.

    Bucket and prefix of the request's catalog options go before those of the settings.
    The bucket is empty when neither names one: such a split can only answer inline.

    Source:
        Wire protocol, section 15.2.
    """
    options = identity.configOptions
    bucket = (options.get("spill_bucket") or "").strip() or settings.spill_bucket
    prefix = (options.get("spill_prefix") or "").strip() or settings.spill_prefix
    folder = prefix if query_id and query_id in prefix else f"{prefix}/{query_id}"
    return S3SpillLocation(bucket, f"{folder}/{uuid.uuid4()}", directory=True)


class BlockSpiller:
    """Takes the rows of one split and makes blocks of them.

    A context manager: leaving it without ``finish`` gives up. Used by one thread.

    Args:
        schema: Columns of the rows, exactly as the request has them.
        split: Tells where to spill and with which key.
        table: For errors.
        max_block_bytes: The request's limit of a block, inclusive.
        max_inline_bytes: The request's limit of an inline block, exclusive.
        settings: Further limits, and how to upload.
        store: Takes the objects; without one, nothing can be spilled.
        stats: Counts blocks and bytes.
        check: Called several times a second while the upload is waited for; may raise.
    """

    def __init__(
        self,
        schema: pa.Schema,
        *,
        split: Split,
        table: str,
        max_block_bytes: int,
        max_inline_bytes: int,
        settings: SpillSettings,
        store: SpillStore | None,
        stats: SplitStats,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._schema = schema
        self._split = split
        self._table = table
        self._limit = min(
            max_block_bytes, settings.max_block_size_bytes or MAX_BLOCK_BYTES, MAX_BLOCK_BYTES
        )
        self._max_inline_bytes = max_inline_bytes
        self._stats = stats
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._blocks: list[S3SpillLocation] = []
        self._uploads: Uploads | None = None
        if store is not None:
            self._uploads = Uploads(
                store,
                headers=settings.spill_put_request_headers,
                threads=settings.spill_threads,
                capacity=settings.spill_queue_capacity,
                check=check,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows, with exactly the columns of the schema; any number, also none.

        Raises:
            SpillError: A block can't be made or one of the blocks before was not written.
        """
        if self._uploads is not None:
            self._uploads.raise_failure()
        for piece in self._pieces(batch):
            self._pending.append(piece)
            self._pending_bytes += piece.nbytes
            if self._pending_bytes >= self._limit:
                self._spill_full_blocks()

    def finish(self) -> SpillResult:
        """Return where all rows went, once they are there; no row can be added any more.

        Raises:
            SpillError: A block can't be made or was not written.
        """
        self._spill_full_blocks()
        rest = self._take_pending()
        if not self._blocks and self._fits_inline(rest):
            self._count(rest, batch_message_size(rest, legacy=False) if rest.num_rows else 0)
            return SpillResult(rest, ())
        if rest.num_rows:
            self._spill(rest)
        self._finish_uploads()
        self._stats.spill_objects += len(self._blocks)
        return SpillResult(None, tuple(self._blocks))

    def abort(self) -> None:
        """Give up: forget all rows, end the uploads, leave no thread; safe at any time."""
        self._pending.clear()
        if self._uploads is not None:
            self._uploads.give_up()

    def _pieces(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Cut a large batch, so that little more than a block is ever copied."""
        rows = max(1, batch.num_rows * self._limit // (4 * max(batch.nbytes, 1)))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)

    def _take_pending(self) -> pa.RecordBatch:
        taken, self._pending = self._pending, []
        if not taken:
            return pa.RecordBatch.from_pylist([], schema=self._schema)
        if len(taken) == 1:
            return taken[0]
        merged: pa.RecordBatch = pa.concat_batches(taken)  # type: ignore[attr-defined]  # no stub
        return merged

    def _spill_full_blocks(self) -> None:
        """Spill while there are more rows than one block takes; the rest stays pending.

        The bytes counted so far are those of the columns, which a block always exceeds, so
        nothing is measured, and no row is copied, before a block is very likely full.
        """
        rest = self._take_pending()
        while (rows := self._fitting_rows(rest)) < rest.num_rows:
            self._spill(rest.slice(0, rows))
            rest = rest.slice(rows)
        self._pending = [rest] if rest.num_rows else []
        self._pending_bytes = self._block_size(rest) if rest.num_rows else 0

    def _fitting_rows(self, batch: pa.RecordBatch) -> int:
        """Return how many rows of the start make the largest block within the limit."""
        if not batch.num_rows or self._block_size(batch) <= self._limit:
            return batch.num_rows
        counts = range(1, batch.num_rows)
        rows = bisect_right(
            counts, self._limit, key=lambda count: self._block_size(batch.slice(0, count))
        )
        if not rows:
            raise self._too_wide(batch.slice(0, 1))
        return rows

    def _block_size(self, batch: pa.RecordBatch) -> int:
        tag = TAG_BYTES if self._split.encryptionKey else 0
        return batch_message_size(batch, legacy=True) + tag

    def _fits_inline(self, batch: pa.RecordBatch) -> bool:
        if not batch.num_rows:
            return self._max_inline_bytes > 0
        size = batch_message_size(batch, legacy=False)
        text = _base64_size(size) + _base64_size(self._schema.serialize().size)
        fits_reply = text + REPLY_RESERVE_BYTES <= LAMBDA_REPLY_BYTES
        return size < self._max_inline_bytes and fits_reply

    def _spill(self, batch: pa.RecordBatch) -> None:
        started = time.perf_counter()
        uploads, location = self._destination()
        message: pa.Buffer | bytes = batch_message(batch, legacy=True)
        if self._split.encryptionKey:
            message = encrypt_block(message, self._split.encryptionKey)
        data = message if isinstance(message, bytes) else memoryview(message).cast("B")
        uploads.submit(location, data)
        self._blocks.append(location)
        self._count(batch, len(data))
        self._stats.spill_seconds += time.perf_counter() - started

    def _finish_uploads(self) -> None:
        started = time.perf_counter()
        if self._uploads is not None:
            self._uploads.finish()
        self._stats.spill_seconds += time.perf_counter() - started

    def _destination(self) -> tuple[Uploads, S3SpillLocation]:
        place = self._split.spillLocation
        if self._uploads is None or place is None or not place.bucket:
            raise SpillError(
                f"The result of {self._table} does not fit into a reply, and there is no spill"
                " bucket.",
                hint="Set spill_bucket, or select fewer rows or columns.",
            )
        if not place.directory:
            raise SpillError(
                f"The split's spill location s3://{place.bucket}/{place.key} is a single"
                " object, so nothing can be spilled to it.",
            )
        key = f"{place.key}.{len(self._blocks)}"
        return self._uploads, S3SpillLocation(place.bucket, key, directory=False)

    def _count(self, batch: pa.RecordBatch, size: int) -> None:
        self._stats.blocks += 1 if batch.num_rows else 0
        self._stats.bytes_returned += size

    def _too_wide(self, row: pa.RecordBatch) -> SpillError:
        widths = {name: row.column(i).nbytes for i, name in enumerate(row.schema.names)}
        widest = max(widths, key=lambda name: widths[name])
        return SpillError(
            f"One row of {self._table} takes {self._block_size(row):,} bytes, which is over the"
            f" limit of {self._limit:,} bytes for a block; its widest column is {widest!r} with"
            f" {widths[widest]:,} bytes.",
            hint=f"Do not select {widest!r}, or shorten it in a view of the source.",
            column=widest,
        )


def _base64_size(size: int) -> int:
    return (size + 2) // 3 * 4
