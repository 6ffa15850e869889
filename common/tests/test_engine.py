"""The engine over connectors in memory, whole queries through the wire format."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import closing, contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from athena_connectors.common.capabilities import Capabilities
from athena_connectors.common.errors import ConnectorError, SourceError, TableNotFoundError
from athena_connectors.common.handler import LambdaHandler, lambda_handler
from athena_connectors.common.protocol.messages import S3SpillLocation, TableName
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.engine_errors import (
    EngineProtocolError,
    QueryError,
    RemoteError,
    UsageError,
)
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.memory import ALL_CAPABILITIES, MemoryConnector
from athena_connectors.common.testing.relations import sql_batch
from athena_connectors.common.testing.transport import HttpEndpoint, InProcess, LambdaFunction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from athena_connectors.common.connector import Scan
    from athena_connectors.common.protocol.messages import Split
    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.scans import Progress

COUNT = 60
ORDERS = pa.record_batch(
    {
        "id": pa.array(range(COUNT), pa.int64()),
        "customer": pa.array([None if n % 7 == 3 else n % 5 for n in range(COUNT)], pa.int32()),
        "price": pa.array(
            [Decimal(n * 37 % 1000) / 100 for n in range(COUNT)], pa.decimal128(8, 2)
        ),
        "name": pa.array([None if n % 11 == 0 else f"n{n % 13}" for n in range(COUNT)]),
        "at": pa.array([n * 3_600_123 for n in range(COUNT)], pa.int64()).view(pa.date64()),
        "zoned": pa.array([n * 1000 << 12 | n for n in range(COUNT)], pa.int64()).view(
            pa.timestamp("ms", "UTC")
        ),
        "tags": pa.array(
            [[n, None] if n % 3 else None for n in range(COUNT)], pa.list_(pa.int32())
        ),
    }
)
CUSTOMERS = pa.record_batch(
    {"id": pa.array([0, 1, 2, 9, None], pa.int32()), "name": ["zero", "one", "two", "nine", None]}
)
TABLES = {"s.orders": ORDERS, "s.customers": CUSTOMERS, "s.empty": ORDERS.slice(COUNT)}


def handler_of(connector: MemoryConnector) -> LambdaHandler:
    return lambda_handler(lambda _environ: connector)


def catalog(connector: MemoryConnector, folder: Path) -> Catalog:
    store = FolderStore(folder)
    settings = {"spill_bucket": "b", "spill_prefix": "p"}
    return Catalog(InProcess(handler_of(connector), settings=settings, store=store), store)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    with LocalEngine({"mem": catalog(MemoryConnector(TABLES), tmp_path)}) as found:
        yield found


def expected(sql: str) -> Counter[tuple[Any, ...]]:
    """Return DuckDB's own answer over the same tables."""
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA s")
        for name, batch in TABLES.items():
            connection.register("rows", pa.table(sql_batch(batch)))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
        (theirs,) = sqlglot.transpile(sql, read="trino", write="duckdb", identify=True)
        return rows_of(connection.sql(theirs).to_arrow_table())


