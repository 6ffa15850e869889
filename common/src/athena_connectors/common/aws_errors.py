"""AWS errors in this project's classes, each with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectorError,
    InvalidCredentialsError,
    NotFoundError,
    SourceError,
    SourceTimeoutError,
    ThrottledError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

__all__ = ["aws_errors", "error_code", "translate"]

MAX_MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a service's error codes mean here; texts are formatted with the call's facts."""

    raises: type[ConnectorError]
    codes: frozenset[str]
    message: str
    hint: str = ""


_RULES = (
    _Rule(
        AccessDeniedError,
        frozenset(
            {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"}
        ),
        "AWS denies {action} on {resource}.",
        "Allow it to the function's role, and look at the resource's own policy, at the policy"
        " of its KMS key and at VPC endpoint policies.",
    ),
    _Rule(
        ThrottledError,
        frozenset(
            {
                "429",
                "503",
                "BandwidthLimitExceeded",
                "LimitExceededException",
                "PriorRequestNotComplete",
                "ProvisionedThroughputExceededException",
                "RequestLimitExceeded",
                "RequestThrottled",
                "RequestThrottledException",
                "SlowDown",
                "ThrottledException",
                "Throttling",
                "ThrottlingException",
                "TooManyRequestsException",
            }
        ),
        "AWS throttles {action} on {resource} ({code}).",
        "Run fewer queries at the same time, or raise the service's quota.",
    ),
    _Rule(
        NotFoundError,
        frozenset(
            {
                "404",
                "EntityNotFoundException",
                "NoSuchBucket",
                "NoSuchEntity",
                "NoSuchKey",
                "NotFoundException",
                "ResourceNotFoundException",
            }
        ),
        "{resource} does not exist ({action}: {code}).",
    ),
    _Rule(
        InvalidCredentialsError,
        frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}),
        "The AWS credentials for {action} have expired.",
        "Log in again, or renew them.",
    ),
    _Rule(
        InvalidCredentialsError,
        frozenset(
            {
                "AuthFailure",
                "InvalidAccessKeyId",
                "InvalidClientTokenId",
                "InvalidToken",
                "MissingAuthenticationToken",
                "UnrecognizedClientException",
            }
        ),
        "AWS does not know the credentials for {action} ({code}).",
        "Check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN.",
    ),
    _Rule(
        InvalidCredentialsError,
        frozenset(
            {
                "InvalidSignatureException",
                "RequestExpired",
                "RequestTimeTooSkewed",
                "SignatureDoesNotMatch",
            }
        ),
        "AWS does not accept the signature of {action} ({code}).",
        "Check this computer's clock, which has to be right to 5 minutes, and"
        " AWS_SECRET_ACCESS_KEY.",
    ),
    _Rule(
        SourceTimeoutError,
        frozenset({"408", "504", "RequestTimeout", "RequestTimeoutException"}),
        "AWS did not finish {action} on {resource} in time ({code}).",
        "Try again.",
    ),
)
_UNREACHABLE_HINT = (
    "A function in a VPC needs a VPC endpoint for this service, or a NAT gateway, and security"
    " groups that let it out; check AWS_REGION and any endpoint override too."
)


def aws_errors() -> tuple[type[Exception], ...]:
    """Return the classes of every error that an AWS client raises, for ``except``."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    return (ClientError, BotoCoreError)


def error_code(error: Exception) -> str:
    """Return the service's code of a client's error, or an empty text."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def translate(error: Exception, *, action: str, resource: str) -> ConnectorError:
    """Return the error to raise for an error of an AWS client.

    Args:
        error: One of ``aws_errors()``.
        action: What was tried, as IAM names it: ``s3:PutObject``.
        resource: On what, for people: ``s3://bucket/key``.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    if isinstance(error, ClientError):
        return _of_service(error, action=action, resource=resource)
    return _of_client(error, action=action, resource=resource)


def _of_service(error: ClientError, *, action: str, resource: str) -> ConnectorError:
    code = error_code(error)
    for rule in _RULES:
        if code in rule.codes:
            return rule.raises(
                rule.message.format(action=action, resource=resource, code=code), hint=rule.hint
            )
    text = str(error.response.get("Error", {}).get("Message", ""))[:MAX_MESSAGE_CHARACTERS]
    reason = f"{code}: {text}" if text else code
    return SourceError(f"{action} on {resource} failed with {reason.rstrip('.')}.")


def _of_client(error: Exception, *, action: str, resource: str) -> ConnectorError:
    from botocore import exceptions as e  # noqa: PLC0415

    match error:
        case e.NoRegionError():
            return ConfigurationError(
                f"No AWS region is set for {action}.", hint="Set AWS_REGION.", setting="AWS_REGION"
            )
        case (
            e.NoCredentialsError()
            | e.PartialCredentialsError()
            | e.CredentialRetrievalError()
            | e.TokenRetrievalError()
            | e.SSOError()
        ):
            return InvalidCredentialsError(
                f"There are no usable AWS credentials for {action} on {resource}.",
                hint="Give the function a role; on a laptop run aws sso login, or set"
                " AWS_PROFILE or AWS_ACCESS_KEY_ID.",
            )
        case e.EndpointConnectionError() | e.ConnectTimeoutError() | e.ProxyConnectionError():
            return SourceError(
                f"The AWS endpoint for {action} on {resource} can't be reached.",
                hint=_UNREACHABLE_HINT,
            )
        case e.ReadTimeoutError():
            return SourceTimeoutError(f"AWS did not answer {action} on {resource} in time.")
        case e.IncompleteReadError() | e.ResponseStreamingError():
            return SourceError(
                f"The answer of AWS to {action} on {resource} was cut off.", hint="Try again."
            )
        case e.ParamValidationError():
            return ConfigurationError(
                f"{resource} is no valid name for {action}.", hint="Check its spelling."
            )
        case _:
            return SourceError(f"{action} on {resource} failed: {type(error).__name__}.")
