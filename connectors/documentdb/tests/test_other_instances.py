"""Requests of one query that reach instances whose samples showed other columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.other_instances import OtherInstancesSuite
from athena_connectors.documentdb.app import handler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.testing.mongodb import MongoDb


class Changing:
    """A collection whose documents come and go."""

    def __init__(self, server: MongoDb) -> None:
        self.name = TableName(server.create_database(), "c")
        self._collection = server.client()[self.name.schema]["c"]

    def put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._collection.insert_many([dict(row) for row in rows])

    def clear(self) -> None:
        self._collection.delete_many({})


class TestOtherInstances(OtherInstancesSuite):
    handler = handler
    key = "_id"

    @pytest.fixture
    def changing_table(self, mongodb: MongoDb) -> Changing:  # type: ignore[override]
        return Changing(mongodb)

    @pytest.fixture
    def settings(self, mongodb: MongoDb) -> Mapping[str, str]:  # type: ignore[override]
        return mongodb.settings
