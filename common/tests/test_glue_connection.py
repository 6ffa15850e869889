from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.errors import ConfigurationError, SourceError
from athena_connectors.common.glue_connection import with_glue_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.aws import AwsAddress

PROPERTIES = {"HOST": "db.example", "PORT": "5432", "DATABASE": "shop"}


@pytest.fixture(scope="module")
def environ(aws: AwsAddress) -> dict[str, str]:
    client = AwsClients(aws.environ).client("glue")
    client.create_connection(
        ConnectionInput={
            "Name": "shop",
            "ConnectionType": "POSTGRESQL",
            "ConnectionProperties": PROPERTIES,
            "AthenaProperties": {"spill_bucket": "b", "spill_kms_key_id": "k"},
        }
    )
    return {**aws.environ, "glue_connection": "shop"}


@contextmanager
def glue_that_answers(connection: dict[str, Any]) -> Iterator[str]:
    """The URL of a Glue that knows one connection; moto drops the part with the secret."""

    class Glue(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps({"Connection": connection}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Glue) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_without_a_connection_nothing_is_asked() -> None:
    environ = {"spill_bucket": "b", "glue_connection": " "}
    assert with_glue_connection(environ) is environ


def test_properties_become_settings(environ: dict[str, str]) -> None:
    found = with_glue_connection(environ)
    assert found == {**environ, **PROPERTIES, "spill_bucket": "b", "kms_key_id": "k"}


def test_the_functions_own_variables_come_first(environ: dict[str, str]) -> None:
    found = with_glue_connection({**environ, "spill_bucket": "mine", "HOST": "other"})
    assert (found["spill_bucket"], found["HOST"], found["PORT"]) == ("mine", "other", "5432")


def test_the_secret_goes_by_its_name(environ: dict[str, str]) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/shop-db-AbC1x9"
    with glue_that_answers({"AuthenticationConfiguration": {"SecretArn": arn}}) as url:
        found = with_glue_connection({**environ, "GLUE_ENDPOINT": url})
    assert found["secret_name"] == "prod/shop-db"


def test_an_unknown_connection_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="'nowhere'") as caught:
        with_glue_connection({**environ, "glue_connection": "nowhere"})
    assert caught.value.context["setting"] == "glue_connection"


def test_a_glue_that_is_not_there(environ: dict[str, str], no_backoff: None) -> None:
    with pytest.raises(SourceError, match="glue:GetConnection"):
        with_glue_connection({**environ, "GLUE_ENDPOINT": "http://127.0.0.1:9"})
