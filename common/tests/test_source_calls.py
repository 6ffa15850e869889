from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common import source_calls
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.aws_errors import aws_errors, error_code
from athena_connectors.common.errors import (
    BudgetExceededError,
    QueryStoppedError,
    ThrottledError,
)
from athena_connectors.common.source_calls import (
    MARGIN_SECONDS,
    Reply,
    SourceCalls,
    is_unreached,
    passing_failure,
)
from athena_connectors.common.testing.logs_faults import LogsFault
from athena_connectors.common.throttling import ThrottleSettings
from botocore import exceptions as e
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.logs_server import LogsFake

    Make = Callable[..., SourceCalls]

GROUP = "shop"
READ = {"logGroupName": GROUP}


@pytest.fixture
def make(logs: LogsFake) -> Iterator[Make]:
    """Makes calls to a stand-in of CloudWatch Logs, which has a group with an event."""
    logs.create_group(GROUP)
    logs.put(GROUP, "web", [(1_000_000, "é")])
    made: list[SourceCalls] = []

    def congestion(error: Exception) -> str:
        code = error_code(error)
        return code if code == "ThrottlingException" else passing_failure(error)

    def make(url: str = logs.url, **throttle: int) -> SourceCalls:
        delays = {"throttle_initial_delay_ms": 1, "throttle_max_delay_ms": 20, **throttle}
        calls = SourceCalls(
            lambda: AwsClients(logs.settings).source_client("logs", endpoint_url=url),
            throttle=ThrottleSettings(**delays),
            congestion=congestion,
            source="Source {}".format,
            rate_setting="most_calls",
        )
        made.append(calls)
        return calls

    yield make
    for calls in made:
        calls.close()


def _soon(seconds: float = 60) -> float:
    return time.monotonic() + seconds


def _events(reply: Reply) -> Any:
    assert reply.parsed is None
    assert reply.body is not None
    return json.loads(reply.body)["events"]


# --- replies


def test_a_read_gives_the_bytes_and_a_call_what_botocore_made_of_them(make: Make) -> None:
    calls = make()
    events = _events(calls.read("FilterLogEvents", READ, deadline=_soon()))
    assert calls.call("FilterLogEvents", READ, deadline=_soon())["events"] == events
    assert calls.once("FilterLogEvents", READ)["events"] == events
    assert [event["message"] for event in events] == ["é"]


def test_without_the_hook_a_read_gives_what_botocore_parsed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_calls._Bodies, "_take", lambda *_, **__: None)
    reply = make().read("FilterLogEvents", READ, deadline=_soon())
    assert reply.body is None
    assert reply.parsed is not None
    assert len(reply.parsed["events"]) == 1


def test_reads_and_calls_of_several_threads_are_not_mixed_up(make: Make) -> None:
    calls = make()

    def one(number: int) -> int:
        if number % 2:
            return len(_events(calls.read("FilterLogEvents", READ, deadline=_soon())))
        return len(calls.call("FilterLogEvents", READ, deadline=_soon())["events"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(80))) == [1] * 80


def test_a_read_that_fails_leaves_no_trace_on_the_next_call(logs: LogsFake, make: Make) -> None:
    logs.fail(LogsFault("Odd", calls=frozenset({1})))
    calls = make()
    with pytest.raises(ClientError) as caught:
        calls.read("FilterLogEvents", READ, deadline=_soon())
    assert error_code(caught.value) == "Odd"
    assert calls.call("FilterLogEvents", READ, deadline=_soon())["events"]


@pytest.mark.parametrize("kind", ["call", "read"])
def test_an_answer_that_is_cut_off_is_asked_for_again(
    logs: LogsFake, make: Make, kind: str
) -> None:
    logs.fail(LogsFault(status=200, calls=frozenset({1, 2})))
    calls = make()
    getattr(calls, kind)("FilterLogEvents", READ, deadline=_soon())
    assert (logs.count(), calls.refused) == (3, 2)


# --- congestion


def test_what_is_congested_slows_down_its_own_pace_only(logs: LogsFake, make: Make) -> None:
    calls = make(throttle_increase_ms=1)
    logs.fail(LogsFault(calls=range(1, 4)))
    calls.call("FilterLogEvents", READ, pace="a", deadline=_soon())
    calls.call("FilterLogEvents", READ, pace="b", deadline=_soon())
    assert (calls.delay_ms("a"), calls.delay_ms("b")) == (3, 0)
    assert (logs.count(), calls.refused) == (5, 3)


def test_what_stays_congested_is_given_up_before_the_deadline(logs: LogsFake, make: Make) -> None:
    calls = make()
    logs.fail(LogsFault())
    assert calls.sdk is not None  # making the client takes a while
    deadline = _soon(MARGIN_SECONDS + 0.3)
    with pytest.raises(ThrottledError, match=r"^Source a .*\(ThrottlingException\)"):
        calls.call("FilterLogEvents", READ, pace="a", deadline=deadline)
    assert deadline - time.monotonic() > MARGIN_SECONDS - 0.5
    assert logs.count() > 3


