"""Files in a folder and in a bucket, and engines over them."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.template.app import handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from athena_connectors.common.testing.aws import AwsAddress

    Files = Mapping[str, str | bytes]
    Fill = Callable[[Files], dict[str, str]]

_numbers = count()


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsAddress]:
    """A stand-in of S3."""
    with aws_server() as address:
        yield address


@pytest.fixture
def fill_folder(tmp_path: Path) -> Fill:
    """Writes files to a folder of one test's own, and gives the variables that lead there."""
    root = tmp_path / "root"
    root.mkdir()

    def fill(files: Files) -> dict[str, str]:
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(_bytes(content))
        return {"location": str(root)}

    return fill


@pytest.fixture
def fill_bucket(aws: AwsAddress) -> Fill:
    """Does the same to a prefix of a bucket, beside which there are other objects."""
    name = f"files-{os.getpid()}-{next(_numbers)}"
    aws.create_bucket(name)
    client = aws.client("s3")
    for key in ("other/shop/hidden.csv", "data-2/shop/hidden.csv"):
        client.put_object(Bucket=name, Key=key, Body=b"a\n1\n")

    def fill(files: Files) -> dict[str, str]:
        for path, content in files.items():
            client.put_object(Bucket=name, Key=f"data/{path}", Body=_bytes(content))
        return {"location": f"s3://{name}/data", **aws.environ}

    return fill


@pytest.fixture(params=["folder", "bucket"])
def fill(request: pytest.FixtureRequest) -> Fill:
    """Writes files to a folder, then to a bucket."""
    found: Fill = request.getfixturevalue(f"fill_{request.param}")
    return found


@pytest.fixture
def open_engine(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], LocalEngine]]:
    """Opens engines, whose catalog is ``files``, over what a function's variables lead to."""
    opened = []

    def open_(environ: Mapping[str, str]) -> LocalEngine:
        store = FolderStore(tmp_path / "spill")
        transport = InProcess(handler, settings={"spill_bucket": "local", **environ}, store=store)
        opened.append(LocalEngine({"files": Catalog(transport, store)}))
        return opened[-1]

    yield open_
    for engine in opened:
        engine.close()


@pytest.fixture
def ask(
    open_engine: Callable[[Mapping[str, str]], LocalEngine],
) -> Callable[[Mapping[str, str], str], list[dict[str, Any]]]:
    """Answers SQL over what a function's variables lead to, as Athena would."""

    def answer(environ: Mapping[str, str], sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = open_engine(environ).query(sql).table.to_pylist()
        return rows

    return answer


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
