"""What the service is asked for, as text for people, in the words of its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.filter_patterns import containing
from athena_connectors.cloudwatch_logs.stream_names import ALL_STREAMS
from athena_connectors.cloudwatch_logs.windows import ALL_TIMES, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.cloudwatch_logs.reach import Reach
    from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector, Window

__all__ = ["NOTHING", "native_text", "reach_text"]

NOTHING = "no event"
_FEW = 3


def native_text(selection: Selection, *, operation: str, group: str) -> str:
    """Return the requests for a selection, a line for each of its windows and patterns.

    Args:
        selection: What is asked for.
        operation: The operation that is called, such as ``FilterLogEvents``.
        group: Name of the group.
    """
    patterns = selection.patterns
    if patterns is None:
        patterns = (selection.implied_pattern,)
    lines = [
        " ".join([operation, group, *_request(selection, window, pattern)])
        for pattern in patterns
        for window in selection.windows
    ]
    return "\n".join(lines) or NOTHING


def reach_text(reach: Reach, *, with_run: bool) -> str:
    """Return what a part of the predicate asks for.

    Args:
        reach: The part.
        with_run: Whether its condition on messages becomes the filter pattern.
    """
    parts: list[str] = []
    if reach.times != ALL_TIMES:
        windows = [" ".join(_window(window)) for window in windows_of(reach.times)]
        parts.append(_some(windows, " or "))
    if reach.streams != ALL_STREAMS:
        parts.extend(_streams(reach.streams.selector()))
    if reach.patterns is not None:
        patterns = [f"filterPattern={pattern!r}" for pattern in sorted(reach.patterns)]
        parts.append(_some(patterns, " or "))
    if with_run and reach.run:
        parts.append(f"filterPattern={containing(reach.run)!r}")
    return " ".join(parts)


def _request(selection: Selection, window: Window, pattern: str) -> Iterator[str]:
    yield from _window(window)
    yield from _streams(selection.streams)
    if pattern:
        yield f"filterPattern={pattern!r}"
    if selection.newest_first:
        yield "startFromHead=false"


def _window(window: Window) -> list[str]:
    """Return a window, whose end is the first time that is not in it."""
    ends = [f"startTime={window.start}"] if window.start or window.end is None else []
    return ends if window.end is None else [*ends, f"endTime={window.end}"]


def _streams(streams: StreamSelector) -> Iterator[str]:
    if streams.names is not None:
        yield f"logStreamNames={_some(list(map(repr, streams.names)), ', ')}"
    elif streams.prefix:
        yield f"logStreamNamePrefix={streams.prefix!r}"


def _some(texts: Sequence[str], joint: str) -> str:
    shown = joint.join(texts[:_FEW])
    return shown if len(texts) <= _FEW else f"{shown}{joint}{len(texts) - _FEW} more"
