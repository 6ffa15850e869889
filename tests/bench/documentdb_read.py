"""How much faster MongoDB is read than with the driver's cursor.

Documents are those of ``order_documents``. Every reading is a fresh process, the methods take
turns, ratios are taken within a round and their medians told. Before that, all that return
values have to return equal ones. The server runs on this machine beside the client.

``cursor`` is the baseline: the driver with its defaults, its values collected in lists, and
columns of these with every type right. ``reader`` is the connector's own way from the server
to record batches; ``connector`` is the whole Lambda handler, which puts them into blocks,
encrypts and uploads these to a local S3 too. ``raw`` and ``pymongoarrow`` are limits to
approach: the first fetches the same batches and looks at nothing, the other decodes them in
C++, with other results (see ``pymongoarrow_read``).
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.mongodb import mongodb_server
from athena_connectors.common.types import rows_without_columns

from tests.bench.children import in_new_process
from tests.bench.handler_reading import TableReading
from tests.bench.object_sink import object_sink
from tests.bench.order_documents import SHAPES, TIME, fill
from tests.bench.pymongoarrow_read import pymongoarrow_cost
from tests.bench.readings import Cost, batches_of, read_cost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.testing.mongodb import MongoDb
    from pymongo import MongoClient

__all__ = ["METHODS", "Method", "Place", "run", "table_of"]

_ROUNDS = 3
_PART = 4
_FEW = 5_000
_BASELINE = "cursor"
_PYMONGOARROW = "pymongoarrow"
_DATABASE = "bench"
_CURSOR_ROWS = 10_000
_IDS = {"flat": ("_id", "customer"), "nested": ("_id", "id")}


@dataclass(frozen=True, slots=True)
class Place:
    """A collection, its average document's bytes, and what leads to the S3 that takes blocks."""

    url: str
    shape: str
    collection: str
    document_bytes: int
    spill: Mapping[str, str] | None = None

    @property
    def batch_rows(self) -> int:
        """Documents that the connector asks for at a time."""
        from athena_connectors.documentdb.settings import Settings  # noqa: PLC0415

        return Settings().batch_bytes // self.document_bytes


Method = Callable[[Place], Callable[[], Iterator[pa.RecordBatch]]]
"""Imports and connects; the returned function reads."""


