from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.errors import (
    ConfigurationError,
    InvalidCredentialsError,
    InvalidRequestError,
)
from athena_connectors.common.secrets import Secret
from athena_connectors.documentdb.connection_strings import Target, address_of, target_of
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from athena_connectors.documentdb.connection_strings import Address

TEXTS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1)


def address(text: str, **secrets: str) -> Address:
    return address_of(Target("default_docdb", text), secrets.__getitem__)


def test_a_catalog_has_the_string_of_the_variable_named_like_it() -> None:
    environ = {
        "default_docdb": "mongodb://default",
        "Orders": "mongodb://orders",
        "path": "/usr/bin",
        "srv": " mongodb+srv://srv ",
    }
    assert target_of("orders", environ) == Target("Orders", "mongodb://orders")
    assert target_of("SRV", environ) == Target("srv", "mongodb+srv://srv")
    for other in ("path", "elsewhere", "default_docdb", ""):
        assert target_of(other, environ) == Target("default_docdb", "mongodb://default")


def test_names_that_differ_in_case_only_need_the_exact_one() -> None:
    environ = {"orders": "mongodb://a", "Orders": "mongodb://b"}
    assert target_of("Orders", environ).text == "mongodb://b"
    with pytest.raises(InvalidRequestError, match=r"'ORDERS' fits .* Orders, orders"):
        target_of("ORDERS", environ)


def test_a_catalog_without_a_string_names_the_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"'orders'.*Set default_docdb"):
        target_of("orders", {"default_docdb": " "})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "mongodb://h:27017/"),
        ({"secret_name": "s"}, "mongodb://${s}@h:27017/"),
        ({"JDBC_PARAMS": "a=b"}, "mongodb://h:27017/?a=b"),
        ({"ENFORCE_SSL": "true"}, "mongodb://h:27017/?ssl=true"),
        ({"ENFORCE_SSL": "TRUE", "JDBC_PARAMS": "a=b"}, "mongodb://h:27017/?ssl=true&a=b"),
        ({"ENFORCE_SSL": "true", "JDBC_PARAMS": "SSL=true"}, "mongodb://h:27017/?SSL=true"),
        ({"AUTHENTICATION_DATABASE": "users"}, "mongodb://h:27017/users"),
        ({"default_docdb": "mongodb://own"}, "mongodb://own"),
    ],
)
def test_a_glue_connection_gives_the_default(more: dict[str, str], expected: str) -> None:
    environ = {"glue_connection": "g", "HOST": "h", "PORT": "27017", **more}
    assert target_of("any", environ).text == expected


def test_a_glue_connection_must_say_where_the_server_is() -> None:
    with pytest.raises(ConfigurationError, match="'g' has no HOST and no PORT"):
        target_of("any", {"glue_connection": "g"})


@settings(max_examples=200)
@given(user=TEXTS, password=TEXTS)
def test_any_login_of_a_secret_reaches_the_driver_as_it_is(user: str, password: str) -> None:
    secret = json.dumps({"UserName": user, "PASSWORD": password, "port": 27017})
    found = address("mongodb://${s}@host/db?tls=true", s=secret)
    assert (found.user, found.hosts, found.database) == (user, "host", "db")
    assert found.password == Secret(password)


PLAIN = TEXTS.filter(lambda text: not set(text) & set("+%{"))


@settings(max_examples=200)
@given(user=PLAIN.filter(lambda text: ":" not in text), password=PLAIN)
def test_a_raw_secret_is_encoded_if_it_could_not_be_read(user: str, password: str) -> None:
    found = address("mongodb://${s}@host/db", s=f"{user}:{password}")
    assert (found.user, found.hosts, found.database) == (user, "host", "db")
    assert found.password == Secret(password)


def test_a_raw_secret_that_is_encoded_is_left_as_it_is() -> None:
    found = address("mongodb://${s}@host", s="us%40er:pa%2F+ss\n")
    assert (found.user, found.password) == ("us@er", Secret("pa/ ss"))
    found = address("mongodb://${s}@host", s="user:100%")
    assert found.password == Secret("100%")


def test_secrets_stand_anywhere() -> None:
    assert address("${all}", all="mongodb://u:p@host/").user == "u"
    found = address(
        "mongodb://${a:b/c}.example:1,[::1]:2/?replicaSet=${r}", **{"a:b/c": "h", "r": "x"}
    )
    assert found.endpoints == (("h.example", 1), ("::1", 2))
    assert found.option("replicaset") == "x"
    target = Target("x", "mongodb://${a}${b}${a}")
    assert target.secret_names == ("a", "b")


@pytest.mark.parametrize(
    ("text", "endpoints", "encrypted"),
    [
        ("mongodb://host", (("host", 27017),), False),
        ("mongodb://host/?tls=true", (("host", 27017),), True),
        ("mongodb://host/?SSL=True", (("host", 27017),), True),
        ("mongodb://host/?a=b;ssl=true", (("host", 27017),), True),
        ("mongodb://host/?tls=false", (("host", 27017),), False),
        ("mongodb+srv://host/", (), True),
        ("mongodb+srv://host/?tls=false", (), False),
        ("mongodb://%2Ftmp%2Fsock", (), False),
    ],
)
def test_hosts_and_encryption(
    text: str,
    endpoints: tuple[tuple[str, int], ...],
    encrypted: bool,  # noqa: FBT001
) -> None:
    found = address(text)
    assert (found.endpoints, found.is_encrypted) == (endpoints, encrypted)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("jdbc:mongodb://user:hunter2@host", "does not start with mongodb://"),
        ("mongodb://user:hunter2/@host", "/ or \\? in its user or password"),
        ("mongodb://user:hunter2?@host", "/ or \\? in its user or password"),
        ("mongodb://user:hunter2@x@host", "have to be encoded"),
        ("mongodb://user:hunter2%zz@host", "have to be encoded"),
        ("mongodb://user:hunter2@", "names no host"),
        ("mongodb://user:hunter2${}@host", "no secret's name"),
    ],
)
def test_what_can_not_be_read_is_told_without_the_password(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=f"default_docdb .*{reason}") as caught:
        address(text)
    assert "hunter2" not in str(caught.value)


def test_a_secret_without_a_password_is_named() -> None:
    with pytest.raises(InvalidCredentialsError, match="Secret s has no password"):
        address("mongodb://${s}@host", s='{"username": "u"}')


def test_nothing_shows_a_password() -> None:
    target = Target("x", "mongodb://user:hunter2@host/?authMechanismProperties=T:hunter2")
    assert "hunter2" not in repr(target)
    assert "hunter2" not in repr(address(target.text))
