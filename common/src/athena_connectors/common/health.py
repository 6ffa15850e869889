"""What a function needs of AWS, tried out for ``doctor`` with the calls that a query makes.

All that stays behind is an empty object under the spill prefix: the function's role may
write there but not delete, and ``doctor`` needs no more than the role has. Beside those
calls ``sts:GetCallerIdentity`` is made, which takes no permission.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from athena_connectors.common.aws_errors import aws_errors, error_code, translate
from athena_connectors.common.clock import AwsClock
from athena_connectors.common.config import SpillSettings, load_settings
from athena_connectors.common.crypto import KmsKeys
from athena_connectors.common.endpoints import ReachedClients
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectorError,
    InvalidCredentialsError,
    NotFoundError,
)
from athena_connectors.common.findings import Finding, Verdict, told
from athena_connectors.common.protocol.messages import S3SpillLocation
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.spill_store import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["PROBE_NAME", "aws_findings"]

PROBE_NAME = "athena-connectors-doctor"
"""Name of the empty object; it is the same each time, so there is one of it."""

_NO_QUERY = "00000000-0000-0000-0000-000000000000"
_BUCKET_FIX = (
    "Correct spill_bucket (the name alone, without s3:// and without /), or make the bucket."
)
_DENIED_BUCKET_FIX = (
    "Name a bucket of your own in spill_bucket, or allow s3:ListBucket on it: to the function's"
    " role, in the bucket's policy, and in the policy of the VPC endpoint."
)
_KEY_FIX = "Name an enabled key of this region in kms_key_id, by its id, its ARN or its alias/NAME."
_STATUS_FIX = (
    "Allow athena:GetQueryExecution to the function's role and give it a way to Athena;"
    " without it, a query that was cancelled is read to its end."
)
_KMS_ACTION = re.compile(r"kms:\w+")


def aws_findings(environ: Mapping[str, str], *, spills: bool) -> Iterator[Finding]:
    """Yield the findings about what settings need of AWS, the clock's first.

    Args:
        environ: The function's variables.
        spills: Whether blocks go to S3; otherwise only secrets and keys are looked at.

    Raises:
        ConfigurationError: A setting of the spill is malformed.

    Cost:
        Two calls to S3, one to STS and one to Athena, two to KMS if it makes the keys, and
        one to Secrets Manager for each secret.
    """
    checkup = _Checkup(environ, spills=spills)
    findings = list(checkup.findings())
    yield from checkup.clock.findings()
    yield from findings


class _Checkup:
    """The checks of one set of settings."""

    def __init__(self, environ: Mapping[str, str], *, spills: bool) -> None:
        self.clock = AwsClock()
        self._clients = ReachedClients(environ, on_client=self.clock.listen)
        self._settings = load_settings(SpillSettings, environ)
        self._spills = spills
        self._with_secret = {name: text for name, text in environ.items() if "${" in text}
        self._account = ""

    def findings(self) -> Iterator[Finding]:
        """Yield the findings, in the order of the checks."""
        settings = self._settings
        makes_keys = bool(settings.kms_key_id) and not settings.disable_spill_encryption
        if not (self._spills or makes_keys or self._with_secret):
            return
        identity = self._identity()
        yield identity
        if identity.verdict is Verdict.FAULT:  # no call would get any further
            return
        if self._spills:
            yield from told("spill bucket", self._spill(), fix=_BUCKET_FIX)
        if makes_keys:
            yield from told("KMS key", self._key(), fix=_KEY_FIX)
        for name, text in self._with_secret.items():
            yield from told("secret", self._secret(name, text))
        if self._spills:
            yield self._query_status()

    def _identity(self) -> Finding:
        """Tell who asks, and remember the account."""
        try:
            reply = self._clients.client("sts").get_caller_identity()
        except aws_errors() as cause:
            error = translate(cause, action="sts:GetCallerIdentity", resource="itself")
        except ConnectorError as cause:
            error = cause
        else:
            self._account = str(reply["Account"])
            return Finding.ok("AWS identity", f"AWS knows the caller as {reply['Arn']}.")
        if isinstance(error, InvalidCredentialsError | ConfigurationError):
            return Finding.of_error("AWS identity", error)
        fix = f"{error.hint} Without STS, only the owner of the spill bucket stays unknown.".strip()
        return Finding.warning("AWS identity", error.message, fix=fix)

    def _spill(self) -> Iterator[Finding]:
        try:
            yield from self._bucket(self._settings.spill_bucket)
        except AccessDeniedError as error:  # it may be allowed to write all the same
            yield Finding.of_error("spill bucket", error)
        yield from told("spill write", self._write(self._settings.spill_bucket))
        if self._settings.disable_spill_encryption:
            yield Finding.warning(
                "spill encryption",
                "The function leaves spilled blocks unencrypted (disable_spill_encryption).",
                fix="Set it to false, unless the bucket's own encryption is enough for you.",
            )

    def _bucket(self, bucket: str) -> Iterator[Finding]:
        if not bucket:
            raise ConfigurationError(
                "No spill bucket is named, so no result can be larger than one reply (6 MB).",
                hint="Set spill_bucket to the name of an S3 bucket.",
            )
        client = self._clients.client("s3")
        try:
            reply = client.head_bucket(Bucket=bucket)
        except aws_errors() as cause:
            raise _unusable(bucket, cause) from cause
        yield Finding.ok("spill bucket", f"The spill bucket {bucket!r} exists.")
        region, here = reply.get("BucketRegion"), client.meta.region_name
        if region and region != here:
            fact = f"The spill bucket {bucket!r} is in {region} and the function in {here}."
            fix = "Name a bucket of the same region: this one is slow, and each byte is paid for."
            yield Finding.warning("spill bucket", fact, fix=fix)
        if self._is_foreign(bucket):
            fact = f"The spill bucket {bucket!r} is not account {self._account}'s own."
            fix = "Name a bucket of your own, unless results are meant to be written to another's."
            yield Finding.warning("spill bucket", fact, fix=fix)

    def _is_foreign(self, bucket: str) -> bool:
        """Tell whether a bucket that can be used is another account's."""
        if not self._account:
            return False
        try:
            self._clients.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=self._account)
        except aws_errors() as cause:
            return error_code(cause) in {"403", "AccessDenied"}
        return False

    def _write(self, bucket: str) -> Iterator[Finding]:
        key = f"{self._settings.spill_prefix}/{PROBE_NAME}"
        location = S3SpillLocation(bucket, key, directory=False)
        try:
            S3Store(self._clients).put(
                location, b"", headers=self._settings.spill_put_request_headers
            )
        except AccessDeniedError as error:
            raise _denied_write(location, error) from error
        yield Finding.ok("spill write", f"The empty object s3://{bucket}/{key} was written.")

    def _key(self) -> Iterator[Finding]:
        key_id = self._settings.kms_key_id
        KmsKeys(self._clients.client("kms"), key_id).new_key()
        yield Finding.ok("KMS key", f"KMS key {key_id} makes data keys.")

    def _secret(self, setting: str, text: str) -> Iterator[Finding]:
        resolver = SecretResolver(lambda: self._clients.client("secretsmanager"))
        if resolver.resolve(text) != text:
            yield Finding.ok("secret", f"The secret that setting {setting} names can be read.")

    def _query_status(self) -> Finding:
        """Ask for a query that does not exist: who may not ask is told that instead."""
        try:
            self._clients.client("athena").get_query_execution(QueryExecutionId=_NO_QUERY)
        except aws_errors() as cause:
            if error_code(cause) == "InvalidRequestException":
                return Finding.ok("query status", "Athena tells whether a query is over.")
            error = translate(cause, action="athena:GetQueryExecution", resource="a query")
        except ConnectorError as cause:
            error = cause
        return Finding.warning("query status", error.message, fix=_STATUS_FIX)


