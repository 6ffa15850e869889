from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    InvalidRequestError,
    SourceError,
    TableNotFoundError,
)
from athena_connectors.common.glue_tables import GlueCatalog
from athena_connectors.common.inference import InferredColumn, InferredTable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.schema_files import schemas_text
from athena_connectors.common.testing.directories import ManualClock
from athena_connectors.common.testing.dynamodb import TableIndex
from athena_connectors.common.testing.dynamodb_faults import DynamoDbFault
from athena_connectors.dynamodb.metadata import Tables
from athena_connectors.dynamodb.relation import Column, Relation, TimeFormat
from athena_connectors.dynamodb.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from athena_connectors.common.connector import TableDescription
    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy

WIDE = pa.decimal128(38, 9)
NO_GLUE = {"GLUE_ENDPOINT": "http://127.0.0.1:9"}
DENIED = DynamoDbFault(code="AccessDeniedException", operation="Scan")
UNDECRYPTED = DynamoDbFault(
    code="KMSAccessDeniedException",
    operation="Scan",
    message="The ciphertext refers to a customer master key that does not exist",
)


def tables_of(
    client: Any,
    glue: GlueCatalog | None = None,
    *,
    clock: ManualClock | None = None,
    **environ: str,
) -> Tables:
    return Tables(client, load_settings(Settings, environ), glue, clock=clock or ManualClock())


def described(tables: Tables, table: str, schema: str = "default") -> TableDescription:
    return tables.describe(tables.resolve_table(TableName(schema, table)))


def relation(tables: Tables, table: str, schema: str = "default") -> Relation:
    facts = described(tables, table, schema).facts
    assert isinstance(facts, Relation)
    return facts


def columns(tables: Tables, table: str, schema: str = "default") -> dict[str, pa.DataType]:
    return {column.name: column.type for column in relation(tables, table, schema).columns}


@pytest.fixture
def orders(dynamodb: DynamoDb) -> str:
    """A table with an index that holds little, attributes with capitals and some items."""
    name = dynamodb.create_table(
        ("OrderId", "S"),
        ("Line", "N"),
        indexes=[TableIndex("by_City", [("City", "S")], included=["Note"])],
    )
    dynamodb.put_items(
        name,
        [
            {
                "OrderId": {"S": "a"},
                "Line": {"N": f"{number}"},
                "Price": {"N": "1.5"},
                "Note": {"S": "x"},
                "Tags": {"SS": ["p"]},
            }
            for number in range(5)
        ],
    )
    return name


@pytest.fixture
def glue(aws: AwsAddress, orders: str) -> GlueCatalog:
    """A catalog with a database of the table's name, and its tables."""
    client = aws.client("glue")
    client.create_database(DatabaseInput={"Name": orders, "LocationUri": "dynamo-db-flag"})

    def declare(name: str, columns: dict[str, str], **parameters: str) -> None:
        client.create_table(
            DatabaseName=orders,
            TableInput={
                "Name": name,
                "Parameters": {"classification": "dynamodb", **parameters},
                "StorageDescriptor": {
                    "Columns": [
                        {"Name": column, "Type": type_, "Comment": f"About {column}."}
                        for column, type_ in columns.items()
                    ]
                },
                "PartitionKeys": [{"Name": "note", "Type": "varchar(10)"}],
            },
        )

    declare("declared", {"orderid": "string", "price": "decimal(9,2)"}, sourceTable=orders)
    declare(
        "mapped",
        {"orderid": "string", "price": "double", "at": "timestamp"},
        sourceTable=orders,
        columnMapping="orderid=OrderId,price=Price,at=Created-At,note=Note",
        datetimeFormatMapping="at=yyyyMMdd'T'HHmmss",
        defaultTimeZone="Europe/Rome",
    )
    declare("odd", {"orderid": "string", "price": "uniontype<int>"}, sourceTable=orders)
    client.create_table(
        DatabaseName=orders,
        TableInput={"Name": "parquet", "StorageDescriptor": {"Location": "s3://bucket/x"}},
    )
    return GlueCatalog(aws.environ)


# --- by inference


