"""What one split reads: keys, queries or a segment of a scan, and its text in the properties.

The text is JSON in which values stand as DynamoDB types them, binary ones in base64. Names of
attributes are values in it and never names of properties.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from athena_connectors.dynamodb.access import (
    KeyQuery,
    Lookup,
    Queries,
    RangeCondition,
    RangeOperator,
    TableScan,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.dynamodb.access import AccessPath, AttributeValue

__all__ = ["Part", "Segment", "part_text", "path_of", "read_part"]

_OPERATORS = frozenset(get_args(RangeOperator))
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """One of the segments that a table or an index is scanned in.

    Attributes:
        index: Name of the index; empty for the table itself.
        number: Which one, from 0.
        count: Of how many.
    """

    index: str
    number: int
    count: int


Part = Lookup | Queries | Segment


def path_of(part: Part) -> AccessPath:
    """Return a part as a path of its own; that of a segment is the whole scan."""
    return TableScan(part.index) if isinstance(part, Segment) else part


def part_text(part: Part) -> str:
    """Return the text that ``read_part`` reads."""
    match part:
        case Lookup():
            told: dict[str, Any] = {"keys": [_values(key) for key in part.keys]}
        case Queries():
            told = {"index": part.index, "queries": [_query(query) for query in part.queries]}
        case Segment():
            told = {"index": part.index, "segment": part.number, "of": part.count}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def read_part(text: str) -> Part:
    """Return what a text tells.

    Raises:
        ValueError: It is not as ``part_text`` writes it.
    """
    try:
        told = json.loads(text)
    except RecursionError as cause:
        raise ValueError(text[:40]) from cause
    match told:
        case {"keys": [*keys]} if len(told) == 1:
            return Lookup(tuple(map(_read_values, keys)))
        case {"index": str(index), "queries": [*queries]} if len(told) == 2:  # noqa: PLR2004
            return Queries(index, tuple(map(_read_query, queries)))
        case {
            "index": str(index),
            "segment": int(number),
            "of": int(count),
        } if len(told) == 3 and 0 <= number < count:  # noqa: PLR2004 - no member more
            return Segment(index, number, count)
    raise ValueError(text[:40])


def _query(query: KeyQuery) -> dict[str, Any]:
    return {
        "hash": _values(query.hash_values),
        "ranges": [[each.key, each.operator, *_values(each.values)] for each in query.ranges],
    }


def _read_query(told: Any) -> KeyQuery:
    match told:
        case {"hash": [_, *_] as values, "ranges": [*ranges]} if len(told) == 2:  # noqa: PLR2004
            return KeyQuery(_read_values(values), tuple(map(_read_range, ranges)))
    raise ValueError(told)


def _read_range(told: Any) -> RangeCondition:
    match told:
        case [str(key), str(operator), *values] if operator in _OPERATORS:
            expected = 2 if operator == "BETWEEN" else 1
            if len(values) == expected:
                return RangeCondition(key, operator, _read_values(values))  # type: ignore[arg-type]
    raise ValueError(told)


def _values(values: Iterable[AttributeValue]) -> list[dict[str, str]]:
    return [_value(value) for value in values]


def _value(value: AttributeValue) -> dict[str, str]:
    ((tag, content),) = value.items()
    return {tag: base64.b64encode(content).decode() if tag == "B" else content}


def _read_values(told: Any) -> tuple[AttributeValue, ...]:
    if not isinstance(told, list) or not told:
        raise ValueError(told)
    return tuple(map(_read_value, told))


def _read_value(told: Any) -> AttributeValue:
    match told:
        case {"S": str(text)} if len(told) == 1:
            return {"S": text}
        case {"N": str(number)} if len(told) == 1 and _NUMBER.fullmatch(number):
            return {"N": number}
        case {"B": str(encoded)} if len(told) == 1:
            return {"B": _decoded(encoded)}
    raise ValueError(told)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as cause:
        raise ValueError(encoded[:40]) from cause
