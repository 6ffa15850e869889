from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.source_calls import Reply
from athena_connectors.dynamodb.sampling import read_sample, told_by
from athena_connectors.dynamodb.settings import Settings

if TYPE_CHECKING:
    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy


def options(**environ: object) -> Settings:
    return load_settings(Settings, {name: str(value) for name, value in environ.items()})


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDb) -> str:
    name = dynamodb.create_table(("pk", "S"), ("sk", "B"))
    dynamodb.put_items(
        name,
        (
            {"pk": {"S": f"{n % 40}"}, "sk": {"B": b"%d" % n}, f"of{n % 40}": {"N": f"{n}"}}
            for n in range(400)
        ),
    )
    return name


@pytest.mark.parametrize(
    ("size", "segments", "requests"),
    [(1000, 4, 4), (400, 1, 1), (100, 4, 4), (3, 100, 3), (1, 1, 1)],
)
def test_a_sample_has_the_items_wanted_in_few_requests(
    proxy: DynamoDbProxy, connect: Any, table: str, *, size: int, segments: int, requests: int
) -> None:
    chosen = options(schema_sample_size=size, schema_sample_segments=segments)
    client = connect(proxy.address)
    described = client.describe_table(table)
    sample = read_sample(client, described, chosen)
    assert sample.documents == min(size, 400)
    assert requests <= len(proxy.requests("Scan")) <= requests + 1
    limits = [request.parameters["Limit"] for request in proxy.requests("Scan")]
    assert sum(limits[:requests]) >= sample.documents


def test_issue_424_the_sample_is_not_of_one_place(
    proxy: DynamoDbProxy, connect: Any, table: str
) -> None:
    def partitions(segments: int) -> int:
        chosen = options(schema_sample_size=40, schema_sample_segments=segments)
        client = connect(proxy.address)
        sample = read_sample(client, client.describe_table(table), chosen)
        return len(sample.attributes) - 2

    # Of ten items in each partition, one page of 40 has those of 4 neighbours, or 5.
    assert partitions(1) <= 5
    assert partitions(20) > 10


def test_what_an_empty_segment_lacks_the_others_give(dynamodb: DynamoDb, connect: Any) -> None:
    name = dynamodb.create_table(("pk", "S"), ("sk", "B"))
    dynamodb.put_items(
        name,
        ({"pk": {"S": "one"}, "sk": {"B": b"%d" % n}, f"of{n}": {"S": "x"}} for n in range(90)),
    )
    client = connect(dynamodb)
    chosen = options(schema_sample_size=80, schema_sample_segments=4)
    sample = read_sample(client, client.describe_table(name), chosen)
    assert sample.documents == 80
    assert len(sample.attributes) == 82


def test_pages_that_large_items_fill_are_not_read_without_end(
    proxy: DynamoDbProxy, dynamodb: DynamoDb, connect: Any
) -> None:
    name = dynamodb.create_table(("pk", "S"), ("sk", "N"))
    large = {"S": "x" * 300_000}
    dynamodb.put_items(
        name, ({"pk": {"S": "one"}, "sk": {"N": f"{n}"}, "large": large} for n in range(20))
    )
    client = connect(proxy.address)
    sample = read_sample(client, client.describe_table(name), options(schema_sample_segments=1))
    assert len(proxy.requests("Scan")) == 2
    assert 0 < sample.documents < 20


def test_an_empty_table_has_an_empty_sample(dynamodb: DynamoDb, connect: Any) -> None:
    client = connect(dynamodb)
    described = client.describe_table(dynamodb.create_table(("pk", "S")))
    sample = read_sample(client, described, options())
    assert (sample.documents, sample.attributes) == (0, {})


def test_both_forms_of_a_reply_tell_the_same() -> None:
    parsed = {"Items": [{"B": {"B": b"\x00"}, "s": {"BS": [b"a"]}, "m": {"M": {"B": {"S": "B"}}}}]}
    body = {"Items": [{"B": {"B": "AA=="}, "s": {"BS": ["YQ=="]}, "m": {"M": {"B": {"S": "B"}}}}]}
    assert told_by(Reply(body=json.dumps(body).encode())) == parsed
    assert told_by(Reply(parsed=parsed)) == parsed