def test_a_table_has_its_keys_and_what_its_items_show(
    orders: str, dynamodb: Any, connect: Any
) -> None:
    found = described(tables_of(connect(dynamodb)), orders)
    fields: list[tuple[str, pa.DataType]] = [
        ("OrderId", pa.string()),
        ("Line", WIDE),
        ("City", pa.string()),
        ("Note", pa.string()),
        ("Price", WIDE),
        ("Tags", pa.list_(pa.string())),
    ]
    assert found.schema.equals(pa.schema(fields))
    facts = found.facts
    assert isinstance(facts, Relation)
    assert facts.table.name == orders
    assert facts.forced_index is None
    assert [column.key_type for column in facts.columns] == ["S", "N", "S", None, None, None]


def test_issue_348_and_657_new_attributes_are_seen_after_some_time(
    orders: str, dynamodb: DynamoDb, connect: Any
) -> None:
    clock = ManualClock()
    tables = tables_of(connect(dynamodb), clock=clock, schema_cache_ttl_s="300")
    assert "Late" not in columns(tables, orders)
    dynamodb.put_items(
        orders, [{"OrderId": {"S": "b"}, "Line": {"N": "1"}, "Late": {"BOOL": True}}]
    )
    clock.now = 299.0
    assert "Late" not in columns(tables, orders)
    clock.now = 300.0
    assert columns(tables, orders)["Late"] == pa.bool_()


def test_a_sample_is_read_once_for_many_descriptions(
    orders: str, proxy: DynamoDbProxy, connect: Any
) -> None:
    tables = tables_of(connect(proxy.address))
    for _ in range(3):
        described(tables, orders)
    assert len(proxy.requests("Scan")) <= 5


