"""Every type with its extreme and its odd values: described, read, and compared in the server."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConnectorError, DataConversionError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.ordering import key_function
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.sql.dialect import NotPushedError, is_null
from athena_connectors.common.sql.domains_sql import domain_sql
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.dialect import POSTGRES
from athena_connectors.jdbc_postgres.literals import identifier, quoted
from athena_connectors.jdbc_postgres.metadata import describe, list_tables
from athena_connectors.jdbc_postgres.reader import read_statement
from athena_connectors.jdbc_postgres.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.sql.relation import Column, Relation
    from athena_connectors.common.testing.postgres import PostgresAddress


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()


def ms(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution * 1000)


def real(number: float) -> float:
    return float(np.float32(number))


@dataclass(frozen=True)
class Case:
    """A column: its type in SQL, its engine type, and SQL of values with what is read."""

    source: str
    arrow: pa.DataType
    values: dict[str, Any] = field(default_factory=dict)
    options: str = ""

    def __str__(self) -> str:
        return self.source


def texts(source: str, *values: str, options: str = "") -> Case:
    """A type whose values are read as the server writes them, given in that form."""
    literals = {quoted(value): value for value in values}
    return Case(source, pa.string(), literals, options)


TEXT = pa.string()
INFINITE = {"'infinity'": None, "'-infinity'": None}
DATES = {
    **INFINITE,
    "'0001-01-01'": day("0001-01-01"),
    "'9999-12-31'": day("9999-12-31"),
    "'0001-12-31 BC'": None,
    "'10000-01-01'": None,
    "'5874897-12-31'": None,
    "'1582-10-04'": day("1582-10-04"),
    "'1969-12-31'": -1,
    "'2000-02-29'": day("2000-02-29"),
}
TIMES = {
    **INFINITE,
    "'0001-01-01 00:00:00'": ms("0001-01-01"),
    "'9999-12-31 23:59:59.999999'": ms("9999-12-31T23:59:59.999"),
    "'0001-12-31 23:59:59.999999 BC'": None,
    "'10000-01-01 00:00:00'": None,
    "'294276-12-31 23:59:59.999999'": None,
    "'4713-01-01 00:00:00 BC'": None,
    "'1969-12-31 23:59:59.999999'": -1,
    "'1969-12-31 23:59:59.9985'": -2,
    "'2024-03-31 01:30:00.123456'": ms("2024-03-31T01:30:00.123"),
    "'2024-03-31 01:30:00.123'": ms("2024-03-31T01:30:00.123"),
}
INSTANTS = {
    **{key.replace("00'", "00+00'").replace("9'", "9+00'"): value for key, value in TIMES.items()},
    "'0001-12-31 23:59:59.999999+00 BC'": None,
    "'2024-06-01 02:30:00+05:30'": ms("2024-05-31T21:00:00"),
}
FLOATS = {
    "'NaN'": math.nan,
    "'Infinity'": math.inf,
    "'-Infinity'": -math.inf,
    "'-0'": -0.0,
    "0": 0.0,
}

CASES: dict[str, Case] = {
    "bool": Case("bool", pa.bool_(), {"true": True, "false": False}),
    "int2": Case("int2", pa.int16(), {"-32768": -32768, "32767": 32767}),
    "int4": Case("int4", pa.int32(), {"-2147483648": -(2**31), "2147483647": 2**31 - 1}),
    "int8": Case(
        "int8",
        pa.int64(),
        {"'-9223372036854775808'": -(2**63), "9223372036854775807": 2**63 - 1},
    ),
    "oid": Case("oid", pa.int64(), {"0": 0, "4294967295": 2**32 - 1}),
    "float4": Case(
        "float4", pa.float32(), {**FLOATS, "1.1": real(1.1), "3.4028235e38": 2**128 - 2**104.0}
    ),
    "float8": Case(
        "float8",
        pa.float64(),
        {**FLOATS, "1.7976931348623157e308": 1.7976931348623157e308, "5e-324": 5e-324},
    ),
    "numeric18": Case(
        "numeric(18,4)",
        pa.decimal128(18, 4),
        {
            "99999999999999.9999": Decimal("99999999999999.9999"),
            "-99999999999999.9999": Decimal("-99999999999999.9999"),
            "0": Decimal("0.0000"),
            "'NaN'": None,
        },
    ),
    "numeric38": Case(
        "numeric(38,10)",
        pa.decimal128(38, 10),
        {
            f"{'9' * 28}.{'9' * 10}": Decimal(f"{'9' * 28}.{'9' * 10}"),
            f"-{'9' * 28}.{'9' * 10}": Decimal(f"-{'9' * 28}.{'9' * 10}"),
            "0.0000000001": Decimal("0.0000000001"),
            "'NaN'": None,
        },
    ),
    "numeric50": Case(
        "numeric(50,10)",
        TEXT,
        {"'NaN'": "NaN", f"{'9' * 40}.5": f"{'9' * 40}.5000000000", "-1": "-1.0000000000"},
    ),
    "numeric_negative": Case(
        "numeric(5,-2)",
        pa.decimal128(7, 0),
        {"1234567": Decimal(1234600), "-9999900": Decimal(-9999900)},
    ),
    "numeric_small": Case(
        "numeric(3,5)",
        pa.decimal128(5, 5),
        {"0.00999": Decimal("0.00999"), "-0.00001": Decimal("-0.00001")},
    ),
    "numeric_free": Case(
        "numeric",
        pa.decimal128(38, 2),
        {
            "1.005": Decimal("1.01"),
            "-1.005": Decimal("-1.01"),
            "1.01": Decimal("1.01"),
            "'NaN'": None,
            "'Infinity'": None,
            "'-Infinity'": None,
            "9" * 36: Decimal("9" * 36 + ".00"),
        },
    ),
    "money": Case(
        "money",
        pa.decimal128(20, 2),
        {
            "'92233720368547758.07'": Decimal("92233720368547758.07"),
            "'-92233720368547758.08'": Decimal("-92233720368547758.08"),
            "'0'": Decimal("0.00"),
            "'1234.5'": Decimal("1234.50"),
        },
    ),
    "char5": Case("char(5)", TEXT, {"'ab'": "ab", "'ab   '": "ab", "''": "", "'abcde'": "abcde"}),
    "bpchar": Case("bpchar", TEXT, {"'ab'": "ab", "'ab '": "ab", "'é'": "é"}),
    "single": texts('"char"', "a", ""),
    "name": texts("name", "pg_class", "Ünïcode"),
    "varchar": texts("varchar(10)", "", "a ", "𝄞", "\\N"),
    "text": texts("text", "", "a", "A", "a ", "b", "B", "é", "_x", "5-LOW", "\ufffd", "\\"),
    "text_linguistic": texts(
        "text", "", "a", "A", "b", "B", "é", "_x", "5-LOW", options='COLLATE "linguistic"'
    ),
    "text_folded": texts("text", "", "a", "A", "é", options='COLLATE "folded"'),
    "citext": texts("citext", "", "a", "A", "b", "É", "é"),
    "bytea": Case("bytea", pa.binary(), {"''": b"", r"'\x00ff'": b"\x00\xff", r"'\x7f'": b"\x7f"}),
    "date": Case("date", pa.date32(), DATES),
    "time": texts("time", "00:00:00", "24:00:00", "23:59:59.999999"),
    "timetz": texts("timetz", "24:00:00-15:59", "23:59:59.999999+15:59:59"),
    "interval": texts("interval", "-178000000 years", "1 mon -3 days +04:05:06.789", "00:00:00"),
    "timestamp": Case("timestamp", pa.date64(), TIMES),
    "timestamp3": Case("timestamp(3)", pa.date64(), {"'1969-12-31 23:59:59.999'": -1, **INFINITE}),
    "timestamptz": Case("timestamptz", pa.date64(), INSTANTS),
    "bit1": Case("bit(1)", pa.bool_(), {"B'0'": False, "B'1'": True}),
    "bit3": texts("bit(3)", "101", "000"),
    "varbit": texts("varbit(5)", "", "10101"),
    "uuid": Case(
        "uuid",
        TEXT,
        {
            "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "'00000000-0000-0000-0000-000000000000'": "00000000-0000-0000-0000-000000000000",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'": "ffffffff-ffff-ffff-ffff-ffffffffffff",
        },
    ),
    "json": texts("json", '{"a" : 1,  "a":2.50}', "null", '"é"'),
    "jsonb": texts("jsonb", '{"a": 2.50}', "null", "[]"),
    "xml": Case("xml", TEXT),
    "inet": texts(
        "inet", "10.0.0.1", "10.1.0.0/16", "0.0.0.0/0", "::1", "fe80::1/64", "::ffff:1.2.3.4"
    ),
    "cidr": texts("cidr", "10.1.0.0/16", "10.0.0.1/32", "2001:db8::/32"),
    "macaddr": texts("macaddr", "08:00:2b:01:02:03"),
    "macaddr8": texts("macaddr8", "08:00:2b:01:02:03:04:05"),
    "point": texts("point", "(1,-2.5)", "(NaN,Infinity)"),
    "line": texts("line", "{1,-1,0}"),
    "lseg": texts("lseg", "[(0,0),(1,1)]"),
    "box": texts("box", "(1,1),(0,0)"),
    "path": texts("path", "[(0,0),(1,1)]", "((0,0),(1,1))"),
    "polygon": texts("polygon", "((0,0),(1,1),(1,0))"),
    "circle": texts("circle", "<(0,0),2>"),
    "int4range": texts("int4range", "empty", "[1,5)", "(,)"),
    "tstzrange": texts("tstzrange", '["2024-01-01 00:00:00+00",infinity)'),
    "int4multirange": texts("int4multirange", "{}", "{[1,2),[5,6)}"),
    "tsvector": texts("tsvector", "'a':1A 'b'"),
    "tsquery": texts("tsquery", "'a' & !'b'"),
    "pg_lsn": texts("pg_lsn", "16/B374D848"),
    "pg_snapshot": texts("pg_snapshot", "10:20:10,14"),
    "xid": texts("xid", "4294967295"),
    "xid8": texts("xid8", "18446744073709551615"),
    "cid": texts("cid", "7"),
    "tid": texts("tid", "(4294967295,1)"),
    "regclass": texts("regclass", "pg_class"),
    "regtype": texts("regtype", "integer"),
    "jsonpath": texts("jsonpath", '$."a"[*]'),
    "refcursor": texts("refcursor", "c1"),
    "int2vector": texts("int2vector", "1 -2 3"),
    "oidvector": texts("oidvector", "1 2"),
    "enum": texts("mood", "sad", "Très heureux", 'a"b'),
    "extension": texts("foreign_type", "", "any text"),
    "composite": Case(
        "place",
        TEXT,
        {"ROW(1, 'x\"y')": '{"a":1,"b":"x\\"y"}', "ROW(NULL, NULL)": '{"a":null,"b":null}'},
    ),
    "domain_int": Case("small", pa.int32(), {"1": 1, "99": 99}),
    "domain_nested": Case(
        "price_of_day", pa.decimal128(10, 2), {"1.5": Decimal("1.50"), "'NaN'": None}
    ),
    "domain_text": texts("code", "a", "B"),
    "domain_linguistic": texts("phrase", "a", "B", "b"),
    "domain_enum": texts("some_mood", "sad"),
    "domain_bit": Case("flag", pa.bool_(), {"B'1'": True, "B'0'": False}),
    "domain_time": Case(
        "moment", pa.date64(), {"'1969-12-31 23:59:59.9'": -100, "'infinity'": None}
    ),
    "domain_composite": Case("some_place", TEXT, {"ROW(1, 'x')": '{"a":1,"b":"x"}'}),
    "domain_array": Case("numbers", pa.list_(pa.int32()), {"'{1,NULL}'": [1, None]}),
    "domain_table": Case("grid", TEXT, {"'{{1,2},{3,4}}'": "[[1,2],[3,4]]"}),
    "domain_uuid": Case(
        "key",
        TEXT,
        {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    ),
}
"""By column name."""


def lists(source: str, element: pa.DataType, values: dict[str, Any]) -> Case:
    return Case(source, pa.list_(element), {**values, "'{}'": [], "'{NULL}'": [None]})


ARRAYS: dict[str, Case] = {
    "bools": lists("bool[]", pa.bool_(), {"'{t,NULL,f}'": [True, None, False]}),
    "int2s": lists("int2[]", pa.int16(), {"'{-32768,32767}'": [-32768, 32767]}),
    "int4s": lists("int4[]", pa.int32(), {"'[0:1]={1,2}'": [1, 2]}),
    "int8s": lists("int8[]", pa.int64(), {"'{9223372036854775807}'": [2**63 - 1]}),
    "oids": lists("oid[]", pa.int64(), {"'{4294967295}'": [2**32 - 1]}),
    "float4s": lists("float4[]", pa.float32(), {"'{1.1,NaN}'": [real(1.1), math.nan]}),
    "float8s": lists("float8[]", pa.float64(), {"'{1.1,-Infinity}'": [1.1, -math.inf]}),
    "numeric10s": lists(
        "numeric(10,2)[]", pa.decimal128(10, 2), {"'{1.5,NaN}'": [Decimal("1.50"), None]}
    ),
    "numeric30s": lists(
        "numeric(30,2)[]", pa.decimal128(30, 2), {"'{1.5,NaN}'": [Decimal("1.50"), None]}
    ),
    "numeric50s": lists("numeric(50,2)[]", TEXT, {"'{1.5,NaN}'": ["1.50", "NaN"]}),
    "numerics": lists(
        "numeric[]",
        pa.decimal128(38, 2),
        {"'{1.005,NULL,NaN,-Infinity,2}'": [Decimal("1.01"), None, None, None, Decimal("2.00")]},
    ),
    "moneys": lists(
        "money[]", pa.decimal128(20, 2), {"'{1.5,-2}'": [Decimal("1.50"), Decimal("-2.00")]}
    ),
    "texts": lists("text[]", TEXT, {"ARRAY['', 'a,\"b', 'NULL', '𝄞']": ["", 'a,"b', "NULL", "𝄞"]}),
    "varchars": lists("varchar(5)[]", TEXT, {"'{a,b}'": ["a", "b"]}),
    "chars": lists("char(3)[]", TEXT, {"'{a,\"b  \"}'": ["a", "b"]}),
    "names": lists("name[]", TEXT, {"'{a}'": ["a"]}),
    "citexts": lists("citext[]", TEXT, {"'{A,a}'": ["A", "a"]}),
    "byteas": lists("bytea[]", TEXT, {r"ARRAY['\x00ff'::bytea, '']": [r"\x00ff", r"\x"]}),
    "dates": lists("date[]", pa.date32(), {"'{1970-01-02,infinity}'": [1, None]}),
    "times": lists("time[]", TEXT, {"'{24:00:00}'": ["24:00:00"]}),
    "timestamps": lists(
        "timestamp[]", pa.date64(), {"'{1970-01-01 00:00:01.0019,infinity}'": [1001, None]}
    ),
    "timestamptzs": lists("timestamptz[]", pa.date64(), {"'{1970-01-01 01:00:00+01}'": [0]}),
    "intervals": lists("interval[]", TEXT, {"'{1 day}'": ["1 day"]}),
    "uuids": lists(
        "uuid[]",
        TEXT,
        {"'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]},
    ),
    "jsons": lists("json[]", TEXT, {"ARRAY['{\"a\" : 1}'::json]": ['{"a" : 1}']}),
    "jsonbs": lists("jsonb[]", TEXT, {"ARRAY['{\"a\":1}'::jsonb]": ['{"a": 1}']}),
    "moods": lists("mood[]", TEXT, {"ARRAY['sad', 'a\"b']::mood[]": ["sad", 'a"b']}),
    "inets": lists("inet[]", TEXT, {"'{10.0.0.1,10.1.0.0/16}'": ["10.0.0.1", "10.1.0.0/16"]}),
    "bits": lists("bit(1)[]", TEXT, {"ARRAY[B'1', B'0']": ["1", "0"]}),
    "boxes": lists("box[]", TEXT, {"'{(1,1),(0,0);(3,3),(2,2)}'": ["(1,1),(0,0)", "(3,3),(2,2)"]}),
    "ranges": lists("int4range[]", TEXT, {"'{\"[1,5)\",empty}'": ["[1,5)", "empty"]}),
    "places": lists("place[]", TEXT, {"ARRAY[ROW(1, 'x'), NULL]::place[]": ["(1,x)", None]}),
    "smalls": lists("small[]", pa.int32(), {"'{1,2}'": [1, 2]}),
    "prices": lists("price[]", pa.decimal128(10, 2), {"'{1.5}'": [Decimal("1.50")]}),
    "table": Case(
        "int4[][]", TEXT, {"'{{1,2},{3,4}}'": "[[1,2],[3,4]]", "'{5}'": "[5]", "'{}'": "[]"}
    ),
    "nested": Case("numbers[]", TEXT, {"ARRAY['{1,2}'::numbers]": "[[1,2]]"}),
}

ALL = {**CASES, **ARRAYS}

PREPARATION = (
    "CREATE TYPE mood AS ENUM ('sad', 'Très heureux', 'a\"b')",
    "CREATE TYPE place AS (a int, b text)",
    "CREATE DOMAIN small AS int4 CHECK (VALUE < 100)",
    "CREATE DOMAIN price AS numeric(10,2)",
    "CREATE DOMAIN price_of_day AS price",
    "CREATE DOMAIN code AS varchar(10)",
    'CREATE DOMAIN phrase AS text COLLATE "linguistic"',
    "CREATE DOMAIN some_mood AS mood",
    "CREATE DOMAIN flag AS bit(1)",
    "CREATE DOMAIN moment AS timestamp(1)",
    "CREATE DOMAIN some_place AS place",
    "CREATE DOMAIN numbers AS int4[]",
    "CREATE DOMAIN grid AS int4[][]",
    "CREATE DOMAIN key AS uuid",
    # As the extension of the name makes it, which not every server has.
    "CREATE TYPE citext",
    "CREATE FUNCTION citextin(cstring) RETURNS citext AS 'textin' LANGUAGE internal STRICT",
    "CREATE FUNCTION citextout(citext) RETURNS cstring AS 'textout' LANGUAGE internal STRICT",
    "CREATE TYPE citext (INPUT = citextin, OUTPUT = citextout, LIKE = text, CATEGORY = 'S')",
    "CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT",
    "CREATE CAST (text AS citext) WITHOUT FUNCTION AS ASSIGNMENT",
    """CREATE FUNCTION citext_eq(citext, citext) RETURNS bool LANGUAGE sql
    RETURN lower($1::text) = lower($2::text)""",
    "CREATE OPERATOR = (LEFTARG = citext, RIGHTARG = citext, FUNCTION = citext_eq)",
    "CREATE TYPE foreign_type",
    "CREATE FUNCTION foreign_in(cstring) RETURNS foreign_type AS 'textin' LANGUAGE internal STRICT",
    """CREATE FUNCTION foreign_out(foreign_type) RETURNS cstring AS 'textout'
    LANGUAGE internal STRICT""",
    "CREATE TYPE foreign_type (INPUT = foreign_in, OUTPUT = foreign_out)",
    # Not every server has the library that nondeterministic collations need.
    """INSERT INTO pg_collation SELECT (json_populate_record(k,
    '{"oid": 70000, "collname": "folded", "collisdeterministic": false}')).*
    FROM pg_collation AS k WHERE k.collname = 'linguistic'""",
)


def rows_of(cases: dict[str, Case]) -> Iterator[tuple[str, list[Any]]]:
    """Yield SQL of each row and what is read of it, NULLs at the end of each column."""
    count = 1 + max(len(case.values) for case in cases.values())
    columns = [[*case.values.items(), *[("NULL", None)] * count][:count] for case in cases.values()]
    for number, row in enumerate(zip(*columns, strict=True)):
        literals = [str(number), *(literal for literal, _ in row)]
        yield f"({', '.join(literals)})", [number, *(value for _, value in row)]


@pytest.fixture(scope="module")
def types(database: PostgresAddress) -> PostgresAddress:
    """A table of scalars and one of arrays; ``n`` numbers the rows."""
    database.create_linguistic_collation()
    statements = list(PREPARATION)
    for table, cases in (("scalars", CASES), ("arrays", ARRAYS)):
        declared = ", ".join(
            f"{identifier(name)} {case.source} {case.options}" for name, case in cases.items()
        )
        statements.append(f"CREATE TABLE {table} (n int4, {declared})")
        statements += [f"INSERT INTO {table} VALUES {row}" for row, _ in rows_of(cases)]
    database.execute(*statements)
    return database


@pytest.fixture(scope="module")
def make(types: PostgresAddress) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make_client(**settings: str) -> Client:
        client = Client(
            parse_connection_string(types.connection_string, engine="postgres", catalog="shop"),
            load_settings(Settings, settings),
            secrets=None,
            environ={},
        )
        clients.append(client)
        return client

    yield make_client
    for client in clients:
        client.close()


def settings_of(**settings: str) -> Settings:
    return load_settings(Settings, {"default_scale": "2", **settings})


def read(cursor: Any, relation: Relation, *, where: str = "true") -> pa.Table:
    targets = ", ".join(
        column.projection.replace("{c}", identifier(column.name)) for column in relation.columns
    )
    source = f"{identifier(relation.schema)}.{identifier(relation.name)}"
    batches = list(
        read_statement(
            cursor,
            f"SELECT {targets} FROM {source} WHERE {where}",
            relation.columns,
            table=f"{relation.schema}.{relation.name}",
            stats=SplitStats(),
        )
    )
    schema = pa.schema([pa.field(column.name, column.arrow) for column in relation.columns])
    return pa.Table.from_batches(batches, schema)


def physical(array: pa.Array[Any]) -> list[Any]:
    """Values as the engine reads them: integers for dates and times."""
    if isinstance(array, pa.ListArray):
        flat = physical(array.flatten())
        result: list[Any] = []
        for size in array.value_lengths().to_pylist():
            result.append(None if size is None else flat[:size])
            flat = flat[size or 0 :]
        return result
    if pa.types.is_date32(array.type):
        return array.view(pa.int32()).to_pylist()
    if pa.types.is_temporal(array.type):
        return array.view(pa.int64()).to_pylist()
    return array.to_pylist()


def values_of(table: pa.Table, name: str) -> list[Any]:
    return physical(table.column(name).combine_chunks())


def same(left: Any, right: Any) -> bool:
    """Equality that tells -0.0 from 0.0 and finds NaN equal to itself."""
    return repr(left) == repr(right)


@pytest.fixture(scope="module")
def scalars(make: Callable[..., Client]) -> tuple[Relation, pa.Table]:
    with make().transaction() as cursor:
        relation = describe(cursor, TableName("public", "scalars"), settings_of())
        return relation, read(cursor, relation)


@pytest.fixture(scope="module")
def arrays(make: Callable[..., Client]) -> tuple[Relation, pa.Table]:
    with make().transaction() as cursor:
        relation = describe(cursor, TableName("public", "arrays"), settings_of())
        return relation, read(cursor, relation)


def column_of(relation: Relation, name: str) -> Column:
    column = relation.column(name)
    assert column is not None
    return column


def check(name: str, cases: dict[str, Case], found: tuple[Relation, pa.Table]) -> None:
    relation, table = found
    index = list(cases).index(name) + 1
    expected = [row[index] for _, row in rows_of(cases)]
    assert column_of(relation, name).arrow == cases[name].arrow
    assert values_of(table, "n") == list(range(len(expected)))
    assert same(values_of(table, name), expected)
    assert expected[-1] is None


@pytest.mark.parametrize("name", CASES)
def test_21_5_and_21_6_scalars_are_read_as_described(
    name: str, scalars: tuple[Relation, pa.Table]
) -> None:
    check(name, CASES, scalars)


@pytest.mark.parametrize("name", ARRAYS)
def test_21_5_and_issues_181_186_and_198_arrays_are_read_as_described(
    name: str, arrays: tuple[Relation, pa.Table]
) -> None:
    check(name, ARRAYS, arrays)


@pytest.mark.parametrize("name", CASES)
def test_null_when_is_exact(
    name: str, scalars: tuple[Relation, pa.Table], types: PostgresAddress
) -> None:
    relation, table = scalars
    column = column_of(relation, name)
    quoted = identifier(name)
    condition = column.null_when.replace("{c}", quoted) or "false"
    told = types.execute(
        f"SELECT num_nulls({quoted}) = 0 AND ({condition}), {is_null(column, POSTGRES)}"
        " FROM scalars ORDER BY n"
    )
    present = [
        present
        for (present,) in types.execute(f"SELECT num_nulls({quoted}) = 0 FROM scalars ORDER BY n")
    ]
    read_values = values_of(table, name)
    lost = [here and value is None for here, value in zip(present, read_values, strict=True)]
    assert [first for first, _ in told] == lost
    assert [second for _, second in told] == [value is None for value in read_values]
    assert bool(column.null_when) or not any(lost)


PREDICATES: dict[str, tuple[Callable[[Any], Range], Callable[[Any, Any], bool]]] = {
    "=": (Range.equal, lambda key, bound: key == bound),
    "<": (Range.less_than, lambda key, bound: key < bound),
    "<=": (Range.at_most, lambda key, bound: key <= bound),
    ">": (Range.greater_than, lambda key, bound: key > bound),
    ">=": (Range.at_least, lambda key, bound: key >= bound),
}


@pytest.mark.parametrize("name", CASES)
def test_predicates_find_the_values_that_are_read(
    name: str, scalars: tuple[Relation, pa.Table], types: PostgresAddress
) -> None:
    relation, table = scalars
    column = column_of(relation, name)
    if column.comparison is Comparison.NEVER:
        assert kind_of(column.arrow) in (Kind.OPAQUE, Kind.TEXT)
        return
    key = key_function(column.arrow)
    values = values_of(table, name)
    with closing(types.connect(options="-c timezone=UTC")) as connection:
        cursor = connection.cursor()
        for bound in [value for value in values if value is not None]:
            for range_of, holds in PREDICATES.values():
                wanted = {
                    number
                    for number, value in enumerate(values)
                    if value is not None and holds(key(value), key(bound))
                }
                found, exact = rows_found(cursor, column, range_of(bound))
                assert found == wanted if exact else found >= wanted


def rows_found(cursor: Any, column: Column, wanted: Range) -> tuple[set[int], bool]:
    """Return the rows that the server finds, and whether that has to be all of them."""
    values = SortedRangeSet.of(column.arrow, [wanted], null_allowed=False)
    try:
        fragment = domain_sql(values, column, settings_of(), dialect=POSTGRES)
    except NotPushedError:
        assert kind_of(column.arrow) is Kind.TEXT
        assert wanted.low != wanted.high
        return set(range(1000)), False
    cursor.execute(f"SELECT n FROM scalars WHERE {fragment.text or 'true'}")
    return {number for (number,) in cursor.fetchall()}, fragment.exact


def test_comparisons_follow_collations(scalars: tuple[Relation, pa.Table]) -> None:
    relation, _ = scalars
    names = ("text", "text_linguistic", "text_folded", "citext", "char5", "domain_text")
    found = [column_of(relation, name).comparison for name in (*names, "domain_linguistic")]
    assert found == [
        Comparison.TEXT_C,
        Comparison.TEXT_DETERMINISTIC,
        Comparison.TEXT_FOLDED,
        Comparison.TEXT_FOLDED,
        Comparison.TEXT_FOLDED,
        Comparison.TEXT_C,
        Comparison.TEXT_DETERMINISTIC,
    ]


def test_source_types_are_for_people(scalars: tuple[Relation, pa.Table]) -> None:
    relation, _ = scalars
    told = {column.name: (column.source_type, column.base_type) for column in relation.columns}
    assert told["numeric18"] == ("numeric(18,4)", "numeric")
    assert told["varchar"] == ("character varying(10)", "varchar")
    assert told["domain_nested"] == ("price_of_day", "numeric")
    assert told["enum"] == ("mood", "mood")


def test_issues_21_and_139_zoned_timestamps_on_request(make: Callable[..., Client]) -> None:
    using = settings_of(timestamptz_as_tz="true")
    with make().transaction() as cursor:
        relation = describe(cursor, TableName("public", "scalars"), using)
        table = read(cursor, relation)
    assert column_of(relation, "timestamptz").arrow == pa.timestamp("ms", "UTC")
    expected = [*INSTANTS.values()]
    expected += [None] * (table.num_rows - len(expected))
    packed = values_of(table, "timestamptz")
    assert [None if value is None else value >> 12 for value in packed] == expected
    assert {value & 0xFFF for value in packed if value is not None} == {0}


def test_issue_360_numerics_as_text_on_request(make: Callable[..., Client]) -> None:
    using = settings_of(numeric_unconstrained="varchar")
    with make().transaction() as cursor:
        relation = describe(cursor, TableName("public", "scalars"), using)
        table = read(cursor, relation)
    expected = [literal.strip("'") for literal in CASES["numeric_free"].values]
    assert values_of(table, "numeric_free")[: len(expected)] == expected


@pytest.mark.parametrize("scale", ["0", "38"])
def test_issue_360_and_pr_957_scale_of_numerics_is_the_setting(
    make: Callable[..., Client], scale: str
) -> None:
    using = settings_of(default_scale=scale)
    with make().transaction() as cursor:
        relation = describe(cursor, TableName("public", "scalars"), using)
        column = column_of(relation, "numeric_free")
        cursor.execute(
            f"SELECT {column.value.replace('{c}', 'numeric_free')} FROM scalars WHERE n = 0"
        )
        (rounded,) = cursor.fetchone()
    assert column.arrow == pa.decimal128(38, int(scale))
    places = Decimal(1).scaleb(-int(scale))
    assert rounded == Decimal("1.005").quantize(places, "ROUND_HALF_UP", Context(prec=50))


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("numeric", "'1e36'"),
        ("numeric[]", "'{1e36}'"),
        ("int4[]", "'{{1},{2}}'"),
        ("numeric[]", "'{{1}}'"),
    ],
)
def test_a_value_that_does_not_fit_ends_the_read_and_names_the_column(
    make: Callable[..., Client], types: PostgresAddress, declared: str, value: str
) -> None:
    types.execute(
        "DROP TABLE IF EXISTS misfits", f"CREATE TABLE misfits AS SELECT {value}::{declared} AS odd"
    )
    with make().transaction() as cursor:
        relation = describe(cursor, TableName("public", "misfits"), settings_of())
        with pytest.raises(DataConversionError, match=r"'odd' of public\.misfits"):
            read(cursor, relation)


def test_generated_and_identity_columns(
    make: Callable[..., Client], types: PostgresAddress
) -> None:
    types.execute(
        "CREATE TABLE IF NOT EXISTS made (id int GENERATED ALWAYS AS IDENTITY, a int,"
        " twice int GENERATED ALWAYS AS (a * 2) STORED)",
        "INSERT INTO made (a) SELECT 4 WHERE NOT EXISTS (SELECT FROM made)",
    )
    with make().transaction() as cursor:
        table = read(cursor, describe(cursor, TableName("public", "made"), settings_of()))
    assert [values_of(table, name) for name in ("id", "a", "twice")] == [[1], [4], [8]]


@pytest.mark.parametrize("schema", ["pg_catalog", "information_schema"])
def test_issues_72_and_98_every_relation_of_the_server_itself_can_be_read(
    make: Callable[..., Client], schema: str
) -> None:
    client = make()
    with client.transaction() as cursor:
        names = list_tables(cursor, schema)
    refused = []
    rows = 0
    for name in names:
        try:
            with client.transaction() as cursor:
                cursor.execute(f"SELECT * FROM {schema}.{identifier(name)}")
                declared = [item.name for item in cursor.description]
        except ConnectorError:
            refused.append(name)  # by the server: it has views that not every machine can fill
            continue
        with client.transaction() as cursor:
            table = read(cursor, describe(cursor, TableName(schema, name), settings_of()))
        assert table.column_names == declared
        rows += table.num_rows
    assert len(names) > 60
    assert len(refused) < 3
    assert rows > 1000
