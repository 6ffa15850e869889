"""Arrow messages: one each, measured exactly, in the framing asked for, whole or refused."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError, UnsupportedTypeError
from athena_connectors.common.protocol.arrow import (
    batch_message,
    batch_message_size,
    batch_messages,
    decode_block,
    decode_schema,
    encode_block,
    encode_schema,
    read_batch_message,
)
from athena_connectors.common.protocol.storage import (
    physical_array,
    physical_values,
    storage_type,
)
from athena_connectors.common.testing.ipc_frames import decode_frame, read_frame
from athena_connectors.common.testing.strategies import scalar_types, values
from hypothesis import example, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from(["", "a", "b", "é", "col1", 'quote"'])
METADATA: st.SearchStrategy[Any] = st.none() | st.dictionaries(
    st.binary(max_size=4), st.binary(max_size=9), max_size=2
)
both_framings = pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])


def all_types() -> st.SearchStrategy[pa.DataType]:
    """Return scalar types, and lists, structs and maps of any of them."""
    return st.recursive(
        scalar_types(),
        lambda inner: st.one_of(
            inner.map(pa.list_),
            st.lists(st.tuples(NAMES, inner), max_size=3, unique_by=lambda item: item[0]).map(
                pa.struct
            ),
            inner.map(lambda type_: pa.map_(pa.string(), type_)),
        ),
        max_leaves=3,
    )


def any_values(type_: Any) -> st.SearchStrategy[Any]:
    """Return physical values of any type, NULL among them."""
    if pa.types.is_list(type_):
        return st.none() | st.lists(any_values(type_.value_type), max_size=3)
    if pa.types.is_struct(type_):
        members = {field.name: any_values(field.type) for field in type_}
        return st.none() | st.fixed_dictionaries(members)
    if pa.types.is_map(type_):
        pairs = st.tuples(st.text(max_size=2), any_values(type_.item_type))
        return st.none() | st.lists(pairs, max_size=2)
    return st.none() | values(type_)


@st.composite
def any_batches(draw: st.DrawFn) -> pa.RecordBatch:
    """Return batches of any columns, whole or cut out of larger ones, with and without NULL."""
    rows, start = draw(st.integers(0, 70)), draw(st.sampled_from([0, 0, 1, 5, 8, 64]))
    fields, columns = [], []
    for _ in range(draw(st.integers(1, 3))):
        type_ = draw(all_types())
        cells = st.lists(any_values(type_), min_size=1, max_size=5)
        without_null = draw(st.booleans())
        pattern = [cell for cell in draw(cells) if cell is not None or not without_null] or [None]
        repeated = (pattern * (start + rows))[: start + rows + 3]
        columns.append(physical_array(repeated, type_).slice(0, start + rows))
        fields.append(pa.field(draw(NAMES), type_, metadata=draw(METADATA)))
    schema = pa.schema(fields, metadata=draw(METADATA))
    columns = [column.slice(0, min(map(len, columns))) for column in columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema).slice(start)


def assert_same(left: pa.RecordBatch, right: pa.RecordBatch) -> None:
    """Compare by text: a NaN is itself there, and -0.0 is not 0.0."""
    assert left.schema.equals(right.schema, check_metadata=True)
    assert left.num_rows == right.num_rows
    for one, two in zip(left.columns, right.columns, strict=True):
        assert repr(physical_values(one)) == repr(physical_values(two))


@settings(max_examples=200, deadline=None)
@given(any_batches(), st.booleans())
def test_a_message_is_one_batch_of_exactly_the_size_that_was_told(
    batch: pa.RecordBatch,
    legacy: bool,  # noqa: FBT001
) -> None:
    message = batch_message(batch, legacy=legacy)
    frame = read_frame(bytes(message))
    assert (frame.modern, frame.is_batch, frame.compressed) == (not legacy, True, False)
    assert batch_message_size(batch, legacy=legacy) == len(message)
    assert_same(read_batch_message(message, batch.schema), batch)


@settings(max_examples=60, deadline=None)
@given(any_batches(), st.booleans())
def test_blocks_come_back_as_they_were(batch: pa.RecordBatch, legacy: bool) -> None:  # noqa: FBT001
    block = encode_block(batch, legacy=legacy)
    assert list(block) == ["aId", "schema", "records"]
    assert (block["records"] == "") is (batch.num_rows == 0)
    assert decode_frame(block["schema"]).modern is not legacy
    assert_same(decode_block(block), batch)
    assert decode_schema(block["schema"]).equals(batch.schema, check_metadata=True)


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5), st.booleans())
def test_many_messages_are_what_each_is_alone(numbers: list[int], legacy: bool) -> None:  # noqa: FBT001
    whole = pa.record_batch([pa.array(numbers, pa.int64())], ["n"])
    rows = [whole.slice(place, 1) for place in range(len(numbers))]
    together = [bytes(message) for message in batch_messages(rows, legacy=legacy)]
    assert together == [bytes(batch_message(row, legacy=legacy)) for row in rows]


@both_framings
def test_a_slice_is_measured_without_its_surroundings(*, legacy: bool) -> None:
    whole = pa.record_batch({"text": ["x" * 1000] * 1000, "n": range(1000)})
    one = batch_message_size(whole.slice(500, 1), legacy=legacy)
    assert 1000 < one < 2000
    assert one == len(batch_message(whole.slice(500, 1), legacy=legacy))


@both_framings
@settings(max_examples=30)
@given(rows=st.integers(0, 2**31 - 1))
@example(rows=0)
@example(rows=2**31 - 1)
def test_rows_without_columns_keep_their_number(*, legacy: bool, rows: int) -> None:
    struct: Any = pa.StructArray.from_buffers(pa.struct([]), rows, [None], children=[])
    batch = pa.RecordBatch.from_struct_array(struct)
    message = bytes(batch_message(batch, legacy=legacy))
    frame = read_frame(message)
    assert (frame.modern, frame.is_batch, frame.compressed) == (not legacy, True, False)
    assert len(message) == batch_message_size(batch, legacy=legacy)
    body = pa.ipc.read_message(message).body
    assert body is not None
    assert body.size > 0  # the Java reader needs a body
    assert read_batch_message(message, pa.schema([])).num_rows == rows
    block = encode_block(batch, legacy=legacy)
    assert (block["records"] == "") is (rows == 0)
    assert decode_block(block).num_rows == rows


def test_rows_without_columns_as_others_write_them_are_read() -> None:
    message = pa.record_batch({"n": [1, 2, 3]}).select([]).serialize()
    assert read_batch_message(message, pa.schema([])).num_rows == 3


@both_framings
def test_dictionaries_are_refused(*, legacy: bool) -> None:
    encoded = pa.array(["a", "b", "a"]).dictionary_encode()
    nested = pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1, 2, 3], encoded)], ["in"])
    for column in (encoded, nested):
        batch = pa.record_batch([column], ["c"])
        for write in (batch_message, encode_block):
            with pytest.raises(UnsupportedTypeError, match="'c' is dictionary-encoded"):
                write(batch, legacy=legacy)
        with pytest.raises(UnsupportedTypeError, match="'c' is dictionary-encoded"):
            encode_schema(batch.schema, legacy=legacy)


BATCH = pa.record_batch({"id": [1, None, 3], "text": ["a", "bc", None]})


@both_framings
def test_columns_are_read_where_they_stand(*, legacy: bool) -> None:
    data = bytes(batch_message(BATCH, legacy=legacy))
    start = pa.py_buffer(data).address
    for given_data in (data, memoryview(data), pa.py_buffer(data)):
        batch = read_batch_message(given_data, BATCH.schema)
        assert batch == BATCH
        for column in batch.columns:
            for buffer in filter(None, column.buffers()):
                assert start <= buffer.address < start + len(data)


def test_what_follows_a_message_is_passed_over() -> None:
    for legacy in (False, True):
        data = bytes(batch_message(BATCH, legacy=legacy))
        assert read_batch_message(data + bytes(8), BATCH.schema) == BATCH


def stream(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


NO_BATCHES = {
    "nothing": b"",
    "no Arrow": b"no Arrow message at all",
    "a schema": bytes(BATCH.schema.serialize()),
    "a stream": stream(BATCH),
    "half a message": bytes(BATCH.serialize())[:-20],
    "half of the metadata": bytes(BATCH.serialize())[:40],
    "other columns": bytes(BATCH.select(["id"]).serialize()),
    "the end of a stream": b"\xff\xff\xff\xff\0\0\0\0",
}


@pytest.mark.parametrize("name", NO_BATCHES)
def test_other_bytes_are_refused(name: str) -> None:
    data = NO_BATCHES[name]
    with pytest.raises(InvalidRequestError, match="No readable Arrow record batch"):
        read_batch_message(data, BATCH.schema)
    block = {**encode_block(BATCH, legacy=False), "records": base64.b64encode(data).decode()}
    if data:
        with pytest.raises(InvalidRequestError, match=r"^block\.records: No readable"):
            decode_block(block)


def test_offsets_outside_of_the_data_are_refused() -> None:
    """Between the first and the last offset nothing is checked unless all are."""
    batch = pa.record_batch({"text": ["aaaa", "bbbb", "cccc"]})
    good = bytes(batch.serialize())
    offsets = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 4, 8, 12))
    wrong = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 10**9, 8, 12))
    assert good.count(offsets) == 1
    records = base64.b64encode(good.replace(offsets, wrong)).decode()
    with pytest.raises(InvalidRequestError, match=r"records: has values that are none"):
        decode_block({**encode_block(batch, legacy=False), "records": records})
    no_text = good.replace(b"bbbb", b"b\xff\xffb")
    records = base64.b64encode(no_text).decode()
    with pytest.raises(InvalidRequestError, match=r"records: has values that are none"):
        decode_block({**encode_block(batch, legacy=False), "records": records})


def test_days_with_a_time_are_no_fault() -> None:
    type_ = pa.list_(pa.struct([("at", pa.date64())]))
    batch = pa.record_batch([physical_array([[{"at": 1577881801234}]], type_)], ["c"])
    with pytest.raises(pa.ArrowInvalid):
        batch.validate(full=True)
    assert physical_values(decode_block(encode_block(batch, legacy=False)).column(0)) == [
        [{"at": 1577881801234}]
    ]


TEXTS: dict[str, Any] = {
    "no text": 5,
    "null": None,
    "an object": {},
    "no base64": "???",
    "without padding": encode_schema(BATCH.schema, legacy=False).rstrip("="),
    "for URLs": encode_schema(BATCH.schema, legacy=False).replace("/", "_"),
    "not ASCII": "é",
    "nothing": "",
    "half": encode_schema(BATCH.schema, legacy=False)[:60],
    "a batch": base64.b64encode(BATCH.serialize()).decode(),
}


@pytest.mark.parametrize("name", TEXTS)
def test_other_schemas_are_refused(name: str) -> None:
    if name == "without padding":
        assert TEXTS[name] != encode_schema(BATCH.schema, legacy=False)
    with pytest.raises(InvalidRequestError, match=r"^schema: "):
        decode_schema(TEXTS[name])
    with pytest.raises(InvalidRequestError, match=r"^block\.schema: "):
        decode_block({"aId": "x", "schema": TEXTS[name], "records": ""})


def test_line_breaks_in_base64_are_passed_over() -> None:
    text = encode_schema(BATCH.schema, legacy=False)
    assert decode_schema("\r\n".join([text[:76], text[76:], ""])) == BATCH.schema


@pytest.mark.parametrize("block", [None, [], "x", {}, {"schema": "", "records": ""}])
def test_other_blocks_are_refused(block: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^block"):
        decode_block(block)


@given(all_types())
def test_storage_types_have_no_times(type_: pa.DataType) -> None:
    stored = storage_type(type_)
    assert not any(word in str(stored) for word in ("date", "time"))
    assert storage_type(stored) == stored
    empty: pa.Array[Any] = pa.array([], type_)
    assert empty.view(stored).view(type_).type == type_
