"""Columns for a source without a schema, from a sample of its documents.

What a place becomes, by the kinds of values seen there:

| Seen | Type |
|---|---|
| one kind, with or without NULL | that kind's type |
| only NULL | varchar |
| lists, sets | array of what all elements together become; of varchar without any element |
| structures | row of all fields seen, each by itself; varchar (JSON) without any field, or \
if one has no name |
| structures that are like maps, or have too many fields | map of varchar to what all values \
together become |
| kinds of different rows of this table | varchar: texts as they are, all else as JSON |
| anything the source has no plain form for | varchar |

Structures are *like maps* if at least 20 different fields were seen, each on average in at
most a quarter of the structures that have a field, and all values together are of one row
of this table.

What numbers become is told in ``number_types``. Names that differ in case alone are one column,
or one field, under the spelling seen most often.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from athena_connectors.common.number_types import NumberPolicy, number_type
from athena_connectors.common.observed import LISTS, NUMBERS, Kind, Numbers, Sample, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["InferencePolicy", "InferredColumn", "InferredTable", "infer_schema", "spellings"]

MAP_MIN_FIELDS = 20
MAP_MAX_SHARE = 0.25

MixedPolicy = Literal["text", "json"]

_TYPES: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.BINARY: pa.binary(),
    Kind.TIMESTAMP: pa.timestamp("ms"),
    Kind.OTHER: pa.string(),
}


@dataclass(frozen=True, slots=True)
class InferencePolicy:
    """What is left to the user.

    Attributes:
        numbers: What exact numbers of any size become.
        mixed: Whether a column of mixed kinds shows texts as they are or, as all else, as
            JSON; texts within lists and structures are always shown as they are.
        min_share: Share of the documents that must have an attribute for it to be a column.
    """

    numbers: NumberPolicy = "decimal"
    mixed: MixedPolicy = "text"
    min_share: float = 0.0


@dataclass(frozen=True, slots=True)
class InferredColumn:
    """One column.

    Attributes:
        name: Its name.
        type: Its Arrow type.
        attribute: Exact name of the attribute it shows.
        others: Attributes whose names differ from that by case only, the most frequent first.
        is_json: Whether every value is shown as JSON, texts in quotes; the type is text.
        share: Share of the documents that have the attribute, 0 to 1; ``None`` if unknown.
        note: Why it is text or a map, if what was seen is not plainly that; for people.
        seen: The type that was inferred, where a person has chosen another.
    """

    name: str
    type: pa.DataType
    attribute: str
    others: tuple[str, ...] = ()
    is_json: bool = False
    share: float | None = None
    note: str = ""
    seen: pa.DataType | None = None


@dataclass(frozen=True, slots=True)
class InferredTable:
    """The columns of a table, and how they were found.

    Attributes:
        columns: The columns, in order.
        documents: Number of documents looked at.
        method: How they were chosen, in words.
        at: When, in UTC, as ISO 8601 writes it; empty for now.
    """

    columns: tuple[InferredColumn, ...]
    documents: int = 0
    method: str = ""
    at: str = ""


def infer_schema(
    sample: Sample, policy: InferencePolicy, *, keys: Mapping[str, Kind] | None = None
) -> tuple[InferredColumn, ...]:
    """Return the columns for what a sample holds.

    Args:
        sample: What was seen.
        policy: What the user wants.
        keys: Attributes that are known to exist and to hold one kind only, such as keys.
            They are columns, the first ones and in this order, seen or not.

    Returns:
        The keys, then all others by name. It depends on nothing but what was counted.
    """
    names = keys or {}
    others = {
        fold: [name for name in group if name not in names]
        for fold, group in spellings(sample.attributes).items()
    }
    # Of keys that differ by case, the first has all other spellings.
    of_keys = [
        _key(name, kind, others.pop(name.lower(), []), sample, policy)
        for name, kind in names.items()
    ]
    columns = [column for group in others.values() for column in _column(group, sample, policy)]
    return (*of_keys, *sorted(columns, key=_name_of))


def _name_of(column: InferredColumn) -> str:
    return column.name


def spellings(places: Mapping[str, Tally]) -> dict[str, list[str]]:
    """Return the spellings of each name by its lower case form, the most frequent first.

    Args:
        places: What was seen of each, by exact name.
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(places, key=lambda name: (-places[name].total, name)):
        groups.setdefault(name.lower(), []).append(name)
    return groups


def _key(
    name: str, kind: Kind, others: list[str], sample: Sample, policy: InferencePolicy
) -> InferredColumn:
    seen = sample.attributes.get(name, Tally())
    type_, reason = _scalar(frozenset({kind}), seen.numbers, policy)
    return InferredColumn(
        name=name,
        type=type_,
        attribute=name,
        others=tuple(others),
        share=_share(seen.total, sample),
        note=reason,
    )


