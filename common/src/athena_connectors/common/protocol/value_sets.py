"""Value sets in JSON.

Ranges come sorted, disjoint and not adjacent out of here, however they came in. Source:
wire protocol, sections 4 and 10.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.ordering import key_function
from athena_connectors.common.protocol.arrow_types import ARROW_TYPE
from athena_connectors.common.protocol.members import (
    FAULTS,
    Form,
    MemberError,
    Node,
    each,
    member_of,
    read_member,
    variants,
    within,
)
from athena_connectors.common.protocol.scalars import truth, word_of
from athena_connectors.common.protocol.value_blocks import (
    VALUES,
    ScalarBlocks,
    Values,
    check_unused,
    write_scalars,
)
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    Bound,
    EquatableValueSet,
    Marker,
    Range,
    SortedRangeSet,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from athena_connectors.common.valueset import ValueSet

__all__ = ["VALUE_SET"]

_BOUND = word_of({bound.value: bound for bound in Bound})


# Reading


_End = tuple[int, Bound]
"""Place of a marker's value among the values that were taken, -1 for none; its bound."""


def _read_sorted(node: Node) -> SortedRangeSet:
    type_ = read_member(node, "type", ARROW_TYPE)
    key_function(type_)  # raises for a type without an order
    blocks = ScalarBlocks(type_)
    ends = read_member(node, "ranges", each(Form(partial(_read_range, blocks=blocks))))
    try:
        values = blocks.values()
    except FAULTS as error:
        raise within("ranges", error) from error.__cause__
    ranges = _ranges(ends, [*values, None])
    return SortedRangeSet.of(type_, ranges, null_allowed=read_member(node, "nullAllowed", truth))


def _ranges(ends: Iterable[tuple[_End, _End]], values: list[Any]) -> Iterator[Range]:
    for low, high in ends:
        marker = Marker(values[low[0]], low[1])
        yield Range(marker, marker if high == low else Marker(values[high[0]], high[1]))


def _read_range(node: Node, blocks: ScalarBlocks) -> tuple[_End, _End]:
    return _read_end(node, "low", blocks=blocks), _read_end(node, "high", blocks=blocks)


def _read_end(node: Node, name: str, *, blocks: ScalarBlocks) -> _End:
    marker = member_of(node, name)
    try:
        bound = read_member(marker, "bound", _BOUND)
        unbounded = read_member(marker, "nullValue", truth)
        return _read_place(marker, blocks, unbounded=unbounded), bound
    except FAULTS as error:
        raise within(name, error) from error.__cause__


def _read_place(marker: Node, blocks: ScalarBlocks, *, unbounded: bool) -> int:
    block = member_of(marker, "valueBlock")
    try:
        if not unbounded:
            return blocks.add(block)
        check_unused(block)
    except FAULTS as error:
        raise within("valueBlock", error) from error.__cause__
    return -1


def _read_equatable(node: Node) -> EquatableValueSet:
    block: Values = read_member(node, "valueBlock", VALUES)
    if None in block.values:
        raise MemberError("has NULL among its values.", member="valueBlock")
    return EquatableValueSet(
        block.type,
        block.values,
        white_list=read_member(node, "whiteList", truth),
        null_allowed=read_member(node, "nullAllowed", truth),
    )


def _read_all_or_none(node: Node) -> AllOrNoneValueSet:
    return AllOrNoneValueSet(
        read_member(node, "type", ARROW_TYPE),
        all=read_member(node, "all", truth),
        null_allowed=read_member(node, "nullAllowed", truth),
    )


# Writing


def _write(value: ValueSet, serde: int) -> Node:
    name = type(value).__name__
    match value:
        case SortedRangeSet():
            content = {
                "type": ARROW_TYPE.write(value.type, serde),
                "ranges": _write_ranges(value, serde),
            }
        case EquatableValueSet():
            block = VALUES.write(Values(value.values, value.type), serde)
            content = {"valueBlock": block, "whiteList": value.white_list}
        case AllOrNoneValueSet():
            # The reference writes it so: NOT NULL looks like NONE.
            everything = value.all and value.null_allowed
            content = {"type": ARROW_TYPE.write(value.type, serde), "all": everything}
        case _:
            raise MemberError("is no value set.")
    return {"@type": name, **content, "nullAllowed": value.null_allowed}


def _write_ranges(values: SortedRangeSet, serde: int) -> Node:
    """Write each value once: both ends of a single value share it."""
    markers = [marker for item in values.ranges for marker in (item.low, item.high)]
    found: list[Any] = []
    places = []
    for marker in markers:
        if marker.value is not None and not (found and found[-1] is marker.value):
            found.append(marker.value)
        places.append(-1 if marker.value is None else len(found) - 1)
    blocks = write_scalars(found, values.type, serde=serde)
    written = [_write_marker(*pair, blocks) for pair in zip(markers, places, strict=True)]
    ends: Iterable[Node] = zip(written[::2], written[1::2], strict=True)
    return [{"low": low, "high": high} for low, high in ends]


def _write_marker(marker: Marker, place: int, blocks: list[Node]) -> Node:
    return {
        "valueBlock": dict(blocks[place]),
        "bound": marker.bound.value,
        "nullValue": marker.value is None,
    }


VALUE_SET = variants(
    {
        "SortedRangeSet": Form(_read_sorted),
        "EquatableValueSet": Form(_read_equatable),
        "AllOrNoneValueSet": Form(_read_all_or_none),
    },
    _write,
)
