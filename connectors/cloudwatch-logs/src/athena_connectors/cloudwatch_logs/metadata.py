"""Schemas and tables: log groups, their streams, and what is known of a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.groups import LogGroups
from athena_connectors.cloudwatch_logs.log_group import ALL_LOG_STREAMS, LogTable
from athena_connectors.cloudwatch_logs.streams import LogStreams, is_all_streams
from athena_connectors.cloudwatch_logs.types import table_schema
from athena_connectors.common.connector import TableDescription
from athena_connectors.common.paging import Page
from athena_connectors.common.protocol.messages import TableName

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.cloudwatch_logs.settings import Settings

__all__ = ["Groups"]


class Groups:
    """What Athena may know of an account's logs; used by one thread.

    What a container remembers of a name, ``name_cache_ttl_s`` seconds long, is what it found.

    Args:
        client: Asks CloudWatch Logs.
        settings: The connector's settings.
        clock: Seconds that only ever grow.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._groups = LogGroups(client, settings, clock=clock)
        self._streams = LogStreams(client, settings, clock=clock)

    def allows(self, name: str) -> bool:
        """Return whether a log group exists for Athena, if there is one of this name."""
        return self._groups.allows(name)

    def list_schemas(self) -> list[str]:
        """Return all schemas; see ``LogGroups.names``."""
        return self._groups.names()

    def list_tables(self, schema: str) -> list[str]:
        """Return all tables of a schema; see ``LogStreams.tables``."""
        return self._streams.tables(self._groups.find(schema))

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of tables; see ``LogStreams.page``."""
        found = self._groups.find(schema)
        if page_size is None and token is None:
            return Page(tuple(self._streams.tables(found)), None)
        return self._streams.page(found, token=token, page_size=page_size or _ALL)

    def resolve_schema(self, name: str) -> str:
        """Return the spelling of a schema; see ``LogGroups.find``."""
        return self._groups.find(name).schema

    def resolve_table(self, name: TableName) -> TableName:
        """Return the spelling of a table; see ``LogGroups.find`` and ``LogStreams.find``."""
        found = self._groups.find(name.schema)
        if is_all_streams(name.table):
            return TableName(found.schema, ALL_LOG_STREAMS)
        return TableName(found.schema, self._streams.find(found, name.table))

    def table(self, name: TableName) -> LogTable:
        """Return what CloudWatch Logs says of a table.

        Raises:
            ConnectorError: As of ``resolve_table``.
        """
        found = self._groups.find(name.schema)
        stream = None if is_all_streams(name.table) else self._streams.find(found, name.table)
        return LogTable(found.group, stream)

    def describe(self, name: TableName) -> TableDescription:
        """Return a table with its columns, and a ``LogTable`` as its facts.

        Raises:
            ConnectorError: As of ``resolve_table``.
        """
        return TableDescription(table_schema(self._settings), facts=self.table(name))


_ALL = 1 << 30
"""More names than there are."""
