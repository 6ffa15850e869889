"""Plans against a real server and the rows that its documents become.

Every document of a collection with values of all types is asked for by the filter, read by
the connector's own decoder, and judged by the residual of ``common``.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import bson
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
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.physical import Kind, kind_of, unpack
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import strategies
from athena_connectors.common.timestamps import pack
from athena_connectors.common.types import engine_type
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from athena_connectors.documentdb.batches import BatchDecoder
from athena_connectors.documentdb.pushdown import NativeScan, plan
from athena_connectors.documentdb.relation import Collection, Column, Relation
from athena_connectors.documentdb.settings import Settings
from bson.binary import Binary
from bson.code import Code
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.connector import Pushdown
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.testing.mongodb import MongoDb
    from pymongo.collection import Collection as ServerCollection

HEX = "507f1f77bcf86cd799439011"
NOON = 1_709_208_000_000
UUIDS = (UUID("00112233-4455-6677-8899-aabbccddeeff"),)


@dataclass(frozen=True)
class Raw:
    """A value that the driver does not write, by the number of its type."""

    tag: int
    content: bytes


def string_of(content: bytes) -> bytes:
    return struct.pack("<i", len(content) + 1) + content + b"\0"


MISSING = object()

ODDITIES = (
    Raw(2, string_of(b"a\xff")),
    Raw(2, string_of(b"abc\xff")),
    Raw(2, string_of(b"\x80")),
    Raw(2, string_of(b"a\xf0")),
    Raw(14, string_of(b"abc")),
    Raw(6, b""),
    Raw(12, string_of(b"shop") + bytes(12)),
    Raw(4, b"\x08\0\0\0\x060\0\0"),
)
TEXTS: tuple[str, ...] = (
    "",
    "a",
    "ab",
    "abc",
    "ABC",
    "b",
    "é",
    "\ue000",
    "\U0001f600",
    "a\ufffd",
    "a\0b",
    "a\nb",
)
TEXTS += ("5", "05", "+5", "5.5", "5.0", "-0", "1e2", "NaN", "Infinity", "true", "false", "0.1")
TEXTS += (HEX, HEX[:10], HEX.upper(), "f" * 24, "paid", "QQ==", "YWJj", str(UUIDS[0]), "{}", "[]")
TEXTS += ("2024-02-29", "2024-02-29T12:00:00.000Z", "2024-02-29T12:00:00Z", "+12024-02-29T12:00")
TEXTS += ('{"a":1}', '["a"]', "[1,null]", "/a/", "128", "10000000000000000000000", "a%c", "a.c")
NUMBERS: tuple[Any, ...] = (
    0,
    1,
    5,
    -5,
    127,
    128,
    2**31,
    Int64(5),
    Int64(2**53 + 1),
    Int64(-(2**63)),
)
NUMBERS += (
    Int64(2**63 - 1),
    0.0,
    -0.0,
    0.1,
    5.0,
    5.5,
    0.015,
    -0.5,
    4.999999999999999,
    1e23,
    2.0**70,
)
NUMBERS += (2.0**63, 1e300, math.nan, math.inf, -math.inf, 16777217.0, 3.4028235e38, 5e-324)
NUMBERS += tuple(
    Decimal128(text)
    for text in (
        *("0.1", "5", "5.00", "5.0000000000000000000001", "0.005", "-0.005", "NaN", "Infinity"),
        *("1E+6000", "1E-6000", "-0", "99.995", "9223372036854775808", "16777217"),
    )
)
OTHERS: tuple[Any, ...] = (None, MISSING, True, False, ObjectId(HEX), ObjectId(bytes(12)))
OTHERS += (ObjectId(b"\xff" * 12), b"", b"A", b"abc", Binary(b"abc", 2), Binary(b"abc", 128))
OTHERS += (Binary(UUIDS[0].bytes, 4), Binary(UUIDS[0].bytes, 3), b"\xa5\xa8\x9d", Binary(b"x", 4))
OTHERS += tuple(map(DatetimeMS, (0, -1, NOON, NOON + 1, NOON + 500, 2**61, -(2**61), 10**15)))
OTHERS += (Timestamp(0, 1), Timestamp(NOON // 1000, 7), Timestamp(2**32 - 1, 1))
OTHERS += (Regex("a"), Regex("^a", 2), Code("abc"), Code("abc", {"x": 1}), MinKey(), MaxKey())
OTHERS += ({}, {"a": 1}, {"0": None}, DBRef("shop", ObjectId(HEX)), {"a": None})
OTHERS += ([], [None], ["abc"], ["a", None], [5], [5, "5"], [1, None], [True], [[5]], [["abc"]])
OTHERS += ([{"a": 1}], [DatetimeMS(NOON)], [b"abc"], [ObjectId(HEX)], [math.nan], [2**40, -5])
VALUES = TEXTS + NUMBERS + OTHERS + ODDITIES

TYPES: tuple[pa.DataType, ...] = (
    pa.string(),
    pa.int64(),
    pa.int32(),
    pa.int8(),
    pa.float64(),
    pa.float32(),
    pa.decimal128(38, 9),
    pa.decimal128(4, 2),
    pa.decimal128(38, 0),
    pa.bool_(),
    pa.binary(),
    pa.date32(),
    pa.timestamp("ms"),
    pa.timestamp("ms", "UTC"),
    pa.list_(pa.string()),
    pa.struct([("a", pa.int64())]),
    pa.map_(pa.string(), pa.string()),
)
FIELDS = ("x", "y", "_id")
BOOLEAN = pa.bool_()
COLUMNS = (
    *(Column(f"{field}{place}", t, field) for field in FIELDS for place, t in enumerate(TYPES)),
    Column("json", pa.string(), "x", is_json=True),
)
RELATION = Relation(Collection("test", "all"), COLUMNS)
DEFAULTS = Settings()


def element(name: str, value: Any) -> bytes:
    if value is MISSING:
        return b""
    if isinstance(value, Raw):
        return bytes([value.tag]) + name.encode() + b"\0" + value.content
    return bson.encode({name: value})[4:-1]


def document(number: int, *, as_id: bool) -> RawBSONDocument:
    value = VALUES[number]
    other = VALUES[(number * 37 + 11) % len(VALUES)]
    own_id = element("_id", value) if as_id else element("_id", f"document {number}")
    body = own_id + element("number", number) + element("x", value) + element("y", other)
    return RawBSONDocument(struct.pack("<i", len(body) + 5) + body + b"\0")


@dataclass(frozen=True)
class World:
    """A collection and the row that each of its documents is."""

    collection: ServerCollection[Any]
    rows: pa.RecordBatch

    def passing(self, filter_: dict[str, Any], **options: Any) -> set[int]:
        found = self.collection.find(filter_, {"number": 1, "_id": 0}, **options)
        return {each["number"] for each in found}

    def wanted(self, conjuncts: Sequence[Any]) -> set[int]:
        kept = compile_residual(conjuncts).apply(self.rows)
        return {each for each in kept.column("__number").to_pylist() if each is not None}

    def held(self, name: str) -> list[Any]:
        """Physical values of a column, each once."""
        column = self.rows.column(name)
        is_zoned = kind_of(column.type) is Kind.INSTANT
        plain = column.view(pa.int64()) if is_zoned else unpack(column)
        return sorted({each for each in plain.to_pylist() if each is not None}, key=repr)

    def check(self, constraints: Constraints) -> Pushdown:
        """Check a plan, and return it."""
        pushdown = plan(constraints, RELATION, DEFAULTS)
        native = native_of(pushdown)
        wanted = self.wanted(constraints.conjuncts())
        if native.is_empty:
            assert wanted == set() or constraints.limit == 0
            return pushdown
        passing = self.passing(native.filter)
        assert wanted <= passing
        exact = [each.conjunct for each in pushdown.decisions if each.exactness is Exactness.EXACT]
        assert passing <= self.wanted(exact)
        assert native.is_exact == (len(exact) == len(pushdown.decisions))
        return pushdown


@pytest.fixture(scope="module")
def world(mongodb: MongoDb) -> World:
    client = mongodb.client()
    collection = client[mongodb.create_database()]["all"]
    for number in range(len(VALUES)):
        try:
            collection.insert_one(document(number, as_id=VALUES[number] is not MISSING))
        except WriteError:  # an array or a regular expression, or an equal one is there
            collection.insert_one(document(number, as_id=False))
    raw = b"".join(collection.find_raw_batches())
    decoder = BatchDecoder(
        [*COLUMNS, Column("__number", pa.int64(), "number")],
        collection="all",
        settings=DEFAULTS,
        stats=SplitStats(),
    )
    return World(collection, decoder.decode(raw))


def native_of(pushdown: Pushdown) -> NativeScan:
    assert isinstance(pushdown.native, NativeScan)
    return pushdown.native


# Any predicate

SCALARS = {
    column.name: engine_type(column.type)
    for column in COLUMNS
    if kind_of(engine_type(column.type)) is not Kind.OPAQUE
}
PATTERNS = ("a%", "%a%", "a_c", "%", "_", "%b", "%b%", "%.%", "é%", "%\U0001f600%", "5%", "%c", "")
NEAR: dict[Kind, Sequence[Any]] = {
    Kind.TEXT: TEXTS + PATTERNS,
    Kind.BYTES: (b"", b"A", b"abc", b"\xff", UUIDS[0].bytes),
    Kind.DATE: (0, -1, NOON // 86_400_000, NOON // 86_400_000 + 1),
    Kind.DATETIME: (0, -1, NOON, NOON + 1, NOON - 1, NOON + 999, 2**63 - 1, -(2**63)),
    Kind.INSTANT: tuple(pack(each, "UTC") for each in (0, -1, NOON, NOON + 1)),
}


def ends_of(world: World, name: str) -> st.SearchStrategy[Any]:
    type_ = SCALARS[name]
    choices = [strategies.values(type_)]
    held = world.held(name)
    if held:
        choices = [st.sampled_from(held), st.sampled_from(held), *choices]
    if kind_of(type_) in NEAR:
        choices.append(st.sampled_from(NEAR[kind_of(type_)]))
    return st.one_of(choices)


def test_of(name: str, type_: pa.DataType, ends: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Comparisons of one column with constants, negated now and then."""
    functions = ["$equal", "$not_equal", "$less_than", "$less_than_or_equal", "$greater_than"]
    functions += ["$greater_than_or_equal", "$in", "$is_distinct_from", "$is_null"]
    functions += ["$like_pattern"] * 3 if pa.types.is_string(type_) else []

    def test(function: str, values: list[Any], negated: int) -> Expression:
        arguments: tuple[Expression, ...] = (Constant(tuple(values[:1]), type_),)
        if function == "$in":
            listed = Constant(tuple(values), type_)
            arguments = (Call("$array", (listed,), pa.list_(pa.null())),)
        if function == "$is_null":
            arguments = ()
        made = Call(function, (Variable(name, type_), *arguments), pa.bool_())
        return made if negated else Call("$not", (made,), pa.bool_())

    values = st.lists(ends, min_size=1, max_size=3)
    return st.builds(test, st.sampled_from(functions), values, st.integers(0, 2))


