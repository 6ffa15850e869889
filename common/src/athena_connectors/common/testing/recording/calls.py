"""What a connector was asked and what it answered, kept by question.

The boundary is ``Connector``: what stands on this side of it, from the handler to the bytes of
a reply, runs again in a replay, and what stands behind it is answered from here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from athena_connectors.common import errors
from athena_connectors.common.errors import ConnectorError, InternalError, SourceError
from athena_connectors.common.testing.recording.values import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Call", "Tape", "ToldError", "not_recorded"]


_NOT_RECORDED = "The recording "


def not_recorded(problem: str, *, hint: str) -> SourceError:
    """Return the error of a replay that asks for what the source was not asked for then.

    It has no class of its own, which the engine would be told of as one of the connectors'.

    Args:
        problem: What the recording lacks, as a sentence that follows its name.
        hint: Where to look.
    """
    return SourceError(f"{_NOT_RECORDED}{problem}", hint=hint)


@dataclass(frozen=True, slots=True)
class ToldError:
    """An error as its reader is told of it.

    Attributes:
        kind: Name of its class.
        message: The fact.
        hint: What to do.
    """

    kind: str
    message: str
    hint: str = ""

    @property
    def is_not_recorded(self) -> bool:
        """Whether a replay asked for what is not in its recording."""
        return self.kind == SourceError.__name__ and self.message.startswith(_NOT_RECORDED)

    @classmethod
    def of(cls, error: Exception) -> ToldError:
        """Return what an error tells; of an unforeseen one, its class and nothing else."""
        if isinstance(error, ConnectorError):
            return cls(type(error).__name__, error.message, error.hint)
        return cls("InternalError", f"The connector failed with a {type(error).__name__}.")

    def error(self) -> ConnectorError:
        """Return an error of the same class that tells the same."""
        kind = getattr(errors, self.kind, None) if self.kind in errors.__all__ else None
        known: type[ConnectorError] = kind if isinstance(kind, type) else InternalError
        return known(self.message, hint=self.hint)


@dataclass(frozen=True, slots=True)
class Call:
    """One question.

    Attributes:
        method: The member of ``Connector``.
        arguments: Those that say which question it is, as ``values`` can write them.
    """

    method: str
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Text that is the same for the same question."""
        return f"{self.method} {key_of(self.arguments)}"

    def __str__(self) -> str:
        table = self.arguments.get("table")
        return f"{self.method}({table})" if table is not None else self.method


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        value: The answer, or what of it was taken before it ended; ``None`` after an error.
        error: What was raised, after ``value`` if there is one.
        complete: Whether there was no more to take.
    """

    value: Any = None
    error: ToldError | None = None
    complete: bool = True


@dataclass(slots=True)
class Tape:
    """Questions and answers of one catalog; used from several threads.

    Attributes:
        source_type: The connector's own.
        reads_plans: The connector's own.
        entries: Key to question and answer.
    """

    source_type: str = ""
    reads_plans: bool = False
    entries: dict[str, tuple[Call, Answer]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def keep(self, call: Call, answer: Answer) -> None:
        """Keep an answer; of two to one question, the one of which more was taken."""
        with self._lock:
            _, known = self.entries.get(call.key, (call, None))
            if known is None or not known.complete:
                self.entries[call.key] = (call, _longer(known, answer))

    def answer(self, call: Call) -> Answer:
        """Return the answer to a question.

        Raises:
            SourceError: There is none.
        """
        with self._lock:
            found = self.entries.get(call.key)
        if found is None:
            raise not_recorded(
                f"has no answer to {call} as it is asked now.",
                hint="What the source is asked for has changed since.",
            )
        return found[1]


def _longer(known: Answer | None, answer: Answer) -> Answer:
    if known is None or answer.complete or answer.error is not None:
        return answer
    return answer if len(answer.value) >= len(known.value) else known
