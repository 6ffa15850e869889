"""How far this computer's clock is from AWS's, which refuses requests signed at another time.

Source: Amazon S3, "Error responses" (``RequestTimeTooSkewed`` beyond 15 minutes); AWS
Signature Version 4, where other services take 5 minutes.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from athena_connectors.common.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["AwsClock"]

MAX_SECONDS = 300
WARNING_SECONDS = 60
_REFUSALS = frozenset({"RequestExpired", "RequestTimeTooSkewed"})
_FIX = (
    "Set this computer's clock by the network (NTP; for a container or virtual machine, that of"
    " its host), then check again: what AWS refuses meanwhile may be due to the clock alone."
)


class AwsClock:
    """Listens to the replies of AWS for the time.

    Args:
        now: This computer's time, seconds since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._offset: float | None = None
        self._refusal = ""

    def listen(self, client: Any) -> None:
        """Listen to all further replies to a client."""
        client.meta.events.register("after-call", self._hear)

    def findings(self) -> Iterator[Finding]:
        """Yield what is known of the clock; nothing if no reply had the time."""
        seconds = self._offset or 0.0
        if self._refusal and abs(seconds) <= MAX_SECONDS:
            fact = f"AWS refuses requests as signed at another time ({self._refusal})."
            yield Finding.fault("clock", fact, fix=_FIX)
        elif abs(seconds) > WARNING_SECONDS:
            yield _of_offset(seconds)
        elif self._offset is not None:
            yield Finding.ok("clock", "This computer's clock agrees with that of AWS.")

    def _hear(self, *, http_response: Any, parsed: Mapping[str, Any], **_: Any) -> None:
        code = str(parsed.get("Error", {}).get("Code", ""))
        if code in _REFUSALS:
            self._refusal = code
        offset = self._offset_of(http_response.headers.get("Date"))
        # A slow reply only looks older than it is, so the least offset is the truest.
        if offset is not None and (self._offset is None or abs(offset) < abs(self._offset)):
            self._offset = offset

    def _offset_of(self, date: str | None) -> float | None:
        """Return by how many seconds this computer's clock is ahead."""
        try:
            return self._now() - parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return None


def _of_offset(seconds: float) -> Finding:
    direction = "fast" if seconds > 0 else "slow"
    fact = f"This computer's clock is {abs(seconds):,.0f} seconds {direction} by that of AWS"
    if abs(seconds) > MAX_SECONDS:
        fact += f", which refuses signatures beyond {MAX_SECONDS} seconds."
        return Finding.fault("clock", fact, fix=_FIX)
    return Finding.warning("clock", f"{fact}.", fix=_FIX)
