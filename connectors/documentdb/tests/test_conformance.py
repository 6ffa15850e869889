"""The connector on a real MongoDB, held to what every connector is held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.inference import InferredColumn, InferredTable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.schema_files import schemas_text
from athena_connectors.common.testing import (
    ConnectorSuite,
    Gap,
    NativeQuery,
    Sample,
    Supports,
    edge_table,
)
from athena_connectors.documentdb.app import handler
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.testing.mongodb import MongoDb

Types = dict[str, tuple[str, pa.DataType]]

PASSWORD = "s3cr3t/P@ssword-of-the-reader"
DATABASE = "conformance"
SPLIT_BYTES = 1024
"""Gives a collection of some dozen documents some splits."""
DECIMAL = pa.decimal128(38, 9)
"""What inferred decimals are."""
DECIMAL128_DIGITS = 34
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ODD_NAMES = ("select", "with blank", "with-dash.and.dot", 'quo"te', "größe", "Capital", "$price")
WORDS = pa.table(
    {
        "_id": pa.array(range(90), pa.int64()),
        "word": [f"word {number % 7}" for number in range(90)],
    }
)
DOCUMENTS = pa.table(
    {
        "place": pa.array(
            [{"name": "Lyon", "zip": "69001"}, {"name": "é", "zip": None}, None] * 3,
            pa.struct([("name", pa.string()), ("zip", pa.string())]),
        ),
        "tags": pa.array([["a", None], [], None] * 3, pa.list_(pa.string())),
    }
)
OBJECT_ID = ObjectId("507f1f77bcf86cd799439011")
SHOWN = (
    ("as it is", "as it is"),
    (1.5, "1.5"),
    (True, "true"),
    ({"a": [1, None]}, '{"a":[1,null]}'),
    (["b", 2], '["b",2]'),
    (OBJECT_ID, "507f1f77bcf86cd799439011"),
    (datetime(2024, 3, 31, 2, 30, 0, 1000, tzinfo=UTC), "2024-03-31T02:30:00.001Z"),
    ("", ""),
    (None, None),
)
"""Values of several types, and the text that shows each."""
IDS = [*range(30), *(f"id {number}" for number in range(30))]
IDS += [ObjectId(f"{number:024x}") for number in range(30)]
"""Ids of three types, in the server's order."""


