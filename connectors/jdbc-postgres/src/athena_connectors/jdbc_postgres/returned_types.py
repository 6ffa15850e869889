"""Makes sure that a statement returns the types that its columns are decoded from.

A table may change after it was described, and the binary format does not tell types: the
four bytes of an integer are a float as well. Asking inside of the transaction that reads
also locks the table against such changes until it has ended.

Source: PostgreSQL's catalogue ``pg_type.dat``; these numbers are the same in every server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import DataConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.sql.relation import Column

__all__ = ["require_types"]

_OIDS: dict[str, frozenset[int]] = {
    "bool": frozenset({16}),
    "bytea": frozenset({17}),
    "date": frozenset({1082}),
    "decimal_text": frozenset({25}),
    "float4": frozenset({700}),
    "float8": frozenset({701}),
    "int2": frozenset({21}),
    "int4": frozenset({23}),
    "int8": frozenset({20}),
    "numeric": frozenset({1700}),
    "text": frozenset({25, 1043}),
    "timestamp": frozenset({1114}),
    "timestamptz": frozenset({1184}),
    "uuid": frozenset({2950}),
    "list:bool": frozenset({1000}),
    "list:date": frozenset({1182}),
    "list:decimal_text": frozenset({1009}),
    "list:float4": frozenset({1021}),
    "list:float8": frozenset({1022}),
    "list:int2": frozenset({1005}),
    "list:int4": frozenset({1007}),
    "list:int8": frozenset({1016}),
    "list:numeric": frozenset({1231}),
    "list:text": frozenset({1009, 1015}),
    "list:timestamp": frozenset({1115}),
    "list:timestamptz": frozenset({1185}),
    "list:uuid": frozenset({2951}),
}
"""Types, by ``pg_type.oid``, that each decoder takes."""

_LIST = "list:"
_FIRST_OWN_OID = 16_384
"""From here on types are the database's own: among them arrays of domains."""


def require_types(cursor: Any, sql: str, columns: Sequence[Column], *, table: str) -> None:
    """Check that a statement returns what its columns' decoders take.

    Args:
        cursor: A psycopg2 cursor, in the transaction that will run the statement.
        sql: A SELECT that returns the columns' projections, in order.
        columns: The columns.
        table: What is read, for errors.

    Raises:
        DataConversionError: A column has another type than it had when it was described.
        psycopg2.Error: The server refuses the statement.

    Cost:
        One statement that is planned and reads nothing.
    """
    cursor.execute(f"SELECT * FROM ({sql}) AS described LIMIT 0")  # noqa: S608 - names are quoted
    for column, found in zip(columns, cursor.description, strict=True):
        if not _is_taken(column.decoder, found.type_code):
            raise DataConversionError(
                f"Column {column.name!r} of {table} is not {column.source_type} any more.",
                hint="It was changed meanwhile: run the query again.",
                table=table,
                column=column.name,
            )


def _is_taken(decoder: str, oid: int) -> bool:
    return oid in _OIDS[decoder] or (decoder.startswith(_LIST) and oid >= _FIRST_OWN_OID)
