"""A server that plays DynamoDB, for tests, the demo and the benchmarks.

``TEST_DYNAMODB_URL`` names a running one to use instead. Otherwise dynalite starts on
127.0.0.1 and a free port, and ends with this process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.aws import REGION
from athena_connectors.common.testing.dynalite import dynalite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import botocore.session

__all__ = ["DynamoDb", "Item", "TableIndex", "dynamodb_server"]

Item = Mapping[str, Mapping[str, Any]]
"""An item as botocore takes it: ``{"id": {"S": "x"}, "size": {"N": "1"}}``."""

_BATCH = 25
"""Items that one BatchWriteItem takes."""
_WRITERS = 4
_UNITS = {"ReadCapacityUnits": 1000, "WriteCapacityUnits": 1000}
_ROLES = ("HASH", "RANGE")
_numbers = count()


@dataclass(frozen=True, slots=True)
class TableIndex:
    """A secondary index to make.

    Attributes:
        name: Its name.
        keys: Name and type (``S``, ``N``, ``B``) of its hash key and, if any, its range key.
        included: Attributes it holds beside keys; ``None`` for all.
        is_local: Whether it is a local index, with the table's hash key.
    """

    name: str
    keys: Sequence[tuple[str, str]]
    included: Sequence[str] | None = None
    is_local: bool = False


@dataclass(frozen=True)
class DynamoDb:
    """A running server.

    Attributes:
        url: Where it listens.
    """

    url: str

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The environment of a connector that reads from it, and asks no Glue."""
        return MappingProxyType(
            {
                "dynamodb_endpoint": self.url,
                "disable_glue": "true",
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "example",  # not a secret
            }
        )

    def client(self) -> Any:
        """Return botocore's client of it, which repeats nothing; always the same one."""
        return self._client

    @cached_property
    def _client(self) -> Any:
        from botocore.config import Config  # noqa: PLC0415

        return _session().create_client(
            "dynamodb",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.settings["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
        )

    def create_table(
        self,
        *keys: tuple[str, str],
        name: str = "",
        indexes: Sequence[TableIndex] = (),
        on_demand: bool = False,
    ) -> str:
        """Make an empty table, which can be used at once, and return its name.

        Args:
            keys: Name and type (``S``, ``N``, ``B``) of its hash key and, if any, its range
                key.
            name: Its name; by default one that no other table has.
            indexes: Its secondary indexes.
            on_demand: Whether it has no provisioned capacity; 1000 units otherwise.
        """
        name = name or f"table_{os.getpid()}_{next(_numbers)}"
        types = dict(pair for group in (keys, *(index.keys for index in indexes)) for pair in group)
        units = {} if on_demand else {"ProvisionedThroughput": _UNITS}
        request: dict[str, Any] = {
            "TableName": name,
            "AttributeDefinitions": [
                {"AttributeName": attribute, "AttributeType": kind}
                for attribute, kind in types.items()
            ],
            "KeySchema": _key_schema(keys),
            "BillingMode": "PAY_PER_REQUEST" if on_demand else "PROVISIONED",
            **units,
        }
        local = [_index(index) for index in indexes if index.is_local]
        if local:
            request["LocalSecondaryIndexes"] = local
        secondary = [{**_index(index), **units} for index in indexes if not index.is_local]
        if secondary:
            request["GlobalSecondaryIndexes"] = secondary
        status = self.client().create_table(**request)["TableDescription"]["TableStatus"]
        while status != "ACTIVE":
            status = self.client().describe_table(TableName=name)["Table"]["TableStatus"]
        return name

    def put_items(self, table: str, items: Iterable[Item]) -> None:
        """Write items into a table; of two with the same key in one call, either stays."""
        requests = [{"PutRequest": {"Item": item}} for item in items]
        batches = [requests[start : start + _BATCH] for start in range(0, len(requests), _BATCH)]

        def write(batch: list[dict[str, Any]]) -> None:
            while batch:
                reply = self.client().batch_write_item(RequestItems={table: batch})
                batch = reply["UnprocessedItems"].get(table, [])

        self.client()  # made once, before there are threads
        with ThreadPoolExecutor(_WRITERS) as pool:
            for _ in pool.map(write, batches):
                pass

    def describe(self, table: str) -> Mapping[str, Any] | None:
        """Return what DescribeTable says of a table, or ``None`` if there is none."""
        client = self.client()
        try:
            told: Mapping[str, Any] = client.describe_table(TableName=table)["Table"]
        except client.exceptions.ResourceNotFoundException:
            return None
        return told

    def delete_table(self, name: str) -> None:
        """Remove a table."""
        self.client().delete_table(TableName=name)


@contextmanager
def dynamodb_server() -> Iterator[DynamoDb]:
    """Yield a running server; tables of earlier users may be in it.

    Raises:
        RuntimeError: It can't be fetched or started.
    """
    url = os.environ.get("TEST_DYNAMODB_URL")
    if url:
        yield DynamoDb(url.rstrip("/"))
        return
    with dynalite() as url:
        yield DynamoDb(url)


@cache
def _session() -> botocore.session.Session:
    """Return the session of all clients; each further one is made in no time."""
    import botocore.session  # noqa: PLC0415

    return botocore.session.Session()


def _key_schema(keys: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "KeyType": role}
        for (name, _), role in zip(keys, _ROLES, strict=False)
    ]


def _index(index: TableIndex) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "ALL"}
    if index.included is not None:
        projection = {"ProjectionType": "KEYS_ONLY"}
    if index.included:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.included)}
    return {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.keys),
        "Projection": projection,
    }
