"""What CloudWatch Logs evaluates of a scan: times, streams, a filter pattern, limit and order.

Pure: everything is decided from the table's description, without a request, and the same
constraints give the same selection when splits are planned and when they are read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.domain_reaches import domain_reach
from athena_connectors.cloudwatch_logs.expression_reaches import expression_reach
from athena_connectors.cloudwatch_logs.filter_patterns import containing
from athena_connectors.cloudwatch_logs.native_text import NOTHING, reach_text
from athena_connectors.cloudwatch_logs.reach import Reach, all_true
from athena_connectors.cloudwatch_logs.selection import Selection
from athena_connectors.cloudwatch_logs.stream_names import ALL_STREAMS, StreamSet
from athena_connectors.cloudwatch_logs.types import EVENT_TIME, LOG_GROUP, LOG_STREAM, TIME
from athena_connectors.cloudwatch_logs.windows import (
    LAST_MS,
    MAX_AGE_MS,
    is_within,
    spans_of,
    windows_of,
)
from athena_connectors.common.connector import Decision, Exactness, Pushdown
from athena_connectors.common.constraints import ColumnDomain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.cloudwatch_logs.log_group import LogTable
    from athena_connectors.cloudwatch_logs.settings import Settings
    from athena_connectors.common.constraints import Conjunct, Constraints

__all__ = ["MAX_NAMES", "PAGE_EVENTS", "select"]

MAX_NAMES = 100
"""Streams that one request can name. Source: CloudWatch Logs API, FilterLogEvents."""
PAGE_EVENTS = 10_000
"""Events that one request gives at most. Source: the same."""
NEWEST_FIRST_SINCE = 1_704_067_200_000
"""Start of 2024: events from there on can be read newest first. Source: the same."""

_GAPS = "The conditions leave more spans of time than are read one by one."
_NAMES = "The conditions leave more than one beginning of names of streams."
_OTHER_PATTERN = "One request takes one filter pattern, and another part of the predicate gives it."
_SWITCHED_OFF = "Setting derive_filter_pattern is off."
_NO_PATTERNS = "Groups of this class know no filter patterns."
_RESIDUAL = "Not all of the predicate is evaluated exactly by CloudWatch Logs."
_UNORDERED = "CloudWatch Logs orders events by their time only."
_NO_ORDER = "Groups of this class are not read in order."
_MANY_READS = "One request names up to 100 streams, so events of more come in no common order."
_MANY_PATTERNS = "Events that match different filter patterns come in no common order."
_MANY_WINDOWS = "Newest first, one span of time is read in order."
_NO_END = (
    f"Times without an end are read in ascending order up to {PAGE_EVENTS:,} events, one page:"
    " further ones might follow events that are written meanwhile."
)
_TOO_EARLY = "Events can be read newest first from 2024-01-01 on, and earlier ones are asked for."


def select(constraints: Constraints, table: LogTable, settings: Settings) -> Pushdown:
    """Decide what CloudWatch Logs evaluates; ``native`` of the result is a ``Selection``.

    A read has to keep to the selection exactly but for its ``implied_pattern``, which may be
    left out: no event outside of the windows or streams.

    Raises:
        InvalidRequestError: An expression calls an unknown function, or one with a wrong
            number of arguments.
    """
    known = _known(table)
    parts = [(conjunct, _reach(conjunct, known)) for conjunct in constraints.conjuncts()]
    whole = all_true([_table_reach(table), *(reach for _, reach in parts)])
    if whole.is_never or (whole.needs_pattern and whole.patterns is None):
        decisions = [Decision(conjunct, Exactness.EXACT, native=NOTHING) for conjunct, _ in parts]
        return _pushdown(Selection(windows=()), decisions, constraints)
    no_run = _no_run(whole, table, settings)
    selection = Selection(
        windows_of(whole.times),
        whole.streams.selector(),
        None if whole.patterns is None else tuple(sorted(whole.patterns)),
        containing(whole.run) if whole.run and not no_run else "",
    )
    run = "" if no_run else whole.run
    decisions = [
        _decision(*part, selection, run=run, no_run=no_run or _OTHER_PATTERN) for part in parts
    ]
    return _ordered(selection, decisions, constraints, table)


def _known(table: LogTable) -> dict[str, str]:
    """Return the columns that have one value, which is known before anything is read."""
    known = {}
    if not table.group.identifier:  # of other accounts' groups, the schema's name has more
        known[LOG_GROUP] = table.group.name
    if table.stream is not None:
        known[LOG_STREAM] = table.stream
    return known


def _table_reach(table: LogTable) -> Reach:
    """Return what the table has; its events are not much older than the group."""
    first = max(0, table.group.created_at - MAX_AGE_MS)
    streams = ALL_STREAMS if table.stream is None else StreamSet(frozenset((table.stream,)))
    return Reach(times=((first, LAST_MS),), streams=streams)


def _reach(conjunct: Conjunct, known: Mapping[str, str]) -> Reach:
    if isinstance(conjunct, ColumnDomain):
        return domain_reach(conjunct.column, conjunct.values, known)
    return expression_reach(conjunct, known)


def _no_run(whole: Reach, table: LogTable, settings: Settings) -> str:
    """Return why no pattern is derived, if none is."""
    if not settings.derive_filter_pattern:
        return _SWITCHED_OFF
    if not table.group.log_class.gives_events:
        return _NO_PATTERNS
    return _OTHER_PATTERN if whole.patterns is not None else ""


def _decision(
    conjunct: Conjunct, reach: Reach, selection: Selection, *, run: str, no_run: str
) -> Decision:
    is_run = bool(reach.run) and reach.run == run
    native = reach_text(reach, with_run=is_run)
    reason = reach.reason
    if not reason and not reach.covers(selection):
        is_gap = not is_within(spans_of(selection.windows), reach.times)
        reason = _GAPS if is_gap else _NAMES
    if not reason:
        return Decision(conjunct, Exactness.EXACT, native=native)
    if native:
        return Decision(conjunct, Exactness.SUPERSET, native=native, reason=reason)
    return Decision(conjunct, Exactness.NOT_PUSHED, reason=no_run if reach.run else reason)


def _pushdown(
    selection: Selection,
    decisions: Sequence[Decision],
    constraints: Constraints,
    *,
    no_limit: str = "",
) -> Pushdown:
    is_pushed = constraints.limit is not None and not no_limit
    return Pushdown(
        selection,
        tuple(decisions),
        limit_pushed=is_pushed,
        order_pushed=is_pushed and bool(constraints.order_by),
        limit_reason=no_limit if constraints.limit is not None else "",
    )


def _ordered(
    selection: Selection,
    decisions: Sequence[Decision],
    constraints: Constraints,
    table: LogTable,
) -> Pushdown:
    """Push limit and order too, if that loses no row."""
    if constraints.limit is None:
        return _pushdown(selection, decisions, constraints)
    if any(each.exactness is not Exactness.EXACT for each in decisions):
        return _pushdown(selection, decisions, constraints, no_limit=_RESIDUAL)
    known = _known(table)
    keys = [key for key in constraints.order_by if key.column not in known]
    if any(key.column not in (TIME, EVENT_TIME) for key in keys):
        return _pushdown(selection, decisions, constraints, no_limit=_UNORDERED)
    is_newest_first = bool(keys) and keys[0].direction.descending
    limit, no_order = constraints.limit, ""
    if keys:
        no_order = _no_order(selection, table, limit=limit, newest_first=is_newest_first)
    if no_order:
        return _pushdown(selection, decisions, constraints, no_limit=no_order)
    limited = replace(
        selection,
        newest_first=is_newest_first,
        oldest_first=bool(keys) and not is_newest_first,
        limit=limit,
    )
    return _pushdown(limited, decisions, constraints)


def _no_order(selection: Selection, table: LogTable, *, limit: int, newest_first: bool) -> str:
    """Return why events can't be read in order of their time, if they can't."""
    if not table.group.log_class.gives_events:
        return _NO_ORDER
    if selection.streams.names is not None and len(selection.streams.names) > MAX_NAMES:
        return _MANY_READS
    if selection.patterns is not None and len(selection.patterns) > 1:
        return _MANY_PATTERNS
    if newest_first and len(selection.windows) > 1:
        return _MANY_WINDOWS
    if newest_first and selection.windows[0].start < NEWEST_FIRST_SINCE:
        return _TOO_EARLY
    if not newest_first and selection.windows[-1].end is None and limit > PAGE_EVENTS:
        return _NO_END
    return ""
