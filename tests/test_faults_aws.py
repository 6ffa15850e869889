"""S3, KMS, Secrets Manager and Athena that refuse, break or throttle end a read as a whole.

The stand-ins of AWS behind a proxy that makes the faults, and a real PostgreSQL server.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectorError,
    InvalidCredentialsError,
    NotFoundError,
    QueryStoppedError,
    SourceError,
    SpillError,
    ThrottledError,
)
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.aws_proxy import AwsFault, aws_proxy
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.faults import FaultCheck, OneInstance
from athena_connectors.common.testing.postgres_sessions import require_rest
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.jdbc_postgres.app import handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.aws_proxy import AwsProxy
    from athena_connectors.common.testing.postgres import PostgresAddress
    from athena_connectors.common.testing.tcp_proxy import TcpProxy

    Hold = Callable[..., FaultCheck]

PASSWORD = "correct horse/battery+staple"
SECRET_KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzzzzzzKEY"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN//////////wEaCXVzLWVhc3QtMSJHMEUCIQ=="
BUCKET = "faults-spill"
BLOCK_BYTES = 100_000
BIG_ROWS = 30_000

TABLES = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (id int4, note text)",
    "INSERT INTO shop.orders VALUES (1, 'first'), (2, NULL)",
    f"""CREATE VIEW shop.big AS SELECT g AS id, repeat('x', 100) AS text
        FROM generate_series(1, {BIG_ROWS}) AS g""",
    """CREATE VIEW shop.endless AS SELECT generate_series(1, 2000000000) AS id,
        repeat('x', 100) AS text""",
    """CREATE VIEW shop.slow AS SELECT g AS id, pg_sleep(0.2)::text AS text
        FROM generate_series(1, 12) AS g""",
    "CREATE VIEW shop.wide AS SELECT 1 AS id, 'y' AS short, repeat('x', 200000) AS essay",
)
ORDERS = [{"id": 1, "note": "first"}, {"id": 2, "note": None}]


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let AWS clients repeat a call at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[AwsAddress]:
    with aws_server() as address:
        address.create_bucket(BUCKET)
        yield address


@pytest.fixture(scope="module")
def proxy(stand_ins: AwsAddress) -> Iterator[AwsProxy]:
    with aws_proxy(stand_ins) as it:
        yield it


@pytest.fixture
def aws(proxy: AwsProxy) -> Iterator[AwsProxy]:
    """AWS without a fault so far."""
    proxy.forget()
    yield proxy
    proxy.heal()


@pytest.fixture(scope="module")
def key_id(stand_ins: AwsAddress) -> str:
    """A KMS key."""
    found: str = stand_ins.client("kms").create_key()["KeyMetadata"]["KeyId"]
    return found


@pytest.fixture(scope="module")
def role() -> str:
    return f"faulty_aws_{os.getpid()}"


@pytest.fixture(scope="module")
def shop(postgres: PostgresAddress, role: str) -> Iterator[PostgresAddress]:
    """A database whose owner is the function."""
    postgres.execute(f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} SUPERUSER LOGIN")
    postgres.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")
    mine = postgres.create_database(role).of_user(role, PASSWORD)
    mine.execute(*TABLES)
    yield mine
    postgres.drop_database(role)
    postgres.execute(f"DROP ROLE {role}")


@pytest.fixture(scope="module")
def network(shop: PostgresAddress) -> Iterator[TcpProxy]:
    with tcp_proxy(shop.host, shop.port) as it:
        yield it


class Instances:
    """Functions that find AWS behind the proxy; made once for the same settings."""

    def __init__(self, shop: PostgresAddress, proxy: AwsProxy, network: TcpProxy) -> None:
        through = replace(shop, host=network.host, port=network.port)
        self._environ = {
            **proxy.address.environ,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
            "default": through.connection_string,
            "spill_bucket": BUCKET,
            "MAX_BLOCK_SIZE_BYTES": str(BLOCK_BYTES),
            "fetch_size": "500",
            "statement_timeout_ms": "20000",  # a read that should have been stopped ends too
        }
        self._reader = S3Reader(proxy.address.environ)
        self._shared: dict[tuple[object, ...], OneInstance] = {}
        self._made: list[OneInstance] = []

    def __call__(
        self, *, max_inline_bytes: int = 10_000, fresh: bool = False, **settings: str
    ) -> OneInstance:
        """Return an instance.

        Args:
            max_inline_bytes: Largest inline block that is asked for.
            fresh: Whether it must not have been asked anything so far.
            settings: Settings that are not the usual ones.
        """
        key = (max_inline_bytes, *sorted(settings.items()))
        if fresh or key not in self._shared:
            environ = {**self._environ, **settings}
            instance = OneInstance(
                handler, environ, spill=self._reader, max_inline_bytes=max_inline_bytes
            )
            self._made.append(instance)
            self._shared[key] = instance
        return self._shared[key]

    @property
    def most_sessions(self) -> int:
        """Sessions that all of them may keep."""
        return len(self._made)

    def close(self) -> None:
        for instance in self._made:
            instance.close()


@pytest.fixture(scope="module")
def make(shop: PostgresAddress, proxy: AwsProxy, network: TcpProxy) -> Iterator[Instances]:
    instances = Instances(shop, proxy, network)
    yield instances
    instances.close()


def orders(instance: OneInstance) -> list[dict[str, Any]]:
    return instance.rows(instance.scan("shop.orders", "id", "note"))


@pytest.fixture
def hold(shop: PostgresAddress, make: Instances, capfd: pytest.CaptureFixture[str]) -> Hold:
    """Make the check of an instance."""

    def make_check(
        instance: OneInstance, recovered: Callable[[], object] | None = None
    ) -> FaultCheck:
        def works() -> None:
            assert orders(instance) == ORDERS

        return FaultCheck(
            instance,
            secrets=(PASSWORD, SECRET_KEY, SESSION_TOKEN),
            output=lambda: "".join(capfd.readouterr()),
            at_rest=lambda: require_rest(shop, most=make.most_sessions),
            recovered=recovered or works,
        )

    return make_check


# The spill bucket, when the splits are planned


def test_a_bucket_that_is_missing(hold: Hold, make: Instances, stand_ins: AwsAddress) -> None:
    instance = make(spill_bucket="nobodys-bucket")
    with hold(instance).expect(
        ConfigurationError,
        "'nobodys-bucket'",
        "does not exist",
        "spill_bucket",
        heal=lambda: stand_ins.create_bucket("nobodys-bucket"),
    ):
        orders(instance)


def test_a_bucket_with_a_bad_name(hold: Hold, make: Instances) -> None:
    instance = make(spill_bucket="s3://faults-spill/")
    check = hold(instance, recovered=instance.client.schemas)
    with check.expect(ConfigurationError, "'s3://faults-spill/'", "no s3://"):
        orders(instance)


HEAD_FAULTS: dict[str, tuple[AwsFault, type[ConnectorError], tuple[str, ...]]] = {
    "forbidden": (
        AwsFault("HeadBucket", 403),
        ConfigurationError,
        (f"'{BUCKET}'", "s3:ListBucket"),
    ),
    "in another region": (
        AwsFault("HeadBucket", 400),
        AccessDeniedError,
        ("AWS_REGION", "s3:HeadBucket", BUCKET),
    ),
    "failing": (AwsFault("HeadBucket", 500), SourceError, ("s3:HeadBucket", BUCKET)),
    "throttled": (AwsFault("HeadBucket", 503), ThrottledError, ("s3:HeadBucket", BUCKET)),
    "cut off": (AwsFault("HeadBucket", 0), SourceError, ("s3:HeadBucket", BUCKET)),
}


@pytest.mark.parametrize("name", HEAD_FAULTS)
def test_a_bucket_that_can_not_be_looked_at(
    hold: Hold, make: Instances, aws: AwsProxy, name: str
) -> None:
    fault, kind, words = HEAD_FAULTS[name]
    instance = make(fresh=True)
    aws.fail(fault)
    with hold(instance).expect(kind, *words, heal=aws.heal):
        orders(instance)


def test_aws_that_can_not_be_reached(hold: Hold, make: Instances, shop: PostgresAddress) -> None:
    with tcp_proxy(shop.host, shop.port) as closed:
        closed.refuse()
        instance = make(AWS_ENDPOINT_URL=f"http://127.0.0.1:{closed.port}")
        check = hold(instance, recovered=instance.client.schemas)
        with check.expect(SourceError, "s3:HeadBucket", "can't be reached", "VPC endpoint"):
            orders(instance)


# Blocks that can't be written


def read_all(instance: OneInstance, table: str) -> None:
    scan = instance.scan(table)
    (split,) = instance.client.splits(scan)
    instance.client.read(scan, split)


def test_a_large_result_without_a_bucket(hold: Hold, make: Instances) -> None:
    instance = make(spill_bucket="")
    with hold(instance).expect(SpillError, "shop.endless", "no spill bucket", "Set spill_bucket"):
        read_all(instance, "shop.endless")


PUT_FAULTS: dict[str, tuple[AwsFault, int, tuple[str, ...]]] = {
    "failing": (AwsFault("PutObject", 500, "InternalError"), 5, ("InternalError",)),
    "forbidden": (AwsFault("PutObject", 403, "AccessDenied"), 1, ("denies", "KMS key")),
    "cut off": (AwsFault("PutObject", 0), 5, ()),
    "throttled": (AwsFault("PutObject", 503, "SlowDown"), 5, ("throttles", "SlowDown")),
    "no bucket any more": (AwsFault("PutObject", 404, "NoSuchBucket"), 1, ("NoSuchBucket",)),
    "login expired": (AwsFault("PutObject", 400, "ExpiredToken"), 1, ("expired",)),
}


@pytest.mark.parametrize("name", PUT_FAULTS)
def test_the_third_put_fails(hold: Hold, make: Instances, aws: AwsProxy, name: str) -> None:
    fault, tries, words = PUT_FAULTS[name]
    instance = make()
    aws.fail(replace(fault, path_end=".2"))
    with hold(instance).expect(
        SpillError, f"s3://{BUCKET}/", ".2", "s3:PutObject", *words, heal=aws.heal
    ) as it:
        read_all(instance, "shop.endless")
    assert it.seconds < 10
    puts = [call.path for call in aws.calls("PutObject")]
    failed = [place for place, path in enumerate(puts) if path.endswith(".2")]
    assert len(failed) == tries
    assert len(puts) - failed[-1] < 40, "puts were begun after one had failed"


def test_a_put_that_fails_at_first(hold: Hold, make: Instances, aws: AwsProxy) -> None:
    instance = make()
    aws.fail(AwsFault("PutObject", 500, "InternalError", path_end=".2", times=2))
    aws.fail(AwsFault("PutObject", 503, "SlowDown", path_end=".5", times=2))
    aws.fail(AwsFault("PutObject", 0, path_end=".7", times=2))
    with hold(instance).watched():
        rows = instance.rows(instance.scan("shop.big", "id", "text"))
    assert [row["id"] for row in rows] == [*range(1, BIG_ROWS + 1)]
    assert {row["text"] for row in rows} == {"x" * 100}


def test_the_last_put_fails(hold: Hold, make: Instances, aws: AwsProxy) -> None:
    instance = make(max_inline_bytes=0)
    aws.fail(AwsFault("PutObject", 500, "InternalError"))
    with hold(instance).expect(SpillError, f"s3://{BUCKET}/", ".0", heal=aws.heal):
        orders(instance)


def largest_receive_buffer() -> int:
    """How far Linux lets a socket's receive buffer grow, in bytes."""
    return int(Path("/proc/sys/net/ipv4/tcp_rmem").read_text().split()[2])


