"""Plans against a naive reading of all items, value by value, and DynamoDB's own rules."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections import Counter
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import (
    ColumnDomain,
    Constraints,
    Direction,
    OrderBy,
)
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.physical import kind_of
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import dynamodb_expressions as language
from athena_connectors.common.testing import strategies
from athena_connectors.common.testing.dynamodb_linter import complaints
from athena_connectors.common.timestamps import pack
from athena_connectors.common.types import engine_type
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from athena_connectors.dynamodb.access import Lookup, Queries, TableScan
from athena_connectors.dynamodb.pushdown import NativeScan, plan
from athena_connectors.dynamodb.relation import Column, Relation, TimeFormat
from athena_connectors.dynamodb.requests import (
    MAX_BATCH,
    lookup_request,
    query_request,
    scan_request,
)
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import source_table
from athena_connectors.dynamodb.times import read_time
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.common.connector import Pushdown
    from athena_connectors.common.testing.dynamodb import DynamoDb

Item = dict[str, dict[str, Any]]

EXACT = Context(prec=400)
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?")
DAY = 86_400_000


# The value that a column shows


class OverflowingError(Exception):
    """A number that does not fit its column."""


def value_of(item: Item, column: Column, *, rounded: bool) -> Any:
    names = [column.attribute, *column.others]
    if not column.is_spelled:
        names += sorted(name for name in item if name.lower() == column.attribute.lower())
    found = next((item[name] for name in names if name in item), None)
    if found is None or "NULL" in found:
        return None
    ((tag, content),) = found.items()
    if column.is_json:
        return as_json(tag, content)
    return shown(tag, content, column, engine_type(column.type), rounded=rounded)


def shown(tag: str, content: Any, column: Column, type_: Any, *, rounded: bool) -> Any:
    types = pa.types
    if types.is_string(type_):
        return content if tag == "S" else as_json(tag, content).strip('"' if tag == "B" else "")
    if types.is_boolean(type_):
        return content if tag == "BOOL" else None
    if types.is_binary(type_):
        return content if tag == "B" else None
    if types.is_list(type_):
        return None if tag == "M" else []
    if types.is_struct(type_):
        return {type_[0].name: None} if tag == "M" else None
    if types.is_temporal(type_):
        return time_of(tag, content, column, type_, rounded=rounded)
    if tag == "N" or (tag == "S" and NUMBER.fullmatch(content)):
        return number_of(Decimal(content), type_, rounded=rounded)
    return None


def number_of(number: Decimal, type_: Any, *, rounded: bool) -> Any:
    if pa.types.is_float64(type_):
        return float(number)
    if pa.types.is_float32(type_):
        return float32_of(number)
    if pa.types.is_integer(type_):
        if EXACT.remainder(number, Decimal(1)) != 0:
            return None
        if not -(2 ** (type_.bit_width - 1)) <= number < 2 ** (type_.bit_width - 1):
            raise OverflowingError
        return int(number)
    near = number.quantize(Decimal(1).scaleb(-type_.scale), ROUND_HALF_UP, EXACT)
    too_large = near.copy_abs() >= Decimal(10) ** (type_.precision - type_.scale)
    if too_large or (not rounded and near != number):
        raise OverflowingError
    return near


def float32_of(number: Decimal) -> float:
    if number.copy_abs() >= Decimal("3.4028235677973366e38"):
        raise OverflowingError
    double = float(number)
    single = struct.unpack("<f", struct.pack("<f", double))[0]
    near = [single, float32_after(single, 1), float32_after(single, -1)]
    best = min(abs(EXACT.subtract(Decimal(each), number)) for each in near)
    nearest = [each for each in near if abs(EXACT.subtract(Decimal(each), number)) == best]
    return nearest[0] if len(nearest) == 1 else single


def float32_after(value: float, step: int) -> float:
    if value == 0:
        return math.copysign(2.0**-149, step)
    (bits,) = struct.unpack("<i", struct.pack("<f", value))
    following = struct.unpack("<f", struct.pack("<i", bits + step))[0]
    return value if math.isinf(following) else following


def time_of(tag: str, content: Any, column: Column, type_: Any, *, rounded: bool) -> Any:
    time = column.time or TimeFormat()
    zone = "UTC"
    if tag == "N":
        scale = 3 if time.pattern == "epoch_seconds" else 0
        exact = Decimal(content).scaleb(scale, EXACT)
        if exact.copy_abs() >= 2**62:
            return None
        millis = int(exact.to_integral_value(ROUND_FLOOR))
        if not rounded and millis != exact and not pa.types.is_date32(type_):
            return None
        day = millis // DAY
    elif tag == "S" and (moment := read_time(content, time)) is not None:
        day, millis, zone = moment.day, moment.millis, moment.zone or time.zone
    else:
        return None
    if pa.types.is_date32(type_):
        return day if -(2**31) <= day < 2**31 else None
    if pa.types.is_timestamp(type_):
        return pack(millis, zone) if -(2**51) <= millis < 2**51 else None
    return millis


def as_json(tag: str, content: Any) -> str:
    match tag:
        case "S":
            return json.dumps(content, ensure_ascii=False)
        case "N":
            return plain(content)
        case "BOOL":
            return "true" if content else "false"
        case "B":
            return f'"{base64.b64encode(content).decode()}"'
        case "NULL":
            return "null"
        case "L":
            return "[" + ",".join(as_json(*next(iter(each.items()))) for each in content) + "]"
        case "M":
            members = (
                f"{json.dumps(name, ensure_ascii=False)}:{as_json(*next(iter(each.items())))}"
                for name, each in sorted(content.items())
            )
            return "{" + ",".join(members) + "}"
        case _:
            order: Any = Decimal if tag == "NS" else None
            members = (as_json(tag[0], each) for each in sorted(content, key=order))
            return "[" + ",".join(members) + "]"


def plain(text: str) -> str:
    number = Decimal(text)
    digits = f"{number:f}" if number else "0"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


# Conditions on items, as DynamoDB evaluates them


def holds(condition: Any, item: Item, request: Mapping[str, Any]) -> bool:
    names = request.get("ExpressionAttributeNames", {})
    values = request.get("ExpressionAttributeValues", {})

    def operand(node: Any) -> Any:
        if isinstance(node, language.Place):
            return values[node.name]
        (name,) = node.steps
        return item.get(names[name])

    def test(node: Any) -> bool:
        match node:
            case language.Junction("AND", parts):
                return all(map(test, parts))
            case language.Junction("OR", parts):
                return any(map(test, parts))
            case language.Negation(part):
                return not test(part)
            case language.Comparison(operator, left, right):
                return compared(operator, operand(left), operand(right))
            case language.Between(inner, low, high):
                found = operand(inner)
                return compared(">=", found, operand(low)) and compared("<=", found, operand(high))
            case language.Membership(inner, options):
                return any(compared("=", operand(inner), operand(each)) for each in options)
            case _:
                return called(node.function, *map(operand, node.arguments))

    return test(condition)


def compared(operator: str, left: Any, right: Any) -> bool:
    if operator == "<>":
        return not compared("=", left, right)
    if left is None or right is None:
        return False
    ((tag, one),), ((other, two),) = left.items(), right.items()
    if tag != other:
        return False
    if tag == "N":
        one, two = Decimal(one), Decimal(two)
    elif tag == "S":
        one, two = one.encode(), two.encode()
    elif operator != "=" and tag != "B":
        return False
    return {
        "=": one == two,
        "<": operator == "<" and one < two,
        "<=": operator == "<=" and one <= two,
        ">": operator == ">" and one > two,
        ">=": operator == ">=" and one >= two,
    }[operator]


def called(function: str, subject: Any, *arguments: Any) -> bool:
    if function == "attribute_exists":
        return subject is not None
    if function == "attribute_not_exists":
        return subject is None
    ((wanted,),) = (each.values() for each in arguments)
    if subject is None:
        return False
    ((tag, content),) = subject.items()
    if function == "attribute_type":
        return tag == wanted
    if function == "begins_with":
        return tag == "S" and content.startswith(wanted)
    assert function == "contains"
    return (tag == "S" and wanted in content) or (tag == "SS" and wanted in content)


# Tables


def described(
    keys: Sequence[str], types: Mapping[str, str], indexes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    def schema(names: Sequence[str], *, hashes: int = 1) -> list[dict[str, str]]:
        return [
            {"AttributeName": name, "KeyType": "HASH" if place < hashes else "RANGE"}
            for place, name in enumerate(names)
        ]

    told: dict[str, Any] = {
        "TableName": "shop",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": type_} for name, type_ in types.items()
        ],
        "KeySchema": schema(keys),
        "TableSizeBytes": 1000,
    }
    for name, index in (indexes or {}).items():
        kind = "LocalSecondaryIndexes" if index.get("local") else "GlobalSecondaryIndexes"
        projection: dict[str, Any] = {"ProjectionType": index.get("projection", "ALL")}
        if "included" in index:
            projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": index["included"]}
        told.setdefault(kind, []).append(
            {
                "IndexName": name,
                "KeySchema": schema(index["keys"], hashes=index.get("hashes", 1)),
                "Projection": projection,
                "IndexStatus": index.get("status", "ACTIVE"),
                "Backfilling": index.get("backfilling", False),
                "IndexSizeBytes": index.get("size", 2000),
            }
        )
    return told


SHOP = described(
    ("pk", "sk"),
    {"pk": "S", "sk": "N", "city": "S", "kind": "S", "n": "N", "blob": "B"},
    {
        "local": {"keys": ("pk", "city"), "local": True, "projection": "KEYS_ONLY"},
        "by_city": {"keys": ("city",), "size": 10},
        "by_n": {"keys": ("n", "pk"), "projection": "KEYS_ONLY"},
        "by_both": {"keys": ("city", "kind", "n", "sk"), "hashes": 2},
        "by_blob": {"keys": ("blob", "n"), "included": ["x", "y"]},
        "by_kind": {"keys": ("kind", "city")},
    },
)
FLAT = described(("n",), {"n": "N", "city": "S"}, {"by_city": {"keys": ("city", "n")}})
BYTES = described(
    ("blob", "city"), {"blob": "B", "city": "S", "sk": "N"}, {"by_sk": {"keys": ("sk",)}}
)
TABLES = (SHOP, FLAT, BYTES)


@dataclass(frozen=True)
class World:
    """A table, its columns, its items and what each item's row is."""

    told: dict[str, Any]
    relation: Relation
    settings: Settings
    items: list[Item]

    def rows(self) -> pa.RecordBatch:
        columns = {"__number": pa.array(range(len(self.items)), pa.int64())}
        for column in self.relation.columns:
            type_ = engine_type(column.type)
            values = [self.read(item, column) for item in self.items]
            columns[column.name] = strategies.column_of(values, type_)
        return pa.record_batch(columns)

    def read(self, item: Item, column: Column) -> Any:
        try:
            return value_of(item, column, rounded=column.is_rounded)
        except OverflowingError:
            return None

    def overflows(self, item: Item) -> bool:
        try:
            for column in self.relation.columns:
                value_of(item, column, rounded=column.is_rounded)
        except OverflowingError:
            return True
        return False

    def wanted(self, conjuncts: Sequence[Any]) -> set[int]:
        kept = compile_residual(conjuncts).apply(self.rows())
        return set(kept.column("__number").to_pylist())

    def requests(self, native: NativeScan, columns: Sequence[Column]) -> Iterator[tuple[str, Any]]:
        table = self.relation.table
        match native.path:
            case Lookup(keys):
                for start in range(0, len(keys), MAX_BATCH):
                    chunk = keys[start : start + MAX_BATCH]
                    yield "BatchGetItem", lookup_request(table, chunk, columns, self.settings)
            case Queries(index, queries):
                for query in queries:
                    yield (
                        "Query",
                        query_request(
                            table, native, columns, self.settings, index=index, query=query
                        ),
                    )
            case TableScan(index):
                yield "Scan", scan_request(table, native, columns, self.settings, index=index)

    def read_by(self, operation: str, request: Mapping[str, Any]) -> list[int]:
        assert list(complaints(operation, request, lambda _: self.told)) == []
        if operation == "BatchGetItem":
            ((_, asked),) = request["RequestItems"].items()
            return [
                number
                for number, item in enumerate(self.items)
                for key in asked["Keys"]
                if all(compared("=", item.get(name), value) for name, value in key.items())
            ]
        index = self.relation.table.index(request.get("IndexName", ""))
        assert index is not None
        tests = [
            language.parse_condition(request[name])
            for name in ("KeyConditionExpression", "FilterExpression")
            if name in request
        ]
        return [
            number
            for number, item in enumerate(self.items)
            if all(key.name in item for key in index.keys)
            and all(holds(test, item, request) for test in tests)
        ]


