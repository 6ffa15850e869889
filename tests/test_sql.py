"""Any SELECT over the tables of two databases gives DuckDB's own answer over the same rows.

The rows go into DuckDB by a way of their own, so a wrong value shows as well as a wrong plan.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.postgres import PostgresAddress

VERSIONS = (2, 4, 6)

# Tables: what makes them on the server, and how their rows are read for DuckDB

SHOP = """
CREATE SCHEMA sales;

CREATE TABLE sales.customers (
    id int4 PRIMARY KEY, name text, city text COLLATE linguistic, born date, vip bool, score float8
);
INSERT INTO sales.customers SELECT
    n,
    CASE WHEN n % 9 <> 4
        THEN (ARRAY['Ann', 'bob', 'Éva', 'O''Neil', 'a%b', 'Zoë'])[1 + n % 6] || n % 4
    END,
    (ARRAY['Oslo', 'oslo', 'Bern', NULL, ''])[1 + n % 5],
    date '1960-02-29' + n * 397,
    n % 3 = 0,
    (n * 37 % 20) / 8.0
FROM generate_series(1, 40) AS n;

CREATE TABLE sales.orders (
    id int8 PRIMARY KEY, customer_id int4, placed timestamp, status text, total numeric(10,2),
    note varchar(30)
);
INSERT INTO sales.orders SELECT
    n,
    CASE WHEN n % 13 > 0 THEN 1 + n * 7 % 45 END,
    timestamp '2023-11-30 22:15:00.5' + n * interval '5 hours 7 minutes 3.25 seconds',
    (ARRAY['new', 'paid', 'sent', 'back'])[1 + n * 3 % 4],
    CASE WHEN n % 17 > 0 THEN n * 2749 % 50000 / 100.0 END,
    CASE n % 7 WHEN 0 THEN 'gift_' || n % 3 WHEN 1 THEN '100% off' WHEN 2 THEN '' END
FROM generate_series(1, 250) AS n;

CREATE TABLE sales.items (
    order_id int8, line int2, sku text, quantity int4, price numeric(8,3), discount float4
);
INSERT INTO sales.items SELECT
    1 + n * 11 % 260,
    n % 5,
    chr(97 + n % 6) || '-' || n % 4,
    CASE WHEN n % 23 > 0 THEN n % 8 END,
    n * 31 % 900 / 8.0,
    CASE n % 3 WHEN 0 THEN 0.5 WHEN 1 THEN 0.25 END
FROM generate_series(1, 700) AS n;

CREATE TABLE sales.events (at timestamptz, kind text, payload jsonb, tags text[]);
INSERT INTO sales.events SELECT
    timestamptz '2024-01-31 23:00:00+01' + n * interval '9 h 30 m',
    (ARRAY['view', 'buy', NULL])[1 + n % 3],
    jsonb_build_object('n', n % 4),
    CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}' ELSE ARRAY['t' || n % 5, NULL] END
FROM generate_series(1, 90) AS n;

CREATE TABLE sales."MixedCase" ("Id" int4, "Group" text, "select" int4, "two words" text);
INSERT INTO sales."MixedCase" SELECT n, 'g' || n % 3, n % 4, 'w ' || n % 2
FROM generate_series(1, 30) AS n;

CREATE TABLE sales.nothing (id int4, label text);
"""
CRM = """
CREATE SCHEMA people;

CREATE TABLE people."order" (id int4, email text, joined date, owner int4);
INSERT INTO people."order" SELECT
    n,
    'user' || n % 10 || '@' || (ARRAY['A', 'b'])[1 + n % 2],
    CASE WHEN n % 5 > 0 THEN date '2023-12-01' + n END,
    n % 12