def rows_of(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(repr(row) for row in zip(*(c.to_pylist() for c in table.columns), strict=True))


QUERIES = [
    "select * from s.orders",
    "select count(*) from s.orders",
    "select count(*) from s.orders where customer is null",
    "select id, at, zoned, tags from s.orders where at >= timestamp '1970-01-01 10:00:00'",
    "select name, sum(price) as total from s.orders where price > 1.5 group by name",
    "select c.name from s.orders o left join s.customers c on o.customer = c.id and c.id > 0",
    "select c.name from s.orders o right join s.customers c on customer = c.id where o.id is null",
    "select id from s.orders where name like 'n1%' and id % 2 = 1",
    "select id from s.orders where zoned in (timestamp '1970-01-01 00:00:05 UTC')",
    "select id from s.orders where customer in (select id from s.customers where name <> 'one')",
    "select id from s.orders where (customer = 1 and id > 30) or (customer = 2 and id < 20)",
    "with big as (select * from s.orders where price >= 5) select count(*) from big b1, big b2",
    "select id from s.orders order by price desc, id limit 7",
    "select * from s.empty",
    "select count(*) from s.empty",
    "select a.id from s.orders a join s.orders b on a.id = b.id + 1 where a.price < b.price",
    "select max(id) from s.orders where id not in (59, 58) union all select min(id) from s.orders",
    "select 1 as one",
]


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("serde", [2, 3, 4, 5, 6, None])
def test_answers_are_those_of_duckdb(sql: str, serde: int | None, tmp_path: Path) -> None:
    catalogs = {"mem": catalog(MemoryConnector(TABLES), tmp_path)}
    with LocalEngine(catalogs, serde=serde) as engine:
        assert rows_of(engine.query(sql).table) == expected(sql)


@pytest.mark.parametrize("sql", QUERIES)
def test_answers_do_not_depend_on_pushdown_or_spilling(sql: str, tmp_path: Path) -> None:
    catalogs = {"mem": catalog(MemoryConnector(TABLES), tmp_path)}
    with LocalEngine(catalogs, pushdown=False, parallel=1) as engine:
        result = engine.query(sql)
        assert rows_of(result.table) == expected(sql)
        assert all(not scan.planned.scan.constraints.summary for scan in result.scans)
    with LocalEngine(catalogs, max_block_bytes=3000, max_inline_bytes=600) as engine:
        result = engine.query(sql)
        assert rows_of(result.table) == expected(sql)


def test_spilled_blocks_are_fetched_and_decrypted(tmp_path: Path) -> None:
    catalogs = {"mem": catalog(MemoryConnector(TABLES, splits=2), tmp_path)}
    with LocalEngine(catalogs, max_block_bytes=700, max_inline_bytes=100) as engine:
        (scan,) = engine.query("select id, name, at from s.orders").scans
    assert scan.rows == COUNT
    assert all(split.spill_objects > 1 for split in scan.splits)
    objects = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(objects) == sum(split.spill_objects for split in scan.splits)
    assert not any(b"n12" in path.read_bytes() for path in objects)


_PARTS = st.sampled_from(
    [
        "customer = 1", "customer is null", "id between 10 and 40", "price in (1.11, 0, 7.4)",
        "name > 'n2'", "at < timestamp '1970-01-02 00:00:00.0001'", "not (id < 50)",
        "name is not distinct from null", "id % 4 = 1", "id + customer > 20", "price <> 0.37",
        "zoned >= timestamp '1970-01-01 00:00:30 UTC'", "name like '%1'", "tags is null",
        "name not like 'n1%'",
        "date '1970-01-02' <= at", "customer not in (1, 2)", "id = customer", "price > 7.405",
    ]
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    where=st.recursive(
        _PARTS,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: f"({two[0]} or {two[1]})"),
            st.tuples(inner, inner).map(" and ".join),
            inner.map(lambda one: f"not ({one})"),
        ),
        max_leaves=4,
    ),
    columns=st.sampled_from(["*", "count(*) as n", "id", "name, at", "customer, sum(price)"]),
)
def test_random_predicates(engine: LocalEngine, where: str, columns: str) -> None:
    group = " group by customer" if "sum" in columns else ""
    sql = f"select {columns} from s.orders where {where}{group}"
    assert rows_of(engine.query(sql).table) == expected(sql)


def test_a_plain_limit_stops_reading(tmp_path: Path) -> None:
    catalogs = {"mem": catalog(MemoryConnector(TABLES, splits=6), tmp_path)}
    with LocalEngine(catalogs, parallel=1) as engine:
        result = engine.query("select id from s.orders where id >= 0 limit 4")
    (scan,) = result.scans
    assert result.table.num_rows == 4
    assert scan.planned.scan.constraints.limit == 4
    assert len(scan.splits) == 1