test_of.__test__ = False  # type: ignore[attr-defined]


@st.composite
def predicates(draw: st.DrawFn, world: World) -> Constraints:
    names = draw(st.lists(st.sampled_from(sorted(SCALARS)), min_size=1, max_size=2, unique=True))
    types = {name: SCALARS[name] for name in names}
    ends = {name: ends_of(world, name) for name in names}
    summary, expressions = {}, []
    for name in names:
        match draw(st.integers(0, 3)):
            case 0:
                summary[name] = draw(strategies.value_sets(types[name], ends=ends[name]))
            case 1:
                depth = draw(st.sampled_from((0, 2)))
                expressions.append(
                    draw(
                        strategies.conditions(types, arithmetic=False, depth=depth, constants=ends)
                    )
                )
            case 2:
                expressions.append(draw(test_of(name, types[name], ends[name])))
            case _:
                parts = draw(
                    st.lists(test_of(name, types[name], ends[name]), min_size=2, max_size=3)
                )
                joined = draw(st.sampled_from(("$and", "$or")))
                expressions.append(Call(joined, tuple(parts), pa.bool_()))
    return Constraints(summary, tuple(expressions), limit=draw(st.none() | st.integers(1, 5)))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_every_wanted_document_passes_and_exact_conjuncts_hold_for_all_that_do(
    world: World, data: st.DataObject
) -> None:
    constraints = data.draw(predicates(world))
    pushdown = world.check(constraints)
    native = native_of(pushdown)
    assert pushdown.limit_pushed == (native.is_exact and constraints.limit is not None)


