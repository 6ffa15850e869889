"""Objects in a folder are whole, and no key leads out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.errors import ConfigurationError, SpillError
from athena_connectors.common.protocol.messages import S3SpillLocation
from athena_connectors.common.testing.folder_store import FolderStore

if TYPE_CHECKING:
    from pathlib import Path


def _at(key: str, bucket: str = "b") -> S3SpillLocation:
    return S3SpillLocation(bucket, key, directory=False)


def test_an_object_is_the_file_of_its_bucket_and_key(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "spill")
    store.put(_at("p/q/u.0"), memoryview(b"abc"), headers={})
    store.put(_at("p/q/u.0"), b"second", headers={})
    store.put(_at("/q/u.0"), b"no prefix", headers={})
    files = {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert files == {"spill/b/p/q/u.0": b"second", "spill/b/q/u.0": b"no prefix"}
    assert store.get(_at("p/q/u.0")) == b"second"


def test_a_missing_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpillError, match="no spilled object b/x"):
        FolderStore(tmp_path).get(_at("x"))


@pytest.mark.parametrize("location", [_at("../x"), _at("a/../../../x"), _at(""), _at("a/..")])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, location: S3SpillLocation) -> None:
    store = FolderStore(tmp_path / "spill")
    with pytest.raises(SpillError, match="no path inside"):
        store.put(location, b"x", headers={})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_fails_the_put(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("a file in the place of the bucket")
    with pytest.raises(SpillError, match=r"can't be written: (File exists|Not a directory)\."):
        FolderStore(tmp_path).put(_at("x/y"), b"x", headers={})


def test_names_that_are_no_bucket_are_refused(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.check("bucket")
    for name in ("", "..", "a/", "s3://a"):
        with pytest.raises(ConfigurationError, match="spill_bucket"):
            store.check(name)
