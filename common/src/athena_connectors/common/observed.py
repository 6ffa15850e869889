"""What was seen of the values of a source without a schema, before it becomes types.

A ``Sample`` takes documents one by one and keeps, for each place in them, which kinds of
values stood there and how often; not the values. Which document comes first makes no
difference, and neither does it in how many samples they were counted that are then merged.
Its memory grows with the number of different places, and a structure with more different
fields than it is told to allow is kept as a map, as one place.

A connector says with one function, its ``Look``, what its own values are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

__all__ = ["Kind", "Look", "Numbers", "Sample", "Tally"]

MAX_DEPTH = 32
"""Levels of lists and structures that are looked into."""


class Kind(Enum):
    """What a value is; next to each stands what a ``Look`` returns with it."""

    NULL = "null"
    BOOLEAN = "boolean"
    INT32 = "32-bit integer"
    """An ``int`` that the source itself keeps in 32 bits."""
    INT64 = "64-bit integer"
    """An ``int`` that the source itself keeps in 64 bits."""
    DECIMAL = "number"
    """A finite ``Decimal``: an exact number of which the source says no more."""
    DOUBLE = "double"
    """A ``float``."""
    TEXT = "text"
    BINARY = "binary"
    TIMESTAMP = "timestamp"
    LIST = "list"
    """An iterable of the source's values."""
    SET = "set"
    """An iterable of the source's values."""
    STRUCT = "structure"
    """A mapping of names to the source's values."""
    OTHER = "other"
    """Something that is only ever shown as text."""


Look = Callable[[Any], tuple[Kind, Any]]
"""Returns the kind of a value, and with some kinds its content in the form told there."""

NUMBERS = frozenset({Kind.INT32, Kind.INT64, Kind.DECIMAL, Kind.DOUBLE})
LISTS = frozenset({Kind.LIST, Kind.SET})


@dataclass(slots=True)
class Numbers:
    """How large and how fine the numbers of a place are.

    Attributes:
        digits: Digits before the point that all of them need.
        scale: Digits after the point that all of them need; of a double, those of the
            shortest number that reads as the same double.
        low: Least of those that are no doubles, if there is one.
        high: Greatest of those.
        not_finite: Whether one was NaN or infinite.
    """

    digits: int = 0
    scale: int = 0
    low: Decimal | None = None
    high: Decimal | None = None
    not_finite: bool = False

    def add(self, kind: Kind, number: int | float | Decimal) -> None:  # noqa: PYI041 - not the same
        """Take note of one number."""
        if kind is not Kind.DOUBLE:
            exact = Decimal(number)
            self._fit(exact)
            self._reach(exact, exact)
        elif math.isfinite(number):
            self._fit(Decimal(repr(number)))
        else:
            self.not_finite = True

    def merge(self, other: Numbers) -> None:
        """Take note of what another has taken note of."""
        self.digits = max(self.digits, other.digits)
        self.scale = max(self.scale, other.scale)
        self.not_finite = self.not_finite or other.not_finite
        if other.low is not None and other.high is not None:
            self._reach(other.low, other.high)

    def within(self, bound: int) -> bool:
        """Return whether all that are no doubles lie from ``-bound`` to ``bound - 1``."""
        if self.low is None or self.high is None:
            return True
        return -bound <= self.low and self.high < bound

    def _fit(self, number: Decimal) -> None:
        if not number:
            return
        _, digits, exponent = number.as_tuple()
        assert isinstance(exponent, int)
        # Zeros at the end of the digits are no digits: 5.00 needs none after the point.
        for digit in reversed(digits):
            if digit:
                break
            exponent += 1
        self.digits = max(self.digits, number.adjusted() + 1)
        self.scale = max(self.scale, -exponent)

    def _reach(self, low: Decimal, high: Decimal) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)


