from __future__ import annotations

import pytest
from athena_connectors.common import errors
from athena_connectors.dynamodb.faults import congestion, translate
from botocore import exceptions as e
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st


def _told(code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        "Scan",
    )


KMS = "KMS key access denied error: User: arn:x is not authorized to perform: kms:Decrypt"


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (_told("AccessDeniedException", "no"), errors.AccessDeniedError, "denies dynamodb:Scan"),
        (
            _told("Odd", "User: x is not authorized to perform: dynamodb:Scan"),
            errors.AccessDeniedError,
            "denies dynamodb:Scan on DynamoDB table shop",
        ),
        (_told("AccessDeniedException", KMS), errors.AccessDeniedError, "Allow kms:Decrypt"),
        (_told("ValidationException", "AWSKMSException: gone"), errors.AccessDeniedError, "kms:"),
        (_told("KMSDisabledException", "off"), errors.AccessDeniedError, "key is enabled"),
        (_told("ResourceNotFoundException"), errors.TableNotFoundError, "no DynamoDB table shop"),
        (
            _told("ValidationException", "Invalid FilterExpression: x."),
            errors.InvalidRequestError,
            "refuses Scan of table shop: Invalid FilterExpression: x.",
        ),
        (
            _told("ValidationException", "Cannot read from backfilling global secondary index: g"),
            errors.InvalidRequestError,
            "dynamodb_index_deny",
        ),
        (_told("InternalServerError", "oh", 500), errors.SourceError, "failed: oh"),
        (_told("ThrottlingException"), errors.ThrottledError, "throttles dynamodb:Scan"),
        (_told("ExpiredTokenException"), errors.InvalidCredentialsError, "expired"),
        (_told("UnrecognizedClientException"), errors.InvalidCredentialsError, "AWS_ACCESS_KEY"),
        (e.ParamValidationError(report="r"), errors.InternalError, "request Scan for table shop"),
        (e.NoCredentialsError(), errors.InvalidCredentialsError, "role"),
        (e.EndpointConnectionError(endpoint_url="u"), errors.SourceError, "VPC endpoint"),
    ],
)
def test_errors_are_translated(
    error: Exception, expected: type[errors.ConnectorError], text: str
) -> None:
    translated = translate(error, operation="Scan", table="shop")
    assert type(translated) is expected
    assert text in str(translated)
    assert "shop" in str(translated) or expected is errors.InvalidCredentialsError


@pytest.mark.parametrize(
    "code", ["UnknownOperationException", "ValidationException", "InternalServerError"]
)
def test_an_error_without_a_text_is_told_by_its_code(code: str) -> None:
    text = str(translate(_told(code), operation="ExecuteStatement", table="shop"))
    assert text.endswith(f"{code}.")


def test_partiql_is_named_by_its_permission() -> None:
    error = _told("AccessDeniedException")
    assert "dynamodb:PartiQLSelect" in str(translate(error, operation="ExecuteStatement", table=""))


@pytest.mark.parametrize(
    "error",
    [
        _told("ValidationException", "1 validation error detected"),
        e.ParamValidationError(report="too short"),
    ],
)
def test_a_name_that_no_table_can_have_is_that_of_no_table(error: Exception) -> None:
    translated = translate(error, operation="DescribeTable", table="a b")
    assert isinstance(translated, errors.TableNotFoundError)
    assert "'a b'" in str(translated)


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=50), st.text(max_size=2000))
def test_any_error_becomes_one_of_ours_and_no_novel(code: str, message: str) -> None:
    translated = translate(_told(code, message), operation="Query", table="shop")
    assert isinstance(translated, errors.ConnectorError)
    assert len(str(translated)) < 900


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (_told("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
        (_told("RequestLimitExceeded"), "RequestLimitExceeded"),
        (_told("InternalServerError"), "InternalServerError"),
        (_told("500", status=500), "HTTP status 500"),
        (_told("503", status=503), "HTTP status 503"),
        (e.ConnectionClosedError(endpoint_url="u"), "ConnectionClosedError"),
        (e.ReadTimeoutError(endpoint_url="u"), "ReadTimeoutError"),
        (e.IncompleteReadError(actual_bytes=1, expected_bytes=2), "IncompleteReadError"),
        (_told("ValidationException"), ""),
        (_told("AccessDeniedException"), ""),
        (_told("ResourceNotFoundException"), ""),
        (e.EndpointConnectionError(endpoint_url="u"), ""),
        (e.NoCredentialsError(), ""),
        (e.ParamValidationError(report="r"), ""),
        (KeyError("x"), ""),
    ],
)
def test_what_would_only_come_again_is_no_congestion(error: Exception, reason: str) -> None:
    assert congestion(error) == reason
