"""What a connector is said to do. Everything, unless a gap with its reason is written down.

What is said is checked both ways: a behaviour without a gap has to be seen, and a gap that
works after all fails its test, so that no table of a README can be out of date.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from athena_connectors.common.errors import ConnectorError

__all__ = ["BEHAVIOURS", "Behaviour", "Gap", "GapKind", "Group", "Support", "Supports"]


class GapKind(Enum):
    """Why something is missing; the value is the word of the README."""

    NOT_IMPLEMENTED = "not implemented"
    """We could."""
    NOT_YET = "not yet"
    """The source may some day."""
    NEVER = "never"
    """It has no meaning for the source."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a connector does not do.

    Attributes:
        kind: Whether it could.
        reason: Why it does not, for the README: a few words without a full stop.
        error: Class of the error that it shows as, exactly; ``None`` if it shows as none.
    """

    kind: GapKind
    reason: str
    error: type[ConnectorError] | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("A gap needs a reason.")

    @classmethod
    def not_implemented(cls, reason: str, *, error: type[ConnectorError] | None = None) -> Gap:
        """Return a gap that the connector could close."""
        return cls(GapKind.NOT_IMPLEMENTED, reason, error)

    @classmethod
    def not_yet(cls, reason: str, *, error: type[ConnectorError] | None = None) -> Gap:
        """Return a gap that may close when the source can do more."""
        return cls(GapKind.NOT_YET, reason, error)

    @classmethod
    def never(cls, reason: str, *, error: type[ConnectorError] | None = None) -> Gap:
        """Return a gap that has no meaning for the source."""
        return cls(GapKind.NEVER, reason, error)


Support = Literal[True] | Gap


class Group(Enum):
    """What a behaviour is about; the value is a heading."""

    PUSHDOWN = "Evaluated by the source"
    READING = "Read"
    VALUES = "Kept as they are"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that connectors do or don't.

    Attributes:
        name: Field of ``Supports``.
        group: What it is about.
        text: What it is, for the README.
        needs: Name of the behaviour without which there is none of this; or empty.
    """

    name: str
    group: Group
    text: str
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supports:
    """What a connector is said to do: each field ``True`` or a ``Gap``.

    What the fields mean stands in ``BEHAVIOURS``. A behaviour that needs another one has
    that one's gap too.
    """

    filter: Support = True
    equality: Support = True
    ranges: Support = True
    in_list: Support = True
    negation: Support = True
    null: Support = True
    expressions: Support = True
    disjunction: Support = True
    comparison: Support = True
    like: Support = True
    arithmetic: Support = True
    limit: Support = True
    top_n: Support = True
    splits: Support = True
    partitions: Support = True
    passthrough: Support = True
    empty_table: Support = True
    nulls: Support = True
    empty_text: Support = True
    wide_text: Support = True
    nan: Support = True
    infinity: Support = True
    early_dates: Support = True
    milliseconds: Support = True
    nested: Support = True
    odd_names: Support = True

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not True and not isinstance(value, Gap):
                raise TypeError(f"{each.name} is {value!r}: write True or a Gap.")

    def of(self, name: str) -> Support:
        """Return what is said of a behaviour: its own gap, or that of what it needs."""
        own: Support = getattr(self, name)
        needs = _NEEDS[name]
        return own if isinstance(own, Gap) or not needs else self.of(needs)


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour("filter", Group.PUSHDOWN, "Predicates, of any kind"),
    Behaviour("equality", Group.PUSHDOWN, "`c = 1`", "filter"),
    Behaviour("ranges", Group.PUSHDOWN, "`c < 1`, `c BETWEEN 1 AND 2`", "filter"),
    Behaviour("in_list", Group.PUSHDOWN, "`c IN (1, 2)`", "filter"),
    Behaviour("negation", Group.PUSHDOWN, "`c <> 1`, `c NOT IN (1, 2)`", "filter"),
    Behaviour("null", Group.PUSHDOWN, "`c IS NULL`, `c IS NOT NULL`", "filter"),
    Behaviour("expressions", Group.PUSHDOWN, "Conditions as expressions", "filter"),
    Behaviour("disjunction", Group.PUSHDOWN, "`a = 1 OR b = 2`", "expressions"),
    Behaviour("comparison", Group.PUSHDOWN, "`a < b`", "expressions"),
    Behaviour("like", Group.PUSHDOWN, "`c LIKE 'a%'`", "expressions"),
    Behaviour("arithmetic", Group.PUSHDOWN, "`c % 2 = 1`", "expressions"),
    Behaviour("limit", Group.PUSHDOWN, "`LIMIT`"),
    Behaviour("top_n", Group.PUSHDOWN, "`ORDER BY` with `LIMIT`", "limit"),
    Behaviour("splits", Group.READING, "In several splits at once"),
    Behaviour("partitions", Group.READING, "Only the partitions that a predicate wants"),
    Behaviour("passthrough", Group.READING, "By native queries, `system.query`"),
    Behaviour("empty_table", Group.READING, "Tables without rows"),
    Behaviour("nulls", Group.VALUES, "NULL"),
    Behaviour("empty_text", Group.VALUES, "Empty text, which is not NULL"),
    Behaviour("wide_text", Group.VALUES, "Text of any characters, emoji too"),
    Behaviour("nan", Group.VALUES, "NaN"),
    Behaviour("infinity", Group.VALUES, "Infinite numbers"),
    Behaviour("early_dates", Group.VALUES, "Dates or times before 1582"),
    Behaviour("milliseconds", Group.VALUES, "Times to the millisecond"),
    Behaviour("nested", Group.VALUES, "Lists, maps or structs"),
    Behaviour("odd_names", Group.VALUES, "Names of any characters, reserved words too"),
)
"""All behaviours, in the order of the README."""

_NEEDS = {behaviour.name: behaviour.needs for behaviour in BEHAVIOURS}
