"""The server that plays DynamoDB, and the proxy that lets it fail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing import dynalite, fetched
from athena_connectors.common.testing.dynamodb import DynamoDb, TableIndex, dynamodb_server
from athena_connectors.common.testing.dynamodb_faults import DynamoDbFault, dynamodb_proxy
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy

KILLED = """
import os, signal
from athena_connectors.common.testing.dynamodb import dynamodb_server
with dynamodb_server() as server:
    print(server.url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
ROWS = 40


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDb) -> str:
    indexes = [TableIndex("by_size", [("size", "N")])]
    name = dynamodb.create_table(("id", "S"), ("place", "B"), indexes=indexes)
    items = [
        {"id": {"S": "it's"}, "place": {"B": bytes([i])}, "size": {"N": str(i)}}
        for i in range(ROWS)
    ]
    dynamodb.put_items(name, items)
    return name


@pytest.fixture
def proxy(dynamodb: DynamoDb) -> Iterator[DynamoDbProxy]:
    with dynamodb_proxy(dynamodb) as running:
        yield running


def _scan(server: DynamoDb, table: str, **request: Any) -> list[list[dict[str, Any]]]:
    """Return the items of each page."""
    pages = []
    while True:
        reply = server.client().scan(TableName=table, **request)
        pages.append(reply["Items"])
        if "LastEvaluatedKey" not in reply:
            return pages
        request["ExclusiveStartKey"] = reply["LastEvaluatedKey"]


def _sizes(pages: list[list[dict[str, Any]]]) -> list[int]:
    return sorted(int(item["size"]["N"]) for page in pages for item in page)


# --- the server