FROM generate_series(1, 60) AS n;
"""
SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "shop.sales.customers": {
        "id": pa.int32(),
        "name": pa.string(),
        "city": pa.string(),
        "born": pa.date32(),
        "vip": pa.bool_(),
        "score": pa.float64(),
    },
    "shop.sales.orders": {
        "id": pa.int64(),
        "customer_id": pa.int32(),
        "placed": pa.timestamp("us"),
        "status": pa.string(),
        "total": pa.decimal128(10, 2),
        "note": pa.string(),
    },
    "shop.sales.items": {
        "order_id": pa.int64(),
        "line": pa.int16(),
        "sku": pa.string(),
        "quantity": pa.int32(),
        "price": pa.decimal128(8, 3),
        "discount": pa.float32(),
    },
    "shop.sales.events": {
        "at": pa.timestamp("us"),
        "kind": pa.string(),
        "payload": pa.string(),
        "tags": pa.list_(pa.string()),
    },
    'shop.sales."MixedCase"': {
        '"Id"': pa.int32(),
        '"Group"': pa.string(),
        '"select"': pa.int32(),
        '"two words"': pa.string(),
    },
    "shop.sales.nothing": {"id": pa.int32(), "label": pa.string()},
    'crm.people."order"': {
        "id": pa.int32(),
        "email": pa.string(),
        "joined": pa.date32(),
        "owner": pa.int32(),
    },
}
PARTITION = "'*' AS partition_schema_name, '*' AS partition_name"
"""What Athena sees beside the columns of the server."""
READ_AS = {"at": "at AT TIME ZONE 'UTC'", "payload": "payload::text"}


def rows_on_server(address: PostgresAddress, table: str) -> pa.Table:
    columns = SCHEMAS[table]
    name = table.partition(".")[2]
    shown = ", ".join(READ_AS.get(column, column) for column in columns)
    rows = address.execute(f"SELECT {shown} FROM {name}")
    values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]
    arrays = [pa.array(found, type_) for found, type_ in zip(values, columns.values(), strict=True)]
    return pa.table(arrays, names=[column.strip('"') for column in columns])


@pytest.fixture(scope="module")
def databases(make_database: Callable[[], PostgresAddress]) -> dict[str, PostgresAddress]:
    shop, crm = make_database(), make_database()
    shop.create_linguistic_collation()
    shop.execute(SHOP, "ANALYZE")
    crm.execute(CRM, "ANALYZE")
    return {"shop": shop, "crm": crm}


@pytest.fixture(scope="module")
def oracle(
    databases: dict[str, PostgresAddress],
) -> Iterator[Callable[[str], pa.Table]]:
    """Answers in DuckDB alone."""
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET python_enable_replacements = false")
        for catalog in databases:
            connection.execute(f"ATTACH ':memory:' AS {catalog}")
        for table in SCHEMAS:
            catalog, schema, _ = table.split(".")
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {catalog}.{schema}")
            connection.register("arrived", rows_on_server(databases[catalog], table))
            connection.execute(f"CREATE TABLE {table} AS SELECT *, {PARTITION} FROM arrived")

        def answer(sql: str) -> pa.Table:
            (theirs,) = sqlglot.transpile(sql, read="trino", write="duckdb", identify=True)
            return connection.sql(theirs).to_arrow_table()

        yield answer


@pytest.fixture(scope="module")
def engines(
    databases: dict[str, PostgresAddress], open_engine: Callable[..., LocalEngine]
) -> dict[Any, LocalEngine]:
    """Engines by SerDe version, and one that pushes nothing."""
    catalogs = {
        name: {
            "default": address.connection_string,
            "min_rows_per_split": "100",
            "max_splits": "3",
        }
        for name, address in databases.items()
    }
    found: dict[Any, LocalEngine] = {
        version: open_engine(catalogs, serde=version) for version in VERSIONS
    }
    found["no pushdown"] = open_engine(catalogs, pushdown=False)
    return found


def rows_of(table: pa.Table) -> list[str]:
    return [
        repr(tuple(map(_plain, row)))
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True)
    ]


def _plain(value: Any) -> Any:
    """Sums of floats depend on their order."""
    return f"{value:.9g}" if isinstance(value, float) else value


STATEMENTS = r"""
-- Projections and filters
select * from shop.sales.customers;
select * from shop.sales.events;
select * from shop.sales."MixedCase";
select count(*) from shop.sales.orders;
select count(*), count(total), count(distinct status) from shop.sales.orders;
select count(*) from shop.sales.orders where total > 100;
select count(*) from shop.sales.nothing;
select * from shop.sales.nothing;
select max(id), count(*) from shop.sales.nothing where label like 'a%';
select 1 as one from shop.sales.customers where vip;
select id, total * 2 as twice, -total as negated from shop.sales.orders where total is not null;
select id from shop.sales.customers where not vip or score is null;
select name from shop.sales.customers where name like 'a\%b%' or name like '%''%';
select id, note from shop.sales.orders where note like '%!_%' escape '!';
select id, note from shop.sales.orders where note not like 'gift%' and note <> '';
select id from shop.sales.orders where status in ('new', 'paid') and customer_id not in (1, 2, 3);
select id from shop.sales.orders where status not in ('new', null);
select id from shop.sales.orders where total between 100 and 250.5 or customer_id is null;
select id from shop.sales.customers where city = 'oslo' or city > 'a';
select distinct city from shop.sales.customers;
select distinct status, note is null as bare from shop.sales.orders order by 1, 2;
select o.* from shop.sales.orders o where o.customer_id is distinct from 5 and o.total < 40;
select orders.id from shop.sales.orders where orders.total > 450;
select sales.orders.id from shop.sales.orders where sales.orders.total > 450;

