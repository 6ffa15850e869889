"""How a table has moved away from its frozen schema.

What a fresh sample shows is compared with the types that were frozen, or, where a person
changed one, with the type that had been inferred. A frozen type that holds all that was
seen is no drift, although the sample alone would have given a narrower one: the next sample
may hold other documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.type_text import type_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.inference import InferredColumn, InferredTable

__all__ = ["Change", "Drift", "schema_drift"]


class Change(Enum):
    """What happened to a column or a field."""

    NEW = "new"
    """It was seen, and the frozen schema does not show it."""
    GONE = "gone"
    """The frozen schema shows it, and it was not seen."""
    WIDER = "wider"
    """Its type holds less than what was seen, and one wider would do."""
    OTHER_TYPE = "other type"
    """Its type is of another kind than what was seen."""
    OTHER_SPELLING = "other spelling"
    """Attributes were seen whose names differ by case, and which it does not show."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference.

    Attributes:
        change: Of which sort.
        column: Name of the column or, if it is new, of the attribute.
        text: One sentence for people.
    """

    change: Change
    column: str
    text: str


def schema_drift(frozen: InferredTable, fresh: InferredTable) -> list[Drift]:
    """Return how what a fresh sample shows differs from what is frozen.

    Args:
        frozen: As the file tells it.
        fresh: As just inferred, by the same settings.

    Returns:
        In the order of the frozen columns, new ones after them.
    """
    shown = {name for column in frozen.columns for name in (column.attribute, *column.others)}
    matches = [(column, _match(column, fresh)) for column in frozen.columns]
    found: list[Drift] = []
    for column, match in matches:
        found.extend([_gone(column, fresh)] if match is None else _of_column(column, match, shown))
    matched = {match.attribute for _, match in matches if match is not None}
    found.extend(_new(column) for column in fresh.columns if column.attribute not in matched)
    return found


def _match(column: InferredColumn, fresh: InferredTable) -> InferredColumn | None:
    """Return what was seen of a column, by exact spelling if that was seen."""
    wanted = (column.attribute, *column.others)
    same = [seen for seen in fresh.columns if {seen.attribute, *seen.others} & set(wanted)]
    same.sort(key=lambda seen: seen.attribute != column.attribute)
    if same:
        return same[0]
    folded = column.attribute.lower()
    return next((seen for seen in fresh.columns if seen.attribute.lower() == folded), None)


def _gone(column: InferredColumn, fresh: InferredTable) -> Drift:
    return Drift(
        Change.GONE,
        column.name,
        f"Attribute {column.attribute!r} was not seen in {fresh.documents} documents.",
    )


def _new(column: InferredColumn) -> Drift:
    share = "" if column.share is None else f", in {column.share:.0%} of the documents"
    text = f"Attribute {column.attribute!r} is new: {type_text(column.type)}{share}."
    return Drift(Change.NEW, column.attribute, text)


def _of_column(column: InferredColumn, seen: InferredColumn, shown: set[str]) -> Iterator[Drift]:
    spellings = [name for name in (seen.attribute, *seen.others) if name not in shown]
    if spellings:
        names = ", ".join(map(repr, spellings))
        yield Drift(
            Change.OTHER_SPELLING,
            column.name,
            f"Attribute {column.attribute!r} is also spelt {names}.",
        )
    for change, path, text in _of_types(column.seen or column.type, seen.type, path=""):
        if change is Change.OTHER_TYPE and column.note and _holds_all(column.type):
            continue
        where = f"Column {column.name!r}" + (f", {path.removeprefix('.')}" if path else "")
        yield Drift(change, column.name, f"{where}: {text}.")


def _holds_all(type_: pa.DataType) -> bool:
    """Return whether a type is text, which a mixture becomes and which shows all kinds."""
    return pa.types.is_string(type_)


def _of_types(
    frozen: pa.DataType, seen: pa.DataType, *, path: str
) -> Iterator[tuple[Change, str, str]]:
    """Yield the changes from one type to another, with the place in it and a text."""
    match frozen, seen:
        case pa.ListType(), pa.ListType():
            yield from _of_types(frozen.value_type, seen.value_type, path=f"{path}[]")
        case pa.MapType(), pa.MapType():
            yield from _of_types(frozen.item_type, seen.item_type, path=f"{path}.*")
        case pa.StructType(), pa.StructType():
            yield from _of_fields(frozen, seen, path=path)
        case _ if _holds(frozen, seen):
            pass
        case _:
            change = Change.WIDER if _holds(seen, frozen) else Change.OTHER_TYPE
            yield change, path, f"{type_text(frozen)} is frozen, {type_text(seen)} was seen"


def _of_fields(
    frozen: pa.StructType, seen: pa.StructType, *, path: str
) -> Iterator[tuple[Change, str, str]]:
    old = {field.name: field.type for field in frozen.fields}
    new = {field.name: field.type for field in seen.fields}
    for name, type_ in old.items():
        below = f"{path}.{name}"
        if name in new:
            yield from _of_types(type_, new[name], path=below)
        else:
            yield Change.GONE, below, "was not seen"
    for name, type_ in new.items():
        if name not in old:
            yield Change.NEW, f"{path}.{name}", f"is new: {type_text(type_)}"


_INTEGERS: tuple[pa.DataType, ...] = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_BIGINT_DIGITS = 19
_EXACT_IN_DOUBLE = (*_INTEGERS[:3], pa.float32())


def _holds(wide: pa.DataType, narrow: pa.DataType) -> bool:
    """Return whether each value of a scalar type is one of another too."""
    if wide == narrow:
        return True
    if wide in _INTEGERS and narrow in _INTEGERS:
        return _INTEGERS.index(wide) > _INTEGERS.index(narrow)
    if pa.types.is_float64(wide):
        return narrow in _EXACT_IN_DOUBLE
    return isinstance(wide, pa.Decimal128Type) and _decimal_holds(wide, narrow)


def _decimal_holds(wide: pa.Decimal128Type, narrow: pa.DataType) -> bool:
    if narrow in _INTEGERS:
        digits, scale = _BIGINT_DIGITS, 0
    elif isinstance(narrow, pa.Decimal128Type):
        digits, scale = narrow.precision - narrow.scale, narrow.scale
    else:
        return False
    return bool(wide.scale >= scale and wide.precision - wide.scale >= digits)
