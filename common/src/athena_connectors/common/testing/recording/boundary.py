"""Connectors that write down what the real one answers, and that answer in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.common.connector import (
    Connector,
    Decision,
    Exactness,
    Pushdown,
    TableDescription,
)
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.common.testing.recording.calls import (
    Answer,
    Call,
    Tape,
    ToldError,
    not_recorded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.budgets import Limit
    from athena_connectors.common.capabilities import Capabilities
    from athena_connectors.common.connector import Scan
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.paging import Page

__all__ = ["recording_connector", "replaying_connector"]

T = TypeVar("T")


def recording_connector(inner: Connector, tape: Tape) -> Connector:
    """Return a connector that asks another one and keeps what it says.

    Args:
        inner: The one that is asked.
        tape: Keeps questions and answers.
    """
    tape.source_type, tape.reads_plans = inner.source_type, inner.reads_plans

    class Recording(_Recording):
        source_type = inner.source_type
        reads_plans = inner.reads_plans
        derived_columns = inner.derived_columns

    return Recording(inner, tape)


def replaying_connector(tape: Tape) -> Connector:
    """Return a connector that answers what was kept, and has no source."""

    class Replaying(_Replaying):
        source_type = tape.source_type
        reads_plans = tape.reads_plans

    return Replaying(tape)


class _Asked(Connector):
    """Turns each question into a call and each answer into what can be kept, and back."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def list_schemas(self) -> list[str]:
        return list(self._ask("list_schemas"))

    def list_tables(self, schema: str) -> list[str]:
        return list(self._ask("list_tables", schema=schema))

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        page: Page[str] = self._ask("page_tables", schema=schema, token=token, page_size=page_size)
        return page

    def resolve_schema(self, name: str) -> str:
        return str(self._ask("resolve_schema", name=name))

    def resolve_table(self, name: TableName) -> TableName:
        table: TableName = self._ask("resolve_table", table=name)
        return table

    def listed_as(self, name: TableName) -> TableName:
        table: TableName = self._ask("listed_as", table=name)
        return table

    def describe_table(self, name: TableName) -> TableDescription:
        return _description(self._ask("describe_table", table=name))

    def describe_passthrough(self, arguments: Mapping[str, str]) -> TableDescription:
        return _description(self._ask("describe_passthrough", passthrough=dict(arguments)))

    def capabilities(self) -> Capabilities:
        claimed: Capabilities = self._ask("capabilities")
        return claimed

    def _ask(self, method: str, **arguments: Any) -> Any:
        raise NotImplementedError


class _Recording(_Asked):
    def __init__(self, inner: Connector, tape: Tape) -> None:
        super().__init__(tape)
        self._inner = inner
        self._catalogs: dict[str, tuple[Connector, Connector]] = {}

    def for_catalog(self, catalog: str) -> Connector:
        found = self._inner.for_catalog(catalog)
        known = self._catalogs.get(catalog)
        if known is None or known[0] is not found:
            known = found, recording_connector(found, self._tape)
            self._catalogs[catalog] = known
        return known[1]

    def adopt_columns(
        self, description: TableDescription, fields: Sequence[pa.Field[pa.DataType]]
    ) -> TableDescription:
        return self._kept(
            _adopt_call(description, fields), lambda: self._inner.adopt_columns(description, fields)
        )

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        return self._kept(
            _scan_call("plan_pushdown", scan),
            lambda: self._inner.plan_pushdown(scan),
            write=lambda planned: _pushdown_node(planned, scan),
        )

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch | None:
        call = _scan_call("plan_partitions", scan)
        return self._kept(call, lambda: self._inner.plan_partitions(scan))

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        call = _scan_call("plan_splits", scan, partitions=partitions)
        planned: list[dict[str, str]] = []
        for split in self._taken(call, lambda: self._inner.plan_splits(scan, partitions), planned):
            planned.append(dict(split.properties))
            yield split

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        call = _scan_call("read_split", scan, split=dict(split.properties))
        read: list[pa.RecordBatch] = []
        for batch in self._taken(call, lambda: self._inner.read_split(scan, split), read):
            read.append(batch)
            yield batch

    def estimate(self, scan: Scan) -> Estimate | None:
        return self._kept(_scan_call("estimate", scan), lambda: self._inner.estimate(scan))

    def unit_limit(self) -> Limit | None:
        return self._inner.unit_limit()

    def native_query(self, scan: Scan, split: Split) -> str:
        call = _scan_call("native_query", scan, split=dict(split.properties))
        return self._kept(call, lambda: self._inner.native_query(scan, split))

    def cancel(self) -> None:
        self._inner.cancel()

    def release(self) -> None:
        self._inner.release()

    def close(self) -> None:
        self._inner.close()

    def _ask(self, method: str, **arguments: Any) -> Any:
        asked = getattr(self._inner, method)
        call = Call(method, arguments)
        if method == "describe_passthrough":
            return self._kept(call, lambda: _description(asked(arguments["passthrough"])))
        if method == "page_tables":
            return self._kept(call, lambda: asked(**arguments))
        if method == "describe_table":
            return self._kept(call, lambda: _description(asked(*arguments.values())))
        if method in ("list_schemas", "list_tables"):
            return self._kept(call, lambda: list(asked(*arguments.values())))
        return self._kept(call, lambda: asked(*arguments.values()))

    def _kept(
        self, call: Call, ask: Callable[[], T], *, write: Callable[[T], Any] = lambda value: value
    ) -> T:
        try:
            value = ask()
        except Exception as error:
            self._tape.keep(call, Answer(error=ToldError.of(error)))
            raise
        self._tape.keep(call, Answer(write(value)))
        return value

    def _taken(self, call: Call, start: Callable[[], Any], taken: list[Any]) -> Iterator[Any]:
        """Yield what is there to take, and keep what of it was taken, however that ends."""
        error: ToldError | None = None
        complete = False
        items = None
        try:
            items = iter(start())
            yield from items
            complete = True
        except Exception as cause:
            error = ToldError.of(cause)
            raise
        finally:
            self._tape.keep(call, Answer(list(taken), error, complete=complete))
            close = getattr(items, "close", None)
            if close is not None:
                close()


