"""Snapshots of the database that the splits of a query read together.

A snapshot lives as long as the transaction that exported it, so a session of its own stays
in that transaction. The server ends it ``snapshot_hold_seconds`` after it was last used
here, even if this process is frozen.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
from athena_connectors.common.errors import ConnectorError, SourceError
from athena_connectors.jdbc_postgres.login import session_label
from athena_connectors.jdbc_postgres.sqlstate import translate

if TYPE_CHECKING:
    from athena_connectors.common.sql.connection_strings import ConnectionString
    from athena_connectors.common.sql.sessions import SessionOpener
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["MAX_HELD", "SnapshotHolder"]

MAX_HELD = 4
"""Queries whose snapshots are held at the same time; each takes a session."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    connection: Any
    identifier: str
    used: float


class SnapshotHolder:
    """Holds the snapshot of each query that is being planned.

    Args:
        opener: Opens sessions.
        target: Where they lead to.
        settings: The connector's settings.
    """

    def __init__(self, opener: SessionOpener, target: ConnectionString, settings: Settings) -> None:
        self._opener = opener
        self._target = target
        self._settings = settings
        self._held: dict[str, _Held] = {}

    def export(self, query_id: str) -> str | None:
        """Return the snapshot of a query; all its scans get the same one.

        Returns:
            Its identifier, or ``None`` when ``read_consistency`` wants none or, in mode
            ``auto``, the server refuses.

        Raises:
            SourceError: The server refuses and ``read_consistency`` is ``snapshot``.
        """
        mode = self._settings.read_consistency
        if mode not in ("auto", "snapshot"):
            return None
        self._drop_old(query_id)
        try:
            return self._again(query_id) or self._hold(query_id)
        except (psycopg2.Error, ConnectorError) as cause:
            error = (
                translate(cause, catalog=self._target.catalog)
                if isinstance(cause, psycopg2.Error)
                else cause
            )
            if mode == "snapshot":
                raise SourceError(
                    f"{error.message} So the splits can't share a snapshot.",
                    hint="Set read_consistency to auto to do without.",
                    catalog=self._target.catalog,
                ) from cause
            _log.warning("The splits of query %s share no snapshot. %s", query_id, error)
            return None

    def close(self) -> None:
        """End all snapshots."""
        for query_id in list(self._held):
            self._drop(query_id)

    def _again(self, query_id: str) -> str | None:
        """Return the snapshot that is held for a query already, with its time renewed."""
        held = self._held.get(query_id)
        if held is None:
            return None
        try:
            with held.connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:  # the server has ended it
            self._drop(query_id)
            return None
        held.used = time.monotonic()
        return held.identifier

    def _hold(self, query_id: str) -> str:
        connection = self._opener.open()
        try:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET LOCAL application_name = %s;"
                    " SET LOCAL idle_in_transaction_session_timeout = %s;"
                    " SELECT pg_export_snapshot()",
                    (
                        session_label(self._target, query_id),
                        1000 * self._settings.snapshot_hold_seconds,
                    ),
                )
                (identifier,) = cursor.fetchone()
        except psycopg2.Error:
            connection.close()
            raise
        self._held[query_id] = _Held(connection, str(identifier), time.monotonic())
        return str(identifier)

    def _drop_old(self, query_id: str) -> None:
        """Close what the server ends by now, and the oldest if there are too many."""
        oldest_use = time.monotonic() - self._settings.snapshot_hold_seconds
        by_use = sorted(self._held, key=lambda name: self._held[name].used)
        surplus = len(by_use) - MAX_HELD + (query_id not in self._held)
        for place, name in enumerate(by_use):
            if name != query_id and (place < surplus or self._held[name].used < oldest_use):
                self._drop(name)

    def _drop(self, query_id: str) -> None:
        with suppress(psycopg2.Error):
            self._held.pop(query_id).connection.close()
