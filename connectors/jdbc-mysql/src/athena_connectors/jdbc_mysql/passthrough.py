"""Native queries: one statement that only reads, as a table in FROM.

A query is never run by itself. It stands in parentheses, where the server takes nothing
that writes, in a transaction that is READ ONLY, and the protocol takes one statement at a
time. Before that it is made sure that it can't end the parentheses: by its tokens here, and
by the server, which prepares it without running it.

Source: MySQL manual, "Literal Values", "Schema Object Names" and "Comments"; server source,
``sql_lex.cc``.
"""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pymysql
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.sql import native_query
from athena_connectors.common.sql.native_query import Lexicon
from athena_connectors.common.sql.relation import Relation
from athena_connectors.jdbc_mysql.errno import errno_of
from athena_connectors.jdbc_mysql.literals import identifier
from athena_connectors.jdbc_mysql.prepared import PreparedStatement
from athena_connectors.jdbc_mysql.server_types import sent_type
from athena_connectors.jdbc_mysql.statement import derived_table
from athena_connectors.jdbc_mysql.types import column_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.common.sql.native_query import Token
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.jdbc_mysql.settings import Settings
    from pymysql.protocol import FieldDescriptorPacket

__all__ = ["describe_query", "normalise"]

_SAME_NAME = frozenset({1060})
_NO_NAMES = frozenset({1052, 1054, 1059, 1166})
"""Ambiguous, unknown, too long and incorrect names of columns."""


# Tokens


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of a token as the server has them, first match.

    That is with an empty ``sql_mode``. A comment that the server runs, and a hint with
    quotes, in which it looks for the end in another way, match ``code``. Compiled when first
    needed, because that takes a while.
    """
    return re.compile(
        r"""
      (?P<code> /\*M?! | /\*\+ (?: (?!\*/) [^'"`] )*+ (?!\*/) ['"`] )
    | (?P<space> [ \t\n\v\f\r]+ | \#[^\n]* | --(?=[\x01-\x20\x7f]|\Z)[^\n]* | /\*.*?\*/ )
    | (?P<string> '(?:[^'\\]|''|\\.)*+' | "(?:[^"\\]|""|\\.)*+" )
    | (?P<name> `(?:[^`]|``)*+` )
    | (?P<open> ['"`] | /\* )
    | (?P<word> [A-Za-z0-9_$\u0080-\U0010ffff]+ )
    | (?P<symbol> . )
    """,
        re.VERBOSE | re.DOTALL,
    )


_LOCKING = frozenset({("FOR", "UPDATE"), ("FOR", "SHARE"), ("LOCK", "IN")})


def _refuse_side_effects(tokens: list[Token]) -> None:
    """Refuse what the server would only refuse in its own words, or not at all."""
    words = [token.text.upper() if token.kind == "word" else token.text for token in tokens]
    for place, word in enumerate(words):
        if tokens[place].kind == "code":
            raise InvalidRequestError(
                "The native query has a comment that the server runs, or a hint with quotes.",
                hint="Write what it says without the comment.",
            )
        if place and words[place - 1] == ".":
            continue  # the name of a column, whatever it is
        if word == "INTO":
            raise UnsupportedOperationError(
                "The native query writes, with INTO.", hint="Leave it out: Athena gets the rows."
            )
        if tuple(words[place : place + 2]) in _LOCKING:
            raise UnsupportedOperationError(
                f"The native query locks rows, with {' '.join(words[place : place + 2])}.",
                hint="Leave it out: nothing is written afterwards.",
            )


_LEXICON = Lexicon(
    _token,
    ("SELECT", "VALUES", "TABLE", "WITH"),
    {
        **dict.fromkeys(
            ("SHOW", "DESCRIBE", "DESC"), "Query the tables of information_schema instead."
        ),
        "EXPLAIN": "Ask the server for plans with a client of its own.",
    },
    _refuse_side_effects,
)

normalise = partial(native_query.normalise, lexicon=_LEXICON)


# The query as a table


def describe_query(cursor: Any, query: str, settings: Settings) -> Relation:
    """Return the columns of a query's result, which is not computed.

    Texts may have any collation and character set, which are not told.

    Args:
        cursor: A PyMySQL cursor inside of a transaction that is READ ONLY.
        query: The query, as the user wrote it.
        settings: The connector's settings.

    Returns:
        A relation of kind ``q`` with the normalised query.

    Raises:
        InvalidRequestError: The query is empty, malformed, more than one statement, has
            parameters, two columns of a name or one that can't be asked for by its name.
        UnsupportedOperationError: It is of a kind that can't stand in FROM, writes or locks.
        pymysql.Error: The server refuses it.

    Cost:
        Two statements that are prepared, not run.
    """
    query = normalise(query)
    _require_text(query)
    names = _names(cursor, query)
    targets = ", ".join(map(identifier, names))
    with _named_columns(_NO_NAMES):
        fields = _prepare(
            cursor,
            f"SELECT {targets} FROM {derived_table(query)}",  # noqa: S608 - proved
        )
    columns = tuple(
        _column(name, field, settings) for name, field in zip(names, fields, strict=True)
    )
    return Relation("system", "query", "q", columns, query=query)


def _names(cursor: Any, query: str) -> list[str]:
    """Return the names of a query's columns, as the server sees it in its parentheses."""
    with _named_columns(_SAME_NAME):
        fields = _prepare(cursor, f"SELECT * FROM {derived_table(query)}")  # noqa: S608 - proved
    return [field.name for field in fields]


def _require_text(query: str) -> None:
    try:
        query.encode()
    except ValueError as error:
        raise _unwritable() from error
    if "\0" in query:
        raise _unwritable()


def _unwritable() -> InvalidRequestError:
    return InvalidRequestError(
        "The native query has the character U+0000 or half a surrogate pair.",
        hint="Leave it out.",
    )


def _prepare(cursor: Any, sql: str) -> Sequence[Any]:
    with closing(PreparedStatement(cursor.connection, sql)) as statement:
        if statement.parameters:
            raise InvalidRequestError(
                "The native query has a ? for a parameter.", hint="Write the value there."
            )
        return statement.fields


@contextmanager
def _named_columns(codes: frozenset[int]) -> Iterator[None]:
    """Translate errors of the server that are about the names of the query's columns."""
    try:
        yield
    except pymysql.Error as error:
        if errno_of(error) not in codes:
            raise
        raise InvalidRequestError(
            "The columns of the native query can't be told apart or asked for by their names:"
            f" {error.args[-1]}.",
            hint="Give each a name of its own: expression AS name.",
        ) from error


def _column(name: str, field: FieldDescriptorPacket, settings: Settings) -> Column:
    type_ = sent_type(field)
    return column_of(name, str(type_), type_, settings=settings)