TEXTS = ("", "a", "ab", "abc", "b", "B", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000")
TEXTS += ("a\U0001f600", "a\uffff", "5", "05", "5.5", "0", "true", "QQ==", '["a"]', "1e2", "-0")
TEXTS += ("2024-02-29", "2024-02-29T12:00:00", "20240229", "29.02.2024", "2024-02-30", "0.1")
NUMBERS = ("0", "5", "-5", "5.5", "0.0000000004", "0.0000000005", "-0.0000000005", "0.1", "127")
NUMBERS += ("4.9999999995", "5.00000000049", "12345678901234567890123456789", "1E-130", "128")
NUMBERS += ("9.9E+125", "-9.9E+125", "16777217", "3.4028235E+38", "9007199254740993", "99.995")
NUMBERS += ("1709208000000", "1709164800000", "1709208000", "1709208000.5", "0.0005", "-0.1")
BLOBS = (b"", b"A", b"AB", b"\xff", b"\xff\xff", b"\x00")
DAYS = (0, 19782, 19783, -1, 19781)
MOMENTS = (0, 1709208000000, 1709164800000, 1709208000500, -1, 1709251199999, 1709208000001)
FORMATS = (
    TimeFormat(),
    TimeFormat("epoch_seconds"),
    TimeFormat("yyyy-MM-dd"),
    TimeFormat("yyyy-MM-dd'T'HH:mm:ss"),
    TimeFormat("yyyy-MM-dd'T'HH:mm:ss", "America/New_York"),
    TimeFormat("yyyyMMdd", "+05:30"),
    TimeFormat("dd.MM.yyyy"),
)
TYPES: tuple[pa.DataType, ...] = (
    pa.string(),
    pa.decimal128(38, 9),
    pa.decimal128(4, 2),
    pa.int64(),
    pa.int8(),
    pa.float64(),
    pa.float32(),
    pa.bool_(),
    pa.binary(),
    pa.date32(),
    pa.timestamp("ms"),
    pa.timestamp("ms", "UTC"),
    pa.list_(pa.string()),
    pa.struct([("inner", pa.string())]),
)


SINGLES = (0.0, -0.0, 5.5, 16777216.0, math.nan, math.inf, 0.10000000149011612)
PATTERNS = ("a%", "%a%", "a_c", "%", "_", "%b", "\uffff%")
CONSTANTS: dict[pa.DataType, tuple[Any, ...]] = {
    pa.int64(): (0, 5, -5, 127, -128, 1709208000),
    pa.int8(): (0, 5, -5, 127, -128),
    pa.float32(): SINGLES,
    pa.float64(): (0.0, -0.0, 0.1, 5.0, 16777217.0, math.nan, math.inf, -math.inf),
    pa.bool_(): (True, False),
    pa.binary(): BLOBS,
    pa.date32(): DAYS,
    pa.date64(): MOMENTS,
    pa.timestamp("ms", "UTC"): tuple(map(pack, MOMENTS)),
    pa.string(): TEXTS + PATTERNS,
}


def constants(type_: pa.DataType) -> st.SearchStrategy[Any]:
    """Values next to which something may go wrong."""
    if type_ in CONSTANTS:
        return st.sampled_from(CONSTANTS[type_])
    few = [text for text in NUMBERS if _fits(text, type_)]
    return st.sampled_from([Decimal(text).quantize(_unit(type_), context=EXACT) for text in few])


def _unit(type_: Any) -> Decimal:
    return Decimal(1).scaleb(-type_.scale)


def _fits(text: str, type_: Any) -> bool:
    number = Decimal(text).quantize(_unit(type_), ROUND_HALF_UP, EXACT)
    return number.copy_abs() < Decimal(10) ** (type_.precision - type_.scale)


SCALARS = {
    "S": st.sampled_from(TEXTS),
    "N": st.sampled_from(NUMBERS),
    "B": st.sampled_from(BLOBS),
    "BOOL": st.booleans(),
    "NULL": st.sampled_from((True,)),
}
NESTED = {
    "L": st.sampled_from(([], [{"S": "a"}], [{"N": "5"}, {"NULL": True}])),
    "M": st.sampled_from(({}, {"inner": {"S": "a"}}, {"b": {"N": "1"}, "a": {"B": b"A"}})),
    "SS": st.sampled_from((["a"], ["b", "a"])),
    "NS": st.sampled_from((["5"], ["10", "9"])),
    "BS": st.sampled_from(([b"A"],)),
}
ANY_VALUE = st.one_of(
    *(
        inner.map(lambda content, tag=tag: {tag: content})
        for tag, inner in (SCALARS | NESTED).items()
    )
)
KEY_VALUES = {
    "S": st.sampled_from([text for text in TEXTS if text]).map(lambda text: {"S": text}),
    "N": SCALARS["N"].map(lambda text: {"N": text}),
    "B": st.sampled_from([blob for blob in BLOBS if blob]).map(lambda blob: {"B": blob}),
}


@st.composite
def worlds(draw: st.DrawFn, *, plain_keys: bool = False) -> World:
    told = draw(st.sampled_from(TABLES))
    table = source_table({"Table": told})
    types: dict[str, str] = dict(table.key_types)
    names = [*types, "x", "y", "z"]
    base = [key.name for key in table.base.keys]
    exact = {*base, *(key.name for index in table.indexes for key in index.hash_keys)}
    columns = [
        replace(
            draw(_columns(name, types.get(name), plain_keys=plain_keys)),
            is_rounded=name not in exact,
        )
        for name in names
    ]
    fields = {
        name: KEY_VALUES[types[name]] if name in types else ANY_VALUE for name in (*names, "X")
    }
    # Few values of each key, so that predicates on several meet the same items.
    few = {name: draw(st.lists(fields[name], min_size=2, max_size=4)) for name in types}
    fields |= {name: st.sampled_from(values) for name, values in few.items()}
    drawn_fields = st.fixed_dictionaries(
        {name: fields[name] for name in base},
        optional={name: value for name, value in fields.items() if name not in base},
    )
    drawn = draw(st.lists(drawn_fields, min_size=6, max_size=20))
    items = list({repr([normal(item[name]) for name in base]): item for item in drawn}.values())
    chosen = draw(st.sampled_from((Settings(), Settings(on_number_overflow="null"))))
    if draw(st.booleans()):
        chosen = replace(chosen, consistent_read=True)
    world = World(told, Relation(table, tuple(columns)), chosen, items)
    if chosen.on_number_overflow == "fail":
        world = replace(world, items=[item for item in items if not world.overflows(item)])
    return world


def normal(value: Mapping[str, Any]) -> Any:
    ((tag, content),) = value.items()
    return Decimal(content).normalize(EXACT) if tag == "N" else content


def _columns(name: str, key_type: str | None, *, plain_keys: bool) -> st.SearchStrategy[Column]:
    favourites = {"S": pa.string(), "N": pa.decimal128(38, 9), "B": pa.binary()}
    types = st.sampled_from(TYPES)
    if key_type is not None:
        favourite = st.just(favourites[key_type])
        types = favourite if plain_keys else st.one_of(favourite, types)

    def column(type_: pa.DataType, time: TimeFormat, kind: int) -> Column:
        plain_column = Column(
            name,
            type_,
            name,
            key_type=key_type,  # type: ignore[arg-type]
            time=time if pa.types.is_temporal(type_) else None,
        )
        if name != "x":
            return plain_column
        match kind:
            case 1:
                return replace(plain_column, others=("X",))
            case 2:
                return replace(plain_column, is_spelled=False)
            case 3:
                return replace(plain_column, is_json=True, type=pa.string(), time=None)
            case _:
                return plain_column

    return st.builds(column, types, st.sampled_from(FORMATS), st.integers(0, 5))


@st.composite
def predicates(draw: st.DrawFn, world: World, *, keys_only: bool = False) -> Constraints:
    """Predicates most of which ask for the keys of an index."""
    relation = world.relation
    scalar = {
        column.name: engine_type(column.type)
        for column in relation.columns
        if not pa.types.is_nested(column.type)
    }
    ends = {name: _ends(world, name, type_) for name, type_ in scalar.items()}
    summary = {}
    if keys_only or draw(st.integers(0, 3)):
        table = relation.table
        index = draw(st.sampled_from((table.base, *table.indexes)))
        for key in index.keys:
            if key.name in scalar and (key in index.hash_keys or draw(st.integers(0, 4))):
                type_, held = scalar[key.name], ends[key.name]
                sets = _points(type_, held, 3)
                if key in index.range_keys:
                    sets = st.one_of(sets, _few_ranges(type_, held), _few_ranges(type_, held))
                summary[key.name] = draw(sets)
    if keys_only and draw(st.integers(0, 2)):
        return Constraints(summary)
    others = st.lists(st.sampled_from(sorted(scalar)), max_size=2, unique=True)
    for name in draw(others):
        if name not in summary:
            summary[name] = draw(strategies.value_sets(scalar[name], ends=ends[name]))
    depth = draw(st.sampled_from((0, 0, 2)))
    few_tests = strategies.conditions(scalar, arithmetic=False, depth=depth, constants=ends)
    own = st.sampled_from(sorted(scalar)).flatmap(
        lambda name: _test_of(name, scalar[name], ends[name])
    )
    expressions = draw(st.lists(st.one_of(own, few_tests), max_size=2))
    limit = draw(st.none() | st.integers(1, 5))
    return Constraints(summary, tuple(expressions), limit=limit)


def _test_of(name: str, type_: pa.DataType, ends: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Comparisons of one column with constants, negated now and then."""
    functions = ["$equal", "$not_equal", "$less_than", "$greater_than_or_equal", "$in"]
    functions += ["$is_distinct_from", "$like_pattern"] if pa.types.is_string(type_) else []

    def test(function: str, values: list[Any], negated: int) -> Call:
        constant = Constant(tuple(values if function == "$in" else values[:1]), type_)
        if function == "$in":
            constant = Call("$array", (constant,), pa.list_(type_))  # type: ignore[assignment]
        made = Call(function, (Variable(name, type_), constant), pa.bool_())
        return Call("$not", (made,), pa.bool_()) if not negated else made

    values = st.lists(ends, min_size=1, max_size=3)
    return st.builds(test, st.sampled_from(functions), values, st.integers(0, 3))


def _ends(world: World, name: str, type_: pa.DataType) -> st.SearchStrategy[Any]:
    column = world.relation.column(name)
    assert column is not None
    shown_values = [world.read(item, column) for item in world.items]
    held = sorted({value for value in shown_values if value is not None}, key=repr)
    if not held:
        return constants(type_)
    return st.one_of(st.sampled_from(held), st.sampled_from(held), constants(type_))


def _points(
    type_: pa.DataType, ends: st.SearchStrategy[Any], most: int
) -> st.SearchStrategy[SortedRangeSet]:
    return st.lists(ends, min_size=1, max_size=most).map(
        lambda few: SortedRangeSet.of_points(type_, few)
    )


def _few_ranges(
    type_: pa.DataType, ends: st.SearchStrategy[Any]
) -> st.SearchStrategy[SortedRangeSet]:
    found = st.lists(strategies.ranges(type_, ends=ends), min_size=1, max_size=2)
    if pa.types.is_string(type_):
        found = st.one_of(found, ends.filter(bool).map(_beginning))
    return found.map(lambda few: SortedRangeSet.of(type_, few, null_allowed=False))


def _beginning(text: str) -> list[Range]:
    """The texts that begin as one does, as Athena tells it of LIKE."""
    following = text[:-1] + chr(min(ord(text[-1]) + 1, 0x10FFFF))
    in_order = text.encode("utf-16-be") < following.encode("utf-16-be", "surrogatepass")
    if not in_order or "\ud800" <= following[-1] <= "\udfff":
        return [Range.at_least(text)]
    return [Range.between(text, following, high_inclusive=False)]


ANY_WORLD = worlds().flatmap(lambda world: st.tuples(st.just(world), predicates(world)))
KEYED_WORLD = worlds(plain_keys=True).flatmap(
    lambda world: st.tuples(st.just(world), predicates(world, keys_only=True))
)
WORLDS_AND_PREDICATES = st.one_of(ANY_WORLD, KEYED_WORLD)


def native_of(pushdown: Pushdown) -> NativeScan:
    assert isinstance(pushdown.native, NativeScan)
    return pushdown.native


def read_all(world: World, native: NativeScan, columns: Sequence[Column]) -> Counter[int]:
    return Counter(
        number
        for operation, request in world.requests(native, columns)
        for number in world.read_by(operation, request)
    )


@settings(max_examples=250)
@given(WORLDS_AND_PREDICATES)
def test_every_wanted_item_is_read_once_and_exact_conjuncts_hold_for_all_that_are_read(
    drawn: tuple[World, Constraints],
) -> None:
    world, constraints = drawn
    names = [column.name for column in world.relation.columns]
    pushdown = plan(constraints, world.relation, world.settings, names)
    native = native_of(pushdown)
    read = read_all(world, native, world.relation.columns)
    assert set(read.values()) <= {1}
    assert world.wanted(constraints.conjuncts()) <= set(read)
    exact = [each.conjunct for each in pushdown.decisions if each.exactness is Exactness.EXACT]
    assert set(read) <= world.wanted(exact)
    if native.is_exact:
        assert set(read) == world.wanted(constraints.conjuncts())
    assert pushdown.limit_pushed == (native.is_exact and constraints.limit is not None)


@settings(max_examples=80)
@given(WORLDS_AND_PREDICATES, st.data())
def test_a_plan_is_the_same_whether_columns_of_the_predicate_are_asked_for_or_not(
    drawn: tuple[World, Constraints], data: st.DataObject
) -> None:
    world, constraints = drawn
    names = [column.name for column in world.relation.columns]
    asked = data.draw(st.lists(st.sampled_from(names), unique=True))
    used = sorted(constraints.columns())
    more = data.draw(st.lists(st.sampled_from(used), unique=True)) if used else []
    one = plan(constraints, world.relation, world.settings, asked)
    other = plan(constraints, world.relation, world.settings, [*more, *asked])
    assert one == other
    native = native_of(one)
    columns = [each for each in world.relation.columns if each.name in {*asked, *used}]
    read = read_all(world, native, columns)
    assert world.wanted(constraints.conjuncts()) <= set(read)


STORED = Context(prec=38)
NUMERIC = (pa.decimal128(4, 2), pa.decimal128(38, 9), pa.int8(), pa.float32(), pa.float64())
NEAR = st.tuples(
    st.integers(-8, 8), st.sampled_from(("0", "0.005", "0.0000000005", "0.1", "1E-18"))
)


@settings(max_examples=400)
@given(st.sampled_from(NUMERIC), st.data())
def test_a_number_next_to_the_ends_of_a_range_is_read_if_it_is_wanted(
    type_: pa.DataType, data: st.DataObject
) -> None:
    ends = constants(type_)
    finite = ends.filter(math.isfinite)
    values = data.draw(_few_ranges(type_, ends) | _points(type_, finite, 2))
    steps = data.draw(st.lists(NEAR, min_size=1, max_size=10))
    end = Decimal(data.draw(finite))
    near = [EXACT.add(end, EXACT.multiply(Decimal(count), Decimal(step))) for count, step in steps]
    items: list[Item] = [
        {"pk": {"S": f"{number}"}, "sk": {"N": "1"}, "x": {"N": f"{STORED.plus(value):f}"}}
        for number, value in enumerate(near)
    ]
    column = Column("x", type_, "x")
    null = Settings(on_number_overflow="null")
    world = World(SHOP, Relation(source_table({"Table": SHOP}), (column,)), null, items)
    constraints = Constraints({"x": values})
    native = native_of(plan(constraints, world.relation, null, ["x"]))
    assert world.wanted(constraints.conjuncts()) <= set(read_all(world, native, [column]))


# The naive evaluation of conditions is what a server does

HELD: list[Item] = [
    {"pk": {"S": f"{tag} {number}"}, "x": {tag: content}}
    for number, (tag, content) in enumerate(
        [("S", text) for text in TEXTS if text]
        + [("N", text) for text in NUMBERS]
        + [("B", blob) for blob in BLOBS if blob]
        + [("BOOL", True), ("BOOL", False), ("NULL", True), ("L", []), ("L", [{"S": "a"}])]
        + [("M", {}), ("M", {"a": {"S": "a"}}), ("SS", ["a", "b"]), ("NS", ["5"])]
        + [("BS", [b"A"])]
    )
]
HELD.append({"pk": {"S": "missing"}})


@pytest.fixture(scope="module")
def held(dynamodb: DynamoDb) -> str:
    name = dynamodb.create_table(("pk", "S"))
    dynamodb.put_items(name, HELD)
    return name


@st.composite
def column_tests(draw: st.DrawFn) -> Constraints:
    type_ = engine_type(
        draw(st.sampled_from([each for each in TYPES if not pa.types.is_nested(each)]))
    )
    # dynalite orders texts by UTF-16, which is another order from the surrogates on.
    ends = constants(type_).filter(
        lambda end: not isinstance(end, str) or max(end, default="") < "\ud800"
    )
    summary = {"x": draw(strategies.value_sets(type_, ends=ends))}
    test = draw(_test_of("x", type_, ends))
    return draw(st.sampled_from((Constraints(summary), Constraints({}, (test,)))))


@settings(max_examples=60)
@given(column_tests(), st.sampled_from(FORMATS))
def test_a_server_gives_for_a_filter_what_the_naive_evaluation_gives(
    dynamodb: DynamoDb, held: str, constraints: Constraints, time: TimeFormat
) -> None:
    conjunct = constraints.conjuncts()[0]
    type_ = conjunct.values.type if isinstance(conjunct, ColumnDomain) else _type_in(conjunct)
    arrow = pa.timestamp("ms") if type_ == pa.date64() else type_
    table = source_table({"Table": dynamodb.describe(held) or {}})
    column = Column("x", arrow, "x", time=time if pa.types.is_temporal(arrow) else None)
    relation = Relation(table, (Column("pk", pa.string(), "pk", key_type="S"), column))
    native = native_of(plan(constraints, relation, Settings(), ["pk"]))
    if native.is_empty:
        return
    request = scan_request(table, native, relation.columns, Settings())
    found = dynamodb.client().scan(**request)["Items"]
    expected = HELD
    if "FilterExpression" in request:
        condition = language.parse_condition(request["FilterExpression"])
        expected = [item for item in HELD if holds(condition, item, request)]
    assert {item["pk"]["S"] for item in found} == {item["pk"]["S"] for item in expected}


def _type_in(expression: Any) -> pa.DataType:
    while not isinstance(expression, Variable):
        expression = expression.arguments[0]
    return expression.type


# One defect each


def relation_of(*columns: Column, told: dict[str, Any] = SHOP) -> Relation:
    table = source_table({"Table": told})
    types = table.key_types
    keys = [Column(name, pa.string(), name, key_type=types[name]) for name in ("pk", "city")]
    keys.append(Column("sk", pa.decimal128(38, 9), "sk", key_type="N", is_rounded=False))
    known = {column.name for column in columns}
    return Relation(table, (*(key for key in keys if key.name not in known), *columns))


def filter_of(values: Any, column: Column, chosen: Settings = Settings()) -> str:  # noqa: B008 - frozen
    pushdown = plan(Constraints({column.name: values}), relation_of(column), chosen, ["pk"])
    (decision,) = pushdown.decisions
    doubt = {Exactness.EXACT: "", Exactness.SUPERSET: " ?", Exactness.NOT_PUSHED: "not pushed"}
    return decision.native + doubt[decision.exactness]


NOTE = Column("note", pa.string(), "note")
FLAG = Column("flag", pa.bool_(), "flag")
PRICE = Column("price", pa.decimal128(38, 9), "price")
COUNT = Column("n", pa.int64(), "n", key_type="N")
RANK = Column("n", pa.decimal128(38, 9), "n", key_type="N", is_rounded=False)
DATA = Column("data", pa.binary(), "data")
TAGS = Column("tags", pa.list_(pa.string()), "tags")
CITY = Column("city", pa.string(), "city", key_type="S")

NO_TAGS = ('attribute_type(tags, "NULL")', 'attribute_type(tags, "M")')
ESCAPE = (
    'attribute_exists(note) AND NOT attribute_type(note, "S") AND NOT attribute_type(note, "NULL")'
)


def of_points(type_: pa.DataType, *values: Any) -> SortedRangeSet:
    return SortedRangeSet.of_points(type_, values)


def of_range(type_: pa.DataType, item: Range) -> SortedRangeSet:
    return SortedRangeSet.of(type_, [item], null_allowed=False)


@pytest.mark.parametrize(
    ("values", "column", "expected"),
    [
        (
            SortedRangeSet.only_null(pa.bool_()),
            FLAG,
            "attribute_not_exists(flag) OR flag <> true AND flag <> false",
        ),
        (SortedRangeSet.not_null(pa.bool_()), FLAG, "flag = true OR flag = false"),
        (of_points(pa.bool_(), *(True,)), FLAG, "flag = true"),
        (
            EquatableValueSet(pa.bool_(), (True,), white_list=False, null_allowed=False),
            FLAG,
            "flag = false",
        ),
        (
            EquatableValueSet(pa.binary(), (b"a",), white_list=False, null_allowed=False),
            DATA,
            "attribute_type(data, \"B\") AND data <> X'61'",
        ),
        (EquatableValueSet(pa.binary(), (), white_list=False, null_allowed=True), DATA, ""),
        (
            AllOrNoneValueSet(TAGS.type, all=True, null_allowed=False),
            TAGS,
            f"attribute_exists(tags) AND NOT {NO_TAGS[0]} AND NOT {NO_TAGS[1]}",
        ),
        (
            AllOrNoneValueSet(TAGS.type, all=False, null_allowed=True),
            TAGS,
            f"attribute_not_exists(tags) OR {NO_TAGS[0]} OR {NO_TAGS[1]}",
        ),
        (AllOrNoneValueSet(TAGS.type, all=False, null_allowed=False), TAGS, "not pushed"),
        (SortedRangeSet.all_values(pa.string()), NOTE, ""),
        (SortedRangeSet.none(pa.string()), NOTE, "no item"),
        (
            SortedRangeSet.of_points(pa.string(), ["a"], null_allowed=True),
            CITY,
            'city = "a" OR attribute_not_exists(city)',
        ),
    ],
)
def test_bug_15_every_kind_of_value_set_has_a_condition(
    values: Any, column: Column, expected: str
) -> None:
    assert filter_of(values, column) == expected


def test_bug_19_whole_numbers_and_decimals_are_asked_for_digit_by_digit() -> None:
    path = plan(
        Constraints({"n": of_points(pa.int64(), 9007199254740993)}),
        relation_of(COUNT),
        Settings(dynamodb_index_mode="never"),
        ["pk"],
    )
    assert path.decisions[0].native == "n = 9007199254740993"
    digits = Decimal("1234567890123456789012345678.123456789")
    assert filter_of(of_points(RANK.type, digits), replace(RANK, name="sk", attribute="sk")) == (
        "sk = 1234567890123456789012345678.123456789"
    )


def test_bug_19_numbers_that_are_rounded_when_they_are_read_are_asked_for_with_the_rounding() -> (
    None
):
    assert filter_of(of_points(PRICE.type, Decimal("0.000000000")), PRICE) == (
        'price > -0.0000000005 AND price < 0.0000000005 OR attribute_type(price, "S") ?'
    )
    assert filter_of(of_range(PRICE.type, Range.greater_than(Decimal(3))), PRICE) == (
        'price >= 3.0000000005 OR attribute_type(price, "S") ?'
    )


def test_bug_21_binary_values_stay_binary() -> None:
    blob = Column("blob", pa.binary(), "blob", key_type="B")
    constraints = Constraints({"blob": of_points(pa.binary(), b"\x00\xff")})
    relation = relation_of(blob, Column("n", pa.decimal128(38, 9), "n", key_type="N"))
    wanted = replace(
        constraints,
        summary={**constraints.summary, "n": SortedRangeSet.not_null(pa.decimal128(38, 9))},
    )
    native = native_of(plan(wanted, relation, Settings(), ["pk"]))
    assert isinstance(native.path, Queries)
    assert native.path.queries[0].hash_values == ({"B": b"\x00\xff"},)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (COUNT, "not pushed"),
        (RANK, "attribute_not_exists(n)"),
        (PRICE, 'attribute_not_exists(price) OR NOT attribute_type(price, "N") ?'),
        (replace(PRICE, type=pa.date32()), "not pushed"),
        (replace(PRICE, type=pa.int64()), "not pushed"),
        (CITY, "attribute_not_exists(city)"),
        (NOTE, 'attribute_not_exists(note) OR attribute_type(note, "NULL")'),
    ],
)
def test_values_that_are_read_as_null_are_not_lost(column: Column, expected: str) -> None:
    assert filter_of(SortedRangeSet.only_null(engine_type(column.type)), column) == expected


def test_numbers_that_overflow_may_be_null_too() -> None:
    null = Settings(on_number_overflow="null")
    nothing = SortedRangeSet.only_null(RANK.type)
    assert filter_of(nothing, RANK, null) == "not pushed"
    assert filter_of(of_range(RANK.type, Range.greater_than(Decimal(3))), RANK, null) == "n > 3 ?"


def test_bug_22_texts_that_are_stored_as_something_else_are_not_lost() -> None:
    assert filter_of(of_points(pa.string(), "5"), NOTE) == f'note = "5" OR {ESCAPE} ?'
    assert filter_of(of_points(pa.string(), "5"), CITY) == 'city = "5"'
    assert filter_of(of_points(pa.string(), "5", "6").complement(), NOTE) == (
        'attribute_exists(note) AND NOT attribute_type(note, "NULL") AND NOT note IN ("5", "6")'
        ' OR attribute_not_exists(note) OR attribute_type(note, "NULL") ?'
    )


def test_bug_25_a_column_whose_attribute_is_not_known_is_not_pushed() -> None:
    unknown = replace(NOTE, is_spelled=False)
    assert filter_of(of_points(pa.string(), "5"), unknown) == "not pushed"
    assert filter_of(of_points(pa.string(), "5"), replace(NOTE, others=("Note",))) == "not pushed"
    assert filter_of(of_points(pa.string(), "5"), replace(NOTE, is_json=True)) == "not pushed"
    assert filter_of(of_points(pa.string(), "5"), replace(NOTE, attribute="")) == "not pushed"


def limited(constraints: Constraints, *columns: Column) -> tuple[bool, int | None, str]:
    pushdown = plan(constraints, relation_of(*columns), Settings(), ["pk"])
    return pushdown.limit_pushed, native_of(pushdown).limit, pushdown.limit_reason


def test_bug_28_a_limit_is_pushed_only_if_no_row_is_left_out_here() -> None:
    pk = {"pk": of_points(pa.string(), "a")}
    assert limited(Constraints(limit=5)) == (True, 5, "")
    assert limited(Constraints(pk, limit=5)) == (True, 5, "")
    pushed, limit, reason = limited(
        Constraints({**pk, "note": of_points(pa.string(), "a")}, limit=5), NOTE
    )
    assert (pushed, limit) == (False, 5)
    assert reason == "Not all of the predicate is evaluated exactly by DynamoDB."


def test_bug_28_a_limit_with_an_order_is_not_pushed() -> None:
    order = (OrderBy("sk", Direction.ASC_NULLS_LAST),)
    pushed, limit, reason = limited(Constraints(limit=5, order_by=order))
    assert (pushed, limit) == (False, None)
    assert reason == "DynamoDB gives items in no order that holds for all of them."


def call(function: str, *arguments: Any) -> Call:
    return Call(function, arguments, pa.bool_())


def compare(function: str, column: Column, value: Any) -> Call:
    type_ = engine_type(column.type)
    return call(function, Variable(column.name, type_), Constant((value,), type_))


def expression_filter(expression: Any, *columns: Column) -> str:
    pushdown = plan(Constraints({}, (expression,)), relation_of(*columns), Settings(), ["pk"])
    (decision,) = pushdown.decisions
    doubt = {Exactness.EXACT: "", Exactness.SUPERSET: " ?", Exactness.NOT_PUSHED: "not pushed"}
    return decision.native + doubt[decision.exactness]


def test_bug_32_null_tests_are_the_right_way_round() -> None:
    city = Variable("city", pa.string())
    assert expression_filter(call("$is_null", city)) == "attribute_not_exists(city)"
    assert expression_filter(call("$not", call("$is_null", city))) == "attribute_exists(city)"


def test_bug_33_or_stays_or() -> None:
    low, high = compare("$less_than", CITY, "b"), compare("$greater_than", CITY, "d")
    assert expression_filter(call("$or", low, high)) == 'city < "b" OR city > "d"'
    flag = compare("$equal", FLAG, True)  # noqa: FBT003 - a constant
    assert expression_filter(call("$or", low, flag), FLAG) == 'city < "b" OR flag = true'
    city = Variable("city", pa.string())
    computed = call("$equal", call("$nullif", city, city), Constant(("a",), pa.string()))
    assert expression_filter(call("$or", low, computed)) == "not pushed"


def test_bug_34_not_is_pushed_down_to_what_it_denies() -> None:
    low, flag = compare("$less_than", CITY, "b"), compare("$equal", FLAG, True)  # noqa: FBT003
    both = call("$and", low, flag)
    assert expression_filter(call("$not", both), FLAG) == 'city >= "b" OR flag = false'
    either = call("$not", call("$or", low, flag))
    assert expression_filter(call("$or", either, either), FLAG) == (
        'city >= "b" AND flag = false OR city >= "b" AND flag = false'
    )
    listed = call(
        "$not", call("$in", Variable("city", pa.string()), Constant(("a", "b"), pa.string()))
    )
    assert expression_filter(listed) == 'attribute_exists(city) AND NOT city IN ("a", "b")'
    with_null = call("$in", Variable("city", pa.string()), Constant(("a", None), pa.string()))
    assert expression_filter(with_null) == 'city = "a"'
    assert expression_filter(call("$not", with_null)) == "no item"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a%", 'begins_with(city, "a")'),
        ("%a%", 'contains(city, "a")'),
        ("a", 'city = "a"'),
        ("%", "attribute_exists(city)"),
        ("a%b", 'begins_with(city, "a") AND contains(city, "b") ?'),
        ("%ab_c", 'contains(city, "ab") ?'),
        ("_", "attribute_exists(city) ?"),
    ],
)
def test_like_is_what_dynamodb_knows_of_it(pattern: str, expected: str) -> None:
    chosen = Settings(dynamodb_index_mode="never")
    like = compare("$like_pattern", CITY, pattern)
    pushdown = plan(Constraints({}, (like,)), relation_of(), chosen, ["pk"])
    (decision,) = pushdown.decisions
    doubt = "" if decision.exactness is Exactness.EXACT else " ?"
    assert decision.native + doubt == expected


def test_what_is_calculated_is_left_to_the_residual() -> None:
    number = pa.int64()
    added = Call("$add", (Variable("n", number), Constant((1,), number)), number)
    assert expression_filter(call("$equal", added, Constant((5,), number)), COUNT) == "not pushed"
    deep = compare("$equal", CITY, "a")
    for _ in range(200):
        deep = call("$not", deep)
    assert expression_filter(deep) == "not pushed"


def test_kinds_of_all_types_are_covered_by_the_tables_of_this_test() -> None:
    assert len({kind_of(engine_type(type_)) for type_ in TYPES}) == 10
