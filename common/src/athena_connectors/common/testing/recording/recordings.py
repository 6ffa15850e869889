"""A recorded query, and the file that holds it.

The file is a zip of ``recording.json`` and, for rows, ``rows/<number>.arrow``, each an Arrow
stream of one batch. ``recording.json`` is one object, whose members are those of
``Recording``; ``version`` grows when a reader of today could misread a file.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.testing.client import MAX_BLOCK_BYTES, MAX_INLINE_BYTES
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.recording.calls import Answer, Call, Tape, ToldError
from athena_connectors.common.testing.recording.secrets import without_secrets
from athena_connectors.common.testing.recording.values import (
    batch_bytes,
    read_batch,
    read_value,
    write_value,
)
from athena_connectors.common.testing.recording.wire import Exchange

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Mapping

__all__ = ["Options", "RecordedCatalog", "Recording", "Step", "read_recording", "write_recording"]

FORMAT = "athena-connectors recording"
VERSION = 1
MAX_BYTES = 2_000_000_000
"""Of all that a file holds, unpacked; a larger one is refused."""
_MAIN = "recording.json"
_MADE = (1980, 1, 1, 0, 0, 0)
_FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Options:
    """How the engine asked.

    Attributes:
        serde: SerDe version; the newest that both sides know when ``None``.
        pushdown: Whether predicates, limits and orders were sent.
        plans: Whether they were sent as query plans.
        max_block_bytes: Largest block wanted.
        max_inline_bytes: Largest inline block wanted.
    """

    serde: int | None = None
    pushdown: bool = True
    plans: bool = False
    max_block_bytes: int = MAX_BLOCK_BYTES
    max_inline_bytes: int = MAX_INLINE_BYTES


@dataclass(frozen=True, slots=True)
class RecordedCatalog:
    """One function.

    Attributes:
        package: The connector's.
        settings: Its variables, without what may be secret.
        tape: What its connector was asked and answered.
    """

    package: str
    settings: Mapping[str, str]
    tape: Tape


@dataclass(frozen=True, slots=True)
class Step:
    """One table that was described, or one scan of it: what is repeated without the SQL.

    Attributes:
        catalog: Whose.
        members: What it names: ``table`` and ``passthrough``, of a scan also ``schema``,
            ``partition_columns``, ``projected``, ``constraints`` and ``reads``.
    """

    catalog: str
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    """A query, all that was asked for it, and what came of it.

    Attributes:
        sql: The statement; its literals are taken out if values were scrubbed.
        options: How the engine asked.
        catalogs: The functions that were asked, by name.
        exchanges: Requests and replies, in order.
        steps: What to repeat in place of the SQL; empty if that is there whole.
        answer: Rows of the answer; ``None`` if there are none, or values were scrubbed.
        error: Why there is no answer.
        scrubbed: Whether other values stand in place of those of the source.
    """

    sql: str
    options: Options
    catalogs: Mapping[str, RecordedCatalog]
    exchanges: tuple[Exchange, ...]
    steps: tuple[Step, ...] = ()
    answer: pa.RecordBatch | None = None
    error: ToldError | None = None
    scrubbed: bool = False


@dataclass(slots=True)
class _Rows:
    """Rows of a file, put away one by one."""

    members: list[pa.RecordBatch] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> str:
        self.members.append(batch)
        return _row_member(len(self.members) - 1)


def write_recording(
    recording: Recording, path: str | os.PathLike[str], *, secrets: Collection[str] = ()
) -> None:
    """Write a file, in none of whose texts a secret stands.

    Raises:
        UsageError: It can't be written.
    """
    rows = _Rows()
    document = without_secrets(_document(recording, rows), secrets)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            text = json.dumps(document, ensure_ascii=False, indent=1)
            file.writestr(_member(_MAIN), text.encode("utf-8", "surrogatepass"))
            for place, batch in enumerate(rows.members):
                file.writestr(_member(_row_member(place)), batch_bytes(batch))
    except OSError as cause:
        raise UsageError(f"{path} can't be written: {cause.strerror}.") from cause


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a file.

    Raises:
        UsageError: It can't be read, is damaged, or is none of ours.
    """
    name = Path(path).name
    try:
        with zipfile.ZipFile(path) as file:
            return _read(file, name)
    except OSError as cause:
        raise UsageError(f"{path} can't be read: {cause.strerror or cause}.") from cause
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as cause:
        raise UsageError(
            f"{name} is no recording, or a damaged one: {cause}.", hint="Record the query again."
        ) from cause
    except (*_FAULTS, pa.ArrowException, ConnectorError) as cause:
        raise UsageError(
            f"{name} is damaged: {type(cause).__name__} at {cause}.",
            hint="Record the query again.",
        ) from cause