class _Replaying(_Asked):
    def adopt_columns(
        self, description: TableDescription, fields: Sequence[pa.Field[pa.DataType]]
    ) -> TableDescription:
        return _description(self._answered(_adopt_call(description, fields)))

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        return _pushdown(self._answered(_scan_call("plan_pushdown", scan)), scan)

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch | None:
        planned: pa.RecordBatch | None = self._answered(_scan_call("plan_partitions", scan))
        return planned

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        call = _scan_call("plan_splits", scan, partitions=partitions)
        for properties in self._items(call):
            yield Split(properties)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        yield from self._items(_scan_call("read_split", scan, split=dict(split.properties)))

    def estimate(self, scan: Scan) -> Estimate | None:
        told: Estimate | None = self._answered(_scan_call("estimate", scan))
        return told

    def native_query(self, scan: Scan, split: Split) -> str:
        call = _scan_call("native_query", scan, split=dict(split.properties))
        return str(self._answered(call))

    def _ask(self, method: str, **arguments: Any) -> Any:
        return self._answered(Call(method, arguments))

    def _answered(self, call: Call) -> Any:
        answer = self._tape.answer(call)
        if answer.error is not None:
            raise answer.error.error()
        return answer.value

    def _items(self, call: Call) -> Iterator[Any]:
        answer = self._tape.answer(call)
        yield from answer.value
        if answer.error is not None:
            raise answer.error.error()
        if not answer.complete:
            raise not_recorded(
                f"ends within the answer to {call}, of which more is read now.",
                hint="The limit, or what is left to filter here, has changed since.",
            )


def _description(told: pa.Schema | TableDescription) -> TableDescription:
    return told if isinstance(told, TableDescription) else TableDescription(told)


def _adopt_call(description: TableDescription, fields: Sequence[pa.Field[pa.DataType]]) -> Call:
    import pyarrow as pa  # noqa: PLC0415

    return Call("adopt_columns", {"columns": description.schema, "fields": pa.schema(fields)})


def _scan_call(method: str, scan: Scan, **more: Any) -> Call:
    asked = {"table": scan.table, "columns": scan.schema, "constraints": scan.constraints}
    if scan.split is not None:
        more.setdefault("split", dict(scan.split.properties))
    return Call(method, {**asked, **more})


def _pushdown_node(planned: Pushdown, scan: Scan) -> dict[str, Any]:
    """Return what was decided, each conjunct by its place among those of the scan."""
    parts = scan.constraints.conjuncts()
    decisions = [
        [parts.index(item.conjunct), item.exactness.value, item.native, item.reason]
        for item in planned.decisions
        if item.conjunct in parts
    ]
    return {
        "decisions": decisions,
        "limit_pushed": planned.limit_pushed,
        "order_pushed": planned.order_pushed,
        "limit_reason": planned.limit_reason,
    }


def _pushdown(node: Mapping[str, Any], scan: Scan) -> Pushdown:
    parts = scan.constraints.conjuncts()
    return Pushdown(
        decisions=tuple(
            Decision(parts[place], Exactness(exactness), str(native), str(reason))
            for place, exactness, native, reason in node["decisions"]
        ),
        limit_pushed=bool(node["limit_pushed"]),
        order_pushed=bool(node["order_pushed"]),
        limit_reason=str(node["limit_reason"]),
    )
