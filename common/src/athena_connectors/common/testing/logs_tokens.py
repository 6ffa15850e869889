"""Tokens of paged replies: opaque, tied to their request, and perishable."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.logs_errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Token", "Tokens"]

_UNBOUND = frozenset({"nextToken", "startFromHead"})
"""Members that may differ between the request that gave a token and the one that sends it."""


@dataclass(slots=True)
class Token:
    """What a token stands for.

    Attributes:
        kind: Who may send it: an operation, or an operation and a direction.
        request: The request that it belongs to.
        position: Where the next page begins.
        times_sent: How often it was sent.
    """

    kind: str
    request: Mapping[str, Any]
    position: Any
    times_sent: int = 0


class Tokens:
    """All tokens that are valid."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._numbers = count(1)

    def issue(
        self, kind: str, request: Mapping[str, Any], position: Any, *, prefix: str = ""
    ) -> str:
        """Return a new token.

        Args:
            kind: Who may send it.
            request: The request that it answers.
            position: What it stands for.
            prefix: What it starts with.
        """
        text = f"{prefix}3{next(self._numbers):055d}"
        self._tokens[text] = Token(kind, _bound(request), position)
        return text

    def redeem(self, kinds: tuple[str, ...], request: Mapping[str, Any]) -> Token | None:
        """Return what a request's token stands for, or ``None`` if it sends none.

        Raises:
            LogsError: The token is not valid, or not for this request.
        """
        text = request.get("nextToken")
        if text is None:
            return None
        token = self._tokens.get(text)
        if token is None or token.kind not in kinds:
            raise invalid("The specified nextToken is invalid.")
        if token.request != _bound(request):
            raise invalid("The specified nextToken belongs to a request with other parameters.")
        token.times_sent += 1
        return token

    def expire(self) -> None:
        """Let all tokens given so far be invalid."""
        self._tokens.clear()


def _bound(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in _UNBOUND}
