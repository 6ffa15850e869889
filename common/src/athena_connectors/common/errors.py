"""The errors a connector may raise, and what each tells the engine.

Message is the fact, ``hint`` is the action. A Lambda error carries only the class name
and the text, so ``str(error)`` holds both, and neither ever holds a secret.

    ConnectorError
    ├── ConfigurationError (ValueError)            InvalidInputException
    ├── InvalidRequestError (ValueError)           InvalidInputException
    ├── NotFoundError (LookupError)                EntityNotFoundException
    │   ├── CatalogNotFoundError
    │   ├── SchemaNotFoundError
    │   ├── TableNotFoundError
    │   └── ColumnNotFoundError
    ├── AmbiguousNameError (LookupError)           InvalidInputException
    ├── AccessDeniedError (PermissionError)        AccessDeniedException
    ├── InvalidCredentialsError                    InvalidCredentialsException
    ├── UnsupportedTypeError (TypeError)           OperationNotSupportedException
    ├── UnsupportedOperationError                  OperationNotSupportedException
    ├── DataConversionError (ValueError)           InvalidResponseException
    ├── SourceTimeoutError (TimeoutError)          OperationTimeoutException     retryable
    ├── DeadlineExceededError (TimeoutError)       OperationTimeoutException
    ├── QueryStoppedError                          OperationTimeoutException
    ├── ThrottledError                             ThrottlingException           retryable
    ├── BudgetExceededError                        InvalidInputException
    ├── SourceError                                InternalServiceException
    ├── SpillError (OSError)                       InternalServiceException
    └── InternalError                              InternalServiceException
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AccessDeniedError",
    "AmbiguousNameError",
    "BudgetExceededError",
    "CatalogNotFoundError",
    "ColumnNotFoundError",
    "ConfigurationError",
    "ConnectorError",
    "DataConversionError",
    "DeadlineExceededError",
    "InternalError",
    "InvalidCredentialsError",
    "InvalidRequestError",
    "NotFoundError",
    "QueryStoppedError",
    "SchemaNotFoundError",
    "SourceError",
    "SourceTimeoutError",
    "SpillError",
    "TableNotFoundError",
    "ThrottledError",
    "UnsupportedOperationError",
    "UnsupportedTypeError",
]


class ConnectorError(Exception):
    """Root of everything this project raises on purpose; never raised itself.

    Args:
        message: The fact: which table, column, setting or value is at fault.
        hint: What the reader should do next.
        context: Where it happened, as ``catalog``, ``schema``, ``table``, ``column``,
            ``split``, ``setting`` or ``query_id``; kept for logs, not for the text.

    Source:
        Codes: the ten values of the Java reference's federation error enumeration.
    """

    code: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", **context: str) -> None:
        super().__init__(f"{message} {hint}" if hint else message)
        self.message = message
        self.hint = hint
        self.context = context


class ConfigurationError(ConnectorError, ValueError):
    """A setting is missing, malformed or contradicts another."""

    code = "InvalidInputException"


class InvalidRequestError(ConnectorError, ValueError):
    """The request is malformed, of an unknown kind, or asks for something impossible."""

    code = "InvalidInputException"


class NotFoundError(ConnectorError, LookupError):
    """Something that the request names does not exist, or not for this caller."""

    code = "EntityNotFoundException"


class CatalogNotFoundError(NotFoundError):
    """The function has no settings for the catalog."""


class SchemaNotFoundError(NotFoundError):
    """The schema does not exist in the source."""


class TableNotFoundError(NotFoundError):
    """The table does not exist in the schema."""


class ColumnNotFoundError(NotFoundError):
    """The column does not exist in the table (any more)."""


class AmbiguousNameError(ConnectorError, LookupError):
    """Several names of the source differ only in case and the request fits them all."""

    code = "InvalidInputException"


class AccessDeniedError(ConnectorError, PermissionError):
    """The source or AWS refused; the text names the action and the resource."""

    code = "AccessDeniedException"


class InvalidCredentialsError(ConnectorError):
    """Login refused, or the secret that holds the login can't be read."""

    code = "InvalidCredentialsException"


class UnsupportedTypeError(ConnectorError, TypeError):
    """A column or an expression has a type that the engine can't take."""

    code = "OperationNotSupportedException"


class UnsupportedOperationError(ConnectorError):
    """The connector does not do this, by design."""

    code = "OperationNotSupportedException"


class DataConversionError(ConnectorError, ValueError):
    """A value of the source does not fit the type its column declares."""

    code = "InvalidResponseException"


class SourceTimeoutError(ConnectorError, TimeoutError):
    """The source did not answer in time or cancelled the statement."""

    code = "OperationTimeoutException"
    retryable = True


class DeadlineExceededError(ConnectorError, TimeoutError):
    """The function's own time is nearly over; the read was stopped, not cut."""

    code = "OperationTimeoutException"


class QueryStoppedError(ConnectorError):
    """Athena says that the query is over, so the read was stopped."""

    code = "OperationTimeoutException"


class ThrottledError(ConnectorError):
    """The source or AWS is overloaded and refused after all retries."""

    code = "ThrottlingException"
    retryable = True


class BudgetExceededError(ConnectorError):
    """The scan would cost, or has cost, more than the configured budget."""

    code = "InvalidInputException"


class SourceError(ConnectorError):
    """The source failed or the connection to it was lost."""

    code = "InternalServiceException"


class SpillError(ConnectorError, OSError):
    """A block can't be made or written to the spill bucket; the read fails as a whole."""

    code = "InternalServiceException"


class InternalError(ConnectorError):
    """Our bug; the text asks for the recorded request."""

    code = "InternalServiceException"
