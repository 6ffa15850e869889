from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    SourceError,
    TableNotFoundError,
)
from athena_connectors.common.glue_tables import GlueCatalog
from athena_connectors.common.inference import InferredColumn, InferredTable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.schema_files import schemas_text
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.directories import ManualClock
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.metadata import Tables
from athena_connectors.documentdb.relation import Collection, Column, Relation
from athena_connectors.documentdb.settings import Settings
from bson.objectid import ObjectId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.connector import TableDescription
    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.mongodb import MongoDb

NO_GLUE = {"GLUE_ENDPOINT": "http://127.0.0.1:9"}
FLAG = "docdb-metadata-flag"


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsAddress]:
    with aws_server() as address:
        yield address


@pytest.fixture
def shop(mongodb: MongoDb) -> str:
    """A database whose name has capitals, and a collection."""
    name = mongodb.create_database(f"{mongodb.create_database()}_Shop")
    mongodb.client()[name]["Orders"].insert_many(
        {"_id": ObjectId(), "homeCity": "x", "price": number, "tags": ["a"], "at": {"x": 1.5}}
        for number in range(5)
    )
    return name


@pytest.fixture
def glue(aws: AwsAddress, shop: str) -> GlueCatalog:
    """A catalog with a database of the same name, and its tables."""
    client = aws.client("glue")
    database = shop.lower()
    client.create_database(DatabaseInput={"Name": database, "LocationUri": FLAG})

    def declare(name: str, columns: dict[str, str], **parameters: str) -> None:
        client.create_table(
            DatabaseName=database,
            TableInput={
                "Name": name,
                "Parameters": {FLAG: "", **parameters},
                "StorageDescriptor": {
                    "Columns": [
                        {"Name": column, "Type": type_, "Comment": f"About {column}."}
                        for column, type_ in columns.items()
                    ]
                },
                "PartitionKeys": [{"Name": "homecity", "Type": "varchar(10)"}],
            },
        )

    declare("orders", {"_id": "string", "price": "decimal(9,2)", "unseen": "int"})
    declare(
        "mapped",
        {"id": "string", "price": "uniontype<int>"},
        sourceTable="Orders",
        columnMapping="id=_id,price=price,homecity=homeCity",
    )
    return GlueCatalog(aws.environ)


def tables_of(
    client: Client,
    glue: GlueCatalog | None = None,
    *,
    clock: ManualClock | None = None,
    **environ: str,
) -> Tables:
    return Tables(client, load_settings(Settings, environ), glue, clock=clock or ManualClock())


def described(tables: Tables, schema: str, table: str) -> TableDescription:
    return tables.describe(tables.resolve_table(TableName(schema, table)))


def relation(tables: Tables, schema: str, table: str) -> Relation:
    facts = described(tables, schema, table).facts
    assert isinstance(facts, Relation)
    return facts


def columns(tables: Tables, schema: str, table: str) -> dict[str, pa.DataType]:
    return {column.name: column.type for column in relation(tables, schema, table).columns}


# --- by inference


def test_a_collection_has_the_columns_that_its_documents_show(client: Client, shop: str) -> None:
    found = described(tables_of(client), shop.lower(), "orders")
    fields: list[tuple[str, pa.DataType]] = [
        ("_id", pa.string()),
        ("at", pa.struct([("x", pa.float64())])),
        ("homeCity", pa.string()),
        ("price", pa.int64()),
        ("tags", pa.list_(pa.string())),
    ]
    assert found.schema.equals(pa.schema(fields))
    facts = found.facts
    assert isinstance(facts, Relation)
    assert facts.collection == Collection(shop, "Orders")
    assert all(column.may_be_named for column in facts.columns)


def test_pr_102_an_empty_collection_has_its_id_and_a_missing_one_is_an_error(
    client: Client, shop: str, mongodb: MongoDb
) -> None:
    mongodb.client()[shop].create_collection("empty")
    tables = tables_of(client)
    assert columns(tables, shop, "empty") == {"_id": pa.string()}
    with pytest.raises(TableNotFoundError, match=f"'missing' in {shop}"):
        described(tables, shop, "missing")


