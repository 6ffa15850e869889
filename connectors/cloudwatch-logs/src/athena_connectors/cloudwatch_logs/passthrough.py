"""Native queries: arguments of ``system.query``, the columns of a result, and its rows.

Logs Insights only reads, whatever the text says.

Source: Java reference, arguments of the function; CloudWatch Logs API reference,
``StartQuery``.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.cloudwatch_logs.insights import MAX_ROWS, InsightsQuery, run
from athena_connectors.cloudwatch_logs.insights_text import columns_of, selects_groups
from athena_connectors.common.budgets import UNLIMITED
from athena_connectors.common.capabilities import PassthroughFunction
from athena_connectors.common.errors import (
    InvalidRequestError,
    SchemaNotFoundError,
    SourceError,
    UnsupportedOperationError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.physical import compute
from athena_connectors.common.types import rows_without_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import Any

    from athena_connectors.cloudwatch_logs.insights import InsightsClient
    from athena_connectors.cloudwatch_logs.insights_rows import ResultPage
    from athena_connectors.common.budgets import SplitBudget

__all__ = ["FUNCTION", "NativeQuery", "describe_query", "native_text", "read_query", "read_rows"]

FUNCTION = PassthroughFunction(
    arguments=("ENDTIME", "QUERYSTRING", "STARTTIME", "LOGGROUPNAMES", "LIMIT")
)
"""The table function that takes a native query; arguments in the Java connector's order."""

_MAX_CHARACTERS = 10_000
_MAX_GROUPS = 50
_SAMPLE_ROWS = 100
_FIRST_MS = 10**11
"""The least number that is a time in ms; as one in seconds it would be in the year 5138."""
_LAST_S = 10**11 - 1
_POINTER = "@ptr"
_MESSAGE = "@message"
_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_ARN = re.compile(
    r"(?P<arn>arn:[\w-]+:logs:[a-z0-9-]+:\d{12}:log-group:(?P<name>[.\-_/#A-Za-z0-9]{1,512}))(?::\*)?"
)
_DIGITS = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class NativeQuery:
    """A native query and its columns, the ``facts`` of its description.

    Attributes:
        query: The query.
        columns: Names of the fields that are shown.
        are_all: Whether the text names all fields that the result can have.
    """

    query: InsightsQuery
    columns: tuple[str, ...]
    are_all: bool

    @property
    def schema(self) -> pa.Schema:
        """The columns; Logs Insights gives nothing but text."""
        return pa.schema([(name, pa.string()) for name in self.columns])


def read_query(arguments: Mapping[str, str], *, exists: Callable[[str], bool]) -> InsightsQuery:
    """Return the query that the arguments of a call describe.

    Args:
        arguments: As Athena sends them; ``STARTTIME`` and ``ENDTIME`` in seconds or ms since
            1970, both inclusive, ``LOGGROUPNAMES`` separated by commas.
        exists: Tells whether a log group exists for Athena, by its name without account.

    Raises:
        InvalidRequestError: An argument is missing, blank or malformed.
        SchemaNotFoundError: A log group does not exist for Athena.
        UnsupportedOperationError: The text itself names log groups.
    """
    FUNCTION.verify(arguments)
    text = arguments["QUERYSTRING"]
    if len(text) > _MAX_CHARACTERS:
        raise InvalidRequestError(
            f"QUERYSTRING has {len(text):,} characters; Logs Insights takes {_MAX_CHARACTERS:,}.",
            hint="Shorten it.",
        )
    if selects_groups(text):
        raise UnsupportedOperationError(
            "QUERYSTRING has the command SOURCE.", hint="Name log groups in LOGGROUPNAMES instead."
        )
    groups = _groups(arguments["LOGGROUPNAMES"], exists)
    start_s = _time(arguments, "STARTTIME", round_up=False)
    end_s = _time(arguments, "ENDTIME", round_up=True)
    if start_s > end_s:
        raise InvalidRequestError(
            f"STARTTIME {arguments['STARTTIME'].strip()} is after ENDTIME"
            f" {arguments['ENDTIME'].strip()}.",
            hint="Swap them.",
        )
    return InsightsQuery(text, groups, start_s, end_s, _limit(arguments["LIMIT"]))


def describe_query(
    client: InsightsClient,
    query: InsightsQuery,
    *,
    timeout_s: float,
    deadline: float | None = None,
    budget: SplitBudget = UNLIMITED,
) -> NativeQuery:
    """Return the columns of a query's result.

    They are those that the text names. If it leaves any open, those of the first 100 rows
    follow; if there is none at all, ``@message`` is one. ``@ptr``, which comes with every
    event, is shown only if the text names it.

    Raises:
        ConnectorError: As of ``insights.run``, if the query has to be run.

    Cost:
        Nothing if the text names all columns, else that of the query.
    """
    named = columns_of(query.text)
    if named.are_all:
        return NativeQuery(query, named.names, are_all=True)
    names = dict.fromkeys(named.names)
    sample = replace(query, limit=min(query.limit, _SAMPLE_ROWS))
    pages = run(
        client,
        sample,
        timeout_s=timeout_s,
        deadline=deadline,
        stats=SplitStats(),
        budget=budget,
        page_rows=_SAMPLE_ROWS,
    )
    with closing(pages):
        names.update(dict.fromkeys(next(pages).names()))
    if _POINTER not in named.names:
        names.pop(_POINTER, None)
    return NativeQuery(query, tuple(names) or (_MESSAGE,), are_all=False)


