"""Where the files lie: a folder, or a prefix of an S3 bucket.

Both are seen alike: a file is a path below the root, with ``/`` between its parts. A file
that was listed is opened as it was then, or not at all.
"""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athena_connectors.common.aws import AwsClients
from athena_connectors.common.aws_errors import aws_errors, error_code, translate
from athena_connectors.common.errors import AccessDeniedError, ConfigurationError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Bucket", "File", "Folder", "Storage", "open_storage"]

S3 = "s3://"
_CHANGED = {"404", "412", "NoSuchKey", "PreconditionFailed"}


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file as it was when it was listed.

    Attributes:
        path: Below the root, such as ``shop/orders/2024.csv``.
        version: Another text whenever the content is another.
    """

    path: str
    version: str


class Storage(ABC):
    """A tree of files."""

    @abstractmethod
    def folders(self) -> Iterable[str]:
        """Return the names of the folders at the root."""

    @abstractmethod
    def files(self, prefix: str) -> Iterable[File]:
        """Return the files, at any depth, whose path starts with a prefix.

        Args:
            prefix: Has a folder in it: ``shop/``, ``shop/orders``.
        """

    @abstractmethod
    def open(self, file: File) -> io.RawIOBase:
        """Open a file at its start, without a buffer; closed by the caller.

        Raises:
            SourceError: It is not as it was when it was listed, or can't be read.
            AccessDeniedError: It may not be read.
        """


def open_storage(location: str, environ: Mapping[str, str]) -> Storage:
    """Return the storage of a location; nothing is opened yet.

    Raises:
        ConfigurationError: The location names no bucket.
    """
    if not location.startswith(S3):
        return Folder(Path(location))
    bucket, _, prefix = location.removeprefix(S3).partition("/")
    if not bucket:
        raise ConfigurationError(
            f"Setting location is {location!r}, which names no bucket.",
            hint="Write s3://bucket or s3://bucket/prefix.",
            setting="location",
        )
    return Bucket(bucket, prefix, AwsClients(environ))


class Folder(Storage):
    """Files of this machine.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def folders(self) -> Iterator[str]:
        """Return the names of the folders at the root; see ``Storage``.

        Raises:
            ConfigurationError: There is no such root.
        """
        try:
            paths = list(self._root.iterdir())
        except OSError as cause:
            raise ConfigurationError(
                f"The folder {self._root} can't be read: {cause.strerror}.",
                hint="Correct the setting location: a folder, or s3://bucket/prefix.",
                setting="location",
            ) from cause
        return (path.name for path in paths if path.is_dir())

    def files(self, prefix: str) -> Iterator[File]:
        """Return the files that start with a prefix; see ``Storage``."""
        top = self._root / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(top, onerror=_unless_gone):
            for path in (Path(folder, name) for name in names):
                name = path.relative_to(self._root).as_posix()
                if name.startswith(prefix):
                    yield File(name, _version(path.stat()))

    def open(self, file: File) -> io.RawIOBase:
        """Open a file; see ``Storage``."""
        try:
            stream = (self._root / file.path).open("rb", buffering=0)
        except FileNotFoundError as cause:
            raise _changed(file) from cause
        except OSError as cause:
            raise _denied(cause) from cause
        if _version(os.fstat(stream.fileno())) != file.version:
            stream.close()
            raise _changed(file)
        return stream


class Bucket(Storage):
    """Objects of an S3 bucket.

    Args:
        bucket: Its name.
        prefix: Start of all keys, without ``/`` at its end; may be empty.
        clients: Gives the S3 client, at the first call.
    """

    def __init__(self, bucket: str, prefix: str, clients: AwsClients) -> None:
        self._bucket = bucket
        self._root = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        self._clients = clients

    def folders(self) -> Iterator[str]:
        """Return the names of the folders at the root; see ``Storage``."""
        for page in self._pages(self._root, Delimiter="/"):
            for folder in page.get("CommonPrefixes", ()):
                yield folder["Prefix"].removeprefix(self._root).rstrip("/")

    def files(self, prefix: str) -> Iterator[File]:
        """Return the objects that start with a prefix; see ``Storage``."""
        for page in self._pages(self._root + prefix):
            for item in page.get("Contents", ()):
                yield File(item["Key"].removeprefix(self._root), item["ETag"])

    def open(self, file: File) -> io.RawIOBase:
        """Open an object; see ``Storage``."""
        client, key = self._clients.client("s3"), self._root + file.path
        try:
            reply = client.get_object(Bucket=self._bucket, Key=key, IfMatch=file.version)
        except aws_errors() as cause:
            if error_code(cause) in _CHANGED:
                raise _changed(file) from cause
            raise _failed(cause, "s3:GetObject", self._bucket, key) from cause
        return _Body(reply["Body"], self._bucket, key)

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        client = self._clients.client("s3")
        while True:
            try:
                page = client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **options)
            except aws_errors() as cause:
                raise _failed(cause, "s3:ListBucket", self._bucket, prefix) from cause
            yield page
            if not page["IsTruncated"]:
                return
            options["ContinuationToken"] = page["NextContinuationToken"]


class _Body(io.RawIOBase):
    """The bytes of an object; what goes wrong on the way is one of our errors."""

    def __init__(self, body: Any, bucket: str, key: str) -> None:
        self._body = body
        self._place = (bucket, key)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._body.read(len(buffer))
        except aws_errors() as cause:
            raise _failed(cause, "s3:GetObject", *self._place) from cause
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()


def _version(facts: os.stat_result) -> str:
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def _unless_gone(cause: OSError) -> None:
    if not isinstance(cause, FileNotFoundError):
        raise _denied(cause) from cause


def _denied(cause: OSError) -> AccessDeniedError:
    return AccessDeniedError(
        f"{cause.filename} can't be read: {cause.strerror}.",
        hint="Let the user of this process read it.",
    )


def _changed(file: File) -> SourceError:
    return SourceError(
        f"File {file.path} was changed or removed while it was queried.",
        hint="Run the query again.",
    )


def _failed(cause: Exception, action: str, bucket: str, key: str) -> Exception:
    return translate(cause, action=action, resource=f"{S3}{bucket}/{key}")
