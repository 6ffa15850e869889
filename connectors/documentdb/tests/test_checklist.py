"""What is wrong with the Java connector and what its users ask for: each point and its tests.

``PROVED`` names the tests of other files; the others stand here, with the point in the name.
A fact is one of the ten that matter most, a plan defect one of how the Java connector reads
conditions, a trap what looks like a feature of it. Issues and pull requests are those of
aws-athena-query-federation.
"""

from __future__ import annotations

import ast
import math
import tomllib
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.documentdb.app import handler
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp
from pymongo import common as driver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.testing.mongodb import MongoDb

HERE = Path(__file__).parent
HEX = "507f1f77bcf86cd799439011"

PROVED: Mapping[str, tuple[str, ...]] = {
    "fact 01: one split": (
        "test_splits::test_each_document_is_in_one_of_few_splits_of_about_one_size",
    ),
    "fact 02: ten documents": (
        "test_sampling::test_issue_1169_the_sample_is_of_the_first_the_newest_and_between",
    ),
    "fact 05: a limit where it must not be": (
        "test_pushdown::test_a_limit_is_pushed_behind_an_exact_filter_alone",
        "test_pushdown::test_neither_order_nor_its_limit_is_pushed",
        "test_differential::test_a_limit_leaves_as_many_rows_as_it_asks_for",
    ),
    "fact 10: the cyclic collector": (
        "test_batches::test_the_collector_rests_while_documents_are_taken_apart",
    ),
    "plan defect 01: a part of OR is dropped": (
        "test_pushdown::test_a_part_of_or_that_can_not_be_asked_for_leaves_all_of_it_out",
    ),
    "plan defect 02: NOT flattens what is nested": (
        "test_pushdown::test_not_of_nested_and_and_or_follows_three_valued_logic",
    ),
    "plan defect 03: NOT of AND loses rows with NULL": (
        "test_pushdown::test_a_false_part_makes_not_and_true_where_another_is_null",
    ),
    "plan defect 04: a nested field taken for its parent": (
        "test_differential::test_what_is_inside_of_a_column_is_looked_at",
    ),
    "plan defect 06: names in the plan's case": (
        "test_pushdown::test_fields_are_asked_for_in_their_own_case",
    ),
    "trap: names that a filter can't say": (
        "test_columns::test_fields_with_odd_names_are_columns_that_no_request_names",
        "test_pushdown::test_a_column_that_no_field_stands_for_is_not_asked_for",
    ),
    "trap: the default collation": (
        "test_client::test_texts_compare_by_bytes_whatever_the_collation",
        "test_pushdown::test_texts_of_a_view_with_a_collation_are_compared_here",
        "test_splits::test_texts_that_compare_by_a_language_are_read_whole",
    ),
    "issue 1169": (
        "test_sampling::test_issue_1169_the_sample_is_of_the_first_the_newest_and_between",
        "test_sampling::test_a_strategy_chooses_one_sort_of_documents",
    ),
    "issue 1276": ("test_columns::test_issue_1276_the_real_names_are_learnt_from_the_sample",),
    "issues 463 and 403, PR 802 and 803": (
        "test_directory::test_issue_463_and_403_a_folded_name_is_found_in_any_case",
    ),
    "issue 2312": (
        "test_directory::test_issue_2312_an_ambiguous_schema_has_the_tables_that_glue_tells_apart",
        "test_metadata::test_issue_2312_columns_of_glue_show_fields_with_capitals",
    ),
    "issues 229 and 1848": (
        "test_types::test_issue_229_and_1848_structures_of_all_documents_are_united",
    ),
    "issue 2378": ("test_differential::test_what_is_inside_of_a_column_is_looked_at",),
    "issues 397 and 1048": (
        "test_client::test_a_server_that_can_not_be_reached",
        "test_faults::test_of_the_drivers_text_the_reason_is_told",
        "test_login::test_what_the_string_does_not_say",
    ),
    "issue 2389": (
        "test_login::test_amazons_bundle_in_the_package_is_trusted_with_the_systems",
        "test_login::test_options_of_other_drivers_are_dropped_with_a_word",
        "test_client::test_tls",
    ),
    "issues 446 and 385": (
        "test_connection_strings::test_any_login_of_a_secret_reaches_the_driver_as_it_is",
        "test_connection_strings::test_a_raw_secret_is_encoded_if_it_could_not_be_read",
    ),
    "issue 506, PR 1490 and 1491": (
        "test_listings::test_issue_506_a_user_with_few_rights_sees_what_he_may_read",
        "test_metadata::test_issue_506_a_user_with_few_rights_has_his_tables",
    ),
    "issue 465": (
        "test_listings::test_issue_465_all_batches_of_names_are_read",
        "test_directory::test_issue_465_pages_of_any_size_hold_each_name_once",
    ),
    "PR 102": (
        "test_metadata::test_pr_102_an_empty_collection_has_its_id_and_a_missing_one_is_an_error",
    ),
    "PR 1261": ("test_connector::test_an_order_is_never_cut_before_it_is_sorted",),
    "PR 3016, issues 3228 and 3336": (
        "test_pushdown::test_every_wanted_document_passes_and_exact_conjuncts_hold_for_all_that_do",
        "test_differential::test_a_predicate_gives_the_rows_that_it_is_true_for",
    ),
    "issue 413": ("test_connector::test_a_pipeline_has_the_columns_of_its_results",),
    "amazon-documentdb-samples 14": (
        "test_connector::test_the_splits_of_a_collection_hold_each_document_once",
    ),
    "login by IAM": (
        "test_login::test_the_driver_logs_in_with_the_functions_role",
        "test_client::test_a_login_with_the_functions_role_is_tried",
    ),
    "acceptance 01: every pair of types": (
        "test_batch_values::test_every_odd_value_alone_is_read_as_the_table_says",
        "test_batch_values::test_batches_are_what_reading_value_by_value_gives",
    ),
    "acceptance 02: what a server does": (
        "test_server_facts::test_a_filter_finds",
        "test_server_facts::test_less_or_greater_is_not_unequal",
    ),
    "acceptance 03: any predicate": (
        "test_differential::test_a_predicate_gives_the_rows_that_it_is_true_for",
        "test_pushdown::test_every_value_that_a_column_shows_is_found_by_it_and_around_it",
    ),
    "acceptance 04: splits of any ids": (
        "test_ranges::test_each_document_is_in_exactly_one_range",
        "test_splits::test_any_ids_are_read_once",
        "test_splits::test_ids_that_python_can_not_hold_are_read_once",
    ),
    "acceptance 05: limit and top-N": (
        "test_differential::test_a_limit_leaves_as_many_rows_as_it_asks_for",
        "test_differential::test_the_first_rows_of_an_order_are_among_those_that_come",
    ),
    "acceptance 07: the shell's filters": (
        "test_shell_json::test_each_form_of_the_shell_is_a_value",
        "test_shell_json::test_what_is_no_value_is_refused_at_its_place",
        "test_connector::test_a_native_query_gives_what_the_server_finds",
    ),
    "acceptance 08: secrets": (
        "test_connection_strings::test_nothing_shows_a_password",
        "test_client::test_a_secret_that_was_rotated_is_read_anew_once",
        "test_client::test_neither_logs_nor_reprs_show_a_secret_or_a_value",
        "test_connector::test_no_split_and_no_layout_holds_the_password",
        "test_faults_server::test_a_wrong_password_is_told_without_it",
    ),
    "error: no connection string": (
        "test_connection_strings::test_a_catalog_without_a_string_names_the_setting",
    ),
    "error: a split that is none": ("test_splits::test_a_garbled_split_is_refused",),
    "error: Glue fails": ("test_metadata::test_a_glue_outage_is_never_silently_inference",),
    "error: cursor lost": (
        "test_reader::test_a_read_whose_cursor_is_killed_goes_on_behind_the_last_document",
        "test_faults_server::test_a_spilled_read_of_a_range_loses_no_row",
        "test_faults_server::test_a_spilled_read_that_can_not_go_on_is_an_error",
    ),
    "error: the primary steps down": (
        "test_reader::test_a_primary_that_steps_down_loses_no_document",
        "test_faults_server::test_a_primary_that_steps_down_between_planning_and_reading_loses_no_row",
    ),
    "error: the collection is dropped": (
        "test_faults_server::test_a_collection_that_is_dropped_in_mid_read_is_an_error",
        "test_faults_server::test_a_collection_that_is_dropped_between_two_splits_is_an_error",
    ),
    "error: TLS refused": ("test_faults_server::test_a_server_that_refuses_tls_is_told",),
    "error: a document of 16 MB": (
        "test_reader::test_documents_of_16_mb_are_read",
        "test_faults_server::test_documents_of_16_mb_are_rows_unless_a_row_fits_no_block",
    ),
    "error: cancelled": ("test_reader::test_a_cancelled_read_is_an_error_and_no_short_answer",),
}


