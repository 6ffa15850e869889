from __future__ import annotations

import json
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common import errors, source_calls
from athena_connectors.common.testing.dynamodb import DynamoDb
from athena_connectors.common.testing.dynamodb_faults import DynamoDbFault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.source_calls import Reply
    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy
    from athena_connectors.dynamodb.client import Client, Operation

    Connect = Callable[..., Client]

ROWS = 60
QUICK = {"throttle_initial_delay_ms": "1", "throttle_max_delay_ms": "20"}
ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDb) -> str:
    name = dynamodb.create_table(("id", "S"), ("place", "N"))
    items = [{"id": {"S": f"é{i % 3}"}, "place": {"N": str(i)}} for i in range(ROWS)]
    dynamodb.put_items(name, items)
    return name


def _told(reply: Reply) -> Any:
    assert reply.body is not None
    assert reply.parsed is None
    return json.loads(reply.body)


def _scan(
    client: Client, table: str, *, limit: int = 5, deadline: float | None = None
) -> list[Any]:
    request: dict[str, Any] = {"TableName": table, "Limit": limit}
    items: list[Any] = []
    while True:
        page = _told(client.read("Scan", request, table=table, deadline=deadline))
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return sorted(items, key=lambda item: int(item["place"]["N"]))
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _requests(table: str) -> dict[Operation, Mapping[str, Any]]:
    return {
        "Scan": {"TableName": table, "Limit": 1},
        "Query": {
            "TableName": table,
            "Limit": 1,
            "KeyConditionExpression": "#k = :v",
            "ExpressionAttributeNames": {"#k": "id"},
            "ExpressionAttributeValues": {":v": {"S": "é1"}},
        },
        "BatchGetItem": {
            "RequestItems": {table: {"Keys": [{"id": {"S": "é1"}, "place": {"N": "1"}}]}}
        },
        "ExecuteStatement": {"Statement": f'SELECT * FROM "{table}"', "Limit": 1},
    }


# --- replies


@pytest.mark.parametrize("operation", ["Scan", "Query", "BatchGetItem", "ExecuteStatement"])
def test_replies_are_the_bytes_that_came(
    proxy: DynamoDbProxy, connect: Connect, table: str, operation: Operation
) -> None:
    reply = connect(proxy.address).read(operation, _requests(table)[operation], table=table)
    told = _told(reply)
    items = told["Responses"][table] if operation == "BatchGetItem" else told["Items"]
    assert [sorted(item) for item in items] == [["id", "place"]]


@pytest.mark.parametrize("operation", ["Scan", "Query", "BatchGetItem", "ExecuteStatement"])
def test_without_the_hook_replies_are_what_botocore_parsed(
    monkeypatch: pytest.MonkeyPatch,
    proxy: DynamoDbProxy,
    connect: Connect,
    table: str,
    operation: Operation,
) -> None:
    request = _requests(table)[operation]
    told = _told(connect(proxy.address).read(operation, request, table=table))
    monkeypatch.setattr(source_calls._Bodies, "_take", lambda *_, **__: None)
    reply = connect(proxy.address).read(operation, request, table=table)
    assert reply.body is None
    assert reply.parsed is not None
    for member in ("Items", "Responses", "LastEvaluatedKey", "NextToken"):
        assert reply.parsed.get(member) == told.get(member)


def test_the_protocol_is_the_one_that_bodies_are_read_as(
    dynamodb: DynamoDb, connect: Connect
) -> None:
    assert connect(dynamodb)._calls.sdk.meta.service_model.resolved_protocol == "json"


# --- tables


def test_a_table_is_described(dynamodb: DynamoDb, connect: Connect, table: str) -> None:
    described = connect(dynamodb).describe_table(table)
    assert (described.name, described.target) == (table, table)
    assert [key.name for key in described.base.keys] == ["id", "place"]
    assert described.capacity.provisioned == 1000


def test_names_come_page_by_page(dynamodb: DynamoDb, connect: Connect) -> None:
    made = [dynamodb.create_table(("id", "S")) for _ in range(3)]
    client = connect(dynamodb)
    found: list[str] = []
    start: str | None = None
    while True:
        names, start = client.list_tables(start, 2)
        assert len(names) <= 2
        found += names
        if start is None:
            break
    assert found == sorted(set(found))
    assert set(made) <= set(found)


def test_more_names_than_a_page_takes_may_be_asked_for(
    proxy: DynamoDbProxy, connect: Connect
) -> None:
    connect(proxy.address).list_tables(limit=1000)
    assert [item.parameters for item in proxy.requests("ListTables")] == [{"Limit": 100}]


# --- congestion


