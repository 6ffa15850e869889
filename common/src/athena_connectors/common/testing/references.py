"""SQL in Athena's dialect, and the references in it to tables of a catalog.

``read_statement`` replaces every reference by a relation of its own, under the name by
which the rest of the statement knows the table. What is left is plain SQL over relations
that the engine fills. Names of common table expressions shadow tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

import sqlglot
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.engine_errors import QueryError
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["FUNCTION_PREFIX", "Reference", "Statement", "read_statement"]

DIALECTS = ("trino", "duckdb")
"""Athena's dialect first; DuckDB's for what it alone can say."""
FUNCTION_PREFIX = "lambda:"
"""A catalog of this form is the function of that name, as in Athena."""
SIGNATURE = "schemaFunctionName"


@dataclass(frozen=True, slots=True)
class Reference:
    """A table, or a native query, that a statement reads.

    Attributes:
        catalog: Name of the catalog, as configured.
        table: Folded schema and name; those of the function for a native query.
        passthrough: Arguments of the native query as pairs, empty for a table.
    """

    catalog: str
    table: TableName
    passthrough: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.catalog}.{self.table}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A query whose table references are relations.

    Attributes:
        tree: The query; each relation stands in it once.
        dialect: The dialect in which it was read.
        references: Relation name to what it stands for.
    """

    tree: exp.Query
    dialect: str
    references: dict[str, Reference]

    def sql(self) -> str:
        """Return the query as DuckDB takes it."""
        return self.tree.sql(dialect="duckdb")


def read_statement(
    sql: str, catalogs: Collection[str], *, now: datetime | None = None
) -> Statement:
    """Read one query and find the tables in it.

    Args:
        sql: One query, in Athena's dialect.
        catalogs: Names of the configured catalogs.
        now: What ``current_timestamp`` and ``current_date`` stand for; with a zone. The
            time of the call by default, so that every part of the query sees one time.

    Raises:
        QueryError: The text is no single query, or a table's name is none of a catalog's.
    """
    tree, dialect = _parse(sql)
    _freeze_time(tree, now or datetime.now(timezone.utc))  # noqa: UP017 - the tz argument
    prefix = "athena_scan_"
    while prefix in sql.lower():
        prefix = f"_{prefix}"
    references: dict[str, Reference] = {}
    unaliased: dict[tuple[str, str], str] = {}
    for table in list(_tables(tree)):
        relation = f"{prefix}{len(references)}"
        reference, alias = _resolve(table, catalogs)
        references[relation] = reference
        if not table.alias:
            unaliased[reference.table.schema, reference.table.table] = reference.catalog
        _replace(table, relation, alias)
    _shorten_columns(tree, unaliased)
    _simplify_exists(tree)
    _close_up_offsets(tree)
    _quote_keywords(tree)
    return Statement(tree, dialect, references)


def _parse(sql: str) -> tuple[exp.Query, str]:
    errors: list[str] = []
    for dialect in DIALECTS:
        try:
            trees = [tree for tree in sqlglot.parse(sql, dialect=dialect) if tree is not None]
        except (ParseError, TokenError) as error:
            errors.append(_first_error(error))
            continue
        if len(trees) != 1:
            raise QueryError(
                f"One query is expected, the text has {len(trees)} statements.",
                hint="Run them one by one.",
            )
        tree = trees[0]
        if isinstance(tree, exp.Values):
            tree = exp.select("*").from_(tree)
        if not isinstance(tree, exp.Query):
            raise QueryError(
                f"Only queries can be run, this is a {tree.key.upper()} statement.",
                hint="Use the commands tables and describe to look at metadata.",
            )
        return tree, dialect
    raise QueryError(f"The SQL can't be read: {errors[0]}", hint="Check its syntax.")


def _first_error(error: ParseError | TokenError) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return str(error).splitlines()[0]
    first = details[0]
    fact = re.sub(r"<Token .*?text: (.*?), line: .*>", r"'\1'", first.get("description") or "")
    return f"{fact} at line {first.get('line')}, column {first.get('col')}."


def _tables(tree: exp.Query) -> Iterator[exp.Table]:
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier):
            if table.db or table.name.lower() not in _cte_names(table):
                yield table
        elif isinstance(table.this, exp.Dot):
            raise QueryError(
                f"The name {table.sql()} has too many parts.", hint="Write catalog.schema.table."
            )
        elif isinstance(table.this, exp.Anonymous) and table.this.name.upper() == "TABLE":
            yield table


def _cte_names(table: exp.Table) -> set[str]:
    names: set[str] = set()
    node = table.parent
    while node is not None:
        if isinstance(node, exp.Query):
            names.update(cte.alias.lower() for cte in node.ctes)
        node = node.parent
    return names


def _resolve(table: exp.Table, catalogs: Collection[str]) -> tuple[Reference, str]:
    if isinstance(table.this, exp.Anonymous):
        return _native_query(table.this, catalogs)
    if not table.db:
        raise QueryError(
            f"Table {table.name!r} has no schema.",
            hint="Write catalog.schema.table, or schema.table when there is one catalog.",
        )
    name = TableName(table.db.lower(), table.name.lower())
    return Reference(_catalog(table.catalog, catalogs, shown=table.sql()), name), name.table


