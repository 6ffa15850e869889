"""Query plans as the engine writes them: what a scan asks for, as a Substrait plan.

The shape is the engine's: Fetch over Sort over Filter over Read, no names at the root, anchors
from zero, ``and(…, true)`` for every filter, and lists of values as chains of binary ORs.
What a plan can't say stays in the members that all versions have: value sets of floats,
which tell zeros apart, and of texts in the order of UTF-16.

Source: plans of ``tests/vectors/substrait``.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from decimal import Context
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.constraints import Constraints, QueryPlan
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.plan_messages import on_deep_stack
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    Bound,
    EquatableValueSet,
    SortedRangeSet,
    as_ranges,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.protocol.messages import TableName
    from athena_connectors.common.valueset import Range, Value, ValueSet

__all__ = ["encode_plan", "in_a_plan"]

_BOOL = pa.bool_()
_NAMES = {
    "$and": "and:bool",
    "$or": "or:bool",
    "$not": "not:bool",
    "$is_null": "is_null:any",
    "$nullif": "nullif:any_any",
    "$equal": "equal:any_any",
    "$not_equal": "not_equal:any_any",
    "$less_than": "lt:any_any",
    "$less_than_or_equal": "lte:any_any",
    "$greater_than": "gt:any_any",
    "$greater_than_or_equal": "gte:any_any",
    "$is_distinct_from": "is_distinct_from:any_any",
    "$add": "add:any_any",
    "$subtract": "subtract:any_any",
    "$multiply": "multiply:any_any",
    "$divide": "divide:any_any",
    "$modulus": "modulus:any_any",
    "$negate": "negate:any",
    "$like_pattern": "like:str_str",
}
_SIMPLE = {
    pa.bool_(): "bool",
    pa.int8(): "i8",
    pa.int16(): "i16",
    pa.int32(): "i32",
    pa.int64(): "i64",
    pa.float32(): "fp32",
    pa.float64(): "fp64",
    pa.string(): "string",
    pa.binary(): "binary",
    pa.date32(): "date",
    pa.date64(): "timestamp",
}
_NULLABLE = 1
_EXACT = Context(prec=100)
_US_PER_MS, _MS_DIGITS = 1000, 3
_MAX_INT64 = 2**63 - 1


def in_a_plan(constraints: Constraints, table: TableName, schema: pa.Schema) -> Constraints:
    """Return constraints that say the same, as much of it as possible in a plan.

    Args:
        constraints: Those of a scan, without a plan.
        table: Folded name.
        schema: The whole table, in engine types.
    """
    conjuncts: list[Expression] = []
    summary = {}
    for name, values in constraints.summary.items():
        said = _membership(name, values)
        if said is None:
            summary[name] = values
        else:
            conjuncts.append(said)
    conjuncts += constraints.expression
    plan = encode_plan(replace(constraints, summary={}, expression=tuple(conjuncts)), table, schema)
    return replace(
        constraints,
        summary=summary,
        expression=(),
        order_by=(),
        limit=None,
        query_plan=QueryPlan("0.83.0", plan),
    )


def encode_plan(constraints: Constraints, table: TableName, schema: pa.Schema) -> str:
    """Return expressions, order and limit of a scan as a plan in base64."""
    from substrait.plan_pb2 import Plan  # noqa: PLC0415

    message = Plan()
    writer = _Writer(schema)
    relation = message.relations.add().root.input
    if constraints.limit is not None:
        relation.fetch.count = constraints.limit
        relation = relation.fetch.input
    if constraints.order_by:
        for key in constraints.order_by:
            sort = relation.sort.sorts.add()
            writer.column(sort.expr, key.column)
            sort.direction = _DIRECTIONS[key.direction.value]
        relation = relation.sort.input
    if constraints.expression:
        condition = Call("$and", (*constraints.expression, Constant((True,), _BOOL)), _BOOL)
        writer.write(relation.filter.condition, condition)
        relation = relation.filter.input
    relation.read.named_table.names.extend([table.schemaName, table.tableName])
    _write_schema(relation.read.base_schema, schema)
    for name, anchor in writer.anchors.items():
        function = message.extensions.add().extension_function
        function.function_anchor, function.name = anchor, name
    content: bytes = on_deep_stack(message.SerializeToString)
    return base64.b64encode(content).decode()


_DIRECTIONS = {
    "ASC_NULLS_FIRST": 1,
    "ASC_NULLS_LAST": 2,
    "DESC_NULLS_FIRST": 3,
    "DESC_NULLS_LAST": 4,
}


@dataclass(slots=True)
class _Writer:
    """Writes expressions over the columns of a table into messages."""

    schema: pa.Schema
    anchors: dict[str, int] = field(default_factory=dict)

    def column(self, message: Any, name: str) -> None:
        """Write a reference to a column."""
        place = self.schema.get_field_index(name)
        message.selection.direct_reference.struct_field.field = place
        message.selection.root_reference.SetInParent()

    def write(self, message: Any, expression: Expression) -> None:
        """Write an expression, from the root to the leaves, however deep."""
        pending = [(message, expression)]
        while pending:
            place, each = pending.pop()
            if isinstance(each, Variable):
                self.column(place, each.column)
            elif isinstance(each, Constant):
                _write_constant(place.literal, each.values[0], each.type)
            elif each.function == "$in":
                pending.append((place, _alternatives(each)))
            else:
                pending += self._call(place, each)

    def _call(self, message: Any, call: Call) -> list[tuple[Any, Expression]]:
        name = _NAMES[call.function]
        anchor = self.anchors.setdefault(name, len(self.anchors))
        arguments = call.arguments
        if call.function in ("$and", "$or"):
            if len(arguments) == 1:
                return [(message, arguments[0])]
            arguments = (Call(call.function, arguments[:-1], _BOOL), arguments[-1])
        function = message.scalar_function
        function.function_reference = anchor
        function.SetInParent()
        function.output_type.bool.nullability = _NULLABLE
        return [(function.arguments.add().value, item) for item in arguments]


def _alternatives(call: Call) -> Expression:
    value, listed = call.arguments
    elements = listed.arguments if isinstance(listed, Call) else (listed,)
    singles: list[Expression] = []
    for element in elements:
        if isinstance(element, Constant):
            singles += (Constant((item,), element.type) for item in element.values)
        else:
            singles.append(element)
    return _any_of(Call("$equal", (value, item), _BOOL) for item in singles)


def _any_of(parts: Iterable[Expression]) -> Expression:
    found = tuple(parts)
    return Call("$or", found, _BOOL) if found else Constant((False,), _BOOL)


def _write_constant(literal: Any, value: Any, type_: Any) -> None:
    if value is None:
        _write_type(literal.null, type_)
        return
    match kind_of(type_):
        case Kind.DECIMAL:
            unscaled = int(value.scaleb(type_.scale, _EXACT))
            literal.decimal.value = unscaled.to_bytes(16, "little", signed=True)
            literal.decimal.precision, literal.decimal.scale = type_.precision, type_.scale
        case Kind.DATETIME:
            _write_time(literal, "timestamp", value)
        case Kind.INSTANT:
            _write_time(literal, "timestamp_tz", value >> ZONE_BITS)
        case Kind.BOOLEAN:
            literal.boolean = value
        case _:
            setattr(literal, _SIMPLE[type_], value)


def _write_time(literal: Any, name: str, ms: int) -> None:
    """Write a time in the engine's microseconds, or in milliseconds where they are too many."""
    if abs(ms) < _MAX_INT64 // _US_PER_MS:
        setattr(literal, name, ms * _US_PER_MS)
        return
    precise = getattr(literal, f"precision_{name}")
    precise.precision, precise.value = _MS_DIGITS, ms


