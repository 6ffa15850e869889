"""What one scan may cost: refused before it starts, or stopped with nothing returned.

The functions that read the splits of a scan share no state. So a limit, which is always one
of all splits together, is kept in two ways: the estimate of the whole scan is held against it
before anything is read, and each split may spend an even part of it. The splits together
never spend more than the limit and one page each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.config import parse_float, parse_int, setting
from athena_connectors.common.errors import BudgetExceededError, InvalidRequestError
from athena_connectors.common.filter_rules import NO_RULES, FilterRules, parse_filter_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.estimates import CheapAccess, Estimate
    from athena_connectors.common.observability import SplitStats

__all__ = [
    "SHARES",
    "UNLIMITED",
    "BudgetSettings",
    "Limit",
    "SplitBudget",
    "check_estimate",
    "limits_of",
    "shares_of",
    "unit_limit",
]

SHARES = "__budget_shares"
"""Property: how many splits share what a scan may cost; absent where nothing is limited."""

_MAX_WAYS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """What one scan of a table may cost."""

    max_rows_scanned: int = setting(
        "max_rows_scanned",
        default=0,
        parse=parse_int(minimum=0),
        doc="Rows that one scan of a table may read; a scan that is estimated to look at more is"
        " refused, one that reads more is stopped. 0 for no limit.",
    )
    max_bytes_scanned: int = setting(
        "max_bytes_scanned",
        default=0,
        parse=parse_int(minimum=0),
        doc="Bytes that one scan of a table may read, in the same way; 0 for no limit.",
    )
    max_source_seconds: float = setting(
        "max_source_seconds",
        default=0.0,
        parse=parse_float(minimum=0),
        doc="Seconds that all splits of a scan together may wait for the source; 0 for no limit.",
    )
    max_requests: int = setting(
        "max_requests",
        default=0,
        parse=parse_int(minimum=0),
        doc="Requests that all splits of a scan together may make to a source that is asked page"
        " by page; 0 for no limit.",
    )
    require_filter: FilterRules = setting(  # noqa: RUF009 - declares a field
        "require_filter",
        default=NO_RULES,
        parse=parse_filter_rules,
        doc="Tables that are read only with a condition: `true`, or"
        ' `{"shop.orders": ["created_at"], "*": false}`, where the first pattern that fits decides'
        " and one of the columns needs a condition.",
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of one counter.

    Attributes:
        setting: The setting that sets it.
        most: The limit of all splits together, inclusive; more than 0.
        counter: The attribute of ``SplitStats`` that it limits.
        unit: What is counted, in the plural.
        is_whole: Whether the counter has whole numbers only.
    """

    setting: str
    most: float
    counter: str
    unit: str
    is_whole: bool = True

    def text(self, number: float) -> str:
        """Return a number of the counter for people."""
        return f"{number:,.0f}" if self.is_whole else f"{number:,.1f}"


def unit_limit(setting_name: str, most: float, unit: str) -> Limit | None:
    """Return a limit of ``SplitStats.source_units``, or ``None`` for 0.

    Args:
        setting_name: The connector's own setting.
        most: Its value; 0 for no limit.
        unit: What the source counts, in the plural: ``read units``.
    """
    return Limit(setting_name, most, "source_units", unit, is_whole=False) if most else None


def limits_of(settings: BudgetSettings, units: Limit | None = None) -> tuple[Limit, ...]:
    """Return the limits that are set, the source's own one last."""
    limits = (
        Limit("max_rows_scanned", settings.max_rows_scanned, "rows_read", "rows"),
        Limit("max_bytes_scanned", settings.max_bytes_scanned, "bytes_read", "bytes"),
        Limit("max_requests", settings.max_requests, "requests", "requests"),
        Limit(
            "max_source_seconds",
            settings.max_source_seconds,
            "source_seconds",
            "seconds of the source",
            is_whole=False,
        ),
        units,
    )
    return tuple(limit for limit in limits if limit is not None and limit.most)


