"""AWS clients, made when first needed, and AWS errors in this project's classes.

Clients come from botocore itself, which costs a fraction of boto3's start-up time.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Mapping

    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import ClientError

__all__ = ["AssumedRole", "AwsClients", "aws_errors", "error_code", "translate"]

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


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """A role, often of another account, that is assumed to read a source.

    Attributes:
        arn: Its ARN.
        session_name: What its account's logs call us.
        external_id: The external id that its trust policy asks for, if any.
    """

    arn: str
    session_name: str
    external_id: str = ""


class AwsClients:
    """Clients of one set of settings; safe to use from several threads.

    Args:
        environ: Where region, endpoints (``AWS_ENDPOINT_URL`` and
            ``AWS_ENDPOINT_URL_<SERVICE>``), profile and keys are looked for. What it lacks
            is found where botocore finds it: the process's environment, files, the role.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._session: botocore.session.Session | None = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service by botocore's name for it, such as ``s3``.

        Raises:
            ConfigurationError: No region is set.
        """
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._create(service, config=_config(service))
            return self._clients[service]

    def source_client(
        self,
        service: str,
        *,
        region: str = "",
        endpoint_url: str = "",
        role: AssumedRole | None = None,
        read_timeout_seconds: float = 30,
    ) -> Any:
        """Return a new client for the reads of a source, which is the caller's to close.

        It repeats nothing by itself, so that its caller sees every refusal.

        Args:
            service: Botocore's name of the service.
            region: The source's region, if it is not that of the settings.
            endpoint_url: Where to send requests, if not where the settings say.
            role: A role to assume; its credentials are renewed before they expire.
            read_timeout_seconds: How long the source may be silent.

        Raises:
            ConfigurationError: No region is set, or the endpoint is no URL.
        """
        from botocore.config import Config  # noqa: PLC0415

        config = _config(service).merge(
            Config(
                read_timeout=read_timeout_seconds,
                retries={"mode": "standard", "total_max_attempts": 1},
            )
        )
        with self._lock:
            return self._create(
                service, config=config, region=region, endpoint_url=endpoint_url, role=role
            )

    def _create(
        self,
        service: str,
        *,
        config: Config,
        region: str = "",
        endpoint_url: str = "",
        role: AssumedRole | None = None,
    ) -> Any:
        environ = self._environ
        session = self._plain_session() if role is None else self._session_of(role)
        keys: Mapping[str, str] = environ if role is None else {}
        url = endpoint_url or self._endpoint(session, service)
        try:
            return session.create_client(
                service,
                region_name=region
                or environ.get("AWS_REGION")
                or environ.get("AWS_DEFAULT_REGION"),
                endpoint_url=url,
                aws_access_key_id=keys.get("AWS_ACCESS_KEY_ID"),
                aws_secret_access_key=keys.get("AWS_SECRET_ACCESS_KEY"),
                aws_session_token=keys.get("AWS_SESSION_TOKEN"),
                config=config,
            )
        except aws_errors() as cause:
            raise translate(cause, action="connect", resource=service) from cause
        except ValueError as cause:  # what botocore raises for an endpoint that is no URL
            raise ConfigurationError(
                f"{url!r} is no endpoint of {service}: it is no URL.",
                hint="Write AWS_ENDPOINT_URL, or the setting that gives it, as https://HOST:PORT,"
                " or leave it out.",
            ) from cause

    def _plain_session(self) -> botocore.session.Session:
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> botocore.session.Session:
        import botocore.session  # noqa: PLC0415

        _keep_secrets_out_of_logs()
        return botocore.session.Session(profile=self._environ.get("AWS_PROFILE") or None)

    def _session_of(self, role: AssumedRole) -> botocore.session.Session:
        """Return a session that knows no credentials but those of a role."""
        from botocore.credentials import (  # noqa: PLC0415
            CredentialProvider,
            CredentialResolver,
            DeferredRefreshableCredentials,
        )

        sts_client = self._create("sts", config=_config("sts"))

        class Provider(CredentialProvider):
            METHOD = "assume-role"

            def load(self) -> DeferredRefreshableCredentials:
                return DeferredRefreshableCredentials(
                    lambda: _assume(sts_client, role), self.METHOD
                )

        session = self._new_session()
        session.register_component("credential_provider", CredentialResolver([Provider()]))
        return session

    def _endpoint(self, session: botocore.session.Session, service: str) -> str | None:
        name = session.get_service_model(service).service_id.hyphenize()
        specific = f"AWS_ENDPOINT_URL_{name.replace('-', '_').upper()}"
        return self._environ.get(specific) or self._environ.get("AWS_ENDPOINT_URL") or None


def _assume(sts_client: Any, role: AssumedRole) -> dict[str, str]:
    """Return credentials of a role, as botocore refreshes them."""
    external = {"ExternalId": role.external_id} if role.external_id else {}
    try:
        reply = sts_client.assume_role(
            RoleArn=role.arn, RoleSessionName=role.session_name, **external
        )
    except aws_errors() as cause:
        reason = translate(cause, action="sts:AssumeRole", resource=role.arn).message
        raise InvalidCredentialsError(
            f"Failed to assume role {role.arn}: {reason}",
            hint="Allow sts:AssumeRole on it to the function's role, and let the role's trust"
            " policy name the function's role and the external id, if any.",
        ) from cause
    told = reply["Credentials"]
    return {
        "access_key": told["AccessKeyId"],
        "secret_key": told["SecretAccessKey"],
        "token": told["SessionToken"],
        "expiry_time": told["Expiration"].isoformat(),
    }


def _keep_secrets_out_of_logs() -> None:
    """Let botocore log nothing below INFO, unless its own logger was told to.

    Its debug records hold headers and bodies: session tokens, passwords, data keys. A
    function whose log level is DEBUG means ours.
    """
    logger = logging.getLogger("botocore")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


def _config(service: str) -> Config:
    from botocore.config import Config  # noqa: PLC0415

    if service == "athena":
        # Only asked in passing whether the query is over; no reader waits for it.
        return Config(
            connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1}
        )
    common = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 5},
        tcp_keepalive=True,
        max_pool_connections=20,
    )
    if service != "s3":
        return common
    # The GCM tag protects a spilled block from end to end, so no second checksum is made,
    # which halves the CPU time of an upload. Over plain HTTP botocore signs the payload
    # whatever is said here.
    return common.merge(
        Config(request_checksum_calculation="when_required", s3={"payload_signing_enabled": False})
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
    return SourceError(f"{action} on {resource} failed with {code}: {text.rstrip('.')}.")


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
        case e.ParamValidationError():
            return ConfigurationError(
                f"{resource} is no valid name for {action}.", hint="Check its spelling."
            )
        case _:
            return SourceError(f"{action} on {resource} failed: {type(error).__name__}.")
