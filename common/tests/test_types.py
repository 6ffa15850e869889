"""Any Arrow column becomes exactly the engine's column, by value, or an error.

Columns of every type, nested in each other and sliced, are cast and read back physically;
what they have to hold is worked out in plain Python from the same values.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import (
    ColumnNotFoundError,
    DataConversionError,
    UnsupportedTypeError,
)
from athena_connectors.common.testing.strategies import batches, schemas
from athena_connectors.common.types import (
    ENGINE_TYPES,
    cast_batch,
    check_schema,
    engine_type,
    rows_without_columns,
)
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

INT64 = st.integers(-(2**63), 2**63 - 1)
MILLIS = st.one_of(
    st.integers(-(2**51), 2**51 - 1),
    st.sampled_from([-1, 0, 1, -(2**51), 2**51 - 1, -86_400_000]),
)
SECONDS = st.integers(-(2**51) // 1000 + 1, 2**51 // 1000 - 1)


@dataclass(frozen=True)
class Case:
    """A source type, its stored values, its engine type, and the value that has to come out."""

    source: Any
    values: st.SearchStrategy[Any]
    engine: Any
    expected: Callable[[Any], Any] = lambda value: value


def half(value: float) -> float:
    return float(struct.unpack("<e", struct.pack("<e", value))[0])


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    context = Context(prec=80)
    limit = 10**digits - 1
    return st.integers(-limit, limit).map(lambda n: Decimal(n).scaleb(-scale, context))


def clock_text(per_second: int, digits: int) -> Callable[[int], str]:
    def text(ticks: int) -> str:
        seconds, fraction = divmod(ticks, per_second)
        shown = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{shown}.{fraction:0{digits}}" if digits else shown

    return text


def duration_text(per_second: int) -> Callable[[int], str]:
    def text(ticks: int) -> str:
        shown = format(Decimal(ticks) / per_second, "f")
        return f"PT{shown.rstrip('0').rstrip('.') if '.' in shown else shown}S"

    return text


def packed(per_milli: int, key: int) -> Callable[[int], int]:
    return lambda ticks: (ticks // per_milli) * 4096 + key


SAME = [
    Case(type_, values, type_)
    for type_, values in (
        (pa.bool_(), st.booleans()),
        (pa.int8(), st.integers(-128, 127)),
        (pa.int64(), INT64),
        (pa.float64(), st.floats(allow_nan=False)),
        (pa.string(), st.text()),
        (pa.binary(), st.binary()),
        (pa.decimal128(38, 5), decimals(38, 5)),
        (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
        (pa.date64(), INT64),
        (pa.timestamp("ms", "Asia/Tokyo"), INT64),
    )
]
CONVERTED = [
    Case(pa.uint8(), st.integers(0, 255), pa.int16()),
    Case(pa.uint16(), st.integers(0, 2**16 - 1), pa.int32()),
    Case(pa.uint32(), st.integers(0, 2**32 - 1), pa.int64()),
    Case(pa.uint64(), st.integers(0, 2**64 - 1), pa.decimal128(20, 0), Decimal),
    Case(pa.float16(), st.floats(-60000, 60000).map(half), pa.float32()),
    Case(pa.large_string(), st.text(), pa.string()),
    Case(pa.string_view(), st.text(), pa.string()),
    Case(pa.large_binary(), st.binary(), pa.binary()),
    Case(pa.binary_view(), st.binary(), pa.binary()),
    Case(pa.binary(3), st.binary(min_size=3, max_size=3), pa.binary()),
    Case(pa.decimal32(7, 3), decimals(7, 3), pa.decimal128(7, 3)),
    Case(pa.decimal64(18, 0), decimals(18, 0), pa.decimal128(18, 0)),
    Case(pa.decimal256(38, 9), decimals(38, 9), pa.decimal128(38, 9)),
    Case(pa.decimal256(50, 20), decimals(50, 20), pa.string(), lambda v: format(v, "f")),
    Case(pa.decimal128(5, -2), decimals(5, -2), pa.decimal128(7, 0)),
    Case(pa.timestamp("s"), SECONDS, pa.date64(), lambda v: v * 1000),
    Case(pa.timestamp("ms"), INT64, pa.date64()),
    Case(pa.timestamp("us"), INT64, pa.date64(), lambda v: v // 1000),
    Case(pa.timestamp("ns"), INT64, pa.date64(), lambda v: v // 10**6),
    Case(
        pa.timestamp("s", "UTC"),
        SECONDS,
        pa.timestamp("ms", "UTC"),
        lambda v: v * 4096000,
    ),
    Case(
        pa.timestamp("us", "+05:30"),
        MILLIS.map(lambda v: v * 1000 + 999),
        pa.timestamp("ms", "+05:30"),
        packed(1000, 1170),
    ),
    Case(
        pa.timestamp("ns", "America/New_York"),
        INT64,
        pa.timestamp("ms", "America/New_York"),
        packed(10**6, 1847),
    ),
    Case(pa.time32("s"), st.integers(0, 86399), pa.string(), clock_text(1, 0)),
    Case(pa.time32("ms"), st.integers(0, 86399999), pa.string(), clock_text(1000, 3)),
    Case(pa.time64("us"), st.integers(0, 86399999999), pa.string(), clock_text(10**6, 6)),
    Case(pa.time64("ns"), st.integers(0, 86399999999999), pa.string(), clock_text(10**9, 9)),
    Case(pa.duration("s"), st.integers(-(10**12), 10**12), pa.string(), duration_text(1)),
    Case(pa.duration("us"), INT64, pa.string(), duration_text(10**6)),
    Case(pa.duration("ns"), INT64, pa.string(), duration_text(10**9)),
    Case(pa.null(), st.none(), pa.string()),
]


def columns_of(case: Case) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | case.values, max_size=6)


def stored(values: list[Any], type_: Any) -> Any:
    """A column of such stored values; Arrow takes no floats for half floats."""
    if type_ == pa.float16():
        return pa.array(values, pa.float32()).cast(type_)
    return pa.array(values, type_)


def read(column: Any) -> list[Any]:
    """The values as the engine sees them in the buffers."""
    type_ = column.type
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        bits = 32 if pa.types.is_date32(type_) else 64
        return list(column.view(pa.int32() if bits == 32 else pa.int64()).to_pylist())
    if pa.types.is_struct(type_):
        members = [read(member) for member in column.flatten()]
        rows = zip(*members, strict=True)
        return [
            dict(zip(type_.names, row, strict=True)) if valid else None
            for row, valid in zip(rows, column.is_valid().to_pylist(), strict=True)
        ]
    if pa.types.is_map(type_):
        return [
            None if entries is None else [tuple(entry.values()) for entry in entries]
            for entries in read(column.cast(pa.list_(pa.struct(map_fields(type_)))))
        ]
    if pa.types.is_list(type_):
        return [read(item.values) if item.is_valid else None for item in column]
    return list(column.to_pylist())


def map_fields(type_: Any) -> list[Any]:
    return [type_.key_field, type_.item_field]


def cast(column: Any, type_: Any) -> Any:
    batch = pa.RecordBatch.from_arrays([column], ["c"])
    result = cast_batch(batch, pa.schema([("c", type_)]), table="s.t")
    result.validate()
    assert result.schema.types == [type_]
    assert result.num_rows == len(column)
    return result.column(0)


def converted(column: Any) -> Any:
    declared = engine_type(column.type)
    check_schema(pa.schema([("c", declared)]), table="s.t")
    return cast(column, declared)


def expect(case: Case, values: list[Any]) -> list[Any]:
    with localcontext(Context(prec=80)):
        return [None if value is None else case.expected(value) for value in values]


@pytest.mark.parametrize("case", SAME + CONVERTED, ids=lambda case: str(case.source))
@given(data=st.data())
def test_columns_of_every_type(case: Case, data: st.DataObject) -> None:
    values = data.draw(columns_of(case))
    column = stored([None, *values, None], case.source).slice(1, len(values))
    assert engine_type(case.source) == case.engine
    assert read(converted(column)) == expect(case, values)


@dataclass(frozen=True)
class Nesting:
    """A way to nest a column in another, what it has to become, and its values."""

    wrap: Callable[[Any], Any]
    engine: Callable[[Any], Any]
    values: Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]
    expected: Callable[[Callable[[Any], Any], Any], Any]


def lists(wrap: Callable[[Any], Any], sizes: dict[str, int]) -> Nesting:
    return Nesting(
        wrap,
        pa.list_,
        lambda items: st.lists(items, **sizes),
        lambda inner, value: [inner(item) for item in value],
    )


NESTINGS = {
    "list": lists(pa.list_, {"max_size": 3}),
    "list, not null": lists(lambda t: pa.list_(pa.field("x", t, nullable=True)), {"max_size": 3}),
    "large list": lists(pa.large_list, {"max_size": 3}),
    "fixed size list": lists(lambda t: pa.list_(t, 2), {"min_size": 2, "max_size": 2}),
    "list view": lists(pa.list_view, {"max_size": 3}),
    "large list view": lists(pa.large_list_view, {"max_size": 3}),
    "struct": Nesting(
        lambda t: pa.struct([("a", t), ("b", pa.uint8())]),
        lambda t: pa.struct([("a", t), ("b", pa.int16())]),
        lambda items: st.fixed_dictionaries({"a": items, "b": st.integers(0, 255)}),
        lambda inner, value: {"a": inner(value["a"]), "b": value["b"]},
    ),
    "map": Nesting(
        lambda t: pa.map_(pa.large_string(), t, keys_sorted=True),
        lambda t: pa.map_(pa.string(), t),
        lambda items: st.lists(st.tuples(st.text(max_size=2), items), max_size=3),
        lambda inner, value: [(key, inner(item)) for key, item in value],
    ),
    "map, other names": Nesting(
        lambda t: pa.map_(pa.field("k", pa.uint8(), nullable=False), pa.field("v", t)),
        lambda t: pa.map_(pa.int16(), t),
        lambda items: st.lists(st.tuples(st.integers(0, 255), items), max_size=3),
        lambda inner, value: [(key, inner(item)) for key, item in value],
    ),
}
LEAVES = [case for case in CONVERTED + SAME if case.source not in (pa.float16(), pa.null())]


def nested(case: Case, kind: str) -> Case:
    nesting = NESTINGS[kind]
    return Case(
        nesting.wrap(case.source),
        nesting.values(st.none() | case.values),
        nesting.engine(case.engine),
        lambda value: nesting.expected(lambda v: None if v is None else case.expected(v), value),
    )


@given(data=st.data())
def test_nested_columns(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(LEAVES))
    for kind in data.draw(st.lists(st.sampled_from(sorted(NESTINGS)), min_size=1, max_size=3)):
        case = nested(case, kind)
    values = data.draw(columns_of(case))
    column = stored([None, *values, None], case.source).slice(1, len(values))
    assert engine_type(case.source) == case.engine
    assert read(converted(column)) == expect(case, values)


@given(data=st.data())
def test_dictionary_encoded_columns(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(LEAVES))
    values = data.draw(columns_of(case))
    places = st.lists(st.none() | st.integers(0, max(len(values) - 1, 0)), min_size=1, max_size=6)
    indices = data.draw(places if values else st.just([None]))
    chosen = [None if place is None else values[place] for place in indices]
    dictionary = pa.DictionaryArray.from_arrays(
        pa.array(indices, pa.int32()), stored(values, case.source)
    )
    assert read(converted(dictionary)) == expect(case, chosen)
    assert read(converted(dictionary.slice(1))) == expect(case, chosen[1:])


@given(data=st.data())
def test_run_end_encoded_columns(data: st.DataObject) -> None:
    # Arrow makes no runs of dates with a time of day.
    case = data.draw(st.sampled_from([case for case in LEAVES if case.source != pa.date64()]))
    values = data.draw(columns_of(case))
    ends = pa.array([2 * place + 2 for place in range(len(values))], pa.int32())
    runs = pa.RunEndEncodedArray.from_arrays(ends, stored(values, case.source))
    repeated = expect(case, [value for value in values for _ in range(2)])
    assert read(converted(runs)) == repeated
    if values:
        assert read(converted(runs.slice(1, len(repeated) - 2))) == repeated[1:-1]


def test_encodings_of_encodings() -> None:
    texts = pa.array(["a", None, "b"], pa.string_view())
    words = pa.DictionaryArray.from_arrays(pa.array([0, 2], pa.int8()), texts)
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int16()), words)
    assert converted(runs).to_pylist() == ["a", "b", "b"]


def test_extension_types_are_their_storage() -> None:
    storage = pa.array([b"0123456789abcdef", None], pa.binary(16))
    column = pa.ExtensionArray.from_storage(pa.uuid(), storage)
    assert converted(column).to_pylist() == [b"0123456789abcdef", None]
    assert engine_type(pa.json_()) == pa.string()


def test_intervals_are_text() -> None:
    column = pa.array(
        [(14, 0, 0), (0, -3, 0), (1, 2, -500_000_000), (0, 0, 0), None],
        pa.month_day_nano_interval(),
    )
    assert converted(column).to_pylist() == ["P14M", "P-3D", "P1M2DT-0.5S", "PT0S", None]


@given(data=st.data())
def test_what_is_hidden_below_null_does_not_matter(data: st.DataObject) -> None:
    """Arrow's buffers may hold anything there: here values that do not fit."""
    hidden = data.draw(st.lists(st.booleans(), min_size=1, max_size=5))
    items = pa.array([300 if null else 1 for null in hidden], pa.int64())
    null = pa.array(hidden)
    offsets = pa.array(range(len(hidden) + 1), pa.int32())
    column = pa.ListArray.from_arrays(offsets, items, mask=null)
    assert cast(column, pa.list_(pa.int8())).to_pylist() == [None if h else [1] for h in hidden]
    rows = pa.StructArray.from_arrays([items], ["a"], mask=null)
    wanted = [None if h else {"a": 1} for h in hidden]
    assert cast(rows, pa.struct([("a", pa.int8())])).to_pylist() == wanted


