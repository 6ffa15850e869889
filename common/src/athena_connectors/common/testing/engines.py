"""Engines on a connector in this process, as many as a test wants."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from athena_connectors.common.handler import LambdaHandler

__all__ = ["Engines"]


class Engines:
    """Opens engines when it is called; a context manager, which closes them all.

    Args:
        handler: What the connector's ``app`` module calls ``handler``.
        catalog: Name of the catalog in SQL.
        settings: The function's environment variables.
        spill: A folder for what is spilled.
    """

    def __init__(
        self, handler: LambdaHandler, catalog: str, settings: Mapping[str, str], *, spill: Path
    ) -> None:
        self._handler = handler
        self._catalog = catalog
        self._settings = {"spill_bucket": "local", **settings}
        self._store = FolderStore(spill)
        self._opened = ExitStack()

    def __call__(
        self, *, pushdown: bool = True, estimates: bool = False, **settings: str
    ) -> LocalEngine:
        """Open an engine on an instance of its own.

        Args:
            pushdown: Whether the connector is asked to filter.
            estimates: Whether each scan is estimated before it is read.
            settings: Variables beside the others, or instead of them.
        """
        environ = {**self._settings, **settings}
        instance = InProcess(self._handler, settings=environ, store=self._store)
        catalogs = {self._catalog: Catalog(instance, self._store)}
        engine = LocalEngine(catalogs, pushdown=pushdown, estimates=estimates)
        self._opened.callback(engine.close)
        return engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()
