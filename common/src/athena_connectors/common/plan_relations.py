"""The relations of a query plan, from the read upward, as one scan.

What a scan is, is filter, then order, then limit. A plan that asks for another sequence, or
for more than that, is an error where the rows would be wrong without it; an order without a
limit means nothing over several splits and is left away, with a reason.

Source: Substrait specification, "Logical relations"; wire protocol, section 12.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from athena_connectors.common.constraints import Direction, OrderBy
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.expressions import Variable
from athena_connectors.common.plan_expressions import PlanExpressions, TypedColumn
from athena_connectors.common.plan_values import constant_of, type_of, unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.plan_expressions import Output

__all__ = ["PlannedScan", "planned_scan"]

MAX_RELATIONS = 1000

_DIRECTIONS = {
    1: Direction.ASC_NULLS_FIRST,
    2: Direction.ASC_NULLS_LAST,
    3: Direction.DESC_NULLS_FIRST,
    4: Direction.DESC_NULLS_LAST,
}
_UNARY = ("filter", "project", "sort", "fetch", "aggregate")
_NO_LIMIT = -1
_ORDER_ALONE = "An order without a limit means nothing to the splits of a scan."


@dataclass(slots=True)
class PlannedScan:
    """What the relations up to one of them ask for.

    Attributes:
        table: Parts of the table's name, schema first.
        columns: The columns of the table that the plan knows of.
        outputs: What comes out.
        conjuncts: The predicate.
        order_by: Sort keys; what can't be sorted by stands for them.
        limit: Rows at most, or ``None``.
        reasons: What was left away, and why, in sentences.
    """

    table: tuple[str, ...]
    columns: tuple[TypedColumn, ...]
    outputs: list[Output]
    conjuncts: list[Expression] = field(default_factory=list)
    order_by: tuple[OrderBy, ...] | UnsupportedOperationError = ()
    limit: int | None = None
    reasons: list[str] = field(default_factory=list)


def planned_scan(root: Any, expressions: PlanExpressions) -> PlannedScan:
    """Return the scan of a tree of relations.

    Args:
        root: The outermost ``substrait.Rel``.
        expressions: Those of the plan.

    Raises:
        InvalidRequestError: The plan is malformed.
        UnsupportedOperationError: It asks for what no scan does.
    """
    relations = list(_descended(root))
    read = relations.pop()
    scan = _read(read, expressions)
    for kind, relation in reversed(relations):
        match kind:
            case "filter":
                _filter(scan, relation.condition, expressions)
            case "project":
                computed = [expressions.output(each, scan.outputs) for each in relation.expressions]
                scan.outputs = [*scan.outputs, *computed]
            case "sort":
                _sort(scan, relation.sorts, expressions)
            case "fetch":
                _fetch(scan, relation)
            case _:
                raise unsupported("an aggregation")
        _emit(scan, relation.common)
    if scan.order_by and scan.limit is None:
        scan.order_by = ()
        scan.reasons.append(_ORDER_ALONE)
    return scan


def _descended(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield the relations with their kinds, the outermost first, a read last."""
    relation = root
    for _ in range(MAX_RELATIONS):
        kind = relation.WhichOneof("rel_type")
        content = getattr(relation, kind) if kind else None
        if kind == "read":
            yield kind, content
            return
        if kind not in _UNARY or content is None:
            raise unsupported(f"a relation of kind {kind}")
        yield kind, content
        relation = content.input
    raise InvalidRequestError(f"The query plan has more than {MAX_RELATIONS} relations.")


def _read(found: tuple[str, Any], expressions: PlanExpressions) -> PlannedScan:
    _, read = found
    if read.WhichOneof("read_type") != "named_table":
        raise unsupported("a read of something else than a named table")
    columns = tuple(_columns(read.base_schema))
    scan = PlannedScan(tuple(read.named_table.names), columns, list(columns))
    if read.HasField("filter"):
        _filter(scan, read.filter, expressions)
    if read.HasField("projection"):
        scan.outputs = [_masked(item, scan.outputs) for item in read.projection.select.struct_items]
    _emit(scan, read.common)
    return scan


