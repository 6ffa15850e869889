"""Types and constants of query plans in the engine's terms.

Source: Substrait specification, "Type System" and "Literals"; wire protocol, section 12.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import UnsupportedOperationError
from athena_connectors.common.expressions import Constant
from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.timestamps import MAX_MILLIS, MIN_MILLIS, PACKED, pack
from athena_connectors.common.type_text import type_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.valueset import Value

__all__ = [
    "PlanConstant",
    "PlanType",
    "cast_constant",
    "constant_of",
    "exact_decimal",
    "exact_integer",
    "type_of",
    "unsupported",
]

_PLAIN: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "i8": pa.int8(),
    "i16": pa.int16(),
    "i32": pa.int32(),
    "i64": pa.int64(),
    "fp32": pa.float32(),
    "fp64": pa.float64(),
    "string": pa.string(),
    "varchar": pa.string(),
    "fixed_char": pa.string(),
    "binary": pa.binary(),
    "fixed_binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.date64(),
    "precision_timestamp": pa.date64(),
    "timestamp_tz": PACKED,
    "precision_timestamp_tz": PACKED,
}
_MICROSECONDS, _MILLISECONDS = 6, 3
_MS_PER_DAY = 86_400_000
_MAX_DIGITS = 38
_INT64 = range(-(2**63), 2**63)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?)?")


def unsupported(what: str) -> UnsupportedOperationError:
    """Return the error for a part of a plan without which its rows would be wrong."""
    return UnsupportedOperationError(
        f"The query plan holds {what}, which is not supported.",
        hint="Write the query so that Athena does this part: put it outside of a subquery that"
        " reads the table.",
    )


@dataclass(frozen=True, slots=True)
class PlanType:
    """A type of a plan.

    Attributes:
        arrow: The engine's type; ``pa.null()`` for one that the engine lacks.
        name: The plan's word for it.
        length: Characters that a text has at most; ``None`` for any number.
        digits: Decimal places of a second that a time has at most.
    """

    arrow: pa.DataType
    name: str
    length: int | None = None
    digits: int = _MICROSECONDS


def type_of(type_: Any) -> PlanType:
    """Return a ``substrait.Type``."""
    name = type_.WhichOneof("kind") or "none"
    if name == "decimal":
        precision, scale = type_.decimal.precision, type_.decimal.scale
        if 0 < precision <= _MAX_DIGITS and 0 <= scale <= precision:
            return PlanType(pa.decimal128(precision, scale), name)
    length, digits = None, _MICROSECONDS
    if name in ("varchar", "fixed_char"):
        length = getattr(type_, name).length
    if name in ("precision_timestamp", "precision_timestamp_tz"):
        digits = getattr(type_, name).precision
    return PlanType(_PLAIN.get(name, pa.null()), name, length, digits)


@dataclass(frozen=True, slots=True)
class PlanConstant:
    """A constant of a plan.

    Attributes:
        constant: In the engine's terms; a time is cut to whole milliseconds.
        is_cut: Whether it is later than that, by less than a millisecond.
    """

    constant: Constant
    is_cut: bool = False


def constant_of(literal: Any) -> PlanConstant:
    """Return a ``substrait.Expression.Literal``.

    Raises:
        UnsupportedOperationError: It is of a type that the engine has no constants of.
    """
    name = literal.WhichOneof("literal_type") or "none"
    if name == "null":
        return _plain(None, type_of(literal.null).arrow)
    reader = _READERS.get(name)
    if reader is None:
        raise unsupported(f"a constant of type {name}")
    return reader(getattr(literal, name))


def _plain(value: Value | None, type_: pa.DataType) -> PlanConstant:
    return PlanConstant(Constant((value,), type_))


def _reader(type_: pa.DataType) -> Callable[[Any], PlanConstant]:
    return lambda content: _plain(content, type_)


def _decimal(content: Any) -> PlanConstant:
    unscaled = int.from_bytes(content.value, "little", signed=True)
    digits = max(content.precision, len(str(abs(unscaled))), 1)
    if len(content.value) > 16 or digits > _MAX_DIGITS or not 0 <= content.scale <= digits:  # noqa: PLR2004 - 128 bits
        raise unsupported(f"a decimal of {digits} digits, {content.scale} of them decimal places")
    type_ = pa.decimal128(digits, content.scale)
    return _plain(_decimal_of(unscaled, content.scale), type_)


def _decimal_of(unscaled: int, scale: int) -> Decimal:
    with localcontext(prec=2 * _MAX_DIGITS):
        return Decimal(unscaled).scaleb(-scale)


def _time(units: int, digits: int, *, zoned: bool) -> PlanConstant:
    """Return a time that is counted in so many decimal places of a second."""
    ms, rest = divmod(units * 10**_MILLISECONDS, 10**digits)
    if zoned:
        if not MIN_MILLIS <= ms <= MAX_MILLIS:
            raise unsupported("a time beyond all that can be stored")
        return PlanConstant(Constant((pack(ms),), PACKED), is_cut=rest > 0)
    if ms not in _INT64:
        raise unsupported("a time beyond all that can be stored")
    return PlanConstant(Constant((ms,), pa.date64()), is_cut=rest > 0)


_READERS: dict[str, Callable[[Any], PlanConstant]] = {
    "boolean": _reader(pa.bool_()),
    "i8": _reader(pa.int8()),
    "i16": _reader(pa.int16()),
    "i32": _reader(pa.int32()),
    "i64": _reader(pa.int64()),
    "fp32": _reader(pa.float32()),
    "fp64": _reader(pa.float64()),
    "string": _reader(pa.string()),
    "fixed_char": _reader(pa.string()),
    "var_char": lambda content: _plain(content.value, pa.string()),
    "binary": _reader(pa.binary()),
    "fixed_binary": _reader(pa.binary()),
    "decimal": _decimal,
    "date": _reader(pa.date32()),
    "timestamp": lambda units: _time(units, _MICROSECONDS, zoned=False),
    "timestamp_tz": lambda units: _time(units, _MICROSECONDS, zoned=True),
    "precision_timestamp": lambda it: _time(it.value, it.precision, zoned=False),
    "precision_timestamp_tz": lambda it: _time(it.value, it.precision, zoned=True),
}


# Casts of constants


def cast_constant(told: PlanConstant, target: PlanType) -> PlanConstant:
    """Return a constant in another type, as Athena casts it.

    Raises:
        UnsupportedOperationError: It does not fit, or casts between these types are none
            that Athena and this function are known to do alike.
    """
    (value,) = told.constant.values
    type_ = target.arrow
    if value is None and type_ != pa.null():
        return _plain(None, type_)
    kinds = kind_of(told.constant.type), kind_of(type_)
    if kinds[0] is kinds[1] and kinds[0] in _SAME and _has_room(told, target):
        return PlanConstant(Constant((value,), type_), told.is_cut)
    cast = _CASTS.get(kinds)
    converted = None if cast is None or told.is_cut else cast(value, type_)
    if converted is None:
        raise unsupported(
            f"a cast of {_shown(value)} from {type_text(told.constant.type)} to {target.name}"
        )
    return _plain(converted, type_)


_SAME = frozenset({Kind.TEXT, Kind.BYTES, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME, Kind.INSTANT})


def _has_room(told: PlanConstant, target: PlanType) -> bool:
    """Return whether a constant is the same in another type of its kind."""
    value: Any = told.constant.values[0]
    kind = kind_of(target.arrow)
    if kind not in (Kind.DATETIME, Kind.INSTANT):
        return target.length is None or len(value) <= target.length
    if target.digits >= _MILLISECONDS:
        return not told.is_cut or target.digits >= _MICROSECONDS
    ms = value >> ZONE_BITS if kind is Kind.INSTANT else value
    return not told.is_cut and ms % 10 ** (_MILLISECONDS - target.digits) == 0


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004 - enough to find it by


def exact_integer(value: int | Decimal, type_: Any) -> int | None:
    """Return a number as one of an integer type; ``None`` if it is none."""
    exact = int(value)
    bits = type_.bit_width - 1
    return exact if exact == value and -(2**bits) <= exact < 2**bits else None


def exact_decimal(value: int | Decimal, type_: Any) -> Decimal | None:
    """Return a number as one of a decimal type; ``None`` if it has more digits."""
    with localcontext(prec=4 * _MAX_DIGITS):
        scaled = Decimal(value).scaleb(type_.scale)
        if scaled != scaled.to_integral_value() or abs(scaled) >= 10**type_.precision:
            return None
        return _decimal_of(int(scaled), type_.scale)


def _to_float(value: Any, type_: pa.DataType) -> float | None:
    number = float(value)
    shown: float = pa.scalar(number, type_).as_py()
    # What is rounded once here is rounded once in Athena; twice may be another number.
    return shown if shown == number or type_ == pa.float64() else None


def _to_date(value: str, type_: pa.DataType) -> int | None:
    ms = _to_datetime(value, type_) if _DATE.fullmatch(value) else None
    return None if ms is None else ms // _MS_PER_DAY


def _to_datetime(value: str, type_: pa.DataType) -> int | None:
    del type_
    if not _DATETIME.fullmatch(value):
        return None
    try:
        return (datetime.fromisoformat(value) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        return None


def _day_to_datetime(value: int, type_: pa.DataType) -> int:
    del type_
    return value * _MS_PER_DAY


def _to_text(value: int, type_: pa.DataType) -> str:
    del type_
    return str(value)


_CASTS: dict[tuple[Kind, Kind], Callable[[Any, Any], Any]] = {
    (Kind.INTEGER, Kind.INTEGER): exact_integer,
    (Kind.INTEGER, Kind.DECIMAL): exact_decimal,
    (Kind.INTEGER, Kind.FLOAT): _to_float,
    (Kind.INTEGER, Kind.TEXT): _to_text,
    (Kind.DECIMAL, Kind.INTEGER): exact_integer,
    (Kind.DECIMAL, Kind.DECIMAL): exact_decimal,
    (Kind.DECIMAL, Kind.FLOAT): _to_float,
    (Kind.FLOAT, Kind.FLOAT): _to_float,
    (Kind.TEXT, Kind.DATE): _to_date,
    (Kind.TEXT, Kind.DATETIME): _to_datetime,
    (Kind.DATE, Kind.DATETIME): _day_to_datetime,
}
