"""Texts that stand for dates and times, read and written by the format of their column.

A column of times shows the instant, in UTC. Text without a zone is local time in the
format's zone: a time that occurs twice, when clocks go back, is the earlier one, and a time
that clocks jump over is that much later, as Java has it. A column of dates shows the date
that the text says, whatever its zone and time of day.

Patterns are read strictly, so that most texts are the only ones that read as their value, and
``format_time`` finds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from athena_connectors.common.errors import ConfigurationError
from athena_connectors.dynamodb.relation import TimeFormat
from athena_connectors.dynamodb.time_patterns import (
    DAY_MS,
    Pattern,
    expression_of,
    parse_pattern,
    write_local,
)

__all__ = [
    "DAY_MS",
    "EPOCH_SECONDS",
    "Moment",
    "Pattern",
    "check_format",
    "format_time",
    "is_fixed_zone",
    "parse_pattern",
    "read_time",
]

EPOCH_SECONDS = "epoch_seconds"
"""Pattern of numbers that are seconds since 1970 UTC."""

_EPOCH_DAY = date(1970, 1, 1).toordinal()

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?", re.ASCII)
_UTC_NAMES = frozenset({"", "Z", "UTC", "GMT", "UT"})


@dataclass(frozen=True, slots=True)
class Moment:
    """What a text says.

    Attributes:
        day: Its date as written, in days since 1970.
        millis: Its instant in milliseconds since 1970 UTC; further digits are cut off.
        zone: Its zone or offset as written; ``None`` if it has none.
    """

    day: int
    millis: int
    zone: str | None = None


def check_format(time: TimeFormat) -> None:
    """Raise for a format that no text could be read by.

    Raises:
        ConfigurationError: The pattern is malformed or the zone unknown; names it.
    """
    if time.pattern not in {"", EPOCH_SECONDS}:
        parse_pattern(time.pattern)
    _zone(time.zone)


def read_time(text: str, time: TimeFormat) -> Moment | None:
    """Return what a text says; ``None`` if it is no time of the format.

    An empty pattern is ISO 8601: a date, with or without hyphens, and behind ``T`` or a blank
    hours and minutes, seconds, up to 9 digits of a fraction; then ``Z``, ``+hh:mm``,
    ``+hhmm`` or ``+hh``, and the name of a region in brackets. Years are 0001 to 9999. No
    text is a time of ``epoch_seconds``.

    Raises:
        ConfigurationError: As ``check_format``.
    """
    if time.pattern == EPOCH_SECONDS:
        return None
    expression = expression_of(time.pattern) if time.pattern else _ISO
    match = expression.fullmatch(text)
    if match is None:
        return None
    fields = {name: found for name, found in match.groupdict().items() if found}
    try:
        return _moment(fields, time.zone)
    except ValueError:  # a day, an hour, an offset or a name that there is not
        return None


_ISO = re.compile(
    r"(?P<y>\d{4})(?P<dash>-?)(?P<M>\d\d)(?P=dash)(?P<d>\d\d)"
    r"(?:[Tt ](?P<H>\d\d):?(?P<m>\d\d)(?::?(?P<s>\d\d)(?:[.,](?P<S>\d{1,9}))?)?"
    r"(?: ?(?P<Z>[Zz]|[+-]\d\d(?::?\d\d)?)(?:\[(?P<region>[\w/+-]+)\])?)?)?",
    re.ASCII,
)


def _moment(fields: dict[str, str], zone: str) -> Moment:
    year = fields.get("y", "1970")
    local = datetime(  # noqa: DTZ001 - local time
        int(year) + (2000 if len(year) == 2 else 0),  # noqa: PLR2004 - digits
        _named(_MONTHS, fields.get("M", "1")),
        int(fields.get("d", 1)),
        _hour(fields),
        int(fields.get("m", 0)),
        int(fields.get("s", 0)),
        int(fields.get("S", "0")[:3].ljust(3, "0")) * 1000,
    )
    if "E" in fields:
        _named(_DAYS, fields["E"])
    day = local.toordinal() - _EPOCH_DAY
    written = fields.get("Z", "").upper()
    if not written:
        return Moment(day, _utc_millis(local, _zone(zone)))
    millis = _utc_millis(local, _offset(written))
    return Moment(day, millis, fields.get("region", "UTC" if written in _UTC_NAMES else written))


def _named(names: tuple[str, ...], text: str) -> int:
    """Return the number of a month or a day, given as a number or by its name."""
    if text.isdigit():
        return int(text)
    folded = text.lower()
    for number, name in enumerate(names, 1):
        if folded in {name.lower(), name[:3].lower()}:
            return number
    raise ValueError(text)


def _hour(fields: dict[str, str]) -> int:
    if "h" not in fields:
        return int(fields.get("H", 0))
    hour = int(fields["h"])
    if not 1 <= hour <= 12:  # noqa: PLR2004 - a clock's face
        raise ValueError(hour)
    return hour % 12 + (12 if fields.get("a", "").lower() == "pm" else 0)


def _utc_millis(local: datetime, zone: tzinfo) -> int:
    offset = local.replace(tzinfo=zone).utcoffset() or timedelta()
    return _millis(local) - offset // timedelta(milliseconds=1)


def _millis(local: datetime) -> int:
    since = local - datetime(1970, 1, 1)  # noqa: DTZ001 - local
    return since // timedelta(milliseconds=1)


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    try:
        return _offset(name.strip())
    except ValueError:
        pass
    try:
        return ZoneInfo(name.strip())
    except (ValueError, LookupError, OSError) as error:
        raise ConfigurationError(
            f"There is no time zone {name!r}.",
            hint="Give a name such as Europe/Paris, an offset such as +02:00, or UTC.",
        ) from error


def _offset(text: str) -> timezone:
    if text.upper() in _UTC_NAMES:
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is None or int(match["minutes"] or 0) >= 60:  # noqa: PLR2004 - an hour
        raise ValueError(text)
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return timezone(-offset if match["sign"] == "-" else offset)


def is_fixed_zone(name: str) -> bool:
    """Whether the zone is UTC or an offset, so that local times are in the order of instants.

    Raises:
        ConfigurationError: There is no such zone.
    """
    return isinstance(_zone(name), timezone)


def format_time(pattern: str, zone: str, value: int, *, is_date: bool = False) -> str | None:
    """Return the one text that reads as a value.

    Args:
        pattern: As in ``TimeFormat``.
        zone: As in ``TimeFormat``.
        value: Milliseconds since 1970 UTC, or days since 1970 for a date.
        is_date: Whether it is a date.

    Returns:
        The text; ``None`` if no text reads as the value, or if several do: so it is for ISO
        8601, for patterns that are not canonical, for dates by a pattern with a time of day,
        and near a change of clocks.

    Raises:
        ConfigurationError: As ``check_format``.
    """
    if pattern in {"", EPOCH_SECONDS}:
        return None
    parsed = parse_pattern(pattern)
    if not parsed.is_canonical:
        return None
    time = TimeFormat(pattern, zone)
    if is_date:
        locals_ = {value * DAY_MS} if parsed.precision_ms == DAY_MS else set()
    else:
        locals_ = _local_times(value, _zone(zone))
    texts = {text for local in locals_ if (text := write_local(parsed, local)) is not None}
    found = [text for text in texts if _reads_as(text, time, is_date=is_date) == value]
    return found[0] if len(found) == 1 else None


def _local_times(millis: int, zone: tzinfo) -> set[int]:
    """Return the local times that might be an instant, by the offsets of the days around it."""
    found = set()
    for days in (-1, 0, 1):
        try:
            instant = datetime.fromtimestamp(0, UTC) + timedelta(days=days, milliseconds=millis)
            offset = instant.astimezone(zone).utcoffset() or timedelta()
        except OverflowError:  # years that no text has
            continue
        found.add(millis + offset // timedelta(milliseconds=1))
    return found


def _reads_as(text: str, time: TimeFormat, *, is_date: bool) -> int | None:
    moment = read_time(text, time)
    if moment is None:
        return None
    return moment.day if is_date else moment.millis
