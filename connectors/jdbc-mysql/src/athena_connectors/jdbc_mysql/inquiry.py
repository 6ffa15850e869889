"""Questions to the server whose answers help to plan: a refusal costs speed, never rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql
from athena_connectors.common.sql.inquiry import Inquiry as SqlInquiry
from athena_connectors.jdbc_mysql.errno import errno_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Inquiry", "PlanStep"]

_REFUSALS = frozenset(
    {
        *(1044, 1142, 1143, 1227, 1345, 1370),  # a right is missing
        *(1054, 1109, 1146, 1193, 1305),  # no such column, table, variable or function
        1176,  # no such index, or one that is hidden from queries
        *(1064, 1235),  # a server that lacks the syntax
    }
)
"""What a role with few rights, another version or a server that only resembles MySQL
answers. Source: MySQL manual, "Server Error Message Reference"."""


_WHOLE_INDEX = "index"
"""An index that is read from end to end, because it is smaller than the table."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One table that a query reads.

    Attributes:
        rows: Rows looked at, about; 0 if no table is read.
        index: The index that rows are found by; empty for none.
        partitions: The partitions that are read, with commas between them, each after its
            partition and ``_`` if it is a subpartition; ``None`` for a table without any.
        message: Why no table is read; else empty.

    Source:
        MySQL manual, "EXPLAIN Output Format"; MariaDB documentation, "EXPLAIN".
    """

    rows: int
    index: str = ""
    partitions: str | None = None
    message: str = ""


class Inquiry(SqlInquiry):
    """Asks within the caller's transaction, which a refusal leaves usable.

    Args:
        cursor: A PyMySQL cursor of a transaction that is the caller's to end.
    """

    failure = pymysql.Error

    def _refusal(self, error: pymysql.Error) -> str:
        number = errno_of(error)
        return f"error {number}" if number in _REFUSALS else ""

    def explain(self, sql: str) -> list[PlanStep] | None:
        """Return the steps of a query's plan, or ``None`` when the server refuses.

        They are read as a table: MariaDB's JSON is none where a condition has a backslash.

        Cost:
            The server plans the query and does not run it.
        """
        is_mariadb = "mariadb" in self._cursor.connection.get_server_info().lower()
        rows = self.ask(f"EXPLAIN {'PARTITIONS' if is_mariadb else 'FORMAT=TRADITIONAL'} {sql}")
        if rows is None:
            return None
        return [_step(row) for row in rows if row[0] is not None]  # NULL: the union itself


def _step(row: Sequence[Any]) -> PlanStep:
    _, _, table, partitions, access, _, key, _, _, rows, *_, extra = row
    if table is None:
        return PlanStep(0, message=str(extra or ""))
    index = "" if access == _WHOLE_INDEX else key or ""
    return PlanStep(max(1, int(rows or 0)), index, partitions)
