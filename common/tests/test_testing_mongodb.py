from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from athena_connectors.common.testing import mongodb as module
from athena_connectors.common.testing.mongodb import MongoDb, mongodb_server
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

KILLED = """
import os, signal
from athena_connectors.common.testing.mongodb import mongodb_server
with mongodb_server() as server:
    (option,) = server.client().admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"],
    print(option, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_password_is_needed(mongodb: MongoDb) -> None:
    with (
        MongoClient[dict[str, Any]](mongodb.url_of(mongodb.user, "wrong")) as client,
        pytest.raises(OperationFailure, match="Authentication failed"),
    ):
        client.admin.command("listDatabases")


def test_a_user_may_do_what_its_roles_say(mongodb: MongoDb) -> None:
    name = mongodb.create_database()
    mongodb.client()[name].things.insert_one({"_id": 1})
    for password in ("first", "s:e/c@o%n d"):
        url = mongodb.create_user("reader", password, ("read", name))
        with MongoClient[dict[str, Any]](url) as client:
            assert client[name].things.find_one() == {"_id": 1}
            with pytest.raises(OperationFailure, match="not authorized"):
                client[name].things.insert_one({"_id": 2})


def test_databases_are_empty_and_of_different_names(mongodb: MongoDb) -> None:
    name = mongodb.create_database()
    assert mongodb.create_database() != name
    mongodb.client()[name].things.insert_one({})
    mongodb.create_database(name)
    assert name not in mongodb.client().list_database_names()


def test_writes_go_on_after_a_step_down(mongodb: MongoDb) -> None:
    things = mongodb.client()[mongodb.create_database()].things
    before = mongodb.client().admin.command("hello")["electionId"]
    mongodb.step_down()
    things.insert_one({})
    assert mongodb.client().admin.command("hello")["electionId"] != before


def test_it_can_be_reached_by_way_of_a_proxy(mongodb: MongoDb) -> None:
    with tcp_proxy(mongodb.host, mongodb.port) as proxy:
        with MongoClient[dict[str, Any]](mongodb.through(proxy.port)) as client:
            client.admin.command("ping")
        assert proxy.bytes_passed


def test_with_a_certificate_it_takes_tls_only(tmp_path: Path) -> None:
    with mongodb_server(certificate=self_signed(tmp_path)) as server:
        server.client().admin.command("ping")
        with (
            MongoClient[dict[str, Any]](
                server.host, server.port, serverSelectionTimeoutMS=500
            ) as plain,
            pytest.raises(ServerSelectionTimeoutError, match="connection closed"),
        ):
            plain.admin.command("ping")


def test_another_server_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MONGODB_URL", "mongodb://us%40er:pass%3Aword@elsewhere:1/?a=b")
    with mongodb_server() as server:
        assert (server.host, server.port) == ("elsewhere", 1)
        assert (server.user, server.password) == ("us@er", "pass:word")
        assert server.url_of("x", "@") == "mongodb://x:%40@elsewhere:1/?a=b"
        assert "word" not in repr(server)


def test_a_server_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_mongod", lambda: sys.executable)
    with pytest.raises(RuntimeError, match="unknown option --dbpath"), mongodb_server():
        pass


def test_server_ends_with_a_process_that_is_killed() -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, check=False)
    data = Path(ended.stdout.decode().strip())
    assert data.name == "data", ended.stderr.decode()
    limit = time.monotonic() + 10
    while data.parent.exists():
        assert time.monotonic() < limit, f"{data} is still there"
        time.sleep(0.05)