def test_an_address_where_nobody_listens_is_tried_three_times(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_calls, "_PAUSES", (0, 0))
    calls = make("http://127.0.0.1:1")
    tried: list[None] = []
    event = "before-send.cloudwatch-logs"
    calls.sdk.meta.events.register(event, lambda **_: tried.append(None))
    with pytest.raises(e.EndpointConnectionError):
        calls.call("FilterLogEvents", READ, deadline=_soon())
    assert len(tried) == 3


# --- rate


def test_each_attempt_takes_its_cost_out_of_the_rate(logs: LogsFake, make: Make) -> None:
    calls = make()
    calls.limit_rate("a", 10)
    logs.fail(LogsFault(calls=range(2, 4)))
    for _ in range(13):
        calls.call("FilterLogEvents", READ, pace="a", cost=1, deadline=_soon())
    times = [call.at_seconds for call in logs.calls]
    assert len(times) == 15
    assert times[-1] - times[0] >= 0.35


def test_a_call_without_a_cost_waits_for_no_debt(logs: LogsFake, make: Make) -> None:
    calls = make()
    calls.limit_rate("a", 1)
    calls.charge("a", 1000)
    calls.call("FilterLogEvents", READ, pace="a", deadline=_soon())
    calls.call("FilterLogEvents", READ, pace="b", cost=5, deadline=_soon())
    calls.limit_rate("a", 1)  # the same limit again forgives nothing
    with pytest.raises(BudgetExceededError, match=r"Source a .*most_calls"):
        calls.call("FilterLogEvents", READ, pace="a", cost=0, deadline=_soon())
    calls.limit_rate("a", None)
    calls.call("FilterLogEvents", READ, pace="a", cost=0, deadline=_soon())
    assert logs.count() == 3


# --- ending


def test_cancelling_ends_the_wait_at_once_and_all_calls_until_release(
    logs: LogsFake, make: Make
) -> None:
    calls = make(throttle_initial_delay_ms=60_000, throttle_max_delay_ms=60_000)
    logs.fail(LogsFault(calls=frozenset({1})))
    logs.before("FilterLogEvents", 1, threading.Timer(0.1, calls.cancel).start)
    started = time.monotonic()
    with pytest.raises(QueryStoppedError, match="Source a"):
        calls.call("FilterLogEvents", READ, pace="a", deadline=_soon(900))
    with pytest.raises(QueryStoppedError):
        calls.read("FilterLogEvents", READ, pace="b", deadline=_soon())
    assert time.monotonic() - started < 5
    assert calls.once("FilterLogEvents", READ)["events"]
    calls.release()
    assert calls.read("FilterLogEvents", READ, pace="b", deadline=_soon()).body


def test_cancelling_ends_the_wait_for_the_rate(make: Make) -> None:
    calls = make()
    calls.limit_rate("a", 1)
    calls.charge("a", 1000)
    threading.Timer(0.1, calls.cancel).start()
    with pytest.raises(QueryStoppedError):
        calls.call("FilterLogEvents", READ, pace="a", cost=1, deadline=_soon(5000))


def test_a_closed_client_opens_again(make: Make) -> None:
    calls = make()
    first = calls.sdk
    assert calls.sdk is first
    calls.close()
    assert calls.sdk is not first
    assert calls.call("FilterLogEvents", READ, deadline=_soon())["events"]


# --- failures


def _told(status: int) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "Odd", "Message": ""},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        "FilterLogEvents",
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        *((_told(status), f"HTTP status {status}") for status in (500, 502, 503, 504)),
        (_told(400), ""),
        (_told(501), ""),
        (e.ConnectionClosedError(endpoint_url="u"), "ConnectionClosedError"),
        (e.ReadTimeoutError(endpoint_url="u"), "ReadTimeoutError"),
        (e.IncompleteReadError(actual_bytes=1, expected_bytes=2), "IncompleteReadError"),
        (e.EndpointConnectionError(endpoint_url="u"), ""),
        (e.NoCredentialsError(), ""),
        (KeyError("x"), ""),
    ],
)
def test_a_failure_passes_if_the_server_or_the_connection_is_to_blame(
    error: Exception, reason: str
) -> None:
    assert passing_failure(error) == reason


def test_no_connection_at_all_is_told_from_a_broken_one() -> None:
    assert is_unreached(e.ConnectTimeoutError(endpoint_url="u"))
    assert is_unreached(e.EndpointConnectionError(endpoint_url="u"))
    assert not is_unreached(e.ConnectionClosedError(endpoint_url="u"))
    assert not is_unreached(_told(503))
    assert isinstance(_told(503), aws_errors())
