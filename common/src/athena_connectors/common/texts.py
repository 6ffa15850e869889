"""Texts as arrays, whatever a sender has put into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["text_array"]


def text_array(values: Sequence[str | None]) -> pa.Array[Any]:
    """Return texts as an array, with U+FFFD for each half of a surrogate pair.

    JSON can spell such a half alone; UTF-8 has nothing for it.
    """
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([value and _whole(value) for value in values], pa.string())


def _whole(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
