"""Expressions as SQL, bottom up: SQL's three-valued logic, in Athena's reading.

Below AND and OR only, it matters for which rows a part is true and not whether it is
false or NULL elsewhere; such a part may use operands that an index serves, and parts of
an AND may be left out. Below anything else a part is exact in all three values.
Semantics are those of ``common.evaluation``. Source: wire protocol, section 11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.comparisons import COMPARISONS, MIRRORED, compared_ranges
from athena_connectors.common.expressions import (
    Call,
    Constant,
    Variable,
    check_calls,
    is_deeper,
)
from athena_connectors.common.ordering import same_type
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.arithmetic_sql import ARITHMETIC, calculate
from athena_connectors.common.sql.dialect import (
    FALSE,
    TEXTS,
    NotPushedError,
    Term,
    is_null,
)
from athena_connectors.common.sql.domains_sql import Fragment, membership_sql, subject_of
from athena_connectors.common.sql.spelling import (
    FIRST_DAY,
    FIRST_MS,
    LAST_DAY,
    LAST_MS,
    instant_ms,
    is_storable_text,
)
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.sql.dialect import Dialect, PushdownSettings
    from athena_connectors.common.sql.relation import Column, Relation
    from athena_connectors.common.valueset import Value

__all__ = ["expression_sql"]

_MAX_DEPTH = 100
_EXACT_FLOAT4 = 2**24
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_LOGICAL = frozenset(
    {"$and", "$or", "$not", "$is_null", "$is_distinct_from", "$like_pattern", "$in"}
).union(COMPARISONS)


def expression_sql(
    expression: Expression, relation: Relation, settings: PushdownSettings, *, dialect: Dialect
) -> Fragment:
    """Return the SQL for a conjunct of a predicate.

    Raises:
        InvalidRequestError: A function is unknown or has a wrong number of arguments.
        NotPushedError: No SQL would be of use, or none is safe.
    """
    if is_deeper(expression, _MAX_DEPTH):
        raise NotPushedError(f"The expression is nested more than {_MAX_DEPTH} levels deep.")
    check_calls(expression)
    compiler = _Compiler(relation, settings, dialect)
    text = compiler.condition(expression, positive=True)
    if compiler.failures:
        text = f"({' OR '.join([text, *compiler.failures])})"
        compiler.doubts.append("Rows for which the arithmetic fails in Athena are kept.")
    return Fragment(text, " ".join(dict.fromkeys(compiler.doubts)))


@dataclass(slots=True)
class _Compiler:
    """Compiles one conjunct.

    ``doubts`` say why the result may hold for too many rows; ``failures`` is SQL that is
    true for rows at which a function fails in Athena.
    """

    relation: Relation
    settings: PushdownSettings
    dialect: Dialect
    doubts: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def condition(self, expression: Expression, *, positive: bool) -> str:
        """Return SQL of a boolean.

        Args:
            expression: What is true, false or NULL.
            positive: Whether false and NULL are the same, and true for more rows is fine.
        """
        if not isinstance(expression, Call) or expression.function not in _LOGICAL:
            return self._truth(expression)
        arguments = expression.arguments
        match expression.function:
            case "$and":
                text = self._and(arguments, positive=positive)
            case "$or":
                parts = [self.condition(item, positive=positive) for item in arguments]
                text = _join(" OR ", parts)
            case "$not":
                text = f"(NOT {self.condition(arguments[0], positive=False)})"
            case "$is_null":
                text = self._is_null(arguments[0])
            case "$in":
                text = self._in(expression, positive=positive)
            case "$like_pattern":
                text = self._like(*map(self.term, arguments), positive=positive)
            case "$is_distinct_from":
                text = self._is_distinct(*map(self.term, arguments))
            case function:
                left, right = map(self.term, arguments)
                text = self._compare(COMPARISONS[function], left, right, positive=positive)
        return text

    def _truth(self, expression: Expression) -> str:
        term = self.term(expression)
        if term.kind is not Kind.BOOLEAN:
            raise NotPushedError("A part is neither true nor false.")
        return term.text

    def _and(self, arguments: Sequence[Expression], *, positive: bool) -> str:
        if not positive:
            return _join(" AND ", [self.condition(item, positive=False) for item in arguments])
        parts = []
        reasons = []
        for item in arguments:
            before = len(self.failures), len(self.doubts)
            try:
                parts.append(self.condition(item, positive=True))
            except NotPushedError as error:
                del self.failures[before[0] :], self.doubts[before[1] :]
                reasons.append(f"A part of an AND is left out: {error}")
        if not parts:
            raise NotPushedError(reasons[0])
        self.doubts.extend(reasons)
        return _join(" AND ", parts)

    # Terms

    def term(self, expression: Expression) -> Term:
        """Return the SQL of any value."""
        match expression:
            case Variable():
                return self._variable(expression)
            case Constant():
                return _constant(expression, self.dialect)
            case Call(function=function) if function in _LOGICAL:
                return Term(self.condition(expression, positive=False), Kind.BOOLEAN, pa.bool_())
            case Call(function="$nullif"):
                left, right = map(self.term, expression.arguments)
                same = self._compare("=", left, right, positive=False)
                text = f"(CASE WHEN {same} THEN NULL ELSE {left.text} END)"
                return Term(text, left.kind, left.type, digits=left.digits)
            case Call(function=function) if function in ARITHMETIC:
                operands = [self.term(item) for item in expression.arguments]
                result, fails = calculate(function, operands, self.dialect)
                if fails:
                    self.failures.append(fails)
                return result
            case _:
                raise NotPushedError("A list stands elsewhere than after IN.")

    def _column(self, variable: Variable) -> Column:
        column = self.relation.column(variable.column)
        if column is None:
            raise NotPushedError(
                f"Column {variable.column} is evaluated here: it is the split's own value."
            )
        return column

    def _variable(self, variable: Variable) -> Term:
        column = self._column(variable)
        if not same_type(variable.type, column.arrow):
            raise NotPushedError(
                f"The expression takes column {column.name} for a {variable.type}, and it is of"
                f" type {column.arrow}."
            )
        if column.comparison in TEXTS and self.settings.string_pushdown == "off":
            raise NotPushedError("Setting string_pushdown is off.")
        subject = subject_of(column, self.dialect)
        return Term(subject.value, subject.kind, column.arrow, subject=subject)

    # Functions

    def _is_null(self, argument: Expression) -> str:
        if isinstance(argument, Variable):
            # IS binds less than a comparison that the test may be an operand of.
            return f"({is_null(self._column(argument), self.dialect)})"
        return f"({self.term(argument).text} IS NULL)"

    def _compare(self, operator: str, left: Term, right: Term, *, positive: bool) -> str:
        _check_comparable(left, right)
        if Kind.NULL in (left.kind, right.kind):
            return self.dialect.unknown
        if left.constant is not None and right.constant is None:
            operator, left, right = MIRRORED[operator], right, left
        self._check_order(operator, left)
        if positive and _is_plain(left, right) and left.kind is not Kind.FLOAT:
            return self._member(operator, left, right)
        return _comparison(operator, left, right, self.dialect)

    def _check_order(self, operator: str, term: Term) -> None:
        setting = self.settings.string_pushdown
        if term.kind is Kind.TEXT and operator not in ("=", "<>") and setting != "exact":
            raise NotPushedError(f"Setting string_pushdown is {setting}.")

    def _member(self, operator: str, left: Term, right: Term) -> str:
        assert right.constant is not None
        ranges = compared_ranges(operator, right.constant)
        return self._members(SortedRangeSet(right.type, ranges, null_allowed=False), left)

    def _members(self, values: SortedRangeSet, term: Term) -> str:
        assert term.subject is not None
        fragment = membership_sql(values, term.subject, self.dialect, utf16=False)
        if not fragment.exact:
            self.doubts.append(fragment.reason)
        return fragment.text

    def _is_distinct(self, left: Term, right: Term) -> str:
        _check_comparable(left, right)
        if Kind.FLOAT in (left.kind, right.kind):
            left, right = _as_floats(left, right, self.dialect)
        for term in (left, right):
            _check_text(term, self.dialect)
        return self.dialect.is_distinct(self.dialect.compared(left), self.dialect.compared(right))

    def _like(self, value: Term, pattern: Term, *, positive: bool) -> str:
        if not {value.kind, pattern.kind} <= {Kind.TEXT, Kind.NULL}:
            raise NotPushedError("LIKE takes texts.")
        if Kind.NULL in (value.kind, pattern.kind):
            return self.dialect.unknown
        self._check_order("LIKE", value)
        for term in (value, pattern):
            _check_text(term, self.dialect)
        return self.dialect.like(value, pattern, positive=positive)

    def _in(self, call: Call, *, positive: bool) -> str:
        term = self.term(call.arguments[0])
        elements = _elements(call.arguments[1])
        if not elements:
            return FALSE
        parts = []
        for batch in elements:
            if isinstance(batch, Constant):
                parts.append(self._in_constants(term, batch, positive=positive))
            else:
                parts.append(self._compare("=", term, self.term(batch), positive=positive))
        return _join(" OR ", parts)

    def _in_constants(self, term: Term, batch: Constant, *, positive: bool) -> str:
        values = [item for item in batch.values if item is not None]
        has_null = len(values) < len(batch.values) and not positive
        kind = kind_of(batch.type)
        if kind is Kind.NULL or term.kind is Kind.NULL:
            return self.dialect.unknown
        _check_comparable(term, Term("", kind, batch.type))
        _check_text(term, self.dialect)
        if term.kind is not kind:
            constants = [_constant(Constant((item,), batch.type), self.dialect) for item in values]
            parts = [self._compare("=", term, item, positive=positive) for item in constants]
            text = _join(" OR ", parts) if parts else _never(term, self.dialect)
        elif positive and term.subject is not None and kind is not Kind.FLOAT and values:
            text = self._members(SortedRangeSet.of_points(batch.type, values), term)
        else:
            text = _is_any(term, values, batch.type, self.dialect)
        return f"({text} OR {self.dialect.unknown})" if has_null else text


def _join(word: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({word.join(parts)})"


def _elements(array: Expression) -> list[Expression]:
    """Return the members of a list, constants of one type batched."""
    members = array.arguments if isinstance(array, Call) else (array,)
    if isinstance(array, Variable) or (isinstance(array, Call) and array.function != "$array"):
        raise NotPushedError("IN is not followed by a list.")
    batches: dict[str, list[Value | None]] = {}
    types: dict[str, pa.DataType] = {}
    others: list[Expression] = []
    for member in members:
        if isinstance(member, Constant):
            if not member.values:
                raise NotPushedError("A list has a constant without a value.")
            types[str(member.type)] = member.type
            batches.setdefault(str(member.type), []).extend(member.values)
        else:
            others.append(member)
    constants = (Constant(tuple(batches[key]), type_) for key, type_ in types.items())
    return [*constants, *others]


# Constants


def _constant(constant: Constant, dialect: Dialect) -> Term:
    if len(constant.values) != 1:
        raise NotPushedError("A constant outside of a list has not exactly one value.")
    kind, (value,) = kind_of(constant.type), constant.values
    if kind is Kind.OPAQUE:
        raise NotPushedError(f"Constants of type {constant.type} are not compared in the server.")
    if kind is Kind.NULL:
        return Term("NULL", kind, constant.type)
    if value is None:
        return Term(dialect.null(constant.type), kind, constant.type)
    _check_time(value, kind)
    if isinstance(value, float) and not _is_known(value, dialect):
        raise NotPushedError("A constant is NaN or infinite, which no number of the server is.")
    text = dialect.constant("" if _is_faulty(value, dialect) else value, constant.type)
    return Term(text, kind, constant.type, constant=value)


def _is_known(number: float, dialect: Dialect) -> bool:
    return dialect.has_nan or math.isfinite(number)


def _is_faulty(value: Value, dialect: Dialect) -> bool:
    """Whether it is a text that the server can't hold; it is looked at before it is used."""
    return isinstance(value, str) and not (
        is_storable_text(value) and (dialect.has_nul or "\0" not in value)
    )


