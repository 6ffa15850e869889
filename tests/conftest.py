"""Databases, and engines over them, for the tests of the whole way."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.jdbc_postgres.app import handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.handler import LambdaHandler
    from athena_connectors.common.testing.postgres import PostgresAddress

    OpenEngine = Callable[..., LocalEngine]

_numbers = count()


@pytest.fixture(scope="module")
def make_database(postgres: PostgresAddress) -> Iterator[Callable[[], PostgresAddress]]:
    """Makes empty databases, which live as long as the tests of one module."""
    names: list[str] = []

    def make() -> PostgresAddress:
        names.append(f"whole_{os.getpid()}_{next(_numbers)}")
        return postgres.create_database(names[-1])

    yield make
    for name in names:
        postgres.drop_database(name)


@pytest.fixture(scope="module")
def open_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenEngine]:
    """Opens an engine over a connector, which is closed after the tests of the module.

    Takes the settings of each catalog by its name, the connector's handler, which is that of
    PostgreSQL if none is given, and options of ``LocalEngine``.
    """
    opened: list[LocalEngine] = []

    def open_(
        catalogs: Mapping[str, Mapping[str, str]],
        *,
        handler: LambdaHandler = handler,
        **options: Any,
    ) -> LocalEngine:
        store = FolderStore(tmp_path_factory.mktemp("spill"))
        found = {
            name: Catalog(
                InProcess(handler, settings={"spill_bucket": "b", **settings}, store=store), store
            )
            for name, settings in catalogs.items()
        }
        opened.append(LocalEngine(found, **options))
        return opened[-1]

    yield open_
    for engine in opened:
        engine.close()
