"""What a column shows of a document: the table of values, read value by value.

Slow and plain, from the specification alone: nothing of the connector's own reading is in it.
Dates are days, times milliseconds, zoned ones packed, as ``common.valueset`` has them.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.timestamps import pack
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from athena_connectors.documentdb.relation import Column

__all__ = ["Oracle"]

_EXACT = Context(prec=400)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?")
_OPTIONS = {
    "i": re.IGNORECASE,
    "l": re.LOCALE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    "u": re.UNICODE,
    "x": re.VERBOSE,
}


class Oracle:
    """Reads one column, one value after the other."""

    def __init__(self, column: Column, columns: list[Column]) -> None:
        self.column = column
        self.columns = columns
        self.mismatches: Counter[str] = Counter()

    def row(self, document: dict[str, Any]) -> Any:
        column = self.column
        if not column.field:
            shown = {
                name
                for other in self.columns
                if other.field
                for name in (other.field, *other.others)
            }
            folded = {other.field.lower() for other in self.columns if not other.is_spelled}
            rest = {k: v for k, v in document.items() if k not in shown and k.lower() not in folded}
            return as_json(rest) if rest else None
        names = [column.field, *column.others]
        if not column.is_spelled:
            names += sorted(k for k in document if k.lower() == column.field.lower())
        for name in names:
            if name in document:
                value = document[name]
                if column.is_json:
                    return None if value is None else as_json(value)
                return self.value(value, column.type)
        return None

    def value(self, value: Any, type_: Any) -> Any:
        if value is None:
            return None
        shown = self._shown(value, type_)
        if shown is None:
            self.mismatches[type_name(value)] += 1
        return shown

    def _shown(self, value: Any, type_: Any) -> Any:  # noqa: C901, PLR0911 - the table, line by line
        if pa.types.is_string(type_):
            return as_text(value)
        if pa.types.is_boolean(type_):
            return value if isinstance(value, bool) else None
        if pa.types.is_binary(type_):
            return bytes(value) if isinstance(value, bytes) else None
        if pa.types.is_list(type_):
            if not isinstance(value, list):
                return None
            return [self.value(element, type_.value_type) for element in value]
        if pa.types.is_struct(type_):
            if isinstance(value, DBRef):
                value = reference_fields(value)
            if not isinstance(value, dict):
                return None
            return {f.name: self.value(child(value, f.name), f.type) for f in type_}
        if pa.types.is_map(type_):
            if isinstance(value, DBRef):
                value = stored_reference(value)
            if not isinstance(value, dict):
                return None
            return [(k, self.value(v, type_.item_type)) for k, v in value.items()]
        if pa.types.is_temporal(type_):
            return instant(value, type_)
        return number(value, type_)


def child(document: dict[str, Any], name: str) -> Any:
    if name in document:
        return document[name]
    found = [k for k in document if k.lower() == name.lower()]
    return document[found[0]] if len(found) == 1 else None


def reference_fields(value: DBRef) -> dict[str, Any]:
    document = stored_reference(value)
    rest = {k: v for k, v in document.items() if k not in {"$db", "$ref", "$id"}}
    return {**rest, "_db": value.database, "_ref": value.collection, "_id": value.id}


def stored_reference(value: DBRef) -> dict[str, Any]:
    return dict(value.as_doc())


def number(value: Any, type_: Any) -> Any:  # noqa: PLR0911
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal128 | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    is_whole = pa.types.is_integer(type_)
    if isinstance(value, str) and is_whole and not re.fullmatch(r"[+-]?[0-9]+", value):
        return None
    exact = Decimal(value) if isinstance(value, float) and is_whole else exactly(value)
    if not exact.is_finite():
        return float(exact) if pa.types.is_floating(type_) else None
    if pa.types.is_float64(type_):
        double = float(exact)
        return None if math.isinf(double) else double
    if pa.types.is_float32(type_):
        return nearest_float32(value if isinstance(value, float) else exact)
    if exact.adjusted() > 100 and exact:
        return None
    if pa.types.is_decimal(type_):
        rounded = exact.quantize(Decimal(1).scaleb(-type_.scale), ROUND_HALF_UP, _EXACT)
        fits = abs(rounded) < Decimal(10) ** (type_.precision - type_.scale)
        return (rounded or abs(rounded)) if fits else None
    if exact.adjusted() < -100 and exact:
        return None
    bound = 2 ** (type_.bit_width - 1)
    return int(exact) if exact == int(exact) and -bound <= exact < bound else None


def exactly(value: Any) -> Decimal:
    if isinstance(value, Decimal128):
        text = str(value)
        return Decimal("NaN") if "NaN" in text else Decimal(text)
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def nearest_float32(value: float | Decimal) -> float | None:
    exact = Fraction(value)
    if abs(exact) >= Fraction(2**128) - Fraction(2**103):
        return None
    sign = math.copysign(1.0, value)
    if abs(exact) < Fraction(1, 2**151):
        return math.copysign(0.0, sign)
    low = _bits(min(abs(float(value)), 3.4028234663852886e38))
    near = [_of_bits(bits) for bits in range(max(low - 1, 0), min(low + 2, 0x7F800000))]
    best = min(near, key=lambda single: (abs(Fraction(single) - abs(exact)), _bits(single) % 2))
    return math.copysign(best, sign)


def _bits(value: float) -> int:
    bits: int = struct.unpack("<i", struct.pack("<f", value))[0]
    return bits


def _of_bits(bits: int) -> float:
    value: float = struct.unpack("<f", struct.pack("<i", bits))[0]
    return value


def instant(value: Any, type_: Any) -> int | None:
    if isinstance(value, DatetimeMS):
        millis = int(value)
    elif isinstance(value, Timestamp):
        millis = value.time * 1000
    elif isinstance(value, str):
        found = clock(value)
        if found is None:
            return None
        millis = found
    else:
        return None
    if pa.types.is_date32(type_):
        day = millis // 86_400_000
        return day if -(2**31) <= day < 2**31 else None
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        return pack(millis, type_.tz) if -(2**51) <= millis < 2**51 else None
    return millis


def clock(text: str) -> int | None:
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)"
        r"([Tt ]\d\d:\d\d(:\d\d)?)?"
        r"([.,]\d{1,9})?"
        r"( ?([Zz]|[+-]\d\d(:?\d\d)?))?",
        text,
        re.ASCII,
    )
    if match is None or (match[2] is None and match[5]) or (match[3] is None and match[4]):
        return None
    time = (match[2] or "T00:00")[1:] + ((match[3] and "") or ":00")
    zone = (match[6] or "Z").upper()
    if zone != "Z":
        zone = f"{zone[:3]}:{zone[3:].lstrip(':') or '00'}"
        if zone[1:3] > "23" or zone[4:] > "59":
            return None
    try:
        local = datetime.fromisoformat(f"{match[1]}T{time}").replace(tzinfo=UTC)
    except ValueError:
        return None
    offset = 0 if zone == "Z" else int(zone[:3][1:]) * 60 + int(zone[4:])
    millis = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    millis += int((match[4] or ".")[1:4].ljust(3, "0"))
    return millis - offset * 60_000 * (-1 if zone[0] == "-" else 1)


def type_name(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case Int64():
            return "long"
        case int():
            return "int" if -(2**31) <= value < 2**31 else "long"
        case Code():
            return "javascript" if value.scope is None else "javascriptWithScope"
        case Binary() if value.subtype in {3, 4}:
            return "uuid"
        case bytes():
            return "binData"
    return {
        str: "string", float: "double", Decimal128: "decimal", DatetimeMS: "date",
        Timestamp: "timestamp", ObjectId: "objectId", list: "array", dict: "object",
        DBRef: "object", Regex: "regex", MinKey: "minKey", MaxKey: "maxKey",
    }[type(value)]  # fmt: skip


def as_plain(value: float | Decimal128) -> str:
    exact = exactly(value)
    if not exact.is_finite():
        return str(float(exact)).replace("inf", "Infinity").replace("nan", "NaN")
    if exact == 0:
        return "0"
    whole, _, fraction = f"{exact:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0')}".rstrip(".")


def as_iso(millis: int) -> str:
    cycles, rest = divmod(millis + 62_135_596_800_000, 146_097 * 86_400_000)
    local = datetime(1, 1, 1, tzinfo=UTC) + timedelta(milliseconds=rest)
    year = local.year + 400 * cycles
    sign = "+" if year > 9999 else "-" if year < 0 else ""
    return sign + f"{abs(year):04}" + local.strftime("-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def as_text(value: Any) -> str:
    text = as_json(value)
    if isinstance(value, str) and not isinstance(value, Code):
        return value
    return json.loads(text) if text.startswith('"') else text


def as_json(value: Any) -> str:  # noqa: C901, PLR0911, PLR0912 - the table, line by line
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)

    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float() | Decimal128():
            text = as_plain(value)
            return text if text[-1].isdigit() else quoted(text)
        case Code():
            scope = "" if value.scope is None else f',"$scope":{as_json(dict(value.scope))}'
            return f'{{"$code":{quoted(str(value))}{scope}}}'
        case str():
            return quoted(value)
        case DatetimeMS():
            return quoted(as_iso(int(value)))
        case Timestamp():
            return quoted(as_iso(value.time * 1000))
        case ObjectId():
            return quoted(value.binary.hex())
        case Binary() if value.subtype in {3, 4}:
            return quoted(str(uuid.UUID(bytes=bytes(value))))
        case bytes():
            return quoted(base64.b64encode(value).decode())
        case Regex():
            options = "".join(o for o, flag in _OPTIONS.items() if value.flags & flag)
            return quoted(f"/{value.pattern}/{options}")
        case MinKey():
            return '{"$minKey":1}'
        case MaxKey():
            return '{"$maxKey":1}'
        case list():
            return f"[{','.join(map(as_json, value))}]"
        case DBRef():
            return as_json(stored_reference(value))
    return "{" + ",".join(f"{quoted(k)}:{as_json(value[k])}" for k in sorted(value)) + "}"
