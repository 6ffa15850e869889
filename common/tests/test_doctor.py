"""``doctor`` against stand-ins of AWS and of Lambda that have each of the faults."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import athena_connectors
import pytest
from athena_connectors.common.cli.main import main
from athena_connectors.common.endpoints import ReachedClients
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.testing.aws import REGION, AwsAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

APP = """
import pyarrow as pa
from athena_connectors.common.errors import ConfigurationError, SourceError
from athena_connectors.common.findings import Finding
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.memory import MemoryConnector


class Examined(MemoryConnector):
    trouble = ""

    def health(self):
        yield Finding.ok("first", "One thing is well.")
        if self.trouble == "unforeseen":
            raise KeyError("hunter2")
        if self.trouble:
            raise SourceError("The source is ill.", hint="Let it rest.")
        yield from super().health()


def factory(environ):
    if "library" in environ:
        import a_library_that_is_missing
    if "fault" in environ:
        raise ConfigurationError("The setting fault is set.", hint="Remove it.")
    connector = Examined({"s.t": pa.record_batch({"id": [1, 2, 3]})})
    connector.trouble = environ.get("trouble", "")
    return connector


handler = lambda_handler(factory)
"""

SECRET = "hunter2-is-not-told"
LINE = re.compile(r"mem: (?P<check>[^:]+): (?P<verdict>OK|WARNING|FAULT): (?P<fact>.+)")
FIX = "    Fix: "
EXPECTED_OWNER = "x-amz-expected-bucket-owner"
ACCOUNT = "123456789012"  # of everything that moto has


class Told(NamedTuple):
    verdict: str
    fact: str
    fix: str


@dataclass(frozen=True)
class Answer:
    status: int
    code: str
    message: str = "on purpose"


class BadAws:
    """Stands before moto, answers some calls itself, and has a clock of its own."""

    def __init__(self, behind: AwsAddress) -> None:
        self._behind = urlsplit(behind.endpoint).netloc
        self.owner = ACCOUNT
        self.clock_seconds = 0.0
        # The one thing that moto does not know as the service does.
        self.answers = {
            "GetQueryExecution": Answer(400, "InvalidRequestException", "QueryExecution not found")
        }
        self.calls: list[str] = []
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def do_POST(self) -> None:
                aws.serve(self)

            do_GET = do_HEAD = do_PUT = do_POST  # noqa: N815 - named by http.server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = AwsAddress(f"http://127.0.0.1:{self._server.server_port}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        operation = _operation(request, body)
        self.calls.append(operation)
        expected = request.headers.get(EXPECTED_OWNER, self.owner)
        answer = self.answers.get(operation)
        if expected != self.owner:
            answer = Answer(403, "AccessDenied")
        if answer is None:
            self._pass_on(request, body)
        else:
            self._reply(request, answer.status, _error(request, answer), {})

    def _pass_on(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        upstream = http.client.HTTPConnection(self._behind, timeout=30)
        headers = {**dict(request.headers.items()), "Connection": "close"}
        headers.pop("Expect", None)
        upstream.request(request.command, request.path, body, headers)
        with upstream.getresponse() as reply:
            kept = {name: text for name, text in reply.getheaders() if name.startswith("x-amz")}
            kept["Content-Type"] = reply.getheader("Content-Type", "")
            self._reply(request, reply.status, reply.read(), kept)

    def _reply(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
    ) -> None:
        request.send_response_only(status)
        request.send_header("Date", formatdate(time.time() + self.clock_seconds, usegmt=True))
        request.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            request.send_header(name, text)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)


def _operation(request: BaseHTTPRequestHandler, body: bytes) -> str:
    target = str(request.headers.get("X-Amz-Target", "")).rpartition(".")[2]
    if target:
        return target
    if request.command == "POST":
        return parse_qs(body.decode())["Action"][0]
    is_object = request.path.strip("/").count("/") > 0
    return {"HEAD": "HeadBucket", "PUT": "PutObject" if is_object else "CreateBucket"}.get(
        request.command, request.command
    )


def _error(request: BaseHTTPRequestHandler, answer: Answer) -> bytes:
    if "X-Amz-Target" in request.headers:
        return json.dumps({"__type": answer.code, "message": answer.message}).encode()
    inner = f"<Code>{answer.code}</Code><Message>{answer.message}</Message>"
    if request.command == "POST":
        return f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>".encode()
    return f"<Error>{inner}</Error>".encode()


@pytest.fixture
def bad(aws: AwsAddress) -> Iterator[BadAws]:
    proxy = BadAws(aws)
    yield proxy
    proxy.close()


@pytest.fixture
def bucket(aws: AwsAddress) -> str:
    name = f"doctor-{uuid.uuid4()}"
    aws.create_bucket(name)
    return name


class Doctor:
    """Runs the command on a file of one catalog and reads what it prints."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "athena-connectors.toml"
        self._capsys = capsys
        self.spill = "spill"
        self.kind = 'connector = "examined"'
        self.settings: dict[str, str] = {}
        self.status = -1

    def run(self) -> dict[str, list[Told]]:
        lines = [f"[engine]\nspill = {json.dumps(self.spill)}", f"[catalogs.mem]\n{self.kind}"]
        if self.settings:
            lines.append("[catalogs.mem.settings]")
        lines += [f"{name} = {json.dumps(text)}" for name, text in self.settings.items()]
        self._file.write_text("\n".join(lines), encoding="utf-8")
        self._capsys.readouterr()
        self.status = main(["doctor", "--config", str(self._file)])
        out, err = self._capsys.readouterr()
        assert SECRET not in out + err
        assert "hunter2" not in out + err
        assert "Traceback" not in out + err
        return self._read(out)

    def only_trouble(self) -> tuple[str, Told]:
        """Return the one check that is not well."""
        troubles = [
            (check, told)
            for check, each in self.run().items()
            for told in each
            if told.verdict != "OK"
        ]
        assert len(troubles) == 1, troubles
        assert self.status == (troubles[0][1].verdict == "FAULT")
        return troubles[0]

    def _read(self, out: str) -> dict[str, list[Told]]:
        head, *lines, total = out.splitlines()
        assert head == f"configuration: OK: {self._file} names 1 catalogs."
        told: dict[str, list[Told]] = {}
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if line.startswith(FIX):
                continue
            found = LINE.fullmatch(line)
            assert found, line
            fix = following.removeprefix(FIX) if following.startswith(FIX) else ""
            told.setdefault(found["check"], []).append(Told(found["verdict"], found["fact"], fix))
        count = [t.verdict for each in told.values() for t in each].count
        assert total == f"Faults: {count('FAULT')}. Warnings: {count('WARNING')}."
        assert self.status == bool(count("FAULT"))
        return told