@pytest.mark.parametrize("name", [name for name in SCALARS if name.startswith("x")])
def test_every_value_that_a_column_shows_is_found_by_it_and_around_it(
    world: World, name: str
) -> None:
    type_ = SCALARS[name]
    for value in world.held(name):
        for item in (Range.equal(value), Range.less_than(value), Range.greater_than(value)):
            values = SortedRangeSet(type_, (item,), null_allowed=False)
            world.check(Constraints({name: values}))
        greater = Call("$greater_than", (Variable(name, type_), Constant((value,), type_)), BOOLEAN)
        world.check(Constraints(expression=(Call("$not", (greater,), BOOLEAN),)))


# Single rules


def variable(name: str) -> Variable:
    column = RELATION.column(name)
    assert column is not None
    return Variable(name, engine_type(column.type))


def call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def test(name: str, function: str, value: Any) -> Call:
    found = variable(name)
    return call(function, found, Constant((value,), found.type))


test.__test__ = False  # type: ignore[attr-defined]

TEXT, LONG, DOUBLE, DECIMAL, BOOL, BYTES, DAY, MOMENT, LIST, STRUCT = (
    f"x{TYPES.index(type_)}"
    for type_ in (
        *(pa.string(), pa.int64(), pa.float64(), pa.decimal128(38, 9), pa.bool_(), pa.binary()),
        *(pa.date32(), pa.timestamp("ms"), TYPES[14], TYPES[15]),
    )
)
ID = f"_id{TYPES.index(pa.string())}"


