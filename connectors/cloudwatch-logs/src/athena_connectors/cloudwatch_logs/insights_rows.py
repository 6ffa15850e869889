"""Rows of Logs Insights as columns of text.

A row is a list of cells, each with the name of its field; a field without a value has no
cell. Nothing here is done for each cell in Python, unless a text is no UTF-8.

Source: CloudWatch Logs API reference, ``GetQueryResults``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import SourceError
from athena_connectors.common.physical import compute
from athena_connectors.common.texts import text_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.source_calls import Reply

__all__ = ["ResultPage", "read_page"]

_ROWS = pa.list_(pa.list_(pa.struct([("field", pa.string()), ("value", pa.string())])))
_MEMBERS = pa.schema([("status", pa.string()), ("nextToken", pa.string()), ("results", _ROWS)])


@dataclass(frozen=True, slots=True)
class ResultPage:
    """One page of a result.

    Attributes:
        state: State of the query.
        token: Where the next page starts; ``None`` for the last page.
        num_rows: Rows on the page.
        num_bytes: Size of the page, as far as it is known.
    """

    state: str
    token: str | None
    num_rows: int
    num_bytes: int
    _all_rows: Any
    _rows: Any
    _names: Any
    _values: Any

    def names(self) -> list[str]:
        """Return the names of all fields, in the order in which they are first met."""
        names: list[str] = self._names.unique().to_pylist()
        return names

    def column(self, name: str) -> Any:
        """Return a field's values as an array of text, NULL in rows that lack it."""
        pc = compute()
        is_named: Any = pc.equal(self._names, pa.scalar(name))
        rows, values = self._rows.filter(is_named), self._values.filter(is_named)
        if rows.equals(self._all_rows):
            return values
        return values.take(pc.index_in(self._all_rows, value_set=rows))


def read_page(reply: Reply) -> ResultPage:
    """Read a reply to GetQueryResults.

    Raises:
        SourceError: It is no object in JSON.
    """
    if reply.body is None:
        return _page_of(reply.parsed or {})
    return _read_with_arrow(reply.body) or _page_of(_loaded(reply.body), size=len(reply.body))


def _read_with_arrow(body: bytes) -> ResultPage | None:
    """Read JSON; ``None`` if a text in it is no UTF-8."""
    from pyarrow import json as arrow_json  # noqa: PLC0415 - takes a while

    source: Any = pa.BufferReader(body)
    try:
        table = arrow_json.read_json(
            source,
            # An object may not be longer than a block.
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=_MEMBERS, unexpected_field_behavior="ignore"
            ),
        )
        table.validate(full=True)
    except pa.ArrowInvalid:
        return None
    if table.num_rows != 1:
        return None
    results: Any = table["results"].chunk(0)
    rows = results.flatten()
    cells = rows.flatten()
    return ResultPage(
        table["status"][0].as_py() or "",
        table["nextToken"][0].as_py(),
        len(rows),
        len(body),
        _numbers(len(rows)),
        compute().list_parent_indices(rows),
        cells.field("field"),
        cells.field("value"),
    )


def _loaded(body: bytes) -> Mapping[str, Any]:
    try:
        loaded: Any = json.loads(body.decode("utf-8", "replace"))
    except ValueError:
        loaded = None
    if not isinstance(loaded, Mapping):
        raise SourceError(
            "CloudWatch Logs answers logs:GetQueryResults by something else than a result.",
            hint="Run the query again.",
        )
    return loaded


def _page_of(told: Mapping[str, Any], *, size: int = 0) -> ResultPage:
    results: Sequence[Sequence[Mapping[str, str]]] = told.get("results") or ()
    cells = [(row, cell) for row, cells in enumerate(results) for cell in cells]
    return ResultPage(
        told.get("status") or "",
        told.get("nextToken"),
        len(results),
        size,
        _numbers(len(results)),
        pa.array([row for row, _ in cells], pa.int64()),
        text_array([cell.get("field") for _, cell in cells]),
        text_array([cell.get("value") for _, cell in cells]),
    )


def _numbers(count: int) -> Any:
    return pa.array(range(count), pa.int64())
