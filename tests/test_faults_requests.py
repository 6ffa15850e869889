"""Requests that are malformed, or ask for what is not there, end in an error that helps.

The whole function answers: handler, connector and a real server.
"""

from __future__ import annotations

import base64
import copy
import json
import logging
import os
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.errors import (
    CatalogNotFoundError,
    ColumnNotFoundError,
    ConnectorError,
    InternalError,
    InvalidRequestError,
    SchemaNotFoundError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.protocol.arrow import encode_block
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.faults import FaultCheck, OneInstance
from athena_connectors.common.testing.mutations import (
    MemberPath,
    member_at,
    member_paths,
    mutations,
    replaced,
    without,
)
from athena_connectors.common.testing.postgres_sessions import require_rest
from athena_connectors.jdbc_postgres.app import handler
from hypothesis import Phase, given, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

SERDE = Path(__file__).parent / "vectors" / "serde"
RECORDED: dict[str, Any] = {
    str(path.relative_to(SERDE)): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(SERDE.rglob("*Request*.json"))
}
PASSWORD = "correct horse/battery+staple"
TOKEN = "a-session-token-of-the-caller"

TABLES = (
    "CREATE SCHEMA s",
    "CREATE TABLE s.t (id int8 PRIMARY KEY, name text, flag bool)",
    "INSERT INTO s.t VALUES (11, 'ab', true), (15, 'abc', false), (12, NULL, NULL)",
    'CREATE SCHEMA "test-schema"',
    """CREATE TABLE "test-schema"."test-table" (year int, month int, day int, col2 text,
        col3 float8, col4 float8, col5 float8)""",
    """INSERT INTO "test-schema"."test-table" VALUES (2017, 11, 1, 'x', -20000, 1.5, NULL)""",
    "CREATE SEQUENCE s.numbers",
    "CREATE VIEW s.customer_orders AS SELECT * FROM s.t",
)
"""Two of the tables are those that the recorded requests ask for."""


@pytest.fixture(scope="module")
def shop(postgres: PostgresAddress) -> Iterator[PostgresAddress]:
    """A database, as a user that may do anything in it."""
    name = f"faulty_requests_{os.getpid()}"
    address = postgres.create_database(name)
    address.execute(
        f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{PASSWORD}'"
    )
    mine = address.of_user(name, PASSWORD)
    mine.execute(*TABLES)
    yield mine
    postgres.drop_database(name)
    postgres.execute(f"DROP ROLE {name}")


@pytest.fixture(scope="module")
def instance(shop: PostgresAddress) -> Iterator[OneInstance]:
    """The function; one instance for all tests, so that each finds it working."""
    environ = {"default": shop.connection_string, "statement_timeout_ms": "5000"}
    function = OneInstance(handler, environ, spill=S3Reader({}))
    yield function
    function.close()


@pytest.fixture
def check(
    instance: OneInstance, shop: PostgresAddress, capfd: pytest.CaptureFixture[str]
) -> FaultCheck:
    def recovered() -> None:
        rows = instance.rows(instance.scan("s.t", "name", "id"))
        assert sorted(rows, key=lambda row: row["id"]) == [
            {"name": "ab", "id": 11},
            {"name": None, "id": 12},
            {"name": "abc", "id": 15},
        ]

    return FaultCheck(
        instance,
        secrets=(PASSWORD, TOKEN),
        output=lambda: "".join(capfd.readouterr()),
        at_rest=partial(require_rest, shop),
        recovered=recovered,
    )


@pytest.fixture(scope="module")
def answered(instance: OneInstance) -> dict[str, Any]:
    """Recorded requests that the function answers, by their type.

    Layout and split of a recorded request are another connector's; ours take their place. Its
    query plan is none.
    """
    events = {
        "PingRequest": RECORDED["ping/PingRequest.json"],
        "ListSchemasRequest": RECORDED["v2/ListSchemasRequest.json"],
        "ListTablesRequest": RECORDED["generated/v5/ListTablesRequest_unlimited.json"],
        "GetTableRequest": RECORDED["generated/v6/GetTableRequest_query_passthrough.json"],
        "GetDataSourceCapabilitiesRequest": RECORDED[
            "generated/v6/GetDataSourceCapabilitiesRequest.json"
        ],
        "GetTableLayoutRequest": RECORDED["generated/v4/GetTableLayoutRequest_rich.json"],
    }
    layout = instance.send(events["GetTableLayoutRequest"])
    splits = copy.deepcopy(RECORDED["generated/v6/GetSplitsRequest_first_page.json"])
    splits["constraints"]["queryPlan"] = None
    events["GetSplitsRequest"] = {
        **splits,
        "partitions": layout["partitions"],
        "continuationToken": None,
    }
    (split,) = instance.send(events["GetSplitsRequest"])["splits"]
    read = copy.deepcopy(RECORDED["generated/v6/ReadRecordsRequest_rich.json"])
    read["split"]["properties"] = split["properties"]
    read["constraints"]["queryPlan"] = None
    read["identity"]["configOptions"]["fas_token"] = TOKEN
    return {**events, "ReadRecordsRequest": read}


def test_the_adapted_requests_are_answered(instance: OneInstance, answered: dict[str, Any]) -> None:
    replies = {kind: instance.send(event)["@type"] for kind, event in answered.items()}
    assert replies == {kind: kind.replace("Request", "Response") for kind in answered}


# Requests that are not well formed


NO_REQUESTS: dict[str, Any] = {
    "nothing": None,
    "list": [],
    "text": "PingRequest",
    "number": 7,
    "empty": {},
    "no type": {"catalogName": "cat", "queryId": "q"},
    "null type": {"@type": None},
    "unknown type": {"@type": "DropTableRequest", "catalogName": "cat"},
    "type of no text": {"@type": ["PingRequest"]},
    "response": {"@type": "PingResponse", "catalogName": "cat"},
    "S3 event": {"Records": [{"eventSource": "aws:s3"}]},
}


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_what_is_no_request_is_refused(check: FaultCheck, instance: OneInstance, name: str) -> None:
    with check.expect(InvalidRequestError, "request"):
        instance.send(NO_REQUESTS[name])


UDF_REQUESTS = [name for name in RECORDED if "UserDefinedFunction" in name]


@pytest.mark.parametrize("name", UDF_REQUESTS)
def test_a_user_defined_function_is_not_supported(
    check: FaultCheck, instance: OneInstance, name: str
) -> None:
    with check.expect(UnsupportedOperationError, "'compress'", "not supported"):
        instance.send(RECORDED[name])


OTHER_KINDS: tuple[Any, ...] = (None, True, -1, "", "x", [], {}, [None], {"@type": "x"})


@pytest.mark.parametrize(
    "kind",
    [
        *("PingRequest", "ListSchemasRequest", "ListTablesRequest", "GetTableRequest"),
        *("GetDataSourceCapabilitiesRequest", "GetTableLayoutRequest", "GetSplitsRequest"),
        "ReadRecordsRequest",
    ],
)
def test_each_member_bent_is_answered_or_named(
    check: FaultCheck, instance: OneInstance, answered: dict[str, Any], kind: str
) -> None:
    event = answered[kind]
    refused = 0
    with check.watched() as told:
        for path, request in _bent(event):
            error = _error_of(instance, request)
            told.append(str(error))
            assert not isinstance(error, InternalError), f"{path}: {error}"
            if isinstance(error, InvalidRequestError):
                refused += 1
                assert _names_a_part(error, kind, path), f"{path}: {error}"
    assert refused > 5


def _bent(event: Any) -> Iterator[tuple[MemberPath, Any]]:
    for path in member_paths(event):
        yield path, without(event, path)
        for value in OTHER_KINDS:
            if type(value) is not type(member_at(event, path)):
                yield path, replaced(event, path, value)


def _error_of(instance: OneInstance, request: Any) -> ConnectorError | None:
    try:
        instance.send(request)
    except ConnectorError as error:
        return error
    return None


SPOKEN_OF = {
    "nextToken": "continuation token",
    "continuationToken": "continuation token",
    "schemaFunctionName": "Passthrough function",
}
"""Members that errors call otherwise."""


def _names_a_part(error: InvalidRequestError, kind: str, path: MemberPath) -> bool:
    """Whether a text names the request and the member, or something on the way to it."""
    text = str(error)
    names = [part for part in path if isinstance(part, str)]
    names += [SPOKEN_OF[name] for name in names if name in SPOKEN_OF]
    return text.startswith(f"{kind}.") or any(name in text for name in ("@type", *names))


@pytest.fixture(scope="module")
def events(answered: dict[str, Any]) -> list[Any]:
    """Recorded requests, most of which only go so far, and more of those that are answered."""
    return [*RECORDED.values(), *(4 * list(answered.values()))]


def test_damaged_requests_are_answered_or_refused(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress, events: list[Any]
) -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=800, deadline=None, database=None, phases=[Phase.generate])
    @given(mutations(events))
    def send(event: Any) -> None:
        error = _error_of(instance, event)
        outcomes[type(error).__name__ if error else str(event["@type"])] += 1
        told.append(str(error))
        assert not isinstance(error, InternalError), f"{error}\n{json.dumps(event)}"

    with check.watched() as told:
        send()
    require_rest(shop)
    assert len(outcomes) > 5, outcomes  # it gets through to all parts of the function
    assert outcomes["InvalidRequestError"] > 100


