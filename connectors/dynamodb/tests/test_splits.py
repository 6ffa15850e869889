"""The splits of a path hold each of its keys, queries or segments exactly once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.paging import page_by_index
from athena_connectors.common.protocol.messages import Split
from athena_connectors.dynamodb.access import (
    AccessPath,
    KeyQuery,
    Lookup,
    Queries,
    RangeCondition,
    TableScan,
)
from athena_connectors.dynamodb.parts import Segment
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable
from athena_connectors.dynamodb.splits import (
    KEYS_PER_SPLIT,
    SplitPlan,
    plan,
    split_plan,
    splits_of,
)
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

_HASH, _RANGE = Key("pk", "S"), Key("sk", "N")
_BY_CITY = Index("by_city", IndexKind.GLOBAL, (Key("city", "S"),), (_RANGE,))
_SEGMENT = Settings().scan_segment_bytes


def _table(segments: int = 1) -> SourceTable:
    size = segments * _SEGMENT
    base = Index("", IndexKind.TABLE, (_HASH,), (_RANGE,), size_bytes=size)
    return SourceTable("shop", "shop", base, (_BY_CITY,))


def _splits(path: AccessPath, table: SourceTable, settings: Settings) -> list[SplitPlan]:
    return [split_plan(split) for split in splits_of(plan(path, table, settings))]


def _key(number: int) -> tuple[dict[str, str], dict[str, str]]:
    return ({"S": f"key {number}"}, {"N": str(number)})


def _item(number: int) -> KeyQuery:
    value, place = _key(number)
    return KeyQuery((value,), (RangeCondition("sk", "=", (place,)),))


def _collection(number: int) -> KeyQuery:
    return KeyQuery(({"S": f"key {number}"},))


def _contents(plans: list[SplitPlan]) -> list[object]:
    found: list[object] = []
    for each in plans:
        match each.part:
            case Lookup(keys):
                found += map(repr, keys)
            case Queries(index, queries):
                found += [(index, repr(query)) for query in queries]
            case segment:
                found.append(segment)
    return found


_NUMBERS = st.integers(0, 3 * KEYS_PER_SPLIT)


@given(count=_NUMBERS)
@examples(max_examples=60, deadline=None)
def test_each_key_is_fetched_by_exactly_one_split(count: int) -> None:
    path = Lookup(tuple(map(_key, range(count))))
    plans = _splits(path, _table(), Settings())
    assert _contents(plans) == [repr(key) for key in path.keys]
    sizes = [len(each.part.keys) for each in plans if isinstance(each.part, Lookup)]
    assert len(sizes) == -(-count // KEYS_PER_SPLIT)
    assert not sizes or max(sizes) - min(sizes) <= 1


@given(
    items=st.integers(0, 300),
    collections=st.integers(0, 80),
    per_split=st.integers(1, 30),
    index=st.sampled_from(["", "by_city"]),
)
@examples(max_examples=60, deadline=None)
def test_each_query_is_made_by_exactly_one_split(
    items: int, collections: int, per_split: int, index: str
) -> None:
    queries = (*map(_item, range(items)), *map(_collection, range(1000, 1000 + collections)))
    settings = replace(Settings(), keys_per_split=per_split)
    plans = _splits(Queries(index, queries), _table(), settings)
    expected = Counter((index, repr(query)) for query in queries)
    assert Counter(_contents(plans)) == expected
    for each in plans:
        assert isinstance(each.part, Queries)
        heavy = [query for query in each.part.queries if index or not query.ranges]
        assert len(heavy) <= per_split
    assert {each.count for each in plans} <= {len(plans)}


def test_queries_for_one_item_are_lighter_than_queries_for_many() -> None:
    settings = replace(Settings(), keys_per_split=25)
    assert len(_splits(Queries("", tuple(map(_item, range(250)))), _table(), settings)) == 1
    many = Queries("", tuple(map(_collection, range(250))))
    assert len(_splits(many, _table(), settings)) == 10
    by_city = Queries("by_city", tuple(map(_item, range(250))))
    assert len(_splits(by_city, _table(), settings)) == 10


def test_all_splits_have_about_the_same_to_do() -> None:
    queries = (*map(_collection, range(4)), *map(_item, range(100, 120)))
    plans = _splits(Queries("", queries), _table(), replace(Settings(), keys_per_split=2))
    loads = [
        sum(1 if query.ranges else 10 for query in each.part.queries)
        for each in plans
        if isinstance(each.part, Queries)
    ]
    assert loads == [20, 20, 20]


@given(segments=st.integers(1, 60))
@examples(max_examples=30, deadline=None)
def test_a_scan_has_each_segment_once(segments: int) -> None:
    settings = replace(Settings(), read_capacity_fraction=1.0)
    plans = _splits(TableScan(), _table(segments), settings)
    assert [each.part for each in plans] == [
        Segment("", number, segments) for number in range(segments)
    ]
    assert {each.count for each in plans} == {segments}


def test_a_million_segments_are_one_row_of_the_layout() -> None:
    settings = replace(Settings(), max_scan_segments=1_000_000, max_rcu_per_second=1e12)
    table = _table(1_000_000)
    table = replace(table, base=replace(table.base, size_bytes=1 << 60))
    layout = plan(TableScan(), table, settings)
    assert layout.num_rows == 1
    assert split_plan(next(splits_of(layout))) == SplitPlan(Segment("", 0, 1_000_000), 1_000_000)


def test_the_segments_do_not_change_with_the_table_between_two_calls() -> None:
    layout = plan(TableScan(), _table(5), Settings())
    assert len(list(splits_of(layout))) == 5
    assert list(splits_of(layout)) == list(splits_of(layout))


def test_a_scan_that_ends_after_few_items_has_one_segment() -> None:
    layout = plan(TableScan(), _table(5), Settings(), few=True)
    assert [split_plan(split).part for split in splits_of(layout)] == [Segment("", 0, 1)]


@pytest.mark.parametrize("path", [Lookup(()), Queries("", ())])
def test_no_key_is_no_split(path: AccessPath) -> None:
    assert plan(path, _table(), Settings()).num_rows == 0


@given(count=st.integers(0, 13), page=st.integers(1, 6))
@examples(max_examples=60, deadline=None)
def test_pages_of_splits_are_complete_and_disjoint(count: int, page: int) -> None:
    path = Queries("", tuple(map(_collection, range(count))))
    layout = plan(path, _table(), replace(Settings(), keys_per_split=1))
    token: str | None = None
    found: list[Split] = []
    while True:
        answer = page_by_index(splits_of(layout), token=token, page_size=page)
        found += answer.items
        assert len(answer.items) <= page
        token = answer.next_token
        if token is None:
            break
        assert answer.items
    assert len(found) == count
    assert Counter(_contents([split_plan(split) for split in found])) == Counter(
        ("", repr(query)) for query in path.queries
    )


def test_a_plan_fits_into_the_replies_of_the_protocol() -> None:
    longest = Lookup(tuple(({"S": "x" * 2000 + str(number)},) for number in range(1000)))
    layout = plan(longest, _table(), Settings())
    size = sum(len(value) for split in splits_of(layout) for value in split.properties.values())
    assert size < 2_500_000
    too_many = Lookup(longest.keys + tuple(({"S": "y" * 1000 + str(n)},) for n in range(500)))
    with pytest.raises(InvalidRequestError, match="lower max_batch_keys"):
        plan(too_many, _table(), Settings())


def test_bug_23_properties_have_fixed_names() -> None:
    table = replace(_table(), base=Index("", IndexKind.TABLE, (Key("__split_count", "S"),)))
    (split,) = splits_of(plan(Queries("", (_collection(1),)), table, Settings()))
    assert set(split.properties) == {"__split_part", "__split_count"}


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"__split_part": '{"keys":[]}'},
        {"__split_part": '{"keys":[]}', "__split_count": "0"},
        {"__split_part": '{"keys":[]}', "__split_count": "-1"},
        {"__split_part": "{}", "__split_count": "1"},
        {"__split_count": "1"},
    ],
)
def test_a_split_of_somebody_else_is_refused(properties: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError, match="__split_"):
        split_plan(Split(properties))


def test_a_layout_of_somebody_else_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="__split_part"):
        list(splits_of(pa.record_batch({"partitionId": [1]})))
