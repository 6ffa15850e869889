"""The end of the function's time: a clear error before it, and no half result."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.errors import DeadlineExceededError
from athena_connectors.common.testing.conformance.metadata import require_error
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.testing.conformance.threads import require_no_thread
from athena_connectors.common.testing.faults import RemainingTime

if TYPE_CHECKING:
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_deadline"]

_LONG_MS = 900_000
_PATIENCE_SECONDS = 10.0


def check_deadline(subject: Subject) -> None:
    """Check that a read stops when no time is left, and is whole when there is enough."""
    enough = subject.open(context=RemainingTime(_LONG_MS))
    late = subject.open(context=RemainingTime(0)).client
    for table in subject.filled:
        scan = subject.scan(table)
        for split in list(enough.client.splits(scan)):
            started = time.monotonic()
            where = f"{table}: no time is left"
            require_error(DeadlineExceededError, partial(late.read, scan, split), where=where)
            seconds = time.monotonic() - started
            assert seconds < _PATIENCE_SECONDS, f"{where}: took {seconds:.1f} s to tell"
            require_no_thread(where=where)
        require_same_rows(enough.rows(scan), table.rows, where=f"{table}: time enough")
