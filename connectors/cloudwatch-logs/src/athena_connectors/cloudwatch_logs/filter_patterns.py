r"""Filter patterns: those that a predicate on messages implies, and those that it names.

An implied pattern is a regular expression of literal characters, ``%Task\x20timed%``. The
form with plain terms is not used, because nobody says whether ``ERROR`` matches inside a
word.

An asterisk is never asked for: it may stand for sensitive data that the service masks, and
whether a pattern meets the data or the mask is not said. What of a shown message has no
asterisk is in the stored one too.

Source: CloudWatch Logs user guide, "Filter pattern syntax for metric filters, subscription
filters, filter log events, and Live Tail".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.cloudwatch_logs.log_group import LogGroup

__all__ = ["MAX_PATTERN", "check_patterns", "containing", "like_pieces", "longest_run"]

MAX_PATTERN = 1024
"""Characters of a filter pattern at most. Source: CloudWatch Logs API, FilterLogEvents."""
_MIN_RUN = 3
_RUN = re.compile(r"[\x20-)+-~]+")
_WILDCARDS = re.compile("[%_]+")


def like_pieces(pattern: str) -> list[str]:
    """Return the texts between the wildcards of a LIKE pattern, empty ones at its ends too."""
    return _WILDCARDS.split(pattern)


def longest_run(texts: Iterable[str]) -> str:
    """Return the longest part of some texts that a filter pattern can ask for.

    Returns:
        Printable ASCII without an asterisk, three characters at least; empty if no text has
        such a part.
    """
    runs = (run for text in texts for run in _RUN.findall(text))
    longest = max(runs, key=len, default="")
    return longest if len(longest) >= _MIN_RUN else ""


def containing(run: str) -> str:
    """Return the filter pattern of messages that have a run in them, or its beginning.

    A run of which the pattern would be too long is cut.
    """
    regex = ""
    for char in run:
        item = char if char.isalnum() else f"\\x{ord(char):02x}"
        if len(regex) + len(item) + 2 > MAX_PATTERN:
            break
        regex += item
    return f"%{regex}%"


def check_patterns(patterns: Sequence[str], group: LogGroup) -> None:
    """Check that a group can be asked for the values of ``filter_pattern`` in a predicate.

    Raises:
        InvalidRequestError: One of them is too long.
        UnsupportedOperationError: The class of the group knows no filter patterns.
    """
    for pattern in patterns:
        if len(pattern) > MAX_PATTERN:
            raise InvalidRequestError(
                f"A value of column 'filter_pattern' has {len(pattern)} characters, and a filter"
                f" pattern has {MAX_PATTERN} at most.",
                hint="Ask for less, and leave the rest to a predicate on message.",
                column="filter_pattern",
            )
    if patterns and not group.log_class.gives_events:
        raise UnsupportedOperationError(
            f"Log group {group.name} is of class {group.log_class.value}, and column"
            " 'filter_pattern' asks for a filter pattern, which such groups do not know.",
            hint="Use a predicate on message instead.",
            column="filter_pattern",
        )
