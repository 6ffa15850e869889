"""All rows arrive, once and in order, in blocks within their limit, or an error does."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.config import SpillSettings
from athena_connectors.common.crypto import decrypt_block, local_key
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    DeadlineExceededError,
    SourceError,
    SpillError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.arrow import batch_message, batch_message_size
from athena_connectors.common.protocol.messages import Identity, S3SpillLocation, Split
from athena_connectors.common.spill import (
    LAMBDA_REPLY_BYTES,
    BlockSpiller,
    S3Store,
    SpillResult,
    new_spill_location,
)
from athena_connectors.common.testing.folder_store import FolderStore
from botocore.awsrequest import AWSResponse
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from athena_connectors.common.testing.aws import AwsAddress

PLACE = S3SpillLocation("bucket", "prefix/query/uuid", directory=True)
PADDING = 64
"""Arrow writes up to so many bytes of a buffer that was allocated beyond its rows."""
SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])
NESTED = pa.schema(
    [
        ("flag", pa.bool_()),
        ("text", pa.string()),
        ("list", pa.list_(pa.string())),
        ("struct", pa.struct([("a", pa.int16()), ("b", pa.binary())])),
        ("map", pa.map_(pa.string(), pa.float64())),
        ("price", pa.decimal128(20, 2)),
    ]
)


class Store:
    """Keeps objects in memory, and knows how many puts ran at the same time.

    ``before_put`` is called with the number of the put and may wait or fail.
    """

    def __init__(self, before_put: Callable[[int], None] = lambda _: None) -> None:
        self.objects: dict[str, bytes] = {}
        self.headers: list[Mapping[str, str]] = []
        self.started = 0
        self._before_put = before_put
        self._lock = threading.Lock()

    def put(
        self, location: S3SpillLocation, data: bytes | memoryview, *, headers: Mapping[str, str]
    ) -> None:
        with self._lock:
            self.started += 1
            number = self.started
        self._before_put(number)
        with self._lock:
            self.objects[f"{location.bucket}/{location.key}"] = bytes(data)
            self.headers.append(headers)

    def check(self, bucket: str) -> None:
        del bucket


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def _spiller(schema: pa.Schema = SCHEMA, **changes: Any) -> BlockSpiller:
    arguments: dict[str, Any] = {
        "split": Split({}, PLACE, None),
        "table": "shop.orders",
        "max_block_bytes": 10_000,
        "max_inline_bytes": 0,
        "settings": SpillSettings(),
        "store": Store(),
        "stats": SplitStats(),
    }
    return BlockSpiller(schema, **{**arguments, **changes})


def _rows(count: int, *, start: int = 0, width: int = 40) -> pa.RecordBatch:
    ids = range(start, start + count)
    texts = [f"{number:0{width}}" if number % 7 else None for number in ids]
    return pa.record_batch([pa.array(ids, pa.int64()), pa.array(texts)], schema=SCHEMA)


def _decode(data: bytes, schema: pa.Schema, split: Split) -> pa.RecordBatch:
    plain = decrypt_block(data, split.encryptionKey) if split.encryptionKey else data
    return pa.ipc.read_record_batch(pa.ipc.read_message(plain), schema)


def _spill_all(spiller: BlockSpiller, batches: list[pa.RecordBatch]) -> SpillResult:
    with spiller:
        for batch in batches:
            spiller.add(batch)
        return spiller.finish()


_nested_rows = st.lists(
    st.fixed_dictionaries(
        {
            "flag": st.none() | st.booleans(),
            "text": st.none() | st.text(max_size=60),
            "list": st.none() | st.lists(st.none() | st.text(max_size=5), max_size=4),
            "struct": st.none()
            | st.fixed_dictionaries({"a": st.integers(0, 9), "b": st.none() | st.binary()}),
            "map": st.none()
            | st.lists(st.tuples(st.text(max_size=3), st.floats(0, 1)), max_size=3),
            "price": st.none() | st.decimals(0, 1000, places=2),
        }
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(
    rows=_nested_rows,
    cuts=st.lists(st.integers(0, 40), max_size=4),
    limit=st.integers(2_500, 6_000),
    repeats=st.integers(1, 6),
    encrypted=st.booleans(),
)
def test_rows_survive_in_order_in_dense_blocks_within_the_limit(
    rows: list[dict[str, Any]], cuts: list[int], limit: int, repeats: int, *, encrypted: bool
) -> None:
    whole = pa.RecordBatch.from_pylist(rows * repeats, schema=NESTED)
    store, stats = Store(), SplitStats()
    split = Split({}, PLACE, local_key() if encrypted else None)
    spiller = _spiller(NESTED, max_block_bytes=limit, split=split, store=store, stats=stats)
    widest = max((_block_size(whole.slice(n, 1), split) for n in range(whole.num_rows)), default=0)
    if widest > limit:
        with pytest.raises(SpillError, match=r"One row of shop\.orders"):
            _spill_all(spiller, _cut(whole, cuts))
        return
    result = _spill_all(spiller, _cut(whole, cuts))
    assert result.inline is None
    assert [block.key for block in result.blocks] == [
        f"{PLACE.key}.{number}" for number in range(len(store.objects))
    ]
    objects = [store.objects[f"{block.bucket}/{block.key}"] for block in result.blocks]
    blocks = [_decode(data, NESTED, split) for data in objects]
    assert pa.Table.from_batches(blocks, NESTED).equals(pa.Table.from_batches([whole], NESTED))
    assert all(len(data) <= limit for data in objects)
    _assert_dense(whole, blocks, limit, split)
    assert (stats.blocks, stats.spill_objects) == (len(blocks), len(blocks))
    assert stats.bytes_returned == sum(map(len, objects))


def _cut(batch: pa.RecordBatch, cuts: list[int]) -> list[pa.RecordBatch]:
    places = sorted({0, *(min(cut, batch.num_rows) for cut in cuts), batch.num_rows})
    return [batch.slice(start, stop - start) for start, stop in pairwise(places)]


def _block_size(batch: pa.RecordBatch, split: Split) -> int:
    return batch_message_size(batch, legacy=True) + (16 if split.encryptionKey else 0)


def _assert_dense(
    whole: pa.RecordBatch, blocks: list[pa.RecordBatch], limit: int, split: Split
) -> None:
    """No block but the last had room for the next row, save for Arrow's own padding."""
    start = 0
    for block in blocks[:-1]:
        with_next = whole.slice(start, block.num_rows + 1)
        assert _block_size(with_next, split) > limit - PADDING * 20
        start += block.num_rows