def test_a_table_has_the_keys_and_indexes_that_were_asked_for(dynamodb: DynamoDb) -> None:
    indexes = (
        TableIndex("local", [("id", "S"), ("day", "S")], included=(), is_local=True),
        TableIndex("secondary", [("shop", "B")], included=("price",)),
    )
    name = dynamodb.create_table(("id", "S"), ("place", "N"), indexes=indexes, on_demand=True)
    told = dynamodb.describe(name)
    assert told is not None
    assert told["TableStatus"] == "ACTIVE"
    assert told["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [key["KeyType"] for key in told["KeySchema"]] == ["HASH", "RANGE"]
    (local,), (secondary,) = told["LocalSecondaryIndexes"], told["GlobalSecondaryIndexes"]
    assert local["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert secondary["Projection"]["NonKeyAttributes"] == ["price"]
    dynamodb.delete_table(name)
    assert dynamodb.describe(name) is None


def test_all_items_are_written(dynamodb: DynamoDb) -> None:
    name = dynamodb.create_table(("id", "N"))
    dynamodb.put_items(name, ({"id": {"N": str(i)}} for i in range(1030)))
    assert dynamodb.client().scan(TableName=name)["Count"] == 1030
    dynamodb.put_items(name, [])


def test_names_differ(dynamodb: DynamoDb) -> None:
    first, second = (dynamodb.create_table(("id", "S")) for _ in range(2))
    assert first != second


def test_a_given_server_is_used(dynamodb: DynamoDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DYNAMODB_URL", dynamodb.url + "/")
    with dynamodb_server() as server:
        assert server.url == dynamodb.url


def test_the_server_ends_with_a_process_that_is_killed() -> None:
    environ = {name: text for name, text in os.environ.items() if name != "TEST_DYNAMODB_URL"}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, check=False, env=environ
    )
    url = ended.stdout.decode().strip()
    assert url, ended.stderr.decode()
    limit = time.monotonic() + 10
    while _listens(url):
        assert time.monotonic() < limit, f"{url} still listens"


def _listens(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def test_a_server_that_can_not_be_had_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fetched, "_SHARED", tmp_path)
    monkeypatch.setattr(dynalite, "_node_and_npm", lambda: (["node"], ["false"]))
    monkeypatch.delenv("TEST_DYNAMODB_URL", raising=False)
    with pytest.raises(RuntimeError, match="false install"), dynamodb_server():
        pass
    assert not list(tmp_path.glob("dynalite-4.0.0"))


# --- the proxy


def test_a_healthy_proxy_changes_nothing(proxy: DynamoDbProxy, table: str) -> None:
    assert _sizes(_scan(proxy.address, table, Limit=7)) == list(range(ROWS))
    (first, *_) = proxy.requests("Scan")
    assert first.parameters == {"TableName": table, "Limit": 7}
    assert first.access_key_id == proxy.address.settings["AWS_ACCESS_KEY_ID"]
    times = [item.at_seconds for item in proxy.requests()]
    assert all(earlier <= later for earlier, later in pairwise(times))
    proxy.forget()
    assert not proxy.requests()


def test_faults_happen_to_the_calls_they_are_for(proxy: DynamoDbProxy, table: str) -> None:
    proxy.fail(DynamoDbFault("AccessDeniedException", operation="Scan", calls=frozenset({2})))
    client = proxy.address.client()
    client.scan(TableName=table)
    client.describe_table(TableName=table)
    with pytest.raises(ClientError, match=r"AccessDeniedException.*on purpose"):
        client.scan(TableName=table)
    client.scan(TableName=table)


def test_a_share_of_the_calls_fails_the_same_ones_each_time(dynamodb: DynamoDb, table: str) -> None:
    def run() -> list[bool]:
        failed = []
        with dynamodb_proxy(dynamodb) as proxy:
            proxy.fail(DynamoDbFault("ValidationException", share=0.3))
            for _ in range(50):
                try:
                    proxy.address.client().scan(TableName=table, Limit=1)
                    failed.append(False)
                except ClientError:
                    failed.append(True)
        return failed

    first = run()
    assert 5 < sum(first) < 30
    assert run() == first


def test_healing_ends_all(proxy: DynamoDbProxy, table: str) -> None:
    proxy.fail(DynamoDbFault("ValidationException"))
    proxy.alter_table(table, lambda told: told.update(ItemCount=7))
    proxy.insert_empty_pages(1)
    proxy.process_at_most(0)
    proxy.heal()
    assert len(_scan(proxy.address, table)) == 1
    assert proxy.address.describe(table) != {"ItemCount": 7}


def test_tables_are_described_otherwise(
    dynamodb: DynamoDb, proxy: DynamoDbProxy, table: str
) -> None:
    proxy.alter_table(table, lambda told: told.update(WarmThroughput={"ReadUnitsPerSecond": 12}))
    told = proxy.address.describe(table)
    assert told is not None
    assert told["WarmThroughput"] == {"ReadUnitsPerSecond": 12}
    assert {**told, "WarmThroughput": None} == {
        **(dynamodb.describe(table) or {}),
        "WarmThroughput": None,
    }


@pytest.mark.parametrize("index", [{}, {"IndexName": "by_size"}])
def test_empty_pages_come_before_the_true_ones(
    proxy: DynamoDbProxy, table: str, index: dict[str, str]
) -> None:
    proxy.insert_empty_pages(2)
    pages = _scan(proxy.address, table, Limit=15, **index)
    assert _sizes(pages) == list(range(ROWS))
    assert [len(page) for page in pages] == [0, 0, 15, 0, 0, 15, 0, 0, 10]


def test_keys_are_left_unprocessed(proxy: DynamoDbProxy, table: str) -> None:
    proxy.process_at_most(2)
    keys = [{"id": {"S": "it's"}, "place": {"B": bytes([i])}} for i in range(3)]
    reply = proxy.address.client().batch_get_item(RequestItems={table: {"Keys": keys}})
    assert len(reply["Responses"][table]) == 2
    assert reply["UnprocessedKeys"] == {table: {"Keys": keys[2:]}}
    reply = proxy.address.client().batch_get_item(RequestItems=reply["UnprocessedKeys"])
    assert len(reply["Responses"][table]) == 1
    assert reply["UnprocessedKeys"] == {}
    proxy.process_at_most(0)
    reply = proxy.address.client().batch_get_item(RequestItems={table: {"Keys": keys}})
    assert reply["UnprocessedKeys"] == {table: {"Keys": keys}}


def test_a_table_is_gone_in_the_middle(dynamodb: DynamoDb, proxy: DynamoDbProxy) -> None:
    name = dynamodb.create_table(("id", "N"))
    dynamodb.put_items(name, ({"id": {"N": str(i)}} for i in range(3)))
    proxy.before("Scan", 3, lambda: dynamodb.delete_table(name))
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        _scan(proxy.address, name, Limit=1)
    assert len(proxy.requests("Scan")) == 3


# --- PartiQL


def _execute(proxy: DynamoDbProxy, statement: str, **request: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        reply = proxy.address.client().execute_statement(Statement=statement, **request)
        items += reply["Items"]
        if "NextToken" not in reply:
            return items
        request["NextToken"] = reply["NextToken"]


@pytest.mark.parametrize(
    ("clause", "parameters", "expected"),
    [
        ("", [], range(ROWS)),
        ("WHERE size = 3", [], [3]),
        ("where \"size\" >= 30 AND id = 'it''s' -- so", [], range(30, ROWS)),
        ("WHERE size < ? AND size <> 1 /* not one */", [{"N": "3"}], [0, 2]),
        ("WHERE id = 'other'", [], []),
    ],
)
def test_statements_select(
    proxy: DynamoDbProxy, table: str, clause: str, parameters: list[Any], expected: Any
) -> None:
    request = {"Parameters": parameters} if parameters else {}
    for source in (f'"{table}"', f'{table}."by_size"'):
        items = _execute(proxy, f"SELECT * FROM {source} {clause}", **request)
        assert _sizes([items]) == list(expected)


def test_statements_project(proxy: DynamoDbProxy, table: str) -> None:
    items = _execute(proxy, f'SELECT size, "id" FROM "{table}" WHERE size = 3')
    assert items == [{"size": {"N": "3"}, "id": {"S": "it's"}}]


def test_statements_have_pages_of_evaluated_items(proxy: DynamoDbProxy, table: str) -> None:
    statement = f'SELECT * FROM "{table}" WHERE size >= 20'
    assert _sizes([_execute(proxy, statement, Limit=7)]) == list(range(20, ROWS))
    replies = len(proxy.requests("ExecuteStatement"))
    assert replies == 6


def test_statements_have_pages_of_a_megabyte(dynamodb: DynamoDb, proxy: DynamoDbProxy) -> None:
    name = dynamodb.create_table(("size", "N"))
    filler = {"S": "x" * 300_000}
    dynamodb.put_items(name, ({"size": {"N": str(i)}, "filler": filler} for i in range(6)))
    assert _sizes([_execute(proxy, f'SELECT * FROM "{name}"')]) == list(range(6))
    assert len(proxy.requests("ExecuteStatement")) > 1


def test_a_token_is_good_for_the_same_statement_only(proxy: DynamoDbProxy, table: str) -> None:
    client = proxy.address.client()
    statement = f'SELECT * FROM "{table}"'
    token = client.execute_statement(Statement=statement, Limit=1)["NextToken"]
    with pytest.raises(ClientError, match="NextToken does not match request"):
        client.execute_statement(Statement=statement + " ", NextToken=token)
    with pytest.raises(ClientError, match="Invalid NextToken"):
        client.execute_statement(Statement=statement, NextToken="nonsense")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT",
        "SELECT * FROM",
        "DELETE FROM shop",
        "SELECT * FROM shop ORDER BY id",
        "SELECT * FROM shop WHERE id",
        "SELECT * FROM shop WHERE id LIKE 'x'",
        "SELECT * FROM shop WHERE id = other",
        "SELECT * FROM shop WHERE id = ?",
        "SELECT * FROM 'shop'",
        "SELECT * FROM shop # no comment",
        "SELECT * FROM " + "x" * 8192,
    ],
)
def test_wrong_statements_are_refused(proxy: DynamoDbProxy, statement: str) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        proxy.address.client().execute_statement(Statement=statement)


def test_parameters_have_to_be_used(proxy: DynamoDbProxy, table: str) -> None:
    with pytest.raises(ClientError, match="Number of parameters"):
        proxy.address.client().execute_statement(
            Statement=f"SELECT * FROM {table}", Parameters=[{"N": "1"}]
        )


def test_a_statement_on_no_table_is_refused_as_dynamodb_refuses_it(proxy: DynamoDbProxy) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        proxy.address.client().execute_statement(Statement="SELECT * FROM nothing")
