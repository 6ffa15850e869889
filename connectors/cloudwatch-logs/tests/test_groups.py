from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs import groups as groups_module
from athena_connectors.cloudwatch_logs import spellings
from athena_connectors.cloudwatch_logs.groups import GroupFilter, LogGroups
from athena_connectors.cloudwatch_logs.log_group import LogClass, LogGroup
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.common import errors
from athena_connectors.common.config import load_settings
from athena_connectors.common.testing.directories import ManualClock
from athena_connectors.common.testing.logs_faults import LogsFault
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.common.testing.logs_server import LogsFake

    ConnectClient = Callable[..., Client]

    Make = Callable[..., LogGroups]

LINKED = "210987654321"
OTHER = "310987654321"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(connect: ConnectClient, clock: ManualClock) -> Make:
    """Makes groups with settings beside those that lead to the stand-in."""

    def make(**environ: str) -> LogGroups:
        return LogGroups(connect(), load_settings(Settings, environ), clock=clock)

    return make


def _operations(logs: LogsFake) -> list[str]:
    return [call.operation for call in logs.calls]


# --- one group


def test_a_group_that_is_spelt_exactly_takes_one_call(logs: LogsFake, make: Make) -> None:
    for name in ("/app/shop", "/app/shop-2", "/app/Shop"):
        logs.create_group(name)
    groups = make()
    assert groups.find("/app/shop").schema == "/app/shop"
    assert _operations(logs) == ["DescribeLogGroups"]
    with pytest.raises(errors.SchemaNotFoundError):
        groups.find("/app/sho")


def test_what_the_service_tells_of_a_group_is_known(logs: LogsFake, make: Make) -> None:
    logs.create_group(
        "/app", log_class="STANDARD", created_at=123, retention_days=7, stored_bytes=99
    )
    expected = LogGroup("/app", created_at=123, retention_days=7, stored_bytes=99)
    assert make().find("/app").group == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("STANDARD", LogClass.STANDARD),
        ("INFREQUENT_ACCESS", LogClass.INFREQUENT_ACCESS),
        ("ESSENTIALS", LogClass.INFREQUENT_ACCESS),
        ("DELIVERY", LogClass.DELIVERY),
    ],
)
def test_the_class_of_a_group_is_known(
    logs: LogsFake, make: Make, told: str, expected: LogClass
) -> None:
    logs.create_group("/app", log_class=told)
    assert make().find("/app").group.log_class is expected


@pytest.mark.parametrize("asked", ["/aws/lambda/orderservice", "/AWS/Lambda/ORDERSERVICE"])
def test_acceptance_02_a_group_is_found_in_any_case(logs: LogsFake, make: Make, asked: str) -> None:
    for name in ("/aws/lambda/OrderService", "/aws/lambda/OrderService2", "zzz"):
        logs.create_group(name)
    found = make().find(asked)
    assert (found.schema, found.group.name) == ("/aws/lambda/OrderService",) * 2


def test_complaint_07_a_name_that_fits_several_groups_is_refused(
    logs: LogsFake, make: Make
) -> None:
    for name in ("/app/Shop", "/app/SHOP"):
        logs.create_group(name)
    with pytest.raises(errors.AmbiguousNameError, match=r"/app/SHOP, /app/Shop.*log_group_exclude"):
        make().find("/app/shop")
    assert make(log_group_exclude="/app/SHOP").find("/app/shop").schema == "/app/Shop"
    assert make().find("/app/SHOP").schema == "/app/SHOP"


def test_complaint_08_a_failed_lookup_changes_no_later_one(logs: LogsFake, make: Make) -> None:
    for name in ("aaa", "bbb", "zzz"):
        logs.create_group(name)
    groups = make()
    for _ in range(2):
        with pytest.raises(errors.SchemaNotFoundError, match=r"'zzzz'.*Close names: zzz"):
            groups.find("zzzz")
    logs.create_group("zzzz")
    assert groups.find("zzzz").schema == "zzzz"


def test_all_names_are_listed_once_a_minute_to_find_one(
    logs: LogsFake, make: Make, clock: ManualClock
) -> None:
    logs.create_group("shop")
    groups = make()
    for _ in range(2):
        with pytest.raises(errors.SchemaNotFoundError):
            groups.find("Orders")
    assert _operations(logs) == ["DescribeLogGroups", "ListLogGroups", "DescribeLogGroups"]
    logs.create_group("orders")
    clock.now = groups_module.NAMES_SECONDS
    assert groups.find("Orders").schema == "orders"