@pytest.fixture
def doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    folder = tmp_path / "src" / "athena_connectors" / "examined"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(APP, encoding="utf-8")
    folders = [*athena_connectors.__path__, str(folder.parent)]
    monkeypatch.setattr(athena_connectors, "__path__", folders)
    for name in ("athena_connectors.examined", "athena_connectors.examined.app"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return Doctor(tmp_path, capsys)


@pytest.fixture
def in_aws(doctor: Doctor, bad: BadAws, bucket: str) -> Doctor:
    """A set-up that spills to S3 and is well."""
    doctor.spill = f"s3://{bucket}/prefix"
    doctor.settings = {**bad.address.environ, "AWS_SECRET_ACCESS_KEY": SECRET}
    return doctor


def _facts(told: dict[str, list[Told]]) -> dict[str, str]:
    return {check: " ".join(item.fact for item in each) for check, each in told.items()}


# --- all is well


def test_a_folder_takes_no_call_to_aws(doctor: Doctor, tmp_path: Path) -> None:
    told = doctor.run()
    assert {item.verdict for each in told.values() for item in each} == {"OK"}
    assert _facts(told) == {
        "served by": "connector examined",
        "ping": "Source type memory, SerDe version 5.",
        "capabilities": "21 functions, limit and top-N pushed down.",
        "first": "One thing is well.",
        "schemas": "1 schemas can be listed.",
        "spill folder": f"{tmp_path / 'spill'} can be written.",
    }
    assert not [path for path in (tmp_path / "spill").rglob("*") if path.is_file()]


def test_a_whole_set_up_is_well(in_aws: Doctor, aws: AwsAddress, bad: BadAws, bucket: str) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    aws.client("secretsmanager").create_secret(Name=bucket, SecretString=SECRET)
    in_aws.settings |= {"kms_key_id": key, "default": f"x?${{{bucket}}}"}
    told = in_aws.run()
    assert {item.verdict for each in told.values() for item in each} == {"OK"}
    facts = _facts(told)
    assert facts["clock"] == "This computer's clock agrees with that of AWS."
    assert ACCOUNT in facts["AWS identity"]
    assert facts["spill bucket"] == f"The spill bucket '{bucket}' exists."
    assert facts["KMS key"] == f"KMS key {key} makes data keys."
    assert facts["secret"] == "The secret that setting default names can be read."
    assert facts["query status"] == "Athena tells whether a query is over."
    assert list(told).index("clock") < list(told).index("spill bucket")
    assert aws.object_keys(bucket) == ["prefix/athena-connectors-doctor"]
    assert aws.read_object(bucket, "prefix/athena-connectors-doctor") == b""
    assert set(bad.calls) == {
        "GetCallerIdentity",
        *("HeadBucket", "PutObject", "GenerateDataKey", "GenerateRandom", "GetSecretValue"),
        "GetQueryExecution",
    }
    in_aws.run()
    assert len(aws.object_keys(bucket)) == 1


def test_headers_of_the_setting_are_tried_too(in_aws: Doctor, aws: AwsAddress, bucket: str) -> None:
    headers = {"x-amz-server-side-encryption": "AES256"}
    in_aws.settings["spill_put_request_headers"] = json.dumps(headers)
    in_aws.run()
    reply = aws.client("s3").head_object(Bucket=bucket, Key="prefix/athena-connectors-doctor")
    assert reply["ServerSideEncryption"] == "AES256"


# --- the spill bucket


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("doctor-no-such-bucket", "There is no S3 bucket 'doctor-no-such-bucket'."),
        ("a_b c", "the spill bucket 'a_b c' is no valid name for s3:ListBucket."),
        ("", "No spill bucket is named, so no result can be larger than one reply (6 MB)."),
    ],
)
def test_a_missing_bucket(in_aws: Doctor, bad: BadAws, name: str, fact: str) -> None:
    in_aws.spill = f"s3://{name}/prefix"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict, told.fact) == ("spill bucket", "FAULT", fact)
    assert "spill_bucket" in told.fix
    assert "PutObject" not in bad.calls


