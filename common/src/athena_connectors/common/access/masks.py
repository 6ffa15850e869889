"""What a caller sees in place of a column's values.

``hash`` and ``last_n`` speak of a value's *text form*: a text itself; whole numbers and
decimals in plain digits, a decimal with all digits of its scale; ``true`` and ``false``;
dates as ``2024-01-31``; timestamps as ``2024-01-31 12:00:00.000``. Values of other types
have none. NULL stays NULL, except under ``constant``, which hides that too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import Kind, compute, kind_of
from athena_connectors.common.secrets import Secret
from athena_connectors.common.type_text import type_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Constant", "Hash", "LastCharacters", "Mask", "MaskError", "Null"]


class MaskError(ValueError):
    """A mask does not go with the type of a column; the text says why."""


@dataclass(frozen=True, slots=True)
class Null:
    """Every value is NULL."""

    reads_values = False

    def type_of(self, type_: pa.DataType) -> pa.DataType:
        """Return the type of the masked column: its own."""
        return type_

    def over(self, column: pa.Array[Any], type_: pa.DataType) -> pa.Array[Any]:
        """Return what is seen in place of a column; ``column`` only tells how long it is."""
        length = len(column)
        untyped: Any = pa.nulls  # its stubs take no type that is not known
        nulls: pa.Array[Any] = untyped(length, type_)
        return nulls


@dataclass(frozen=True, slots=True)
class Constant:
    """Every value, NULL too, is the same.

    Attributes:
        value: A text, a number or a boolean, to be read as of the column's type.
    """

    value: str | int | Decimal | bool
    reads_values = False

    def type_of(self, type_: pa.DataType) -> pa.DataType:
        """Return the type of the masked column: its own.

        Raises:
            MaskError: The value is none of that type.
        """
        self._scalar(type_)
        return type_

    def over(self, column: pa.Array[Any], type_: pa.DataType) -> pa.Array[Any]:
        """Return what is seen in place of a column; ``column`` only tells how long it is."""
        constants: pa.Array[Any] = pa.repeat(self._scalar(type_), len(column))
        return constants

    def _scalar(self, type_: pa.DataType) -> Any:
        kind, value = kind_of(type_), self.value
        if not self._fits(kind):
            raise self._unfit(type_)
        try:
            if kind is Kind.DATE:
                return pa.scalar(str(value)).cast(type_)
            if kind is Kind.DECIMAL:
                return pa.scalar(Decimal(value), type_)
            return pa.scalar(float(value) if kind is Kind.FLOAT else value, type_)
        except (pa.ArrowException, OverflowError):
            raise self._unfit(type_) from None

    def _fits(self, kind: Kind) -> bool:
        fits = {
            Kind.TEXT: str,
            Kind.DATE: str,
            Kind.BOOLEAN: bool,
            Kind.INTEGER: int,
            Kind.DECIMAL: int | Decimal,
            Kind.FLOAT: int | Decimal,
        }.get(kind)
        is_bool = isinstance(self.value, bool) and kind is not Kind.BOOLEAN
        return fits is not None and isinstance(self.value, fits) and not is_bool

    def _unfit(self, type_: pa.DataType) -> MaskError:
        return MaskError(f"the constant is no value of type {type_text(type_)}")


@dataclass(frozen=True, slots=True)
class Hash:
    """The SHA-256 of the text form in UTF-8, in 64 lower case hexadecimal digits.

    Attributes:
        salt: Put before the text; without a secret one, values can be found by guessing.
    """

    salt: Secret = field(default_factory=lambda: Secret(""))
    reads_values = True

    def type_of(self, type_: pa.DataType) -> pa.DataType:
        """Return the type of the masked column: text.

        Raises:
            MaskError: Values of the type have no text form.
        """
        _text_form(type_)
        return pa.string()

    def over(self, column: pa.Array[Any], type_: pa.DataType) -> pa.Array[Any]:
        """Return what is seen in place of a column.

        Cost:
            About a microsecond for each distinct value: Arrow has no kernel for SHA-256.
        """
        del type_
        # A dictionary's nulls stay nulls: they are in the indices alone.
        encoded: Any = _text_form(column.type)(column).dictionary_encode()
        start = hashlib.sha256(self.salt.reveal().encode())
        digests = pa.array([_digest(start, text) for text in encoded.dictionary.to_pylist()])
        hashed: pa.Array[Any] = digests.cast(pa.string()).take(encoded.indices)
        return hashed


@dataclass(frozen=True, slots=True)
class LastCharacters:
    """The last characters of the text form; nothing of one that is not longer than that.

    Attributes:
        count: How many, 1 or more.
    """

    count: int
    reads_values = True

    def type_of(self, type_: pa.DataType) -> pa.DataType:
        """Return the type of the masked column: text.

        Raises:
            MaskError: Values of the type have no text form.
        """
        _text_form(type_)
        return pa.string()

    def over(self, column: pa.Array[Any], type_: pa.DataType) -> pa.Array[Any]:
        """Return what is seen in place of a column."""
        del type_
        pc = compute()
        texts = _text_form(column.type)(column)
        longer = pc.greater(pc.utf8_length(texts), self.count)
        tail = pc.utf8_slice_codeunits(texts, start=-self.count)
        seen: pa.Array[Any] = pc.if_else(longer, tail, pa.scalar("", pa.string()))
        return seen


Mask = Null | Constant | Hash | LastCharacters


def _digest(start: Any, text: str) -> str:
    state = start.copy()
    state.update(text.encode("utf-8", "surrogatepass"))
    digest: str = state.hexdigest()
    return digest


def _text_form(type_: pa.DataType) -> Callable[[pa.Array[Any]], pa.Array[Any]]:
    form = _TEXT_FORMS.get(kind_of(type_))
    if form is None:
        raise MaskError(f"values of type {type_text(type_)} have no text form")
    return form


def _cast(column: pa.Array[Any]) -> pa.Array[Any]:
    return column.cast(pa.string())


def _decimals(column: Any) -> pa.Array[Any]:
    """Return decimals in plain digits, where Arrow may write an exponent."""
    encoded = column.dictionary_encode()
    texts = [format(value, "f") for value in encoded.dictionary.to_pylist()]
    shown: pa.Array[Any] = pa.array(texts, pa.string()).take(encoded.indices)
    return shown


def _timestamps(column: pa.Array[Any]) -> pa.Array[Any]:
    return column.view(pa.int64()).cast(pa.timestamp("ms")).cast(pa.string())


_TEXT_FORMS: dict[Kind, Callable[[pa.Array[Any]], pa.Array[Any]]] = {
    Kind.TEXT: _cast,
    Kind.INTEGER: _cast,
    Kind.BOOLEAN: _cast,
    Kind.DATE: _cast,
    Kind.DECIMAL: _decimals,
    Kind.DATETIME: _timestamps,
}
