"""Which schemas and tables there are, and what their names stand for.

Schema ``default`` holds the tables of DynamoDB and those that Glue's database of that name
declares; each other schema is a Glue database. Glue that refuses or fails is an error; only
a table that it does not have is looked for in DynamoDB.

``"table$index"`` is the same table, read by that index alone; ``"table$"`` by none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from athena_connectors.common import directory
from athena_connectors.common.errors import (
    AmbiguousNameError,
    InvalidRequestError,
    SchemaNotFoundError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.naming import resolve
from athena_connectors.common.paging import Page, decode_name_token, encode_name_token
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.dynamodb.client import Client
from athena_connectors.dynamodb.glue_schema import (
    has_dynamodb_tables,
    is_dynamodb_table,
    source_of,
)
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import SourceTable
from athena_connectors.dynamodb.table_names import TableFilter, TableNames, name_of_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.glue_tables import GlueTable
    from athena_connectors.dynamodb.source_table import Index

__all__ = ["DEFAULT_SCHEMA", "Directory", "FoundTable", "split_index"]

DEFAULT_SCHEMA = "default"
"""The schema of the tables that are in DynamoDB."""

_INDEX_SIGN = "$"
"""Between table and index; neither has it in its name."""

_IN_GLUE, _IN_DYNAMODB = "g", "d"


@dataclass(frozen=True, slots=True)
class FoundTable(directory.FoundTable[SourceTable]):
    """A table in DynamoDB, which may be read by its indexes."""

    def index(self, name: str) -> Index:
        """Return an index by its name in any case, the table itself for an empty one.

        Raises:
            TableNotFoundError: There is none; all that exist are named.
            AmbiguousNameError: Several fit and none is spelt exactly so.
            UnsupportedOperationError: DynamoDB has not built it yet.
        """
        table = self.source
        exact = table.index(name)
        similar = [item for item in table.indexes if item.name.lower() == name.lower()]
        indexes = [exact] if exact is not None else similar
        if len(indexes) == 1:
            if indexes[0].usable:
                return indexes[0]
            raise UnsupportedOperationError(
                f"Index {indexes[0].name!r} of table {table.name} is not complete yet.",
                hint="Wait until DynamoDB has built it, or query the table.",
                table=table.name,
            )
        known = ", ".join(f'"{self.name}${item.name}"' for item in table.indexes)
        hint = f"There are {known}." if known else "It has no index at all."
        if indexes:
            fact = f"The index name {name!r} of table {table.name} fits several."
            raise AmbiguousNameError(fact, hint=hint, table=table.name)
        raise TableNotFoundError(
            f"Table {table.name} has no index {name!r}.", hint=hint, table=table.name
        )


def split_index(name: str) -> tuple[str, str | None]:
    """Return the table's part of a name, and the index that it forces if it does."""
    table, sign, index = name.partition(_INDEX_SIGN)
    return table, index if sign else None


