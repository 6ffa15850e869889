"""What a caller should see of a sample through an access policy, found out in plain Python.

Of each table some rows are filtered, some columns hidden and some masked. Shares nothing
with what applies policies but their wording.
"""

from __future__ import annotations

import hashlib
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.testing.client import LOCAL_IDENTITY
from athena_connectors.common.testing.conformance.probes import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from athena_connectors.common.testing.conformance.probes import Column
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["EVERYBODY", "SEAL_KEY", "STRANGER", "View", "policy_of", "seen_through", "views_of"]

EVERYBODY = m.Identity(account="111111111111", arn="arn:aws:iam::111111111111:user/admin")
"""Who may see everything."""
STRANGER = m.Identity(account="222222222222", arn="arn:aws:iam::222222222222:user/stranger")
"""Whom no rule is about."""
SEAL_KEY = "a key that no client has"
SALT = "salt"
LAST = 2


@dataclass(frozen=True, slots=True)
class View:
    """One table as it should be seen.

    Attributes:
        table: What should be seen; the whole table, if it is denied.
        rule: The rule about it.
        hidden: Columns that do not exist for the caller.
        is_denied: Whether the table does not.
    """

    table: Expected
    rule: dict[str, Any]
    hidden: tuple[str, ...] = ()
    is_denied: bool = False


def views_of(
    tables: Sequence[Expected], derived: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> list[View]:
    """Return a view of each table; the last of several does not exist for the caller.

    Args:
        tables: The tables.
        derived: Columns that are hidden with certain others, if they are hidden or masked.
    """
    views = [_view(table, derived) for table in tables]
    if len(tables) > 1:
        last = tables[-1]
        views[-1] = View(last, {**_named(last), "effect": "deny"}, is_denied=True)
    return views


def policy_of(views: Sequence[View]) -> dict[str, Any]:
    """Return the policy that gives the views to the local identity, and all to everybody."""
    local = {"arns": [LOCAL_IDENTITY.arn]}
    rules = [{**view.rule, "principals": local} for view in views]
    whole = {"effect": "allow", "principals": {"accounts": [EVERYBODY.account]}}
    return {
        "rules": [
            {**whole, "passthrough": True},
            *rules,
            {"effect": "allow", "principals": local},
        ]
    }


def seen_through(subject: Subject, settings: dict[str, str], views: Sequence[View]) -> Subject:
    """Return a subject that has these settings too, and the views in place of its tables."""
    seen = copy(subject)
    seen.sample = replace(subject.sample, settings={**subject.sample.settings, **settings})
    seen.tables = tuple(view.table for view in views if not view.is_denied)
    seen.forget()
    return seen


def _named(table: Expected) -> dict[str, Any]:
    return {"schemas": [table.name.schema], "tables": [table.name.table]}


def _view(table: Expected, derived: Mapping[str, tuple[str, ...]]) -> View:
    rule: dict[str, Any] = {**_named(table), "effect": "allow"}
    parted = sorted(columns_of(table), key=lambda each: each.name not in table.partition_columns)
    tests = [(column, found) for column in parted if (found := _filter(column)) is not None]
    rows, hidden = list(table.rows), tuple[str, ...]()
    if tests:
        column, (text, keeps) = tests[0]
        place = table.schema.get_field_index(column.name)
        rule["row_filter"] = text
        rows = [row for row in rows if keeps(row[place])]
        if len(table.schema) > len(_MASKS):
            hidden = (column.name,)
    names = [name for name in table.schema.names if name not in hidden]
    masks = _masks(table, names[1:])
    rule["columns"] = {
        **dict.fromkeys(hidden, "hide"),
        **{name: mask.told for name, mask in masks.items()},
    }
    closed = {*hidden, *masks}
    open_ways = tuple(name for name in names if closed.intersection(derived.get(name, ())))
    names = [name for name in names if name not in open_ways]
    fields, columns = [], []
    for name in names:
        place = table.schema.get_field_index(name)
        type_, values = table.schema.field(place).type, [row[place] for row in rows]
        if name in masks:
            values = [masks[name].seen(type_, value) for value in values]
            type_ = masks[name].type_of(type_)
        fields.append(pa.field(name, type_))
        columns.append(values)
    seen = replace(
        table,
        schema=pa.schema(fields),
        partition_columns=tuple(name for name in table.partition_columns if name not in closed),
        rows=tuple(zip(*columns, strict=True)),
    )
    return View(seen, rule, (*hidden, *open_ways))


# Row filters

_Filter = tuple[str, "Callable[[Any], bool]"]


def _filter(column: Column) -> _Filter | None:
    """Return a filter that drops a value of a column, and what it says of a value."""
    kind, middle, name = kind_of(column.type), column.middle, _quoted(column.name, '"')
    if len(column.known) < len("ab") or not _can_be_written(kind, middle):
        return None
    if kind is Kind.BOOLEAN:
        return f"NOT {name} OR {name} IS NULL", lambda value: value is not True
    literal = _literal(kind, middle)
    if kind is Kind.TEXT:
        return f"{name} <> {literal} OR {name} IS NULL", lambda value: value != middle
    return f"{name} >= {literal}", lambda value: value is not None and value >= middle


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, 2 * quote) + quote


