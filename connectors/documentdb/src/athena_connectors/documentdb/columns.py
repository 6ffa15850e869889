"""Which columns a collection has, by what was declared, frozen or seen of its fields."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.document_types import read_type
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.inference import (
    InferencePolicy,
    InferredColumn,
    infer_schema,
    spellings,
)
from athena_connectors.documentdb.relation import Column
from athena_connectors.documentdb.types import empty_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from athena_connectors.common.glue_columns import GlueField
    from athena_connectors.common.observed import Sample
    from athena_connectors.documentdb.settings import Settings

__all__ = ["ID", "declared", "frozen", "inferred", "needs_sample", "seen"]

_LOGGER = logging.getLogger(__name__)

ID = "_id"
"""The field that every document of a collection has; those of a view may lack it."""


def seen(sample: Sample, settings: Settings) -> tuple[InferredColumn, ...]:
    """Return the columns that a sample of documents shows.

    Returns:
        ``_id``, then all others by name; ``_id`` alone, as text, if nothing was seen. A field
        that differs from it by case is a column of its own.
    """
    policy = InferencePolicy(mixed=settings.mixed_types, min_share=settings.min_field_share)
    of_id = infer_schema(_part(sample, settings, lambda name: name == ID), policy)
    # A field may have the empty name, but no column: the extra column has it.
    others = infer_schema(_part(sample, settings, lambda name: name not in {ID, ""}), policy)
    if of_id or others:
        return (*of_id, *others)
    return (InferredColumn(ID, pa.string(), ID, share=0.0, note="no document was seen"),)


def _part(sample: Sample, settings: Settings, is_wanted: Callable[[str], bool]) -> Sample:
    part = empty_sample(settings)
    part.documents = sample.documents
    part.attributes = {name: tally for name, tally in sample.attributes.items() if is_wanted(name)}
    return part


def inferred(sample: Sample, settings: Settings, *, table: str) -> tuple[Column, ...]:
    """Return the columns of a collection of which nothing is known but a sample."""
    return frozen(seen(sample, settings), settings, table=table)


def frozen(
    columns: Iterable[InferredColumn], settings: Settings, *, table: str
) -> tuple[Column, ...]:
    """Return the columns of a collection that inference has found, now or some time ago."""
    found = [
        Column(
            name=column.name,
            type=column.type,
            field=column.attribute,
            others=column.others,
            is_json=column.is_json,
        )
        for column in columns
    ]
    return _completed(found, settings, table=table)


def needs_sample(fields: Iterable[GlueField], settings: Settings) -> bool:
    """Return whether a sample would tell more of how declared columns are spelt."""
    return not settings.disable_projection_and_casing and any(
        not field.is_mapped and field.column != ID for field in fields
    )


def declared(
    fields: Iterable[GlueField], sample: Sample, settings: Settings, *, table: str
) -> tuple[Column, ...]:
    """Return the columns of a collection that Glue declares, with the spelling of the fields.

    Glue folds names to lower case. Unless it maps a column, its field is that of the same
    letters in the sample; if that has none, it is looked for in any case.
    """
    known = {**spellings(sample.attributes), ID: [ID]}
    found = []
    for field in fields:
        names = [field.name] if field.is_mapped else known.get(field.column, [])
        name = names[0] if names else field.name
        found.append(Column(name, field.type, name, tuple(names[1:]), is_spelled=bool(names)))
    return _completed(found, settings, table=table)


def _completed(columns: Iterable[Column], settings: Settings, *, table: str) -> tuple[Column, ...]:
    """Return columns that can be read, each name once, with what settings add."""
    found: dict[str, Column] = {}
    for column in columns:
        if column.name in found:
            _LOGGER.warning("Table %s: a second column %r is left out.", table, column.name)
            continue
        in_any_case = settings.disable_projection_and_casing and column.field != ID
        found[column.name] = replace(
            _readable(column, table), is_spelled=column.is_spelled and not in_any_case
        )
        if column.others:
            _LOGGER.info(
                "Table %s: column %r also shows %s.",
                table,
                column.name,
                ", ".join(map(repr, column.others)),
            )
    return (*found.values(), *_extra(tuple(found), settings, table))


def _readable(column: Column, table: str) -> Column:
    try:
        read_type(column.name, column.type)
    except UnsupportedTypeError as error:
        _LOGGER.warning("Table %s: column %r is shown as text. %s", table, column.name, error)
        return replace(column, type=pa.string())
    return column


def _extra(names: Sequence[str], settings: Settings, table: str) -> tuple[Column, ...]:
    name = settings.extra_json_column
    if not name:
        return ()
    if name.lower() in {known.lower() for known in names}:
        _LOGGER.warning(
            "Table %s has a field %r, so it has no column of that name for the rest; choose"
            " another name for extra_json_column.",
            table,
            name,
        )
        return ()
    return (Column(name, pa.string(), field="", is_json=True),)