def _check_text(term: Term, dialect: Dialect) -> None:
    if term.constant is not None and _is_faulty(term.constant, dialect):
        raise NotPushedError("A text holds a character that no server text can.")


def _check_time(value: Value, kind: Kind) -> None:
    if not isinstance(value, int):
        return
    ms = instant_ms(value) if kind is Kind.INSTANT else value
    if kind in (Kind.DATETIME, Kind.INSTANT) and not FIRST_MS <= ms <= LAST_MS:
        raise NotPushedError("A time lies outside of the years 1 to 9999.")
    if kind is Kind.DATE and not FIRST_DAY <= ms <= LAST_DAY:
        raise NotPushedError("A date lies outside of the years 1 to 9999.")


# Comparisons in three values


def _check_comparable(left: Term, right: Term) -> None:
    kinds = {left.kind, right.kind}
    if Kind.OPAQUE in kinds or not (
        len(kinds) == 1
        or Kind.NULL in kinds
        or kinds <= _NUMBERS
        or kinds in ({Kind.FLOAT, Kind.INTEGER}, {Kind.DATE, Kind.DATETIME})
    ):
        names = " and ".join(sorted(kind.name.lower() for kind in kinds))
        raise NotPushedError(f"Values of {names} are compared here.")


def _is_plain(left: Term, right: Term) -> bool:
    """Whether a column meets a constant of its own kind."""
    return left.subject is not None and right.constant is not None and left.kind is right.kind


