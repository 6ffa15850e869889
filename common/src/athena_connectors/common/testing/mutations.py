"""Requests that are damaged in every way a plain JSON object can be, for hypothesis.

What comes out may still mean something: it is for finding input that ends in anything but
an answer or a clear refusal.
"""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MemberPath", "member_at", "member_paths", "mutations", "replaced", "without"]

Item = TypeVar("Item")
Node = Any
MemberPath = tuple[str | int, ...]
"""Names of members and places in lists, from the outside inwards."""

ARROW_MEMBERS = ("schema", "outputSchema", "records")

JUNK: tuple[Node, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, float("nan"), 2**31, 2**63, 10**50),
    *("", "x", "=", "0", "-1", "true", "null", "\0", "é", "🦉", "'", '"', "%s", "{}", "\ud800"),
    *([], {}, [None], [[]], {"": None}, {"@type": "x"}),
)


def member_paths(node: Node, path: MemberPath = ()) -> Iterator[MemberPath]:
    """Yield the path of every member and list item inside of a node, outer ones first."""
    if path:
        yield path
    if isinstance(node, dict):
        for name, item in node.items():
            yield from member_paths(item, (*path, name))
    elif isinstance(node, list):
        for place, item in enumerate(node):
            yield from member_paths(item, (*path, place))


def member_at(event: Node, path: MemberPath) -> Node:
    """Return what stands at a path."""
    for name in path:
        event = event[name]
    return event


def replaced(event: Node, path: MemberPath, value: Node) -> Node:
    """Return a copy of an event with something else at a path."""
    changed = copy.deepcopy(event)
    member_at(changed, path[:-1])[path[-1]] = value
    return changed


def without(event: Node, path: MemberPath) -> Node:
    """Return a copy of an event that lacks what stands at a path."""
    changed = copy.deepcopy(event)
    del member_at(changed, path[:-1])[path[-1]]
    return changed


@st.composite
def mutations(draw: st.DrawFn, events: Sequence[Node], *, most: int = 3) -> Node:
    """Return one of some events with one to ``most`` changes.

    A change drops a member, puts junk or another event's member in its place, changes a
    character of a text, or cuts or flips bytes of Arrow data.
    """
    event = copy.deepcopy(_one_of(draw, events))
    for _ in range(draw(st.integers(1, most))):
        paths = list(member_paths(event))
        if paths:
            _change(draw, event, _one_of(draw, paths), events=events)
    return event


def _change(draw: st.DrawFn, event: Node, path: MemberPath, *, events: Sequence[Node]) -> None:
    parent, name = member_at(event, path[:-1]), path[-1]
    value = parent[name]
    kind = draw(st.sampled_from(("text", "text", "other", "junk", "drop")))
    if kind == "text" and isinstance(value, str) and value:
        is_arrow = name in ARROW_MEMBERS and len(value) % 4 == 0
        parent[name] = _damaged_base64(draw, value) if is_arrow else _misspelt(draw, value)
    elif kind == "drop":
        del parent[name]
    elif kind == "junk":
        parent[name] = copy.deepcopy(draw(st.sampled_from(JUNK)))
    else:
        other = _one_of(draw, events)
        places = [place for place in member_paths(other) if place[-1] == name]
        place = _one_of(draw, places or list(member_paths(other)))
        parent[name] = copy.deepcopy(member_at(other, place))


def _one_of(draw: st.DrawFn, items: Sequence[Item]) -> Item:
    # By its place: hypothesis would write out all items, which are large.
    return items[draw(st.integers(0, len(items) - 1))]


def _misspelt(draw: st.DrawFn, text: str) -> str:
    place = draw(st.integers(0, len(text) - 1))
    instead = draw(st.sampled_from(("", "x", "0", " ", '"', "\\", "é", text[place] * 2)))
    return text[:place] + instead + text[place + 1 :]


def _damaged_base64(draw: st.DrawFn, text: str) -> str:
    """Cut base64, or cut or change the bytes behind it."""
    try:
        data = bytearray(base64.b64decode(text))
    except ValueError:
        return _misspelt(draw, text)
    if draw(st.booleans()) or not data:
        cut = draw(st.integers(0, len(text)))
        return draw(st.sampled_from([text[:cut], base64.b64encode(data[:cut]).decode()]))
    for place in draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=4)):
        data[place] = draw(st.sampled_from([0, 1, 2, 127, 128, 255]))
    return base64.b64encode(bytes(data)).decode()
