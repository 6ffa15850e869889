"""Hypothesis strategies for what a connector meets: types, values, predicates, batches.

Values are physical (see ``valueset``) and lean to the edges that sources get wrong: ends
of ranges, NaN and -0.0, texts beyond the basic plane or with wildcards, decimals of 38
digits, times before 1970, one instant in two zones. Small alphabets and few numbers make
equal values meet.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
    sort_key,
)
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.valueset import Value, ValueSet

__all__ = [
    "batches",
    "column_of",
    "conditions",
    "decimal_types",
    "nested_types",
    "ranges",
    "scalar_types",
    "schemas",
    "sorted_range_sets",
    "value_sets",
    "values",
]

_EXACT = Context(prec=60)
_ZONE_KEYS = (0, 361, 1170, 1847, 4095)
_TEXTS = ("", " ", "a", "a ", "A", "ab", "\\", "%", "_", "a%b_", "\n", "\0", "é", "e\u0301")
_FAR_TEXTS = ("\ud7ff", "\ue000", "\uffff", "\U00010000", "a\U0001f600", "a\uffff", "\U0010ffff")
_ALPHABET = "ab%_\\ \n\ue000\U00010000"

_FIXED_TYPES: tuple[pa.DataType, ...] = (
    pa.bool_(),
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.float32(),
    pa.float64(),
    pa.string(),
    pa.binary(),
    pa.date32(),
    pa.date64(),
    pa.timestamp("ms", "UTC"),
)


def decimal_types() -> st.SearchStrategy[pa.DataType]:
    """Return ``decimal128`` types of every precision and scale the engine takes."""
    precisions = st.one_of(st.just(38), st.integers(1, 38))
    return precisions.flatmap(
        lambda precision: st.integers(0, precision).map(
            lambda scale: pa.decimal128(precision, scale)
        )
    )


def scalar_types() -> st.SearchStrategy[pa.DataType]:
    """Return every engine type that has an order."""
    return st.one_of(st.sampled_from(_FIXED_TYPES), decimal_types())


def nested_types() -> st.SearchStrategy[pa.DataType]:
    """Return lists, structs and maps of scalar types."""
    return st.one_of(
        st.sampled_from(_FIXED_TYPES).map(pa.list_),
        st.sampled_from(_FIXED_TYPES).map(lambda type_: pa.struct([("field", type_)])),
        st.sampled_from(_FIXED_TYPES).map(lambda type_: pa.map_(pa.string(), type_)),
    )


def values(type_: pa.DataType) -> st.SearchStrategy[Any]:
    """Return physical values of a scalar type; never ``None``."""
    return _VALUES[kind_of(type_)](type_)


def _integers(bits: int) -> st.SearchStrategy[int]:
    least, greatest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    edges = st.sampled_from((least, least + 1, -1, 0, 1, greatest - 1, greatest))
    return st.one_of(edges, st.integers(-5, 5), st.integers(least, greatest))


def _instants() -> st.SearchStrategy[int]:
    packed = lambda instant, zone: instant << ZONE_BITS | zone  # noqa: E731 - no name needed
    return st.builds(packed, _integers(64 - ZONE_BITS), st.sampled_from(_ZONE_KEYS))


def _floats(type_: Any) -> st.SearchStrategy[float]:
    edges = (float("nan"), float("inf"), float("-inf"), -0.0, 0.0, -1.0, 0.5, 1.0, 2.0)
    return st.one_of(st.sampled_from(edges), st.floats(width=type_.bit_width))


def _decimals(type_: Any) -> st.SearchStrategy[Decimal]:
    greatest = 10**type_.precision - 1
    edges = st.sampled_from((-greatest, -1, 0, 1, greatest))
    unscaled = st.one_of(edges, st.integers(-greatest, greatest), st.integers(-9, 9))
    return unscaled.map(lambda number: Decimal(number).scaleb(-type_.scale, _EXACT))


def _texts() -> st.SearchStrategy[str]:
    edges = st.sampled_from((*_TEXTS, *_FAR_TEXTS))
    return st.one_of(edges, st.text(_ALPHABET, max_size=4))


def _binaries() -> st.SearchStrategy[bytes]:
    edges = st.sampled_from((b"", b"\0", b"\x7f", b"\x80", b"\xff", b"a", b"a\0"))
    return st.one_of(edges, st.binary(max_size=3))


_VALUES: dict[Kind, Callable[[Any], st.SearchStrategy[Any]]] = {
    Kind.INTEGER: lambda type_: _integers(type_.bit_width),
    Kind.DATE: lambda type_: _integers(type_.bit_width),
    Kind.DATETIME: lambda type_: _integers(type_.bit_width),
    Kind.INSTANT: lambda type_: _instants(),  # noqa: ARG005 - all are of one type
    Kind.FLOAT: _floats,
    Kind.DECIMAL: _decimals,
    Kind.TEXT: lambda type_: _texts(),  # noqa: ARG005
    Kind.BYTES: lambda type_: _binaries(),  # noqa: ARG005
    Kind.BOOLEAN: lambda type_: st.booleans(),  # noqa: ARG005
}


def column_of(values: Sequence[Value | None], type_: pa.DataType) -> pa.Array[Any]:
    """Return a column of an engine type with the given physical values in its buffers."""
    stored: Any = _STORED.get(kind_of(type_), type_)
    column: pa.Array[Any] = pa.array(values, stored).view(type_)
    return column


_STORED = {Kind.DATE: pa.int32(), Kind.DATETIME: pa.int64(), Kind.INSTANT: pa.int64()}


def schemas(*, max_columns: int = 4) -> st.SearchStrategy[pa.Schema]:
    """Return schemas of one to ``max_columns`` scalar columns, named ``c0``, ``c1`` and so on."""
    return st.lists(scalar_types(), min_size=1, max_size=max_columns).map(
        lambda types: pa.schema([(f"c{place}", type_) for place, type_ in enumerate(types)])
    )


@st.composite
def batches(
    draw: st.DrawFn, schema: pa.Schema, *, min_rows: int = 0, max_rows: int = 12
) -> pa.RecordBatch:
    """Return batches of a schema of scalar columns; some are slices of larger ones."""
    rows = draw(st.integers(min_rows, max_rows))
    before = draw(st.sampled_from((0, 3)))
    count = before + rows
    columns = [
        column_of(
            draw(st.lists(st.none() | values(field.type), min_size=count, max_size=count)),
            field.type,
        )
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema).slice(before)


@st.composite
def ranges(
    draw: st.DrawFn, type_: pa.DataType, *, ends: st.SearchStrategy[Any] | None = None
) -> Range:
    """Return ranges of a scalar type, which end at any values if not at certain ones."""
    ends = values(type_) if ends is None else ends
    one, two = draw(ends), draw(ends)
    low, high = sorted((one, two), key=lambda value: sort_key(type_, value))
    below, above = draw(st.booleans()), draw(st.booleans())
    if sort_key(type_, low) == sort_key(type_, high):
        below = above = True
    between = Range.between(low, high, low_inclusive=below, high_inclusive=above)
    shapes = [
        between,
        Range.equal(one),
        Range.less_than(one),
        Range.at_most(one),
        Range.greater_than(one),
        Range.at_least(one),
        Range.all(),
    ]
    return draw(st.sampled_from(shapes))


def sorted_range_sets(
    type_: pa.DataType, *, ends: st.SearchStrategy[Any] | None = None
) -> st.SearchStrategy[SortedRangeSet]:
    """Return range sets of a scalar type: ranges, IN lists and NOT IN lists.

    Args:
        type_: Type of the values.
        ends: Values that occur, instead of any.
    """
    ends = values(type_) if ends is None else ends
    free = st.builds(
        lambda items, null_allowed: SortedRangeSet.of(type_, items, null_allowed=null_allowed),
        st.lists(ranges(type_, ends=ends), max_size=5),
        st.booleans(),
    )
    points = st.builds(
        lambda items, null_allowed: SortedRangeSet.of_points(
            type_, items, null_allowed=null_allowed
        ),
        st.lists(ends, max_size=6),
        st.booleans(),
    )
    return st.one_of(free, points, points.map(lambda item: item.complement()))


def value_sets(
    type_: pa.DataType, *, ends: st.SearchStrategy[Any] | None = None
) -> st.SearchStrategy[ValueSet]:
    """Return value sets of every class for a scalar type; ``ends`` as above."""
    ends = values(type_) if ends is None else ends
    equatable = st.builds(
        EquatableValueSet,
        st.just(type_),
        st.lists(ends, max_size=4).map(tuple),
        st.booleans(),
        st.booleans(),
    )
    all_or_none = st.builds(AllOrNoneValueSet, st.just(type_), st.booleans(), st.booleans())
    return st.one_of(sorted_range_sets(type_, ends=ends), equatable, all_or_none)


_COMPARISONS = (
    "$equal",
    "$not_equal",
    "$less_than",
    "$less_than_or_equal",
    "$greater_than",
    "$greater_than_or_equal",
    "$is_distinct_from",
)
_ARITHMETIC = ("$add", "$subtract", "$multiply", "$divide", "$modulus")
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})


def conditions(
    columns: Mapping[str, pa.DataType],
    *,
    arithmetic: bool = True,
    depth: int = 3,
    constants: Mapping[str, st.SearchStrategy[Any]] | None = None,
) -> st.SearchStrategy[Expression]:
    """Return boolean expressions over scalar columns, with all functions of the protocol.

    Args:
        columns: Name and type of each column that may occur.
        arithmetic: Whether numbers are calculated with; such an expression may fail.
        depth: Levels of AND, OR and NOT at most.
        constants: Values next to each column, instead of any of its type.
    """
    sources = {name: values(type_) for name, type_ in columns.items()} | dict(constants or {})
    leaves = st.sampled_from(sorted(columns)).flatmap(
        lambda name: _tests(name, columns, constants=sources[name], arithmetic=arithmetic)
    )
    if depth == 0:
        return leaves
    parts = conditions(columns, arithmetic=arithmetic, depth=depth - 1, constants=constants)
    joined = st.builds(
        lambda function, items: Call(function, tuple(items), pa.bool_()),
        st.sampled_from(("$and", "$or")),
        st.lists(parts, min_size=1, max_size=3),
    )
    return st.one_of(leaves, leaves, joined, parts.map(lambda item: _call("$not", item)))


def _call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def _tests(
    name: str,
    columns: Mapping[str, pa.DataType],
    *,
    constants: st.SearchStrategy[Any],
    arithmetic: bool,
) -> st.SearchStrategy[Expression]:
    type_ = columns[name]
    operands = _operands(type_, columns, constants=constants, arithmetic=arithmetic)
    compared = st.builds(_call, st.sampled_from(_COMPARISONS), operands, operands)
    null = st.builds(_call, st.just("$is_null"), operands)
    arrays = _arrays(type_, constants)
    listed = st.builds(lambda item, array: _call("$in", item, array), operands, arrays)
    tests: list[st.SearchStrategy[Any]] = [compared, null, listed]
    if kind_of(type_) is Kind.TEXT:
        tests.append(st.builds(_call, st.just("$like_pattern"), operands, operands))
    if kind_of(type_) is Kind.BOOLEAN:
        tests.append(operands)
    return st.one_of(tests)


def _operands(
    type_: pa.DataType,
    columns: Mapping[str, pa.DataType],
    *,
    constants: st.SearchStrategy[Any],
    arithmetic: bool,
) -> st.SearchStrategy[Expression]:
    """Return expressions that can be compared with values of a type."""
    kind = kind_of(type_)
    kinds = _NUMBERS if kind in _NUMBERS else {kind}
    alike = [(name, other) for name, other in columns.items() if kind_of(other) in kinds]
    variables = st.sampled_from(alike).map(lambda item: Variable(*item))
    constant = (st.none() | constants).map(lambda value: Constant((value,), type_))
    plain = st.one_of(variables, constant)
    choices = [plain, plain, st.builds(_typed("$nullif", type_), plain, plain)]
    if arithmetic and kind in _NUMBERS:
        function = st.sampled_from(_ARITHMETIC)
        inner = st.one_of(plain, st.builds(_typed("$negate", type_), plain))
        calculated = function.flatmap(lambda name: st.builds(_typed(name, type_), inner, inner))
        choices += [inner, calculated]
    return st.one_of(choices)


def _typed(function: str, type_: pa.DataType) -> Any:
    return lambda *arguments: Call(function, arguments, type_)


def _arrays(type_: pa.DataType, constants: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    """Return lists of constants, some of them batched into one constant."""
    batched = st.lists(st.none() | constants, min_size=1, max_size=5)
    batches = batched.map(lambda items: Constant(tuple(items), type_))
    return st.lists(batches, max_size=3).map(
        lambda items: Call("$array", tuple(items), pa.list_(pa.null()))
    )