-- Names
select "Id", "Group", "select", "two words" from shop.sales."MixedCase" where "Id" < 5;
select id, m."two words" as "My Column" from shop.sales.MIXEDCASE m where m."GROUP" = 'g1';
select "select", count(*) as "count" from shop.sales."MixedCase" group by "select";
select at, kind as "order" from shop.sales.events where at > timestamp '2024-02-20 10:00:00';
select "order".id from crm.people."order" where "order".email like 'user1%';
select ID, Name from SHOP.Sales.Customers where Id between 3 and 6;

-- Order and limit
select id from shop.sales.orders order by total desc nulls last, id limit 10;
select id from shop.sales.orders order by total nulls first, id desc limit 20 offset 5;
select id, city from shop.sales.customers order by city, id;
select id from shop.sales.customers order by city desc nulls first, name, id limit 9;
select name, id from shop.sales.customers where vip order by name, id limit 1000;
select id from shop.sales.orders where status = 'paid' order by placed desc limit 3;
select id from shop.sales.orders limit 0;
select count(*) from shop.sales.orders limit 5;
select max(total) over () as most from shop.sales.orders limit 4;
select id from shop.sales.orders where length(note) = 6 order by id desc limit 4;
select id from shop.sales.orders where customer_id in (select id from shop.sales.customers where
    vip) order by id desc limit 5;
select id, total - id as rest from shop.sales.orders order by rest nulls first, id limit 6;
select id, status from shop.sales.orders order by 2, 1 desc limit 8;
select distinct status from shop.sales.orders order by status limit 3;
select status as id, id as number from shop.sales.orders order by id, number limit 5;
select count(*) from (select id from shop.sales.orders limit 17) as some;
select count(*) from (select id from shop.sales.orders where id % 3 = 1 limit 500) as some;
select max(id) from (select id from shop.sales.orders order by id limit 30 offset 10) as some;
select id from (select * from shop.sales.orders order by id limit 30) as o where status = 'new';
select status from (select status, id from shop.sales.orders order by id desc fetch first 5 rows
    only) as last;

-- Joins
select o.id, c.name from shop.sales.orders o join shop.sales.customers c on o.customer_id = c.id;
select o.id, c.name from shop.sales.orders o left join shop.sales.customers c on o.customer_id =
    c.id and c.vip;
select o.id, c.name from shop.sales.orders o left join shop.sales.customers c on o.customer_id =
    c.id where c.vip;
select o.id, c.id from shop.sales.orders o left join shop.sales.customers c on o.customer_id =
    c.id where c.id is null;
select o.id, c.id from shop.sales.orders o left join shop.sales.customers c on o.customer_id =
    c.id and o.status = 'new' where o.total > 300;
select o.id, c.id from shop.sales.orders o right join shop.sales.customers c on o.customer_id =
    c.id and o.total < 50;
select o.id, c.id from shop.sales.orders o full join shop.sales.customers c on o.customer_id =
    c.id and c.vip where o.id is null or c.id is null;
select c.id, n.id from shop.sales.customers c left join shop.sales.nothing n on n.id = c.id;
select a.id, b.id from shop.sales.customers a join shop.sales.customers b on a.city = b.city and
    a.id < b.id;