def _never(term: Term, dialect: Dialect) -> str:
    """Return SQL that is NULL for NULL and false for all else."""
    text = dialect.compared(term)
    return f"({text} <> {text})"


def _comparison(operator: str, left: Term, right: Term, dialect: Dialect) -> str:
    if Kind.FLOAT in (left.kind, right.kind):
        return _float_comparison(operator, *_as_floats(left, right, dialect), dialect)
    _check_text(left, dialect)
    _check_text(right, dialect)
    return f"({dialect.compared(left)} {operator} {dialect.compared(right)})"


def _as_floats(left: Term, right: Term, dialect: Dialect) -> tuple[Term, Term]:
    """Return numbers in the wider of the float types among them, as Athena coerces them."""
    types = [item.type for item in (left, right) if item.kind is Kind.FLOAT]
    type_ = pa.float64() if pa.float64() in types else pa.float32()
    return _as_float(left, type_, dialect), _as_float(right, type_, dialect)


def _as_float(term: Term, type_: pa.DataType, dialect: Dialect) -> Term:
    if term.type == type_:
        return term
    if term.kind is Kind.INTEGER and isinstance(term.constant, int):
        if type_ == pa.float32() and abs(term.constant) > _EXACT_FLOAT4:
            raise NotPushedError("An integer is too great to be a real without rounding twice.")
        number = float(term.constant)
        return Term(dialect.literal(number, type_), Kind.FLOAT, type_, constant=number)
    if term.kind is Kind.INTEGER and term.subject is None:
        raise NotPushedError("A calculated integer is compared with a float here.")
    return Term(dialect.as_float(term, type_), Kind.FLOAT, type_, constant=term.constant)


