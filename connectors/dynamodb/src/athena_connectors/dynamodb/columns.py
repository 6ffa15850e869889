"""Which columns a table has, by what was declared, frozen or seen of its attributes.

Whatever says what the columns are: keys of the table and of its indexes are always among
them, since DynamoDB itself tells of them, and it knows their spelling and type.

Two items must not seem to have the same key, nor a key be asked for that is not stored: so
numbers of the table's primary key and of the hash keys of its indexes are never rounded, and
no key becomes a float unless someone declares it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.errors import ConfigurationError, UnsupportedTypeError
from athena_connectors.common.inference import InferencePolicy, InferredColumn, infer_schema
from athena_connectors.dynamodb.conversion import column_type
from athena_connectors.dynamodb.relation import Column, TimeFormat
from athena_connectors.dynamodb.times import check_format
from athena_connectors.dynamodb.types import KEY_KINDS, empty_sample, holds_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.common.observed import Kind, Sample
    from athena_connectors.dynamodb.glue_schema import DeclaredColumn
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import Index, SourceTable

__all__ = ["adopted", "declared", "frozen", "held_by", "inferred", "needs_sample", "seen"]

_LOGGER = logging.getLogger(__name__)


def seen(sample: Sample, table: SourceTable, settings: Settings) -> tuple[InferredColumn, ...]:
    """Return the columns that a sample of a table's items shows.

    Returns:
        The table's hash key and range key, then all others by name.
    """
    policy = InferencePolicy(
        numbers=settings.number_inference,
        mixed=settings.mixed_types,
        min_share=settings.min_attribute_share,
    )
    kinds = _kinds(table)
    columns = infer_schema(sample, policy, keys=kinds)
    if any(pa.types.is_floating(column.type) for column in columns[: len(kinds)]):
        exact = infer_schema(sample, replace(policy, numbers="decimal"), keys=kinds)
        columns = (*exact[: len(kinds)], *columns[len(kinds) :])
    own = len(table.base.keys)
    return (
        # Every item has its keys, so an attribute of nearly the same name is never looked at.
        *(replace(column, others=()) for column in columns[:own]),
        *sorted(columns[own:], key=lambda column: column.name),
    )


def _kinds(table: SourceTable) -> dict[str, Kind]:
    return {name: KEY_KINDS[type_] for name, type_ in table.key_types.items()}


def inferred(sample: Sample, table: SourceTable, settings: Settings) -> tuple[Column, ...]:
    """Return the columns of a table of which nothing is known but a sample."""
    return frozen(seen(sample, table, settings), table, settings)


def frozen(
    columns: Iterable[InferredColumn], table: SourceTable, settings: Settings
) -> tuple[Column, ...]:
    """Return the columns of a table that inference has found, now or some time ago."""
    found = [
        Column(
            name=column.name,
            type=column.type,
            attribute=column.attribute,
            others=column.others,
            is_json=column.is_json,
            time=TimeFormat() if holds_times(column.type) else None,
        )
        for column in columns
    ]
    return _completed(found, table, settings)


def needs_sample(columns: Iterable[DeclaredColumn], table: SourceTable, settings: Settings) -> bool:
    """Return whether a sample would tell more of how declared columns are spelt."""
    keys = {key.lower() for key in table.key_types}
    return not _takes_any_case(settings) and any(
        not column.is_mapped and column.name.lower() not in keys for column in columns
    )


def declared(
    columns: Sequence[DeclaredColumn], sample: Sample, table: SourceTable, settings: Settings
) -> tuple[Column, ...]:
    """Return the columns of a table that Glue declares, with the spelling of their attributes.

    Glue folds names to lower case. Unless it maps a column, its attribute is that of the
    same letters among the keys, or else among the attributes of the sample; if neither has
    it, it is looked for in any case.
    """
    spellings = _spellings(sample, table)
    found = []
    for column in columns:
        names = [column.name] if column.is_mapped else spellings.get(column.name.lower(), [])
        attribute = names[0] if names else column.name
        found.append(
            Column(
                name=attribute,
                type=column.type,
                attribute=attribute,
                others=tuple(names[1:]),
                time=column.time,
                is_spelled=bool(names),
            )
        )
    return _completed(found, table, settings)


def _spellings(sample: Sample, table: SourceTable) -> dict[str, list[str]]:
    """Return the attributes of each lower case name, keys first, then the most frequent."""
    keys = table.key_types
    counts = {name: tally.total for name, tally in sample.attributes.items()}
    found: dict[str, list[str]] = {}
    for name in sorted(
        keys.keys() | counts.keys(),
        key=lambda name: (name not in keys, -counts.get(name, 0), name),
    ):
        found.setdefault(name.lower(), []).append(name)
    for key in table.base.keys:
        found[key.name.lower()] = [key.name]
    return found


def adopted(
    columns: Iterable[Column], fields: Iterable[pa.Field[pa.DataType]], table: SourceTable
) -> tuple[Column, ...]:
    """Return columns with those among them, and in the types, that a request says there are.

    One that is not there is that of an attribute of its name, which is looked for in any
    case: in another sample it was seen.
    """
    wanted = {field.name: field.type for field in fields}
    every = list(columns)
    names = {column.name for column in every}
    every += [
        Column(name, type_, attribute=name, is_spelled=False)
        for name, type_ in wanted.items()
        if name not in names
    ]
    return tuple(
        _readable(_of_type(column, wanted[column.name]), table) if column.name in wanted else column
        for column in every
    )


def _of_type(column: Column, type_: pa.DataType) -> Column:
    return replace(
        column,
        type=type_,
        time=(column.time or TimeFormat()) if holds_times(type_) else None,
        is_json=column.is_json and pa.types.is_string(type_),
    )


def held_by(columns: Iterable[Column], index: Index) -> tuple[Column, ...]:
    """Return the columns of which an index holds the attributes."""
    included = index.included
    if included is None:
        return tuple(columns)
    folded = {name.lower() for name in included}
    found = []
    for column in columns:
        names = [name for name in (column.attribute, *column.others) if name in included]
        if names:
            key_type = column.key_type if names[0] == column.attribute else None
            found.append(
                replace(column, attribute=names[0], others=tuple(names[1:]), key_type=key_type)
            )
        elif not column.is_spelled and column.attribute.lower() in folded:
            found.append(column)
    return tuple(found)


def _completed(
    columns: Iterable[Column], table: SourceTable, settings: Settings
) -> tuple[Column, ...]:
    """Return columns with the keys among them, and with what settings add."""
    keys = table.key_types
    exact = _exact_keys(table)
    any_case = _takes_any_case(settings)
    found: dict[str, Column] = {}
    for column in columns:
        if column.name in found:
            _LOGGER.warning("Table %s: a second column %r is left out.", table.name, column.name)
            continue
        found[column.name] = replace(
            _readable(column, table),
            key_type=keys.get(column.attribute),
            is_rounded=column.attribute not in exact,
            is_spelled=column.is_spelled and not (any_case and column.attribute not in keys),
        )
        if column.others:
            _LOGGER.info(
                "Table %s: column %r also shows %s.",
                table.name,
                column.name,
                ", ".join(map(repr, column.others)),
            )
    every = [*found.values(), *_missing_keys(tuple(found.values()), table, settings)]
    return (*every, *_extra(every, table, settings))


def _readable(column: Column, table: SourceTable) -> Column:
    """Return a column, as text if values of its type or times of its format can't be read."""
    try:
        column_type(column)
        if column.time is not None:
            check_format(column.time)
    except (UnsupportedTypeError, ConfigurationError) as error:
        _LOGGER.warning("Table %s: column %r is shown as text. %s", table.name, column.name, error)
        return replace(column, type=pa.string(), time=None)
    return column


