"""Prepared statements over PyMySQL's connection, which has none of its own.

The server answers one with binary rows, which are smaller than text, exact for every type
and decoded by the column. Source: MySQL source documentation, "Prepared Statements":
COM_STMT_PREPARE, COM_STMT_EXECUTE, COM_STMT_CLOSE; MariaDB's are the same.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pymysql
import pymysql.connections
from athena_connectors.common.errors import SourceError
from athena_connectors.common.sql.answers import malformed_answer
from pymysql.constants import COMMAND
from pymysql.protocol import FieldDescriptorPacket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.common.sql.row_formats import SentField
    from pymysql.connections import Connection

__all__ = [
    "DEPRECATE_EOF",
    "PreparedStatement",
    "can_prepare",
    "is_not_preparable",
    "no_rows",
    "readable",
    "several_results",
]

_NOT_PREPARABLE = frozenset(
    {
        1047,  # unknown command: a proxy that has none of these
        1295,  # not supported in the prepared statement protocol yet
        1461,  # more statements than max_prepared_stmt_count
    }
)
DEPRECATE_EOF = 1 << 24
"""Client flag: answers end with a packet of another form, and definitions with none."""

_PREPARED = struct.Struct("<xIHH")
_EXECUTE = struct.Struct("<IBI")
_CLOSE = struct.Struct("<I")
_NO_CURSOR, _ONCE = 0, 1
_UNREADABLE = (AssertionError, LookupError, RuntimeError, TypeError, ValueError, struct.error)
"""What PyMySQL raises about packets that are not what it takes them for."""


def can_prepare(connection: Connection[Any]) -> bool:
    """Tell whether this PyMySQL has what is needed of it, which is no part of its interface."""
    result = getattr(pymysql.connections, "MySQLResult", None)
    return (
        hasattr(result, "init_unbuffered_query")
        and hasattr(connection, "_execute_command")
        and hasattr(connection, "_read_packet")
    )


def is_not_preparable(error: pymysql.Error) -> bool:
    """Tell whether the server can't prepare a statement that it may be able to run."""
    return bool(error.args) and error.args[0] in _NOT_PREPARABLE


def no_rows(table: str) -> SourceError:
    """Return the error for a statement that is none that reads."""
    return SourceError(
        f"The statement on {table} returns no rows, not even none.",
        hint="Use a statement that reads, such as SELECT.",
        table=table,
    )


def several_results(table: str) -> SourceError:
    """Return the error for a statement with one answer behind the other."""
    return SourceError(
        f"The statement on {table} returns several results.",
        hint="Use a statement that returns one.",
        table=table,
    )


@contextmanager
def readable(table: str) -> Iterator[None]:
    """Turn what PyMySQL raises about packets that it can't read into an error of ours."""
    try:
        yield
    except _UNREADABLE as error:
        raise malformed_answer("a packet is not what it has to be", table=table) from error


class PreparedStatement:
    """A statement that the server has prepared, to be run once or only looked at.

    Args:
        connection: The connection, without an unread answer.
        sql: The statement.
        table: What is read, for errors.

    Attributes:
        parameters: Question marks in the statement; it can be run if there is none.
        fields: What its rows will hold; none if it returns no rows.

    Raises:
        pymysql.Error: The server refused the statement.
        SourceError: The server's answer is none.
    """

    def __init__(
        self, connection: Connection[Any], sql: str, *, table: str = "the native query"
    ) -> None:
        driver: Any = connection
        self._connection = driver
        self._table = table
        with readable(table):
            driver._execute_command(COMMAND.COM_STMT_PREPARE, sql)  # noqa: SLF001
            answer = driver._read_packet().get_all_data()  # noqa: SLF001
            self._number, columns, self.parameters = _PREPARED.unpack_from(answer)
            self._definitions(self.parameters)
            self.fields = self._definitions(columns)

    def _definitions(self, count: int) -> Sequence[FieldDescriptorPacket]:
        read = self._connection._read_packet  # noqa: SLF001
        fields = [read(FieldDescriptorPacket) for _ in range(count)]
        if count and not self._connection.client_flag & DEPRECATE_EOF:
            read()
        return fields

    def execute(self) -> Sequence[SentField]:
        """Run the statement; return what its rows hold now. The next packet is the first row.

        Raises:
            pymysql.Error: The server refused or failed.
            SourceError: The server's answer is none, or has no rows.
        """
        arguments = _EXECUTE.pack(self._number, _NO_CURSOR, _ONCE)
        with readable(self._table):
            self._connection._execute_command(COMMAND.COM_STMT_EXECUTE, arguments)  # noqa: SLF001
            result: Any = pymysql.connections.MySQLResult(self._connection)
            try:
                result.init_unbuffered_query()
            finally:
                # Else it reads what is left of the answer when it is collected.
                result.unbuffered_active = False
                result.connection = None
        if result.description is None:
            raise no_rows(self._table)
        fields: Sequence[SentField] = result.fields
        return fields

    def close(self) -> None:
        """Let the server forget the statement; it does not answer.

        A connection that breaks here has nothing left to tell of this statement.
        """
        with suppress(pymysql.Error):
            self._connection._execute_command(  # noqa: SLF001
                COMMAND.COM_STMT_CLOSE, _CLOSE.pack(self._number)
            )