def test_slow_puts_slow_down_the_read(
    hold: Hold, make: Instances, aws: AwsProxy, network: TcpProxy
) -> None:
    """No more is read than a few blocks and what the kernel may keep for one connection."""
    instance = make()
    scan = instance.scan("shop.endless")
    (split,) = instance.client.splits(scan)
    aws.fail(AwsFault("PutObject", delay_seconds=60))
    before = network.bytes_passed
    found: list[int] = []

    def look_and_break() -> None:
        until = time.monotonic() + 20
        seen = -1
        while seen != network.bytes_passed and time.monotonic() < until:
            seen = network.bytes_passed
            time.sleep(1)  # long enough that a read which goes on has got further
        found.append(network.bytes_passed - before)
        aws.heal()
        aws.fail(AwsFault("PutObject", 500, "InternalError"))

    looker = threading.Thread(target=look_and_break)
    with hold(instance).expect(SpillError, "InternalError", heal=aws.heal):
        looker.start()
        instance.client.read(scan, split)
    looker.join()
    (passed,) = found
    assert 0 < passed < 100 * BLOCK_BYTES + largest_receive_buffer()


def test_a_row_that_is_larger_than_a_block(hold: Hold, make: Instances) -> None:
    instance = make()
    with hold(instance).expect(SpillError, "shop.wide", "'essay'", "100,000", "200,"):
        read_all(instance, "shop.wide")


