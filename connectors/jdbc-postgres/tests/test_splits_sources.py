"""Split properties and ranges, without a server."""

from __future__ import annotations

import json
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.protocol.messages import Split
from athena_connectors.common.sql.cuts import chosen_places, even_steps
from athena_connectors.jdbc_postgres.boundaries import _places
from athena_connectors.jdbc_postgres.split_sources import (
    PARTITION_COLUMNS,
    SNAPSHOT,
    SOURCES,
    Key,
    KeyRange,
    SplitSource,
    key_ranges,
    snapshot_of,
    sources_of,
)
from athena_connectors.jdbc_postgres.splits import splits_of
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
KEYS = st.builds(Key, TEXTS, TEXTS, TEXTS, TEXTS)
RANGES = st.builds(KeyRange, KEYS, st.none() | TEXTS, st.none() | TEXTS, st.booleans()).filter(
    lambda each: (each.low, each.high) != (None, None)
)
CONSTANTS = st.dictionaries(st.sampled_from(PARTITION_COLUMNS), TEXTS)
SPLIT_SOURCES = st.builds(SplitSource, TEXTS, TEXTS, st.booleans(), st.none() | RANGES, CONSTANTS)
INT4 = Key("k", "pg_catalog", "int4")


def split_of(*sources: SplitSource) -> Split:
    return Split({SOURCES: f"[{','.join(source.to_json() for source in sources)}]"})


@given(st.lists(SPLIT_SOURCES, min_size=1, max_size=3))
def test_what_is_read_survives_the_properties(sources: list[SplitSource]) -> None:
    assert list(sources_of(split_of(*sources))) == sources


@pytest.mark.parametrize(
    ("keys", "sql"),
    [
        (KeyRange(INT4, None, "5"), '"k" < 5'),
        (KeyRange(INT4, None, "5", nulls=True), '("k" < 5 OR "k" IS NULL)'),
        (KeyRange(INT4, "-5", "7"), '"k" >= (-5) AND "k" < 7'),
        (KeyRange(INT4, "7", None), '"k" >= 7'),
        (KeyRange(INT4, "5 OR true", None), """"k" >= '5 OR true'::"int4\""""),
        (
            KeyRange(Key('a"b', "ext", 'o"dd', "ops"), "it's \\", None),
            """"a""b" OPERATOR("ops".>=) 'it''s \\'::"ext"."o""dd\"""",
        ),
        (KeyRange(Key("ctid", "pg_catalog", "tid"), "(7,0)", None), '"ctid" >= \'(7,0)\'::"tid"'),
    ],
)
def test_condition(keys: KeyRange, sql: str) -> None:
    assert SplitSource("s", "t", keys=keys).where_sql() == sql


def test_place() -> None:
    assert SplitSource('a"b', "T").from_sql() == '"a""b"."T"'
    assert SplitSource("s", "t", only=True).from_sql() == 'ONLY "s"."t"'
    assert SplitSource("s", "t").where_sql() == ""


@given(st.lists(st.integers(), min_size=1).map(sorted), st.booleans(), st.integers())
def test_each_key_lies_in_one_range(boundaries: list[int], nullable: bool, key: int) -> None:  # noqa: FBT001 - drawn
    ranges = key_ranges(INT4, list(map(str, boundaries)), nullable=nullable)
    assert len(ranges) == len(boundaries) + 1
    for value in (*boundaries, key):
        holding = [
            each
            for each in ranges
            if (each.low is None or value >= int(each.low))
            and (each.high is None or value < int(each.high))
        ]
        assert len(holding) == 1
    assert [each.nulls for each in ranges] == [nullable] + [False] * len(boundaries)


GOOD = SplitSource(
    "public", "t", only=True, keys=KeyRange(INT4, "1", "5", nulls=True), constants={}
)


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    told = json.loads(GOOD.to_json())
    change(told)
    return json.dumps([told])