def _column(group: list[str], sample: Sample, policy: InferencePolicy) -> Iterator[InferredColumn]:
    tally = _merged((sample.attributes[name] for name in group), sample.max_struct_fields)
    share = _share(tally.total, sample)
    if share < policy.min_share:
        return
    resolver = _Resolver(policy, sample.max_struct_fields)
    type_ = resolver.type_of(tally, path="")
    yield InferredColumn(
        name=group[0],
        type=type_,
        attribute=group[0],
        others=tuple(group[1:]),
        is_json=policy.mixed == "json" and _is_mixed(tally),
        share=share,
        note="; ".join(resolver.notes),
    )


def _share(count: int, sample: Sample) -> float:
    """Return a share; a document with several spellings of a name counts for each."""
    return min(count / sample.documents, 1.0) if sample.documents else 0.0


def _merged(tallies: Iterator[Tally], max_fields: int) -> Tally:
    merged = Tally()
    for tally in tallies:
        merged.merge(tally, max_fields=max_fields)
    return merged


def _is_mixed(tally: Tally) -> bool:
    kinds = tally.kinds
    return len(kinds) > 1 and not kinds <= NUMBERS and not kinds <= LISTS


@dataclass(slots=True)
class _Resolver:
    """Gives places their types and keeps the reasons of those that are not plain."""

    policy: InferencePolicy
    max_fields: int
    notes: list[str] = field(default_factory=list)

    def type_of(self, tally: Tally, *, path: str) -> pa.DataType:
        kinds = tally.kinds
        if not kinds:
            return self._text(path, "only NULL was seen")
        if _is_mixed(tally):
            return self._text(path, _mixture(tally))
        if kinds <= LISTS:
            return pa.list_(self._element(tally, path))
        if kinds == {Kind.STRUCT}:
            return self._structure(tally, path)
        type_, reason = _scalar(kinds, tally.numbers, self.policy)
        if reason:
            self._note(path, reason)
        return type_

    def _element(self, tally: Tally, path: str) -> pa.DataType:
        if tally.element is None:
            return self._text(path, "only empty lists were seen")
        return self.type_of(tally.element, path=f"{path}[]")

    def _structure(self, tally: Tally, path: str) -> pa.DataType:
        if tally.values is not None:
            self._note(path, f"a map, as it has more than {self.max_fields} fields")
            return self._map(tally.values, path)
        if not tally.fields:
            return self._text(path, "only empty structures were seen")
        values = self._map_values(tally)
        if values is not None:
            self._note(path, f"a map, as {len(tally.fields)} fields were seen, few in each")
            return self._map(values, path)
        if "" in tally.fields:
            return self._text(path, "a field has no name")
        return pa.struct(
            [
                (group[0], self._field(group, tally, path))
                for group in sorted(spellings(tally.fields).values())
            ]
        )

    def _field(self, group: list[str], tally: Tally, path: str) -> pa.DataType:
        merged = _merged((tally.fields[name] for name in group), self.max_fields)
        below = f"{path}.{group[0]}"
        if len(group) > 1:
            self._note(below, f"also spelt {', '.join(group[1:])}")
        return self.type_of(merged, path=below)

    def _map_values(self, tally: Tally) -> Tally | None:
        """Return all values as one if the structures are like maps."""
        fields = tally.fields
        present = sum(place.total for place in fields.values())
        if len(fields) < MAP_MIN_FIELDS or present > MAP_MAX_SHARE * len(fields) * tally.filled:
            return None
        merged = _merged(iter(fields.values()), self.max_fields)
        return None if _is_mixed(merged) else merged

    def _map(self, values: Tally, path: str) -> pa.DataType:
        return pa.map_(pa.string(), self.type_of(values, path=f"{path}.*"))

    def _text(self, path: str, reason: str) -> pa.DataType:
        self._note(path, reason)
        return pa.string()

    def _note(self, path: str, text: str) -> None:
        self.notes.append(f"{path.removeprefix('.')}: {text}" if path else text)


def _mixture(tally: Tally) -> str:
    """Say what a mixture consists of, the most frequent kind first."""
    kinds = sorted(tally.kinds, key=lambda kind: (-tally.counts[kind], kind.value))
    return "mixed: " + ", ".join(f"{kind.value} in {tally.counts[kind]}" for kind in kinds)


def _scalar(
    kinds: frozenset[Kind], numbers: Numbers | None, policy: InferencePolicy
) -> tuple[pa.DataType, str]:
    """Return the type of values that are no lists or structures, and a reason for text."""
    if kinds <= NUMBERS:
        return number_type(kinds, numbers or Numbers(), policy.numbers)
    (kind,) = kinds
    return _TYPES[kind], ""