def test_every_test_that_proves_a_point_is_there() -> None:
    known = {
        f"{file.stem}::{node.name}"
        for file in HERE.glob("test_*.py")
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    named = {test for tests in PROVED.values() for test in tests}
    assert named - known == set()


class Query(Protocol):
    """Stores documents and returns the rows of a statement about them, ``{t}`` in it."""

    def __call__(
        self, documents: list[dict[str, Any]], sql: str, **settings: str
    ) -> list[dict[str, Any]]: ...


@pytest.fixture
def query(mongodb: MongoDb, tmp_path: Path) -> Query:
    numbers = count()

    def query(documents: list[dict[str, Any]], sql: str, **settings: str) -> list[dict[str, Any]]:
        database = mongodb.create_database()
        for place, each in enumerate(documents):
            mongodb.client()[database]["Things"].insert_one({"_id": place, **each})
        found = []
        for pushdown in (True, False):
            store = FolderStore(tmp_path / str(next(numbers)))
            environ = {"spill_bucket": "local", **mongodb.settings, **settings}
            transport = InProcess(handler, settings=environ, store=store)
            with closing(
                LocalEngine({"mo": Catalog(transport, store)}, pushdown=pushdown)
            ) as engine:
                statement = sql.replace("{t}", f'mo."{database}".things')
                found.append(engine.query(statement).table.to_pylist())
        assert sorted(map(repr, found[0])) == sorted(map(repr, found[1]))
        return found[0]

    return query


def _numbers(query: Query, documents: list[dict[str, Any]], predicate: str) -> list[int]:
    numbered = [{"number": place, **each} for place, each in enumerate(documents)]
    rows = query(numbered, f"SELECT number FROM {{t}} WHERE {predicate}")
    return sorted(row["number"] for row in rows)


# Facts


def test_fact_03_no_value_of_another_type_fails_a_query(query: Query) -> None:
    odd: list[Any] = ["x", "7", True, None, ObjectId(), [1], {"a": 1}, 1.5, 7.0, 2**63 - 1]
    odd += [DatetimeMS(0), b"", Decimal128("7"), math.nan, math.inf, Decimal128("1E+6000")]
    documents = [{"n": place} for place in range(10)] + [{"n": value} for value in odd]
    rows = query(documents, "SELECT n FROM {t}", schema_sample_strategy="natural", **_TEN)
    shown = [7, 7, 2**63 - 1, 7]
    assert sorted(row["n"] for row in rows if row["n"] is not None) == sorted([*range(10), *shown])
    assert len(rows) == len(documents)


_TEN = {"schema_sample_size": "10"}


@pytest.mark.parametrize(("test", "expected"), [("IS NULL", [1, 2]), ("IS NOT NULL", [0, 3])])
def test_fact_04_a_missing_field_is_null(query: Query, test: str, expected: list[int]) -> None:
    documents: list[dict[str, Any]] = [{"x": 5}, {"x": None}, {}, {"x": 6}]
    assert _numbers(query, documents, f"x {test}") == expected


def test_fact_06_no_element_of_an_array_is_dropped(query: Query) -> None:
    documents: list[dict[str, Any]] = [
        {"ids": [ObjectId(HEX), ObjectId("0" * 24)], "mixed": [1, "a", None, 2.5]},
        {"ids": [], "mixed": [True]},
    ]
    rows = query(documents, "SELECT ids, mixed FROM {t} ORDER BY _id")
    assert [row["ids"] for row in rows] == [[HEX, "0" * 24], []]
    assert [row["mixed"] for row in rows] == [["1", "a", None, "2.5"], ["true"]]


def test_fact_07_a_timestamp_is_its_seconds_in_64_bits(query: Query) -> None:
    seconds = [1, 2**31 // 1000 + 1, 1_709_208_000, 2**32 - 1]
    rows = query([{"at": Timestamp(each, 7)} for each in seconds], "SELECT at FROM {t}")
    moments = sorted(row["at"].replace(tzinfo=UTC).timestamp() for row in rows)
    assert moments == seconds


def test_fact_08_and_issue_3218_and_pr_2786_the_driver_reaches_documentdb_4() -> None:
    assert driver.MIN_SUPPORTED_WIRE_VERSION <= 7
    required = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    assert any(each.startswith("pymongo") and "<4.14" in each for each in required["dependencies"])


def test_fact_09_a_structure_that_is_null_is_no_structure_of_nulls(query: Query) -> None:
    documents: list[dict[str, Any]] = [{"s": {"a": 1}}, {"s": None}, {}, {"s": {"a": None}}]
    documents += [{"s": {}}, {"s": 5}]
    rows = query(documents[:5], "SELECT s FROM {t} ORDER BY _id")
    assert [row["s"] for row in rows] == [{"a": 1}, None, None, {"a": None}, {"a": None}]
    settings = {"schema_sample_strategy": "natural", "schema_sample_size": "5"}
    rows = query(documents, "SELECT s FROM {t} WHERE s IS NULL", **settings)
    assert len(rows) == 3


# Conditions


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("5 = n", [1]),
        ("4 < n", [1, 2]),
        ("n = m", [0]),
        ("n <> m OR n IS NULL", [1, 3]),
        ("word LIKE 'a_c%'", [0, 2]),
        ("word NOT LIKE 'a%'", [1]),
        ("n + 1 = 6", [1]),
        ("flag OR n = 1", [0, 2]),
        ("NOT flag", [1]),
        ("n IN (1, NULL, 9)", [0, 2]),
        ("NOT (n % 2 = 1 OR word = 'zzz')", []),
        ("NOT (n BETWEEN 2 AND 8)", [0, 2]),
    ],
)
def test_plan_defects_05_and_08_no_condition_fails_or_narrows(
    query: Query, predicate: str, expected: list[int]
) -> None:
    documents: list[dict[str, Any]] = [
        {"n": 1, "m": 1, "word": "abc"},
        {"n": 5, "m": 6, "word": "b", "flag": False},
        {"n": 9, "word": "a.c!", "flag": True},
        {"n": None, "m": 1},
    ]
    assert _numbers(query, documents, predicate) == expected


