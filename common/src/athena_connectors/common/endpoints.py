"""Whether the endpoint of an AWS service answers at all, found out in seconds.

A client that can't connect repeats its attempts for half a minute and knows no reason.
"""

from __future__ import annotations

import socket
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from athena_connectors.common.aws import AwsClients
from athena_connectors.common.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ReachedClients", "require_reachable"]

CONNECT_SECONDS = 3.0
_PORTS = {"http": 80, "https": 443}
_NO_ROUTE = (
    "A function in a VPC needs a VPC endpoint for this service (for S3, a gateway endpoint in"
    " its subnets' route tables) or a route to a NAT gateway, and a security group that lets"
    " it out. Elsewhere, check AWS_REGION and AWS_ENDPOINT_URL."
)
_NO_NAME = (
    "Check AWS_REGION and AWS_ENDPOINT_URL, and that the network resolves names (of a VPC:"
    " enableDnsSupport and enableDnsHostnames)."
)


class ReachedClients(AwsClients):
    """Clients of services whose endpoints have been found to answer.

    Used by one thread.

    Args:
        environ: See ``AwsClients``.
        on_client: Given each client once, before its first call.
    """

    def __init__(
        self, environ: Mapping[str, str], *, on_client: Callable[[Any], None] = lambda _: None
    ) -> None:
        super().__init__(environ)
        self._on_client = on_client
        self._tried: dict[str, SourceError | None] = {}

    def client(self, service: str) -> Any:
        """Return the client of a service.

        Raises:
            ConfigurationError: No region is set, or the endpoint in its place is no URL.
            SourceError: Its endpoint can't be reached; that is tried once.
        """
        client = super().client(service)
        if service not in self._tried:
            self._tried[service] = _try(client.meta.endpoint_url)
            self._on_client(client)
        error = self._tried[service]
        if error is not None:
            raise error
        return client


def require_reachable(url: str) -> None:
    """Open a connection to a URL's host and close it again.

    Where a proxy stands in between, nothing is tried: it is the proxy that connects.

    Raises:
        SourceError: The host's name is unknown, or it can't be reached.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except socket.gaierror as cause:
        raise SourceError(
            f"The AWS endpoint {url} has a name that can't be resolved.", hint=_NO_NAME
        ) from cause
    except OSError as cause:
        reason = cause.strerror or f"no answer within {CONNECT_SECONDS:.0f} seconds"
        raise SourceError(
            f"The AWS endpoint {url} can't be reached: {reason}.", hint=_NO_ROUTE
        ) from cause


def _try(url: str) -> SourceError | None:
    try:
        require_reachable(url)
    except SourceError as error:
        return error
    return None