def _catalog(name: str, catalogs: Collection[str], *, shown: str) -> str:
    if not name:
        if len(catalogs) == 1:
            return next(iter(catalogs))
        raise QueryError(
            f"{shown} names no catalog and there are several.",
            hint=f"Put one in front: {', '.join(sorted(catalogs))}.",
        )
    for catalog in catalogs:
        if catalog.lower() == name.lower():
            return catalog
    if name.startswith(FUNCTION_PREFIX):
        return name
    close = get_close_matches(name.lower(), [item.lower() for item in catalogs], n=3, cutoff=0.5)
    known = ", ".join(close or sorted(catalogs)) or "none"
    raise QueryError(
        f"There is no catalog {name!r} for {shown}.",
        hint=f"{'Close names' if close else 'Configured'}: {known}.",
    )


def _native_query(call: exp.Anonymous, catalogs: Collection[str]) -> tuple[Reference, str]:
    """Read ``TABLE(catalog.schema.function(ARGUMENT => 'text'))``."""
    dotted = call.expressions[0] if len(call.expressions) == 1 else None
    parts = list(dotted.flatten()) if isinstance(dotted, exp.Dot) else []
    function = parts[-1] if parts else None
    if not isinstance(function, exp.Anonymous) or len(parts) not in (2, 3):
        raise QueryError(
            f"{call.sql(dialect='trino')} is no table function of a catalog.",
            hint="Write TABLE(catalog.system.query(QUERY => '...')).",
        )
    catalog = parts[0].name if len(parts) == 3 else ""  # noqa: PLR2004
    schema, name = parts[-2].name.lower(), function.name.lower()
    arguments = [_argument(item) for item in function.expressions]
    signature = (SIGNATURE, f"{schema}.{name}".upper())
    return (
        Reference(
            _catalog(catalog, catalogs, shown=f"TABLE({dotted.sql() if dotted else ''})"),
            TableName(schema, name),
            (signature, *arguments),
        ),
        name,
    )


def _argument(item: exp.Expr) -> tuple[str, str]:
    value = item.expression if isinstance(item, exp.Kwarg) else None
    if not isinstance(value, exp.Literal) or not value.is_string:
        raise QueryError(
            f"The argument {item.sql(dialect='trino')} of a native query can't be used.",
            hint="Pass every argument as NAME => 'text'.",
        )
    return item.this.name.upper(), value.this


def _replace(table: exp.Table, relation: str, alias: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    table.set("this", exp.to_identifier(relation))
    table.set("db", None)
    table.set("catalog", None)


def _shorten_columns(tree: exp.Query, unaliased: dict[tuple[str, str], str]) -> None:
    """Let ``schema.table.column`` find the relation that goes by the table's name."""
    for column in tree.find_all(exp.Column):
        known = unaliased.get((column.db.lower(), column.table.lower()))
        if known is not None and column.catalog.lower() in ("", known.lower()):
            column.set("db", None)
            column.set("catalog", None)


def _simplify_exists(tree: exp.Query) -> None:
    """Read no column where only the existence of a row counts."""
    for exists in tree.find_all(exp.Exists):
        query = exists.this
        if isinstance(query, exp.Select) and _is_bare_star(query):
            query.set("expressions", [exp.Literal.number(1)])


def _is_bare_star(query: exp.Select) -> bool:
    plain = {"expressions", "from", "from_", "joins", "where"}
    used = {key for key, value in query.args.items() if value}
    stars = [item for item in query.expressions if isinstance(item, exp.Star)]
    return (
        used <= plain
        and len(query.expressions) == len(stars) == 1
        and not any(stars[0].args.values())
    )


_SPACED_OFFSET = re.compile(r"(.*\d) +([+-]\d{1,2}(?::\d\d)?)")


def _close_up_offsets(tree: exp.Query) -> None:
    """Write ``TIMESTAMP '2024-01-01 00:00:00 +05:30'`` without the blank, as DuckDB reads it."""
    for cast in tree.find_all(exp.Cast):
        text = cast.this
        if cast.is_type(exp.DataType.Type.TIMESTAMPTZ) and isinstance(text, exp.Literal):
            text.set("this", _SPACED_OFFSET.sub(r"\1\2", text.this))


def _quote_keywords(tree: exp.Query) -> None:
    """Quote names that are free in Athena and keywords in DuckDB, such as ``at``."""
    keywords = _duckdb_keywords()
    for name in tree.find_all(exp.Identifier):
        if name.name.lower() in keywords:
            name.set("quoted", True)  # noqa: FBT003 - sqlglot's signature


@cache
def _duckdb_keywords() -> frozenset[str]:
    import duckdb  # noqa: PLC0415

    with duckdb.connect(":memory:") as connection:
        rows = connection.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        ).fetchall()
    return frozenset(str(word) for (word,) in rows)


def _freeze_time(tree: exp.Query, now: datetime) -> None:
    """Put one time for all of the query's current times, so that predicates can use it."""
    stamp = exp.cast(exp.Literal.string(now.isoformat(sep=" ")), "timestamptz")
    day = exp.cast(exp.Literal.string(now.date().isoformat()), "date")
    for node in list(tree.find_all(exp.CurrentTimestamp, exp.CurrentDate)):
        if any(node.args.values()):
            continue
        _keep_name(node)
        node.replace((stamp if isinstance(node, exp.CurrentTimestamp) else day).copy())


def _keep_name(node: exp.Expr) -> None:
    """Name the output column after the text that the user wrote."""
    top: exp.Expr = node
    while top.parent is not None and not isinstance(top.parent, exp.Select):
        top = top.parent
    if top.arg_key == "expressions" and not isinstance(top, exp.Alias):
        name = exp.to_identifier(top.sql(dialect="trino"), quoted=True)
        alias = exp.Alias(alias=name)
        top.replace(alias)
        alias.set("this", top)
