"""A look at some documents of a collection, from several places of it.

Documents that were inserted together are of one sort, so a look at the first alone misses
what is newer. Every container looks for itself, and a column that one of them does not see
is an error there: so but for the strategy ``random`` the documents are chosen by what does
not change from one look to the next.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bson
from athena_connectors.common.errors import (
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    UnsupportedOperationError,
)
from athena_connectors.documentdb.documents import decode_documents
from athena_connectors.documentdb.places import places
from athena_connectors.documentdb.types import SAMPLE_OPTIONS, empty_sample
from bson.errors import InvalidBSON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.common.observed import Sample
    from athena_connectors.documentdb.client import Client
    from athena_connectors.documentdb.relation import Collection
    from athena_connectors.documentdb.settings import Settings

__all__ = ["method_of", "read_sample"]

_LOGGER = logging.getLogger(__name__)

MOST_PLACES = 16
"""Places between the first and the newest documents."""
SAMPLE_BYTES = 64 * 1024 * 1024
"""Bytes of documents that are looked at; with large documents fewer of them are."""
SAMPLE_SECONDS = 60.0
"""How long one read may take."""
RANDOM_SECONDS = 20.0
"""How long a server may choose at random; some go through the whole collection for it."""

_FORWARD, _BACKWARD = (("_id", 1),), (("_id", -1),)
_NOT_AT_RANDOM = (InvalidRequestError, SourceError, SourceTimeoutError, UnsupportedOperationError)
"""What servers answer that can't choose, or need too much time or memory for it."""

_LENGTH_BYTES = 4
_ID_ALONE = {"_id": 1}

Document = dict[str, Any]


def read_sample(
    client: Client,
    collection: Collection,
    settings: Settings,
    *,
    pipeline: Sequence[Mapping[str, Any]] = (),
) -> Sample:
    """Return what stands in some documents.

    Args:
        client: Reads the collection.
        collection: The collection.
        settings: How many documents, and which.
        pipeline: Stages whose results are looked at instead, the first ones.

    Raises:
        AccessDeniedError: They may not be read.
        ConnectorError: See ``Client.find_raw``.

    Cost:
        Reads of ``schema_sample_size`` documents in all: by the strategy ``spread`` three,
        and one for each place between; else one. Of a view the first documents are read,
        since no others come without all before them.
    """
    size = settings.schema_sample_size
    reader = _Reader(client, collection, size)
    sample = empty_sample(settings)
    for document in reader.results(pipeline) if pipeline else _chosen(reader, settings):
        sample.add(document)
    return sample


def method_of(collection: Collection, settings: Settings) -> str:
    """Say which documents a sample has, for people."""
    match settings.schema_sample_strategy:
        case "spread" if not collection.is_view:
            return "the first, the newest and some between"
        case "newest":
            return "the newest by _id"
        case "random":
            return "chosen at random"
        case _:
            return "the first"


def _chosen(reader: _Reader, settings: Settings) -> Iterator[Document]:
    size = settings.schema_sample_size
    match settings.schema_sample_strategy:
        case "spread" if not reader.collection.is_view:
            return _spread(reader, size)
        case "newest":
            return reader.newest(size)
        case "random":
            return _random(reader, size)
        case _:
            return reader.first(size)


def _spread(reader: _Reader, size: int) -> Iterator[Document]:
    """Yield half of the documents from the start, and a quarter each from end and between."""
    quarter = size // 4
    spots = reader.places(min(MOST_PLACES, quarter)) if quarter else ()
    first = size - quarter * (2 if spots else 1)
    seen: set[bytes] = set()
    yield from _new(reader.first(first), seen)
    if len(seen) < first and not reader.is_cut:
        return
    if quarter:
        yield from _new(reader.newest(quarter), seen)
    for number, spot in enumerate(spots, start=1):
        # The quarter is shared evenly: what whole numbers leave over goes to the last ones.
        wanted = quarter * number // len(spots) - quarter * (number - 1) // len(spots)
        yield from _new(reader.beyond(spot, wanted), seen)