def test_complaint_08_a_spelling_is_remembered_for_a_while(
    logs: LogsFake, make: Make, clock: ManualClock
) -> None:
    logs.create_group("/app/Shop")
    groups = make(name_cache_ttl_s="300")
    groups.find("/app/shop")
    before = logs.count()
    clock.now = 299
    assert groups.find("/app/shop").schema == "/app/Shop"
    assert groups.find("/app/Shop").schema == "/app/Shop"
    assert logs.count() == before
    logs.delete_group("/app/Shop")
    logs.create_group("/app/SHOP")
    clock.now = 300
    assert groups.find("/app/shop").schema == "/app/SHOP"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 513, "grün", "a*"])
def test_what_no_group_can_be_called_is_not_asked_for(
    logs: LogsFake, make: Make, name: str
) -> None:
    with pytest.raises(errors.SchemaNotFoundError):
        make().find(name)
    assert "DescribeLogGroups" not in _operations(logs)


def test_too_many_groups_to_look_for_another_spelling_are_an_error(
    logs: LogsFake, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        logs.create_group(f"App{number}")
    monkeypatch.setattr(spellings, "MAX_NAMES", 3)
    groups = make()
    with pytest.raises(errors.SchemaNotFoundError, match=r"too many.*log_group_include"):
        groups.find("app3")
    assert groups.find("App3").schema == "App3"
    assert make(log_group_include="App3").find("app3").schema == "App3"


# --- all groups


def test_all_groups_are_listed_a_thousand_at_a_time(logs: LogsFake, make: Make) -> None:
    names = [f"/app/{number:04d}" for number in range(1001)]
    for name in names:
        logs.create_group(name)
    assert sorted(make().names()) == names
    assert _operations(logs) == ["ListLogGroups"] * 2


def test_who_may_not_list_groups_fast_lists_them_slowly(logs: LogsFake, make: Make) -> None:
    names = [f"/app/{number:04d}" for number in range(101)]
    for name in names:
        logs.create_group(name)
    logs.deny("ListLogGroups")
    groups = make()
    assert sorted(groups.names()) == names
    assert sorted(groups.names()) == names
    assert _operations(logs) == ["ListLogGroups", *["DescribeLogGroups"] * 6]


@pytest.mark.parametrize("fault", [LogsFault("UnknownOperationException"), LogsFault("Odd", 500)])
def test_a_service_that_does_not_list_groups_fast_lists_them_slowly(
    logs: LogsFake, make: Make, monkeypatch: pytest.MonkeyPatch, fault: LogsFault
) -> None:
    monkeypatch.setattr(groups_module, "_TRY_SECONDS", 0)
    logs.create_group("shop")
    logs.fail(LogsFault(fault.code, fault.status, operation="ListLogGroups"))
    assert make().names() == ["shop"]


def test_a_listing_that_breaks_off_is_an_error(logs: LogsFake, make: Make) -> None:
    for number in range(1001):
        logs.create_group(f"/app/{number:04d}")
    denied = LogsFault("AccessDeniedException", operation="ListLogGroups", calls=range(2, 9))
    logs.fail(denied)
    with pytest.raises(errors.AccessDeniedError):
        make().names()


def test_too_many_groups_are_not_listed(
    logs: LogsFake, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_module, "MAX_NAMES", 2)
    logs.create_group("a")
    logs.create_group("b")
    assert make().names() == ["a", "b"]
    logs.create_group("c")
    with pytest.raises(errors.UnsupportedOperationError, match="more than 2 log groups"):
        make().names()


# --- which of them exist


def test_groups_that_are_not_for_athena_do_not_exist(logs: LogsFake, make: Make) -> None:
    for name in ("/app/shop", "/app/secret", "/db"):
        logs.create_group(name)
    groups = make(log_group_include="/app/*", log_group_exclude="*secret")
    assert groups.names() == ["/app/shop"]
    for name in ("/app/secret", "/db", "/APP/Secret"):
        with pytest.raises(errors.SchemaNotFoundError):
            groups.find(name)
    assert groups.find("/APP/shop").schema == "/app/shop"


@settings(max_examples=50)
@given(
    include=st.lists(st.sampled_from(["a*", "*b", "c", "1:*", "?"]), max_size=2),
    exclude=st.lists(st.sampled_from(["a*", "*b", "c", "1:*", "?"]), max_size=2),
    schema=st.sampled_from(["a", "ab", "b", "c", "1:a", "1:b", "1:c", "2:c", "A"]),
)
def test_a_group_exists_if_it_is_included_and_not_excluded(
    include: list[str], exclude: list[str], schema: str
) -> None:
    environ = {"log_group_include": ",".join(include), "log_group_exclude": ",".join(exclude)}
    fits = {
        "a*": schema in {"a", "ab", "1:a"},
        "*b": schema in {"ab", "b", "1:b"},
        "c": schema in {"c", "1:c", "2:c"},
        "1:*": schema.startswith("1:"),
        "?": len(schema.rpartition(":")[2]) == 1,
    }
    expected = (not include or any(map(fits.get, include))) and not any(map(fits.get, exclude))
    assert GroupFilter(load_settings(Settings, environ)).allows(schema) is expected


# --- linked accounts


@pytest.fixture
def accounts(logs: LogsFake) -> LogsFake:
    for account in (LINKED, OTHER):
        logs.create_group("/app/Shop", account=account)
    logs.create_group("/app/Shop", stored_bytes=5)
    logs.create_group("/app/far", account=LINKED, stored_bytes=7)
    return logs


def test_complaint_17_groups_of_linked_accounts_have_their_account_in_their_name(
    accounts: LogsFake, make: Make
) -> None:
    groups = make(include_linked_accounts="true")
    assert sorted(groups.names()) == [
        *("/app/Shop", f"{LINKED}:/app/Shop"),
        *(f"{LINKED}:/app/far", f"{OTHER}:/app/Shop"),
    ]
    own = groups.find("/app/shop").group
    assert (own.identifier, own.stored_bytes) == ("", 5)
    far = groups.find(f"{LINKED}:/app/far").group
    region = accounts.settings["AWS_REGION"]
    assert far.identifier == f"arn:aws:logs:{region}:{LINKED}:log-group:/app/far"
    assert (far.name, far.stored_bytes) == ("/app/far", 7)
    assert groups.find(f"{OTHER}:/APP/shop").schema == f"{OTHER}:/app/Shop"
    reply = accounts.client().describe_log_streams(**far.parameter)
    assert reply["logStreams"] == []


def test_only_the_linked_accounts_that_are_named_are_shown(accounts: LogsFake, make: Make) -> None:
    groups = make(include_linked_accounts="true", linked_accounts=f"{OTHER},123456789012")
    assert sorted(groups.names()) == ["/app/Shop", f"{OTHER}:/app/Shop"]
    with pytest.raises(errors.SchemaNotFoundError):
        groups.find(f"{LINKED}:/app/Shop")


def test_more_linked_accounts_than_a_request_takes_may_be_named(
    accounts: LogsFake, make: Make
) -> None:
    named = ",".join([f"{n:012d}" for n in range(25)] + [LINKED])
    names = make(include_linked_accounts="true", linked_accounts=named).names()
    assert sorted(names) == ["/app/Shop", f"{LINKED}:/app/Shop", f"{LINKED}:/app/far"]


def test_without_the_setting_no_linked_account_is_asked(accounts: LogsFake, make: Make) -> None:
    groups = make()
    assert groups.names() == ["/app/Shop"]
    with pytest.raises(errors.SchemaNotFoundError, match="include_linked_accounts"):
        groups.find(f"{LINKED}:/app/Shop")


def test_a_group_of_the_own_account_has_one_name_only(accounts: LogsFake, make: Make) -> None:
    found = make(include_linked_accounts="true").find("123456789012:/app/Shop")
    assert (found.schema, found.group.identifier) == ("/app/Shop", "")


def test_a_monitoring_account_without_a_group_shows_those_of_others(
    logs: LogsFake, make: Make
) -> None:
    logs.create_group("/app", account=LINKED)
    groups = make(include_linked_accounts="true")
    assert groups.names() == [f"{LINKED}:/app"]
    assert groups.find(f"{LINKED}:/app").group.identifier


def test_a_group_of_another_account_than_was_asked_for_is_not_taken() -> None:
    class Lenient:
        """A service that tells of all accounts, whichever is asked for."""

        def call(self, operation: str, request: Any, **_: Any) -> Any:
            accounts = ("123456789012", OTHER, LINKED)
            if "includeLinkedAccounts" not in request:
                accounts = accounts[:1]
            arns = [f"arn:aws:logs:r:{account}:log-group:/app" for account in accounts]
            return {"logGroups": [{"logGroupName": "/app", "logGroupArn": arn} for arn in arns]}

    client: Any = Lenient()
    settings_ = load_settings(Settings, {"include_linked_accounts": "true"})
    found = LogGroups(client, settings_, clock=ManualClock()).find(f"{LINKED}:/app")
    assert found.group.identifier == f"arn:aws:logs:r:{LINKED}:log-group:/app"
