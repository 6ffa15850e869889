"""Which DynamoDB table a name stands for.

Athena folds names to lower case, Glue's crawlers write ``_`` for what Hive has no letter
for, and people quote what they like: a name is taken as it is, then in any case, then with
``_``, ``-`` and ``.`` for the same letter.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from athena_connectors.common.errors import (
    AccessDeniedError,
    AmbiguousNameError,
    TableNotFoundError,
)
from athena_connectors.common.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from athena_connectors.dynamodb.client import Client
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import SourceTable

__all__ = ["TableFilter", "TableNames", "name_of_target"]

NAMES_SECONDS = 60.0
PAGE_NAMES = 100
"""Names that ``ListTables`` gives at most."""

_LEGAL = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_SAME_LETTER = str.maketrans("-.", "__")
_SOURCE_HINT = (
    "Declare a table in Glue whose parameter sourceTable is the one that is meant, spelt exactly."
)


class TableFilter:
    """Which tables exist for Athena: the settings ``table_include`` and ``table_exclude``.

    Patterns know ``*``, ``?`` and ``[...]`` and do not tell upper from lower case.
    """

    def __init__(self, settings: Settings) -> None:
        self._include = [pattern.lower() for pattern in settings.table_include]
        self._exclude = [pattern.lower() for pattern in settings.table_exclude]

    def allows(self, *names: str) -> bool:
        """Return whether a table exists for Athena.

        Args:
            names: All its names: DynamoDB's, and that of a Glue table. None may be
                excluded, and one has to be included.
        """
        if any(_fits(name, self._exclude) for name in names):
            return False
        return not self._include or any(_fits(name, self._include) for name in names)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)


def name_of_target(target: str) -> str:
    """Return the name of the table that a name or an ARN is for."""
    return target.rpartition("/")[2]


class TableNames:
    """The names of the tables in DynamoDB, asked for when needed and kept for a minute."""

    def __init__(self, client: Client, tables: TableFilter, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._tables = tables
        self._listed: Remembered[list[str]] = Remembered(NAMES_SECONDS, clock)

    def after(self, start: str) -> Iterator[str]:
        """Yield the names that exist for Athena and come after one, in DynamoDB's order.

        Args:
            start: A name; empty for all.

        Cost:
            One call for each hundred names, made when they are asked for.
        """
        last: str | None = start or None
        while True:
            names, last = self._client.list_tables(last, PAGE_NAMES)
            yield from filter(self._tables.allows, names)
            if last is None:
                return

    def find(self, name: str) -> SourceTable:
        """Return the table that a name stands for.

        Raises:
            TableNotFoundError: There is none, in any spelling.
            AmbiguousNameError: There are several and none is spelt exactly so.
            AccessDeniedError: It may not be described, or names may not be listed.

        Cost:
            One call or two, and a listing of all names once in a minute if there is none
            that is spelt so.
        """
        kept = _meant(name, self._listed.get(None) or [])
        denied: AccessDeniedError | None = None
        for candidate in dict.fromkeys((*kept, name)) if len(kept) == 1 else (name,):
            try:
                found = self._if_there(candidate)
            except AccessDeniedError as error:
                # A role that may read Orders alone is not told that there is no orders.
                denied = error
            else:
                if found is not None:
                    return found
        try:
            names = self._listed.keep(None, list(self.after("")))
        except AccessDeniedError as error:
            raise denied or error from None
        meant = _meant(name, names)
        if not meant:
            raise _not_found(name, names)
        if len(meant) > 1:
            raise AmbiguousNameError(
                f"The table name {name!r} fits several: {', '.join(map(repr, meant))}.",
                hint=_SOURCE_HINT,
                table=name,
            )
        return self._client.describe_table(meant[0])

    def _if_there(self, name: str) -> SourceTable | None:
        if not _LEGAL.fullmatch(name) or not self._tables.allows(name):
            return None
        try:
            return self._client.describe_table(name)
        except TableNotFoundError:
            return None


def _meant(name: str, names: list[str]) -> list[str]:
    if name in names:
        return [name]
    for same in (str.lower, lambda text: text.lower().translate(_SAME_LETTER)):
        found = sorted(other for other in names if same(other) == same(name))
        if found:
            return found
    return []


def _not_found(name: str, names: list[str]) -> TableNotFoundError:
    close = get_close_matches(name.lower(), [other.lower() for other in names], n=3)
    return TableNotFoundError(
        f"There is no DynamoDB table {name!r}.",
        hint=f"Close names: {', '.join(close)}."
        if close
        else "List the tables; check the region and the settings table_include and table_exclude.",
        table=name,
    )