@pytest.mark.parametrize("encrypted", [True, False])
def test_blocks_are_encrypted_unless_that_is_switched_off(
    hold: Hold, make: Instances, stand_ins: AwsAddress, *, encrypted: bool
) -> None:
    instance = make(
        disable_spill_encryption=str(not encrypted).lower(), spill_prefix=f"encrypted-{encrypted}"
    )
    with hold(instance).watched():
        assert len(instance.rows(instance.scan("shop.big"))) == BIG_ROWS
    keys = [key for key in stand_ins.object_keys(BUCKET) if f"encrypted-{encrypted}" in key]
    assert len(keys) > 25
    for key in keys[:5]:
        assert (b"x" * 100 not in stand_ins.read_object(BUCKET, key)) == encrypted
    assert bool(instance.secrets) == encrypted


def test_headers_come_with_every_put(hold: Hold, make: Instances, aws: AwsProxy) -> None:
    headers = {"x-amz-acl": "bucket-owner-full-control", "x-amz-tagging": "team=athena"}
    instance = make(spill_put_request_headers=json.dumps(headers))
    with hold(instance).watched():
        assert len(instance.rows(instance.scan("shop.big"))) == BIG_ROWS
    puts = aws.calls("PutObject")
    assert len(puts) > 25
    for put in puts:
        assert headers.items() <= put.headers.items()