@pytest.mark.parametrize(
    "fault",
    [
        DynamoDbFault("ProvisionedThroughputExceededException"),
        DynamoDbFault("ThrottlingException"),
        DynamoDbFault("RequestLimitExceeded"),
        DynamoDbFault("LimitExceededException"),
        DynamoDbFault("InternalServerError", 500),
        DynamoDbFault("InternalServerError", 400),
        DynamoDbFault("ServiceUnavailable", 503),
        DynamoDbFault("Whatever", 502),
        DynamoDbFault(status=0),
        DynamoDbFault(status=200),
    ],
    ids=lambda fault: f"{fault.code}-{fault.status}",
)
def test_a_call_is_repeated_while_dynamodb_is_congested(
    proxy: DynamoDbProxy, connect: Connect, table: str, fault: DynamoDbFault
) -> None:
    client = connect(proxy.address, **QUICK)
    for operation in ("Scan", "DescribeTable"):
        proxy.fail(DynamoDbFault(fault.code, fault.status, operation=operation, calls=range(1, 4)))
    assert len(_scan(client, table, limit=100)) == ROWS
    assert client.describe_table(table).name == table
    assert len(proxy.requests("Scan")) == 4
    assert len(proxy.requests("DescribeTable")) == 4


def test_a_fifth_of_refused_and_broken_calls_costs_time_but_no_row(
    proxy: DynamoDbProxy, connect: Connect, table: str
) -> None:
    client = connect(proxy.address, **QUICK)
    expected = _scan(client, table)
    undisturbed = len(proxy.requests("Scan"))
    proxy.forget()
    proxy.fail(DynamoDbFault(share=0.2))
    proxy.fail(DynamoDbFault("InternalServerError", 500, share=0.1))
    proxy.fail(DynamoDbFault(status=0, share=0.1))
    proxy.fail(DynamoDbFault(status=200, share=0.1))
    assert _scan(client, table) == expected
    assert len(proxy.requests("Scan")) > undisturbed


def test_refused_calls_are_spaced_out(proxy: DynamoDbProxy, connect: Connect, table: str) -> None:
    proxy.fail(DynamoDbFault(operation="Scan", calls=range(1, 6)))
    client = connect(proxy.address, throttle_initial_delay_ms="10", throttle_max_delay_ms="80")
    _scan(client, table, limit=100)
    times = [item.at_seconds for item in proxy.requests("Scan")]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    for gap, least in zip(gaps, (0.01, 0.02, 0.04, 0.08, 0.08), strict=True):
        assert gap >= least


def test_a_table_that_is_congested_slows_down_no_other(
    proxy: DynamoDbProxy, connect: Connect, dynamodb: DynamoDb, table: str
) -> None:
    other = dynamodb.create_table(("id", "S"))
    client = connect(proxy.address, **QUICK, throttle_increase_ms="1")
    proxy.fail(DynamoDbFault(operation="Scan", calls=range(1, 4)))
    _scan(client, table, limit=100)
    _scan(client, other)
    delays = {name: client._calls.delay_ms(name) for name in (table, other)}
    assert delays == {table: 3, other: 0}


def test_what_stays_congested_is_given_up_before_the_deadline(
    proxy: DynamoDbProxy, connect: Connect, table: str
) -> None:
    client = connect(proxy.address, **QUICK)
    client.describe_table(table)
    proxy.fail(DynamoDbFault(operation="Scan"))
    deadline = time.monotonic() + source_calls.MARGIN_SECONDS + 1
    with pytest.raises(errors.ThrottledError, match=rf"{table} .*ProvisionedThroughputExceeded"):
        _scan(client, table, deadline=deadline)
    assert time.monotonic() < deadline
    assert len(proxy.requests("Scan")) > 1


def test_an_error_that_would_only_come_again_is_not_repeated(
    proxy: DynamoDbProxy, connect: Connect, table: str
) -> None:
    proxy.fail(DynamoDbFault("AccessDeniedException", operation="Scan"))
    with pytest.raises(errors.AccessDeniedError, match=rf"dynamodb:Scan on DynamoDB table {table}"):
        _scan(connect(proxy.address), table)
    assert len(proxy.requests("Scan")) == 1


def test_an_address_where_nobody_listens_is_not_tried_for_long(connect: Connect) -> None:
    started = time.monotonic()
    with pytest.raises(errors.SourceError, match="can't be reached"):
        connect(DynamoDb("http://127.0.0.1:1")).list_tables()
    assert time.monotonic() - started < 5


# --- ending


