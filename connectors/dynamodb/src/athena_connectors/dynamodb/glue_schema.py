"""What a Glue table says of a DynamoDB table: which one it is, and its columns.

Flags and parameters are those of the Java connector:

| In Glue | Means |
|---|---|
| database with ``dynamo-db-flag`` in its location URI | its tables are listed |
| table with ``dynamodb`` in its location, or as its or its storage's ``classification``, or \
with a ``sourceTable`` | a DynamoDB table |
| ``sourceTable`` | name or ARN of the DynamoDB table |
| location that is a table's ARN | the same, if there is no ``sourceTable`` |
| ``columnMapping``: ``id=Id,city=City`` | names of attributes, by column |
| ``datetimeFormatMapping``: ``day=dd/MM/yyyy,at=epoch_seconds`` | how times are written, by \
column; a format may hold commas |
| ``defaultTimeZone`` | zone of times that name none |

Source: Java reference, ``DynamoDBMetadataHandler`` and ``GlueMetadataHandler``.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.errors import ConfigurationError, UnsupportedTypeError
from athena_connectors.common.type_text import parse_type
from athena_connectors.common.types import engine_type
from athena_connectors.dynamodb.conversion import has_other_keys
from athena_connectors.dynamodb.relation import TimeFormat
from athena_connectors.dynamodb.times import check_format
from athena_connectors.dynamodb.types import holds_times

if TYPE_CHECKING:
    from athena_connectors.common.glue_tables import GlueColumn, GlueDatabase, GlueTable

__all__ = [
    "DeclaredColumn",
    "declared_columns",
    "has_dynamodb_tables",
    "is_dynamodb_table",
    "source_of",
]

_LOGGER = logging.getLogger(__name__)

_DATABASE_FLAG = "dynamo-db-flag"
_SERVICE = "dynamodb"
_TABLE_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]+")
_DEFAULT_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class DeclaredColumn:
    """A column that a table's owner declared.

    Attributes:
        name: Its name; the attribute's, if that is known.
        type: Its Arrow type.
        is_mapped: Whether the name is the attribute's in its real spelling.
        time: How times in it are written, if it holds any.
        comment: What is said of it.
    """

    name: str
    type: pa.DataType
    is_mapped: bool
    time: TimeFormat | None
    comment: str


def has_dynamodb_tables(database: GlueDatabase) -> bool:
    """Return whether a database is flagged as one with DynamoDB tables."""
    return _DATABASE_FLAG in database.location


def is_dynamodb_table(table: GlueTable) -> bool:
    """Return whether a Glue table is for a DynamoDB table."""
    return (
        _SERVICE in table.location
        or table.parameters.get("classification") == _SERVICE
        or table.storage_parameters.get("classification") == _SERVICE
        or bool(source_of(table))
    )


def source_of(table: GlueTable) -> str:
    """Return name or ARN of the DynamoDB table; empty if Glue tells neither."""
    named = table.parameters.get("sourceTable", "").strip()
    if named:
        return named
    location = table.location.strip()
    return location if _TABLE_ARN.fullmatch(location) else ""


def declared_columns(table: GlueTable) -> tuple[DeclaredColumn, ...]:
    """Return the columns of a Glue table, those that it is partitioned by last.

    A type that can't be read becomes text, and so do times in a format that can't be; of
    columns for the same attribute the first counts. Warnings name the column.
    """
    attributes = _mapping(table, "columnMapping")
    formats = _mapping(table, "datetimeFormatMapping")
    zone = table.parameters.get("defaultTimeZone", "").strip() or _DEFAULT_ZONE
    declared: dict[str, DeclaredColumn] = {}
    for column in table.columns:
        attribute = attributes.get(column.name.lower(), "")
        name = attribute or column.name
        if name in declared:
            _LOGGER.warning("%s: a second column for attribute %r is left out.", table, name)
            continue
        type_ = _type(column, table)
        time = TimeFormat(formats.get(column.name.lower(), ""), zone)
        if holds_times(type_) and not _is_readable(time, column, table):
            type_ = pa.string()
        declared[name] = DeclaredColumn(
            name=name,
            type=type_,
            is_mapped=bool(attribute),
            time=time if holds_times(type_) else None,
            comment=column.comment,
        )
    return tuple(declared.values())


def _is_readable(time: TimeFormat, column: GlueColumn, table: GlueTable) -> bool:
    try:
        check_format(time)
    except ConfigurationError as error:
        _LOGGER.warning("%s: column %r is shown as text. %s", table, column.name, error)
        return False
    return True


def _mapping(table: GlueTable, parameter: str) -> dict[str, str]:
    """Read a parameter such as ``id=Id, city=City``; keys fold to lower case as columns do.

    What has no ``=`` belongs to the value before it, so that a format may hold commas.
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


# Types


def _type(column: GlueColumn, table: GlueTable) -> pa.DataType:
    parsed = parse_type(column.type)
    found = None if parsed is None else _readable(parsed)
    try:
        if parsed is not None and found is not None:
            engine_type(found)
            if has_other_keys(parsed):
                _LOGGER.warning(
                    "%s: column %r has type %r, but the names in DynamoDB's maps are texts; they"
                    " are shown as such.",
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


def _readable(type_: pa.DataType, *, nested: bool = False) -> pa.DataType:
    """Return a type with text as the keys of maps, and no zones inside of other types.

    DynamoDB's keys are texts, and the engine is not known to take zoned times inside of others.
    """
    match type_:
        case pa.MapType():
            return pa.map_(pa.string(), _readable(type_.item_type, nested=True))
        case pa.ListType():
            return pa.list_(_readable(type_.value_type, nested=True))
        case pa.StructType():
            return pa.struct(
                [field.with_type(_readable(field.type, nested=True)) for field in type_.fields]
            )
        case pa.TimestampType() if nested:
            return pa.timestamp("ms")
        case _:
            return type_