# Keys


def test_kms_makes_the_keys(hold: Hold, make: Instances, aws: AwsProxy, key_id: str) -> None:
    instance = make(fresh=True, kms_key_id=key_id, max_inline_bytes=0)
    aws.fail(AwsFault("GenerateDataKey", 400, "ThrottlingException", times=3))
    aws.fail(AwsFault("GenerateRandom", 0, times=2))
    with hold(instance).watched():
        assert orders(instance) == ORDERS
    assert len(aws.calls("PutObject")) == 1
    assert len(aws.calls("GenerateDataKey")) == 4
    assert len(aws.calls("GenerateRandom")) == 3


def _kms(code: str, status: int = 400, operation: str = "GenerateDataKey") -> AwsFault:
    return AwsFault(operation, status, code)


KMS_FAULTS: dict[str, tuple[AwsFault, type[ConnectorError], tuple[str, ...]]] = {
    "throttled": (
        _kms("ThrottlingException"),
        ThrottledError,
        ("kms:GenerateDataKey", "ThrottlingException"),
    ),
    "random throttled": (
        _kms("ThrottlingException", operation="GenerateRandom"),
        ThrottledError,
        ("kms:GenerateRandom",),
    ),
    "denied": (_kms("AccessDeniedException"), AccessDeniedError, ("kms:GenerateDataKey",)),
    "disabled key": (_kms("DisabledException"), SourceError, ("DisabledException",)),
    "failing": (_kms("KMSInternalException", 500), SourceError, ("KMSInternalException",)),
    "cut off": (_kms("", 0), SourceError, ("kms:GenerateDataKey",)),
    "login expired": (
        _kms("ExpiredTokenException"),
        InvalidCredentialsError,
        ("kms:GenerateDataKey", "expired"),
    ),
}


@pytest.mark.parametrize("name", KMS_FAULTS)
def test_kms_fails(hold: Hold, make: Instances, aws: AwsProxy, key_id: str, name: str) -> None:
    fault, kind, words = KMS_FAULTS[name]
    instance = make(kms_key_id=key_id)
    aws.fail(fault)
    named = () if kind is InvalidCredentialsError else (key_id, "kms_key_id")
    with hold(instance).expect(kind, *words, *named, heal=aws.heal):
        orders(instance)


def test_a_key_that_is_missing(hold: Hold, make: Instances) -> None:
    missing = "11111111-2222-3333-4444-555555555555"
    instance = make(kms_key_id=missing)
    check = hold(instance, recovered=instance.client.schemas)
    with check.expect(NotFoundError, missing, "kms_key_id", "kms:GenerateDataKey"):
        orders(instance)


