"""Native queries: a filter or a pipeline of one collection, which only reads.

Pure. ``FILTER`` is a document, as the Java connector takes it, or an array, which is a pipeline
of aggregation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bson
from athena_connectors.common.capabilities import PassthroughFunction
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.documentdb.shell_json import parse_shell_json
from bson.errors import BSONError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FUNCTION", "Statement", "read_statement"]

FUNCTION = PassthroughFunction(arguments=("DATABASE", "COLLECTION", "FILTER"))
"""The table function, with the Java connector's arguments."""

_FILTER = "FILTER"
_NAME = f"Argument {_FILTER}"
_MAX_BYTES = 12 * 1024 * 1024
"""Of a filter or a pipeline; a request is a document of 16 MiB at most."""

_REFUSED = {
    "$out": "writes",
    "$merge": "writes",
    "$where": "executes JavaScript",
    "$function": "executes JavaScript",
    "$accumulator": "executes JavaScript",
    "$changeStream": "never ends",
}
_EXAMPLE = (
    "Pass a document such as {city: 'Paris'}, {} for all documents, or an array of stages such as"
    " [{$match: {city: 'Paris'}}, {$count: 'n'}]."
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A native query.

    Attributes:
        database: The database, as it is written.
        collection: The collection or view, as it is written.
        filter: What documents have to match; empty if there is a pipeline.
        pipeline: The stages that make the result, or ``None``.
    """

    database: str
    collection: str
    filter: Mapping[str, Any]
    pipeline: tuple[Mapping[str, Any], ...] | None = None


def read_statement(arguments: Mapping[str, str]) -> Statement:
    """Read the arguments of a native query.

    Raises:
        InvalidRequestError: The filter can't be read, or is neither a document nor an array of
            stages.
        UnsupportedOperationError: It would write, execute JavaScript or never end.
    """
    given = parse_shell_json(arguments[_FILTER], name=_NAME)
    _check_names(given)
    match given:
        case dict():
            filter_, pipeline = given, None
        case [*stages] if all(isinstance(stage, dict) and len(stage) == 1 for stage in stages):
            filter_, pipeline = {}, tuple(stages)
        case _:
            raise InvalidRequestError(
                f"{_NAME} is neither a document nor an array of stages with one name each.",
                hint=_EXAMPLE,
            )
    _check_size(given)
    database, collection = arguments["DATABASE"].strip(), arguments["COLLECTION"].strip()
    return Statement(database, collection, filter_, pipeline)


def _check_names(given: Any) -> None:
    """Refuse operators that do more than read, wherever they stand."""
    pending = [given]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            refused = next((name for name in value if name in _REFUSED), None)
            if refused is not None:
                raise UnsupportedOperationError(
                    f"{_NAME} holds {refused}, which {_REFUSED[refused]}; a native query can"
                    " only read.",
                    hint="Leave it out.",
                )
            pending += value.values()


def _check_size(given: Any) -> None:
    try:
        size = len(bson.encode({_FILTER: given}))
    except (BSONError, ValueError, OverflowError) as cause:
        raise InvalidRequestError(
            f"{_NAME} holds a name or a pattern with a zero in it.", hint="Leave it out."
        ) from cause
    if size > _MAX_BYTES:
        raise InvalidRequestError(
            f"{_NAME} has {size:,} bytes; {_MAX_BYTES:,} is the most.", hint="Shorten it."
        )