def test_a_view_has_the_columns_that_its_pipeline_makes(
    client: Client, shop: str, mongodb: MongoDb
) -> None:
    stages = [{"$group": {"_id": "$homeCity", "total": {"$sum": "$price"}}}, {"$unset": "_id"}]
    mongodb.client()[shop].create_collection("totals", viewOn="Orders", pipeline=stages)
    found = relation(tables_of(client), shop, "totals")
    assert found.collection == Collection(shop, "totals", is_view=True)
    assert found.columns == (Column("total", pa.int64(), "total"),)
    assert tables_of(client).list_tables(shop) == ["Orders", "totals"]


def test_new_fields_are_seen_after_some_time(client: Client, shop: str, mongodb: MongoDb) -> None:
    clock = ManualClock()
    tables = tables_of(client, clock=clock, schema_cache_ttl_s="300")
    assert "late" not in columns(tables, shop, "Orders")
    mongodb.client()[shop]["Orders"].insert_one({"late": True})
    clock.now = 299.0
    assert "late" not in columns(tables, shop, "Orders")
    clock.now = 300.0
    assert columns(tables, shop, "Orders")["late"] == pa.bool_()


def test_samples_of_equal_names_are_not_mixed_up(
    client: Client, shop: str, mongodb: MongoDb
) -> None:
    other = mongodb.create_database()
    mongodb.client()[other]["Orders"].insert_one({"other": 1})
    tables = tables_of(client)
    assert "price" in columns(tables, shop, "Orders")
    assert set(columns(tables, other, "Orders")) == {"_id", "other"}


def test_issue_506_a_user_with_few_rights_has_his_tables(
    connect: Callable[[str], Client], shop: str, mongodb: MongoDb
) -> None:
    admin = mongodb.client()["admin"]
    resource = {"db": shop, "collection": "Orders"}
    privileges = [{"resource": resource, "actions": ["find"]}]
    admin.command("createRole", f"of_{shop}", privileges=privileges, roles=[])
    mongodb.client()[shop]["secret"].insert_one({"a": 1})
    tables = tables_of(connect(mongodb.create_user(f"of_{shop}", "pw", (f"of_{shop}", "admin"))))
    assert tables.list_schemas() == [shop]
    assert tables.list_tables(shop) == ["Orders"]
    assert "price" in columns(tables, shop.lower(), "orders")
    with pytest.raises(TableNotFoundError, match="'secret'"):
        described(tables, shop, "secret")


def test_what_a_pipeline_makes_is_described(client: Client, shop: str) -> None:
    tables = tables_of(client)
    collection = tables.collection(shop.lower(), "ORDERS")
    stages: list[dict[str, Any]] = [{"$match": {"price": 3}}, {"$project": {"price": 1}}]
    found = tables.describe_results(collection, stages)
    assert found.schema.names == ["_id", "price"]
    columns = Column("_id", pa.string(), "_id"), Column("price", pa.int64(), "price")
    assert found.facts == Relation(collection, columns, is_inferred=True)
    nothing = tables.describe_results(collection, [{"$match": {"price": -1}}])
    assert nothing.schema.names == ["_id"]


# --- declared in Glue


def test_a_flagged_database_and_its_tables_are_listed_once(
    client: Client, shop: str, glue: GlueCatalog
) -> None:
    tables = tables_of(client, glue)
    assert shop in tables.list_schemas()
    assert shop.lower() not in tables.list_schemas()
    assert tables.list_tables(shop) == ["mapped", "orders"]


def test_issue_2312_columns_of_glue_show_fields_with_capitals(
    client: Client, shop: str, glue: GlueCatalog
) -> None:
    found = relation(tables_of(client, glue), shop.lower(), "ORDERS")
    assert found.collection == Collection(shop, "Orders")
    assert found.columns == (
        Column("_id", pa.string(), "_id"),
        Column("price", pa.decimal128(9, 2), "price"),
        Column("unseen", pa.int32(), "unseen", is_spelled=False),
        Column("homeCity", pa.string(), "homeCity"),
    )


