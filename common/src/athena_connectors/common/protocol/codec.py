"""Messages to plain JSON objects and back.

What is written has exactly the members of its SerDe version, in the order of the wire;
what is read may be in any order and have members that nobody knows. Malformed input ends
as an ``InvalidRequestError`` that names message and member, and shows no value.

Source: wire protocol, sections 2 to 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import InternalError, InvalidRequestError
from athena_connectors.common.protocol.arrow import is_modern
from athena_connectors.common.protocol.members import (
    FAULTS,
    Form,
    Node,
    kind_of_node,
    read_whole,
    within,
)
from athena_connectors.common.protocol.message_forms import REQUESTS, RESPONSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.protocol.messages import Request, Response

__all__ = [
    "decode_request",
    "decode_response",
    "encode_request",
    "encode_response",
    "request_version",
]

Event = dict[str, Any]

OLDEST_SERDE, NEWEST_SERDE = 2, 6
UNDECIDED_SERDE = 5


def decode_request(event: Mapping[str, Any]) -> Request:
    """Read a request of any SerDe version from 2 on.

    Raises:
        InvalidRequestError: It is malformed, of an unknown kind, or in SerDe 1.
    """
    request: Request = _decode(event, REQUESTS, "request")
    return request


def encode_request(message: Request, serde: int) -> Event:
    """Write a request; what the SerDe version can't express is left out.

    Raises:
        InvalidRequestError: The SerDe version is not 2 to 6, or has no such message.
        UnsupportedTypeError: An Arrow type has no form on the wire.
        InternalError: A value is not what its member takes.
    """
    return _encode(message, REQUESTS, serde)


def decode_response(reply: Mapping[str, Any]) -> Response:
    """Read a response; raises as ``decode_request``."""
    response: Response = _decode(reply, RESPONSES, "response")
    return response


def encode_response(message: Response, serde: int) -> Event:
    """Write a response; raises as ``encode_request``."""
    return _encode(message, RESPONSES, serde)


def request_version(event: Mapping[str, Any]) -> int:
    """Return the SerDe version in which a request is to be answered.

    Responses differ in the framing of Arrow alone, so only 2 is told from the rest: by a
    legacy payload next to constraints that have nothing of SerDe 4 or later. A request
    that says nothing about its version is answered in the modern framing.

    Source:
        Wire protocol, sections 2.4 and 2.5.
    """
    constraints = event.get("constraints") if isinstance(event, dict) else None
    if not isinstance(constraints, dict):
        return UNDECIDED_SERDE
    for member, version in _TELLING_MEMBERS.items():
        if member in constraints:
            return version
    payload = next((text for text in _schema_texts(event) if isinstance(text, str)), None)
    return 3 if payload is None or is_modern(payload) else OLDEST_SERDE


_TELLING_MEMBERS = {
    "queryPlan": 6,
    "queryPassthroughArguments": 5,
    "limit": 4,
    "orderByClause": 4,
    "expression": 4,
}


def _schema_texts(event: Mapping[str, Any]) -> list[Node]:
    """Return the encoded schemas of a message, some of which may be anything."""
    blocks = [event.get(name) for name in ("partitions", "inputRecords", "records")]
    schemas = [block.get("schema") for block in blocks if isinstance(block, dict)]
    return [*(event.get(name) for name in ("schema", "outputSchema")), *schemas]


def _decode(node: Node, forms: Mapping[str, Form], what: str) -> Any:
    if not isinstance(node, dict):
        raise InvalidRequestError(f"A {what} is an object, this is {kind_of_node(node)}.")
    kind = node.get("@type")
    form = forms.get(kind) if isinstance(kind, str) else None
    if form is None:
        raise InvalidRequestError(
            f"@type of the {what} is none that the protocol knows.",
            hint=f"Known are {', '.join(forms)}.",
        )
    if kind not in _SAME_IN_ALL and _is_serde_1(node):
        raise InvalidRequestError(
            f"{kind}: is written in SerDe 1, which is not spoken.",
            hint="Ping the function: it tells the newest version that it speaks.",
        )
    return read_whole(form, node, name=str(kind))


def _encode(message: Any, forms: Mapping[str, Form], serde: int) -> Event:
    kind = type(message).__name__
    if not OLDEST_SERDE <= serde <= NEWEST_SERDE:
        raise InvalidRequestError(
            f"SerDe {serde} is not spoken.", hint=f"Use {OLDEST_SERDE} to {NEWEST_SERDE}."
        )
    form = forms.get(kind)
    if form is None or form.since > serde:
        raise InvalidRequestError(f"SerDe {serde} has no {kind}.")
    try:
        event: Event = form.write(message, serde)
    except FAULTS as error:
        fault = within(kind, error)
        raise InternalError(
            f"{fault.member}: {fault.problem}",
            hint="The connector made a message that the protocol can't carry.",
        ) from error
    return event


# SerDe 1


_SAME_IN_ALL = ("PingRequest", "PingResponse")
_OLD_VALUE_SETS = ("equatable", "sortable", "allOrNone")


def _is_serde_1(node: Mapping[str, Any]) -> bool:
    """Recognise what later versions spell otherwise, before half of it is passed over."""
    identity, constraints = node.get("identity"), node.get("constraints")
    if isinstance(identity, dict) and ("principalTags" in identity or "iamGroups" in identity):
        return True
    if any(isinstance(text, dict) and "schema" in text for text in _schema_texts(node)):
        return True
    summary = constraints.get("summary") if isinstance(constraints, dict) else None
    sets = summary.values() if isinstance(summary, dict) else ()
    return any(isinstance(item, dict) and item.get("@type") in _OLD_VALUE_SETS for item in sets)
