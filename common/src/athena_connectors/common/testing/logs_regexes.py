"""Regular expressions in filter patterns: ``%[0-9]+ms%``.

Source: CloudWatch Logs user guide, "Supported regular expressions (regex) syntax".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from athena_connectors.common.testing.logs_errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compile_regex"]

_REGEX = re.compile(
    r"(?:[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|*+.]|\\[dDsSwW]|\\x[0-7][0-9A-Fa-f]"
    r"|\\[\\^$?\[\]{}|*+.\-/])+"
)


def compile_regex(text: str) -> Callable[[str], bool]:
    """Return what tells whether a text holds a match of a regular expression.

    Raises:
        LogsError: The service does not take it.
    """
    if not _REGEX.fullmatch(text):
        raise invalid(f"Invalid filter pattern: regular expression {text!r}")
    try:
        regex = re.compile(text, re.ASCII)
    except re.error as cause:
        raise invalid(f"Invalid filter pattern: {cause}") from cause
    return lambda message: regex.search(message) is not None
