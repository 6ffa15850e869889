"""What ``doctor`` tells of a set-up: what was checked, what was found, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Self

from athena_connectors.common.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Finding", "Verdict", "told"]

_IMPORT_FIX = (
    "Install the connector with all that it needs; for Lambda, build its package for the"
    " function's Python version and architecture."
)


class Verdict(Enum):
    """How bad a finding is."""

    OK = "OK"
    """As it should be."""
    WARNING = "WARNING"
    """Queries work, but something is less safe or slower than it could be."""
    FAULT = "FAULT"
    """Queries fail, or some of them do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; holds no secret.

    Attributes:
        check: What was checked, in a word or two: ``spill bucket``.
        verdict: How bad it is.
        fact: What was found, one sentence.
        fix: What to do about it; empty when all is well.
    """

    check: str
    verdict: Verdict
    fact: str
    fix: str = ""

    @classmethod
    def ok(cls, check: str, fact: str) -> Self:
        """Return a finding that all is well."""
        return cls(check, Verdict.OK, fact)

    @classmethod
    def warning(cls, check: str, fact: str, *, fix: str) -> Self:
        """Return a finding of something that should be better."""
        return cls(check, Verdict.WARNING, fact, fix)

    @classmethod
    def fault(cls, check: str, fact: str, *, fix: str) -> Self:
        """Return a finding of something that lets queries fail."""
        return cls(check, Verdict.FAULT, fact, fix)

    @classmethod
    def of_error(cls, check: str, error: ConnectorError, *, fix: str = "") -> Self:
        """Return the fault that an error is.

        Args:
            check: What was checked.
            error: What came of it; an error that a missing library caused names the library.
            fix: What to do when the error has no hint.
        """
        if isinstance(error.__cause__, ImportError):
            fact = f"A library can't be imported: {error.__cause__}."
            return cls.fault(check, fact, fix=_IMPORT_FIX)
        return cls.fault(check, error.message, fix=error.hint or fix)


def told(check: str, findings: Iterable[Finding], *, fix: str = "") -> Iterator[Finding]:
    """Yield findings; an error that ends them becomes the last one.

    Args:
        check: What is being checked when an error comes.
        findings: Made while they are iterated over.
        fix: What to do about an error that has no hint.
    """
    try:
        yield from findings
    except ConnectorError as error:
        yield Finding.of_error(check, error, fix=fix)
