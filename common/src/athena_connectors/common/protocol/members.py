"""How the members of messages look in JSON: read tolerantly, written exactly.

A ``Form`` knows both ways of one kind of member. Reading takes members in any order,
passes over unknown ones, takes numbers as text and text as numbers; writing gives the
members and the order that a reader with a fixed order wants. An error names the path of
the member and the kind of its value, never the value: members hold keys and tokens.

Source: wire protocol, sections 2.5 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from athena_connectors.common.errors import InvalidRequestError

__all__ = [
    "FAULTS",
    "Form",
    "MemberError",
    "Node",
    "absent_as",
    "checked_text",
    "each",
    "kind_of_node",
    "map_of",
    "member_of",
    "nullable",
    "object_of",
    "read_member",
    "read_whole",
    "since",
    "unfit",
    "variants",
    "within",
]

Node = Any
"""What JSON makes of a member."""

OLDEST_SERDE = 2


class MemberError(ValueError):
    """What is wrong with a member; its path grows on the way out of the message.

    Attributes:
        problem: The fact, as a sentence that follows the path.
        member: Path inside the object that was read so far, such as ``splits[3].properties``.
    """

    def __init__(self, problem: str, *, member: str = "") -> None:
        super().__init__(f"{member}: {problem}" if member else problem)
        self.problem = problem
        self.member = member


FAULTS = (MemberError, InvalidRequestError)
"""What reading or writing a member may raise."""


def _not_written(value: Any, serde: int) -> Node:
    del value, serde
    raise MemberError("is only ever read.")


@dataclass(frozen=True, slots=True)
class Form:
    """Both ways of one kind of member.

    Attributes:
        read: Makes a value of JSON; raises one of ``FAULTS``.
        write: Makes JSON of a value, for a SerDe version; raises one of ``FAULTS``. Left
            out where something larger writes the member along.
        default: Makes the value of a member that is null or absent; ``None`` when the
            member has to be there.
        since: First SerDe version that has the member.
    """

    read: Callable[[Node], Any]
    write: Callable[[Any, int], Node] = _not_written
    default: Callable[[], Any] | None = None
    since: int = OLDEST_SERDE


def within(member: str, error: Exception) -> MemberError:
    """Return an error of a part as an error of the whole, with the part's name in its path."""
    if not isinstance(error, MemberError):
        return MemberError(str(error), member=member)
    dot = "." if error.member and not error.member.startswith("[") else ""
    return MemberError(error.problem, member=f"{member}{dot}{error.member}")


def read_whole(form: Form, node: Node, *, name: str) -> Any:
    """Read something that stands alone.

    Args:
        form: How it looks.
        node: Its JSON.
        name: What errors call it.

    Raises:
        InvalidRequestError: It is malformed; names the member at fault.
    """
    try:
        return form.read(node)
    except FAULTS as error:
        fault = within(name, error)
        raise InvalidRequestError(f"{fault.member}: {fault.problem}") from error
    except RecursionError as cause:
        raise InvalidRequestError(f"{name}: is nested too deeply.") from cause


def kind_of_node(node: Node) -> str:
    """Return what kind of JSON a value is, for errors."""
    return next((word for class_, word in _KINDS if isinstance(node, class_)), "no JSON")


