"""Zoned timestamps as the engine stores them: instant and zone packed into one int64.

    packed = (milliseconds since 1970 UTC << 12) | zone key

The zone belongs to the value: the one named by the Arrow type is a placeholder that the
engine ignores. Whatever packs or unpacks an instant does it here.

Source: wire protocol, section 9.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa
from athena_connectors.common.errors import DataConversionError
from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import compute

__all__ = [
    "MAX_MILLIS",
    "MIN_MILLIS",
    "PACKED",
    "UTC_KEY",
    "pack",
    "pack_column",
    "unpack",
    "unpack_column",
    "zone_key",
    "zone_name",
]

PACKED = pa.timestamp("ms", "UTC")
"""Type of the columns made here. Never let Arrow read or write their values as times."""

UTC_KEY = 0
MIN_MILLIS = -(2 ** (63 - ZONE_BITS))
"""First instant that can be packed, about 71,000 years ago; inclusive."""
MAX_MILLIS = 2 ** (63 - ZONE_BITS) - 1
"""Last instant that can be packed; inclusive."""

_ZONE_MASK = (1 << ZONE_BITS) - 1
_MAX_OFFSET = 14 * 60
_OFFSET_KEYS = 2 * _MAX_OFFSET
"""Keys 1 to this are fixed offsets from UTC, from -14:00 to +14:00 by the minute."""

_UTC_NAMES = frozenset({"utc", "z", "ut", "uct", "gmt", "gmt0", "greenwich", "universal", "zulu"})
_OFFSET = re.compile(
    r"(?P<prefix>utc|gmt|ut)?(?P<sign>[+-])(?P<hours>\d\d?)(:(?P<minutes>\d\d))?", re.ASCII
)


def zone_key(name: str) -> int:
    """Return the key of a time zone.

    Args:
        name: A name of the time zone database or an offset, in any case: ``Europe/Paris``,
            ``+05:30``, ``UTC-8``, ``Etc/GMT+5`` (which lies *west* of Greenwich).

    Raises:
        DataConversionError: The engine has no key for the zone.
    """
    key = _find_key(name)
    if key is None:
        raise DataConversionError(
            f"The engine knows no time zone {name!r}.",
            hint="Give the values in UTC or with an offset such as +02:00.",
        )
    return key


def zone_name(key: int) -> str:
    """Return the name of a zone: ``UTC``, an offset like ``+05:30``, or a region.

    Raises:
        DataConversionError: No zone has the key.
    """
    if key == UTC_KEY:
        return "UTC"
    if UTC_KEY < key <= _OFFSET_KEYS:
        return _offset_name(key)
    name = _named_zones().get(key)
    if name is None:
        raise DataConversionError(f"No time zone has the key {key}.")
    return name


def pack(millis: int, zone: str = "UTC") -> int:
    """Return an instant and a zone as one packed value.

    Args:
        millis: Milliseconds since 1970 UTC, whatever the zone.
        zone: As for ``zone_key``.

    Raises:
        DataConversionError: The zone has no key or the instant is out of range.
    """
    if not MIN_MILLIS <= millis <= MAX_MILLIS:
        raise _out_of_range()
    return millis << ZONE_BITS | zone_key(zone)


def unpack(packed: int) -> tuple[int, str]:
    """Return the milliseconds since 1970 UTC and the zone of a packed value.

    Raises:
        DataConversionError: No zone has the key.
    """
    return packed >> ZONE_BITS, zone_name(packed & _ZONE_MASK)


def pack_column(millis: pa.Array[Any], keys: int | pa.Array[Any] = UTC_KEY) -> pa.Array[Any]:
    """Return a column of packed values, of type ``PACKED``.

    Args:
        millis: int64, milliseconds since 1970 UTC.
        keys: Zone keys, one for all or one for each row; NULL in either gives NULL.

    Raises:
        DataConversionError: An instant is out of range.
    """
    pc = compute()
    bounds = pc.min_max(millis).as_py()
    if bounds["min"] is not None and (bounds["min"] < MIN_MILLIS or bounds["max"] > MAX_MILLIS):
        raise _out_of_range()
    low = keys.cast(pa.int64()) if isinstance(keys, pa.Array) else keys
    packed: pa.Array[Any] = pc.bit_wise_or(pc.shift_left(millis, ZONE_BITS), low)
    return packed.view(PACKED)


def unpack_column(column: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """Return the milliseconds since 1970 UTC and the zone keys of a packed column, as int64."""
    pc = compute()
    packed = column.view(pa.int64())
    return pc.shift_right(packed, ZONE_BITS), pc.bit_wise_and(packed, _ZONE_MASK)


def _out_of_range() -> DataConversionError:
    return DataConversionError(
        "A timestamp with time zone is outside of the years that can be sent.",
        hint="Filter out or correct timestamps more than 71,000 years from today.",
    )


@lru_cache(maxsize=4096)
def _find_key(name: str) -> int | None:
    folded = name.lower()
    plain = folded.removeprefix("etc/")
    if plain in _UTC_NAMES:
        return UTC_KEY
    offset = _OFFSET.fullmatch(plain)
    if offset is not None:
        return _offset_key(offset, is_etc=plain != folded)
    return _named_keys().get(folded)


def _offset_key(offset: re.Match[str], *, is_etc: bool) -> int | None:
    hours, minutes = int(offset["hours"]), int(offset["minutes"] or 0)
    total = hours * 60 + minutes
    if minutes >= 60 or total > _MAX_OFFSET:  # noqa: PLR2004 - an hour
        return None
    if total == 0:
        return UTC_KEY
    # Etc/GMT+5 is POSIX: five hours behind Greenwich.
    posix = is_etc and offset["prefix"] == "gmt" and offset["minutes"] is None
    is_east = (offset["sign"] == "+") != posix
    return _MAX_OFFSET + total if is_east else _MAX_OFFSET + 1 - total


def _offset_name(key: int) -> str:
    minutes = key - _MAX_OFFSET if key > _MAX_OFFSET else key - _MAX_OFFSET - 1
    return f"{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@cache
def _named_zones() -> dict[int, str]:
    from athena_connectors.common.zone_names import FIRST_NAMED_KEY, NAMES  # noqa: PLC0415

    return {key: name for key, name in enumerate(NAMES, FIRST_NAMED_KEY) if name != "-"}


@cache
def _named_keys() -> dict[str, int]:
    from athena_connectors.common.zone_names import SYNONYMS  # noqa: PLC0415

    keys = {name.lower(): key for key, name in _named_zones().items()}
    return keys | {
        synonym: keys.get(name.lower()) or zone_key(name) for synonym, name in SYNONYMS.items()
    }
