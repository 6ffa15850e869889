"""Expressions on columns against an evaluation of one row at a time.

The oracle shares nothing with the code under test but the tree: it works on Python
integers, fractions and correctly rounded floats, and follows SQL word by word.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError, UnsupportedTypeError
from athena_connectors.common.expressions import Call, Constant, Expression, Variable
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

BOOL = pa.bool_()
ARRAY = pa.list_(pa.null())


class RowFailedError(Exception):
    """The function fails the query for this row."""


@dataclass(frozen=True)
class Cell:
    """A value with the little of its type that matters: int(bits), dec(p, s), float(bits)."""

    sort: str
    value: Any
    bits: int = 0
    precision: int = 0
    scale: int = 0


def cell(value: Any, type_: Any) -> Cell:
    if pa.types.is_integer(type_):
        return Cell("int", value, bits=type_.bit_width)
    if pa.types.is_decimal(type_):
        exact = None if value is None else Fraction(value)
        return Cell("dec", exact, precision=type_.precision, scale=type_.scale)
    if pa.types.is_floating(type_):
        return Cell("float", value, bits=type_.bit_width)
    if pa.types.is_timestamp(type_):
        return Cell("instant", None if value is None else value >> 12)
    return Cell(str(type_), value)


def nearest(number: Fraction, bits: int) -> float:
    """The nearest float, ties to even; a fraction is rounded once."""
    double = number.numerator / number.denominator if abs(number) < 10**300 else math.inf
    if bits == 64:
        return double
    single = struct.unpack("<f", struct.pack("<f", double))[0]
    (bit_pattern,) = struct.unpack("<i", struct.pack("<f", single))
    around = [struct.unpack("<f", struct.pack("<i", bit_pattern + step))[0] for step in (-1, 0, 1)]
    finite = [item for item in around if math.isfinite(item)]
    return min(
        finite,
        key=lambda item: (
            abs(Fraction(item) - number),
            struct.unpack("<i", struct.pack("<f", item))[0] & 1,
        ),
    )


def as_float(item: Cell, bits: int) -> float:
    return item.value if item.sort == "float" else nearest(Fraction(item.value), bits)


def meet(left: Cell, right: Cell) -> tuple[Any, Any]:
    """Both values in the type in which they are compared."""
    if "float" in (left.sort, right.sort):
        bits = 64 if 64 in (item.bits for item in (left, right) if item.sort == "float") else 32
        return as_float(left, bits), as_float(right, bits)
    return left.value, right.value


def digits(item: Cell) -> tuple[int, int]:
    if item.sort == "int":
        return {8: 3, 16: 5, 32: 10, 64: 19}[item.bits], 0
    return item.precision, item.scale


def arithmetic(function: str, left: Cell, right: Cell) -> Cell:
    if "float" in (left.sort, right.sort):
        bits = 64 if 64 in (item.bits for item in (left, right) if item.sort == "float") else 32
        result = Cell("float", None, bits=bits)
    elif left.sort == right.sort == "int":
        result = Cell("int", None, bits=max(left.bits, right.bits))
    else:
        result = decimal_result(function, *digits(left), *digits(right))
    if left.value is None or right.value is None:
        return result
    if result.sort == "float":
        one, two = as_float(left, result.bits), as_float(right, result.bits)
        value: Any = float_operation(function, one, two)
        value = rounded(value) if result.bits == 32 else value
        return Cell("float", value, bits=result.bits)
    value = exact_operation(function, Fraction(left.value), Fraction(right.value), result)
    return Cell(result.sort, value, result.bits, result.precision, result.scale)


def decimal_result(function: str, p1: int, s1: int, p2: int, s2: int) -> Cell:
    scale = max(s1, s2)
    if function == "$multiply":
        precision, scale = p1 + p2, s1 + s2
        assume(scale <= 38)  # Athena has no such decimals
    elif function == "$divide":
        precision = p1 + s2 + max(s2 - s1, 0)
    elif function == "$modulus":
        precision = min(p1 - s1, p2 - s2) + scale
    else:
        precision = max(p1 - s1, p2 - s2) + scale + 1
    return Cell("dec", None, precision=min(38, precision), scale=scale)


def rounded(value: float) -> float:
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def float_operation(function: str, one: float, two: float) -> float:
    return {
        "$add": lambda: one + two,
        "$subtract": lambda: one - two,
        "$multiply": lambda: one * two,
        "$divide": lambda: one / two if two else over_zero(one, two),
        "$modulus": lambda: math.nan if not two or math.isinf(one) else math.fmod(one, two),
    }[function]()


def over_zero(one: float, two: float) -> float:
    if one == 0 or math.isnan(one):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1, two)


def exact_operation(function: str, one: Fraction, two: Fraction, result: Cell) -> Any:
    if function in ("$divide", "$modulus") and two == 0:
        raise RowFailedError
    if function == "$add":
        value = one + two
    elif function == "$subtract":
        value = one - two
    elif function == "$multiply":
        value = one * two
    elif function == "$modulus":
        value = one - math.trunc(one / two) * two
    elif result.sort == "int":
        value = Fraction(math.trunc(one / two))
    else:
        unscaled = one / two * 10**result.scale
        value = Fraction(math.floor(abs(unscaled) + Fraction(1, 2)), 10**result.scale)
        value = -value if unscaled < 0 else value
    if result.sort == "int":
        if not -(2 ** (result.bits - 1)) <= value < 2 ** (result.bits - 1):
            raise RowFailedError
        return int(value)
    if abs(value) * 10**result.scale >= 10**38:
        raise RowFailedError
    return value


def like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(like(text[start:], pattern[1:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and like(text[1:], pattern[1:])


def truth(function: str, left: Cell, right: Cell) -> bool | None:
    if left.value is None or right.value is None:
        return None
    one, two = meet(left, right)
    return {
        "$equal": one == two,
        "$not_equal": one != two,
        "$less_than": one < two,
        "$less_than_or_equal": one <= two,
        "$greater_than": one > two,
        "$greater_than_or_equal": one >= two,
    }[function]


def distinct(left: Cell, right: Cell) -> bool:
    if left.value is None or right.value is None:
        return left.value is not right.value
    one, two = meet(left, right)
    if left.sort == right.sort == "float" and one != one and two != two:  # noqa: PLR0124
        return False
    return bool(one != two)


def any_true(answers: list[bool | None]) -> bool | None:
    if True in answers:
        return True
    return None if None in answers else False


def evaluate(node: Expression, row: dict[str, tuple[Any, Any]]) -> Cell:
    """The value of an expression for one row of (value, type) by name."""
    match node:
        case Variable(column=name):
            return cell(*row[name])
        case Constant(values=(value,), type=type_):
            return cell(value, type_)
        case Call(function="$and", arguments=arguments):
            return Cell("bool", connect(arguments, row, decisive=False))
        case Call(function="$or", arguments=arguments):
            return Cell("bool", connect(arguments, row, decisive=True))
        case Call(function="$in", arguments=(item, array)):
            value = evaluate(item, row)
            elements = [evaluate(part, row) for part in expand(array)]
            return Cell("bool", any_true([truth("$equal", value, part) for part in elements]))
        case Call(function=function, arguments=arguments):
            return apply(function, [evaluate(item, row) for item in arguments])
    raise AssertionError(node)


def expand(array: Expression) -> list[Expression]:
    found: list[Expression] = []
    for item in array.arguments if isinstance(array, Call) else (array,):
        if isinstance(item, Constant):
            found += [Constant((value,), item.type) for value in item.values]
        else:
            found.append(item)
    return found


def connect(
    arguments: tuple[Expression, ...], row: dict[str, tuple[Any, Any]], *, decisive: bool
) -> bool | None:
    unknown = False
    for argument in arguments:
        value = evaluate(argument, row).value
        if value is decisive:
            return decisive
        unknown |= value is None
    return None if unknown else not decisive


def apply(function: str, cells: list[Cell]) -> Cell:
    first, last = cells[0], cells[-1]
    missing = first.value is None or last.value is None
    match function:
        case "$not":
            result = Cell("bool", None if missing else not first.value)
        case "$is_null":
            result = Cell("bool", first.value is None)
        case "$nullif":
            result = replace(first, value=None) if truth("$equal", first, last) else first
        case "$is_distinct_from":
            result = Cell("bool", distinct(first, last))
        case "$like_pattern":
            result = Cell("bool", None if missing else like(first.value, last.value))
        case "$negate":
            if first.sort == "int" and first.value == -(2 ** (first.bits - 1)):
                raise RowFailedError
            result = replace(first, value=None if missing else -first.value)
        case "$add" | "$subtract" | "$multiply" | "$divide" | "$modulus":
            result = arithmetic(function, first, last)
        case _:
            result = Cell("bool", truth(function, first, last))
    return result


def rows_of(batch: pa.RecordBatch, columns: list[list[Any]]) -> list[dict[str, tuple[Any, Any]]]:
    names, types = batch.schema.names, batch.schema.types
    return [
        {name: (value, type_) for name, value, type_ in zip(names, row, types, strict=True)}
        for row in zip(*columns, strict=True)
    ]


def physical(column: Any) -> list[Any]:
    stored = {pa.date32(): pa.int32(), pa.date64(): pa.int64()}.get(column.type, column.type)
    stored = pa.int64() if pa.types.is_timestamp(stored) else stored
    return column.view(stored).to_pylist()


@st.composite
def cases(draw: st.DrawFn, *, arithmetic: bool) -> tuple[pa.RecordBatch, Expression]:
    if arithmetic:
        numbers = st.one_of(
            st.sampled_from((pa.int8(), pa.int16(), pa.int64(), pa.float32(), pa.float64())),
            strategies.decimal_types(),
        )
        schema = pa.schema([(f"c{place}", draw(numbers)) for place in range(3)])
    else:
        schema = draw(strategies.schemas())
    batch = draw(strategies.batches(schema, min_rows=1))
    columns = dict(zip(schema.names, schema.types, strict=True))
    return batch, draw(strategies.conditions(columns, arithmetic=arithmetic))


def check(batch: pa.RecordBatch, condition: Expression) -> None:
    columns = [physical(column) for column in batch.columns]
    wanted: list[int] | None = []
    for place, row in enumerate(rows_of(batch, columns)):
        try:
            if evaluate(condition, row).value is True and wanted is not None:
                wanted.append(place)
        except RowFailedError:
            wanted = None
            break
    residual = compile_residual([condition])
    if wanted is None:
        with pytest.raises(InvalidRequestError, match=r"divides by zero|range of|more than 38"):
            residual.apply(batch)
    else:
        numbered = batch.append_column("row", pa.array(range(batch.num_rows)))
        assert residual.apply(numbered).column("row").to_pylist() == wanted


@given(cases(arithmetic=False))
@settings(max_examples=200, deadline=None)
def test_conditions_agree_with_the_row_by_row_oracle(
    case: tuple[pa.RecordBatch, Expression],
) -> None:
    check(*case)


@st.composite
def calculations(draw: st.DrawFn) -> tuple[pa.RecordBatch, Expression]:
    """One function on two numbers, columns or constants, compared with a third."""
    number = st.one_of(
        st.sampled_from((pa.int8(), pa.int32(), pa.float32(), pa.float64())),
        strategies.decimal_types(),
    )
    schema = pa.schema([(name, draw(number)) for name in "xyz"])
    batch = draw(strategies.batches(schema, min_rows=1, max_rows=4))
    operands = [
        draw(
            st.just(Variable(field.name, field.type))
            | strategies.values(field.type).map(
                lambda value, type_=field.type: Constant((value,), type_)
            )
        )
        for field in schema
    ]
    function = draw(st.sampled_from(("$add", "$subtract", "$multiply", "$divide", "$modulus")))
    result = Call(function, tuple(operands[:2]), schema.types[0])
    comparison = draw(st.sampled_from(("$less_than", "$is_distinct_from", "$equal")))
    return batch, Call(comparison, (result, operands[2]), BOOL)


@given(calculations())
@settings(max_examples=300, deadline=None)
def test_each_calculation_agrees_with_the_row_by_row_oracle(
    case: tuple[pa.RecordBatch, Expression],
) -> None:
    check(*case)


@given(cases(arithmetic=True))
@settings(max_examples=300, deadline=None)
def test_arithmetic_agrees_with_the_row_by_row_oracle(
    case: tuple[pa.RecordBatch, Expression],
) -> None:
    check(*case)


A, B = Variable("a", pa.int64()), Variable("b", pa.int64())


def ask(expression: Expression, **columns: Any) -> list[bool | None]:
    """TRUE, FALSE or NULL for each row, told apart by two predicates."""
    batch = pa.RecordBatch.from_pydict({**columns, "row": pa.array(range(len(first(columns))))})

    def rows(predicate: Expression) -> set[int]:
        return set(compile_residual([predicate]).apply(batch).column("row").to_pylist())

    true, false = rows(expression), rows(Call("$not", (expression,), BOOL))
    answers = {True: true, False: false}
    return [
        next((answer for answer, places in answers.items() if place in places), None)
        for place in range(batch.num_rows)
    ]


def first(columns: dict[str, Any]) -> Any:
    return next(iter(columns.values()))


def call(function: str, *arguments: Expression, type_: pa.DataType = BOOL) -> Call:
    return Call(function, arguments, type_)


def constant(*values: Any, type_: pa.DataType | None = None) -> Constant:
    return Constant(values, type_ or pa.scalar(values[0]).type)


@pytest.mark.parametrize(("one", "two"), [*product([True, False, None], repeat=2)])
def test_three_valued_logic(one: Any, two: Any) -> None:
    x, y = Variable("x", BOOL), Variable("y", BOOL)
    columns = {"x": pa.array([one], BOOL), "y": pa.array([two], BOOL)}
    both = [one, two]
    conjunction = False if False in both else None if None in both else True
    disjunction = True if True in both else None if None in both else False
    assert ask(call("$and", x, y), **columns) == [conjunction]
    assert ask(call("$or", x, y), **columns) == [disjunction]


def test_in_with_null_elements_is_unknown_unless_it_matches() -> None:
    array = call("$array", constant(1, None), constant(3), type_=ARRAY)
    assert ask(call("$in", A, array), a=pa.array([1, 2, 3, None])) == [True, None, True, None]
    array = call("$array", constant(1, 3), B, type_=ARRAY)
    columns = {"a": pa.array([1, 2, 2]), "b": pa.array([None, None, 2])}
    assert ask(call("$in", A, array), **columns) == [True, None, True]


def test_in_an_empty_list_or_a_bare_batch_of_constants() -> None:
    columns = {"a": pa.array([1, None])}
    assert ask(call("$in", A, call("$array", type_=ARRAY)), **columns) == [False, False]
    assert ask(call("$in", A, constant(1, 2)), **columns) == [True, None]
    assert ask(call("$in", constant(1), constant(1, 2)), **columns) == [True, True]
    untyped = Constant((None,), pa.null())
    assert ask(call("$in", A, untyped), **columns) == [None, None]
    assert ask(call("$in", untyped, constant(1)), **columns) == [None, None]


def test_in_coerces_constants_of_another_number_type() -> None:
    columns = {"a": pa.array([1, 2, None])}
    decimals = constant(Decimal("1.0"), Decimal("2.5"), type_=pa.decimal128(2, 1))
    assert ask(call("$in", A, decimals), **columns) == [True, False, None]
    floats = constant(2.0, math.nan)
    assert ask(call("$in", A, floats), **columns) == [False, True, None]


def test_floats_follow_ieee_but_nan_is_not_distinct_from_nan() -> None:
    x, nan, zero = Variable("x", pa.float64()), constant(math.nan), constant(0.0)
    columns = {"x": pa.array([math.nan, -0.0, 5.0, None])}
    assert ask(call("$equal", x, nan), **columns) == [False, False, False, None]
    assert ask(call("$greater_than", x, constant(1.0)), **columns) == [False, False, True, None]
    assert ask(call("$equal", x, zero), **columns) == [False, True, False, None]
    assert ask(call("$is_distinct_from", x, nan), **columns) == [False, True, True, True]
    for other in (0.0, -0.0):
        listed = call("$in", x, call("$array", nan, constant(other), constant(5.5), type_=ARRAY))
        zeros = {"x": pa.array([math.nan, -0.0, 0.0, 5.0, None])}
        assert ask(listed, **zeros) == [False, True, True, False, None]


TEXTS = ["", "a", "b", "a\nb", "abc", "a%b", "a\\b", "\U00010000", "(x)+"]


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("a%", ["a", "a\nb", "abc", "a%b", "a\\b"]),
        ("%b", ["b", "a\nb", "a%b", "a\\b"]),
        ("%\n%", ["a\nb"]),
        ("a_b", ["a\nb", "a%b", "a\\b"]),
        ("a\\b", ["a\\b"]),
        ("a\\_", ["a\\b"]),
        ("_", ["a", "b", "\U00010000"]),
        ("", [""]),
        ("%%", TEXTS),
        ("%_%_%_%", ["a\nb", "abc", "a%b", "a\\b", "(x)+"]),
        ("(_)+", ["(x)+"]),
    ],
)
def test_like_has_two_wildcards_and_no_escape(pattern: str, matching: list[str]) -> None:
    wanted = [text in matching for text in TEXTS]
    value, patterns = Variable("t", pa.string()), Variable("p", pa.string())
    columns = {"t": pa.array(TEXTS), "p": pa.array([pattern] * len(TEXTS))}
    assert ask(call("$like_pattern", value, constant(pattern)), **columns) == wanted
    assert ask(call("$like_pattern", value, patterns), **columns) == wanted


@given(st.text("ab%_\n\\", max_size=8), st.text("ab%_\n\\", max_size=6))
@settings(max_examples=300, deadline=None)
def test_like_both_ways_agrees_with_its_definition(text: str, pattern: str) -> None:
    batch = pa.RecordBatch.from_pydict({"t": [text], "p": [pattern]})
    value = Variable("t", pa.string())
    for operand in (constant(pattern), Variable("p", pa.string())):
        residual = compile_residual([call("$like_pattern", value, operand)])
        assert residual.apply(batch).num_rows == like(text, pattern)


def test_like_patterns_in_a_column_and_unusual_ones() -> None:
    value, pattern = Variable("t", pa.string()), Variable("p", pa.string())
    columns = {"t": ["ab", "ab", None, "ab"], "p": ["a%", "b%", "%", None]}
    assert ask(call("$like_pattern", value, pattern), **columns) == [True, False, None, None]
    assert ask(call("$like_pattern", constant("ab"), pattern), **columns) == [
        True,
        False,
        True,
        None,
    ]
    huge = constant("_" * 100_000 + "%x")
    assert ask(call("$like_pattern", value, huge), t=["y" * 100_000 + "x", "x"]) == [True, False]
    assert ask(call("$like_pattern", constant("x"), huge), t=["x"]) == [False]
    nothing = Constant((None,), pa.string())
    assert ask(call("$like_pattern", value, nothing), t=["x"]) == [None]
    assert ask(call("$like_pattern", value, Constant((None,), pa.null())), t=["x"]) == [None]
    slow = constant("%a" * 30 + "%b_")
    assert ask(call("$like_pattern", value, pattern), t=["a" * 5000], p=[slow.values[0]]) == [False]


def test_dates_meet_timestamps_and_instants_ignore_the_zone() -> None:
    day, at = Variable("d", pa.date32()), Variable("t", pa.date64())
    columns = {
        "d": strategies.column_of([-1, 0, None], pa.date32()),
        "t": strategies.column_of([-86_400_000, 1, 0], pa.date64()),
    }
    assert ask(call("$equal", day, at), **columns) == [True, False, None]
    assert ask(call("$less_than", at, day), **columns) == [False, False, None]
    zoned = pa.timestamp("ms", "UTC")
    column = strategies.column_of([5 << 12 | 1847, 6 << 12], zoned)
    same = call("$equal", Variable("z", zoned), Constant((5 << 12,), zoned))
    assert ask(same, z=column) == [True, False]
    listed = call("$in", Variable("z", zoned), Constant((5 << 12 | 3, 9), zoned))
    assert ask(listed, z=column) == [True, False]


@pytest.mark.parametrize(
    ("function", "one", "two", "wanted"),
    [
        ("$divide", -7, 2, -3),
        ("$modulus", -7, 2, -1),
        ("$modulus", -(2**63), -1, 0),
        ("$multiply", 2**62, 2, None),
        ("$add", 2**63 - 1, 1, None),
        ("$subtract", -(2**63), 1, None),
        ("$divide", -(2**63), -1, None),
        ("$divide", 1, 0, None),
        ("$modulus", 1, 0, None),
    ],
)
def test_integers(function: str, one: int, two: int, wanted: int | None) -> None:
    int64 = pa.int64()
    for right in (B, constant(two)):
        for left in (A, constant(one)):
            result = call(function, left, right, type_=int64)
            equal = call("$equal", result, Constant((wanted,), int64))
            columns = {"a": pa.array([one, None], int64), "b": pa.array([two, None], int64)}
            if wanted is None:
                with pytest.raises(InvalidRequestError, match=r"divides by zero|range of int64"):
                    ask(equal, **columns)
            else:
                assert ask(equal, **columns)[0] is True


@pytest.mark.parametrize(
    ("function", "one", "two", "wanted"),
    [
        ("$divide", "1.00", "8.00", "0.13"),
        ("$divide", "-1.00", "8.00", "-0.13"),
        ("$divide", "2.00", "3.00", "0.67"),
        ("$modulus", "-5.50", "2.00", "-1.50"),
        ("$multiply", "1.05", "1.05", "1.1025"),
        ("$add", "9.99", "0.01", "10.00"),
    ],
)
def test_decimals(function: str, one: str, two: str, wanted: str) -> None:
    type_ = pa.decimal128(10, 2)
    x, y = Variable("x", type_), Variable("y", type_)
    exact = Constant((Decimal(wanted),), pa.decimal128(10, 4))
    columns = {"x": pa.array([Decimal(one)], type_), "y": pa.array([Decimal(two)], type_)}
    constants = constant(Decimal(one), type_=type_), constant(Decimal(two), type_=type_)
    for operands in ((x, y), constants):
        equal = call("$equal", call(function, *operands, type_=type_), exact)
        assert ask(equal, **columns) == [True]


def test_a_decimal_next_to_a_float_is_the_nearest_float() -> None:
    type_ = pa.decimal128(18, 2)
    column = pa.array([Decimal("746.06"), Decimal("13904904510916.29"), None], type_)
    equal = call("$equal", Variable("x", type_), constant(746.06))
    assert ask(equal, x=column) == [True, False, None]


def test_failures_count_only_where_and_and_or_are_open() -> None:
    divided = call("$equal", call("$divide", constant(1), A, type_=pa.int64()), constant(1))
    zero = call("$equal", A, constant(0))
    columns = {"a": pa.array([0, 1, 2])}
    assert ask(call("$or", zero, divided), **columns) == [True, True, False]
    assert ask(call("$and", call("$not", zero), divided), **columns) == [False, True, False]
    with pytest.raises(InvalidRequestError, match="divides by zero"):
        ask(call("$or", divided, zero), **columns)


def test_arithmetic_with_null_is_null() -> None:
    nothing = Constant((None,), pa.null())
    total = call("$add", A, nothing, type_=pa.int64())
    negated = call("$negate", nothing, type_=pa.int64())
    for part in (total, negated):
        assert ask(call("$equal", part, A), a=pa.array([1])) == [None]
        assert ask(call("$is_null", part), a=pa.array([1])) == [True]


def test_a_null_without_a_type_is_unknown() -> None:
    nothing = Constant((None,), pa.null())
    yes = Constant((True,), BOOL)
    assert ask(call("$not", nothing), a=pa.array([1])) == [None]
    assert ask(call("$or", nothing, yes), a=pa.array([1])) == [True]


def test_a_lookup_is_kept_for_the_next_batch() -> None:
    residual = compile_residual([call("$in", A, call("$array", constant(1, 2), type_=ARRAY))])
    for values, rows in (([1, 3], 1), ([2, 1], 2), ([5], 0)):
        batch = pa.RecordBatch.from_pydict({"a": pa.array(values, pa.int64())})
        assert residual.apply(batch).num_rows == rows


def test_negating_the_least_integer_fails() -> None:
    small = Variable("s", pa.int8())
    negated = call("$negate", small, type_=pa.int8())
    positive = call("$greater_than", negated, constant(0, type_=pa.int8()))
    assert ask(positive, s=pa.array([-127, 1, None], pa.int8())) == [True, False, None]
    with pytest.raises(InvalidRequestError, match=r'negate\("s"\) is beyond the range of int8'):
        ask(positive, s=pa.array([-128], pa.int8()))


def test_nullness_of_nested_values_can_be_asked() -> None:
    items = pa.list_(pa.int8())
    null = call("$is_null", Variable("l", items))
    assert ask(null, l=pa.array([[1], None], items)) == [False, True]
    assert ask(call("$is_null", Constant((None,), items)), a=pa.array([1])) == [True]


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (call("$equal", A, constant("x")), UnsupportedTypeError, "INTEGER and a TEXT"),
        (
            call("$equal", Variable("l", ARRAY), Variable("l", ARRAY)),
            UnsupportedTypeError,
            "OPAQUE and a OPAQUE",
        ),
        (call("$like_pattern", A, constant("x")), UnsupportedTypeError, "LIKE can't match"),
        (call("$negate", constant("x")), UnsupportedTypeError, "calculates with a TEXT"),
        (
            call("$multiply", *[constant(Decimal("1E-20"), type_=pa.decimal128(20, 20))] * 2),
            UnsupportedTypeError,
            "has 40 digits after the point",
        ),
        (call("$and", A), InvalidRequestError, '"a" is neither true nor false'),
        (constant(1, 2), InvalidRequestError, "has 2 values"),
        (call("$array", A), InvalidRequestError, "can only follow IN"),
        (call("$in", A, B), InvalidRequestError, "not followed by a list"),
    ],
)
def test_impossible_expressions(expression: Expression, error: Any, message: str) -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1], "b": [1], "l": [[1]]})
    with pytest.raises(error, match=message):
        compile_residual([expression]).apply(batch)
