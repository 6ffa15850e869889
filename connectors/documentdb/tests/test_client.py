from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import bson
import pytest
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    DeadlineExceededError,
    InvalidCredentialsError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    UnsupportedOperationError,
)
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.testing.mongodb import mongodb_server
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.documentdb.faults import is_resumable
from athena_connectors.documentdb.relation import Collection
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.documentdb.client import Client

    Connect = Callable[..., Client]

COUNT = 5000
FEW_MS = "serverSelectionTimeoutMS=500"


@pytest.fixture(scope="module")
def things(mongodb: MongoDb) -> Collection:
    name = mongodb.create_database()
    documents = ({"_id": i, "text": "x" * 1000} for i in range(COUNT))
    mongodb.client()[name].things.insert_many(documents)
    return Collection(name, "things")


def ids(batches: Iterator[bytes]) -> list[Any]:
    return [document["_id"] for batch in batches for document in bson.decode_all(batch)]


def waiting() -> dict[str, Any]:
    """A filter that fits nothing, and takes its time for each document."""
    body = "function() { sleep(20); return false }"
    return {"$expr": {"$function": {"body": body, "args": [], "lang": "js"}}}


def running(mongodb: MongoDb, collection: Collection) -> bool:
    found = mongodb.client().admin.aggregate([{"$currentOp": {}}])
    return any(op.get("ns") == f"{collection.database}.{collection.name}" for op in found)


