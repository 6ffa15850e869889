"""Physical values as SQL servers spell them, where they all spell them alike.

Servers have the years 1 to 9999 in common with Athena, and no more; what lies outside of
them has no spelling here.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from athena_connectors.common.ordering import ZONE_BITS

if TYPE_CHECKING:
    from decimal import Decimal

    from athena_connectors.common.valueset import Value

__all__ = [
    "FIRST_DAY",
    "FIRST_MS",
    "LAST_DAY",
    "LAST_MS",
    "date_text",
    "decimal_text",
    "instant_ms",
    "is_storable_text",
    "signed",
    "time_text",
    "truth_text",
]

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, both inclusive, in days since 1970."""
FIRST_MS, LAST_MS = FIRST_DAY * 86_400_000, (LAST_DAY + 1) * 86_400_000 - 1
"""First and last millisecond of those days, in ms since 1970."""

_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock


def instant_ms(value: int) -> int:
    """Return the UTC milliseconds of a packed zoned timestamp."""
    return value >> ZONE_BITS


def is_storable_text(text: str) -> bool:
    """Return whether a text has a form in UTF-8, as half a surrogate pair has not."""
    return max(text, default="") < "\ud800" or not any(
        "\ud800" <= char <= "\udfff" for char in text
    )


def signed(number: str) -> str:
    """Return a number in parentheses if it has a sign, which may follow another one."""
    return f"({number})" if number.startswith("-") else number


def truth_text(truth: Value) -> str:
    """Return ``true`` or ``false``."""
    return "true" if truth else "false"


def decimal_text(number: Decimal) -> str:
    """Return all digits of a decimal, without an exponent."""
    return format(number, "f")


def date_text(days: int) -> str:
    """Return a day between ``FIRST_DAY`` and ``LAST_DAY``."""
    return (_EPOCH_DAY + timedelta(days=days)).isoformat()


def time_text(ms: int) -> str:
    """Return a millisecond between ``FIRST_MS`` and ``LAST_MS`` as a wall clock."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(sep=" ", timespec="milliseconds")
