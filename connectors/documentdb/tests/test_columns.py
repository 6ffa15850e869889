from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.glue_columns import GlueField
from athena_connectors.common.inference import InferredColumn
from athena_connectors.common.naming import exposed_names
from athena_connectors.documentdb import columns as columns_of
from athena_connectors.documentdb.relation import Column
from athena_connectors.documentdb.settings import Settings
from athena_connectors.documentdb.types import empty_sample
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.observed import Sample

ID = ObjectId("0123456789abcdef01234567")
TABLE = "shop.orders"


def options(**environ: str) -> Settings:
    return load_settings(Settings, environ)


def sample_of(documents: Iterable[dict[str, Any]]) -> Sample:
    sample = empty_sample(options())
    for document in documents:
        sample.add(document)
    return sample


def inferred(documents: Iterable[dict[str, Any]], **environ: str) -> dict[str, Column]:
    found = columns_of.inferred(sample_of(documents), options(**environ), table=TABLE)
    return {column.name: column for column in found}


def declared(
    names: Iterable[str], documents: Iterable[dict[str, Any]] = (), **environ: str
) -> dict[str, Column]:
    fields = [GlueField(name, name, pa.int64(), is_mapped=False, comment="") for name in names]
    found = columns_of.declared(fields, sample_of(documents), options(**environ), table=TABLE)
    return {column.name: column for column in found}


def frozen(*columns: InferredColumn) -> tuple[Column, ...]:
    return columns_of.frozen(columns, options(), table=TABLE)


# --- inference


def test_an_empty_collection_has_its_id() -> None:
    assert inferred([]) == {"_id": Column("_id", pa.string(), "_id")}


def test_the_id_comes_first_and_the_rest_by_name() -> None:
    found = inferred([{"b": 1, "_a": 1, "_id": ID, "Z": 1}])
    assert list(found) == ["_id", "Z", "_a", "b"]


@pytest.mark.parametrize(
    ("ids", "type_"),
    [
        ([ID], pa.string()),
        ([1, 2], pa.int64()),
        ([1, "x"], pa.string()),
        ([{"a": 1}], pa.struct([("a", pa.int64())])),
    ],
)
def test_the_id_has_the_type_of_the_ids_seen(ids: list[Any], type_: pa.DataType) -> None:
    assert inferred([{"_id": value} for value in ids])["_id"].type == type_


def test_a_field_of_nearly_the_name_of_the_id_is_a_column_of_its_own() -> None:
    found = inferred([{"_id": 1, "_ID": "x"}, {"_id": 2, "_ID": "y", "_Id": "z"}])
    assert found == {
        "_id": Column("_id", pa.int64(), "_id"),
        "_ID": Column("_ID", pa.string(), "_ID", ("_Id",)),
    }
    assert exposed_names(list(found)) == ["_id", "_id_2"]


def test_a_view_may_have_no_id() -> None:
    assert list(inferred([{"total": 1}])) == ["total"]
    assert list(inferred([{}])) == ["_id"]


@settings(max_examples=50)
@given(st.permutations([{n: 1} for n in ("a", "b", "B", "c", "_id", "_ID")] * 2))
def test_the_order_of_documents_makes_no_difference(documents: list[dict[str, Any]]) -> None:
    assert inferred(documents) == inferred(reversed(documents))


def test_fields_that_differ_by_case_share_a_column() -> None:
    found = inferred([{"name": "a"}, {"Name": "b"}, {"Name": "c"}])
    assert (found["Name"].field, found["Name"].others) == ("Name", ("name",))
    assert not found["Name"].may_be_named


def test_rare_fields_are_left_to_the_extra_column() -> None:
    documents = [{"_id": 1, "a": 1}, {"_id": 2, "a": 1}, {"_id": 3, "a": 1, "rare": 1}]
    found = inferred(documents, min_field_share="0.5", extra_json_column="_rest")
    assert list(found) == ["_id", "a", "_rest"]
    assert found["_rest"] == Column("_rest", pa.string(), field="", is_json=True)


def test_a_field_without_a_name_is_left_to_the_extra_column() -> None:
    assert list(inferred([{"_id": 1, "": 5, "a": 1}])) == ["_id", "a"]
    assert list(inferred([{"_id": 1, "": 5}], extra_json_column="rest")) == ["_id", "rest"]


