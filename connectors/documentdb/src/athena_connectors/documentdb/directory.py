"""Which schemas and tables there are, and what their names stand for.

A schema is a database of the server, with the collections that the user may read and those
that the Glue database of the same name declares; or a Glue database alone. Glue that refuses
or fails is an error; only a table that it does not have is looked for on the server.

A name is taken as it is, then in any case, and is an error if it then fits several: tables
that Glue declares with ``sourceDatabase`` and ``sourceTable`` are the way out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from athena_connectors.common import directory
from athena_connectors.common.directory import FoundTable, missing_source
from athena_connectors.common.errors import (
    AmbiguousNameError,
    NotFoundError,
    SchemaNotFoundError,
    TableNotFoundError,
)
from athena_connectors.common.naming import resolve
from athena_connectors.common.paging import page_of_names
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.glue_schema import (
    FLAG,
    has_collections,
    is_collection,
    source_collection,
    source_database,
)
from athena_connectors.documentdb.listings import (
    SYSTEM_DATABASES,
    collection_names,
    database_names,
    look_up,
)
from athena_connectors.documentdb.relation import Collection
from athena_connectors.documentdb.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.common.glue_tables import GlueTable
    from athena_connectors.common.paging import Page

__all__ = ["Directory"]

_WAY_OUT = (
    "Declare a table in Glue whose parameters sourceDatabase and sourceTable are the ones that"
    " are meant, spelt exactly."
)


class Directory(directory.Directory[Client, Settings, FoundTable[Collection]]):
    """The schemas and tables that exist for Athena; used by one thread."""

    def list_schemas(self) -> list[str]:
        """Return the databases of the server, and the flagged ones of Glue that it lacks.

        Raises:
            ConnectorError: Glue or the server refuses or does not answer.

        Cost:
            One call to the server, and one to Glue for each hundred databases there.
        """
        hidden = frozenset() if self._settings.include_system_databases else SYSTEM_DATABASES
        names = [name for name in database_names(self._client) if name not in hidden]
        flagged = [] if self._glue is None else filter(has_collections, self._glue.databases())
        return sorted((*names, *_others(names, (item.name for item in flagged))))

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of tables by name: of Glue, and of the server those that Glue lacks.

        Args:
            schema: As ``resolve_schema`` spells it.
            token: ``None`` for the first page.
            page_size: Names wanted at most, 1 or more; ``None`` for all.

        Raises:
            InvalidRequestError: The token is none of ours.
            AmbiguousNameError: Several databases fit the schema.
            ConnectorError: Glue or the server refuses or does not answer.

        Cost:
            A listing of the Glue database and two of the server, for each page.
        """
        declared = [table.name for table in self._declared(schema)]
        try:
            names = collection_names(self._client, self._database(schema))
        except SchemaNotFoundError:
            names = []
        every = (*declared, *_others(declared, names))
        return page_of_names(every, token=token, page_size=page_size)

    def _declared(self, schema: str) -> Iterable[GlueTable]:
        if self._glue is None:
            return ()
        return filter(is_collection, self._glue.tables(schema.lower()))

    def resolve_schema(self, name: str) -> str:
        """Return a schema's name; a Glue database is one even if it is not flagged.

        Raises:
            SchemaNotFoundError: There is none.
            AmbiguousNameError: Several databases of the server fit and Glue has none.
            ConnectorError: Glue or the server refuses or does not answer.
        """
        try:
            return self._database(name)
        except (SchemaNotFoundError, AmbiguousNameError):
            found = None if self._glue is None else self._glue.database(name.lower())
            if found is None:
                raise
            return found.name

    def collection(self, database: str, name: str) -> Collection:
        """Return a collection or a view, whatever Glue says.

        Args:
            database: Name of its database, exact or in any case.
            name: Its own name, likewise.

        Raises:
            SchemaNotFoundError: There is no such database.
            TableNotFoundError: There is no such collection.
            AmbiguousNameError: Several fit.
            ConnectorError: The server refuses or does not answer.

        Cost:
            Two calls; two more for a name that is not exact.
        """
        exact = self._database(database)
        found = look_up(self._client, exact, name)
        if found is None:
            names = collection_names(self._client, exact)
            spelt = self._spelling(name, names, kind="table", within=exact)
            found = look_up(self._client, exact, spelt)
        if found is None:
            raise TableNotFoundError(
                f"There is no collection {name!r} in {exact} any more.",
                hint="List the schema's tables.",
                schema=exact,
                table=name,
            )
        return found

    def look_up(self, schema: str, name: str) -> FoundTable[Collection]:
        """Ask for a table by its name in any case; see ``resolve_table``."""
        glue = None
        if self._glue is not None and name:
            glue = self._glue.table(schema.lower(), name.lower())
        if glue is not None and is_collection(glue):
            return FoundTable(self._source(schema, glue), glue)
        try:
            return FoundTable(self.collection(schema, name))
        except NotFoundError as error:
            if glue is None:
                raise
            raise TableNotFoundError(
                error.message,
                hint=f"{glue} is not for this connector: give it a parameter {FLAG}.",
                schema=schema,
                table=name,
            ) from error

    def _source(self, schema: str, glue: GlueTable) -> Collection:
        """Return the collection that a Glue table stands for."""
        database, name = source_database(glue) or schema, source_collection(glue)
        try:
            return self.collection(database, name)
        except NotFoundError as error:
            source = f"collection {database}.{name}"
            advice = "Correct its parameters sourceDatabase and sourceTable."
            raise missing_source(glue, source, error, advice=advice) from error

    def _database(self, name: str) -> str:
        """Return the exact name of a database of the server."""
        return self._spelling(name, database_names(self._client), kind="schema")

    def _spelling(
        self,
        name: str,
        names: Sequence[str],
        *,
        kind: Literal["schema", "table"],
        within: str = "",
    ) -> str:
        if not self._settings.enable_case_insensitive_match:
            names = [other for other in names if other == name]
        try:
            return resolve(name, names, kind=kind, within=within)
        except AmbiguousNameError as error:
            raise AmbiguousNameError(error.message, hint=_WAY_OUT, **error.context) from error


def _others(names: Iterable[str], more: Iterable[str]) -> list[str]:
    """Return those of some more names that are in no case among the first ones."""
    known = {name.lower() for name in names}
    return [name for name in more if name.lower() not in known]
