"""Decoded values into columns of the engine's types, nested ones too.

Columns are made whole, children and elements as columns of their own, and never a row at a
time: which types of values there are decides how, and a value that its type has nothing for
is NULL and counted. Within lists, maps and structures so is the element alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.document_types import read_type
from athena_connectors.documentdb.scalars import Scalar, json_scalar, scalar_of
from athena_connectors.documentdb.values import NULL, bson_type, document_of, fields_of
from bson.dbref import DBRef

if TYPE_CHECKING:
    from athena_connectors.documentdb.outcome import Outcome
    from athena_connectors.documentdb.relation import Column

__all__ = ["Converter", "column_type", "converter", "values_of"]

Converter = Callable[[Sequence[Any], "Outcome"], "pa.Array[Any]"]
"""Makes a column of decoded values, and tells the outcome what does not fit."""


def column_type(column: Column) -> pa.DataType:
    """Return the engine type that a column is read as.

    Raises:
        UnsupportedTypeError: It holds a map whose keys are no texts; names the column.
    """
    return read_type(column.name, column.type)


def converter(column: Column) -> Converter:
    """Return what makes a column of the values of its field.

    Raises:
        UnsupportedTypeError: As ``column_type``.
    """
    if column.is_json and column.field:
        return partial(_scalars, scalar=json_scalar())
    return _converter(column_type(column))


def _converter(type_: pa.DataType) -> Converter:
    if isinstance(type_, pa.ListType):
        return partial(_lists, type_=type_, convert=_converter(type_.value_type))
    if isinstance(type_, pa.StructType):
        children = [(field.name, _converter(field.type)) for field in type_]
        return partial(_structures, fields=list(type_), children=children)
    if isinstance(type_, pa.MapType):
        return partial(_maps, type_=type_, convert=_converter(type_.item_type))
    return partial(_scalars, scalar=scalar_of(type_))


def _scalars(values: Sequence[Any], outcome: Outcome, *, scalar: Scalar) -> pa.Array[Any]:
    kinds = set(map(type, values))
    whole = scalar.read_whole(values, kinds)
    if whole is not None:
        return whole
    casts: dict[type, Callable[[Any], Any]] = {
        kind: scalar.casts.get(kind, _nothing) for kind in kinds
    }
    if len(casts) == 1:
        found = list(map(casts.popitem()[1], values))
    else:
        found = [casts[type(value)](value) for value in values]
    if None in found:
        for value, cast in zip(values, found, strict=True):
            if cast is None and value is not None:
                outcome.mismatch(bson_type(value))
    return scalar.from_cast(pa.array(found, scalar.cast_type))


def _nothing(_: Any) -> None:
    return None


def _lists(
    values: Sequence[Any], outcome: Outcome, *, type_: pa.DataType, convert: Converter
) -> pa.Array[Any]:
    lists, mask = _of_kind(values, list, (), outcome)
    elements = convert(list(chain.from_iterable(lists)), outcome)
    arrays: Any = pa.ListArray
    array: pa.Array[Any] = arrays.from_arrays(_offsets(lists), elements, type_, mask=mask)
    return array


def _structures(
    values: Sequence[Any],
    outcome: Outcome,
    *,
    fields: list[pa.Field[Any]],
    children: Sequence[tuple[str, Converter]],
) -> pa.Array[Any]:
    documents, mask = _of_kind(_without_references(values, fields_of), dict, {}, outcome)
    names: set[str] = set()
    arrays = []
    for name, convert in children:
        try:
            found = list(map(itemgetter(name), documents))
        except KeyError:
            names = names or _names_in(documents)
            found = _child(documents, name, names)
        arrays.append(convert(found, outcome))
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=mask)


def _maps(
    values: Sequence[Any], outcome: Outcome, *, type_: pa.DataType, convert: Converter
) -> pa.Array[Any]:
    documents, mask = _of_kind(_without_references(values, document_of), dict, {}, outcome)
    keys = pa.array(list(chain.from_iterable(documents)), pa.string())
    contents = chain.from_iterable(document.values() for document in documents)
    items = convert(list(contents), outcome)
    arrays: Any = pa.MapArray
    array: pa.Array[Any] = arrays.from_arrays(_offsets(documents), keys, items, type_, mask=mask)
    return array


def _of_kind(
    values: Sequence[Any], kind: type, empty: Any, outcome: Outcome
) -> tuple[Sequence[Any], pa.Array[Any] | None]:
    """Return values with ``empty`` for what is of another type, and which ones those are."""
    kinds = set(map(type, values))
    if kinds <= {kind}:
        return values, None
    if not kinds <= {kind, NULL}:
        for value in values:
            if type(value) is not kind and value is not None:
                outcome.mismatch(bson_type(value))
    mask = pa.array([type(value) is not kind for value in values], pa.bool_())
    return [value if type(value) is kind else empty for value in values], mask


def _without_references(
    values: Sequence[Any], document: Callable[[DBRef], dict[str, Any]]
) -> Sequence[Any]:
    if DBRef not in set(map(type, values)):
        return values
    return [document(value) if type(value) is DBRef else value for value in values]


def _offsets(containers: Sequence[Any]) -> pa.Array[Any]:
    return pa.array([0, *accumulate(map(len, containers))], pa.int32())


def _names_in(documents: Sequence[Mapping[str, Any]]) -> set[str]:
    return set().union(*documents)


def _other_spellings(name: str, names: set[str]) -> list[str]:
    folded = name.lower()
    return sorted(other for other in names if other != name and other.lower() == folded)


def _child(documents: Sequence[Mapping[str, Any]], name: str, names: set[str]) -> list[Any]:
    """Return what documents have under a name, else under the only one in another case."""
    others = _other_spellings(name, names)
    if not others:
        return [document.get(name) for document in documents]

    def find(document: Mapping[str, Any]) -> Any:
        if name in document:
            return document[name]
        found = [other for other in others if other in document]
        return document[found[0]] if len(found) == 1 else None

    return list(map(find, documents))


def values_of(documents: Sequence[Mapping[str, Any]], column: Column) -> list[Any]:
    """Return a column's value of each document, ``None`` where it has none.

    A field of its exact name comes first, then ``others`` in their order, then, for a column
    that is not spelled, those that are equal ignoring case, in the order of code points.
    """
    others = list(column.others)
    if not others:
        try:
            return list(map(itemgetter(column.field), documents))
        except KeyError:
            pass
    if not column.is_spelled:
        others += _other_spellings(column.field, _names_in(documents))
    if not others:
        return [document.get(column.field) for document in documents]
    names = (column.field, *others)
    return [
        next((document[name] for name in names if name in document), None) for document in documents
    ]