def test_a_foreign_bucket(in_aws: Doctor, bad: BadAws, bucket: str) -> None:
    bad.answers |= dict.fromkeys(("HeadBucket", "PutObject"), Answer(403, "AccessDenied"))
    told = in_aws.run()
    (found,) = told["spill bucket"]
    assert found.verdict == "FAULT"
    assert found.fact == (
        f"AWS denies s3:ListBucket on the spill bucket '{bucket}': it is another account's, or"
        " the function's role may not use it."
    )
    assert found.fix.startswith("Name a bucket of your own in spill_bucket, or allow s3:ListBucket")
    assert told["spill write"][0].verdict == "FAULT"
    assert told["schemas"][0].verdict == "OK"


def test_a_bucket_that_another_account_shares(in_aws: Doctor, bad: BadAws, bucket: str) -> None:
    bad.owner = "210987654321"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("spill bucket", "WARNING")
    assert told.fact == f"The spill bucket '{bucket}' is not account {ACCOUNT}'s own."
    assert told.fix.startswith("Name a bucket of your own, unless")


def test_a_bucket_of_another_region(in_aws: Doctor, bucket: str) -> None:
    in_aws.settings["AWS_REGION"] = "eu-central-1"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("spill bucket", "WARNING")
    assert told.fact.endswith(f"is in {REGION} and the function in eu-central-1.")
    assert told.fix.startswith("Name a bucket of the same region")


