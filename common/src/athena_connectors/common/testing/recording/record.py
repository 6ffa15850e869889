"""Runs a query and keeps all that is needed to run it again without its sources."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.codec import decode_request
from athena_connectors.common.testing.engine import Catalog, LocalEngine, QueryResult
from athena_connectors.common.testing.engine_errors import EngineError, UsageError
from athena_connectors.common.testing.recording.boundary import recording_connector
from athena_connectors.common.testing.recording.calls import Tape, ToldError
from athena_connectors.common.testing.recording.recordings import (
    Options,
    RecordedCatalog,
    Recording,
    Step,
    write_recording,
)
from athena_connectors.common.testing.recording.secrets import secret_texts, shown_settings
from athena_connectors.common.testing.recording.values import key_of
from athena_connectors.common.testing.recording.wire import Exchange, LoggedProcess, WireLog
from athena_connectors.common.testing.references import FUNCTION_PREFIX, read_statement
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from athena_connectors.common.connector import Connector
    from athena_connectors.common.testing.scans import Progress

__all__ = ["engine_error", "one_batch", "record", "steps_of", "with_native_queries"]

_POLICY = "access_policy"


def record(
    sql: str,
    catalogs: Mapping[str, Catalog],
    path: str | os.PathLike[str],
    *,
    options: Options | None = None,
    scrub_values: bool = False,
    estimates: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    on_result: Callable[[QueryResult], None] | None = None,
) -> QueryResult:
    """Run a query, write its recording, and return its answer.

    Splits are read one after another, so that a replay reads the same ones. A query that
    fails is recorded too, and then raises.

    Args:
        sql: One query.
        catalogs: The functions; those that it reads have to be connectors in this process.
        path: The file to write.
        options: How to ask.
        scrub_values: Whether other values are to stand in place of those of the source.
        estimates: Whether each scan is estimated before it is read.
        on_progress: Told after each split.
        on_result: Given the answer while its functions can still be asked.

    Raises:
        UsageError: A function is not in this process, or the file can't be written.
        Exception: Whatever the query raised.
    """
    options = options or Options()
    if scrub_values and options.plans:
        raise UsageError(
            "Values of query plans can't be scrubbed.", hint="Leave --plan or --scrub-values out."
        )
    log = WireLog()
    watched = _Watched(catalogs, log)
    engine = LocalEngine(
        watched,
        serde=options.serde,
        pushdown=options.pushdown,
        plans=options.plans,
        parallel=1,
        max_block_bytes=options.max_block_bytes,
        max_inline_bytes=options.max_inline_bytes,
        on_progress=on_progress,
        estimates=estimates,
    )
    failed: Exception | None = None
    result: QueryResult | None = None
    with closing(engine):
        try:
            _check_functions(sql, watched)
            result = engine.query(sql)
        except UsageError:
            raise
        except (EngineError, ConnectorError) as error:
            failed = error
        exchanges = with_native_queries(log.in_order(), watched.processes())
        recording = Recording(
            sql=sql,
            options=options,
            catalogs=watched.recorded(),
            exchanges=tuple(exchanges),
            answer=None if result is None else one_batch(result.table),
            error=None if failed is None else engine_error(failed),
        )
        secrets = watched.secrets()
        if result is not None and on_result is not None:
            on_result(result)
    if scrub_values:
        from athena_connectors.common.testing.recording.scrubbed import (  # noqa: PLC0415
            scrubbed,
        )

        recording = scrubbed(recording)
    write_recording(recording, path, secrets=secrets)
    if failed is not None:
        raise failed
    assert result is not None
    return result


def _check_functions(sql: str, catalogs: Mapping[str, Catalog]) -> None:
    for reference in read_statement(sql, catalogs).references.values():
        if reference.catalog.startswith(FUNCTION_PREFIX):
            raise _not_here(reference.catalog)


def engine_error(error: Exception) -> ToldError:
    """Return what an error of a query tells."""
    if isinstance(error, EngineError):
        return ToldError(type(error).__name__, error.message, error.hint)
    return ToldError.of(error)


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """Return all rows of a table as one batch."""
    (batch,) = table.combine_chunks().to_batches() or [
        pa.RecordBatch.from_pylist([], schema=table.schema)
    ]
    return batch


def with_native_queries(
    exchanges: Sequence[Exchange], processes: Mapping[str, InProcess]
) -> list[Exchange]:
    """Return exchanges, and for each read what it sends to its source."""
    return [
        replace(item, native=_native(item, processes[item.catalog])) if item.is_read() else item
        for item in exchanges
    ]


def _native(item: Exchange, process: InProcess) -> str:
    try:
        return process.explain(item.request).native
    except ConnectorError as error:
        return f"{type(error).__name__}: {error.message}"


def steps_of(exchanges: Sequence[Exchange]) -> tuple[Step, ...]:
    """Return what exchanges were made for: tables described, and scans of which so many reads."""
    steps: list[dict[str, Any]] = []
    for item in exchanges:
        request = decode_request(item.request)
        if isinstance(request, m.GetTableRequest):
            steps.append(
                {
                    "catalog": item.catalog,
                    "table": request.tableName,
                    "passthrough": dict(request.queryPassthroughArguments),
                }
            )
        elif isinstance(request, m.GetTableLayoutRequest):
            steps.append(
                {
                    "catalog": item.catalog,
                    "table": request.tableName,
                    "constraints": request.constraints,
                    "schema": request.schema,
                    "partition_columns": list(request.partitionColumns),
                    "projected": None,
                    "reads": 0,
                }
            )
        elif isinstance(request, m.ReadRecordsRequest):
            step = next(found for found in steps if _reads(found, item.catalog, request))
            step["projected"] = request.schema
            step["reads"] += 1
    return tuple(
        Step(step["catalog"], {name: held for name, held in step.items() if name != "catalog"})
        for step in steps
    )


def _reads(step: dict[str, Any], catalog: str, request: m.ReadRecordsRequest) -> bool:
    same = (step["catalog"], step["table"]) == (catalog, request.tableName)
    if not same or "constraints" not in step:
        return False
    if key_of(step["constraints"]) != key_of(request.constraints):
        return False
    return step["projected"] is None or step["projected"] == request.schema


@dataclass(frozen=True, slots=True)
class _Function:
    """A function that is watched."""

    inner: InProcess
    process: LoggedProcess
    tape: Tape
    roots: list[Connector]


class _Watched(Mapping[str, Catalog]):
    """Catalogs whose functions are watched, each from when it is first looked at."""

    def __init__(self, catalogs: Mapping[str, Catalog], log: WireLog) -> None:
        self._catalogs = catalogs
        self._log = log
        self._functions: dict[str, _Function] = {}

    def __getitem__(self, name: str) -> Catalog:
        catalog = self._catalogs[name]
        if not isinstance(catalog.transport, InProcess):
            raise _not_here(name)
        if catalog.transport.settings.get(_POLICY, "").strip():
            raise UsageError(
                f"Catalog {name} has an access policy, so its queries can't be recorded: a file"
                " would hold what the policy hides.",
                hint=f"Record with a configuration that has no {_POLICY}.",
            )
        if name not in self._functions:
            self._functions[name] = self._watch(name, catalog, catalog.transport)
        return replace(catalog, transport=self._functions[name].process)

    def __iter__(self) -> Iterator[str]:
        return iter(self._catalogs)

    def __len__(self) -> int:
        return len(self._catalogs)

    def processes(self) -> dict[str, InProcess]:
        """Return the watched functions."""
        return {name: item.process for name, item in self._functions.items()}

    def recorded(self) -> dict[str, RecordedCatalog]:
        """Return what was kept of each function."""
        return {
            name: RecordedCatalog(
                item.inner.handler.package,
                shown_settings(item.inner.settings, item.inner.handler.package),
                item.tape,
            )
            for name, item in self._functions.items()
        }

    def secrets(self) -> set[str]:
        """Return all texts that may not be written."""
        found: set[str] = set()
        for item in self._functions.values():
            found |= secret_texts(item.inner.settings, item.inner.handler.package, item.roots)
        return found

    def _watch(self, name: str, catalog: Catalog, inner: InProcess) -> _Function:
        tape, roots = Tape(), list[Any]()
        process = LoggedProcess(
            name,
            inner.handler.around(partial(_wrapped, tape, roots)),
            settings=inner.settings,
            store=inner.store,
            spill=catalog.spill,
            log=self._log,
        )
        return _Function(inner, process, tape, roots)


def _wrapped(tape: Tape, roots: list[Connector], connector: Connector) -> Connector:
    roots.append(connector)
    return recording_connector(connector, tape)


def _not_here(name: str) -> UsageError:
    return UsageError(
        f"Catalog {name} can't be recorded: its function is not in this process.",
        hint="Give it connector = … and settings in the configuration file.",
    )
