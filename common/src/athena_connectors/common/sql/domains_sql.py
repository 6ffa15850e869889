"""Value sets as SQL: true exactly for the rows whose value is in the set, or for more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from athena_connectors.common.ordering import has_order, same_type
from athena_connectors.common.physical import Kind
from athena_connectors.common.sql.dialect import (
    FALSE,
    TEXTS,
    NotPushedError,
    comparable,
    is_not_null,
    is_null,
)
from athena_connectors.common.sql.value_shapes import EVERYTHING, shape_of
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    SortedRangeSet,
    as_ranges,
)

if TYPE_CHECKING:
    from athena_connectors.common.sql.dialect import Dialect, PushdownSettings, Subject
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.common.sql.value_shapes import Shape, Span
    from athena_connectors.common.valueset import ValueSet

__all__ = ["Fragment", "domain_sql", "membership_sql", "subject_of"]


@dataclass(frozen=True, slots=True)
class Fragment:
    """SQL of one predicate, and whether it is exact; ``text`` is empty if all rows pass."""

    text: str
    reason: str = ""

    @property
    def exact(self) -> bool:
        """Whether it holds for no other rows than the predicate does."""
        return not self.reason


def subject_of(column: Column, dialect: Dialect) -> Subject:
    """Return the operands of a column.

    Raises:
        NotPushedError: Its values can't be compared in the server.
    """
    if not comparable(column):
        raise NotPushedError(f"Values of type {column.source_type} are not compared in the server.")
    return dialect.subject_of(column)


def domain_sql(
    values: ValueSet, column: Column, settings: PushdownSettings, *, dialect: Dialect
) -> Fragment:
    """Return the SQL for "the column's value is in the set".

    Raises:
        NotPushedError: No SQL would be of use, or none is safe.
    """
    if isinstance(values, AllOrNoneValueSet):
        if values.is_none:
            raise NotPushedError(
                "A set of neither all values nor NULL may have been NOT NULL on the wire."
            )
        some, null_allowed = values.all, values.null_allowed
        return Fragment(_by_nullness(column, dialect, some=some, null_allowed=null_allowed))
    ranges = _as_ranges(values)
    if ranges is None or ranges.is_all or ranges.is_none:
        some = ranges.is_all if ranges is not None else not _is_white(values)
        null_allowed = values.null_allowed
        return Fragment(_by_nullness(column, dialect, some=some, null_allowed=null_allowed))
    if not same_type(ranges.type, column.arrow):
        raise NotPushedError(
            f"The constraint is of type {ranges.type}, the column of type {column.arrow}."
        )
    subject = subject_of(column, dialect)
    _check_setting(subject, ranges, settings)
    return membership_sql(ranges, subject, dialect, utf16=True)


def membership_sql(
    ranges: SortedRangeSet, subject: Subject, dialect: Dialect, *, utf16: bool
) -> Fragment:
    """Return the SQL for a set that is neither empty nor all.

    It is true where it should be and false or NULL elsewhere, so it may stand below AND
    and OR, and not below NOT.

    Args:
        ranges: Values of the type of the column.
        subject: The column.
        dialect: The server's.
        utf16: Whether texts are ordered by UTF-16 code units, not by code points.

    Raises:
        NotPushedError: No SQL would be of use, or none is safe.
    """
    if subject.kind is Kind.INTEGER:
        # The set's type may be the wider one, and then hold values that the column's can't.
        subject = replace(subject, type_name=dialect.server_type(ranges.type))
    shape, subject = shape_of(ranges, subject, dialect, utf16=utf16)
    return _Rendering(shape, subject, dialect).fragment(null_allowed=ranges.null_allowed)


def _is_white(values: ValueSet) -> bool:
    return isinstance(values, EquatableValueSet) and values.white_list


def _as_ranges(values: SortedRangeSet | EquatableValueSet) -> SortedRangeSet | None:
    """Return a set as ranges; ``None`` for one without values of a type without order."""
    if isinstance(values, SortedRangeSet) or has_order(values.type):
        return as_ranges(values)
    if values.values:
        raise NotPushedError(f"Values of type {values.type} are never compared.")
    return None


def _by_nullness(column: Column, dialect: Dialect, *, some: bool, null_allowed: bool) -> str:
    if some:
        return "" if null_allowed else is_not_null(column, dialect)
    return is_null(column, dialect) if null_allowed else FALSE


def _check_setting(subject: Subject, ranges: SortedRangeSet, settings: PushdownSettings) -> None:
    if subject.column.comparison not in TEXTS or settings.string_pushdown == "exact":
        return
    if settings.string_pushdown == "equality_only" and (
        ranges.points() is not None or ranges.excluded_points() is not None
    ):
        return
    raise NotPushedError(f"Setting string_pushdown is {settings.string_pushdown}.")


@dataclass(frozen=True, slots=True)
class _Rendering:
    """Makes the text of one shape."""

    shape: Shape
    subject: Subject
    dialect: Dialect

    def fragment(self, *, null_allowed: bool) -> Fragment:
        some = self._some()
        if null_allowed:
            absent = is_null(self.subject.column, self.dialect)
            everything = self.shape.spans == EVERYTHING
            text = "" if everything else absent if some == FALSE else f"({absent} OR {some})"
        else:
            text = some
        return Fragment(text, self.shape.reason)

    def _some(self) -> str:
        """Return the condition for values other than NULL."""
        shape, subject = self.shape, self.subject
        if shape.excluded == () or shape.spans == EVERYTHING:
            return is_not_null(subject.column, self.dialect)
        if shape.excluded is not None:
            some = self.dialect.is_none(subject.equal, shape.excluded, subject.type_name)
        else:
            some = self._including()
        return self._guarded(some)

    def _guarded(self, some: str) -> str:
        """Keep out what is no value here though the server has one."""
        shape, subject = self.shape, self.subject
        if not subject.guard or some == FALSE:
            return some
        if subject.scattered:
            needed = shape.excluded is not None or bool(shape.spans)
            return f"({some} AND NOT ({subject.guard}))" if needed else some
        return some if shape.bounded else self._guarded_at_ends(some)

    def _guarded_at_ends(self, some: str) -> str:
        shape, subject = self.shape, self.subject
        if not subject.first:
            return f"({some} AND NOT ({subject.guard}))"
        ends = []
        if shape.excluded is not None or any(low is None for low, _ in shape.spans):
            ends.append(subject.first)
        if shape.excluded is not None or any(high is None for _, high in shape.spans):
            ends.append(subject.last)
        return f"({' AND '.join([some, *ends])})"

    def _including(self) -> str:
        shape, subject = self.shape, self.subject
        parts = [self._span(span, subject.ordered) for span in shape.spans]
        if shape.points:
            parts.append(self._points())
        if not parts or parts == [FALSE]:
            return FALSE
        text = parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
        if any(shape.around):
            text = f"({self._span(shape.around, subject.name)} AND {text})"
        return text

    def _span(self, span: Span, left: str) -> str:
        ends = [
            f"{left} {operator} {self.dialect.typed(content, self.subject.type_name)}"
            for operator, content in filter(None, span)
        ]
        return ends[0] if len(ends) == 1 else f"({' AND '.join(ends)})"

    def _points(self) -> str:
        points, subject = self.shape.points, self.subject
        exact = self.dialect.is_any(subject.equal, points, subject.type_name)
        if not subject.hint:
            return exact
        hint = self.dialect.hint(subject, points)
        if hint == FALSE:
            return FALSE
        return f"({hint} AND {exact})" if hint else exact
