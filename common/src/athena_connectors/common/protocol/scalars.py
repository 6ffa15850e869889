"""Texts, numbers, words and bytes in JSON, each read in any spelling that can be meant.

Source: wire protocol, section 3.1.
"""

from __future__ import annotations

import binascii
import math
import re
from typing import TYPE_CHECKING, Any

from athena_connectors.common.protocol.members import Form, MemberError, Node, checked_text, unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "base64_bytes",
    "decode_base64",
    "encode_base64",
    "text",
    "truth",
    "whole",
    "whole_text",
    "word_of",
]

_NUMBER = re.compile(r"([+-]?[0-9]{1,40})(?:\.[0-9]*)?")


def _read_text(node: Node) -> str:
    if isinstance(node, str):
        return checked_text(node)
    if isinstance(node, bool):
        return "true" if node else "false"
    if isinstance(node, int | float):
        return str(node)
    raise unfit(node, "text")


def _write_text(value: Any, serde: int) -> str:
    del serde
    if not isinstance(value, str):
        raise unfit(value, "text")
    return value


text = Form(_read_text, _write_text)


def _read_whole(node: Node) -> int:
    if isinstance(node, bool) or not isinstance(node, int | float | str):
        raise unfit(node, "a whole number")
    number = _parse_whole(node.strip()) if isinstance(node, str) else node
    if not -(2**63) <= number < 2**63:
        raise MemberError("is no number of 64 bits.")
    return math.trunc(number)


def _parse_whole(written: str) -> int:
    digits = _NUMBER.fullmatch(written)
    if digits is None:
        raise unfit(written, "a whole number")
    return int(digits[1])


def _write_whole(value: Any, serde: int) -> int:
    del serde
    if not isinstance(value, int) or isinstance(value, bool):
        raise unfit(value, "a whole number")
    return value


whole = Form(_read_whole, _write_whole)
whole_text = Form(_read_whole, lambda value, serde: str(_write_whole(value, serde)))
"""A whole number that is written as text."""


def _read_truth(node: Node) -> bool:
    if isinstance(node, bool):
        return node
    if isinstance(node, int | float):
        return node != 0
    known = {"true": True, "false": False}.get(node) if isinstance(node, str) else None
    if known is None:
        raise unfit(node, "true or false")
    return known


def _write_truth(value: Any, serde: int) -> bool:
    del serde
    if not isinstance(value, bool):
        raise unfit(value, "true or false")
    return value


truth = Form(_read_truth, _write_truth)


def word_of(words: Mapping[str, Any]) -> Form:
    """Return the form of a word out of a few, each of which means a value."""
    spelled = {value: word for word, value in words.items()}

    def read(node: Node) -> Any:
        if not isinstance(node, str) or node not in words:
            raise MemberError(f"is none of {', '.join(words)}.")
        return words[node]

    def write(value: Any, serde: int) -> Node:
        del serde
        if value not in spelled:
            raise MemberError(f"is none of {', '.join(words)}.")
        return spelled[value]

    return Form(read, write)


def decode_base64(node: Node) -> bytes:
    """Return the bytes of padded standard base64; line breaks are passed over.

    Raises:
        MemberError: It is anything else.
    """
    if not isinstance(node, str):
        raise unfit(node, "base64 text")
    try:
        return binascii.a2b_base64(node, strict_mode=True)
    except ValueError as cause:
        joined = node.replace("\n", "").replace("\r", "")
        if len(joined) < len(node):
            return decode_base64(joined)
        raise MemberError("is no padded standard base64.") from cause


def encode_base64(data: Any) -> str:
    """Return any buffer of bytes as padded standard base64."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _write_bytes(value: Any, serde: int) -> str:
    del serde
    if not isinstance(value, bytes):
        raise MemberError("is no bytes.")
    return encode_base64(value)


base64_bytes = Form(decode_base64, _write_bytes)