def test_unencrypted_spill_is_told(in_aws: Doctor) -> None:
    in_aws.settings |= {"disable_spill_encryption": "true", "kms_key_id": "not used then"}
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("spill encryption", "WARNING")
    assert "disable_spill_encryption" in told.fact
    assert "Set it to false" in told.fix


# --- permissions


def test_no_permission_to_write(in_aws: Doctor, bad: BadAws, bucket: str) -> None:
    bad.answers["PutObject"] = Answer(403, "AccessDenied", "Access Denied")
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("spill write", "FAULT")
    probe = f"s3://{bucket}/prefix/athena-connectors-doctor"
    assert told.fact == f"AWS denies s3:PutObject on {probe}."
    assert f"Allow s3:PutObject on s3://{bucket}/prefix/* to the function's role" in told.fix


def test_no_permission_to_ask_athena(in_aws: Doctor, bad: BadAws) -> None:
    bad.answers["GetQueryExecution"] = Answer(400, "AccessDeniedException")
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("query status", "WARNING")
    assert told.fact == "AWS denies athena:GetQueryExecution on a query."
    assert "Allow athena:GetQueryExecution to the function's role" in told.fix


def test_expired_credentials_end_the_checks_of_aws(in_aws: Doctor, bad: BadAws) -> None:
    bad.answers["GetCallerIdentity"] = Answer(403, "ExpiredToken")
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("AWS identity", "FAULT")
    assert told.fact == "The AWS credentials for sts:GetCallerIdentity have expired."
    assert told.fix == "Log in again, or renew them."
    assert bad.calls == ["GetCallerIdentity"]


# --- endpoints


