from __future__ import annotations

import gc
import logging
import struct
from base64 import b64encode
from typing import Any
from uuid import UUID

import bson
import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, UnsupportedTypeError
from athena_connectors.common.observability import SplitStats
from athena_connectors.documentdb import batches
from athena_connectors.documentdb.batches import BatchDecoder
from athena_connectors.documentdb.relation import Column
from athena_connectors.documentdb.settings import Settings
from athena_connectors.documentdb.times import iso_millis, iso_text
from athena_connectors.documentdb.values import CODEC_OPTIONS, bson_type, decimal_of
from bson.code import Code
from bson.decimal128 import Decimal128
from hypothesis import given, settings
from hypothesis import strategies as st


def decoder(columns: list[Column], **options: Any) -> BatchDecoder:
    stats = options.pop("stats", SplitStats())
    relation_columns = options.pop("relation_columns", None)
    return BatchDecoder(
        columns,
        collection="shop.sales",
        settings=Settings(**options),
        stats=stats,
        relation_columns=relation_columns,
    )


def text(name: str, **options: Any) -> Column:
    return Column(name, pa.string(), name, **options)


def raw(*documents: dict[str, Any]) -> bytes:
    return b"".join(map(bson.encode, documents))


def document(*elements: bytes) -> bytes:
    content = b"".join(elements)
    return struct.pack("<i", len(content) + 5) + content + b"\0"


def element(tag: int, name: bytes, content: bytes) -> bytes:
    return bytes([tag]) + name + b"\0" + content


def string(content: bytes) -> bytes:
    return struct.pack("<i", len(content) + 1) + content + b"\0"


# What no encoder writes


def test_a_field_that_a_document_has_twice_shows_the_last_value() -> None:
    twice = document(
        element(16, b"a", struct.pack("<i", 1)), element(16, b"a", struct.pack("<i", 2))
    )
    batch = decoder([Column("a", pa.int64(), "a")]).decode(twice)
    assert batch["a"].to_pylist() == [2]


def test_what_is_no_utf8_is_read_as_the_replacement_character() -> None:
    broken = document(element(2, b"a", string(b"x\xffy")), element(2, b"\xfe", string(b"z")))
    columns = [text("a"), Column("rest", pa.string(), "")]
    batch = decoder(columns).decode(broken)
    assert batch.to_pylist() == [{"a": "x\ufffdy", "rest": '{"\ufffd":"z"}'}]


def test_old_types_are_read_as_what_replaced_them() -> None:
    old = document(
        element(6, b"undefined", b""),
        element(14, b"symbol", string(b"s")),
        element(12, b"pointer", string(b"db.c") + b"\x01" * 12),
    )
    reference = pa.struct([("_db", pa.string()), ("_ref", pa.string()), ("_id", pa.string())])
    columns = [text("undefined"), text("symbol"), Column("pointer", reference, "pointer")]
    (row,) = decoder(columns).decode(old).to_pylist()
    assert row["undefined"] is None
    assert row["symbol"] == "s"
    assert row["pointer"] == {"_db": None, "_ref": "db.c", "_id": "01" * 12}


def test_a_document_that_only_looks_like_a_reference_is_a_document() -> None:
    column = Column("a", pa.struct([("$ref", pa.int64()), ("$id", pa.int64())]), "a")
    batch = decoder([column]).decode(raw({"a": {"$ref": 5, "$id": 1}}))
    assert batch["a"].to_pylist() == [{"$ref": 5, "$id": 1}]


def test_a_reference_keeps_its_further_fields() -> None:
    column = Column("a", pa.struct([("_id", pa.int64()), ("k", pa.int64())]), "a")
    reference = {"$ref": "c", "$id": 1, "k": 2, "collection": 3}
    batch = decoder([column, text("a")]).decode(raw({"a": reference}))
    assert batch.column(0).to_pylist() == [{"_id": 1, "k": 2}]
    assert batch.column(1).to_pylist() == ['{"$id":1,"$ref":"c","collection":3,"k":2}']


def binary(name: bytes, subtype: int, content: bytes) -> bytes:
    return element(5, name, struct.pack("<i", len(content)) + bytes([subtype]) + content)


