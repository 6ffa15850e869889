"""Patterns of dates and times, in Java's letters.

They are those of the Java connector as far as they are unambiguous, and read strictly: a field
of two letters has two digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from athena_connectors.common.errors import ConfigurationError

__all__ = ["DAY_MS", "Part", "Pattern", "expression_of", "parse_pattern", "write_local"]

DAY_MS = 86_400_000

_OFFSET_TEXT = r"Z|[+-]\d\d(?::?\d\d)?"


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a pattern, or the text between two.

    Attributes:
        letter: Java's letter of the field; empty for text.
        width: How often the letter is repeated.
        text: The text, if it is one.
    """

    letter: str
    width: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, taken apart.

    Attributes:
        source: The pattern as it is written.
        parts: Its parts, in order.
        is_canonical: Whether no two texts say the same local time: no zone, no names, each
            field of fixed width, no more than three digits of a fraction.
        is_sortable: Whether, moreover, its texts sort as the local times do: year of four
            digits first, then all fields down to the smallest in order, at least to the day.
        precision_ms: Milliseconds of its smallest field, no less than one and no more than a
            day; local times of a sortable pattern are the multiples of it.
    """

    source: str
    parts: tuple[Part, ...]
    is_canonical: bool
    is_sortable: bool
    precision_ms: int


_FIELDS: dict[str, dict[int, str]] = {
    "y": {1: r"\d{1,4}", 2: r"\d{2}", 4: r"\d{4}"},
    "u": {4: r"\d{4}"},
    "M": {1: r"\d{1,2}", 2: r"\d{2}", 3: "[A-Za-z]{3}", 4: "[A-Za-z]{3,9}"},
    "d": {1: r"\d{1,2}", 2: r"\d{2}"},
    "H": {1: r"\d{1,2}", 2: r"\d{2}"},
    "h": {1: r"\d{1,2}", 2: r"\d{2}"},
    "m": {1: r"\d{1,2}", 2: r"\d{2}"},
    "s": {1: r"\d{1,2}", 2: r"\d{2}"},
    "S": {width: rf"\d{{{width}}}" for width in range(1, 10)},
    "a": {1: "[AaPp][Mm]"},
    "E": {width: "[A-Za-z]{3,9}" if width == 4 else "[A-Za-z]{3}" for width in (1, 2, 3, 4)},  # noqa: PLR2004 - letters
    "Z": dict.fromkeys((1, 2, 3), _OFFSET_TEXT),
    "X": dict.fromkeys((1, 2, 3), _OFFSET_TEXT),
    "x": dict.fromkeys((1, 2, 3), _OFFSET_TEXT),
    "z": dict.fromkeys((1, 2, 3), "Z|UTC|GMT|UT"),
}
"""What may stand for each letter, by how often it is repeated."""

_FIXED = {
    ("y", 2),
    ("y", 4),
    ("u", 4),
    *((letter, 2) for letter in "MdHhms"),
    *(("S", width) for width in (1, 2, 3)),
}
_SAME_FIELD = {"u": "y", "x": "Z", "X": "Z", "z": "Z"}
_BIG_ENDIAN = "yMdHmsS"
_PRECISIONS = {"H": 3_600_000, "h": 3_600_000, "m": 60_000, "s": 1000}


@lru_cache(maxsize=256)
def parse_pattern(source: str) -> Pattern:
    """Take a pattern apart.

    Args:
        source: Letters of fields, texts in apostrophes, other characters as they are:
            ``yyyy-MM-dd'T'HH:mm:ss.SSSXXX``. Letters: ``y`` or ``u`` year (``yy`` is 2000 to
            2099), ``M`` month (``MMM``, ``MMMM`` English names in any case), ``d`` day, ``H``
            hour, ``h`` hour of ``a`` (AM or PM), ``m`` minute, ``s`` second, ``S`` digits of
            a fraction, ``E`` name of the day, which is not checked against the date, ``Z``,
            ``X`` or ``x`` offset, ``z`` a name of UTC.

    Raises:
        ConfigurationError: It has another letter, a field of another length, a field twice,
            no field, or an apostrophe too many.
    """
    parts = tuple(_parts(source))
    fields = [part for part in parts if part.letter]
    kinds = [_SAME_FIELD.get(part.letter, part.letter) for part in fields]
    if len(set(kinds)) < len(kinds) or not kinds:
        raise _bad_pattern(source, "has a field twice" if kinds else "has no field")
    canonical = all((part.letter, part.width) in _FIXED for part in fields)
    sortable = (
        canonical
        and fields[0].width == 4  # noqa: PLR2004 - digits of a year
        and len(kinds) > 2  # noqa: PLR2004 - year, month and day
        and "".join(kinds) == _BIG_ENDIAN[: len(kinds)]
    )
    return Pattern(source, parts, canonical, sortable, min(map(_precision, fields)))


_PIECE = re.compile(
    r"'(?P<quoted>(?:[^']|'')*)'|(?P<field>([A-Za-z])\3*)|(?P<other>[^A-Za-z'])", re.DOTALL
)


def _parts(source: str) -> list[Part]:
    found: list[Part] = []
    position = 0
    while position < len(source):
        piece = _PIECE.match(source, position)
        if piece is None:
            raise _bad_pattern(source, "has an apostrophe too many")
        position = piece.end()
        field = piece["field"]
        if field is None:
            quoted = piece["quoted"]
            text = piece["other"] if quoted is None else quoted.replace("''", "'") or "'"
            found.append(Part("", text=text))
        elif len(field) in _FIELDS.get(field[0], ()):
            found.append(Part(field[0], len(field)))
        else:
            raise _bad_pattern(source, f"has {field!r}, which is no field")
    return found


def _precision(part: Part) -> int:
    if part.letter == "S":
        return int(10 ** max(3 - part.width, 0))
    return _PRECISIONS.get(part.letter, DAY_MS)


def _bad_pattern(source: str, fault: str) -> ConfigurationError:
    return ConfigurationError(
        f"The time pattern {source!r} {fault}.",
        hint="Use Java's letters yyyy MM dd HH mm ss SSS XXX and quote others, as 'T'.",
    )


@lru_cache(maxsize=256)
def expression_of(pattern: str) -> re.Pattern[str]:
    """Return what texts of a pattern match: groups ``y M d H h m s S a E Z``.

    Raises:
        ConfigurationError: As ``parse_pattern``.
    """
    pieces = (
        f"(?P<{_SAME_FIELD.get(part.letter, part.letter)}>{_FIELDS[part.letter][part.width]})"
        if part.letter
        else re.escape(part.text)
        for part in parse_pattern(pattern).parts
    )
    return re.compile("".join(pieces), re.ASCII)


def write_local(pattern: Pattern, local_ms: int) -> str | None:
    """Return a local time as text.

    Args:
        pattern: A canonical pattern.
        local_ms: Milliseconds since 1970 by the local clock.

    Returns:
        The text, with what the pattern has no field for left out; ``None`` for years that no
        text has.
    """
    try:
        local = datetime(1970, 1, 1) + timedelta(milliseconds=local_ms)  # noqa: DTZ001 - local
    except OverflowError:
        return None
    numbers = {
        "y": local.year,
        "u": local.year,
        "M": local.month,
        "d": local.day,
        "H": local.hour,
        "h": (local.hour - 1) % 12 + 1,
        "m": local.minute,
        "s": local.second,
    }
    return "".join(
        part.text
        if not part.letter
        else f"{local.microsecond:06}"[: part.width]
        if part.letter == "S"
        else f"{numbers[part.letter]:0{part.width}}"[-part.width :]
        for part in pattern.parts
    )
