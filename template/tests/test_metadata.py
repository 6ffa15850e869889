"""Schemas, tables and columns of folders and of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ColumnNotFoundError, TableNotFoundError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.template import metadata
from athena_connectors.template.client import open_storage
from athena_connectors.template.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.template.client import Storage

    Fill = Callable[..., dict[str, str]]

SETTINGS = load_settings(Settings, {"location": "unused"})

SHOP = {
    "shop/people.csv": "id,name\n1,Ada\n",
    "shop/orders/year=2023/a.csv": "id,total\n1,2.5\n",
    "shop/orders/year=2024/region=eu%2Fch/b.jsonl": '{"id":2,"note":"x"}\n',
    "shop/orders/year=2024/_SUCCESS": "",
    "shop/orders/_temporary/c.csv": "hidden\n1\n",
    "shop/orders_old.CSV": "id\n1\n",
    "shop/readme.txt": "no table",
    "shop/.hidden.csv": "a\n1\n",
    "Log Files/2024.v1.ndjson": '{"a":1}\n',
    "_hidden/a.csv": "a\n1\n",
    "at the root.csv": "a\n1\n",
}


def storage_of(environ: dict[str, str]) -> Storage:
    return open_storage(environ["location"], environ)


def test_schemas_are_the_folders(fill: Fill) -> None:
    storage = storage_of(fill(SHOP))
    assert sorted(metadata.list_schemas(storage)) == ["Log Files", "shop"]


def test_tables_are_files_and_folders(fill: Fill) -> None:
    storage = storage_of(fill(SHOP))
    assert sorted(metadata.list_tables(storage, "shop")) == ["orders", "orders_old", "people"]
    assert metadata.list_tables(storage, "Log Files") == ["2024.v1"]
    assert metadata.list_tables(storage, "absent") == []


def test_files_of_a_table_are_its_own(fill: Fill) -> None:
    storage = storage_of(fill(SHOP))
    found = metadata.files_of(storage, TableName("shop", "orders"))
    assert [file.path for file in found] == [
        "shop/orders/year=2023/a.csv",
        "shop/orders/year=2024/region=eu%2Fch/b.jsonl",
    ]


def test_columns_are_those_of_all_files_and_then_the_partition_columns(fill: Fill) -> None:
    storage = storage_of(fill(SHOP))
    found = metadata.describe(storage, TableName("shop", "orders"), SETTINGS)
    assert dict(zip(found.schema.names, found.schema.types, strict=True)) == {
        "id": pa.int64(),
        "total": pa.float64(),
        "note": pa.string(),
        "year": pa.int64(),
        "region": pa.string(),
    }
    assert found.partition_columns == ("year", "region")


def test_a_partition_column_hides_one_of_the_files(fill_folder: Fill) -> None:
    storage = storage_of(fill_folder({"s/t/year=2023/a.csv": "year,a\nx,1\n"}))
    found = metadata.describe(storage, TableName("s", "t"), SETTINGS)
    assert found.schema == pa.schema([("a", pa.int64()), ("year", pa.int64())])


def test_a_table_whose_files_have_gone_is_not_there(fill_folder: Fill) -> None:
    with pytest.raises(TableNotFoundError, match=r"shop\.orders"):
        metadata.describe(storage_of(fill_folder({})), TableName("shop", "orders"), SETTINGS)


@pytest.mark.parametrize("content", ["", "k\n1\n"])
def test_a_table_has_a_column_beside_the_partition_columns(fill_folder: Fill, content: str) -> None:
    storage = storage_of(fill_folder({"s/t/k=1/a.csv": content}))
    with pytest.raises(ColumnNotFoundError, match=r"Table s\.t has no column"):
        metadata.describe(storage, TableName("s", "t"), SETTINGS)


@pytest.mark.parametrize(
    ("path", "partition"),
    [
        ("s/t/a=1/b=x y/f.csv", {"a": "1", "b": "x y"}),
        ("s/t/a=1=2/f.csv", {"a": "1=2"}),
        ("s/t/a%20b=c%3Dd/f.csv", {"a b": "c=d"}),
        ("s/t/a=/f.csv", {"a": ""}),
        ("s/t/a=__HIVE_DEFAULT_PARTITION__/f.csv", {"a": None}),
        ("s/t/=1/plain/a=1.csv", {}),
        ("s/k=v/f.csv", {}),
        ("s/t.csv", {}),
    ],
)
def test_folders_name_partitions(path: str, partition: dict[str, str | None]) -> None:
    assert metadata.partition_of(path) == partition


@pytest.mark.parametrize(
    "path",
    ["t.csv", "s/t", "s/t.txt", "s/t/../u/f.csv", "../s/t.csv", "s/../t.csv", "s/_t/f.csv", ""],
)
def test_other_paths_are_of_no_table(path: str) -> None:
    assert metadata.table_of(path) is None