def _exact_keys(table: SourceTable) -> set[str]:
    """Return the keys that items are asked for by value, and so must not be rounded."""
    return {key.name for key in table.base.keys} | {
        key.name for index in table.indexes for key in index.hash_keys
    }


def _takes_any_case(settings: Settings) -> bool:
    return settings.disable_projection_and_casing.lower() == "always"


def _missing_keys(
    columns: Sequence[Column], table: SourceTable, settings: Settings
) -> Iterable[Column]:
    shown = {column.attribute for column in columns}
    names = {column.name for column in columns}
    exact = _exact_keys(table)
    for column in seen(empty_sample(settings), table, settings):
        if column.attribute not in shown and column.name not in names:
            yield Column(
                column.name,
                column.type,
                column.attribute,
                key_type=table.key_types[column.attribute],
                is_rounded=column.attribute not in exact,
            )


def _extra(columns: Sequence[Column], table: SourceTable, settings: Settings) -> tuple[Column, ...]:
    name = settings.extra_json_column
    if not name:
        return ()
    if name.lower() in {column.name.lower() for column in columns}:
        _LOGGER.warning(
            "Table %s has an attribute %r, so it has no column of that name for the rest;"
            " choose another name for extra_json_column.",
            table.name,
            name,
        )
        return ()
    return (Column(name, pa.string(), attribute="", is_json=True),)
