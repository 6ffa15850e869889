from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.cloudwatch_logs import spellings
from athena_connectors.cloudwatch_logs import streams as streams_module
from athena_connectors.cloudwatch_logs.client import Client
from athena_connectors.cloudwatch_logs.log_group import LogTable
from athena_connectors.cloudwatch_logs.metadata import Groups
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.common import errors
from athena_connectors.common.config import load_settings
from athena_connectors.common.paging import encode_name_token
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.logs_faults import LogsFault
from athena_connectors.common.testing.logs_server import logs_server
from athena_connectors.common.testing.logs_virtual import VirtualStreams
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.logs_server import LogsFake

    ConnectClient = Callable[..., Client]

    Make = Callable[..., Groups]

GROUP = "/aws/lambda/shop"
ALL = "all_log_streams"
LAMBDA = "2024/01/01/[$LATEST]5b6c0d"


@pytest.fixture
def make(connect: ConnectClient) -> Make:
    """Makes what Athena may know, with settings beside those that lead to the stand-in."""

    def make(clock: Callable[[], float] = lambda: 0.0, **environ: str) -> Groups:
        return Groups(connect(), load_settings(Settings, environ), clock=clock)

    return make


@pytest.fixture
def group(logs: LogsFake) -> LogsFake:
    logs.create_group(GROUP)
    return logs


def _streams(logs: LogsFake, *names: str) -> None:
    for name in names:
        logs.create_stream(GROUP, name)


def _resolved(groups: Groups, table: str) -> str:
    resolved = groups.resolve_table(TableName(GROUP, table))
    assert resolved.schema == GROUP
    return resolved.table


def _pages(groups: Groups, *sizes: int) -> Iterator[tuple[str, ...]]:
    """Pages of the tables, the last size for all that follow."""
    token: str | None = None
    wanted = list(sizes)
    while True:
        size = wanted.pop(0) if len(wanted) > 1 else wanted[0]
        page = groups.page_tables(GROUP, token=token, page_size=size)
        assert len(page.items) <= size
        yield page.items
        token = page.next_token
        if token is None:
            return


# --- one stream


def test_complaint_09_a_stream_is_found_by_its_exact_name(group: LogsFake, make: Make) -> None:
    _streams(group, "stream-1", "stream-10", "stream-1-b", "Stream-1")
    groups = make()
    assert _resolved(groups, "stream-1") == "stream-1"
    assert group.count("DescribeLogStreams") == 1
    with pytest.raises(errors.TableNotFoundError, match=r"'stream-100'.*Close names: stream-10"):
        _resolved(groups, "stream-100")
    with pytest.raises(errors.TableNotFoundError):
        _resolved(groups, "stream")


def test_acceptance_02_a_stream_is_found_in_any_case(group: LogsFake, make: Make) -> None:
    _streams(group, "Web-A", "WEB-B", "web-c")
    groups = make()
    for asked, expected in (("web-a", "Web-A"), ("wEB-b", "WEB-B"), ("web-c", "web-c")):
        assert _resolved(groups, asked) == expected


def test_complaint_07_a_name_that_fits_several_streams_is_refused(
    group: LogsFake, make: Make
) -> None:
    _streams(group, "Web", "WEB", "other")
    groups = make()
    with pytest.raises(
        errors.AmbiguousNameError, match=r"'WEB', 'Web'.*all_log_streams where log_stream = 'WEB'"
    ):
        _resolved(groups, "web")
    assert _resolved(groups, "WEB") == "WEB"
    _streams(group, "web")
    assert _resolved(groups, "web") == "web"


def test_complaint_08_a_failed_lookup_changes_no_later_one(group: LogsFake, make: Make) -> None:
    _streams(group, "a", "b")
    groups = make()
    for _ in range(2):
        with pytest.raises(errors.TableNotFoundError):
            _resolved(groups, "missing")
    assert group.count("DescribeLogStreams") == 3
    _streams(group, "missing")
    assert _resolved(groups, "missing") == "missing"


def test_a_stream_of_lambda_is_found_without_a_listing(group: LogsFake, make: Make) -> None:
    _streams(group, LAMBDA, *(f"2024/01/01/[$LATEST]{n:04x}" for n in range(200)))
    assert _resolved(make(), LAMBDA.lower()) == LAMBDA
    assert group.count("DescribeLogStreams") == 2


def test_a_stream_that_is_spelt_so_goes_before_that_of_lambda(group: LogsFake, make: Make) -> None:
    _streams(group, LAMBDA, LAMBDA.lower())
    assert _resolved(make(), LAMBDA.lower()) == LAMBDA.lower()


