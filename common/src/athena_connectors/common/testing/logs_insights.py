"""StartQuery, GetQueryResults and StopQuery of the stand-in: Logs Insights.

A query is evaluated if ``logs_insights_text`` reads it, or gives rows and goes through
states that a test says.

Source: CloudWatch Logs API reference, pages of these operations.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.logs_errors import LogsError, invalid, not_found
from athena_connectors.common.testing.logs_events import EventRange
from athena_connectors.common.testing.logs_groups import size_bytes
from athena_connectors.common.testing.logs_insights_text import parse_query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.testing.logs_events import Event
    from athena_connectors.common.testing.logs_groups import Group, Groups
    from athena_connectors.common.testing.logs_tokens import Tokens

__all__ = ["Insights", "InsightsScript"]

_DEFAULT_ROWS = 10_000
_PAGE = 10_000
_ENDED = frozenset({"Complete", "Failed", "Cancelled", "Timeout"})
_TIMES = frozenset({"@timestamp", "@ingestionTime"})


@dataclass(frozen=True, slots=True)
class InsightsScript:
    """What becomes of some queries.

    Attributes:
        contains: What their text contains.
        states: What each call of GetQueryResults tells; the last one for ever.
        rows: Their rows, field to value, without the fields that a row lacks; ``None`` to
            evaluate the query.
    """

    contains: str = ""
    states: tuple[str, ...] = ("Scheduled", "Running", "Complete")
    rows: Sequence[Mapping[str, str]] | None = None


_PLAIN = InsightsScript()


@dataclass(slots=True)
class _Query:
    states: list[str]
    rows: Sequence[Mapping[str, str]]
    statistics: dict[str, float]
    language: str
    state: str = field(default="Scheduled")


class Insights:
    """Runs queries.

    Args:
        groups: All groups.
        tokens: All tokens.

    Attributes:
        scripts: What becomes of queries; the first that fits counts.
        most_running: Queries that may run at once.
        times_as_ms: Whether times in rows are ms since 1970 instead of text.
    """

    def __init__(self, groups: Groups, tokens: Tokens) -> None:
        self._groups = groups
        self._tokens = tokens
        self._queries: dict[str, _Query] = {}
        self.scripts: list[InsightsScript] = []
        self.most_running = 100
        self.times_as_ms = False

    @property
    def running(self) -> int:
        """How many queries have not ended, as far as was told."""
        return sum(query.state not in _ENDED for query in self._queries.values())

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of StartQuery.

        Raises:
            LogsError: The query is refused.
        """
        if self.running >= self.most_running:
            raise LogsError(
                "LimitExceededException",
                f"Account maximum query concurrency limit of [{self.most_running}] reached.",
            )
        identifiers = [
            *((request["logGroupName"],) if "logGroupName" in request else ()),
            *request.get("logGroupNames", ()),
            *request.get("logGroupIdentifiers", ()),
        ]
        groups = [self._groups.identified(identifier) for identifier in identifiers]
        for group in groups:
            if group.log_class == "DELIVERY":
                raise invalid(f"Log group {group.name} of class DELIVERY can't be queried.")
        text = request["queryString"]
        script = next((item for item in self.scripts if item.contains in text), _PLAIN)
        rows: Sequence[Mapping[str, str]]
        if script.rows is None:
            rows, scanned = self._evaluate(request, groups)
        else:
            rows, scanned = script.rows[: _most(request, _limit_in(text))], {}
        identifier = str(uuid.uuid4())
        statistics = {"resultCount": float(len(rows)), "recordsMatched": float(len(rows))}
        self._queries[identifier] = _Query(
            list(script.states),
            rows,
            {**statistics, **scanned},
            request.get("queryLanguage", "CWLI"),
        )
        return {"queryId": identifier}

    def results(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of GetQueryResults.

        Raises:
            LogsError: There is no such query, or the token is not valid.
        """
        query = self._query(request)
        token = self._tokens.redeem(("GetQueryResults",), request)
        if query.state != "Cancelled":
            query.state = query.states.pop(0) if len(query.states) > 1 else query.states[0]
        first = 0 if token is None else token.position
        end = first + (request.get("maxItems") or _PAGE)
        rows: Sequence[Mapping[str, str]] = ()
        if query.state == "Complete":
            rows = query.rows[first:end]
        elif query.state == "Running":
            rows = query.rows[: min(end, len(query.rows) // 2)]
        reply: dict[str, Any] = {
            "queryLanguage": query.language,
            "results": [
                [{"field": name, "value": value} for name, value in row.items()] for row in rows
            ],
            "statistics": query.statistics,
            "status": query.state,
        }
        is_paged = query.state == "Complete" and query.language == "CWLI"
        if is_paged and end < len(query.rows):
            reply["nextToken"] = self._tokens.issue("GetQueryResults", request, end)
        return reply

    def stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of StopQuery.

        Raises:
            LogsError: There is no such query, or it has ended.
        """
        query = self._query(request)
        if query.state in _ENDED:
            raise invalid(f"Query {request['queryId']} is not running: {query.state}.")
        query.state = "Cancelled"
        return {"success": True}

    def _query(self, request: Mapping[str, Any]) -> _Query:
        query = self._queries.get(request["queryId"])
        if query is None:
            raise not_found("query")
        return query

    def _evaluate(
        self, request: Mapping[str, Any], groups: list[Group]
    ) -> tuple[list[dict[str, str]], dict[str, float]]:
        if request.get("queryLanguage", "CWLI") != "CWLI":
            raise NotImplementedError("Only Logs Insights QL is played; script the results.")
        asked = parse_query(request["queryString"])
        span = EventRange(request["startTime"] * 1000, request["endTime"] * 1000 + 1)
        records = [_Record(event, group) for group in groups for event in group.source.events(span)]
        found = [record for record in records if asked.test(record.value)]
        for name, is_descending in reversed(asked.order):
            found.sort(key=partial(_sort_key, name), reverse=is_descending)
        wanted = found[: _most(request, asked.limit)]
        statistics = {
            "recordsMatched": float(len(found)),
            "recordsScanned": float(len(records)),
            "bytesScanned": float(sum(size_bytes(record.event.message) for record in records)),
        }
        return [self._row(record, asked.fields) for record in wanted], statistics

    def _row(self, record: _Record, fields: tuple[str, ...]) -> dict[str, str]:
        row = {}
        for name in fields:
            value = record.value(name)
            if name in _TIMES and not self.times_as_ms:
                moment = datetime.fromtimestamp(value // 1000, UTC)
                row[name] = f"{moment:%Y-%m-%d %H:%M:%S}.{value % 1000:03d}"
            elif value is not None:
                row[name] = value if isinstance(value, str) else json.dumps(value)
        return {**row, "@ptr": record.event.event_id}


class _Record:
    """An event with its fields."""

    def __init__(self, event: Event, group: Group) -> None:
        self.event = event
        self._fields: dict[str, Any] = {
            "@timestamp": event.timestamp,
            "@ingestionTime": event.ingestion_time,
            "@message": event.message,
            "@logStream": event.stream,
            "@log": f"{group.account}:{group.name}",
            "@ptr": event.event_id,
        }

    def value(self, name: str) -> Any:
        """Return a field's value, or ``None`` if there is no such field."""
        return self._found().get(name) if name not in self._fields else self._fields[name]

    def _found(self) -> Mapping[str, Any]:
        """Return the fields that the service finds in a message of JSON."""
        try:
            document = json.loads(self.event.message)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


def _most(request: Mapping[str, Any], told: int | None) -> int:
    """Return how many rows a query gives, by its request and by what its text tells."""
    limits = [limit for limit in (request.get("limit"), told) if limit is not None]
    return min(limits, default=_DEFAULT_ROWS)


def _limit_in(text: str) -> int | None:
    """Return the limit in a text that is not read."""
    found = re.findall(r"\|\s*limit\s+(\d+)", text, re.IGNORECASE)
    return int(found[-1]) if found else None


def _sort_key(name: str, record: _Record) -> tuple[str, Any]:
    value = record.value(name)
    return (type(value).__name__, value if value is not None else 0)
