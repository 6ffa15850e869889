"""Blocks: inline or spilled, in one or in many, encrypted or not, rows are the same.

A spill that fails makes the read fail: half a result is none.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import count, pairwise
from typing import TYPE_CHECKING

from athena_connectors.common.crypto import TAG_BYTES
from athena_connectors.common.errors import SpillError
from athena_connectors.common.protocol.arrow import batch_message_size
from athena_connectors.common.testing.conformance.metadata import require_error
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.testing.conformance.subject import rows_of
from athena_connectors.common.testing.conformance.threads import require_no_thread
from athena_connectors.common.testing.folder_store import FolderStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from athena_connectors.common.protocol.messages import S3SpillLocation, Split
    from athena_connectors.common.testing.client import SplitRows, TableScan
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_failed_puts", "check_inline_limit", "check_many_blocks", "check_spilled"]

_AROUND = 4
"""Bytes by which the length of a text in base64 may miss what it stands for, and one more."""
_STEP_BYTES = 64
_STEPS = 30


class _FailingStore(FolderStore):
    """Fails at one put and at no other; used from several threads."""

    def __init__(self, folder: Path, *, failing: int) -> None:
        super().__init__(folder)
        self._numbers = count(1)
        self._failing = failing

    def put(
        self, location: S3SpillLocation, data: bytes | memoryview, *, headers: Mapping[str, str]
    ) -> None:
        if next(self._numbers) == self._failing:
            raise ConnectionResetError("the store has gone")
        super().put(location, data, headers=headers)


def check_spilled(subject: Subject, version: int, *, encrypted: bool) -> None:
    """Check that spilled rows are those of the table, and lie in the spill folder alone."""
    settings = {} if encrypted else {"disable_spill_encryption": "true"}
    store = FolderStore(subject.folder / f"spilled-{version}-{encrypted}")
    route = subject.open(version=version, settings=settings, store=store, max_inline_bytes=0)
    for table in subject.tables:
        scan = subject.scan(table)
        splits = list(route.client.splits(scan))
        keys = {split.encryptionKey is not None for split in splits}
        assert keys <= {encrypted}, f"{table}: encryption is not {encrypted}"
        read = [route.client.read(scan, split) for split in splits]
        require_same_rows(rows_of(read), table.rows, where=f"{table}, spilled")
        for split, rows in zip(splits, read, strict=True):
            _require_objects(store, table, split, rows)


def check_inline_limit(subject: Subject) -> None:
    """Check that a block is inline below the limit and spilled from the limit on."""
    table, scan, split = _largest(subject)
    usual = subject.route.client.read(scan, split)
    assert not usual.spill_objects, f"{table}: does not fit inline; make the sample smaller"
    size = usual.size * 3 // 4
    inline = []
    for limit in range(size - _AROUND, size + _AROUND + 1):
        rows = subject.open(max_inline_bytes=limit).client.read(scan, split)
        where = f"{table}, inline up to {limit} bytes"
        require_same_rows(rows_of([rows]), rows_of([usual]), where=where)
        inline.append(not rows.spill_objects)
    assert not inline[0], f"{table}: a block over the limit is inline"
    assert inline[-1], f"{table}: a block below the limit is spilled"
    assert sum(one != two for one, two in pairwise(inline)) == 1, f"{table}: {inline}"


def check_many_blocks(subject: Subject) -> None:
    """Check blocks as small as a row allows: all rows are there, each block is in the limit."""
    table, scan, split = _largest(subject)
    usual = subject.route.client.read(scan, split)
    limit, rows = _in_small_blocks(subject, scan, split)
    require_same_rows(rows_of([rows]), rows_of([usual]), where=f"{table} in small blocks")
    assert rows.spill_objects > 1, f"{table}: fills one block; add rows to the sample"
    largest = max(map(len, _objects(FolderStore(subject.folder), split, rows)))
    assert largest <= limit, f"{table}: a block of {largest} bytes, allowed are {limit}"


def check_failed_puts(subject: Subject) -> None:
    """Check that a put that fails, whichever, fails the read, and that the next read works."""
    table, scan, split = _largest(subject)
    usual = subject.route.client.read(scan, split)
    limit, rows = _in_small_blocks(subject, scan, split)
    blocks = rows.spill_objects
    for number in sorted({1, 2, blocks // 2, blocks} & set(range(1, blocks + 1))):
        store = _FailingStore(subject.folder / f"failing-{number}", failing=number)
        client = subject.open(store=store, max_block_bytes=limit, max_inline_bytes=0).client
        where = f"{table}: put {number} of {blocks} fails"
        require_error(SpillError, partial(client.read, scan, split), where=where)
        require_no_thread(where=where)
        again = rows_of([client.read(scan, split)])
        require_same_rows(again, rows_of([usual]), where=f"{where}, and not at the next read")


def _largest(subject: Subject) -> tuple[Expected, TableScan, Split]:
    """Return the split with the most rows."""
    client = subject.route.client
    found = [
        (client.read(scan, split).rows, table, scan, split)
        for table in subject.filled
        for scan in [subject.scan(table)]
        for split in client.splits(scan)
    ]
    _, table, scan, split = max(found, key=lambda item: item[0])
    return table, scan, split


def _in_small_blocks(subject: Subject, scan: TableScan, split: Split) -> tuple[int, SplitRows]:
    """Read a split in blocks that hold little more than its widest row.

    How much that row takes depends on how the source laid out those around it, so the
    limit is felt for.

    Raises:
        SpillError: Not even a generous limit is enough.
    """
    limit = _widest_row(subject.route.client.read(scan, split))
    for _ in range(_STEPS):
        with suppress(SpillError):
            client = subject.open(max_block_bytes=limit, max_inline_bytes=0).client
            return limit, client.read(scan, split)
        limit += _STEP_BYTES
    client = subject.open(max_block_bytes=limit, max_inline_bytes=0).client
    return limit, client.read(scan, split)


def _widest_row(rows: SplitRows) -> int:
    """Return the bytes of an encrypted block that holds the widest row alone."""
    sizes = (
        batch_message_size(batch.slice(place, 1), legacy=True)
        for batch in rows.batches
        for place in range(batch.num_rows)
    )
    return TAG_BYTES + max(sizes)


def _objects(store: FolderStore, split: Split, rows: SplitRows) -> Iterator[bytes]:
    place = split.spillLocation
    assert place is not None, "A split has no place to spill to: is spill_bucket heeded?"
    for number in range(rows.spill_objects):
        key = f"{place.key}.{number}"
        yield store.get(type(place)(place.bucket, key, directory=False))


def _require_objects(store: FolderStore, table: Expected, split: Split, rows: SplitRows) -> None:
    """Check that as many objects were written as were told of."""
    place = split.spillLocation
    assert place is not None, f"{table}: a split has no place to spill to"
    folder = store.path(type(place)(place.bucket, f"{place.key}.0", directory=False)).parent
    prefix = place.key.rpartition("/")[2]
    written = len(list(folder.glob(f"{prefix}.*"))) if folder.exists() else 0
    told = rows.spill_objects
    assert written == told, f"{table}: {written} objects are written, {told} told of"
