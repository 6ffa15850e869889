"""Ranges of ``_id`` that hold each document of a collection exactly once.

MongoDB orders values by type first, but ``$gte`` and ``$lt`` only match values of the bound's
own kind, its bracket: all numbers are one, all texts another. So ranges lie within a bracket,
and where a collection's ids are of several, one more range holds what is in none of them. NaN
is below all numbers for the order and matches no bound, so it counts as outside.

Source: MongoDB manual, "Comparison/Sort Order", and reference measurements on 6.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import bson
from athena_connectors.documentdb.documents import decode_documents
from athena_connectors.documentdb.fields import ID
from athena_connectors.documentdb.shell_values import HIGHEST_SUBTYPE
from athena_connectors.documentdb.types import SAMPLE_OPTIONS
from bson import json_util
from bson.binary import Binary
from bson.code import Code
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.errors import BSONError
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "EVERYTHING",
    "FLOORS",
    "IdRange",
    "bracket_of",
    "id_of",
    "is_one_bracket",
    "range_text",
    "ranges_between",
    "read_range",
]

FLOORS: Mapping[str, Any] = {
    "number": -math.inf,
    "string": "",
    "object": {},
    "binData": b"",
    "objectId": ObjectId(b"\0" * 12),
    "date": DatetimeMS(-(2**63)),
    "timestamp": Timestamp(0, 0),
}
"""The lowest bound of each bracket whose values may be bounds, in MongoDB's order."""

_BRACKETS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((int, float, Decimal128), "number"),
    (str, "string"),
    (dict, "object"),
    ((bytes, Binary), "binData"),
    (ObjectId, "objectId"),
    (DatetimeMS, "date"),
    (Timestamp, "timestamp"),
)
_JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


@dataclass(frozen=True, slots=True)
class IdRange:
    """Some documents of a collection, by their ``_id``.

    Bounds are of one bracket. A range without any is the whole collection.

    Attributes:
        low: Lowest value, inclusive; ``None`` if there is none.
        high: Highest value, exclusive; ``None`` if there is none.
        outside: Bounds of other ranges: no value is in the bracket of one and at or above it.
    """

    low: Any = None
    high: Any = None
    outside: tuple[Any, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether it is the whole collection."""
        return self.low is None and self.high is None and not self.outside

    def filter(self) -> dict[str, Any]:
        """Return what MongoDB has to match; empty for the whole collection."""
        bounds = {"$gte": self.low, "$lt": self.high}
        within = {operator: bound for operator, bound in bounds.items() if bound is not None}
        beside = [{ID: {"$not": {"$gte": bound}}} for bound in self.outside]
        if not beside:
            return {ID: within} if within else {}
        return {"$and": [{ID: within}, *beside] if within else beside}

    def filter_after(self, last: Any) -> dict[str, Any] | None:
        """Return what to match for the documents behind one that was read, in order of ``_id``.

        Returns:
            ``None`` if they can't be told: the document's id is no bound, or what follows it
            may be of another bracket.
        """
        if self.outside or self.is_everything or bracket_of(last) is None:
            return None
        above = {"$gt": last} | ({} if self.high is None else {"$lt": self.high})
        return {ID: above}


EVERYTHING = IdRange()
"""The whole collection."""


def bracket_of(value: Any) -> str | None:
    """Return the bracket of a value, one of ``FLOORS``; ``None`` if it is no bound."""
    if isinstance(value, (bool, Code)) or _is_nan(value):  # Code is a text of Python's
        return None
    if isinstance(value, Binary) and value.subtype > HIGHEST_SUBTYPE:
        return None
    return next((name for types, name in _BRACKETS if isinstance(value, types)), None)


def id_of(document: bytes) -> Any:
    """Return the ``_id`` of a document that the server sent.

    Returns:
        ``None`` if it has none, or if Python's value of it would be sent back as another one,
        with another place in the order: a text that is no UTF-8 is read as a different text,
        and of members of equal names the last is kept.
    """
    try:
        found = decode_documents(document, SAMPLE_OPTIONS)[0].get(ID)
        again = bson.encode({ID: found})
    except (BSONError, SystemError):  # the latter of binary data of subtype 255
        return None
    # It is the first field of every document that is stored.
    return found if document[4:].startswith(again[4:-1]) else None


def is_one_bracket(first: Any, last: Any) -> bool:
    """Return whether all ids from the first to the last in MongoDB's order are of one bracket."""
    bracket = bracket_of(first)
    return bracket is not None and bracket == bracket_of(last)


def ranges_between(bounds: Sequence[Any], *, mixed: bool) -> list[IdRange]:
    """Return ranges that hold each document once.

    Args:
        bounds: Values in MongoDB's order. Those that can't be bounds are passed over.
        mixed: Whether there may be ids of other brackets than that of the bounds, or NaN.

    Returns:
        One range more than there are bounds if these are of one bracket and nothing is mixed.
    """
    usable = [bound for bound in bounds if bracket_of(bound) is not None and _survives(bound)]
    groups = [_distinct(group) for _, group in groupby(usable, key=bracket_of)]
    ranges = [
        IdRange(low, high)
        for group in groups
        for low, high in zip(group, (*group[1:], None), strict=True)
    ]
    if mixed or len(groups) > 1:
        return [IdRange(outside=tuple(group[0] for group in groups)), *ranges]
    first = IdRange(high=groups[0][0]) if groups else EVERYTHING
    return [first, *ranges]


def range_text(ids: IdRange) -> str:
    """Return the text that ``read_range`` reads, as canonical extended JSON."""
    told = {
        "low": ids.low,
        "high": ids.high,
        "outside": list(ids.outside) or None,
    }
    given = {name: bound for name, bound in told.items() if bound is not None}
    return json_util.dumps(given, json_options=_JSON, separators=(",", ":"))


def read_range(text: str) -> IdRange:
    """Return what a text tells.

    Raises:
        ValueError: It is not as ``range_text`` writes it.
    """
    try:
        told = json_util.loads(text, json_options=_JSON)
    except (ValueError, TypeError, RecursionError, BSONError) as cause:
        raise ValueError(text[:40]) from cause
    if not isinstance(told, dict) or told.keys() - {"low", "high", "outside"}:
        raise ValueError(text[:40])
    outside = told.get("outside", [])
    if not isinstance(outside, list):
        raise ValueError(text[:40])  # noqa: TRY004 - the text is at fault
    ids = IdRange(told.get("low"), told.get("high"), tuple(outside))
    given = [bound for bound in (ids.low, ids.high) if bound is not None]
    if any(bracket_of(bound) is None for bound in (*given, *outside)):
        raise ValueError(text[:40])
    return ids


def _distinct(group: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for bound in group:
        if not found or found[-1] != bound:
            found.append(bound)
    return found


def _is_nan(value: Any) -> bool:
    if isinstance(value, Decimal128):
        return bool(value.to_decimal().is_nan())
    return isinstance(value, float) and math.isnan(value)


def _survives(bound: Any) -> bool:
    """Return whether a bound is still the same when a split has been to the engine and back."""
    try:
        back = read_range(range_text(IdRange(low=bound))).low
        return bool(back == bound) and bson.encode({ID: back}) == bson.encode({ID: bound})
    except (ValueError, TypeError, OverflowError, BSONError):
        return False