select c.id, count(o.id) from shop.sales.customers c left join shop.sales.orders o on c.id =
    o.customer_id and o.status in ('paid', 'sent') group by c.id;
select count(*) from shop.sales.customers a cross join shop.sales.customers b where a.id > b.id;
select count(*) from shop.sales.customers a, shop.sales.orders o, shop.sales.items i where a.id =
    o.customer_id and i.order_id = o.id and a.vip and i.quantity > 2;
select id, name, total from shop.sales.customers join shop.sales.orders using (id);
select c.name, p.email from shop.sales.customers c join crm.people."order" p on c.id = p.owner
    where p.joined >= date '2024-01-01';
select p.id, o.id from crm.people."order" p left join shop.sales.orders o on o.id = p.id and
    o.note is not null where p.email like '%@b';
select i.sku, c.city from shop.sales.items i join shop.sales.orders o on o.id = i.order_id join
    shop.sales.customers c on c.id = o.customer_id where c.city <> '' and i.discount > 0.3;
select o.id, i.line from shop.sales.orders o join shop.sales.items i on i.order_id = o.id and
    i.price > o.total;
select o.id, x.n from shop.sales.orders o cross join (values (1), (2)) as x (n) where o.id < 4;
select o.id from shop.sales.orders o join (values ('new', 1), ('back', 2)) as s (name, rank) on
    s.name = o.status where s.rank = 2 and o.total > 200;

-- Subqueries
select id from shop.sales.orders where customer_id in (select id from shop.sales.customers where
    vip);
select id from shop.sales.orders where customer_id not in (select id from shop.sales.customers
    where name is null);
select id from shop.sales.customers where id not in (select customer_id from shop.sales.orders);
select id from shop.sales.customers c where exists (select * from shop.sales.orders o where
    o.customer_id = c.id and o.total > 400);
select id from shop.sales.customers c where not exists (select 1 from shop.sales.orders o where
    o.customer_id = c.id and o.status = 'back') and c.score > 1;
select id, (select max(total) from shop.sales.orders o where o.customer_id = c.id) as best from
    shop.sales.customers c where city is not null;
select id from shop.sales.orders o where total > (select avg(total) from shop.sales.orders i where
    i.status = o.status);
select id from shop.sales.orders where total = (select max(total) from shop.sales.orders);
select id from shop.sales.orders where (select count(*) from shop.sales.nothing) = 0 and id < 9;
select count(*) from shop.sales.orders o where (o.id, o.status) in (select order_id, 'paid' from
    shop.sales.items);
select s.status, s.n from (select status, count(*) as n from shop.sales.orders group by status) as
    s where s.n > 50 and s.status < 'r';
select a.id from (select id, customer_id as who from shop.sales.orders where total > 50) as a
    where a.who = 8 or a.id in (1, 2, 3);
select t.id from (select o.id, o.status from shop.sales.orders o left join shop.sales.customers c
    on c.id = o.customer_id) as t where t.status = 'sent';
select id from shop.sales.orders where total > all (select price from shop.sales.items where
    quantity = 7);
select id from shop.sales.orders where id = any (select order_id from shop.sales.items where sku
    like 'a-%');

-- WITH
with big as (select * from shop.sales.orders where total > 250) select count(*) from big;
with big as (select * from shop.sales.orders where total > 250) select a.id, b.id from big a join
    big b on a.id + 13 = b.id where a.status = 'new';
with big as (select id, status from shop.sales.orders where total > 250), new as (select id from
    big where status = 'new') select id from new union all select id from big where status =
    'back';
with orders as (select 7 as id) select id from orders;
with c as (select id, name from shop.sales.customers) select o.id, c.name from shop.sales.orders o
    join c on c.id = o.customer_id where c.name > 'b';
with a (x, y) as (select id, total from shop.sales.orders) select x from a where y between 10 and
    20;

-- Groups
select status, sum(total), min(placed), max(note) from shop.sales.orders group by status;
select status, count(*) from shop.sales.orders where id > 20 group by status having count(*) > 57;
select status, note, count(*) from shop.sales.orders group by rollup (status, note);
select status, customer_id % 3 as third, count(*) from shop.sales.orders group by cube (status,
    customer_id % 3);
select status, note, count(*), grouping(status) from shop.sales.orders group by grouping sets
    ((status), (note), ());