def test_equal_scans_are_read_once(engine: LocalEngine) -> None:
    both = engine.query("select a.id from s.orders a, s.orders b where a.id = b.id")
    assert len(both.scans) == 1
    two = engine.query("select a.id from s.orders a, s.orders b where a.id = b.id and b.id > 3")
    assert len(two.scans) == 2


def test_only_needed_columns_are_read(engine: LocalEngine) -> None:
    (scan,) = engine.query("select count(*) from s.orders").scans
    assert scan.planned.scan.projected.names == []
    assert scan.rows == COUNT
    (scan,) = engine.query("select name from s.orders where id > 3").scans
    assert scan.planned.scan.projected.names == ["id", "name"]
    assert set(scan.planned.scan.constraints.summary) == {"id"}


def test_a_query_that_needs_more_columns_than_planned_is_read_again(engine: LocalEngine) -> None:
    # DuckDB computes columns of the derived tables here that nobody looks at.
    sql = (
        "select count(*) as n from s.customers t0, s.customers t1 "
        "join (select * from s.customers t2 where t2.id is not null) t2 on t0.name = 'one'"
    )
    assert rows_of(engine.query(sql).table) == expected(sql)


def test_old_versions_get_value_sets_only(tmp_path: Path) -> None:
    catalogs = {"mem": catalog(MemoryConnector(TABLES), tmp_path)}
    sql = "select id from s.orders where id > 3 and id % 2 = 0 limit 2"
    for serde, sent in ((3, (None, 0)), (4, (2, 1))):
        with LocalEngine(catalogs, serde=serde) as engine:
            (scan,) = engine.query(sql).scans
        constraints = scan.planned.scan.constraints
        assert set(constraints.summary) == {"id"}
        assert (constraints.limit, len(constraints.expression)) == sent


def test_only_claimed_things_are_sent(tmp_path: Path) -> None:
    claims = Capabilities(functions=("$equal",))
    catalogs = {"mem": catalog(MemoryConnector(TABLES, capabilities=claims), tmp_path)}
    with LocalEngine(catalogs) as engine:
        (scan,) = engine.query("select id from s.orders where id % 2 = 0 limit 2").scans
    assert not scan.planned.scan.constraints.expression
    assert scan.planned.scan.constraints.limit is None
    assert scan.planned.limit_reason == "the connector does not claim a limit"
    assert "$modulus" in scan.planned.held[0].reason


def test_native_queries(tmp_path: Path) -> None:
    catalogs = {"mem": catalog(MemoryConnector(TABLES), tmp_path)}
    sql = "select id from table(mem.system.query(query => 's.customers')) where id > 0"
    with LocalEngine(catalogs) as engine:
        assert sorted(engine.query(sql).table.column("id").to_pylist()) == [1, 2, 9]
    with LocalEngine(catalogs, serde=4) as engine, pytest.raises(QueryError, match="SerDe 5"):
        engine.query(sql)


def test_the_connectors_error_ends_the_query(engine: LocalEngine) -> None:
    with pytest.raises(TableNotFoundError, match="nosuch"):
        engine.query("select * from s.nosuch")


def test_faults_are_found_before_a_row_is_read(tmp_path: Path) -> None:
    class Untouchable(MemoryConnector):
        def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
            raise AssertionError("read")

    with LocalEngine({"mem": catalog(Untouchable(TABLES), tmp_path)}) as engine:
        with pytest.raises(QueryError, match="nosuch"):
            engine.query("select nosuch from s.orders")
        with pytest.raises(QueryError, match="unheard_of"):
            engine.query("select unheard_of(id) from s.orders")


