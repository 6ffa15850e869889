"""Dates and times: milliseconds since 1970 UTC, and their ISO 8601 texts.

BSON's dates reach some 292 million years to either side of 1970, its timestamps are whole
seconds. Both are instants; a text without an offset is UTC.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bson.timestamp import Timestamp

__all__ = ["DAY_MS", "datetime_millis", "iso_millis", "iso_text", "timestamp_millis"]

DAY_MS = 86_400_000

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the driver's dates are UTC and naive
_MILLISECOND = timedelta(milliseconds=1)
_CYCLE_YEARS = 400
_CYCLE_MS = 146_097 * DAY_MS
"""After which the calendar repeats."""
_MAX_YEAR = 9999
_HOUR_MINUTES = 60
_MAX_OFFSET_HOURS = 23

_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?:[Zz]|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?))?)?",
    re.ASCII,
)


def datetime_millis(value: datetime) -> int:
    """Return the milliseconds of a date as the driver gives it: UTC, without a zone."""
    return (value - _EPOCH) // _MILLISECOND


def timestamp_millis(value: Timestamp) -> int:
    """Return the milliseconds of a timestamp; its counter within the second is left out."""
    return value.time * 1000


def iso_text(millis: int) -> str:
    """Return an instant as ISO 8601 with milliseconds, in UTC.

    Years have four digits; those after 9999 have more and a plus sign, those before 0 a minus
    sign.
    """
    cycles, rest = divmod(millis, _CYCLE_MS)
    within = _EPOCH + timedelta(milliseconds=rest)
    year = within.year + cycles * _CYCLE_YEARS
    sign = "-" if year < 0 else "+" if year > _MAX_YEAR else ""
    return f"{sign}{abs(year):04}{within.isoformat(timespec='milliseconds')[4:]}Z"


def iso_millis(text: str) -> int | None:
    """Return the instant that an ISO 8601 text says, digits below milliseconds cut off.

    That is a date with hyphens, and behind ``T`` or a blank hours and minutes with colons,
    seconds, up to 9 digits of a fraction, and ``Z`` or an offset. Years are 0001 to 9999.

    Returns:
        Milliseconds since 1970 UTC; ``None`` if the text says no instant.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    fields = match.groupdict(default="0")
    try:
        day = datetime.fromisoformat(fields["date"])
        local = day.replace(
            hour=int(fields["hour"]), minute=int(fields["minute"]), second=int(fields["second"])
        )
    except ValueError:  # a day or an hour that there is not
        return None
    hours, minutes = int(fields["hours"]), int(fields["minutes"])
    if hours > _MAX_OFFSET_HOURS or minutes >= _HOUR_MINUTES:
        return None
    offset = (hours * _HOUR_MINUTES + minutes) * 60_000
    millis = datetime_millis(local) + int(fields["fraction"][:3].ljust(3, "0"))
    return millis + offset if fields["sign"] == "-" else millis - offset