def test_struct_members_go_by_name() -> None:
    column = pa.array([{"b": 1, "x": 0, "a": "t"}, None])
    target = pa.struct([("a", pa.string()), ("b", pa.int8())])
    assert cast(column, target).to_pylist() == [{"a": "t", "b": 1}, None]
    with pytest.raises(DataConversionError, match="nothing of type struct"):
        cast(column, pa.struct([("a", pa.string()), ("c", pa.int8())]))


# --- decimals, numbers


@given(digits=st.integers(1, 75), target=st.integers(1, 38), data=st.data())
def test_decimals_round_half_up_or_do_not_fit(
    digits: int, target: int, data: st.DataObject
) -> None:
    scale, target_scale = data.draw(st.integers(0, digits)), data.draw(st.integers(0, target))
    source = pa.decimal256(digits, scale)
    coefficient = data.draw(st.integers(-(10**digits) + 1, 10**digits - 1))
    halves = st.just(5 * 10 ** max(scale - target_scale - 1, 0) % 10**digits)
    value = Decimal(data.draw(st.just(coefficient) | halves)).scaleb(-scale, Context(prec=99))
    type_ = pa.decimal128(target, target_scale)
    wide = Context(prec=200, rounding=ROUND_HALF_UP)
    wanted = value.quantize(Decimal(1).scaleb(-target_scale), context=wide)
    column = pa.array([value], source)
    if abs(wanted) < Decimal(10) ** (target - target_scale):
        assert cast(column, type_).to_pylist() == [wanted]
    else:
        with pytest.raises(DataConversionError):
            cast(column, type_)