def _can_be_written(kind: Kind, value: Any) -> bool:
    if kind in (Kind.DATE, Kind.DATETIME):
        days: int = value if kind is Kind.DATE else value // 86_400_000
        return date.min.toordinal() <= days + date(1970, 1, 1).toordinal() <= date.max.toordinal()
    return kind in (Kind.TEXT, Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL)


def _literal(kind: Kind, value: Any) -> str:
    match kind:
        case Kind.TEXT:
            return _quoted(value, "'")
        case Kind.DATE | Kind.DATETIME:
            word = "DATE" if kind is Kind.DATE else "TIMESTAMP"
            return f"{word} '{_text_form(kind, value)}'"
        case _:
            return format(value, "f") if kind is Kind.DECIMAL else str(value)


# Masks


@dataclass(frozen=True, slots=True)
class _Mask:
    told: Any
    kinds: frozenset[Kind]
    see: Callable[[Kind, Any], Any]
    is_text: bool = True

    def seen(self, type_: pa.DataType, value: Any) -> Any:
        return self.see(kind_of(type_), value)

    def type_of(self, type_: pa.DataType) -> pa.DataType:
        return pa.string() if self.is_text else type_


def _text_form(kind: Kind, value: Any) -> str:
    match kind:
        case Kind.BOOLEAN:
            return str(value).lower()
        case Kind.DECIMAL:
            return format(value, "f")
        case Kind.DATE:
            return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
        case Kind.DATETIME:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
            return moment.replace(tzinfo=None).isoformat(" ", "milliseconds")
        case _:
            return str(value)


def _hashed(kind: Kind, value: Any) -> str | None:
    if value is None:
        return None
    text = SALT + _text_form(kind, value)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _tail(kind: Kind, value: Any) -> str | None:
    if value is None:
        return None
    text = _text_form(kind, value)
    return text[-LAST:] if len(text) > LAST else ""


_PLAIN = frozenset({Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.DECIMAL})
_MASKS = (
    _Mask({"hash": {"salt": SALT}}, _PLAIN, _hashed),
    _Mask({"last_n": LAST}, _PLAIN, _tail),
    _Mask("null", frozenset(Kind), lambda *_: None, is_text=False),
    _Mask({"constant": "masked"}, frozenset({Kind.TEXT}), lambda *_: "masked", is_text=False),
    _Mask({"constant": 7}, frozenset({Kind.INTEGER}), lambda *_: 7, is_text=False),
)


def _masks(table: Expected, names: Sequence[str]) -> dict[str, _Mask]:
    """Mask every other column, each in another way."""
    found: dict[str, _Mask] = {}
    left = list(_MASKS)
    for name in names[::2]:
        kind = kind_of(table.schema.field(name).type)
        mask = next((each for each in left if kind in each.kinds), None)
        if mask is not None:
            found[name] = mask
            left.remove(mask)
    return found
