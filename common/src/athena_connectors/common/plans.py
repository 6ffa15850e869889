"""Query plans in Substrait's form, as constraints like all others.

The engine's newest protocol may say what it wants of a scan in a plan. Here it becomes value
sets, expressions, an order and a limit, so that connectors know nothing of plans. Where a
request has both, both hold.

Source: wire protocol, section 12.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.comparisons import COMPARISONS, MIRRORED, compared_ranges
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.expressions import Call, Constant, Variable, renamed
from athena_connectors.common.naming import resolve
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.plan_expressions import PlanExpressions, TypedColumn
from athena_connectors.common.plan_messages import parse_plan
from athena_connectors.common.plan_relations import planned_scan
from athena_connectors.common.plan_values import exact_decimal, exact_integer
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.constraints import OrderBy
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.valueset import Value

__all__ = ["Plan", "decode_plan", "with_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query plan asks of a scan.

    Attributes:
        table: Parts of the table's name, schema first; the schema may be missing.
        columns: Columns of the table with the plan's types; ``pa.null()`` for a type that
            the engine's constraints lack.
        projection: Names of the columns that come out, in order; ``None`` for one that is
            computed, which is the engine's business.
        conjuncts: The predicate, as expressions.
        order_by: Sort keys; empty without a limit.
        limit: Rows at most, or ``None``.
        reasons: What was left away, and why, in sentences.
    """

    table: tuple[str, ...]
    columns: pa.Schema
    projection: tuple[str | None, ...]
    conjuncts: tuple[Expression, ...]
    order_by: tuple[OrderBy, ...]
    limit: int | None
    reasons: tuple[str, ...]

    @property
    def constraints(self) -> Constraints:
        """The constraints, with value sets of the types that the plan gives its columns."""
        return self.constraints_on(self.columns)

    def constraints_on(self, schema: pa.Schema) -> Constraints:
        """Return the constraints, with value sets for what is about one column of a schema."""
        summary: dict[str, SortedRangeSet] = {}
        expressions = []
        for conjunct in self.conjuncts:
            found = _as_domain(conjunct, schema)
            if found is None:
                expressions.append(conjunct)
                continue
            name, values = found
            summary[name] = values if name not in summary else summary[name].intersect(values)
        return Constraints(
            summary=summary,
            expression=tuple(expressions),
            order_by=self.order_by,
            limit=self.limit,
        )


def decode_plan(plan_base64: str) -> Plan:
    """Decode a query plan.

    Args:
        plan_base64: A serialized ``substrait.Plan`` in base64, as ``queryPlan`` carries it.

    Raises:
        InvalidRequestError: It is cut short, too large, nested too deeply or no plan of one
            query.
        UnsupportedOperationError: It asks for something without which the rows would be
            wrong, and which no scan can do.
    """
    message = parse_plan(plan_base64)
    if len(message.relations) != 1:
        raise InvalidRequestError(
            f"The query plan has {len(message.relations)} relations in place of one."
        )
    (relation,) = message.relations
    is_root = relation.WhichOneof("rel_type") == "root"
    tree = relation.root.input if is_root else relation.rel
    functions = {
        each.extension_function.function_anchor: each.extension_function.name
        for each in message.extensions
        if each.WhichOneof("mapping_type") == "extension_function"
    }
    scan = planned_scan(tree, PlanExpressions(functions))
    assert isinstance(scan.order_by, tuple)
    return Plan(
        table=scan.table,
        columns=pa.schema([(it.variable.column, it.variable.type) for it in scan.columns]),
        projection=tuple(map(_name, scan.outputs)),
        conjuncts=tuple(scan.conjuncts),
        order_by=scan.order_by,
        limit=scan.limit,
        reasons=tuple(dict.fromkeys(scan.reasons)),
    )


def with_plan(constraints: Constraints, plan: Plan, schema: pa.Schema | None = None) -> Constraints:
    """Return constraints that ask for all that a plan asks for besides.

    Args:
        constraints: Those of a request.
        plan: Its plan, decoded.
        schema: The table as the engine knows it, with whose names and types they are said;
            without it they have the plan's names, and no value sets.

    Raises:
        ColumnNotFoundError: The schema has no such column.
        AmbiguousNameError: Several of its columns differ from the plan's in case.
        InvalidRequestError: Both have a limit, of rows in different orders.
    """
    if schema is None:
        schema = pa.schema([])
    else:
        plan = _in_words_of(schema, plan)
    planned = plan.constraints_on(schema)
    summary = dict(constraints.summary)
    expressions = [*constraints.expression, *planned.expression]
    for name, values in planned.summary.items():
        given = summary.get(name)
        if given is None:
            summary[name] = values
        elif isinstance(given, SortedRangeSet) and given.type == values.type:
            summary[name] = given.intersect(values)
        else:
            # Two sets of different kinds don't meet; the plan's own words say the same.
            expressions += [it for it in plan.conjuncts if _is_about(it, name, schema)]
    limit, order_by = constraints.limit, constraints.order_by
    if planned.limit is not None:
        if limit is not None and order_by != planned.order_by:
            raise InvalidRequestError(
                "The query plan and the constraints beside it limit rows in different orders.",
                hint="Run the query again without ORDER BY or without LIMIT.",
            )
        limit = planned.limit if limit is None else min(limit, planned.limit)
        order_by = planned.order_by
    return replace(
        constraints,
        summary=summary,
        expression=tuple(expressions),
        order_by=order_by,
        limit=limit,
        query_plan=None,
    )


