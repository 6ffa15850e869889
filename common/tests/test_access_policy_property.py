"""Random policies, callers and queries: rows are those of filter first, query second.

The reference shares nothing with what applies policies: it reads the same documents in
plain Python, makes the table that the caller should see, and asks the oracle of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.connector import Decision, Exactness, Pushdown, Scan
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.errors import ColumnNotFoundError, NotFoundError
from athena_connectors.common.expressions import Call, walk
from athena_connectors.common.handler import LambdaHandler, lambda_handler
from athena_connectors.common.limits import TopN
from athena_connectors.common.protocol.codec import decode_request
from athena_connectors.common.protocol.messages import (
    Identity,
    ReadRecordsRequest,
    Split,
    TableName,
)
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing.client import ProtocolClient, TableScan
from athena_connectors.common.testing.conformance.oracle import first_rows, picked, selected
from athena_connectors.common.testing.conformance.probes import columns_of
from athena_connectors.common.testing.conformance.random_predicates import Predicates
from athena_connectors.common.testing.conformance.rows import (
    physical_rows,
    require_same_rows,
    row_key,
)
from athena_connectors.common.testing.conformance.sample import Expected
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.testing.strategies import column_of
from athena_connectors.common.types import rows_without_columns
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Value = Any
Named = dict[str, Any]

DAY = 19_000
"""Days since 1970, about the year 2022."""
POOLS: dict[str, tuple[pa.DataType, tuple[Value, ...], Callable[[Any], str]]] = {
    "Number": (pa.int32(), (-1, 0, 1, 2, 7), str),
    "text": (
        pa.string(),
        ("", "a", "ab", "b%", "it's"),
        lambda v: "'" + v.replace("'", "''") + "'",
    ),
    "price": (
        pa.decimal128(10, 2),
        (Decimal("-0.50"), Decimal("0.00"), Decimal("1.00"), Decimal("12.25")),
        lambda value: format(value, "f"),
    ),
    "day": (
        pa.date32(),
        (DAY, DAY + 1, DAY + 2),
        lambda value: f"DATE '2022-01-{8 + value - DAY:02}'",
    ),
    "flag": (pa.bool_(), (True, False), lambda value: str(value).upper()),
}
SCHEMA = pa.schema([(name, pool[0]) for name, pool in POOLS.items()])
TABLES = [TableName(schema, table) for schema in ("s1", "s2") for table in ("t1", "t2")]
MASKS = ("hide", "show", "null", "hash", {"hash": {"salt": "x"}}, {"last_n": 1})


@dataclass(frozen=True)
class Filter:
    """A condition in SQL, and what it is for a row."""

    sql: str
    truth: Any


def compared(symbol: str, left: Value, right: Value) -> bool | None:
    if left is None or right is None:
        return None
    order = (left > right) - (left < right)
    return {
        "=": order == 0,
        "<>": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[symbol]


def negated(value: Any) -> bool | None:
    return None if value is None else not value


def joined(values: list[bool | None], *, decisive: bool) -> bool | None:
    if decisive in values:
        return decisive
    return None if None in values else not decisive


@st.composite
def filters(draw: st.DrawFn, depth: int = 2) -> Filter:
    if depth and draw(st.booleans()):
        word = draw(st.sampled_from(("AND", "OR", "NOT")))
        if word == "NOT":
            inner = draw(filters(depth=depth - 1))
            return Filter(f"NOT ({inner.sql})", lambda row, who: negated(inner.truth(row, who)))
        parts = draw(st.lists(filters(depth=depth - 1), min_size=2, max_size=3))
        sql = f" {word} ".join(f"({part.sql})" for part in parts)
        return Filter(
            sql,
            lambda row, who: joined(
                [part.truth(row, who) for part in parts], decisive=word == "OR"
            ),
        )
    name = draw(st.sampled_from(sorted(POOLS)))
    _, pool, literal = POOLS[name]
    spelled = draw(st.sampled_from((name, f'"{name}"', name.lower())))
    one, two = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
    kind = draw(st.sampled_from(("compare", "mirror", "null", "in", "between", "special")))
    symbol = draw(st.sampled_from(("=", "<>", "<", "<=", ">", ">=")))
    if kind == "compare":
        return Filter(
            f"{spelled} {symbol} {literal(one)}", lambda row, _: compared(symbol, row[name], one)
        )
    if kind == "mirror":
        return Filter(
            f"{literal(one)} {symbol} {spelled}", lambda row, _: compared(symbol, one, row[name])
        )
    if kind == "null":
        negation = draw(st.sampled_from(("", "NOT ")))
        return Filter(
            f"{spelled} IS {negation}NULL",
            lambda row, _: (row[name] is None) is not bool(negation),
        )
    if kind == "in":
        return Filter(
            f"{spelled} IN ({literal(one)}, {literal(two)})",
            lambda row, _: None if row[name] is None else row[name] in (one, two),
        )
    if kind == "between":
        return Filter(
            f"{spelled} NOT BETWEEN {literal(one)} AND {literal(two)}",
            lambda row, _: negated(
                joined(
                    [compared(">=", row[name], one), compared("<=", row[name], two)], decisive=False
                )
            ),
        )
    return draw(
        st.sampled_from(
            (
                Filter("flag", lambda row, _: row["flag"]),
                Filter(
                    "text LIKE 'a_%'",
                    lambda row, _: (
                        None
                        if row["text"] is None
                        else row["text"][:1] == "a" and len(row["text"]) > 1
                    ),
                ),
                Filter("current_account = '1'", lambda _, who: compared("=", who.account, "1")),
                Filter("current_arn LIKE '%x'", lambda _, who: who.arn and who.arn[-1] == "x"),
            )
        )
    )


IDENTITIES = (
    Identity(account="1", arn="arn:x", groups=("g", "h"), tags={"team": "red"}),
    Identity(account="1", arn="arn:y", tags={"team": "blue"}),
    Identity(account="2", arn="arn:x", groups=("h",)),
    Identity(),
)
PRINCIPALS = (
    {"accounts": ["1"]},
    {"accounts": ["2", "3"]},
    {"arns": ["arn:*"]},
    {"arns": ["*x"], "accounts": ["1"]},
    {"groups": ["g"]},
    {"groups": ["*"]},
    {"tags": {"team": ["r*"]}},
    {},
)


@dataclass(frozen=True)
class RulePlan:
    """A rule as it is written, and the filter that is in it."""

    told: dict[str, Any]
    row_filter: Filter | None


@st.composite
def rules(draw: st.DrawFn) -> RulePlan:
    told: dict[str, Any] = {"effect": draw(st.sampled_from(("allow", "allow", "deny")))}
    if draw(st.booleans()):
        told["principals"] = draw(st.sampled_from(PRINCIPALS))
    if draw(st.booleans()):
        told["schemas"] = draw(st.sampled_from((["S1"], ["s2"], ["s*"], ["*2", "x"])))
    if draw(st.booleans()):
        told["tables"] = draw(st.sampled_from((["t1"], ["T2"], ["*"], ["t*1"])))
    if told["effect"] == "deny":
        return RulePlan(told, None)
    columns = draw(
        st.dictionaries(
            st.sampled_from((*(name.upper() for name in POOLS), "*", "t*", "zz")),
            st.sampled_from(MASKS),
            max_size=3,
        )
    )
    if columns:
        told["columns"] = columns
    row_filter = draw(st.none() | filters())
    if row_filter is not None:
        told["row_filter"] = row_filter.sql
    return RulePlan(told, row_filter)


# The reference


def fits(patterns: list[str] | None, *names: str | None) -> bool:
    return patterns is None or any(
        fnmatchcase(name, pattern) for name in names if name is not None for pattern in patterns
    )


def is_about(told: Mapping[str, Any], who: Identity) -> bool:
    principals = told.get("principals", {})
    return (
        fits(principals.get("accounts"), who.account)
        and fits(principals.get("arns"), who.arn)
        and fits(principals.get("groups"), *who.groups)
        and all(fits(some, who.tags.get(tag)) for tag, some in principals.get("tags", {}).items())
    )


def rule_of(plans: list[RulePlan], who: Identity, table: TableName) -> RulePlan | None:
    for plan in plans:
        schemas, tables = (
            [each.lower() for each in plan.told.get(member, ["*"])]
            for member in ("schemas", "tables")
        )
        if is_about(plan.told, who) and fits(schemas, table.schema) and fits(tables, table.table):
            return plan if plan.told["effect"] == "allow" else None
    return None


def text_form(name: str, value: Value) -> str:
    if name == "day":
        return f"2022-01-{8 + value - DAY:02}"
    return str(value).lower() if name == "flag" else str(value)


def masked(name: str, mask: Any, value: Value) -> Value:
    if value is None or mask == "null":
        return None
    if mask == {"last_n": 1}:
        text = text_form(name, value)
        return text[-1:] if len(text) > 1 else ""
    salt = "" if mask == "hash" else "x"
    return hashlib.sha256((salt + text_form(name, value)).encode()).hexdigest()


def seen(plan: RulePlan, who: Identity, name: TableName, rows: list[Named]) -> Expected:
    if plan.row_filter is not None:
        rows = [row for row in rows if plan.row_filter.truth(row, who) is True]
    fields: list[Any] = []
    columns = []
    for field in SCHEMA:
        told = plan.told.get("columns", {}).items()
        mask = next(
            (each for some, each in told if fnmatchcase(field.name.lower(), some.lower())), "show"
        )
        if mask == "hide":
            continue
        values = [row[field.name] for row in rows]
        if mask != "show":
            values = [masked(field.name, mask, value) for value in values]
        is_text = mask not in ("show", "null")
        fields.append((field.name.lower(), pa.string() if is_text else field.type))
        columns.append(values)
    schema = pa.schema(fields)
    return Expected(name, schema, (), tuple(zip(*columns, strict=True)) if columns else ())


# A source that can do some things by itself


class Pushing(MemoryConnector):
    """Evaluates what a caller of the test decides, exactly or not, and limits if it can."""

    def __init__(self, tables: Mapping[str, pa.RecordBatch], exact: int) -> None:
        super().__init__(tables, splits=2)
        self._exact = exact
        self.asked: list[Scan] = []

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        self.asked.append(scan)
        kinds = list(Exactness)
        parts = scan.constraints.conjuncts()
        decisions = tuple(
            Decision(part, kinds[(self._exact + place) % len(kinds)] if self._exact else kinds[0])
            for place, part in enumerate(parts)
        )
        whole = all(each.exactness is Exactness.EXACT for each in decisions)
        return Pushdown(
            decisions=decisions, limit_pushed=whole and scan.constraints.limit is not None
        )

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        pushdown = self.plan_pushdown(scan)
        exact = [each.conjunct for each in pushdown.decisions if each.exactness is Exactness.EXACT]
        for batch in super().read_split(scan, split):
            kept = compile_residual(exact).apply(batch)
            limit = scan.constraints.limit
            if pushdown.limit_pushed and limit is not None:
                if scan.constraints.order_by:
                    top = TopN(scan.constraints.order_by, limit, max_bytes=10**6)
                    for found in (*top.push(kept), *top.finish()):
                        yield found if scan.schema.names else rows_without_columns(found.num_rows)
                    return
                kept = kept.slice(0, limit)
            yield kept if scan.schema.names else rows_without_columns(kept.num_rows)


def table_rows() -> st.SearchStrategy[list[Named]]:
    values = {name: st.none() | st.sampled_from(pool[1]) for name, pool in POOLS.items()}
    return st.lists(st.fixed_dictionaries(values), max_size=8)


@given(
    contents=st.lists(table_rows(), min_size=len(TABLES), max_size=len(TABLES)),
    plans=st.lists(rules(), min_size=1, max_size=4),
    exact=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_rows_are_those_of_a_query_on_what_is_seen(
    tmp_path_factory: Any, contents: list[list[Named]], plans: list[RulePlan], exact: int, seed: int
) -> None:
    tables = dict(zip(TABLES, contents, strict=True))
    source = Pushing(
        {
            str(name): pa.RecordBatch.from_arrays(
                [column_of([row[each.name] for row in rows], each.type) for each in SCHEMA],
                schema=SCHEMA,
            )
            for name, rows in tables.items()
        },
        exact,
    )
    policy = {"rules": [plan.told for plan in plans]}
    handler = lambda_handler(lambda _: source).with_environment(
        {"access_policy": json.dumps(policy), "split_signing_key": "0123456789abcdef"},
        store=FolderStore(folder_of(tmp_path_factory)),
    )
    random = Random(seed)
    callers = random.sample(IDENTITIES, 2)
    for who in (*callers, callers[0]):
        check_caller(handler, source, plans, tables, who=who, random=random)


def folder_of(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.getbasetemp()
    return folder


class Instance:
    """One warm instance, which serves all callers."""

    def __init__(self, handler: LambdaHandler) -> None:
        self._handler = handler

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads(json.dumps(self._handler(event, None)))
        return reply

    def close(self) -> None:
        """Nothing is open."""


def check_caller(
    handler: LambdaHandler,
    source: Pushing,
    plans: list[RulePlan],
    tables: dict[TableName, list[Named]],
    *,
    who: Identity,
    random: Random,
) -> None:
    store: Any = None
    client = ProtocolClient("memory", Instance(handler), spill=store, identity=who)
    listed = {name for schema in client.schemas() for name in client.tables(schema)}
    visible = set()
    for name, rows in tables.items():
        plan = rule_of(plans, who, name)
        view = None if plan is None else seen(plan, who, name, rows)
        if plan is not None:
            visible.add(name)
        if view is None or not view.schema.names:
            assert type(error_of(partial(client.describe, name))) in NotFoundError.__subclasses__()
            continue
        described = client.describe(name)
        assert [(each.name, each.type) for each in described.schema] == [
            (each.name, each.type) for each in view.schema
        ]
        assert plan is not None
        source.asked.clear()
        check_query(client, view, random)
        check_asked(source, plan)
        for field in SCHEMA:
            shown = field.name.lower()
            if shown not in view.schema.names:
                wanted = pa.schema([(shown, field.type)])
                scan = TableScan(name, view.schema, (), wanted, query_id="q")
                error = error_of(partial(client.layout, replace(scan, schema=wanted)))
                assert type(error) is ColumnNotFoundError
    assert listed == visible


def check_query(client: ProtocolClient, view: Expected, random: Random) -> None:
    columns = columns_of(view)
    constraints = Predicates(columns, random).make(expressions=True) if columns else Constraints()
    names = random.sample(view.schema.names, random.randint(0, len(view.schema.names)))
    if random.random() < 0.5:
        order = tuple(
            OrderBy(name, random.choice(list(Direction)))
            for name in random.sample(view.schema.names, random.randint(0, 2) % 3)
            if name in view.schema.names
        )
        names = list(dict.fromkeys((*(key.column for key in order), *names)))
        constraints = replace(constraints, order_by=order, limit=random.randint(0, 4))
    projected = pa.schema([view.schema.field(name) for name in names])
    scan = TableScan(view.name, view.schema, (), projected, constraints, "q")
    splits = [client.read(scan, split) for split in client.splits(scan)]
    found = [row for split in splits for batch in split.batches for row in physical_rows(batch)]
    sent = decode_request(client.read_event(scan, Split()))
    assert isinstance(sent, ReadRecordsRequest)  # the wire can't say all that is meant
    whole = selected(view, sent.constraints)
    expected = picked(whole, view.schema, names)
    if constraints.limit is None:
        require_same_rows(found, expected, where=str(view))
        return
    assert not Counter(map(row_key, found)) - Counter(map(row_key, expected))
    assert len(found) >= min(constraints.limit, len(expected))
    if constraints.order_by:
        arguments = constraints.order_by, constraints.limit
        assert first_rows(found, projected, *arguments) == first_rows(
            whole, view.schema, *arguments
        )


def check_asked(source: Pushing, plan: RulePlan) -> None:
    """The source hears of no condition on a masked column, and of none that may fail."""
    told = plan.told.get("columns", {}).items()
    closed = {
        field.name
        for field in SCHEMA
        if next(
            (each for some, each in told if fnmatchcase(field.name.lower(), some.lower())), "show"
        )
        != "show"
    }
    for scan in source.asked:
        conjuncts = [part for part in scan.constraints.conjuncts() if not hasattr(part, "values")]
        assert not closed.intersection(key.column for key in scan.constraints.order_by)
        assert not closed.intersection(scan.constraints.summary)
        if plan.row_filter is not None:
            functions = {
                node.function for part in conjuncts for node in walk(part) if isinstance(node, Call)
            }
            assert functions.isdisjoint({"$add", "$subtract", "$multiply", "$divide", "$modulus"})


def error_of(act: Callable[[], object]) -> Exception | None:
    try:
        act()
    except NotFoundError as error:
        return error
    return None
