"""Reading from a server that pages, refuses and breaks: every item once, or an error."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.budgets import SplitBudget, unit_limit
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    BudgetExceededError,
    InvalidRequestError,
    QueryStoppedError,
    SourceError,
    TableNotFoundError,
    ThrottledError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.read_ahead import batches_of
from athena_connectors.common.source_calls import Reply
from athena_connectors.common.testing.conformance.threads import no_thread_stays
from athena_connectors.common.testing.dynamodb import TableIndex
from athena_connectors.common.testing.dynamodb_faults import DynamoDbFault, dynamodb_proxy
from athena_connectors.dynamodb import reader
from athena_connectors.dynamodb.access import (
    KeyQuery,
    Lookup,
    Queries,
    RangeCondition,
    TableScan,
)
from athena_connectors.dynamodb.client import Client
from athena_connectors.dynamodb.conditions import Comparison
from athena_connectors.dynamodb.parts import Segment, path_of
from athena_connectors.dynamodb.pushdown import NativeScan
from athena_connectors.dynamodb.reader import PartReader
from athena_connectors.dynamodb.relation import Column, Relation
from athena_connectors.dynamodb.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy
    from athena_connectors.dynamodb.parts import Part

ITEMS = 3000
PER_HASH = 60
COLUMNS = (
    Column("pk", pa.string(), "pk", key_type="S"),
    Column("sk", pa.int64(), "sk", key_type="N"),
    Column("city", pa.string(), "city", key_type="S"),
    Column("size", pa.int64(), "size"),
)
ALL = Segment("", 0, 1)


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    with no_thread_stays():
        yield


@pytest.fixture(scope="module")
def proxy(dynamodb: DynamoDb) -> Iterator[DynamoDbProxy]:
    with dynamodb_proxy(dynamodb) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _healthy(proxy: DynamoDbProxy) -> Iterator[None]:
    proxy.forget()
    yield
    proxy.heal()


def _fill(dynamodb: DynamoDb, items: int) -> str:
    table = dynamodb.create_table(
        ("pk", "S"), ("sk", "N"), indexes=[TableIndex("by_city", [("city", "S")])]
    )
    dynamodb.put_items(table, map(_item, range(items)))
    return table


def _item(number: int) -> dict[str, dict[str, str]]:
    item = {
        "pk": {"S": f"key {number // PER_HASH}"},
        "sk": {"N": str(number)},
        "size": {"N": str(number % 10)},
        "filling": {"S": "x" * 1000},
    }
    return item | ({"city": {"S": f"city {number % 3}"}} if number % 4 == 0 else {})


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDb) -> str:
    """A table of about 3 MB."""
    return _fill(dynamodb, ITEMS)


@dataclass
class Reading:
    """Reads one table through the proxy."""

    client: Client
    relation: Relation
    settings: Settings
    stats: SplitStats

    def batches(
        self,
        part: Part,
        native: NativeScan | None = None,
        *columns: str,
        ahead: bool = True,
        units: float = 0,
        splits: int = 1,
    ) -> Generator[pa.RecordBatch]:
        wanted = [column for column in COLUMNS if column.name in columns or not columns]
        opened = self._reader(wanted if columns != ("",) else [])
        scan = native or NativeScan(path_of(part))
        return batches_of(
            lambda: opened.pages_of_part(part, scan),
            stats=self.stats,
            ahead=ahead,
            cancel=self.client.cancel,
            budget=self._budget(units, splits),
        )

    def statement(self, text: str, *, units: float = 0) -> Iterator[pa.RecordBatch]:
        opened = self._reader(COLUMNS)
        return batches_of(
            lambda: opened.pages_of_statement(text),
            stats=self.stats,
            ahead=True,
            cancel=self.client.cancel,
            budget=self._budget(units, 1),
        )

    def _budget(self, units: float, splits: int) -> SplitBudget:
        limit = unit_limit("max_rcu_per_query", units, "read units")
        return SplitBudget((limit,) if limit else (), splits, self.relation.table.name)

    def _reader(self, columns: Any) -> PartReader:
        return PartReader(self.client, self.relation, columns, self.settings)


@pytest.fixture
def make(proxy: DynamoDbProxy) -> Iterator[Any]:
    """Make readers of a table, whose settings are given."""
    clients = []

    def opened(table: str, **settings: str) -> Reading:
        environ = {**proxy.address.settings, **settings}
        parsed = load_settings(Settings, environ)
        client = Client(parsed, environ)
        clients.append(client)
        relation = Relation(client.describe_table(table), COLUMNS)
        return Reading(client, relation, parsed, SplitStats())

    yield opened
    for client in clients:
        client.close()


@pytest.fixture
def reading(make: Any, table: str) -> Reading:
    opened: Reading = make(table)
    return opened


def _numbers(batches: Iterator[pa.RecordBatch]) -> list[int]:
    found: list[int] = []
    for batch in batches:
        assert batch.num_rows
        found += batch.column("sk").to_pylist()
    return found


def _each_once(numbers: list[int], expected: Any) -> None:
    assert Counter(numbers) == Counter(expected)


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("segments", [1, 2, 7])
def test_the_segments_of_a_scan_hold_each_item_once(
    reading: Reading, proxy: DynamoDbProxy, segments: int, *, ahead: bool
) -> None:
    proxy.insert_empty_pages(2)
    numbers: list[int] = []
    for number in range(segments):
        numbers += _numbers(reading.batches(Segment("", number, segments), ahead=ahead))
    _each_once(numbers, range(ITEMS))
    assert reading.stats.requests == len(proxy.requests("Scan"))
    assert reading.stats.source_units > 300
    assert reading.stats.bytes_read > 0
    assert reading.stats.source_seconds > 0


def test_an_index_is_scanned_in_segments_too(reading: Reading) -> None:
    numbers = _numbers(reading.batches(Segment("by_city", 0, 2)))
    numbers += _numbers(reading.batches(Segment("by_city", 1, 2)))
    _each_once(numbers, range(0, ITEMS, 4))


def test_queries_follow_their_pages_one_after_the_other(
    reading: Reading, proxy: DynamoDbProxy
) -> None:
    proxy.insert_empty_pages(1)
    part = Queries("by_city", tuple(KeyQuery(({"S": f"city {number}"},)) for number in (0, 2, 5)))
    numbers = _numbers(reading.batches(part))
    _each_once(numbers, [n for n in range(0, ITEMS, 4) if n % 3 != 1])


def test_a_range_and_a_filter_are_evaluated_there(reading: Reading, proxy: DynamoDbProxy) -> None:
    condition = RangeCondition("sk", "BETWEEN", ({"N": "10"}, {"N": "40"}))
    part = Queries("", (KeyQuery(({"S": "key 0"},), (condition,)),))
    native = NativeScan(part, (Comparison("size", "=", {"N": "3"}),))
    assert _numbers(reading.batches(part, native)) == [13, 23, 33]


def test_a_split_that_is_read_again_gives_the_same_rows(reading: Reading) -> None:
    first = _numbers(reading.batches(Segment("", 1, 3)))
    assert first
    _each_once(_numbers(reading.batches(Segment("", 1, 3))), first)


# Keys


def _key(number: int) -> tuple[dict[str, str], dict[str, str]]:
    return ({"S": f"key {number // PER_HASH}"}, {"N": str(number)})


@pytest.mark.parametrize("processed", [None, 7, 99])
def test_items_are_fetched_by_key_until_none_is_left(
    make: Any,
    table: str,
    proxy: DynamoDbProxy,
    processed: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "_FIRST_PAUSE", 0.001)
    proxy.process_at_most(processed)
    keys = tuple(_key(number) for number in range(0, ITEMS + 500, 13))
    reading = make(table)
    _each_once(_numbers(reading.batches(Lookup(keys))), range(0, ITEMS, 13))
    asked = [
        request.parameters["RequestItems"][table] for request in proxy.requests("BatchGetItem")
    ]
    assert all(len(each["Keys"]) <= 100 for each in asked)
    if processed is None:
        assert len(asked) == -(-len(keys) // 100)


def test_keys_that_are_never_answered_end_the_read(
    reading: Reading, proxy: DynamoDbProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(reader, "_MAX_PAUSES", 3)
    proxy.process_at_most(0)
    with pytest.raises(ThrottledError, match="all 2 keys of a request unanswered"):
        _numbers(reading.batches(Lookup((_key(1), _key(2)))))
    assert len(proxy.requests("BatchGetItem")) == 4


def test_cancelling_ends_the_pause_before_unanswered_keys_are_asked_for_again(
    reading: Reading, proxy: DynamoDbProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_FIRST_PAUSE", 600)
    monkeypatch.setattr(reader, "_LONGEST_PAUSE", 600)
    proxy.process_at_most(0)
    proxy.before("BatchGetItem", 1, threading.Timer(0.2, reading.client.cancel).start)
    with pytest.raises(QueryStoppedError, match="was cancelled"):
        _numbers(reading.batches(Lookup((_key(1), _key(2)))))
    assert len(proxy.requests("BatchGetItem")) == 1


def test_no_key_is_no_request(reading: Reading, proxy: DynamoDbProxy) -> None:
    proxy.forget()
    assert _numbers(reading.batches(Lookup(()))) == []
    assert proxy.requests() == []


# Counting and limits


def test_items_are_counted_without_being_sent(reading: Reading, proxy: DynamoDbProxy) -> None:
    batches = list(reading.batches(ALL, None, ""))
    assert sum(batch.num_rows for batch in batches) == ITEMS
    assert all(batch.num_columns == 0 for batch in batches)
    assert {request.parameters["Select"] for request in proxy.requests("Scan")} == {"COUNT"}
    assert reading.stats.bytes_read < 10_000


def test_bug_27_pages_grow_under_a_selective_filter(reading: Reading, proxy: DynamoDbProxy) -> None:
    native = NativeScan(TableScan(), (Comparison("size", "=", {"N": "99"}),), limit=10)
    assert _numbers(reading.batches(ALL, native, ahead=False)) == []
    limits = [request.parameters["Limit"] for request in proxy.requests("Scan")]
    assert limits == [1000, 4000, 16_000, 64_000][: len(limits)]
    assert len(limits) <= 5


def test_a_limit_that_is_reached_makes_no_further_request(
    reading: Reading, proxy: DynamoDbProxy
) -> None:
    with closing(reading.batches(ALL, NativeScan(TableScan(), limit=5), ahead=False)) as batches:
        assert next(batches).num_rows == 5
    (request,) = proxy.requests("Scan")
    assert request.parameters["Limit"] == 5


def test_the_next_page_is_asked_for_while_one_is_used(
    reading: Reading, proxy: DynamoDbProxy
) -> None:
    asked = threading.Event()
    proxy.before("Scan", 2, asked.set)
    with closing(reading.batches(ALL)) as batches:
        next(batches)
        assert asked.wait(30)


def test_what_is_read_in_advance_is_bounded(make: Any, table: str, proxy: DynamoDbProxy) -> None:
    reading = make(table)
    native = NativeScan(TableScan(), limit=100, is_exact=True)
    batches = reading.batches(ALL, native, ahead=True)
    next(batches)
    batches.close()
    assert len(proxy.requests("Scan")) <= 4


# Faults


@pytest.mark.parametrize(
    "fault",
    [
        DynamoDbFault(share=0.2),
        DynamoDbFault(code="ThrottlingException", share=0.2),
        DynamoDbFault(code="InternalServerError", status=500, share=0.2),
        DynamoDbFault(code="ServiceUnavailable", status=503, share=0.2),
        DynamoDbFault(status=0, share=0.2),
        DynamoDbFault(status=200, share=0.2),
    ],
    ids=["capacity", "throttled", "500", "503", "reset", "cut"],
)
def test_a_fifth_of_all_calls_fails_and_no_row_is_lost_or_doubled(
    make: Any, table: str, proxy: DynamoDbProxy, fault: DynamoDbFault
) -> None:
    reading = make(table)
    proxy.fail(fault)
    native = NativeScan(TableScan(), limit=150, is_exact=True)  # for many small pages
    _each_once(_numbers(reading.batches(ALL, native)), range(ITEMS))
    assert len(proxy.requests("Scan")) > 22
    keys = Lookup(tuple(map(_key, range(0, ITEMS, 3))))
    _each_once(_numbers(reading.batches(keys)), range(0, ITEMS, 3))


def test_a_table_that_is_deleted_in_mid_read_is_an_error(
    make: Any, dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = _fill(dynamodb, 500)
    reading = make(table)
    proxy.before("Scan", 3, lambda: dynamodb.delete_table(table))
    native = NativeScan(TableScan(), limit=100, is_exact=True)
    with pytest.raises(TableNotFoundError, match=table):
        _numbers(reading.batches(ALL, native))


def test_a_refusal_names_the_action_and_the_table(reading: Reading, proxy: DynamoDbProxy) -> None:
    proxy.fail(DynamoDbFault(code="AccessDeniedException", operation="Query"))
    part = Queries("", (KeyQuery(({"S": "key 0"},)),))
    with pytest.raises(AccessDeniedError, match="dynamodb:Query on DynamoDB table table_"):
        _numbers(reading.batches(part))


class _Stuck(Client):
    """Gives the same page and the same place to go on from, whatever is asked."""

    reads = 0

    def read(self, operation: str, request: Any, **_: Any) -> Reply:
        self.reads += 1
        assert self.reads < 10
        key = {"pk": {"S": "a"}, "sk": {"N": "1"}}
        told = {"Items": [key], "Count": 1, "LastEvaluatedKey": key, "NextToken": "again"}
        return Reply(body=json.dumps(told).encode())


@pytest.mark.parametrize("ahead", [True, False])
def test_a_read_that_does_not_go_on_is_an_error(reading: Reading, *, ahead: bool) -> None:
    reading.client = _Stuck(reading.settings, {})
    with pytest.raises(SourceError, match="again and again"):
        _numbers(reading.batches(ALL, ahead=ahead))
    with pytest.raises(SourceError, match="again and again"):
        _numbers(reading.statement("SELECT * FROM t"))


# Budgets


def test_a_budget_ends_the_read_within_one_page(reading: Reading, proxy: DynamoDbProxy) -> None:
    native = NativeScan(TableScan(), limit=200, is_exact=True)  # pages of about 26 units
    batches = reading.batches(ALL, native, ahead=False, units=120, splits=2)
    assert [next(batches).num_rows for _ in range(2)] == [200, 200]
    with pytest.raises(BudgetExceededError, match="max_rcu_per_query is 120"):
        next(batches)
    assert len(proxy.requests("Scan")) == 3


def test_a_budget_holds_for_keys_and_statements(reading: Reading) -> None:
    with pytest.raises(BudgetExceededError):
        _numbers(reading.batches(Lookup(tuple(map(_key, range(300)))), units=100))
    with pytest.raises(BudgetExceededError):
        _numbers(reading.statement(f'SELECT * FROM "{reading.relation.table.name}"', units=100))


def test_what_was_spent_is_charged_to_the_rate(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = reading.relation.table.name
    reading.client.limit_rate(name, 1e6)
    charged: list[float] = []
    monkeypatch.setattr(reading.client._calls._buckets[name], "charge", charged.append)
    _numbers(reading.batches(ALL))
    assert sum(charged) == reading.stats.source_units > 300


# Ends


def test_cancelling_from_another_thread_ends_a_congested_read(
    reading: Reading, proxy: DynamoDbProxy
) -> None:
    proxy.fail(DynamoDbFault(operation="Scan"))
    proxy.before("Scan", 3, reading.client.cancel)
    with pytest.raises(QueryStoppedError):
        _numbers(reading.batches(ALL))
    reading.client.release()
    proxy.heal()
    _each_once(_numbers(reading.batches(ALL)), range(ITEMS))


# Statements


def test_bug_31_a_statement_is_read_to_its_last_page(
    reading: Reading, proxy: DynamoDbProxy
) -> None:
    text = f'SELECT pk, sk FROM "{reading.relation.table.name}" WHERE size = 3'
    _each_once(_numbers(reading.statement(text)), range(3, ITEMS, 10))
    requests = proxy.requests("ExecuteStatement")
    assert len(requests) > 2
    assert {request.parameters["Statement"] for request in requests} == {text}
    assert reading.stats.requests == len(requests)


def test_a_wrong_statement_tells_what_dynamodb_says(reading: Reading) -> None:
    with pytest.raises(InvalidRequestError, match="DynamoDB refuses ExecuteStatement"):
        _numbers(reading.statement(f'SELECT * FROM "{reading.relation.table.name}" WHERE ?!'))


def test_a_consistent_read_is_one_in_every_request(
    make: Any, table: str, proxy: DynamoDbProxy
) -> None:
    reading = make(table, consistent_read="true")
    _numbers(reading.batches(Queries("", (KeyQuery(({"S": "key 0"},)),))))
    _numbers(reading.batches(Lookup((_key(1),))))
    _numbers(reading.statement(f'SELECT * FROM "{table}"'))
    (query,) = proxy.requests("Query")
    (lookup,) = proxy.requests("BatchGetItem")
    assert query.parameters["ConsistentRead"] is True
    assert lookup.parameters["RequestItems"][table]["ConsistentRead"] is True
    assert all(it.parameters["ConsistentRead"] for it in proxy.requests("ExecuteStatement"))


def test_columns_are_those_that_were_asked_for(reading: Reading) -> None:
    (batch, *_) = reading.batches(replace(ALL), None, "size", "pk")
    assert batch.schema.names == ["pk", "size"]