@pytest.mark.parametrize(
    ("subtype", "content"),
    [
        *(
            (subtype, content)
            for subtype in (3, 4)
            for content in (b"", b"x", b"y" * 15, b"z" * 17)
        ),
        *((2, content) for content in (b"", b"abc", struct.pack("<i", 2) + b"x", b"y" * 20)),
    ],
)
def test_binary_data_that_belies_its_subtype_is_read_as_its_bytes(
    subtype: int, content: bytes
) -> None:
    scope = document(binary(b"k", subtype, content))
    scoped = string(b"f") + scope
    broken = document(
        element(19, b"decimal", b"\x05" * 16),
        *(element(tag, b"f%d" % tag, string(b"\x05a")) for tag in (2, 13, 14)),
        element(12, b"p", string(b"c") + b"\x05" * 12),
        element(11, b"r", b"a\0i\0"),
        element(15, b"code", struct.pack("<i", len(scoped) + 4) + scoped),
        *(element(tag, b"none%d" % tag, b"") for tag in (6, 10, 127, 255)),
        element(3, b"in", document(element(4, b"0", document(binary(b"0", subtype, content))))),
        binary(b"uuid", 4, b"u" * 16),
        *(element(tag, b"n%d" % tag, b"\5" * 8) for tag in (1, 9, 17, 18)),
        *(element(tag, b"m%d" % tag, b"\1" * size) for tag, size in ((7, 12), (8, 1), (16, 4))),
        binary(b"a", subtype, content),
    )
    columns = [Column("a", pa.binary(), "a"), text("a"), text("uuid"), text("in"), text("code")]
    subject = decoder([*columns, Column("_id", pa.int64(), "_id")])
    batch = subject.decode(raw({"_id": 1}) + broken + raw({"_id": 2, "a": b"whole"}) + broken)
    base64 = b64encode(content).decode()
    assert batch.column(0).to_pylist() == [None, content, b"whole", content]
    assert batch.column(1).to_pylist() == [None, base64, "d2hvbGU=", base64]
    assert batch.column(2).to_pylist() == [None, str(UUID(bytes=b"u" * 16))] * 2
    assert batch.column(3).to_pylist() == [None, f'{{"0":["{base64}"]}}'] * 2
    assert batch.column(4).to_pylist() == [None, f'{{"$code":"f","$scope":{{"k":"{base64}"}}}}'] * 2
    assert batch.column(5).to_pylist() == [1, None, 2, None]
    assert not subject.mismatches


@settings(max_examples=300)
@given(st.data())
def test_bytes_that_are_no_documents_are_an_error_or_the_drivers_documents(
    data: st.DataObject,
) -> None:
    good = document(
        element(3, b"in", document(binary(b"a", 4, b"short"), element(2, b"s", string(b"x")))),
        binary(b"b", 2, b"\1\0\0\0x"),
        element(15, b"c", struct.pack("<i", 18) + string(b"f") + document()),
        binary(b"a", 4, b"short"),
    )
    broken = bytearray(good)
    for place in data.draw(st.lists(st.integers(4, len(good) - 1), min_size=1, max_size=3)):
        broken[place] = data.draw(st.integers(0, 255))
    try:
        batch = decoder([text("a"), text("in")]).decode(bytes(broken))
    except DataConversionError:
        return
    assert batch.num_rows == 1


def test_documents_as_deep_as_the_server_takes_them_are_read() -> None:
    deep: Any = 1
    for level in range(180):
        deep = {"a": deep} if level % 2 else [deep]
    batch = decoder([text("a")]).decode(raw({"a": deep}))
    assert batch["a"].to_pylist() == ['{"a":[' * 90 + "1" + "]}" * 90]


def _nested(levels: int) -> bytes:
    inner = document()
    for _ in range(levels):
        inner = document(element(3, b"a", inner))
    return inner


