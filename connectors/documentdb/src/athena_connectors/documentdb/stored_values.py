"""Values of a column as a predicate on documents: reading, turned around."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.common.physical import Kind
from athena_connectors.common.texts import is_text
from athena_connectors.common.valueset import Range
from athena_connectors.documentdb.filters import any_of, one_of
from athena_connectors.documentdb.lookalikes import of_lengths
from athena_connectors.documentdb.predicates import (
    NEVER,
    Predicate,
    all_true,
    always,
    not_null,
    without_arrays,
)
from athena_connectors.documentdb.stored_numbers import number_filters, without_numbers
from athena_connectors.documentdb.stored_texts import (
    any_string,
    range_filters,
    text_filters,
)
from athena_connectors.documentdb.stored_times import time_filters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.common.valueset import SortedRangeSet
    from athena_connectors.documentdb.fields import Subject
    from athena_connectors.documentdb.filters import Filter

__all__ = ["OTHER_TYPES", "values_predicate"]

_FEW_RANGES = 300
"""Ranges that a filter lists; beyond, it asks for the range around them all."""

OTHER_TYPES = "Values of other types may show the value too."
_UNEQUAL = "Arrays, NULL and numbers that are rounded are told apart here."
_JSON = "The column shows values as JSON."
_COLLATED = "The view compares texts by rules of its own."
_BYTES = "The server orders binary data by its length and its subtype."


def values_predicate(subject: Subject, values: SortedRangeSet) -> Predicate:
    """Return that a column has a value of a set, NULL aside.

    Args:
        subject: The column.
        values: Values of the column's type, or of ``REALS`` for one of whole or decimal
            numbers. Texts may be ordered by UTF-16 code units or by code points.
    """
    if values.is_none:
        return NEVER
    if values.ranges == (Range.all(),):
        return not_null(subject)
    if subject.is_json:
        return all_true([not_null(subject), always(_JSON)])
    match subject.kind:
        case Kind.TEXT:
            return _texts(subject, values)
        case Kind.BYTES:
            return _bytes(subject, values)
        case Kind.BOOLEAN:
            wanted = [truth for truth in (False, True) if values.contains(truth)]
            return Predicate(without_arrays(subject, one_of(subject.field, wanted)))
        case Kind.DATE | Kind.DATETIME | Kind.INSTANT:
            return _with_strings(subject, time_filters(_few(values), subject))
        case _:
            return _numbers(subject, values)


def _numbers(subject: Subject, values: SortedRangeSet) -> Predicate:
    excluded = values.excluded_points()
    if excluded is not None:
        return _without(subject, list(without_numbers(excluded, subject)))
    is_listed = subject.kind is Kind.INTEGER and values.points() is not None
    few = values if is_listed else _few(values)
    return _with_strings(subject, number_filters(few, subject))


def _with_strings(subject: Subject, filters: Iterable[Filter]) -> Predicate:
    """Return one of some filters, or a string, which may be read as a value."""
    return Predicate(any_of((*filters, any_string(subject))), OTHER_TYPES)


def _few(values: SortedRangeSet) -> SortedRangeSet:
    """Return values of a set of few ranges, which may be more."""
    ranges = values.ranges
    if len(ranges) <= _FEW_RANGES:
        return values
    return replace(values, ranges=(Range(ranges[0].low, ranges[-1].high),))


def _without(subject: Subject, values: Sequence[object]) -> Predicate:
    filter_: Filter = {subject.field: {"$nin": [*values, None]} if values else {"$ne": None}}
    return Predicate(filter_, _UNEQUAL)


def _texts(subject: Subject, values: SortedRangeSet) -> Predicate:
    excluded = values.excluded_points()
    if excluded is not None and not subject.is_collated:
        kept = [text for text in excluded if isinstance(text, str) and is_text(text)]
        unequal = _without(subject, kept)
        if not subject.may_be_array:
            return unequal
        return Predicate(any_of((unequal.filter, {subject.field: {"$type": "array"}})), _UNEQUAL)
    few = values if values.points() is not None else _few(values)
    points = [str(item.low.value) for item in few.ranges if item.low == item.high]
    ranges = [item for item in few.ranges if item.low != item.high]
    if ranges and subject.is_collated:
        return all_true([not_null(subject), always(_COLLATED)])
    filters, is_exact = text_filters(points, subject)
    filters.extend(range_filters(ranges, subject) if ranges else ())
    if not filters:
        return NEVER
    return Predicate(any_of(filters), "" if is_exact and not ranges else OTHER_TYPES)


def _bytes(subject: Subject, values: SortedRangeSet) -> Predicate:
    points = values.points()
    if points is None:
        return all_true([not_null(subject), always(_BYTES)])
    lengths = [len(each) for each in points if isinstance(each, bytes)]
    return Predicate(of_lengths(subject.field, lengths), _BYTES)