_KINDS: tuple[tuple[type, str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


def unfit(value: Any, wanted: str) -> MemberError:
    """Return the error that tells what kind of JSON is expected instead of a value's."""
    return MemberError(f"is {kind_of_node(value)}, {wanted} is expected.")


# Objects, lists and maps


def member_of(node: Node, name: str) -> Node:
    """Return a member that has to be there, unread.

    Raises:
        MemberError: It is not there, or the node is no object.
    """
    try:
        return node[name]
    except (KeyError, TypeError, IndexError) as cause:
        if isinstance(node, dict):
            raise MemberError("is missing.", member=name) from cause
        raise unfit(node, "an object") from cause


def read_member(node: Node, name: str, form: Form) -> Any:
    """Return a member, or its default when it is null or absent.

    Raises:
        MemberError: It is malformed, or has no default; or the node is no object.
    """
    if not isinstance(node, dict):
        raise unfit(node, "an object")
    part = node.get(name)
    if part is None:
        if form.default is not None:
            return form.default()
        part = member_of(node, name)
    try:
        return form.read(part)
    except FAULTS as error:
        raise within(name, error) from error.__cause__


def object_of(
    class_: Callable[..., Any],
    members: Mapping[str, Form],
    *,
    kind: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Form:
    """Return the form of an object.

    Args:
        class_: The dataclass that it becomes.
        members: Its members in the order of the wire.
        kind: Its ``@type``, for objects that have one.
        attributes: Members whose attribute of the dataclass has another name.
    """
    named = {name: (attributes or {}).get(name, name) for name in members}

    def read(node: Node) -> Any:
        if kind is not None and isinstance(node, dict) and node.get("@type", kind) != kind:
            raise MemberError(f"is not {kind!r}.", member="@type")
        parts = {named[name]: read_member(node, name, form) for name, form in members.items()}
        return class_(**parts)

    def write(value: Any, serde: int) -> Node:
        if isinstance(class_, type) and not isinstance(value, class_):
            raise MemberError(f"is no {class_.__name__}.")
        node = {} if kind is None else {"@type": kind}
        for name, form in members.items():
            if form.since <= serde:
                node[name] = _write(getattr(value, named[name]), name, form=form, serde=serde)
        return node

    return Form(read, write)


def _write(value: Any, name: str, *, form: Form, serde: int) -> Node:
    try:
        return form.write(value, serde)
    except FAULTS as error:
        raise within(name, error) from error.__cause__


def each(form: Form) -> Form:
    """Return the form of a list, which is a tuple here."""

    def read(node: Node) -> tuple[Any, ...]:
        if not isinstance(node, list):
            raise unfit(node, "a list")
        return tuple(convert(node, form.read))

    def write(value: Any, serde: int) -> Node:
        if not isinstance(value, tuple | list):
            raise unfit(value, "a list")
        return convert(value, lambda item: form.write(item, serde))

    def convert(items: Sequence[Any], change: Callable[[Any], Any]) -> list[Any]:
        made = []
        for place, item in enumerate(items):
            try:
                made.append(change(item))
            except FAULTS as error:
                raise within(f"[{place}]", error) from error.__cause__
        return made

    return Form(read, write)


def checked_text(written: str) -> str:
    """Return a text that can be written again.

    Raises:
        MemberError: It has half a surrogate pair, which JSON can spell and UTF-8 can't.
    """
    try:
        written.encode()
    except UnicodeEncodeError:
        raise MemberError("has half a surrogate pair.") from None
    return written


def map_of(form: Form) -> Form:
    """Return the form of a map from free text."""

    def read(node: Node) -> dict[str, Any]:
        if not isinstance(node, dict):
            raise unfit(node, "an object")
        return convert(node, form.read)

    def write(value: Any, serde: int) -> Node:
        if not isinstance(value, Mapping):
            raise unfit(value, "an object")
        return convert(value, lambda item: form.write(item, serde))

    def convert(items: Mapping[Any, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, item in items.items():
            if not isinstance(name, str):
                raise MemberError("has a name that is no text.")
            checked_text(name)
            try:
                made[name] = change(item)
            except FAULTS as error:
                raise within(name, error) from error.__cause__
        return made

    return Form(read, write)


def _none() -> None:
    return None


def nullable(form: Form) -> Form:
    """Return the form of a member that may be null, which is ``None``, or absent."""
    return Form(
        lambda node: None if node is None else form.read(node),
        lambda value, serde: None if value is None else form.write(value, serde),
        default=_none,
    )


def absent_as(default: Callable[[], Any], form: Form) -> Form:
    """Return the form of a member that has a value when it is null or absent."""
    return replace(form, default=default)


def since(serde: int, form: Form) -> Form:
    """Return the form of a member that older SerDe versions do not have."""
    return replace(form, since=serde)


def variants(forms: Mapping[str, Form], write: Callable[[Any, int], Node]) -> Form:
    """Return the form of an object whose ``@type`` tells what it is.

    Args:
        forms: How to read each.
        write: Writes any of them.
    """

    def read(node: Node) -> Any:
        kind = member_of(node, "@type")
        if not isinstance(kind, str) or kind not in forms:
            raise MemberError(f"is none of {', '.join(forms)}.", member="@type")
        return forms[kind].read(node)

    return Form(read, write)
