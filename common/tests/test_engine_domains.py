"""What is sent to a connector against what DuckDB itself decides."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from athena_connectors.common.capabilities import Capabilities
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing.constants import Constants
from athena_connectors.common.testing.joins import conjuncts_of
from athena_connectors.common.testing.planning import ScanShape
from athena_connectors.common.testing.relations import create_relation
from athena_connectors.common.testing.translation import Translation, translate
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_MS = 86_400_000
COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "i8": (pa.int8(), [-128, -1, 0, 1, 5, 127]),
    "i32": (pa.int32(), [-(2**31), -1, 0, 1, 16_777_217, 2**31 - 1]),
    "i64": (pa.int64(), [-(2**63), -1, 0, 1, 2**53 + 1, 2**63 - 1]),
    "f32": (pa.float32(), [float("nan"), float("inf"), -0.0, 0.0, 1.5, 16_777_216.0]),
    "f64": (pa.float64(), [float("nan"), float("-inf"), -0.0, 0.0, 0.1, 2.0**53]),
    "d": (
        pa.decimal128(10, 2),
        [Decimal(text) for text in ("-99999999.99", "-0.01", "0.00", "1.50", "1.51", "7.00")],
    ),
    "big": (
        pa.decimal128(38, 0),
        [
            Decimal(10) ** 37,
            Decimal(-1),
            Decimal(0),
            Decimal(1),
            Decimal(2),
            Decimal("-" + "9" * 38),
        ],
    ),
    "s": (pa.string(), ["", "a", "a ", "A", "\uffff", "\U0001f600"]),
    "bin": (pa.binary(), [b"", b"\x00", b"\x7f", b"\x80", b"\xff", b"a"]),
    "flag": (pa.bool_(), [True, False, True, False, True, False]),
    "day": (pa.date32(), [-1, 0, 1, 18_262, -700_000, 2_900_000]),
    "ts": (pa.date64(), [-1, 0, 1, 18_262 * DAY_MS, 18_262 * DAY_MS + 1, 18_262 * DAY_MS - 1]),
    "tz": (
        pa.timestamp("ms", "UTC"),
        [at << 12 | zone for at, zone in ((-1, 0), (0, 1847), (1, 0))]
        + [(18_262 * DAY_MS + at) << 12 | 5 for at in (-1, 0, 1)],
    ),
}
CONSTANTS: dict[str, tuple[str, ...]] = {
    "number": (
        "0", "1", "-1", "5", "127", "128", "-129", "2147483648", "9007199254740993", "1.5", "0.1",
        "-0.01", "1.505", "1e0", "0e0", "1e18", "9007199254740992e0", "real '1.5'", "real '0.1'",
        "16777217", "cast(1.5 as decimal(38,20))", "99999999999999999999", "2 + 3", "- (1.5 * 2)",
        "99999999999999999999999999999999999999",
    ),
    "text": ("''", "'a'", "'A'", "'b'", "'\ue000'", "'\U0001f600'", "'a '"),
    "bytes": ("X''", "X'00'", "X'80'", "X'61'"),
    "truth": ("true", "false"),
    "time": (
        "date '2020-01-01'", "date '1970-01-01'", "timestamp '2020-01-01 00:00:00'",
        "timestamp '2020-01-01 00:00:00.001'", "timestamp '2020-01-01 00:00:00.0005'",
        "timestamp '1969-12-31 23:59:59.999'", "timestamp '2020-01-01 01:00:00 Europe/Warsaw'",
        "timestamp '2020-01-01 00:00:00.000500 UTC'", "date '2020-01-01' + interval '1' day",
        "from_iso8601_timestamp('2020-01-01T01:00:00+01:00')",
        "date_add('day', -1, date '2020-01-02')",
        "timestamp '2020-01-01 01:00:00' at time zone 'Europe/Warsaw'",
    ),
}  # fmt: skip
FAMILIES = dict.fromkeys(("i8", "i32", "i64", "f32", "f64", "d", "big"), "number") | {
    "s": "text", "bin": "bytes", "flag": "truth", "day": "time", "ts": "time", "tz": "time",
}  # fmt: skip
SCHEMA = pa.schema([(name, type_) for name, (type_, _) in COLUMNS.items()])


def _table() -> pa.RecordBatch:
    """Every column's values in an order of its own, with NULLs in between."""
    arrays = []
    for place, (type_, values) in enumerate(COLUMNS.values()):
        moved = [*values[place % 6 :], None, *values[: place % 6], None, *values]
        if pa.types.is_temporal(type_):
            width = pa.int32() if pa.types.is_date32(type_) else pa.int64()
            arrays.append(pa.array(moved, width).view(type_))
        else:
            arrays.append(pa.array(moved, type_))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


