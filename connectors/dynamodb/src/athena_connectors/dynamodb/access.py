"""The ways of getting at items: by full keys, by queries, by a scan.

A path is planned whole, taken apart over splits, and crosses the wire in their properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "AccessPath",
    "AttributeValue",
    "KeyQuery",
    "Lookup",
    "Queries",
    "RangeCondition",
    "RangeOperator",
    "TableScan",
]

AttributeValue = Mapping[str, Any]
"""A value as DynamoDB types it and botocore takes it: ``{"S": "x"}``, ``{"B": b"x"}``."""

RangeOperator = Literal["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"]


@dataclass(frozen=True, slots=True)
class RangeCondition:
    """A condition on one range key, of a kind that DynamoDB allows in a key condition.

    Attributes:
        key: Name of the attribute.
        operator: What is asked of it.
        values: The operands: two for ``BETWEEN``, low and high, one for all others.
    """

    key: str
    operator: RangeOperator
    values: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class KeyQuery:
    """What one Query asks for.

    Attributes:
        hash_values: A value for each hash key of the index, in the order of its keys.
        ranges: Conditions on its range keys, in the order of its keys and without a gap; all
            but the last are equalities. DynamoDB takes several only with an index of several
            range keys.
    """

    hash_values: tuple[AttributeValue, ...]
    ranges: tuple[RangeCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """Items by their full primary keys.

    Attributes:
        keys: The keys, none twice: a value for the hash key, and one for the range key if
            the table has it. No key at all is nothing to read.
    """

    keys: tuple[tuple[AttributeValue, ...], ...]


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries on one index that together give every wanted item, and none twice.

    Attributes:
        index: Name of the index; empty for the table itself.
        queries: The queries.
    """

    index: str
    queries: tuple[KeyQuery, ...]


@dataclass(frozen=True, slots=True)
class TableScan:
    """All items of a table or of an index.

    Attributes:
        index: Name of the index; empty for the table itself.
    """

    index: str = ""


AccessPath = Lookup | Queries | TableScan
