"""Filter patterns of FilterLogEvents: which messages they match.

Terms, optional and excluded ones, phrases, regular expressions, and JSON patterns, which
stand in ``logs_json_patterns``. Patterns of space-delimited fields, ``[a, b]``, are not
played.

Source: CloudWatch Logs user guide, "Filter pattern syntax". It does not say whether a term
matches inside a word; here it does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from athena_connectors.common.testing.logs_errors import invalid
from athena_connectors.common.testing.logs_json_patterns import compile_json_pattern
from athena_connectors.common.testing.logs_regexes import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compile_pattern"]

_MAX_REGEXES = 2
_ITEM = re.compile(
    r'(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|%(?P<regex>(?:[^%\\]|\\.)*)%'
    r"|(?P<word>[^\s\"%]+))(?=\s|$)",
    re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z0-9_]+")


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a message matches a pattern.

    Raises:
        LogsError: The pattern is none.
        NotImplementedError: It is one of space-delimited fields.
    """
    text = pattern.strip()
    if text.startswith("{"):
        return compile_json_pattern(text)
    if text.startswith("["):
        raise NotImplementedError("Patterns of space-delimited fields are not played.")
    required: list[Callable[[str], bool]] = []
    optional: list[Callable[[str], bool]] = []
    excluded: list[Callable[[str], bool]] = []
    kinds = {"": required, "?": optional, "-": excluded}
    place = regexes = 0
    while place < len(text):
        found = _ITEM.match(text, place)
        if found is None:
            raise invalid("Invalid filter pattern")
        kinds[found["sign"]].append(_matcher(found))
        regexes += found["regex"] is not None
        place = found.end()
        while place < len(text) and text[place].isspace():
            place += 1
    if regexes > _MAX_REGEXES:
        raise invalid("Invalid filter pattern: too many regular expressions")

    def matches(message: str) -> bool:
        if any(test(message) for test in excluded):
            return False
        if required or not optional:  # beside required terms, optional ones mean nothing
            return all(test(message) for test in required)
        return any(test(message) for test in optional)

    return matches


def _matcher(found: re.Match[str]) -> Callable[[str], bool]:
    if found["regex"] is not None:
        return compile_regex(found["regex"])
    if found["phrase"] is not None:
        literal = re.sub(r"\\(.)", r"\1", found["phrase"], flags=re.DOTALL)
    else:
        literal = found["word"]
        if not _WORD.fullmatch(literal):
            raise invalid(f"Invalid character(s) in term '{literal}'")
    return lambda message: literal in message