def planned(*expressions: Expression, relation: Relation = RELATION, **options: Any) -> Pushdown:
    return plan(Constraints(expression=expressions, **options), relation, DEFAULTS)


def filter_of(*expressions: Expression) -> dict[str, Any]:
    return native_of(planned(*expressions)).filter


def points(name: str, *values: Any) -> SortedRangeSet:
    return SortedRangeSet.of_points(SCALARS[name], values)


def numbers_of(*wanted: Any) -> set[int]:
    """Numbers of the documents whose ``x`` is one of some values of the list, itself."""
    return {number for number, value in enumerate(VALUES) if any(value is each for each in wanted)}


def value_at(*path: Any) -> Any:
    """Return the value of the list that is like another, of the same type too."""
    (like,) = path
    return next(each for each in VALUES if type(each) is type(like) and each == like)


def test_is_null_finds_missing_fields_and_no_arrays_that_hold_null(world: World) -> None:
    is_null = call("$is_null", variable(TEXT))
    passing = world.passing(filter_of(is_null))
    assert numbers_of(None, MISSING, Raw(6, b"")) <= passing
    assert not numbers_of(value_at([None]), value_at(["a", None])) & passing


@pytest.mark.parametrize("name", [TEXT, LIST])
def test_is_not_null_keeps_arrays_that_hold_null(world: World, name: str) -> None:
    passing = world.passing(filter_of(call("$not", call("$is_null", variable(name)))))
    assert numbers_of(value_at([None]), value_at(["a", None]), value_at([])) <= passing


@pytest.mark.parametrize("place", range(len(TYPES)))
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(("some", "null_allowed"), [(False, True), (True, False)])
def test_nullness_of_every_type_of_column(
    world: World, field: str, place: int, *, some: bool, null_allowed: bool
) -> None:
    values = AllOrNoneValueSet(TYPES[place], all=some, null_allowed=null_allowed)
    world.check(Constraints({f"{field}{place}": values}))


def test_an_empty_set_without_null_is_left_to_the_engine() -> None:
    values = AllOrNoneValueSet(TYPES[14], all=False, null_allowed=False)
    pushdown = plan(Constraints({LIST: values}), RELATION, DEFAULTS)
    assert not native_of(pushdown).is_empty
    assert [each.exactness for each in pushdown.decisions] == [Exactness.NOT_PUSHED]


def test_ranges_of_several_columns_are_all_asked_for(world: World) -> None:
    several = [Range.less_than(3), Range.greater_than(100)]
    sets = {
        name: SortedRangeSet.of(pa.int64(), several, null_allowed=False) for name in ("x1", "y1")
    }
    filter_ = native_of(plan(Constraints(sets), RELATION, DEFAULTS)).filter
    assert [each["$or"][0] for each in filter_["$and"]] == [
        {"x": {"$gte": -(2**63), "$lte": 2}},
        {"y": {"$gte": -(2**63), "$lte": 2}},
    ]
    world.check(Constraints(sets))


