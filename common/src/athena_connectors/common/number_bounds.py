"""Numbers as such and floats that stand for them, for connectors that push predicates down."""

from __future__ import annotations

import math
from decimal import Context, Decimal

import pyarrow as pa

__all__ = ["REALS", "float_bounds"]

REALS = pa.decimal256(76, 38)
"""Type of value sets of numbers as such, for whole and decimal columns; values are decimals
of any digits."""

_EXACT = Context(prec=400)
_NEAR_GREATEST_SINGLE = Decimal("3.4E+38")


def float_bounds(value: float, type_: pa.DataType) -> tuple[Decimal | None, Decimal | None]:
    """Return numbers between which all are that a float stands for; ``None`` for no bound.

    Args:
        value: The float.
        type_: The type that numbers are rounded to, of either width.
    """
    if math.isnan(value):
        return None, None
    above = _below(-value, type_)
    return _below(value, type_), None if above is None else above.copy_negate()


def _below(value: float, type_: pa.DataType) -> Decimal | None:
    if type_ == pa.float32():
        if abs(value) > _NEAR_GREATEST_SINGLE:
            return _NEAR_GREATEST_SINGLE if value > 0 else None
        # Twice the distance to a neighbour, at least.
        step = Decimal(max(abs(value) * 2.0**-22, 2.0**-148))
        return _EXACT.subtract(Decimal(value), step)
    below = math.nextafter(value, -math.inf)
    return None if math.isinf(below) else Decimal(below)
