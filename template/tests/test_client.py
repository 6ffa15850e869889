"""Files of folders and buckets: listed wholly, opened as they were, refused clearly."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    NotFoundError,
    SourceError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.testing.aws import AwsAddress
from athena_connectors.common.testing.aws_proxy import AwsFault, aws_proxy
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.template.client import Bucket, File, Folder, open_storage
from athena_connectors.template.reader import rows_of
from athena_connectors.template.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.template.client import Storage

    Fill = Callable[..., dict[str, str]]

SETTINGS = load_settings(Settings, {"location": "unused"})


def storage_of(environ: dict[str, str]) -> Storage:
    return open_storage(environ["location"], environ)


def content_of(storage: Storage, file: File) -> bytes:
    with closing(storage.open(file)) as stream:
        return stream.read()


def bucket_of(environ: dict[str, str], clients: AwsClients) -> Bucket:
    return Bucket(urlsplit(environ["location"]).netloc, "data", clients)


def test_files_are_found_at_any_depth_and_read(fill: Fill) -> None:
    wanted = {"s/a.csv": b"1", "s/t/u/v/b.csv": b"", "s/t/ü %3D+&.csv": b"2" * 100_000}
    storage = storage_of(fill({**wanted, "z/a.csv": b"3", "s2/a.csv": b"4"}))
    assert {file.path: content_of(storage, file) for file in storage.files("s/")} == wanted
    assert {file.path for file in storage.files("s/t")} == set(list(wanted)[1:])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_page_of_a_listing_is_read(fill_bucket: Fill, aws: AwsAddress, size: int) -> None:
    def limit(params: dict[str, Any], **_: Any) -> None:
        params["MaxKeys"] = size

    names = [f"s{number}/{number}.csv" for number in range(5)]
    environ = fill_bucket(dict.fromkeys(names, b""))
    clients = AwsClients(aws.environ)
    clients.client("s3").meta.events.register("before-parameter-build.s3.ListObjectsV2", limit)
    storage = bucket_of(environ, clients)
    assert [file.path for file in storage.files("s")] == names
    assert list(storage.folders()) == [f"s{number}" for number in range(5)]


@pytest.mark.parametrize("content", [b"2", b"22"])
def test_a_file_that_was_changed_is_not_read(fill: Fill, content: bytes) -> None:
    storage = storage_of(fill({"s/t.csv": b"1"}))
    (file,) = storage.files("s/")
    fill({"s/t.csv": content})
    with pytest.raises(SourceError, match=r"s/t\.csv was changed"):
        storage.open(file)


def test_a_file_that_has_gone_is_told(fill: Fill) -> None:
    with pytest.raises(SourceError, match=r"s/t\.csv was changed or removed"):
        storage_of(fill({})).open(File("s/t.csv", '"0"'))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="location") as caught:
        Folder(tmp_path / "absent").folders()
    assert "absent" in str(caught.value)


def test_a_folder_that_may_not_be_read_is_told(
    fill_folder: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = storage_of(fill_folder({"s/t/a.csv": b"1", "s/u/b.csv": b"2"}))
    listed = os.scandir

    def scandir(path: Any) -> Any:  # a test run by root may read everything
        if Path(path).name == "t":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(AccessDeniedError, match="t can't be read: Permission denied"):
        list(storage.files("s/"))


@pytest.mark.parametrize("location", ["s3://", "s3:///prefix"])
def test_a_location_has_a_bucket(location: str) -> None:
    with pytest.raises(ConfigurationError, match="names no bucket"):
        open_storage(location, {})


@pytest.mark.parametrize("prefix", ["", "/", "data/"])
def test_a_prefix_may_end_in_a_slash_or_be_empty(fill_bucket: Fill, prefix: str) -> None:
    environ = fill_bucket({"s/t.csv": b"1"})
    bucket = urlsplit(environ["location"]).netloc
    found = set(open_storage(f"s3://{bucket}/{prefix}", environ).folders())
    assert found == ({"s"} if prefix == "data/" else {"data", "data-2", "other"})


def test_a_bucket_that_is_not_there_is_told(aws: AwsAddress) -> None:
    storage = open_storage("s3://no-such-bucket/x", aws.environ)
    with pytest.raises(NotFoundError, match="s3://no-such-bucket/x/ does not exist"):
        list(storage.folders())


def test_what_aws_refuses_is_told(aws: AwsAddress, fill_bucket: Fill) -> None:
    environ = fill_bucket({"s/t.csv": b"1"})
    with aws_proxy(aws) as proxy:
        storage = bucket_of(environ, proxy.address.clients)
        (file,) = storage.files("s/")
        proxy.fail(AwsFault("GetObject", 403, "AccessDenied"))
        with pytest.raises(AccessDeniedError, match=r"denies s3:GetObject on .*data/s/t\.csv"):
            storage.open(file)
        proxy.heal()
        proxy.fail(AwsFault("GET", 403, "AccessDenied"))
        with pytest.raises(AccessDeniedError, match="denies s3:ListBucket"):
            list(storage.files("s/"))


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_body_that_is_cut_ends_the_read(aws: AwsAddress, fill_bucket: Fill, name: str) -> None:
    head, line = (b"a\n", b"1\n") if name == "t.csv" else (b"", b'{"a":1}\n')
    content = head + line * 200_000
    environ = fill_bucket({f"s/{name}": content})
    endpoint = urlsplit(aws.endpoint)
    assert endpoint.hostname
    assert endpoint.port
    with tcp_proxy(endpoint.hostname, endpoint.port) as proxy:
        storage = bucket_of(environ, AwsAddress(f"http://{proxy.host}:{proxy.port}").clients)
        (file,) = storage.files("s/")
        proxy.cut_after(len(content) // 2)
        read = rows_of(storage, file, {}, SETTINGS, untyped=(), stats=SplitStats())
        with pytest.raises(SourceError, match=r"s3:GetObject on s3://.* cut off"):
            list(read)
