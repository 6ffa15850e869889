"""Texts, whatever a sender has put into them: as arrays, and in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FIRST_SURROGATE", "LAST_SURROGATE", "is_text", "text_after", "text_array"]

FIRST_SURROGATE, LAST_SURROGATE = "\ud800", "\udfff"
"""The halves of pairs that stand for one character in UTF-16; alone they stand for none."""


def text_array(values: Sequence[str | None]) -> pa.Array[Any]:
    """Return texts as an array, with U+FFFD for each half of a surrogate pair.

    JSON can spell such a half alone; UTF-8 has nothing for it.
    """
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([value and _whole(value) for value in values], pa.string())


def is_text(value: str) -> bool:
    """Return whether a text can be stored: it has no half of a surrogate pair."""
    return not any(FIRST_SURROGATE <= char <= LAST_SURROGATE for char in value)


def text_after(prefix: str) -> str:
    """Return the first text behind all that begin with one; empty if there is none."""
    body = prefix.rstrip("\U0010ffff")
    if not body:
        return ""
    following = ord(body[-1]) + 1
    if following == ord(FIRST_SURROGATE):
        following = ord(LAST_SURROGATE) + 1
    return body[:-1] + chr(following)


def _whole(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
