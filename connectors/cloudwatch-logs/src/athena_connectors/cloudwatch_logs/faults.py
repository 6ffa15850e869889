"""CloudWatch Logs' errors in this project's classes.

Source: CloudWatch Logs API reference, "Common Errors" and the errors of each operation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from athena_connectors.common.aws_errors import error_code
from athena_connectors.common.aws_errors import translate as translate_aws
from athena_connectors.common.errors import (
    AccessDeniedError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    SchemaNotFoundError,
    SourceError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.source_calls import passing_failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.errors import ConnectorError

__all__ = ["congestion", "translate"]

_MAX_MESSAGE_CHARACTERS = 300
_SHOWN_NAMES = 3
_CONGESTION = frozenset(
    {
        "InternalFailure",
        "LimitExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""``LimitExceededException`` says that as many Logs Insights queries run as may."""
_UNAVAILABLE = frozenset({"InternalFailure", "ServiceUnavailable", "ServiceUnavailableException"})
_DENIED = re.compile(r"not authorized to perform: (logs:\w+)")
_KMS = re.compile(r"kms:|kms key", re.IGNORECASE)
_WHERE = "It may have been removed; if not, check logs_region and cross_account_role_arn."


def congestion(error: Exception) -> str:
    """Return what an error tells of a congested or failing service, for people.

    The text is empty for an error that the same request would only meet again.
    """
    code = error_code(error)
    return code if code in _CONGESTION else passing_failure(error)


def translate(error: Exception, *, operation: str, request: Mapping[str, Any]) -> ConnectorError:
    """Return the error to raise for an error of a CloudWatch Logs client.

    Args:
        error: One of ``common.aws_errors.aws_errors()``.
        operation: What was called: ``GetLogEvents``.
        request: With which parameters.
    """
    code, text = error_code(error), _text(error)
    resource = _resource(request)
    action = f"logs:{operation}"
    denied = _DENIED.search(text)
    if denied is not None:
        return _denied(denied[1], resource)
    if _KMS.search(text) or code.startswith("KMS"):
        return AccessDeniedError(
            f"{action} can't decrypt {resource}: {text}.",
            hint="Let the key policy of the log group's KMS key allow kms:Decrypt to CloudWatch"
            " Logs, and look whether the key is enabled.",
        )
    if type(error).__name__ == "ParamValidationError":
        return InternalError(
            f"The request {operation} for {resource} is malformed.", hint="Please report this."
        )
    match code:
        case "ResourceNotFoundException":
            return _not_found(text, operation=operation, request=request)
        case "InvalidOperationException":
            return UnsupportedOperationError(f"{action} does not work on {resource}: {text}.")
        case "MalformedQueryException":
            return InvalidRequestError(
                f"Logs Insights does not understand the query ({code}): {_place(error)}{text}.",
                hint="Correct it, or try it in the CloudWatch console.",
            )
        case "InvalidParameterException" | "SerializationException" | "ValidationException":
            return InvalidRequestError(
                f"CloudWatch Logs refuses {operation} of {resource}: {text}."
            )
        case _ if code in _UNAVAILABLE:
            return SourceError(
                f"{action} on {resource} failed ({code}): {text}.", hint="Try again."
            )
        case _:
            return translate_aws(error, action=action, resource=resource)


def _denied(action: str, resource: str) -> ConnectorError:
    hint = f"Allow {action} on the log group's ARN, with :* behind it, to the function's role."
    if action == "logs:Unmask":
        hint += " Or set unmask to false."
    return AccessDeniedError(f"AWS denies {action} on {resource}.", hint=hint)


def _not_found(text: str, *, operation: str, request: Mapping[str, Any]) -> ConnectorError:
    """Return the error for something that is not there.

    The code is the same for groups and streams. Only a request that names streams can miss
    one, and then the text tells which it was.
    """
    streams = _streams(request)
    if streams and "log group" not in text.lower():
        return TableNotFoundError(
            f"There is no {_resource(request)} (any more).", hint=_WHERE, table=streams[0]
        )
    groups = _groups(request)
    if groups:
        return SchemaNotFoundError(
            f"There is no {_of('log group', groups)} (any more): {text}.",
            hint=_WHERE,
            schema=groups[0],
        )
    return NotFoundError(f"{operation} finds nothing: {text}.")


def _resource(request: Mapping[str, Any]) -> str:
    """Return what a request is about, for people."""
    groups, streams = _groups(request), _streams(request)
    group = _of("log group", groups) if groups else "CloudWatch Logs"
    if not streams:
        return group
    return f"{_of('log stream', streams)} of {group}"


def _groups(request: Mapping[str, Any]) -> list[str]:
    name = request.get("logGroupName") or request.get("logGroupIdentifier")
    if name is not None:
        return [name]
    return list(request.get("logGroupNames") or request.get("logGroupIdentifiers") or ())


def _streams(request: Mapping[str, Any]) -> list[str]:
    name = request.get("logStreamName")
    return [name] if name is not None else list(request.get("logStreamNames") or ())


def _of(kind: str, names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    return f"{kind} {shown}" + (f" and {more} more" if more > 0 else "")


def _place(error: Exception) -> str:
    """Return where a query is wrong, if the service says so."""
    told = (_response(error).get("queryCompileError") or {}).get("location") or {}
    start = told.get("startCharOffset")
    return "" if start is None else f"at character {start + 1}, "


def _response(error: Exception) -> dict[str, Any]:
    return getattr(error, "response", None) or {}


def _text(error: Exception) -> str:
    response = _response(error)
    told = (response.get("queryCompileError") or {}).get("message")
    text = str(told or response.get("Error", {}).get("Message") or response.get("message") or "")
    return text[:_MAX_MESSAGE_CHARACTERS].strip().rstrip(".") or "no reason is given"