def _write_schema(message: Any, schema: pa.Schema) -> None:
    for each in schema:
        _write_name(message, each)
        _write_type(message.struct.types.add(), each.type)


def _write_name(message: Any, field_: pa.Field[Any]) -> None:
    """Write a column's name, and those of the structs within it behind it."""
    message.names.append(field_.name)
    pending = [field_.type]
    while pending:
        type_: Any = pending.pop()
        if pa.types.is_struct(type_):
            for member in type_:
                _write_name(message, member)
        elif pa.types.is_list(type_):
            pending.append(type_.value_type)
        elif pa.types.is_map(type_):
            pending.extend((type_.item_type, type_.key_type))


def _write_type(message: Any, type_: Any) -> None:
    if pa.types.is_list(type_):
        _write_type(message.list.type, type_.value_type)
        message.list.nullability = _NULLABLE
    elif pa.types.is_struct(type_):
        for member in type_:
            _write_type(message.struct.types.add(), member.type)
        message.struct.nullability = _NULLABLE
    elif pa.types.is_map(type_):
        _write_type(message.map.key, type_.key_type)
        _write_type(message.map.value, type_.item_type)
        message.map.nullability = _NULLABLE
    elif pa.types.is_decimal(type_):
        message.decimal.precision, message.decimal.scale = type_.precision, type_.scale
        message.decimal.nullability = _NULLABLE
    elif kind_of(type_) is Kind.INSTANT:
        message.timestamp_tz.nullability = _NULLABLE
    else:
        getattr(message, _SIMPLE.get(type_, "string")).nullability = _NULLABLE