def test_only_streams_that_begin_alike_are_listed_to_find_one(group: LogsFake, make: Make) -> None:
    _streams(group, *(f"2024/01/01/[prod]{n:04}" for n in range(200)))
    _streams(group, "2024/01/02/[Prod]1")
    assert _resolved(make(), "2024/01/02/[prod]1") == "2024/01/02/[Prod]1"
    last = group.requests("DescribeLogStreams")[-1]
    assert last["logStreamNamePrefix"] == "2024/01/02/["
    assert group.count("DescribeLogStreams") == 2


def test_a_spelling_is_remembered_for_a_while(group: LogsFake, make: Make) -> None:
    now = [0.0]
    _streams(group, "Web")
    groups = make(lambda: now[0], name_cache_ttl_s="300")
    _resolved(groups, "web")
    before = group.count()
    now[0] = 299
    assert _resolved(groups, "web") == _resolved(groups, "Web") == "Web"
    assert group.count() == before
    group.delete_stream(GROUP, "Web")
    _streams(group, "WEB")
    now[0] = 300
    assert _resolved(groups, "web") == "WEB"


def test_equal_names_in_two_groups_are_not_confused(group: LogsFake, make: Make) -> None:
    group.create_group("/other")
    _streams(group, "Web")
    group.create_stream("/other", "WEB")
    groups = make()
    assert _resolved(groups, "web") == "Web"
    assert groups.resolve_table(TableName("/other", "web")).table == "WEB"


@pytest.mark.parametrize("name", ["a:b", "a*", "x" * 513])
def test_what_no_stream_can_be_called_is_not_asked_for(
    group: LogsFake, make: Make, name: str
) -> None:
    with pytest.raises(errors.TableNotFoundError):
        _resolved(make(), name)
    assert group.count("DescribeLogStreams") == 0


def test_acceptance_04_one_of_a_million_streams_takes_one_call(logs: LogsFake, make: Make) -> None:
    logs.create_group(GROUP, streams=VirtualStreams(1_000_000, start=0))
    groups = make()
    assert _resolved(groups, "stream-000999999") == "stream-000999999"
    assert _resolved(groups, ALL) == ALL
    assert logs.count("DescribeLogStreams") == 1


