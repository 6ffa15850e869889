"""LIKE as a predicate, for connectors that push it down: a range of texts, and a part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.texts import text_after
from athena_connectors.common.valueset import Range, SortedRangeSet

if TYPE_CHECKING:
    from athena_connectors.common.predicate_leaves import Leaves, PredicateT, SubjectT

__all__ = ["matched", "unmatched"]


def matched(subject: SubjectT, pattern: str, leaves: Leaves[SubjectT, PredicateT]) -> PredicateT:
    """Return that a column of texts matches a pattern.

    Args:
        subject: The column.
        pattern: What LIKE has on its right; a text that can be stored.
        leaves: What the source can be asked.
    """
    prefix, *others = pattern.replace("_", "%").split("%")
    if not others:
        points = SortedRangeSet.of_points(pa.string(), (pattern,))
        return leaves.has_value(subject, points, utf16=False)
    parts = [leaves.has_value(subject, _beginning(prefix), utf16=False)] if prefix else []
    piece = max(others, key=len)
    containing = leaves.contains(subject, piece) if piece else None
    if containing is not None:
        parts.append(containing)
    if not parts:
        parts.append(leaves.not_null(subject))
    is_asked = not piece or containing is not None
    if not is_asked or pattern not in (f"{prefix}%", f"%{piece}%"):
        parts.append(leaves.algebra.always(leaves.like))
    return leaves.algebra.all_true(parts)


def unmatched(subject: SubjectT, pattern: str, leaves: Leaves[SubjectT, PredicateT]) -> PredicateT:
    """Return that a column of texts has a value, and one that does not match a pattern."""
    prefix = pattern.rstrip("%")
    if not {"%", "_"}.isdisjoint(prefix):
        algebra = leaves.algebra
        return algebra.all_true([leaves.not_null(subject), algebra.always(leaves.like)])
    if prefix == pattern:
        matching = SortedRangeSet.of_points(pa.string(), (pattern,))
    elif prefix:
        matching = _beginning(prefix)
    else:
        return leaves.algebra.never
    others = replace(matching.complement(), null_allowed=False)
    return leaves.has_value(subject, others, utf16=False)


def _beginning(prefix: str) -> SortedRangeSet:
    following = text_after(prefix)
    chosen = (
        Range.between(prefix, following, high_inclusive=False)
        if following
        else Range.at_least(prefix)
    )
    return SortedRangeSet(pa.string(), (chosen,), null_allowed=False)
