"""How much faster a residual is than a loop over rows in Python.

A million rows of six columns, in batches of 65,536; the predicate is two ranges of
integers, a list of twenty texts, a float that is not null and a lower bound of time; under
one row in a hundred passes. Both results are compared before the clock counts.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.valueset import Range, SortedRangeSet

from tests.bench.timing import best_of

if TYPE_CHECKING:
    from collections.abc import Callable

_ROWS = 1_000_000
_BATCH_ROWS = 65_536
_REPEATS = 5
_WORDS = [f"word{number:03}" for number in range(400)]
_WANTED_WORDS = frozenset(_WORDS[::20])
_FIRST_MS = 1_700_000_000_000
_SINCE_MS = _FIRST_MS + _ROWS // 4


def run() -> dict[str, float]:
    """Return nanoseconds per row of both ways and their ratio; at least 25 is expected."""
    batches = _batches()
    residual = compile_residual(_domains())
    fast_s, fast = best_of(lambda: [residual.apply(batch) for batch in batches], _REPEATS)
    slow_s, slow = best_of(lambda: [_loop(batch) for batch in batches], 1)
    if pa.Table.from_batches(fast) != pa.Table.from_batches(slow):
        raise AssertionError("The residual and the loop disagree.")
    result = {
        "residual_ns_per_row": fast_s / _ROWS * 1e9,
        "loop_ns_per_row": slow_s / _ROWS * 1e9,
        "ratio": slow_s / fast_s,
        "rows_kept": float(sum(batch.num_rows for batch in fast)),
    }
    return {name: round(value, 1) for name, value in result.items()}


def _domains() -> list[ColumnDomain]:
    between = Range.between(100, 400)
    small = SortedRangeSet.of(pa.int32(), [between], null_allowed=False)
    large = SortedRangeSet.of(pa.int64(), [Range.less_than(500_000)], null_allowed=False)
    since = SortedRangeSet.of(pa.date64(), [Range.at_least(_SINCE_MS)], null_allowed=False)
    return [
        ColumnDomain("small", small),
        ColumnDomain("large", large),
        ColumnDomain("word", SortedRangeSet.of_points(pa.string(), _WANTED_WORDS)),
        ColumnDomain("ratio", SortedRangeSet.not_null(pa.float64())),
        ColumnDomain("time", since),
    ]


def _loop(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Filter as a connector without kernels would: rows as dicts, one test per column."""
    schema = batch.schema
    plain = batch.set_column(4, "time", batch.column("time").view(pa.int64()))
    kept = [row for row in plain.to_pylist() if all(test(row[name]) for name, test in _TESTS)]
    rows = pa.RecordBatch.from_pylist(kept, schema=plain.schema)
    return rows.set_column(4, schema.field("time"), rows.column("time").view(pa.date64()))


_TESTS: list[tuple[str, Callable[[Any], bool]]] = [
    ("small", lambda value: value is not None and 100 <= value <= 400),
    ("large", lambda value: value is not None and value < 500_000),
    ("word", lambda value: value in _WANTED_WORDS),
    ("ratio", lambda value: value is not None),
    ("time", lambda value: value is not None and value >= _SINCE_MS),
]


def _batches() -> list[pa.RecordBatch]:
    chance = random.Random(9)

    def floats() -> list[float | None]:
        return [chance.random() if chance.random() < 0.9 else None for _ in range(_ROWS)]

    times = pa.array(range(_FIRST_MS, _FIRST_MS + _ROWS), pa.int64()).view(pa.date64())
    columns: dict[str, Any] = {
        "small": pa.array([chance.randrange(1000) for _ in range(_ROWS)], pa.int32()),
        "large": pa.array([chance.randrange(1_000_000) for _ in range(_ROWS)], pa.int64()),
        "word": pa.array(chance.choices(_WORDS, k=_ROWS), pa.string()),
        "ratio": pa.array(floats(), pa.float64()),
        "time": times,
        "other": pa.array(range(_ROWS), pa.int64()),
    }
    return pa.table(columns).to_batches(max_chunksize=_BATCH_ROWS)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))  # noqa: T201
