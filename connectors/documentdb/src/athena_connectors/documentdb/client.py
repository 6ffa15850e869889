"""What is asked of one server or cluster; nothing is ever written.

Documents leave here as the bytes that the server sent, a batch at a time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.documentdb.connection import GRACE_SECONDS, Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.documentdb.connection import Document
    from athena_connectors.documentdb.connection_strings import Address, Target
    from athena_connectors.documentdb.relation import Collection
    from athena_connectors.documentdb.settings import Settings
    from bson.codec_options import CodecOptions
    from pymongo import MongoClient

    T = TypeVar("T")

__all__ = ["Client"]

_METADATA_SECONDS = 60.0
_READ_SECONDS = 900.0
"""How long a request may take when nobody gives a deadline."""
_SIMPLE = {"locale": "simple"}


class Client:
    """One server, with one pool of connections.

    Safe to use from several threads.

    Args:
        target: Where to connect.
        settings: The connector's settings.
        secrets: Reads the secrets that the connection string names; may be ``None`` when
            it names none.
        environ: The function's environment.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        *,
        secrets: SecretResolver | None,
        environ: Mapping[str, str],
    ) -> None:
        self._connection = Connection(target, settings, secrets=secrets, environ=environ)

    def address(self) -> Address:
        """Return what the connection string says; see ``Connection.address``."""
        return self._connection.address()

    def arguments(self) -> Mapping[str, Any]:
        """Return what the driver is told; see ``Connection.arguments``."""
        return self._connection.arguments()

    def run(
        self,
        database: str,
        command: Mapping[str, Any],
        *,
        collection: str = "",
        deadline: float | None = None,
    ) -> Document:
        """Return the answer to a command that reads, with the read preference in force.

        Args:
            database: Exact name of the database.
            command: The command, its name first.
            collection: Which collection it is about, for errors.
            deadline: ``time.monotonic()`` at which to give up; in a minute by default.

        Raises:
            DeadlineExceededError: The deadline has passed.
            InvalidCredentialsError: The login is refused, also with a secret read anew.
            AccessDeniedError: The user may not do this.
            UnsupportedOperationError: The server does not know the command.
            SourceTimeoutError: It took too long, or ``cancel`` was called.
            ConnectorError: Any other refusal; see ``faults``.
        """

        def work(driver: MongoClient[Document]) -> Document:
            preference = driver.read_preference
            options = _lenient()
            return driver[database].command(
                dict(command), read_preference=preference, codec_options=options
            )

        last = _until(deadline, _METADATA_SECONDS)
        return self._connection.call(work, database=database, collection=collection, deadline=last)

    def listing(
        self, database: str, command: Mapping[str, Any], *, deadline: float | None = None
    ) -> list[Document]:
        """Return all documents of the cursor that a command gives, such as listCollections.

        Arguments and errors as of ``run``.
        """

        def work(driver: MongoClient[Document]) -> list[Document]:
            cursor = driver[database].cursor_command(
                dict(command), read_preference=driver.read_preference, codec_options=_lenient()
            )
            with cursor:
                return list(cursor)

        return self._connection.call(
            work, database=database, deadline=_until(deadline, _METADATA_SECONDS)
        )

    def find(
        self,
        collection: Collection,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - MongoDB's own name
        projection: Mapping[str, Any] | None = None,
        *,
        sort: Sequence[tuple[str, int]] = (),
        skip: int = 0,
        limit: int = 0,
        hint: str | Sequence[tuple[str, int]] | None = None,
        codec_options: CodecOptions[Any] | None = None,
        deadline: float | None = None,
    ) -> list[Document]:
        """Return a few documents, decoded; arguments and errors as of ``find_raw``.

        Without ``codec_options`` dates that Python has no type for come as ``DatetimeMS``, and
        texts that are no UTF-8 with marks in them.
        """
        last = _until(deadline, _METADATA_SECONDS)

        def work(driver: MongoClient[Document]) -> list[Document]:
            source = _source(driver, collection).with_options(codec_options or _lenient())
            with source.find(
                filter,
                projection,
                sort=list(sort) or None,
                skip=skip,
                limit=limit,
                hint=_hint(hint),
                max_time_ms=_remaining_ms(last),
                **_collation(collection),
            ) as cursor:
                return list(cursor)

        return self._call_on(collection, work, deadline=last)

    def aggregate(
        self,
        collection: Collection,
        pipeline: Sequence[Mapping[str, Any]],
        *,
        codec_options: CodecOptions[Any] | None = None,
        deadline: float | None = None,
    ) -> list[Document]:
        """Return the documents of a pipeline, decoded; arguments as of ``find``."""
        last = _until(deadline, _METADATA_SECONDS)

        def work(driver: MongoClient[Document]) -> list[Document]:
            source = _source(driver, collection).with_options(codec_options or _lenient())
            options = {"maxTimeMS": _remaining_ms(last), **_collation(collection)}
            with source.aggregate(list(pipeline), **options) as cursor:
                return list(cursor)

        return self._call_on(collection, work, deadline=last)

    def count(
        self,
        collection: Collection,
        filter: Mapping[str, Any],  # noqa: A002 - MongoDB's own name
        *,
        limit: int = 0,
        hint: str | Sequence[tuple[str, int]] | None = None,
        deadline: float | None = None,
    ) -> int:
        """Return how many documents fit a filter; arguments and errors as of ``find_raw``."""
        last = _until(deadline, _READ_SECONDS)

        def work(driver: MongoClient[Document]) -> int:
            options = {"maxTimeMS": _remaining_ms(last), **_collation(collection)}
            if hint:
                options["hint"] = _hint(hint)
            if limit:
                options["limit"] = limit
            found: int = _source(driver, collection).count_documents(filter, **options)
            return found

        return self._call_on(collection, work, deadline=last)

    def find_raw(
        self,
        collection: Collection,
        filter: Mapping[str, Any],  # noqa: A002 - MongoDB's own name
        projection: Mapping[str, Any] | None = None,
        *,
        batch_size: int,
        sort: Sequence[tuple[str, int]] = (),
        skip: int = 0,
        limit: int = 0,
        hint: str | Sequence[tuple[str, int]] | None = None,
        deadline: float | None = None,
    ) -> Iterator[bytes]:
        """Yield batches of documents as the server sends them, none empty.

        Texts compare by bytes, whatever collation the collection has.

        Args:
            collection: Where to look.
            filter: Which documents.
            projection: Which of their fields; whole documents by default.
            batch_size: Documents of a batch at most; the server sends 16 MB at most.
            sort: By which fields, and 1 for ascending or -1 for descending.
            skip: How many to pass over first.
            limit: Documents at most; 0 for all.
            hint: The index to use, by name or by its fields.
            deadline: ``time.monotonic()`` at which the server gives up; in a quarter of an
                hour by default.

        Raises:
            DeadlineExceededError: The deadline has passed.
            InvalidCredentialsError: The login is refused, also with a secret read anew.
            AccessDeniedError: The user may not read this.
            SourceError: The connection or the cursor was lost; ``is_resumable`` tells whether
                the rest can be asked for.
            SourceTimeoutError: It took too long, or ``cancel`` was called.
            ConnectorError: Any other refusal; see ``faults``.
        """
        from athena_connectors.documentdb.raw_batches import RawBatches  # noqa: PLC0415

        last = _until(deadline, _READ_SECONDS)

        def begin(driver: MongoClient[Document]) -> Any:
            return RawBatches(
                _source(driver, collection),
                filter,
                projection,
                batch_size=batch_size,
                sort=list(sort) or None,
                skip=skip,
                limit=limit,
                hint=_hint(hint),
                max_time_ms=_remaining_ms(last),
                **_collation(collection),
            )

        return self._connection.batches(
            begin, database=collection.database, collection=collection.name, deadline=last
        )

    def aggregate_raw(
        self,
        collection: Collection,
        pipeline: Sequence[Mapping[str, Any]],
        *,
        batch_size: int,
        deadline: float | None = None,
    ) -> Iterator[bytes]:
        """Yield batches of a pipeline's documents; the rest as of ``find_raw``."""
        last = _until(deadline, _READ_SECONDS)

        def begin(driver: MongoClient[Document]) -> Any:
            options = {"maxTimeMS": _remaining_ms(last), **_collation(collection)}
            return _source(driver, collection).aggregate_raw_batches(
                list(pipeline), batchSize=batch_size, **options
            )

        return self._connection.batches(
            begin, database=collection.database, collection=collection.name, deadline=last
        )

    def cancel(self) -> None:
        """Break off all requests until ``release``; see ``Connection.cancel``."""
        self._connection.cancel()

    def release(self) -> None:
        """Forget that requests were cancelled; connections stay for the next invocation."""
        self._connection.release()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._connection.close()

    def _call_on(
        self,
        collection: Collection,
        work: Callable[[MongoClient[Document]], T],
        *,
        deadline: float,
    ) -> T:
        return self._connection.call(
            work, database=collection.database, collection=collection.name, deadline=deadline
        )


def _source(driver: MongoClient[Document], collection: Collection) -> Any:
    return driver[collection.database][collection.name]


def _hint(hint: str | Sequence[tuple[str, int]] | None) -> str | list[tuple[str, int]] | None:
    return hint if hint is None or isinstance(hint, str) else list(hint)


def _collation(collection: Collection) -> dict[str, Any]:
    """Return the option that lets texts compare by bytes; DocumentDB knows none.

    A view's own collation can't be overridden.
    """
    return {"collation": _SIMPLE} if collection.collation and not collection.is_view else {}


def _lenient() -> CodecOptions[Any]:
    """Return how to decode documents that hold anything that was ever written."""
    from bson.codec_options import CodecOptions, DatetimeConversion  # noqa: PLC0415

    return CodecOptions(
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        unicode_decode_error_handler="replace",
    )


def _until(deadline: float | None, seconds: float) -> float:
    return time.monotonic() + seconds if deadline is None else deadline


def _remaining_ms(deadline: float) -> int:
    return max(1, int(1000 * (deadline + GRACE_SECONDS - time.monotonic())))
