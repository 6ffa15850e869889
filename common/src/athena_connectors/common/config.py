"""Settings: declared once as typed fields, read from the environment in one place.

A settings class is a frozen dataclass whose fields are made by ``setting``. The
declaration is also the documentation: README tables come from ``describe_settings``.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from athena_connectors.common.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

    SettingsT = TypeVar("SettingsT", bound=DataclassInstance)

__all__ = [
    "REQUIRED",
    "SettingDescription",
    "SpillSettings",
    "describe_settings",
    "load_settings",
    "parse_bool",
    "parse_choice",
    "parse_float",
    "parse_int",
    "parse_json_object",
    "parse_names",
    "setting",
]


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Final = _Required()
"""The default of a setting that has none."""

MAX_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """What a README says about a setting.

    Attributes:
        name: The variable's name.
        default: The default as text; empty when the setting is optional without one.
        doc: One or two sentences.
        required: Whether it must be set.
        secret: Whether its value is never shown.
    """

    name: str
    default: str
    doc: str
    required: bool
    secret: bool


@dataclass(frozen=True, slots=True)
class _Declaration:
    name: str
    aliases: tuple[str, ...]
    default: Any
    doc: str
    parse: Callable[[str], Any]
    secret: bool
    blank_is_value: bool


def setting(
    name: str,
    *,
    default: Any = REQUIRED,
    doc: str,
    parse: Callable[[str], Any] | None = None,
    secret: bool = False,
    aliases: tuple[str, ...] = (),
    blank_is_value: bool = False,
) -> Any:
    """Declare one setting as a field of a frozen dataclass.

    Args:
        name: The variable's name, exactly as it is set.
        default: The value when the variable is unset or blank.
        doc: What it does, for the README.
        parse: Turns the text into the value. A ``ValueError`` that it raises says what the
            value should be ("has to be true or false"). By default the type of ``default``
            decides: a bool, a whole number, or else text taken as it is.
        secret: Keep the value out of errors, of ``repr`` and of documentation.
        aliases: Other names that are looked for when ``name`` is unset or blank.
        blank_is_value: Take a blank value as it is, instead of as unset.
    """
    declaration = _Declaration(
        name=name,
        aliases=aliases,
        default=default,
        doc=doc,
        parse=parse or _parser_like(default),
        secret=secret,
        blank_is_value=blank_is_value,
    )
    metadata = {"setting": declaration}
    if default is REQUIRED:
        return field(metadata=metadata, repr=not secret, kw_only=True)
    return field(default_factory=lambda: default, metadata=metadata, repr=not secret, kw_only=True)


def load_settings(cls: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Read the settings that a dataclass declares.

    Args:
        cls: The dataclass; fields that are no settings keep their defaults.
        environ: The function's variables; others than the declared ones are not looked at.

    Raises:
        ConfigurationError: A setting is missing or malformed; the text names it, what was
            expected, and its value unless it is secret.
    """
    values = {
        name: _value(declaration, environ) for name, declaration in _declarations(cls).items()
    }
    return cls(**values)


def describe_settings(cls: type[DataclassInstance]) -> list[SettingDescription]:
    """Return what there is to say about the settings of a dataclass, in their order."""
    return [
        SettingDescription(
            name=declaration.name,
            default=_default_text(declaration),
            doc=declaration.doc,
            required=declaration.default is REQUIRED,
            secret=declaration.secret,
        )
        for declaration in _declarations(cls).values()
    ]


def parse_bool(text: str) -> bool:
    """Read ``true`` or ``false``, in any case."""
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError("has to be true or false") from None


def parse_int(*, minimum: int | None = None, maximum: int | None = None) -> Callable[[str], int]:
    """Return a parser of whole numbers between two bounds, both inclusive."""

    def parse(text: str) -> int:
        expected = f"has to be a whole number{_bounds(minimum, maximum)}"
        stripped = text.strip()
        if not stripped.isascii() or not stripped.removeprefix("-").isdigit():
            raise ValueError(expected)
        return _bounded(int(stripped), minimum, maximum, expected)

    return parse


def parse_float(
    *, minimum: float | None = None, maximum: float | None = None
) -> Callable[[str], float]:
    """Return a parser of finite numbers between two bounds, both inclusive."""

    def parse(text: str) -> float:
        expected = f"has to be a number{_bounds(minimum, maximum)}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(expected) from None
        if not math.isfinite(value):
            raise ValueError(expected)
        return _bounded(value, minimum, maximum, expected)

    return parse


def parse_choice(*choices: str) -> Callable[[str], str]:
    """Return a parser of one of several words, in any case; it gives the word as listed."""
    by_folded = {choice.lower(): choice for choice in choices}

    def parse(text: str) -> str:
        try:
            return by_folded[text.strip().lower()]
        except KeyError:
            raise ValueError(f"has to be one of {', '.join(choices)}") from None

    return parse


