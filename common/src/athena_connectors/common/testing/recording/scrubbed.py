"""A recording with other values in place of those of the source.

Texts in which a value may stand, the SQL's literals, native queries, reasons and errors, are
taken out. The scans of the query are then run on what is left, so that requests and replies
of the file are those of a replay.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.connector import TableDescription
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.planning import no_partitions
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.recording.calls import Answer, Call, Tape, ToldError
from athena_connectors.common.testing.recording.record import steps_of
from athena_connectors.common.testing.recording.scrubbing import (
    Gathered,
    Values,
    map_batch,
    map_constraints,
    map_texts,
)
from athena_connectors.common.types import cast_batch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.testing.recording.recordings import Recording, Step

__all__ = ["scrubbed"]

_TAKEN_OUT = "taken out"
_TEXTS = ("split", "passthrough")


def scrubbed(recording: Recording) -> Recording:
    """Return a recording that has no value of the source, and no literal of the SQL.

    Names of schemas, tables and columns stay, as do types, numbers of rows, and which values
    are equal or smaller than others.

    Raises:
        UsageError: A value has a type for which there are no others.
    """
    from athena_connectors.common.testing.recording.replay import run_again  # noqa: PLC0415

    steps = steps_of(recording.exchanges)
    tapes = {name: _plain(item.tape) for name, item in recording.catalogs.items()}
    gathered = Gathered()
    for tape in tapes.values():
        _exchanged(tape, gathered)
    for step in steps:
        _step(step, gathered)
    values = gathered.exchanged()
    with_others = replace(
        recording,
        sql=_without_literals(recording.sql),
        scrubbed=True,
        answer=None,
        steps=tuple(_step(step, values) for step in steps),
        catalogs={
            name: replace(item, tape=_exchanged(tapes[name], values))
            for name, item in recording.catalogs.items()
        },
    )
    outcome = run_again(with_others)
    if outcome.error is not None and outcome.error.is_not_recorded:
        raise UsageError(
            f"The values of this query can't be scrubbed: {outcome.error.message}",
            hint="Record it without --scrub-values.",
        )
    return replace(with_others, exchanges=tuple(outcome.exchanges), error=outcome.error)


def _plain(tape: Tape) -> Tape:
    """Return a tape whose rows have engine types, and whose texts tell nothing."""
    plain = Tape(tape.source_type, tape.reads_plans)
    for call, answer in tape.entries.values():
        plain.keep(call, _plain_answer(call, answer))
    return plain


def _plain_answer(call: Call, answer: Answer) -> Answer:
    value = answer.value
    told = answer.error and ToldError(answer.error.kind, f"Its text is {_TAKEN_OUT}.")
    match call.method:
        case "read_split":
            try:
                columns = call.arguments["columns"]
                value = [cast_batch(item, columns, table=_TAKEN_OUT) for item in value]
            except ConnectorError as error:
                value, told = [], ToldError(type(error).__name__, f"Its text is {_TAKEN_OUT}.")
        case "native_query":
            value = value and _TAKEN_OUT
        case "plan_pushdown" if value is not None:
            decisions = [[*item[:2], item[2] and _TAKEN_OUT, ""] for item in value["decisions"]]
            value = {**value, "decisions": decisions, "limit_reason": ""}
        case _ if isinstance(value, TableDescription):
            value = replace(value, schema=_bare(value.schema))
        case _:
            pass
    # What was not read of an answer may be wanted now that values are others.
    return Answer(value, told, complete=True)


def _bare(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.remove_metadata() for field in schema])


def _exchanged(tape: Tape, values: Values) -> Tape:
    mapped = Tape(tape.source_type, tape.reads_plans)
    for call, answer in tape.entries.values():
        arguments = {name: _argument(name, held, values) for name, held in call.arguments.items()}
        value = _answered(call.method, answer.value, values)
        mapped.keep(Call(call.method, arguments), replace(answer, value=value))
    return mapped


def _argument(name: str, held: Any, values: Values) -> Any:
    if name in _TEXTS:
        return map_texts(values, held)
    if isinstance(held, Constraints):
        return map_constraints(values, held)
    if isinstance(held, pa.RecordBatch):
        return held if held == no_partitions() else map_batch(values, held)
    if isinstance(held, pa.Schema):
        return _bare(held)
    return held


def _answered(method: str, value: Any, values: Values) -> Any:
    if isinstance(value, pa.RecordBatch):
        return map_batch(values, value)
    if method == "read_split":
        return [map_batch(values, batch) for batch in value or ()]
    if method == "plan_splits":
        return [map_texts(values, properties) for properties in value or ()]
    return value


def _step(step: Step, values: Values) -> Step:
    members: Mapping[str, Any] = {
        name: _argument(name, held, values) for name, held in step.members.items()
    }
    return replace(step, members=members)


def _without_literals(sql: str) -> str:
    """Return a statement with ``?`` for each literal and no comment; nothing if it has a fault."""
    import sqlglot  # noqa: PLC0415
    from sqlglot import expressions as exp  # noqa: PLC0415

    kinds = (exp.Literal, exp.HexString, exp.BitString, exp.ByteString, exp.RawString)

    def hide(node: exp.Expression) -> exp.Expression:
        return exp.Placeholder() if isinstance(node, (*kinds, exp.UnicodeString)) else node

    try:
        statement = sqlglot.parse_one(sql, read="trino")
        return statement.transform(hide).sql(dialect="trino", comments=False)
    except sqlglot.errors.SqlglotError:
        return ""
