"""Names and listings, with a server and a Glue catalog that are kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AmbiguousNameError,
    InvalidRequestError,
    SchemaNotFoundError,
    TableNotFoundError,
)
from athena_connectors.common.glue_tables import GlueTable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.directories import ManualClock, MemoryGlue, pages_of_tables
from athena_connectors.documentdb.directory import Directory
from athena_connectors.documentdb.relation import Collection
from athena_connectors.documentdb.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.glue_tables import GlueCatalog
    from athena_connectors.documentdb.client import Client

FLAG = "docdb-metadata-flag"


@dataclass
class Server:
    """Plays the client: collections by database."""

    databases: Mapping[str, Sequence[str]]
    commands: list[str] = field(default_factory=list)

    def run(self, database: str, command: Mapping[str, Any]) -> dict[str, Any]:
        assert (database, command["authorizedDatabases"]) == ("admin", True)
        self.commands.append("listDatabases")
        return {"databases": [{"name": name} for name in self.databases]}

    def listing(self, database: str, command: Mapping[str, Any]) -> list[dict[str, Any]]:
        self.commands.append("listCollections")
        wanted = command.get("filter", {}).get("name")
        return [
            {"name": name, "type": "collection"}
            for name in self.databases.get(database, ())
            if wanted in (None, name)
        ]


def declared(name: str, database: str = "shop", **parameters: str) -> GlueTable:
    return GlueTable(database, name, (), {FLAG: "", **parameters}, "", {})


def directory(
    databases: Mapping[str, Sequence[str]] | Server,
    glue: MemoryGlue | None = None,
    *,
    clock: ManualClock | None = None,
    **environ: str,
) -> Directory:
    server = databases if isinstance(databases, Server) else Server(databases)
    return Directory(
        cast("Client", server),
        load_settings(Settings, environ),
        cast("GlueCatalog", glue),
        clock=clock or ManualClock(),
    )


def resolved(found: Directory, table: str, schema: str = "shop") -> TableName:
    return found.resolve_table(TableName(schema, table))


def source(found: Directory, table: str, schema: str = "shop") -> Collection:
    name = resolved(found, table, schema)
    return found.find(name.schema, name.table).source


# --- schemas


def test_schemas_are_databases_and_flagged_ones_of_glue() -> None:
    server: dict[str, list[str]] = {"Shop": [], "admin": [], "config": [], "local": [], "b": []}
    glue = MemoryGlue(known={"z": FLAG, "shop": FLAG, "a": "s3://x", "glued": f"s3://x/{FLAG}"})
    assert directory(server, glue).list_schemas() == ["Shop", "b", "glued", "z"]
    assert directory(server).list_schemas() == ["Shop", "b"]
    every = directory(server, include_system_databases="true").list_schemas()
    assert every == ["Shop", "admin", "b", "config", "local"]


def test_a_schema_is_known_in_any_case_and_exactly_first() -> None:
    assert directory({"Shop": []}).resolve_schema("shop") == "Shop"
    assert directory({"Shop": [], "shop": []}).resolve_schema("shop") == "shop"
    assert directory({"admin": []}).resolve_schema("Admin") == "admin"


def test_a_schema_of_glue_needs_no_database_and_no_flag() -> None:
    found = directory({"b": []}, MemoryGlue(known={"glued": "s3://x"}))
    assert found.resolve_schema("Glued") == "glued"
    with pytest.raises(SchemaNotFoundError, match="'other'"):
        found.resolve_schema("other")
    with pytest.raises(SchemaNotFoundError, match="Close names: shop"):
        directory({"Shop": []}).resolve_schema("shops")


def test_an_ambiguous_schema_tells_the_way_out() -> None:
    with pytest.raises(AmbiguousNameError, match=r"'SHOP', 'Shop'.*sourceDatabase"):
        directory({"Shop": [], "SHOP": []}).resolve_schema("shop")


def test_issue_2312_an_ambiguous_schema_has_the_tables_that_glue_tells_apart() -> None:
    glue = MemoryGlue(
        [declared("orders", sourceDatabase="SHOP", sourceTable="Orders")], {"shop": FLAG}
    )
    found = directory({"Shop": ["Orders"], "SHOP": ["Orders"]}, glue)
    assert source(found, "orders") == Collection("SHOP", "Orders")
    with pytest.raises(AmbiguousNameError, match="'SHOP', 'Shop'"):
        resolved(found, "other")


def test_no_other_case_fits_where_that_is_not_wanted() -> None:
    found = directory({"Shop": ["Orders"]}, enable_case_insensitive_match="false")
    assert source(found, "Orders", "Shop") == Collection("Shop", "Orders")
    with pytest.raises(SchemaNotFoundError):
        found.resolve_schema("shop")
    with pytest.raises(TableNotFoundError):
        resolved(found, "orders", "Shop")


# --- listing


def test_a_table_that_is_in_glue_and_on_the_server_is_listed_once() -> None:
    glue = MemoryGlue([declared("orders"), declared("alias", sourceTable="Users"), declared("zz")])
    found = directory({"Shop": ["Orders", "Users", "system.views"]}, glue)
    assert pages_of_tables(found, "Shop") == [["Users", "alias", "orders", "zz"]]


def test_tables_of_glue_for_something_else_are_not_listed() -> None:
    glue = MemoryGlue([GlueTable("shop", "parquet", (), {"sourceTable": "x"}, "s3://x", {})])
    assert pages_of_tables(directory({"shop": ["a"]}, glue), "shop") == [["a"]]


def test_a_schema_of_glue_alone_has_its_tables() -> None:
    glue = MemoryGlue([declared("orders", sourceDatabase="b")], {"shop": FLAG})
    assert pages_of_tables(directory({"b": ["x"]}, glue), "shop") == [["orders"]]


@settings(max_examples=100)
@given(
    server=st.sets(st.text("abAB", min_size=1, max_size=3)),
    glue=st.sets(st.text("ab", min_size=1, max_size=3)),
    size=st.integers(1, 12),
)
def test_issue_465_pages_of_any_size_hold_each_name_once(
    server: set[str], glue: set[str], size: int
) -> None:
    found = directory({"Shop": sorted(server)}, MemoryGlue([declared(name) for name in glue]))
    pages = pages_of_tables(found, "Shop", size)
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages[-1]) <= size
    folded = {name for name in server if name.lower() not in glue}
    assert [name for page in pages for name in page] == sorted(glue | folded)


def test_a_token_of_another_listing_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="token"):
        directory({"shop": ["a"]}).page_tables("shop", token="nonsense", page_size=1)


# --- tables


def test_an_exact_name_costs_one_look_at_the_database() -> None:
    server = Server({"shop": ["orders", "Orders"]})
    assert resolved(directory(server), "orders") == TableName("shop", "orders")
    assert server.commands.count("listCollections") == 1


def test_issue_463_and_403_a_folded_name_is_found_in_any_case() -> None:
    found = directory({"Shop": ["Orders", "camelCase"]})
    assert resolved(found, "orders") == TableName("Shop", "Orders")
    assert source(found, "CAMELCASE") == Collection("Shop", "camelCase")


def test_an_ambiguous_table_tells_the_candidates_and_the_way_out() -> None:
    with pytest.raises(AmbiguousNameError, match=r"'ORDERS', 'Orders'.*sourceTable"):
        resolved(directory({"shop": ["Orders", "ORDERS"]}), "orders")


def test_a_wrong_name_offers_close_ones() -> None:
    for wrong in ("oders", ""):
        with pytest.raises(TableNotFoundError, match=repr(wrong)):
            resolved(directory({"shop": ["Orders"]}), wrong)
    with pytest.raises(TableNotFoundError, match="Close names: orders"):
        resolved(directory({"shop": ["Orders"]}), "oders")


def test_what_was_not_there_is_found_once_it_is() -> None:
    server = Server({"shop": []})
    found = directory(server)
    with pytest.raises(TableNotFoundError):
        resolved(found, "orders")
    server.databases = {"shop": ["Orders"], "new": ["x"]}
    assert resolved(found, "orders") == TableName("shop", "Orders")
    assert resolved(found, "x", "new") == TableName("new", "x")


def test_a_collection_is_found_without_glue() -> None:
    glue = MemoryGlue([declared("orders", sourceTable="Other")])
    found = directory({"Shop": ["Orders"]}, glue)
    assert found.collection("SHOP", "orders") == Collection("Shop", "Orders")
    with pytest.raises(SchemaNotFoundError):
        found.collection("none", "orders")


def test_a_description_asks_nothing_again_that_the_name_has_told() -> None:
    server, clock = Server({"shop": ["orders"]}), ManualClock()
    found = directory(server, clock=clock)
    name = resolved(found, "orders")
    asked = len(server.commands)
    found.find(name.schema, name.table)
    assert len(server.commands) == asked
    clock.now = 6.0
    found.find(name.schema, name.table)
    assert len(server.commands) > asked


# --- tables of Glue


def test_a_glue_table_keeps_its_name_and_leads_to_its_source() -> None:
    glue = MemoryGlue(
        [
            declared("alias", sourceTable="Orders"),
            declared("anycase", sourceTable="orders"),
            declared("far", sourceDatabase="Other", sourceTable="x"),
            declared("users"),
        ]
    )
    found = directory({"Shop": ["Orders", "Users"], "Other": ["x"]}, glue)
    assert resolved(found, "ALIAS") == TableName("Shop", "alias")
    assert source(found, "alias") == Collection("Shop", "Orders")
    assert source(found, "anycase") == Collection("Shop", "Orders")
    assert source(found, "far") == Collection("Other", "x")
    assert source(found, "users") == Collection("Shop", "Users")


def test_a_glue_table_of_the_same_name_for_something_else_is_passed_over() -> None:
    other = GlueTable("shop", "orders", (), {}, "s3://bucket/orders", {})
    found = directory({"shop": ["Orders"]}, MemoryGlue([other, replace(other, name="parquet")]))
    assert found.find("shop", resolved(found, "orders").table).glue is None
    with pytest.raises(TableNotFoundError, match=f"shop.parquet.*{FLAG}"):
        resolved(found, "parquet")


@pytest.mark.parametrize(
    "parameters", [{"sourceTable": "Gone"}, {}, {"sourceDatabase": "nowhere", "sourceTable": "a"}]
)
def test_a_source_that_does_not_exist_is_told_with_the_glue_table(
    parameters: dict[str, str],
) -> None:
    found = directory({"shop": ["a"]}, MemoryGlue([declared("gone", **parameters)]))
    with pytest.raises(TableNotFoundError, match=r"Glue table shop\.gone stands for.*sourceTable"):
        resolved(found, "gone")
