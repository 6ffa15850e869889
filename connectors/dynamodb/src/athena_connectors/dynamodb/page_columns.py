"""Items as columns, straight from the reply's JSON by Arrow's reader.

The reader is told which tags to expect and drops all else. A value has exactly one tag, so
where fewer tags than values arrive, something was dropped, and ``NotColumnar`` says that the
column has to be read from dictionaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import compute
from athena_connectors.dynamodb.attribute_json import json_text
from athena_connectors.dynamodb.items import Findings, set_elements
from athena_connectors.dynamodb.values import MEMBER_TAGS, NULL, Elements, Entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.dynamodb.spelling import Spelling

__all__ = ["NotColumnar", "PageValues", "wire_type"]


class NotColumnar(Exception):  # noqa: N818 - never an error of anyone
    """A column holds something that only dictionaries can tell."""


_CONTENTS: dict[str, pa.DataType] = {
    "S": pa.string(),
    "N": pa.string(),
    "B": pa.string(),
    "BOOL": pa.bool_(),
    NULL: pa.bool_(),
    "SS": pa.list_(pa.string()),
    "NS": pa.list_(pa.string()),
    "BS": pa.list_(pa.string()),
    # Present or not is all that is asked of these.
    "L": pa.list_(pa.struct([])),
    "M": pa.struct([]),
}


def wire_type(type_: pa.DataType, further: frozenset[str] = frozenset()) -> pa.StructType:
    """Return the type by which Arrow reads the attribute values of a column.

    Args:
        type_: The column's type.
        further: Tags that are expected in it, besides those that its type makes likely.
    """
    likely, nested = _expected(type_, further)
    tags = sorted({likely, NULL, *further} | nested.keys())
    return pa.struct([(tag, nested.get(tag) or _CONTENTS[tag]) for tag in tags])


def _expected(type_: pa.DataType, further: frozenset[str]) -> tuple[str, dict[str, pa.DataType]]:
    if isinstance(type_, pa.ListType):
        elements = wire_type(type_.value_type, further)
        likely = {"S": "SS", "N": "NS", "B": "BS"}
        tag = _expected(type_.value_type, further)[0]
        return likely.get(tag, "L"), {"L": pa.list_(elements)}
    if isinstance(type_, pa.StructType):
        children = [(field.name, wire_type(field.type, further)) for field in type_]
        return "M", {"M": pa.struct(children)}
    if isinstance(type_, pa.MapType):
        return "M", {}
    if pa.types.is_string(type_) or pa.types.is_temporal(type_):
        return "S", {}
    if pa.types.is_binary(type_):
        return "B", {}
    return ("BOOL" if pa.types.is_boolean(type_) else "N"), {}


class PageValues:
    """Values of one column as Arrow read them; see ``values.Values``.

    Args:
        array: Structures of tags, of a type that ``wire_type`` made.
        spelling: Names in the reply.

    Raises:
        NotColumnar: A value has a tag that was not expected; so do the methods for values
            that need dictionaries.
    """

    def __init__(self, array: Any, spelling: Spelling) -> None:
        self.count = len(array)
        self._spelling = spelling
        # Below a NULL there may be anything where columns were merged; flatten clears it.
        self._columns: dict[str, Any] = {
            field.name: content
            for field, content in zip(array.type, array.flatten(), strict=True)
            if content.null_count < self.count
        }
        if sum(self.tags().values()) != self.count - array.null_count:
            raise NotColumnar

    def tags(self) -> Mapping[str, int]:
        """Return how many rows have each tag."""
        return {tag: self.count - array.null_count for tag, array in self._columns.items()}

    def scalar(self, tag: str) -> pa.Array[Any]:
        """Return texts or booleans; binary values are base64."""
        array: pa.Array[Any] = self._columns[tag]
        return array

    def elements(self, tag: str) -> Elements:
        """Return all elements of lists or sets."""
        lists = self._columns[tag]
        if tag == "SS" and _are_sorted(lists):
            members: Any = pa.StructArray.from_arrays([lists.values], ["S"])
            return Elements(lists.offsets, PageValues(members, self._spelling))
        if tag in MEMBER_TAGS:
            return set_elements(tag, lists.to_pylist(), Findings())
        return Elements(lists.offsets, PageValues(lists.values, self._spelling))

    def child(self, name: str) -> PageValues:
        """Return what the maps hold under a name."""
        maps = self._columns["M"]
        child = maps.flatten()[maps.type.get_field_index(name)]
        is_missing = child.null_count > maps.null_count
        if is_missing and self._spelling.may_differ(name):
            raise NotColumnar
        return PageValues(child, self._spelling)

    def entries(self) -> Entries:
        """Refuse, because names that were not expected were dropped."""
        raise NotColumnar

    def mask(self, tag: str) -> pa.Array[Any]:
        """Return which rows have another tag or no value."""
        mask: pa.Array[Any] = self._columns[tag].is_null()
        return mask

    def json(self, tag: str) -> pa.Array[Any]:
        """Return JSON texts of sets."""
        if tag not in MEMBER_TAGS:
            raise NotColumnar
        texts = [
            None if members is None else json_text({tag: members})
            for members in self._columns[tag].to_pylist()
        ]
        return pa.array(texts, pa.string())


def _are_sorted(lists: Any) -> bool:
    """Whether the texts within each list ascend, so that no set has to be sorted."""
    pc = compute()
    texts, owners = lists.flatten(), pc.list_parent_indices(lists)
    if len(texts) < len(lists.values):  # something is below a NULL
        return False
    ascend = pc.or_(pc.less_equal(texts[:-1], texts[1:]), pc.not_equal(owners[:-1], owners[1:]))
    return pc.all(ascend).as_py() is not False