def test_a_value_or_null_is_asked_for(world: World) -> None:
    values = replace(points(TEXT, "abc"), null_allowed=True)
    pushdown = world.check(Constraints({TEXT: values}))
    passing = world.passing(native_of(pushdown).filter)
    assert numbers_of(None, MISSING) <= passing
    assert not numbers_of("ab", "b") & passing


def test_a_set_of_exclusions_is_none_of_inclusions(world: World) -> None:
    values = EquatableValueSet(pa.string(), ("abc", "b"), white_list=False, null_allowed=False)
    passing = world.passing(native_of(world.check(Constraints({TEXT: values}))).filter)
    assert numbers_of("a", "ab") <= passing
    assert not numbers_of("b", None, MISSING) & passing


def test_days_are_asked_for_as_dates() -> None:
    filter_ = filter_of(test(DAY, "$equal", 1))
    day = {"$gte": DatetimeMS(86_400_000), "$lte": DatetimeMS(2 * 86_400_000 - 1)}
    assert {"x": day} in filter_["$or"]
    stamps = {"$gte": Timestamp(86_400, 0), "$lte": Timestamp(2 * 86_400 - 1, 2**32 - 1)}
    assert {"x": stamps} in filter_["$or"]


def test_times_are_asked_for_to_the_millisecond_and_timestamps_to_the_second() -> None:
    assert filter_of(test(MOMENT, "$equal", 5_000))["$or"] == [
        {"x": {"$eq": DatetimeMS(5_000)}},
        {"x": {"$gte": Timestamp(5, 0), "$lte": Timestamp(5, 2**32 - 1)}},
        {"x": {"$gte": ""}},
    ]
    assert filter_of(test(MOMENT, "$equal", 5_001))["$or"] == [
        {"x": {"$eq": DatetimeMS(5_001)}},
        {"x": {"$gte": ""}},
    ]


def test_decimals_are_asked_for_as_decimals(world: World) -> None:
    wanted = Decimal("0.1")
    ((tests, _),) = (
        (each["x"], 0) for each in filter_of(test(DECIMAL, "$equal", wanted))["$or"][:1]
    )
    assert tests == {"$gte": Decimal128("0.099999999"), "$lte": Decimal128("0.100000001")}
    world.check(Constraints(expression=(test(DECIMAL, "$equal", wanted),)))


@pytest.mark.parametrize("function", ["$not_equal", "$equal", "$less_than", "$greater_than"])
@pytest.mark.parametrize("value", [2.0**70, 1e23, 0.1, 0.015])
def test_floats_are_compared_as_the_shortest_decimals_that_they_are_read_as(
    world: World, function: str, value: float
) -> None:
    for name in (DECIMAL, "x8"):
        type_: Any = SCALARS[name]
        for exact in (Decimal(repr(value)), Decimal(value)):
            unit = Decimal(1).scaleb(-type_.scale)
            rounded = exact.quantize(unit, context=Context(prec=38))
            world.check(Constraints(expression=(test(name, function, rounded),)))


@pytest.mark.parametrize("name", [ID, TEXT])
@pytest.mark.parametrize("text", [HEX, "no hex", "g" * 24, "", HEX.upper(), HEX[:10], "ffff" * 6])
@pytest.mark.parametrize("function", ["$equal", "$not_equal", "$less_than", "$greater_than"])
def test_any_text_can_be_compared_with_object_ids(
    world: World, name: str, text: str, function: str
) -> None:
    world.check(Constraints(expression=(test(name, function, text),)))


def test_an_object_id_is_found_by_its_text_as_an_id_and_as_a_text(world: World) -> None:
    filter_ = filter_of(test(ID, "$equal", HEX))
    assert {"_id": {"$in": [HEX, ObjectId(HEX)]}} in filter_["$or"]
    passing = world.passing(filter_of(test(TEXT, "$equal", HEX)))
    assert numbers_of(HEX, value_at(ObjectId(HEX))) <= passing


def test_a_range_of_texts_is_one_of_object_ids() -> None:
    between = [
        test(TEXT, "$greater_than_or_equal", "507f1f"),
        test(TEXT, "$less_than", "60"),
    ]
    low, high = (filter_of(each)["$or"] for each in between)
    assert {"x": {"$gte": ObjectId("507f1f" + "0" * 18)}} in low
    assert {"x": {"$lt": ObjectId("60" + "0" * 22)}} in high


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("5", "5" + "0" * 23),
        ("5~", "6" + "0" * 23),
        ("5G", "5a" + "0" * 22),
        ("ff~", None),
        ("g", None),
        (HEX, HEX),
        (HEX + "0", HEX[:-1] + "2"),
        ("f" * 25, None),
    ],
)
def test_the_first_object_id_of_a_range(world: World, text: str, first: str | None) -> None:
    found = [each["x"] for each in filter_of(test(TEXT, "$greater_than_or_equal", text))["$or"]]
    ids = [each["$gte"] for each in found if isinstance(each.get("$gte"), ObjectId)]
    assert ids == ([] if first is None else [ObjectId(first)])
    world.check(Constraints(expression=(test(TEXT, "$greater_than_or_equal", text),)))