@pytest.mark.parametrize("batch_rows", [1, 7, 50, 400, 5000])
def test_blocks_are_dense_however_the_rows_come(batch_rows: int) -> None:
    store = Store()
    batches = [_rows(min(batch_rows, 5000 - at), start=at) for at in range(0, 5000, batch_rows)]
    result = _spill_all(_spiller(store=store), batches)
    sizes = [len(store.objects[f"bucket/{block.key}"]) for block in result.blocks]
    row, buffers = 60, 4
    assert len(sizes) > 20
    assert all(10_000 - row - PADDING * buffers < size <= 10_000 for size in sizes[:-1])


@pytest.mark.parametrize("limit", range(1_000, 1_064, 8))
def test_the_tag_of_an_encrypted_block_counts(limit: int) -> None:
    bytes_only = pa.record_batch({"x": pa.array([1] * 5_000, pa.int8())})
    for key in (None, local_key()):
        store = Store()
        split = Split({}, PLACE, key)
        spiller = _spiller(bytes_only.schema, store=store, max_block_bytes=limit, split=split)
        _spill_all(spiller, [bytes_only])
        assert max(map(len, store.objects.values())) == limit


def test_blocks_are_legacy_messages() -> None:
    store = Store()
    _spill_all(_spiller(store=store), [_rows(10)])
    data = store.objects[f"bucket/{PLACE.key}.0"]
    assert data == batch_message(_rows(10), legacy=True).to_pybytes()
    assert data[:4] != b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("request_bytes", "setting", "expected"),
    [(10_000, None, 10_000), (10_000, 5_000, 5_000), (10_000, 50_000, 10_000)],
)
def test_the_smallest_limit_counts(request_bytes: int, setting: int | None, expected: int) -> None:
    store = Store()
    spiller = _spiller(
        store=store,
        max_block_bytes=request_bytes,
        settings=SpillSettings(max_block_size_bytes=setting),
    )
    _spill_all(spiller, [_rows(1000)])
    assert expected - 60 < max(map(len, store.objects.values())) <= expected


