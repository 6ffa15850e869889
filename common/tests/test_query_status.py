"""Athena is asked more and more rarely, in the background, until the query is over."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.query_status import QueryStatusChecker
from botocore.exceptions import ClientError, EndpointConnectionError


class Athena:
    """Answers with one state, or error, after the other; the last one stays."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def get_query_execution(self, *, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append(QueryExecutionId)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"QueryExecution": {"Status": {"State": answer}}}


class Waits:
    """Passes at once, so many times; then the checker is closed."""

    def __init__(self, count: int) -> None:
        self.seconds: list[float] = []
        self.count = count

    def __call__(self, seconds: float) -> bool:
        if len(self.seconds) == self.count:
            return True
        self.seconds.append(seconds)
        return False


def _code(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "GetQueryExecution")


def _run(athena: Athena, waits: Waits) -> QueryStatusChecker:
    checker = QueryStatusChecker(lambda: athena, "q-1", wait=waits)
    assert not checker._over.is_set()
    assert checker.stopped in {True, False}
    assert checker._thread is not None
    checker._thread.join(5)
    return checker


def test_a_running_query_is_asked_for_at_growing_intervals() -> None:
    athena, waits = Athena("RUNNING"), Waits(12)
    assert not _run(athena, waits).stopped
    assert waits.seconds == [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 55, 55]
    assert athena.asked == ["q-1"] * 12


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELLED"])
def test_a_final_state_stops_the_reader_and_the_questions(state: str) -> None:
    athena, waits = Athena("QUEUED", "RUNNING", state), Waits(100)
    assert _run(athena, waits).stopped
    assert len(waits.seconds) == 3


def test_an_unknown_query_ends_the_questions_but_not_the_read() -> None:
    athena, waits = Athena(_code("InvalidRequestException")), Waits(100)
    assert not _run(athena, waits).stopped
    assert len(athena.asked) == 1


def test_other_errors_are_logged_and_the_questions_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    unreachable = EndpointConnectionError(endpoint_url="https://athena")
    athena = Athena(_code("AccessDeniedException"), unreachable, KeyError("x"), "FAILED")
    assert _run(athena, Waits(100)).stopped
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3
    assert "AccessDeniedException" in caplog.text


def test_nothing_is_asked_before_somebody_wants_to_know() -> None:
    before = threading.active_count()
    checker = QueryStatusChecker(lambda: Athena("FAILED"), "q-1")
    assert threading.active_count() == before
    checker.close()
    assert not checker.stopped
    assert threading.active_count() == before


def test_closing_ends_the_thread() -> None:
    checker = QueryStatusChecker(lambda: Athena("RUNNING"), "q-1")
    assert not checker.stopped
    thread = checker._thread
    assert thread is not None
    checker.close()
    checker.close()
    assert not thread.is_alive()


def test_the_client_gives_up_within_seconds() -> None:
    environ = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    config = AwsClients(environ).client("athena").meta.config
    assert config.connect_timeout + config.read_timeout < 10
    assert config.retries["total_max_attempts"] == 1
