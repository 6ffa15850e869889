from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.findings import Finding, Verdict
from athena_connectors.common.testing.mongodb import mongodb_server
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.documentdb import health
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.connection_strings import target_of
from athena_connectors.documentdb.metadata import Tables
from athena_connectors.documentdb.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from athena_connectors.common.testing.mongodb import MongoDb

FEW_MS = "serverSelectionTimeoutMS=500"
OK, WARNING, FAULT = Verdict.OK, Verdict.WARNING, Verdict.FAULT


def findings(url: str, **environ: str) -> dict[str, Finding]:
    environ = {"default_docdb": url, "disable_glue": "true", **environ}
    settings = load_settings(Settings, environ)
    client = Client(target_of("x", environ), settings, secrets=None, environ=environ)
    try:
        found = list(health.findings(client, Tables.of(client, settings, environ), settings))
    finally:
        client.close()
    assert all(each.fix for each in found if each.verdict is not OK)
    assert "hunter2" not in repr(found)
    return {each.check: each for each in found}


@pytest.fixture
def database(mongodb: MongoDb) -> str:
    name = mongodb.create_database()
    mongodb.client()[name].things.insert_one({})
    return name


def test_all_is_well_for_a_user_who_can_only_read(mongodb: MongoDb, database: str) -> None:
    found = findings(mongodb.create_user("healthy", "hunter2", ("read", database)))
    assert {each.verdict for each in found.values()} == {OK}, found
    assert found["network"].fact == f"127.0.0.1:{mongodb.port} can be reached."
    assert found["login"].fact == "The login works; the primary answers."
    assert found["server version"].fact.startswith("MongoDB 6.0")
    assert found["role"].fact == "User healthy@admin can only read."
    assert found["databases"].fact == f"1 databases can be listed: {database}."
    assert found["documents"].fact == f"Collection {database}.things can be read."


def test_rights_to_write_are_told(mongodb: MongoDb, database: str) -> None:
    found = findings(mongodb.create_user("writer", "hunter2", ("readWrite", database)))
    assert found["role"].verdict is WARNING
    assert found["role"].fact.startswith(f"User writer@admin may write, such as to {database}.")


def test_a_user_without_rights_can_read_nothing(mongodb: MongoDb) -> None:
    found = findings(mongodb.create_user("powerless", "hunter2"))
    assert found["databases"].verdict is WARNING
    assert "documents" not in found


def test_a_wrong_password_is_a_fault(mongodb: MongoDb) -> None:
    found = findings(mongodb.url_of("root", "hunter2"))
    assert found["login"].verdict is FAULT
    assert "Authentication failed" in found["login"].fact
    assert "role" not in found


def test_reading_from_the_primary_only_is_told(mongodb: MongoDb) -> None:
    found = findings(f"{mongodb.url}?readPreference=primary")
    assert found["login"].verdict is WARNING


@pytest.mark.parametrize(
    ("host", "fact"),
    [("127.0.0.1:1", "127.0.0.1:1 can't be reached"), ("no.such.invalid", "is not known")],
)
def test_a_host_that_can_not_be_reached_is_a_fault(host: str, fact: str) -> None:
    found = findings(f"mongodb://root:hunter2@{host}/?{FEW_MS}")
    assert list(found) == ["network"]
    assert found["network"].verdict is FAULT
    assert fact in found["network"].fact


def test_a_server_without_tls_is_a_fault_if_tls_is_asked_for(mongodb: MongoDb) -> None:
    found = findings(f"{mongodb.url}?tls=true&{FEW_MS}")
    assert found["encryption"].verdict is FAULT
    assert "does not speak TLS" in found["encryption"].fact


def test_certificates_that_are_not_verified_are_told(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with mongodb_server(certificate=certificate) as server:
        url = server.url.partition("?")[0] + f"?tls=true&{FEW_MS}"
        trusted = findings(url, tls_ca_file=str(certificate))
        assert trusted["encryption"].verdict is OK
        unknown = findings(url)
        assert unknown["encryption"].verdict is FAULT
        assert "is not trusted: self-signed certificate" in unknown["encryption"].fact
        careless = findings(f"{url}&tlsAllowInvalidCertificates=true")
        assert careless["encryption"].verdict is WARNING
        assert careless["login"].verdict is OK
