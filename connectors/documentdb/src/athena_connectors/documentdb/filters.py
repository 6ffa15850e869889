"""Filters as MongoDB takes them: how they are joined, how large they are, their text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from athena_connectors.documentdb.relation import Collection

__all__ = [
    "EVERYTHING",
    "Filter",
    "all_of",
    "any_of",
    "document_text",
    "native_text",
    "one_of",
    "size",
]

Filter = dict[str, Any]
"""A filter of ``find``; fields and their operators are joined by AND. Never changed in place."""

EVERYTHING: Filter = {}
"""The filter that every document passes."""


def one_of(field: str, values: Sequence[Any]) -> Filter:
    """Return that a field has one of some values, none of which is a regular expression."""
    return {field: {"$eq": values[0]} if len(values) == 1 else {"$in": list(values)}}


def all_of(filters: Iterable[Filter]) -> Filter:
    """Return the conjunction of some filters, as one flat document where that is the same."""
    merged: Filter = {}
    rest = [each for each in _flat(filters, "$and") if not _absorb(merged, each)]
    if not rest:
        return merged
    return {"$and": [part for part in (merged, *rest) if part]}


def _absorb(merged: Filter, other: Filter) -> bool:
    """Take a filter into another, if no operator is in both; whether that was done."""
    shared = merged.keys() & other.keys()
    if not all(_are_apart(merged[key], other[key]) for key in shared):
        return False
    merged |= {key: {**merged[key], **other[key]} if key in shared else other[key] for key in other}
    return True


def _are_apart(one: Any, two: Any) -> bool:
    """Whether two tests of a field are operators, and none is in both."""
    if not isinstance(one, dict) or not isinstance(two, dict) or not one.keys().isdisjoint(two):
        return False
    return all(name.startswith("$") for name in (*one, *two))


def any_of(filters: Iterable[Filter]) -> Filter:
    """Return the disjunction of some filters, of one at least."""
    values: dict[str, list[Any]] = {}
    others: dict[str, Filter] = {}
    for each in _flat(filters, "$or"):
        if not each:
            return EVERYTHING
        listed = _listed(each)
        if listed is None:
            others.setdefault(repr(each), each)
        else:
            values.setdefault(listed[0], []).extend(listed[1])
    parts = [one_of(field, found) for field, found in values.items()]
    parts.extend(others.values())
    return parts[0] if len(parts) == 1 else {"$or": parts}


def _flat(filters: Iterable[Filter], operator: str) -> Iterable[Filter]:
    for each in filters:
        if each.keys() == {operator}:
            yield from each[operator]
        else:
            yield each


def _listed(each: Filter) -> tuple[str, list[Any]] | None:
    """Return field and values of a filter that says nothing but what ``one_of`` does."""
    if len(each) != 1:
        return None
    ((field, tests),) = each.items()
    if field.startswith("$") or not isinstance(tests, dict) or len(tests) != 1:
        return None
    if "$eq" in tests:
        return field, [tests["$eq"]]
    return (field, tests["$in"]) if "$in" in tests else None


def size(document: Filter) -> int:
    """Return how many bytes a filter takes in a request."""
    return len(bson.encode(document))


def document_text(document: Mapping[str, Any]) -> str:
    """Return a document for people to read: relaxed extended JSON on one line."""
    from bson import json_util  # noqa: PLC0415

    options = json_util.JSONOptions(
        json_mode=json_util.JSONMode.RELAXED,
        datetime_representation=json_util.DatetimeRepresentation.ISO8601,
    )
    return json_util.dumps(document, json_options=options, ensure_ascii=False)


def native_text(
    collection: Collection,
    filter_: Filter,
    projection: Mapping[str, Any] | None,
    *,
    limit: int | None = None,
    collation: Mapping[str, Any] | None = None,
) -> str:
    """Return the command that reads a collection, for people to read.

    Args:
        collection: The collection.
        filter_: What is asked of the documents.
        projection: Fields that are sent; ``None`` for all.
        limit: Documents at most, if the server stops there.
        collation: How texts are compared, if it is said.
    """
    command: dict[str, Any] = {"find": collection.name}
    if filter_:
        command["filter"] = filter_
    if projection is not None:
        command["projection"] = projection
    if limit is not None:
        command["limit"] = limit
    if collation is not None:
        command["collation"] = collation
    return document_text(command)