def _name(output: Any) -> str | None:
    if isinstance(output, TypedColumn):
        output = output.variable
    return output.column if isinstance(output, Variable) else None


def _in_words_of(schema: pa.Schema, plan: Plan) -> Plan:
    """Return a plan with a table's spelling of its columns."""

    def spelled(name: str) -> str:
        if name in schema.names:
            return name
        return resolve(name, schema.names, kind="column", within=".".join(plan.table))

    return replace(
        plan,
        conjuncts=tuple(renamed(each, spelled) for each in plan.conjuncts),
        order_by=tuple(replace(key, column=spelled(key.column)) for key in plan.order_by),
    )


# Conjuncts as value sets

_Domain = tuple[str, SortedRangeSet]

_ORDERED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DATE, Kind.DATETIME})
"""Values that value sets and expressions order alike."""
_DISCRETE = _ORDERED | {Kind.TEXT, Kind.BYTES, Kind.BOOLEAN}
"""Values that they tell apart alike: floats are not among them, for -0.0 and NaN."""
_SYMBOLS_OF_POINTS = frozenset({"=", "<>"})


def _is_about(conjunct: Expression, name: str, schema: pa.Schema) -> bool:
    found = _as_domain(conjunct, schema)
    return found is not None and found[0] == name


def _as_domain(conjunct: Expression, schema: pa.Schema) -> _Domain | None:
    """Return a conjunct as the values that a column may have, if that says the same."""
    if not isinstance(conjunct, Call):
        return None
    if conjunct.function != "$not":
        return _plain_domain(conjunct, schema)
    (inner,) = conjunct.arguments
    if not isinstance(inner, Call) or inner.function not in ("$is_null", "$in"):
        return None
    found = _plain_domain(inner, schema)
    if found is None or (inner.function == "$in" and _has_null(inner)):
        return None
    name, values = found
    return name, SortedRangeSet.not_null(values.type).subtract(values)


def _plain_domain(call: Call, schema: pa.Schema) -> _Domain | None:
    match call.arguments:
        case (Variable() as column, Constant() as constant) if call.function in COMPARISONS:
            return _compared(COMPARISONS[call.function], column, constant, schema)
        case (Constant() as constant, Variable() as column) if call.function in COMPARISONS:
            return _compared(MIRRORED[COMPARISONS[call.function]], column, constant, schema)
        case (Variable() as column, *_):
            return _tested(call, column, schema)
        case _:
            return None


def _tested(call: Call, column: Variable, schema: pa.Schema) -> _Domain | None:
    type_ = _type_in(schema, column)
    if type_ is None:
        return None
    if call.function == "$is_null":
        return column.column, SortedRangeSet.only_null(type_)
    points = _listed(call, type_) if call.function == "$in" else None
    return None if points is None else (column.column, SortedRangeSet.of_points(type_, points))


def _compared(
    symbol: str, column: Variable, constant: Constant, schema: pa.Schema
) -> _Domain | None:
    type_ = _type_in(schema, column)
    if type_ is None or (kind_of(type_) not in _ORDERED and symbol not in _SYMBOLS_OF_POINTS):
        return None
    value = _fitting(constant.values[0], constant.type, type_)
    if value is None:
        return None
    return column.column, SortedRangeSet.of(
        type_, compared_ranges(symbol, value), null_allowed=False
    )


def _type_in(schema: pa.Schema, column: Variable) -> Any:
    """Return the type of a column whose value sets say what expressions say."""
    index = schema.get_field_index(column.column)
    if index < 0:
        return None
    type_ = schema.field(index).type
    return type_ if kind_of(type_) in _DISCRETE else None


def _elements(call: Call) -> tuple[Expression, ...]:
    (_, listed) = call.arguments
    return listed.arguments if isinstance(listed, Call) else (listed,)


def _has_null(call: Call) -> bool:
    return any(isinstance(it, Constant) and None in it.values for it in _elements(call))


def _listed(call: Call, type_: pa.DataType) -> list[Value] | None:
    """Return the constants of a list in a type, without NULL; ``None`` if there are others."""
    values = []
    for element in _elements(call):
        if not isinstance(element, Constant):
            return None
        for item in element.values:
            value = _fitting(item, element.type, type_)
            if value is not None:
                values.append(value)
            elif item is not None:
                return None
    return values


def _fitting(value: Value | None, source: pa.DataType, type_: Any) -> Value | None:
    """Return a constant as one of a column's own type; ``None`` if it is none."""
    if value is None or source == type_:
        return value
    convert = _EXACT.get((kind_of(source), kind_of(type_)))
    return convert and convert(value, type_)


_EXACT: dict[tuple[Kind, Kind], Callable[[Any, Any], Value | None]] = {
    (Kind.INTEGER, Kind.INTEGER): exact_integer,
    (Kind.INTEGER, Kind.DECIMAL): exact_decimal,
    (Kind.DECIMAL, Kind.DECIMAL): exact_decimal,
}