def eventually(condition: Callable[[], bool]) -> bool:
    limit = time.monotonic() + 10
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def test_documents_come_in_batches_as_the_server_sends_them(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    client = connect(mongodb.url)
    batches = list(client.find_raw(things, {"_id": {"$lt": 25}}, {"text": 0}, batch_size=10))
    assert [len(bson.decode_all(batch)) for batch in batches] == [10, 10, 5]
    assert bson.decode_all(batches[2])[4] == {"_id": 24}
    assert sorted(ids(client.find_raw(things, {}, batch_size=2000))) == list(range(COUNT))
    assert list(client.find_raw(things, {"_id": -1}, batch_size=10)) == []


def test_options_of_a_find(mongodb: MongoDb, things: Collection, connect: Connect) -> None:
    client = connect(mongodb.url)
    down = [("_id", -1)]
    options: dict[str, Any] = {"sort": down, "skip": 2, "limit": 3, "hint": [("_id", 1)]}
    expected = [COUNT - 3, COUNT - 4, COUNT - 5]
    assert ids(client.find_raw(things, {}, batch_size=2, **options)) == expected
    found = client.find(things, None, {"text": 0}, **options)
    assert found == [{"_id": each} for each in expected]
    with pytest.raises(InvalidRequestError, match="hint"):
        client.find(things, {}, hint="no_such_index")


def test_pipelines_commands_and_counts(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    client = connect(mongodb.url)
    pipeline: list[dict[str, Any]] = [{"$match": {"_id": {"$lt": 5}}}, {"$project": {"_id": 1}}]
    assert ids(client.aggregate_raw(things, pipeline, batch_size=2)) == [0, 1, 2, 3, 4]
    assert len(client.aggregate(things, pipeline)) == 5
    assert client.count(things, {"_id": {"$gte": 10}}) == COUNT - 10
    assert client.count(things, {}, limit=7, hint=[("_id", 1)]) == 7
    assert client.run(things.database, {"collStats": "things"})["count"] == COUNT
    names = [each["name"] for each in client.listing(things.database, {"listCollections": 1})]
    assert names == ["things"]


def test_batches_are_the_drivers_and_no_object_is_made_of_a_document(
    mongodb: MongoDb, connect: Connect, things: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = mongodb.client()[things.database].things
    wanted: dict[str, Any] = {"_id": {"$gte": 7}}
    options: dict[str, Any] = {"batch_size": 1000, "sort": [("_id", 1)]}
    expected = list(collection.find_raw_batches(wanted, {"_id": 1}, **options))
    made: list[Any] = []
    begin = RawBSONDocument.__init__

    def counted(document: RawBSONDocument, *arguments: Any) -> None:
        made.append(document)
        begin(document, *arguments)

    monkeypatch.setattr(RawBSONDocument, "__init__", counted)
    client = connect(mongodb.url)
    assert list(client.find_raw(things, wanted, {"_id": 1}, **options)) == expected
    assert list(client.find_raw(things, {"_id": -1}, batch_size=5)) == []
    assert len(made) < 100


def test_texts_compare_by_bytes_whatever_the_collation(mongodb: MongoDb, connect: Connect) -> None:
    name = mongodb.create_database()
    mongodb.client()[name].create_collection("c", collation={"locale": "en", "strength": 2})
    mongodb.client()[name].c.insert_many([{"_id": "a"}, {"_id": "B"}])
    client = connect(mongodb.url)
    collection = Collection(name, "c", collation="en")
    wanted = {"_id": "A"}
    assert ids(client.find_raw(Collection(name, "c"), wanted, batch_size=5)) == ["a"]
    assert ids(client.find_raw(collection, wanted, batch_size=5)) == []
    assert ids(client.find_raw(collection, {}, batch_size=5, sort=[("_id", 1)])) == ["B", "a"]
    assert client.find(collection, wanted) == []
    assert client.count(collection, wanted) == 0
    assert client.aggregate(collection, [{"$match": wanted}]) == []
    assert list(client.aggregate_raw(collection, [{"$match": wanted}], batch_size=5)) == []


def test_a_view_is_read_with_its_own_collation_as_it_takes_no_other(
    mongodb: MongoDb, connect: Connect
) -> None:
    name = mongodb.create_database()
    database = mongodb.client()[name]
    database.c.insert_many([{"_id": "a"}, {"_id": "B"}])
    database.create_collection(
        "v", viewOn="c", pipeline=[], collation={"locale": "en", "strength": 2}
    )
    client = connect(mongodb.url)
    view = Collection(name, "v", is_view=True, collation="en")
    wanted = {"_id": "A"}
    assert ids(client.find_raw(view, wanted, batch_size=5)) == ["a"]
    assert len(client.find(view, wanted)) == client.count(view, wanted) == 1
    assert len(client.aggregate(view, [{"$match": wanted}])) == 1
    assert ids(client.aggregate_raw(view, [{"$match": wanted}], batch_size=5)) == ["a"]


def test_documents_that_python_has_no_values_for_are_decoded(
    mongodb: MongoDb, connect: Connect
) -> None:
    name = mongodb.create_database()
    mongodb.client()[name].c.insert_one({"_id": 1, "date": DatetimeMS(1 << 55)})
    assert connect(mongodb.url).find(Collection(name, "c")) == [
        {"_id": 1, "date": DatetimeMS(1 << 55)}
    ]


def test_a_wrong_password_is_told_without_it(mongodb: MongoDb, connect: Connect) -> None:
    client = connect(mongodb.url_of("root", "hunter2"))
    with pytest.raises(InvalidCredentialsError, match="Authentication failed") as caught:
        client.run("admin", {"listDatabases": 1})
    assert str(mongodb.port) in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_secret_that_was_rotated_is_read_anew_once(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    fetched: list[str] = []
    kept = {"text": ""}

    class SecretsManager:
        def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's
            fetched.append(SecretId)
            return {"SecretString": kept["text"]}

    def rotate(password: str) -> None:
        mongodb.create_user("rotating", password, ("read", things.database))
        kept["text"] = json.dumps({"username": "rotating", "password": password})

    url = f"mongodb://${{login}}@{mongodb.host}:{mongodb.port}/"
    client = connect(url, SecretResolver(SecretsManager))
    rotate("first%")
    assert client.count(things, {}) == COUNT
    rotate("second:@/")
    client.close()  # a new connection logs in anew
    assert ids(client.find_raw(things, {"_id": 3}, batch_size=1)) == [3]
    assert fetched == ["login", "login"]
    kept["text"] = '{"username": "rotating", "password": "wrong"}'
    mongodb.create_user("rotating", "third", ("read", things.database))
    client.close()
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(InvalidCredentialsError):
            client.count(things, {})
    assert time.monotonic() - began < 5


def test_who_has_no_right_is_told_what_is_refused(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    client = connect(mongodb.create_user("nobody", "x", ("read", "elsewhere")))
    with pytest.raises(AccessDeniedError, match=f"{things.database}.things: not authorized"):
        list(client.find_raw(things, {}, batch_size=1))
    with pytest.raises(AccessDeniedError, match="not authorized"):
        client.listing(things.database, {"listCollections": 1})


def test_what_the_server_does_not_know(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    client = connect(mongodb.url)
    with pytest.raises(UnsupportedOperationError, match="frobnicate"):
        client.run("admin", {"frobnicate": 1})
    with pytest.raises(UnsupportedOperationError, match="frobnicate"):
        client.aggregate(things, [{"$frobnicate": 1}])
    with pytest.raises(InvalidRequestError, match="frobnicate"):
        list(client.find_raw(things, {"x": {"$frobnicate": 1}}, batch_size=1))


@pytest.mark.parametrize(
    ("url", "kind", "reason"),
    [
        ("mongodb://u:hunter2@127.0.0.1:1/", SourceError, r"127.0.0.1:1: .*refused.*VPC"),
        ("mongodb://u:hunter2@no.such.invalid/", ConfigurationError, r"no.such.invalid.*resolves"),
        ("mongodb+srv://u:hunter2@no.such.invalid/", ConfigurationError, r"DNS.*no.such.invalid"),
        ("mongodb://u:hunter2@127.0.0.1:99999/", ConfigurationError, r"default_docdb.*malformed"),
    ],
)
def test_a_server_that_can_not_be_reached(
    connect: Connect, url: str, kind: type[Exception], reason: str
) -> None:
    client = connect(f"{url}?{FEW_MS}")
    began = time.monotonic()
    with pytest.raises(kind, match=reason) as caught:
        client.run("admin", {"ping": 1})
    assert time.monotonic() - began < 5
    assert "hunter2" not in str(caught.value)


def test_a_server_without_tls_refuses_tls(mongodb: MongoDb, connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match=r"SSL handshake failed.*tls_ca_file"):
        connect(f"{mongodb.url}?tls=true&{FEW_MS}").run("admin", {"ping": 1})


def test_tls(tmp_path: Path, connect: Connect) -> None:
    certificate = self_signed(tmp_path)
    with mongodb_server(certificate=certificate) as server:
        login, _, place = server.url.partition("?")[0].rpartition("@")
        url = f"{login}@{place}?directConnection=true&{FEW_MS}"
        for trusting in ("ssl=true", "tls=true"):
            client = connect(f"{url}&{trusting}", tls_ca_file=str(certificate))
            assert client.run("admin", {"ping": 1})["ok"] == 1
        with pytest.raises(ConfigurationError, match="CERTIFICATE_VERIFY_FAILED"):
            connect(f"{url}&tls=true").run("admin", {"ping": 1})
        other = f"{url}&tls=true".replace("127.0.0.1", "localhost")
        client = connect(other, tls_ca_file=str(certificate))
        with pytest.raises(ConfigurationError, match="not valid for 'localhost'"):
            client.run("admin", {"ping": 1})
        with pytest.raises(SourceError, match=r"connection closed.*add tls=true"):
            connect(url).run("admin", {"ping": 1})


def test_a_login_with_the_functions_role_is_tried(
    mongodb: MongoDb, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    place = f"{mongodb.host}:{mongodb.port}"
    client = connect(
        f"mongodb://{place}/?authMechanism=MONGODB-AWS&authSource=%24external&{FEW_MS}"
    )
    with pytest.raises(InvalidCredentialsError, match="MONGODB-AWS"):
        client.run("admin", {"listDatabases": 1})


def test_a_killed_cursor_ends_the_read_with_an_error_that_allows_to_go_on(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    batches = connect(mongodb.url).find_raw(things, {}, batch_size=100)
    next(batches)
    database = mongodb.client()[things.database]
    idle = mongodb.client().admin.aggregate([{"$currentOp": {"idleCursors": True}}])
    cursors = [op["cursor"]["cursorId"] for op in idle if op["type"] == "idleCursor"]
    database.command({"killCursors": "things", "cursors": cursors})
    with pytest.raises(SourceError, match="cursor") as caught:
        list(batches)
    assert is_resumable(caught.value)


def test_a_lost_connection_ends_the_read_with_an_error_that_allows_to_go_on(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    with tcp_proxy(mongodb.host, mongodb.port) as proxy:
        client = connect(mongodb.through(proxy.port))
        batches = client.find_raw(things, {}, batch_size=1000, sort=[("_id", 1)])
        came = bson.decode_all(next(batches))
        proxy.cut_after(100_000)
        with pytest.raises(SourceError) as caught:
            list(batches)
        assert is_resumable(caught.value)
        proxy.heal()
        rest = client.find_raw(
            things, {"_id": {"$gt": came[-1]["_id"]}}, batch_size=1000, sort=[("_id", 1)]
        )
        assert [each["_id"] for each in came] + ids(rest) == list(range(COUNT))


def test_a_read_goes_on_when_the_primary_steps_down(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    client = connect(mongodb.url)
    batches = client.find_raw(things, {}, batch_size=1000)
    came = ids(iter([next(batches)]))
    mongodb.step_down()
    assert sorted(came + ids(batches)) == list(range(COUNT))
    assert client.count(things, {}) == COUNT


def test_a_dropped_collection_ends_the_read_with_an_error(
    mongodb: MongoDb, connect: Connect
) -> None:
    name = mongodb.create_database()
    mongodb.client()[name].c.insert_many({"_id": i} for i in range(100))
    batches = connect(mongodb.url).find_raw(Collection(name, "c"), {}, batch_size=10)
    next(batches)
    mongodb.client()[name].c.drop()
    with pytest.raises(SourceError, match=f"{name}.c: .*drop.*changed") as caught:
        list(batches)
    assert not is_resumable(caught.value)


@pytest.mark.parametrize("silent", [False, True])
def test_a_running_request_is_cancelled_promptly(
    mongodb: MongoDb,
    things: Collection,
    connect: Connect,
    silent: bool,  # noqa: FBT001
) -> None:
    with tcp_proxy(mongodb.host, mongodb.port) as proxy:
        client = connect(mongodb.through(proxy.port))
        client.run("admin", {"ping": 1})
        caught: list[Exception] = []

        def read() -> None:
            try:
                list(client.find_raw(things, waiting(), batch_size=1))
            except SourceTimeoutError as error:
                caught.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        assert eventually(lambda: running(mongodb, things))
        if silent:
            proxy.stall_after(0)
        began = time.monotonic()
        client.cancel()
        thread.join()
        assert time.monotonic() - began < 3
        assert "cancelled" in str(caught[0])
        assert not is_resumable(caught[0])
        proxy.heal()
        assert eventually(lambda: not running(mongodb, things))
        with pytest.raises(SourceTimeoutError, match="cancelled"):
            client.run("admin", {"ping": 1})
        client.release()
        assert client.run("admin", {"ping": 1})["ok"] == 1


def test_a_request_ends_at_its_deadline(
    mongodb: MongoDb, things: Collection, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("client", "connection"):
        monkeypatch.setattr(f"athena_connectors.documentdb.{module}.GRACE_SECONDS", 0.1)
    client = connect(mongodb.url)
    slow = waiting()
    for ask in (
        lambda last: list(client.find_raw(things, slow, batch_size=1, deadline=last)),
        lambda last: list(
            client.aggregate_raw(things, [{"$match": slow}], batch_size=1, deadline=last)
        ),
        lambda last: client.find(things, slow, deadline=last),
        lambda last: client.aggregate(things, [{"$match": slow}], deadline=last),
        lambda last: client.count(things, slow, deadline=last),
    ):
        began = time.monotonic()
        with pytest.raises(SourceTimeoutError):
            ask(began + 0.2)
        assert time.monotonic() - began < 2
        with pytest.raises(DeadlineExceededError, match="nearly over"):
            ask(time.monotonic())


def test_a_silent_network_ends_a_request_at_its_deadline(
    mongodb: MongoDb, things: Collection, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("athena_connectors.documentdb.connection.GRACE_SECONDS", 0.1)
    with tcp_proxy(mongodb.host, mongodb.port) as proxy:
        client = connect(mongodb.through(proxy.port))
        began = time.monotonic()
        batches = client.find_raw(things, {}, batch_size=100, deadline=began + 0.5)
        next(batches)
        proxy.stall_after(0)
        with pytest.raises(SourceTimeoutError, match="has not answered in time") as caught:
            next(batches)
        assert time.monotonic() - began < 3
        assert not is_resumable(caught.value)
        proxy.heal()
        assert client.count(things, {}) == COUNT


def test_a_read_that_is_given_up_leaves_no_cursor(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    def open_cursors() -> int:
        found: int = mongodb.client().admin.command("serverStatus")["metrics"]["cursor"]["open"][
            "total"
        ]
        return found

    before = open_cursors()
    batches = connect(mongodb.url).find_raw(things, {}, batch_size=10)
    next(batches)
    assert open_cursors() == before + 1
    batches.close()  # type: ignore[attr-defined]
    assert open_cursors() == before


def test_connections_stay_for_the_next_invocation(
    mongodb: MongoDb, things: Collection, connect: Connect
) -> None:
    with tcp_proxy(mongodb.host, mongodb.port) as proxy:
        client = connect(mongodb.through(proxy.port))
        client.count(things, {})
        before = proxy.connections
        client.release()
        client.count(things, {})
        assert proxy.connections == before


def test_neither_logs_nor_reprs_show_a_secret_or_a_value(
    mongodb: MongoDb, things: Collection, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("pymongo").setLevel(logging.NOTSET)
    client = connect(mongodb.create_user("logged", "hunter2", ("read", things.database)))
    client.count(things, {"text": "hunter2"})
    driver = client._connection._driver()[1]
    assert "hunter2" not in caplog.text + repr(driver) + repr(client) + repr(client.address())
