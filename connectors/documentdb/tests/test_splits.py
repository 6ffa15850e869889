"""The splits of a collection hold each document once, whatever its ids are and whatever fails."""

from __future__ import annotations

import random
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

import bson
import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConnectorError,
    InvalidRequestError,
    SourceTimeoutError,
    UnsupportedOperationError,
)
from athena_connectors.common.paging import page_by_index
from athena_connectors.common.protocol.messages import Split
from athena_connectors.documentdb import id_bounds
from athena_connectors.documentdb.pushdown import NativeScan
from athena_connectors.documentdb.ranges import EVERYTHING
from athena_connectors.documentdb.reader import filter_of
from athena_connectors.documentdb.relation import Collection
from athena_connectors.documentdb.settings import Settings
from athena_connectors.documentdb.splits import (
    DEFAULT_BATCH,
    MAX_BATCH,
    MIN_BATCH,
    SplitPlan,
    plan,
    split_plan,
    splits_of,
)
from bson.binary import Binary
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.documentdb.client import Client

COUNT = 400
ALL = NativeScan()

_NUMBERS = random.Random(7)
_IDS: dict[str, list[Any]] = {
    "ObjectId": [ObjectId(f"{number:024x}") for number in range(1, COUNT + 1)],
    "int": list(range(-COUNT // 2, COUNT // 2)),
    "double": [_NUMBERS.uniform(-1e9, 1e9) for _ in range(COUNT)],
    "NaN": [float("nan"), *(number / 2 for number in range(COUNT - 1))],
    "string": [f"key {number * 7919 % 1000}" for number in range(COUNT)],
    "UUID": [Binary(_NUMBERS.randbytes(16), 4) for _ in range(COUNT)],
    "compound": [{"a": number % 7, "b": f"{number}"} for number in range(COUNT)],
    "mixed": [
        *(None, True, False, float("nan"), {"a": 1}, Binary(b"1", 5)),
        *range(150),
        *(f"{number}" for number in range(COUNT - 156)),
    ],
}


@pytest.fixture(scope="module")
def database(mongodb: MongoDb) -> str:
    name = mongodb.create_database()
    database = mongodb.client()[name]
    for kind, ids in _IDS.items():
        documents = [{"_id": each, "n": number, "x": "x" * 80} for number, each in enumerate(ids)]
        _NUMBERS.shuffle(documents)
        database[kind].insert_many(documents)
    french = {"locale": "fr", "strength": 1}
    for kind in ("ObjectId", "string", "compound"):
        name_ = f"{kind} with collation"
        database.create_collection(name_, collation=french)
        database[name_].insert_many(database[kind].find())
    database.create_collection("view", viewOn="int", pipeline=[])
    database.create_collection("empty")
    database["large"].insert_many([{"_id": n, "x": "x" * 5000} for n in range(5)])
    database.create_collection("capped", capped=True, size=1 << 20)
    database["capped"].insert_many(database["int"].find())
    database.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})
    database["clustered"].insert_many(database["int"].find())
    return name


def _settings(**values: str) -> Settings:
    return load_settings(Settings, {"split_bytes": "2000", **values})


def _plans(
    client: Client, collection: Collection, native: NativeScan = ALL, **values: str
) -> list[SplitPlan]:
    layout = plan(client, collection, native, _settings(**values))
    return [split_plan(split) for split in splits_of(layout)]


def _found(
    client: Client, collection: Collection, plans: list[SplitPlan], native: NativeScan = ALL
) -> list[list[int]]:
    """Return the numbers of the documents that each split reads."""
    return [
        [found["n"] for found in client.find(collection, filter_of(each.ids, native))]
        for each in plans
    ]


def _joined(parts: list[list[int]]) -> list[int]:
    return sorted(number for part in parts for number in part)


