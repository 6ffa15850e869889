"""Packing keeps instant and zone; zones are found under all their spellings."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError
from athena_connectors.common.timestamps import (
    MAX_MILLIS,
    MIN_MILLIS,
    PACKED,
    UTC_KEY,
    pack,
    pack_column,
    unpack,
    unpack_column,
    zone_key,
    zone_name,
)
from athena_connectors.common.zone_names import SYNONYMS
from hypothesis import given
from hypothesis import strategies as st

MILLIS = st.integers(MIN_MILLIS, MAX_MILLIS)
UNUSED_KEYS = (2040, 2180, 2186, 2196)
KEYS = st.integers(0, 2228).filter(lambda key: key not in UNUSED_KEYS)
MINUTES = st.integers(-840, 840)


def offset_text(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@given(millis=MILLIS, key=KEYS)
def test_unpacking_gives_what_was_packed(millis: int, key: int) -> None:
    packed = pack(millis, zone_name(key))
    assert -(2**63) <= packed < 2**63
    assert unpack(packed) == (millis, zone_name(key))


@given(rows=st.lists(st.none() | st.tuples(MILLIS, KEYS)))
def test_columns_are_packed_as_single_values_are(rows: list[tuple[int, int] | None]) -> None:
    millis = pa.array([row and row[0] for row in rows], pa.int64())
    keys = pa.array([row and row[1] for row in rows], pa.int16())
    column = pack_column(millis, keys)
    assert column.type == PACKED
    assert column.view(pa.int64()).to_pylist() == [
        row and pack(row[0], zone_name(row[1])) for row in rows
    ]
    instants, zones = unpack_column(column)
    assert instants.equals(millis)
    assert zones.equals(keys.cast(pa.int64()))
    assert unpack_column(pack_column(millis, 1847))[1].drop_null().unique().to_pylist() in (
        [],
        [1847],
    )


@pytest.mark.parametrize("millis", [MIN_MILLIS - 1, MAX_MILLIS + 1])
def test_an_instant_out_of_range_is_an_error(millis: int) -> None:
    with pytest.raises(DataConversionError):
        pack(millis)
    with pytest.raises(DataConversionError):
        pack_column(pa.array([0, None, millis], pa.int64()))


@given(minutes=MINUTES, prefix=st.sampled_from(["", "UTC", "gmt", "Ut", "Etc/UTC"]))
def test_offsets_are_found(minutes: int, prefix: str) -> None:
    key = zone_key(f"{prefix}{offset_text(minutes)}")
    assert zone_name(key) == (offset_text(minutes) if minutes else "UTC")


@given(hours=st.integers(-14, 14), width=st.sampled_from([1, 2]))
def test_whole_hours_are_found(hours: int, width: int) -> None:
    sign = "-" if hours < 0 else "+"
    short = f"{sign}{abs(hours):0{width}}"
    assert zone_key(short) == zone_key(f"UTC{short}") == zone_key(offset_text(60 * hours))
    assert zone_key(f"Etc/GMT{short}") == zone_key(offset_text(-60 * hours))


@pytest.mark.parametrize(
    "name",
    [
        *("UTC", "utc", "Z", "UT", "UCT", "GMT", "GMT0", "Greenwich", "Universal", "Zulu"),
        *("Etc/UTC", "Etc/Greenwich", "Etc/GMT-0"),
        *("+00:00", "-00:00", "+0", "-00", "UTC+0", "GMT-00:00"),
    ],
)
def test_names_of_utc(name: str) -> None:
    assert zone_key(name) == UTC_KEY


@pytest.mark.parametrize(
    "name",
    [
        *("", "-", "5", "Mars/Olympus", "Europe/Paris ", "Etc/Europe/Paris", "Etc/", "UTC+"),
        *("+14:01", "-15", "+05:60", "+1:2", "+\u0665:00"),
    ],
)
def test_an_unknown_zone_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(DataConversionError, match="knows no time zone") as caught:
        zone_key(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("key", [*UNUSED_KEYS, -1, 2229, 4095])
def test_an_unknown_key_is_an_error(key: int) -> None:
    with pytest.raises(DataConversionError, match=str(key)):
        zone_name(key)


def test_the_systems_zones_are_known_but_for_a_few_new_ones() -> None:
    """Zones that split off after the engine's table was made have no other name."""
    unknown = set()
    for name in available_timezones() - {"localtime", "Factory"}:
        try:
            zone_key(name)
        except DataConversionError:
            unknown.add(name)
    assert unknown <= {"America/Ciudad_Juarez", "America/Coyhaique", "Asia/Qostanay"}


@pytest.mark.parametrize("name", ["Europe/Kyiv", "America/Nuuk", "Pacific/Kanton", "ROC"])
def test_a_new_name_shows_the_same_clock(name: str) -> None:
    same = ZoneInfo(SYNONYMS[name.lower()])
    start = datetime(2000, 1, 1, tzinfo=ZoneInfo("UTC"))
    for days in range(0, 9000, 30):
        moment = start + timedelta(days=days)
        assert moment.astimezone(ZoneInfo(name)).utcoffset() == moment.astimezone(same).utcoffset()
    assert zone_key(name) == zone_key(str(same))


def test_names_are_loaded_only_for_a_named_zone() -> None:
    script = """
import sys
from athena_connectors.common.timestamps import pack, zone_key
loaded = lambda: "athena_connectors.common.zone_names" in sys.modules
pack(0, "UTC"), zone_key("+02:00"), zone_key("Etc/GMT+5")
assert not loaded()
assert zone_key("Europe/Paris") == 2082 and loaded()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
