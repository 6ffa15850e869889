"""The conformance suite: sound connectors pass it, and each fault fails the check it belongs to."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pytest
from athena_connectors.common.capabilities import (
    VALUE_SET_FILTERS,
    Capabilities,
    PassthroughFunction,
)
from athena_connectors.common.connector import (
    Connector,
    Decision,
    Exactness,
    Pushdown,
    Scan,
    TableDescription,
)
from athena_connectors.common.constraints import ColumnDomain, Constraints, Direction, OrderBy
from athena_connectors.common.errors import (
    BudgetExceededError,
    ColumnNotFoundError,
    ConnectorError,
    InternalError,
    InvalidCredentialsError,
    SourceError,
    SpillError,
    TableNotFoundError,
)
from athena_connectors.common.expressions import FUNCTIONS, Call
from athena_connectors.common.handler import LambdaHandler, lambda_handler
from athena_connectors.common.ordering import sort_key
from athena_connectors.common.paging import Page
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.common.testing import (
    ConnectorSuite,
    Gap,
    NativeQuery,
    Sample,
    Supports,
    edge_table,
)
from athena_connectors.common.testing.conformance import (
    blocks,
    budgets,
    deadline,
    limits,
    metadata,
    predicates,
    projection,
    splits,
)
from athena_connectors.common.testing.conformance.flags import check_flag
from athena_connectors.common.testing.conformance.generated import check_generated
from athena_connectors.common.testing.conformance.oracle import selected, truth
from athena_connectors.common.testing.conformance.pushdown import observe
from athena_connectors.common.testing.conformance.sample import Expected, expected_table
from athena_connectors.common.testing.conformance.secrets import check_secrets
from athena_connectors.common.testing.conformance.subject import Subject
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.testing.strategies import column_of
from athena_connectors.common.types import cast_batch
from athena_connectors.common.valueset import AllOrNoneValueSet, EquatableValueSet, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from athena_connectors.common.testing.conformance.rows import Row
    from athena_connectors.common.valueset import ValueSet

Event = dict[str, Any]
Handle = Callable[[Event, Any], Event]
T = TypeVar("T", bound=Any)

# What is read

SECRET = "s3cr3t-of-the-shelf"
THINGS = pa.table(
    {
        "id": pa.array(range(12), pa.int64()),
        "rank": pa.array([0, 2, 1, None] * 3, pa.int64()),
        "order": pa.array([3, 1, None, -3, 3, 7, 7, 2, None, 0, 4, 1], pa.int32()),
        "größe": pa.array([1.5, float("nan"), float("inf"), -0.0, 0.0, None] * 2),
        "given name": ["a", "", "b", "A", "a%b", "\U0001f600", None, "ab", "a_", "é", "a", "zz"],
        "day": pa.array([date(1, 1, 1), date(1970, 1, 1), None] * 4),
        "at": pa.array([datetime(2024, 2, 29, 1, 2, 3, 4000), None] * 6, pa.timestamp("us")),  # noqa: DTZ001
        "tags": pa.array([["x"], [], None] * 4, pa.list_(pa.string())),
    }
)
YEARLY = pa.table({"id": range(6), "year": pa.array([2023, 2024, 2024, None, 2023, 2024])})
EMPTY = pa.table({"id": pa.array([], pa.int64())})
TABLES: dict[str | TableName, pa.Table] = {
    "shop.things": THINGS,
    "shop.yearly": YEARLY,
    "shop.empty": EMPTY,
}


class Shelf(Connector):
    """A source in memory that evaluates whatever it is asked for, row by row.

    Its faulty relatives override what stands between this class and the rows.
    """

    source_type = "shelf"
    splits = 3

    def __init__(self, environ: Mapping[str, str]) -> None:
        if environ.get("password", SECRET) != SECRET:
            raise self.refused(environ["password"])
        self.held = {
            str(name): expected_table(TableName("shop", str(name).partition(".")[2]), content)
            for name, content in TABLES.items()
        }

    def refused(self, password: str) -> ConnectorError:
        return InvalidCredentialsError("The login of the shelf is refused.")

    def list_schemas(self) -> list[str]:
        return ["shop"]

    def list_tables(self, schema: str) -> list[str]:
        return [str(name).partition(".")[2] for name in TABLES]

    def describe_table(self, name: TableName) -> TableDescription:
        schema = self.held[str(name)].schema
        return TableDescription(schema, ("year",) if "year" in schema.names else ())

    def describe_passthrough(self, arguments: Mapping[str, str]) -> pa.Schema:
        return self.held[arguments["QUERY"]].schema

    def capabilities(self) -> Capabilities:
        return Capabilities(
            VALUE_SET_FILTERS, FUNCTIONS, limit=True, top_n=True, passthrough=PassthroughFunction()
        )

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        decisions = tuple(
            Decision(part, self.exactness(part), native=str(part))
            for part in scan.constraints.conjuncts()
        )
        exact = all(each.exactness is Exactness.EXACT for each in decisions)
        limit = scan.constraints.limit is not None and (exact or self.limits_too_early)
        ordered = limit and bool(scan.constraints.order_by)
        return Pushdown(None, decisions, limit_pushed=limit, order_pushed=ordered)

    limits_too_early = False

    def exactness(self, part: object) -> Exactness:
        return Exactness.EXACT

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch | None:
        if not scan.description.partition_columns:
            return None
        years = list(dict.fromkeys(self.held[str(scan.table)].column("year")))
        return pa.record_batch({"year": pa.array(years, pa.int64())})

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterable[Split]:
        if "year" in partitions.schema.names:
            years = partitions.column("year").to_pylist()
            return [Split({"year": json.dumps(year)}) for year in years]
        return [Split({"part": str(part)}) for part in range(self.splits)]

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        table = self.held[scan.constraints.passthrough.get("QUERY", str(scan.table))]
        rows = self.rows_of(table, split)
        exact = [part for part in scan.constraints.conjuncts() if self.is_pushed(part)]
        rows = [row for row in rows if all(self.keeps(part, row, table) for part in exact)]
        if self.plan_pushdown(scan).limit_pushed:
            rows = self.first(rows, scan.constraints.order_by, table)[: scan.constraints.limit]
        yield batch_of(rows, table.schema)

    def is_pushed(self, part: object) -> bool:
        return self.exactness(part) is not Exactness.NOT_PUSHED

    def rows_of(self, table: Expected, split: Split) -> list[Row]:
        if "year" in split.properties:
            year = json.loads(split.properties["year"])
            return [row for row in table.rows if row[1] == year]
        if "part" not in split.properties:
            return list(table.rows)
        part, count = int(split.properties["part"]), len(table.rows)
        return list(table.rows[count * part // self.splits : count * (part + 1) // self.splits])

    def keeps(self, part: Any, row: Row, table: Expected) -> bool:
        constraints = (
            Constraints({part.column: part.values})
            if isinstance(part, ColumnDomain)
            else Constraints(expression=(part,))
        )
        return bool(selected(replace(table, rows=(row,)), constraints))

    def first(self, rows: list[Row], order_by: Sequence[OrderBy], table: Expected) -> list[Row]:
        for key in reversed(order_by):
            rows = in_order(rows, key, table.schema)
        return rows


def in_order(rows: list[Row], key: OrderBy, schema: pa.Schema) -> list[Row]:
    place = schema.get_field_index(key.column)
    type_ = schema.field(place).type

    def value(row: Row) -> Any:
        return row[place] if isinstance(row[place], str) else sort_key(type_, row[place])

    nulls = [row for row in rows if row[place] is None]
    others = [row for row in rows if row[place] is not None]
    others.sort(key=value, reverse=key.direction.descending)
    return nulls + others if key.direction.nulls_first else others + nulls


def batch_of(rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array([row[place] for row in rows], field.type)
        if pa.types.is_nested(field.type)
        else column_of([row[place] for row in rows], field.type)
        for place, field in enumerate(schema)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def sample_of(handler: LambdaHandler) -> Sample:
    return Sample(
        handler=handler,
        tables=TABLES,
        settings={"password": SECRET},
        partition_columns={"shop.yearly": ("year",)},
        native_query=NativeQuery({"QUERY": "shop.yearly"}, YEARLY),
        secrets=(SECRET,),
    )


class TestShelf(ConnectorSuite):
    """A source that evaluates everything."""

    list_length = 500

    def make(self) -> Sample:
        return sample_of(lambda_handler(Shelf))


class TestMemory(ConnectorSuite):
    """A source that evaluates nothing."""

    supports = Supports(
        filter=Gap.not_implemented("it has no query language"),
        limit=Gap.not_yet("it has no query language"),
        partitions=Gap.never("tables are whole"),
        odd_names=Gap.never("names are plain here"),
    )
    tables = {  # noqa: RUF012
        "main.edges": edge_table(
            {
                "flag": pa.bool_(),
                "tiny": pa.int8(),
                "big": pa.int64(),
                "price": pa.decimal128(12, 3),
                "single": pa.float32(),
                "double": pa.float64(),
                "text": pa.string(),
                "bytes": pa.binary(),
                "day": pa.date32(),
                "at": pa.timestamp("us"),
                "since": pa.timestamp("us", "UTC"),
            }
        ),
        "main.nested": pa.table(
            {
                "list": pa.array([[1, None], [], None], pa.list_(pa.int64())),
                "struct": [{"a": 1, "b": "x"}, {"a": None, "b": ""}, None],
                "map": pa.array([[("b", 1), ("a", 2)], [], None], pa.map_(pa.string(), pa.int32())),
            }
        ),
        "main.empty": EMPTY,
    }

    def make(self, tmp_path: Path) -> Sample:
        expected = {
            name: expected_table(TableName(*name.split(".")), table)
            for name, table in self.tables.items()
        }
        held = {name: rows_of(table, self.tables[name]) for name, table in expected.items()}
        return Sample(
            handler=lambda_handler(lambda _: MemoryConnector(held)),
            tables=self.tables,
            native_query=NativeQuery({"QUERY": "main.nested"}, self.tables["main.nested"]),
        )


def rows_of(table: Expected, content: pa.Table) -> pa.RecordBatch:
    if not content.num_rows:
        return pa.RecordBatch.from_pylist([], schema=table.schema)
    (batch,) = content.combine_chunks().to_batches()
    return cast_batch(batch, table.schema, table=str(table))


# Faults


class Bent(LambdaHandler):
    """A handler of a sound connector that bends requests or replies."""

    def __init__(self, bend: Callable[[Handle, Event, object], Event], **options: Any) -> None:
        super().__init__(Shelf, **options)
        self._bend = bend

    def with_environment(self, environ: Mapping[str, str], **options: Any) -> LambdaHandler:
        return Bent(self._bend, environ=environ, **options)

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        reply: dict[str, Any] = self._bend(super().__call__, event, context)
        return reply


@dataclass(frozen=True)
class Fault:
    """What is wrong, which check has to find it, and what the check says.

    Attributes:
        source: A connector, or what bends the handler of a sound one.
        check: Takes the subject.
        says: Regular expression.
    """

    source: Any
    check: Callable[[Subject], object]
    says: str

    def handler(self) -> LambdaHandler:
        if isinstance(self.source, type):
            return lambda_handler(self.source)
        return Bent(self.source)


FAULTS: dict[str, list[Fault]] = {}


def fault(check: Callable[[Subject], object], says: str) -> Callable[[T], T]:
    """Register what is wrong under its name."""

    def register(source: T) -> T:
        FAULTS.setdefault(source.__name__, []).append(Fault(source, check, says))
        return source

    return register


def in_newest(check: Callable[[Subject, int], object]) -> Callable[[Subject], object]:
    return lambda subject: check(subject, 5)


# Rows and splits


@fault(in_newest(splits.check_union), "shop.things in 3 splits: of 12 rows 1 missing")
class LosesTheLastRow(Shelf):
    def rows_of(self, table: Expected, split: Split) -> list[Row]:
        rows = super().rows_of(table, split)
        return rows[:-1] if split.properties.get("part") == "1" else rows


@fault(in_newest(splits.check_union), "of 12 rows 1 too many")
class ReadsARowTwice(Shelf):
    def rows_of(self, table: Expected, split: Split) -> list[Row]:
        rows = super().rows_of(table, split)
        return [*table.rows[:1], *rows] if split.properties.get("part") == "1" else rows


@fault(in_newest(splits.check_union), "missing: .* -0.0, .* too many: .* 0.0, ")
class ForgetsTheSignOfZero(Shelf):
    def rows_of(self, table: Expected, split: Split) -> list[Row]:
        rows = super().rows_of(table, split)
        return [tuple(0.0 if str(cell) == "-0.0" else cell for cell in row) for row in rows]


@fault(splits.check_repetition, "read again")
class ReadsOtherRowsTheNextTime(Shelf):
    reads = 0

    def rows_of(self, table: Expected, split: Split) -> list[Row]:
        self.reads += 1
        return super().rows_of(table, split)[self.reads % 2 :]


@fault(splits.check_repetition, "3 splits, and 4 planned again")
class PlansMoreEachTime(Shelf):
    plans = 0

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterable[Split]:
        self.plans += 1
        spare = Split({"part": "0", "spare": str(self.plans)})
        return [*super().plan_splits(scan, partitions), *[spare] * (self.plans > 1)]


@fault(splits.check_pages, "are not the same")
class PlansInAnotherOrder(Shelf):
    plans = 0

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterable[Split]:
        self.plans += 1
        return list(super().plan_splits(scan, partitions))[:: -1 if self.plans % 2 else 1]


@fault(splits.check_foreign_token, "raised nothing, expected is InvalidRequestError")
def starts_again_at_any_token(handle: Handle, event: Event, context: object) -> Event:
    if event["@type"] == "GetSplitsRequest":
        event["continuationToken"] = None
    return handle(event, context)


def flag(name: str) -> Callable[[Subject], object]:
    return lambda subject: check_flag(subject, observe(subject), name)


@fault(flag("partitions"), "partitions with year = 20.. 1 missing|2 missing")
class ForgetsAPartition(Shelf):
    def plan_partitions(self, scan: Scan) -> pa.RecordBatch | None:
        partitions = super().plan_partitions(scan)
        return partitions.slice(1) if partitions and scan.constraints.summary else partitions


# Predicates


class Misreads(Shelf):
    """Gets wrong what value sets or expressions mean."""

    def keeps(self, part: Any, row: Row, table: Expected) -> bool:
        if isinstance(part, ColumnDomain):
            value = row[table.schema.get_field_index(part.column)]
            return self.contains(part.values, value)
        return self.is_true(part, dict(zip(table.schema.names, row, strict=True)))

    def contains(self, values: ValueSet, value: Any) -> bool:
        means_nothing = isinstance(values, AllOrNoneValueSet) and values.is_none
        return means_nothing or values.contains(value)

    def is_true(self, tree: Any, row: Mapping[str, Any]) -> bool:
        return truth(tree, row) is True


def rows_with(kind: str) -> Callable[[Subject], object]:
    return lambda subject: predicates.check_predicates(subject, kind)


@fault(rows_with("equality"), "missing")
class KnowsNoLastValue(Misreads):
    def contains(self, values: ValueSet, value: Any) -> bool:
        return value != 11 and super().contains(values, value)


@fault(rows_with("ranges"), "too many")
@fault(partial(check_generated, version=2, examples=30), "too many")
class TakesTheEndsOfARange(Misreads):
    def contains(self, values: ValueSet, value: Any) -> bool:
        ends = [
            end.value for each in getattr(values, "ranges", ()) for end in (each.low, each.high)
        ]
        return super().contains(values, value) or (value is not None and value in ends)


@fault(rows_with("in_list"), "missing")
@fault(partial(predicates.check_long_lists, length=300), "in 300 values: of 12 rows .* missing")
class LooksAtTheStartOfAList(Misreads):
    def contains(self, values: ValueSet, value: Any) -> bool:
        points = values.points() if isinstance(values, SortedRangeSet) else None
        return value in points[:1] if points else super().contains(values, value)


@fault(rows_with("negation"), "too many")
class KeepsNullOfANegation(Misreads):
    def contains(self, values: ValueSet, value: Any) -> bool:
        negated = isinstance(values, EquatableValueSet) and not values.white_list
        return super().contains(values, value) or (negated and value is None)


@fault(rows_with("null"), "missing")
class FindsNoNull(Misreads):
    def contains(self, values: ValueSet, value: Any) -> bool:
        return value is not None and super().contains(values, value)


@fault(predicates.check_impossible, "too many")
class ReadsNothingAsEverything(Misreads):
    def contains(self, values: ValueSet, value: Any) -> bool:
        return values.is_none or super().contains(values, value)


@fault(rows_with("expressions"), "too many")
@fault(partial(check_generated, version=5, examples=30), "too many")
class KnowsNoUnknown(Misreads):
    def is_true(self, tree: Any, row: Mapping[str, Any]) -> bool:
        return truth(tree, row) is not False


@fault(rows_with("disjunction"), "missing")
class ReadsOrAsAnd(Misreads):
    def is_true(self, tree: Any, row: Mapping[str, Any]) -> bool:
        return super().is_true(renamed(tree, "$or", "$and"), row)


@fault(rows_with("comparison"), "missing")
class ReadsAtMostAsLess(Misreads):
    def is_true(self, tree: Any, row: Mapping[str, Any]) -> bool:
        return super().is_true(renamed(tree, "$less_than_or_equal", "$less_than"), row)


@fault(rows_with("like"), "missing|too many")
class LikesAnyCase(Misreads):
    def is_true(self, tree: Any, row: Mapping[str, Any]) -> bool:
        folded = {
            name: cell.lower() if isinstance(cell, str) else cell for name, cell in row.items()
        }
        likes = tree.function == "$like_pattern"
        return super().is_true(tree, folded if likes else row)


@fault(rows_with("arithmetic"), "missing|too many")
class TakesRemaindersForPositive(Misreads):
    def is_true(self, tree: Any, row: Mapping[str, Any]) -> bool:
        absolute = {
            name: abs(cell) if isinstance(cell, int) else cell for name, cell in row.items()
        }
        return super().is_true(tree, absolute)


@fault(predicates.check_conjunction, "too many")
class LooksAtOneColumn(Shelf):
    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        one = dict(list(scan.constraints.summary.items())[:1])
        constraints = replace(scan.constraints, summary=one)
        return super().read_split(replace(scan, constraints=constraints), split)


@fault(predicates.check_unread_columns, "too many")
class LooksAtWhatIsRead(Shelf):
    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        names = scan.schema.names
        summary = {name: each for name, each in scan.constraints.summary.items() if name in names}
        constraints = replace(scan.constraints, summary=summary)
        return super().read_split(replace(scan, constraints=constraints), split)


def renamed(tree: Any, old: str, new: str) -> Any:
    if not isinstance(tree, Call):
        return tree
    arguments = tuple(renamed(each, old, new) for each in tree.arguments)
    return replace(
        tree, function=new if tree.function == old else tree.function, arguments=arguments
    )


# Limits and columns


@fault(limits.check_limit, "LIMIT 11: 9 rows of 11")
class StopsOneTooEarly(Shelf):
    def first(self, rows: list[Row], order_by: Sequence[OrderBy], table: Expected) -> list[Row]:
        return super().first(rows, order_by, table)[1:]


@fault(limits.check_limit_with_predicate, "rows of")
@fault(limits.check_top_n_with_predicate, "the first keys are")
class LimitsBeforeThePredicate(Shelf):
    limits_too_early = True

    def exactness(self, part: object) -> Exactness:
        return Exactness.NOT_PUSHED


@fault(limits.check_top_n, "the first keys are")
class ClaimsAnOrderAndHasNone(Shelf):
    def first(self, rows: list[Row], order_by: Sequence[OrderBy], table: Expected) -> list[Row]:
        return rows


@fault(limits.check_top_n, "NULLS_.*: the first keys are")
class PutsNullsElsewhere(Shelf):
    def first(self, rows: list[Row], order_by: Sequence[OrderBy], table: Expected) -> list[Row]:
        turned = {
            Direction.ASC_NULLS_FIRST: Direction.ASC_NULLS_LAST,
            Direction.DESC_NULLS_LAST: Direction.DESC_NULLS_FIRST,
        }
        keys = [
            replace(key, direction=turned.get(key.direction, key.direction)) for key in order_by
        ]
        return super().first(rows, keys, table)


class Projects(Shelf):
    """Gives the columns that are asked for, wrongly."""

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        for batch in super().read_split(scan, split):
            yield self.projected(batch, scan.schema.names)

    def projected(self, batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
        raise NotImplementedError


@fault(projection.check_order, "shop.yearly, columns")
class GoesByPlace(Projects):
    def projected(self, batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
        if len(batch.schema) > 2 or len(names) != 2:
            return batch
        return batch.rename_columns(names)


@fault(projection.check_columns, "columns .'day'.: of 12 rows 8 missing")
class ReadsNoDayAlone(Projects):
    def projected(self, batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
        if names != ["day"]:
            return batch
        return pa.record_batch({"day": pa.nulls(batch.num_rows, pa.date32())})


@fault(in_newest(projection.check_count), "columns ..: of 12 rows 3 missing")
class CountsOneLess(Projects):
    def projected(self, batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
        return batch if names else batch.slice(1)


# Metadata


@fault(in_newest(metadata.check_ping), "Ping tells no sourceType")
class IsNobody(Shelf):
    source_type = ""


@fault(in_newest(metadata.check_listing), "'yearly'. is missing")
class ForgetsATable(Shelf):
    def list_tables(self, schema: str) -> list[str]:
        return ["things", "empty"]


@fault(in_newest(metadata.check_listing), "'stranger'. is not expected")
class ListsAStranger(Shelf):
    def list_tables(self, schema: str) -> list[str]:
        return [*super().list_tables(schema), "stranger"]


@fault(in_newest(metadata.check_listing), "in another order each time")
class ListsInAnyOrder(Shelf):
    lists = 0

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        self.lists += 1
        names = self.list_tables(schema)[:: -1 if self.lists % 2 else 1]
        return Page(tuple(names), None)


@fault(in_newest(metadata.check_pages), "the token of page 2 came before")
class GoesInCircles(Shelf):
    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        return Page(("things",), "again")


@fault(in_newest(metadata.check_pages), "in pages of 1: page 1 has 3 names")
class PagesNothing(Shelf):
    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        return super().page_tables(schema, token=token, page_size=None)


@fault(in_newest(metadata.check_pages), "in pages of 1: .* is missing")
class SkipsTheFirstOfAPage(Shelf):
    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        page = super().page_tables(schema, token=token, page_size=page_size)
        return replace(page, items=page.items[1:]) if token else page


@fault(metadata.check_foreign_token, "raised nothing, expected is InvalidRequestError")
class TakesAnyToken(Shelf):
    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        return super().page_tables(schema, token=None, page_size=page_size)


class Describes(Shelf):
    """Describes tables wrongly."""

    def describe_table(self, name: TableName) -> TableDescription:
        told = super().describe_table(name)
        return replace(told, schema=self.told(told.schema))

    def told(self, schema: pa.Schema) -> pa.Schema:
        raise NotImplementedError


@fault(in_newest(metadata.check_columns), "the columns are .'number'")
class RenamesAColumn(Describes):
    def told(self, schema: pa.Schema) -> pa.Schema:
        return schema.set(0, pa.field("number", schema.field(0).type))


@fault(in_newest(metadata.check_columns), "column 'id' is int32, not int64")
class NarrowsAColumn(Describes):
    def told(self, schema: pa.Schema) -> pa.Schema:
        return schema.set(0, pa.field(schema.names[0], pa.int32()))


@fault(in_newest(metadata.check_columns), "is described otherwise each time")
class DescribesOtherwise(Describes):
    calls = 0

    def told(self, schema: pa.Schema) -> pa.Schema:
        self.calls += 1
        return schema.set(0, pa.field("id", pa.int32())) if self.calls > 1 else schema


@fault(in_newest(metadata.check_columns), "partition columns are ..")
class HidesPartitions(Shelf):
    def describe_table(self, name: TableName) -> TableDescription:
        return replace(super().describe_table(name), partition_columns=())


@fault(metadata.check_unknown_table, "raised SourceError .*, not TableNotFoundError")
class BlamesItself(Shelf):
    def resolve_table(self, name: TableName) -> TableName:
        if name.table not in self.list_tables(name.schema):
            raise SourceError(f"Reading {name} failed.")
        return name


@fault(metadata.check_unknown_table, "the text does not name 'no_such_name'")
class NamesNoTable(Shelf):
    def resolve_table(self, name: TableName) -> TableName:
        if name.table not in self.list_tables(name.schema):
            raise TableNotFoundError("There is no such table.")
        return name


@fault(metadata.check_unknown_schema, "raised nothing, expected is SchemaNotFoundError")
class FindsAnySchema(Shelf):
    def resolve_schema(self, name: str) -> str:
        return "shop"


@fault(metadata.check_unknown_column, "raised SourceError .*, not ColumnNotFoundError")
def blames_the_source(handle: Handle, event: Event, context: object) -> Event:
    try:
        return handle(event, context)
    except ColumnNotFoundError as cause:
        raise SourceError(cause.message) from cause


# Blocks, time, secrets


@fault(blocks.check_failed_puts, "put 1 of .* fails: raised nothing, expected is SpillError")
def gives_half_a_result(handle: Handle, event: Event, context: object) -> Event:
    try:
        return handle(event, context)
    except SpillError:
        constraints = {**event["constraints"], "limit": 1}
        return handle({**event, "constraints": constraints, "maxInlineBlockSize": 10**6}, context)


@fault(partial(blocks.check_spilled, version=5, encrypted=True), "of 12 rows .* missing")
def forgets_the_last_block(handle: Handle, event: Event, context: object) -> Event:
    reply = handle(event, context)
    if reply.get("remoteBlocks"):
        reply["remoteBlocks"].pop()
    return reply


@fault(partial(blocks.check_spilled, version=5, encrypted=True), "encryption is not True")
def encrypts_nothing(handle: Handle, event: Event, context: object) -> Event:
    reply = handle(event, context)
    for split in reply.get("splits", ()):
        split["encryptionKey"] = None
    return reply


@fault(partial(blocks.check_spilled, version=5, encrypted=True), "1 objects are written, 0 told of")
def spills_for_nothing(handle: Handle, event: Event, context: object) -> Event:
    if event["@type"] == "ReadRecordsRequest":
        handle(event, context)
        event["maxInlineBlockSize"] = 10**6
    return handle(event, context)


@fault(blocks.check_inline_limit, "a block over the limit is inline")
def takes_more_inline(handle: Handle, event: Event, context: object) -> Event:
    if event["@type"] == "ReadRecordsRequest":
        event["maxInlineBlockSize"] = str(int(event["maxInlineBlockSize"]) + 100)
    return handle(event, context)


@fault(blocks.check_inline_limit, "a block below the limit is spilled")
def takes_less_inline(handle: Handle, event: Event, context: object) -> Event:
    if event["@type"] == "ReadRecordsRequest":
        event["maxInlineBlockSize"] = str(int(event["maxInlineBlockSize"]) - 100)
    return handle(event, context)


@fault(blocks.check_many_blocks, "fills one block|a block of")
def makes_blocks_of_any_size(handle: Handle, event: Event, context: object) -> Event:
    if event["@type"] == "ReadRecordsRequest":
        event["maxBlockSize"] = 10**7
    return handle(event, context)


@fault(deadline.check_deadline, "no time is left: raised nothing")
def has_no_clock(handle: Handle, event: Event, context: object) -> Event:
    return handle(event, None)


@fault(budgets.check_budgets, "a budget of 1: raised nothing, expected is BudgetExceededError")
class EndsAtItsBudget(Shelf):
    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        for batch in super().read_split(scan, split):
            most = min((limit.most for limit in scan.budget.limits), default=batch.num_rows)
            yield batch.slice(0, int(most) // scan.budget.shares)


@fault(budgets.check_required_filters, "raised SourceError .*, not BudgetExceededError")
def blames_the_source_for_a_rule(handle: Handle, event: Event, context: object) -> Event:
    try:
        return handle(event, context)
    except BudgetExceededError as cause:
        raise SourceError(cause.message) from cause


def secrets_are_kept(subject: Subject) -> None:
    check_secrets(subject, lambda: "")


@fault(secrets_are_kept, f"'{SECRET}' is told")
class LogsItsSettings(Shelf):
    def __init__(self, environ: Mapping[str, str]) -> None:
        logging.getLogger("shelf").debug("settings: %s", environ)
        super().__init__(environ)


@fault(secrets_are_kept, f"'{SECRET}' is told")
class TellsThePassword(Shelf):
    def refused(self, password: str) -> ConnectorError:
        return InvalidCredentialsError(f"The password {password} is refused.")


@fault(secrets_are_kept, f"'{SECRET}' is told")
class ShowsThePassword(Shelf):
    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.login = [Login("reader", environ["password"])]


@dataclass
class Login:
    user: str
    password: str


@fault(secrets_are_kept, "looks like a bug")
class BreaksOnAWrongSetting(Shelf):
    def refused(self, password: str) -> ConnectorError:
        return InternalError("This can't be.")


# What is said


@fault(flag("top_n"), "top_n is not seen")
class NeverSorts(Shelf):
    def plan_pushdown(self, scan: Scan) -> Pushdown:
        plan = super().plan_pushdown(scan)
        limited = plan.limit_pushed and not scan.constraints.order_by
        return replace(plan, limit_pushed=limited, order_pushed=False)


@fault(flag("like"), "like is not seen")
class LikesNothing(Shelf):
    def exactness(self, part: object) -> Exactness:
        likes = isinstance(part, Call) and part.function == "$like_pattern"
        return Exactness.NOT_PUSHED if likes else Exactness.EXACT


@fault(lambda subject: observe(subject).check_claims(), "claim limit")
class HidesItsLimit(Shelf):
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities(), limit=False)


@fault(lambda subject: observe(subject).check_claims(), r"not claimed as functions: \['\$in'\]")
class HidesAFunction(Shelf):
    def capabilities(self) -> Capabilities:
        claims = super().capabilities()
        known = tuple(name for name in claims.functions if name != "$in")
        return replace(claims, functions=known)


@fault(flag("passthrough"), "Native query .*: of 6 rows 5 missing")
class RunsAnotherQuery(Shelf):
    def rows_of(self, table: Expected, split: Split) -> list[Row]:
        rows = super().rows_of(table, split)
        return [(number, None) for number, *_ in rows] if "QUERY" in split.properties else rows


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str, tmp_path: Path) -> None:
    for each in FAULTS[name]:
        subject = Subject(sample_of(each.handler()), Supports(), folder=tmp_path)
        with pytest.raises((AssertionError, ConnectorError), match=each.says):
            each.check(subject)
        subject.close()
