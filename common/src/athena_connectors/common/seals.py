"""Seals: what leaves the function to come back later, unread and unchanged.

The client carries splits and partitions from one request to the next. Sealed, they tell it
nothing, and whatever it changes or takes from elsewhere is noticed.

AES-SIV (RFC 5297) encrypts and authenticates, and needs no nonce: the same content gives
the same seal, so that requests that are repeated stay the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.protocol.messages import Split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.protocol.messages import Identity, TableName

__all__ = ["SEALED", "Seal"]

SEALED = "__sealed"
"""The only property of a sealed split, and the column of sealed partitions."""
_PURPOSE = b"athena-connectors seal 1"


class Seal:
    """Seals the splits and partitions of one query of one caller.

    Args:
        key: A secret that no client has.
        catalog: Athena's name for the source.
        table: The table, in the source's spelling.
        query_id: Athena's query.
        identity: Who asks; account and ARN count.
    """

    def __init__(
        self, key: str, *, catalog: str, table: TableName, query_id: str, identity: Identity
    ) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415

        self._cipher = AESSIV(hmac.digest(key.encode(), _PURPOSE, hashlib.sha512))
        facts = (catalog, table.schema, table.table, query_id, identity.account, identity.arn)
        self._context = json.dumps(facts).encode()

    def split(self, split: Split) -> Split:
        """Return a split whose properties are sealed."""
        text = json.dumps(dict(split.properties)).encode()
        return Split({SEALED: self._seal(b"split", text)}, split.spillLocation, split.encryptionKey)

    def open_split(self, split: Split) -> Split:
        """Return a split as it was.

        Raises:
            InvalidRequestError: It was not sealed for this query, table and caller.
        """
        properties = json.loads(self._open(b"split", split.properties.get(SEALED)))
        return Split(properties, split.spillLocation, split.encryptionKey)

    def partitions(self, batch: pa.RecordBatch, shown: Iterable[str]) -> pa.RecordBatch:
        """Return partitions, each sealed in one text.

        Args:
            batch: The partitions.
            shown: Columns that stay for the engine to see; what comes back in them is not
                looked at.

        Cost:
            About 50 microseconds for each.
        """
        sealed = [
            self._seal(b"partition", _ipc(batch.slice(place, 1))) for place in range(batch.num_rows)
        ]
        seen = {name: batch.column(name) for name in shown}
        return pa.record_batch({**seen, SEALED: pa.array(sealed, pa.string())})

    def open_partitions(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return partitions as they were, those of them that came back.

        Raises:
            InvalidRequestError: One was not sealed for this query, table and caller.
        """
        texts = batch.column(SEALED).to_pylist() if SEALED in batch.schema.names else [None]
        opened = [self._open(b"partition", text) for text in texts]
        if not opened:
            return batch
        table = pa.concat_tables([pa.ipc.open_stream(each).read_all() for each in opened])
        (whole,) = table.combine_chunks().to_batches()
        return whole

    def _seal(self, kind: bytes, content: bytes) -> str:
        sealed = self._cipher.encrypt(content, [self._context, kind])
        return base64.urlsafe_b64encode(sealed).decode()

    def _open(self, kind: bytes, text: str | None) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        try:
            sealed = base64.b64decode(text or "", altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed, [self._context, kind])
        except (InvalidTag, binascii.Error, ValueError) as cause:
            raise InvalidRequestError(
                f"A {kind.decode()} was not made by this function for this query and caller.",
                hint="Run the query again.",
            ) from cause


def _ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    written: bytes = sink.getvalue().to_pybytes()
    return written
