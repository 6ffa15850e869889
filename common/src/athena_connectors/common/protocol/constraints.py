"""Constraints in JSON: each SerDe version has some more members than the one before.

Source: wire protocol, sections 2.1, 4 and 12.
"""

from __future__ import annotations

from athena_connectors.common.constraints import Constraints, Direction, OrderBy, QueryPlan
from athena_connectors.common.protocol.expressions import CONDITION
from athena_connectors.common.protocol.members import (
    Form,
    Node,
    absent_as,
    each,
    map_of,
    nullable,
    object_of,
    since,
)
from athena_connectors.common.protocol.scalars import text, whole, word_of
from athena_connectors.common.protocol.value_sets import VALUE_SET

__all__ = ["CONSTRAINTS"]

_NO_LIMIT = -1


def _read_limit(node: Node) -> int | None:
    limit: int = whole.read(node)
    return None if limit < 0 else limit


def _write_limit(limit: int | None, serde: int) -> Node:
    return whole.write(_NO_LIMIT if limit is None else limit, serde)


_ORDER_BY = object_of(
    OrderBy,
    {"columnName": text, "direction": word_of({item.value: item for item in Direction})},
    attributes={"columnName": "column"},
)
_QUERY_PLAN = object_of(
    QueryPlan,
    {"substraitVersion": nullable(text), "substraitPlan": text},
    attributes={"substraitVersion": "substrait_version", "substraitPlan": "substrait_plan"},
)
CONSTRAINTS = object_of(
    Constraints,
    {
        "summary": map_of(VALUE_SET),
        "expression": since(4, absent_as(tuple, each(CONDITION))),
        "orderByClause": since(4, absent_as(tuple, each(_ORDER_BY))),
        "limit": since(4, absent_as(lambda: None, Form(_read_limit, _write_limit))),
        "queryPassthroughArguments": since(5, absent_as(dict, map_of(text))),
        "queryPlan": since(6, nullable(_QUERY_PLAN)),
    },
    attributes={
        "orderByClause": "order_by",
        "queryPassthroughArguments": "passthrough",
        "queryPlan": "query_plan",
    },
)
