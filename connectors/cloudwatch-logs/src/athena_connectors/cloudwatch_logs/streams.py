"""The tables of a schema: each stream of its log group, and all of them together.

``all_log_streams`` is always the table of all streams, in any case. A stream that has this
name is no table of its own; it is read as ``all_log_streams`` where ``log_stream`` is it.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.client import next_token
from athena_connectors.cloudwatch_logs.log_group import ALL_LOG_STREAMS
from athena_connectors.cloudwatch_logs.spellings import (
    MAX_NAMES,
    MAX_REMEMBERED,
    SEARCH_SECONDS,
    close_to,
    listed,
    same_in_any_case,
    stem,
)
from athena_connectors.cloudwatch_logs.stream_names import can_be_name
from athena_connectors.common.errors import (
    AmbiguousNameError,
    InvalidRequestError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.paging import Page, decode_name_token, encode_name_token
from athena_connectors.common.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.cloudwatch_logs.groups import FoundGroup
    from athena_connectors.cloudwatch_logs.settings import Settings

__all__ = ["LogStreams", "is_all_streams"]

NAMES_SECONDS = 60.0
"""For how long names are kept, once they had to be listed to find one."""

_PAGE_NAMES = 50
"""Names that DescribeLogStreams gives at most."""
_MAX_LISTINGS = 2
_FOLDED_LATEST, _LATEST = "$latest", "$LATEST"
"""A part of the names of streams that Lambda makes, for Athena and in truth."""
_PLACE = re.compile(r"(?P<limit>[1-9]\d?):(?P<skip>\d{1,2}):(?P<token>.*)", re.DOTALL)
_AT_THE_END = "end"


def is_all_streams(table: str) -> bool:
    """Return whether a table is that of all streams."""
    return table.lower() == ALL_LOG_STREAMS


class LogStreams:
    """The streams of groups; used by one thread.

    Args:
        client: Asks CloudWatch Logs.
        settings: The connector's settings.
        clock: Seconds that only ever grow.
    """

    def __init__(self, client: Client, settings: Settings, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._found: Remembered[str] = Remembered(
            settings.name_cache_ttl_s, clock, most=MAX_REMEMBERED
        )
        self._names: Remembered[list[str]] = Remembered(NAMES_SECONDS, clock, most=_MAX_LISTINGS)

    def tables(self, within: FoundGroup) -> list[str]:
        """Return all tables of a schema, ``all_log_streams`` last.

        Raises:
            UnsupportedOperationError: There are more than 100,000.
            ConnectorError: The service refuses or can't be reached.

        Cost:
            One call for each 50 streams.
        """
        names: list[str] = []
        for name in self._each(within, "", deadline=None):
            if is_all_streams(name):
                continue
            if len(names) == MAX_NAMES:
                raise UnsupportedOperationError(
                    f"Log group {within.schema} has more than {MAX_NAMES:,} streams, too many to"
                    " be listed at once.",
                    hint=f"Each can be queried as a table all the same; {ALL_LOG_STREAMS} is the"
                    " table of all.",
                    schema=within.schema,
                )
            names.append(name)
        return [*names, ALL_LOG_STREAMS]

    def page(self, within: FoundGroup, *, token: str | None, page_size: int) -> Page[str]:
        """Return one page of the tables of a schema, ``all_log_streams`` on the last one.

        It may have fewer names than are wanted, even none, though others follow.

        Args:
            within: The schema.
            token: ``None`` for the first page, else the token of the page before; it is good
                for 24 hours.
            page_size: Names wanted at most, 1 or more.

        Raises:
            InvalidRequestError: The token is none of ours, or has expired.
            ConnectorError: The service refuses or can't be reached.

        Cost:
            One call for each 50 names wanted.
        """
        limit, skip, place = min(page_size, _PAGE_NAMES), 0, ""
        if token is not None:
            at = decode_name_token(token)
            if at == _AT_THE_END:
                return Page((ALL_LOG_STREAMS,), None)
            # The service's token may be good for pages of the same size only.
            limit, skip, place = _parsed(at, token)
        names: list[str] = []
        while True:
            told, next_place = self._told(within, limit, place)
            told = told[skip:]
            room = page_size - len(names)
            if len(told) > room:
                names += told[:room]
                return _page(names, f"{limit}:{skip + room}:{place}")
            names += told
            skip, place = 0, next_place
            if not place:
                break
            if page_size - len(names) < limit:
                return _page(names, f"{limit}:0:{place}")
        if len(names) == page_size:
            return _page(names, _AT_THE_END)
        return Page((*_streams(names), ALL_LOG_STREAMS), None)

    def find(self, within: FoundGroup, name: str) -> str:
        """Return a stream by its name, spelt exactly or else in any case.

        Raises:
            TableNotFoundError: There is none, or too many to look for other spellings.
            AmbiguousNameError: There are several and none is spelt exactly so.
            ConnectorError: The service refuses or can't be reached.

        Cost:
            Nothing within ``name_cache_ttl_s`` seconds, else one call; two for a stream that
            Lambda made. If there is none that is spelt so, a listing of those streams whose
            names begin with the same digits and signs, once in a minute.
        """
        kept = self._found.get((within.schema, name))
        if kept is not None:
            return kept
        found = self._exact(within, name) or self._respelt(within, name)
        self._found.keep((within.schema, name), found)
        return self._found.keep((within.schema, found), found)

    def _exact(self, within: FoundGroup, name: str) -> str | None:
        """Return the name if a stream has it, or the one that Lambda would give."""
        for spelt in dict.fromkeys((name, name.replace(_FOLDED_LATEST, _LATEST))):
            if can_be_name(spelt):
                request = {
                    **within.group.parameter,
                    "logStreamNamePrefix": spelt,
                    "limit": _PAGE_NAMES,
                }
                reply = self._client.call("DescribeLogStreams", request)
                # Names come in order, so one that is the prefix of others comes first.
                if any(told["logStreamName"] == spelt for told in reply["logStreams"]):
                    return spelt
        return None

    def _respelt(self, within: FoundGroup, name: str) -> str:
        names = self._alike(within, name) if can_be_name(name) else []
        same = same_in_any_case(name, names)
        if len(same) == 1:
            return same[0]
        if same:
            raise AmbiguousNameError(
                f"The table name {name!r} fits several streams of log group {within.schema}:"
                f" {', '.join(map(repr, same))}.",
                hint=_by_predicate(same[0]),
                schema=within.schema,
                table=name,
            )
        raise TableNotFoundError(
            f"There is no stream {name!r} in log group {within.schema}.",
            hint=close_to(name, names) or "List the schema's tables.",
            schema=within.schema,
            table=name,
        )

    def _alike(self, within: FoundGroup, name: str) -> list[str]:
        """Return the streams whose names begin as this one does in any case."""
        prefix = stem(name)
        if prefix == name:
            return []
        kept = self._names.get((within.schema, prefix))
        if kept is not None:
            return kept
        names = listed(
            self._each(within, prefix, deadline=time.monotonic() + SEARCH_SECONDS),
            until=self._clock() + SEARCH_SECONDS,
            clock=self._clock,
        )
        if names is None:
            raise TableNotFoundError(
                f"There is no stream spelt exactly {name!r} in log group {within.schema}, and there"
                " are too many to look for other spellings of it.",
                hint=f"Athena folds names of tables to lower case. {_by_predicate()}",
                schema=within.schema,
                table=name,
            )
        return self._names.keep((within.schema, prefix), names)

    def _each(self, within: FoundGroup, prefix: str, *, deadline: float | None) -> Iterator[str]:
        place = ""
        while True:
            told, place = self._told(within, _PAGE_NAMES, place, prefix=prefix, deadline=deadline)
            yield from told
            if not place:
                return

    def _told(
        self,
        within: FoundGroup,
        limit: int,
        place: str,
        *,
        prefix: str = "",
        deadline: float | None = None,
    ) -> tuple[list[str], str]:
        """Return one page of names, and the service's token of the next one or an empty text."""
        request: dict[str, Any] = {**within.group.parameter, "limit": limit}
        if prefix:
            request["logStreamNamePrefix"] = prefix
        if place:
            request["nextToken"] = place
        reply = self._client.call("DescribeLogStreams", request, deadline=deadline)
        names = [told["logStreamName"] for told in reply["logStreams"]]
        return names, next_token(reply, sent=place)


def _by_predicate(name: str = "…") -> str:
    return (
        f"Query {ALL_LOG_STREAMS} where log_stream = '{name}', which tells upper from lower case."
    )


def _streams(names: list[str]) -> Iterator[str]:
    return (name for name in names if not is_all_streams(name))


def _page(names: list[str], next_place: str) -> Page[str]:
    return Page(tuple(_streams(names)), encode_name_token(next_place))


def _parsed(place: str, token: str) -> tuple[int, int, str]:
    """Return a page's size, how many of its names were given, and the service's token."""
    found = _PLACE.fullmatch(place)
    if found is None or int(found["limit"]) > _PAGE_NAMES:
        raise InvalidRequestError(
            f"The continuation token {token[:40]!r} is of another listing.",
            hint="Start again without a token.",
        )
    return int(found["limit"]), int(found["skip"]), found["token"]