def test_unequal_keeps_nan(world: World) -> None:
    unequal = world.passing(filter_of(test(DOUBLE, "$not_equal", 5.0)))
    not_less = world.passing(filter_of(call("$not", test(DOUBLE, "$less_than", 5.0))))
    nans = {number for number, each in enumerate(VALUES) if repr(each) == "nan"}
    assert nans
    assert nans <= unequal & not_less


def test_unequal_keeps_arrays_in_which_an_element_is_equal(world: World) -> None:
    assert numbers_of(value_at(["abc"])) <= world.passing(
        filter_of(test(TEXT, "$not_equal", "abc"))
    )


def test_nothing_distinct_from_nan_is_lost(world: World) -> None:
    distinct = test(DOUBLE, "$is_distinct_from", math.nan)
    for expression in (distinct, call("$not", distinct)):
        world.check(Constraints(expression=(expression,)))


UNKNOWN = call(
    "$equal", Call("$nullif", (variable(TEXT), variable("y0")), pa.string()), variable(TEXT)
)


def test_a_part_of_or_that_can_not_be_asked_for_leaves_all_of_it_out() -> None:
    pushdown = planned(call("$or", test(TEXT, "$equal", "abc"), UNKNOWN))
    assert native_of(pushdown).filter == {}
    (decision,) = pushdown.decisions
    assert decision.exactness is Exactness.NOT_PUSHED
    assert decision.reason == "What is calculated is evaluated here."


def test_a_part_of_and_that_can_not_be_asked_for_leaves_the_others() -> None:
    equal = test(TEXT, "$equal", "a.c")
    both = planned(call("$or", call("$and", equal, UNKNOWN), equal))
    assert native_of(both).filter == filter_of(equal)
    assert not native_of(both).is_exact
    pushdown = planned(call("$and", equal, UNKNOWN))
    assert [each.exactness for each in pushdown.decisions] == [
        Exactness.EXACT,
        Exactness.NOT_PUSHED,
    ]


@pytest.mark.parametrize("outer", ["$and", "$or"])
def test_not_of_nested_and_and_or_follows_three_valued_logic(world: World, outer: str) -> None:
    inner = "$or" if outer == "$and" else "$and"
    nested = call(
        outer,
        test(TEXT, "$equal", "abc"),
        call(inner, test("y1", "$equal", 5), test("y9", "$equal", value=True)),
    )
    world.check(Constraints(expression=(call("$not", nested),)))
    filter_ = filter_of(call("$not", nested))
    assert world.passing(filter_) >= world.wanted((call("$not", nested),)) != set()


def test_a_false_part_makes_not_and_true_where_another_is_null(world: World) -> None:
    both = call("$and", test("y1", "$equal", 5), test(TEXT, "$equal", "zzz"))
    nulls = world.wanted((call("$is_null", variable("y1")),))
    texts = world.wanted((call("$not", call("$is_null", variable(TEXT))),))
    passing = world.passing(filter_of(call("$not", both)))
    assert nulls & texts
    assert nulls & texts <= passing


def test_a_contradiction_asks_nobody() -> None:
    none = plan(Constraints({TEXT: SortedRangeSet.none(pa.string())}), RELATION, DEFAULTS)
    assert native_of(none).is_empty
    assert [each.exactness for each in none.decisions] == [Exactness.EXACT]
    assert native_of(planned(test(TEXT, "$equal", None))).is_empty
    assert native_of(planned(limit=0)).is_empty
    assert not native_of(planned(test(TEXT, "$equal", "a"), limit=1)).is_empty


EXACT = test(TEXT, "$equal", "a.c")


