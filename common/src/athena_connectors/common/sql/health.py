"""What ``doctor`` tells of a SQL server, whatever its dialect.

Each check is a transaction of its own, so that one that is refused does not end the others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from athena_connectors.common.findings import Finding, Verdict, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

__all__ = ["Check", "Protection", "check_all", "encryption_finding", "schemas_finding"]

_CHECK_SECONDS = 30
_MAX_SHOWN = 5
_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class _Client(Protocol):
    def transaction(self, *, deadline: float | None = None) -> AbstractContextManager[Any]:
        """Run statements."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: What is checked.
        ask: Yields what it finds, given a cursor.
        is_needed: Whether queries fail where it is refused.
    """

    name: str
    ask: Callable[[Any], Iterable[Finding]]
    is_needed: bool = False


def check_all(client: _Client, checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield what the checks find, each in a short transaction."""
    for check in checks:
        for finding in told(check.name, _asked(client, check)):
            if finding.verdict is Verdict.FAULT and not check.is_needed:
                yield replace(finding, verdict=Verdict.WARNING)
            else:
                yield finding


def _asked(client: _Client, check: Check) -> Iterator[Finding]:
    with client.transaction(deadline=time.monotonic() + _CHECK_SECONDS) as cursor:
        yield from check.ask(cursor)


@dataclass(frozen=True, slots=True)
class Protection:
    """How a session is protected on its way.

    Attributes:
        host: Where it leads.
        protocol: TLS's version; empty without TLS.
        mode: The mode in force, as the connection string writes it: ``sslmode=require``.
        verifies: Whether the server's certificate is verified.
        best_mode: The mode that protects best.
    """

    host: str
    protocol: str
    mode: str
    verifies: bool
    best_mode: str


def encryption_finding(session: Protection) -> Finding:
    """Tell whether somebody on the way could read or replace the server's answers."""
    host = session.host
    if not session.protocol and (host in _LOCAL_HOSTS or host.startswith("/")):
        fact = "The session has no TLS and does not leave this computer."
        return Finding.ok("encryption", fact)
    if not session.protocol:
        return Finding.warning(
            "encryption",
            f"The session with {host} has no TLS: rows can be read on their way.",
            fix=f"Switch TLS on in the server, and add {session.best_mode} to the connection"
            " string and ssl_root_cert to the settings.",
        )
    if session.verifies:
        fact = f"The session has {session.protocol}, with {session.mode}."
        return Finding.ok("encryption", fact)
    return Finding.warning(
        "encryption",
        f"The session has TLS and the server's certificate is not verified ({session.mode}).",
        fix=f"Add {session.best_mode} to the connection string and set ssl_root_cert.",
    )


def schemas_finding(names: Sequence[str], *, fault: str, fix: str) -> Finding:
    """Tell which schemas can be listed.

    Args:
        names: The schemas.
        fault: What to tell if there are none.
        fix: What to do about it.
    """
    if not names:
        return Finding.fault("schemas", fault, fix=fix)
    shown = ", ".join(names[:_MAX_SHOWN]) + (", ..." if len(names) > _MAX_SHOWN else "")
    return Finding.ok("schemas", f"{len(names)} schemas can be listed: {shown}.")
