from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.findings import Verdict
from athena_connectors.common.testing.dynamodb_faults import DynamoDbFault
from athena_connectors.dynamodb.health import findings
from athena_connectors.dynamodb.metadata import Tables
from athena_connectors.dynamodb.settings import Settings

if TYPE_CHECKING:
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy


@pytest.fixture
def table(dynamodb: DynamoDb) -> str:
    name = dynamodb.create_table(("pk", "S"), ("sk", "B"))
    dynamodb.put_items(name, [{"pk": {"S": "a"}, "sk": {"B": b"\x00"}}])
    return name


def found(client: Any, **environ: str) -> dict[str, Finding]:
    """Findings by what was checked."""
    environ = {"disable_glue": "true", **environ}
    settings = load_settings(Settings, environ)
    told = list(findings(client, Tables.of(client, settings, environ), settings))
    assert len({finding.check for finding in told}) == len(told)
    return {finding.check: finding for finding in told}


def denied(operation: str) -> DynamoDbFault:
    return DynamoDbFault(code="AccessDeniedException", operation=operation)


def test_all_is_well(table: str, proxy: DynamoDbProxy, connect: Any) -> None:
    told = found(connect(proxy.address), table_include=table)
    assert {finding.verdict for finding in told.values()} == {Verdict.OK}
    assert list(told) == [
        *("glue", "tables", "descriptions", "columns", "scan", "query", "lookup"),
        *("passthrough", "capacity", "full scans"),
    ]
    assert table in told["tables"].fact
    assert "has 2 columns" in told["columns"].fact
    assert "1,000 read units per second, of which a scan plans to use 500" in told["capacity"].fact


@pytest.mark.parametrize(
    ("operation", "check", "verdict", "way_out"),
    [
        ("Scan", "columns", Verdict.FAULT, "Allow"),
        ("Query", "query", Verdict.FAULT, "Allow"),
        ("BatchGetItem", "lookup", Verdict.FAULT, "max_batch_keys to 0"),
        ("ExecuteStatement", "passthrough", Verdict.WARNING, "enable_query_passthrough to false"),
        ("DescribeTable", "descriptions", Verdict.FAULT, "Allow"),
        ("ListTables", "tables", Verdict.FAULT, "Allow"),
    ],
)
def test_a_right_that_is_missing_is_named(
    table: str,
    proxy: DynamoDbProxy,
    connect: Any,
    *,
    operation: str,
    check: str,
    verdict: Verdict,
    way_out: str,
) -> None:
    proxy.fail(denied(operation))
    told = found(connect(proxy.address), table_include=table)
    assert told[check].verdict is verdict
    assert "AWS denies dynamodb:" in told[check].fact
    assert way_out in told[check].fix
    first_fault = next(name for name, item in told.items() if item.verdict is not Verdict.OK)
    assert first_fault == check


def test_what_is_switched_off_is_not_checked(
    table: str, proxy: DynamoDbProxy, connect: Any
) -> None:
    told = found(
        connect(proxy.address),
        table_include=table,
        max_batch_keys="0",
        enable_query_passthrough="false",
        allow_full_scan="false",
    )
    assert not {"lookup", "passthrough"} & told.keys()
    assert "allow_full_scan" in told["full scans"].fact
    assert not proxy.requests("BatchGetItem")
    assert not proxy.requests("ExecuteStatement")


def test_an_empty_table_leaves_only_what_needs_an_item_unchecked(
    dynamodb: DynamoDb, proxy: DynamoDbProxy, connect: Any
) -> None:
    name = dynamodb.create_table(("pk", "S"), on_demand=True)
    told = found(connect(proxy.address), table_include=name)
    assert not {"query", "lookup"} & told.keys()
    assert told["scan"].verdict is Verdict.OK
    assert "on demand" in told["capacity"].fact


def test_large_tables_are_named(table: str, proxy: DynamoDbProxy, connect: Any) -> None:
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=3 << 30))
    told = found(connect(proxy.address), table_include=table, max_scan_bytes=str(1 << 30))
    assert told["full scans"].verdict is Verdict.WARNING
    assert "1.0 GiB" in told["full scans"].fact
    assert table in told["full scans"].fact
    told = found(connect(proxy.address), table_include=table, max_scan_bytes=str(4 << 30))
    assert told["full scans"].verdict is Verdict.OK
    assert "3.0 GiB" in told["full scans"].fact


def test_no_table_is_a_warning(table: str, dynamodb: DynamoDb, connect: Any) -> None:
    told = found(connect(dynamodb), table_include="nothing-like-it")
    assert told["tables"].verdict is Verdict.WARNING
    assert "table_include" in told["tables"].fix


def test_glue_is_asked(table: str, proxy: DynamoDbProxy, connect: Any, aws: AwsAddress) -> None:
    aws.client("glue").create_database(
        DatabaseInput={"Name": table, "LocationUri": "dynamo-db-flag"}
    )
    environ = {**aws.environ, "disable_glue": "false", "table_include": table}
    assert found(connect(proxy.address), **environ)["glue"].verdict is Verdict.OK
    told = found(connect(proxy.address), **environ, GLUE_ENDPOINT="http://127.0.0.1:9")
    assert told["glue"].verdict is Verdict.FAULT
    assert "disable_glue" in told["glue"].fix
    assert told["columns"].verdict is Verdict.FAULT
    assert told["scan"].verdict is Verdict.OK


def test_no_secret_is_told(table: str, proxy: DynamoDbProxy, connect: Any) -> None:
    proxy.fail(denied(""))
    secret = proxy.address.settings["AWS_SECRET_ACCESS_KEY"]
    told = found(connect(proxy.address), table_include=table)
    assert all(secret not in f"{item.fact} {item.fix}" for item in told.values())
