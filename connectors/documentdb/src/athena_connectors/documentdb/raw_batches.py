"""The driver's cursor of raw batches, without an object for each document of them.

The driver takes a reply apart twice: for the fields beside the documents it makes all of these
too, and throws them away. That costs as much as a quarter of what decoding small ones does.
"""

from __future__ import annotations

from typing import Any

import bson
from bson import _convert_raw_document_lists_to_streams
from bson.raw_bson import _RAW_ARRAY_BSON_OPTIONS, RawBSONDocument
from pymongo.cursor import RawBatchCursor

__all__ = ["RawBatches"]

_CURSOR = "cursor"


class RawBatches(RawBatchCursor[dict[str, Any]]):
    """Yields the batches of a ``find``; takes what ``find_raw_batches`` does."""

    def _unpack_response(self, response: Any, *arguments: Any, **options: Any) -> Any:
        reply = dict(RawBSONDocument(response.raw_command_response()))
        if _CURSOR not in reply:  # an error
            return super()._unpack_response(response, *arguments, **options)
        reply[_CURSOR] = dict(bson.decode(reply[_CURSOR].raw, _RAW_ARRAY_BSON_OPTIONS))
        _convert_raw_document_lists_to_streams(reply)
        return [reply]
