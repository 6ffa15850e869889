from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.dynamodb.relation import TimeFormat
from athena_connectors.dynamodb.time_patterns import parse_pattern
from athena_connectors.dynamodb.times import (
    Moment,
    check_format,
    format_time,
    is_fixed_zone,
    read_time,
)
from hypothesis import given, settings
from hypothesis import strategies as st

_ISO = TimeFormat()
_NEW_YORK = "America/New_York"


def millis(*parts: int) -> int:
    return (datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )


def moment(*parts: int, zone: str | None = None, less: int = 0) -> Moment:
    """What a local time says that is so many minutes ahead of UTC."""
    day = date(*parts[:3]).toordinal() - date(1970, 1, 1).toordinal()
    return Moment(day, millis(*parts) - less * 60_000, zone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-02-29", moment(2020, 2, 29)),
        ("20200229", moment(2020, 2, 29)),
        ("2020-02-29T01:02", moment(2020, 2, 29, 1, 2)),
        ("2020-02-29T01:02:03", moment(2020, 2, 29, 1, 2, 3)),
        ("2020-02-29 01:02:03Z", moment(2020, 2, 29, 1, 2, 3, zone="UTC")),
        ("2020-02-29t01:02:03z", moment(2020, 2, 29, 1, 2, 3, zone="UTC")),
        ("20200229T010203", moment(2020, 2, 29, 1, 2, 3)),
        ("2020-02-29T01:02:03+05:30", moment(2020, 2, 29, 1, 2, 3, zone="+05:30", less=330)),
        ("20200229T010203-0500", moment(2020, 2, 29, 1, 2, 3, zone="-0500", less=-300)),
        ("2020-02-29T01:02:03 +01", moment(2020, 2, 29, 1, 2, 3, zone="+01", less=60)),
        (
            "2020-02-29T01:02:03-05:00[America/New_York]",
            moment(2020, 2, 29, 1, 2, 3, zone=_NEW_YORK, less=-300),
        ),
        ("0001-01-01", moment(1, 1, 1)),
        ("9999-12-31T23:59:59.999", moment(9999, 12, 31, 23, 59, 59, 999_000)),
    ],
)
def test_iso_8601_is_read_in_its_usual_forms(text: str, expected: Moment) -> None:
    assert read_time(text, _ISO) == expected


@pytest.mark.parametrize("digits", range(1, 10))
def test_a_fraction_may_have_one_to_nine_digits_and_is_cut_off_at_milliseconds(digits: int) -> None:
    text = f"1969-12-31T23:59:59.{'987654321'[:digits]}Z"
    found = read_time(text, _ISO)
    assert found is not None
    assert found.millis == -1000 + int("987654321"[:digits][:3].ljust(3, "0"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020",
        "2020-0229",
        "2020-02-30",
        "2021-02-29",
        "2020-13-01",
        "2020-01-01T24:00:00",
        "2020-01-01T23:60:00",
        "2020-01-01T23:59:60",
        "2020-01-01T10",
        "2020-01-01T10:00:00.",
        "2020-01-01T10:00:00.1234567890",
        "2020-01-01T10:00:00+1",
        "2020-01-01T10:00:00+24:00",
        "2020-01-01Z",
        "0000-01-01",
        "10000-01-01",
        " 2020-01-01",
        "2020-01-01\n",
        "\u0662020-01-01",
        "1577836800000",
    ],
)
def test_what_is_no_iso_8601_is_no_time(text: str) -> None:
    assert read_time(text, _ISO) is None


def test_no_text_is_a_time_of_epoch_seconds() -> None:
    assert read_time("1577836800", TimeFormat("epoch_seconds")) is None


def test_bug_09_text_without_a_zone_is_local_time_in_the_zone_of_the_format() -> None:
    found = read_time("2020-01-01T09:12:27", TimeFormat(zone=_NEW_YORK))
    assert found == Moment(18262, millis(2020, 1, 1, 14, 12, 27))
    found = read_time("2020-07-01 09:12:27", TimeFormat("yyyy-MM-dd HH:mm:ss", _NEW_YORK))
    assert found == Moment(18444, millis(2020, 7, 1, 13, 12, 27))
    zoned = read_time("2020-01-01T09:12:27Z", TimeFormat(zone=_NEW_YORK))
    assert zoned == Moment(18262, millis(2020, 1, 1, 9, 12, 27), "UTC")


