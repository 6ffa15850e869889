"""What may be sent with a scan: rules one by one, and against DuckDB over all rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from athena_connectors.common.capabilities import Capabilities
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.limits import TopN
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing.constants import Constants
from athena_connectors.common.testing.engine_errors import QueryError
from athena_connectors.common.testing.planning import LimitShape, ScanShape, plan_scans
from athena_connectors.common.testing.references import Statement, read_statement
from athena_connectors.common.testing.relations import create_relation, looks_at_unread
from athena_connectors.common.testing.translation import translate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES = ("id", "x", "y")
SCHEMA = pa.schema([(name, pa.int32()) for name in NAMES])
ROWS: dict[str, pa.RecordBatch] = {
    "a": pa.record_batch(
        [[1, 2, 3, 4, None, 2], [0, 1, None, 2, 1, 1], [5, None, 7, 5, 5, 6]], schema=SCHEMA
    ),
    "b": pa.record_batch(
        [[1, 2, 2, 5, None], [1, None, 0, 1, 2], [5, 5, 6, None, 7]], schema=SCHEMA
    ),
    "c": pa.record_batch([[2, 3, None], [1, 1, None], [None, 5, 6]], schema=SCHEMA),
}


def shapes(sql: str) -> dict[str, ScanShape]:
    """Return the shape of each table of a statement that names each one once."""
    statement = read_statement(sql, ["shop"])
    found = plan_scans(statement, dict.fromkeys(statement.references, NAMES))
    return {reference.table.table: found[name] for name, reference in statement.references.items()}


def conditions(shape: ScanShape) -> list[str]:
    return [condition.sql().replace('"', "") for condition in shape.conjuncts]


def test_where_is_sent_to_the_table_it_is_about() -> None:
    found = shapes("select a.id from p.a, p.b where a.x = 1 and b.y > 2 and a.id = b.id")
    assert conditions(found["a"]) == ["a.x = 1"]
    assert conditions(found["b"]) == ["b.y > 2"]
    assert [held.text for held in found["a"].held] == ["a.id = b.id"]


def test_where_is_not_sent_to_the_optional_side_of_an_outer_join() -> None:
    left = shapes("select 1 from p.a left join p.b on a.id = b.id where b.x is null and a.x = 1")
    assert conditions(left["a"]) == ["a.x = 1"]
    assert conditions(left["b"]) == []
    assert "outer join" in left["b"].held[-1].reason
    right = shapes("select 1 from p.a right join p.b on a.id = b.id where b.x = 1 and a.x = 1")
    assert conditions(right["a"]) == []
    assert conditions(right["b"]) == ["b.x = 1"]
    full = shapes("select 1 from p.a full join p.b on a.id = b.id where b.x = 1 and a.x = 1")
    assert conditions(full["a"]) == conditions(full["b"]) == []


def test_on_is_sent_to_the_optional_side_only() -> None:
    found = shapes("select 1 from p.a left join p.b on a.id = b.id and b.x = 1 and a.x = 2")
    assert conditions(found["a"]) == []
    assert conditions(found["b"]) == ["b.x = 1"]
    found = shapes("select 1 from p.a right join p.b on a.id = b.id and b.x = 1 and a.x = 2")
    assert conditions(found["a"]) == ["a.x = 2"]
    assert conditions(found["b"]) == []
    found = shapes("select 1 from p.a full join p.b on b.x = 1 and a.x = 2")
    assert conditions(found["a"]) == conditions(found["b"]) == []


def test_a_comma_keeps_tables_out_of_later_joins() -> None:
    found = shapes("select 1 from p.a, p.b right join p.c on a.id = 0 and b.id = 1")
    assert conditions(found["a"]) == []
    assert conditions(found["b"]) == ["b.id = 1"]


def test_on_of_an_inner_join_is_sent_to_both_sides() -> None:
    found = shapes("select 1 from p.a join p.b on a.id = b.id and b.x = 1 and a.x = 2")
    assert conditions(found["a"]) == ["a.x = 2"]
    assert conditions(found["b"]) == ["b.x = 1"]


def test_an_inner_join_after_an_outer_one_spares_the_optional_side() -> None:
    found = shapes(
        "select 1 from p.a left join p.b on a.id = b.id join p.c on b.x is null and c.x = 1"
    )
    assert conditions(found["b"]) == []
    assert conditions(found["c"]) == ["c.x = 1"]


def test_a_later_outer_join_keeps_what_an_inner_one_has_sent() -> None:
    found = shapes(
        "select 1 from p.a join p.b on a.x = 1 right join p.c on a.id = c.id where b.x is null"
    )
    assert conditions(found["a"]) == ["a.x = 1"]
    assert conditions(found["b"]) == []


@pytest.mark.parametrize(
    "sql",
    [
        "select x, count(*) from p.a group by x having x > 1",
        "select x from p.a qualify row_number() over (order by y) = 1",
        "select x from p.a where y = (select max(y) from q.b)",
        "select x from p.a anti join q.b on a.id = b.id and b.x = 1 where a.x = 1",
        "select x from p.a tablesample bernoulli (10) where x = 1",
        "select x from (p.a left join q.b on a.id = b.id) where a.x = 1",
        "select x from p.a where x = 1 using sample 3",
        "select p from p.a as t(p, q, r) where p = 1",
        "select x from p.a where id = 1 or (select true)",
    ],
)
def test_what_is_not_understood_is_not_sent(sql: str) -> None:
    found = shapes(sql)
    assert all(conditions(shape) == [] for shape in found.values())


def test_conditions_of_subqueries_stay_inside() -> None:
    found = shapes(
        "select id from p.a where exists (select * from p.b where b.id = a.id and x = 3) "
        "and y in (select y from p.c where c.x = 4)"
    )
    assert conditions(found["a"]) == []
    assert conditions(found["b"]) == ["b.x = 3"]
    assert conditions(found["c"]) == ["c.x = 4"]


def test_a_name_of_an_inner_query_hides_an_outer_one() -> None:
    found = shapes("select 1 from p.a as t where t.x = 1 and t.id in (select t.id from p.b as t)")
    assert conditions(found["a"]) == ["t.x = 1"]
    assert conditions(found["b"]) == []


def test_conditions_go_through_plain_derived_tables() -> None:
    found = shapes("select z from (select x as z, y from p.a where y = 2) as d where z = 1")
    assert conditions(found["a"]) == ["a.y = 2", "a.x = 1"]
    found = shapes("with d as (select * from p.a) select x from d where y = 1")
    assert conditions(found["a"]) == ["a.y = 1"]
    found = shapes(
        "select z from (select * from p.b) d left join (select x as z, id from p.a) e "
        "on d.id = e.id and e.z = 3 where e.z is null"
    )
    assert conditions(found["a"]) == ["a.x = 3"]


@pytest.mark.parametrize(
    "inner",
    [
        "select x, y from p.a limit 3",
        "select x, max(y) over () as y from p.a",
        "select x, count(*) as y from p.a group by x",
        "select distinct x, y from p.a",
        "select x + 1 as x, y from p.a",
        "select a.x, a.y from q.b left join p.a on a.id = b.id",
        "select unknown(x) as y, x from p.a",
    ],
)
def test_conditions_do_not_go_through_other_derived_tables(inner: str) -> None:
    assert conditions(shapes(f"select x from ({inner}) as d where d.x = 1")["a"]) == []


def test_a_table_expression_that_is_read_twice_gets_no_condition_of_one_reader() -> None:
    found = shapes(
        "with d as (select * from p.a) select x from d where y = 1 union select x from d"
    )
    assert conditions(found["a"]) == []


def test_only_the_columns_that_count_are_read() -> None:
    assert shapes("select count(*) from p.a")["a"].columns == ()
    assert shapes("select * from p.a")["a"].columns == NAMES
    assert shapes("select y, Y, sum(id) from p.a group by y")["a"].columns == ("id", "y")
    assert shapes("with d as (select * from p.a) select y from d")["a"].columns == ("y",)
    assert shapes("select 1 from p.b where exists (select * from p.a)")["a"].columns == ()
    found = shapes("select (select max(b.y) from p.b where b.id = a.x) from p.a")
    assert found["a"].columns == ("x",)
    assert found["b"].columns == ("id", "y")


@pytest.mark.parametrize(
    "sql",
    [
        "select a from p.a",  # the row itself
        "select columns('x') from p.a",
        "select u from p.a as t(u, v, w)",
        "select nosuch from p.a",
    ],
)
def test_all_columns_are_read_when_unsure(sql: str) -> None:
    assert shapes(sql)["a"].columns == NAMES


def test_limit_of_a_plain_scan_is_sent() -> None:
    assert shapes("select x from p.a where y = 1 limit 5")["a"].limit == LimitShape(5)
    assert shapes("select x from p.a limit 0")["a"].limit == LimitShape(0)
    assert shapes("select x from p.a offset 3 limit 5")["a"].limit == LimitShape(8)
    assert shapes("select x from p.a fetch first 2 rows only")["a"].limit == LimitShape(2)
    inner = shapes("select max(x) from (select x from p.a limit 7) as d")
    assert inner["a"].limit == LimitShape(7)


def test_top_n_of_a_plain_scan_is_sent() -> None:
    sql = "select x as k, y from p.a order by 1, p.a.id desc nulls first, y desc limit 5 offset 1"
    wanted = (
        OrderBy("x", Direction.ASC_NULLS_LAST),
        OrderBy("id", Direction.DESC_NULLS_FIRST),
        OrderBy("y", Direction.DESC_NULLS_LAST),
    )
    # Athena writes OFFSET first; DuckDB's order is understood as well.
    assert shapes(sql)["a"].limit == LimitShape(6, wanted)


@pytest.mark.parametrize(
    "sql",
    [
        "select distinct x from p.a limit 5",
        "select max(x) from p.a limit 5",
        "select unknown(x) from p.a limit 5",
        "select x, row_number() over () from p.a limit 5",
        "select x from p.a group by x limit 5",
        "select a.x from p.a, p.b limit 5",
        "select x from p.a where x = (select 1) limit 5",
        "select x from p.a order by x + 1 limit 5",
        "select -x as x from p.a order by x limit 5",
        "select x from p.a fetch first 5 rows with ties",
        "select x from p.a union all select y from p.b limit 5",
        "select x from p.a, unnest(sequence(1, id)) as u(n) limit 5",
        "select x from p.a limit 10 percent",
        "select x from (select x, unnest([1, 2]) as n from p.a) as d limit 5",
        "select x from p.a tablesample bernoulli (10) limit 5",
    ],
)
def test_any_other_limit_stays(sql: str) -> None:
    assert shapes(sql)["a"].limit is None


def test_names_follow_athena() -> None:
    statement = read_statement('select * from "Shop".Public."Orders"', ["shop", "other"])
    (reference,) = statement.references.values()
    assert (reference.catalog, str(reference.table)) == ("shop", "public.orders")
    short = read_statement("select * from public.orders", ["shop"])
    assert next(iter(short.references.values())).catalog == "shop"
    function = read_statement('select * from "lambda:Fn".s.t', ["shop"])
    assert next(iter(function.references.values())).catalog == "lambda:Fn"


def test_common_table_expressions_hide_tables() -> None:
    statement = read_statement(
        "with orders as (select * from p.orders) select * from orders join p.b on true", ["shop"]
    )
    assert sorted(str(item.table) for item in statement.references.values()) == ["p.b", "p.orders"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from shopp.a.b", "Close names: shop"),
        ("select * from a.b", "names no catalog"),
        ("select * from orders", "has no schema"),
        ("select * from 'file.csv'", "has no schema"),
        ("select * from a.b.c.d", "too many parts"),
        ("delete from shop.a.b", "Only queries"),
        ("select 1; select 2", "2 statements"),
        ("", "0 statements"),
        ("select from where", "can't be read"),
        ("select * from table(shop.system.query(query => 1))", "can't be used"),
        ("select * from table(query)", "no table function"),
    ],
)
def test_faults_of_the_text_are_told(sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        read_statement(sql, ["shop", "other"])


def test_a_native_query_is_a_reference_of_its_own() -> None:
    sql = "select * from table(shop.system.query(QUERY => 'select 1')) as t"
    (reference,) = read_statement(sql, ["shop"]).references.values()
    assert dict(reference.passthrough) == {
        "schemaFunctionName": "SYSTEM.QUERY",
        "QUERY": "select 1",
    }


def test_the_time_is_the_same_everywhere() -> None:
    statement = read_statement(
        "select current_timestamp from p.a where x < current_timestamp", ["shop"]
    )
    assert statement.sql().count("AS TIMESTAMPTZ)") == 2
    assert 'AS "CURRENT_TIMESTAMP"' in statement.sql()


# Against DuckDB: each scan of a random statement is cut down to what a connector may
# return for it, in the order that suits the statement least.

_COLUMN = st.sampled_from(NAMES)
_FILTERS = st.one_of(
    st.tuples(_COLUMN, st.sampled_from(["=", "<>", "<", ">="]), st.integers(0, 6)).map(
        lambda parts: "{{}}.{} {} {}".format(*parts)
    ),
    _COLUMN.map("{{}}.{} is null".format),
    _COLUMN.map("{{}}.{} is not null".format),
    st.tuples(_COLUMN, _COLUMN).map(lambda parts: "{{}}.{} = {{}}.{}".format(*parts)),
)
_JOINS = st.sampled_from(["join", "left join", "right join", "full join", "cross join", ","])


@st.composite
def _sources(draw: st.DrawFn, table: str, alias: str) -> str:
    match draw(st.integers(0, 3)):
        case 0:
            where = draw(_FILTERS).format(alias, alias)
            return f"(select * from p.{table} {alias} where {where}) {alias}"
        case 1:
            return f"(select y as x, x as y, id from p.{table}) {alias}"
        case _:
            return f"p.{table} {alias}"


@st.composite
def _conditions(draw: st.DrawFn, aliases: list[str]) -> str:
    alias = st.sampled_from(aliases)
    parts = draw(st.lists(_FILTERS, min_size=1, max_size=3))
    texts = [part.format(draw(alias), draw(alias)) for part in parts]
    if draw(st.integers(0, 4)) == 0:
        table, outer = draw(st.sampled_from(sorted(ROWS))), draw(alias)
        inner = draw(_FILTERS).format("q", "q")
        word = draw(st.sampled_from(["exists", "not exists"]))
        texts.append(f"{word} (select * from p.{table} q where q.id = {outer}.id and {inner})")
    return draw(st.sampled_from([" and ", " or "])).join(texts)


@st.composite
def statements(draw: st.DrawFn) -> str:
    tables = draw(st.lists(st.sampled_from(sorted(ROWS)), min_size=1, max_size=3))
    aliases: list[str] = []
    text = ""
    for place, table in enumerate(tables):
        alias = f"t{place}"
        aliases.append(alias)
        source = draw(_sources(table, alias))
        if not text:
            text = source
            continue
        join = draw(_JOINS)
        on = "" if join in ("cross join", ",") else f" on {draw(_conditions(aliases))}"
        text += f" {join} {source}{on}"
    columns = ", ".join(
        f"{alias}.{draw(_COLUMN)} as c{place}" for place, alias in enumerate(aliases)
    )
    where = f" where {draw(_conditions(aliases))}" if draw(st.booleans()) else ""
    order = ", ".join(
        f"c{place} {draw(st.sampled_from(['', 'desc', 'nulls first']))}"
        for place in range(len(aliases))
    )
    match draw(st.integers(0, 4)):
        case 0:
            return f"select count(*) as c0 from {text}{where}"
        case 1:
            return f"select {columns} from {text}{where} order by {order} limit 2"
        case 2:
            return f"select c0 from (select {columns} from {text}{where}) d where c0 > 1"
        case _:
            return f"select {columns} from {text}{where}"


def _connector(constraints: Constraints, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return what a connector might: all it must, and nothing that it need not."""
    rows = compile_residual(constraints.conjuncts()).apply(batch)
    if constraints.limit is None:
        return rows
    if constraints.order_by:
        top = TopN(constraints.order_by, constraints.limit, max_bytes=1 << 20)
        found = [*top.push(rows), *top.finish()]
        return pa.concat_batches(found) if found else rows
    return rows.slice(max(0, rows.num_rows - constraints.limit))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as found:
        yield found


