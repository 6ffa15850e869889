"""Batches of BSON documents as record batches.

A batch as the server sends it is taken apart a few documents at a time: their values are then
still in the processor's cache when columns are made of them, and the memory that they take is
used again for the next ones.
"""

from __future__ import annotations

import logging
import struct
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import DataConversionError
from athena_connectors.common.garbage import collector_paused
from athena_connectors.common.other_names import OtherNames
from athena_connectors.common.types import rows_without_columns
from athena_connectors.documentdb.conversion import column_type, converter, values_of
from athena_connectors.documentdb.documents import decode_documents
from athena_connectors.documentdb.outcome import Outcome
from athena_connectors.documentdb.texts import json_of
from athena_connectors.documentdb.values import CODEC_OPTIONS
from bson.errors import BSONError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from athena_connectors.common.observability import SplitStats
    from athena_connectors.documentdb.relation import Column
    from athena_connectors.documentdb.settings import Settings

__all__ = ["BatchDecoder"]

_log = logging.getLogger(__name__)

_CHUNK_BYTES = 128 * 1024
"""BSON that is taken apart at a time; what comes of it has some ten times its size."""

_length = struct.Struct("<i").unpack_from
_MIN_DOCUMENT_BYTES = 5


class BatchDecoder:
    """Decodes the batches of one split; not for several threads at a time.

    Args:
        columns: Columns of the record batches, in order.
        collection: Name for messages.
        settings: What becomes of values that do not fit.
        stats: Counts the bytes and the time of conversion.
        relation_columns: All columns of the table, which is what the column of all other
            fields is made by; ``columns`` if not given.

    Attributes:
        schema: Schema of the record batches: the columns by name, in engine types
            (``common.types.engine_type``).
        mismatches: Values that are NULL because they do not fit their column, so far, by
            column.

    Raises:
        UnsupportedTypeError: A column's type is none that fields are read as.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        collection: str,
        settings: Settings,
        stats: SplitStats,
        relation_columns: Sequence[Column] | None = None,
    ) -> None:
        self.schema = pa.schema([(column.name, column_type(column)) for column in columns])
        self.mismatches: Counter[str] = Counter()
        self._columns = [(column, converter(column)) for column in columns]
        self._collection = collection
        self._settings = settings
        self._stats = stats
        self._others = _OtherFields(columns if relation_columns is None else relation_columns)
        self._warned: set[str] = set()

    def decode(self, raw: bytes) -> pa.RecordBatch:
        """Return the documents of a batch as rows, in their order.

        Args:
            raw: BSON documents, one after the other; none at all are no rows.

        Raises:
            DataConversionError: A document is malformed, or a value does not fit its column
                and the settings forbid it.
        """
        started = time.perf_counter()
        self._stats.bytes_read += len(raw)
        with collector_paused():
            batch = self._decoded(raw)
        self._stats.conversion_seconds += time.perf_counter() - started
        return batch

    def _decoded(self, raw: bytes) -> pa.RecordBatch:
        if not self._columns:
            return rows_without_columns(sum(1 for _ in self._chunks(raw, 1)))
        outcomes = [
            Outcome(column, collection=self._collection, settings=self._settings)
            for column, _ in self._columns
        ]
        chunks = [self._chunk(chunk, outcomes) for chunk in self._chunks(raw, _CHUNK_BYTES)]
        for outcome in outcomes:
            self._take(outcome)
        return chunks[0] if len(chunks) == 1 else _joined(chunks, self.schema)

    def _chunk(self, raw: bytes, outcomes: Sequence[Outcome]) -> pa.RecordBatch:
        try:
            documents = decode_documents(raw, CODEC_OPTIONS)
            arrays = [
                convert(
                    values_of(documents, column) if column.field else self._others.read(documents),
                    outcome,
                )
                for (column, convert), outcome in zip(self._columns, outcomes, strict=True)
            ]
        except (BSONError, RecursionError) as error:
            raise self._malformed() from error
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _chunks(self, raw: bytes, size: int) -> Iterator[bytes]:
        """Yield whole documents of some bytes together, the last ones of fewer."""
        start = end = 0
        while end < len(raw):
            stop = min(start + size, len(raw))
            try:
                while end < stop:
                    (length,) = _length(raw, end)
                    if length < _MIN_DOCUMENT_BYTES:
                        raise self._malformed()
                    end += length
            except struct.error as error:
                raise self._malformed() from error
            if end > len(raw):
                raise self._malformed()
            yield raw[start:end]
            start = end

    def _malformed(self) -> DataConversionError:
        return DataConversionError(
            f"A document of {self._collection} is malformed or nested too deep to be read.",
            hint="Select other columns: only the fields of those are read. The server's command"
            " validate finds malformed documents.",
            table=self._collection,
        )

    def _take(self, outcome: Outcome) -> None:
        column, found = outcome.column, outcome.found
        if not found:
            return
        self.mismatches[column.name] += found.total()
        if column.name not in self._warned:
            self._warned.add(column.name)
            _log.warning(
                "Column %r of %s is %s; values of BSON type %s in it are read as NULL.",
                column.name,
                self._collection,
                column.type,
                ", ".join(sorted(found)),
            )


def _joined(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    if not batches:
        return pa.RecordBatch.from_pylist([], schema=schema)
    joined: pa.RecordBatch = pa.concat_batches(batches)  # type: ignore[attr-defined]  # no stub
    return joined


class _OtherFields:
    """The column that holds as JSON whatever no other column shows.

    Args:
        columns: All columns of the table.
    """

    def __init__(self, columns: Iterable[Column]) -> None:
        self._others = OtherNames(
            (column.field, column.others, column.is_spelled) for column in columns
        )

    def read(self, documents: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """Return a JSON object of each document's other fields; ``None`` if it has none."""
        names: set[str] = set().union(*documents)
        other = self._others.among(names)
        rests = ({name: value for name, value in doc.items() if name in other} for doc in documents)
        return [json_of(rest) if rest else None for rest in rests]
