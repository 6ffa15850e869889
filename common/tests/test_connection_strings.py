from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from athena_connectors.common.errors import (
    CatalogNotFoundError,
    ConfigurationError,
    InvalidCredentialsError,
    InvalidRequestError,
)
from athena_connectors.common.secrets import Secret
from athena_connectors.common.sql.connection_strings import (
    ConnectionString,
    connection_strings,
    credentials_from_secret,
    parse_connection_string,
    resolve_catalog,
)
from hypothesis import given
from hypothesis import strategies as st


def parse(text: str, *, engine: str = "postgres") -> ConnectionString:
    return parse_connection_string(text, engine=engine, catalog="default")


def password_of(target: ConnectionString) -> str | None:
    return target.password.reveal() if target.password else None


# Every form of the reference, section 3.1, and what it comes to.
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "secret": (
        "postgres://jdbc:postgresql://h:5432/db?${MySecret}",
        {"secret_name": "MySecret"},
    ),
    "secret after a property": (
        "postgres://jdbc:postgresql://h:5432/db?sslmode=require&${MySecret}",
        {"secret_name": "MySecret", "properties": {"sslmode": "require"}},
    ),
    "secret before a property": (
        "postgres://jdbc:postgresql://h:5432/db?${MySecret}&sslmode=verify-ca",
        {"secret_name": "MySecret", "properties": {"sslmode": "verify-ca"}},
    ),
    "secret= is noise": (
        "postgres://jdbc:postgresql://h:5432/db?secret=${MySecret}",
        {"secret_name": "MySecret"},
    ),
    "only the first secret counts": (
        "postgres://jdbc:postgresql://h:5432/db?${One}&${Two}",
        {"secret_name": "One"},
    ),
    "secret without a question mark": (
        "postgres://jdbc:postgresql://h:5432/db${MySecret}",
        {"secret_name": "MySecret"},
    ),
    "leading dollar": (
        "$postgres://jdbc:postgresql://h:5432/db?${MySecret}",
        {"secret_name": "MySecret"},
    ),
    "inline": (
        "postgres://jdbc:postgresql://h:5432/db?user=u&password=p",
        {"user": "u", "password": Secret("p")},
    ),
    "semicolons": (
        "postgres://jdbc:postgresql://h:5432/db;user=u;password=p",
        {"user": "u", "password": Secret("p")},
    ),
    "a semicolon inside a password": (
        "postgres://jdbc:postgresql://h:5432/db?password=p;w&user=u",
        {"user": "u", "password": Secret("p;w")},
    ),
    "userinfo": (
        "postgres://jdbc:postgresql://u%40corp:p%3A%2F@h:5432/db",
        {"user": "u@corp", "password": Secret("p:/")},
    ),
    "plus is no blank": (
        "postgres://jdbc:postgresql://h:5432/db?user=u&password=a+b%2Bc%20d",
        {"user": "u", "password": Secret("a+b+c d")},
    ),
    "IAM": (
        "postgres://jdbc:postgresql://h:5432/db?iamAuth=true&user=db_user",
        {"user": "db_user", "properties": {"iamauth": "true"}},
    ),
    "no port": ("postgres://jdbc:postgresql://h/db", {"hosts": (("h", None),)}),
    "no database": (
        "postgres://jdbc:postgresql://h:5432?${S}",
        {"database": "", "secret_name": "S"},
    ),
    "a database to decode": ("postgres://jdbc:postgresql://h:5432/my%20db/", {"database": "my db"}),
    "several hosts": (
        "postgres://jdbc:postgresql://h1:5432,h2/db?targetServerType=preferSecondary",
        {
            "hosts": (("h1", 5432), ("h2", None)),
            "properties": {"targetservertype": "preferSecondary"},
        },
    ),
    "IPv6": (
        "postgres://jdbc:postgresql://[2001:db8::1]:6432,[::2],fe80::3/db",
        {"hosts": (("2001:db8::1", 6432), ("::2", None), ("fe80::3", None))},
    ),
    "no host": ("postgres://jdbc:postgresql:///db?${S}", {"hosts": (), "secret_name": "S"}),
    "no slashes": ("postgres://jdbc:postgresql:h:5432/db", {}),
    "no jdbc": ("postgres://u:p@h:5432/db", {"user": "u", "password": Secret("p")}),
    "SQLAlchemy": ("postgresql://u:p@h:5432/db", {"user": "u", "password": Secret("p")}),
    "SQLAlchemy with a driver": (
        "postgresql+psycopg2://u:p@h:5432/db",
        {"user": "u", "password": Secret("p")},
    ),
    "SQLAlchemy behind the prefix": (
        "postgres://postgresql+psycopg2://u:p@h:5432/db",
        {"user": "u", "password": Secret("p")},
    ),
    "a host called postgresql": (
        "postgres://postgresql:5432/db",
        {"hosts": (("postgresql", 5432),)},
    ),
    "a user called postgresql": (
        "postgres://postgresql:p@h:5432/db",
        {"user": "postgresql", "password": Secret("p")},
    ),
    "no prefix": ("jdbc:postgresql://h:5432/db", {}),
    "blanks around": ("  postgres://jdbc:postgresql://h:5432/db\n", {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_checklist_1_accepts_every_deployed_form(form: str) -> None:
    text, expected = FORMS[form]
    found = parse(text)
    wanted = {
        "engine": "postgres",
        "catalog": "default",
        "hosts": (("h", 5432),),
        "database": "db",
        "user": "",
        "password": None,
        "properties": {},
        "secret_name": None,
        **expected,
    }
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_issue_801_mysql_has_the_same_grammar() -> None:
    found = parse("mysql://jdbc:mysql://user:pass@h:3306/db?useSSL=true&${S}", engine="mysql")
    assert (found.user, password_of(found), found.secret_name) == ("user", "pass", "S")
    assert found.hosts == (("h", 3306),)
    assert found.properties == {"usessl": "true"}


@pytest.mark.parametrize(
    "name",
    [
        "spec.@/Ch@rac+=r_",
        "rds!service-linked-secret",
        "redshift:credentials-secret",
        "opsworks-cm:credentials12",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1a2b-AbCdEf",
    ],
)
def test_issue_2129_finds_odd_secret_names(name: str) -> None:
    found = parse(f"postgres://jdbc:postgresql://h:5432/db?${{{name}}}&sslmode=require")
    assert found.secret_name == name
    assert found.properties == {"sslmode": "require"}


@pytest.mark.parametrize("bad", ["${inv&li$dSecret}", "${an*therOne))}", "${in^a]i?}", "${}"])
def test_checklist_1_rejects_what_is_no_secret_name(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="no secret's name"):
        parse(f"postgres://jdbc:postgresql://h:5432/db?{bad}")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://jdbc:postgresql://h:5432/db",
        "mysql://jdbc:mysql://h:3306/db",
        "Postgres://jdbc:postgresql://h:5432/db",
        "jdbc:mysql://h:5432/db",
        "h:5432/db",
        "",
        "postgres://jdbc:mysql://h:3306/db",
    ],
)
def test_issue_110_and_685_rejects_another_prefix_and_shows_the_right_one(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert "postgres://jdbc:postgresql://HOST:PORT/DATABASE?${SECRET}" in str(caught.value)
    assert "setting default" in str(caught.value)


def test_names_the_setting_of_the_catalog() -> None:
    with pytest.raises(ConfigurationError, match="setting shop_connection_string"):
        parse_connection_string("mysql://x", engine="postgres", catalog="shop")


@pytest.mark.parametrize(
    "text",
    [
        "postgres://jdbc:postgresql://u:hun/ter2@h:5432/db",
        "postgres://jdbc:postgresql://u:hunter2?x@h:5432/db",
        "postgres://jdbc:postgresql://h:hunter2/db",
        "postgres://jdbc:postgresql://h:99999/db?password=hunter2",
        "postgres://jdbc:postgresql://h:0/db?password=hunter2",
        "postgres://jdbc:postgresql://h:²/db?password=hunter2",
    ],
)
def test_errors_do_not_repeat_what_may_be_a_password(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert "hun" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(password=st.text(min_size=1), user=st.text(min_size=1))
def test_issue_195_135_and_479_credentials_survive_encoding(user: str, password: str) -> None:
    user_text, password_text = quote(user, safe=""), quote(password, safe="")
    for text in (
        f"postgres://jdbc:postgresql://h/db?user={user_text}&password={password_text}",
        f"postgres://jdbc:postgresql://h/db?password={password_text};user={user_text}",
        f"postgres://{user_text}:{password_text}@h/db",
    ):
        found = parse(text)
        assert (found.user, password_of(found)) == (user, password)


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    for start in ("postgres://", "postgres://jdbc:postgresql://"):
        try:
            parse(start + text)
        except ConfigurationError:
            continue


def test_a_repr_holds_no_credential() -> None:
    found = parse("postgres://u:hunter2@h/db?sslpassword=hunter3&password=hunter4")
    assert "hunter" not in repr(found)
    secret = credentials_from_secret('{"username":"u","password":"hunter2"}', "s")
    assert "hunter" not in repr(secret)


def test_reads_a_secret() -> None:
    text = json.dumps(
        {
            "UserName": "u",
            "PASSWORD": " p w ",
            "engine": "postgres",
            "host": "h",
            "port": 6432,
            "dbname": "db",
            "dbInstanceIdentifier": "x",
            "masterarn": None,
            "ca_cert": "-----BEGIN",
        }
    )
    found = credentials_from_secret(text, "s")
    assert (found.user, found.password.reveal()) == ("u", " p w ")
    assert (found.host, found.port, found.database) == ("h", 6432, "db")
    assert found.ca_certificate == "-----BEGIN"


def test_reads_the_aliases_of_a_secret() -> None:
    found = credentials_from_secret(
        '{"user": "u", "password": "p", "port": "5433", "sslrootcert": "pem"}', "s"
    )
    assert (found.user, found.port, found.ca_certificate) == ("u", 5433, "pem")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("hunter2", "no JSON object"),
        ('"hunter2"', "no JSON object"),
        ('["hunter2"]', "no JSON object"),
        ("", "no JSON object"),
        ('{"password": "hunter2"}', "no username"),
        ('{"username": " ", "password": "hunter2"}', "no username"),
        ('{"username": "u", "pass": "hunter2"}', "no password"),
        ('{"username": "u", "password": ""}', "no password"),
        ('{"username": "u", "password": "hunter2", "port": "hunter2"}', "a port"),
    ],
)
def test_a_bad_secret_is_named_and_not_shown(text: str, fact: str) -> None:
    with pytest.raises(InvalidCredentialsError) as caught:
        credentials_from_secret(text, "my/secret")
    assert fact in caught.value.message
    assert "my/secret" in caught.value.message
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


