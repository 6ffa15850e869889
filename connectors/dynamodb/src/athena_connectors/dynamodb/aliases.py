"""Names and values of a request, and what stands for them in its expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.dynamodb.conditions import render
from athena_connectors.dynamodb.literals import value_identity, value_size

if TYPE_CHECKING:
    from athena_connectors.dynamodb.access import AttributeValue
    from athena_connectors.dynamodb.conditions import Condition

__all__ = ["Aliases"]


class Aliases:
    """``#n0`` and ``:v0``, by position; only what was asked for is there.

    Attributes:
        size: Bytes of all names and values.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[tuple[str, Any], tuple[str, AttributeValue]] = {}
        self.size = 0

    def copy(self) -> Aliases:
        """Return the same aliases, to which others may be added."""
        other = Aliases()
        other.adopt(self)
        return other

    def adopt(self, other: Aliases) -> None:
        """Become as another is."""
        self._names, self._values = dict(other._names), dict(other._values)
        self.size = other.size

    def text(self, condition: Condition) -> str:
        """Return a condition with aliases in it."""
        return render(condition, name=self.name, value=self.value)

    def name(self, name: str) -> str:
        """Return what stands for a name."""
        alias = self._names.get(name)
        if alias is None:
            alias = self._names[name] = f"#n{len(self._names)}"
            self.size += len(alias) + len(name.encode())
        return alias

    def value(self, value: AttributeValue) -> str:
        """Return what stands for a value."""
        identity = value_identity(value)
        known = self._values.get(identity)
        if known is None:
            known = self._values[identity] = (f":v{len(self._values)}", value)
            self.size += len(known[0]) + value_size(value)
        return known[0]

    def add_to(self, request: dict[str, Any]) -> None:
        """Put what is used into a request, and nothing empty."""
        if self._names:
            request["ExpressionAttributeNames"] = {
                alias: name for name, alias in self._names.items()
            }
        if self._values:
            request["ExpressionAttributeValues"] = dict(self._values.values())
