"""The connector on a server that plays DynamoDB, held to what every connector is held to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
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
from athena_connectors.common.testing.dynamodb import TableIndex
from athena_connectors.common.testing.dynamodb_faults import dynamodb_proxy
from athena_connectors.dynamodb.app import handler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy

Attribute = dict[str, Any]

SECRET = "s3cr3t-Key-of-the-function"
SEGMENTS = 4
SEGMENT_BYTES = 1 << 20
LARGEST = 1e125
SMALLEST = 1e-130
NUMBER = pa.decimal128(38, 9)
"""What an inferred number is."""

ODD_NAMES = ("select", "with blank", "with-dash.and.dot", 'quo"te', "größe", "Capital", "#n0")
WORDS = pa.table(
    {
        "id": pa.array([Decimal(number) for number in range(90)], NUMBER),
        "word": [f"word {number % 7}" for number in range(90)],
    }
)
DOCUMENTS = pa.table(
    {
        "id": pa.array([Decimal(number) for number in range(6)], NUMBER),
        "place": pa.array(
            [{"name": "Lyon", "zip": "69001"}, {"name": "é", "zip": None}, None] * 2,
            pa.struct([("name", pa.string()), ("zip", pa.string())]),
        ),
        "tags": pa.array([["a", None], [], None] * 2, pa.list_(pa.string())),
    }
)
MIXED = ["as it is", "1.5", "true", '{"a":[1,null]}', "", None]
"""Values of several types, as text shows them."""
MIXED_ATTRIBUTES: list[Attribute | None] = [
    {"S": "as it is"},
    {"N": "1.50"},
    {"BOOL": True},
    {"M": {"a": {"L": [{"N": "1"}, {"NULL": True}]}}},
    {"S": ""},
    None,
]


def number(value: Any) -> Attribute:
    return {"N": format(Decimal(repr(value) if isinstance(value, float) else value), "f")}


def attribute(value: Any) -> Attribute:
    """Return a value as an attribute of the type that shows it best."""
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float() | Decimal():
            return number(value)
        case bytes():
            return {"B": value}
        case list():
            return {"L": [{"NULL": True} if each is None else attribute(each) for each in value]}
        case dict():
            return {
                "M": {name: attribute(each) for name, each in value.items() if each is not None}
            }
        case datetime() | date():
            return {"S": value.isoformat()}
    return {"S": value}


def is_held(_: str, value: Any) -> bool:
    """Return whether DynamoDB, or the server that plays it, holds a value as it is.

    DynamoDB's numbers have one zero. The server takes binary values without a byte for
    missing, and compares texts by UTF-16 where DynamoDB does by UTF-8: no text here makes
    a difference.
    """
    match value:
        case float() if value == 0:
            return math.copysign(1, value) > 0
        case float():
            return SMALLEST <= abs(value) <= LARGEST
        case bytes():
            return value != b""
        case str():
            return not any("\ue000" <= letter <= "\uffff" for letter in value)
    return True


@dataclass(frozen=True)
class Table:
    """A table of DynamoDB.

    Attributes:
        name: Its name.
        rows: What Athena should see, without the key ``id``, which numbers them.
        source: What DynamoDB calls the type of each column.
        frozen: Whether its types are declared in a schema file.
        attributes: Attributes of a column, where they are not plain.
        indexes: Its secondary indexes.
    """

    name: str
    rows: pa.Table
    source: Mapping[str, str]
    frozen: bool = False
    attributes: Mapping[str, list[Attribute | None]] = field(default_factory=dict)
    indexes: tuple[TableIndex, ...] = ()

    @property
    def seen(self) -> pa.Table:
        ids = pa.array([Decimal(place) for place in range(self.rows.num_rows)], NUMBER)
        columns = [("id", ids)]
        if "id" in self.rows.column_names:
            columns = []
        columns += [(name, self.rows[name]) for name in self.rows.column_names]
        keys = [pair for pair in columns if pair[0] == "id"]
        others = sorted((pair for pair in columns if pair[0] != "id"), key=lambda pair: pair[0])
        return pa.table({name.lower(): column for name, column in (*keys, *others)})

    @property
    def items(self) -> list[dict[str, Attribute]]:
        items = []
        for place, row in enumerate(self.rows.to_pylist()):
            own = {name: self.attributes[name][place] for name in self.attributes}
            plain = {
                name: attribute(value)
                for name, value in row.items()
                if value is not None and name not in own
            }
            # NULL is either no attribute or one of type NULL.
            if place % 2:
                plain |= {name: {"NULL": True} for name, value in row.items() if value is None}
            mixed = {name: value for name, value in own.items() if value is not None}
            items.append({"id": number(place), **plain, **mixed})
        return items

    @property
    def declared(self) -> InferredTable:
        schema = self.seen.schema
        return InferredTable(
            tuple(InferredColumn(each.name, each.type, each.name) for each in schema)
        )

    def fill(self, server: DynamoDb) -> None:
        server.create_table(("id", "N"), name=self.name, indexes=self.indexes)
        server.put_items(self.name, self.items)


def edges(**types: pa.DataType) -> pa.Table:
    return edge_table(types, keep=is_held)


TABLES = (
    Table(
        "numbers",
        edges(
            flag=pa.bool_(),
            small=pa.int16(),
            whole=pa.int32(),
            big=pa.int64(),
            price=pa.decimal128(10, 2),
            wide=pa.decimal128(38, 10),
            single=pa.float32(),
            double=pa.float64(),
        ),
        {
            "flag": "BOOL",
            **{
                name: f"N, declared {declared}"
                for name, declared in {
                    "small": "smallint",
                    "whole": "integer",
                    "big": "bigint",
                    "price": "decimal(10,2)",
                    "wide": "decimal(38,10)",
                    "single": "real",
                    "double": "double",
                }.items()
            },
        },
        frozen=True,
    ),
    Table(
        "times",
        edges(day=pa.date32(), at=pa.timestamp("us"), since=pa.timestamp("us", "UTC")),
        {
            "day": "S, declared date",
            "at": "S, declared timestamp",
            "since": "S, declared timestamp with time zone",
        },
        frozen=True,
    ),
    Table(
        "inferred",
        edges(flag=pa.bool_(), text=pa.string(), number=NUMBER, bytes=pa.binary()),
        {"id": "N, key", "flag": "BOOL", "text": "S", "number": "N", "bytes": "B"},
    ),
    Table(
        "documents",
        DOCUMENTS.append_column("mixed", pa.array(MIXED, pa.string())),
        {"place": "M", "tags": "L, SS", "mixed": "several"},
        attributes={"mixed": MIXED_ATTRIBUTES},
    ),
    Table(
        "Odd-Names.x",
        pa.table({name: pa.array([Decimal(3), None, Decimal(4)], NUMBER) for name in ODD_NAMES}),
        dict.fromkeys((name.lower() for name in ODD_NAMES), "N"),
    ),
    Table("empty", WORDS.select(["id"]).slice(0, 0), {"id": "N, key"}),
    Table(
        "keyed",
        WORDS,
        {"id": "N, key", "word": "S, key of an index"},
        indexes=(TableIndex("by_word", (("word", "S"), ("id", "N"))),),
    ),
)


@pytest.fixture(scope="module")
def sized(dynamodb: DynamoDb) -> Iterator[DynamoDbProxy]:
    """A proxy that can tell sizes, which the server does not know."""
    with dynamodb_proxy(dynamodb) as running:
        yield running


class TestDynamoDb(ConnectorSuite):
    report = Path(__file__).with_name("conformance.json")
    supports = Supports(
        arithmetic=Gap.never("filters of DynamoDB do not calculate"),
        top_n=Gap.never("items come in no order that holds for all of them"),
        partitions=Gap.never("DynamoDB's own partitions have no names"),
        nan=Gap.never("numbers of DynamoDB are decimal"),
        infinity=Gap.never("numbers of DynamoDB are finite"),
    )

    def make(self, dynamodb: DynamoDb, sized: DynamoDbProxy, tmp_path: Path) -> Sample:
        for table in TABLES:
            table.fill(dynamodb)
            sized.alter_table(table.name, claim_size)
        frozen = {
            TableName("default", table.name): table.declared for table in TABLES if table.frozen
        }
        file = tmp_path / "schema.json"
        file.write_text(schemas_text(frozen), encoding="utf-8")
        only = ",".join(table.name for table in TABLES)
        names = {table.name: TableName("default", table.name.lower()) for table in TABLES}
        return Sample(
            handler=handler,
            settings={
                **sized.address.settings,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "schema_file": str(file),
                "table_include": only,
                "scan_segment_bytes": str(SEGMENT_BYTES),
            },
            tables={names[table.name]: table.seen for table in TABLES},
            native_query=NativeQuery({"QUERY": 'SELECT word FROM "keyed"'}, WORDS.select(["word"])),
            secrets=(SECRET,),
            source_types={names[table.name]: table.source for table in TABLES},
        )


def claim_size(description: dict[str, Any]) -> None:
    """Let a table be as large as gives it some segments."""
    description["TableSizeBytes"] = SEGMENTS * SEGMENT_BYTES
