"""What ``doctor`` tells of DynamoDB, of Glue, and of what the function's role may do there.

Source: AWS, "Actions, resources, and condition keys for Amazon DynamoDB".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.findings import Finding, Verdict, told
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.dynamodb.directory import DEFAULT_SCHEMA
from athena_connectors.dynamodb.sampling import told_by
from athena_connectors.dynamodb.table_names import TableFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.dynamodb.client import Client, Operation
    from athena_connectors.dynamodb.metadata import Tables
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import SourceTable

__all__ = ["findings"]

MAX_TABLES = 20
"""Tables whose size is asked for."""

_MAX_SHOWN = 5
_CHECKS: dict[Operation, str] = {
    "Query": "query",
    "BatchGetItem": "lookup",
    "ExecuteStatement": "passthrough",
}
_GIGABYTE = 1 << 30


def findings(client: Client, tables: Tables, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about one account and region.

    Args:
        client: Reads DynamoDB.
        tables: What Athena knows of it.
        settings: The connector's settings.

    Cost:
        A listing of names, descriptions of 20 tables at most, a sample of one table's items
        and four requests for an item.
    """
    yield from told("glue", _glue(tables, settings))
    names: list[str] = []
    yield from told("tables", _listed(client, settings, names))
    described: list[SourceTable] = []
    yield from told("descriptions", _described(client, names[:MAX_TABLES], described))
    if described:
        yield from told("columns", _columns(tables, described[0].name))
        yield from told("items", _items(client, described[0], settings))
        yield _capacity(described[0], settings)
        yield from _sizes(described, settings)


def _glue(tables: Tables, settings: Settings) -> Iterator[Finding]:
    if settings.disable_glue:
        yield Finding.ok("glue", "Glue is not asked, as disable_glue says.")
        return
    declared = [name for name in tables.list_schemas() if name != DEFAULT_SCHEMA]
    for schema in declared[:1]:
        tables.list_tables(schema)
    flagged = f"flagged databases: {_shown(declared)}" if declared else "no database is flagged"
    yield Finding.ok("glue", f"Glue answers; {flagged}.")


def _listed(client: Client, settings: Settings, names: list[str]) -> Iterator[Finding]:
    """Yield what a listing of tables gives, and add the names of those that exist for Athena."""
    first, more = client.list_tables()
    names += filter(TableFilter(settings).allows, first)
    role = settings.cross_account_role_arn
    if role:
        yield Finding.ok("role", f"DynamoDB is read as {role}.")
    if names:
        at_least = "at least " if more else ""
        yield Finding.ok("tables", f"{at_least}{len(names)} tables exist: {_shown(names)}.")
    elif first:
        yield Finding.warning(
            "tables",
            f"Of {len(first)} tables none exists for Athena.",
            fix="Look at the settings table_include and table_exclude.",
        )
    else:
        yield Finding.warning(
            "tables",
            "There is no table in this account and region.",
            fix="Check AWS_REGION, dynamodb_region and cross_account_role_arn.",
        )


def _described(client: Client, names: list[str], described: list[SourceTable]) -> Iterator[Finding]:
    described.extend(map(client.describe_table, names))
    if described:
        yield Finding.ok("descriptions", f"Tables described: {len(described)}.")


def _columns(tables: Tables, table: str) -> Iterator[Finding]:
    name = tables.resolve_table(TableName(DEFAULT_SCHEMA, table))
    count = len(tables.describe(name).schema)
    yield Finding.ok("columns", f"Table {name} has {count} columns.")


def _items(client: Client, table: SourceTable, settings: Settings) -> Iterator[Finding]:
    """Try each way of reading on one item of a table."""
    name = table.name
    scan = {"TableName": name, "Limit": 1}
    reply = told_by(client.read("Scan", scan, table=name))
    yield Finding.ok("scan", f"Table {name} can be scanned.")
    for item in reply["Items"]:
        key = {part.name: item[part.name] for part in table.base.keys}
        hash_key = table.base.hash_keys[0].name
        query = {
            **scan,
            "KeyConditionExpression": "#k = :v",
            "ExpressionAttributeNames": {"#k": hash_key},
            "ExpressionAttributeValues": {":v": key[hash_key]},
        }
        yield from _tried(client, "Query", query, name)
        if settings.max_batch_keys:
            lookup = {"RequestItems": {name: {"Keys": [key]}}}
            yield from _tried(client, "BatchGetItem", lookup, name, unless="max_batch_keys to 0")
    if settings.enable_query_passthrough:
        # A table's name has no quotes in it.
        statement = {"Statement": f'SELECT * FROM "{name}"', "Limit": 1}  # noqa: S608
        off = "enable_query_passthrough to false"
        yield from map(_not_needed, _tried(client, "ExecuteStatement", statement, name, unless=off))


def _tried(
    client: Client,
    operation: Operation,
    request: Mapping[str, Any],
    table: str,
    *,
    unless: str = "",
) -> Iterator[Finding]:
    """Yield what comes of one request.

    Args:
        client: Makes it.
        operation: What is asked for.
        request: Its parameters.
        table: The table.
        unless: Which setting does without it, if there is one.
    """
    check = _CHECKS[operation]
    try:
        client.read(operation, request, table=table)
    except ConnectorError as error:
        other = f" Or set {unless}." if unless else ""
        found = Finding.of_error(check, error, fix="Look at the error.")
        yield replace(found, fix=found.fix + other)
    else:
        yield Finding.ok(check, f"{operation} works on table {table}.")


def _not_needed(finding: Finding) -> Finding:
    """Return the finding of a check whose refusal lets no query of a table fail."""
    if finding.verdict is Verdict.FAULT:
        return replace(finding, verdict=Verdict.WARNING)
    return finding


def _capacity(table: SourceTable, settings: Settings) -> Finding:
    units = table.capacity.provisioned
    if units is None:
        fact = f"Table {table.name} is on demand"
        limit = table.capacity.maximum
        fact += f", at most {limit:,} read units per second." if limit else "."
    else:
        planned = units * settings.read_capacity_fraction
        fact = (
            f"Table {table.name} has {units:,} read units per second, of which a scan plans"
            f" to use {planned:,.0f}."
        )
    return Finding.ok("capacity", fact)


def _sizes(tables: list[SourceTable], settings: Settings) -> Iterator[Finding]:
    limit = settings.max_scan_bytes
    if not settings.allow_full_scan:
        fact = "No table is scanned as a whole, as allow_full_scan says: queries have to give keys."
        yield Finding.ok("full scans", fact)
        return
    large = [table.name for table in tables if limit and table.base.size_bytes > limit]
    if large:
        yield Finding.warning(
            "full scans",
            f"Tables above max_scan_bytes ({limit / _GIGABYTE:,.1f} GiB): {_shown(large)}. Queries"
            " of them have to give keys.",
            fix="Nothing, if that is meant; otherwise raise max_scan_bytes.",
        )
    else:
        largest = max(tables, key=lambda table: table.base.size_bytes)
        size = largest.base.size_bytes / _GIGABYTE
        fact = f"A full scan reads {size:,.1f} GiB at most (table {largest.name})."
        yield Finding.ok("full scans", fact)


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_MAX_SHOWN]) + (", ..." if len(names) > _MAX_SHOWN else "")
