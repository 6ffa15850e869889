"""Stand-ins of AWS services for tests and the demo: moto's server in a process of its own.

It listens on 127.0.0.1 and a free port, ends with this process however that ends, and
changes no variable of this process: clients are made from ``AwsAddress.environ``.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from athena_connectors.common.aws import AwsClients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["REGION", "AwsAddress", "aws_server", "watched_sources"]

REGION = "eu-west-1"

# Serves until the pipe of its standard input is closed.
_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass(frozen=True)
class AwsAddress:
    """Where the stand-ins listen.

    Attributes:
        endpoint: URL that serves all services.
        environ: Variables that lead clients there.
    """

    endpoint: str

    @cached_property
    def environ(self) -> Mapping[str, str]:
        """Variables that lead clients there, with keys that mean nothing."""
        return MappingProxyType(
            {
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "example",  # not a secret
            }
        )

    @cached_property
    def clients(self) -> AwsClients:
        """Clients of the stand-ins."""
        return AwsClients(self.environ)

    def client(self, service: str) -> Any:
        """Return the client of one service by botocore's name for it."""
        return self.clients.client(service)

    def create_bucket(self, name: str) -> None:
        """Make an empty S3 bucket."""
        self.client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def object_keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket's objects, ordered."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def read_object(self, bucket: str, key: str) -> bytes:
        """Return an object's bytes."""
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body


@contextmanager
def watched_sources(service: str, watch: Callable[[Any], object]) -> Iterator[None]:
    """Show each client that is made to read a source with to a function, meanwhile.

    Args:
        service: Botocore's name of the source's service.
        watch: Given the client before its first call.
    """
    make = AwsClients.source_client

    def watched(clients: AwsClients, name: str, **options: Any) -> Any:
        client = make(clients, name, **options)
        if name == service:
            watch(client)
        return client

    with patch.object(AwsClients, "source_client", watched):
        yield


@contextmanager
def aws_server() -> Iterator[AwsAddress]:
    """Yield the address of running stand-ins of S3, KMS, Secrets Manager, Athena and more."""
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("moto's server did not start; its complaint stands above.")
        try:
            yield AwsAddress(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
