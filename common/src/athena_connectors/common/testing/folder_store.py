"""A folder in the place of S3: ``<folder>/<bucket>/<key>``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from athena_connectors.common.errors import ConfigurationError, SpillError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.protocol.messages import S3SpillLocation

__all__ = ["FolderStore"]


class FolderStore:
    """Spills to a folder; an object is there whole or not at all.

    Every bucket exists. The folder itself is made with the first object.

    Args:
        folder: Where buckets are folders.
    """

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder).resolve()

    def put(
        self, location: S3SpillLocation, data: bytes | memoryview, *, headers: Mapping[str, str]
    ) -> None:
        """Write one object; headers mean nothing here.

        Raises:
            SpillError: The key leads out of the folder, or the file can't be written.
        """
        del headers
        path = self.path(location)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                try:
                    file.write(data)
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except OSError as cause:
            raise SpillError(
                f"{path} can't be written: {os.strerror(cause.errno or 0)}.",
                hint="Check the folder's permissions and the space on its disk.",
            ) from cause

    def get(self, location: S3SpillLocation) -> bytes:
        """Return an object's bytes.

        Raises:
            SpillError: There is no such object.
        """
        try:
            return self.path(location).read_bytes()
        except OSError as cause:
            raise SpillError(
                f"There is no spilled object {location.bucket}/{location.key} in {self._folder}."
            ) from cause

    def check(self, bucket: str) -> None:
        """Find out whether a bucket's name can be a folder's.

        Raises:
            ConfigurationError: It can't.
        """
        if "/" in bucket or bucket in {"", ".", ".."}:
            raise ConfigurationError(
                f"The spill bucket {bucket!r} is no name of a bucket.",
                hint="Check spill_bucket: no s3:// and no trailing /.",
                setting="spill_bucket",
            )

    def path(self, location: S3SpillLocation) -> Path:
        """Return the file of an object.

        Raises:
            SpillError: The key leads out of the folder.
        """
        bucket = self._folder / location.bucket
        path = (bucket / location.key.lstrip("/")).resolve()
        if not path.is_relative_to(bucket) or path == bucket:
            raise SpillError(f"The key {location.key!r} is no path inside the bucket's folder.")
        return path