def test_plan_defect_07_what_stands_above_a_group_is_no_condition_of_the_scan(
    query: Query,
) -> None:
    documents = [{"kind": f"k{number % 3}", "n": number} for number in range(30)]
    sql = "SELECT kind, sum(n) AS n FROM {t} GROUP BY kind HAVING sum(n) > 140 ORDER BY kind"
    assert query(documents, sql) == [{"kind": "k1", "n": 145}, {"kind": "k2", "n": 155}]
    assert query(documents, f"{sql} LIMIT 1") == [{"kind": "k1", "n": 145}]
    rows = query(documents, "SELECT n FROM {t} ORDER BY n OFFSET 28 LIMIT 5")
    assert [row["n"] for row in rows] == [28, 29]


def test_acceptance_06_conditions_may_come_as_a_query_plan(
    mongodb: MongoDb, tmp_path: Path
) -> None:
    database = mongodb.create_database()
    documents = [{"_id": n, "userId": f"u{n % 5}", "at": DatetimeMS(n)} for n in range(50)]
    mongodb.client()[database]["Things"].insert_many(documents)
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", **mongodb.settings}
    transport = InProcess(handler, settings=environ, store=store)
    with closing(LocalEngine({"mo": Catalog(transport, store)}, plans=True)) as engine:
        table = f'mo."{database}".things'
        for predicate, limit, expected in (
            ("USERID = 'u3' AND _id < 20", "", [3, 8, 13, 18]),
            ("userid NOT IN ('u0', 'u1', 'u2') ORDER BY _id DESC", "LIMIT 2", [48, 49]),
            ("at = TIMESTAMP '1970-01-01 00:00:00.007' OR userid IS NULL", "", [7]),
        ):
            sql = f"SELECT _id FROM {table} WHERE {predicate} {limit}"
            rows = engine.query(sql).table.to_pylist()
            assert sorted(row["_id"] for row in rows) == expected