BROKEN = {
    "empty": "",
    "no JSON": "[{",
    "nothing": "[]",
    "no list": GOOD.to_json(),
    "null": "null",
    "SQL": '["SELECT 1"]',
    "deep": "[" * 100_000,
    "half": f"[{GOOD.to_json()[:-1]}]",
    **{
        f"without {name}": changed(lambda told, name=name: told.pop(name))
        for name in ("schema", "name", "only", "range", "constants")
    },
    **{
        f"range without {name}": changed(lambda told, name=name: told["range"].pop(name))
        for name in ("column", "type", "operators", "from", "to", "nulls")
    },
    **{
        f"{name} {value!r}": changed(
            lambda told, name=name, value=value: told.update({name: value})
        )
        for name in ("schema", "name", "only", "range", "constants")
        for value in (7, [], "\0" if name != "only" else "x", "\ud800")
    },
    **{
        f"range of {name} {value!r}": changed(
            lambda told, name=name, value=value: told["range"].update({name: value})
        )
        for name in ("column", "type", "operators", "from", "to", "nulls")
        for value in (7, {}, ["a"], "\0", "\ud800")
    },
    "one more": changed(lambda told: told.update(sql="true")),
    "one more in range": changed(lambda told: told["range"].update(sql="true")),
    "endless": changed(lambda told: told["range"].update({"from": None, "to": None})),
    "constant of another column": changed(lambda told: told.update(constants={"a": "b"})),
    "constant that is no text": changed(
        lambda told: told.update(constants={"partition_name": None})
    ),
    "constant with U+0000": changed(lambda told: told.update(constants={"partition_name": "\0"})),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_garbled_sources(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="__split_sources"):
        sources_of(Split({SOURCES: text}))


def test_the_example_is_not_garbled() -> None:
    assert sources_of(Split({SOURCES: changed(lambda _: None)})) == (GOOD,)


def test_a_split_of_somebody_else() -> None:
    with pytest.raises(InvalidRequestError, match="__split_sources"):
        sources_of(Split({"partition_name": "*"}))


def test_snapshot() -> None:
    assert snapshot_of(Split()) is None
    assert snapshot_of(Split({SNAPSHOT: "00000003-0000001B-1"})) == "00000003-0000001B-1"
    for text in ("", "x", "1'; --", "../1", "1" * 65, "1\n"):
        with pytest.raises(InvalidRequestError, match="__split_snapshot"):
            snapshot_of(Split({SNAPSHOT: text}))


@pytest.mark.parametrize("missing", ["__split_group", "__split_source", "__split_snapshot"])
def test_a_layout_of_somebody_else(missing: str) -> None:
    names = {"__split_group", "__split_source", "__split_snapshot"} - {missing}
    layout = pa.record_batch({name: pa.array(["1"]) for name in names})
    with pytest.raises(InvalidRequestError, match=missing):
        next(splits_of(layout))


def statistics(values: list[int], bins: int) -> tuple[list[tuple[str, float | None]], float]:
    """Return what ANALYZE of the server would tell of values, if it saw all of them."""
    counts = Counter(values)
    common = {value for value, count in counts.items() if count > len(values) / bins}
    rest = sorted(value for value in values if value not in common)
    bounds = [rest[(len(rest) - 1) * part // bins] for part in range(bins + 1)] if rest else []
    items = [(value, counts[value] / len(values)) for value in common]
    items += [(value, None) for value in dict.fromkeys(bounds)]
    items.sort(key=lambda item: item[0])
    heaviest = max(counts.values()) / len(values)
    return [(str(value), share) for value, share in items], heaviest


@given(
    st.lists(st.integers(-50, 50) | st.integers(), min_size=200, max_size=600),
    st.integers(2, 12),
)
def test_parts_are_even_but_for_common_values(values: list[int], count: int) -> None:
    bins = 50
    items, heaviest = statistics(values, bins)
    places = _places(items, 0)
    shares = [share for share, _ in places]
    assert shares == sorted(shares)
    usable = [place for place in places if 0 < place[0] < 1]
    ends = [int(value) for _, value in chosen_places(usable, count)]
    assert ends == sorted(set(ends))
    below = [sum(value < end for value in values) / len(values) for end in ends]
    largest = max(high - low for low, high in zip([0, *below], [*below, 1], strict=True))
    assert largest <= 1 / count + heaviest + 6 / bins


@given(st.integers(1, 2**64), st.integers(2, 1000))
def test_even_steps(length: int, count: int) -> None:
    steps = even_steps(length, count)
    assert steps == sorted(set(steps))
    assert all(0 < step < length for step in steps)
    parts = [high - low for low, high in zip([0, *steps], [*steps, length], strict=True)]
    assert list(accumulate(parts))[-1] == length
    assert max(parts) - min(parts) <= 1
    assert len(parts) == min(length, count)
