from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs.faults import congestion, translate
from athena_connectors.common import errors
from botocore import exceptions as e
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.common.testing.logs_server import LogsFake

    ConnectClient = Callable[..., Client]

GROUP: dict[str, Any] = {"logGroupName": "/shop"}
STREAM = {**GROUP, "logStreamName": "web"}


def _told(code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        "GetLogEvents",
    )


UNMASK = "User: x is not authorized to perform: logs:Unmask on resource: y"
NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."


@pytest.mark.parametrize(
    ("error", "request_of_it", "expected", "text"),
    [
        (_told("AccessDeniedException", "no"), STREAM, errors.AccessDeniedError, "GetLogEvents"),
        (_told("AccessDeniedException", UNMASK), STREAM, errors.AccessDeniedError, "set unmask"),
        (_told("Odd", UNMASK), STREAM, errors.AccessDeniedError, "denies logs:Unmask"),
        (
            _told("InvalidParameterException", "The KMS key is disabled"),
            STREAM,
            errors.AccessDeniedError,
            "can't decrypt log stream web of log group /shop",
        ),
        (_told("ResourceNotFoundException", NO_STREAM), STREAM, errors.TableNotFoundError, "web"),
        (_told("ResourceNotFoundException", NO_GROUP), STREAM, errors.SchemaNotFoundError, "/shop"),
        (_told("ResourceNotFoundException", NO_GROUP), GROUP, errors.SchemaNotFoundError, "/shop"),
        (
            _told("ResourceNotFoundException"),
            {"logGroupNames": ["/a", "/b", "/c", "/shop", "/e"]},
            errors.SchemaNotFoundError,
            "/a, /b, /c and 2 more",
        ),
        (_told("ResourceNotFoundException"), {"queryId": "q"}, errors.NotFoundError, "nothing"),
        (
            _told("InvalidOperationException", "Class is INFREQUENT_ACCESS."),
            STREAM,
            errors.UnsupportedOperationError,
            "/shop: Class is INFREQUENT_ACCESS.",
        ),
        (
            _told("InvalidParameterException", "Invalid filter pattern."),
            GROUP,
            errors.InvalidRequestError,
            "refuses GetLogEvents of log group /shop: Invalid filter pattern.",
        ),
        (_told("ServiceUnavailableException", "oh"), GROUP, errors.SourceError, "failed"),
        (_told("ThrottlingException"), GROUP, errors.ThrottledError, "throttles logs:GetLogEvents"),
        (_told("ExpiredTokenException"), GROUP, errors.InvalidCredentialsError, "expired"),
        (_told("UnrecognizedClientException"), GROUP, errors.InvalidCredentialsError, "KEY"),
        (e.ParamValidationError(report="r"), GROUP, errors.InternalError, "malformed"),
        (e.NoCredentialsError(), GROUP, errors.InvalidCredentialsError, "role"),
        (e.EndpointConnectionError(endpoint_url="u"), GROUP, errors.SourceError, "VPC endpoint"),
    ],
)
def test_errors_are_translated(
    error: Exception,
    request_of_it: dict[str, Any],
    expected: type[errors.ConnectorError],
    text: str,
) -> None:
    translated = translate(error, operation="GetLogEvents", request=request_of_it)
    assert type(translated) is expected
    assert text in str(translated)


def test_a_group_whose_name_speaks_of_keys_is_no_matter_of_keys() -> None:
    error = _told("InvalidParameterException", "Bad pattern for /aws/kms/key.")
    translated = translate(error, operation="FilterLogEvents", request=GROUP)
    assert isinstance(translated, errors.InvalidRequestError)


def test_a_query_that_is_not_understood_is_shown_its_place(
    logs: LogsFake, connect: ConnectClient
) -> None:
    logs.create_group("/shop")
    request = {
        "logGroupNames": ["/shop"],
        "startTime": 0,
        "endTime": 9,
        "queryString": "fields @message | filter nonsense =",
    }
    with pytest.raises(errors.InvalidRequestError, match=r"at character \d+, .") as caught:
        connect().call("StartQuery", request)
    cause = caught.value.__cause__
    assert isinstance(cause, ClientError)
    told: Any = cause.response
    place = told["queryCompileError"]["location"]["startCharOffset"] + 1
    assert f"at character {place}, " in str(caught.value)


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=50), st.text(max_size=2000))
def test_any_error_becomes_one_of_ours_and_no_novel(code: str, message: str) -> None:
    translated = translate(_told(code, message), operation="GetLogEvents", request=STREAM)
    assert isinstance(translated, errors.ConnectorError)
    assert len(str(translated)) < 900


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (_told("ThrottlingException"), "ThrottlingException"),
        (_told("LimitExceededException"), "LimitExceededException"),
        (_told("500", status=500), "HTTP status 500"),
        (e.ConnectionClosedError(endpoint_url="u"), "ConnectionClosedError"),
        (_told("InvalidParameterException", "Rate exceeded"), ""),
        (_told("AccessDeniedException"), ""),
        (_told("ResourceNotFoundException"), ""),
        (_told("InvalidOperationException"), ""),
        (e.EndpointConnectionError(endpoint_url="u"), ""),
        (e.NoCredentialsError(), ""),
        (KeyError("x"), ""),
    ],
)
def test_what_would_only_come_again_is_no_congestion(error: Exception, reason: str) -> None:
    assert congestion(error) == reason