def test_too_many_streams_to_look_for_another_spelling_are_an_error(
    logs: LogsFake, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.create_group(GROUP, streams=VirtualStreams(1_000_000, start=0))
    monkeypatch.setattr(spellings, "MAX_NAMES", 120)
    with pytest.raises(errors.TableNotFoundError, match=r"too many.*all_log_streams"):
        _resolved(make(), "Stream-000999999")
    assert logs.count("DescribeLogStreams") == 4


def test_a_search_for_another_spelling_ends_in_time(logs: LogsFake, make: Make) -> None:
    logs.create_group(GROUP, streams=VirtualStreams(1_000_000, start=0))
    calls = iter(range(10**9))
    groups = make(lambda: next(calls) / 10)
    with pytest.raises(errors.TableNotFoundError, match="too many"):
        _resolved(groups, "Stream-000999999")
    assert logs.count("DescribeLogStreams") < 20


# --- all streams


@pytest.mark.parametrize("name", [ALL, "ALL_LOG_STREAMS", "All_Log_Streams"])
def test_the_table_of_all_streams_is_always_there(group: LogsFake, make: Make, name: str) -> None:
    groups = make()
    assert _resolved(groups, name) == ALL
    assert groups.table(TableName(GROUP, name)).stream is None
    assert groups.list_tables(GROUP) == [ALL]
    _streams(group, name)
    assert groups.table(TableName(GROUP, name)).stream is None


@pytest.mark.parametrize("name", [ALL, "ALL_LOG_STREAMS"])
def test_a_stream_of_that_name_is_not_listed_beside_it(
    group: LogsFake, make: Make, name: str
) -> None:
    _streams(group, "a", name, "zz")
    groups = make()
    assert groups.list_tables(GROUP) == ["a", "zz", ALL]
    assert sum(_pages(groups, 1), ()) == ("a", "zz", ALL)


# --- listing


@pytest.mark.parametrize("size", [1, 2, 49, 50, 51, 99, 100, 101, 120, 121, 1000])
def test_acceptance_11_every_page_size_gives_all_names_once(
    group: LogsFake, make: Make, size: int
) -> None:
    names = [f"s{n:03}" for n in range(120)]
    _streams(group, *names)
    pages = list(_pages(make(), size))
    assert list(sum(pages, ())) == [*names, ALL]
    assert len(pages[0]) == min(size if size < 50 else size // 50 * 50, 121)
    assert {request["limit"] for request in group.requests("DescribeLogStreams")} <= {min(size, 50)}
    assert group.count("DescribeLogStreams") == -(-120 // min(size, 50))


def test_acceptance_11_all_names_come_at_once(group: LogsFake, make: Make) -> None:
    names = [f"s{n:03}" for n in range(120)]
    _streams(group, *names)
    page = make().page_tables(GROUP, token=None, page_size=None)
    assert (list(page.items), page.next_token) == ([*names, ALL], None)


@settings(max_examples=10)
@given(
    count=st.integers(0, 110), sizes=st.lists(st.sampled_from([1, 3, 20, 50, 51, 70]), min_size=1)
)
def test_complaint_14_pages_of_changing_sizes_give_all_names_once(
    count: int, sizes: list[int]
) -> None:
    names = [f"s{n:03}" for n in range(count)]
    with logs_server() as logs:
        logs.create_group(GROUP)
        _streams(logs, *names)
        found = load_settings(Settings, logs.settings)
        client = Client(found, logs.settings)
        assert list(sum(_pages(Groups(client, found), *sizes), ())) == [*names, ALL]
        client.close()


def test_the_rest_of_a_listing_can_be_asked_for_at_once(group: LogsFake, make: Make) -> None:
    names = [f"s{n:03}" for n in range(120)]
    _streams(group, *names)
    groups = make()
    first = groups.page_tables(GROUP, token=None, page_size=30)
    rest = groups.page_tables(GROUP, token=first.next_token, page_size=None)
    assert [*first.items, *rest.items] == [*names, ALL]
    assert rest.next_token is None


@pytest.mark.parametrize("place", ["", "nonsense", "50:0", "99:0:x", "0:0:x", "50:0:forged"])
def test_a_token_that_is_none_of_ours_is_refused(group: LogsFake, make: Make, place: str) -> None:
    with pytest.raises(errors.InvalidRequestError):
        make().page_tables(GROUP, token=encode_name_token(place), page_size=10)


def test_a_token_that_has_expired_is_refused(group: LogsFake, make: Make) -> None:
    _streams(group, *(f"s{n}" for n in range(9)))
    groups = make()
    page = groups.page_tables(GROUP, token=None, page_size=5)
    group.expire_tokens()
    with pytest.raises(errors.InvalidRequestError, match="nextToken"):
        groups.page_tables(GROUP, token=page.next_token, page_size=5)


def test_too_many_streams_are_not_listed_at_once_but_page_by_page(
    logs: LogsFake, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "MAX_NAMES", 60)
    logs.create_group(GROUP, streams=VirtualStreams(61, start=0))
    groups = make()
    with pytest.raises(errors.UnsupportedOperationError, match=rf"{GROUP} has more.*{ALL}"):
        groups.list_tables(GROUP)
    assert len(sum(_pages(groups, 50), ())) == 62


def test_a_listing_that_breaks_off_is_an_error(group: LogsFake, make: Make) -> None:
    _streams(group, *(f"s{n:03}" for n in range(60)))
    group.fail(LogsFault("AccessDeniedException", calls=range(3, 9)))
    with pytest.raises(errors.AccessDeniedError):
        make().list_tables(GROUP)


# --- what is known of a table


def test_a_table_has_its_columns_and_its_group(group: LogsFake, make: Make) -> None:
    _streams(group, "Web")
    groups = make()
    described = groups.describe(TableName(GROUP, "web"))
    assert described.schema.names[:3] == ["log_stream", "time", "message"]
    assert len(described.schema) == 8
    assert described.partition_columns == ()
    assert isinstance(described.facts, LogTable)
    assert (described.facts.group.name, described.facts.stream) == (GROUP, "Web")
    assert len(make(extra_columns="false").describe(TableName(GROUP, ALL)).schema) == 3


def test_a_table_that_is_not_there_is_not_described(group: LogsFake, make: Make) -> None:
    with pytest.raises(errors.TableNotFoundError):
        make().describe(TableName(GROUP, "nothing"))
    with pytest.raises(errors.SchemaNotFoundError):
        make().describe(TableName("nowhere", ALL))


def test_nothing_is_asked_twice_for_one_statement(group: LogsFake, make: Make) -> None:
    _streams(group, "web")
    groups = make()
    for _ in range(3):
        groups.describe(groups.resolve_table(TableName(groups.resolve_schema(GROUP), "web")))
    assert group.count() == 2


def test_streams_of_a_linked_account_are_tables(logs: LogsFake, make: Make) -> None:
    account = "210987654321"
    logs.create_group("/app", account=account)
    logs.create_stream("/app", "Web", account=account)
    groups = make(include_linked_accounts="true")
    name = TableName(f"{account}:/app", "Web")
    assert groups.list_tables(name.schema) == ["Web", ALL]
    assert groups.resolve_table(TableName(name.schema.upper(), "web")) == name
    assert groups.table(name).group.parameter.keys() == {"logGroupIdentifier"}


# --- spelling


def test_what_precedes_the_first_letter_is_the_same_in_any_case() -> None:
    for code in range(0x110000):
        letter = chr(code)
        if letter.lower() != letter:
            assert not spellings.stem(letter)
            assert not spellings.stem(letter.lower()[0])
    assert spellings.stem("2024/01/[$latest]é") == "2024/01/[$"
    assert spellings.stem("12") == "12"
