"""Attribute values of one column, apart by tag, whatever they were read from.

``conversion`` turns them into a column. What they are read from are attribute values as
dictionaries (``items``) or columns that Arrow's JSON reader made (``page_columns``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

__all__ = ["MEMBER_TAGS", "NULL", "Elements", "Entries", "Values"]

NULL = "NULL"

MEMBER_TAGS: Mapping[str, str] = {"SS": "S", "NS": "N", "BS": "B"}
"""Tags of sets, and of their members."""


class Elements(NamedTuple):
    """Lists of values, one after the other.

    Attributes:
        offsets: int32, where each row's list starts, and the end of the last; a row that has
            no list has an empty one.
        values: The elements of all lists.
    """

    offsets: pa.Array[Any]
    values: Values


class Entries(NamedTuple):
    """Maps of names to values, one after the other; as for lists.

    Attributes:
        offsets: Where each row's map starts, and the end of the last.
        keys: Names, sorted within each map.
        values: Their values.
    """

    offsets: pa.Array[Any]
    keys: pa.Array[Any]
    values: Values


class Values(Protocol):
    """Values of one column; a row has one of one tag, or none."""

    @property
    def count(self) -> int:
        """Number of rows."""

    def tags(self) -> Mapping[str, int]:
        """Return how many rows have a value of each tag; only tags that there are."""

    def scalar(self, tag: str) -> pa.Array[Any]:
        """Return the values of ``S``, ``N``, ``B`` or ``BOOL``, NULL in all other rows.

        They are texts, but booleans for ``BOOL``; a binary value is base64 if it is a text.
        """

    def elements(self, tag: str) -> Elements:
        """Return the elements of ``L``, or the members of a set, sorted."""

    def child(self, name: str) -> Values:
        """Return what the maps (``M``) hold under a name, else under one equal ignoring case."""

    def entries(self) -> Entries:
        """Return all that the maps (``M``) hold."""

    def mask(self, tag: str) -> pa.Array[Any]:
        """Return which rows have no value of a tag."""

    def json(self, tag: str) -> pa.Array[Any]:
        """Return the values of a tag as JSON, NULL in all other rows."""
