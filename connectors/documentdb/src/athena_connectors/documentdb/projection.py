"""Which fields the server sends for some columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.documentdb.fields import ID, is_plain_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.documentdb.relation import Column
    from athena_connectors.documentdb.settings import Settings

__all__ = ["projection"]


def projection(columns: Sequence[Column], settings: Settings) -> dict[str, int] | None:
    """Return the projection of a ``find`` that reads some columns; ``None`` for all fields.

    Fields are named whole: a path into a document would hide members that are spelled in
    another case and elements of arrays, which make a column NULL. Without columns it is
    ``_id``, the least that counts a document.

    Args:
        columns: All columns that are read, those of the residual predicate too.
        settings: The connector's settings.
    """
    if not columns:
        return {ID: 1}
    fields: dict[str, int] = {}
    for column in columns:
        names = (column.field, *column.others)
        is_found = column.field == ID or (
            column.is_spelled and not settings.disable_projection_and_casing
        )
        if not is_found or not all(map(is_plain_name, names)):
            return None
        fields |= dict.fromkeys(names, 1)
    if ID not in fields:
        fields[ID] = 0
    return fields