def read_rows(
    client: InsightsClient,
    native: NativeQuery,
    columns: Sequence[str],
    *,
    timeout_s: float,
    deadline: float | None,
    stats: SplitStats,
    budget: SplitBudget = UNLIMITED,
) -> Generator[pa.RecordBatch]:
    """Run a query and yield its rows.

    Args:
        client: Makes the calls.
        native: The query.
        columns: Names of the columns that are wanted; none to count rows.
        timeout_s: As of ``insights.run``, and so are the others and what is raised.
        deadline: When it has to have ended.
        stats: Counts what it costs.
        budget: What it may cost.

    Yields:
        Batches of 1 to 10,000 rows with these columns, all of text.

    Raises:
        SourceError: A column has another name in the result than in the text.
    """
    pages = run(
        client, native.query, timeout_s=timeout_s, deadline=deadline, stats=stats, budget=budget
    )
    with closing(pages):
        for page in pages:
            if native.are_all:
                _check_names(native, page.names())
            if page.num_rows:
                yield _batch(page, columns)


def native_text(query: InsightsQuery) -> str:
    """Return a query for people to read."""
    return (
        f"StartQuery {', '.join(query.groups)} from {query.start_s} to {query.end_s}"
        f" limit {query.limit}\n{query.text}"
    )


def _batch(page: ResultPage, columns: Sequence[str]) -> pa.RecordBatch:
    if not columns:
        return rows_without_columns(page.num_rows)
    names = page.names()
    return pa.record_batch(
        {name: _column(page, name, names=names, columns=columns) for name in columns}
    )


def _column(page: ResultPage, name: str, *, names: Sequence[str], columns: Sequence[str]) -> Any:
    """Return a column, with the values of fields whose names differ by case alone."""
    others = [
        other
        for other in names
        if other != name and other.lower() == name.lower() and other not in columns
    ]
    return compute().coalesce(*(page.column(spelling) for spelling in (name, *others)))


def _check_names(native: NativeQuery, names: Sequence[str]) -> None:
    """Refuse a result with fields that the text was not read to have, if it lacks others.

    Without that a column of such a name would seem to be NULL everywhere. Fields that the
    service adds by itself begin with ``@`` and are no sign of it.
    """
    known = {name.lower() for name in native.columns}
    found = {name.lower() for name in names}
    strange = [name for name in names if name.lower() not in known and name[:1] != "@"]
    missing = [name for name in native.columns if name.lower() not in found]
    if strange and missing:
        raise SourceError(
            f"Logs Insights calls columns of the result {', '.join(strange)}; expected were"
            f" {', '.join(missing)}.",
            hint="Name each of them in QUERYSTRING: fields … as name.",
        )


def _groups(text: str, exists: Callable[[str], bool]) -> tuple[str, ...]:
    groups = []
    for piece in text.split(","):
        written = piece.strip().strip("\"'").strip()
        found = _ARN.fullmatch(written)
        name = found["name"] if found else written
        if _NAME.fullmatch(name) is None:
            raise InvalidRequestError(
                f"LOGGROUPNAMES has {written!r}, which is neither the name of a log group nor"
                " the ARN of one.",
                hint="Separate names by commas; name a log group of another account by its ARN.",
            )
        if not exists(name):
            raise SchemaNotFoundError(
                f"There is no log group {name!r}.",
                hint="Check the name, and the settings log_group_include and log_group_exclude.",
                schema=name,
            )
        groups.append(found["arn"] if found else name)
    if len(groups) > _MAX_GROUPS:
        raise InvalidRequestError(
            f"LOGGROUPNAMES has {len(groups)} names; Logs Insights takes {_MAX_GROUPS}.",
            hint="Name fewer log groups at a time.",
        )
    return tuple(dict.fromkeys(groups))


def _time(arguments: Mapping[str, str], name: str, *, round_up: bool) -> int:
    """Return a time in seconds since 1970."""
    written = arguments[name].strip()
    time = _number(written)
    if time is None:
        raise InvalidRequestError(
            f"{name} is {written[:40]!r}, not a time.",
            hint="Pass seconds or milliseconds since 1970.",
        )
    if time >= _FIRST_MS:
        time = min((time + 999 * round_up) // 1000, _LAST_S)
    return time


def _limit(written: str) -> int:
    limit = _number(written.strip())
    if limit is None or not 1 <= limit <= MAX_ROWS:
        raise InvalidRequestError(
            f"LIMIT is {written.strip()[:40]!r}, not a number from 1 to {MAX_ROWS:,}.",
            hint="Narrow the time range for results that have more rows.",
        )
    return limit


def _number(written: str) -> int | None:
    return int(written) if _DIGITS.fullmatch(written) else None
