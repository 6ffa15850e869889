"""What DynamoDB says of a table: its keys, its indexes, its size and its capacity.

Pure: made from a ``DescribeTable`` reply, without a client.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Capacity", "Index", "IndexKind", "Key", "KeyType", "SourceTable", "source_table"]

KeyType = Literal["S", "N", "B"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key attribute of a table or of an index."""

    name: str
    type: KeyType


class IndexKind(Enum):
    """What an index is; a table is the index of itself."""

    TABLE = "table"
    LOCAL = "local"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Index:
    """A table or one of its secondary indexes, as something that can be queried and scanned.

    Attributes:
        name: Its name; empty for the table itself.
        kind: What it is.
        hash_keys: Attributes that all need a value in a Query; several only in a global index.
        range_keys: Attributes that items with the same hash keys are sorted by, first first.
        included: Attributes that it holds; ``None`` for all. Keys of table and index are
            always among them. A local index gives all: DynamoDB fetches what it lacks.
        usable: Whether it is complete and can be read.
        size_bytes: Its size, some hours old.
        items: Number of its items, some hours old.
    """

    name: str
    kind: IndexKind
    hash_keys: tuple[Key, ...]
    range_keys: tuple[Key, ...] = ()
    included: frozenset[str] | None = None
    usable: bool = True
    size_bytes: int = 0
    items: int = 0

    @property
    def keys(self) -> tuple[Key, ...]:
        """All key attributes, hash keys first."""
        return (*self.hash_keys, *self.range_keys)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What may be read of a table in a second.

    Attributes:
        provisioned: Read units per second that are paid for; ``None`` on demand.
        maximum: Read units per second that the owner of an on-demand table allows, if told.
        warm: Read units per second that it can serve at once, if told.
    """

    provisioned: int | None = None
    maximum: int | None = None
    warm: int | None = None


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A DynamoDB table.

    Attributes:
        name: Its exact name.
        target: What requests name it by: its name, or its ARN for one of another account.
        base: The table itself.
        indexes: Its secondary indexes, local ones first.
        capacity: What may be read of it.
    """

    name: str
    target: str
    base: Index
    indexes: tuple[Index, ...] = ()
    capacity: Capacity = Capacity()

    def index(self, name: str) -> Index | None:
        """Return an index by its exact name, the table itself for an empty one."""
        if not name:
            return self.base
        return next((index for index in self.indexes if index.name == name), None)

    @property
    def key_types(self) -> dict[str, KeyType]:
        """Types of all attributes that are keys of the table or of an index."""
        indexes = (self.base, *self.indexes)
        return {key.name: key.type for index in indexes for key in index.keys}


def source_table(reply: Mapping[str, Any], *, target: str = "") -> SourceTable:
    """Read a reply of ``DescribeTable``.

    Args:
        reply: The reply, as botocore gives it.
        target: What requests name the table by, if not by its name.
    """
    table = reply["Table"]
    types: dict[str, KeyType] = {
        item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]
    }
    base = _index(table, IndexKind.TABLE, types)
    always = frozenset(key.name for key in base.keys)
    local = [
        _index(item, IndexKind.LOCAL, types) for item in table.get("LocalSecondaryIndexes", ())
    ]
    secondary = [
        _index(item, IndexKind.GLOBAL, types, always=always)
        for item in table.get("GlobalSecondaryIndexes", ())
    ]
    name = table["TableName"]
    return SourceTable(name, target or name, base, (*local, *secondary), _capacity(table))


def _index(
    told: Mapping[str, Any],
    kind: IndexKind,
    types: Mapping[str, KeyType],
    *,
    always: frozenset[str] = frozenset(),
) -> Index:
    keys: dict[str, list[Key]] = {"HASH": [], "RANGE": []}
    for item in told["KeySchema"]:
        name = item["AttributeName"]
        keys[item["KeyType"]].append(Key(name, types[name]))
    status = told.get("TableStatus" if kind is IndexKind.TABLE else "IndexStatus", "ACTIVE")
    return Index(
        name=told.get("IndexName", ""),
        kind=kind,
        hash_keys=tuple(keys["HASH"]),
        range_keys=tuple(keys["RANGE"]),
        included=_included(told, kind, keys, always),
        # A table that is being updated can be read all the same.
        usable=kind is not IndexKind.GLOBAL
        or (status == "ACTIVE" and not told.get("Backfilling", False)),
        size_bytes=told.get("TableSizeBytes", told.get("IndexSizeBytes", 0)),
        items=told.get("ItemCount", 0),
    )


def _included(
    told: Mapping[str, Any],
    kind: IndexKind,
    keys: Mapping[str, list[Key]],
    always: frozenset[str],
) -> frozenset[str] | None:
    projection = told.get("Projection", {})
    if kind is not IndexKind.GLOBAL or projection.get("ProjectionType", "ALL") == "ALL":
        return None
    own = frozenset(key.name for role in keys.values() for key in role)
    return always | own | frozenset(projection.get("NonKeyAttributes", ()))


def _capacity(table: Mapping[str, Any]) -> Capacity:
    units = table.get("ProvisionedThroughput", {}).get("ReadCapacityUnits", 0)
    return Capacity(
        # An on-demand table reports 0 units, with or without a billing mode.
        provisioned=units or None,
        maximum=_positive(table, "OnDemandThroughput", "MaxReadRequestUnits"),
        warm=_positive(table, "WarmThroughput", "ReadUnitsPerSecond"),
    )


def _positive(table: Mapping[str, Any], group: str, member: str) -> int | None:
    value = table.get(group, {}).get(member, 0)
    return value if value > 0 else None