def _float_comparison(operator: str, left: Term, right: Term, dialect: Dialect) -> str:
    """Compare as in IEEE 754: a server has NaN equal to itself and above all else."""
    text = f"{left.text} {operator} {right.text}"
    if not dialect.has_nan:
        return f"({text})"
    constant = right.constant
    if left.constant is not None or not isinstance(constant, float):
        return _nan_aware(operator, left, right, dialect)
    if math.isnan(constant):
        return f"({left.text} = {left.text})" if operator == "<>" else _never(left, dialect)
    if operator in (">", ">="):
        return f"({text} AND {left.text} <> {_nan(left, dialect)})"
    return f"({text})"


def _nan_aware(operator: str, left: Term, right: Term, dialect: Dialect) -> str:
    either = f"{left.text} = {_nan(left, dialect)} OR {right.text} = {_nan(right, dialect)}"
    # Equal to itself is true or NULL; unequal is false or NULL.
    same, word = ("=", "AND") if operator == "<>" else ("<>", "OR")
    decided = f"({left.text} {same} {left.text}) {word} ({right.text} {same} {right.text})"
    return f"(CASE WHEN {either} THEN {decided} ELSE {left.text} {operator} {right.text} END)"


def _nan(term: Term, dialect: Dialect) -> str:
    return dialect.literal(math.nan, term.type)


def _is_any(term: Term, values: list[Value], type_: pa.DataType, dialect: Dialect) -> str:
    kept = [item for item in values if _can_match(item, kind_of(type_), dialect)]
    if not kept:
        return _never(term, dialect)
    contents = [dialect.content_of(item, type_) for item in kept]
    return f"({dialect.is_any(dialect.compared(term), contents, dialect.listed_type(term, type_))})"


def _can_match(value: Value, kind: Kind, dialect: Dialect) -> bool:
    if isinstance(value, float):
        return not math.isnan(value) and _is_known(value, dialect)
    try:
        _check_time(value, kind)
    except NotPushedError:
        return False
    return not _is_faulty(value, dialect)
