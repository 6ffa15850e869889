"""AWS clients, made when first needed.

Clients come from botocore itself, which costs a fraction of boto3's start-up time.
"""

from __future__ import annotations

import logging
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.aws_errors import aws_errors, translate
from athena_connectors.common.errors import ConfigurationError, InvalidCredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import botocore.session
    from botocore.config import Config
    from botocore.model import OperationModel

__all__ = ["AssumedRole", "AwsClients"]

_NOT_MODIFIED = 304


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

    @classmethod
    def of(cls, arn: str, session_name: str, external_id: str) -> AssumedRole | None:
        """Return the role that settings name; ``None`` if they name none."""
        return cls(arn, session_name, external_id) if arn else None


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
            client = session.create_client(
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
        # Handlers of one event run in the order of their registration: what changes bodies
        # comes later.
        event = f"before-parse.{client.meta.service_model.service_id.hyphenize()}"
        client.meta.events.register(event, _refuse_half)
        return client

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


def _refuse_half(
    operation_model: OperationModel, response_dict: Mapping[str, Any], **_: object
) -> None:
    """Refuse an answer that is not whole, whose rest botocore would take as not told.

    What is streamed is checked by its reader.

    Raises:
        IncompleteReadError: Its size or its checksum is not the one that it says it has.

    Source:
        RFC 9110, section 8.6; DynamoDB developer guide, "DynamoDB low-level API".
    """
    from botocore.exceptions import IncompleteReadError  # noqa: PLC0415

    body, headers = response_dict["body"], response_dict["headers"]
    is_bodiless = (
        operation_model.http["method"] == "HEAD" or response_dict["status_code"] == _NOT_MODIFIED
    )
    if is_bodiless or not isinstance(body, bytes):
        return
    size = int(headers.get("Content-Length", len(body)))
    checksum = headers.get("x-amz-crc32")
    if size != len(body) or (checksum is not None and int(checksum) != zlib.crc32(body)):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=size)


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