def test_issue_468_a_table_that_cant_be_decrypted_has_its_keys(
    orders: str, proxy: DynamoDbProxy, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.fail(UNDECRYPTED)
    tables = tables_of(connect(proxy.address))
    assert columns(tables, orders) == {"OrderId": pa.string(), "Line": WIDE, "City": pa.string()}
    assert "kms:Decrypt" in caplog.text
    assert orders in tables.list_tables("default")
    proxy.heal()
    assert "Price" in columns(tables, orders)


def test_a_table_that_may_not_be_sampled_is_an_error(
    orders: str, proxy: DynamoDbProxy, connect: Any
) -> None:
    proxy.fail(DENIED)
    tables = tables_of(connect(proxy.address))
    with pytest.raises(AccessDeniedError, match=f"dynamodb:Scan.*{orders}"):
        described(tables, orders)
    assert orders in tables.list_tables("default")


def test_a_missing_table_is_named(dynamodb: DynamoDb, connect: Any) -> None:
    with pytest.raises(TableNotFoundError, match="'no_such_table_at_all'"):
        described(tables_of(connect(dynamodb)), "no_such_table_at_all")


def test_names_with_capitals_dots_and_dashes(dynamodb: DynamoDb, connect: Any) -> None:
    name = dynamodb.create_table(("Id.x-y", "S"), name=f"Shop.{id(connect)}-Names")
    tables = tables_of(connect(dynamodb))
    assert tables.resolve_table(TableName("Default", name.lower())) == TableName("default", name)
    assert columns(tables, name.lower().replace("-", "_")) == {"Id.x-y": pa.string()}


# --- a forced index


def test_issue_372_a_forced_index_shows_what_it_holds(
    orders: str, dynamodb: DynamoDb, connect: Any
) -> None:
    found = relation(tables_of(connect(dynamodb)), f"{orders}$BY_CITY")
    assert found.forced_index == "by_City"
    assert [column.name for column in found.columns] == ["OrderId", "Line", "City", "Note"]


def test_a_global_index_cant_be_forced_to_be_consistent(
    orders: str, dynamodb: DynamoDb, connect: Any
) -> None:
    tables = tables_of(connect(dynamodb), consistent_read="true")
    with pytest.raises(ConfigurationError, match="by_City") as caught:
        relation(tables, f"{orders}$by_city")
    assert "consistent_read" in str(caught.value)
    assert relation(tables, f"{orders}$").forced_index == ""


def test_the_table_itself_can_be_forced(orders: str, dynamodb: DynamoDb, connect: Any) -> None:
    found = relation(tables_of(connect(dynamodb)), f"{orders}$")
    assert found.forced_index == ""
    assert len(found.columns) == 6


def test_a_wrong_index_is_an_error_of_name_and_of_description(
    orders: str, dynamodb: DynamoDb, connect: Any
) -> None:
    tables = tables_of(connect(dynamodb))
    with pytest.raises(TableNotFoundError, match="by_City"):
        tables.resolve_table(TableName("default", f"{orders}$other"))
    with pytest.raises(TableNotFoundError, match="by_City"):
        tables.describe(TableName("default", f"{orders}$other"))


# --- declared in Glue


def test_a_flagged_database_is_a_schema_with_its_tables(
    orders: str, glue: GlueCatalog, dynamodb: DynamoDb, connect: Any
) -> None:
    tables = tables_of(connect(dynamodb), glue)
    assert orders in tables.list_schemas()
    assert tables.list_tables(orders) == ["declared", "mapped", "odd"]


def test_bug_25_columns_of_glue_show_attributes_with_capitals(
    orders: str, glue: GlueCatalog, dynamodb: DynamoDb, connect: Any
) -> None:
    found = relation(tables_of(connect(dynamodb), glue), "DECLARED", orders)
    assert found.columns == (
        Column("OrderId", pa.string(), "OrderId", key_type="S", is_rounded=False),
        Column("Price", pa.decimal128(9, 2), "Price"),
        Column("Note", pa.string(), "Note"),
        Column("Line", WIDE, "Line", key_type="N", is_rounded=False),
        Column("City", pa.string(), "City", key_type="S", is_rounded=False),
    )
    assert found.table.name == orders


def test_a_mapped_table_is_described_without_a_sample(
    orders: str, glue: GlueCatalog, proxy: DynamoDbProxy, connect: Any
) -> None:
    found = relation(tables_of(connect(proxy.address), glue), "mapped", orders)
    at = found.column("Created-At")
    time = TimeFormat("yyyyMMdd'T'HHmmss", "Europe/Rome")
    assert at == Column("Created-At", pa.timestamp("ms"), "Created-At", time=time)
    assert proxy.requests("Scan") == []


def test_bug_03_comments_are_the_columns_own(
    orders: str, glue: GlueCatalog, dynamodb: DynamoDb, connect: Any
) -> None:
    tables = tables_of(connect(dynamodb), glue)
    spelt = described(tables, "declared", orders)
    assert spelt.schema.metadata == {b"orderid": b"About orderid.", b"price": b"About price."}
    found = described(tables, "mapped", orders)
    assert found.schema.metadata == {
        b"orderid": b"About orderid.",
        b"price": b"About price.",
        b"created-at": b"About at.",
    }


def test_bug_05_an_unknown_type_costs_the_table_nothing_else(
    orders: str, glue: GlueCatalog, dynamodb: DynamoDb, connect: Any, caplog: Any
) -> None:
    found = columns(tables_of(connect(dynamodb), glue), "odd", orders)
    assert found["Price"] == pa.string()
    assert "Tags" not in found
    assert "uniontype<int>" in caplog.text


def test_without_the_right_to_sample_glue_still_tells_the_columns(
    orders: str, glue: GlueCatalog, proxy: DynamoDbProxy, connect: Any
) -> None:
    proxy.fail(DENIED)
    found = relation(tables_of(connect(proxy.address), glue), "declared", orders)
    spelt = {column.name: column.is_spelled for column in found.columns}
    assert spelt == {"OrderId": True, "price": False, "note": False, "Line": True, "City": True}


def test_bug_05_a_glue_outage_is_never_silently_inference(
    orders: str, aws: AwsAddress, dynamodb: DynamoDb, connect: Any
) -> None:
    tables = tables_of(connect(dynamodb), GlueCatalog({**aws.environ, **NO_GLUE}))
    for ask in (
        tables.list_schemas,
        lambda: tables.list_tables("default"),
        lambda: described(tables, orders),
    ):
        with pytest.raises(SourceError, match="disable_glue"):
            ask()


def test_what_glue_does_not_have_is_inferred(
    orders: str, glue: GlueCatalog, dynamodb: DynamoDb, connect: Any
) -> None:
    assert "Tags" in columns(tables_of(connect(dynamodb), glue), orders)


# --- frozen


FROZEN = InferredTable(
    (
        InferredColumn("OrderId", pa.string(), "OrderId"),
        InferredColumn("cost", pa.decimal128(12, 2), "Price"),
    )
)


def frozen_tables(client: Any, path: Path, tables: dict[TableName, InferredTable]) -> Tables:
    path.write_text(schemas_text(tables), "utf-8")
    environ = {"schema_file": str(path), "disable_glue": "true"}
    return Tables.of(client, load_settings(Settings, environ), environ)


def test_a_frozen_table_is_not_sampled(
    orders: str, proxy: DynamoDbProxy, connect: Any, tmp_path: Path
) -> None:
    file = {TableName("default", orders): FROZEN}
    tables = frozen_tables(connect(proxy.address), tmp_path / "schemas.json", file)
    assert columns(tables, orders) == {
        "OrderId": pa.string(),
        "cost": pa.decimal128(12, 2),
        "Line": WIDE,
        "City": pa.string(),
    }
    assert proxy.requests("Scan") == []
    held = columns(tables, f"{orders}$by_city")
    assert list(held) == ["OrderId", "Line", "City"]


def test_other_tables_than_the_frozen_ones_are_sampled(
    orders: str, dynamodb: DynamoDb, connect: Any, tmp_path: Path
) -> None:
    file = {TableName("default", "other"): FROZEN}
    tables = frozen_tables(connect(dynamodb), tmp_path / "schemas.json", file)
    assert "Tags" in columns(tables, orders)


def test_what_is_frozen_goes_before_what_glue_declares(
    orders: str, glue: GlueCatalog, dynamodb: DynamoDb, connect: Any
) -> None:
    settings = load_settings(Settings, {})
    file = {TableName(orders, "declared"): FROZEN}
    tables = Tables(connect(dynamodb), settings, glue, load_frozen=lambda: file)
    assert "cost" in columns(tables, "declared", orders)
    assert "Created-At" in columns(tables, "mapped", orders)


def test_a_schema_file_that_is_not_there_is_an_error(
    orders: str, dynamodb: DynamoDb, connect: Any, tmp_path: Path
) -> None:
    environ = {"schema_file": str(tmp_path / "nothing.json"), "disable_glue": "true"}
    tables = Tables.of(connect(dynamodb), load_settings(Settings, environ), environ)
    with pytest.raises(ConfigurationError, match=r"nothing\.json"):
        described(tables, orders)


def test_settings_lead_to_glue(
    orders: str, aws: AwsAddress, dynamodb: DynamoDb, connect: Any
) -> None:
    tables = Tables.of(connect(dynamodb), load_settings(Settings, {}), {**aws.environ, **NO_GLUE})
    with pytest.raises(SourceError, match="disable_glue"):
        described(tables, orders)


def test_what_is_frozen_is_found_again(orders: str, dynamodb: DynamoDb, connect: Any) -> None:
    tables = tables_of(connect(dynamodb))
    name = tables.resolve_table(TableName("default", orders))
    found = tables.infer(name)
    assert found.documents == 5
    shares = {column.name: column.share for column in found.columns}
    assert shares == {"OrderId": 1, "Line": 1, "City": 0, "Note": 1, "Price": 1, "Tags": 1}
    again = Tables(
        connect(dynamodb), load_settings(Settings, {}), None, load_frozen=lambda: {name: found}
    )
    seen = relation(tables, orders)
    assert seen.is_inferred
    assert relation(again, orders) == replace(seen, is_inferred=False)


def test_an_index_is_not_frozen_by_itself(orders: str, dynamodb: DynamoDb, connect: Any) -> None:
    with pytest.raises(InvalidRequestError, match=f"Freeze table {orders}"):
        tables_of(connect(dynamodb)).infer(TableName("default", f"{orders}$by_City"))