def check_estimate(
    limits: Sequence[Limit],
    estimate: Estimate | None,
    *,
    table: str,
    names: Mapping[str, str],
) -> None:
    """Return if a scan may start, as far as its costs can be known.

    Args:
        limits: What is limited.
        estimate: What the scan is expected to cost; ``None`` if nobody knows.
        table: What is read.
        names: Columns that the caller knows: from the source's spelling to the engine's.

    Raises:
        BudgetExceededError: A number of the estimate is over its limit.
    """
    if estimate is None:
        return
    for limit in limits:
        expected = estimate.most(limit.counter)
        if expected is not None and expected > limit.most:
            raise BudgetExceededError(
                f"Reading {table} would cost about {limit.text(expected)} {limit.unit}, by"
                f" {estimate.origin}: {limit.setting} is {limit.most:,.12g}. Nothing was read.",
                hint=f"{_advice(estimate.cheap_by, names)}, or raise {limit.setting}.",
                setting=limit.setting,
                table=table,
            )


def _advice(ways: Sequence[CheapAccess], names: Mapping[str, str]) -> str:
    told = [
        " and ".join(names[column] for column in way.columns) + (f" ({way.by})" if way.by else "")
        for way in ways
        if way.columns and all(column in names for column in way.columns)
    ]
    shown = list(dict.fromkeys(told))[:_MAX_WAYS]
    return f"Give a condition on {', or on '.join(shown)}" if shown else "Narrow the predicate"


@dataclass(frozen=True, slots=True)
class SplitBudget:
    """What one split may spend.

    Attributes:
        limits: Limits of the whole scan.
        shares: How many splits share them, 1 or more.
        table: What is read, for errors.
    """

    limits: tuple[Limit, ...] = ()
    shares: int = 1
    table: str = ""

    @property
    def limits_time(self) -> bool:
        """Whether it can be overspent while nothing arrives."""
        return any(limit.counter == "source_seconds" for limit in self.limits)

    def check(self, stats: SplitStats, *, waiting_seconds: float = 0.0) -> None:
        """Return if a split may go on.

        Args:
            stats: All that it has spent.
            waiting_seconds: For how long it waits for the source now, if that is not counted.

        Raises:
            BudgetExceededError: It has spent more than its part.
        """
        error = self.overspent(stats, waiting_seconds=waiting_seconds)
        if error is not None:
            raise error

    def overspent(
        self, stats: SplitStats, *, waiting_seconds: float = 0.0
    ) -> BudgetExceededError | None:
        """Return the error of a split that has spent too much; arguments as of ``check``."""
        for limit in self.limits:
            spent = getattr(stats, limit.counter)
            if limit.counter == "source_seconds":
                spent += waiting_seconds
            if spent * self.shares > limit.most:
                return self._error(limit, spent)
        return None

    def _error(self, limit: Limit, spent: float) -> BudgetExceededError:
        part = (
            f", and that is more than {limit.most / self.shares:,.1f}, this split's part of it"
            f" ({self.shares:,} splits)"
            if self.shares > 1
            else ""
        )
        return BudgetExceededError(
            f"Reading {self.table} was stopped after {limit.text(spent)} {limit.unit}:"
            f" {limit.setting} is {limit.most:,.12g}{part}. Nothing was returned.",
            hint=f"Narrow the predicate, or raise {limit.setting}.",
            setting=limit.setting,
            table=self.table,
        )


UNLIMITED = SplitBudget()


def shares_of(properties: Mapping[str, str]) -> int:
    """Return how many splits share what their scan may cost, as a split tells; 1 by default.

    Raises:
        InvalidRequestError: The property is not as it was written.
    """
    told = properties.get(SHARES, "1")
    if not (told.isascii() and told.isdecimal()) or not int(told):
        raise InvalidRequestError(
            f"Property {SHARES} of the split is not as this version of the connector made it.",
            hint="Run the query again.",
            split=SHARES,
        )
    return int(told)