@pytest.mark.parametrize("kind", _IDS)
@pytest.mark.parametrize("most", [1, 2, 3, 10, 16])
def test_each_document_is_in_one_of_few_splits_of_about_one_size(
    client: Client, database: str, kind: str, most: int
) -> None:
    collection = Collection(database, kind)
    plans = _plans(client, collection, max_splits=str(most))
    parts = _found(client, collection, plans)
    assert _joined(parts) == list(range(COUNT))
    assert len(plans) <= most
    if kind not in ("mixed", "NaN"):
        assert len(plans) == most
        assert max(map(len, parts)) - min(map(len, parts)) <= -(-COUNT // most)
    elif most >= 10:
        assert len(plans) >= most // 2
        assert max(map(len, parts)) <= 2 * COUNT // most + 40


@pytest.mark.parametrize("kind", ["capped", "clustered", "ObjectId with collation"])
def test_collections_of_other_sorts_are_taken_apart_too(
    client: Client, database: str, kind: str
) -> None:
    collection = Collection(database, kind, collation="fr" if "collation" in kind else "")
    server: Any = _Refuses(client)
    plans = _plans(server, collection)
    assert len(plans) == 16
    # By another collation than the index has, each step would go through all documents.
    assert server.collations == {""}
    assert _joined(_found(client, collection, plans)) == list(range(COUNT))


@pytest.mark.parametrize("kind", ["string", "compound"])
def test_texts_that_compare_by_a_language_are_read_whole(
    client: Client, database: str, kind: str
) -> None:
    collection = Collection(database, f"{kind} with collation", collation="fr")
    assert [each.ids for each in _plans(client, collection)] == [EVERYTHING]


def test_a_view_is_read_whole_and_nobody_is_asked(client: Client, database: str) -> None:
    view = Collection(database, "view", is_view=True)
    server: Any = _Refuses(client)
    assert _plans(server, view) == [SplitPlan(EVERYTHING, DEFAULT_BATCH)]
    assert server.asked == []


@pytest.mark.parametrize("name", ["empty", "nothing"])
def test_a_collection_without_documents_has_one_split(
    client: Client, database: str, name: str
) -> None:
    assert [each.ids for each in _plans(client, Collection(database, name))] == [EVERYTHING]


def test_a_predicate_that_nothing_satisfies_has_no_split() -> None:
    server: Any = _Refuses()
    assert _plans(server, Collection("d", "c"), NativeScan(is_empty=True)) == []
    assert server.asked == []


def test_a_small_collection_has_one_split(client: Client, database: str) -> None:
    plans = _plans(client, Collection(database, "int"), split_bytes="1000000")
    assert [each.ids for each in plans] == [EVERYTHING]


@pytest.mark.parametrize(
    ("native", "splits"),
    [
        (NativeScan({"n": {"$lt": 10}}), 1),
        (NativeScan({"n": {"$lt": 380}}), 16),
        (NativeScan({}, limit=10), 1),
        (NativeScan({}, limit=10_000), 16),
        (NativeScan({"n": {"$gt": 5}}, limit=10), 1),
        (NativeScan({"n": {"$gt": 5}}, is_exact=False, limit=10), 16),
        (NativeScan({"_id": {"$gte": -100}}), 16),
        (NativeScan({"$and": [{"_id": {"$gte": -100}}, {"_id": {"$lt": 100}}]}), 12),
    ],
)
def test_a_scan_has_no_more_splits_than_it_needs(
    client: Client, database: str, native: NativeScan, splits: int
) -> None:
    collection = Collection(database, "int")
    plans = _plans(client, collection, native)
    assert len(plans) in ({splits} if splits in (1, 16) else {splits - 1, splits, splits + 1})
    wanted = [found["n"] for found in client.find(collection, native.filter)]
    parts = _found(client, collection, plans, native)
    assert _joined(parts) == sorted(wanted)
    assert max(map(len, parts)) <= 40 or len(plans) == 1


class _Refuses:
    """A client whose server does not do some things."""

    def __init__(self, client: Client | None = None, *refused: str, error: Any = None) -> None:
        self._client = client
        self._refused = refused
        self._error = error or UnsupportedOperationError("unknown command")
        self.asked: list[str] = []
        self.collations: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            command = next(iter(arguments[1])) if name == "run" else name
            what = f"{command} {'skip' if options.get('skip') else ''}".strip()
            self.asked.append(what)
            if name == "find":
                self.collations.add(arguments[0].collation)
            if self._client is None or what in self._refused:
                raise self._error
            return getattr(self._client, name)(*arguments, **options)

        return call


_REFUSALS = [
    UnsupportedOperationError("unknown"),
    AccessDeniedError("not allowed"),
    SourceTimeoutError("too slow"),
    InvalidRequestError("strange"),
]


@pytest.mark.parametrize("error", _REFUSALS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", ["ObjectId", "mixed", "string"])
@pytest.mark.parametrize(
    "refused",
    [
        ("collStats",),
        ("collStats", "count"),
        ("find skip",),
        ("find",),
        ("aggregate",),
        ("aggregate", "find skip"),
        ("collStats", "find_raw"),
    ],
)
def test_what_a_server_refuses_loses_no_document(
    client: Client,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: str,
    refused: tuple[str, ...],
    error: ConnectorError,
) -> None:
    if "aggregate" in refused:
        monkeypatch.setattr(id_bounds, "MAX_COUNTED", 10)
    collection = Collection(database, kind)
    server: Any = _Refuses(client, *refused, error=error)
    plans = _plans(server, collection)
    assert _joined(_found(client, collection, plans)) == list(range(COUNT))
    assert set(refused) & set(server.asked)
    if refused in [("collStats",), ("aggregate",)] or (
        "find skip" in refused and kind == "ObjectId"
    ):
        assert len(plans) > 8
    if refused in [("find",), ("collStats", "find_raw")]:
        assert [each.ids for each in plans] == [EVERYTHING]


@pytest.mark.parametrize("kind", _IDS)
def test_a_large_collection_is_cut_by_a_sample(
    client: Client, database: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(id_bounds, "MAX_COUNTED", 10)
    collection = Collection(database, kind)
    server: Any = _Refuses(client)
    plans = _plans(server, collection)
    assert _joined(_found(client, collection, plans)) == list(range(COUNT))
    assert "aggregate" in server.asked
    assert "find skip" not in server.asked
    assert len(plans) >= 14


def test_a_batch_has_the_bytes_that_are_asked_for(client: Client, database: str) -> None:
    for name, batch_bytes, expected in (
        ("int", 100_000, 100_000 // 109),
        ("int", 16 << 20, MAX_BATCH),
        ("large", 65_536, MIN_BATCH),
    ):
        plans = _plans(client, Collection(database, name), batch_bytes=str(batch_bytes))
        assert {each.batch_size for each in plans} == {expected}


@pytest.mark.parametrize("kind", ["ObjectId", "mixed", "string"])
def test_documents_that_are_inserted_meanwhile_disturb_no_other(
    mongodb: MongoDb, client: Client, kind: str
) -> None:
    database = mongodb.create_database()
    stored = mongodb.client()[database]["c"]
    stored.insert_many([{"_id": each, "n": n, "x": "x" * 80} for n, each in enumerate(_IDS[kind])])
    collection = Collection(database, "c")
    plans = _plans(client, collection)
    parts: list[list[int]] = []
    for number, each in enumerate(plans):
        later = [ObjectId(), f"later {number}", -1000.5 - number, {"later": number}, b"%d" % number]
        stored.insert_many([{"_id": late, "n": COUNT + number} for late in later])
        parts += _found(client, collection, [each])
    assert [number for number in _joined(parts) if number < COUNT] == list(range(COUNT))


def _text(name: bytes, content: bytes) -> bytes:
    return b"\x02" + name + b"\0" + struct.pack("<i", len(content) + 1) + content + b"\0"


def _raw(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


_STRANGE: dict[str, list[bytes]] = {
    # As Python reads them the first come last, behind those of the second kind.
    "no UTF-8": [
        _text(b"_id", start + b"%03d" % number)
        for start in ("a\ufffd".encode(), "a\U0001f600".encode(), b"a\xff")
        for number in range(60)
    ],
    # Of equal names Python keeps the last.
    "a name twice": [
        b"\x03_id\0" + _raw(_text(b"a", b"%03d" % number), _text(b"a", b"%03d" % (200 - number)))
        for number in range(180)
    ],
    "halves of one": [
        _text(b"_id", "a\0\ud7ff\ue000\U0010ffff".encode()[:place] + b"%03d" % place)
        for place in range(1, 12)
    ],
    "a symbol": [b"\x0e" + _text(b"_id", b"a%03d" % number)[1:] for number in range(180)],
    "binary of subtype 255": [b"\x05_id\0\3\0\0\0\xff%03d" % number for number in range(180)],
}


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("kind", _STRANGE)
def test_ids_that_python_can_not_hold_are_read_once(
    mongodb: MongoDb,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    *,
    sampled: bool,
) -> None:
    if sampled:
        monkeypatch.setattr(id_bounds, "MAX_COUNTED", 10)
    database = mongodb.create_database()
    others = [bson.encode({"n": place, "x": "x" * 80})[4:-1] for place in range(200)]
    ids = _STRANGE[kind]
    mongodb.client()[database]["c"].insert_many(
        [RawBSONDocument(_raw(*pair)) for pair in zip(ids, others, strict=False)]
    )
    collection = Collection(database, "c")
    plans = _plans(client, collection, split_bytes="1024")
    assert _joined(_found(client, collection, plans)) == list(range(len(ids)))


def test_splits_are_the_same_at_every_call_and_page(client: Client, database: str) -> None:
    layout = plan(client, Collection(database, "mixed"), ALL, _settings())
    splits = list(splits_of(layout))
    assert splits == list(splits_of(layout))
    for size in (1, 2, len(splits) - 1, len(splits), len(splits) + 1):
        found: list[Split] = []
        token = None
        while True:
            page = page_by_index(splits_of(layout), token=token, page_size=size)
            found += page.items
            token = page.next_token
            if token is None:
                break
        assert found == splits
    some = layout.take(pa.array([2, 0]))
    assert list(splits_of(some)) == [splits[2], splits[0]]


def test_ids_that_fit_no_reply_are_read_whole(mongodb: MongoDb, client: Client) -> None:
    database = mongodb.create_database()
    ids = [f"{number:02}" + "x" * 300_000 for number in range(20)]
    mongodb.client()[database]["c"].insert_many([{"_id": each, "n": 1} for each in ids])
    assert [each.ids for each in _plans(client, Collection(database, "c"))] == [EVERYTHING]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("__split_batch", text) for text in ("", "0", "-5", "x", "5.0", "20001", "²")),
        *(("__split_range", text) for text in ("", "{", '{"low":null,"more":1}', '{"low":true}')),
    ],
)
def test_a_garbled_split_is_refused(name: str, value: str) -> None:
    good = {"__split_range": "{}", "__split_batch": "500"}
    assert split_plan(Split(good)) == SplitPlan(EVERYTHING, 500)
    with pytest.raises(InvalidRequestError, match=name):
        split_plan(Split({**good, name: value}))
    without = {key: text for key, text in good.items() if key != name}
    with pytest.raises(InvalidRequestError, match=name):
        split_plan(Split(without))


def test_a_layout_of_another_version_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="lacks column __split_range"):
        list(splits_of(pa.record_batch({"partitionId": pa.array([1])})))


@given(
    ids=st.lists(
        st.integers(-50, 50)
        | st.text("ab\0é", max_size=3).map(lambda text: text.replace("\0", "z")),
        unique=True,
        max_size=40,
    ),
    most=st.integers(1, 9),
)
@examples(max_examples=25, deadline=None)
def test_any_ids_are_read_once(mongodb: MongoDb, client: Client, ids: list[Any], most: int) -> None:
    collection = Collection("splits_of_any_ids", "c")
    stored = mongodb.client()[collection.database][collection.name]
    stored.delete_many({})
    if ids:
        stored.insert_many([{"_id": each, "n": place} for place, each in enumerate(ids)])
    plans = _plans(client, collection, max_splits=str(most), split_bytes="1024")
    found = Counter(_joined(_found(client, collection, plans)))
    assert found == Counter(range(len(ids)))
