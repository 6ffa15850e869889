"""Constant parts of a statement, evaluated by the DuckDB that will run it.

A value comes back exact, next to DuckDB's type of it, because that type decides how a
comparison is made. Only expressions that give the same value whenever they are evaluated
are constants here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sqlglot import exp

if TYPE_CHECKING:
    import duckdb

__all__ = ["ConstantKind", "Constants", "TypedConstant"]


class ConstantKind(Enum):
    """Family of a constant's type."""

    NULL = auto()
    INTEGER = auto()
    DECIMAL = auto()
    FLOAT = auto()
    """float32, as float."""
    DOUBLE = auto()
    TEXT = auto()
    BYTES = auto()
    BOOLEAN = auto()
    DATE = auto()
    """Microseconds from 1970 to the start of the day."""
    TIMESTAMP = auto()
    """Microseconds of a wall clock."""
    INSTANT = auto()
    """Microseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class TypedConstant:
    """A constant and what DuckDB thinks of it.

    Attributes:
        kind: Family of its type.
        value: ``int``, ``Decimal``, ``float``, ``str``, ``bytes`` or ``bool``, or ``None``.
        precision: Digits of an exact number's type.
        scale: Digits after the point of a decimal's type.
    """

    kind: ConstantKind
    value: int | Decimal | float | str | bytes | bool | None
    precision: int = 0
    scale: int = 0

    @property
    def number(self) -> Fraction | None:
        """The exact value of a finite number, ``None`` for anything else."""
        value = self.value
        if self.kind not in _NUMBERS or isinstance(value, str | bytes) or value is None:
            return None
        return Fraction(value) if math.isfinite(value) else None


_NUMBERS = frozenset(
    {ConstantKind.INTEGER, ConstantKind.DECIMAL, ConstantKind.FLOAT, ConstantKind.DOUBLE}
)
_TIMELESS = frozenset(
    {
        exp.Literal,
        exp.Neg,
        exp.Paren,
        exp.Null,
        exp.Boolean,
        exp.Cast,
        exp.TryCast,
        exp.DataType,
        exp.DataTypeParam,
        exp.Interval,
        exp.Var,
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.HexString,
        exp.Unhex,
        exp.FromISO8601Timestamp,
        exp.AtTimeZone,
        exp.DateAdd,
        exp.DateSub,
        exp.Date,
        exp.TimestampTrunc,
        exp.Identifier,
    }
)
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 39}
_PLAIN = {
    "FLOAT": ConstantKind.FLOAT,
    "DOUBLE": ConstantKind.DOUBLE,
    "VARCHAR": ConstantKind.TEXT,
    "BLOB": ConstantKind.BYTES,
    "BOOLEAN": ConstantKind.BOOLEAN,
}
_TIMES = {
    "DATE": ConstantKind.DATE,
    "TIMESTAMP": ConstantKind.TIMESTAMP,
    "TIMESTAMP_S": ConstantKind.TIMESTAMP,
    "TIMESTAMP_MS": ConstantKind.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": ConstantKind.INSTANT,
}


class Constants:
    """Evaluates constants.

    Args:
        connection: A DuckDB connection whose time zone is UTC.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def evaluate(self, node: exp.Expr) -> TypedConstant | None:
        """Return the value of an expression, ``None`` if it is no constant that we know."""
        plain = _literal(node)
        if plain is not None or not all(type(part) in _TIMELESS for part in node.walk()):
            return plain
        from duckdb import Error  # noqa: PLC0415

        try:
            return self._ask(f"({node.sql(dialect='duckdb')})")
        except (Error, OverflowError, ValueError):
            return None  # DuckDB says what is wrong with it when the statement runs

    def _ask(self, sql: str) -> TypedConstant | None:
        type_, is_null = self._row(f"SELECT typeof(v), v IS NULL FROM (SELECT {sql} AS v)")  # noqa: S608
        if is_null:
            return TypedConstant(ConstantKind.NULL, None)
        if type_ in _DIGITS:
            return TypedConstant(ConstantKind.INTEGER, self._value(sql), _DIGITS[type_])
        if type_ in _PLAIN:
            return TypedConstant(_PLAIN[type_], self._value(sql))
        if type_ in _TIMES:
            return TypedConstant(_TIMES[type_], self._value(f"epoch_us({sql})"))
        decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", type_)
        if decimal is None:
            return None
        text = self._value(f"CAST({sql} AS VARCHAR)")
        precision, scale = map(int, decimal.groups())
        return TypedConstant(ConstantKind.DECIMAL, Decimal(str(text)), precision, scale)

    def _value(self, sql: str) -> int | float | str | bytes | bool:
        value: int | float | str | bytes | bool = self._row(f"SELECT {sql}")[0]
        return value

    def _row(self, sql: str) -> tuple[Any, ...]:
        (row,) = self._connection.execute(sql).fetchall()
        found: tuple[Any, ...] = row
        return found


def _literal(node: exp.Expr) -> TypedConstant | None:
    """Read what needs no DuckDB: long IN lists are made of it."""
    if isinstance(node, exp.Literal) and node.is_string:
        return TypedConstant(ConstantKind.TEXT, str(node.this))
    negative = isinstance(node, exp.Neg)
    number = node.this if negative else node
    if isinstance(number, exp.Literal) and number.is_int:
        value = -int(number.this) if negative else int(number.this)
        digits = 10 if -(2**31) < value < 2**31 else 19
        if -(2**63) < value < 2**63:
            return TypedConstant(ConstantKind.INTEGER, value, digits)
    return None
