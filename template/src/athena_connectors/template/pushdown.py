"""What is decided by the names of files: conditions on partition columns, exactly.

Pure: everything is decided from the predicate and the partition columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.connector import Decision, Exactness, Pushdown
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.expressions import referenced_columns
from athena_connectors.common.residual import compile_residual

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa
    from athena_connectors.common.constraints import Conjunct, Constraints

__all__ = ["plan", "wanted"]

_NATIVE = "choice of files"
_NOT_PUSHED = "Rows are looked at once they are read."


def plan(constraints: Constraints, keys: Collection[str]) -> Pushdown:
    """Decide what the choice of files applies: what looks at partition columns only."""
    return Pushdown(decisions=tuple(_decide(part, keys) for part in constraints.conjuncts()))


def wanted(
    partitions: pa.RecordBatch, constraints: Constraints, keys: Collection[str]
) -> pa.RecordBatch:
    """Return the rows of some partitions that satisfy what ``plan`` decides to be exact."""
    decisions = plan(constraints, keys).decisions
    exact = [each.conjunct for each in decisions if each.exactness is Exactness.EXACT]
    return compile_residual(exact).apply(partitions)


def _decide(part: Conjunct, keys: Collection[str]) -> Decision:
    if _columns(part) <= frozenset(keys):
        return Decision(part, Exactness.EXACT, native=_NATIVE)
    return Decision(part, Exactness.NOT_PUSHED, reason=_NOT_PUSHED)


def _columns(part: Conjunct) -> frozenset[str]:
    if isinstance(part, ColumnDomain):
        return frozenset((part.column,))
    return referenced_columns(part)
