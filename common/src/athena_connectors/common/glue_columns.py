"""Columns that Glue declares for a source of documents.

| Parameter of the table | Means |
|---|---|
| ``columnMapping``: ``id=Id,city=City`` | names of fields, by column |

Glue folds the names of columns to lower case. A column that is not mapped may so be for a
field in another spelling.

Source: Java reference, ``GlueMetadataHandler``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.document_types import document_type, has_other_keys
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.naming import exposed_names
from athena_connectors.common.type_text import parse_type
from athena_connectors.common.types import engine_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from athena_connectors.common.glue_tables import GlueColumn, GlueTable

__all__ = ["GlueField", "commented_schema", "declared_fields", "mapping"]

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GlueField:
    """A column that a table's owner declared, and the field that it is for.

    Attributes:
        column: Its name in Glue, in lower case.
        name: Name of the field; the column's, if no other is known.
        type: Its Arrow type.
        is_mapped: Whether the name is the field's in its real spelling.
        comment: What is said of it.
    """

    column: str
    name: str
    type: pa.DataType
    is_mapped: bool
    comment: str


def declared_fields(table: GlueTable) -> tuple[GlueField, ...]:
    """Return the columns of a Glue table, those that it is partitioned by last.

    A type that can't be read becomes text; of columns for the same field the first counts.
    Warnings name the column.
    """
    names = mapping(table, "columnMapping")
    declared: dict[str, GlueField] = {}
    for column in table.columns:
        mapped = names.get(column.name.lower(), "")
        name = mapped or column.name
        if name in declared:
            _LOGGER.warning("%s: a second column for field %r is left out.", table, name)
            continue
        declared[name] = GlueField(
            column=column.name.lower(),
            name=name,
            type=_type(column, table),
            is_mapped=bool(mapped),
            comment=column.comment,
        )
    return tuple(declared.values())


def mapping(table: GlueTable, parameter: str) -> dict[str, str]:
    """Read a parameter such as ``id=Id, city=City``; keys fold to lower case as columns do.

    What has no ``=`` belongs to the value before it, so that a value may hold commas.
    """
    pairs: dict[str, str] = {}
    key = ""
    for part in table.parameters.get(parameter, "").split(","):
        name, sign, value = part.partition("=")
        if sign:
            key = name.strip().lower()
            pairs[key] = value
        elif key and part.strip():
            pairs[key] += f",{part}"
    known = {column.name.lower() for column in table.columns}
    for name in pairs.keys() - known:
        _LOGGER.warning("%s: parameter %s names %r, which is no column.", table, parameter, name)
    return {name: value.strip() for name, value in pairs.items() if value.strip()}


def commented_schema(
    columns: Sequence[tuple[str, pa.DataType]], comments: Iterable[tuple[str, str]]
) -> pa.Schema:
    """Return a schema in whose metadata Athena finds what is said of columns.

    Args:
        columns: Name and type of each column.
        comments: Names of columns, in any case, and what is said of them; may be empty.
    """
    told = {name.lower(): comment for name, comment in comments if comment}
    metadata: Mapping[bytes | str, bytes | str] = {
        name: told[name] for name in exposed_names([name for name, _ in columns]) if name in told
    }
    return pa.schema(columns, metadata=dict(metadata))


def _type(column: GlueColumn, table: GlueTable) -> pa.DataType:
    parsed = parse_type(column.type)
    found = None if parsed is None else document_type(parsed)
    try:
        if parsed is not None and found is not None:
            engine_type(found)
            if has_other_keys(parsed):
                _LOGGER.warning(
                    "%s: column %r has type %r, but the names in documents are texts; they are"
                    " shown as such.",
                    table,
                    column.name,
                    column.type,
                )
            return found
    except UnsupportedTypeError:
        pass
    _LOGGER.warning(
        "%s: column %r has type %r, which can't be read; it is shown as text, what is not text"
        " as JSON.",
        table,
        column.name,
        column.type,
    )
    return pa.string()
