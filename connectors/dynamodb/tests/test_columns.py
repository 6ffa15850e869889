from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.inference import InferredColumn
from athena_connectors.dynamodb import columns as columns_of
from athena_connectors.dynamodb.glue_schema import DeclaredColumn
from athena_connectors.dynamodb.relation import Column, TimeFormat
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable
from athena_connectors.dynamodb.types import empty_sample
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.observed import Sample

WIDE = pa.decimal128(38, 9)
BASE = Index("", IndexKind.TABLE, (Key("PK", "S"),), (Key("SK", "N"),))
BY_CITY = Index(
    "by_city",
    IndexKind.GLOBAL,
    (Key("City", "B"),),
    included=frozenset({"PK", "SK", "City", "note"}),
)
TABLE = SourceTable("orders", "orders", BASE, (BY_CITY,))


def options(**environ: str) -> Settings:
    return load_settings(Settings, environ)


def sample_of(items: Iterable[dict[str, Any]], chosen: Settings | None = None) -> Sample:
    sample = empty_sample(chosen or options())
    for item in items:
        sample.add(item)
    return sample


def inferred(items: Iterable[dict[str, Any]], **environ: str) -> dict[str, Column]:
    chosen = options(**environ)
    found = columns_of.inferred(sample_of(items, chosen), TABLE, chosen)
    return {column.name: column for column in found}


def declared(
    names: Iterable[str], items: Iterable[dict[str, Any]] = (), **environ: str
) -> dict[str, Column]:
    chosen = options(**environ)
    given_ = [DeclaredColumn(name, pa.int64(), False, TimeFormat(), "") for name in names]  # noqa: FBT003
    found = columns_of.declared(given_, sample_of(items), TABLE, chosen)
    return {column.name: column for column in found}


# --- inference


def test_an_empty_table_has_the_keys_of_table_and_indexes() -> None:
    found = inferred([])
    assert list(found) == ["PK", "SK", "City"]
    assert [column.type for column in found.values()] == [pa.string(), WIDE, pa.binary()]
    assert [column.key_type for column in found.values()] == ["S", "N", "B"]


@pytest.mark.parametrize(
    ("policy", "type_"),
    [("decimal", WIDE), ("auto", WIDE), ("double", WIDE), ("varchar", pa.string())],
)
def test_a_number_key_follows_the_policy_for_numbers(policy: str, type_: pa.DataType) -> None:
    assert inferred([], number_inference=policy)["SK"].type == type_


def test_a_number_key_is_no_float_whatever_was_seen_of_it() -> None:
    items = [{"SK": {"N": number}, "n": {"N": number}} for number in ("9E+125", "0.1")]
    found = inferred(items, number_inference="auto")
    assert (found["SK"].type, found["n"].type) == (pa.string(), pa.float64())


