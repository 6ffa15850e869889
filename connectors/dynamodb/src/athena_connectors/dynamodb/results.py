"""Which columns the result of a native query has, by a look at its first items."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import TableNotFoundError
from athena_connectors.common.inference import InferencePolicy, infer_schema
from athena_connectors.dynamodb.relation import Column, Relation
from athena_connectors.dynamodb.sampling import told_by
from athena_connectors.dynamodb.table_names import TableFilter, name_of_target
from athena_connectors.dynamodb.types import KEY_KINDS, empty_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.observed import Kind, Sample
    from athena_connectors.dynamodb.access import AttributeValue
    from athena_connectors.dynamodb.client import Client
    from athena_connectors.dynamodb.passthrough import Statement
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import SourceTable

__all__ = ["NativeQuery", "describe_statement"]

_ENOUGH_ITEMS = 100
_MOST_PAGES = 10
_MOST_SECONDS = 5.0
_PAGE_ITEMS = 1000
"""Items that DynamoDB evaluates for a page; fewer if they have 1 MB."""


@dataclass(frozen=True, slots=True)
class NativeQuery:
    """A native query and its result, the ``facts`` of its description.

    Attributes:
        statement: The query.
        relation: The table that it reads, with the columns of the result.
    """

    statement: Statement
    relation: Relation


def describe_statement(
    client: Client,
    statement: Statement,
    settings: Settings,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> NativeQuery:
    """Return what a native query gives.

    Columns are those of the items that are looked at, and those that the query names; without
    any of these, the keys of the table. Those that the query names come first, as it names
    them.

    Raises:
        TableNotFoundError: There is no such table, or not for Athena.
        InvalidRequestError: DynamoDB refuses the statement.
        ConnectorError: It refuses or can't be reached; see ``faults``.

    Cost:
        Two calls if the first page has 100 items or is the last one; 11 calls and 10 MB at
        most.
    """
    if not TableFilter(settings).allows(name_of_target(statement.table)):
        raise TableNotFoundError(
            f"There is no DynamoDB table {statement.table!r}.",
            hint="Check the name, and the settings table_include and table_exclude.",
            table=statement.table,
        )
    table = client.at(statement.table).describe_table(statement.table)
    sample = empty_sample(settings)
    until = clock() + _MOST_SECONDS
    for items in _first_pages(client.at(table.target), table, statement):
        for item in items:
            sample.add(item)
        if sample.documents >= _ENOUGH_ITEMS or clock() >= until:
            break
    columns = _columns(sample, statement, table, settings)
    return NativeQuery(statement, Relation(table, columns, is_inferred=True))


def _first_pages(
    client: Client, table: SourceTable, statement: Statement
) -> Iterator[list[dict[str, AttributeValue]]]:
    request: dict[str, Any] = {"Statement": statement.text, "Limit": _PAGE_ITEMS}
    for _ in range(_MOST_PAGES):
        reply = told_by(client.read("ExecuteStatement", request, table=table.name))
        yield reply["Items"]
        token = reply.get("NextToken")
        if token is None:
            return
        request["NextToken"] = token


def _columns(
    sample: Sample, statement: Statement, table: SourceTable, settings: Settings
) -> tuple[Column, ...]:
    policy = InferencePolicy(numbers=settings.number_inference, mixed=settings.mixed_types)
    seen = {
        each.attribute: Column(
            each.name, each.type, each.attribute, others=each.others, is_json=each.is_json
        )
        for each in infer_schema(sample, policy)
    }
    shown = {name for each in seen.values() for name in (each.attribute, *each.others)}
    named = {
        name: seen.get(name) or Column(name, pa.string(), name)
        for name in statement.columns
        if name in seen or name not in shown
    }
    found = {**named, **seen}
    if not found:
        empty = infer_schema(sample, policy, keys=_kinds(table))
        return tuple(Column(each.name, each.type, each.attribute) for each in empty)
    return tuple(found.values())


def _kinds(table: SourceTable) -> dict[str, Kind]:
    return {key.name: KEY_KINDS[key.type] for key in table.base.keys}