def test_decimals_with_more_scale_than_digits() -> None:
    wide = pa.array([Decimal("0.00099"), None], pa.decimal128(5, 5))
    narrow = pa.Array.from_buffers(pa.decimal128(2, 5), 2, wide.buffers())
    assert converted(narrow).equals(wide)


@pytest.mark.parametrize("sign", [1, -1])
def test_ties_go_away_from_zero(sign: int) -> None:
    values = [Decimal("0.5"), Decimal("1.5"), Decimal("2.5"), Decimal("9.5")]
    column = pa.array([sign * value for value in values], pa.decimal128(2, 1))
    rounded = [sign * value for value in (1, 2, 3, 10)]
    assert cast(column, pa.decimal128(2, 0)).to_pylist() == rounded
    assert cast(column.cast(pa.float64()), pa.decimal128(2, 0)).to_pylist() == rounded
    assert cast(column.cast(pa.string()), pa.decimal128(2, 0)).to_pylist() == rounded


@given(value=INT64, type_=st.sampled_from([pa.int8(), pa.int16(), pa.int32(), pa.uint64()]))
def test_integers_fit_or_fail_without_being_quoted(value: int, type_: Any) -> None:
    target = engine_type(type_)
    column = pa.array([0, value])
    if pa.types.is_decimal(target) or -(2 ** (target.bit_width - 1)) <= value < 2 ** (
        target.bit_width - 1
    ):
        assert cast(column, target).to_pylist() == [0, value]
        return
    with pytest.raises(DataConversionError) as caught:
        cast(column, target)
    assert "'c' of s.t" in str(caught.value)
    assert str(abs(value)) not in str(caught.value).replace(str(type_), "").replace("int64", "")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_no_error_quotes_a_text() -> None:
    with pytest.raises(DataConversionError) as caught:
        cast(pa.array(["swordfish"]), pa.int32())
    error: BaseException = caught.value
    assert "swordfish" not in repr(error)
    assert error.__context__ is None
    assert caught.value.context == {"table": "s.t", "column": "c"}


