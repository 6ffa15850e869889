from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.dynamodb import DynamoDb, TableIndex
from athena_connectors.dynamodb.source_table import Capacity, IndexKind, Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy
    from athena_connectors.dynamodb.client import Client
    from athena_connectors.dynamodb.source_table import SourceTable

    Connect = Callable[..., Client]
    Change = Callable[[dict[str, Any]], object]

INDEXES = (
    TableIndex("by_day", [("id", "S"), ("day", "S")], is_local=True, included=()),
    TableIndex("all_of_it", [("shop", "B")]),
    TableIndex("some_of_it", [("shop", "B"), ("day", "S")], included=("price",)),
    TableIndex("only_keys", [("day", "S")], included=()),
)


@pytest.fixture(scope="module")
def name(dynamodb: DynamoDb) -> str:
    return dynamodb.create_table(("id", "S"), ("place", "N"), indexes=INDEXES)


@pytest.fixture
def changed(proxy: DynamoDbProxy, connect: Connect, name: str) -> Callable[[Change], SourceTable]:
    """Describes the table, after DynamoDB's reply was changed."""

    def describe(change: Change) -> SourceTable:
        proxy.alter_table(name, change)
        return connect(proxy.address).describe_table(name)

    return describe


def test_keys_indexes_and_what_these_hold(dynamodb: DynamoDb, connect: Connect, name: str) -> None:
    table = connect(dynamodb).describe_table(name)
    assert table.base.keys == (Key("id", "S"), Key("place", "N"))
    assert table.base.kind is IndexKind.TABLE
    assert table.indexes[0].name == "by_day"
    found = {index.name: index for index in table.indexes}
    assert found["by_day"].kind is IndexKind.LOCAL
    assert found["by_day"].included is None  # DynamoDB fetches the rest
    assert found["all_of_it"].included is None
    assert found["all_of_it"].hash_keys == (Key("shop", "B"),)
    assert found["some_of_it"].range_keys == (Key("day", "S"),)
    assert found["some_of_it"].included == {"id", "place", "shop", "day", "price"}
    assert found["only_keys"].included == {"id", "place", "day"}
    assert all(index.usable for index in table.indexes)
    assert table.key_types == {"id": "S", "place": "N", "day": "S", "shop": "B"}


def test_indexes_are_found_by_name(dynamodb: DynamoDb, connect: Connect, name: str) -> None:
    table = connect(dynamodb).describe_table(name)
    assert table.index("") is table.base
    assert [table.index(item.name) for item in table.indexes] == list(table.indexes)
    assert table.index("All_Of_It") is None


def test_provisioned_capacity(dynamodb: DynamoDb, connect: Connect, name: str) -> None:
    assert connect(dynamodb).describe_table(name).capacity == Capacity(provisioned=1000)


def test_an_on_demand_table_has_none(dynamodb: DynamoDb, connect: Connect) -> None:
    table = connect(dynamodb).describe_table(dynamodb.create_table(("id", "S"), on_demand=True))
    assert table.capacity == Capacity()


def test_what_an_on_demand_table_is_known_to_serve(
    changed: Callable[[Change], SourceTable],
) -> None:
    table = changed(
        lambda told: told.update(
            ProvisionedThroughput={"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
            OnDemandThroughput={"MaxReadRequestUnits": 700, "MaxWriteRequestUnits": -1},
            WarmThroughput={"ReadUnitsPerSecond": 12_000, "Status": "ACTIVE"},
        )
    )
    assert table.capacity == Capacity(maximum=700, warm=12_000)
    table = changed(lambda told: told.update(OnDemandThroughput={"MaxReadRequestUnits": -1}))
    assert table.capacity.maximum is None


def test_sizes(changed: Callable[[Change], SourceTable]) -> None:
    def change(told: dict[str, Any]) -> None:
        told.update(TableSizeBytes=5_000_000_000, ItemCount=7)
        for index in told["GlobalSecondaryIndexes"]:
            index.update(IndexSizeBytes=300, ItemCount=3)

    table = changed(change)
    assert (table.base.size_bytes, table.base.items) == (5_000_000_000, 7)
    index = table.index("only_keys")
    assert index is not None
    assert (index.size_bytes, index.items) == (300, 3)


@pytest.mark.parametrize(
    "status",
    [
        {"IndexStatus": "CREATING", "Backfilling": True},
        {"IndexStatus": "DELETING"},
        {"Backfilling": True},
    ],
)
def test_an_index_that_is_not_complete_is_not_usable(
    changed: Callable[[Change], SourceTable], status: dict[str, Any]
) -> None:
    def change(told: dict[str, Any]) -> None:
        told["TableStatus"] = "UPDATING"
        for index in told["GlobalSecondaryIndexes"]:
            if index["IndexName"] == "all_of_it":
                index.update(status)

    table = changed(change)
    assert table.base.usable
    assert {index.name for index in table.indexes if not index.usable} == {"all_of_it"}


def test_an_index_of_several_keys(changed: Callable[[Change], SourceTable]) -> None:
    def change(told: dict[str, Any]) -> None:
        told["AttributeDefinitions"].append({"AttributeName": "town", "AttributeType": "N"})
        for index in told["GlobalSecondaryIndexes"]:
            if index["IndexName"] == "some_of_it":
                roles = [("shop", "HASH"), ("town", "HASH"), ("day", "RANGE"), ("place", "RANGE")]
                index["KeySchema"] = [
                    {"AttributeName": name, "KeyType": role} for name, role in roles
                ]

    index = changed(change).index("some_of_it")
    assert index is not None
    assert index.hash_keys == (Key("shop", "B"), Key("town", "N"))
    assert index.range_keys == (Key("day", "S"), Key("place", "N"))
