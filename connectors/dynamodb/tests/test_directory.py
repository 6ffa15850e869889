"""Names and listings, with an account and a Glue catalog that are kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    AmbiguousNameError,
    InvalidRequestError,
    SchemaNotFoundError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.glue_tables import GlueTable
from athena_connectors.common.paging import encode_name_token
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.directories import ManualClock, MemoryGlue, pages_of_tables
from athena_connectors.dynamodb.directory import Directory
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.glue_tables import GlueCatalog
    from athena_connectors.dynamodb.client import Client

ARN = "arn:aws:dynamodb:us-east-1:999999999999:table/Far"
KEYS = (Key("id", "S"),)


def index(name: str, *, usable: bool = True) -> Index:
    return Index(name, IndexKind.GLOBAL, (Key("c", "S"),), usable=usable)


@dataclass
class Account:
    """Plays the client: tables by name, a few names in each page of their listing."""

    tables: list[str]
    indexes: Mapping[str, Sequence[Index]] = field(default_factory=dict)
    page: int = 3
    described: list[str] = field(default_factory=list)
    listings: int = 0
    regions: list[str] = field(default_factory=list)
    denied: tuple[str, ...] = ()

    def at(self, target: str) -> Account:
        self.regions.append(target)
        return self

    def describe_table(self, target: str) -> SourceTable:
        self.described.append(target)
        name = target.rpartition("/")[2]
        if name in self.denied:
            raise AccessDeniedError(f"AWS denies dynamodb:DescribeTable on {target}.")
        if name not in self.tables:
            raise TableNotFoundError(f"There is no DynamoDB table {target}.")
        base = Index("", IndexKind.TABLE, KEYS)
        return SourceTable(name, target, base, tuple(self.indexes.get(name, ())))

    def list_tables(self, start: str | None, limit: int) -> tuple[list[str], str | None]:
        if "ListTables" in self.denied:
            raise AccessDeniedError("AWS denies dynamodb:ListTables.")
        self.listings += start is None
        rest = [name for name in sorted(self.tables) if start is None or name > start]
        size = min(self.page, limit)
        return rest[:size], rest[size - 1] if len(rest) > size else None


def declared(name: str, database: str = "default", **parameters: str) -> GlueTable:
    return GlueTable(database, name, (), {"classification": "dynamodb", **parameters}, "", {})


def directory(
    account: Account,
    glue: MemoryGlue | None = None,
    *,
    clock: ManualClock | None = None,
    **environ: str,
) -> Directory:
    return Directory(
        cast("Client", account),
        load_settings(Settings, environ),
        cast("GlueCatalog", glue),
        clock=clock or ManualClock(),
    )


def resolved(found: Directory, table: str, schema: str = "default") -> str:
    return found.resolve_table(TableName(schema, table)).table


# --- schemas


def test_schemas_are_flagged_databases_and_default_last() -> None:
    glue = MemoryGlue(known={"z": "dynamo-db-flag", "default": "dynamo-db-flag", "a": "s3://x"})
    assert directory(Account([]), glue).list_schemas() == ["z", "default"]
    assert directory(Account([])).list_schemas() == ["default"]


def test_a_schema_is_known_in_any_case_and_without_a_flag() -> None:
    found = directory(Account([]), MemoryGlue(known={"sales": "s3://x"}))
    assert found.resolve_schema("Sales") == "sales"
    assert found.resolve_schema("DEFAULT") == "default"
    with pytest.raises(SchemaNotFoundError, match="'other'"):
        found.resolve_schema("other")


def test_without_glue_there_is_one_schema() -> None:
    with pytest.raises(SchemaNotFoundError, match="disable_glue"):
        directory(Account([])).resolve_schema("sales")


# --- listing


def test_glue_tables_come_first_and_none_twice() -> None:
    glue = MemoryGlue([declared("orders"), declared("alias", sourceTable="Users"), declared("b")])
    found = directory(Account(["Orders", "Users", "x1"]), glue)
    assert pages_of_tables(found, "default") == [["alias", "b", "orders", "Users", "x1"]]


def test_bug_02_and_04_only_glue_tables_for_dynamodb_are_listed() -> None:
    other = GlueTable("default", "users", (), {}, "s3://bucket/users", {})
    found = directory(
        Account(["Users"]), MemoryGlue([other, GlueTable("default", "v", (), {}, "", {})])
    )
    assert pages_of_tables(found, "default") == [["Users"]]


def test_other_schemas_have_the_tables_of_glue_alone() -> None:
    glue = MemoryGlue([declared("orders", "shop")], {"shop": "dynamo-db-flag"})
    assert pages_of_tables(directory(Account(["Users"]), glue), "shop") == [["orders"]]


@settings(max_examples=150)
@given(
    account=st.sets(st.text("abAB", min_size=3, max_size=4)),
    glue=st.sets(st.text("ab", min_size=3, max_size=4)),
    size=st.integers(1, 12),
    per_call=st.integers(1, 4),
)
def test_issue_3158_pages_of_any_size_hold_each_name_once(
    account: set[str], glue: set[str], size: int, per_call: int
) -> None:
    tables = Account(sorted(account), page=per_call)
    found = directory(tables, MemoryGlue([declared(name) for name in glue]))
    pages = pages_of_tables(found, "default", size)
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages[-1]) <= size
    assert len(pages) == 1 or pages[-1]
    folded = {name for name in account if name.lower() not in glue}
    assert [name for page in pages for name in page] == [*sorted(glue), *sorted(folded)]


@pytest.mark.parametrize("token", ["nonsense", encode_name_token("x1"), encode_name_token("")])
def test_a_token_of_another_listing_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequestError, match="token"):
        directory(Account(["x1"])).page_tables("default", token=token, page_size=1)


# --- include and exclude


def test_issue_606_and_1695_patterns_decide_what_exists() -> None:
    account = Account(["Shop-Orders", "shop-users", "other", "shop-secret"])
    found = directory(account, table_include="SHOP-*", table_exclude="*-Secret")
    assert pages_of_tables(found, "default") == [["Shop-Orders", "shop-users"]]
    assert resolved(found, "shop-orders") == "Shop-Orders"
    for hidden in ("other", "shop-secret"):
        with pytest.raises(TableNotFoundError, match=hidden):
            resolved(found, hidden)
    assert not {"other", "shop-secret"} & set(account.described)


def test_a_glue_table_does_not_open_what_is_excluded() -> None:
    glue = MemoryGlue(
        [declared("open", sourceTable="secret"), declared("far", sourceTable=ARN), declared("ok")]
    )
    found = directory(Account(["secret", "ok1"]), glue, table_exclude="secret,far")
    assert pages_of_tables(found, "default") == [["ok", "ok1"]]
    for hidden in ("open", "far"):
        with pytest.raises(TableNotFoundError):
            resolved(found, hidden)


def test_a_glue_table_is_included_by_either_name() -> None:
    glue = MemoryGlue(
        [declared("mine", sourceTable="Theirs"), declared("yours", sourceTable="Mine2")]
    )
    found = directory(Account(["Theirs", "Mine2"]), glue, table_include="theirs,yours")
    assert pages_of_tables(found, "default") == [["mine", "yours", "Theirs"]]


# --- tables


def test_an_exact_name_costs_one_call_and_no_listing() -> None:
    account = Account(["orders", "Orders"])
    assert resolved(directory(account), "orders") == "orders"
    assert (account.described, account.listings) == (["orders"], 0)


def test_a_folded_name_is_found_in_any_case() -> None:
    assert resolved(directory(Account(["Orders", "Users"])), "orders") == "Orders"


@pytest.mark.parametrize("real", ["my-Table.v1", "my_table-v1", "MY-TABLE-V1"])
def test_issue_1121_what_crawlers_rename_is_found_if_unique(real: str) -> None:
    assert resolved(directory(Account([real, "my-tablev1"])), "my_table_v1") == real


def test_the_same_letters_in_another_case_go_before_other_letters() -> None:
    assert resolved(directory(Account(["my-table", "My_Table"])), "my_table") == "My_Table"


@pytest.mark.parametrize("tables", [["Orders", "ORDERS"], ["ord-ers", "ord.ers"]])
def test_an_ambiguous_name_tells_the_candidates_and_the_way_out(tables: list[str]) -> None:
    asked = "orders" if "Orders" in tables else "ord_ers"
    with pytest.raises(AmbiguousNameError, match="sourceTable") as caught:
        resolved(directory(Account(tables)), asked)
    assert all(repr(name) in caught.value.message for name in tables)


def test_names_are_listed_once_in_a_minute_and_anew_at_a_miss() -> None:
    account, clock = Account(["Orders", "Users"]), ManualClock()
    found = directory(account, clock=clock)
    assert [resolved(found, "orders"), resolved(found, "users")] == ["Orders", "Users"]
    assert account.listings == 1
    account.tables.append("Fresh")
    assert resolved(found, "fresh") == "Fresh"
    assert account.listings == 2
    clock.now = 61.0
    assert resolved(found, "orders") == "Orders"
    assert account.listings == 3


def test_a_name_that_was_listed_and_is_gone_is_looked_for_again() -> None:
    account = Account(["Orders"])
    found = directory(account)
    assert resolved(found, "orders") == "Orders"
    account.tables[:] = ["ORDERS"]
    assert resolved(found, "orders") == "ORDERS"
    account.tables[:] = []
    with pytest.raises(TableNotFoundError, match="'orders'"):
        resolved(found, "orders")


def test_a_name_that_was_ambiguous_is_looked_for_again() -> None:
    account = Account(["Orders", "ORDERS"])
    found = directory(account)
    with pytest.raises(AmbiguousNameError):
        resolved(found, "orders")
    account.tables.remove("ORDERS")
    assert resolved(found, "orders") == "Orders"


def test_a_role_for_one_spelling_finds_it_by_another() -> None:
    account = Account(["Orders"], denied=("orders",))
    assert resolved(directory(account), "orders") == "Orders"


@pytest.mark.parametrize(
    ("denied", "told"),
    [
        (("orders",), "DescribeTable on orders"),
        (("orders", "ListTables"), "DescribeTable on orders"),
        (("ListTables",), "ListTables"),
    ],
)
def test_what_is_denied_is_told(denied: tuple[str, ...], told: str) -> None:
    tables = ["orders"] if "orders" in denied else ["Orders"]
    with pytest.raises(AccessDeniedError, match=told):
        resolved(directory(Account(tables, denied=denied)), "orders")


@pytest.mark.parametrize("name", ["", "ab", "é-é-é", "a b c", "x" * 256])
def test_what_can_be_no_name_is_not_asked_for(name: str) -> None:
    account = Account(["Orders"])
    with pytest.raises(TableNotFoundError):
        resolved(directory(account), name)
    assert account.described == []


def test_a_wrong_name_offers_close_ones() -> None:
    with pytest.raises(TableNotFoundError, match="Close names: orders"):
        resolved(directory(Account(["Orders"])), "oders")


# --- tables of Glue


def test_a_glue_table_keeps_its_name_and_leads_to_its_source() -> None:
    account = Account(["Orders", "Far", "My-Table"])
    glue = MemoryGlue(
        [
            declared("alias", sourceTable="Orders"),
            declared("far", sourceTable=ARN),
            declared("my_table"),
        ]
    )
    found = directory(account, glue)
    assert resolved(found, "ALIAS") == "alias"
    assert found.find("default", "alias").source.name == "Orders"
    assert found.find("default", "my_table").source.name == "My-Table"
    assert found.find("default", "far").source == SourceTable(
        "Far", ARN, Index("", IndexKind.TABLE, KEYS)
    )
    assert ARN in account.regions


def test_bug_04_a_glue_table_of_the_same_name_that_is_not_for_dynamodb_is_passed_over() -> None:
    glue = MemoryGlue([GlueTable("default", "orders", (), {}, "s3://bucket/orders", {})])
    found = directory(Account(["Orders"]), glue)
    assert resolved(found, "orders") == "Orders"
    assert found.find("default", "Orders").glue is None


def test_in_other_schemas_only_glue_tells_what_there_is() -> None:
    glue = MemoryGlue(
        [declared("orders", "shop"), GlueTable("shop", "users", (), {}, "s3://x", {})],
        {"shop": "dynamo-db-flag"},
    )
    found = directory(Account(["orders", "users", "third"]), glue)
    assert resolved(found, "Orders", "Shop") == "orders"
    with pytest.raises(TableNotFoundError, match=r"'third' in shop"):
        resolved(found, "third", "shop")
    with pytest.raises(TableNotFoundError, match="classification"):
        resolved(found, "users", "shop")


@pytest.mark.parametrize("parameters", [{"sourceTable": "Gone"}, {}])
def test_a_source_that_does_not_exist_is_told_with_the_glue_table(
    parameters: dict[str, str],
) -> None:
    found = directory(Account(["Orders"]), MemoryGlue([declared("gone", **parameters)]))
    with pytest.raises(TableNotFoundError, match=r"Glue table default\.gone stands for.*[Gg]one"):
        resolved(found, "gone")


def test_a_description_asks_nothing_again_that_the_name_has_told() -> None:
    account, clock = Account(["orders"]), ManualClock()
    found = directory(account, clock=clock)
    resolved(found, "orders")
    found.find("default", "orders")
    assert account.described == ["orders"]
    clock.now = 6.0
    found.find("default", "orders")
    assert account.described == ["orders", "orders"]


# --- indexes


def indexed() -> Account:
    return Account(
        ["Orders"],
        {"Orders": [index("ByCity"), index("x"), index("X"), index("new", usable=False)]},
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [("orders$bycity", "Orders$ByCity"), ("orders$x", "Orders$x"), ("orders$", "Orders$")],
)
def test_issue_372_a_name_can_force_an_index(asked: str, told: str) -> None:
    assert resolved(directory(indexed()), asked) == told


def test_a_wrong_index_tells_which_there_are() -> None:
    with pytest.raises(TableNotFoundError, match=r"no index 'z'.*Orders\$ByCity.*Orders\$x"):
        resolved(directory(indexed()), "orders$z")
    with pytest.raises(TableNotFoundError, match="no index at all"):
        resolved(directory(Account(["Orders"])), "orders$z")


def test_an_index_that_is_being_made_is_not_read() -> None:
    with pytest.raises(UnsupportedOperationError, match=r"'new'.*not complete"):
        resolved(directory(indexed()), "orders$new")


def test_an_ambiguous_index_is_told() -> None:
    account = Account(["Orders"], {"Orders": [index("ByX"), index("BYX")]})
    with pytest.raises(AmbiguousNameError, match="byx"):
        resolved(directory(account), "orders$byx")


def test_a_glue_table_can_be_read_by_an_index_of_its_source() -> None:
    glue = MemoryGlue([declared("alias", sourceTable="Orders")])
    assert resolved(directory(indexed(), glue), "alias$bycity") == "alias$ByCity"
