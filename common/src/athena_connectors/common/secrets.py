"""Secrets: wrapped so that they are never shown, and fetched from Secrets Manager.

No value of a secret is part of an error, a log line or a ``repr``.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import (
    AccessDeniedError,
    ConnectorError,
    InvalidCredentialsError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Secret", "SecretResolver"]

CACHE_SECONDS = 60.0
MAX_CACHED = 10

_PLACEHOLDER = re.compile(r"\$\{([a-zA-Z0-9:/_+=.@!-]+)\}")


class Secret:
    """Text that is shown as ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the driver that needs it and nobody else."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


class SecretResolver:
    """Fetches secrets by name or ARN and keeps them for a minute.

    Safe to use from several threads.

    Args:
        client_factory: Returns a Secrets Manager client; called when first needed.
        clock: Seconds that only grow.

    Source:
        Wire protocol, section 18: placeholders, cache time and size. ``!`` and ``:``, which
        names of managed secrets and ARNs contain, are accepted as well.
    """

    def __init__(
        self, client_factory: Callable[[], Any], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client_factory = client_factory
        self._clock = clock
        self._cache: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def resolve(self, text: str) -> str:
        """Return a text with each ``${name}`` replaced by the secret of that name.

        Raises:
            InvalidCredentialsError: There is no such secret, or it has no text.
            AccessDeniedError: The function's role may not read it.
            SourceError: Secrets Manager failed or can't be reached.
        """
        return _PLACEHOLDER.sub(lambda match: self.secret(match[1]), text)

    def secret(self, name: str) -> str:
        """Return a secret's text.

        Args:
            name: Name or ARN.

        Raises:
            InvalidCredentialsError: There is no such secret, or it has no text.
            AccessDeniedError: The function's role may not read it.
            SourceError: Secrets Manager failed or can't be reached.

        Cost:
            One call to Secrets Manager unless it was fetched in the last minute.
        """
        with self._lock:
            now = self._clock()
            expiry, text = self._cache.get(name, (now, ""))
            if expiry <= now:
                text = self._fetch(name)
                self._cache[name] = (now + CACHE_SECONDS, text)
                self._cache.move_to_end(name)
                while len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
            return text

    def fetched(self) -> tuple[str, ...]:
        """Return the texts of all secrets that are kept, for who has to keep them out of a file."""
        with self._lock:
            return tuple(text for _, text in self._cache.values())

    def invalidate(self, name: str) -> None:
        """Forget a secret, so that it is fetched anew: its login was refused."""
        with self._lock:
            self._cache.pop(name, None)

    def _fetch(self, name: str) -> str:
        from athena_connectors.common.aws_errors import aws_errors  # noqa: PLC0415

        try:
            reply = self._client_factory().get_secret_value(SecretId=name)
        except aws_errors() as cause:
            raise _unreadable(name, cause) from cause
        text: str | None = reply.get("SecretString")
        if not text:
            raise InvalidCredentialsError(
                f"Secret {name} holds no text.",
                hint="Store it as text: binary secrets are not supported.",
            )
        return text


def _unreadable(name: str, cause: Exception) -> ConnectorError:
    from athena_connectors.common.aws_errors import error_code, translate  # noqa: PLC0415

    code = error_code(cause)
    error = translate(cause, action="secretsmanager:GetSecretValue", resource=f"secret {name}")
    if isinstance(error, NotFoundError):
        return InvalidCredentialsError(
            f"There is no secret {name} in Secrets Manager.",
            hint="Check its name, and that it is in the function's region and account; a"
            " secret of another account is named by its ARN.",
        )
    if code == "InvalidRequestException":
        return InvalidCredentialsError(
            f"Secret {name} can't be read: it is marked for deletion.",
            hint="Restore it, or name another one.",
        )
    if code == "DecryptionFailure":
        return AccessDeniedError(
            f"Secret {name} can't be decrypted.",
            hint="Allow kms:Decrypt on its KMS key to the function's role.",
        )
    return error