@contextmanager
def black_hole() -> Iterator[str]:
    """Yield the URL of a port whose queue is full: who connects gets no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for each in waiting:
            each.close()


@contextmanager
def refused() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def unknown_name() -> Iterator[str]:
    yield "http://s3.eu-nowhere-1.invalid"


@pytest.mark.parametrize(
    ("endpoint", "reason", "fix"),
    [
        (black_hole, "can't be reached: no answer within", "needs a VPC endpoint"),
        (refused, "can't be reached: Connection refused", "needs a VPC endpoint"),
        (unknown_name, "has a name that can't be resolved", "enableDnsSupport"),
    ],
)
def test_no_way_to_a_service(
    in_aws: Doctor,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: Callable[[], Any],
    reason: str,
    fix: str,
) -> None:
    monkeypatch.setattr("athena_connectors.common.endpoints.CONNECT_SECONDS", 0.4)
    with endpoint() as url:
        in_aws.settings["AWS_ENDPOINT_URL_S3"] = url
        started = time.monotonic()
        check, told = in_aws.only_trouble()
        seconds = time.monotonic() - started
    assert (check, told.verdict) == ("spill bucket", "FAULT")
    assert told.fact.startswith(f"The AWS endpoint {url} {reason}")
    assert fix in told.fix
    assert seconds < 5, "the client's own attempts take much longer"


def test_an_endpoint_that_is_no_url(in_aws: Doctor) -> None:
    in_aws.settings["AWS_ENDPOINT_URL_KMS"] = "localhost:4566"
    in_aws.settings["kms_key_id"] = "alias/spill"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict, told.fact) == (
        "KMS key",
        "FAULT",
        "'localhost:4566' is no endpoint of kms: it is no URL.",
    )
    assert told.fix.startswith("Write AWS_ENDPOINT_URL")


@pytest.fixture
def no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


def test_a_missing_region(in_aws: Doctor, no_region: None) -> None:
    del in_aws.settings["AWS_REGION"]
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("AWS identity", "FAULT")
    assert told.fact == "No AWS region is set for sts:GetCallerIdentity."
    assert told.fix == "Set AWS_REGION."


def test_a_missing_region_is_no_faulty_endpoint(bad: BadAws, no_region: None) -> None:
    environ = {name: text for name, text in bad.address.environ.items() if "KEY" in name}
    with pytest.raises(ConfigurationError, match="No AWS region is set"):
        ReachedClients(environ).client("kms")


def test_without_a_way_to_sts_the_rest_is_checked(in_aws: Doctor) -> None:
    with refused() as url:
        in_aws.settings["AWS_ENDPOINT_URL_STS"] = url
        check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("AWS identity", "WARNING")
    assert told.fact == f"The AWS endpoint {url} can't be reached: Connection refused."
    assert told.fix.endswith("Without STS, only the owner of the spill bucket stays unknown.")


def test_a_proxy_is_left_to_connect(
    in_aws: Doctor, bad: BadAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", bad.address.endpoint)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    in_aws.settings["AWS_ENDPOINT_URL_ATHENA"] = "http://athena.invalid"
    told = in_aws.run()
    assert [item.verdict for item in told["query status"]] == ["OK"]


# --- secrets


def _secret(aws: AwsAddress, name: str, **content: object) -> None:
    aws.client("secretsmanager").create_secret(Name=name, **content)


def test_a_missing_secret(in_aws: Doctor) -> None:
    in_aws.settings["default"] = "x?${doctor/no-such-secret}"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("secret", "FAULT")
    assert told.fact == "There is no secret doctor/no-such-secret in Secrets Manager."
    assert told.fix.startswith("Check its name, and that it is in the function's region")


def test_a_secret_without_text(doctor: Doctor, bad: BadAws, aws: AwsAddress, bucket: str) -> None:
    _secret(aws, bucket, SecretBinary=SECRET.encode())
    doctor.settings = {**bad.address.environ, "default": f"x?${{{bucket}}}"}
    check, told = doctor.only_trouble()
    assert (check, told.verdict) == ("secret", "FAULT")
    assert told.fact == f"Secret {bucket} holds no text."
    assert told.fix == "Store it as text: binary secrets are not supported."
    assert set(bad.calls) == {"GetCallerIdentity", "GetSecretValue"}


@pytest.mark.parametrize(
    ("code", "fact", "fix"),
    [
        (
            "AccessDeniedException",
            "AWS denies secretsmanager:GetSecretValue on secret shop.",
            "Allow it to the function's role",
        ),
        (
            "DecryptionFailure",
            "Secret shop can't be decrypted.",
            "Allow kms:Decrypt on its KMS key to the function's role.",
        ),
    ],
)
def test_an_unreadable_secret(in_aws: Doctor, bad: BadAws, code: str, fact: str, fix: str) -> None:
    bad.answers["GetSecretValue"] = Answer(400, code)
    in_aws.settings["orders_connection_string"] = "x?${shop}"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict, told.fact) == ("secret", "FAULT", fact)
    assert told.fix.startswith(fix)


# --- keys


def test_a_key_that_is_denied(in_aws: Doctor, bad: BadAws) -> None:
    bad.answers["GenerateDataKey"] = Answer(400, "AccessDeniedException")
    in_aws.settings["kms_key_id"] = "alias/spill"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("KMS key", "FAULT")
    assert told.fact == (
        "AWS denies kms:GenerateDataKey on KMS key alias/spill of setting kms_key_id."
    )
    assert told.fix.startswith("Allow it to the function's role")


def test_a_key_that_is_missing(doctor: Doctor, bad: BadAws) -> None:
    doctor.settings = {**bad.address.environ, "kms_key_id": "alias/no-such-key"}
    check, told = doctor.only_trouble()
    assert (check, told.verdict) == ("KMS key", "FAULT")
    assert told.fact.startswith("KMS key alias/no-such-key of setting kms_key_id does not exist")
    assert told.fix.startswith("Name an enabled key of this region in kms_key_id")


def test_the_key_of_the_bucket_is_denied(in_aws: Doctor, bad: BadAws, bucket: str) -> None:
    bad.answers["PutObject"] = Answer(
        403,
        "AccessDenied",
        "User: arn:aws:sts::1:assumed-role/r is not authorized to perform: kms:GenerateDataKey on"
        " the resource associated with this ciphertext",
    )
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("spill write", "FAULT")
    assert told.fact.startswith("AWS denies kms:GenerateDataKey on the KMS key that encrypts the")
    assert "SpillBucketKMSKeyId" in told.fix


# --- the clock


@pytest.mark.parametrize(
    ("aws_seconds", "verdict", "word"),
    [(-600, "FAULT", "fast"), (600, "FAULT", "slow"), (-120, "WARNING", "fast")],
)
def test_a_clock_that_is_wrong(
    in_aws: Doctor, bad: BadAws, aws_seconds: float, verdict: str, word: str
) -> None:
    bad.clock_seconds = aws_seconds
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("clock", verdict)
    found = re.match(r"This computer's clock is (\d+) seconds (\w+) by that of AWS", told.fact)
    assert found
    assert abs(int(found[1]) - abs(aws_seconds)) <= 5
    assert found[2] == word
    assert told.fix.startswith("Set this computer's clock by the network (NTP")


def test_the_clock_is_told_before_what_it_explains(in_aws: Doctor, bad: BadAws) -> None:
    skewed = Answer(403, "RequestTimeTooSkewed")
    bad.answers |= dict.fromkeys(("HeadBucket", "PutObject"), skewed)
    bad.clock_seconds = 1200
    told = in_aws.run()
    faults = [check for check, each in told.items() if each[0].verdict == "FAULT"]
    assert faults == ["clock", "spill bucket", "spill write"]
    assert re.search(r"1,(199|200|201) seconds slow", told["clock"][0].fact)
    assert "clock" in told["spill write"][0].fix


def test_a_refusal_tells_of_the_clock_too(in_aws: Doctor, bad: BadAws) -> None:
    bad.answers["PutObject"] = Answer(403, "RequestTimeTooSkewed")
    told = in_aws.run()
    (clock,) = told["clock"]
    assert clock.verdict == "FAULT"
    assert clock.fact == "AWS refuses requests as signed at another time (RequestTimeTooSkewed)."


# --- the connector


def test_a_setting_at_fault_leaves_aws_to_be_checked(in_aws: Doctor, bad: BadAws) -> None:
    bad.answers["PutObject"] = Answer(403, "AccessDenied")
    in_aws.settings["fault"] = "x"
    told = in_aws.run()
    assert told["ping"] == [Told("FAULT", "The setting fault is set.", "Remove it.")]
    assert "settings" not in told, "a fault is told once"
    assert told["spill write"][0].verdict == "FAULT"
    assert told["query status"][0].verdict == "OK"


def test_a_setting_of_the_spill_at_fault(in_aws: Doctor) -> None:
    in_aws.settings["spill_threads"] = "many"
    check, told = in_aws.only_trouble()
    assert (check, told.verdict) == ("ping", "FAULT")
    assert told.fact.startswith("Setting spill_threads is 'many'")


def test_a_connector_that_is_not_there(doctor: Doctor) -> None:
    doctor.kind = 'connector = "examine"'
    check, told = doctor.only_trouble()
    assert (check, told.verdict) == ("connector", "FAULT")
    assert told.fact == "There is no connector 'examine'."
    assert told.fix == "Did you mean examined?"


def test_a_file_that_is_no_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "athena-connectors.toml"
    file.write_text("[engin]\n", encoding="utf-8")
    assert main(["doctor", "--config", str(file)]) == 1
    fault, fix, total = capsys.readouterr().out.splitlines()
    assert fault == f"configuration: FAULT: {file} has the unknown key engin."
    assert fix == "    Fix: Known: engine, catalogs."
    assert total == "Faults: 1. Warnings: 0."


def test_a_driver_that_is_missing(doctor: Doctor) -> None:
    doctor.settings["library"] = "x"
    check, told = doctor.only_trouble()
    assert (check, told.verdict) == ("ping", "FAULT")
    assert told.fact == (
        "A library can't be imported: No module named 'a_library_that_is_missing'."
    )
    assert told.fix.startswith("Install the connector with all that it needs")


def test_what_was_found_before_an_error_is_told(doctor: Doctor) -> None:
    doctor.settings["trouble"] = "foreseen"
    told = doctor.run()
    assert told["first"][0].verdict == "OK"
    assert told["source"] == [Told("FAULT", "The source is ill.", "Let it rest.")]
    assert told["spill folder"][0].verdict == "OK"


def test_an_unforeseen_error_is_a_fault_too(doctor: Doctor) -> None:
    doctor.settings["trouble"] = "unforeseen"
    told = doctor.run()
    assert told["first"][0].verdict == "OK"
    (found,) = told["health"]
    assert found.verdict == "FAULT"
    assert found.fact.startswith("health failed in app.py:")
    assert "unexpected KeyError" in found.fact
    assert told["spill folder"][0].verdict == "OK"


def test_a_spill_folder_that_is_a_file(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "spill").write_text("", encoding="utf-8")
    check, told = doctor.only_trouble()
    assert (check, told.verdict) == ("spill folder", "FAULT")
    assert "can't be written" in told.fact
    assert told.fix.startswith("Check the folder's permissions")


# --- deployed functions


class Function:
    """A runtime that answers every request with one error."""

    def __init__(self, error_type: str, message: str) -> None:
        body = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
        self.calls = 0
        function = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_POST(self) -> None:
                function.calls += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("X-Amz-Function-Error", "Unhandled")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/invocations"


@contextmanager
def function(error_type: str, message: str) -> Iterator[Function]:
    served = Function(error_type, message)
    with served.server:
        threading.Thread(target=served.server.serve_forever, args=(0.05,), daemon=True).start()
        yield served
        served.server.shutdown()


@pytest.mark.parametrize(
    ("error_type", "message", "fix"),
    [
        ("Runtime.ImportModuleError", "Unable to import module 'app'", "Build the package again"),
        ("Sandbox.Timedout", "Task timed out after 3.00 seconds", "check its subnets"),
        ("Runtime.ExitError", "Runtime exited: signal: killed", "Raise the function's memory"),
        ("Runtime.Unheard", "of", "Look at the function's log in CloudWatch"),
        ("ConfigurationError", "The setting default is missing. Set it to the text.", ""),
    ],
)
def test_an_error_of_a_deployed_function(
    doctor: Doctor, error_type: str, message: str, fix: str
) -> None:
    with function(error_type, message) as deployed:
        doctor.kind = f'endpoint = "{deployed.url}"'
        check, told = doctor.only_trouble()
    assert (check, told.verdict) == ("ping", "FAULT")
    assert told.fact == f"{error_type}: {message}"
    assert fix in told.fix
    assert bool(told.fix) == bool(fix)
    assert deployed.calls == 1, "the other requests would only meet it again"


def test_a_function_that_can_not_be_reached(doctor: Doctor) -> None:
    with refused() as url:
        doctor.kind = f'endpoint = "{url}"'
        check, told = doctor.only_trouble()
    assert (check, told.verdict) == ("ping", "FAULT")
    assert f"{url} can't be reached" in told.fact
    assert told.fix == "Start the function, or correct the catalog's endpoint."


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("ResourceNotFoundException", "There is no such function in this region and account"),
        ("AccessDeniedException", "Allow lambda:InvokeFunction on the function"),
        ("KMSAccessDeniedException", "Lambda can't decrypt the function's variables"),
        ("ENILimitReachedException", "Lambda can't place the function in its VPC"),
        ("OddException", "Check its name, the region and the permission"),
    ],
)
def test_a_function_that_can_not_be_called(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, code: str, fix: str
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"Type": "User", "Message": "on purpose"}).encode()
            self.send_response(400)
            self.send_header("x-amzn-ErrorType", code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        address = AwsAddress(f"http://127.0.0.1:{server.server_port}")
        for name, text in address.environ.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        doctor.kind = 'function = "no-such-function"'
        check, told = doctor.only_trouble()
        server.shutdown()
    assert (check, told.verdict) == ("ping", "FAULT")
    assert "Function no-such-function can't be called" in told.fact
    assert code in told.fact
    assert told.fix.startswith(fix)
