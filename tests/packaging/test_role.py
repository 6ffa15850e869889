"""A function with the settings of its template asks AWS for what its role allows, and all of it."""

from __future__ import annotations

import importlib
import json
import re
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.aws import REGION, aws_server
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.transport import InProcess
from botocore.client import BaseClient

from tests.packaging.calls import OTHER_ACTIONS, package_of
from tests.packaging.templates import load_template, resources_of, role_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.logs_server import LogsFake
    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.common.testing.postgres import PostgresAddress

ACCOUNT = "123456789012"
ROWS = 2_000
START = 1_720_000_000_000
POLICY = json.dumps({"rules": [{"effect": "allow", "passthrough": True}]})
LATE = {"athena:GetQueryExecution", "logs:StopQuery"}
"""What is asked of a query that takes a second or more, or that is given up."""
LOGIN = {"rds-db:connect", "glue:GetConnection"}
"""What other parameters than these ask for."""


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsAddress]:
    """Stand-ins of AWS with buckets and rows in files."""
    with aws_server() as address:
        for bucket in ("files", "spilled"):
            address.create_bucket(bucket)
        lines = "".join(f"{number}\n" for number in range(ROWS))
        key = "data/shop/orders.csv"
        address.client("s3").put_object(Bucket="files", Key=key, Body=f"id\n{lines}".encode())
        address.client("s3").put_object(Bucket="files", Key="policy.json", Body=POLICY.encode())
        secrets = address.client("secretsmanager")
        secrets.create_secret(Name="access/seal", SecretString="sixteen or more characters")
        yield address


def test_the_template_asks_for_what_its_role_allows(aws: AwsAddress) -> None:
    parameters = {"SourceBucket": "files", "SourcePrefix": "data/"}
    _check(aws, "template", parameters, "SELECT count(id) AS n FROM c.shop.orders")


def test_postgres_asks_for_what_its_role_allows(aws: AwsAddress, postgres: PostgresAddress) -> None:
    login = json.dumps({"username": postgres.user, "password": postgres.password})
    aws.client("secretsmanager").create_secret(Name="shop/login", SecretString=login)
    database = f"jdbc:postgresql://{postgres.host}:{postgres.port}/{postgres.database}"
    parameters = {
        "DefaultConnectionString": f"postgres://{database}?${{shop/login}}",
        "SecretNamePrefix": "shop/",
    }
    rows = f"SELECT id FROM generate_series(1, {ROWS}) AS id"
    _check(
        aws,
        "jdbc-postgres",
        parameters,
        f"SELECT count(id) AS n FROM TABLE(c.system.query(query => '{rows}'))",
    )


def test_mysql_asks_for_what_its_role_allows(aws: AwsAddress, mariadb: MariaDb) -> None:
    login = json.dumps({"username": mariadb.user, "password": mariadb.password})
    aws.client("secretsmanager").create_secret(Name="warehouse/login", SecretString=login)
    database = f"jdbc:mysql://{mariadb.host}:{mariadb.port}/{mariadb.database}"
    parameters = {
        "DefaultConnectionString": f"mysql://{database}?${{warehouse/login}}",
        "SecretNamePrefix": "warehouse/",
    }
    rows = f"SELECT seq AS id FROM mysql.seq_1_to_{ROWS}"
    _check(
        aws,
        "jdbc-mysql",
        parameters,
        f"SELECT count(id) AS n FROM TABLE(c.system.query(query => '{rows}'))",
    )


