"""What the compiler of predicates has to know of a server's SQL.

The compiler decides which rows a predicate is about, and whether SQL says that exactly; a
dialect says how the server spells it. All that it returns must never fail in the server,
whatever a row holds: a server evaluates the parts of a predicate in any order, also for
rows that another part excludes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.relation import Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    import pyarrow as pa
    from athena_connectors.common.constraints import Direction
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.common.valueset import Value

__all__ = [
    "FALSE",
    "OWN",
    "TEXTS",
    "Dialect",
    "NotPushedError",
    "PushdownSettings",
    "Subject",
    "Term",
    "comparable",
    "guarded",
    "is_not_null",
    "is_null",
    "substituted",
]

FALSE = "false"
OWN = "{c}"
"""Stands for the quoted column in the SQL of a ``Column``."""

TEXTS = frozenset(
    {
        Comparison.TEXT_C,
        Comparison.TEXT_DETERMINISTIC,
        Comparison.TEXT_FOLDED,
        Comparison.TEXT_CAST,
    }
)
"""Comparisons that the setting ``string_pushdown`` is about."""

_KINDS = {
    Comparison.NATIVE: {Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN},
    Comparison.NUMERIC: {Kind.DECIMAL},
    Comparison.FLOAT: {Kind.FLOAT},
    Comparison.DATE: {Kind.DATE},
    Comparison.TIMESTAMP: {Kind.DATETIME},
    Comparison.TIMESTAMPTZ: {Kind.DATETIME, Kind.INSTANT},
    Comparison.UUID: {Kind.TEXT},
    Comparison.BYTES: {Kind.BYTES},
    **{comparison: {Kind.TEXT} for comparison in TEXTS},
}


class NotPushedError(Exception):
    """A predicate, or a part of it, can't go to the server; the message says why.

    It never leaves ``plan_pushdown``.
    """


class PushdownSettings(Protocol):
    """The settings that matter here."""

    @property
    def string_pushdown(self) -> str:
        """``exact``, ``equality_only`` or ``off``."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One column as predicates see it; every member but the first two is SQL.

    Comparing the operands with constants gives what Athena gets from the values that it
    reads, except that ``ordered``, ``equal`` and ``hint`` do not know of values that are
    read as NULL though the server has one: where such a value could pass, ``guard`` has to
    be false. ``value`` needs no guard and may meet any other ``value``.

    Attributes:
        column: The column.
        kind: How its values are compared.
        name: The quoted column itself.
        value: What Athena sees, NULL included: times cut to milliseconds, text in a form
            that LIKE takes for what it is.
        ordered: Left side of ``<`` and its like, next to a constant.
        equal: Left side of ``=`` and its like, next to a constant.
        hint: Left side of an equality that may hold too often and can use an index;
            empty where there is none that ``equal`` isn't.
        guard: True where the column is not NULL and read as NULL; empty for never.
        type_name: Type of the constants that stand next to ``ordered`` and ``equal``.
        step: Distance of neighbouring values where the value read is a rounded one, so
            that the column itself is less than that away; else ``None``.
        first: False for what ``guard`` is about at the lower end of the order, where all of
            that lies at either end; else empty.
        last: The same of the upper end.
        scattered: Whether what ``guard`` is about may lie between any two values.
    """

    column: Column
    kind: Kind
    name: str
    value: str
    ordered: str
    equal: str
    hint: str = ""
    guard: str = ""
    type_name: str = ""
    step: Decimal | None = None
    first: str = ""
    last: str = ""
    scattered: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A value in an expression.

    Attributes:
        text: SQL of the value as Athena has it, NULL included; any operator may follow.
        kind: How it is compared.
        type: Its engine type.
        subject: The column, if it is one.
        constant: The value, if it is a constant other than NULL.
        digits: Digits at most before and after the point that the server's value has,
            which may be more than the type's; ``None`` for those of the type.
    """

    text: str
    kind: Kind
    type: Any
    subject: Subject | None = None
    constant: Value | None = None
    digits: tuple[int, int] | None = None


