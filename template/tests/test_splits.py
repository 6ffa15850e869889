"""A split for each file, which reads no file of another table."""

from __future__ import annotations

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, InvalidRequestError
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.template.client import File
from athena_connectors.template.splits import file_of, partitions_of, splits_of

NAME = TableName("s", "t")
FILES = [
    File("s/t/year=2023/a.csv", "1"),
    File("s/t/year=2024/day=2024-02-29/b.jsonl", "2"),
    File("s/t.csv", "3"),
]
KEYS = {"year": pa.int64(), "day": pa.date32()}


def test_a_row_for_each_file_with_what_its_folders_say() -> None:
    rows = partitions_of(FILES, KEYS)
    assert rows["year"].to_pylist() == [2023, 2024, None]
    assert [str(day) for day in rows["day"].to_pylist()] == ["None", "2024-02-29", "None"]
    assert rows.select(list(KEYS)).schema == pa.schema(list(KEYS.items()))


def test_splits_lead_back_to_the_files() -> None:
    splits = list(splits_of(partitions_of(FILES, KEYS)))
    assert [file_of(split, NAME) for split in splits] == FILES
    assert list(splits_of(partitions_of([], KEYS))) == []


@pytest.mark.parametrize(
    "path", ["s/u.csv", "u/t.csv", "s/t/../u.csv", "s/t/../../../x.csv", "/s/t.csv", "s/t.txt", ""]
)
def test_a_split_of_another_table_is_refused(path: str) -> None:
    split = Split({"$path": path, "$version": "1"})
    with pytest.raises(InvalidRequestError, match=r"none of table s\.t"):
        file_of(split, NAME)
    with pytest.raises(InvalidRequestError):
        file_of(Split(), NAME)


def test_a_folder_that_came_later_and_does_not_fit_is_told() -> None:
    with pytest.raises(DataConversionError, match="value of year that is no int64"):
        partitions_of([File("s/t/year=new/a.csv", "1")], KEYS)
