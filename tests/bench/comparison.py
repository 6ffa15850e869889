"""Ways to read the same rows, against each other: the first way is the baseline.

The methods take turns, ratios are taken within a round, and the medians of the rounds are
told. Before the clock counts, all methods have to return equal values. The processor's time
is the client's alone, all threads of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from tests.bench.children import in_new_process
from tests.bench.readings import read_cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bench.readings import Cost

__all__ = ["Method", "as_date64", "batches_of_rows", "compare", "table_of"]

S = TypeVar("S")

Method = Callable[[S], Callable[[], Iterator[pa.RecordBatch]]]
"""Imports and connects; the returned function reads. It has to be a function of a module."""

_BATCH_ROWS = 16_384


def batches_of_rows(rows: Iterator[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Append every value of a cursor's rows to its column's list: the plain way to Arrow."""
    while True:
        lists: list[list[Any]] = [[] for _ in schema]
        for row in islice(rows, _BATCH_ROWS):
            for values, value in zip(lists, row, strict=True):
                values.append(value)
        if not lists[0]:
            return
        arrays = map(_array_of, lists, schema.types)
        yield pa.RecordBatch.from_arrays(list(arrays), schema=schema)


def _array_of(values: list[Any], type_: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_date64(type_):
        return as_date64(pa.array(values, pa.timestamp("us")))
    if pa.types.is_boolean(type_):
        truths: pa.Array[Any] = pa.array(values)  # MySQL's are numbers
        return truths.cast(type_)
    return pa.array(values, type_)


def as_date64(array: pa.Array[Any]) -> pa.Array[Any]:
    """Return timestamps as the engine's milliseconds."""
    return array.cast(pa.timestamp("ms"), safe=False).view(pa.int64()).view(pa.date64())


def compare(
    methods: Mapping[str, Method[S]], select: S, *, sample: S, rows: int, rounds: int
) -> dict[str, Any]:
    """Return rows per second, memory and ratios to the first of some methods.

    Args:
        methods: What is compared, by name.
        select: What is read.
        sample: A part of it, of which all methods have to return the same.
        rows: Rows that a reading has to return.
        rounds: Readings of each method.
    """
    _require_equal_values(methods, sample)
    costs: dict[str, list[Cost]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, taken in costs.items():
            taken.append(read_cost(select, methods[name]))
            if taken[-1].rows != rows:
                raise AssertionError(f"{name} returned {taken[-1].rows} of {rows} rows.")
    baseline = next(iter(costs.values()))
    return {name: _summary(taken, baseline) for name, taken in costs.items()}


def _summary(taken: list[Cost], baseline: list[Cost]) -> dict[str, float]:
    pairs = list(zip(taken, baseline, strict=True))
    return {
        "rows_per_second": round(statistics.median(cost.rows / cost.wall_s for cost in taken)),
        "cpu_us_per_row": _median(cost.cpu_s / cost.rows * 1e6 for cost in taken),
        "peak_mb": _median(cost.peak_mb for cost in taken),
        "x_rows_per_second": _median(base.wall_s / cost.wall_s for cost, base in pairs),
        "x_cpu": _median(base.cpu_s / cost.cpu_s for cost, base in pairs),
    }


def _median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 3)


def _require_equal_values(methods: Mapping[str, Method[S]], sample: S) -> None:
    # Not in this process, whose memory its children would begin with.
    tables = {name: in_new_process(_table, method, sample) for name, method in methods.items()}
    expected = next(iter(tables.values()))
    for name, table in tables.items():
        if not table.equals(expected):
            raise AssertionError(f"{name} returns other values than the baseline.")


def _table(method: Method[S], sample: S) -> pa.Table:
    return pa.Table.from_batches(method(sample)()).combine_chunks()


def table_of(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the results, by select and method, as a table for people."""
    lines = [f"{'':24}{'rows/s':>12}{'x':>8}{'cpu x':>8}{'us/row':>8}{'MB':>8}"]
    for select, methods in results.items():
        for method, numbers in methods.items():
            lines.append(
                f"{select + ' ' + method:24}{numbers['rows_per_second']:12,.0f}"
                f"{numbers['x_rows_per_second']:8.2f}{numbers['x_cpu']:8.2f}"
                f"{numbers['cpu_us_per_row']:8.2f}{numbers['peak_mb']:8.0f}"
            )
    return "\n".join(lines)
