"""Databases and tables of a Glue catalog, for connectors whose tables are declared there.

What Glue leaves out (a view has no location, a table may have no storage at all) is empty
here. A Glue that refuses or does not answer is an error and never a catalog without
tables: the columns of a table must not depend on the weather.

Source: AWS Glue API, ``GetDatabases``, ``GetTables``, ``GetTable``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.aws import AwsClients
from athena_connectors.common.aws_errors import aws_errors, translate
from athena_connectors.common.endpoints import require_reachable
from athena_connectors.common.errors import AccessDeniedError, NotFoundError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.errors import ConnectorError

__all__ = ["GlueCatalog", "GlueColumn", "GlueDatabase", "GlueTable"]

_WITHOUT_GLUE = "If no table is declared in Glue, set disable_glue to true."


@dataclass(frozen=True, slots=True)
class GlueDatabase:
    """A database.

    Attributes:
        name: Its name, in lower case as Glue has it.
        location: Its location URI, by which connectors know theirs.
    """

    name: str
    location: str


@dataclass(frozen=True, slots=True)
class GlueColumn:
    """A column: its name, its type as Hive writes types, and what is said of it."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class GlueTable:
    """A table.

    Attributes:
        database: Its database.
        name: Its name, in lower case as Glue has it.
        columns: Its columns, those it is partitioned by last.
        parameters: Its properties.
        location: Where its storage descriptor says that it is.
        storage_parameters: Properties of its storage descriptor.
    """

    database: str
    name: str
    columns: tuple[GlueColumn, ...]
    parameters: Mapping[str, str]
    location: str
    storage_parameters: Mapping[str, str]

    def __str__(self) -> str:
        return f"Glue table {self.database}.{self.name}"


class GlueCatalog:
    """Reads one Glue catalog.

    Args:
        environ: Where region and endpoints are looked for, ``GLUE_ENDPOINT`` among them.
        catalog_id: Id of the catalog; that of the function's account if empty.
    """

    def __init__(self, environ: Mapping[str, str], *, catalog_id: str = "") -> None:
        endpoint = environ.get("GLUE_ENDPOINT")
        self._clients = AwsClients(
            {"AWS_ENDPOINT_URL_GLUE": endpoint, **environ} if endpoint else environ
        )
        self._catalog = {"CatalogId": catalog_id} if catalog_id else {}
        self._is_reached = False

    def databases(self) -> Iterator[GlueDatabase]:
        """Yield all databases.

        Raises:
            AccessDeniedError: The function's role may not list them.
            NotFoundError: There is no such catalog.
            SourceError, SourceTimeoutError, ThrottledError: Glue does not answer.

        Cost:
            One call for each hundred databases.
        """
        try:
            pages = self._client().get_paginator("get_databases").paginate(**self._catalog)
            for page in pages:
                for told in page["DatabaseList"]:
                    yield GlueDatabase(told["Name"], told.get("LocationUri") or "")
        except aws_errors() as cause:
            error = _error(cause, action="glue:GetDatabases", resource="the Glue catalog")
            if isinstance(error, NotFoundError):
                fact = f"There is no Glue catalog {self._catalog.get('CatalogId', '')!r}."
                error = NotFoundError(fact, hint="Correct the setting glue_catalog.")
            raise error from cause

    def database(self, name: str) -> GlueDatabase | None:
        """Return a database, or ``None`` if there is none of the name.

        Raises:
            AccessDeniedError, SourceError, SourceTimeoutError, ThrottledError: See
                ``databases``.
        """
        try:
            told = self._client().get_database(Name=name, **self._catalog)["Database"]
        except aws_errors() as cause:
            error = _error(cause, action="glue:GetDatabase", resource=f"Glue database {name}")
            if isinstance(error, NotFoundError):
                return None
            raise error from cause
        return GlueDatabase(told["Name"], told.get("LocationUri") or "")

    def tables(self, database: str) -> Iterator[GlueTable]:
        """Yield all tables and views of a database; none if there is no such database.

        Raises:
            AccessDeniedError, SourceError, SourceTimeoutError, ThrottledError: See
                ``databases``.

        Cost:
            One call for each hundred tables.
        """
        try:
            paginator = self._client().get_paginator("get_tables")
            for page in paginator.paginate(DatabaseName=database, **self._catalog):
                for told in page["TableList"]:
                    yield _table(told, database)
        except aws_errors() as cause:
            error = _error(cause, action="glue:GetTables", resource=f"Glue database {database}")
            if not isinstance(error, NotFoundError):
                raise error from cause

    def table(self, database: str, name: str) -> GlueTable | None:
        """Return a table or a view, or ``None`` if there is none of the name.

        Raises:
            AccessDeniedError, SourceError, SourceTimeoutError, ThrottledError: See
                ``databases``.
        """
        try:
            reply = self._client().get_table(DatabaseName=database, Name=name, **self._catalog)
        except aws_errors() as cause:
            resource = f"Glue table {database}.{name}"
            error = _error(cause, action="glue:GetTable", resource=resource)
            if isinstance(error, NotFoundError):
                return None
            raise error from cause
        return _table(reply["Table"], database)

    def _client(self) -> Any:
        """Return the client, after its endpoint has been found to answer.

        The client itself would try for half a minute, in a network without a way to Glue.
        """
        client = self._clients.client("glue")
        if not self._is_reached:
            try:
                require_reachable(client.meta.endpoint_url)
            except SourceError as error:
                raise SourceError(error.message, hint=f"{error.hint} {_WITHOUT_GLUE}") from error
            self._is_reached = True
        return client


def _table(told: Mapping[str, Any], database: str) -> GlueTable:
    storage = told.get("StorageDescriptor") or {}
    columns = (*(storage.get("Columns") or ()), *(told.get("PartitionKeys") or ()))
    return GlueTable(
        database=database,
        name=told["Name"],
        columns=tuple(
            GlueColumn(item["Name"], item.get("Type") or "", (item.get("Comment") or "").strip())
            for item in columns
        ),
        parameters=told.get("Parameters") or {},
        location=storage.get("Location") or "",
        storage_parameters=storage.get("Parameters") or {},
    )


def _error(cause: Exception, *, action: str, resource: str) -> ConnectorError:
    error = translate(cause, action=action, resource=resource)
    if isinstance(error, AccessDeniedError):
        hint = f"Allow {action} on it to the function's role, in Lake Formation too."
    else:
        hint = error.hint
    return type(error)(error.message, hint=f"{hint} {_WITHOUT_GLUE}".strip(), **error.context)