BATCH = _table()


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as found:
        found.execute("SET TimeZone = 'UTC'")
        numbered = BATCH.append_column("row", pa.array(range(BATCH.num_rows), pa.int32()))
        schema = SCHEMA.append(pa.field("row", pa.int32()))
        create_relation(found, "t", schema=schema, batches=[numbered], rows=BATCH.num_rows)
        yield found


def _translation(
    condition: str, connection: duckdb.DuckDBPyConnection, **claims: Any
) -> Translation:
    where = sqlglot.parse_one(condition, dialect="trino")
    for column in where.find_all(sqlglot.exp.Column):
        column.set("table", sqlglot.exp.to_identifier("t"))
    capabilities = Capabilities(functions=FUNCTIONS, **claims)
    return translate(
        ScanShape(tuple(SCHEMA.names), conjuncts=conjuncts_of(where)),
        SCHEMA,
        Constants(connection),
        capabilities=capabilities,
        version=6,
        passthrough={},
    )


def _kept_by_constraints(translation: Translation) -> set[int]:
    numbered = BATCH.append_column("row", pa.array(range(BATCH.num_rows), pa.int32()))
    residual = compile_residual(translation.constraints.conjuncts())
    return set(residual.apply(numbered).column("row").to_pylist())


def _kept_by_duckdb(condition: str, connection: duckdb.DuckDBPyConnection) -> set[int] | None:
    sql = sqlglot.transpile(f"SELECT row FROM t WHERE {condition}", read="trino", write="duckdb")[0]
    try:
        return {row for (row,) in connection.execute(sql).fetchall()}
    except duckdb.Error:
        return None  # types that do not compare, or overflow: nothing to agree about


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    column = draw(st.sampled_from(list(COLUMNS)))
    constants = st.sampled_from([*CONSTANTS[FAMILIES[column]], "null"])
    match draw(st.integers(0, 8)):
        case 0:
            return f"{column} is {draw(st.sampled_from(['', 'not ']))}null"
        case 1:
            items = ", ".join(draw(st.lists(constants, min_size=1, max_size=4)))
            return f"{column} {draw(st.sampled_from(['', 'not ']))}in ({items})"
        case 2:
            low, high = draw(constants), draw(constants)
            return f"{column} {draw(st.sampled_from(['', 'not ']))}between {low} and {high}"
        case 3:
            distinct = draw(st.sampled_from(["is distinct from", "is not distinct from"]))
            return f"{column} {distinct} {draw(constants)}"
        case 4 if column == "flag":
            return column
        case _:
            operator = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
            sides = [column, draw(constants)]
            if draw(st.booleans()):
                sides.reverse()
            return f"{sides[0]} {operator} {sides[1]}"