def test_a_limit_is_pushed_behind_an_exact_filter_alone() -> None:
    exact = planned(EXACT, limit=5)
    assert (exact.limit_pushed, native_of(exact).server_limit) == (True, 5)
    assert planned(limit=5).limit_pushed
    superset = planned(test(LONG, "$equal", 5), limit=5)
    assert (superset.limit_pushed, native_of(superset).server_limit) == (False, None)
    assert native_of(superset).limit == 5
    assert superset.limit_reason == "Not all of the predicate is evaluated exactly by the server."


def test_neither_order_nor_its_limit_is_pushed() -> None:
    order = (OrderBy(ID, Direction.ASC_NULLS_FIRST),)
    pushdown = planned(EXACT, limit=5, order_by=order)
    native = native_of(pushdown)
    assert not pushdown.limit_pushed
    assert not pushdown.order_pushed
    assert (native.limit, native.server_limit) == (None, None)
    assert pushdown.limit_reason.startswith("The server orders values of several types")


@pytest.mark.parametrize(
    "expression",
    [
        EXACT,
        call(
            "$in",
            variable(TEXT),
            Call("$array", (Constant(("a", "a.c"), pa.string()),), pa.list_(pa.null())),
        ),
        test(TEXT, "$equal", "false"),
        test(BOOL, "$equal", value=True),
        variable(BOOL),
        call("$not", variable(BOOL)),
        call("$is_null", variable(BOOL)),
        call("$is_null", variable(BYTES)),
        call("$is_null", variable(LIST)),
        call("$not", call("$is_null", variable(LIST))),
        call("$not", call("$is_null", variable(BYTES))),
    ],
    ids=repr,
)
def test_what_no_other_type_of_value_can_disturb_is_exact(
    world: World, expression: Expression
) -> None:
    assert native_of(world.check(Constraints(expression=(expression,)))).is_exact


def test_a_prefix_is_a_range_and_a_piece_a_regular_expression() -> None:
    prefix, piece = (filter_of(test(TEXT, "$like_pattern", each)) for each in ("ab%", "%a.c%"))
    assert {"x": {"$gte": "ab", "$lt": "ac"}} in prefix["$or"]
    assert {"x": {"$regex": Regex(r"a\.c")}} in piece["$or"]


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, "%abc%", "abc%", "%\n%", "a\0%", "%\0%", "%" + "a" * 40_000 + "%"]
)
@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("name", [TEXT, ID, "json"])
def test_like_loses_no_text_not_even_one_that_is_no_utf8(
    world: World, name: str, pattern: str, *, negated: bool
) -> None:
    like = test(name, "$like_pattern", pattern)
    world.check(Constraints(expression=(call("$not", like) if negated else like,)))


def test_texts_are_compared_by_their_bytes_where_the_collection_does_not() -> None:
    relation = replace(RELATION, collection=Collection("test", "all", collation="en"))
    assert native_of(planned(EXACT, relation=relation)).collation == {"locale": "simple"}
    assert native_of(planned(EXACT)).collation is None


def test_texts_of_a_view_with_a_collation_are_compared_here(mongodb: MongoDb) -> None:
    database = mongodb.client()[mongodb.create_database()]
    database["base"].insert_many([{"x": "abc"}, {"x": "ABC"}, {"x": "b"}])
    collation = {"locale": "en", "strength": 2}
    database.command({"create": "view", "viewOn": "base", "pipeline": [], "collation": collation})
    relation = replace(
        RELATION, collection=Collection("test", "view", is_view=True, collation="en")
    )
    tests = {
        "$equal": {"abc"},
        "$not_equal": {"ABC", "b"},
        "$less_than": {"ABC"},
        "$greater_than_or_equal": {"abc", "b"},
    }
    for function, wanted in tests.items():
        pushdown = planned(test(TEXT, function, "abc"), relation=relation)
        native = native_of(pushdown)
        assert native.collation is None
        assert not native.is_exact
        assert {each["x"] for each in database["view"].find(native.filter)} >= wanted
    contained = native_of(planned(test(TEXT, "$like_pattern", "%a.c%"), relation=relation))
    assert contained.filter == filter_of(call("$not", call("$is_null", variable(TEXT))))