select city, vip, avg(score), bool_or(vip) from shop.sales.customers group by 1, 2;
select sku, sum(quantity * price) as worth, avg(discount) from shop.sales.items group by sku order
    by worth desc limit 5;
select status, count(*) filter (where total > 200) as many from shop.sales.orders group by status;
select year(placed) as y, month(placed) as m, count(*) from shop.sales.orders group by 1, 2;
select date_trunc('week', placed) as week, sum(total) from shop.sales.orders group by 1;
select c.city, count(distinct o.status) from shop.sales.customers c join shop.sales.orders o on
    o.customer_id = c.id group by c.city having sum(o.total) > 500;
select sum(n) from (select count(*) as n from shop.sales.items group by order_id) as x;

-- Windows
select id, row_number() over (partition by status order by total desc nulls last, id) as r from
    shop.sales.orders;
select * from (select id, status, rank() over (partition by status order by total) as r from
    shop.sales.orders) as t where r <= 2 and status <> 'new';
select id, sum(total) over (order by id rows between 2 preceding and current row) as s from
    shop.sales.orders where customer_id < 20;
select id, lag(total) over (order by id) as before, first_value(id) over (partition by status
    order by placed) as first from shop.sales.orders;
select id, ntile(4) over (order by id) as q, total / nullif(sum(total) over (), 0) as share from
    shop.sales.orders where id <= 12;

-- Set operations
select id from shop.sales.orders where total < 100 union select id from shop.sales.customers;
select customer_id from shop.sales.orders union all select id from shop.sales.customers;
select customer_id from shop.sales.orders intersect select id from shop.sales.customers where vip;
select id from shop.sales.customers except select customer_id from shop.sales.orders;
select status from shop.sales.orders intersect all select status from shop.sales.orders where id >
    99;
select status from shop.sales.orders except all select status from shop.sales.orders where id > 9;
(select id from shop.sales.orders order by total desc nulls last, id limit 3) union all (select id
    from shop.sales.customers order by id limit 2);
select n from (select id as n from shop.sales.orders union all select id from crm.people."order")
    as u where n between 20 and 30;

-- Expressions
select id, case when total > 300 then 'high' when total > 100 then 'mid' else 'low' end as band
    from shop.sales.orders where case when status = 'new' then total else 0 end > 10;
select id, case status when 'new' then 1 when 'paid' then 2 end as code from shop.sales.orders;
select upper(name), lower(city), length(name), substr(name, 2, 2), trim(city) from
    shop.sales.customers;
select name || '@' || coalesce(city, 'nowhere') as label from shop.sales.customers;
select concat(status, '-', cast(id as varchar)) from shop.sales.orders where id % 50 = 0;
select id from shop.sales.orders where placed >= timestamp '2023-12-24' and placed < timestamp
    '2023-12-24' + interval '7' day;
select id, placed + interval '1' month as later from shop.sales.orders where placed < date
    '2023-12-05';
select id from shop.sales.orders where placed > timestamp '2023-12-31 23:00:00.5' - interval '36'
    hour and placed <= timestamp '2024-01-01 00:00:00';
select id, born from shop.sales.customers where extract(year from born) between 1970 and 1980;
select date_diff('day', born, date '2000-01-01') as days from shop.sales.customers where id < 8;
select id from shop.sales.customers where born = date '1961-04-01' or born > date '2000-06-01';
select cast(total as integer), cast(id as double), cast(placed as date) from shop.sales.orders
    where id < 20;
select id from shop.sales.orders where cast(placed as date) = date '2023-12-25';
select round(total, 1), floor(total), ceil(total), abs(total - 100) from shop.sales.orders where
    total is not null and id < 60;
select id % 7, id * 3 - 2 from shop.sales.orders where id % 7 = 3 and -id < -100;
select greatest(id, 5), least(customer_id, 9), nullif(status, 'new') from shop.sales.orders where
    id < 12;
