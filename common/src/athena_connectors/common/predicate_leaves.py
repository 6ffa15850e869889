"""What a connector can ask its source, of which predicates are put together.

A predicate is whatever a connector makes of it: it says for which rows something may be true,
and a reason if it is true for others too. NOT is pushed down to the leaves first, where it is
another set of values, so nothing inexact is ever negated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.physical import Kind
    from athena_connectors.common.valueset import SortedRangeSet

__all__ = ["Algebra", "Leaves", "PredicateT", "Subject", "SubjectT", "Test", "ValuesLeaf"]

PredicateT = TypeVar("PredicateT")


class Subject(Protocol):
    """A column that the source can be asked for."""

    @property
    def type(self) -> pa.DataType:
        """Its type, as the engine has it."""
        ...

    @property
    def kind(self) -> Kind:
        """How its values are compared."""
        ...


SubjectT = TypeVar("SubjectT", bound=Subject)
_AskedT_contra = TypeVar("_AskedT_contra", contravariant=True)
_AnswerT_co = TypeVar("_AnswerT_co", covariant=True)


class ValuesLeaf(Protocol[_AskedT_contra, _AnswerT_co]):
    """Returns that a column has a value of a set, NULL aside."""

    def __call__(
        self, subject: _AskedT_contra, values: SortedRangeSet, *, utf16: bool
    ) -> _AnswerT_co:
        """Return it.

        Args:
            subject: The column.
            values: Values of the column's type, or of ``number_bounds.REALS`` for one of whole
                or decimal numbers.
            utf16: Whether texts are ordered by UTF-16 code units, not by code points.
        """
        ...


class Test(Protocol[_AnswerT_co]):
    """Returns where an expression is TRUE, or FALSE if that is wanted."""

    def __call__(self, expression: Expression, *, wanted: bool) -> _AnswerT_co:
        """Return it.

        Args:
            expression: The expression.
            wanted: Which of the two.
        """
        ...


@dataclass(frozen=True, slots=True)
class Algebra(Generic[PredicateT]):
    """How predicates are put together.

    Attributes:
        never: True for no row.
        always: Returns what is true for every row, or, with a reason, of which nothing is known.
        all_true: Returns the conjunction of some; of none, what is true for every row.
        any_true: Returns the disjunction of some, of one at least.
    """

    never: PredicateT
    always: Callable[[str], PredicateT]
    all_true: Callable[[Sequence[PredicateT]], PredicateT]
    any_true: Callable[[Sequence[PredicateT]], PredicateT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves(Generic[SubjectT, PredicateT]):
    """What a source can be asked of one column.

    Attributes:
        algebra: How what it is asked is put together.
        is_null: Returns that a column is NULL.
        not_null: Returns that it is not.
        has_value: Returns that it has a value of a set.
        contains: Returns that a column of texts has a piece of text in it; ``None`` if the
            source can't be asked for it.
        holds_nan: Whether a float of the source may be NaN.
        like: Why a predicate is true for too many rows of which only a part of the pattern of
            a LIKE is asked, in a sentence.
    """

    algebra: Algebra[PredicateT]
    is_null: Callable[[SubjectT], PredicateT]
    not_null: Callable[[SubjectT], PredicateT]
    has_value: ValuesLeaf[SubjectT, PredicateT]
    contains: Callable[[SubjectT, str], PredicateT | None]
    holds_nan: bool
    like: str