def stored(value: Any) -> Any:
    """Return a value as the driver writes it, in the BSON type that shows it best."""
    match value:
        case int() if not isinstance(value, bool) and abs(value) >= 2**31:
            return Int64(value)
        case Decimal() if len(value.as_tuple().digits) > DECIMAL128_DIGITS:
            return format(value, "f")  # a text that is a number is read as one
        case Decimal():
            return Decimal128(value)
        case datetime():
            return milliseconds(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date():
            return milliseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    return value


def milliseconds(moment: datetime) -> DatetimeMS:
    since = moment - EPOCH
    return DatetimeMS(since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000)


def is_inferred(name: str, value: Any) -> bool:
    """Return whether a sampled column stays what it is with a value in it."""
    return name != "price" or len(value.as_tuple().digits) <= DECIMAL128_DIGITS


@dataclass(frozen=True)
class Table:
    """A collection.

    Attributes:
        name: Its name.
        rows: What Athena should see; with a column ``_id``, or numbered by one.
        source: What BSON calls the type of each column.
        frozen: Whether its types are declared in a schema file.
        values: Stored values of a column, where they are not plain.
    """

    name: str
    rows: pa.Table
    source: Mapping[str, str]
    frozen: bool = False
    values: Mapping[str, list[Any]] = field(default_factory=dict)

    @property
    def seen(self) -> pa.Table:
        columns = {name: self.rows[name] for name in self.rows.column_names}
        ids = columns.pop("_id", pa.array(range(self.rows.num_rows), pa.int64()))
        others = sorted(columns.items())
        return pa.table({"_id": ids, **{name.lower(): column for name, column in others}})

    @property
    def documents(self) -> list[dict[str, Any]]:
        documents = []
        for place, row in enumerate(self.rows.to_pylist()):
            row |= {name: values[place] for name, values in self.values.items()}
            # NULL is either no field or one of type null.
            kept = {
                name: stored(value) for name, value in row.items() if value is not None or place % 2
            }
            documents.append({"_id": place, **kept})
        return documents

    @property
    def declared(self) -> InferredTable:
        schema = self.seen.schema
        return InferredTable(
            tuple(InferredColumn(each.name, each.type, each.name) for each in schema)
        )


NUMBERS: Types = {
    "flag": ("bool", pa.bool_()),
    "small": ("int, declared smallint", pa.int16()),
    "whole": ("int, declared integer", pa.int32()),
    "price": ("decimal, declared decimal(10,2)", pa.decimal128(10, 2)),
    "wide": ("decimal and string, declared decimal(38,10)", pa.decimal128(38, 10)),
    "single": ("double, declared real", pa.float32()),
}
TIMES: Types = {
    "day": ("date, declared date", pa.date32()),
    "since": ("date, declared timestamp with time zone", pa.timestamp("us", "UTC")),
}
INFERRED: Types = {
    "flag": ("bool", pa.bool_()),
    "text": ("string", pa.string()),
    "big": ("int, long", pa.int64()),
    "double": ("double", pa.float64()),
    "price": ("decimal", DECIMAL),
    "bytes": ("binData", pa.binary()),
    "at": ("date", pa.timestamp("us")),
}


def edges(types: Types, *, frozen: bool) -> pa.Table:
    def keep(name: str, value: Any) -> bool:
        return frozen or is_inferred(name, value)

    return edge_table({name: type_ for name, (_, type_) in types.items()}, keep=keep)


def sources(types: Types) -> dict[str, str]:
    return {"_id": "int", **{name: source for name, (source, _) in types.items()}}


TABLES = (
    Table("numbers", edges(NUMBERS, frozen=True), sources(NUMBERS), frozen=True),
    Table("times", edges(TIMES, frozen=True), sources(TIMES), frozen=True),
    Table("inferred", edges(INFERRED, frozen=False), sources(INFERRED)),
    Table(
        "documents",
        DOCUMENTS.append_column("mixed", pa.array([text for _, text in SHOWN], pa.string())),
        {"_id": "int", "place": "object", "tags": "array", "mixed": "several"},
        values={"mixed": [value for value, _ in SHOWN]},
    ),
    Table(
        "ids",
        pa.table({"_id": [str(each) for each in IDS], "n": pa.array(range(90), pa.int64())}),
        {"_id": "int, string, objectId", "n": "int"},
        values={"_id": IDS},
    ),
    Table(
        "Odd-Names.x",
        pa.table({name: pa.array([3, None, 4], pa.int64()) for name in ODD_NAMES}),
        dict.fromkeys(("_id", *(name.lower() for name in ODD_NAMES)), "int"),
    ),
    Table("empty", pa.table({"_id": pa.array([], pa.string())}), {"_id": "nothing"}),
    Table("words", WORDS, {"_id": "int", "word": "string"}),
)


class TestDocumentDb(ConnectorSuite):
    report = Path(__file__).with_name("conformance.json")
    supports = Supports(
        arithmetic=Gap.not_implemented("the server calculates in the type of each document"),
        top_n=Gap.not_implemented("the server orders by type first, and NULL before all"),
        partitions=Gap.never("collections have none that a user could name"),
    )

    def make(self, mongodb: MongoDb, tmp_path: Path) -> Sample:
        database = mongodb.client()[mongodb.create_database(DATABASE)]
        for table in TABLES:
            collection = database.create_collection(table.name)
            if table.documents:
                collection.insert_many(table.documents)
        frozen = {
            TableName(DATABASE, table.name): table.declared for table in TABLES if table.frozen
        }
        file = tmp_path / "schema.json"
        file.write_text(schemas_text(frozen), encoding="utf-8")
        names = {table.name: TableName(DATABASE, table.name.lower()) for table in TABLES}
        reader = mongodb.create_user("conformance", PASSWORD, ("read", DATABASE))
        return Sample(
            handler=handler,
            settings={
                **mongodb.settings,
                "default_docdb": reader,
                "schema_file": str(file),
                "split_bytes": str(SPLIT_BYTES),
            },
            tables={names[table.name]: table.seen for table in TABLES},
            native_query=NativeQuery(
                {
                    "DATABASE": DATABASE,
                    "COLLECTION": "words",
                    "FILTER": "[{$match: {word: /3$/}}, {$project: {word: 1, _id: 0}}]",
                },
                pa.table({"word": ["word 3"] * 13}),
            ),
            secrets=(PASSWORD,),
            source_types={names[table.name]: table.source for table in TABLES},
        )