def test_no_block_is_over_16_mb_whatever_is_asked_for() -> None:
    store = Store()
    wide = pa.record_batch([pa.array(range(40)), pa.array(["x" * 1_000_000] * 40)], schema=SCHEMA)
    spiller = _spiller(
        store=store,
        max_block_bytes=2**31,
        settings=SpillSettings(max_block_size_bytes=2**31),
    )
    result = _spill_all(spiller, [wide])
    sizes = [len(store.objects[f"bucket/{block.key}"]) for block in result.blocks]
    assert [size // 1_000_000 for size in sizes] == [15, 15, 10]


def test_a_row_over_the_limit_fails_the_read_and_names_the_column() -> None:
    wide = pa.record_batch([pa.array([1]), pa.array(["x" * 20_000])], schema=SCHEMA)
    store = Store()
    with pytest.raises(SpillError) as caught:
        _spill_all(_spiller(store=store), [_rows(500), wide])
    text = str(caught.value)
    assert "shop.orders" in text
    assert "'text' with 20,0" in text
    assert "over the limit of 10,000 bytes" in text
    assert "view" in text
    assert caught.value.context == {"column": "text"}


def test_a_small_result_is_inline() -> None:
    stats = SplitStats()
    result = _spill_all(
        _spiller(max_inline_bytes=50_000, stats=stats), [_rows(3), _rows(0), _rows(2, start=3)]
    )
    assert result.blocks == ()
    assert result.inline is not None
    assert result.inline.equals(_rows(5))
    assert (stats.blocks, stats.spill_objects) == (1, 0)
    assert stats.bytes_returned == batch_message_size(_rows(5), legacy=False)


@pytest.mark.parametrize("above", [0, 1])
def test_the_inline_limit_is_exclusive(above: int) -> None:
    size = batch_message_size(_rows(5), legacy=False)
    result = _spill_all(_spiller(max_inline_bytes=size + above), [_rows(5)])
    assert (result.inline is not None) == bool(above)
    assert len(result.blocks) == 1 - above


def test_what_was_once_spilled_is_not_inline() -> None:
    result = _spill_all(_spiller(max_block_bytes=5_000, max_inline_bytes=10**6), [_rows(150)])
    assert result.inline is None
    assert len(result.blocks) == 2


def test_a_result_that_would_break_the_reply_is_spilled() -> None:
    def inline(size: int) -> bool:
        batch = pa.record_batch([pa.array([1]), pa.array(["x" * size])], schema=SCHEMA)
        spiller = _spiller(max_block_bytes=10**7, max_inline_bytes=10**7)
        return _spill_all(spiller, [batch]).inline is not None

    fitting = (LAMBDA_REPLY_BYTES - 65_536) // 4 * 3
    assert inline(fitting - 1_000)
    assert not inline(fitting)


def test_no_rows_are_inline() -> None:
    result = _spill_all(_spiller(max_inline_bytes=1), [_rows(0)])
    assert result.inline is not None
    assert result.inline.num_rows == 0
    assert result.inline.schema == SCHEMA


def test_no_rows_without_room_inline_are_no_blocks() -> None:
    store = Store()
    assert _spill_all(_spiller(store=store), []) == SpillResult(None, ())
    assert not store.objects


def test_rows_without_columns_are_counted() -> None:
    empty = pa.RecordBatch.from_struct_array(pa.array([{}] * 7, pa.struct([])))
    result = _spill_all(_spiller(pa.schema([]), max_inline_bytes=1000), [empty, empty])
    assert result.inline is not None
    assert result.inline.num_rows == 14


@pytest.mark.parametrize(
    ("place", "with_store", "text"),
    [
        (None, True, "no spill bucket. Set spill_bucket"),
        (PLACE, False, "no spill bucket"),
        (S3SpillLocation("", "k", directory=True), True, "no spill bucket"),
        (S3SpillLocation("b", "k", directory=False), True, "s3://b/k is a single object"),
    ],
)
def test_a_need_to_spill_without_a_place_is_an_error(
    place: S3SpillLocation | None,
    *,
    with_store: bool,
    text: str,
) -> None:
    def spiller() -> BlockSpiller:
        store = Store() if with_store else None
        return _spiller(split=Split({}, place, None), store=store, max_inline_bytes=1_000)

    assert _spill_all(spiller(), [_rows(2)]).inline is not None
    for batches in ([_rows(50)], [_rows(5_000)]):
        with pytest.raises(SpillError, match=text):
            _spill_all(spiller(), batches)


def test_the_settings_headers_go_with_every_object() -> None:
    store = Store()
    headers = {"x-amz-acl": "private"}
    spill_settings = SpillSettings(spill_put_request_headers=headers)
    _spill_all(_spiller(store=store, settings=spill_settings), [_rows(1000)])
    assert store.headers == [headers] * len(store.objects)


def test_a_failed_put_fails_the_read_and_ends_the_others() -> None:
    def fail(number: int) -> None:
        if number == 3:
            raise AccessDeniedError("AWS denies it.", hint="Allow it.")

    store = Store(fail)
    with pytest.raises(SpillError, match=r"uuid\.2 .*s3:PutObject\): AWS denies it. Allow it."):
        _spill_all(_spiller(store=store), [_rows(100, start=at) for at in range(0, 10_000, 100)])
    assert store.started <= 3 + 2 + 2


def test_a_put_that_fails_last_fails_finish() -> None:
    def fail(number: int) -> None:
        del number
        raise OSError(28, "a text that nobody should see")

    with _spiller(store=Store(fail)) as spiller:
        spiller.add(_rows(10))
        with pytest.raises(
            SpillError, match=r"s3://bucket/prefix/query/uuid\.0 .*: OSErr"
        ) as caught:
            spiller.finish()
    assert "nobody" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_slow_puts_hold_the_reader_back() -> None:
    """Blocks on their way are bounded: two being put, two waiting, one in hand."""
    go = threading.Semaphore(0)
    store = Store(lambda _: go.acquire())  # type: ignore[arg-type, return-value]
    spiller = _spiller(store=store)

    def read() -> None:
        with spiller:
            for at in range(0, 6000, 100):
                spiller.add(_rows(100, start=at))
            spiller.finish()

    reader = threading.Thread(target=read)
    reader.start()
    ahead = []
    for done in range(60):
        time.sleep(0.005)
        ahead.append(len(spiller._blocks) - done)
        go.release()
    reader.join(10)
    assert not reader.is_alive()
    assert max(ahead) == 4
    assert len(store.objects) == len(spiller._blocks) > 20


def test_a_reader_that_waits_for_puts_can_be_stopped() -> None:
    go = threading.Event()

    def check() -> None:
        go.set()
        raise DeadlineExceededError("Time is over.")

    store = Store(lambda _: go.wait())  # type: ignore[arg-type, return-value]
    with pytest.raises(DeadlineExceededError):
        _spill_all(_spiller(store=store, check=check), [_rows(5_000)])
    assert store.started == 2


def test_leaving_early_writes_nothing_more() -> None:
    entered, go = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        del number
        entered.set()
        go.wait()

    store = Store(wait)

    def leave() -> None:
        with _spiller(store=store, settings=SpillSettings(spill_threads=1)) as spiller:
            spiller.add(_rows(600))
            assert entered.wait(5)
            threading.Timer(0.02, go.set).start()
            raise KeyError("the reader's")

    with pytest.raises(KeyError, match="the reader's"):
        leave()
    assert (store.started, len(store.objects)) == (1, 1)
    time.sleep(0.03)


def test_aborting_is_safe_at_any_time() -> None:
    spiller = _spiller()
    spiller.abort()
    spiller.abort()
    with _spiller() as other:
        other.add(_rows(1000))
        other.finish()
    other.abort()


def test_locations_follow_the_settings() -> None:
    location = new_spill_location(
        SpillSettings(spill_bucket="b", spill_prefix="p"), Identity(), "query-1"
    )
    assert (location.bucket, location.directory) == ("b", True)
    prefix, query, name = location.key.split("/")
    assert (prefix, query, len(name)) == ("p", "query-1", 36)


@pytest.mark.parametrize(
    ("options", "prefix", "expected"),
    [
        ({"spill_bucket": "o", "spill_prefix": "op"}, "p", ("o", "op/q-1/")),
        ({"spill_bucket": " ", "spill_prefix": ""}, "p", ("b", "p/q-1/")),
        ({"spill_bucket": None}, "p", ("b", "p/q-1/")),
        ({"spill_prefix": "x/q-1/y"}, "p", ("b", "x/q-1/y/")),
        ({}, "", ("b", "/q-1/")),
    ],
)
def test_options_of_the_catalog_go_before_the_settings(
    options: dict[str, str | None], prefix: str, expected: tuple[str, str]
) -> None:
    spill_settings = SpillSettings(spill_bucket="b", spill_prefix=prefix)
    location = new_spill_location(spill_settings, Identity(configOptions=options), "q-1")
    assert (location.bucket, location.key[:-36]) == expected


def test_every_split_has_a_place_of_its_own() -> None:
    made = {new_spill_location(SpillSettings(), Identity(), "q").key for _ in range(100)}
    assert len(made) == 100


def test_blocks_in_a_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    split = Split({}, PLACE, local_key())
    result = _spill_all(_spiller(store=store, split=split), [_rows(1000)])
    blocks = [_decode(store.get(block), SCHEMA, split) for block in result.blocks]
    assert pa.Table.from_batches(blocks).equals(pa.Table.from_batches([_rows(1000)]))


def test_blocks_in_s3(aws: AwsAddress) -> None:
    aws.create_bucket("spill")
    store = S3Store(aws.clients)
    store.check("spill")
    spill_settings = SpillSettings(
        spill_bucket="spill",
        spill_prefix="",
        spill_put_request_headers={"x-amz-meta-team": "data", "x-amz-storage-class": "STANDARD_IA"},
    )
    place = new_spill_location(spill_settings, Identity(), "q-1")
    split = Split({}, place, None)
    result = _spill_all(_spiller(store=store, split=split, settings=spill_settings), [_rows(1000)])
    assert aws.object_keys("spill") == sorted(block.key for block in result.blocks)
    blocks = [
        _decode(aws.read_object("spill", block.key), SCHEMA, split) for block in result.blocks
    ]
    assert pa.Table.from_batches(blocks).equals(pa.Table.from_batches([_rows(1000)]))
    head = aws.client("s3").head_object(Bucket="spill", Key=result.blocks[0].key)
    assert (head["Metadata"], head["StorageClass"]) == ({"team": "data"}, "STANDARD_IA")


def test_headers_stay_with_the_store_they_were_given_to(aws: AwsAddress) -> None:
    aws.create_bucket("headers")
    with_headers, without = S3Store(aws.clients), S3Store(aws.clients)
    for name, store, headers in [
        ("first", with_headers, {"x-amz-meta-team": "data"}),
        ("second", without, {}),
        ("third", with_headers, {}),
    ]:
        store.put(S3SpillLocation("headers", name, directory=False), b"x", headers=headers)
    kept = [
        aws.client("s3").head_object(Bucket="headers", Key=name)["Metadata"]
        for name in ("first", "second", "third")
    ]
    assert kept == [{"team": "data"}, {}, {}]


def test_a_missing_bucket_fails_the_put(aws: AwsAddress) -> None:
    split = Split({}, S3SpillLocation("no-such-bucket", "k", directory=True), None)
    with pytest.raises(SpillError, match=r"s3://no-such-bucket/k\.0 .*NoSuchBucket"):
        _spill_all(_spiller(store=S3Store(aws.clients), split=split), [_rows(10)])


def _answering(aws: AwsAddress, *statuses: int) -> tuple[S3Store, list[str]]:
    """Return a store whose requests get these HTTP statuses, the last one again and again."""
    clients = AwsClients(aws.environ)
    asked: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.method)
        status = statuses[min(len(asked), len(statuses)) - 1]
        response = AWSResponse(request.url, status, {}, None)
        response._content = b""
        return response

    clients.client("s3").meta.events.register("before-send.s3.*", answer)
    return S3Store(clients), asked


