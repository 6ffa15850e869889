"""The bytes of a query plan as Substrait's messages.

A plan may nest tens of thousands of levels deep, as the engine writes an IN list as a chain
of binary ORs. The parser of protobuf recurses in C and stops at 100 levels; allowed to go
on, it would overflow a stack of the usual size and end the process. So it runs in a thread
whose stack holds the deepest plan that the parser takes.

Source: Substrait's definitions of version 0.83, the last which hold every field that the
engine writes; wire protocol, section 12.1.
"""

from __future__ import annotations

import base64
import binascii
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.common.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_PLAN_BYTES", "on_deep_stack", "parse_plan"]

T = TypeVar("T")

MAX_PLAN_BYTES = 6 << 20
"""A request is no larger than that."""

_STACK_BYTES = 256 << 20
"""For 65,535 levels, where the parser stops, at 1 kB each and more; taken when touched."""

_lock = threading.Lock()


def parse_plan(plan_base64: str) -> Any:
    """Return a plan as a ``substrait.Plan``.

    Args:
        plan_base64: The serialized plan, in base64.

    Raises:
        InvalidRequestError: It is too large or nested too deeply, or no plan.
    """
    if len(plan_base64) > MAX_PLAN_BYTES * 4 // 3:
        raise InvalidRequestError(
            f"The query plan is larger than {MAX_PLAN_BYTES:,} bytes.",
            hint="Shorten the lists of values in the query.",
        )
    try:
        content = base64.b64decode(plan_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(f"The query plan is no base64: {error}.") from error
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    parse = _parser()
    try:
        return on_deep_stack(lambda: parse(content))
    except DecodeError as error:
        raise InvalidRequestError(
            "The query plan is cut short, nested too deeply or no Substrait plan.",
            hint="Run the query again; shorten the lists of values in it if that does not help.",
        ) from error


def on_deep_stack(work: Callable[[], T]) -> T:
    """Run what recurses in C as deeply as a plan may nest.

    The size of stacks counts for every thread that is started meanwhile, which does no harm.
    """
    found: list[T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    with _lock:
        usual = threading.stack_size(_STACK_BYTES)
        try:
            thread = threading.Thread(target=run, name="query-plan")
            thread.start()
        finally:
            threading.stack_size(usual)
    thread.join()
    if failures:
        raise failures[0]
    return found[0]


@cache
def _parser() -> Any:
    """Return what parses a plan; the libraries are loaded by the first one."""
    from google._upb import _message  # noqa: PLC0415
    from substrait.plan_pb2 import Plan  # noqa: PLC0415

    # The parser's only switch for the number of levels; it counts for the whole process.
    _message.SetAllowOversizeProtos(True)  # noqa: FBT003 - takes no keyword
    return Plan.FromString
