"""Which way to the items is taken, and why not another."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.valueset import Range, SortedRangeSet, ValueSet
from athena_connectors.dynamodb.access import Lookup, Queries, TableScan
from athena_connectors.dynamodb.access_paths import MAX_QUERIES
from athena_connectors.dynamodb.pushdown import NativeScan, plan
from athena_connectors.dynamodb.relation import Column, Relation
from athena_connectors.dynamodb.requests import native_text
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable

TEXT, NUMBER = pa.string(), pa.decimal128(38, 9)
PK, SK = Key("pk", "S"), Key("sk", "N")
CITY, KIND, DAY, RANK = Key("city", "S"), Key("kind", "S"), Key("day", "S"), Key("rank", "N")

BASE = Index("", IndexKind.TABLE, (PK,), (SK,), size_bytes=1000)
LOCAL = Index("local", IndexKind.LOCAL, (PK,), (DAY,))
BY_CITY = Index("by_city", IndexKind.GLOBAL, (CITY,), size_bytes=100)
BY_CITY_DAY = Index("by_city_day", IndexKind.GLOBAL, (CITY,), (DAY,), size_bytes=100)
KEYS_ONLY = Index(
    "keys_only",
    IndexKind.GLOBAL,
    (KIND,),
    included=frozenset({"pk", "sk", "kind"}),
    size_bytes=10,
)
MULTI = Index("multi", IndexKind.GLOBAL, (CITY, KIND), (DAY, RANK), size_bytes=100)

COLUMNS = (
    *(Column(key.name, TEXT, key.name, key_type="S") for key in (PK, CITY, KIND, DAY)),
    *(Column(key.name, NUMBER, key.name, key_type="N", is_rounded=False) for key in (SK, RANK)),
    Column("note", TEXT, "note"),
)
SET = Settings()


def relation(*indexes: Index, forced: str | None = None) -> Relation:
    return Relation(SourceTable("shop", "shop", BASE, indexes), COLUMNS, forced)


def points(*values: Any) -> SortedRangeSet:
    type_ = TEXT if isinstance(values[0], str) else NUMBER
    return SortedRangeSet.of_points(type_, values)


def ranges(*items: Range) -> SortedRangeSet:
    values = [item.low.value or item.high.value for item in items]
    type_ = TEXT if isinstance(values[0], str) else NUMBER
    return SortedRangeSet.of(type_, items, null_allowed=False)


def native(
    summary: dict[str, ValueSet],
    source: Relation,
    settings: Settings = SET,
    columns: tuple[str, ...] = ("pk", "note"),
) -> NativeScan:
    planned = plan(Constraints(summary), source, settings, columns).native
    assert isinstance(planned, NativeScan)
    return planned


def texts(summary: dict[str, ValueSet], source: Relation, settings: Settings = SET) -> list[str]:
    return list(native_text(source.table, native(summary, source, settings)))


D = Decimal


def test_items_are_fetched_by_their_full_keys() -> None:
    wanted = {"pk": points("a", "b"), "sk": points(D(1), D(2))}
    keys = [f'pk = "{pk}" AND sk = {sk}' for pk in "ab" for sk in (1, 2)]
    assert texts(wanted, relation(BY_CITY)) == [f"BatchGetItem shop: {', '.join(keys)}"]


def test_keys_are_preferred_to_a_query_that_uses_as_many_conditions() -> None:
    wanted = {"pk": points("a"), "sk": points(D(1)), "city": points("Rome"), "day": points("x")}
    assert isinstance(native(wanted, relation(BY_CITY_DAY)).path, Lookup)


@pytest.mark.parametrize(("most", "kind"), [(4, Lookup), (3, Queries), (0, Queries)])
def test_items_are_fetched_by_keys_up_to_a_number_of_keys(most: int, kind: type) -> None:
    wanted = {"pk": points("a", "b"), "sk": points(D(1), D(2))}
    settings = replace(SET, max_batch_keys=most)
    path = native(wanted, relation(), settings).path
    assert isinstance(path, kind)
    assert len(path.keys if isinstance(path, Lookup) else path.queries) == 4


def test_equal_keys_are_asked_for_once() -> None:
    listed = Call(
        "$in",
        (Variable("sk", NUMBER), Constant((D("1.0"), D("1.00"), D(1)), NUMBER)),
        pa.bool_(),
    )
    constraints = Constraints({"pk": points("a")}, (listed,))
    path = plan(constraints, relation(), SET, ["pk"]).native.path  # type: ignore[attr-defined]
    assert path == Lookup((({"S": "a"}, {"N": "1"}),))


def test_bug_10_is_null_on_a_hash_key_is_no_key_predicate() -> None:
    nothing = SortedRangeSet.only_null(TEXT)
    assert texts({"city": nothing}, relation(BY_CITY)) == [
        "Scan shop: filter: attribute_not_exists(city)"
    ]


def test_bug_11_a_range_of_the_tables_hash_key_does_not_rule_out_an_index() -> None:
    wanted = {"pk": ranges(Range.greater_than("a")), "city": points("Rome")}
    assert texts(wanted, relation(BY_CITY)) == [
        'Query shop$by_city: city = "Rome"; filter: pk > "a"'
    ]


def test_bug_12_an_index_is_not_used_if_it_may_lack_items_without_its_range_key() -> None:
    wanted = {"city": points("Rome")}
    assert texts(wanted, relation(BY_CITY_DAY)) == ['Scan shop: filter: city = "Rome"']


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (SortedRangeSet.not_null(TEXT), ""),
        (points("x"), ' AND day = "x"'),
        (points("x").complement().subtract(SortedRangeSet.only_null(TEXT)), ""),
        (ranges(Range.at_least("x")), ' AND day >= "x"'),
    ],
)
def test_bug_12_an_index_is_used_if_the_predicate_says_that_its_range_key_is_there(
    day: ValueSet, text: str
) -> None:
    wanted = {"city": points("Rome"), "day": day}
    assert texts(wanted, relation(BY_CITY_DAY)) == [f'Query shop$by_city_day: city = "Rome"{text}']


def test_bug_12_a_range_key_that_may_be_null_does_not_count() -> None:
    day = SortedRangeSet.of_points(TEXT, ["x"], null_allowed=True)
    path = native({"city": points("Rome"), "day": day}, relation(BY_CITY_DAY)).path
    assert path == TableScan()


def test_bug_13_all_hash_keys_of_an_index_are_asked_for_and_its_range_keys_in_order() -> None:
    wanted: dict[str, ValueSet] = {
        "city": points("Rome", "Bonn"),
        "kind": points("x"),
        "day": points("1", "2"),
        "rank": ranges(Range.between(D(1), D(5))),
    }
    path = native(wanted, relation(MULTI)).path
    assert isinstance(path, Queries)
    assert [each.hash_values for each in path.queries] == [
        ({"S": "Bonn"}, {"S": "x"}),
        ({"S": "Bonn"}, {"S": "x"}),
        ({"S": "Rome"}, {"S": "x"}),
        ({"S": "Rome"}, {"S": "x"}),
    ]
    assert {each.ranges[0].operator for each in path.queries} == {"="}
    assert {each.ranges[1].operator for each in path.queries} == {"BETWEEN"}


def test_bug_13_a_range_key_behind_one_that_is_not_equal_is_not_asked_for() -> None:
    wanted: dict[str, ValueSet] = {
        "city": points("Rome"),
        "kind": points("x"),
        "day": ranges(Range.at_least("2024")),
        "rank": points(D(1)),
    }
    assert texts(wanted, relation(MULTI)) == [
        'Query shop$multi: city = "Rome" AND kind = "x" AND day >= "2024"'
    ]


def test_bug_13_an_index_with_a_hash_key_that_is_not_given_is_not_queried() -> None:
    wanted: dict[str, ValueSet] = {
        "city": points("Rome"),
        "day": points("x"),
        "rank": points(D(1)),
        "kind": SortedRangeSet.not_null(TEXT),
    }
    assert isinstance(native(wanted, relation(MULTI)).path, TableScan)


def test_an_index_without_an_attribute_that_is_read_is_not_used() -> None:
    wanted = {"kind": points("x")}
    source = relation(KEYS_ONLY)
    assert native(wanted, source, columns=("pk", "note")).path == TableScan()
    assert native(wanted, source, columns=("pk",)).path == Queries(
        "keys_only",
        native(wanted, source, columns=("pk",)).path.queries,  # type: ignore[union-attr]
    )


def test_an_index_without_an_attribute_of_the_predicate_is_not_used() -> None:
    wanted = {"kind": points("x"), "note": points("y")}
    assert native(wanted, relation(KEYS_ONLY), columns=("pk",)).path == TableScan()


@pytest.mark.parametrize(
    "column",
    [
        Column("rest", TEXT, ""),
        Column("rest", TEXT, "REST", is_spelled=False),
        Column("rest", TEXT, "kind", others=("Kind",)),
    ],
)
def test_an_index_with_some_attributes_does_not_do_for_a_column_of_any(column: Column) -> None:
    source = relation(KEYS_ONLY)
    source = replace(source, columns=(*COLUMNS, column))
    assert native({"kind": points("x")}, source, columns=("rest",)).path == TableScan()


def test_the_better_of_two_indexes_is_the_one_with_more_conditions() -> None:
    wanted = {"city": points("Rome"), "day": points("x")}
    assert native(wanted, relation(BY_CITY, BY_CITY_DAY)).path.index == "by_city_day"  # type: ignore[union-attr]


def test_of_equal_indexes_the_one_with_fewer_queries_is_taken() -> None:
    wanted = {"city": points("Rome", "Bonn"), "kind": points("x")}
    by_kind = replace(BY_CITY, name="by_kind", hash_keys=(KIND,))
    assert native(wanted, relation(BY_CITY, by_kind)).path.index == "by_kind"  # type: ignore[union-attr]


def test_the_table_is_preferred_to_a_local_index_and_that_to_a_global_one() -> None:
    wanted = {"pk": points("a"), "city": points("Rome"), "day": SortedRangeSet.not_null(TEXT)}
    assert native(wanted, relation(LOCAL, BY_CITY)).path.index == ""  # type: ignore[union-attr]
    wanted["day"] = points("x")
    assert native(wanted, relation(LOCAL, BY_CITY_DAY)).path.index == "local"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (replace(SET, dynamodb_index_mode="never"), ""),
        (replace(SET, dynamodb_index_deny=("by_c*",)), ""),
        (replace(SET, dynamodb_index_allow=("other",)), ""),
        (replace(SET, consistent_read=True), ""),
        (replace(SET, dynamodb_index_allow=("by_*",)), "by_city"),
        (SET, "by_city"),
    ],
)
def test_settings_rule_out_indexes(settings: Settings, path: str) -> None:
    found = native({"city": points("Rome")}, relation(BY_CITY), settings).path
    assert found == (TableScan() if not path else Queries(path, found.queries))  # type: ignore[union-attr]


def test_an_index_that_is_not_complete_yet_is_not_used() -> None:
    building = replace(BY_CITY, usable=False)
    assert native({"city": points("Rome")}, relation(building)).path == TableScan()


def test_consistent_reads_may_use_a_local_index() -> None:
    settings = replace(SET, consistent_read=True)
    wanted = {"pk": points("a"), "day": points("x")}
    assert native(wanted, relation(LOCAL), settings).path.index == "local"  # type: ignore[union-attr]


def test_a_forced_index_is_read_though_it_may_lack_items() -> None:
    source = relation(BY_CITY_DAY, BY_CITY, forced="by_city_day")
    assert native({}, source).path == TableScan("by_city_day")
    assert native({"pk": points("a"), "sk": points(D(1))}, source).path == TableScan("by_city_day")
    assert texts({"city": points("Rome")}, source) == ['Query shop$by_city_day: city = "Rome"']


def test_the_table_is_forced_by_an_empty_name() -> None:
    source = relation(BY_CITY, forced="")
    assert native({"city": points("Rome")}, source).path == TableScan()


def test_a_smaller_index_with_all_items_and_attributes_is_scanned_instead_of_the_table() -> None:
    there: dict[str, ValueSet] = {"kind": SortedRangeSet.not_null(TEXT)}
    source = relation(KEYS_ONLY)
    assert native(there, source, columns=("pk",)).path == TableScan("keys_only")
    assert native(there, source, columns=("note",)).path == TableScan()
    assert native({}, source, columns=("pk",)).path == TableScan()
    larger = replace(KEYS_ONLY, size_bytes=1000)
    assert native(there, relation(larger), columns=("pk",)).path == TableScan()
    unknown = replace(KEYS_ONLY, size_bytes=0)
    assert native(there, relation(unknown), columns=("pk",)).path == TableScan()


def test_a_predicate_that_no_item_satisfies_needs_no_request() -> None:
    nothing: list[dict[str, ValueSet]] = [
        {"pk": SortedRangeSet.none(TEXT)},
        {"note": SortedRangeSet.none(TEXT)},
        {"pk": points("")},
        {"pk": points("x" * 2049)},
        {"day": points("x" * 1025)},
        {"pk": points("a", "\ud800").intersect(points("\ud800"))},
        {"sk": points(D("1E-131"))},
        {"sk": points(D("1E+126"))},
    ]
    for summary in nothing:
        planned = plan(Constraints(summary, limit=3), relation(LOCAL), SET, ["pk"])
        assert planned.native == NativeScan(Lookup(()), limit=3)
        assert planned.limit_pushed
        assert {each.exactness for each in planned.decisions} == {Exactness.EXACT}


def test_conjuncts_that_exclude_each_others_keys_need_no_request() -> None:
    less = Call("$less_than", (Variable("pk", TEXT), Constant(("a",), TEXT)), pa.bool_())
    constraints = Constraints({"pk": points("b")}, (less,))
    assert plan(constraints, relation(), SET, ["pk"]).native == NativeScan(Lookup(()))


def test_keys_of_several_conjuncts_are_asked_for_together() -> None:
    less = Call("$less_than", (Variable("sk", NUMBER), Constant((D(5),), NUMBER)), pa.bool_())
    constraints = Constraints({"pk": points("a"), "sk": ranges(Range.at_least(D(1)))}, (less,))
    planned = plan(constraints, relation(), SET, ["pk"])
    assert isinstance(planned.native, NativeScan)
    assert list(native_text(relation().table, planned.native)) == [
        'Query shop: pk = "a" AND sk BETWEEN 1 AND 5'
    ]
    exact = [each.exactness for each in planned.decisions]
    assert exact == [Exactness.EXACT, Exactness.SUPERSET, Exactness.SUPERSET]


def test_queries_are_as_many_as_values_of_the_hash_key_up_to_a_limit() -> None:
    wanted = {"pk": points(*(f"{number:05}" for number in range(MAX_QUERIES)))}
    path = native(wanted, relation()).path
    assert isinstance(path, Queries)
    assert len(path.queries) == MAX_QUERIES
    wanted = {"pk": points(*(f"{number:05}" for number in range(MAX_QUERIES + 1)))}
    assert native(wanted, relation()).path == TableScan()


def test_alternatives_of_a_range_key_are_given_up_before_the_hash_key_is() -> None:
    wanted = {
        "pk": points(*(f"{number:05}" for number in range(MAX_QUERIES // 10))),
        "sk": points(*map(D, range(11))),
    }
    path = native(wanted, relation()).path
    assert isinstance(path, Queries)
    assert len(path.queries) == MAX_QUERIES // 10
    assert path.queries[0].ranges == ()


def test_keys_that_would_not_fit_into_a_plan_are_scanned_for() -> None:
    wanted = {"pk": points(*(f"{number:04}" + "x" * 2000 for number in range(500)))}
    assert native(wanted, relation()).path == TableScan()


def test_a_path_does_not_change_with_sizes_unless_it_is_a_scan() -> None:
    wanted = {"city": points("Rome")}
    one = replace(BY_CITY, name="one", size_bytes=5)
    two = replace(BY_CITY, name="two", size_bytes=50)
    first = native(wanted, relation(one, two)).path
    second = native(wanted, relation(replace(one, size_bytes=500), two)).path
    assert first == second
