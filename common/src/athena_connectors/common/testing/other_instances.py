"""A suite for sources that are sampled: one query reaches instances that saw different rows.

The instance that is asked for tables has seen other columns than the one that is asked for
all else, whose own sample is remembered.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from athena_connectors.common.handler import LambdaHandler
    from athena_connectors.common.protocol.messages import TableName

    Row = dict[str, Any]

__all__ = ["ChangingTable", "Differing", "OtherInstancesSuite", "rows_of"]

_CATALOG = "source"
_BOTH = pytest.mark.parametrize("pushdown", [True, False])


class ChangingTable(Protocol):
    """A table whose rows come and go."""

    @property
    def name(self) -> TableName:
        """Its name."""
        ...

    def put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows, of texts, whole numbers and objects."""
        ...

    def clear(self) -> None:
        """Remove all rows."""
        ...


class _TwoInstances:
    """A transport that asks one instance for tables, and another for all else."""

    def __init__(self, first: InProcess, second: InProcess) -> None:
        self._first = first
        self._second = second

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a request."""
        instance = self._first if event["@type"] == "GetTableRequest" else self._second
        return instance.send(event)

    def close(self) -> None:
        """Close both."""
        self._first.close()
        self._second.close()


class Differing(Protocol):
    """Opens an engine on a table that each of two instances has seen with other rows."""

    def __call__(
        self, first: Sequence[Row], second: Sequence[Row], *, pushdown: bool, **settings: str
    ) -> tuple[LocalEngine, str]:
        """Return the engine, and the table in SQL, which has all of the rows in the end."""
        ...


def rows_of(engine: LocalEngine, columns: str, table: str, rest: str = "") -> list[Any]:
    """Return the rows of a query as tuples, ordered."""
    found = engine.query(f"SELECT {columns} FROM {table} {rest}")  # noqa: S608 - our own text
    return sorted((tuple(row.values()) for row in found.table.to_pylist()), key=repr)


class OtherInstancesSuite:
    """Tests for a connector; a subclass says where its tables are.

    Attributes:
        handler: What the connector's ``app`` module calls ``handler``.
        key: Column that every row has, a text.
    """

    handler: LambdaHandler
    key: str

    @pytest.fixture
    @abstractmethod
    def changing_table(self) -> ChangingTable:
        """An empty table."""

    @pytest.fixture
    @abstractmethod
    def settings(self) -> Mapping[str, str]:
        """The function's environment variables."""

    @pytest.fixture
    def differing(
        self, changing_table: ChangingTable, settings: Mapping[str, str], tmp_path: Path
    ) -> Iterator[Differing]:
        """Opens engines."""
        opened: list[LocalEngine] = []

        def differing(
            first: Sequence[Row], second: Sequence[Row], *, pushdown: bool, **more: str
        ) -> tuple[LocalEngine, str]:
            name = changing_table.name
            store = FolderStore(tmp_path)
            environ = {"spill_bucket": "local", **settings, **more}
            one, two = (InProcess(self.handler, settings=environ, store=store) for _ in range(2))
            for instance, rows in ((one, first), (two, second)):
                changing_table.clear()
                changing_table.put(rows)
                opened.append(LocalEngine({_CATALOG: Catalog(instance, store)}))
                opened[-1].describe(_CATALOG, name)
            changing_table.put(first)
            both = Catalog(_TwoInstances(one, two), store)
            opened.append(LocalEngine({_CATALOG: both}, pushdown=pushdown))
            return opened[-1], f'{_CATALOG}."{name.schema}"."{name.table}"'

        yield differing
        for engine in opened:
            engine.close()

    @property
    def odd(self) -> list[Row]:
        """A row with a column that others lack."""
        return [{self.key: "a", "Odd": "x", "city": "Ulm"}]

    @property
    def plain(self) -> list[Row]:
        """Rows that lack it."""
        return [{self.key: "b"}, {self.key: "c", "city": "Ulm"}]

    @_BOTH
    def test_a_column_that_only_the_first_has_seen_is_read_by_the_second(
        self, differing: Differing, *, pushdown: bool
    ) -> None:
        """It is shown, filtered and ordered by."""
        engine, table = differing(self.odd, self.plain, pushdown=pushdown)
        found = rows_of(engine, f"{self.key}, odd", table)
        assert found == [("a", "x"), ("b", None), ("c", None)]
        for rest, keys in (
            ("WHERE odd = 'x'", ["a"]),
            ("WHERE odd IS NULL", ["b", "c"]),
            ("WHERE odd LIKE 'y%' OR upper(odd) = 'X'", ["a"]),
            ("ORDER BY odd LIMIT 1", ["a"]),
        ):
            assert rows_of(engine, self.key, table, rest) == [(each,) for each in keys], rest

    @_BOTH
    def test_a_column_has_the_type_that_the_first_has_told(
        self, differing: Differing, *, pushdown: bool
    ) -> None:
        """Values of other types are NULL."""
        numbers: list[Row] = [{self.key: "a", "n": 7, "m": {"k": 1}}]
        texts: list[Row] = [{self.key: "b", "n": "seven", "m": "text"}]
        engine, table = differing(numbers, texts, pushdown=pushdown)
        found = rows_of(engine, f"{self.key}, n, m", table)
        assert found == [("a", 7, {"k": 1}), ("b", None, None)]
        assert rows_of(engine, self.key, table, "WHERE n > 6") == [("a",)]

    @_BOTH
    def test_a_column_of_texts_that_the_first_has_told_shows_numbers(
        self, differing: Differing, *, pushdown: bool
    ) -> None:
        """They are texts there, for predicates too."""
        texts: list[Row] = [{self.key: "b", "n": "seven"}]
        numbers: list[Row] = [{self.key: "a", "n": 7}]
        engine, table = differing(texts, numbers, pushdown=pushdown)
        assert rows_of(engine, f"{self.key}, n", table) == [("a", "7"), ("b", "seven")]
        assert rows_of(engine, self.key, table, "WHERE n = '7'") == [("a",)]

    @_BOTH
    def test_the_rest_as_json_does_not_hold_a_column_that_was_told(
        self, differing: Differing, *, pushdown: bool
    ) -> None:
        """It has one of its own."""
        engine, table = differing(self.odd, self.plain, pushdown=pushdown, extra_json_column="rest")
        found = rows_of(engine, "odd, rest", table, f"WHERE {self.key} = 'a'")
        assert found == [("x", None)]