def test_a_failing_split_ends_all_reads(tmp_path: Path) -> None:
    class Broken(MemoryConnector):
        def read_split(self, scan: Scan, split: Split) -> Iterable[pa.RecordBatch]:
            if split.properties["start"] == "0":
                return super().read_split(scan, split)
            raise SourceError("The source is gone.")

    with (
        LocalEngine({"mem": catalog(Broken(TABLES), tmp_path)}) as engine,
        pytest.raises(SourceError, match="gone"),
    ):
        engine.query("select * from s.orders")


def test_files_of_this_machine_are_out_of_reach(engine: LocalEngine, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(QueryError, match="disabled"):
        engine.query(f"select * from read_csv('{file}')")


def test_metadata(engine: LocalEngine) -> None:
    assert engine.schemas("mem") == ["s"]
    assert [str(name) for name in engine.tables("mem", "S")] == [
        "s.customers",
        "s.empty",
        "s.orders",
    ]
    assert engine.describe("mem", TableName("S", "Orders")).schema.names == ORDERS.schema.names
    with pytest.raises(UsageError, match="Configured: mem"):
        engine.schemas("men")


def test_tables_come_page_by_page(engine: LocalEngine) -> None:
    assert len(list(engine.client("mem").tables("s", page_size=2))) == 3


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []

    def note(progress: Progress) -> None:
        told.append((progress.splits_done, progress.splits_total, progress.rows))

    catalogs = {"mem": catalog(MemoryConnector(TABLES), tmp_path)}
    with LocalEngine(catalogs, on_progress=note) as engine:
        engine.query("select id from s.orders")
    assert told[0] == (0, 3, 0)
    assert told[-1] == (3, 3, COUNT)


def test_the_connectors_own_counters_arrive(engine: LocalEngine) -> None:
    (scan,) = engine.query("select id from s.orders where id < 5").scans
    counters = [split.stats for split in scan.splits]
    assert sum(stats.rows_read for stats in counters if stats) == COUNT
    assert sum(stats.rows_returned for stats in counters if stats) == 5 == scan.rows


def test_explain(engine: LocalEngine) -> None:
    (scan,) = engine.explain("select name from s.orders where id > 3 and length(name) = 2 limit 5")
    assert scan.planned.scan.projected.names == ["id", "name"]
    assert [held.text for held in scan.planned.held] == ["LENGTH(orders.name) = 2"]
    assert scan.planned.limit_reason == "not all of WHERE can be sent"
    assert [split.native.native for split in scan.splits if split.native] == [
        "s.orders[0:20]",
        "s.orders[20:40]",
        "s.orders[40:60]",
    ]


class _Broken:
    """Changes the replies of a function on their way."""

    def __init__(self, inner: InProcess, kind: str, change: Any) -> None:
        self._inner = inner
        self._kind = kind
        self._change = change

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        reply = self._inner.send(event)
        if reply["@type"] == self._kind:
            self._change(reply)
        return reply

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize(
    ("kind", "member", "value", "told"),
    [
        ("PingResponse", "serDeVersion", 1, "serDeVersion"),
        ("GetTableResponse", "partitionColumns", None, "partitionColumns"),
        ("GetSplitsResponse", "continuationToken", "again", "circle"),
        ("ReadRecordsResponse", "catalogName", "other", "catalogName"),
    ],
)
def test_replies_are_checked(tmp_path: Path, kind: str, member: str, value: Any, told: str) -> None:
    inner = catalog(MemoryConnector(TABLES), tmp_path)
    assert isinstance(inner.transport, InProcess)

    def change(reply: dict[str, Any]) -> None:
        reply[member] = value

    class Tolerant(_Broken):
        def send(self, event: dict[str, Any]) -> dict[str, Any]:
            if event["@type"] == "GetSplitsRequest":
                event = {**event, "continuationToken": None}
            return super().send(event)

    broken = Catalog(Tolerant(inner.transport, kind, change), inner.spill)
    with LocalEngine({"mem": broken}) as engine, pytest.raises(EngineProtocolError, match=told):
        engine.query("select id from s.orders")


@contextmanager
def served(handler: LambdaHandler) -> Iterator[str]:
    """Answer as a Lambda runtime emulator does."""

    class Runtime(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                reply = handler(event, None)
            except Exception as error:  # noqa: BLE001 - as the runtime does
                reply = {"errorMessage": str(error), "errorType": type(error).__name__}
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Runtime)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/invocations"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_endpoint_answers_as_a_handler_does(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    handler = handler_of(MemoryConnector(TABLES)).with_environment(
        {"spill_bucket": "b"}, store=store
    )
    with served(handler) as url, LocalEngine({"mem": Catalog(HttpEndpoint(url), store)}) as engine:
        assert rows_of(engine.query(QUERIES[3]).table) == expected(QUERIES[3])
        with pytest.raises(RemoteError, match="nosuch") as caught:
            engine.query("select * from s.nosuch")
        assert caught.value.error_type == "TableNotFoundError"
        (scan,) = engine.explain("select * from s.customers")
        assert {split.native for split in scan.splits} == {None}
    with (
        LocalEngine({"mem": Catalog(HttpEndpoint(url), store)}) as engine,
        pytest.raises(RemoteError, match="can't be reached"),
    ):
        engine.schemas("mem")