# What looks like a feature


def test_trap_and_duckdb_mongo_35_fields_that_differ_by_case_are_one_column(
    query: Query,
) -> None:
    documents: list[dict[str, Any]] = [{"Name": "a"}, {"name": "b"}, {"NAME": "c", "x": 1}]
    rows = query(documents, "SELECT name FROM {t} ORDER BY name")
    assert rows == [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    assert _numbers(query, documents, "name = 'b' OR name = 'c'") == [1, 2]


def test_trap_uuids_decimals_and_binary_data_are_values(query: Query) -> None:
    uuid = "00112233-4455-6677-8899-aabbccddeeff"
    document = {
        "u": Binary(bytes.fromhex(uuid.replace("-", "")), 4),
        "d": Decimal128("12345678901234567890.25"),
        "b": b"\0\xff",
    }
    (row,) = query([document], f"SELECT u, d, b FROM {{t}} WHERE u = '{uuid}' AND d > 1")
    assert row == {"u": uuid, "d": Decimal("12345678901234567890.25"), "b": b"\0\xff"}


# Issues


def test_issue_1276_a_condition_on_a_field_with_capitals_finds_it(query: Query) -> None:
    documents: list[dict[str, Any]] = [{"userId": "a"}, {"userId": "b"}, {}]
    assert _numbers(query, documents, "userId = 'b'") == [1]
    assert _numbers(query, documents, "userid IS NULL") == [2]
    anyhow = query(
        documents,
        "SELECT userid FROM {t} WHERE userid = 'a'",
        disable_projection_and_casing="true",
    )
    assert anyhow == [{"userid": "a"}]


def test_issues_463_403_and_2312_and_acceptance_09_names_are_found_in_any_case(
    mongodb: MongoDb, tmp_path: Path
) -> None:
    database = mongodb.create_database(f"Shop_{mongodb.create_database()}")
    stored = mongodb.client()[database]
    stored["Orders"].insert_one({"_id": 1, "Total": 5, "Place": {"City": "x"}})
    stored["Twice"].insert_one({"_id": 1, "n": 1})
    stored["TWICE"].insert_one({"_id": 1, "n": 2})
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", **mongodb.settings}
    transport = InProcess(handler, settings=environ, store=store)
    with closing(LocalEngine({"mo": Catalog(transport, store)})) as engine:
        names = [(database, "Orders"), (database.lower(), "orders"), (database.upper(), "ORDERS")]
        for schema, table in names:
            sql = f'SELECT total, place FROM mo."{schema}"."{table}" WHERE total = 5'
            (row,) = engine.query(sql).table.to_pylist()
            assert row["total"] == 5
            assert [*row["place"].values()] == ["x"]
            sql = f'SELECT total FROM mo."{schema}"."{table}" WHERE place.city = \'x\''
            assert engine.query(sql).table.num_rows == 1
        for spelled in ("Twice", "TWICE"):
            with pytest.raises(ConnectorError, match=r"TWICE.*Twice|Twice.*TWICE"):
                engine.query(f'SELECT n FROM mo."{database}".{spelled.lower()}')
    mongodb.client().drop_database(database)


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (f"_id = '{HEX}'", [0]),
        (f"_id IN ('{HEX}', 'text', 'nothing')", [0, 2]),
        ("_id = '5'", [3]),
        ("_id = 'no hex'", []),
        (f"_id > '{HEX}'", [1, 2]),
        ("_id >= '507f'", [0, 1, 2]),
        (f"_id <> '{HEX}'", [1, 2, 3]),
        (f"ref = '{HEX}'", [1, 3]),
        ("ref < '6'", [0, 1, 3]),
        (f"ref NOT IN ('{HEX}')", [0]),
    ],
)
def test_issue_507_ids_are_compared_as_texts_whatever_they_are(
    query: Query, predicate: str, expected: list[int]
) -> None:
    documents: list[dict[str, Any]] = [
        {"_id": ObjectId(HEX), "ref": ObjectId("0" * 24)},
        {"_id": ObjectId("f" * 24), "ref": ObjectId(HEX)},
        {"_id": "text"},
        {"_id": 5, "ref": HEX},
    ]
    assert _numbers(query, documents, predicate) == expected


