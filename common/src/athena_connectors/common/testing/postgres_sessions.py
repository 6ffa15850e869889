"""What a connector's sessions do in a PostgreSQL server, and whether they are at rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from athena_connectors.common.testing.postgres import PostgresAddress

__all__ = ["PostgresSession", "require_rest", "sessions_of"]

LABEL = "athena-federation"
"""Start of the ``application_name`` of a connector's sessions."""

_POLL_SECONDS = 0.01


class PostgresSession(NamedTuple):
    """One session.

    Attributes:
        pid: The server's process.
        state: As ``pg_stat_activity`` tells it: ``idle``, ``active``, ``idle in transaction``.
        label: Its ``application_name``.
    """

    pid: int
    state: str
    label: str


def sessions_of(address: PostgresAddress, *, label: str = LABEL) -> list[PostgresSession]:
    """Return the sessions in a database whose label begins so."""
    rows = address.execute(
        "SELECT pid, state, application_name FROM pg_stat_activity"
        " WHERE datname = current_database() ORDER BY pid"
    )
    sessions = [PostgresSession._make(row) for row in rows]
    return [session for session in sessions if session.label.startswith(label)]


def require_rest(
    address: PostgresAddress, *, label: str = LABEL, most: int = 1, seconds: float = 5
) -> None:
    """Wait until the sessions are few and none is in a transaction.

    Args:
        address: The database.
        label: Start of the label of the sessions that are meant.
        most: Sessions that may be left open.
        seconds: How long to wait.

    Raises:
        AssertionError: It did not come to that.
    """
    limit = time.monotonic() + seconds
    while True:
        sessions = sessions_of(address, label=label)
        if len(sessions) <= most and all(session.state == "idle" for session in sessions):
            return
        assert time.monotonic() < limit, f"These sessions are left: {sessions}"
        time.sleep(_POLL_SECONDS)