@pytest.mark.usefixtures("no_backoff")
def test_a_put_that_s3_refuses_fails_the_read(aws: AwsAddress) -> None:
    store, asked = _answering(aws, 403)
    with pytest.raises(SpillError, match="denies s3:PutObject on s3://bucket"):
        _spill_all(_spiller(store=store, settings=SpillSettings(spill_threads=1)), [_rows(10)])
    assert asked == ["PUT"]


@pytest.mark.usefixtures("no_backoff")
def test_a_put_is_repeated_while_s3_is_overloaded(aws: AwsAddress) -> None:
    store, asked = _answering(aws, 503, 503, 200)
    assert len(_spill_all(_spiller(store=store), [_rows(10)]).blocks) == 1
    assert asked == ["PUT"] * 3
    store, asked = _answering(aws, 503)
    with pytest.raises(SpillError, match="throttles s3:PutObject"):
        _spill_all(_spiller(store=store), [_rows(10)])
    assert asked == ["PUT"] * 5


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(
    ("status", "expected", "text"),
    [
        (403, ConfigurationError, "'bucket' does not exist or this function may not use it"),
        (404, ConfigurationError, "no trailing /"),
        (400, AccessDeniedError, "AWS_REGION"),
        (500, SourceError, "s3:HeadBucket on s3://bucket"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_named(
    aws: AwsAddress, status: int, expected: type[Exception], text: str
) -> None:
    store, _ = _answering(aws, status)
    with pytest.raises(expected, match=text):
        store.check("bucket")


def test_a_bucket_is_checked_once_when_it_can_be_used(aws: AwsAddress) -> None:
    store, asked = _answering(aws, 404, 200)
    with pytest.raises(ConfigurationError):
        store.check("bucket")
    for _ in range(3):
        store.check("bucket")
    assert asked == ["HEAD"] * 2


def test_a_bucket_name_that_s3_does_not_know_is_a_setting_error(aws: AwsAddress) -> None:
    with pytest.raises(ConfigurationError, match="spill_bucket"):
        S3Store(aws.clients).check("bucket/")