def _new(documents: Iterator[Document], seen: set[bytes]) -> Iterator[Document]:
    for document in documents:
        key = bson.encode({"": document.get("_id")})
        if key not in seen:
            seen.add(key)
            yield document


def _random(reader: _Reader, size: int) -> Iterator[Document]:
    try:
        yield from list(reader.random(size))
    except _NOT_AT_RANDOM as error:
        _LOGGER.warning(
            "Collection %s gives no documents at random, so the first are looked at: %s",
            reader.label,
            error,
        )
        yield from reader.first(size)


class _Reader:
    """Reads some documents.

    Args:
        client: Reads the collection.
        collection: The collection.
        size: How many documents are looked at in all.
    """

    def __init__(self, client: Client, collection: Collection, size: int) -> None:
        # The index of _id has the collection's collation: no other order is for nothing.
        self.collection = replace(collection, collation="")
        self.is_cut = False
        self._client = client
        self._size = size

    @property
    def label(self) -> str:
        return f"{self.collection.database}.{self.collection.name}"

    def first(self, limit: int) -> Iterator[Document]:
        return self._find({}, limit)

    def newest(self, limit: int) -> Iterator[Document]:
        return self._find({}, limit, sort=_BACKWARD)

    def beyond(self, place: object, limit: int) -> Iterator[Document]:
        return self._find({"_id": {"$gte": place}}, limit, sort=_FORWARD)

    def places(self, most: int) -> Sequence[Any]:
        """Return values of ``_id`` between the lowest and the highest."""
        ends = [
            document["_id"]
            for order in (_FORWARD, _BACKWARD)
            for document in self._find({}, 1, sort=order, projection=_ID_ALONE)
        ]
        return places(ends[0], ends[-1], most) if ends else ()

    def random(self, limit: int) -> Iterator[Document]:
        return self._aggregate([{"$sample": {"size": limit}}], limit, seconds=RANDOM_SECONDS)

    def results(self, pipeline: Sequence[Mapping[str, Any]]) -> Iterator[Document]:
        stages = [*pipeline, {"$limit": self._size}]
        return self._aggregate(stages, self._size, seconds=SAMPLE_SECONDS)

    def _aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], limit: int, *, seconds: float
    ) -> Iterator[Document]:
        batches = self._client.aggregate_raw(
            self.collection, pipeline, batch_size=limit, deadline=time.monotonic() + seconds
        )
        return self._decoded(batches, limit)

    def _find(
        self,
        condition: Mapping[str, Any],
        limit: int,
        *,
        sort: Sequence[tuple[str, int]] = (),
        projection: Mapping[str, int] | None = None,
    ) -> Iterator[Document]:
        batches = self._client.find_raw(
            self.collection,
            condition,
            projection,
            batch_size=limit,
            sort=sort,
            limit=limit,
            deadline=time.monotonic() + SAMPLE_SECONDS,
        )
        return self._decoded(batches, limit)

    def _decoded(self, batches: Iterator[bytes], limit: int) -> Iterator[Document]:
        """Yield documents, until they are too large for more of them.

        Args:
            batches: Documents, as the server sends them.
            limit: How many of those that are looked at in all they are.
        """
        room = SAMPLE_BYTES * limit // self._size
        for batch in batches:
            yield from self._valid(batch)
            room -= len(batch)
            if room <= 0:
                self.is_cut = True
                return

    def _valid(self, batch: bytes) -> list[Document]:
        """Return the documents of a batch, but those that the driver can't decode."""
        with suppress(InvalidBSON):
            return decode_documents(batch, SAMPLE_OPTIONS)
        found = []
        for document in _cut(batch):
            try:
                found += decode_documents(document, SAMPLE_OPTIONS)
            except InvalidBSON as error:
                _LOGGER.warning(
                    "Collection %s holds a document that can't be decoded, so its columns are"
                    " those of the others: %s",
                    self.label,
                    error,
                )
        return found


def _cut(batch: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(batch):
        end = start + int.from_bytes(batch[start : start + _LENGTH_BYTES], "little")
        yield batch[start:end]
        start = end