def test_a_field_named_as_the_extra_column_goes_before_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = inferred([{"Rest": 1}], extra_json_column="rest")
    assert found == {"Rest": Column("Rest", pa.int64(), "Rest")}
    assert "extra_json_column" in caplog.text


def test_mixed_types_never_lose_a_column() -> None:
    documents: list[dict[str, Any]] = [{"m": "x"}, {"m": 1}, {"m": []}]
    assert (inferred(documents)["m"].type, inferred(documents)["m"].is_json) == (pa.string(), False)
    assert inferred(documents, mixed_types="json")["m"].is_json


def test_fields_with_odd_names_are_columns_that_no_request_names() -> None:
    found = inferred([{"a.b": 1, "$c": 1, "d e": 1}])
    assert {name: column.may_be_named for name, column in found.items()} == {
        "$c": False,
        "a.b": False,
        "d e": True,
    }


# --- frozen


def test_a_frozen_column_keeps_its_name() -> None:
    found = frozen(InferredColumn("when", pa.timestamp("ms"), "createdAt", others=("createdat",)))
    assert found == (Column("when", pa.timestamp("ms"), "createdAt", ("createdat",)),)


def test_a_frozen_column_that_cant_be_read_is_text_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = pa.list_(pa.map_(pa.int32(), pa.string()))
    assert frozen(InferredColumn("odd", odd, "odd")) == (Column("odd", pa.string(), "odd"),)
    (warning,) = caplog.messages
    assert TABLE in warning
    assert "'odd' is shown as text" in warning


def test_a_second_column_of_the_same_name_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    found = frozen(InferredColumn("a", pa.int64(), "a"), InferredColumn("a", pa.string(), "b"))
    assert found == (Column("a", pa.int64(), "a"),)
    assert "'a'" in caplog.text


def test_what_was_seen_is_what_is_inferred() -> None:
    sample = sample_of([{"_id": 1, "a": {"b": 1}, "m": 1}, {"_id": 2, "A": None, "m": "x"}])
    chosen = options(mixed_types="json", extra_json_column="rest")
    seen = columns_of.seen(sample, chosen)
    assert columns_of.frozen(seen, chosen, table=TABLE) == columns_of.inferred(
        sample, chosen, table=TABLE
    )
    assert [(column.name, column.share) for column in seen] == [("_id", 1), ("A", 1), ("m", 1)]


# --- spelling of what Glue declares


def test_issue_1276_the_real_names_are_learnt_from_the_sample() -> None:
    documents = [{"homeCity": 1}, {"homeCity": 2}, {"HOMECITY": 3}, {"other": 1}]
    found = declared(["homecity", "other", "unseen"], documents)
    assert found["homeCity"] == Column("homeCity", pa.int64(), "homeCity", ("HOMECITY",))
    assert found["other"].may_be_named
    assert not found["unseen"].is_spelled
    assert len(found) == 3


def test_the_id_is_spelt_so_whatever_documents_have() -> None:
    found = declared(["_id"], [{"_id": 1, "_ID": 1}, {"_ID": 1}])
    assert found == {"_id": Column("_id", pa.int64(), "_id")}
    assert declared(["_id"])["_id"].is_spelled


def test_a_mapping_is_taken_at_its_word() -> None:
    field = GlueField("price", "Prix", pa.int64(), is_mapped=True, comment="")
    sample = sample_of([{"prix": 1}])
    assert columns_of.declared([field], sample, options(), table=TABLE) == (
        Column("Prix", pa.int64(), "Prix"),
    )


def test_without_projection_no_name_but_the_ids_is_sure() -> None:
    documents = [{"_id": 1, "price": 1}]
    for found in (
        declared(["_id", "price"], documents, disable_projection_and_casing="true"),
        inferred(documents, disable_projection_and_casing="true"),
    ):
        assert found["_id"].is_spelled
        assert not found["price"].is_spelled


@pytest.mark.parametrize(
    ("name", "is_mapped", "any_case", "needed"),
    [
        ("price", False, "false", True),
        ("price", True, "false", False),
        ("_id", False, "false", False),
        ("price", False, "true", False),
    ],
)
def test_a_sample_is_read_only_if_it_can_tell_something(
    name: str, any_case: str, *, is_mapped: bool, needed: bool
) -> None:
    field = GlueField(name, name, pa.int64(), is_mapped=is_mapped, comment="")
    chosen = options(disable_projection_and_casing=any_case)
    assert columns_of.needs_sample([field], chosen) is needed