def cursor(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The driver's cursor, and columns of its values."""
    schema = SHAPES[place.shape]
    client = _connect(place)

    def batches() -> Iterator[pa.RecordBatch]:
        columns: dict[str, list[Any]] = {name: [] for name in schema.names}
        documents = client[_DATABASE][place.collection].find()
        for row, document in enumerate(documents, start=1):
            document["_id"] = str(document["_id"])
            if place.shape == "flat":
                document["customer"] = str(document["customer"])
            else:
                document["customer"]["id"] = str(document["customer"]["id"])
            for name, values in columns.items():
                values.append(document.get(name))
            if row % _CURSOR_ROWS == 0:
                yield _batch(columns, schema)
                columns = {name: [] for name in schema.names}
        yield _batch(columns, schema)

    return batches


def _batch(columns: Mapping[str, list[Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        # As ``date64`` times would lose their hours.
        pa.array(columns[field.name], pa.timestamp("ms")).view(pa.int64()).view(TIME)
        if field.type == TIME
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def reader(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The connector's client, reader and decoder, without the handler around them."""
    from athena_connectors.common.read_ahead import batches_of as read_batches  # noqa: PLC0415
    from athena_connectors.documentdb.client import Client  # noqa: PLC0415
    from athena_connectors.documentdb.connection_strings import target_of  # noqa: PLC0415
    from athena_connectors.documentdb.pushdown import NativeScan  # noqa: PLC0415
    from athena_connectors.documentdb.ranges import EVERYTHING  # noqa: PLC0415
    from athena_connectors.documentdb.reader import CollectionReader  # noqa: PLC0415
    from athena_connectors.documentdb.relation import (  # noqa: PLC0415
        Collection,
        Column,
        Relation,
    )
    from athena_connectors.documentdb.settings import Settings  # noqa: PLC0415
    from athena_connectors.documentdb.splits import SplitPlan  # noqa: PLC0415

    environ = {"default_docdb": place.url}
    client = Client(target_of("bench", environ), Settings(), secrets=None, environ=environ)
    client.run(_DATABASE, {"ping": 1})
    columns = tuple(Column(field.name, field.type, field.name) for field in SHAPES[place.shape])
    relation = Relation(Collection(_DATABASE, place.collection), columns)
    source = CollectionReader(client, relation, columns, Settings(), ahead=True)
    part = SplitPlan(EVERYTHING, place.batch_rows)
    return lambda: read_batches(
        lambda: source.pages(part, NativeScan()),
        stats=SplitStats(),
        ahead=True,
        cancel=client.cancel,
    )


def connector(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The whole handler; see ``batches_of``."""
    from athena_connectors.documentdb.app import handler  # noqa: PLC0415

    settings = {"default_docdb": place.url, "disable_glue": "true", **(place.spill or {})}
    settings |= {"max_splits": "1"}
    table = TableName(_DATABASE, place.collection)
    reading = TableReading(handler, settings, table, SHAPES[place.shape].names)
    return lambda: batches_of(reading, is_uploaded=bool(place.spill))


def raw(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The batches as they come; their rows are those that the size tells."""
    from athena_connectors.documentdb.raw_batches import RawBatches  # noqa: PLC0415

    client = _connect(place)

    def batches() -> Iterator[pa.RecordBatch]:
        collection = client[_DATABASE][place.collection]
        size = sum(map(len, RawBatches(collection, batch_size=place.batch_rows)))
        yield rows_without_columns(round(size / place.document_bytes))

    return batches


def _connect(place: Place) -> MongoClient[dict[str, Any]]:
    from pymongo import MongoClient  # noqa: PLC0415

    client: MongoClient[dict[str, Any]] = MongoClient(place.url)
    client.admin.command("ping")
    return client


METHODS: dict[str, Method] = {
    _BASELINE: cursor,
    "reader": reader,
    "connector": connector,
    "raw": raw,
}
"""What is compared, by name, beside pymongoarrow. All are functions of a module."""


def run(rows: int = 500_000, *, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Return for each shape and method the rows a second, of the clock and of the processor.

    Expected of ``reader``: at least 2.5 times the flat rows a second of the baseline and 3.2
    times the nested ones; its process must not grow with the documents: the peak is under 1.1
    times that for a quarter of them. The peak of ``connector``, which keeps some blocks until
    they are uploaded, is under 400 MB.

    Args:
        rows: Documents of each shape.
        rounds: Readings of each method.
    """
    with mongodb_server() as server, object_sink() as spill:
        return {shape: _compare(server, spill, shape, rows, rounds) for shape in SHAPES}


def _compare(
    server: MongoDb, spill: Mapping[str, str], shape: str, rows: int, rounds: int
) -> dict[str, Any]:
    _require_equal_values(_place(server, None, shape, _FEW))
    few = rows // _PART
    part, whole = (_place(server, spill, shape, count) for count in (few, rows))
    taken: dict[str, list[Cost]] = {method: [] for method in (*METHODS, _PYMONGOARROW)}
    for _ in range(rounds):
        for name, costs in taken.items():
            costs.append(_measure(whole, name, rows))
    results = {name: _summary(costs, taken[_BASELINE]) for name, costs in taken.items()}
    for name in ("reader", "connector"):
        results[name]["peak_mb"] = round(max(cost.peak_mb for cost in taken[name]))
    growth = results["reader"]["peak_mb"] / _measure(part, "reader", few).peak_mb
    results["reader"]["growth"] = round(growth, 2)
    return results


def _summary(taken: list[Cost], baseline: list[Cost]) -> dict[str, float]:
    def median(values: Iterable[float]) -> float:
        return statistics.median(values)

    pairs = list(zip(taken, baseline, strict=True))
    return {
        "rows_per_second": round(median(own.rows / own.wall_s for own in taken)),
        "rows_per_cpu_second": round(median(own.rows / own.cpu_s for own in taken)),
        "x_rows_per_second": round(median(base.wall_s / own.wall_s for own, base in pairs), 2),
        "x_cpu": round(median(base.cpu_s / own.cpu_s for own, base in pairs), 2),
    }


def _place(server: MongoDb, spill: Mapping[str, str] | None, shape: str, rows: int) -> Place:
    database = server.client()[_DATABASE]
    name = f"{shape}_{rows}"
    database.drop_collection(name)
    fill(database[name], shape, rows)
    size = database.command("collStats", name)["size"]
    return Place(server.url, shape, name, round(size / rows), spill)


def _require_equal_values(place: Place) -> None:
    expected = _table(place, cursor)
    for method in (reader, connector):
        if not in_new_process(_table, place, method).equals(expected):
            told = f"{method.__name__} returns other values of {place.shape} documents."
            raise AssertionError(told)


def _table(place: Place, method: Method) -> pa.Table:
    return pa.Table.from_batches(method(place)()).combine_chunks()


def _measure(place: Place, name: str, rows: int) -> Cost:
    if name == _PYMONGOARROW:
        cost = pymongoarrow_cost(
            *(place.url, _DATABASE, place.collection, SHAPES[place.shape]),
            ids=_IDS[place.shape],
            batch_rows=place.batch_rows,
        )
    else:
        cost = read_cost(place, METHODS[name])
    # What is not looked at is not counted exactly.
    if abs(cost.rows - rows) > (rows // 100 if name == "raw" else 0):
        raise AssertionError(f"{name} returned {cost.rows} of {rows} documents.")
    return cost


def table_of(results: dict[str, Any]) -> str:
    """Return the results as a table for people."""
    lines = [f"{'':20}{'rows/s':>10}{'x':>7}{'rows/CPU s':>13}{'x':>7}"]
    lines += [
        f"{shape + ' ' + method:20}{numbers['rows_per_second']:10,}"
        f"{numbers['x_rows_per_second']:7.2f}{numbers['rows_per_cpu_second']:13,}"
        f"{numbers['x_cpu']:7.2f}"
        for shape, methods in results.items()
        for method, numbers in methods.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    outcome = run(*map(int, sys.argv[1:]))
    print(json.dumps(outcome, indent=2))  # noqa: T201
    print(table_of(outcome))  # noqa: T201
