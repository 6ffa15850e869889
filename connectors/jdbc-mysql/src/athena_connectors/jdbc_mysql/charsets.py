"""Which texts a character set of the server has for certain, and which it has not.

Next to a column, a constant that the column's character set has not is error 1267, so it
may stand there only if there is no doubt. Source: MySQL manual, "Character Sets and
Collations in MySQL".
"""

from __future__ import annotations

import re

__all__ = ["holds"]

_UNIVERSAL = frozenset({"utf8mb4", "utf16", "utf16le", "utf32", "gb18030"})
_OF_THE_BASIC_PLANE = frozenset({"utf8mb3", "utf8", "ucs2"})
_LAST_OF_THE_BASIC_PLANE = "\uffff"
_INVARIANT = re.compile(r"[0-9A-Za-z !\"%&'()*+,\-./:;<=>?_]*", re.ASCII)
"""Characters that ISO 646 has in all of its variants, and so does every character set."""
_CONTROLS = re.compile(r"[\x7f-\x9f]")


def holds(charset: str, text: str) -> bool | None:
    """Return whether a character set has all characters of a text; ``None`` if in doubt.

    Args:
        charset: The server's name of it.
        text: Without half a surrogate pair.
    """
    if charset in _UNIVERSAL:
        return True
    if charset in _OF_THE_BASIC_PLANE:
        return max(text, default="") <= _LAST_OF_THE_BASIC_PLANE
    if charset == "latin1":
        return _is_latin1(text)
    return True if charset and _INVARIANT.fullmatch(text) else None


def _is_latin1(text: str) -> bool | None:
    """The server's is cp1252, and what that leaves open are control characters."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return None if _CONTROLS.search(text) else False
    return True