DEFAULT = "postgres://jdbc:postgresql://h/db?${S}"


def test_collects_the_catalogs() -> None:
    environ = {
        "default": DEFAULT,
        "Shop_connection_string": "postgres://jdbc:postgresql://shop/db",
        "logs_connection_string": "postgresql://logs/db",
        "_connection_string": "not one",
        "connection_string": "not one",
        "PATH": "/bin",
    }
    strings = connection_strings(environ, engine="postgres")
    assert set(strings) == {"default", "Shop", "logs"}
    assert strings["default"] == DEFAULT


@pytest.mark.parametrize("environ", [{}, {"default": " "}, {"shop_connection_string": DEFAULT}])
def test_checklist_1_needs_a_default(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="setting default is missing") as caught:
        connection_strings(environ, engine="mysql")
    assert "such as mysql://jdbc:mysql://HOST:PORT/DATABASE?${SECRET}." in caught.value.hint


def test_checklist_1_takes_100_catalogs_and_not_101() -> None:
    environ = {"default": DEFAULT} | {f"c{n}_connection_string": DEFAULT for n in range(99)}
    assert len(connection_strings(environ, engine="postgres")) == 100
    environ["one_more_connection_string"] = DEFAULT
    with pytest.raises(ConfigurationError, match="101 connection strings"):
        connection_strings(environ, engine="postgres")
    assert len(connection_strings(environ | {"glue_connection": "g"}, engine="postgres")) == 101


