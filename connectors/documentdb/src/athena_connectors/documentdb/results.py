"""Native queries: which columns their result has, and what is sent for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from athena_connectors.common.connector import Pushdown, TableDescription
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.documentdb.fields import ID
from athena_connectors.documentdb.filters import document_text, native_text
from athena_connectors.documentdb.pushdown import NativeScan, plan
from athena_connectors.documentdb.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.constraints import Constraints
    from athena_connectors.documentdb.metadata import Tables
    from athena_connectors.documentdb.passthrough import Statement
    from athena_connectors.documentdb.settings import Settings

__all__ = ["NativeQuery", "describe_statement", "pipeline_of", "plan_statement", "statement_text"]


@dataclass(frozen=True, slots=True)
class NativeQuery:
    """A native query and its result, the ``facts`` of its description.

    Attributes:
        statement: The query.
        relation: The collection that it reads, with the columns of the result.
    """

    statement: Statement
    relation: Relation


def describe_statement(tables: Tables, statement: Statement) -> TableDescription:
    """Return what a native query gives; ``NativeQuery`` is its facts.

    The columns are those of its first results. A filter that no document passes leaves the
    columns of the collection, and so does one that needs the order of ``find``, as ``$near``.

    Raises:
        TableNotFoundError: There is no such collection.
        InvalidRequestError: The server refuses the pipeline.
        ConnectorError: It refuses or can't be reached; see ``faults``.

    Cost:
        As of ``Tables.describe_results``, and of ``Tables.describe`` where that is needed.
    """
    collection = tables.collection(statement.database, statement.collection)
    description = None
    if statement.pipeline is not None:
        description = tables.describe_results(collection, statement.pipeline or ({"$match": {}},))
    elif statement.filter:
        try:
            description = tables.describe_results(collection, ({"$match": statement.filter},))
        except InvalidRequestError:
            description = None
        if description is not None and description.schema.names == [ID]:
            description = None
    if description is None:
        description = tables.describe(TableName(collection.database, collection.name))
    relation = description.facts
    assert isinstance(relation, Relation)
    return replace(
        description, facts=NativeQuery(statement, replace(relation, collection=collection))
    )


def plan_statement(constraints: Constraints, query: NativeQuery, settings: Settings) -> Pushdown:
    """Decide what the server evaluates beside a native query.

    Of a filter that is what it evaluates of any scan. What a pipeline gives need not follow
    the rules of a collection, so that only a limit is added to it.
    """
    statement = query.statement
    if statement.pipeline is None:
        planned = plan(constraints, query.relation, settings)
        native = planned.native
        assert isinstance(native, NativeScan)
        both: dict[str, Any] = dict(statement.filter)
        if native.filter:
            both = {"$and": [both, native.filter]} if both else native.filter
        return replace(planned, native=replace(native, filter=both))
    limit = constraints.limit
    if limit is None or constraints.order_by or constraints.conjuncts():
        return Pushdown(NativeScan())
    return Pushdown(NativeScan(limit=limit, is_empty=limit == 0), limit_pushed=limit > 0)


def pipeline_of(statement: Statement, native: NativeScan) -> list[Mapping[str, Any]]:
    """Return the stages that are sent for a native query that is a pipeline."""
    stages = list(statement.pipeline or ())
    return stages if native.server_limit is None else [*stages, {"$limit": native.server_limit}]


def statement_text(
    query: NativeQuery, native: NativeScan, projection: Mapping[str, Any] | None
) -> str:
    """Return the command that is sent for a native query, for people to read."""
    collection = query.relation.collection
    if query.statement.pipeline is None:
        return native_text(
            collection,
            native.filter,
            projection,
            limit=native.server_limit,
            collation=native.collation,
        )
    stages = pipeline_of(query.statement, native)
    return document_text({"aggregate": collection.name, "pipeline": stages})
