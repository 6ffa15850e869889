from __future__ import annotations

import pytest
from athena_connectors.common import errors
from athena_connectors.documentdb.faults import (
    is_login_refused,
    is_resumable,
    translate,
)
from bson.errors import InvalidBSON, InvalidDocument
from pymongo import errors as driver


def refusal(code: int | None, text: str = "no", name: str = "") -> driver.OperationFailure:
    return driver.OperationFailure(text, code, {"errmsg": text, "codeName": name})


CASES = [
    (refusal(18), errors.InvalidCredentialsError),
    (refusal(8000, "bad auth : Authentication failed."), errors.InvalidCredentialsError),
    (refusal(8000, "too many"), errors.SourceError),
    (refusal(13), errors.AccessDeniedError),
    (refusal(26), errors.TableNotFoundError),
    (refusal(2), errors.InvalidRequestError),
    (refusal(9), errors.InvalidRequestError),
    (refusal(51075), errors.InvalidRequestError),
    (refusal(50), errors.SourceTimeoutError),
    (refusal(59), errors.UnsupportedOperationError),
    (refusal(303), errors.UnsupportedOperationError),
    (refusal(40324), errors.UnsupportedOperationError),
    (refusal(10334), errors.SourceError),
    (refusal(16819), errors.SourceError),
    (refusal(189), errors.SourceError),
    (refusal(175), errors.SourceError),
    (refusal(99), errors.SourceError),
    (refusal(None), errors.SourceError),
    (driver.CursorNotFound("gone", 43, {}), errors.SourceError),
    (driver.ExecutionTimeout("slow", 50, {}), errors.SourceTimeoutError),
    (driver.NetworkTimeout("h:1: timed out"), errors.SourceTimeoutError),
    (driver.AutoReconnect("h:1: connection closed"), errors.SourceError),
    (driver.NotPrimaryError("stepped down"), errors.SourceError),
    (driver.ServerSelectionTimeoutError("h:1: Connection refused"), errors.SourceError),
    (driver.ServerSelectionTimeoutError("h:1: timed out"), errors.SourceError),
    (
        driver.ServerSelectionTimeoutError("h:1: [SSL: CERTIFICATE_VERIFY_FAILED]"),
        errors.ConfigurationError,
    ),
    (
        driver.ServerSelectionTimeoutError("h:1: Name or service not known"),
        errors.ConfigurationError,
    ),
    (
        driver.ServerSelectionTimeoutError('No replica set members match selector "Primary()"'),
        errors.SourceError,
    ),
    (driver.ConfigurationError("The DNS query name does not exist: x."), errors.ConfigurationError),
    (driver.ConfigurationError("Server at h:1 reports wire version 6"), errors.ConfigurationError),
    (driver.DocumentTooLarge("17000000 bytes"), errors.SourceError),
    (driver.InvalidName("database names cannot be empty"), errors.InvalidRequestError),
    (driver.InvalidOperation("Cannot use MongoClient after close"), errors.SourceError),
    (driver.InvalidOperation("what"), errors.InternalError),
    (driver.WaitQueueTimeoutError("full"), errors.SourceTimeoutError),
    (InvalidBSON("x"), errors.DataConversionError),
    (InvalidDocument("x"), errors.InternalError),
]


@pytest.mark.parametrize(("error", "kind"), CASES, ids=lambda case: repr(case)[:60])
def test_an_error_has_a_class_and_says_where_it_came_from(
    error: Exception, kind: type[errors.ConnectorError]
) -> None:
    found = translate(error, server="host:27017", database="shop", collection="orders")
    assert type(found) is kind
    assert found.message.startswith("host:27017, collection shop.orders: ")
    assert found.context["table"] == "shop.orders"


def test_of_the_drivers_text_the_reason_is_told() -> None:
    error = driver.ServerSelectionTimeoutError(
        "h:1: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 1ms,"
        " connectTimeoutMS: 2ms), Timeout: 10.0s, Topology Description: <...>"
    )
    found = translate(error, server="h:1", database="shop")
    assert found.message == "h:1, database shop: h:1: [Errno 111] Connection refused."
    assert "VPC" in found.hint


def test_of_the_servers_text_the_reason_and_the_code_are_told() -> None:
    error = driver.OperationFailure(
        "not allowed, full error: {'x': 1}",
        13,
        {"errmsg": "not allowed", "codeName": "Unauthorized"},
    )
    assert translate(error, server="h:1").message == "h:1: not allowed (Unauthorized)."
    assert len(translate(refusal(2, "x" * 10_000), server="h:1").message) < 400


def caused(error: Exception) -> errors.ConnectorError:
    found = translate(error, server="h:1")
    found.__cause__ = error
    return found


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (driver.CursorNotFound("gone", 43, {}), True),
        (driver.AutoReconnect("closed"), True),
        (driver.NotPrimaryError("stepped down", {}), True),
        (refusal(11600), True),
        (refusal(189), True),
        (refusal(237), True),
        (refusal(175), False),  # the collection was dropped: what is left is not all
        (refusal(11601), False),
        (refusal(13), False),
        (driver.NetworkTimeout("timed out"), False),
        (driver.ServerSelectionTimeoutError("none"), False),
        (driver.ExecutionTimeout("slow", 50, {}), False),
    ],
)
def test_a_read_goes_on_only_if_the_connection_or_the_cursor_was_lost(
    error: Exception,
    expected: bool,  # noqa: FBT001
) -> None:
    assert is_resumable(caused(error)) is expected


def test_what_is_cancelled_does_not_go_on() -> None:
    assert not is_resumable(errors.SourceTimeoutError("cancelled"))
    assert not is_resumable(errors.SourceError("no cause"))


def test_which_logins_are_refused() -> None:
    assert is_login_refused(refusal(18))
    assert not is_login_refused(refusal(13))
    assert not is_login_refused(driver.AutoReconnect("auth"))
