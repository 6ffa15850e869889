"""Half-open ranges of a key, which hold each row of a relation exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Key", "KeyRange", "KeyT", "key_ranges", "range_of", "range_to_json", "sound"]


class Key(Protocol):
    """A column that rows are told apart by, with the order that its server gives it.

    Values are texts, as the server writes them.
    """

    @property
    def column(self) -> str:
        """The column, as the server spells it."""

    def name_sql(self) -> str:
        """Return the quoted column."""

    def below_sql(self, value: str) -> str:
        """Return the condition that the key is less than a value."""

    def from_sql(self, value: str) -> str:
        """Return the condition that the key is a value or more.

        For each key but NULL, either this or ``below_sql`` is true.
        """

    def to_json(self) -> Mapping[str, Any]:
        """Return the members by which a split's properties tell the key."""


KeyT = TypeVar("KeyT", bound=Key)


@dataclass(frozen=True, slots=True)
class KeyRange(Generic[KeyT]):
    """The rows whose key lies in a range.

    Attributes:
        key: The key.
        low: First value, inclusive, as the server writes it; ``None`` for an open end.
        high: Last value, **exclusive**; ``None`` for an open end.
        nulls: Whether rows without a key belong to it.
    """

    key: KeyT
    low: str | None = None
    high: str | None = None
    nulls: bool = False

    def where_sql(self) -> str:
        """Return the condition, which may stand next to AND."""
        ends = ((self.key.from_sql, self.low), (self.key.below_sql, self.high))
        text = " AND ".join(sql_of(value) for sql_of, value in ends if value is not None)
        return f"({text} OR {self.key.name_sql()} IS NULL)" if self.nulls else text


def key_ranges(
    key: KeyT, boundaries: Sequence[str], *, nullable: bool
) -> tuple[KeyRange[KeyT], ...]:
    """Return ranges that hold each row exactly once, whatever the key's values are.

    Args:
        key: The key.
        boundaries: Where one range ends and the next begins, in the key's order; 1 or more.
        nullable: Whether the key may be NULL.
    """
    ends = pairwise([None, *boundaries, None])
    return tuple(KeyRange(key, low, high, nulls=nullable and low is None) for low, high in ends)


def range_to_json(keys: KeyRange[Any]) -> dict[str, Any]:
    """Return a range as ``range_of`` reads it."""
    return {**keys.key.to_json(), "from": keys.low, "to": keys.high, "nulls": keys.nulls}


def range_of(told: Any, read_key: Callable[[dict[str, Any]], KeyT]) -> KeyRange[KeyT]:
    """Return a range that ``range_to_json`` has written.

    Args:
        told: What was written, or anything else.
        read_key: Returns the key that its members tell; raises ``ValueError`` for others.

    Raises:
        ValueError: Nothing of that kind.
    """
    match told:
        case {
            "from": None | str() as low,
            "to": None | str() as high,
            "nulls": bool(nulls),
            **others,
        } if (low, high) != (None, None):
            sound(low or "", high or "")
            key = read_key({str(name): member for name, member in others.items()})
            return KeyRange(key, low, high, nulls)
        case _:
            raise ValueError(told)


def sound(*texts: str) -> None:
    """Raise ``ValueError`` for a text that no statement can hold."""
    for text in texts:
        if "\0" in text:
            raise ValueError(text)
        text.encode()  # half a surrogate pair
