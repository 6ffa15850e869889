"""Days since 1970 of dates that come as year, month and day."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["calendar_days"]

_LAST_YEAR = 9999
_MONTHS = 12


def calendar_days(
    year: NDArray[Any], month: NDArray[Any], day: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return days since 1970-01-01, and which dates there are.

    Args:
        year: Non-negative, as are the others; Athena's calendar has the years 1 to 9999.
        month: 1 to 12, else there is no such date.
        day: 1 to the month's last, else there is no such date.
    """
    months = year.astype(np.int64) * _MONTHS + month - 1
    named = (month >= 1) & (month <= _MONTHS) & (year >= 1) & (year <= _LAST_YEAR)
    np.putmask(months, ~named, _MONTHS)
    firsts = _first_days()
    first = firsts.take(months)
    exists = named & (day >= 1) & (day <= firsts.take(months + 1) - first)
    return first + day - 1, exists


@cache
def _first_days() -> NDArray[np.int64]:
    """Return the first day of each month since January of year 0, and one more."""
    months = np.arange("0000-01", f"{_LAST_YEAR + 1}-02", dtype="datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
