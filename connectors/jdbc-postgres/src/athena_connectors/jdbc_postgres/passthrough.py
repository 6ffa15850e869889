"""Native queries: one statement that only reads, as a table in FROM.

A query is never run by itself. It stands in parentheses, where the server takes nothing
that writes, and before that it is made sure that it can't end the parentheses or begin a
second statement: by its tokens here, and by the server, which parses it as a text without
running it.

Source: PostgreSQL manual, "Lexical Structure"; server source, ``scan.l``.
"""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.sql import native_query
from athena_connectors.common.sql.native_query import Lexicon, several_statements
from athena_connectors.common.sql.relation import Relation
from athena_connectors.jdbc_postgres.catalogue import Declaration, resolve_types
from athena_connectors.jdbc_postgres.server_types import TypeOptions
from athena_connectors.jdbc_postgres.statement import derived_table
from athena_connectors.jdbc_postgres.types import column_of
from psycopg2 import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.sql.relation import Column
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["describe_query", "normalise"]

_MAX_NAME_BYTES = 63

# Modifiers of these types follow from psycopg2's ``internal_size``, which is 4 less.
_NUMERIC = 1700
_SIZED = frozenset({1042, 1043, 1231, 1560, 1562})
_UNCONSTRAINED = 0xFFFF
_HEADER = 4

_DECLARATIONS = """
SELECT format_type(item.oid, item.modifier), current_setting('server_encoding')
FROM unnest(%s::oid[], %s::int4[]) WITH ORDINALITY AS item (oid, modifier, place)
ORDER BY place
"""


# Tokens

_LETTER = r"A-Za-z_\u0080-\U0010ffff"
_BETWEEN = r"(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+"
_ESCAPED = r"'(?:[^'\\]|''|\\.)*+'"


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of a token as the server has them, first match.

    That is with ``standard_conforming_strings``. An escaped text goes on in the next quotes
    if a line ends in between. Compiled when first needed, because that takes a while.
    """
    return re.compile(
        rf"""
      (?P<space> [ \t\n\r\f\v]+ | --[^\n\r]* )
    | (?P<comment> /\* )
    | (?P<escaped> [eE]{_ESCAPED} (?:{_BETWEEN}{_ESCAPED})* )
    | (?P<string> '(?:[^']|'')*+' )
    | (?P<name> "(?:[^"]|"")*+" )
    | (?P<dollar> (?P<tag> \$(?:[{_LETTER}][{_LETTER}0-9]*)?\$ ) .*? (?P=tag) )
    | (?P<open> ['"] | [eE]' | \$(?:[{_LETTER}][{_LETTER}0-9]*)?\$ )
    | (?P<word> [{_LETTER}][{_LETTER}0-9$]* )
    | (?P<number> [0-9]+ )
    | (?P<symbol> . )
    """,
        re.VERBOSE | re.DOTALL,
    )


_LEXICON = Lexicon(
    _token,
    ("SELECT", "VALUES", "TABLE", "WITH"),
    {
        "SHOW": "Write SELECT current_setting('NAME'), or query pg_settings.",
        "EXPLAIN": "Ask the server for plans with a client of its own.",
    },
)

normalise = partial(native_query.normalise, lexicon=_LEXICON)


def describe_query(cursor: Any, query: str, settings: Settings) -> Relation:
    """Return the columns of a query's result, which is not computed.

    Names that occur several times get ``_1``, ``_2`` and so on from the second on. Texts
    may have any collation, which is not told.

    Args:
        cursor: A psycopg2 cursor inside of a transaction that is READ ONLY.
        query: The query, as the user wrote it.
        settings: The connector's settings.

    Returns:
        A relation of kind ``q`` with the normalised query.

    Raises:
        InvalidRequestError: The query is empty, malformed, more than one statement, or has
            no column.
        UnsupportedOperationError: It is of a kind that can't stand in FROM.
        psycopg2.Error: The server refuses it.

    Cost:
        Four statements; the query is planned, not run.
    """
    query = normalise(query)
    _prove_single(cursor, query)
    cursor.execute(f"SELECT * FROM {derived_table(query)} LIMIT 0")  # noqa: S608 - proved
    if not cursor.description:
        raise InvalidRequestError("The native query has no column.", hint="Select something.")
    names = _distinct([item.name for item in cursor.description])
    columns = _columns(cursor, names, list(map(_declaration, cursor.description)), settings)
    return Relation("system", "query", "q", columns, query=query)


def _columns(
    cursor: Any, names: Sequence[str], declared: Sequence[Declaration], settings: Settings
) -> tuple[Column, ...]:
    arguments = ([item.oid for item in declared], [item.modifier for item in declared])
    cursor.execute(_DECLARATIONS, arguments)
    shown = cursor.fetchall()
    _, encoding = shown[0]
    options = TypeOptions(settings, cursor.connection.server_version, encoding)
    return tuple(
        column_of(name, source_type, type_, options=options)
        for name, (source_type, _), type_ in zip(
            names, shown, resolve_types(cursor, declared), strict=True
        )
    )


def _prove_single(cursor: Any, query: str) -> None:
    """Let the server parse the query as a text, which it refuses if it is two statements.

    ``ts_stat`` runs a query that it gets as a text; this one has no row to ask for.
    """
    probe = (
        "SELECT NULL::pg_catalog.tsvector WHERE false AND EXISTS"  # noqa: S608 - not run
        f" (SELECT FROM {derived_table(query)})"
    )
    try:
        cursor.execute("SELECT count(*) FROM pg_catalog.ts_stat(%s)", (probe,))
    except errors.InvalidCursorDefinition as error:
        raise several_statements() from error
    except ValueError as error:
        raise InvalidRequestError(
            "The native query has the character U+0000 or half a surrogate pair.",
            hint="Leave it out.",
        ) from error


def _declaration(item: Any) -> Declaration:
    """Return a column's type, its modifier out of what psycopg2 makes of it."""
    if item.type_code == _NUMERIC and item.precision != _UNCONSTRAINED:
        return Declaration(item.type_code, (item.precision << 16 | item.scale) + _HEADER)
    if item.type_code in _SIZED and item.internal_size != -1:
        return Declaration(item.type_code, item.internal_size + _HEADER)
    return Declaration(item.type_code)


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names that are all different, each as it is where that can be."""
    taken = set(names)
    seen: set[str] = set()
    result = []
    for name in names:
        shown, number = name, 0
        while shown in seen or (number and shown in taken):
            number += 1
            shown = _with_suffix(name, f"_{number}")
        seen.add(shown)
        result.append(shown)
    return result


def _with_suffix(name: str, suffix: str) -> str:
    """Return a name with a suffix, cut so that the server does not cut it."""
    kept = name.encode()[: _MAX_NAME_BYTES - len(suffix)].decode(errors="ignore")
    return kept + suffix