class _FakeLambda:
    def __init__(self, handler: LambdaHandler) -> None:
        self._handler = handler

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's
        assert FunctionName == "my-function"
        try:
            reply = self._handler(json.loads(Payload), None)
        except TableNotFoundError as error:
            fault = {"errorMessage": str(error), "errorType": "TableNotFoundError"}
            return {"FunctionError": "Unhandled", "Payload": BytesIO(json.dumps(fault).encode())}
        return {"Payload": BytesIO(json.dumps(reply).encode())}


def test_a_deployed_function_answers_as_a_handler_does(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    handler = handler_of(MemoryConnector(TABLES)).with_environment(
        {"spill_bucket": "b"}, store=store
    )
    function = LambdaFunction("my-function", client=_FakeLambda(handler))
    with LocalEngine({"mem": Catalog(function, store)}) as engine:
        assert rows_of(engine.query(QUERIES[3]).table) == expected(QUERIES[3])
        with pytest.raises(RemoteError, match="nosuch"):
            engine.query("select * from s.nosuch")


def test_invoke_sends_what_it_is_given(engine: LocalEngine) -> None:
    reply = engine.invoke(
        "mem",
        {
            "@type": "PingRequest",
            "identity": {"id": "UNKNOWN", "principal": "UNKNOWN", "account": "1", "arn": "a",
                         "tags": {}, "groups": [], "configOptions": {}},
            "catalogName": "mem",
            "queryId": "q",
        },
    )  # fmt: skip
    assert reply["sourceType"] == "memory"
    assert ALL_CAPABILITIES.limit


def test_spilling_to_s3(tmp_path: Path, aws: AwsAddress) -> None:
    aws.create_bucket("engine-spill")
    environ = {**aws.environ, "spill_bucket": "engine-spill", "spill_prefix": "p"}
    transport = InProcess(handler_of(MemoryConnector(TABLES)), settings=environ)
    catalogs = {"mem": Catalog(transport, S3Reader(environ))}
    with LocalEngine(catalogs, max_block_bytes=900, max_inline_bytes=1) as engine:
        assert rows_of(engine.query(QUERIES[3]).table) == expected(QUERIES[3])
    assert aws.object_keys("engine-spill")
    with pytest.raises(ConnectorError, match="nosuch"):
        S3Reader(environ).get(S3SpillLocation("engine-spill", "nosuch", directory=False))


def test_a_function_that_can_not_be_called_is_named(aws: AwsAddress) -> None:
    function = LambdaFunction("nosuch-function", client=aws.client("lambda"))
    with (
        LocalEngine({"mem": Catalog(function, S3Reader(aws.environ))}) as engine,
        pytest.raises(RemoteError, match="nosuch-function"),
    ):
        engine.schemas("mem")