select sku, price * quantity * (1 - discount) from shop.sales.items where line = 2;
select id, score from shop.sales.customers where score * 2 >= 3.5 and score < 2.25;
select kind, cardinality(tags) as n from shop.sales.events where tags is not null;
select kind, t from shop.sales.events cross join unnest(tags) as u (t) where t is not null;
select payload, count(*) from shop.sales.events where payload <> '{"n": 2}' group by payload;
select count(*) from shop.sales.events where at = timestamp '2024-02-03 12:30:00';
select id from shop.sales.orders where true and (id = 4 or false) or null;
select (select 1) as one, id from shop.sales.customers where id = 40;
select count(*) from shop.sales.orders where placed < current_timestamp and current_date > placed;
values (1, 'a'), (2, 'b');
"""


def statements_of(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if not line.startswith("--"))
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]


def short(sql: object) -> str:
    return " ".join(str(sql).split())[:75]


@pytest.mark.parametrize("sql", statements_of(STATEMENTS), ids=short)
def test_written_statements(
    oracle: Callable[[str], pa.Table], engines: dict[Any, LocalEngine], sql: str
) -> None:
    expected = rows_of(oracle(sql))
    for version in VERSIONS:
        found = rows_of(engines[version].query(sql).table)
        if is_sorted(sql):
            assert found == expected, version
        assert Counter(found) == Counter(expected), version


def is_sorted(sql: str) -> bool:
    """Whether the statement puts its rows in one order; all of those above name a unique key."""
    return sqlglot.parse_one(sql, dialect="trino").args.get("order") is not None


# Generated statements

SOURCES = statements_of("""
shop.sales.orders o;
shop.sales.orders o join shop.sales.customers c on o.customer_id = c.id;
shop.sales.orders o left join shop.sales.customers c on c.id = o.customer_id;
shop.sales.orders o right join shop.sales.customers c on c.id = o.customer_id;
shop.sales.orders o full join shop.sales.customers c on c.id = o.customer_id;
shop.sales.orders o left join shop.sales.items i on i.order_id = o.id and {i};
shop.sales.orders o left join shop.sales.customers c on c.id = o.customer_id and {o};
shop.sales.customers c join shop.sales.orders o on c.id = o.customer_id and {c} and {o};
(select * from shop.sales.orders where {bare}) o;
(select id, total, status, customer_id, placed, note from shop.sales.orders) o
cross join shop.sales.items i;
shop.sales.customers c left join (
    shop.sales.orders o join shop.sales.items i on i.order_id = o.id
) on o.customer_id = c.id;
shop.sales.customers c left join shop.sales.orders o on o.customer_id = c.id
left join shop.sales.items i on i.order_id = o.id;
shop.sales.customers c join crm.people."order" p on p.owner = c.id
""")
CONDITIONS = {
    "o": statements_of("""
        total > 120; status in ('new', 'back'); note is null; note like 'gift%'; id < 60;
        placed >= timestamp '2024-01-01'; customer_id % 2 = 0; not (total < 300)
        """),
    "c": statements_of("""
        vip; city > 'O'; name like '%n%'; born < date '1980-01-01'; score between 0.5 and 2;
        city is null; id <> 8
        """),
    "i": statements_of("""
        quantity >= 3; sku like 'b-%'; price < 50; discount is not null; line in (0, 4)
        """),
    "p": statements_of("""
        joined is not null; email like '%A'; id > 10; joined <= date '2024-01-10'
        """),
}
KEYS = {"o": "status", "c": "city", "i": "sku", "p": "email"}
OUTPUTS = statements_of("""
select {a}.id, {b}.{key} from {source} {where};
select distinct {a}.{first}, {b}.{key} from {source} {where};
select {b}.{key}, count(*), count({a}.id), max({a}.id) from {source} {where} group by {b}.{key};
select {a}.id % 5 as m, min({b}.{key}) from {source} {where} group by 1 having count(*) > 3;
select * from (
    select {b}.{key} as k, count(*) over (partition by {b}.{key}) as n from {source} {where}
) as w where n > 2;
select k from (select {b}.{key} as k, {a}.id as n from {source} {where}) as t
where k > 'b' and n % 2 = 1;
select count(*) from {source} {where};
select {a}.id from {source} {where} union all select id from shop.sales.customers;
select c2.id from shop.sales.customers c2
where exists (select 1 from {source} {where} {and_} {a}.id = c2.id);
with t as (select {a}.id as n, {b}.{key} as k from {source} {where})
select x.n from t x join t y on x.n = y.n and x.k = y.k where x.n < 40;
select count(*) from (select {a}.id from {source} {where} limit 11) as l
""")
GENERATED = 110


def generated(number: int) -> str:
    random = Random(number)
    source = random.choice(SOURCES)
    aliases = re.findall(r"\b[ocip]\b(?!\.)", re.sub(r"{\w+}", "", source))
    output = OUTPUTS[number % len(OUTPUTS)]
    source = source.format(
        bare=random.choice(CONDITIONS["o"]),
        **{alias: _condition(alias, random) for alias in aliases},
    )
    count = random.choice((0, 0, 1, 1, 2, 3))
    where = _joined([_condition(random.choice(aliases), random) for _ in range(count)], random)
    owner = random.choice([alias for alias in aliases if alias != "i"])
    other = random.choice(aliases)
    return output.format(
        source=source,
        where=where,
        and_="and" if where else "where",
        a=owner,
        b=other,
        first=KEYS[owner],
        key=KEYS[other],
    )


def _joined(conditions: list[str], random: Random) -> str:
    joined = ""
    for condition in conditions:
        word = random.choice(("and", "and", "or"))
        joined = f"({joined} {word} {condition})" if joined else condition
    return f"where {joined}" if joined else ""


def _condition(alias: str, random: Random) -> str:
    condition = random.choice(CONDITIONS[alias])
    if condition.startswith("not ("):
        return condition.replace("(", f"({alias}.")
    return f"{alias}.{condition}"


@pytest.mark.parametrize("number", range(GENERATED))
def test_generated_statements(
    oracle: Callable[[str], pa.Table], engines: dict[Any, LocalEngine], number: int
) -> None:
    sql = generated(number)
    expected = Counter(rows_of(oracle(sql)))
    for engine in (engines[VERSIONS[number % 3]], engines["no pushdown"]):
        assert Counter(rows_of(engine.query(sql).table)) == expected, sql


def test_generated_statements_have_answers(oracle: Callable[[str], pa.Table]) -> None:
    answers = {sql: oracle(sql).num_rows for sql in map(generated, range(GENERATED))}
    assert len(answers) > 0.9 * GENERATED
    assert sum(rows > 0 for rows in answers.values()) > 0.8 * GENERATED


# Native queries


NATIVE = r"""
select * from table(shop.system.query(query =>
    'select id, name from sales.customers where id < 9'));