class Directory(directory.Directory[Client, Settings, FoundTable]):
    """The schemas and tables that exist for Athena; used by one thread."""

    @cached_property
    def _filter(self) -> TableFilter:
        return TableFilter(self._settings)

    @cached_property
    def _names(self) -> TableNames:
        return TableNames(self._client, self._filter, clock=self._clock)

    def list_schemas(self) -> list[str]:
        """Return ``default``, after the Glue databases that are flagged.

        Raises:
            AccessDeniedError, SourceError, SourceTimeoutError, ThrottledError: Glue
                refuses or does not answer.
        """
        flagged = [] if self._glue is None else filter(has_dynamodb_tables, self._glue.databases())
        names = [item.name for item in flagged if item.name != DEFAULT_SCHEMA]
        return [*sorted(names), DEFAULT_SCHEMA]

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of tables: those of Glue by name, then others in DynamoDB's order.

        A table that is in both, in any case, is listed once.

        Args:
            schema: As ``list_schemas`` spells it.
            token: ``None`` for the first page.
            page_size: Names wanted at most, 1 or more; ``None`` for all.

        Raises:
            InvalidRequestError: The token is none of ours.
            AccessDeniedError, SourceError, SourceTimeoutError, ThrottledError: Glue or
                DynamoDB refuses or does not answer.

        Cost:
            A listing of the Glue database, and one call for each hundred names in DynamoDB.
        """
        place = _IN_GLUE if token is None else decode_name_token(token)
        if place[:1] not in (_IN_GLUE, _IN_DYNAMODB):
            raise InvalidRequestError(
                f"The continuation token {token!r} is of another listing.",
                hint="Start again without a token.",
            )
        declared = sorted(table.name for table in self._declared(schema))
        items: list[str] = []
        # What DynamoDB lists next it tells by the name before, so that is what a token holds.
        before = place[1:] if place.startswith(_IN_DYNAMODB) else ""
        if place.startswith(_IN_GLUE):
            items = [name for name in declared if name >= place[1:]]
            if page_size is not None and len(items) > page_size:
                return _page(items[:page_size], _IN_GLUE + items[page_size])
        if schema == DEFAULT_SCHEMA:
            folded = {name.lower() for name in declared}
            for name in self._names.after(before):
                if name.lower() in folded:
                    continue
                if page_size is not None and len(items) == page_size:
                    return _page(items, _IN_DYNAMODB + before)
                items.append(name)
                before = name
        return _page(items, None)

    def _declared(self, schema: str) -> Iterator[GlueTable]:
        if self._glue is not None:
            yield from filter(self._exists, self._glue.tables(schema))

    def _exists(self, table: GlueTable) -> bool:
        source = name_of_target(source_of(table)) or table.name
        return is_dynamodb_table(table) and self._filter.allows(table.name, source)

    def resolve_schema(self, name: str) -> str:
        """Return a schema's name; a Glue database is one even if it is not flagged.

        Raises:
            SchemaNotFoundError: There is none.
            AccessDeniedError, SourceError, SourceTimeoutError, ThrottledError: Glue
                refuses or does not answer.
        """
        if name.lower() == DEFAULT_SCHEMA:
            return DEFAULT_SCHEMA
        if self._glue is None:
            raise SchemaNotFoundError(
                f"There is no schema {name!r}.",
                hint=f"Without Glue (disable_glue) all tables are in schema {DEFAULT_SCHEMA}.",
                schema=name,
            )
        found = self._glue.database(name.lower())
        if found is None:
            return resolve(name, self.list_schemas(), kind="schema")
        return found.name

    def resolve_table(self, name: TableName) -> TableName:
        """Return the spelling of a table, and of the index if the name forces one.

        Raises:
            SchemaNotFoundError: There is no such schema.
            TableNotFoundError: There is no such table, or no such index of it.
            AmbiguousNameError: Several fit.
            ConnectorError: Glue or DynamoDB refuses or does not answer.
        """
        schema = self.resolve_schema(name.schema)
        base, index = split_index(name.table)
        found = self.found(schema, base)
        if index is None:
            return TableName(schema, found.name)
        return TableName(schema, f"{found.name}{_INDEX_SIGN}{found.index(index).name}")

    def look_up(self, schema: str, name: str) -> FoundTable:
        """Ask for a table by its name in any case, without an index; see ``resolve_table``."""
        glue = self._glue.table(schema, name.lower()) if self._glue is not None and name else None
        if glue is not None and self._exists(glue):
            return FoundTable(self._source(glue), glue)
        if schema == DEFAULT_SCHEMA:
            return FoundTable(self._names.find(name))
        hint = "List the schema's tables."
        if glue is not None and not is_dynamodb_table(glue):
            hint = f"{glue} is not for DynamoDB: set its parameter classification to dynamodb."
        raise TableNotFoundError(
            f"There is no table {name!r} in {schema}.", hint=hint, schema=schema, table=name
        )

    def _source(self, glue: GlueTable) -> SourceTable:
        """Return the DynamoDB table that a Glue table stands for."""
        target = source_of(glue)
        try:
            if not target:
                return self._names.find(glue.name)
            return self._client.at(target).describe_table(target)
        except TableNotFoundError as error:
            source = f"DynamoDB table {target or glue.name!r}"
            advice = "Correct its parameter sourceTable, or its location."
            raise directory.missing_source(glue, source, error, advice=advice) from error


def _page(items: list[str], next_place: str | None) -> Page[str]:
    return Page(tuple(items), None if next_place is None else encode_name_token(next_place))
