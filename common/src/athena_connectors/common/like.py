r"""LIKE without an escape character: ``%`` is any text, ``_`` any one character.

Every other character, the backslash too, stands for itself, and a newline is a character
as any other. The whole value has to match.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import compute

if TYPE_CHECKING:
    from athena_connectors.common.physical import Data

__all__ = ["like"]

_CACHED_PATTERNS = 1024


def like(values: Data, patterns: Data) -> Data:
    """Match texts against one pattern, or each against the pattern of its own row.

    Returns:
        A boolean for each row, NULL where the text or the pattern is NULL.

    Cost:
        One kernel for a constant pattern; row by row in Python for a column of patterns.
    """
    if not isinstance(patterns, pa.Scalar):
        return _by_row(values, patterns)
    if not patterns.is_valid:
        return pa.scalar(None, pa.bool_())
    return _constant(values, patterns.as_py())


def _constant(values: Data, pattern: str) -> Data:
    pc = compute()
    body = pattern.strip("%")
    if "%" in body or "_" in body:
        return _regex(values, pattern)
    match pattern.startswith("%"), pattern.endswith("%"):
        case False, False:
            return pc.equal(values, pa.scalar(pattern, values.type))
        case False, True:
            return pc.starts_with(values, pattern=body)
        case True, False:
            return pc.ends_with(values, pattern=body)
        case _:
            return pc.match_substring(values, pattern=body)


_WILDCARDS = {"%": ".*", "_": "."}
_SPECIAL = frozenset("\\.+*?()|[]{}^$")


def _regex(values: Data, pattern: str) -> Data:
    pc = compute()
    parts = (
        _WILDCARDS.get(char) or (f"\\{char}" if char in _SPECIAL else char) for char in pattern
    )
    try:
        return pc.match_substring_regex(values, pattern=rf"\A(?s:{''.join(parts)})\z")
    except pa.ArrowInvalid:  # the engine of the kernel refuses patterns of many kilobytes
        return _by_row(values, pa.scalar(pattern))


def _by_row(values: Data, patterns: Data) -> Data:
    if isinstance(values, pa.Scalar) and isinstance(patterns, pa.Scalar):
        return pa.scalar(_matches(values.as_py(), patterns.as_py()), pa.bool_())
    rows = len(patterns if isinstance(values, pa.Scalar) else values)
    pairs = zip(_column(values, rows), _column(patterns, rows), strict=True)
    return pa.array([_matches(value, pattern) for value, pattern in pairs], pa.bool_())


def _column(data: Data, rows: int) -> list[Any]:
    return [data.as_py()] * rows if isinstance(data, pa.Scalar) else data.to_pylist()


def _matches(value: str | None, pattern: str | None) -> bool | None:
    if value is None or pattern is None:
        return None
    return _compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=_CACHED_PATTERNS)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern so that matching takes time linear in the text.

    The pieces between ``%`` have a fixed length, so each may be taken where it comes
    first, once and for all; only the last has to wait for the end.
    """
    first, *others = ("".join(map(_literal, piece)) for piece in pattern.split("%"))
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1])
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def _literal(char: str) -> str:
    return "." if char == "_" else re.escape(char)
