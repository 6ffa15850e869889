"""Thousands of predicates on documents of every type: pushed, not pushed, and in plain Python.

What a row is comes from ``meaning``, and whether a predicate is true of it from the few lines
here; neither knows the connector. The rows come from a real server, through the wire.
"""

from __future__ import annotations

import json
import math
import random
import re
import struct
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
import pyarrow as pa
import pytest
from athena_connectors.common.connector import Pushdown
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.faults import OneInstance
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.physical_values import physical_values
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.common.timestamps import pack
from athena_connectors.common.valueset import (
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from athena_connectors.documentdb import connector as connector_module
from athena_connectors.documentdb.app import handler
from athena_connectors.documentdb.pushdown import NativeScan
from athena_connectors.documentdb.relation import Column
from bson.binary import Binary
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex
from bson.timestamp import Timestamp
from pymongo.errors import WriteError

from connectors.documentdb.tests.meaning import Oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.testing.client import TableScan
    from athena_connectors.common.testing.mongodb import MongoDb

    Test = Callable[[dict[str, Any]], bool | None]

DOCUMENTS = 200
HEX = "507f1f77bcf86cd799439011"
NOON = 1_709_208_000_000
UUID = bytes(range(16))
MISSING = object()

POOL: dict[str, tuple[Any, ...]] = {
    "text": (
        *("", "a", "ab", "abc", "ABC", "Abc", "b", "é", "\ue000", "\U0001f600", "a\ufffd", "a\0b"),
        *("5", "05", "+5", "5.5", "-0", "1e2", "NaN", "true", "null", HEX, HEX[:9], HEX.upper()),
        *("AAEC", "2024-02-29", "2024-02-29T12:00:00.000Z", '{"a":1}', "[5]", "/a/", "a%c", "128"),
        *("straße", "STRASSE", "e\u0301", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ),
    "whole": (
        *(0, 1, 5, -5, 99, 127, 128, -128, 2**31, Int64(5), Int64(2**53 + 1), Int64(-(2**63))),
        *(Int64(2**63 - 1), Int64(-(2**31) - 1)),
    ),
    "float": (
        *(0.0, -0.0, 0.1, 0.5, 5.0, 5.5, -5.5, 0.015, 99.995, 4.999999999999999, 1e23, 2.0**63),
        *(1e300, 5e-324, 16777217.0, 3.4028235e38, math.nan, math.inf, -math.inf),
    ),
    "decimal": tuple(
        Decimal128(text)
        for text in (
            *("0.1", "5", "5.00", "5.0000000000000000000001", "0.005", "-0.005", "NaN", "-0"),
            *("Infinity", "1E+6000", "1E-6000", "99.995", "9223372036854775808", "16777217"),
        )
    ),
    "bool": (True, False),
    "id": (ObjectId(HEX), ObjectId(bytes(12)), ObjectId(b"\xff" * 12)),
    "bytes": (
        *(b"", b"\0\1\2", b"abc", b"\xff", Binary(b"abc", 2), Binary(b"abc", 128)),
        *(Binary(UUID, 4), Binary(UUID, 3)),
    ),
    "time": (
        *map(DatetimeMS, (0, -1, NOON, NOON + 1, NOON + 500, 10**15, 2**61, -(2**61))),
        *(Timestamp(0, 1), Timestamp(NOON // 1000, 7), Timestamp(2**32 - 1, 1)),
    ),
    "list": (
        *([], [None], ["abc"], ["a", None], [5], [5, "5"], [True], [[5]], [{"a": 5}], [math.nan]),
        *([DatetimeMS(NOON)], [b"abc"], [ObjectId(HEX)], [2**40, -5], [1, 5, None]),
    ),
    "document": (
        *({}, {"a": 1}, {"a": None}, {"a": "5", "b": "x"}, {"A": 5, "b": None}, {"b": "abc"}),
        *(DBRef("shop", ObjectId(HEX)), {"a": {"a": 5}}, {"a": [5]}),
    ),
    "old": (Regex("a"), Regex("^a", 2), Code("abc"), Code("abc", {"x": 1}), MinKey(), MaxKey()),
    "none": (None, MISSING, None, MISSING),
}
"""Values of every type, by what they are mostly."""


@dataclass(frozen=True)
class Raw:
    """A value that the driver does not write, by the number of its type."""

    tag: int
    content: bytes


def string_of(content: bytes) -> bytes:
    return struct.pack("<i", len(content) + 1) + content + b"\0"


POOL["raw"] = (
    *(Raw(2, string_of(each)) for each in (b"a\xff", b"abc\xff", b"\x80", b"a\xf0")),
    Raw(14, string_of(b"abc")),
    Raw(6, b""),
    Raw(12, string_of(b"shop") + bytes(12)),
    Raw(4, b"\x08\0\0\0\x060\0\0"),
)
EVERY = tuple(value for values in POOL.values() for value in values)

COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "_id": ("varchar", ("id", "text", "whole")),
    "n": ("bigint", ()),
    "word": ("varchar", ("text", "id")),
    "anything": ("varchar", tuple(POOL)),
    "as_json": ("varchar", tuple(POOL)),
    "tiny": ("tinyint", ("whole", "float")),
    "whole": ("integer", ("whole",)),
    "long": ("bigint", ("whole", "decimal", "text")),
    "single": ("real", ("float", "whole")),
    "float": ("double", ("float", "whole", "decimal")),
    "wide": ("decimal(38,9)", ("decimal", "float", "whole")),
    "narrow": ("decimal(4,2)", ("decimal", "float", "whole")),
    "integral": ("decimal(38,0)", ("decimal", "whole", "float")),
    "flag": ("boolean", ("bool",)),
    "bytes": ("varbinary", ("bytes",)),
    "day": ("date", ("time", "text")),
    "moment": ("timestamp", ("time", "text")),
    "zoned": ("timestamp with time zone", ("time",)),
    "texts": ("array(varchar)", ("list",)),
    "numbers": ("array(bigint)", ("list",)),
    "place": ("row(a bigint, b varchar)", ("document",)),
    "bag": ("map(varchar, varchar)", ("document",)),
}
"""Each column's type, and what its documents mostly hold."""

TABLES = {"plain": "", "collated": "en", "view": "", "collated_view": "en"}
"""Collections and views of the same documents, by the locale of their texts."""


def element(name: str, value: Any) -> bytes:
    if value is MISSING:
        return b""
    if isinstance(value, Raw):
        return bytes([value.tag]) + name.encode() + b"\0" + value.content
    return bson.encode({name: value})[4:-1]


def documents(dice: random.Random) -> list[list[RawBSONDocument]]:
    """Return documents, each with others to store if its ``_id`` can't be."""
    made = []
    for number in range(DOCUMENTS):
        body = element("n", number)
        own_id: Any = number
        for name, (_, kinds) in COLUMNS.items():
            if name == "n":
                continue
            likely = [value for kind in kinds for value in POOL[kind]]
            value = dice.choice(likely if dice.random() < 0.6 else EVERY)
            if name == "_id":
                own_id = value
            else:
                body += element(name, value)
        choices = [element("_id", each) for each in (own_id, f"document {number}")]
        made.append(
            [
                RawBSONDocument(struct.pack("<i", len(each + body) + 5) + each + body + b"\0")
                for each in choices
            ]
        )
    return made


def schema_text(database: str) -> str:
    columns = [
        {"name": name, "type": type_, **({"json": True} if name == "as_json" else {})}
        for name, (type_, _) in COLUMNS.items()
    ]
    tables = {table: {"columns": columns} for table in TABLES}
    return json.dumps({"version": 1, "schemas": {database: tables}})


class Row(NamedTuple):
    """A document's number and what its columns show."""

    number: int
    shown: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table as the connector reads it and as it ought to be."""

    instance: OneInstance
    scan: TableScan
    rows: tuple[Row, ...]

    @cached_property
    def types(self) -> dict[str, pa.DataType]:
        return {field.name: field.type for field in self.scan.schema}

    def wanted(self, test: Test) -> list[int]:
        return sorted(row.number for row in self.rows if test(row.shown) is True)

    def found(self, constraints: Constraints, *names: str) -> list[Any]:
        """Return the numbers of the rows that the function gives."""
        schema = self.scan.schema
        projected = pa.schema([schema.field(name) for name in dict.fromkeys((*names, "n"))])
        scan = replace(self.scan, constraints=constraints, projected=projected)
        return [
            number
            for split in self.instance.client.splits(scan)
            for batch in self.instance.client.read(scan, split).batches
            for number in batch.column("n").to_pylist()
        ]

    def counted(self, constraints: Constraints) -> int:
        scan = replace(self.scan, constraints=constraints, projected=pa.schema([]))
        splits = list(self.instance.client.splits(scan))
        return sum(self.instance.client.read(scan, split).rows for split in splits)


@contextmanager
def nothing_pushed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connector_module, "plan", lambda *_: Pushdown(NativeScan()))
        yield


@pytest.fixture(scope="module")
def database(mongodb: MongoDb) -> str:
    name = mongodb.create_database()
    database = mongodb.client()[name]
    collation = {"locale": "en", "strength": 2}
    database.create_collection("plain")
    database.create_collection("collated", collation=collation)
    for table in ("plain", "collated"):
        for choices in documents(random.Random(20)):
            try:
                database[table].insert_one(choices[0])
            except WriteError:  # an array or a regular expression, or an equal one is there
                database[table].insert_one(choices[1])
    lists = {"$cond": [{"$lt": ["$n", 20]}, ["abc", "$_id"], "$_id"]}
    pipeline = [{"$addFields": {"_id": lists}}]
    database.create_collection("view", viewOn="plain", pipeline=pipeline)
    database.create_collection("collated_view", viewOn="collated", pipeline=[], collation=collation)
    return name


@pytest.fixture(scope="module")
def environ(mongodb: MongoDb, database: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("frozen") / "schemas.json"
    file.write_text(schema_text(database), "utf-8")
    return {
        "spill_bucket": "local",
        **mongodb.settings,
        "schema_file": str(file),
        "split_bytes": "32768",
        "max_splits": "2",
    }


@pytest.fixture(scope="module")
def tables(
    mongodb: MongoDb, database: str, environ: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Table]]:
    store = FolderStore(tmp_path_factory.mktemp("spill"))
    instance = OneInstance(handler, environ, spill=store, store=store)
    yield {name: table_of(mongodb, database, instance, name) for name in TABLES}
    instance.close()


def table_of(mongodb: MongoDb, database: str, instance: OneInstance, name: str) -> Table:
    scan = instance.scan(f"{database}.{name}")
    is_frozen = "tiny" in scan.schema.names and scan.schema.field("tiny").type == pa.int8()
    columns = [
        Column(
            field.name,
            field.type,
            field.name,
            is_json=is_frozen and field.name == "as_json",
        )
        for field in scan.schema
    ]
    oracles = [Oracle(column, columns) for column in columns]
    lenient = CodecOptions[Any](
        datetime_conversion=DatetimeConversion.DATETIME_MS, unicode_decode_error_handler="replace"
    )
    stored = mongodb.client()[database].get_collection(name, codec_options=lenient)
    rows = tuple(
        Row(each["n"], {oracle.column.name: oracle.row(each) for oracle in oracles})
        for each in stored.find()
    )
    return Table(instance, scan, rows)


# Predicates, and what they are of a row


def text_order(text: str) -> Any:
    return text.encode("utf-16-be", "surrogatepass")


def float_order(value: float) -> Any:
    if math.isnan(value):
        return (1, 0.0, 0.0)
    return (0, value, math.copysign(1.0, value))


def set_order(type_: Any) -> Callable[[Any], Any]:
    """Return the key by which value sets order values of a type."""
    if pa.types.is_string(type_):
        return text_order
    if pa.types.is_floating(type_):
        return float_order
    if pa.types.is_timestamp(type_) and type_.tz:
        return lambda packed: packed >> 12
    return lambda value: value


def plain_order(type_: Any) -> Callable[[Any], Any]:
    """Return the key by which SQL's operators compare values of a type."""
    if pa.types.is_string(type_):
        return lambda text: text.encode("utf-8", "surrogatepass")
    if pa.types.is_timestamp(type_) and type_.tz:
        return lambda packed: packed >> 12
    return lambda value: value


def neighbours(value: Any, type_: Any) -> list[Any]:
    """Return values next to one."""
    if isinstance(value, str):
        return [value + "\0", value[:-1], value + "a", value.swapcase()]
    if isinstance(value, bytes):
        return [value + b"\0", value[:-1]]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, float):
        if math.isnan(value) or pa.types.is_float32(type_):
            return [0.0]
        return [math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
    if isinstance(value, Decimal):
        unit = Decimal(1).scaleb(-type_.scale)
        whole = Decimal(10) ** (type_.precision - type_.scale)
        return [each for each in (value + unit, value - unit) if abs(each) < whole]
    if pa.types.is_timestamp(type_) and type_.tz:
        return [pack((value >> 12) + 1, "UTC"), pack((value >> 12) - 1, "Europe/Paris")]
    bits = type_.bit_width - 1
    return [each for each in (value + 1, value - 1) if -(2**bits) <= each < 2**bits]


class Chooser:
    """Makes predicates of a table, the same ones each time.

    Args:
        table: The table.
        seed: Which ones.
    """

    def __init__(self, table: Table, seed: int) -> None:
        self.dice = random.Random(seed)
        self.types = table.types
        self.constants: dict[str, list[Any]] = {}
        for name, type_ in table.types.items():
            if pa.types.is_nested(type_):
                continue
            held = {repr(row.shown[name]): row.shown[name] for row in table.rows}
            own = [value for value in held.values() if value is not None]
            near = [each for value in own[:40] for each in neighbours(value, type_)]
            self.constants[name] = own * 2 + near

    def values(self, name: str, most: int) -> list[Any]:
        return [self.dice.choice(self.constants[name]) for _ in range(self.dice.randint(1, most))]

    def name(self) -> str:
        return self.dice.choice([*self.constants])

    # Value sets

    def value_set(self, name: str) -> tuple[Any, Any]:
        """Return a set of values of a column and what it is of a value."""
        type_, null = self.types[name], self.dice.random() < 0.3
        key = set_order(type_)
        match self.dice.randrange(6):
            case 0:
                if self.dice.random() < 0.5:
                    return SortedRangeSet.only_null(type_), lambda value: value is None
                return SortedRangeSet.not_null(type_), lambda value: value is not None
            case 1 | 2:
                listed = self.values(name, 5)
                white = self.dice.random() < 0.5
                keys = {key(each) for each in listed}
                unique = tuple({key(each): each for each in listed}.values())
                return (
                    EquatableValueSet(type_, unique, white, null),
                    lambda value: null if value is None else (key(value) in keys) is white,
                )
            case 3:
                listed = self.values(name, 5)
                keys = {key(each) for each in listed}
                others = SortedRangeSet.of_points(type_, listed).complement()
                return (
                    replace(others, null_allowed=null),
                    lambda value: null if value is None else key(value) not in keys,
                )
            case _:
                ranges, tests = zip(
                    *(self.range(name, key) for _ in range(self.dice.randint(1, 3))), strict=True
                )
                return (
                    SortedRangeSet.of(type_, ranges, null_allowed=null),
                    lambda value: null if value is None else any(test(value) for test in tests),
                )

    def range(self, name: str, key: Callable[[Any], Any]) -> tuple[Range, Callable[[Any], bool]]:
        one, two = (self.dice.choice(self.constants[name]) for _ in range(2))
        low, high = sorted((one, two), key=key)
        first, last = key(low), key(high)
        kind = self.dice.randrange(6)
        if kind == 0 or first == last:
            return Range.equal(low), lambda value: key(value) == first
        if kind == 1:
            return Range.less_than(low), lambda value: key(value) < first
        if kind == 2:
            return Range.at_most(low), lambda value: key(value) <= first
        if kind == 3:
            return Range.greater_than(low), lambda value: key(value) > first
        if kind == 4:
            return Range.at_least(low), lambda value: key(value) >= first
        return Range.between(low, high), lambda value: first <= key(value) <= last

    # Expressions

    def condition(self, depth: int) -> tuple[Expression, Any]:
        """Return an expression and what it is of a row."""
        if depth == 0 or self.dice.random() < 0.3:
            return self.leaf()
        match self.dice.randrange(3):
            case 0:
                inner, test = self.condition(depth - 1)
                return call("$not", inner), lambda row: opposite(test(row))
            case 1:
                return self.joined("$and", depth)
            case _:
                return self.joined("$or", depth)

    def joined(self, function: str, depth: int) -> tuple[Expression, Any]:
        parts, tests = zip(
            *(self.condition(depth - 1) for _ in range(self.dice.randint(2, 3))), strict=True
        )

        def holds(row: dict[str, Any]) -> bool | None:
            found = [test(row) for test in tests]
            ends = function == "$or"
            return ends if ends in found else None if None in found else not ends

        return call(function, *parts), holds

    def leaf(self) -> tuple[Expression, Any]:
        name = self.name()
        type_ = self.types[name]
        variable, key = Variable(name, type_), plain_order(type_)
        if pa.types.is_string(type_) and self.dice.random() < 0.25:
            return self.like(variable)
        if pa.types.is_boolean(type_) and self.dice.random() < 0.4:
            return variable, lambda row: row[name]
        kind = self.dice.randrange(4)
        if kind == 0:
            return call("$is_null", variable), lambda row: row[name] is None
        if kind == 1:
            return self.listed(variable, key)
        constant = None if self.dice.random() < 0.05 else self.dice.choice(self.constants[name])
        value = Constant((constant,), type_)
        if kind == 2 and self.dice.random() < 0.3:
            return (
                call("$is_distinct_from", variable, value),
                lambda row: is_distinct(row[name], constant, key),
            )
        function = self.dice.choice([*COMPARED])
        compare = COMPARED[function]

        def holds(row: dict[str, Any]) -> bool | None:
            shown = row[name]
            if shown is None or constant is None:
                return None
            return compare(key(shown), key(constant))

        if self.dice.random() < 0.2:
            return call(MIRRORED[function], value, variable), holds
        return call(function, variable, value), holds

    def listed(self, variable: Variable, key: Any) -> tuple[Expression, Any]:
        name, values = variable.column, self.values(variable.column, 4)
        has_null = self.dice.random() < 0.15
        constant = Constant((*values, *((None,) if has_null else ())), variable.type)
        array = Call("$array", (constant,), pa.list_(pa.null()))

        def holds(row: dict[str, Any]) -> bool | None:
            if row[name] is None:
                return None
            if any(key(row[name]) == key(each) for each in values):
                return True
            return None if has_null else False

        return call("$in", variable, array), holds

    def like(self, variable: Variable) -> tuple[Expression, Any]:
        name = variable.column
        text = str(self.dice.choice(self.constants[name]))[:6]
        shapes = [text, f"{text[:2]}%", f"%{text[1:]}", f"%{text[:1]}%", "_" + text[1:], "%", "_"]
        pattern = self.dice.choice([*shapes, f"{text[:1]}%{text[-1:]}", "a_c%", ""])
        parts = {"%": ".*", "_": "."}
        regex = re.compile(
            "".join(parts.get(each) or re.escape(each) for each in pattern), re.DOTALL
        )

        def holds(row: dict[str, Any]) -> bool | None:
            return None if row[name] is None else regex.fullmatch(row[name]) is not None

        return call("$like_pattern", variable, Constant((pattern,), pa.string())), holds


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "$equal": lambda one, two: one == two,
    "$not_equal": lambda one, two: one != two,
    "$less_than": lambda one, two: one < two,
    "$less_than_or_equal": lambda one, two: one <= two,
    "$greater_than": lambda one, two: one > two,
    "$greater_than_or_equal": lambda one, two: one >= two,
}
MIRRORED = {
    "$equal": "$equal",
    "$not_equal": "$not_equal",
    "$less_than": "$greater_than",
    "$less_than_or_equal": "$greater_than_or_equal",
    "$greater_than": "$less_than",
    "$greater_than_or_equal": "$less_than_or_equal",
}


def call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def opposite(found: bool | None) -> bool | None:  # noqa: FBT001
    return None if found is None else not found


def is_distinct(one: Any, two: Any, key: Any) -> bool:
    if one is None or two is None:
        return one is not two
    if isinstance(one, float) and math.isnan(one) and math.isnan(two):
        return False
    return bool(key(one) != key(two))


def predicates(table: Table, seed: int, count: int) -> Iterator[tuple[Constraints, Any]]:
    """Yield predicates: sets of values of one or two columns, expressions, and both."""
    chooser = Chooser(table, seed)
    for number in range(count):
        summary, tests = {}, []
        if number % 3 != 1:
            for name in {chooser.name() for _ in range(1 + (number % 7 == 0))}:
                summary[name], test = chooser.value_set(name)
                tests.append(lambda row, name=name, test=test: test(row[name]))
        expression: tuple[Expression, ...] = ()
        if number % 3 != 0:
            made, holds = chooser.condition(number % 4)
            expression = (made,)
            tests.append(holds)
        yield (
            Constraints(summary, expression),
            lambda row, tests=tests: all(test(row) is True for test in tests),
        )


# What is held to what


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_what_the_table_of_values_says(tables: dict[str, Table], name: str) -> None:
    table = tables[name]
    client = table.instance.client
    found: Counter[str] = Counter()
    for split in list(client.splits(table.scan)):
        for batch in client.read(table.scan, split).batches:
            columns = [physical_values(batch[name]) for name in batch.schema.names]
            found.update(map(repr, zip(*columns, strict=True)))
    names = table.scan.schema.names
    assert len(table.rows) == DOCUMENTS
    assert found == Counter(repr(tuple(row.shown[name] for name in names)) for row in table.rows)


PARTS = [("plain", seed) for seed in range(6)]
PARTS += [(name, seed) for name in TABLES if name != "plain" for seed in range(2)]
PREDICATES = 170


@pytest.mark.parametrize(("name", "seed"), PARTS)
def test_a_predicate_gives_the_rows_that_it_is_true_for(
    tables: dict[str, Table], name: str, seed: int
) -> None:
    table = tables[name]
    partial = 0
    for number, (constraints, test) in enumerate(predicates(table, seed, PREDICATES)):
        wanted = table.wanted(test)
        assert sorted(table.found(constraints)) == wanted, constraints
        if number % 4 == 0:
            with nothing_pushed():
                assert sorted(table.found(constraints)) == wanted, constraints
        partial += 0 < len(wanted) < DOCUMENTS
    assert partial > PREDICATES // 2


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_counted_as_they_are_read(tables: dict[str, Table], name: str) -> None:
    table = tables[name]
    for constraints, test in predicates(table, 100, 60):
        assert table.counted(constraints) == len(table.wanted(test)), constraints
    assert table.counted(Constraints()) == DOCUMENTS


@pytest.mark.parametrize("name", TABLES)
def test_a_limit_leaves_as_many_rows_as_it_asks_for(tables: dict[str, Table], name: str) -> None:
    table = tables[name]
    for number, (constraints, test) in enumerate(predicates(table, 101, 60)):
        wanted, limit = table.wanted(test), (0, 1, 3, 50, 1000)[number % 5]
        found = table.found(replace(constraints, limit=limit))
        assert Counter(found) <= Counter(wanted), constraints
        assert len(found) >= min(limit, len(wanted)), constraints


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("name", TABLES)
def test_the_first_rows_of_an_order_are_among_those_that_come(
    tables: dict[str, Table], name: str, direction: Direction
) -> None:
    table = tables[name]
    chooser = Chooser(table, 102)
    shown = {row.number: row.shown for row in table.rows}
    everything: tuple[Constraints, Test] = Constraints(), lambda _: True
    for constraints, test in (everything, *predicates(table, 103, 12)):
        column = chooser.name()
        order = order_of(table.types[column], direction)
        limited = replace(constraints, limit=5, order_by=(OrderBy(column, direction),))
        wanted = [order(shown[number][column]) for number in table.wanted(test)]
        found = [order(shown[number][column]) for number in table.found(limited, column)]
        assert sorted(found)[:5] == sorted(wanted)[:5], (column, constraints)


def order_of(type_: pa.DataType, direction: Direction) -> Callable[[Any], Any]:
    """Return the key of a direction, NULL where it says."""
    plain, is_float = plain_order(type_), pa.types.is_floating(type_)
    nulls_first = direction in (Direction.ASC_NULLS_FIRST, Direction.DESC_NULLS_FIRST)
    descends = direction in (Direction.DESC_NULLS_FIRST, Direction.DESC_NULLS_LAST)

    def key(value: Any) -> Any:
        if value is None:
            return (not nulls_first, False, _Ordered(None, descends=False))
        is_nan = is_float and math.isnan(value)
        last = _Ordered(0.0 if is_nan else plain(value), descends=descends)
        return (nulls_first, is_nan != descends, last)

    return key


class _Ordered:
    """A key that may be turned around."""

    def __init__(self, key: Any, *, descends: bool) -> None:
        self.key = key
        self.descends = descends

    def __lt__(self, other: _Ordered) -> bool:
        return bool(other.key < self.key if self.descends else self.key < other.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ordered) and bool(self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)


def test_a_series_of_times_gives_the_rows_that_a_predicate_is_true_for(
    mongodb: MongoDb, engines: tuple[LocalEngine, LocalEngine]
) -> None:
    database = mongodb.create_database()
    stored = mongodb.client()[database]
    stored.create_collection("series", timeseries={"timeField": "at", "metaField": "place"})
    stored["series"].insert_many(
        {"_id": f"id {n % 40}", "at": DatetimeMS(NOON + n * 1000), "place": n % 3, "n": n}
        for n in range(120)
    )
    tests: dict[str, Callable[[int], bool]] = {
        "_id = 'id 7'": lambda n: n % 40 == 7,
        "at > TIMESTAMP '2024-02-29 12:01:00'": lambda n: n > 60,
        "place = 2 AND n < 50": lambda n: n % 3 == 2 and n < 50,
        "_id IS NULL": lambda n: n < 0,
        "n >= 0": lambda n: n >= 0,
    }
    for engine in engines:
        for predicate, test in tests.items():
            sql = f'SELECT n FROM mo."{database}".series WHERE {predicate}'
            found = sorted(row["n"] for row in engine.query(sql).table.to_pylist())
            assert found == [n for n in range(120) if test(n)]
        (row,) = engine.query(f'SELECT count(*) AS c FROM mo."{database}".series').table.to_pylist()
        assert row["c"] == 120


# What SQL looks at inside of a column, and columns that a sample has shown

INSIDE: dict[str, Callable[[dict[str, Any]], bool | None]] = {
    "place.a = 1": lambda row: row["place"] and row["place"]["a"] == 1,
    "place.a IS NULL": lambda row: not row["place"] or row["place"]["a"] is None,
    "place.b = 'x' OR n < 5": lambda row: (
        row["n"] < 5 or bool(row["place"] and row["place"]["b"] == "x")
    ),
    "place IS NOT NULL": lambda row: row["place"] is not None,
    "place IS NULL AND word >= 'b'": lambda row: (
        row["place"] is None and row["word"] is not None and row["word"].encode() >= b"b"
    ),
    "cardinality(texts) = 2": lambda row: row["texts"] is not None and len(row["texts"]) == 2,
    "texts IS NULL": lambda row: row["texts"] is None,
    "numbers IS NOT NULL AND flag": lambda row: row["numbers"] is not None and row["flag"],
    "bag IS NULL OR moment IS NULL": lambda row: row["bag"] is None or row["moment"] is None,
}


@pytest.fixture(scope="module")
def engines(
    environ: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalEngine, LocalEngine]]:
    """An engine that pushes and one that does not."""
    opened = []
    for pushdown in (True, False):
        store = FolderStore(tmp_path_factory.mktemp("spill"))
        transport = InProcess(handler, settings=environ, store=store)
        opened.append(LocalEngine({"mo": Catalog(transport, store)}, pushdown=pushdown))
    yield opened[0], opened[1]
    for engine in opened:
        engine.close()


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("predicate", INSIDE)
def test_what_is_inside_of_a_column_is_looked_at(
    tables: dict[str, Table],
    engines: tuple[LocalEngine, LocalEngine],
    database: str,
    name: str,
    predicate: str,
) -> None:
    wanted = tables[name].wanted(lambda row: bool(INSIDE[predicate](row)))
    sql = f'SELECT n FROM mo."{database}".{name} WHERE {predicate}'
    assert wanted
    for engine in engines:
        assert sorted(row["n"] for row in engine.query(sql).table.to_pylist()) == wanted


@pytest.mark.parametrize("name", TABLES)
def test_columns_that_a_sample_has_shown_are_looked_at(
    mongodb: MongoDb,
    database: str,
    environ: dict[str, str],
    tmp_path: Path,
    name: str,
) -> None:
    store = FolderStore(tmp_path)
    sampled = {key: value for key, value in environ.items() if key != "schema_file"}
    with closing(OneInstance(handler, sampled, spill=store, store=store)) as instance:
        table = table_of(mongodb, database, instance, name)
        assert {"anything", "word", "flag", "place"} <= table.types.keys()
        for constraints, test in predicates(table, 104, 60):
            assert sorted(table.found(constraints)) == table.wanted(test), constraints