def parse_names(text: str) -> tuple[str, ...]:
    """Read names that stand between commas; blanks around them do not count."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def parse_json_object(text: str) -> Mapping[str, str]:
    """Read a JSON object whose values are all text."""
    expected = "has to be a JSON object of text values"
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError(expected) from None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError(expected)
    return MappingProxyType(value)


def _declarations(cls: type[DataclassInstance]) -> dict[str, _Declaration]:
    return {
        each.name: each.metadata["setting"]
        for each in dataclasses.fields(cls)
        if "setting" in each.metadata
    }


def _value(declaration: _Declaration, environ: Mapping[str, str]) -> Any:
    for name in (declaration.name, *declaration.aliases):
        text = environ.get(name)
        if text is not None and (text.strip() or declaration.blank_is_value):
            return _parsed(declaration, name, text)
    if declaration.default is REQUIRED:
        raise ConfigurationError(
            f"Setting {declaration.name} is missing.",
            hint=declaration.doc,
            setting=declaration.name,
        )
    return declaration.default


def _parsed(declaration: _Declaration, name: str, text: str) -> Any:
    try:
        return declaration.parse(text)
    except ConfigurationError:
        raise
    except ValueError as error:
        if declaration.secret:  # the error's text may repeat the value
            raise ConfigurationError(
                f"The value of setting {name} can't be read.", hint=declaration.doc, setting=name
            ) from None
        raise ConfigurationError(
            f"Setting {name} is {text[:MAX_SHOWN_CHARACTERS]!r}: {error}.",
            hint=declaration.doc,
            setting=name,
        ) from error


def _default_text(declaration: _Declaration) -> str:
    default = declaration.default
    if declaration.secret:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Enum):
        return str(default.value)
    return str(default) if isinstance(default, str | int | float) else ""


def _parser_like(default: object) -> Callable[[str], Any]:
    if isinstance(default, bool):
        return parse_bool
    return parse_int() if isinstance(default, int) else str


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum} to {maximum}"
    if minimum is not None:
        return f" of {minimum} or more"
    return "" if maximum is None else f" of {maximum} or less"


NumberT = TypeVar("NumberT", int, float)


def _bounded(
    value: NumberT, minimum: float | None, maximum: float | None, expected: str
) -> NumberT:
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        raise ValueError(expected)
    return value


def _is_true(text: str) -> bool:
    # As the Java reference reads it: only "true" switches encryption off.
    return text.strip().lower() == "true"


@dataclass(frozen=True, slots=True)
class SpillSettings:
    """Where and how blocks that do not fit into a reply are spilled.

    Source:
        Wire protocol, section 20. Unlike the Java reference, which logs and ignores them,
        malformed headers are an error: they may be what the bucket's policy demands.
    """

    spill_bucket: str = setting(
        "spill_bucket",
        default="",
        doc="Name of the S3 bucket for results that do not fit into a reply.",
    )
    spill_prefix: str = setting(
        "spill_prefix",
        default="athena-federation-spill",
        doc="Start of the keys in the spill bucket. An empty value is kept.",
        blank_is_value=True,
    )
    kms_key_id: str = setting(
        "kms_key_id",
        default="",
        doc="KMS key that makes the data keys (AES-128) of spilled blocks. Without it the"
        " function makes them itself (AES-256).",
    )
    disable_spill_encryption: bool = setting(
        "disable_spill_encryption",
        default=False,
        doc="Set to true to leave spilled blocks unencrypted by the function.",
        parse=_is_true,
    )
    max_block_size_bytes: int | None = setting(
        "MAX_BLOCK_SIZE_BYTES",
        default=None,
        doc="Largest spilled block in bytes, instead of what Athena asks for; at most"
        " 16,000,000 is used.",
        parse=parse_int(minimum=1),
    )
    spill_queue_capacity: int = setting(
        "SPILL_QUEUE_CAPACITY",
        aliases=("spill_queue_capacity",),
        default=2,
        doc="Blocks that may wait for an upload. Each takes up to 16 MB of memory.",
        parse=parse_int(minimum=1, maximum=64),
    )
    spill_put_request_headers: Mapping[str, str] = setting(
        "spill_put_request_headers",
        default=MappingProxyType({}),
        doc='Headers to add to each upload, as a JSON object: {"x-amz-acl": "private"}.',
        parse=parse_json_object,
    )
    spill_threads: int = setting(
        "spill_threads",
        default=2,
        doc="Uploads at the same time.",
        parse=parse_int(minimum=1, maximum=16),
    )
