from __future__ import annotations

import pytest
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.frozen_tables import FrozenTables
from athena_connectors.common.inference import InferredTable
from athena_connectors.common.protocol.messages import TableName

NAME = TableName("shop", "Orders")


def test_tables_are_loaded_when_asked_for_and_again_after_some_time() -> None:
    loads: list[InferredTable] = []
    now = [0.0]

    def load() -> dict[TableName, InferredTable]:
        loads.append(InferredTable((), documents=len(loads)))
        return {NAME: loads[-1]}

    frozen = FrozenTables(load, seconds=300, clock=lambda: now[0])
    assert loads == []
    assert frozen.find(NAME) is frozen.find(NAME) is loads[0]
    assert frozen.find(TableName("shop", "orders")) is None
    now[0] = 299.0
    assert frozen.find(NAME) is loads[0]
    now[0] = 300.0
    assert frozen.find(NAME) is loads[1]


def test_a_file_that_has_no_table_is_not_loaded_at_every_look() -> None:
    loads = []

    def load() -> dict[TableName, InferredTable]:
        loads.append(1)
        return {}

    frozen = FrozenTables(load, seconds=300, clock=lambda: 0.0)
    assert [frozen.find(NAME), frozen.find(NAME)] == [None, None]
    assert loads == [1]


def test_a_file_that_cant_be_read_is_an_error_until_it_can() -> None:
    answers: list[dict[TableName, InferredTable] | None] = [None, {NAME: InferredTable(())}]

    def load() -> dict[TableName, InferredTable]:
        answer = answers.pop(0)
        if answer is None:
            raise ConfigurationError("It is not there.")
        return answer

    frozen = FrozenTables(load, seconds=300, clock=lambda: 0.0)
    with pytest.raises(ConfigurationError):
        frozen.find(NAME)
    assert frozen.find(NAME) is not None
