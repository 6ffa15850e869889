"""Rows as tuples of physical values (see ``valueset``), and what two lots of them differ in.

Values are told apart to the last bit: -0.0 is not 0.0, and a zoned timestamp not the same
instant in another zone. Only NaN is equal to itself here, whatever its bits.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Row", "physical_column", "physical_rows", "require_same_rows", "row_key"]

Row = tuple[Any, ...]

_STORED = {Kind.DATE: pa.int32(), Kind.DATETIME: pa.int64(), Kind.INSTANT: pa.int64()}
_SHOWN = 3
"""Rows that a message quotes."""


def physical_column(column: pa.Array[Any]) -> list[Any]:
    """Return the values of a column of an engine type, nested ones in lists and dicts.

    A map becomes a list of its entries, sorted.
    """
    array: Any = column
    if isinstance(array, pa.MapArray):
        return [_entries(item) for item in array]
    if isinstance(array, pa.ListArray):
        return [physical_column(item.values) if item.is_valid else None for item in array]
    if isinstance(array, pa.StructArray):
        return _structs(array)
    stored = _STORED.get(kind_of(array.type))
    return list((array.view(stored) if stored else array).to_pylist())


def physical_rows(batch: pa.RecordBatch) -> list[Row]:
    """Return the rows of a batch; as many empty ones as it has if it has no column."""
    if not batch.num_columns:
        return [()] * batch.num_rows
    return list(zip(*map(physical_column, batch.columns), strict=True))


def row_key(row: Row) -> str:
    """Return what is the same for equal rows alone."""
    return repr(row)


def require_same_rows(found: Iterable[Row], expected: Iterable[Row], *, where: str) -> None:
    """Compare rows in any order, each as often as it occurs.

    Raises:
        AssertionError: They differ; the text says where and in which rows.
    """
    have, want = Counter(map(row_key, found)), Counter(map(row_key, expected))
    if have == want:
        return
    facts = [
        f"{sum(rows.values())} {what}: {_quoted(list(rows))}"
        for rows, what in ((want - have, "missing"), (have - want, "too many"))
        if rows
    ]
    raise AssertionError(f"{where}: of {sum(want.values())} rows {'; '.join(facts)}")


def _quoted(rows: Sequence[str]) -> str:
    more = f" and {len(rows) - _SHOWN} others" if len(rows) > _SHOWN else ""
    return f"{', '.join(rows[:_SHOWN])}{more}"


def _entries(item: Any) -> list[Any] | None:
    if not item.is_valid:
        return None
    keys, values = (physical_column(part) for part in item.values.flatten())
    return sorted(zip(keys, values, strict=True), key=repr)


def _structs(array: Any) -> list[dict[str, Any] | None]:
    names = [field.name for field in array.type]
    columns = [physical_column(part) for part in array.flatten()]
    rows = zip(*columns, strict=True)
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)
    ]
