from __future__ import annotations

import pyarrow as pa
import pytest
from athena_connectors.common.document_types import document_type, has_other_keys, read_type
from athena_connectors.common.errors import UnsupportedTypeError

ZONED = pa.timestamp("ms", "UTC")
PLAIN = pa.timestamp("ms")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (pa.int32(), pa.int32()),
        (ZONED, ZONED),
        (pa.list_(ZONED), pa.list_(PLAIN)),
        (pa.map_(pa.int32(), ZONED), pa.map_(pa.string(), PLAIN)),
        (
            pa.struct([("a", pa.list_(pa.map_(pa.date32(), pa.int8()))), ("b", ZONED)]),
            pa.struct([("a", pa.list_(pa.map_(pa.string(), pa.int8()))), ("b", PLAIN)]),
        ),
    ],
)
def test_a_type_is_made_one_of_documents(asked: pa.DataType, found: pa.DataType) -> None:
    assert document_type(asked) == found
    assert not has_other_keys(found)
    assert document_type(found) == found


@pytest.mark.parametrize(
    "type_",
    [
        pa.map_(pa.int32(), pa.string()),
        pa.list_(pa.map_(pa.int32(), pa.string())),
        pa.struct([("a", pa.string()), ("b", pa.map_(pa.string(), pa.map_(pa.bool_(), PLAIN)))]),
    ],
)
def test_maps_by_other_keys_than_texts_are_found_at_any_depth(type_: pa.DataType) -> None:
    assert has_other_keys(type_)
    with pytest.raises(UnsupportedTypeError, match=r"'odd'.*map<string"):
        read_type("odd", type_)


def test_a_column_is_read_as_a_type_of_the_engine() -> None:
    maps = pa.map_(pa.string(), pa.string())
    assert read_type("a", maps) == maps
    assert read_type("a", pa.large_string()) == pa.string()