# The login


class Login:
    """A secret that holds the function's login.

    Attributes:
        name: The secret's.
        text: What it held first.
        string: A connection string that names it.
    """

    name = "login"

    def __init__(self, stand_ins: AwsAddress, shop: PostgresAddress, network: TcpProxy) -> None:
        self._client = stand_ins.client("secretsmanager")
        self._shop = shop
        self.text = self.holding(PASSWORD)
        self.string = (
            f"postgres://jdbc:postgresql://{network.host}:{network.port}/{shop.database}?${{login}}"
        )
        self._client.create_secret(Name=self.name, SecretString=self.text)

    def holding(self, password: str) -> str:
        return json.dumps({"username": self._shop.user, "password": password})

    def put(self, text: str) -> None:
        self._client.put_secret_value(SecretId=self.name, SecretString=text)

    def set_password(self, password: str) -> None:
        """Change it in the server only."""
        self._shop.execute(f"ALTER ROLE {self._shop.user} PASSWORD '{password}'")

    def forget(self) -> None:
        self._client.delete_secret(SecretId=self.name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def login(
    stand_ins: AwsAddress, shop: PostgresAddress, postgres: PostgresAddress, network: TcpProxy
) -> Iterator[Login]:
    it = Login(stand_ins, shop, network)
    yield it
    it.forget()
    postgres.execute(f"ALTER ROLE {shop.user} PASSWORD '{PASSWORD}'")


SECRET_FAULTS: dict[str, tuple[AwsFault, type[ConnectorError], tuple[str, ...]]] = {
    "missing": (
        AwsFault("GetSecretValue", 400, "ResourceNotFoundException"),
        InvalidCredentialsError,
        ("no secret login", "region"),
    ),
    "denied": (
        AwsFault("GetSecretValue", 400, "AccessDeniedException"),
        AccessDeniedError,
        ("secretsmanager:GetSecretValue", "login"),
    ),
    "not decrypted": (
        AwsFault("GetSecretValue", 400, "DecryptionFailure"),
        AccessDeniedError,
        ("login", "kms:Decrypt"),
    ),
    "marked for deletion": (
        AwsFault("GetSecretValue", 400, "InvalidRequestException"),
        InvalidCredentialsError,
        ("login", "deletion"),
    ),
    "throttled": (
        AwsFault("GetSecretValue", 400, "ThrottlingException"),
        ThrottledError,
        ("secretsmanager:GetSecretValue", "login"),
    ),
    "failing": (
        AwsFault("GetSecretValue", 500, "InternalServiceError"),
        SourceError,
        ("secretsmanager:GetSecretValue", "login"),
    ),
    "cut off": (
        AwsFault("GetSecretValue", 0),
        SourceError,
        ("secretsmanager:GetSecretValue", "login"),
    ),
}


@pytest.mark.parametrize("name", SECRET_FAULTS)
def test_secrets_manager_fails(
    hold: Hold, make: Instances, aws: AwsProxy, login: Login, name: str
) -> None:
    fault, kind, words = SECRET_FAULTS[name]
    instance = make(fresh=True, default=login.string, spill_bucket="")
    check = hold(instance)
    check.hide(login.text)
    aws.fail(fault)
    with check.expect(kind, *words, heal=aws.heal):
        orders(instance)


BAD_SECRETS = {
    "no JSON": "user=u password=hunter2-hunter2",
    "no object": '["u", "hunter2-hunter2"]',
    "no user": '{"password": "hunter2-hunter2"}',
    "no password": '{"username": "hunter2-hunter2"}',
}


@pytest.mark.parametrize("name", BAD_SECRETS)
def test_a_secret_that_is_no_login(hold: Hold, make: Instances, login: Login, name: str) -> None:
    login.put(BAD_SECRETS[name])
    instance = make(fresh=True, default=login.string, spill_bucket="")
    check = hold(instance, recovered=instance.client.ping)
    check.hide(BAD_SECRETS[name], "hunter2-hunter2")
    with check.expect(InvalidCredentialsError, login.name):
        orders(instance)


def test_a_password_that_is_rotated(
    hold: Hold, make: Instances, aws: AwsProxy, login: Login, shop: PostgresAddress
) -> None:
    instance = make(fresh=True, default=login.string, max_connection_age_s="0", spill_bucket="")
    check = hold(instance)
    check.hide(login.text, login.holding("the next password"), "the next password")
    with check.watched():
        assert orders(instance) == ORDERS
        login.set_password("the next password")
        login.put(login.holding("the next password"))
        fetched = len(aws.calls("GetSecretValue"))
        assert orders(instance) == ORDERS
    assert len(aws.calls("GetSecretValue")) == fetched + 1


def test_a_password_that_is_wrong(
    hold: Hold, make: Instances, aws: AwsProxy, login: Login, shop: PostgresAddress
) -> None:
    """The secret is read twice, as it may have been rotated, and the server asked twice."""
    instance = make(fresh=True, default=login.string, spill_bucket="")
    check = hold(instance)
    check.hide(login.text, "hunter2-hunter2")
    login.put(login.holding("hunter2-hunter2"))
    with check.expect(
        InvalidCredentialsError, shop.user, "secret", heal=lambda: login.put(login.text)
    ):
        orders(instance)
    assert len(aws.calls("GetSecretValue")) == 3


def test_a_token_of_iam_is_told_by_nothing(hold: Hold, make: Instances, network: TcpProxy) -> None:
    host = f"//{network.host}:{network.port}/"
    instance = make(default=f"postgres://jdbc:postgresql:{host}db?user=u&iamAuth=true")
    check = hold(instance, recovered=instance.client.ping)
    check.hide("X-Amz-Signature", "CanonicalRequest", "AWS4-HMAC-SHA256")
    with check.expect(ConfigurationError, "SSL", "sslmode"):
        orders(instance)


def test_a_token_of_iam_without_keys(
    hold: Hold, make: Instances, network: TcpProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    host = f"//{network.host}:{network.port}/"
    instance = OneInstance(
        handler,
        {
            "default": f"postgres://jdbc:postgresql:{host}db?user=u&iamAuth=true",
            "AWS_REGION": "eu-west-1",
        },
        spill=S3Reader({}),
    )
    check = hold(instance, recovered=instance.client.ping)
    with check.expect(InvalidCredentialsError, "rds-db:connect", "no usable AWS credentials"):
        orders(instance)


def test_a_glue_connection_that_is_missing(hold: Hold, make: Instances) -> None:
    instance = make(glue_connection="nobodys")
    check = hold(instance, recovered=lambda: None)
    with check.expect(ConfigurationError, "'nobodys'", "glue_connection"):
        instance.client.ping()


# The query


@pytest.fixture
def in_lambda(make: Instances) -> OneInstance:
    """An instance that takes itself for a function that runs in Lambda."""
    return make(AWS_LAMBDA_RUNTIME_API="127.0.0.1:9001", POWERTOOLS_SERVICE_NAME="faults-of-aws")


def test_a_query_that_is_over(
    hold: Hold, in_lambda: OneInstance, stand_ins: AwsAddress, aws: AwsProxy
) -> None:
    started = stand_ins.client("athena").start_query_execution(
        QueryString="SELECT 1", ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/athena/"}
    )
    scan = replace(in_lambda.scan("shop.endless"), query_id=started["QueryExecutionId"])
    (split,) = in_lambda.client.splits(scan)
    with hold(in_lambda).expect(QueryStoppedError, "shop.endless", "the query is over") as it:
        in_lambda.client.read(scan, split)
    assert it.seconds < 6
    assert len(aws.calls("GetQueryExecution")) == 1


def test_a_read_does_not_depend_on_what_athena_says(
    hold: Hold, in_lambda: OneInstance, aws: AwsProxy
) -> None:
    aws.fail(AwsFault("GetQueryExecution", 400, "AccessDeniedException"))
    with hold(in_lambda).watched():
        assert len(in_lambda.rows(in_lambda.scan("shop.slow"))) == 12
    assert aws.calls("GetQueryExecution")


def test_outside_of_lambda_nobody_asks_athena(hold: Hold, make: Instances, aws: AwsProxy) -> None:
    instance = make()
    with hold(instance).watched():
        assert len(instance.rows(instance.scan("shop.slow"))) == 12
    assert aws.calls("GetQueryExecution") == []