def test_issues_229_and_1848_a_document_without_fields_is_a_column(query: Query) -> None:
    rows = query([{"a": {}, "b": [{}]}, {"a": {}}], "SELECT a FROM {t}")
    assert rows == [{"a": "{}"}, {"a": "{}"}]
    later: list[dict[str, Any]] = [{"a": {}}, {"a": {"x": 1}}]
    assert query(later, "SELECT a FROM {t} ORDER BY _id") == [{"a": {"x": None}}, {"a": {"x": 1}}]


def test_issue_790_numbers_of_several_types_share_an_array(query: Query) -> None:
    documents: list[dict[str, Any]] = [
        {"at": [-73, 40.7]},
        {"at": [Int64(2**40), 1]},
        {"at": [0.5, None]},
    ]
    rows = query(documents, "SELECT at FROM {t} ORDER BY _id")
    assert [row["at"] for row in rows] == [[-73.0, 40.7], [2.0**40, 1.0], [0.5, None]]


def test_issues_166_137_and_172_arrays_in_structures_may_be_null_or_empty(query: Query) -> None:
    documents: list[dict[str, Any]] = [
        {"s": {"l": ["a"], "n": 1}, "e": []},
        {"s": {"l": None, "n": 2}, "e": None},
        {"s": {"l": [], "n": 3}},
        {"s": {"n": 4}, "e": [None]},
    ]
    rows = query(documents, "SELECT s, e FROM {t} ORDER BY _id")
    assert [row["s"]["l"] for row in rows] == [["a"], None, [], None]
    assert [row["e"] for row in rows] == [[], None, None, [None]]