def test_rejects_several_engines_by_their_settings() -> None:
    environ = {"default": DEFAULT, "shop_connection_string": "mysql://jdbc:mysql://h/db"}
    with pytest.raises(ConfigurationError, match="default, shop_connection_string"):
        connection_strings(environ, engine="postgres")


STRINGS = {"default": DEFAULT, "Shop": DEFAULT, "logs": DEFAULT}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", "default"),
        ("Shop", "Shop"),
        ("shop", "Shop"),
        ("LOGS", "logs"),
        ("lambda:my-function", "default"),
        ("Lambda:other", "default"),
    ],
)
def test_resolves_catalogs(name: str, expected: str) -> None:
    assert resolve_catalog(name, STRINGS) == expected


def test_an_unknown_catalog_tells_what_to_set() -> None:
    with pytest.raises(CatalogNotFoundError, match="Set the environment variable x_connection_str"):
        resolve_catalog("x", STRINGS)


def test_a_lone_default_serves_every_catalog() -> None:
    assert resolve_catalog("anything", {"default": DEFAULT}) == "default"


def test_an_exact_name_wins_and_a_tie_is_told() -> None:
    strings = STRINGS | {"SHOP": DEFAULT}
    assert resolve_catalog("Shop", strings) == "Shop"
    with pytest.raises(InvalidRequestError, match="SHOP_connection_string, Shop_connection_string"):
        resolve_catalog("shop", strings)


GLUE = {"glue_connection": "g", "HOST": "h", "PORT": "5432", "DATABASE": "db"}


@pytest.mark.parametrize(
    ("more", "query"),
    [
        ({}, ""),
        ({"secret_name": "s"}, "${s}"),
        ({"JDBC_PARAMS": "sslmode=require"}, "sslmode=require"),
        ({"JDBC_PARAMS": "sslmode=require", "secret_name": "s"}, "sslmode=require&${s}"),
    ],
)
def test_checklist_2_a_glue_connection_gives_the_default(more: dict[str, str], query: str) -> None:
    strings = connection_strings(GLUE | more, engine="postgres")
    assert strings == {"default": f"postgres://jdbc:postgresql://h:5432/db?{query}"}
    found = parse(strings["default"])
    assert (found.hosts, found.database) == ((("h", 5432),), "db")
    assert found.secret_name == more.get("secret_name")


def test_a_default_goes_before_the_glue_connection() -> None:
    text = "postgres://jdbc:postgresql://other/db?user=u"
    assert connection_strings(GLUE | {"default": text}, engine="postgres")["default"] == text


def test_a_glue_connection_without_a_host() -> None:
    environ = {name: value for name, value in GLUE.items() if name not in ("HOST", "PORT")}
    with pytest.raises(ConfigurationError, match="no HOST and no PORT"):
        connection_strings(environ, engine="postgres")
