"""What the fault suites of the SQL connectors share: a store with a hook, and cuts everywhere."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import SourceError
from athena_connectors.common.testing.folder_store import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from athena_connectors.common.protocol.messages import S3SpillLocation
    from athena_connectors.common.testing.faults import FaultCheck, OneInstance
    from athena_connectors.common.testing.tcp_proxy import TcpProxy


class HookedStore(FolderStore):
    """Calls ``hook`` once, at its third put."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.puts = 0
        self.hook: Callable[[], object] = lambda: None

    def put(self, location: S3SpillLocation, data: Any, *, headers: Any) -> None:
        super().put(location, data, headers=headers)
        self.puts += 1
        if self.puts == 3:
            self.hook()


def require_no_half_result(
    check: FaultCheck,
    instance: OneInstance,
    network: TcpProxy,
    table: str,
    *,
    rows: int,
    end_bytes: int,
) -> None:
    """Cut a read at many places; each gives all rows or an error.

    Args:
        check: The check of the instance.
        instance: One that keeps no session.
        network: The way to the server.
        table: A table with a column ``id`` that is read in one split.
        rows: Its rows.
        end_bytes: What the server sends at most after the last row, until the transaction
            has ended.
    """
    scan = instance.scan(table, "id")
    (split,) = instance.client.splits(scan)
    instance.client.read(scan, split)
    before = network.bytes_passed
    assert instance.client.read(scan, split).rows == rows
    needed = network.bytes_passed - before
    last_row = needed - end_bytes
    cuts = [*range(0, needed, needed // 40), *range(1, 30, 4), *range(last_row - 40, needed, 7)]
    with check.watched() as told:
        for cut in cuts:
            network.cut_after(cut)
            try:
                assert instance.client.read(scan, split).rows == rows
            except SourceError as error:
                told.append(str(error))
            else:
                assert cut > last_row, "it was not read to its end"
            network.heal()
    assert len(told) > 40
    assert instance.client.read(scan, split).rows == rows


def require_no_cancelling() -> None:
    """What waited for a silent network's answer to a cancellation has ended since."""
    for thread in threading.enumerate():
        if thread.name == "sql-cancel":
            thread.join(5)
            assert not thread.is_alive()
