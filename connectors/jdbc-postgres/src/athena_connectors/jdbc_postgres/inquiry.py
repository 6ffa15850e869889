"""Questions to the server whose answers help to plan: a refusal costs speed, never rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
from athena_connectors.common.sql.inquiry import Inquiry as SqlInquiry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Inquiry", "nodes_of"]

# Data exception, feature not supported, syntax error or access rule violation: what a role
# with few rights, a revoked catalogue or a server that only resembles PostgreSQL answers;
# out of memory: what it answers when a plan would lock more partitions than it has locks.
_REFUSALS = ("22", "0A", "42", "53200")


class Inquiry(SqlInquiry):
    """Asks within the caller's transaction, which a refusal leaves usable.

    Plans are made without parallel workers, as a node's rows would be those of one of them,
    and leave out whatever the server can prove to be empty.

    Args:
        cursor: A psycopg2 cursor of a transaction that is the caller's to end.
    """

    failure = psycopg2.Error
    recovery = "ROLLBACK TO SAVEPOINT planning"

    def __init__(self, cursor: Any) -> None:
        super().__init__(cursor)
        cursor.execute(
            "SET LOCAL max_parallel_workers_per_gather = 0;"
            " SET LOCAL constraint_exclusion = on;"
            " SAVEPOINT planning"
        )

    @property
    def server_version(self) -> int:
        """The server's version, such as 150018 for 15.18."""
        version: int = self._cursor.connection.info.server_version
        return version

    def _refusal(self, error: psycopg2.Error) -> str:
        code = error.pgcode or ""
        return f"SQLSTATE {code}" if code.startswith(_REFUSALS) else ""

    def explain(self, sql: str) -> Mapping[str, Any] | None:
        """Return the root of a query's plan, or ``None`` when the server refuses.

        Cost:
            The server plans the query and does not run it.

        Source:
            PostgreSQL manual, EXPLAIN; members as in its JSON format.
        """
        rows = self.ask(f"EXPLAIN (FORMAT JSON, VERBOSE) {sql}")
        if rows is None:
            return None
        root: Mapping[str, Any] = rows[0][0][0]["Plan"]
        return root


def nodes_of(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a node of a plan and all below it."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)