def test_documentdb_asks_for_what_its_role_allows(aws: AwsAddress, mongodb: MongoDb) -> None:
    database = mongodb.create_database()
    orders = mongodb.client()[database]["orders"]
    orders.insert_many([{"_id": number, "n": number} for number in range(ROWS)])
    login = json.dumps({"username": mongodb.user, "password": mongodb.password})
    aws.client("secretsmanager").create_secret(Name="cluster/login", SecretString=login)
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "sales", "LocationUri": "docdb-metadata-flag"})
    glue.create_table(
        DatabaseName="sales",
        TableInput={
            "Name": "declared",
            "StorageDescriptor": {"Columns": [{"Name": "n", "Type": "bigint"}]},
            "Parameters": {
                "docdb-metadata-flag": "",
                "sourceDatabase": database,
                "sourceTable": "orders",
            },
        },
    )
    native = {"DATABASE": database, "COLLECTION": "orders", "FILTER": "{n: {$gte: 0}}"}
    arguments = ", ".join(f"{name} => '{text}'" for name, text in native.items())
    _check(
        aws,
        "documentdb",
        {
            "DocDBConnectionString": f"mongodb://${{cluster/login}}@{mongodb.host}:{mongodb.port}/",
            "SecretNameOrPrefix": "cluster/",
        },
        f"SELECT count(n) AS n FROM c.{database}.orders",
        "SELECT count(n) AS n FROM c.sales.declared",
        f"SELECT count(n) AS n FROM TABLE(c.system.query({arguments}))",
    )


