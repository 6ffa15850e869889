from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.documentdb.projection import projection
from athena_connectors.documentdb.relation import Column
from athena_connectors.documentdb.settings import Settings

if TYPE_CHECKING:
    from athena_connectors.common.testing.mongodb import MongoDb

PLAIN = Column("name", pa.string(), "Name")
ID = Column("_id", pa.string(), "_id")
STRUCT = Column("s", pa.struct([("a", pa.string())]), "s")


def test_fields_are_named_whole_and_the_id_is_left_out_unless_it_is_asked_for() -> None:
    assert projection([PLAIN, STRUCT], Settings()) == {"Name": 1, "s": 1, "_id": 0}
    assert projection([PLAIN, ID], Settings()) == {"Name": 1, "_id": 1}


def test_no_column_at_all_takes_the_id_alone() -> None:
    assert projection([], Settings()) == {"_id": 1}


def test_spellings_by_case_are_all_sent() -> None:
    column = Column("name", pa.string(), "name", others=("NAME", "Name"))
    assert projection([column], Settings()) == {"name": 1, "NAME": 1, "Name": 1, "_id": 0}


@pytest.mark.parametrize(
    "column",
    [
        Column("rest", pa.string(), ""),
        Column("c", pa.string(), "a.b"),
        Column("c", pa.string(), "$c"),
        Column("c", pa.string(), "c\0"),
        Column("c", pa.string(), "c", others=("C.",)),
        Column("c", pa.string(), "c", is_spelled=False),
    ],
)
def test_a_field_that_can_not_be_named_takes_whole_documents(column: Column) -> None:
    assert projection([PLAIN, column], Settings()) is None


def test_fields_of_any_case_take_whole_documents_but_the_id_does_not() -> None:
    anyhow = Settings(disable_projection_and_casing=True)
    assert projection([PLAIN], anyhow) is None
    assert projection([ID], anyhow) == {"_id": 1}
    assert projection([], anyhow) == {"_id": 1}


def test_a_projected_document_has_the_same_values(mongodb: MongoDb) -> None:
    documents: list[dict[str, Any]] = [
        {"_id": 1, "Name": "a", "s": {"b": 1}, "z": 1},
        {"_id": 2, "Name": None, "s": [1, {"a": 2}]},
        {"_id": 3, "s": 5},
        {"_id": 4, "s": {}, "name": "another"},
    ]
    collection = mongodb.client()[mongodb.create_database()]["c"]
    collection.insert_many(documents)
    found = list(collection.find({}, projection([PLAIN, STRUCT], Settings())).sort("_id"))
    assert found == [
        {name: each[name] for name in ("Name", "s") if name in each} for each in documents
    ]
