"""What a connector is said to do against what it is seen to do, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.testing.conformance.passthrough import runs_native_queries
from athena_connectors.common.testing.conformance.splits import cuts_tables, prunes_partitions
from athena_connectors.common.testing.conformance.supports import BEHAVIOURS, Gap
from athena_connectors.common.testing.conformance.values import HELD

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.conformance.pushdown import Pushdowns
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_flag", "is_seen"]

_NEEDS = {behaviour.name: behaviour.needs for behaviour in BEHAVIOURS}
_READING: dict[str, Callable[[Subject], bool]] = {
    "splits": cuts_tables,
    "partitions": prunes_partitions,
    "passthrough": runs_native_queries,
}


def check_flag(subject: Subject, pushdowns: Pushdowns, name: str) -> None:
    """Check what is said of one behaviour.

    Raises:
        AssertionError: It is said to work and is not seen, or it is a gap and works.
    """
    support = subject.supports.of(name)
    if not isinstance(support, Gap):
        assert is_seen(subject, pushdowns, name), (
            f"{name} is not seen, neither in the connector nor in the sample: show it there, or"
            f' write Supports({name}=Gap.not_implemented("…")).'
        )
        return
    seen = _outcome(subject, pushdowns, name)
    if isinstance(seen, ConnectorError):
        told = type(seen)
        assert told is support.error, f"{name} is a gap that shows as {told.__name__}: {seen}"
    else:
        reason = support.reason
        assert not seen, f"{name} works, though it is a gap ({reason}): take the gap out."
        assert support.error is None, f"{name} is a gap that shows as no error, as was said"


def _outcome(subject: Subject, pushdowns: Pushdowns, name: str) -> bool | ConnectorError:
    try:
        return is_seen(subject, pushdowns, name)
    except ConnectorError as error:
        return error


def is_seen(subject: Subject, pushdowns: Pushdowns, name: str) -> bool:
    """Return whether a behaviour shows, in the connector or in what it has read."""
    if name in HELD:
        return HELD[name](subject.tables)
    if name in _READING:
        return _READING[name](subject)
    if name == "limit":
        return pushdowns.limit
    if name == "top_n":
        return pushdowns.top_n
    kinds = {name, *(kind for kind in _NEEDS if _is_below(kind, name))}
    return any(each.seen for kind in kinds for each in pushdowns.of(kind))


def _is_below(kind: str, name: str) -> bool:
    needs = _NEEDS[kind]
    return bool(needs) and (needs == name or _is_below(needs, name))