def test_dynamodb_asks_for_what_its_role_allows(aws: AwsAddress) -> None:
    client = aws.client("dynamodb")
    keys = (("customer", "HASH"), ("id", "RANGE"))
    client.create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "N"} for name, _ in keys],
        KeySchema=[{"AttributeName": name, "KeyType": role} for name, role in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    for start in range(0, ROWS, 25):
        items = [
            {"customer": {"N": "1"}, "id": {"N": str(number)}}
            for number in range(start, start + 25)
        ]
        requests = [{"PutRequest": {"Item": item}} for item in items]
        client.batch_write_item(RequestItems={"orders": requests})
    aws.client("glue").create_database(
        DatabaseInput={"Name": "shop", "LocationUri": "dynamo-db-flag"}
    )
    count = "SELECT count(id) AS n FROM"
    _check(
        aws,
        "dynamodb",
        {"TableNames": "orders"},
        f"{count} c.default.orders",
        f"{count} c.default.orders WHERE customer = 1",
        f"SELECT count(id) + {ROWS - 1} AS n FROM c.default.orders WHERE customer = 1 AND id = 7",
        f"{count} TABLE(c.system.query(query => 'SELECT id FROM \"orders\"'))",
    )


def test_cloudwatch_logs_asks_for_what_its_role_allows(aws: AwsAddress, logs: LogsFake) -> None:
    logs.create_group("orders", created_at=START)
    logs.put("orders", "one", [(START + number, "shipped") for number in range(ROWS)])
    insights = {
        "QUERYSTRING": "fields @message",
        "LOGGROUPNAMES": "orders",
        "STARTTIME": str(START),
        "ENDTIME": str(START + ROWS),
        "LIMIT": str(ROWS),
    }
    arguments = ", ".join(f"{name} => '{text}'" for name, text in insights.items())
    count = "SELECT count(message) AS n FROM c.orders"
    _check(
        aws,
        "cloudwatch-logs",
        {"LogGroupNames": "orders"},
        f"{count}.one",
        f"{count}.all_log_streams WHERE message LIKE '%shipped%'",
        f'SELECT count("@message") AS n FROM TABLE(c.system.query({arguments}))',
        settings={"logs_endpoint": logs.url},
    )


def _check(
    aws: AwsAddress,
    connector: str,
    parameters: Mapping[str, str],
    *queries: str,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run queries with a stack's settings; compare their calls with the stack's role."""
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    pseudo = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
    given = {
        **pseudo,
        **parameters,
        "LambdaFunctionName": "orders",
        "SpillBucket": "spilled",
        "KMSKeyId": key,
        "AccessPolicy": "files/policy.json",
        "SplitSigningKey": "access/seal",
    }
    template = load_template(connector)
    template["Resources"] = {
        name: {"Type": template["Resources"][name]["Type"], "Properties": properties}
        for name, properties in resources_of(template, given).items()
    }
    variables = template["Resources"]["ConnectorFunction"]["Properties"]["Environment"]["Variables"]
    settings = {**settings, **{name: str(value) for name, value in variables.items()}}
    handler = importlib.import_module(f"{package_of(connector)}.app").handler
    transport = InProcess(handler, settings={**aws.environ, **settings})
    with (
        _recorded() as calls,
        LocalEngine({"c": Catalog(transport, _Spilled(aws))}, max_inline_bytes=100) as engine,
    ):
        for schema in engine.schemas("c"):
            engine.tables("c", schema)
        for query in queries:
            assert engine.query(query).table["n"].to_pylist() == [ROWS]
    transport.close()
    allowed = {
        (action, resource)
        for statement in role_statements(template)
        for action in _all(statement["Action"])
        for resource in _all(statement["Resource"])
    }
    needed = {_asked(*call) for call in calls}
    used = {grant for grant in allowed for asked in needed if _covers(grant, asked)}
    assert {asked for asked in needed if not any(_covers(each, asked) for each in allowed)} == set()
    assert {action for action, _ in allowed} - {action for action, _ in used} <= LATE | LOGIN


class _Spilled(S3Reader):
    """Reads spilled objects as who queries, which is nothing that the role has to allow."""

    def __init__(self, aws: AwsAddress) -> None:
        super().__init__({**aws.environ, "AWS_ACCESS_KEY_ID": "AKIAQUERIES"})


@contextmanager
def _recorded() -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Collect service, operation and parameters of each call that the function makes."""
    calls: list[tuple[str, str, dict[str, Any]]] = []
    base: Any = BaseClient
    call = base._make_api_call

    def record(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if client._request_signer._credentials.access_key != "AKIAQUERIES":
            calls.append((client.meta.service_model.service_name, operation, parameters))
        return call(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_make_api_call", record)
        yield calls


def _asked(service: str, operation: str, parameters: dict[str, Any]) -> tuple[str, str]:
    """Return the action and the resource of a call."""
    here = f"{REGION}:{ACCOUNT}"
    resource = "*"
    match service, parameters:
        case "s3", {"Bucket": bucket, "Key": key}:
            resource = f"arn:aws:s3:::{bucket}/{key}"
        case "s3", {"Bucket": bucket}:
            resource = f"arn:aws:s3:::{bucket}"
        case "kms", {"KeyId": key}:
            resource = f"arn:aws:kms:{here}:key/{key}"
        case "dynamodb", {"RequestItems": {"orders": _}} | {"TableName": "orders"}:
            resource = f"arn:aws:dynamodb:{here}:table/orders"
        case "dynamodb", {"Statement": text} if '"orders"' in text:
            resource = f"arn:aws:dynamodb:{here}:table/orders"
        case "logs", _:
            resource = _asked_of_logs(here, parameters)
        case "glue", {"DatabaseName": name} | {"Name": name}:
            resource = f"arn:aws:glue:{here}:database/{name}"
        case "glue", _:
            resource = f"arn:aws:glue:{here}:catalog"
        case "secretsmanager", {"SecretId": name}:
            resource = f"arn:aws:secretsmanager:{here}:secret:{name}-a1B2c3"
    return OTHER_ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}"), resource


def _asked_of_logs(here: str, parameters: dict[str, Any]) -> str:
    group = f"arn:aws:logs:{here}:log-group:orders"
    match parameters:
        case {"logGroupName": "orders", "logStreamName": stream}:
            return f"{group}:log-stream:{stream}"
        case {"logGroupName": "orders"} | {"logGroupNames": ["orders"]} | {"queryId": _}:
            return group
    return "*"


def _covers(grant: tuple[str, str], asked: tuple[str, str]) -> bool:
    pattern = re.escape(grant[1]).replace(r"\*", ".*").replace(r"\?", ".")
    return grant[0] == asked[0] and re.fullmatch(pattern, asked[1]) is not None


def _all(items: Any) -> list[Any]:
    return items if isinstance(items, list) else [items]
