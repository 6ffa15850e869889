"""Batches against a naive reading of the table of values, value by value."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import bson
import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.testing.physical_values import physical_values
from athena_connectors.common.types import check_schema
from athena_connectors.documentdb import batches
from athena_connectors.documentdb.batches import BatchDecoder
from athena_connectors.documentdb.relation import Column
from athena_connectors.documentdb.scalars import Scalar
from athena_connectors.documentdb.settings import Settings
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.documentdb.tests.meaning import Oracle

_ZONE = "Europe/Paris"


# Documents

NAMES = ["a", "A", "k", "K", "\u212a", "do.t", "$x", "", "\u00e9\u00c9", "\u00c9\u00e9", 'q"']
ODD_TEXTS = [
    "A", "12", "+7", "-0", "00012", "1e3", "5.5", "5.", "1e999999", "1e9999999", "0e999999",
    "0x1F", "nan", " 5", "5\n", "\u0665", "9223372036854775807", "9223372036854775808", "1E-400",
    "16777217.0000000000000000000001", "9" * 40, "0" * 50 + "7", "3.4028235677973366E38",
    "507f1f77bcf86cd799439011", "123456789012345678901234", "",
    "2020-02-29", "2020-02-30", "0000-01-01", "20200101", "2020-01-01T00:00", "2020-01-01T24:00",
    "1969-12-31T23:59:59.9999", "2020-01-01 00:00:00,5Z", "2020-01-01T00:00:00.123456789+05:30",
    "2020-01-01T00:00:00-0500", "2020-01-01T00:00:00 +23", "2020-01-01T00:00:00+24:00",
    "2020-01-01T00:00:00+01:60", "2020-01-01Z", "2020-01-01T00:00.5", "2020-01-01t23:59:60z",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999-23:59", "2020-01-01T00:00:00.1234567890Z",
]  # fmt: skip
ODD_DECIMALS = [
    "NaN", "sNaN", "-NaN", "Infinity", "-Infinity", "0E+6000", "-0", "1E+6111", "1E-6176",
    "-0.005", "2.5", "0.125", "99999.995", "9999999999999999999999999999999999", "128.0",
    "-128.00", "1.000000059604644775390625", "3.4028235677973366E38", "9007199254740993",
    "5E+3", "9223372036854775808",
]  # fmt: skip
ODD_FLOATS = [
    0.0, -0.0, 5.0, 5.5, -128.0, 128.0, 1e300, 3.4028235677973366e38, 3.4028235677973362e38, 1e-46,
    9.223372036854775807e18, -9.223372036854775808e18, 1e22, 0.1, 2.675, 1.000000059604645,
]  # fmt: skip
ODD_DATES = [
    0, -1, 253402300799999, 253402300800000, -62135596800000, -62135596800001, 2**63 - 1, -(2**63),
    2**51 - 1, 2**51, -(2**51), -(2**51) - 1, 2**31 * 86_400_000 - 1, 2**31 * 86_400_000,
    -(2**31) * 86_400_000, -(2**31) * 86_400_000 - 1, -62167219200000, -62167219200001,
]  # fmt: skip
_texts = st.one_of(st.text(max_size=5), st.sampled_from(ODD_TEXTS))
_ints = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300), st.integers(2**53 - 2, 2**53 + 9)
)
_whole = st.integers(-128, 127)
_floats = st.one_of(st.floats(), st.sampled_from(ODD_FLOATS))
_decimals = st.one_of(
    st.decimals(-1000, 1000, places=10).map(Decimal128),
    st.integers(-(10**34) + 1, 10**34 - 1).map(lambda n: Decimal128(str(n))),
    st.tuples(st.integers(-(10**34) + 1, 10**34 - 1), st.integers(-60, 60)).map(
        lambda pair: Decimal128(f"{pair[0]}E{pair[1]}")
    ),
    st.sampled_from(ODD_DECIMALS).map(Decimal128),
)
_dates = st.one_of(
    st.integers(-(10**13), 10**13), st.integers(-(2**63), 2**63 - 1), st.sampled_from(ODD_DATES)
).map(DatetimeMS)
_near_dates = st.integers(-(10**13), 10**13).map(DatetimeMS)
_stamps = st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
_ids = st.binary(min_size=12, max_size=12).map(ObjectId)
_binaries = st.one_of(
    st.binary(max_size=4),
    st.builds(Binary, st.binary(max_size=4), st.sampled_from([1, 2, 5, 128])),
    st.builds(Binary, st.binary(min_size=16, max_size=16), st.sampled_from([3, 4])),
)
_patterns = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=3)
_regexes = st.builds(Regex, _patterns, st.sets(st.sampled_from("imsxu")).map("".join))
_codes = st.one_of(
    st.builds(Code, st.text(max_size=3)), st.just(Code("f", {})), st.just(Code("f", {"a": [1.5]}))
)
_scalars = st.one_of(
    _texts, _ints, _ints.map(Int64), _floats, _decimals, st.booleans(), st.none(), _dates,
    _stamps, _ids, _binaries, _regexes, _codes, st.just(MinKey()), st.just(MaxKey()),
)  # fmt: skip


def _references(inner: Any) -> Any:
    return st.one_of(
        st.builds(DBRef, st.text(max_size=3), inner),
        st.builds(DBRef, st.just("c"), inner, st.just("d")),
        st.builds(DBRef, st.just("c"), inner, st.none(), st.fixed_dictionaries({"k": inner})),
    )


def _documents(inner: Any) -> Any:
    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)


VALUES = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), _documents(inner), _references(inner)),
    max_leaves=6,
)
_LIKELY = {
    "text": _texts, "whole": _whole, "int": _ints, "float": _floats, "date": _near_dates,
    "id": _ids, "bool": st.booleans(), "binary": _binaries, "decimal": _decimals,
    "list": st.lists(VALUES, max_size=3), "document": _documents(VALUES), "any": VALUES,
    "any date": _dates,
}  # fmt: skip


def fitting(type_: Any) -> Any:
    """Values that mostly suit a type, so that columns of one kind occur at every level."""
    types = pa.types
    if types.is_list(type_):
        plain: Any = st.lists(fitting(type_.value_type), max_size=3)
    elif types.is_struct(type_):
        plain = st.fixed_dictionaries({}, optional={f.name: fitting(f.type) for f in type_})
    elif types.is_map(type_):
        plain = st.dictionaries(st.sampled_from(NAMES), fitting(type_.item_type), max_size=3)
    else:
        kinds = {
            types.is_string: "text", types.is_integer: "whole", types.is_floating: "float",
            types.is_decimal: "whole", types.is_boolean: "bool", types.is_binary: "binary",
            types.is_temporal: "date",
        }  # fmt: skip
        plain = _LIKELY[next(kind for fits, kind in kinds.items() if fits(type_))]
    return st.one_of(plain, plain, plain, st.none())


SCALAR_TYPES = [
    pa.string(), pa.decimal128(38, 9), pa.decimal128(5, 2), pa.decimal128(38, 38),
    pa.decimal128(38, 0), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(),
    pa.float64(), pa.bool_(), pa.binary(), pa.date32(), pa.date64(), pa.timestamp("ms"),
    pa.timestamp("ms", "UTC"), pa.timestamp("ms", _ZONE),
]  # fmt: skip
_types = st.recursive(
    st.sampled_from(SCALAR_TYPES),
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(lambda type_: pa.map_(pa.string(), type_)),
        st.dictionaries(
            st.sampled_from([*NAMES, "_id", "_ref", "_db"]), inner, min_size=1, max_size=3
        ).map(lambda fields: pa.struct(list(fields.items()))),
    ),
    max_leaves=4,
)


@st.composite
def tables(draw: Any) -> tuple[list[Column], list[dict[str, Any]]]:
    """Columns, and documents whose fields mostly have one type, as in life."""
    columns, values = [], {}
    for index, name in enumerate(draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))):
        if not name:
            continue
        kind = draw(st.sampled_from(["plain"] * 6 + ["others", "unspelled", "json"]))
        others = tuple(other for other in NAMES if other != name and other.lower() == name.lower())
        type_ = pa.string() if kind == "json" else draw(_types)
        columns.append(
            Column(
                f"c{index}",
                type_,
                name,
                others=others if kind == "others" else (),
                is_spelled=kind != "unspelled",
                is_json=kind == "json",
            )
        )
        values[name] = draw(
            st.sampled_from([fitting(type_)] * 3 + [_LIKELY[key] for key in sorted(_LIKELY)])
        )
    if draw(st.integers(0, 4)) == 0:
        columns.append(Column("rest", pa.string(), ""))
    more = draw(st.lists(st.sampled_from(NAMES), max_size=2))
    values = dict.fromkeys(more, VALUES) | values
    shape = st.fixed_dictionaries({}, optional=values)
    return columns, draw(st.lists(shape, max_size=6))


def decoder(columns: list[Column], *, on_type_mismatch: Any = "null") -> BatchDecoder:
    return BatchDecoder(
        columns,
        collection="shop.sales",
        settings=Settings(on_type_mismatch=on_type_mismatch),
        stats=SplitStats(),
    )


def raw(documents: list[dict[str, Any]]) -> bytes:
    return b"".join(map(bson.encode, documents))


def same(left: Any, right: Any) -> bool:
    """Equality that tells NaN from nothing, 0.0 from -0.0 and 1 from True."""
    return repr(left) == repr(right)


@pytest.mark.parametrize("way", ["fast", "slow", "chunks"])
@settings(max_examples=150, deadline=None)
@given(table=tables())
def test_batches_are_what_reading_value_by_value_gives(
    way: str, table: tuple[list[Column], list[dict[str, Any]]]
) -> None:
    columns, documents = table
    with pytest.MonkeyPatch.context() as patch:
        if way == "slow":
            patch.setattr(Scalar, "read_whole", lambda *_: None)
        if way == "chunks":
            patch.setattr(batches, "_CHUNK_BYTES", 1)
        subject = decoder(columns)
        batch = subject.decode(raw(documents))
    batch.validate()
    assert (batch.num_rows, batch.schema) == (len(documents), subject.schema)
    check_schema(batch.schema, table="shop.sales")
    expected: Counter[str] = Counter()
    for column in columns:
        oracle = Oracle(column, columns)
        rows = [oracle.row(document) for document in documents]
        assert same(physical_values(batch[column.name]), rows), column
        expected[column.name] = oracle.mismatches.total()
    assert subject.mismatches == expected


@settings(max_examples=150, deadline=None)
@given(table=tables())
def test_a_query_fails_exactly_if_a_value_does_not_fit(
    table: tuple[list[Column], list[dict[str, Any]]],
) -> None:
    columns, documents = table
    oracles = [Oracle(column, columns) for column in columns]
    for oracle in oracles:
        for document in documents:
            oracle.row(document)
    strict = decoder(columns, on_type_mismatch="fail")
    found = {oracle.column.name: oracle.mismatches for oracle in oracles if oracle.mismatches}
    if not found:
        assert strict.decode(raw(documents)).num_rows == len(documents)
        return
    with pytest.raises(DataConversionError) as caught:
        strict.decode(raw(documents))
    assert caught.value.context["column"] in found
    named = re.search(r"BSON type (\w+) in it", str(caught.value))
    assert named is not None
    assert named[1] in found[caught.value.context["column"]]


@pytest.mark.parametrize("type_", SCALAR_TYPES, ids=str)
def test_every_odd_value_alone_is_read_as_the_table_says(type_: pa.DataType) -> None:
    values = [
        *ODD_TEXTS, *ODD_FLOATS, *map(Decimal128, ODD_DECIMALS), *map(DatetimeMS, ODD_DATES),
        math.nan, math.inf, -math.inf, 2**31, -(2**31) - 1, 2**63 - 1, Int64(5), True, False, [],
        {}, [1], {"a": 1}, b"", b"ab", b"\xff", Binary(b"\xff" * 16, 4), Timestamp(2**32 - 1, 1),
        ObjectId("1" * 24), Regex("a", "xi"), Code("x"), MinKey(), MaxKey(), DBRef("c", 1),
    ]  # fmt: skip
    column = Column("c", type_, "a")
    for value in values:
        oracle = Oracle(column, [column])
        batch = decoder([column]).decode(raw([{"a": value}]))
        assert same(physical_values(batch["c"]), [oracle.row({"a": value})]), value
