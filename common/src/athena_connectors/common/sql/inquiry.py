"""Questions to the server whose answers help to plan: a refusal costs speed, never rows."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any, ClassVar

__all__ = ["Inquiry"]

_log = logging.getLogger(__name__)


class Inquiry(ABC):
    """Asks within the caller's transaction, which a refusal leaves usable.

    Args:
        cursor: A cursor of a transaction that is the caller's to end.

    Attributes:
        failure: Root of the driver's errors.
        recovery: What makes a transaction usable after a refusal, where it is not.
    """

    failure: ClassVar[type[Exception]]
    recovery: ClassVar[str] = ""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @abstractmethod
    def _refusal(self, error: Any) -> str:
        """Return the server's code of a refusal; nothing for any other error."""

    def ask(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Return the rows of a statement, or ``None`` when the server refuses it.

        Raises:
            failure: Anything else: a lock, a time limit, a lost connection.
        """
        try:
            self._cursor.execute(sql)
        except self.failure as error:
            code = self._refusal(error)
            if not code:
                raise
            _log.info("Splits are planned without an answer (%s).", code)
            if self.recovery:
                self._cursor.execute(self.recovery)
            return None
        return list(self._cursor.fetchall())
