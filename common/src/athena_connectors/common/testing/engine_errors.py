"""What goes wrong on the engine's side of the protocol, apart from the connector's errors.

EngineError
├── UsageError            the command, the configuration file or a name in it is wrong
├── QueryError            the SQL can't be run
├── RemoteError           a deployed function answered with an error of its own
└── EngineProtocolError   a reply that the Java reader would reject
"""

from __future__ import annotations

__all__ = ["EngineError", "EngineProtocolError", "QueryError", "RemoteError", "UsageError"]


class EngineError(Exception):
    """Root of the engine's own errors; never raised itself.

    Args:
        message: The fact.
        hint: What the reader should do next.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} {hint}" if hint else message)
        self.message = message
        self.hint = hint


class UsageError(EngineError):
    """The command line or the configuration file is wrong."""


class QueryError(EngineError):
    """The SQL can't be read, names what does not exist, or fails while it runs."""


class RemoteError(EngineError):
    """A function or an endpoint answered with an error, or not at all.

    Attributes:
        error_type: The class that the function names, such as ``TableNotFoundError``.
    """

    def __init__(self, message: str, *, error_type: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.error_type = error_type or type(self).__name__


class EngineProtocolError(EngineError):
    """A reply breaks the protocol: the Java reader would reject or misread it.

    Attributes:
        reply: ``@type`` of the reply.
        member: Path of the member at fault, such as ``splits[3].properties``.
    """

    def __init__(self, message: str, *, reply: str, member: str) -> None:
        where = f"{reply}.{member}" if member else reply
        super().__init__(f"{where}: {message}.", hint="Athena would refuse this reply.")
        self.reply = reply
        self.member = member
