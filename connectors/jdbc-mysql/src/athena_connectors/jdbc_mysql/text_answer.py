"""A statement's answer as text, by PyMySQL's public interface alone, nothing converted.

For statements that the server can't prepare, and for a PyMySQL that has changed inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from athena_connectors.common.sql.reading import MAX_CHUNK_BYTES
from athena_connectors.jdbc_mysql.prepared import no_rows, readable, several_results
from pymysql.cursors import SSCursor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from pymysql.connections import Connection

__all__ = ["TextAnswer"]

TextRow = tuple[bytes | None, ...]


class _SentText(NamedTuple):
    """What a cursor tells of a column; text has a sign where one is, so flags don't count."""

    type_code: int
    scale: int
    flags: int = 0


class TextAnswer:
    """The rows of one statement; what is not read when it is left is never read.

    Args:
        connection: The connection, without an unread answer.
        sql: The statement.
        table: What is read, for errors.

    Attributes:
        sent: What the columns hold.

    Raises:
        pymysql.Error: The server refused or failed.
        SourceError: The answer is malformed, or has no rows.
    """

    def __init__(self, connection: Connection[Any], sql: str, *, table: str) -> None:
        self._table = table
        self._cursor: Any = connection.cursor(SSCursor)
        driver: Any = connection
        conversion = driver.decoders, driver.use_unicode
        driver.decoders, driver.use_unicode = {}, False
        try:
            with readable(table):
                self._cursor.execute(sql)
        finally:
            driver.decoders, driver.use_unicode = conversion
        if self._cursor.description is None:
            raise no_rows(table)
        description: Any = self._cursor.description
        self.sent = [_SentText(column[1], column[5]) for column in description]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Else cursor and result read what is left of the answer when they are collected.
        self._cursor.connection = None
        result = getattr(self._cursor, "_result", None)
        if result is not None:
            result.unbuffered_active = False

    def rows(self, *, batch_rows: int) -> Iterator[tuple[list[TextRow], int]]:
        """Yield the rows and their bytes, up to 4 MB or a row more at a time.

        Raises:
            pymysql.Error: The server failed or stopped the statement, or is gone.
            SourceError: The answer is malformed, or there is a second one behind it.
        """
        rows: list[TextRow] = []
        size = 0
        with readable(self._table):
            while row := self._cursor.fetchone():
                rows.append(row)
                size += sum(map(len, filter(None, row)))
                if len(rows) >= batch_rows or size >= MAX_CHUNK_BYTES:
                    yield rows, size
                    rows, size = [], 0
            several = self._cursor.nextset()
        if several:
            raise several_results(self._table)
        if rows:
            yield rows, size
