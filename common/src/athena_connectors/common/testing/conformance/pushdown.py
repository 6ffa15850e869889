"""What the source evaluates of each kind of predicate, as ``explain`` tells it.

That the rows are right says nothing about who found them. Here is seen who did, and that a
connector which pushes something also claims it, because Athena would never ask for it else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.expressions import Call, walk
from athena_connectors.common.testing.conformance.probes import probes, typical_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.capabilities import Capabilities
    from athena_connectors.common.handler import Explanation
    from athena_connectors.common.testing.conformance.probes import Probe
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["Pushdowns", "Pushed", "observe"]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one predicate.

    Attributes:
        probe: The predicate.
        exactness: Who evaluates it.
        native: The source's text for it.
        reason: Why it is not exact.
    """

    probe: Probe
    exactness: Exactness
    native: str = ""
    reason: str = ""

    @property
    def seen(self) -> bool:
        """Whether the source sees it at all."""
        return self.exactness is not Exactness.NOT_PUSHED


@dataclass(frozen=True, slots=True)
class Pushdowns:
    """What the source evaluates.

    Attributes:
        predicates: What became of each predicate that was tried.
        limit: Whether the source applies a limit, on any table.
        top_n: Whether it sorts and limits, by any column.
        claims: What the connector claims.
    """

    predicates: tuple[Pushed, ...]
    limit: bool
    top_n: bool
    claims: Capabilities

    def of(self, behaviour: str) -> tuple[Pushed, ...]:
        """Return what became of the predicates of one kind."""
        return tuple(each for each in self.predicates if each.probe.behaviour == behaviour)

    def check_claims(self) -> None:
        """Check that Athena is told of all that the source evaluates.

        Raises:
            AssertionError: Something is pushed and not claimed.
        """
        claims = self.claims
        domains = any(each.seen and not each.probe.is_expression for each in self.predicates)
        assert claims.filters or not domains, "Value sets are pushed: claim filters."
        unclaimed = {
            node.function
            for each in self.predicates
            if each.seen
            for tree in each.probe.constraints.expression
            for node in walk(tree)
            if isinstance(node, Call)
        }.difference(claims.functions)
        assert not unclaimed, f"Pushed and not claimed as functions: {sorted(unclaimed)}"
        assert claims.limit or not self.limit, "A limit is pushed: claim limit."
        assert claims.top_n or not self.top_n, "Order and limit are pushed: claim top_n."


def observe(subject: Subject) -> Pushdowns:
    """Ask for every predicate, limit and order what would become of it; nothing is read."""
    whole = {
        table.name: next(iter(subject.route.client.splits(subject.scan(table))), None)
        for table in subject.filled
    }

    def explain(table: Expected, constraints: Constraints) -> Explanation:
        split = whole[table.name]
        assert split is not None, f"{table}: has rows and no split"
        return subject.route.explain(subject.scan(table, constraints=constraints), split)

    predicates = []
    for probe in probes(subject.filled):
        decisions = explain(probe.table, probe.constraints).decisions
        predicates += [
            Pushed(probe, each.exactness, each.native, each.reason) for each in decisions
        ] or [Pushed(probe, Exactness.NOT_PUSHED)]
    return Pushdowns(
        tuple(predicates),
        any(explain(table, Constraints(limit=1)).limit_pushed for table in subject.filled),
        any(explain(table, order).order_pushed for table, order in _orders(subject)),
        subject.route.client.capabilities(),
    )


def _orders(subject: Subject) -> Iterator[tuple[Expected, Constraints]]:
    for table, column in typical_columns(subject.filled):
        for direction in Direction:
            key = OrderBy(column.name, direction)
            yield table, Constraints(order_by=(key,), limit=1)