def test_a_mapped_table_is_described_without_a_sample(
    client: Client, shop: str, glue: GlueCatalog, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.delattr(Client, "find_raw")
    found = relation(tables_of(client, glue), shop, "mapped")
    assert found.columns == (
        Column("_id", pa.string(), "_id"),
        Column("price", pa.string(), "price"),
        Column("homeCity", pa.string(), "homeCity"),
    )
    assert "uniontype<int>" in caplog.text


def test_comments_are_the_columns_own(client: Client, shop: str, glue: GlueCatalog) -> None:
    found = described(tables_of(client, glue), shop, "mapped")
    assert found.schema.metadata == {b"_id": b"About id.", b"price": b"About price."}


def test_without_the_right_to_sample_glue_still_tells_the_columns(
    connect: Callable[[str], Client],
    shop: str,
    glue: GlueCatalog,
    mongodb: MongoDb,
    caplog: pytest.LogCaptureFixture,
) -> None:
    admin = mongodb.client()["admin"]
    resource = {"db": shop, "collection": ""}
    privileges = [{"resource": resource, "actions": ["listCollections"]}]
    admin.command("createRole", f"lists_{shop}", privileges=privileges, roles=[])
    url = mongodb.create_user(f"lists_{shop}", "pw", (f"lists_{shop}", "admin"))
    found = relation(tables_of(connect(url), glue), shop, "orders")
    spelt = {column.name: column.is_spelled for column in found.columns}
    assert spelt == {"_id": True, "price": False, "unseen": False, "homecity": False}
    assert "can't be sampled" in caplog.text
    with pytest.raises(AccessDeniedError, match=f"{shop}.Orders"):
        described(tables_of(connect(url)), shop, "Orders")


def test_a_glue_outage_is_never_silently_inference(
    client: Client, shop: str, aws: AwsAddress
) -> None:
    tables = tables_of(client, GlueCatalog({**aws.environ, **NO_GLUE}))
    for ask in (
        tables.list_schemas,
        lambda: tables.list_tables(shop),
        lambda: described(tables, shop, "Orders"),
    ):
        with pytest.raises(SourceError, match="disable_glue"):
            ask()


# --- frozen


FROZEN = InferredTable(
    (
        InferredColumn("_id", pa.string(), "_id"),
        InferredColumn("cost", pa.decimal128(12, 2), "price"),
    )
)


def test_a_frozen_table_is_not_sampled(
    client: Client, shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "schemas.json"
    path.write_text(schemas_text({TableName(shop, "Orders"): FROZEN}), "utf-8")
    environ = {"schema_file": str(path), "disable_glue": "true"}
    tables = Tables.of(client, load_settings(Settings, environ), environ)
    monkeypatch.delattr(Client, "find_raw")
    assert columns(tables, shop.lower(), "orders") == {
        "_id": pa.string(),
        "cost": pa.decimal128(12, 2),
    }


def test_what_is_frozen_goes_before_what_glue_declares(
    client: Client, shop: str, glue: GlueCatalog
) -> None:
    file = {TableName(shop, "orders"): FROZEN}
    tables = Tables(client, load_settings(Settings, {}), glue, load_frozen=lambda: file)
    assert "cost" in columns(tables, shop, "orders")
    assert "homeCity" in columns(tables, shop, "mapped")


def test_a_schema_file_that_is_not_there_is_an_error(
    client: Client, shop: str, tmp_path: Path
) -> None:
    environ = {"schema_file": str(tmp_path / "nothing.json"), "disable_glue": "true"}
    tables = Tables.of(client, load_settings(Settings, environ), environ)
    with pytest.raises(ConfigurationError, match=r"nothing\.json"):
        described(tables, shop, "Orders")


def test_settings_lead_to_glue(client: Client, shop: str, aws: AwsAddress) -> None:
    tables = Tables.of(client, load_settings(Settings, {}), {**aws.environ, **NO_GLUE})
    with pytest.raises(SourceError, match="disable_glue"):
        described(tables, shop, "Orders")


def test_what_is_frozen_is_found_again(client: Client, shop: str) -> None:
    tables = tables_of(client)
    name = tables.resolve_table(TableName(shop, "orders"))
    found = tables.infer(name)
    assert (found.documents, found.method) == (5, "the first, the newest and some between")
    assert {column.name: column.share for column in found.columns} == dict.fromkeys(
        ["_id", "at", "homeCity", "price", "tags"], 1.0
    )
    again = Tables(client, load_settings(Settings, {}), None, load_frozen=lambda: {name: found})
    assert relation(tables, shop, "orders").is_inferred
    frozen = relation(again, shop, "orders")
    assert replace(frozen, is_inferred=True) == relation(tables, shop, "orders")
    assert not frozen.is_inferred
