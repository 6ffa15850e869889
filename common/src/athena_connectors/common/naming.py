"""Names: Athena folds every name to lower case, sources do not."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from athena_connectors.common.errors import (
    AmbiguousNameError,
    ColumnNotFoundError,
    NotFoundError,
    SchemaNotFoundError,
    TableNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["exposed_names", "resolve"]

_NOT_FOUND: dict[str, type[NotFoundError]] = {
    "schema": SchemaNotFoundError,
    "table": TableNotFoundError,
    "column": ColumnNotFoundError,
}


def resolve(
    name: str,
    candidates: Iterable[str],
    *,
    kind: Literal["schema", "table", "column"],
    within: str = "",
) -> str:
    """Return the one candidate that a name stands for.

    An exact match wins; without one, the only match that differs in case alone.

    Args:
        name: The name as asked for.
        candidates: Names as the source spells them.
        kind: What is named, for the error.
        within: Where it was looked for, for the error.

    Raises:
        SchemaNotFoundError, TableNotFoundError, ColumnNotFoundError: No match; close
            names are offered.
        AmbiguousNameError: Several matches that differ in case alone; all are listed.
    """
    names = list(candidates)
    if name in names:
        return name
    folded = name.lower()
    matches = sorted(candidate for candidate in names if candidate.lower() == folded)
    if len(matches) == 1:
        return matches[0]
    where = f" in {within}" if within else ""
    if matches:
        raise AmbiguousNameError(
            f"The {kind} name {name!r} fits several{where}: {', '.join(map(repr, matches))}.",
            hint="Rename one of them in the source, or make a view with another name.",
        )
    close = get_close_matches(folded, [candidate.lower() for candidate in names], n=3)
    raise _NOT_FOUND[kind](
        f"There is no {kind} {name!r}{where}.",
        hint=f"Close names: {', '.join(close)}." if close else f"List the {kind}s to see names.",
    )


def exposed_names(names: Sequence[str]) -> list[str]:
    """Return the name under which each source name is shown to the engine.

    That is the lower case form. Where several names fold to the same one, the one that is
    lower case already keeps it and the others, in order of their spelling, get ``_2``,
    ``_3`` and so on, skipping names that exist.
    """
    folded = [name.lower() for name in names]
    exposed = list(folded)
    taken = set(folded)
    for fold in {name for name in folded if folded.count(name) > 1}:
        owners = [index for index, name in enumerate(folded) if name == fold]
        owners.sort(key=lambda index: (names[index] != fold, names[index]))
        suffix = 2
        for index in owners[1:]:
            while f"{fold}_{suffix}" in taken:
                suffix += 1
            exposed[index] = f"{fold}_{suffix}"
            taken.add(exposed[index])
    return exposed