select id, name from shop.sales.customers where id < 9;

select q.n, o.id from table(shop.system.query(query =>
    'select customer_id as n, count(*) as c from sales.orders group by 1')) q join
    shop.sales.orders o on o.customer_id = q.n where q.c > 5 and o.total > 200;
select q.n, o.id from (select customer_id as n, count(*) as c from shop.sales.orders group by 1) q
    join shop.sales.orders o on o.customer_id = q.n where q.c > 5 and o.total > 200;

select count(*) from table(crm.system.query(query => 'select email, joined from people."order"'))
    p where p.joined > date '2024-01-01' and p.email like '%b';
select count(*) from crm.people."order" p where p.joined > date '2024-01-01' and p.email like '%b';

select a.id, b.email from table(shop.system.query(query =>
    'select id from sales.customers where vip')) a, table(crm.system.query(query =>
    'select owner, email from people."order"')) b where a.id = b.owner;
select a.id, b.email from shop.sales.customers a, crm.people."order" b where a.vip and a.id =
    b.owner;

select upper(city) as place from table(shop.system.query(query =>
    'select city from sales.customers order by id limit 7')) order by place nulls last limit 3;
select upper(city) as place from (select city from shop.sales.customers order by id limit 7) order
    by place nulls last limit 3;
"""


def pairs_of(text: str) -> list[tuple[str, str]]:
    parts = statements_of(text)
    return list(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(("native", "plain"), pairs_of(NATIVE), ids=short)
@pytest.mark.parametrize("engine", [6, "no pushdown"])
def test_native_queries_are_tables(
    oracle: Callable[[str], pa.Table],
    engines: dict[Any, LocalEngine],
    engine: Any,
    native: str,
    plain: str,
) -> None:
    assert Counter(rows_of(engines[engine].query(native).table)) == Counter(rows_of(oracle(plain)))
