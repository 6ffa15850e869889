"""What becomes of the predicate is decided for the way that the split was planned for."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Exactness, Pushdown
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.valueset import SortedRangeSet
from athena_connectors.dynamodb.access import KeyQuery, Lookup, Queries, TableScan
from athena_connectors.dynamodb.part_pushdown import plan_part
from athena_connectors.dynamodb.parts import Segment
from athena_connectors.dynamodb.pushdown import NativeScan, plan
from athena_connectors.dynamodb.relation import Column, Relation
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable

_BASE = Index("", IndexKind.TABLE, (Key("pk", "S"),), size_bytes=1000)
_BY_CITY = Index(
    "by_city", IndexKind.GLOBAL, (Key("city", "S"),), included=frozenset({"pk", "city"})
)
_TEXT = pa.string()
_RELATION = Relation(
    SourceTable("shop", "shop", _BASE, (_BY_CITY,)),
    (
        Column("pk", _TEXT, "pk", key_type="S"),
        Column("city", _TEXT, "city", key_type="S"),
        Column("note", _TEXT, "note"),
    ),
)
_CITY = Constraints({"city": SortedRangeSet.of_points(_TEXT, ["Rome"])}, limit=7)
_QUERY = KeyQuery(({"S": "Rome"},))


def _native(pushdown: Pushdown) -> NativeScan:
    assert isinstance(pushdown.native, NativeScan)
    return pushdown.native


def test_the_way_depends_on_the_columns_that_are_read() -> None:
    narrow = plan(_CITY, _RELATION, Settings(), ["pk"])
    wide = plan(_CITY, _RELATION, Settings(), ["pk", "note"])
    assert _native(narrow).path == Queries("by_city", (_QUERY,))
    assert _native(wide).path == TableScan()


def test_a_split_that_was_planned_for_all_columns_is_filtered_on_its_own_way() -> None:
    part = Segment("", 0, 4)
    pushdown = plan_part(_CITY, _RELATION, Settings(), ["pk"], part=part)
    assert pushdown == plan(_CITY, _RELATION, Settings(), ["pk", "city", "note"])
    assert _native(pushdown).filters
    assert [each.exactness for each in pushdown.decisions] == [Exactness.EXACT]


def test_a_split_that_was_planned_for_its_columns_keeps_its_index() -> None:
    part = Queries("by_city", (_QUERY,))
    pushdown = plan_part(_CITY, _RELATION, Settings(), ["pk"], part=part)
    assert pushdown == plan(_CITY, _RELATION, Settings(), ["pk"])
    assert pushdown.limit_pushed


@pytest.mark.parametrize(
    "part",
    [
        Segment("by_city", 0, 1),
        Queries("", (_QUERY,)),
        Queries("by_city", (_QUERY, KeyQuery(({"S": "Oslo"},)))),
        Queries("by_city", (KeyQuery(({"B": b"Rome"},)),)),
        Lookup((({"S": "Rome"},),)),
    ],
)
def test_of_a_way_that_nobody_would_plan_nothing_is_pushed(
    part: Segment | Queries | Lookup,
) -> None:
    pushdown = plan_part(_CITY, _RELATION, Settings(), ["pk"], part=part)
    assert pushdown.residual(_CITY) == _CITY.conjuncts()
    assert not pushdown.limit_pushed
    native = _native(pushdown)
    assert (native.filters, native.is_exact, native.limit) == ((), False, None)


def test_a_part_of_many_keys_is_a_part_of_their_way() -> None:
    keys = SortedRangeSet.of_points(_TEXT, [f"key {number}" for number in range(300)])
    constraints = Constraints({"pk": keys})
    whole = plan(constraints, _RELATION, replace(Settings(), max_batch_keys=0), ["pk"])
    path = _native(whole).path
    assert isinstance(path, Queries)
    part = Queries("", path.queries[20:40])
    settings = replace(Settings(), max_batch_keys=0)
    assert plan_part(constraints, _RELATION, settings, ["pk"], part=part) == whole