# Value sets as expressions


def _membership(name: str, values: ValueSet) -> Expression | None:
    """Return that a column is in a set; ``None`` if no expression says the same."""
    if isinstance(values, AllOrNoneValueSet):
        return None
    if isinstance(values, EquatableValueSet) and kind_of(values.type) is Kind.OPAQUE:
        return None
    ranges = as_ranges(values)
    column = Variable(name, ranges.type)
    kind = kind_of(ranges.type)
    if kind in (Kind.FLOAT, Kind.INSTANT, Kind.OPAQUE, Kind.NULL):
        return None
    absent = Call("$is_null", (column,), _BOOL)
    if ranges.is_all:
        return None if ranges.null_allowed else Call("$not", (absent,), _BOOL)
    excluded = ranges.excluded_points()
    if excluded:
        member: Expression = Call("$not", (_points(column, excluded),), _BOOL)
    elif kind is Kind.TEXT and not _in_one_order(ranges):
        return None
    else:
        member = _any_of(_within(column, item) for item in ranges.ranges)
    return _any_of((member, absent)) if ranges.null_allowed else member


def _points(column: Variable, values: Sequence[Value]) -> Expression:
    return _any_of(_compare("$equal", column, value) for value in values)


def _compare(function: str, column: Variable, value: Value) -> Call:
    return Call(function, (column, Constant((value,), column.type)), _BOOL)


def _within(column: Variable, item: Range) -> Expression:
    low, high = item.low, item.high
    if low == high and low.value is not None:
        return _compare("$equal", column, low.value)
    parts = []
    if low.value is not None:
        function = "$greater_than" + ("_or_equal" if low.bound is Bound.EXACTLY else "")
        parts.append(_compare(function, column, low.value))
    if high.value is not None:
        function = "$less_than" + ("_or_equal" if high.bound is Bound.EXACTLY else "")
        parts.append(_compare(function, column, high.value))
    return Call("$and", tuple(parts), _BOOL)


def _in_one_order(ranges: SortedRangeSet) -> bool:
    """Return whether UTF-16 and code points order texts around the ends alike."""
    if ranges.points() is not None:
        return True
    ends = [end.value for item in ranges.ranges for end in (item.low, item.high)]
    return all(max(str(end), default="") < "\ud800" for end in ends if end is not None)
