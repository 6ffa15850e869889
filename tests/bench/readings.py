"""What it costs to read a source by some method, in a process of its own."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from athena_connectors.common.types import rows_without_columns

from tests.bench.children import in_new_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from tests.bench.handler_reading import TableReading

    Place = TypeVar("Place")

__all__ = ["Cost", "batches_of", "read_cost"]


class Cost(NamedTuple):
    """What a reading costs in a process of its own, and how many rows it has."""

    rows: int
    wall_s: float
    cpu_s: float
    peak_mb: float


def batches_of(reading: TableReading, *, is_uploaded: bool) -> Iterator[pa.RecordBatch]:
    """Read through the whole handler, from the request's bytes to the last uploaded block.

    What is uploaded is told as the number of rows and holds none: fetching it is the engine's
    work. Else the reply's own rows are returned.
    """
    if is_uploaded:
        yield rows_without_columns(reading.upload())
    else:
        yield reading.inline()


def read_cost(
    place: Place, method: Callable[[Place], Callable[[], Iterator[pa.RecordBatch]]]
) -> Cost:
    """Return what a reading costs, all threads of its process together.

    Args:
        place: Where to read from.
        method: Imports and connects; what it returns reads. A function of a module.
    """
    cost: Cost = in_new_process(_read, place, method)
    return cost


def _read(place: Any, method: Callable[[Any], Callable[[], Iterator[pa.RecordBatch]]]) -> Cost:
    import pyarrow.compute  # noqa: PLC0415 - all methods need it
    import pyarrow.json  # noqa: F401, PLC0415

    batches = method(place)
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    rows = sum(batch.num_rows for batch in batches())
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(rows, wall_s, cpu_s, after.ru_maxrss * 1024 / 1e6)