def test_cancelling_ends_the_wait_at_once_and_all_calls_until_release(
    proxy: DynamoDbProxy, connect: Connect, table: str
) -> None:
    client = connect(
        proxy.address, throttle_initial_delay_ms="60000", throttle_max_delay_ms="60000"
    )
    proxy.fail(DynamoDbFault(operation="Scan", calls=range(1, 2)))
    proxy.before("Scan", 1, threading.Timer(0.2, client.cancel).start)
    started = time.monotonic()
    with pytest.raises(errors.QueryStoppedError, match=table):
        _scan(client, table)
    assert time.monotonic() - started < 5
    with pytest.raises(errors.QueryStoppedError):
        client.describe_table("other_table")
    client.release()
    assert client.list_tables()


def test_a_closed_client_opens_again(dynamodb: DynamoDb, connect: Connect, table: str) -> None:
    client = connect(dynamodb)
    client.describe_table(table)
    client.close()
    assert client.describe_table(table).name == table


# --- read units


def test_a_read_waits_until_what_was_read_is_paid(
    proxy: DynamoDbProxy, connect: Connect, table: str
) -> None:
    client = connect(proxy.address)
    client.limit_rate(table, 100)
    _scan(client, table, limit=100)
    client.charge(table, 130)
    _scan(client, table, limit=100)
    first, second = (item.at_seconds for item in proxy.requests("Scan"))
    assert second - first >= 0.25


def test_without_a_limit_nothing_waits(proxy: DynamoDbProxy, connect: Connect, table: str) -> None:
    client = connect(proxy.address)
    client.limit_rate(table, 1)
    client.limit_rate(table, None)
    client.charge(table, 1e9)
    assert len(_scan(client, table)) == ROWS


def test_the_same_limit_again_forgives_no_debt(
    dynamodb: DynamoDb, connect: Connect, table: str
) -> None:
    client = connect(dynamodb)
    client.limit_rate(table, 1)
    client.charge(table, 1000)
    client.limit_rate(table, 1)
    with pytest.raises(errors.BudgetExceededError, match=f"{table} .* 1 units per second"):
        _scan(client, table, deadline=time.monotonic() + 60)
    client.limit_rate(table, 10**6)
    assert len(_scan(client, table)) == ROWS


# --- where


def test_the_region_is_the_functions_unless_a_setting_says_another(connect: Connect) -> None:
    real = DynamoDb("")
    assert _url(connect(real)) == "https://dynamodb.eu-west-1.amazonaws.com"
    other = connect(real, dynamodb_region="us-east-2")
    assert _url(other) == "https://dynamodb.us-east-2.amazonaws.com"
    sovereign = connect(real, dynamodb_region="eusc-de-east-1")
    assert _url(sovereign) == "https://dynamodb.eusc-de-east-1.amazonaws.eu"


def _url(client: Client) -> str:
    url: str = client._calls.sdk.meta.endpoint_url
    return url


def test_a_table_of_another_region_has_a_client_there(connect: Connect) -> None:
    client = connect(DynamoDb(""))
    arn = "arn:aws:dynamodb:{}:123456789012:table/shop"
    assert client.at("shop") is client
    assert client.at(arn.format("eu-west-1")) is client
    other = client.at(arn.format("us-east-2"))
    assert _url(other) == "https://dynamodb.us-east-2.amazonaws.com"
    assert client.at(arn.format("us-east-2").replace("shop", "users")) is other
    client.cancel()
    with pytest.raises(errors.QueryStoppedError):
        other.list_tables()


def test_an_endpoint_that_is_no_url_is_named(connect: Connect) -> None:
    with pytest.raises(errors.ConfigurationError, match="nonsense"):
        connect(DynamoDb("nonsense")).list_tables()


def test_a_role_is_assumed_for_dynamodb(
    proxy: DynamoDbProxy, aws: AwsAddress, connect: Connect
) -> None:
    client = connect(
        proxy.address,
        **{**aws.environ, "cross_account_role_arn": ROLE},
        cross_account_external_id="x1",
    )
    client.list_tables()
    client.list_tables()
    keys = {item.access_key_id for item in proxy.requests()}
    assert len(keys) == 1
    assert keys != {aws.environ["AWS_ACCESS_KEY_ID"]}
    assert {key[:4] for key in keys} == {"ASIA"}


def test_a_role_that_is_refused_is_named(proxy: DynamoDbProxy, connect: Connect) -> None:
    environ = {"AWS_ENDPOINT_URL_STS": proxy.address.url, "cross_account_role_arn": ROLE}
    with pytest.raises(errors.InvalidCredentialsError, match=f"^Failed to assume role {ROLE}: "):
        connect(proxy.address, **environ).list_tables()
    assert not proxy.requests()
