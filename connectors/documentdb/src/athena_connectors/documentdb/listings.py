"""The databases and collections of a server, as far as the user may know of them.

Source: MongoDB manual, ``listDatabases`` and ``listCollections``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import AccessDeniedError
from athena_connectors.documentdb.relation import Collection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.documentdb.client import Client

__all__ = ["SYSTEM_DATABASES", "UNKNOWN_COLLATION", "collection_names", "database_names", "look_up"]

SYSTEM_DATABASES = frozenset({"admin", "config", "local"})
UNKNOWN_COLLATION = "unknown"
"""Stands for the collation of a collection whose options the user may not see."""

_SYSTEM_PREFIX = "system."
_ALLOWED = {"nameOnly": True, "authorizedCollections": True}


def database_names(client: Client) -> list[str]:
    """Return the databases that the user may do anything with, in order.

    Raises:
        ConnectorError: See ``Client.run``.

    Cost:
        One call.
    """
    command = {"listDatabases": 1, "nameOnly": True, "authorizedDatabases": True}
    told = client.run("admin", command)["databases"]
    # Some servers tell empty names to users without rights.
    return sorted(item["name"] for item in told if item.get("name"))


def collection_names(client: Client, database: str) -> list[str]:
    """Return the collections and views that the user may read, but the server's own, in order.

    Raises:
        ConnectorError: See ``Client.run``.

    Cost:
        One call, and one for each further batch of names.
    """
    told = client.listing(database, {"listCollections": 1, **_ALLOWED})
    names = (str(item["name"]) for item in told)
    return sorted(name for name in names if not name.startswith(_SYSTEM_PREFIX))


def look_up(client: Client, database: str, name: str) -> Collection | None:
    """Return a collection or a view by its exact name, if there is one.

    Raises:
        AccessDeniedError: The user may do nothing in the database.
        ConnectorError: See ``Client.run``.

    Cost:
        One call; two for a user who may not see the options of collections.
    """
    command = {"listCollections": 1, "filter": {"name": name}}
    try:
        told = client.listing(database, command)
    except AccessDeniedError:
        told = client.listing(database, {**command, **_ALLOWED})
        is_told = False
    else:
        is_told = True
    if not told:
        return None
    facts: Mapping[str, Any] = told[0]
    collation = facts.get("options", {}).get("collation", {}).get("locale", "")
    return Collection(
        database=database,
        name=name,
        # Series of times are views of what they are stored in.
        is_view=facts.get("type", "collection") != "collection",
        collation=collation if is_told else UNKNOWN_COLLATION,
    )
