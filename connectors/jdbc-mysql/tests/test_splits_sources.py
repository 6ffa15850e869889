"""Split properties and ranges, without a server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.protocol.messages import Split
from athena_connectors.common.sql.key_ranges import KeyRange
from athena_connectors.jdbc_mysql.split_sources import PARTITION_COLUMNS, SOURCES, Key, SplitSource
from athena_connectors.jdbc_mysql.split_sources import sources_of as read
from athena_connectors.jdbc_mysql.splits import splits_of
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBER = Key("k", "number")
LATIN = Key("k", "text", "latin1", "latin1_swedish_ci")
TEXT_RANGES = st.builds(KeyRange, st.just(LATIN), TEXTS, st.none() | TEXTS, st.booleans())
NUMBER_RANGES = st.builds(
    KeyRange, st.builds(Key, TEXTS, st.just("number")), st.none(), st.integers().map(str)
).filter(lambda each: len(each.high or "") < 60)
SPLIT_SOURCES = st.builds(
    SplitSource,
    TEXTS,
    TEXTS,
    st.none() | TEXTS.filter(bool),
    st.none() | TEXT_RANGES | NUMBER_RANGES,
    st.dictionaries(st.sampled_from(PARTITION_COLUMNS), TEXTS),
)


@given(st.lists(SPLIT_SOURCES, min_size=1, max_size=3))
def test_what_is_read_survives_the_properties(sources: list[SplitSource]) -> None:
    told = ",".join(source.to_json() for source in sources)
    assert list(read(Split({SOURCES: f"[{told}]"}))) == sources


@pytest.mark.parametrize(
    ("keys", "sql"),
    [
        (KeyRange(NUMBER, None, "5"), "`k` < 5"),
        (KeyRange(NUMBER, None, "5", nulls=True), "(`k` < 5 OR `k` IS NULL)"),
        (KeyRange(NUMBER, "-5", "7"), "`k` >= (-5) AND `k` < 7"),
        (
            KeyRange(LATIN, "it's \\", None),
            "`k` >= CONVERT(_utf8mb4 X'69742773205c' USING latin1) COLLATE latin1_swedish_ci",
        ),
        (KeyRange(Key("a`b", "time"), "-01:00:00", None), "`a``b` >= TIME'-01:00:00'"),
        (KeyRange(Key("k", "bytes"), "00ff", None), "`k` >= X'00ff'"),
    ],
)
def test_condition(keys: KeyRange[Key], sql: str) -> None:
    assert SplitSource("s", "t", keys=keys).where_sql() == sql


def test_pr_3642_place() -> None:
    assert SplitSource("a`b", "T").from_sql() == "`a``b`.`T`"
    assert SplitSource("s", "t", "p`) x").from_sql() == "`s`.`t` PARTITION (`p``) x`)"
    assert SplitSource("s", "t").where_sql() == ""


GOOD = SplitSource("public", "t", "p", KeyRange(NUMBER, "1", "5", nulls=True), {})


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    told = json.loads(GOOD.to_json())
    change(told)
    return json.dumps([told])


def ranged(**members: Any) -> str:
    return changed(lambda told: told["range"].update(members))


BROKEN = {
    "empty": "",
    "no JSON": "[{",
    "nothing": "[]",
    "no list": GOOD.to_json(),
    "SQL": '["SELECT 1"]',
    "deep": "[" * 100_000,
    **{
        f"without {name}": changed(lambda told, name=name: told.pop(name))
        for name in ("schema", "name", "partition", "range", "constants")
    },
    **{
        f"range without {name}": changed(lambda told, name=name: told["range"].pop(name))
        for name in ("column", "kind", "charset", "collation", "from", "to", "nulls")
    },
    **{
        f"{name} {value!r}": changed(
            lambda told, name=name, value=value: told.update({name: value})
        )
        for name in ("schema", "name", "partition", "range", "constants")
        for value in (7, [], "\0", "\ud800")
    },
    "empty partition": changed(lambda told: told.update(partition="")),
    "one more": changed(lambda told: told.update(sql="true")),
    "one more in range": ranged(sql="true"),
    "endless": ranged(**{"from": None, "to": None}),
    "unknown kind": ranged(kind="sql"),
    "number with a condition": ranged(to="5 OR true"),
    "number with a line": ranged(to="5\n"),
    "text without charset": ranged(kind="text"),
    "charset of a number": ranged(charset="latin1", collation="latin1_bin"),
    "charset that is none": ranged(kind="text", charset="x) OR (1", collation="latin1_bin"),
    "collation that is none": ranged(kind="text", charset="latin1", collation="latin1_bin OR 1"),
    "date that is none": ranged(kind="date", to="2024-01-01' OR '1"),
    "bytes that are none": ranged(kind="bytes", to="0g"),
    "time that is none": ranged(kind="time", to="' OR 1 -- "),
    "double that is none": ranged(kind="double", to="1e1) OR (1"),
    "uuid that is none": ranged(kind="uuid", to="x"),
    "constant of another column": changed(lambda told: told.update(constants={"a": "b"})),
    "constant that is no text": changed(
        lambda told: told.update(constants={"partition_name": None})
    ),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_garbled_sources(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="__split_sources"):
        read(Split({SOURCES: text}))


def test_the_example_is_not_garbled() -> None:
    assert read(Split({SOURCES: changed(lambda _: None)})) == (GOOD,)


@pytest.mark.parametrize("missing", ["__split_group", "__split_source"])
def test_a_layout_of_somebody_else(missing: str) -> None:
    names = {"__split_group", "__split_source"} - {missing}
    layout = pa.record_batch({name: pa.array(["1"]) for name in names})
    with pytest.raises(InvalidRequestError, match=missing):
        next(splits_of(layout))