def test_keys_that_are_asked_for_by_value_are_not_rounded() -> None:
    index = Index("by_n", IndexKind.GLOBAL, (Key("n", "N"),), (Key("m", "N"),))
    table = SourceTable("orders", "orders", BASE, (index,))
    items = [{"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"N": "1"}}]
    seen = columns_of.inferred(sample_of(items), table, options())
    assert {column.name: column.is_rounded for column in seen} == {
        "PK": False,
        "SK": False,
        "m": True,
        "n": False,
        "x": True,
    }
    given_ = [DeclaredColumn(name, WIDE, False, None, "") for name in ("sk", "n", "x")]  # noqa: FBT003
    found = columns_of.declared(given_, sample_of(items), table, options())
    assert [(column.name, column.is_rounded) for column in found] == [
        ("SK", False),
        ("n", False),
        ("x", True),
        ("PK", False),
        ("m", True),
    ]


def test_issue_1535_whole_numbers_are_bigint_if_that_is_wanted() -> None:
    items = [{"PK": {"S": "a"}, "SK": {"N": "1"}, "n": {"N": "5"}}]
    found = inferred(items, number_inference="auto")
    assert (found["SK"].type, found["n"].type) == (pa.int64(), pa.int64())


def test_the_order_is_hash_key_range_key_and_the_rest_by_name() -> None:
    items = [{name: {"S": "x"} for name in ("a", "PK", "z", "City", "SK")}]
    assert list(inferred(items)) == ["PK", "SK", "City", "a", "z"]


@settings(max_examples=50)
@given(st.permutations([{n: {"S": "x"}} for n in ("a", "b", "B", "c")] * 2))
def test_the_order_of_items_makes_no_difference(items: list[dict[str, Any]]) -> None:
    assert inferred(items) == inferred(reversed(items))


def test_attributes_that_differ_by_case_share_a_column() -> None:
    found = inferred([{"name": {"S": "a"}}, {"Name": {"S": "b"}}, {"Name": {"S": "c"}}])
    assert (found["Name"].attribute, found["Name"].others) == ("Name", ("name",))
    assert not found["Name"].may_be_named


def test_no_item_is_looked_through_for_another_spelling_of_its_key() -> None:
    found = inferred([{"PK": {"S": "a"}, "pk": {"S": "b"}}])
    assert found["PK"].others == ()
    assert found["PK"].may_be_named


def test_rare_attributes_are_left_to_the_extra_column() -> None:
    items = [{"a": {"S": "x"}}, {"a": {"S": "x"}}, {"a": {"S": "x"}, "rare": {"S": "y"}}]
    found = inferred(items, min_attribute_share="0.5", extra_json_column="_rest")
    assert list(found) == ["PK", "SK", "City", "a", "_rest"]
    assert found["_rest"] == Column("_rest", pa.string(), attribute="", is_json=True)


def test_an_attribute_named_as_the_extra_column_goes_before_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = inferred([{"Rest": {"N": "1"}}], extra_json_column="rest")
    assert found["Rest"].attribute == "Rest"
    assert "rest" not in found
    assert "extra_json_column" in caplog.text


def test_mixed_types_never_lose_a_column() -> None:
    items: list[dict[str, Any]] = [{"m": {"S": "x"}}, {"m": {"N": "1"}}, {"m": {"L": []}}]
    assert (inferred(items)["m"].type, inferred(items)["m"].is_json) == (pa.string(), False)
    assert inferred(items, mixed_types="json")["m"].is_json


def test_a_frozen_column_keeps_its_name_and_its_times() -> None:
    frozen = [InferredColumn("when", pa.timestamp("ms"), "Created-At", others=("created-at",))]
    when, *keys = columns_of.frozen(frozen, TABLE, options())
    assert when == Column(
        "when", pa.timestamp("ms"), "Created-At", ("created-at",), time=TimeFormat()
    )
    assert [column.name for column in keys] == ["PK", "SK", "City"]


def test_a_frozen_column_that_cant_be_read_is_text_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = pa.list_(pa.map_(pa.int32(), pa.string()))
    column, *_ = columns_of.frozen([InferredColumn("odd", odd, "odd")], TABLE, options())
    assert column == Column("odd", pa.string(), "odd")
    (warning,) = caplog.messages
    assert "orders" in warning
    assert "'odd' is shown as text" in warning


def test_a_second_column_of_the_same_name_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    frozen = [InferredColumn("a", pa.int64(), "a"), InferredColumn("a", pa.string(), "b")]
    found = columns_of.frozen(frozen, TABLE, options())
    assert [(column.name, column.attribute) for column in found[:1]] == [("a", "a")]
    assert [column.name for column in found] == ["a", "PK", "SK", "City"]
    assert "'a'" in caplog.text


# --- spelling of what Glue declares


def test_bug_25_the_real_names_are_learnt_from_keys_and_sample() -> None:
    items = [{"Price": {"N": "1"}}, {"Price": {"N": "2"}}, {"PRICE": {"N": "3"}}]
    found = declared(["pk", "price", "unseen"], items)
    assert found["PK"].may_be_named
    assert (found["Price"].attribute, found["Price"].others) == ("Price", ("PRICE",))
    assert found["Price"].is_spelled
    assert not found["unseen"].is_spelled
    assert not found["unseen"].may_be_named


def test_a_key_is_spelt_as_the_table_says_whatever_items_have() -> None:
    found = declared(["sk", "city"], [{"sk": {"S": "x"}, "city": {"S": "x"}}] * 3)
    assert (found["SK"].attribute, found["SK"].others) == ("SK", ())
    # An item may lack the key of an index and have an attribute of nearly its name.
    assert (found["City"].attribute, found["City"].others) == ("City", ("city",))
    assert found["City"].key_type == "B"


def test_keys_that_glue_does_not_declare_are_columns_at_the_end() -> None:
    found = declared(["a", "pk"], [{"a": {"S": "x"}}])
    assert list(found) == ["a", "PK", "SK", "City"]
    assert [found["SK"].key_type, found["SK"].type] == ["N", WIDE]


def test_a_mapping_is_taken_at_its_word() -> None:
    mapped = DeclaredColumn("Prix", pa.int64(), True, TimeFormat(), "")  # noqa: FBT003
    found, *_ = columns_of.declared([mapped], sample_of([{"prix": {"N": "1"}}]), TABLE, options())
    assert (found.attribute, found.others, found.is_spelled) == ("Prix", (), True)


def test_issue_1904_without_projection_no_name_but_a_keys_is_sure() -> None:
    found = declared(
        ["pk", "price"], [{"price": {"N": "1"}}], disable_projection_and_casing="Always"
    )
    assert found["PK"].is_spelled
    assert not found["price"].is_spelled


@pytest.mark.parametrize(
    ("name", "is_mapped", "casing", "needed"),
    [
        ("price", False, "auto", True),
        ("price", True, "auto", False),
        ("pk", False, "auto", False),
        ("price", False, "always", False),
    ],
)
def test_a_sample_is_read_only_if_it_can_tell_something(
    name: str, casing: str, *, is_mapped: bool, needed: bool
) -> None:
    column = DeclaredColumn(name, pa.int64(), is_mapped, TimeFormat(), "")
    chosen = options(disable_projection_and_casing=casing)
    assert columns_of.needs_sample([column], TABLE, chosen) is needed


def test_a_declared_format_stays_with_its_column() -> None:
    time = TimeFormat("yyyy", "Europe/Rome")
    column = DeclaredColumn("pk", pa.date32(), False, time, "")  # noqa: FBT003
    found, *_ = columns_of.declared([column], sample_of([]), TABLE, options())
    assert found.time == time


# --- what an index holds


def test_an_index_shows_only_what_it_holds() -> None:
    items = [{"note": {"S": "x"}, "price": {"N": "1"}}]
    columns = inferred(items, extra_json_column="rest").values()
    held = columns_of.held_by(columns, BY_CITY)
    assert [column.name for column in held] == ["PK", "SK", "City", "note"]
    assert columns_of.held_by(columns, BASE) == tuple(columns)


def test_an_index_that_holds_another_spelling_shows_that_one() -> None:
    both = Column("Note", pa.string(), "Note", ("note", "NOTE"))
    (held,) = columns_of.held_by([both], BY_CITY)
    assert (held.name, held.attribute, held.others) == ("Note", "note", ())


def test_another_spelling_of_a_key_is_no_key() -> None:
    both = Column("Note", pa.string(), "Note", ("note",), key_type="S")
    (held,) = columns_of.held_by([both], BY_CITY)
    assert (held.attribute, held.key_type) == ("note", None)
    key = Column("City", pa.binary(), "City", ("city",), key_type="B")
    (held,) = columns_of.held_by([key], BY_CITY)
    assert (held.attribute, held.key_type) == ("City", "B")


def test_an_index_may_hold_what_is_not_spelt() -> None:
    column = Column("NOTE", pa.string(), "NOTE", is_spelled=False)
    assert columns_of.held_by([column], BY_CITY) == (column,)