ARROW_MEMBERS = ("schema", "records")


def test_cut_arrow_is_refused(
    check: FaultCheck, instance: OneInstance, answered: dict[str, Any]
) -> None:
    """Base64 that ends too early, between its characters or between the bytes behind it."""
    cases = [
        (event, path)
        for event in answered.values()
        for path in member_paths(event)
        if path[-1] in ARROW_MEMBERS and member_at(event, path)
    ]
    assert len(cases) > 20
    with check.watched() as told:
        for event, path in cases:
            text = member_at(event, path)
            data = base64.b64decode(text)
            for cut in (text[:-1], text[: len(text) // 2], *map(_base64, _damaged(data))):
                with pytest.raises(InvalidRequestError, match=str(path[-1])) as caught:
                    instance.send(replaced(event, path, cut))
                told.append(str(caught.value))


def _damaged(data: bytes) -> list[bytes]:
    beginnings = [data[:size] for size in (1, 7, 9, len(data) // 2, len(data) - 9)]
    return [*beginnings, b"garbage " * 20, bytes(len(data)), b"\xff" * len(data)]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_partitions_of_another_table_are_refused(
    check: FaultCheck, instance: OneInstance, answered: dict[str, Any]
) -> None:
    event = answered["GetSplitsRequest"]
    foreign = encode_block(pa.record_batch({"year": [2024], "month": [1]}), legacy=False)
    with check.expect(InvalidRequestError, "layout"):
        instance.send(replaced(event, ("partitions",), foreign))


@pytest.mark.parametrize(
    "sources",
    [
        *("", "[]x", "{}", '[{"schema": "s"}]', '[{"schema": "s", "name": 5}]', "[[]]", "null"),
        '[{"schema":"s","name":"t","only":false,"range":5,"constants":{}}]',
    ],
)
def test_a_split_of_another_connector_is_refused(
    check: FaultCheck, instance: OneInstance, answered: dict[str, Any], sources: str
) -> None:
    event = answered["ReadRecordsRequest"]
    properties = {"__split_sources": sources}
    with check.expect(InvalidRequestError, "__split_sources"):
        instance.send(replaced(event, ("split", "properties"), properties))


# Requests for what is not there


def listing(**changes: Any) -> Any:
    return {**RECORDED["generated/v5/ListTablesRequest_unlimited.json"], **changes}


def table(schema: str, name: str) -> Any:
    event = RECORDED["generated/v6/GetTableRequest_plain.json"]
    return {**event, "tableName": {"schemaName": schema, "tableName": name}}


WRONG_NAMES: dict[str, tuple[Any, type[ConnectorError], tuple[str, ...]]] = {
    "schema": (table("test-shema", "t"), SchemaNotFoundError, ("'test-shema'", "test-schema")),
    "schema of a listing": (
        listing(schemaName="test_schema"),
        SchemaNotFoundError,
        ("'test_schema'", "Close names: test-schema"),
    ),
    "table": (
        table("s", "custmer_order"),
        TableNotFoundError,
        ("'custmer_order'", "in s", "Close names: customer_orders"),
    ),
    "table, nothing close": (table("s", "zzz"), TableNotFoundError, ("'zzz'", "List the tables")),
    "table of another schema": (
        table("test-schema", "t"),
        TableNotFoundError,
        ("'t'", "in test-schema"),
    ),
    "names that are SQL": (
        table("s", "t; DROP TABLE s.t; --"),
        TableNotFoundError,
        ("'t; DROP TABLE s.t; --'",),
    ),
    "page of no table": (
        listing(schemaName="s", pageSize=0),
        InvalidRequestError,
        ("pageSize 0", "1 or more"),
    ),
    "page of less": (listing(schemaName="s", pageSize=-2), InvalidRequestError, ("pageSize -2",)),
    "token of somebody else": (
        listing(schemaName="s", nextToken="table4"),
        InvalidRequestError,
        ("'table4'", "Start again without a token"),
    ),
}


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_what_is_not_there_is_named(check: FaultCheck, instance: OneInstance, name: str) -> None:
    event, kind, words = WRONG_NAMES[name]
    with check.expect(kind, *words):
        instance.send(event)


def test_a_wrong_column_is_named(check: FaultCheck, instance: OneInstance) -> None:
    scan = instance.scan("s.t", "id")
    (split,) = instance.client.splits(scan)
    with check.expect(ColumnNotFoundError, "'idd'", "s.t", "Close names: id"):
        instance.client.read(replace(scan, projected=pa.schema([("idd", pa.int64())])), split)
    order = Constraints(order_by=(OrderBy("nane", Direction.ASC_NULLS_FIRST),), limit=1)
    with check.expect(ColumnNotFoundError, "'nane'", "Close names: name"):
        instance.client.read(replace(scan, constraints=order), split)


def test_a_catalog_without_settings_is_named(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress
) -> None:
    strings = {"default": shop.connection_string, "CRM_connection_string": shop.connection_string}
    others = OneInstance(handler, strings, spill=S3Reader({}))
    event = RECORDED["ping/PingRequest.json"]
    with check.expect(CatalogNotFoundError, "'sales'", "sales_connection_string"):
        others.send({**event, "catalogName": "sales"})
    assert others.send({**event, "catalogName": "crm"})["sourceType"] == "postgres"
    others.close()


@pytest.mark.parametrize("token", ["garbage", "aW5kZXg6LTE=", "ZnJvbTp0", "", "aW5kZXg6MQ"])
def test_a_foreign_token_of_splits_is_refused(
    check: FaultCheck, instance: OneInstance, answered: dict[str, Any], token: str
) -> None:
    with check.expect(InvalidRequestError, "token", repr(token), "Start again"):
        instance.send({**answered["GetSplitsRequest"], "continuationToken": token})


# Native queries


def native(query: str) -> dict[str, str]:
    return {"schemaFunctionName": "SYSTEM.QUERY", "QUERY": query}


@pytest.fixture
def unchanged(shop: PostgresAddress) -> Iterator[None]:
    """Nothing in the database may change."""

    def state() -> Any:
        return shop.execute(
            "SELECT (SELECT json_agg(t) FROM s.t)::text,"
            " (SELECT last_value || is_called::text FROM s.numbers),"
            " (SELECT string_agg(relname, ' ' ORDER BY oid) FROM pg_class),"
            " (SELECT count(*) FROM pg_largeobject_metadata),"
            " (SELECT string_agg(datname || coalesce(setconfig::text, ''), ' ')"
            "  FROM pg_database LEFT JOIN pg_db_role_setting ON setdatabase = oid),"
            " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"
        )

    before = state()
    yield
    assert state() == before


ARGUMENTS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "other function": (
        {"schemaFunctionName": "SYSTEM.EXECUTE", "QUERY": "SELECT 1"},
        ("'SYSTEM.EXECUTE'", "system.query(QUERY)"),
    ),
    "no function": ({"QUERY": "SELECT 1"}, ("system.query(QUERY)",)),
    "no query": ({"schemaFunctionName": "SYSTEM.QUERY"}, ("QUERY", "lacks")),
    "blank query": (native("  "), ("QUERY", "lacks")),
    "argument in lower case": (
        {"schemaFunctionName": "SYSTEM.QUERY", "query": "SELECT 1"},
        ("QUERY", "lacks"),
    ),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_wrong_arguments_of_a_native_query(
    check: FaultCheck, instance: OneInstance, name: str
) -> None:
    arguments, words = ARGUMENTS[name]
    with check.expect(InvalidRequestError, *words):
        instance.scan("system.query", passthrough=arguments)


REFUSED_QUERIES: dict[str, tuple[type[ConnectorError], str]] = {
    "INSERT INTO s.t VALUES (1) RETURNING id": (UnsupportedOperationError, "INSERT"),
    "UPDATE s.t SET id = 1 RETURNING id": (UnsupportedOperationError, "UPDATE"),
    "DELETE FROM s.t RETURNING id": (UnsupportedOperationError, "DELETE"),
    "COPY s.t TO PROGRAM 'touch /tmp/written'": (UnsupportedOperationError, "COPY"),
    "COPY (SELECT 1) TO STDOUT": (UnsupportedOperationError, "COPY"),
    "SET default_transaction_read_only = off": (UnsupportedOperationError, "SET"),
    "DO $$ BEGIN DELETE FROM s.t; END $$": (UnsupportedOperationError, "DO"),
    "WITH gone AS (DELETE FROM s.t RETURNING *) SELECT * FROM gone": (
        UnsupportedOperationError,
        "data-modifying",
    ),
    "SELECT 1 AS a INTO s.copied": (InvalidRequestError, "INTO"),
    "SELECT 1; DELETE FROM s.t": (InvalidRequestError, "more than one statement"),
    "SELECT 1) AS x; COMMIT; DELETE FROM s.t; --": (InvalidRequestError, "parenthesis"),
    "SELECT * FROM s.t FOR UPDATE": (UnsupportedOperationError, "FOR UPDATE"),
    "SELEC 1": (UnsupportedOperationError, "SELEC"),
    "SELECT * FROM s.nowhere": (TableNotFoundError, "s.nowhere"),
    "SELECT nothing FROM s.t": (ColumnNotFoundError, "nothing"),
    "SELECT 1 +": (InvalidRequestError, "syntax error"),
}


@pytest.mark.parametrize("query", REFUSED_QUERIES)
@pytest.mark.usefixtures("unchanged")
def test_a_native_query_that_is_none_is_refused(
    check: FaultCheck, instance: OneInstance, query: str
) -> None:
    kind, reason = REFUSED_QUERIES[query]
    with check.expect(kind, reason):
        instance.scan("system.query", passthrough=native(query))


WRITING_QUERIES: dict[str, tuple[type[ConnectorError], str]] = {
    "SELECT nextval('s.numbers') AS n": (UnsupportedOperationError, "nextval"),
    "SELECT setval('s.numbers', 9) AS n": (UnsupportedOperationError, "setval"),
    "SELECT lo_create(4711) AS oid": (UnsupportedOperationError, "lo_create"),
    "SELECT set_config('transaction_read_only', 'off', false) AS x": (
        UnsupportedOperationError,
        "read-write",
    ),
    "SELECT query_to_xml('DELETE FROM s.t RETURNING id', true, true, '')::text AS x": (
        UnsupportedOperationError,
        "DELETE",
    ),
    "SELECT 1 / (id - id) AS x FROM s.t": (InvalidRequestError, "division by zero"),
    "SELECT (SELECT id FROM s.t) AS x": (InvalidRequestError, "more than one row"),
}


@pytest.mark.parametrize("query", WRITING_QUERIES)
@pytest.mark.usefixtures("unchanged")
def test_a_native_query_that_writes_fails_when_it_is_read(
    check: FaultCheck, instance: OneInstance, query: str
) -> None:
    kind, reason = WRITING_QUERIES[query]
    scan = instance.scan("system.query", passthrough=native(query))
    with check.expect(kind, reason):
        instance.rows(scan)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT set_config('default_transaction_read_only', 'off', false) AS x",
        "SELECT set_config('search_path', 's', false) AS x",
        "SELECT set_config('timezone', 'Asia/Tokyo', false) AS x",
        "SELECT pg_notify('channel', 'x')::text AS x",
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_what_a_native_query_sets_is_gone_after_it(
    check: FaultCheck, instance: OneInstance, query: str
) -> None:
    names = "default_transaction_read_only", "search_path", "timezone"
    asked = "SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    usual = instance.rows(instance.scan("system.query", passthrough=native(asked)))
    with check.watched():
        assert instance.rows(instance.scan("system.query", passthrough=native(query)))
    assert instance.rows(instance.scan("system.query", passthrough=native(asked))) == usual
    assert usual[0]["default_transaction_read_only"] == "on"


@pytest.mark.parametrize("kind", ["\ud800", "two\nlines", "", None, 5])
def test_what_a_request_calls_itself_does_not_reach_the_log(
    kind: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidRequestError):
        handler({"@type": kind}, None)
    (message,) = [record.getMessage() for record in caplog.records if "failed" in record.message]
    assert message.startswith("The request failed: InvalidRequestError")
    assert message.isprintable()
