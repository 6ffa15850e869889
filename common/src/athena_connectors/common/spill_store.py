"""Where spilled objects go, and the threads that take them there.

The reader never waits for an upload unless as many blocks as are allowed are on their way,
so that memory does not grow with the result; and no upload that failed is forgotten.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectorError,
    SourceError,
    SpillError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import ThreadPoolExecutor

    from athena_connectors.common.aws import AwsClients
    from athena_connectors.common.protocol.messages import S3SpillLocation

__all__ = ["S3Store", "SpillStore", "Uploads"]

POLL_SECONDS = 0.2


class SpillStore(Protocol):
    """Takes spilled objects; used from several threads at a time."""

    def put(
        self, location: S3SpillLocation, data: bytes | memoryview, *, headers: Mapping[str, str]
    ) -> None:
        """Write one object, whole or not at all.

        Args:
            location: Its bucket and key.
            data: Its bytes.
            headers: Request headers to add.

        Raises:
            ConnectorError: It was not written.
        """

    def check(self, bucket: str) -> None:
        """Find out whether a bucket can be used.

        Raises:
            ConfigurationError: There is no such bucket, or it is another account's.
            ConnectorError: That can't be found out.
        """


class S3Store:
    """Spills to S3.

    Args:
        clients: Gives the S3 client, at the first call.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._client: Any = None
        self._lock = threading.Lock()
        self._call = threading.local()
        self._checked: set[str] = set()

    def put(
        self, location: S3SpillLocation, data: bytes | memoryview, *, headers: Mapping[str, str]
    ) -> None:
        """Write one object; see ``SpillStore``."""
        from athena_connectors.common.aws_errors import aws_errors, translate  # noqa: PLC0415

        client = self._s3()
        self._call.headers = headers
        try:
            client.put_object(Bucket=location.bucket, Key=location.key, Body=bytes(data))
        except aws_errors() as cause:
            resource = f"s3://{location.bucket}/{location.key}"
            raise translate(cause, action="s3:PutObject", resource=resource) from cause
        finally:
            self._call.headers = {}

    def check(self, bucket: str) -> None:
        """Find out whether a bucket can be used; see ``SpillStore``.

        A bucket that was found is not asked for again in the life of this object.

        Source:
            Wire protocol, section 15.6.
        """
        from athena_connectors.common.aws_errors import aws_errors  # noqa: PLC0415

        if bucket in self._checked:
            return
        client = self._s3()
        try:
            client.head_bucket(Bucket=bucket)
        except aws_errors() as cause:
            raise _unusable(bucket, cause) from cause
        self._checked.add(bucket)

    def _s3(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._clients.client("s3")
                self._client.meta.events.register("before-call.s3.PutObject", self._add_headers)
            return self._client

    def _add_headers(self, params: dict[str, Any], **_: Any) -> None:
        # Any header may be wanted, so they bypass the operation's named parameters; they
        # are there before the request is signed. The put may be another store's.
        params["headers"].update(getattr(self._call, "headers", {}))


def _unusable(bucket: str, cause: Exception) -> ConnectorError:
    from athena_connectors.common.aws_errors import error_code, translate  # noqa: PLC0415

    if error_code(cause) in {"403", "404", "NoSuchBucket", "AccessDenied"} or _is_invalid(cause):
        return ConfigurationError(
            f"The spill bucket {bucket!r} does not exist or this function may not use it.",
            hint="Check the name in spill_bucket (no s3:// and no trailing /), and allow"
            " s3:ListBucket on it to the function's role.",
            setting="spill_bucket",
        )
    error = translate(cause, action="s3:HeadBucket", resource=f"s3://{bucket}")
    if isinstance(error, SourceError) and error_code(cause).startswith("4"):
        return AccessDeniedError(error.message, hint="Check that the bucket is in AWS_REGION.")
    return error


def _is_invalid(error: Exception) -> bool:
    from botocore.exceptions import ParamValidationError  # noqa: PLC0415

    return isinstance(error, ParamValidationError)


class Uploads:
    """Puts objects into a store in background threads, in any order.

    Used by one thread. At most ``threads + capacity`` objects are on their way.

    Args:
        store: Takes the objects.
        headers: Request headers to add to each.
        threads: Puts at the same time, 1 or more.
        capacity: Objects that may wait for a thread, 0 or more.
        check: Called several times a second while waiting; may raise to give up.
    """

    def __init__(
        self,
        store: SpillStore,
        *,
        headers: Mapping[str, str],
        threads: int,
        capacity: int,
        check: Callable[[], None],
    ) -> None:
        self._store = store
        self._headers = headers
        self._threads = threads
        self._slots = threads + capacity
        self._free = threading.Semaphore(self._slots)
        self._check = check
        self._executor: ThreadPoolExecutor | None = None
        self._given_up = threading.Event()
        self._failure: SpillError | None = None

    def submit(self, location: S3SpillLocation, data: bytes | memoryview) -> None:
        """Put an object some time soon; wait while too many are on their way.

        Raises:
            SpillError: One of the puts before failed; all others were given up.
        """
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        self._take_slot()
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="spill")
        self._executor.submit(self._put, location, data)

    def finish(self) -> None:
        """Wait until every object is written; nothing can be submitted any more.

        Raises:
            SpillError: One of them was not; all others were given up.
        """
        if self._executor is None:
            return
        for _ in range(self._slots):
            self._take_slot()
        self.give_up()

    def give_up(self) -> None:
        """Forget what waits, end what is under way, leave no thread; safe to call twice."""
        self._given_up.set()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def raise_failure(self) -> None:
        """Raise if a put has failed.

        Raises:
            SpillError: One of the puts failed; all others were given up.
        """
        if self._failure is not None:
            self.give_up()
            raise self._failure

    def _take_slot(self) -> None:
        while not self._free.acquire(timeout=POLL_SECONDS):
            self._check()
        self.raise_failure()

    def _put(self, location: S3SpillLocation, data: bytes | memoryview) -> None:
        try:
            if not self._given_up.is_set():
                self._store.put(location, data, headers=self._headers)
        except Exception as cause:  # noqa: BLE001 - told to the reader, whatever it is
            self._given_up.set()
            self._failure = self._failure or _failed_put(location, cause)
        finally:
            self._free.release()


def _failed_put(location: S3SpillLocation, cause: Exception) -> SpillError:
    what = f"Block s3://{location.bucket}/{location.key} can't be written (s3:PutObject)"
    if isinstance(cause, ConnectorError):
        error = SpillError(f"{what}: {cause.message}", hint=cause.hint)
    else:
        error = SpillError(f"{what}: {type(cause).__name__}.")
    error.__cause__ = cause
    return error
