from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import bson
import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    SourceError,
    SourceTimeoutError,
    UnsupportedOperationError,
)
from athena_connectors.common.inference import InferencePolicy, infer_schema
from athena_connectors.documentdb.relation import Collection
from athena_connectors.documentdb.sampling import method_of, read_sample
from athena_connectors.documentdb.settings import Settings
from bson.binary import Binary
from bson.objectid import ObjectId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.documentdb.client import Client

MANY = 4000
SECOND = 2**64
"""One second in the number that an ObjectId is."""


def options(**environ: object) -> Settings:
    return load_settings(Settings, {name: str(value) for name, value in environ.items()})


class Reads:
    """Counts what a client is asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.finds: list[dict[str, Any]] = []
        self.pipelines: list[Any] = []

    def find_raw(self, *arguments: Any, **options: Any) -> Iterator[bytes]:
        self.finds.append(options)
        return self._client.find_raw(*arguments, **options)

    def aggregate_raw(self, *arguments: Any, **options: Any) -> Iterator[bytes]:
        self.pipelines.append(arguments[1])
        return self._client.aggregate_raw(*arguments, **options)


@pytest.fixture
def reads(client: Client) -> Any:
    return Reads(client)


@pytest.fixture(scope="module")
def store(mongodb: MongoDb) -> Callable[[Iterable[dict[str, Any]]], Collection]:
    """Makes a collection of some documents."""

    def store(documents: Iterable[dict[str, Any]]) -> Collection:
        database = mongodb.create_database()
        mongodb.client()[database]["c"].insert_many(documents)
        return Collection(database, "c")

    return store


def object_id(number: int) -> ObjectId:
    return ObjectId((1_600_000_000 * SECOND + number).to_bytes(12, "big"))


def aged(ids: Callable[[int], Any]) -> Iterator[dict[str, Any]]:
    """Documents of a hundred ages, each with a field of its own."""
    for number in range(MANY):
        yield {"_id": ids(number), f"of{number * 100 // MANY:02}": number}


@pytest.fixture(scope="module")
def ages(store: Callable[..., Collection]) -> Collection:
    return store(aged(lambda number: object_id(number * SECOND)))


def seen(sample: Any) -> set[int]:
    return {int(name[2:]) for name in sample.attributes if name.startswith("of")}


# --- which documents


def test_issue_1169_the_sample_is_of_the_first_the_newest_and_between(
    client: Client, ages: Collection
) -> None:
    sample = read_sample(client, ages, options(schema_sample_size=400))
    assert sample.documents <= 400
    found = seen(sample)
    assert {0, 1, 2, 3, 4, 97, 98, 99} <= found
    between = sorted(age for age in found if 10 <= age < 90)
    assert len(between) >= 7
    assert max(b - a for a, b in pairwise(between)) <= 15


@pytest.mark.parametrize(
    "ids",
    [
        lambda number: number,
        lambda number: f"user_{number:05}",
        lambda number: Binary((number << 100).to_bytes(16, "big"), 4),
    ],
    ids=["int", "string", "uuid"],
)
def test_places_between_are_found_for_ids_of_other_types(
    client: Client, store: Callable[..., Collection], ids: Callable[[int], Any]
) -> None:
    sample = read_sample(client, store(aged(ids)), options(schema_sample_size=400))
    assert len([age for age in seen(sample) if 10 <= age < 90]) >= 3


def test_ids_without_a_distance_are_looked_at_from_both_ends(
    client: Client, store: Callable[..., Collection]
) -> None:
    mixed = store(aged(lambda number: {"a": number} if number % 2 else number))
    sample = read_sample(client, mixed, options(schema_sample_size=400))
    assert sample.documents == 400
    assert {0, 6} <= seen(sample)
    assert 99 in seen(sample)


def test_two_looks_see_the_same_but_for_what_is_newest(
    client: Client, store: Callable[..., Collection], mongodb: MongoDb
) -> None:
    collection = store(aged(lambda number: object_id(number * SECOND)))
    chosen = options(schema_sample_size=400)
    before = read_sample(client, collection, chosen)
    mongodb.client()[collection.database]["c"].insert_many(
        {"_id": object_id((MANY + number) * SECOND)} for number in range(20)
    )
    after = read_sample(client, collection, chosen)
    assert seen(after) - {97, 98, 99} == seen(before) - {97, 98, 99}
    assert len(seen(after)) > 10


@pytest.mark.parametrize(
    ("strategy", "ages_seen"),
    [("natural", {0, 1}), ("newest", {98, 99}), ("random", None)],
)
def test_a_strategy_chooses_one_sort_of_documents(
    client: Client, ages: Collection, strategy: str, ages_seen: set[int] | None
) -> None:
    chosen = options(schema_sample_size=80, schema_sample_strategy=strategy)
    sample = read_sample(client, ages, chosen)
    assert sample.documents == 80
    if ages_seen is None:
        assert len(seen(sample)) > 20
    else:
        assert seen(sample) == ages_seen


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 63, 64, 65, 4000, 6000, 10_000])
def test_no_document_counts_twice_and_none_too_many(
    client: Client, ages: Collection, size: int
) -> None:
    sample = read_sample(client, ages, options(schema_sample_size=size))
    assert 0 < sample.documents <= min(size, MANY)
    counted = sum(tally.total for name, tally in sample.attributes.items() if name != "_id")
    assert counted == sample.documents
    if size == 10_000:
        assert sample.documents == MANY


# --- what it costs


def test_a_collection_that_is_read_whole_is_not_read_again(
    reads: Any, store: Callable[..., Collection]
) -> None:
    few = store({"a": number} for number in range(30))
    sample = read_sample(reads, few, options())
    assert sample.documents == 30
    wholes = [options for options in reads.finds if options["limit"] != 1]
    assert len(wholes) == 1


def test_the_reads_of_a_sample_are_few_and_bounded(reads: Any, ages: Collection) -> None:
    read_sample(reads, ages, options(schema_sample_size=400))
    limits = [options["limit"] for options in reads.finds]
    assert len(limits) <= 20
    assert all(limits)
    assert sum(limits) <= 402
    assert reads.pipelines == []


def test_large_documents_are_not_read_without_end(
    client: Client, store: Callable[..., Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("athena_connectors.documentdb.sampling.SAMPLE_BYTES", 1_000_000)
    large = store({"_id": number, "x": b"x" * 2_000_000} for number in range(40))
    for strategy in ("natural", "newest", "random"):
        chosen = options(schema_sample_size=40, schema_sample_strategy=strategy)
        sample = read_sample(client, large, chosen)
        assert 0 < sample.documents < 20, strategy
    sample = read_sample(client, large, options(schema_sample_size=40))
    assert sample.attributes["_id"].numbers is not None
    assert sample.attributes["_id"].numbers.high == 39


def test_an_index_serves_whatever_collation_the_collection_has(
    client: Client, mongodb: MongoDb
) -> None:
    name = mongodb.create_database()
    database = mongodb.client()[name]
    database.create_collection("c", collation={"locale": "fr"})
    database["c"].insert_many({"_id": f"{number:03}"} for number in range(200))
    database.command("profile", 2)
    read_sample(client, Collection(name, "c", collation="fr"), options(schema_sample_size=40))
    database.command("profile", 0)
    plans = [
        entry
        for entry in database["system.profile"].find({"op": "query", "ns": f"{name}.c"})
        if "sort" in entry["command"]
    ]
    assert plans
    assert not any(entry.get("hasSortStage") for entry in plans)


# --- what there is no sample of


def test_an_empty_or_missing_collection_has_an_empty_sample(
    client: Client, mongodb: MongoDb
) -> None:
    sample = read_sample(client, Collection(mongodb.create_database(), "c"), options())
    assert (sample.documents, sample.attributes) == (0, {})


def test_a_uuid_of_another_length_is_binary_data(client: Client, mongodb: MongoDb) -> None:
    name = mongodb.create_database()
    documents = [{"_id": 1, "a": 1}, {"_id": 2, "u": Binary(b"short", 4)}, {"_id": 3, "b": 1}]
    mongodb.client()[name]["c"].insert_many(documents)
    with pytest.raises(bson.errors.InvalidBSON):
        list(mongodb.client()[name]["c"].find())
    sample = read_sample(client, Collection(name, "c"), options())
    assert {"_id", "a", "b", "u"} == set(sample.attributes)
    assert infer_schema(sample, InferencePolicy())[-1].type == pa.binary()


def test_a_document_that_cant_be_decoded_is_passed_over(
    client: Client, ages: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    class Mangled(Reads):
        def find_raw(self, *_: Any, **__: Any) -> Iterator[bytes]:
            # A boolean that is neither true nor false.
            broken = bson.encode({"c": True}).replace(b"\1\0", b"\2\0")
            yield bson.encode({"_id": 1, "a": 1}) + broken + bson.encode({"_id": 3, "b": 1})

    mangled: Any = Mangled(client)
    sample = read_sample(mangled, ages, options(schema_sample_strategy="natural"))
    assert {"_id", "a", "b"} == set(sample.attributes)
    assert f"{ages.database}.c" in caplog.text


def test_what_may_not_be_read_is_an_error(
    mongodb: MongoDb, connect: Callable[[str], Client], ages: Collection
) -> None:
    stranger = connect(mongodb.create_user("nobody_reads", "pw"))
    for strategy in ("spread", "random"):
        with pytest.raises(AccessDeniedError, match=ages.database):
            read_sample(stranger, ages, options(schema_sample_strategy=strategy))


@pytest.mark.parametrize("refusal", [UnsupportedOperationError, SourceTimeoutError, SourceError])
def test_where_nothing_is_given_at_random_the_first_are_looked_at(
    client: Client,
    ages: Collection,
    refusal: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[bytes]:
        yield bson.encode({"of99": 1})
        raise refusal("No $sample here.")

    monkeypatch.setattr(client, "aggregate_raw", refuse)
    chosen = options(schema_sample_size=80, schema_sample_strategy="random")
    sample = read_sample(client, ages, chosen)
    assert seen(sample) == {0, 1}
    assert "at random" in caplog.text


# --- views and pipelines


def test_of_a_view_the_first_documents_are_read_alone(
    reads: Any, ages: Collection, mongodb: MongoDb
) -> None:
    database = mongodb.client()[ages.database]
    stages = [{"$project": {"_id": 0, "n": {"$objectToArray": "$$ROOT"}}}]
    database.create_collection("v", viewOn="c", pipeline=stages, collation={"locale": "fr"})
    view = Collection(ages.database, "v", is_view=True, collation="fr")
    sample = read_sample(reads, view, options(schema_sample_size=50))
    assert (sample.documents, set(sample.attributes)) == (50, {"n"})
    assert len(reads.finds) == 1


def test_of_a_pipeline_the_results_are_looked_at(client: Client, ages: Collection) -> None:
    pipeline: list[dict[str, Any]] = [
        {"$match": {"of50": {"$exists": True}}},
        {"$set": {"half": 0.5}},
    ]
    sample = read_sample(client, ages, options(schema_sample_size=7), pipeline=pipeline)
    assert (sample.documents, set(sample.attributes)) == (7, {"_id", "of50", "half"})


def test_what_was_done_is_told() -> None:
    table, view = Collection("d", "c"), Collection("d", "v", is_view=True)
    assert "newest" in method_of(table, options())
    assert method_of(view, options()) == method_of(table, options(schema_sample_strategy="natural"))
    assert "random" in method_of(table, options(schema_sample_strategy="random"))
