"""DynamoDB's errors in this project's classes.

Source: DynamoDB developer guide, "Error handling with DynamoDB".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.aws_errors import error_code
from athena_connectors.common.aws_errors import translate as translate_aws
from athena_connectors.common.errors import (
    AccessDeniedError,
    InternalError,
    InvalidRequestError,
    SourceError,
    TableNotFoundError,
)
from athena_connectors.common.source_calls import passing_failure

if TYPE_CHECKING:
    from athena_connectors.common.errors import ConnectorError

__all__ = ["congestion", "translate"]

_MAX_MESSAGE_CHARACTERS = 300
_CONGESTION = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ThrottlingException",
    }
)


def congestion(error: Exception) -> str:
    """Return what an error tells of a congested or failing DynamoDB, for people.

    The text is empty for an error that the same request would only meet again.
    """
    code = error_code(error)
    return code if code in _CONGESTION else passing_failure(error)


def translate(error: Exception, *, operation: str, table: str) -> ConnectorError:
    """Return the error to raise for an error of a DynamoDB client.

    Args:
        error: One of ``common.aws_errors.aws_errors()``.
        operation: What was called: ``Scan``.
        table: The table, as the error's text shall name it; empty if it was about none.
    """
    code, text = error_code(error), _text(error)
    resource = f"DynamoDB table {table}" if table else "DynamoDB"
    action = f"dynamodb:{_ACTIONS.get(operation, operation)}"
    if code.startswith("KMS") or "AWSKMS" in text or "KMS key" in text:
        return AccessDeniedError(
            f"{action} can't decrypt {resource}: {text}.",
            hint="Allow kms:Decrypt on the table's KMS key to the function's role, and look"
            " whether the key is enabled.",
            table=table,
        )
    if "is not authorized to perform" in text and code != "AccessDeniedException":
        return AccessDeniedError(
            f"AWS denies {action} on {resource}.", hint=_ALLOW.format(action=action), table=table
        )
    if type(error).__name__ == "ParamValidationError":
        return _malformed(operation=operation, table=table)
    match code:
        case "ResourceNotFoundException" | "TableNotFoundException":
            return TableNotFoundError(
                f"There is no {resource} in this account and region.",
                hint="It may have been removed; if not, check dynamodb_region and"
                " cross_account_role_arn.",
                table=table,
            )
        case "ValidationException" | "SerializationException":
            return _refused(text, operation=operation, table=table)
        case "InternalServerError":
            return SourceError(f"{action} on {resource} failed: {text}.", table=table)
        case _:
            return translate_aws(error, action=action, resource=resource)


_ACTIONS = {"ExecuteStatement": "PartiQLSelect"}
"""Operations whose IAM action has another name."""
_ALLOW = "Allow {action} on the table and on table/…/index/* to the function's role."


def _refused(text: str, *, operation: str, table: str) -> ConnectorError:
    if operation == "DescribeTable":
        return TableNotFoundError(f"{table!r} can't be the name of a DynamoDB table: {text}.")
    hint = ""
    if "backfilling" in text.lower():
        hint = "Wait until the index is built, or name it in dynamodb_index_deny."
    subject = f" of table {table}" if table else ""
    return InvalidRequestError(
        f"DynamoDB refuses {operation}{subject}: {text}.", hint=hint, table=table
    )


def _malformed(*, operation: str, table: str) -> ConnectorError:
    """Return the error for a request that botocore did not even send."""
    if operation == "DescribeTable":
        return TableNotFoundError(f"{table!r} can't be the name of a DynamoDB table.")
    return InternalError(
        f"The request {operation} for table {table} is malformed.", hint="Please report this."
    )


def _text(error: Exception) -> str:
    """Return what an error says, its code if it says nothing."""
    response = getattr(error, "response", None) or {}
    text = str(response.get("Error", {}).get("Message", ""))
    return text[:_MAX_MESSAGE_CHARACTERS].strip().rstrip(".") or error_code(error)