@pytest.mark.parametrize(
    "broken",
    [
        raw({"a": 1})[:-1],
        raw({"a": 1}) + b"\0\0",
        raw({"a": 1}) + b"\0\0\0\0\0",
        raw({"a": 1}) + struct.pack("<i", 2**31 - 1) + b"\0",
        b"\xff\xff\xff\xff\0",
        document(element(8, b"a", b"\2")),
        document(element(32, b"a", b"")),
        _nested(600),
        _nested(1500),
    ],
    ids=["cut", "tail", "zero", "long", "negative", "boolean", "type", "deep", "deeper"],
)
def test_a_malformed_document_is_an_error_that_names_the_collection(broken: bytes) -> None:
    with pytest.raises(DataConversionError, match=r"shop\.sales") as caught:
        decoder([text("a")]).decode(broken)
    assert "validate" in caught.value.hint


@pytest.mark.parametrize("cut", [1, 4, 8, 11])
def test_a_batch_that_is_cut_is_not_counted(cut: int) -> None:
    with pytest.raises(DataConversionError):
        decoder([]).decode(raw({"a": 1}, {"a": 2})[:-cut])


# Values


@settings(max_examples=300, deadline=None)
@given(
    is_negative=st.booleans(),
    coefficient=st.one_of(st.integers(0, 10**34 - 1), st.integers(0, 999)),
    exponent=st.one_of(st.integers(0, 12_287), st.integers(6140, 6200)),
)
def test_a_decimal_is_what_the_driver_reads(
    is_negative: bool,  # noqa: FBT001
    coefficient: int,
    exponent: int,
) -> None:
    bits = is_negative << 127 | exponent << 113 | coefficient
    value = Decimal128.from_bid(bits.to_bytes(16, "little"))
    assert decimal_of(value).compare_total(value.to_decimal()) == 0


@pytest.mark.parametrize(
    ("high", "expected"),
    [(0x7C, "NaN"), (0xFC, "NaN"), (0x7E, "NaN"), (0x78, "Infinity"), (0xF8, "-Infinity")],
)
def test_a_decimal_that_is_no_number_is_one_of_three(high: int, expected: str) -> None:
    assert str(decimal_of(Decimal128.from_bid(b"\0" * 15 + bytes([high])))) == expected


@pytest.mark.parametrize("bits", [b"\xff" * 14 + b"\x0f\x30", b"\xff" * 15 + b"\x6c"])
def test_a_decimal_of_too_many_digits_is_zero(bits: bytes) -> None:
    assert decimal_of(Decimal128.from_bid(bits)).is_zero()


@settings(max_examples=200, deadline=None)
@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_the_text_of_a_date_reads_as_the_date(millis: int) -> None:
    assert iso_millis(iso_text(millis)) == millis


@pytest.mark.parametrize(
    ("millis", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "+10000-01-01T00:00:00.000Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
        (2**63 - 1, "+292278994-08-17T07:12:55.807Z"),
        (-(2**63), "-292275055-05-16T16:47:04.192Z"),
    ],
)
def test_years_that_have_no_four_digits_have_a_sign(millis: int, expected: str) -> None:
    assert iso_text(millis) == expected


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Code("f"), "javascript"),
        (Code("f", {}), "javascriptWithScope"),
        (None, "null"),
        (bson.Binary(b"x" * 16, 4), "uuid"),
        (bson.Binary(b"x" * 16, 5), "binData"),
    ],
)
def test_a_value_has_the_name_of_its_type(value: Any, name: str) -> None:
    stored = bson.decode(bson.encode({"a": value}), CODEC_OPTIONS)["a"]
    assert bson_type(stored) == name


# Columns


def test_a_field_of_another_spelling_is_read_only_where_a_document_lacks_the_first() -> None:
    column = text("a", others=("A",))
    batch = decoder([column]).decode(raw({"a": None, "A": "x"}, {"A": "y"}, {"a": "z", "A": "x"}))
    assert batch["a"].to_pylist() == [None, "y", "z"]


def test_a_child_in_another_case_is_read_if_it_is_the_only_one() -> None:
    column = Column("a", pa.struct([("kind", pa.string())]), "a")
    children = [{"Kind": "x"}, {"Kind": "x", "KIND": "y"}, {"kind": "z", "KIND": "y"}, {}]
    batch = decoder([column]).decode(raw(*({"a": child} for child in children)))
    assert batch["a"].field(0).to_pylist() == ["x", None, "z", None]