def test_floats_stay_finite() -> None:
    column = pa.array([0.1, math.inf, -math.inf, None, 3e38])
    wanted = pa.array([0.1, math.inf, -math.inf, None, 3e38], pa.float32())
    assert cast(column, pa.float32()).equals(wanted)
    assert math.isnan(cast(pa.array([math.nan]), pa.float32())[0].as_py())
    with pytest.raises(DataConversionError):
        cast(pa.array([1.0, 3.5e38]), pa.float32())


def test_numbers_that_lose_nothing() -> None:
    assert cast(pa.array([7, None], pa.int8()), pa.int64()).to_pylist() == [7, None]
    assert cast(pa.array([2.0]), pa.int32()).to_pylist() == [2]
    assert cast(pa.array([-3, 0, 5]), pa.bool_()).to_pylist() == [False, False, True]
    assert cast(pa.array([5]), pa.decimal128(3, 2)).to_pylist() == [Decimal("5.00")]
    assert cast(pa.array([5, None]), pa.string()).to_pylist() == ["5", None]
    with pytest.raises(DataConversionError):
        cast(pa.array([2.5]), pa.int32())


def test_bytes_become_text_only_if_they_are() -> None:
    assert cast(pa.array(["é".encode()]), pa.string()).to_pylist() == ["é"]
    with pytest.raises(DataConversionError):
        cast(pa.array([b"\xff"]), pa.string())


