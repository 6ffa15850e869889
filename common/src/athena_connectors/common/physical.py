"""Columns of engine types in a form that Arrow's kernels order and compare rightly.

The buffers of some engine types do not hold what Arrow thinks: ``date64`` carries a time
of day and a zoned timestamp a zone key, and both would be compared wrongly or truncated.
``unpack`` turns them into plain integers; every other column stays as it is. Nothing here
copies a value set or touches a value from Python.

Source: wire protocol, sections 8.4 and 9.
"""

from __future__ import annotations

import math
import struct
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.ordering import ZONE_BITS, is_zoned

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.valueset import Value

__all__ = [
    "INTEGER_DIGITS",
    "Data",
    "Kind",
    "as_column",
    "compute",
    "kind_of",
    "scalar",
    "total_order",
    "total_order_key",
    "unpack",
]

_POSITIVE = 2**63 - 1

INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
"""Bits of an integer type, and the decimal digits that its values have at most."""

Data = Any
"""An array or a scalar: kernels take both, and give a scalar if all they get are scalars."""


class Kind(Enum):
    """How values of a type are compared; only equal kinds, or numbers, compare at all."""

    INTEGER = auto()
    FLOAT = auto()
    DECIMAL = auto()
    TEXT = auto()
    BYTES = auto()
    BOOLEAN = auto()
    DATE = auto()
    """Days."""
    DATETIME = auto()
    """Milliseconds of a wall clock."""
    INSTANT = auto()
    """Milliseconds since 1970 UTC, the zone left out."""
    NULL = auto()
    """No value but NULL."""
    OPAQUE = auto()
    """Lists, structs and maps, which are never compared, and types foreign to the engine."""


_KINDS: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
    (pa.types.is_signed_integer, Kind.INTEGER),
    (pa.types.is_floating, Kind.FLOAT),
    (pa.types.is_decimal, Kind.DECIMAL),
    (pa.types.is_string, Kind.TEXT),
    (pa.types.is_large_string, Kind.TEXT),
    (pa.types.is_binary, Kind.BYTES),
    (pa.types.is_large_binary, Kind.BYTES),
    (pa.types.is_boolean, Kind.BOOLEAN),
    (pa.types.is_date32, Kind.DATE),
    (pa.types.is_date64, Kind.DATETIME),
    (is_zoned, Kind.INSTANT),
    (pa.types.is_null, Kind.NULL),
)


def compute() -> Any:
    """Return ``pyarrow.compute``, imported at the first use because that takes a while.

    Untyped, because its stubs tell arrays from scalars and kernels take either.
    """
    import pyarrow.compute  # noqa: PLC0415

    return pyarrow.compute


def kind_of(type_: pa.DataType) -> Kind:
    """Return how values of a type are compared."""
    return next((kind for fits, kind in _KINDS if fits(type_)), Kind.OPAQUE)


def unpack(column: pa.Array[Any]) -> pa.Array[Any]:
    """Return a column in comparable form, without a copy unless it is zoned.

    Returns:
        ``date32`` as int32 days, ``date64`` as int64 milliseconds, zoned timestamps as
        int64 milliseconds of the instant, anything else unchanged.
    """
    match kind_of(column.type):
        case Kind.DATE:
            return column.view(pa.int32())
        case Kind.DATETIME:
            return column.view(pa.int64())
        case Kind.INSTANT:
            pc = compute()
            instants: pa.Array[Any] = pc.shift_right(column.view(pa.int64()), ZONE_BITS)
            return instants
        case _:
            return column


def scalar(value: Value | None, type_: pa.DataType) -> Data:
    """Return a physical value as ``unpack`` would show it in a column of its type."""
    match kind_of(type_):
        case Kind.DATE:
            return pa.scalar(value, pa.int32())
        case Kind.DATETIME:
            return pa.scalar(value, pa.int64())
        case Kind.INSTANT:
            instant = value >> ZONE_BITS if isinstance(value, int) else None
            return pa.scalar(instant, pa.int64())
        case _:
            return pa.scalar(value, type_)


def as_column(data: Data, rows: int) -> Data:
    """Return data as a column: a constant once for each row, a column unchanged."""
    is_constant = isinstance(data, pa.Scalar)
    return pa.repeat(data, rows) if is_constant else data


def total_order(column: pa.Array[Any]) -> pa.Array[Any]:
    """Return int64 keys that sort like the total order of a column of floats.

    -0.0 is -1 and 0.0 is 0; every NaN, whatever its bits, has the same key, the greatest.
    """
    pc = compute()
    doubles = column.cast(pa.float64())
    bits = pc.if_else(pc.is_nan(doubles), pa.scalar(math.nan), doubles).view(pa.int64())
    # The bits of negative floats ascend with their magnitude: turn those around.
    negative = pc.less(bits, pa.scalar(0, pa.int64()))
    keys: pa.Array[Any] = pc.if_else(
        negative, pc.bit_wise_xor(bits, pa.scalar(_POSITIVE, pa.int64())), bits
    )
    return keys


def total_order_key(value: float) -> int:
    """Return the key that ``total_order`` gives to one float."""
    if math.isnan(value):
        value = math.nan
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits ^ ((bits >> 63) & _POSITIVE)
