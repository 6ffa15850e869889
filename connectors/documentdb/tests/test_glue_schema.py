from __future__ import annotations

import pytest
from athena_connectors.common.glue_tables import GlueDatabase, GlueTable
from athena_connectors.documentdb.glue_schema import (
    has_collections,
    is_collection,
    source_collection,
    source_database,
)


def glue_table(**parameters: str) -> GlueTable:
    told = {name.replace("_", "-"): value for name, value in parameters.items()}
    return GlueTable("shop", "orders", (), told, "", {})


@pytest.mark.parametrize(
    ("location", "flagged"),
    [
        ("docdb-metadata-flag", True),
        ("s3://x/docdb-metadata-flag/", True),
        ("dynamo-db-flag", False),
        ("", False),
    ],
)
def test_a_database_is_flagged_by_its_location(location: str, *, flagged: bool) -> None:
    assert has_collections(GlueDatabase("shop", location)) is flagged


def test_a_table_is_flagged_by_a_parameter_of_any_value() -> None:
    assert is_collection(glue_table(docdb_metadata_flag=""))
    assert is_collection(glue_table(docdb_metadata_flag="false"))
    # Those of other connectors name their source likewise.
    assert not is_collection(glue_table(sourceTable="Orders", classification="dynamodb"))


def test_the_source_is_what_is_named_else_the_table() -> None:
    assert source_collection(glue_table(sourceTable=" Orders ")) == "Orders"
    assert source_collection(glue_table(sourceTable=" ")) == "orders"
    assert source_database(glue_table(sourceDatabase=" Shop ")) == "Shop"
    assert source_database(glue_table()) == ""
