"""Schemas and tables of a SQL server: the spelling that a name stands for, and pages.

What a server tells of its names is asked for by its connector; what is made of that is the
same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from athena_connectors.common.errors import (
    NotFoundError,
    SchemaNotFoundError,
    TableNotFoundError,
)
from athena_connectors.common.naming import resolve
from athena_connectors.common.paging import Page, decode_name_token, encode_name_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from athena_connectors.common.errors import AccessDeniedError
    from athena_connectors.common.protocol.messages import TableName

__all__ = [
    "Candidate",
    "CasingMode",
    "Lookup",
    "NameFinder",
    "Scope",
    "Window",
    "missing_table",
    "page_of_server",
]

CasingMode = Literal["NONE", "LOWER", "UPPER", "CASE_INSENSITIVE_SEARCH"]
"""How names are matched, the setting ``casing_mode``."""

Scope = Literal["exact", "any case", "all"]
"""Which names are asked for: the one as it is spelt, those that may differ from it in case
alone, or all, to offer close ones."""

_MAX_CLOSE_NAMES = 2000
"""Names at most among which those close to a wrong one are looked for."""


class Candidate(NamedTuple):
    """A schema or table that a name may stand for.

    Attributes:
        name: As the server spells it.
        readable: Whether the role may use it.
        listed: Whether it is among those listed.
    """

    name: str
    readable: bool = True
    listed: bool = True


class Lookup(NamedTuple):
    """What a server is asked for.

    Attributes:
        name: A name.
        scope: Which names are wanted.
        limit: Names at most, or ``None``.
    """

    name: str
    scope: Scope
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class NameFinder:
    """Looks names up, first as they are, then in any case if the mode is to search.

    Attributes:
        kind: What is named.
        mode: How names are matched.
        find: Asks the server; returns ``None`` if nothing in it can have such a name. Names
            that don't match may be among what it returns.
        denied: Makes the error for a name that the role may not use; a server that hides
            such names needs none.
        within: The schema of tables.
    """

    kind: Literal["schema", "table"]
    mode: CasingMode
    find: Callable[[Lookup], Sequence[Candidate] | None]
    denied: Callable[[str], AccessDeniedError] | None = None
    within: str = ""

    def resolve(self, name: str) -> str:
        """Return the server's spelling of a name.

        Raises:
            SchemaNotFoundError, TableNotFoundError: There is none of the name.
            AccessDeniedError: There is one, and the role may not use it.
            AmbiguousNameError: There are several and none is spelt exactly so.
        """
        spelt = {"LOWER": name.lower(), "UPPER": name.upper()}.get(self.mode, name)
        found = [item for item in self._ask(spelt, "exact") if item.name == spelt]
        if any(item.readable for item in found):
            return spelt
        if self.mode == "CASE_INSENSITIVE_SEARCH":
            others = self._ask(spelt, "any case")
            found = [item for item in others if item.name.lower() == spelt.lower()]
            readable = [item for item in found if item.readable]
            # A partition, which is not listed, does not make a listed name ambiguous.
            chosen = [item.name for item in readable if item.listed] or [
                item.name for item in readable
            ]
            if chosen:
                return resolve(spelt, chosen, kind=self.kind, within=self.within)
        if found and self.denied is not None:
            raise self.denied(found[0].name)
        return self._not_found(spelt)

    def _ask(self, name: str, scope: Scope) -> Sequence[Candidate]:
        limit = _MAX_CLOSE_NAMES if scope == "all" else None
        found = self.find(Lookup(name, scope, limit))
        if found is None:
            raise self._error(name, "Names in the server have no such character.")
        return found

    def _not_found(self, name: str) -> str:
        names = [item.name for item in self._ask(name, "all") if item.readable and item.listed]
        if self.mode == "CASE_INSENSITIVE_SEARCH":
            return resolve(name, names, kind=self.kind, within=self.within)
        similar = [other for other in names if other.lower() == name.lower()]
        hint = f"Setting casing_mode is {self.mode}, so the case has to be right."
        if similar:
            hint += f" The server has {', '.join(map(repr, similar))}."
        raise self._error(name, hint)

    def _error(self, name: str, hint: str) -> NotFoundError:
        where = f" in {self.within}" if self.within else ""
        fact = f"There is no {self.kind} {name!r}{where}."
        if self.kind == "schema":
            return SchemaNotFoundError(fact, hint=hint, schema=name)
        return TableNotFoundError(fact, hint=hint, schema=self.within, table=name)


def missing_table(name: TableName) -> TableNotFoundError:
    """Return the error for a table that was there when its name was resolved."""
    return TableNotFoundError(
        f"There is no table {name}.",
        hint="List the schema's tables; it may have been dropped.",
        schema=name.schema,
        table=name.table,
    )


class Window(NamedTuple):
    """Which names of a list in the order of their bytes are wanted.

    Attributes:
        first: The least name.
        offset: Names from there to pass over.
        limit: Names at most, or ``None``.
    """

    first: str
    offset: int
    limit: int | None


def page_of_server(
    ask: Callable[[Window], Sequence[str]], *, token: str | None, page_size: int | None
) -> Page[str]:
    """Return one page of names that the server cuts out.

    Args:
        ask: Returns the names of a window.
        token: ``None`` for the first page. An integer, as the Java connector gave it, is
            the number of names to pass over.
        page_size: Names wanted at most, 1 or more; ``None`` for all.

    Raises:
        InvalidRequestError: The token is none of ours.
    """
    offset, first = _position(token)
    names = ask(Window(first, offset, None if page_size is None else page_size + 1))
    if page_size is None or len(names) <= page_size:
        return Page(tuple(names), None)
    return Page(tuple(names[:page_size]), encode_name_token(names[page_size]))


def _position(token: str | None) -> tuple[int, str]:
    if token is None:
        return 0, ""
    if token.isascii() and token.isdecimal():
        return int(token), ""
    # No server has a name with U+0000, so one without it and the rest is as good.
    return 0, decode_name_token(token).partition("\0")[0]
