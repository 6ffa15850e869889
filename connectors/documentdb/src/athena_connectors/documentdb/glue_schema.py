"""What Glue says of collections: which databases and tables are ours, and what they stand for.

Flags and parameters are those of the Java connector, but for ``sourceDatabase``:

| In Glue | Means |
|---|---|
| database with ``docdb-metadata-flag`` in its location URI | a schema |
| table with a parameter ``docdb-metadata-flag`` | a collection |
| ``sourceTable`` | name of the collection |
| ``sourceDatabase`` | name of its database |
| ``columnMapping``: ``id=_id,city=homeCity`` | names of fields, by column |

Source: Java reference, ``DocDBMetadataHandler`` and ``GlueMetadataHandler``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from athena_connectors.common.glue_tables import GlueDatabase, GlueTable

__all__ = ["FLAG", "has_collections", "is_collection", "source_collection", "source_database"]

FLAG = "docdb-metadata-flag"
"""What marks a database or a table as one for this connector."""


def has_collections(database: GlueDatabase) -> bool:
    """Return whether a database is flagged as one with collections."""
    return FLAG in database.location


def is_collection(table: GlueTable) -> bool:
    """Return whether a Glue table is for a collection."""
    return FLAG in table.parameters


def source_collection(table: GlueTable) -> str:
    """Return the name of the collection, in any case if Glue does not tell it."""
    return table.parameters.get("sourceTable", "").strip() or table.name


def source_database(table: GlueTable) -> str:
    """Return the name of the collection's database; empty if Glue does not tell it."""
    return table.parameters.get("sourceDatabase", "").strip()
