"""Rows of text against the binary rows that hold the same, and texts that are no values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, SourceError
from athena_connectors.common.protocol.storage import physical_values
from athena_connectors.common.sql.text_rows import TextRowsDecoder

DATE, DATETIME, INTEGER, DOUBLE, STRING = 10, 12, 8, 5, 253


@dataclass(frozen=True)
class Column:
    decoder: str
    arrow: pa.DataType
    name: str = "c"


@dataclass(frozen=True)
class Sent:
    type_code: int
    flags: int = 0
    scale: int = 0


def decode(sent: int, column: Column, *values: bytes | None) -> list[Any]:
    decoder = TextRowsDecoder([column], [Sent(sent)], table="shop.orders")
    count, (array,) = decoder.decode([(value,) for value in values])
    assert count == len(values)
    assert array.type == column.arrow
    return physical_values(array)


WHEN = Column("datetime", pa.date64())
NUMBER = Column("integer", pa.int64())


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        (b"1970-01-01", 0),
        (b"1970-01-01 00:00:01", 1000),
        (b"1970-01-01 00:00:01.9", 1900),
        (b"1970-01-01 00:00:01.001999", 1001),
        (b"1969-12-31 23:59:59.999999", -1),
        (b"0000-00-00 00:00:00", None),
        (b"2024-02-30", None),
        (None, None),
    ],
)
def test_times_of_every_length(text: bytes | None, millis: int | None) -> None:
    assert decode(DATETIME, WHEN, text) == [millis]
    assert decode(DATETIME, WHEN, b"1970-01-02", text, None) == [86_400_000, millis, None]


def test_integers_may_be_signed_or_not() -> None:
    wide = Column("integer", pa.decimal128(20, 0))
    assert decode(INTEGER, wide, b"18446744073709551615", None) == [Decimal(2**64 - 1), None]
    assert decode(INTEGER, wide, b"-9223372036854775808", b"007") == [Decimal(-(2**63)), Decimal(7)]
    assert decode(INTEGER, Column("bool", pa.bool_()), b"0", b"-1", None) == [False, True, None]


def test_empty_text_is_not_null() -> None:
    assert decode(STRING, Column("text", pa.string()), b"", None, b"a") == ["", None, "a"]
    assert decode(STRING, Column("bytes", pa.binary()), b"", None, b"\xff") == [b"", None, b"\xff"]


def test_rows_without_columns_are_counted() -> None:
    decoder = TextRowsDecoder([], [Sent(INTEGER)], table="t")
    assert decoder.decode([(b"1",), (None,)]) == (2, [])


@pytest.mark.parametrize(
    ("sent", "column", "text"),
    [
        (INTEGER, NUMBER, b"a"),
        (INTEGER, NUMBER, b""),
        (INTEGER, NUMBER, b"1.5"),
        (INTEGER, NUMBER, b"18446744073709551616"),
        (DOUBLE, Column("float", pa.float64()), b"x"),
        (DATETIME, WHEN, b""),
        (DATETIME, WHEN, b"2024-01"),
        (DATETIME, WHEN, b"2024-01-0x"),
        (DATETIME, WHEN, b"2024-01-01 10:11"),
        (DATETIME, WHEN, b"2024-01-01 10:11:12."),
        (DATETIME, WHEN, b"2024-01-01 24:00:00"),
        (DATETIME, WHEN, b"2024-01-01 10:11:12.3456789"),
        (DATE, Column("date", pa.date32()), b"-024-01-01"),
    ],
)
def test_a_text_that_is_no_value_is_refused(sent: int, column: Column, text: bytes) -> None:
    with pytest.raises(SourceError, match=r"column 'c' of shop\.orders is malformed"):
        decode(sent, column, None, text)


def test_a_single_precision_number_is_refused_rather_than_rounded() -> None:
    with pytest.raises(DataConversionError, match="too few digits") as error:
        decode(4, Column("float", pa.float32()), b"1")
    assert "AS DOUBLE" in str(error.value.hint)


def test_a_value_that_does_not_fit_names_its_column() -> None:
    with pytest.raises(DataConversionError, match=r"'c' of shop\.orders"):
        decode(INTEGER, Column("integer", pa.int8()), b"128")
