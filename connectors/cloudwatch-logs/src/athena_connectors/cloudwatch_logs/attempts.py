"""Chains of requests that begin in spite of missing streams and refused patterns."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.selection import StreamSelector
from athena_connectors.cloudwatch_logs.types import FILTER_PATTERN
from athena_connectors.common.errors import (
    InvalidRequestError,
    NotFoundError,
    TableNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from athena_connectors.cloudwatch_logs.chains import Chains, EventClient
    from athena_connectors.cloudwatch_logs.log_group import LogTable
    from athena_connectors.cloudwatch_logs.pages import EventPage
    from athena_connectors.cloudwatch_logs.requests import EventRead

__all__ = ["Attempts"]

_log = logging.getLogger(__name__)


class Attempts:
    """Begins the chains of one split, by what is there to be read.

    Args:
        client: Looks for streams.
        table: What is read.
        chains: Makes the requests.
        deadline: ``time.monotonic()`` at which the read has to have ended, or ``None``.
    """

    def __init__(
        self, client: EventClient, table: LogTable, chains: Chains, *, deadline: float | None
    ) -> None:
        self._client = client
        self._table = table
        self._chains = chains
        self._deadline = deadline
        self._has_implied = True

    def pages(self, read: EventRead) -> Generator[tuple[EventRead, EventPage]]:
        """Yield pages, each with what was asked for; nothing of streams that are not there.

        Raises:
            InvalidRequestError: A pattern that the query asks for is refused.
            TableNotFoundError: The table's stream is missing.
            NotFoundError: The group is missing, or a stream that was there before.
            ConnectorError: As of ``Chains.pages``.
        """
        if not self._has_implied and read.shown is None:
            read = replace(read, pattern="")
        while True:
            pages = self._chains.pages(read)
            with closing(pages):
                try:
                    first = next(pages)
                except InvalidRequestError as error:
                    read = self._otherwise(read, error)
                    continue
                except NotFoundError as error:
                    found = self._without_missing(read, error)
                    if found is None:
                        return
                    read = found
                    continue
                yield read, first
                for page in pages:
                    yield read, page
                return

    def _otherwise(self, read: EventRead, error: InvalidRequestError) -> EventRead:
        """Return what is read instead, when the service refuses a request.

        Raises:
            InvalidRequestError: The query asks for the pattern, or there is none.
        """
        if read.is_backward and not read.is_ordered:
            _log.info("Events of %s can't be read backward: %s", read.window, error.message)
            return replace(read, is_backward=False)
        if not read.pattern:
            raise error
        if read.shown is not None:
            raise InvalidRequestError(
                f"CloudWatch Logs does not take the filter pattern {read.pattern!r} of column"
                f" {FILTER_PATTERN!r}: {error.message}",
                hint="Correct the pattern; texts with other characters than letters, digits and"
                " underscores need double quotes.",
                column=FILTER_PATTERN,
            ) from error
        _log.warning(
            "The filter pattern %r, which the predicate on message implies, is refused; the"
            " events are read without it. Setting derive_filter_pattern switches it off. %s",
            read.pattern,
            error.message,
        )
        self._has_implied = False
        return replace(read, pattern="")

    def _without_missing(self, read: EventRead, error: NotFoundError) -> EventRead | None:
        """Return what is read instead, when streams are missing; ``None`` for nothing.

        Raises:
            TableNotFoundError: It is the stream that is the table.
            NotFoundError: The group is missing, or no stream is.
        """
        streams, group = read.streams, self._table.group
        if streams.names is None:
            if not streams.prefix or self._exists(streams.prefix, is_prefix=True):
                raise error
            return None
        found = tuple(name for name in streams.names if self._exists(name))
        missing = sorted({*streams.names} - {*found})
        if not missing:
            raise error
        if self._table.stream is not None:
            raise TableNotFoundError(
                f"There is no log stream {self._table.stream!r} in log group {group.name}"
                " (any more).",
                hint="It may have been removed; list the tables again.",
                table=self._table.stream,
            ) from error
        _log.info(
            "Log group %s has no %d of the log streams that the predicate names, such as %r.",
            group.name,
            len(missing),
            missing[0],
        )
        return replace(read, streams=StreamSelector(found)) if found else None

    def _exists(self, name: str, *, is_prefix: bool = False) -> bool:
        """Return whether there is a stream of a name, which is the first that begins so."""
        request = {
            **self._table.group.parameter,
            "logStreamNamePrefix": name,
            "limit": 1,
        }
        reply = self._client.call("DescribeLogStreams", request, deadline=self._deadline)
        told = [stream["logStreamName"] for stream in reply["logStreams"]]
        return bool(told) and (is_prefix or told[0] == name)
