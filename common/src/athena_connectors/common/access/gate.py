"""The policy of a function: read when first needed, and put before every request.

Without one, nothing here is asked and everything is seen. With one that is malformed, or
that can't be read, no request is answered.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.config import load_settings, setting
from athena_connectors.common.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.access.policy import Access, Policy
    from athena_connectors.common.aws import AwsClients
    from athena_connectors.common.protocol.messages import Identity, TableName
    from athena_connectors.common.seals import Seal
    from athena_connectors.common.secrets import SecretResolver

__all__ = ["AccessGate", "AccessSettings"]

CACHE_SECONDS = 60.0
MIN_KEY_CHARACTERS = 16
MAX_POLICY_BYTES = 1_000_000
_S3 = "s3://"


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may see what."""

    access_policy: str = setting(
        "access_policy",
        default="",
        doc="Who may see which tables, columns and rows: a JSON document, or the place of one as"
        " `s3://bucket/key`, which is read again after a minute. Blank for everything to"
        " everybody.",
    )
    split_signing_key: str = setting(
        "split_signing_key",
        default="",
        doc="With `access_policy`: a secret of 16 characters or more, best as `${name}` of a"
        " secret in Secrets Manager. It seals what the client carries between two requests.",
        secret=True,
    )


class AccessGate:
    """Knows who may see what.

    Args:
        environ: The function's variables.
        clients: Makes clients of AWS; called when first needed.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        clients: Callable[[], AwsClients],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = load_settings(AccessSettings, environ)
        self._clients = clients
        self._clock = clock
        self._secrets: SecretResolver | None = None
        self._known: tuple[float, Policy] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is no policy: everybody may see everything."""
        return not self._settings.access_policy.strip()

    def check(self) -> None:
        """Check that requests can be answered, with a policy or without.

        Raises:
            ConfigurationError: The policy is malformed, or there is no key.
            ConnectorError: The policy, or a secret, can't be read.

        Cost:
            Nothing without a policy; a call to S3 once a minute, if the policy is there.
        """
        if not self.is_open:
            self._policy()
            self._key()

    def access(self, identity: Identity, catalog: str) -> Access | None:
        """Return what a caller may see of a catalog; ``None`` for everything.

        Raises:
            ConnectorError: As of ``check``.
        """
        return None if self.is_open else self._policy().access(identity, catalog)

    def seal(
        self, *, catalog: str, table: TableName, query_id: str, identity: Identity
    ) -> Seal | None:
        """Return what seals the splits of a query; ``None`` if none is needed.

        Raises:
            ConnectorError: As of ``check``.
        """
        if self.is_open:
            return None
        from athena_connectors.common.seals import Seal  # noqa: PLC0415

        return Seal(self._key(), catalog=catalog, table=table, query_id=query_id, identity=identity)

    def _policy(self) -> Policy:
        from athena_connectors.common.access.documents import parse_policy  # noqa: PLC0415

        text = self._settings.access_policy.strip()
        is_stored = text.startswith(_S3)
        if self._known is not None:
            read_at, known = self._known
            if not is_stored or self._clock() - read_at < CACHE_SECONDS:
                return known
        self._known = None
        read_at = self._clock()
        content = self._stored(text) if is_stored else text
        policy = parse_policy(content, resolve=self._resolve)
        self._known = read_at, policy
        return policy

    def _key(self) -> str:
        text = self._settings.split_signing_key
        if not text:
            raise _wrong_key(
                "Setting split_signing_key is missing, which access_policy needs.",
            )
        key = self._resolve(text)
        if len(key) < MIN_KEY_CHARACTERS:
            raise _wrong_key(
                f"The key of setting split_signing_key has less than {MIN_KEY_CHARACTERS}"
                " characters."
            )
        return key

    def _resolve(self, text: str) -> str:
        if "${" not in text:
            return text
        if self._secrets is None:
            from athena_connectors.common.secrets import SecretResolver  # noqa: PLC0415

            self._secrets = SecretResolver(
                lambda: self._clients().client("secretsmanager"), clock=self._clock
            )
        return self._secrets.resolve(text)

    def _stored(self, location: str) -> str:
        from athena_connectors.common.aws_errors import aws_errors, translate  # noqa: PLC0415

        bucket, _, key = location.removeprefix(_S3).partition("/")
        if not bucket or not key:
            raise _unreadable(f"{location} is no s3://bucket/key")
        client = self._clients().client("s3")
        try:
            reply = client.get_object(Bucket=bucket, Key=key)
            content: bytes = reply["Body"].read(MAX_POLICY_BYTES + 1)
        except aws_errors() as cause:
            raise translate(
                cause, action="s3:GetObject", resource=f"the access policy {location}"
            ) from cause
        if len(content) > MAX_POLICY_BYTES:
            raise _unreadable(f"{location} has more than {MAX_POLICY_BYTES:,} bytes")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _unreadable(f"{location} is not UTF-8") from None


def _wrong_key(message: str) -> ConfigurationError:
    return ConfigurationError(
        message,
        hint="Make a secret of random characters in Secrets Manager, and name it as ${name}.",
        setting="split_signing_key",
    )


def _unreadable(fact: str) -> ConfigurationError:
    return ConfigurationError(
        f"Setting access_policy: {fact}.",
        hint="Correct the setting; no request is answered before.",
        setting="access_policy",
    )
