"""What one split reads, as the split's properties tell: names and values, never SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.sql.key_ranges import range_to_json, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from athena_connectors.common.protocol.messages import Split
    from athena_connectors.common.sql.key_ranges import KeyRange

__all__ = ["SOURCES", "constants_of", "garbled", "source_to_json", "sources_of"]

T = TypeVar("T")

SOURCES = "__split_sources"
"""Property: JSON list of what is read, one after the other."""


def source_to_json(
    place: Mapping[str, Any], keys: KeyRange[Any] | None, constants: Mapping[str, str]
) -> str:
    """Return the text of one source, of which lists are made for ``sources_of``.

    Args:
        place: Members that say which rows a range is one of.
        keys: The range, or ``None`` for all rows.
        constants: Values of the partition columns, the same in each row.
    """
    told = {
        **place,
        "range": None if keys is None else range_to_json(keys),
        "constants": dict(constants),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def sources_of(split: Split, read: Callable[[Any], T]) -> tuple[T, ...]:
    """Return what a split reads, one or more, one after the other.

    Args:
        split: The split.
        read: Returns what one source tells; raises ``ValueError`` for anything else.

    Raises:
        InvalidRequestError: The split is not as this version of the connector made it.
    """
    try:
        told = json.loads(split.properties[SOURCES])
        sources = tuple(map(read, told)) if isinstance(told, list) else ()
    except (KeyError, ValueError, RecursionError) as cause:
        raise garbled(SOURCES) from cause
    if not sources:
        raise garbled(SOURCES)
    return sources


def constants_of(told: Mapping[str, Any], known: Collection[str]) -> Mapping[str, str]:
    """Return constants as they were written.

    Raises:
        ValueError: Not of the known columns, or no texts.
    """
    if not told.keys() <= set(known) or not all(isinstance(value, str) for value in told.values()):
        raise ValueError(told)
    sound(*told.values())
    return told


def garbled(name: str) -> InvalidRequestError:
    """Return the error that a property of a split has another form than ours."""
    return InvalidRequestError(
        f"Property {name} of the split is not as this version of the connector made it.",
        hint="Run the query again.",
        split=name,
    )
