"""Every setting of the connector, with its default and its meaning.

Names are environment variables of the function. The README's table is generated from this
module.
"""

from __future__ import annotations

from dataclasses import dataclass

from athena_connectors.common.config import parse_int, parse_names, setting

__all__ = ["Settings"]

MIN_BLOCK_BYTES = 1 << 10
MAX_BLOCK_BYTES = 64 << 20


def _parse_names(text: str) -> frozenset[str]:
    return frozenset(parse_names(text))


def _parse_delimiter(text: str) -> str:
    character = "\t" if text == "tab" else text
    if len(character) != 1 or character in '"\r\n' or not character.isascii():
        raise ValueError("has to be one ASCII character that is no quote, or tab")
    return character


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The connector's settings; each attribute is an environment variable's name."""

    location: str = setting(
        "location",
        doc="Folder, or `s3://bucket/prefix`, whose sub-folders are the schemas.",
    )
    block_bytes: int = setting(
        "block_bytes",
        default=1 << 20,
        parse=parse_int(minimum=MIN_BLOCK_BYTES, maximum=MAX_BLOCK_BYTES),
        doc="Bytes read at a time. The first ones of each file tell the types of its columns,"
        " and no row may have more.",
    )
    delimiter: str = setting(
        "delimiter",
        default=",",
        parse=_parse_delimiter,
        doc="What stands between the fields of CSV files: one character, or `tab`.",
    )
    text_columns: frozenset[str] = setting(
        "text_columns",
        default=frozenset(),
        parse=_parse_names,
        doc="Columns of CSV files that are text whatever they look like, such as `zip, phone`.",
    )