def test_prs_1035_and_2797_references_are_structures_in_arrays_too(query: Query) -> None:
    reference = DBRef("orders", ObjectId(HEX), "shop")
    documents: list[dict[str, Any]] = [
        {"r": reference, "l": [reference]},
        {"r": DBRef("orders", ObjectId(HEX)), "l": []},
        {"r": None},
    ]
    rows = query(documents, "SELECT r, l FROM {t} ORDER BY _id")
    shown = {"_db": "shop", "_ref": "orders", "_id": HEX}
    assert rows[0] == {"r": shown, "l": [shown]}
    assert rows[1]["r"] == {**shown, "_db": None}
    assert rows[2]["r"] is None


def test_pr_991_whole_numbers_and_floats_of_any_width_share_a_column(query: Query) -> None:
    documents: list[dict[str, Any]] = [
        {"whole": 1, "part": 0.5},
        {"whole": Int64(2**40), "part": Int64(2**54)},
        {"whole": -1, "part": 3},
    ]
    rows = query(documents, "SELECT whole, part FROM {t} ORDER BY _id")
    assert [row["whole"] for row in rows] == [1, 2**40, -1]
    assert [row["part"] for row in rows] == [0.5, 2.0**54, 3.0]
    assert _numbers(query, documents, "whole > 1000 OR part = 3") == [1, 2]


# Dates


def test_acceptance_10_dates_at_the_edges_keep_their_milliseconds(query: Query) -> None:
    millis = [-1, 0, 1, 999, -86_400_001, 253_402_300_799_999, -62_135_596_800_000]
    documents: list[dict[str, Any]] = [{"at": DatetimeMS(each)} for each in millis]
    rows = query(documents, "SELECT at FROM {t} ORDER BY _id")
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - the engine's times have no zone
    found = [row["at"] - epoch for row in rows]
    assert [round(each.total_seconds() * 1000) for each in found] == millis
    assert _numbers(query, documents, "at < TIMESTAMP '1970-01-01 00:00:00'") == [0, 4, 6]
    assert _numbers(query, documents, "at = TIMESTAMP '1969-12-31 23:59:59.999'") == [0]


def test_acceptance_10_a_date_behind_the_year_9999_costs_no_other_row(query: Query) -> None:
    documents: list[dict[str, Any]] = [{"at": DatetimeMS(0)}, {"at": DatetimeMS(2**60)}, {}]
    assert len(query(documents, "SELECT _id FROM {t}")) == 3
    assert _numbers(query, documents, "at IS NULL OR _id = 0") == [0, 2]
