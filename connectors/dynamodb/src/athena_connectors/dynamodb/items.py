"""Items as dictionaries: the way of reading that knows every value.

Dictionaries are as JSON has them, with binary values as base64, or as botocore makes them,
with bytes. Values are gathered column by column, nested ones too, and never a row as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.other_names import OtherNames
from athena_connectors.common.texts import text_array
from athena_connectors.dynamodb.access import AttributeValue
from athena_connectors.dynamodb.attribute_json import json_text, map_text, sorted_set
from athena_connectors.dynamodb.conversion import convert
from athena_connectors.dynamodb.values import MEMBER_TAGS, Elements, Entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from athena_connectors.dynamodb.outcome import Outcome
    from athena_connectors.dynamodb.relation import Column

__all__ = [
    "Findings",
    "Item",
    "ItemValues",
    "Items",
    "OtherAttributes",
    "read_column",
    "set_elements",
]

Item = Mapping[str, AttributeValue]

_NULL = {"NULL": True}


class Items:
    """The items of a page.

    Args:
        rows: The items.
    """

    def __init__(self, rows: Sequence[Item]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def names(self) -> set[str]:
        """Names of all attributes that some item has."""
        return _names_in(self.rows)


@dataclass(slots=True)
class Findings:
    """What a column turned out to hold.

    Attributes:
        tags: Tags of its values, nested ones among them.
        needs_items: Whether something was in it that only dictionaries can tell.
    """

    tags: set[str] = field(default_factory=set)
    needs_items: bool = False


class ItemValues:
    """Values of one column as dictionaries; see ``values.Values``.

    Args:
        count: Number of rows.
        columns: By tag the contents of each row's value, ``None`` for another tag.
        findings: Is told what was found.
    """

    def __init__(
        self, count: int, columns: Mapping[str, Sequence[Any]], findings: Findings
    ) -> None:
        self.count = count
        self._columns = columns
        self._findings = findings
        findings.tags.update(columns)

    @classmethod
    def of(cls, values: Sequence[AttributeValue | None], findings: Findings) -> Self:
        """Take a value for each row, ``None`` if it has none."""
        return cls(len(values), _by_tag(values), findings)

    @cached_property
    def _maps(self) -> Sequence[Mapping[str, Any]]:
        return [{} if value is None else value for value in self._columns["M"]]

    @cached_property
    def _names(self) -> set[str]:
        return _names_in(self._maps)

    def tags(self) -> Mapping[str, int]:
        """Return how many rows have each tag."""
        return {tag: self.count - column.count(None) for tag, column in self._columns.items()}

    def scalar(self, tag: str) -> pa.Array[Any]:
        """Return texts or booleans; binary values are as the dictionaries have them."""
        column = self._columns[tag]
        if tag == "BOOL":
            return pa.array(column, pa.bool_())
        if tag == "B" and any(isinstance(value, bytes) for value in column):
            return pa.array(column, pa.binary())
        return text_array(column)

    def elements(self, tag: str) -> Elements:
        """Return all elements of lists or sets."""
        column = self._columns[tag]
        if tag != "L":
            return set_elements(tag, column, self._findings)
        lists = [() if value is None else value for value in column]
        values = ItemValues.of(list(chain.from_iterable(lists)), self._findings)
        return Elements(_offsets(lists), values)

    def child(self, name: str) -> ItemValues:
        """Return what the maps hold under a name."""
        maps = self._maps
        others = _other_spellings(name, self._names)
        if not others:
            return ItemValues.of(_values_of(maps, name), self._findings)
        self._findings.needs_items = True
        return ItemValues.of([_lookup(value, name, others) for value in maps], self._findings)

    def entries(self) -> Entries:
        """Return all that the maps hold."""
        self._findings.needs_items = True
        maps = self._maps
        keys = [sorted(value) for value in maps]
        values = [value[key] for value, names in zip(maps, keys, strict=True) for key in names]
        return Entries(
            _offsets(keys),
            text_array(list(chain.from_iterable(keys))),
            ItemValues.of(values, self._findings),
        )

    def mask(self, tag: str) -> pa.Array[Any]:
        """Return which rows have another tag or no value."""
        return pa.array([value is None for value in self._columns[tag]], pa.bool_())

    def json(self, tag: str) -> pa.Array[Any]:
        """Return JSON texts."""
        if tag not in MEMBER_TAGS:
            self._findings.needs_items = True
        column = self._columns[tag]
        return text_array([None if value is None else json_text({tag: value}) for value in column])


def _names_in(maps: Iterable[Mapping[str, Any]]) -> set[str]:
    return set().union(*maps)


def _by_tag(values: Sequence[Any]) -> dict[str, list[Any]]:
    first = next(filter(None, values), None)
    if first is None:
        return {}
    (likely,) = first
    try:  # most columns have one tag, and a value in each row
        return {likely: list(map(itemgetter(likely), values))}
    except (KeyError, TypeError):
        pass
    try:
        return {likely: [None if value is None else value[likely] for value in values]}
    except KeyError:
        pass
    columns: dict[str, list[Any]] = {}
    for row, value in enumerate(values):
        for tag, content in (value or {}).items():
            column = columns.get(tag)
            if column is None:
                column = columns[tag] = [None] * len(values)
            column[row] = content
    return columns


def _values_of(maps: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), maps))
    except KeyError:
        return [value.get(name) for value in maps]


def _other_spellings(name: str, names: Iterable[str]) -> list[str]:
    folded = name.lower()
    return sorted(other for other in names if other != name and other.lower() == folded)


def _lookup(value: Mapping[str, Any], name: str, others: Sequence[str]) -> Any:
    if name in value:
        return value[name]
    found = [other for other in others if other in value]
    return value[found[0]] if len(found) == 1 else None


def _offsets(lists: Sequence[Sequence[Any]]) -> pa.Array[Any]:
    return pa.array([0, *accumulate(map(len, lists))], pa.int32())


def set_elements(tag: str, column: Sequence[Sequence[Any] | None], findings: Findings) -> Elements:
    """Return the members of sets, sorted within each.

    Args:
        tag: ``SS``, ``NS`` or ``BS``.
        column: A set for each row, ``None`` if it has none.
        findings: Is told the tag of the members.
    """
    lists = [() if members is None else sorted_set(tag, members) for members in column]
    members = list(chain.from_iterable(lists))
    columns = {MEMBER_TAGS[tag]: members} if members else {}
    return Elements(_offsets(lists), ItemValues(len(members), columns, findings))


def _attribute_values(items: Items, column: Column) -> list[AttributeValue | None]:
    others: Sequence[str] = column.others
    if not column.is_spelled:
        others = _other_spellings(column.attribute, items.names)
    if not others:
        return _values_of(items.rows, column.attribute)
    names = (column.attribute, *others)
    return [next((item[name] for name in names if name in item), None) for item in items.rows]


def read_column(
    items: Items,
    column: Column,
    type_: pa.DataType,
    *,
    outcome: Outcome,
    findings: Findings,
) -> pa.Array[Any]:
    """Read a column that shows an attribute.

    One that is not spelled shows the attribute of its exact name, else the first of those
    whose names are equal ignoring case, in the order of their code points.

    Args:
        items: The items.
        column: The column.
        type_: Its type, as ``conversion.column_type`` gives it.
        outcome: Takes what does not fit.
        findings: Is told what was found.

    Raises:
        DataConversionError: As ``outcome`` has it.
    """
    values = _attribute_values(items, column)
    if column.is_json:
        findings.needs_items = True
        return text_array(
            [None if value is None or value == _NULL else json_text(value) for value in values]
        )
    return convert(ItemValues.of(values, findings), type_, outcome)


class OtherAttributes:
    """The column that holds as JSON whatever no other column shows.

    Args:
        columns: All columns of the table.
    """

    def __init__(self, columns: Iterable[Column]) -> None:
        self._others = OtherNames(
            (column.attribute, column.others, column.is_spelled) for column in columns
        )

    def read(self, items: Items) -> pa.Array[Any]:
        """Return a JSON object of each item's other attributes; NULL if it has none."""
        other = self._others.among(items.names)
        rests = ({name: item[name] for name in item if name in other} for item in items.rows)
        return text_array([map_text(rest) if rest else None for rest in rests])
