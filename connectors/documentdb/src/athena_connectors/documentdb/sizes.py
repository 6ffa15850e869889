"""How large a collection is, and how much of it a scan wants.

What a server does not tell in time, or not to us, is not known: it only helps to plan.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import (
    AccessDeniedError,
    DataConversionError,
    DeadlineExceededError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    UnsupportedOperationError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.documentdb.client import Client
    from athena_connectors.documentdb.filters import Filter
    from athena_connectors.documentdb.relation import Collection

__all__ = ["REFUSALS", "Measure", "count_fitting", "fits", "measure", "told_size", "until"]

PLAN_SECONDS = 10.0
"""How long each way to find bounds may take."""
GLANCE_SECONDS = 0.5
"""What a server finds in this time, one reader finds soon enough; it may take 2 s more."""

_AVERAGE_OF = 100
REFUSALS = (
    AccessDeniedError,
    DataConversionError,
    DeadlineExceededError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    UnsupportedOperationError,
)
"""How a server says that it does not do what a plan asks of it; there is another way."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measure:
    """How large a collection is, about.

    Attributes:
        documents: How many documents it has.
        average_bytes: The size of one of them, 1 or more.
    """

    documents: int
    average_bytes: float


def measure(client: Client, collection: Collection, *, deadline: float | None) -> Measure | None:
    """Return how large a collection is; ``None`` if the server does not tell.

    Cost:
        One call; two if the server does not know ``collStats``, or does not let us.
    """
    for way in (told_size, _sampled):
        try:
            return way(client, collection, until(deadline))
        except REFUSALS as error:
            _log.debug("The size of %s is not told: %s", collection.name, error)
    return None


def fits(
    client: Client,
    collection: Collection,
    filter_: Filter,
    *,
    most: int,
    enough: int | None,
    deadline: float | None,
) -> bool:
    """Return whether one reader is enough for the documents that pass a filter.

    That is so if the server finds them within a second, and there are not many, or as many as
    anybody wants.

    Args:
        client: Asks the server.
        collection: The collection.
        filter_: Which documents.
        most: How many one reader may have.
        enough: How many are wanted; ``None`` for all.
        deadline: ``time.monotonic()`` at which the plan has to be made, or ``None``.

    Cost:
        One call, of a second at most.
    """
    limit = most + 1 if enough is None else min(most + 1, enough)
    try:
        found = client.count(
            collection, filter_, limit=limit, deadline=until(deadline, GLANCE_SECONDS)
        )
    except REFUSALS as error:
        _log.debug("A filter of %s is not evaluated soon: %s", collection.name, error)
        return False
    return found <= most or (enough is not None and found >= enough)


def count_fitting(
    client: Client, collection: Collection, condition: Filter, *, deadline: float | None
) -> int | None:
    """Return how many documents fit a condition on ``_id``; ``None`` if that takes too long.

    Cost:
        One call, which the index answers.
    """
    try:
        return client.count(collection, condition, deadline=until(deadline))
    except REFUSALS as error:
        _log.debug("Documents of %s are not counted: %s", collection.name, error)
        return None


def told_size(client: Client, collection: Collection, deadline: float) -> Measure:
    """Return how large the server says that a collection is.

    Raises:
        ConnectorError: One of ``REFUSALS``, if it does not tell.
    """
    told: Mapping[str, Any] = client.run(
        collection.database,
        {"collStats": collection.name},
        collection=collection.name,
        deadline=deadline,
    )
    try:
        documents, size = int(told["count"]), float(told["size"])
    except (KeyError, TypeError, ValueError) as cause:
        raise UnsupportedOperationError("The server tells no size.") from cause
    return Measure(documents, max(1.0, size / max(1, documents)))


def _sampled(client: Client, collection: Collection, deadline: float) -> Measure:
    told = client.run(
        collection.database,
        {"count": collection.name},
        collection=collection.name,
        deadline=deadline,
    )
    batches = client.find_raw(
        collection, {}, batch_size=_AVERAGE_OF, limit=_AVERAGE_OF, deadline=deadline
    )
    documents = int(told["n"])
    size = sum(map(len, batches))
    return Measure(documents, max(1.0, size / max(1, min(documents, _AVERAGE_OF))))


def until(deadline: float | None, seconds: float = PLAN_SECONDS) -> float:
    """Return the earlier of a deadline and so many seconds from now."""
    soon = time.monotonic() + seconds
    return soon if deadline is None else min(soon, deadline)
