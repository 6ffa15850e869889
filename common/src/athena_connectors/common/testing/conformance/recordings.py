"""Queries are recorded, and replayed with no source, whatever the connector answers."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from athena_connectors.common.testing.engine import Catalog
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.recording.record import record
from athena_connectors.common.testing.recording.recordings import Options
from athena_connectors.common.testing.recording.replay import replay
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_recordings"]


def check_recordings(subject: Subject) -> None:
    """Record queries of each table, inline and spilled, with values and with others."""
    file = subject.folder / "recorded.zip"
    for table in subject.tables:
        for sql, options in _queries(subject.sample.catalog, table):
            for scrub in (False, True):
                answer = _record(subject, sql, file, options, scrub=scrub)
                replayed = replay(file)
                told = "\n".join(replayed.differences)
                assert not told, f"The replay of {sql} (scrubbed: {scrub}) differs:\n{told}"
                assert replayed.recording.error is None
                if not scrub:
                    assert replayed.answer is not None
                    assert replayed.answer.num_rows == answer
                _check_secrets(subject, file)


def _queries(catalog: str, table: Expected) -> Iterator[tuple[str, Options]]:
    parts = (catalog, table.name.schema, table.name.table)
    name = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    yield f"SELECT * FROM {name}", Options()  # noqa: S608 - a name of the sample
    yield f"SELECT * FROM {name}", Options(max_inline_bytes=0)  # noqa: S608
    yield f"SELECT count(*) FROM {name}", Options(serde=2)  # noqa: S608
    yield f"SELECT * FROM {name} LIMIT 2", Options()  # noqa: S608


def _record(subject: Subject, sql: str, file: Path, options: Options, *, scrub: bool) -> int:
    store = FolderStore(subject.folder)
    function = InProcess(subject.sample.handler, settings=subject.settings, store=store)
    catalogs = {subject.sample.catalog: Catalog(function, store, function.close)}
    result = record(sql, catalogs, file, options=options, scrub_values=scrub)
    return result.table.num_rows


def _check_secrets(subject: Subject, file: Path) -> None:
    with zipfile.ZipFile(file) as members:
        text = members.read("recording.json").decode()
    assert not [secret for secret in subject.sample.secrets if secret in text]