# --- times


def millis(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text", ["1969-12-31T23:59:59.999999", "0001-01-01T00:00:00.000001", "2024-02-29T12:34:56.7899"]
)
def test_a_wall_clock_keeps_its_time_and_rounds_down(text: str) -> None:
    column = pa.array([datetime.fromisoformat(text)], pa.timestamp("us"))
    assert read(converted(column)) == [millis(text)]


def test_dates_and_times_into_each_other() -> None:
    day = pa.array([-1, 19782, None], pa.date32())
    at_midnight = [-86_400_000, 19782 * 86_400_000, None]
    assert read(cast(day, pa.date64())) == at_midnight
    assert read(cast(cast(day, pa.date64()), pa.date32())) == [-1, 19782, None]
    zoned = cast(day, pa.timestamp("ms", "UTC"))
    assert read(zoned) == [None if ms is None else ms << 12 for ms in at_midnight]
    assert read(cast(zoned, pa.date64())) == at_midnight
    with pytest.raises(DataConversionError):
        cast(pa.array([1], pa.timestamp("ms")), pa.date32())


def test_an_instant_without_its_zone() -> None:
    column = pa.array([1_500_001], pa.timestamp("us", "Asia/Tokyo"))
    assert read(cast(column, pa.date64())) == [1500]


def test_a_wall_clock_in_a_zoned_column_is_utc() -> None:
    column = pa.array([1_500_001], pa.timestamp("us"))
    assert read(cast(column, pa.timestamp("ms", "Asia/Tokyo"))) == [1500 << 12]


@given(values=st.lists(INT64 | st.none()))
def test_zoned_milliseconds_are_packed_already(values: list[int | None]) -> None:
    column = pa.array(values, pa.int64()).view(pa.timestamp("ms", "America/New_York"))
    assert read(cast(column, pa.timestamp("ms", "UTC"))) == values


@pytest.mark.parametrize(
    ("column", "target"),
    [
        (pa.array(["2024-01-01"]), pa.date64()),
        (pa.array(["2024-01-01"]), pa.date32()),
        (pa.array([1], pa.timestamp("ms", "UTC")), pa.int64()),
        (pa.array([1], pa.timestamp("ms", "UTC")), pa.string()),
        (pa.array([[1]]), pa.int64()),
        (pa.array([1]), pa.list_(pa.int64())),
        (pa.array([{"a": 1}]), pa.map_(pa.string(), pa.int64())),
    ],
    ids=str,
)
def test_what_is_no_other_is_an_error(column: Any, target: Any) -> None:
    with pytest.raises(DataConversionError, match="nothing of type"):
        cast(column, target)


@pytest.mark.parametrize(
    ("value", "type_"), [(2**62, pa.timestamp("us", "UTC")), (2**62, pa.timestamp("s"))]
)
def test_years_out_of_range_are_an_error(value: int, type_: Any) -> None:
    with pytest.raises(DataConversionError, match=r"'c' of s\.t"):
        converted(pa.array([value], type_))