def _unusable(bucket: str, cause: Exception) -> ConnectorError:
    """Return why a bucket can't be used; a HEAD request's answer has no more than a status."""
    error = translate(cause, action="s3:ListBucket", resource=f"the spill bucket {bucket!r}")
    match error:
        case NotFoundError():
            return NotFoundError(f"There is no S3 bucket {bucket!r}.", hint=_BUCKET_FIX)
        case AccessDeniedError():
            fact = (
                f"AWS denies s3:ListBucket on the spill bucket {bucket!r}: it is another"
                " account's, or the function's role may not use it."
            )
            return AccessDeniedError(fact, hint=_DENIED_BUCKET_FIX)
        case ConfigurationError():
            return ConfigurationError(error.message, hint=_BUCKET_FIX)
        case _:
            return error


def _denied_write(location: S3SpillLocation, error: AccessDeniedError) -> AccessDeniedError:
    """Return the error for a put that was denied; S3 tells if it was denied the bucket's key."""
    response = getattr(error.__cause__, "response", {})
    action = _KMS_ACTION.search(str(response.get("Error", {}).get("Message", "")))
    where = f"s3://{location.bucket}/{location.key}"
    if action:
        return AccessDeniedError(
            f"AWS denies {action[0]} on the KMS key that encrypts the spill bucket, so {where}"
            " can't be written.",
            hint=f"Allow {action[0]} on that key to the function's role (SpillBucketKMSKeyId of the"
            " template), and in the key's policy.",
        )
    return AccessDeniedError(
        error.message,
        hint=f"Allow s3:PutObject on {where.removesuffix(PROBE_NAME)}* to the function's role, in"
        " the bucket's policy, and in the policy of the VPC endpoint.",
    )