def test_other_fields_are_those_that_no_column_of_the_table_shows() -> None:
    rest = Column("rest", pa.string(), "")
    known = [text("a", others=("A",)), text("b", is_spelled=False), rest]
    documents = raw({"a": 1, "A": 1, "B": 1}, {"z": [1.5], "c": None, "b": 1})
    batch = decoder([rest], relation_columns=known).decode(documents)
    assert batch["rest"].to_pylist() == [None, '{"c":null,"z":[1.5]}']


def test_two_columns_may_show_one_field() -> None:
    columns = [Column("n", pa.int64(), "a"), Column("t", pa.string(), "a")]
    assert decoder(columns).decode(raw({"a": 5})).to_pylist() == [{"n": 5, "t": "5"}]


def test_documents_are_counted_when_no_column_is_asked_for() -> None:
    batch = decoder([]).decode(raw({"a": 1}, {}, {"b": "x"}))
    assert (batch.num_rows, batch.num_columns) == (3, 0)


@pytest.mark.parametrize("columns", [[], [text("a"), Column("t", pa.timestamp("ms", "UTC"), "t")]])
def test_no_documents_are_no_rows(columns: list[Column]) -> None:
    subject = decoder(columns)
    batch = subject.decode(b"")
    assert (batch.num_rows, batch.schema) == (0, subject.schema)


def test_a_map_with_other_keys_than_texts_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedTypeError, match="'m'"):
        decoder([Column("m", pa.list_(pa.map_(pa.int32(), pa.string())), "m")])


# Values that do not fit


def test_a_mismatch_is_counted_in_every_batch_and_told_once_without_the_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    subject = decoder([Column("sold", pa.list_(pa.int32()), "sold")])
    batch = raw({"sold": ["secret", 1, 2**40]}, {"sold": {"secret": 1}}, {"sold": [7]})
    with caplog.at_level(logging.WARNING):
        rows = [subject.decode(batch)["sold"].to_pylist() for _ in range(3)]
    assert rows == [[[None, 1, None], None, [7]]] * 3
    assert subject.mismatches == {"sold": 9}
    (record,) = caplog.records
    message = record.getMessage()
    assert "'sold' of shop.sales" in message
    assert "long, object, string" in message
    assert "secret" not in message


def test_a_mismatch_ends_the_query_if_the_settings_say_so() -> None:
    subject = decoder([Column("sold", pa.int32(), "sold")], on_type_mismatch="fail")
    with pytest.raises(
        DataConversionError, match=r"'sold' of shop\.sales is int32.*string"
    ) as told:
        subject.decode(raw({"sold": 1}, {"sold": "secret"}))
    assert "secret" not in str(told.value)
    assert "on_type_mismatch=null" in told.value.hint


# Cost


def test_the_collector_rests_while_documents_are_taken_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def values_of(documents: Any, column: Column) -> list[Any]:
        seen.append(gc.isenabled())
        return [None] * len(documents)

    monkeypatch.setattr(batches, "values_of", values_of)
    decoder([text("a")]).decode(raw({"a": "x"}))
    assert (seen, gc.isenabled()) == ([False], True)


def test_documents_are_taken_apart_a_few_at_a_time_and_a_large_one_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    decode_all = bson.decode_all

    def watched(data: bytes, options: Any) -> Any:
        sizes.append(len(data))
        return decode_all(data, options)

    monkeypatch.setattr(bson, "decode_all", watched)
    large = {"a": "y" * (16 * 1024 * 1024 - 100)}
    rows = [{"a": f"{number:100}"} for number in range(20_000)]
    batch = decoder([text("a")]).decode(raw(*rows, large, *rows))
    assert batch["a"].to_pylist() == [row["a"] for row in (*rows, large, *rows)]
    assert sorted(sizes)[-2] < 160 * 1024
    assert len(sizes) < 60


def test_bytes_and_time_are_counted() -> None:
    stats = SplitStats()
    content = raw({"a": "x"})
    decoder([text("a")], stats=stats).decode(content)
    assert stats.bytes_read == len(content)
    assert stats.conversion_seconds > 0