def test_texts_of_wall_clocks_keep_the_time() -> None:
    column = pa.array([1500], pa.timestamp("ms")).view(pa.date64())
    assert cast(column, pa.string()).to_pylist() == ["1970-01-01 00:00:01.500"]


# --- batches


@given(batch=schemas().flatmap(batches))
def test_a_batch_in_engine_types_stays_the_same_object(batch: pa.RecordBatch) -> None:
    check_schema(batch.schema, table="s.t")
    assert [engine_type(type_) for type_ in batch.schema.types] == batch.schema.types
    assert cast_batch(batch, batch.schema, table="s.t") is batch


def test_columns_are_picked_in_order_without_a_copy() -> None:
    numbers, texts = pa.array([1, 2]), pa.array(["a", "b"])
    batch = pa.RecordBatch.from_arrays([numbers, texts, numbers], ["n", "t", "other"])
    schema = pa.schema([("t", pa.string()), ("n", pa.int64())], metadata={"k": "v"})
    result = cast_batch(batch, schema, table="s.t")
    assert result.schema.equals(schema, check_metadata=True)
    assert [column.buffers()[-1].address for column in result.columns] == [
        texts.buffers()[-1].address,
        numbers.buffers()[-1].address,
    ]


def test_rows_without_columns_are_counted() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1, 2, 3])], ["n"])
    result = cast_batch(batch, pa.schema([]), table="s.t")
    assert (result.num_rows, result.num_columns) == (3, 0)
    assert cast_batch(rows_without_columns(5), pa.schema([]), table="s.t").num_rows == 5


def test_a_missing_column_is_named() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1])], ["n"])
    with pytest.raises(ColumnNotFoundError, match=r"s\.t have no column 'm'"):
        cast_batch(batch, pa.schema([("m", pa.int64())]), table="s.t")


def test_a_column_given_twice_is_named() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], ["n", "n"])
    with pytest.raises(DataConversionError, match=r"s\.t have 2 columns 'n'"):
        cast_batch(batch, pa.schema([("n", pa.int64())]), table="s.t")


# --- what the engine takes

FOREIGN = [
    *(case.source for case in CONVERTED if case.source != pa.null()),
    pa.null(),
    pa.month_day_nano_interval(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.run_end_encoded(pa.int32(), pa.string()),
    pa.timestamp("us", "UTC"),
    pa.decimal256(10, 2),
    pa.uuid(),
    pa.large_list(pa.int32()),
    pa.map_(pa.string(), pa.int32(), keys_sorted=True),
    pa.struct([]),
    pa.dense_union([pa.field("a", pa.int32())]),
]
PLACES: list[Callable[[Any], Any]] = [
    lambda t: t,
    pa.list_,
    lambda t: pa.struct([("a", pa.int8()), ("b", t)]),
    lambda t: pa.map_(pa.string(), t),
    lambda t: pa.list_(pa.struct([("a", pa.map_(pa.int8(), t))])),
]


@pytest.mark.parametrize("type_", FOREIGN, ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_a_foreign_type_is_rejected_wherever_it_is(place: Callable[[Any], Any], type_: Any) -> None:
    schema = pa.schema([("fine", pa.int8()), ("bad", place(type_))])
    with pytest.raises(UnsupportedTypeError) as caught:
        check_schema(schema, table="s.t")
    assert "'bad' of s.t" in str(caught.value)
    assert str(type_) in str(caught.value)


@pytest.mark.parametrize(
    "type_",
    [
        pa.dense_union([pa.field("a", pa.int32())]),
        pa.struct([]),
        pa.list_(pa.struct([])),
        pa.timestamp("us", "Mars/Olympus"),
        pa.list_(pa.timestamp("s", "Mars/Olympus")),
    ],
    ids=str,
)
def test_a_type_without_counterpart_is_an_error(type_: Any) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        engine_type(type_)
    assert caught.value.hint


@given(schema=schemas())
def test_every_engine_type_is_of_one_kind(schema: pa.Schema) -> None:
    for type_ in schema.types:
        assert sum(kind.fits(type_) for kind in ENGINE_TYPES) == 1


def test_nothing_else_is_of_a_kind() -> None:
    assert not [str(t) for t in FOREIGN if any(kind.fits(t) for kind in ENGINE_TYPES)]
    assert len({kind.name for kind in ENGINE_TYPES}) == len(ENGINE_TYPES)