def test_a_local_time_that_occurs_twice_is_the_earlier_one() -> None:
    found = read_time("2021-11-07T01:30:00", TimeFormat(zone=_NEW_YORK))
    assert found is not None
    assert found.millis == millis(2021, 11, 7, 5, 30)


def test_a_local_time_that_clocks_jump_over_is_that_much_later() -> None:
    found = read_time("2021-03-14T02:30:00", TimeFormat(zone=_NEW_YORK))
    assert found is not None
    assert found.millis == millis(2021, 3, 14, 7, 30)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("yyyyMMdd'T'HHmmss", "20200229T010203", moment(2020, 2, 29, 1, 2, 3)),
        ("yyyyMMdd'S'HHmmss", "20200229S010203", moment(2020, 2, 29, 1, 2, 3)),
        ("dd/MM/yyyy", "29/02/2020", moment(2020, 2, 29)),
        ("d.M.y", "9.2.2020", moment(2020, 2, 9)),
        ("dd-MMM-yy hh:mm a", "29-FEB-20 12:05 am", moment(2020, 2, 29, 0, 5)),
        ("dd-MMM-yy hh:mm a", "29-Feb-20 12:05 PM", moment(2020, 2, 29, 12, 5)),
        ("EEE, d MMMM uuuu", "Sat, 9 february 2020", moment(2020, 2, 9)),
        (
            "yyyy-MM-dd HH:mm:ss.SSSSSS",
            "2020-02-29 01:02:03.987654",
            moment(2020, 2, 29, 1, 2, 3, 987_000),
        ),
        (
            "yyyy-MM-dd'T'HH:mm:ssXXX",
            "2020-02-29T01:02:03-05:00",
            moment(2020, 2, 29, 1, 2, 3, zone="-05:00", less=-300),
        ),
        ("yyyy-MM-dd HH:mmZZ", "2020-02-29 01:02Z", moment(2020, 2, 29, 1, 2, zone="UTC")),
        ("yyyy-MM-dd HH:mm z", "2020-02-29 01:02 GMT", moment(2020, 2, 29, 1, 2, zone="UTC")),
        ("h 'o''clock' ''yyyy", "3 o'clock '2020", moment(2020, 1, 1, 3)),
        ("HH:mm", "01:02", moment(1970, 1, 1, 1, 2)),
    ],
)
def test_a_pattern_is_read_by_its_letters(pattern: str, text: str, expected: Moment) -> None:
    assert read_time(text, TimeFormat(pattern)) == expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd", "2020-2-29"),
        ("yyyy-MM-dd", "2020-02-29T00:00:00"),
        ("yyyy-MM-dd", "2020-02-30"),
        ("yyyy.MM.dd", "2020-02-28"),
        ("dd MMM yyyy", "01 Foo 2020"),
        ("EEE yyyy", "Foo 2020"),
        ("hh:mm", "00:30"),
        ("hh:mm", "13:30"),
        ("SSS", "12"),
    ],
)
def test_text_that_does_not_follow_its_pattern_is_no_time(pattern: str, text: str) -> None:
    assert read_time(text, TimeFormat(pattern)) is None


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("yyyy-MM-ddTHH", "'T'"),
        ("YYYY-MM-dd", "'YYYY'"),
        ("yyyy-DD", "'DD'"),
        ("yyy", "'yyy'"),
        ("SSSSSSSSSS", "'SSSSSSSSSS'"),
        ("yyyy uuuu", "twice"),
        ("yyyy XXX z", "twice"),
        ("--", "no field"),
        ("yyyy 'abc", "apostrophe"),
    ],
)
def test_a_malformed_pattern_is_refused_with_what_is_wrong(pattern: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault) as caught:
        check_format(TimeFormat(pattern))
    assert repr(pattern) in str(caught.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+25", "../UTC", "America"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="time zone"):
        check_format(TimeFormat(zone=zone))


def test_utc_and_offsets_are_fixed_zones() -> None:
    assert all(map(is_fixed_zone, ["UTC", "Z", "+02:00", "-0330"]))
    assert not is_fixed_zone("Europe/Paris")


@pytest.mark.parametrize(
    ("pattern", "canonical", "sortable", "precision_ms"),
    [
        ("yyyy-MM-dd", True, True, 86_400_000),
        ("uuuuMMdd'T'HHmmss", True, True, 1000),
        ("yyyy-MM-dd HH", True, True, 3_600_000),
        ("yyyy-MM-dd HH:mm:ss.SS", True, True, 10),
        ("yyyy-MM-dd HH:mm:ss.SSS", True, True, 1),
        ("yyyy-MM-dd HH:mm:ss.SSSS", False, False, 1),
        ("yyyy-MM-dd ss", True, False, 1000),
        ("yyyy-MM", True, False, 86_400_000),
        ("yy-MM-dd", True, False, 86_400_000),
        ("dd/MM/yyyy HH:mm", True, False, 60_000),
        ("yyyy-MM-dd hh:mm", True, False, 60_000),
        ("yyyy-M-dd", False, False, 86_400_000),
        ("yyyy-MMMM-dd", False, False, 86_400_000),
        ("yyyy-MM-ddXXX", False, False, 86_400_000),
        ("yyyy-MM-dd hh a", False, False, 3_600_000),
    ],
)
def test_a_pattern_tells_what_its_texts_are_good_for(
    pattern: str,
    canonical: bool,  # noqa: FBT001
    sortable: bool,  # noqa: FBT001
    precision_ms: int,
) -> None:
    parsed = parse_pattern(pattern)
    assert (parsed.is_canonical, parsed.is_sortable) == (canonical, sortable)
    assert parsed.precision_ms == precision_ms


# Writing

_PATTERNS = {
    "yyyy-MM-dd'T'HH:mm:ss": "%Y-%m-%dT%H:%M:%S",
    "dd/MM/yyyy HH:mm": "%d/%m/%Y %H:%M",
    "yyyyMMddHH": "%Y%m%d%H",
    "yyyy-MM-dd": "%Y-%m-%d",
}
_ZONES = ["UTC", _NEW_YORK, "Australia/Lord_Howe", "+05:30"]
_days = st.one_of(
    st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    st.sampled_from([date(2021, 3, 14), date(2021, 11, 7), date(2021, 4, 4), date(2021, 10, 3)]),
)


@settings(max_examples=300, deadline=None)
@given(
    day=_days,
    second=st.one_of(st.integers(0, 86_399), st.integers(0, 47).map(lambda half: half * 1800)),
    pattern=st.sampled_from(sorted(_PATTERNS)),
    zone=st.sampled_from(_ZONES),
)
def test_the_text_of_a_value_is_the_one_that_reads_as_it(
    day: date, second: int, pattern: str, zone: str
) -> None:
    local = datetime.combine(day, datetime.min.time()) + timedelta(seconds=second)
    text = local.strftime(_PATTERNS[pattern])
    time = TimeFormat(pattern, zone)
    found = read_time(text, time)
    assert found is not None
    around = {
        (local + timedelta(minutes=minutes)).strftime(_PATTERNS[pattern])
        for minutes in range(-180, 181)
    }
    same = {
        other
        for other in around
        if (read := read_time(other, time)) is not None and read.millis == found.millis
    }
    assert format_time(pattern, zone, found.millis) == (text if same == {text} else None)


def test_no_text_is_told_for_what_two_texts_or_none_read_as() -> None:
    pattern = "yyyy-MM-dd HH:mm"
    assert format_time(pattern, _NEW_YORK, millis(2021, 3, 14, 7, 30)) is None
    assert format_time(pattern, _NEW_YORK, millis(2021, 11, 7, 6, 30)) is None
    assert format_time(pattern, _NEW_YORK, millis(2021, 11, 7, 5, 30)) == "2021-11-07 01:30"
    assert format_time(pattern, "UTC", millis(2021, 1, 1) + 1) is None
    assert format_time(pattern, "UTC", 2**62) is None
    for free in ("", "epoch_seconds", "yyyy-M-d", "dd MMM yyyy", "yyyy-MM-ddX"):
        assert format_time(free, "UTC", millis(2021, 1, 1)) is None


def test_a_date_is_written_by_a_pattern_of_dates_only() -> None:
    assert format_time("dd.MM.yyyy", _NEW_YORK, 18262, is_date=True) == "01.01.2020"
    assert format_time("yyyyMM", "UTC", 18262, is_date=True) == "202001"
    assert format_time("yyyyMM", "UTC", 18263, is_date=True) is None
    assert format_time("yyyy-MM-dd HH", "UTC", 18262, is_date=True) is None
    assert format_time("yyyy-MM-dd", "UTC", 10**7, is_date=True) is None


def test_times_are_those_of_the_time_zone_database() -> None:
    winter = datetime(2020, 1, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
    text = format_time("HH:mm dd.MM.yyyy", "Europe/Paris", int(winter.timestamp() * 1000))
    assert text == "12:00 01.01.2020"