def _columns(schema: Any) -> Iterator[TypedColumn]:
    """Yield the columns; the names of a struct's members follow its own."""
    names = list(schema.names)
    place = 0
    for type_ in schema.struct.types:
        if place >= len(names):
            raise InvalidRequestError("The query plan has fewer names than columns.")
        told = type_of(type_)
        yield TypedColumn(Variable(names[place], told.arrow), told)
        place += 1 + _member_count(type_)
    if place != len(names):
        raise InvalidRequestError("The query plan has more names than columns.")


def _member_count(type_: Any) -> int:
    """Return how many names belong to the structs within a type."""
    count = 0
    pending = [type_]
    while pending:
        each = pending.pop()
        match each.WhichOneof("kind"):
            case "struct":
                members = list(each.struct.types)
                count += len(members)
                pending.extend(members)
            case "list":
                pending.append(each.list.type)
            case "map":
                pending.extend((each.map.key, each.map.value))
    return count


def _masked(item: Any, outputs: Sequence[Output]) -> Output:
    if item.HasField("child") or not 0 <= item.field < len(outputs):
        raise unsupported("a read of parts of columns")
    place: int = item.field
    return outputs[place]


def _emit(scan: PlannedScan, common: Any) -> None:
    """Let come out what a relation says; without a word all that it has."""
    if common.WhichOneof("emit_kind") != "emit":
        return
    mapping = list(common.emit.output_mapping)
    if any(not 0 <= place < len(scan.outputs) for place in mapping):
        raise InvalidRequestError("The query plan emits columns that it does not have.")
    scan.outputs = [scan.outputs[place] for place in mapping]


def _filter(scan: PlannedScan, condition: Any, expressions: PlanExpressions) -> None:
    if scan.limit is not None:
        raise unsupported("a filter of rows that a limit has left")
    scan.conjuncts.extend(expressions.condition(condition, scan.outputs))


def _sort(scan: PlannedScan, sorts: Any, expressions: PlanExpressions) -> None:
    if scan.limit is not None:
        # The rows are settled, and their order means nothing to the engine.
        scan.reasons.append(_ORDER_ALONE)
        return
    try:
        scan.order_by = tuple(_sort_key(each, scan.outputs, expressions) for each in sorts)
    except UnsupportedOperationError as error:
        scan.order_by = error


def _sort_key(sort: Any, outputs: Sequence[Output], expressions: PlanExpressions) -> OrderBy:
    direction = _DIRECTIONS.get(sort.direction)
    term = expressions.term(sort.expr, outputs)
    if direction is None or not isinstance(term, TypedColumn):
        raise unsupported("an order by something else than columns")
    return OrderBy(term.variable.column, direction)


def _fetch(scan: PlannedScan, fetch: Any) -> None:
    if _number(fetch, "offset", "offset_expr", default=0):
        raise unsupported("an OFFSET")
    count = _number(fetch, "count", "count_expr", default=_NO_LIMIT)
    if count == _NO_LIMIT:
        return
    if isinstance(scan.order_by, UnsupportedOperationError):
        raise scan.order_by
    scan.limit = count if scan.limit is None else min(scan.limit, count)


def _number(fetch: Any, plain: str, computed: str, *, default: int) -> int:
    if fetch.HasField(computed):
        message = getattr(fetch, computed)
        if message.WhichOneof("rex_type") != "literal":
            raise unsupported("a limit that is no constant")
        (value,) = constant_of(message.literal).constant.values
        number = default if value is None else value
    else:
        number = getattr(fetch, plain) if fetch.HasField(plain) else default
    if not isinstance(number, int) or number < default:
        raise InvalidRequestError(f"The query plan has {number!r} for {plain}.")
    return number
