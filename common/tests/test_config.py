"""Settings are read as declared, and every complaint says what to do without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.config import (
    SpillSettings,
    describe_settings,
    load_settings,
    parse_bool,
    parse_choice,
    parse_float,
    parse_int,
    parse_json_object,
    setting,
)
from athena_connectors.common.errors import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable


class Colour(Enum):
    RED = "red"


def _refuse(text: str) -> str:
    raise ValueError(f"must not be {text}")


@dataclass(frozen=True, slots=True)
class Sample:
    url: str = setting("URL", doc="Where the source is.")
    size: int = setting("SIZE", aliases=("size",), default=3, doc="How much.")
    quick: bool = setting("quick", default=False, doc="Whether to hurry.")
    colour: Colour = setting(  # noqa: RUF009 - a field
        "colour", default=Colour.RED, doc="Paint.", parse=Colour
    )
    password: str = setting("password", default="", secret=True, doc="The login's.")
    pin: str = setting("pin", default="none", secret=True, doc="Digits.", parse=_refuse)
    note: str = "no setting"


def test_values_come_from_their_variables() -> None:
    settings = load_settings(
        Sample, {"URL": " u ", "SIZE": "7", "quick": "TRUE", "password": "p", "other": "x"}
    )
    assert (settings.url, settings.size, settings.quick) == (" u ", 7, True)
    assert (settings.colour, settings.password, settings.note) == (Colour.RED, "p", "no setting")


def test_a_blank_value_is_an_unset_one() -> None:
    assert load_settings(Sample, {"URL": "u", "SIZE": "  ", "quick": ""}).size == 3


def test_an_alias_counts_when_the_name_is_unset() -> None:
    assert load_settings(Sample, {"URL": "u", "size": "5"}).size == 5
    assert load_settings(Sample, {"URL": "u", "size": "5", "SIZE": "6"}).size == 6


@pytest.mark.parametrize("environ", [{}, {"URL": " "}])
def test_a_missing_required_setting_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"URL is missing\. Where the source is") as caught:
        load_settings(Sample, environ)
    assert caught.value.context == {"setting": "URL"}


def test_a_malformed_setting_is_named_with_its_value_and_what_it_should_be() -> None:
    with pytest.raises(ConfigurationError, match=r"size is 'big': has to be a whole number"):
        load_settings(Sample, {"URL": "u", "size": "big"})


def test_a_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Sample, {"URL": "u", "SIZE": "x" * 10_000})
    assert len(str(caught.value)) < 300


def test_a_secret_value_is_in_no_error_and_no_repr() -> None:
    with pytest.raises(ConfigurationError, match="pin") as caught:
        load_settings(Sample, {"URL": "u", "pin": "hunter2"})
    error: BaseException | None = caught.value
    assert "hunter2" not in str(error)
    assert error is not None
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert "hunter2" not in repr(load_settings(Sample, {"URL": "u", "password": "hunter2"}))


def test_descriptions_follow_the_declarations() -> None:
    described = {each.name: each for each in describe_settings(Sample)}
    assert list(described) == ["URL", "SIZE", "quick", "colour", "password", "pin"]
    assert described["URL"].required
    assert [each.default for each in described.values()] == ["", "3", "false", "red", "", ""]
    assert [name for name, each in described.items() if each.secret] == ["password", "pin"]


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20))
def test_whole_numbers_are_accepted_exactly_within_their_bounds(
    value: int, low: int, high: int
) -> None:
    parse = parse_int(minimum=low, maximum=high)
    if low <= value <= high:
        assert parse(f" {value} ") == value
    else:
        with pytest.raises(ValueError, match=f"from {low} to {high}"):
            parse(str(value))


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (parse_bool, " False", False),
        (parse_int(minimum=1), "10", 10),
        (parse_float(minimum=0.001, maximum=1), "0.5", 0.5),
        (parse_choice("NONE", "LOWER"), "lower", "LOWER"),
        (parse_json_object, '{"a": "b"}', {"a": "b"}),
    ],
)
def test_parsers_accept(parse: Callable[[str], Any], text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text", "should"),
    [
        (parse_bool, "yes", "true or false"),
        (parse_int(minimum=1), "0", "1 or more"),
        (parse_int(maximum=1), "2", "1 or less"),
        (parse_int(), "1.0", "whole number"),
        (parse_int(), "--1", "whole number"),
        (parse_int(), "٣", "whole number"),
        (parse_float(), "nan", "a number"),
        (parse_float(), "1e999", "a number"),
        (parse_float(), "x", "a number"),
        (parse_float(minimum=0), "-1", "0 or more"),
        (parse_choice("NONE", "LOWER"), "title", "one of NONE, LOWER"),
        (parse_json_object, "{", "JSON object"),
        (parse_json_object, "[]", "JSON object"),
        (parse_json_object, '{"a": 1}', "text values"),
    ],
)
def test_parsers_say_what_the_value_should_be(
    parse: Callable[[str], Any], text: str, should: str
) -> None:
    with pytest.raises(ValueError, match=f"has to be .*{should}"):
        parse(text)


def test_spill_settings_have_the_documented_defaults() -> None:
    settings = load_settings(SpillSettings, {})
    assert settings == SpillSettings()
    assert settings.spill_prefix == "athena-federation-spill"
    assert (settings.spill_queue_capacity, settings.spill_threads) == (2, 2)
    assert settings.max_block_size_bytes is None
    assert not settings.disable_spill_encryption


def test_spill_settings_are_read_under_the_names_of_the_protocol() -> None:
    settings = load_settings(
        SpillSettings,
        {
            "spill_bucket": "b",
            "spill_prefix": "",
            "kms_key_id": "k",
            "disable_spill_encryption": "True",
            "MAX_BLOCK_SIZE_BYTES": "1000",
            "spill_queue_capacity": "5",
            "spill_put_request_headers": '{"x-amz-acl": "private"}',
        },
    )
    assert (settings.spill_bucket, settings.spill_prefix, settings.kms_key_id) == ("b", "", "k")
    assert settings.disable_spill_encryption
    assert (settings.max_block_size_bytes, settings.spill_queue_capacity) == (1000, 5)
    assert settings.spill_put_request_headers == {"x-amz-acl": "private"}


@pytest.mark.parametrize("text", ["false", "yes", "1", "tru"])
def test_only_the_word_true_switches_encryption_off(text: str) -> None:
    assert not load_settings(
        SpillSettings, {"disable_spill_encryption": text}
    ).disable_spill_encryption


def test_malformed_headers_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"spill_put_request_headers is .\{a\}.:"):
        load_settings(SpillSettings, {"spill_put_request_headers": "{a}"})
