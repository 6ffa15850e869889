"""How the types of a SQL server become columns, as data: what all tables of types share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import pyarrow as pa
from athena_connectors.common.sql.relation import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NamedType", "TypeRule", "is_any"]


class NamedType(Protocol):
    """A type of a server."""

    @property
    def known_name(self) -> str:
        """The name by which rules know it; empty for a type that the server did not bring."""


Type = TypeVar("Type", bound=NamedType)
Options = TypeVar("Options")


def is_any(_type: object, _options: object) -> bool:
    """Return true."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule(Generic[Type, Options]):
    """How the types that it applies to are read; the first that applies counts.

    Attributes:
        source: The types, for people.
        condition: What else has to hold, for people.
        engine: Athena's type, for people.
        note: What a reader of the values should know.
        names: The server's names of the types that it is about; empty for any.
        applies: What else has to hold.
        arrow: Engine type, where one is enough.
        decimal: Computes the engine type where it depends on the type or on settings.
        projection: As in ``Column``.
        compared: As in ``Column``.
        decoder: As in ``Column``.
        comparison: As in ``Column``; ``None`` when the column's collation decides.
        null_when: As in ``Column``.
    """

    source: str
    condition: str = ""
    engine: str
    note: str = ""
    names: frozenset[str] = frozenset()
    applies: Callable[[Type, Options], bool] = is_any
    arrow: pa.DataType = pa.string()  # noqa: RUF009 - immutable
    decimal: Callable[[Type, Options], pa.DataType] | None = None
    projection: str
    compared: str = ""
    decoder: str = "text"
    comparison: Comparison | None = Comparison.TEXT_CAST
    null_when: str = ""

    def matches(self, type_: Type, options: Options) -> bool:
        """Return whether the rule is for a type."""
        named = not self.names or type_.known_name in self.names
        return named and self.applies(type_, options)

    def engine_type(self, type_: Type, options: Options) -> pa.DataType:
        """Return the engine type of a scalar."""
        return self.decimal(type_, options) if self.decimal else self.arrow