def _answer(
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
    rows: Mapping[str, pa.RecordBatch],
) -> Counter[tuple[Any, ...]]:
    for name, batch in rows.items():
        create_relation(connection, name, schema=SCHEMA, batches=[batch], rows=batch.num_rows)
    return Counter(connection.execute(statement.sql()).fetchall())


def _as_sent(
    connection: duckdb.DuckDBPyConnection, statement: Statement
) -> dict[str, tuple[pa.RecordBatch, tuple[str, ...]]]:
    """Return what arrives for each scan with all columns, and the columns asked for."""
    found = plan_scans(statement, dict.fromkeys(statement.references, NAMES))
    claims = Capabilities(functions=FUNCTIONS, limit=True, top_n=True)
    rows = {}
    for name, reference in statement.references.items():
        sent = translate(
            found[name],
            SCHEMA,
            Constants(connection),
            capabilities=claims,
            version=6,
            passthrough={},
        )
        batch = _connector(sent.constraints, ROWS[reference.table.table])
        rows[name] = batch, found[name].columns
    return rows


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sql=statements())
def test_the_answer_does_not_change(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statement = read_statement(sql, ["shop"])
    everything = {
        name: ROWS[reference.table.table] for name, reference in statement.references.items()
    }
    wanted = _answer(connection, statement, everything)
    sent = _as_sent(connection, statement)
    assert (
        _answer(connection, statement, {name: rows for name, (rows, _) in sent.items()}) == wanted
    )
    narrow = {name: rows.select(columns) for name, (rows, columns) in sent.items()}
    try:
        found = _answer(connection, statement, narrow)
    except duckdb.Error as error:
        if not looks_at_unread(error):  # rare, and then the engine reads all columns
            raise
    else:
        assert found == wanted
