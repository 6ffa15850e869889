from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import AccessDeniedError
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.listings import (
    UNKNOWN_COLLATION,
    collection_names,
    database_names,
    look_up,
)
from athena_connectors.documentdb.relation import Collection

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.mongodb import MongoDb


@pytest.fixture(scope="module")
def shop(mongodb: MongoDb) -> str:
    """A database with a collection of each sort."""
    name = mongodb.create_database(f"{mongodb.create_database()}_Shop")
    database = mongodb.client()[name]
    database["Orders"].insert_one({"a": 1})
    database["of.some-body"].insert_one({"a": 1})
    database.create_collection("french", collation={"locale": "fr"})
    database.create_collection("series", timeseries={"timeField": "at"})
    database.create_collection("view", viewOn="Orders", pipeline=[])
    database.create_collection(
        "french_view", viewOn="Orders", pipeline=[], collation={"locale": "fr"}
    )
    return name


@pytest.fixture(scope="module")
def clerk(mongodb: MongoDb, shop: str) -> str:
    """The connection string of a user who may read one collection and one view."""
    admin = mongodb.client()["admin"]
    role = f"clerk_of_{shop}"
    readable = [
        {"resource": {"db": shop, "collection": name}, "actions": ["find"]}
        for name in ("french", "view")
    ]
    admin.command("createRole", role, privileges=readable, roles=[])
    return mongodb.create_user(role, "pw", (role, "admin"))


def test_databases_are_told_with_the_servers_own(client: Client, shop: str) -> None:
    names = database_names(client)
    assert {shop, "admin", "local"} <= set(names)
    assert names == sorted(names)


def test_collections_and_views_are_told_without_the_servers_own(client: Client, shop: str) -> None:
    wanted = ["Orders", "french", "french_view", "of.some-body", "series", "view"]
    assert collection_names(client, shop) == wanted


def test_issue_465_all_batches_of_names_are_read(
    client: Client, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Client.listing

    def one_at_a_time(self: Client, database: str, command: dict[str, Any]) -> Any:
        return whole(self, database, {**command, "cursor": {"batchSize": 1}})

    wanted = collection_names(client, shop)
    monkeypatch.setattr(Client, "listing", one_at_a_time)
    assert collection_names(client, shop) == wanted


@pytest.mark.parametrize(
    ("name", "is_view", "collation"),
    [
        ("Orders", False, ""),
        ("of.some-body", False, ""),
        ("french", False, "fr"),
        ("series", True, ""),
        ("view", True, ""),
        ("french_view", True, "fr"),
    ],
)
def test_a_collection_is_told_with_what_matters_of_it(
    client: Client, shop: str, name: str, *, is_view: bool, collation: str
) -> None:
    assert look_up(client, shop, name) == Collection(shop, name, is_view, collation)


@pytest.mark.parametrize("name", ["orders", "", "$Orders", "nothing"])
def test_only_an_exact_name_is_looked_up(client: Client, shop: str, name: str) -> None:
    assert look_up(client, shop, name) is None


def test_issue_506_a_user_with_few_rights_sees_what_he_may_read(
    connect: Callable[[str], Client], shop: str, clerk: str
) -> None:
    client = connect(clerk)
    assert database_names(client) == [shop]
    assert collection_names(client, shop) == ["french", "view"]
    french = look_up(client, shop, "french")
    assert french == Collection(shop, "french", is_view=False, collation=UNKNOWN_COLLATION)
    view = look_up(client, shop, "view")
    assert view == Collection(shop, "view", is_view=True, collation=UNKNOWN_COLLATION)
    assert look_up(client, shop, "Orders") is None


def test_a_database_without_any_right_is_refused(
    connect: Callable[[str], Client], mongodb: MongoDb, clerk: str
) -> None:
    other = mongodb.create_database()
    mongodb.client()[other]["a"].insert_one({})
    with pytest.raises(AccessDeniedError, match=other):
        look_up(connect(clerk), other, "a")
    with pytest.raises(AccessDeniedError, match=other):
        collection_names(connect(clerk), other)
