"""No reply is over Lambda's limit, which would kill the process: it is spilled, paged or refused.

The package of the template runs over a folder of files, large enough to reach the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.client import ProtocolClient, S3Reader, TableScan
from athena_connectors.common.testing.engine_errors import RemoteError

from tests.packaging.builds import handler_of
from tests.packaging.records import foreign_files
from tests.packaging.runtime_api import MAX_RESPONSE_BYTES, packaged_function

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.packaging.conftest import FindPackage
    from tests.packaging.runtime_api import PackagedFunction

BUCKET = "spilled"
ROWS = 9_000
TEXT = "x" * 690
UNUSED_BYTES = 70_000
"""What ours leaves of the limit at most: a reserve for names and for the form of a reply."""
TABLES = 21_500
LONG_NAME = "n" * 210
FOLDERS = "/".join("f" * 240 for _ in range(3))
FEW_FILES, MANY_FILES = 2_500, 6_500
COLUMNS = 20_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long table, a wide one, tables of very many files, and a schema of very many tables."""
    root = tmp_path_factory.mktemp("files")
    (root / "shop/few" / FOLDERS).mkdir(parents=True)
    (root / "shop/many" / FOLDERS).mkdir(parents=True)
    (root / "crowd").mkdir()
    lines = "".join(f"{TEXT}{number:06}\n" for number in range(ROWS))
    (root / "shop/long.csv").write_text(f"t\n{lines}")
    names = ",".join(f"{LONG_NAME}{number}" for number in range(COLUMNS))
    (root / "shop/wide.csv").write_text(f"{names}\n{',' * (COLUMNS - 1)}\n")
    for table, count in (("few", FEW_FILES), ("many", MANY_FILES)):
        for number in range(count):
            (root / "shop" / table / FOLDERS / f"{number}.csv").write_text("i\n1\n")
    for number in range(TABLES):
        (root / "crowd" / f"{LONG_NAME}{number:05}.csv").touch()
    return root


@pytest.fixture(scope="module")
def running(
    files: Path, package_of: FindPackage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PackagedFunction, ProtocolClient]]:
    """The package, and who speaks the protocol to it."""
    folder, package = tmp_path_factory.mktemp("lambda"), package_of("template")
    with aws_server() as aws:
        aws.create_bucket(BUCKET)
        environ = {**aws.environ, "location": str(files), "spill_bucket": BUCKET}
        environ["block_bytes"] = str(2 * len(LONG_NAME) * COLUMNS)
        record = folder / "record"
        with packaged_function(
            package, handler_of("template"), folder, environ=environ, record=record
        ) as function:
            client = ProtocolClient("files", function, spill=S3Reader(aws.environ))
            client.capabilities()  # asked for once, and no part of what tests count
            yield function, client
        assert foreign_files(record, package, allowed=[files]) == set()


@pytest.fixture
def function(running: tuple[PackagedFunction, ProtocolClient]) -> Iterator[PackagedFunction]:
    """The package, which outlives each test: a reply over the limit would end it."""
    yield running[0]
    assert running[0].process.poll() is None
    assert max(running[0].reply_bytes) <= MAX_RESPONSE_BYTES


@pytest.fixture
def client(running: tuple[PackagedFunction, ProtocolClient]) -> ProtocolClient:
    """Who speaks the protocol to the package."""
    return running[1]


def _scan(client: ProtocolClient, table: str, *, limit: int | None = None) -> TableScan:
    name = TableName("shop", table)
    schema = client.describe(name).schema
    return TableScan(name, schema, (), schema, Constraints(limit=limit), query_id="q")


def test_rows_are_inline_up_to_the_limit_and_spilled_beyond(
    function: PackagedFunction, client: ProtocolClient
) -> None:
    replies: dict[int, int] = {}

    def spills(limit: int) -> bool:
        scan = _scan(client, "long", limit=limit)
        (split,) = client.splits(scan)
        rows = client.read(scan, split)
        assert rows.rows == limit
        replies[limit] = function.reply_bytes[-1]
        return rows.spill_objects > 0

    low, high = 0, ROWS  # as many rows are inline, and as many are not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if spills(middle) else (middle, high)
    assert not spills(low)
    assert spills(high)
    assert MAX_RESPONSE_BYTES - UNUSED_BYTES < replies[low] <= MAX_RESPONSE_BYTES


def test_a_table_with_too_many_columns_is_refused(
    function: PackagedFunction, client: ProtocolClient
) -> None:
    with pytest.raises(RemoteError, match="over Lambda's limit") as caught:
        client.describe(TableName("shop", "wide"))
    assert caught.value.error_type == "InvalidRequestError"
    assert client.ping().sourceType == "template"


def test_names_beyond_a_reply_come_in_pages(
    function: PackagedFunction, client: ProtocolClient
) -> None:
    before = len(function.reply_bytes)
    names = [name.tableName for name in client.tables("crowd")]
    assert names == [f"{LONG_NAME}{number:05}" for number in range(TABLES)]
    assert len(function.reply_bytes) - before > 1


def test_splits_beyond_a_reply_come_in_pages(
    function: PackagedFunction, client: ProtocolClient
) -> None:
    scan = _scan(client, "few")
    before = len(function.reply_bytes)
    splits = list(client.splits(scan))
    assert len(splits) == FEW_FILES
    assert len(function.reply_bytes) - before > 1 + 1  # the layout, and pages
    assert len({tuple(split.properties.items()) for split in splits}) == FEW_FILES


def test_a_layout_with_too_many_partitions_is_refused(
    function: PackagedFunction, client: ProtocolClient
) -> None:
    scan = _scan(client, "many")
    with pytest.raises(RemoteError, match="over Lambda's limit") as caught:
        client.layout(scan)
    assert caught.value.error_type == "InvalidRequestError"
    assert client.ping().sourceType == "template"
