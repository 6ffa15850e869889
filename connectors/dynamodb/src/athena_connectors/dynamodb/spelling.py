"""Whether a reply holds a name in another case, found without looking at its items."""

from __future__ import annotations

import re
from functools import cached_property

__all__ = ["Spelling"]

_PLAIN_NAME = re.compile(r"[ !#-\[\]-~]*").fullmatch
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]").search
_KELVIN = re.compile(rb"\xe2\x84\xaa|\\u212[Aa]").search


class Spelling:
    """The spellings of names in the body of one reply.

    Args:
        body: JSON.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    def may_differ(self, name: str) -> bool:
        """Whether the body may hold a text that is equal to the name ignoring case only.

        It may for names that JSON escapes or that are not ASCII. The Kelvin sign is the one
        other character whose lower case is an ASCII letter.
        """
        if _PLAIN_NAME(name) is None or self._has_escaped_letters:
            return True
        quoted = f'"{name}"'.encode()
        if self._lower.count(quoted.lower()) != self._body.count(quoted):
            return True
        return "k" in name.lower() and _KELVIN(self._body) is not None

    @cached_property
    def _lower(self) -> bytes:
        return self._body.lower()

    @cached_property
    def _has_escaped_letters(self) -> bool:
        return b"\\u00" in self._body and _ESCAPED_LETTER(self._body) is not None
