"""Pages and their tokens. A token names the *next* unit, never the last one sent."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from athena_connectors.common.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Page", "decode_name_token", "encode_name_token", "page_by_index", "page_of_names"]

T = TypeVar("T")

_NAME_PREFIX = "from:"
_INDEX_PREFIX = "index:"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the token of the next page if there is one."""

    items: tuple[T, ...]
    next_token: str | None


def encode_name_token(name: str) -> str:
    """Return the token of the page that starts with a name."""
    return _encode(_NAME_PREFIX + name)


def decode_name_token(token: str) -> str:
    """Return the first name of the page that a token stands for.

    Raises:
        InvalidRequestError: The token is none of ours.
    """
    return _decode(token, _NAME_PREFIX)


def page_of_names(names: Iterable[str], *, token: str | None, page_size: int | None) -> Page[str]:
    """Cut one page out of unordered names.

    Args:
        names: All names, each once.
        token: ``None`` for the first page.
        page_size: Names wanted at most, 1 or more; ``None`` for all.

    Raises:
        InvalidRequestError: The token is none of ours.
    """
    first = "" if token is None else decode_name_token(token)
    ordered = sorted(name for name in names if name >= first)
    if page_size is None or len(ordered) <= page_size:
        return Page(tuple(ordered), None)
    return Page(tuple(ordered[:page_size]), encode_name_token(ordered[page_size]))


def page_by_index(items: Iterable[T], *, token: str | None, page_size: int) -> Page[T]:
    """Cut one page out of a sequence that is made anew, and the same, at every call.

    Args:
        items: All items, consumed lazily up to one past the page.
        token: ``None`` for the first page.
        page_size: Items wanted at most, 1 or more.

    Raises:
        InvalidRequestError: The token is none of ours.
    """
    start = 0
    if token is not None:
        text = _decode(token, _INDEX_PREFIX)
        if not text.isdecimal():
            raise _foreign(token)
        start = int(text)
    found = tuple(islice(items, start, start + page_size + 1))
    if len(found) <= page_size:
        return Page(found, None)
    return Page(found[:page_size], _encode(f"{_INDEX_PREFIX}{start + page_size}"))


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(token: str, prefix: str) -> str:
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as cause:
        raise _foreign(token) from cause
    if not text.startswith(prefix):
        raise _foreign(token)
    return text.removeprefix(prefix)


def _foreign(token: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"The continuation token {token[:40]!r} is not one that this connector gave.",
        hint="Start again without a token.",
    )
