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
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.glue_columns import declared_fields, mapping
from athena_connectors.dynamodb.relation import TimeFormat
from athena_connectors.dynamodb.times import check_format
from athena_connectors.dynamodb.types import holds_times

if TYPE_CHECKING:
    from athena_connectors.common.glue_columns import GlueField
    from athena_connectors.common.glue_tables import GlueDatabase, GlueTable

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
    formats = mapping(table, "datetimeFormatMapping")
    zone = table.parameters.get("defaultTimeZone", "").strip() or _DEFAULT_ZONE
    return tuple(
        _declared(field, TimeFormat(formats.get(field.column, ""), zone), table)
        for field in declared_fields(table)
    )


def _declared(field: GlueField, time: TimeFormat, table: GlueTable) -> DeclaredColumn:
    type_ = field.type
    if holds_times(type_) and not _is_readable(time, field, table):
        type_ = pa.string()
    return DeclaredColumn(
        name=field.name,
        type=type_,
        is_mapped=field.is_mapped,
        time=time if holds_times(type_) else None,
        comment=field.comment,
    )


def _is_readable(time: TimeFormat, field: GlueField, table: GlueTable) -> bool:
    try:
        check_format(time)
    except ConfigurationError as error:
        _LOGGER.warning("%s: column %r is shown as text. %s", table, field.column, error)
        return False
    return True