class Dialect(ABC):
    """A server's SQL.

    Attributes:
        unknown: A boolean NULL.
        has_nan: Whether a float of the server may be NaN or infinite.
        has_nul: Whether a text of the server may hold the character U+0000.
        has_later_times: Whether the server has times after the year 9999.
        max_digits: Digits that the server calculates with at most, in all and after the
            point; ``None`` for as many as Athena ever asks for.
        max_predicate_bytes: Length of all conditions of a statement together.
        no_column: What stands between SELECT and FROM to read no column.
        renames_derived: Whether the columns of a query in FROM can be given names there.
    """

    unknown: ClassVar[str] = "NULL"
    has_nan: ClassVar[bool] = True
    has_nul: ClassVar[bool] = True
    has_later_times: ClassVar[bool] = True
    max_digits: ClassVar[tuple[int, int] | None] = None
    max_predicate_bytes: ClassVar[int | None] = None
    no_column: ClassVar[str] = ""
    renames_derived: ClassVar[bool] = True

    # Names, columns and constants

    @abstractmethod
    def identifier(self, name: str) -> str:
        """Return a quoted name."""

    @abstractmethod
    def subject_of(self, column: Column) -> Subject:
        """Return the operands of a column whose values are compared in the server.

        Raises:
            NotPushedError: They can't be compared after all.
        """

    @abstractmethod
    def server_type(self, type_: Any) -> str:
        """Return the server's type for constants of an engine type that can be compared."""

    @abstractmethod
    def content_of(self, value: Value, type_: pa.DataType) -> str:
        """Return a physical value as the server spells it, without quotes.

        Dates must lie between ``FIRST_DAY`` and ``LAST_DAY``, times between ``FIRST_MS``
        and ``LAST_MS``; or 1 ms later, if the server ``has_later_times``.
        """

    @abstractmethod
    def typed(self, content: str, type_name: str) -> str:
        """Return a constant of a type, from what ``content_of`` returned."""

    def literal(self, value: Value, type_: pa.DataType) -> str:
        """Return a physical value as a constant."""
        return self.typed(self.content_of(value, type_), self.server_type(type_))

    # Next to constants

    @abstractmethod
    def is_any(self, left: str, contents: Sequence[str], type_name: str) -> str:
        """Return "equal to one of these", of one or more."""

    @abstractmethod
    def is_none(self, left: str, contents: Sequence[str], type_name: str) -> str:
        """Return "equal to none of these", of one or more."""

    @abstractmethod
    def hint(self, subject: Subject, contents: Sequence[str]) -> str:
        """Return what is true at least where ``equal`` is one of some values.

        Args:
            subject: A column with a ``hint``.
            contents: The values, one or more.

        Returns:
            The condition, ``FALSE`` if none of them can be, or nothing if an index would
            be of no use.
        """

    # Terms of expressions

    @abstractmethod
    def constant(self, value: Value, type_: pa.DataType) -> str:
        """Return a constant as the text of a ``Term``."""

    @abstractmethod
    def null(self, type_: pa.DataType) -> str:
        """Return a NULL of a type as the text of a ``Term``."""

    @abstractmethod
    def compared(self, term: Term) -> str:
        """Return what stands for a term next to an operator of comparison."""

    @abstractmethod
    def listed_type(self, term: Term, type_: pa.DataType) -> str:
        """Return the type of constants of an engine type next to ``compared(term)``."""

    @abstractmethod
    def is_distinct(self, left: str, right: str) -> str:
        """Return IS DISTINCT FROM of two compared values, in parentheses."""

    @abstractmethod
    def like(self, value: Term, pattern: Term, *, positive: bool) -> str:
        """Return LIKE without a character of escape, in parentheses.

        Args:
            value: A text.
            pattern: A text.
            positive: Whether a wider condition may stand next to it for an index.

        Raises:
            NotPushedError: The server can't tell.
        """

    @abstractmethod
    def as_float(self, term: Term, type_: pa.DataType) -> str:
        """Return an integer or a narrower float as a float.

        Raises:
            NotPushedError: The server would round in another way.
        """

    # Arithmetic of integers and decimals

    @abstractmethod
    def exact_number(self, term: Term, digits: tuple[int, int]) -> str:
        """Return a number in the server's exact type, with room for so many digits."""

    @abstractmethod
    def power_of_ten(self, exponent: int) -> str:
        """Return an exact power of ten; the exponent is 0 or more."""

    @abstractmethod
    def quotient(self, left: str, right: str, *, never_zero: bool) -> str:
        """Return a quotient of exact numbers, truncated toward zero; NULL for that by zero."""

    @abstractmethod
    def remainder(self, left: str, right: str, *, never_zero: bool) -> str:
        """Return a remainder with the sign of the dividend; NULL for that by zero."""

    # Order

    @abstractmethod
    def sort_keys(self, subject: Subject, operand: str, direction: Direction) -> Sequence[str]:
        """Return the sort keys of a column.

        Raises:
            NotPushedError: The server does not look at the whole value.
        """


def comparable(column: Column) -> bool:
    """Return whether values of a column can be compared in the server at all."""
    return kind_of(column.arrow) in _KINDS.get(column.comparison, ())


def is_null(column: Column, dialect: Dialect) -> str:
    """Return SQL that is true where a column is read as NULL, false elsewhere."""
    name = dialect.identifier(column.name)
    absent = f"{_tested(column, name)} IS NULL"
    guard = substituted(column.null_when, name)
    return f"({absent} OR ({guard}))" if guard else absent


def is_not_null(column: Column, dialect: Dialect) -> str:
    """Return SQL that is true where a column is read as a value, false elsewhere."""
    name = dialect.identifier(column.name)
    present = f"{_tested(column, name)} IS NOT NULL"
    guard = substituted(column.null_when, name)
    return f"({present} AND NOT ({guard}))" if guard else present


def substituted(template: str, name: str) -> str:
    """Return SQL of a ``Column`` with its quoted name in it."""
    return template.replace(OWN, name)


def guarded(text: str, guard: str) -> str:
    """Return a value, and NULL where ``guard`` is true."""
    return f"(CASE WHEN NOT ({guard}) THEN {text} END)" if guard else text


def _tested(column: Column, name: str) -> str:
    """A composite of nulls IS NULL in the server; what is shown of it is not."""
    if column.comparison is Comparison.NEVER and column.projection != OWN:
        return f"({substituted(column.projection, name)})"
    return name