def _read(file: zipfile.ZipFile, name: str) -> Recording:
    total = sum(item.file_size for item in file.infolist())
    if total > MAX_BYTES:
        raise UsageError(
            f"{name} holds {total:,} bytes, over the limit of {MAX_BYTES:,}.",
            hint="Record a query of fewer rows.",
        )
    if _MAIN not in file.namelist():
        raise UsageError(f"{name} is no recording: it lacks {_MAIN}.")
    document = json.loads(file.read(_MAIN).decode("utf-8", "surrogatepass"))
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(f"{name} is no recording: it does not say that it is one.")
    if document.get("version") != VERSION:
        raise UsageError(
            f"{name} is a recording of version {document.get('version')!r}, read is {VERSION}.",
            hint="Replay it with the release that recorded it.",
        )
    return _recording(document, lambda member: read_batch(file.read(str(member))))


def _document(recording: Recording, rows: _Rows) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "sql": recording.sql,
        "scrubbed": recording.scrubbed,
        "options": {name: getattr(recording.options, name) for name in _OPTIONS},
        "catalogs": {
            name: {
                "package": catalog.package,
                "settings": dict(catalog.settings),
                "source_type": catalog.tape.source_type,
                "reads_plans": catalog.tape.reads_plans,
                "calls": [
                    {
                        "method": call.method,
                        "arguments": write_value(call.arguments, rows.add),
                        "answer": write_value(answer.value, rows.add),
                        "error": _written_error(answer.error),
                        "complete": answer.complete,
                    }
                    for call, answer in catalog.tape.entries.values()
                ],
            }
            for name, catalog in recording.catalogs.items()
        },
        "exchanges": [
            {
                "catalog": item.catalog,
                "request": item.request,
                "reply": item.reply,
                "blocks": [rows.add(block) for block in item.blocks],
                "error": _written_error(item.error),
                "native": item.native,
            }
            for item in recording.exchanges
        ],
        "steps": [
            {"catalog": step.catalog, "members": write_value(step.members, rows.add)}
            for step in recording.steps
        ],
        "answer": None if recording.answer is None else rows.add(recording.answer),
        "error": _written_error(recording.error),
    }


_OPTIONS = {
    "serde": (int, type(None)),
    "pushdown": (bool,),
    "plans": (bool,),
    "max_block_bytes": (int,),
    "max_inline_bytes": (int,),
}


def _recording(
    document: Mapping[str, Any], read_rows: Callable[[str], pa.RecordBatch]
) -> Recording:
    told = document["answer"]
    return Recording(
        sql=_text(document["sql"]),
        scrubbed=_of(document["scrubbed"], bool),
        options=Options(
            **{name: _of(document["options"][name], *kinds) for name, kinds in _OPTIONS.items()}
        ),
        catalogs={name: _catalog(item, read_rows) for name, item in document["catalogs"].items()},
        exchanges=tuple(
            Exchange(
                _text(item["catalog"]),
                _of(item["request"], dict),
                _of(item["reply"], dict, type(None)),
                tuple(read_rows(block) for block in item["blocks"]),
                _read_error(item["error"]),
                _text(item["native"]),
            )
            for item in document["exchanges"]
        ),
        steps=tuple(
            Step(_text(item["catalog"]), _of(read_value(item["members"], read_rows), dict))
            for item in document["steps"]
        ),
        answer=None if told is None else read_rows(told),
        error=_read_error(document["error"]),
    )


def _catalog(
    item: Mapping[str, Any], read_rows: Callable[[str], pa.RecordBatch]
) -> RecordedCatalog:
    tape = Tape(_text(item["source_type"]), _of(item["reads_plans"], bool))
    for told in item["calls"]:
        arguments = _of(read_value(told["arguments"], read_rows), dict)
        value = read_value(told["answer"], read_rows)
        error, complete = _read_error(told["error"]), _of(told["complete"], bool)
        tape.keep(Call(_text(told["method"]), arguments), Answer(value, error, complete=complete))
    settings = {_text(name): _text(value) for name, value in item["settings"].items()}
    return RecordedCatalog(_text(item["package"]), settings, tape)


def _written_error(error: ToldError | None) -> list[str] | None:
    return None if error is None else [error.kind, error.message, error.hint]


def _read_error(node: Any) -> ToldError | None:
    return None if node is None else ToldError(*map(_text, node))


def _text(node: Any) -> str:
    text: str = _of(node, str)
    return text


def _of(node: Any, *kinds: type) -> Any:
    if not isinstance(node, kinds):
        raise TypeError(f"a {type(node).__name__} in place of {kinds[0].__name__}")
    return node


def _row_member(place: int) -> str:
    return f"rows/{place}.arrow"


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _MADE)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
