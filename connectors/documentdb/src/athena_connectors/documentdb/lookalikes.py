"""Values that are no strings and that a column of texts shows as a given text."""

from __future__ import annotations

import math
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from athena_connectors.documentdb.predicates import other_types
from bson.binary import Binary, UuidRepresentation
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from athena_connectors.documentdb.fields import Subject
    from athena_connectors.documentdb.filters import Filter

__all__ = ["Lookalikes", "of_lengths"]

_OBJECT_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,5})?|NaN|[+-]?Infinity", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z", re.ASCII)
_FAR_TIME = re.compile(r"[+-]?\d{4,}-\d\d-\d\dT.*", re.ASCII | re.DOTALL)
_DOCUMENT_LIKE = tuple('{["/')

_REPRESENTATIONS = (
    UuidRepresentation.STANDARD,
    UuidRepresentation.PYTHON_LEGACY,
    UuidRepresentation.JAVA_LEGACY,
    UuidRepresentation.CSHARP_LEGACY,
)
_OLD_HEADER = 4
"""Bytes that binary data of subtype 2 holds before its content."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_INCREMENT = 2**32 - 1
_DIGITS, _EXPONENT = 34, 6000
"""What a Decimal128 holds; no text is as long as to have a greater exponent in plain digits."""


@dataclass(slots=True)
class Lookalikes:
    """Values that show some texts.

    Attributes:
        subject: The column.
        values: Values that show one of them, or may.
        seconds: Seconds since 1970 in which dates and timestamps may.
        lengths: Lengths of binary data that may.
        has_far_times: Whether any date may, or timestamp.
        has_documents: Whether a value of any type but string and ObjectId may.
        is_exact: Whether nothing only may.
    """

    subject: Subject
    values: list[Any] = field(default_factory=list)
    seconds: set[int] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    has_far_times: bool = False
    has_documents: bool = False
    is_exact: bool = True

    def add(self, text: str) -> None:
        """Add what shows one more text."""
        before = len(self.values)
        if _NUMBER.fullmatch(text):
            self.values.extend(_numbers(text))
        if _UUID.fullmatch(text):
            meant = uuid.UUID(text)
            self.values.extend(Binary.from_uuid(meant, each) for each in _REPRESENTATIONS)
        if len(self.values) > before:
            self.is_exact = False
        if text in ("true", "false"):
            self.values.append(text == "true")
        if _OBJECT_ID.fullmatch(text):
            self.values.append(ObjectId(text))
        if _BASE64.fullmatch(text):
            self.lengths.add(len(text.rstrip("=")) * 3 // 4)
            self.is_exact = False
        if _FAR_TIME.fullmatch(text):
            self._add_time(text)
            self.is_exact = False
        if text.startswith(_DOCUMENT_LIKE):
            self.has_documents = True
            self.is_exact = False

    def _add_time(self, text: str) -> None:
        match = _TIME.fullmatch(text)
        try:
            second = datetime.fromisoformat(f"{match[1]}+00:00") if match else None
        except ValueError:
            return
        if second is None:
            self.has_far_times = True
        else:
            self.seconds.add((second - _EPOCH) // timedelta(seconds=1))

    def filters(self) -> Iterator[Filter]:
        """Yield filters that let pass what the values do not list."""
        name = self.subject.field
        if self.lengths:
            yield of_lengths(name, self.lengths)
        if self.seconds:
            first, last = min(self.seconds), max(self.seconds)
            yield {name: {"$gte": DatetimeMS(first * 1000), "$lt": DatetimeMS(last * 1000 + 1000)}}
            first, last = max(first, 0), min(last, 2**32 - 1)
            if first <= last:
                low_stamp, high_stamp = Timestamp(first, 0), Timestamp(last, _LAST_INCREMENT)
                yield {name: {"$gte": low_stamp, "$lte": high_stamp}}
        if self.has_documents:
            yield other_types(self.subject, ("string", "objectId"))
        elif self.has_far_times:
            yield {name: {"$type": ["date", "timestamp"]}}


def of_lengths(field: str, lengths: Collection[int]) -> Filter:
    """Return that a field holds binary data of some lengths, or of lengths between them.

    It is ordered by its length first, then by its subtype.
    """
    low, high = min(lengths), max(lengths) + _OLD_HEADER + 1
    return {field: {"$gte": Binary(bytes(low), 0), "$lt": Binary(bytes(high), 0)}}


def _numbers(text: str) -> Iterator[Any]:
    """Yield the numbers that a text may be the digits of."""
    double = float(text)
    if not math.isfinite(double) and text.lstrip("+-")[0] in "NI":
        yield double
        return
    if math.isfinite(double):
        yield double
    exact = Decimal(text).normalize(Context(prec=len(text) + 1))
    if len(exact.as_tuple().digits) <= _DIGITS and abs(exact.adjusted()) <= _EXPONENT:
        yield Decimal128(exact)
