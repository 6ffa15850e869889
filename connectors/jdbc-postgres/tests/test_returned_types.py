"""What a statement returns is decoded only if it is of the type it was described with."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.jdbc_postgres.metadata import describe
from athena_connectors.jdbc_postgres.returned_types import _OIDS, require_types
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.types import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

ALSO = {"text": {"varchar"}, "decimal_text": {"text"}}
"""Types that a decoder takes beside the one of its name, or instead of it."""


@pytest.fixture
def cursor(database: PostgresAddress) -> Iterator[Any]:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        yield cursor


def test_every_decoder_has_its_types() -> None:
    used = {rule.decoder for rule in TYPES} | {rule.list_decoder for rule in TYPES}
    assert used - {"list:bytea"} <= set(_OIDS)


def test_the_numbers_are_those_of_the_server(cursor: Any) -> None:
    for decoder, oids in _OIDS.items():
        cursor.execute("SELECT typname FROM pg_type WHERE oid = ANY (%s::oid[])", (list(oids),))
        found = {name for (name,) in cursor.fetchall()}
        element = decoder.removeprefix("list:")
        names = ALSO.get(element, set()) | ({element} - {"decimal_text"})
        assert found == {f"_{name}" if element != decoder else name for name in names}


COLUMNS = (
    "b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(10,2), n30 numeric(30,2),"
    " nn numeric, m money, o oid, c char(3), v varchar(3), t text, by bytea, d date,"
    " ts timestamp(3), tz timestamptz, bit1 bit, bits bit(3), u uuid, i inet, j jsonb, x xml,"
    " tm time, iv interval, r int4range, nm name, mood mood, dom positive, pair pair,"
    " ab bool[], ai2 int2[], ai4 int4[], ai8 int8[], af4 float4[], af8 float8[],"
    " an numeric(10,2)[], an30 numeric(30,2)[], ann numeric[], am money[], ao oid[], ac char(3)[],"
    " av varchar(3)[], at text[], aby bytea[], ad date[], ats timestamp[], atz timestamptz[],"
    " au uuid[], ai inet[], aj jsonb[], amood mood[], adom positive[], apair pair[], nested int[][]"
)


def test_columns_of_all_types_pass(database: PostgresAddress, cursor: Any) -> None:
    database.execute(
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)",
        "CREATE TYPE pair AS (a int, b text)",
        f"CREATE TABLE all_types ({COLUMNS})",
    )
    relation = describe(cursor, TableName("public", "all_types"), load_settings(Settings, {}))
    assert len(relation.columns) > 50
    targets = [column.projection.replace("{c}", column.name) for column in relation.columns]
    sql = f"SELECT {', '.join(targets)} FROM all_types"
    require_types(cursor, sql, relation.columns, table="public.all_types")