@dataclass(slots=True)
class Tally:
    """What was seen at one place: of an attribute, a field, or all elements of lists.

    Attributes:
        counts: Number of values of each kind.
        numbers: About the numbers among them.
        element: About all elements of the lists and sets, if there was one.
        fields: About the fields of the structures, by exact name.
        filled: Number of structures that had a field.
        values: About the values of all fields together, once there were too many names;
            ``fields`` is empty from then on.
    """

    counts: dict[Kind, int] = field(default_factory=dict)
    numbers: Numbers | None = None
    element: Tally | None = None
    fields: dict[str, Tally] = field(default_factory=dict)
    filled: int = 0
    values: Tally | None = None

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds seen, NULL apart."""
        return frozenset(self.counts) - {Kind.NULL}

    @property
    def total(self) -> int:
        """Number of values, NULL too."""
        return sum(self.counts.values())

    def merge(self, other: Tally, *, max_fields: int) -> None:
        """Add what another has counted; the other stays as it is and shares nothing."""
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        if other.numbers is not None:
            self.some_numbers().merge(other.numbers)
        if other.element is not None:
            self.some_element().merge(other.element, max_fields=max_fields)
        self.filled += other.filled
        for name, tally in other.fields.items():
            self.place(name).merge(tally, max_fields=max_fields)
        if other.values is not None:
            self._give_up_fields(max_fields).merge(other.values, max_fields=max_fields)
        self.bound(max_fields)

    def some_numbers(self) -> Numbers:
        """Return ``numbers``, from now on there."""
        if self.numbers is None:
            self.numbers = Numbers()
        return self.numbers

    def some_element(self) -> Tally:
        """Return ``element``, from now on there."""
        if self.element is None:
            self.element = Tally()
        return self.element

    def place(self, name: str) -> Tally:
        """Return where values of a field are counted."""
        if self.values is not None:
            return self.values
        found = self.fields.get(name)
        if found is None:
            found = self.fields[name] = Tally()
        return found

    def bound(self, max_fields: int) -> None:
        """Count all fields as one if their names are too many."""
        if len(self.fields) > max_fields:
            self._give_up_fields(max_fields)

    def _give_up_fields(self, max_fields: int) -> Tally:
        if self.values is None:
            self.values = Tally()
            for tally in self.fields.values():
                self.values.merge(tally, max_fields=max_fields)
            self.fields = {}
        return self.values


class Sample:
    """Counts what stands in documents.

    Args:
        look: Says what a value is.
        max_struct_fields: Different names of fields that a structure below the top may
            have before all of them are counted as one.

    Attributes:
        documents: Number of documents.
        attributes: What was seen of each attribute, by exact name.
    """

    def __init__(self, look: Look, *, max_struct_fields: int) -> None:
        self._look = look
        self.max_struct_fields = max_struct_fields
        self.documents = 0
        self.attributes: dict[str, Tally] = {}

    def add(self, document: Mapping[str, Any]) -> None:
        """Count one document: its attributes by name, as the source gives them."""
        self.documents += 1
        for name, value in document.items():
            self._add(self._attribute(name), value, depth=0)

    def merge(self, other: Sample) -> None:
        """Add what another sample of the same sort has counted; it stays as it is."""
        self.documents += other.documents
        for name, tally in other.attributes.items():
            self._attribute(name).merge(tally, max_fields=self.max_struct_fields)

    def _attribute(self, name: str) -> Tally:
        found = self.attributes.get(name)
        if found is None:
            found = self.attributes[name] = Tally()
        return found

    def _add(self, tally: Tally, value: Any, *, depth: int) -> None:
        kind, content = self._look(value)
        nests = kind in LISTS or kind is Kind.STRUCT
        if nests and depth == MAX_DEPTH:
            kind = Kind.OTHER
        tally.counts[kind] = tally.counts.get(kind, 0) + 1
        if kind in NUMBERS:
            tally.some_numbers().add(kind, content)
        elif kind in LISTS:
            self._add_elements(tally, content, depth=depth + 1)
        elif kind is Kind.STRUCT:
            self._add_fields(tally, content, depth=depth + 1)

    def _add_elements(self, tally: Tally, content: Iterable[Any], *, depth: int) -> None:
        for element in content:
            self._add(tally.some_element(), element, depth=depth)

    def _add_fields(self, tally: Tally, content: Mapping[str, Any], *, depth: int) -> None:
        if content:
            tally.filled += 1
        for name, value in content.items():
            self._add(tally.place(name), value, depth=depth)
        tally.bound(self.max_struct_fields)