def test_long_lists_are_one_filter_and_what_is_too_long_is_left_out(world: World) -> None:
    many = [f"value {number}" for number in range(20_000)]
    native = native_of(plan(Constraints({TEXT: points(TEXT, *many)}), RELATION, DEFAULTS))
    assert len(native.filter["x"]["$in"]) == 20_000
    assert native.is_exact
    assert world.passing(native.filter) == set()
    long = points(TEXT, *(f"{number}" * 100_000 for number in range(100, 150)))
    pushdown = plan(Constraints({TEXT: long, "y0": points(TEXT, "a.c")}), RELATION, DEFAULTS)
    assert native_of(pushdown).filter.keys() == {"y"}
    reasons = [each.reason for each in pushdown.decisions]
    assert reasons == ["The filter would be longer than the server takes it.", ""]


@pytest.mark.parametrize("name", [LONG, DOUBLE, DECIMAL, MOMENT, DAY, BYTES, TEXT])
def test_many_values_lose_none(world: World, name: str) -> None:
    held = world.held(name)
    others = list(map(_converted(name), range(400, 1200, 2)))
    world.check(Constraints({name: points(name, *held, *others)}))
    world.check(
        Constraints({name: replace(points(name, *held, *others).complement(), null_allowed=False)})
    )


def _converted(name: str) -> Any:
    match kind_of(SCALARS[name]):
        case Kind.FLOAT:
            return float
        case Kind.DECIMAL:
            return Decimal
        case Kind.TEXT:
            return str
        case Kind.BYTES:
            return bytes
        case _:
            return int


def test_an_expression_that_is_nested_too_deep_is_not_pushed(world: World) -> None:
    expression: Expression = EXACT
    for depth in range(29):
        function = "$or" if depth % 2 else "$and"
        expression = call(function, expression, test("y1", "$not_equal", depth))
    world.check(Constraints(expression=(expression,)))
    for _ in range(10):
        expression = call("$not", expression)
    (decision,) = planned(expression).decisions
    assert decision.reason == "The expression is nested more than 30 levels deep."


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (Column("c", pa.string(), ""), "The column holds the fields that are no columns."),
        (Column("c", pa.string(), "a.b"), "The field's name has a special meaning in a filter."),
        (Column("c", pa.string(), "$a"), "The field's name has a special meaning in a filter."),
        (
            Column("c", pa.string(), "c", others=("C",)),
            "The column shows fields whose names differ by case.",
        ),
        (Column("c", pa.string(), "c", is_spelled=False), "The field is looked for in any case."),
        (Column("d", pa.string(), "d"), "The collection has no such column."),
    ],
)
def test_a_column_that_no_field_stands_for_is_not_asked_for(column: Column, reason: str) -> None:
    relation = Relation(Collection("test", "all"), (column,))
    values = SortedRangeSet.of_points(pa.string(), ("a",))
    pushdown = plan(Constraints({"c": values}), relation, DEFAULTS)
    assert pushdown.decisions == (
        type(pushdown.decisions[0])(ColumnDomain("c", values), Exactness.NOT_PUSHED, reason=reason),
    )


def test_fields_of_any_case_are_not_asked_for_but_the_id_is() -> None:
    anyhow = Settings(disable_projection_and_casing=True)
    expressions = (test(TEXT, "$equal", "a.c"), test(ID, "$equal", "a.c"))
    native = native_of(plan(Constraints(expression=expressions), RELATION, anyhow))
    assert native.filter == {"_id": {"$eq": "a.c"}}


def test_fields_are_asked_for_in_their_own_case() -> None:
    relation = Relation(Collection("test", "all"), (Column("userId", pa.string(), "userId"),))
    values = SortedRangeSet.of_points(pa.string(), ("a.c",))
    native = native_of(plan(Constraints({"userId": values}), relation, DEFAULTS))
    assert native.filter == {"userId": {"$eq": "a.c", "$not": {"$type": "array"}}}


@pytest.mark.parametrize(
    ("name", "value"), [(ID, HEX), (ID, "abc"), (ID, "5"), (TEXT, "a.c"), (LONG, 5), (TEXT, HEX)]
)
def test_looking_up_a_value_uses_the_index(world: World, name: str, value: Any) -> None:
    world.collection.create_index("x")
    filter_ = filter_of(test(name, "$equal", value))
    command = {"find": world.collection.name, "filter": filter_}
    told = world.collection.database.command("explain", command, verbosity="queryPlanner")
    winning = str(told["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in winning
    assert "COLLSCAN" not in winning


def test_a_decision_tells_the_filter_on_one_line() -> None:
    (decision,) = planned(EXACT).decisions
    assert decision.native == '{"x": {"$eq": "a.c", "$not": {"$type": "array"}}}'