@st.composite
def computed(draw: st.DrawFn) -> str:
    """Conditions that need an expression: several columns, arithmetic, LIKE."""
    numbers = st.sampled_from([name for name, family in FAMILIES.items() if family == "number"])
    one, two = draw(numbers), draw(numbers)
    operator = draw(st.sampled_from(["=", "<>", "<", ">=", "is distinct from"]))
    constant = draw(st.sampled_from(CONSTANTS["number"]))
    forms = [
        f"{one} {operator} {two}",
        f"{one} + {draw(st.sampled_from(['1', '-1', '0.5']))} {operator} {constant}",
        f"{one} * 2 {operator} {two}",
        f"{one} % 3 {operator} 1",
        f"-{one} {operator} {constant}",
        f"nullif({one}, {constant}) is null",
        f"s like '{draw(st.sampled_from(['a%', '_', '%', 'A', '']))}'",
        "ts = day",
        f"s {operator} '\uffff'",
        f"{one} - {two} in (0, 1)",
    ]
    return draw(st.sampled_from(forms))


def conditions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda part: f"not ({part})"),
            st.tuples(inner, inner).map(" and ".join),
            st.tuples(inner, inner).map(lambda parts: f"({parts[0]} or {parts[1]})"),
        ),
        max_leaves=4,
    )


CHECKED = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@CHECKED
@given(condition=conditions(comparisons()))
@example(condition="i64 = 9007199254740992e0")
@example(condition="s > '\uffff'")
@example(condition="f64 >= 0 and f64 <= 0")
@example(condition="f64 > 1")
@example(condition="i8 not in (1, null)")
@example(condition="not (ts < timestamp '2020-01-01 00:00:00.0005')")
@example(condition="(i8 = 1 and i32 = 1 or i8 = 5)")
def test_no_row_of_duckdb_is_lost(connection: duckdb.DuckDBPyConnection, condition: str) -> None:
    wanted = _kept_by_duckdb(condition, connection)
    if wanted is None:
        return
    translation = _translation(condition, connection)
    kept = _kept_by_constraints(translation)
    assert wanted <= kept
    if not translation.held:
        assert wanted == kept


@CHECKED
@given(condition=conditions(st.one_of(comparisons(), computed())))
def test_expressions_agree_with_duckdb(
    connection: duckdb.DuckDBPyConnection, condition: str
) -> None:
    wanted = _kept_by_duckdb(condition, connection)
    if wanted is None:
        return
    translation = _translation(condition, connection)
    try:
        kept = _kept_by_constraints(translation)
    except InvalidRequestError:
        return  # an overflow fails in Athena too; DuckDB may compute around it
    assert wanted <= kept
    if not translation.held:
        assert wanted == kept


@pytest.mark.parametrize(
    "condition",
    [
        "i8 = 1", "i8 in (1, 5)", "i8 between 0 and 1.5", "ts >= date '2020-01-01'",
        "f64 = 0", "d < 1.505", "s <> 'a'", "not flag", "tz = timestamp '2020-01-01 00:00:00 UTC'",
        "day > timestamp '2019-12-31 00:00:01'", "i64 is not null", "5 > i32", "bin = X'80'",
        "i8 = 1 or i8 > 100", "(i8 = 1 or i8 is null)",
    ],
)  # fmt: skip
def test_usual_conditions_become_one_value_set(
    connection: duckdb.DuckDBPyConnection, condition: str
) -> None:
    translation = _translation(condition, connection)
    assert len(translation.constraints.summary) == 1
    assert not translation.constraints.expression
    assert not translation.held


def test_or_over_columns_is_sent_as_expression_and_as_wider_value_set(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    condition = "(i8 = 1 and i32 = 1) or (i8 = 5 and i64 = 0)"
    translation = _translation(condition, connection)
    assert set(translation.constraints.summary) == {"i8"}
    assert len(translation.constraints.expression) == 1


def test_texts_stay_when_the_source_compares_them_otherwise(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    translation = _translation("s = 'a'", connection, hints=("non_default_collate",))
    assert not translation.constraints.summary
    assert not translation.constraints.expression
    assert "collation" in translation.held[0].reason
    null = _translation("s is null", connection, hints=("non_default_collate",))
    assert set(null.constraints.summary) == {"s"}
