"""Selections against a naive reading of all events, and what a predicate asks for by example."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.cloudwatch_logs.log_group import LogClass, LogGroup, LogTable
from athena_connectors.cloudwatch_logs.native_text import native_text
from athena_connectors.cloudwatch_logs.pushdown import (
    MAX_NAMES,
    NEWEST_FIRST_SINCE,
    PAGE_EVENTS,
    select,
)
from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector, Window
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.cloudwatch_logs.stream_names import ALL_STREAMS, StreamSet, prefix_of
from athena_connectors.cloudwatch_logs.types import table_schema
from athena_connectors.common.connector import Exactness, Pushdown
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.expressions import Call, Constant, Expression, Variable
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import strategies
from athena_connectors.common.testing.logs_errors import LogsError
from athena_connectors.common.testing.logs_patterns import compile_pattern
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
    ValueSet,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400_000
HOUR = 3_600_000
NOW = 1_750_000_000_000
SETTINGS = Settings()
SCHEMA = table_schema(SETTINGS)
GROUP = LogGroup("/app", created_at=NOW - 20 * DAY)
FIRST = NOW - 34 * DAY
EVERYTHING = Window(FIRST, None)
TABLE = LogTable(GROUP, None)
STREAM = LogTable(GROUP, "app-1")


# Predicates


def variable(column: str) -> Variable:
    return Variable(column, SCHEMA.field(column).type)


def constant(value: Any, type_: Any = None) -> Constant:
    return Constant((value,), type_ or (pa.string() if isinstance(value, str) else pa.int64()))


def call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def compare(function: str, column: str, value: Any, type_: Any = None) -> Call:
    return call(function, variable(column), constant(value, type_ or SCHEMA.field(column).type))


def like(column: str, pattern: str) -> Call:
    return compare("$like_pattern", column, pattern)


def listed(column: str, *values: Any) -> Call:
    array = Call("$array", (Constant(values, SCHEMA.field(column).type),), pa.list_(pa.null()))
    return call("$in", variable(column), array)


def ranges(column: str, *items: Range, null_allowed: bool = False) -> Constraints:
    type_ = SCHEMA.field(column).type
    return Constraints({column: SortedRangeSet.of(type_, items, null_allowed=null_allowed)})


def points(column: str, *values: Any) -> Constraints:
    return ranges(column, *map(Range.equal, values))


def plan(predicate: Constraints | Expression, table: LogTable = TABLE) -> Pushdown:
    constraints = predicate if isinstance(predicate, Constraints) else Constraints({}, (predicate,))
    return select(constraints, table, SETTINGS)


def selected(predicate: Constraints | Expression, table: LogTable = TABLE) -> Selection:
    native = plan(predicate, table).native
    assert isinstance(native, Selection)
    return native


def is_exact(predicate: Constraints | Expression, table: LogTable = TABLE) -> bool:
    return all(each.exactness is Exactness.EXACT for each in plan(predicate, table).decisions)


def nothing(predicate: Constraints | Expression, table: LogTable = TABLE) -> bool:
    return selected(predicate, table).windows == () and is_exact(predicate, table)


# A naive reading


@dataclass(frozen=True)
class Event:
    stream: str
    time: int
    message: str
    ingested: int | None


def is_selected(item: Event, selection: Selection) -> bool:
    """Return whether a read of the windows and streams gives an event, patterns aside."""
    streams = selection.streams
    if streams.names is not None and item.stream not in streams.names:
        return False
    return item.stream.startswith(streams.prefix) and any(
        window.start <= item.time and (window.end is None or item.time < window.end)
        for window in selection.windows
    )


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what a pattern matches; what is no pattern shall match messages that have it."""
    try:
        return compile_pattern(pattern)
    except (LogsError, NotImplementedError):
        return lambda message: pattern in message


def rows_of(events: list[Event], selection: Selection, *, table: LogTable) -> pa.RecordBatch:
    """Return the rows of all events, for each pattern those that match it."""
    found: list[tuple[Event, str | None]] = []
    for pattern in (None,) if selection.patterns is None else selection.patterns:
        matches = matcher(pattern or "")
        found.extend((item, pattern) for item in events if matches(item.message))
    times = [item.time for item, _ in found]
    columns: dict[str, tuple[list[Any], Any]] = {
        "log_stream": ([item.stream for item, _ in found], pa.string()),
        "time": (times, pa.int64()),
        "message": ([item.message for item, _ in found], pa.string()),
        "event_time": (times, pa.date64()),
        "ingestion_time": ([item.ingested for item, _ in found], pa.int64()),
        "event_id": ([None] * len(found), pa.string()),
        "log_group": ([table.group.name] * len(found), pa.string()),
        "filter_pattern": ([pattern for _, pattern in found], pa.string()),
    }
    return pa.RecordBatch.from_pydict(
        {name: strategies.column_of(*column) for name, column in columns.items()}
    )


def check(events: list[Event], constraints: Constraints, table: LogTable) -> Selection:
    """Read as a selection says and filter the rest; compare with filtering everything."""
    pushdown = select(constraints, table, SETTINGS)
    selection = pushdown.native
    assert isinstance(selection, Selection)
    own = [item for item in events if table.stream in (None, item.stream)]
    wanted = compile_residual(constraints.conjuncts()).apply(rows_of(own, selection, table=table))
    matches = compile_pattern(selection.implied_pattern)
    read = [item for item in events if is_selected(item, selection) and matches(item.message)]
    kept = compile_residual(pushdown.residual(constraints)).apply(
        rows_of(read, selection, table=table)
    )
    assert Counter(map(str, kept.to_pylist())) == Counter(map(str, wanted.to_pylist()))
    return selection


NAMES = ("a", "app", "app-1", "app-10", "app/2", "apq", "b", "a\ud7ff", "\ue000", "\U00010000b")
OTHER_NAMES = (*NAMES, "", "ap", "app-", "a:b", "*", "x" * 513, "a\ue000", "\U0010ffff")
TIMES = tuple(NOW - ago for ago in (0, 1, 2, 999, 1000, HOUR, HOUR + 1, 2 * HOUR, DAY, 34 * DAY))
OTHER_TIMES = (*TIMES, 0, -1, 1, NOW + 1, NOW - 35 * DAY, 2**63 - 1, 2**63 - 2, -(2**63))
MESSAGES = ("", "ERROR", "an ERROR 12", "error", "x*y*ERR", "line\nERROR", "é ERROR é", "100%_")
PATTERNS = ("%ERROR%", "ERROR%", "%RR_R%", "%*y*%", "%", "_", "E_ROR", "%\n%", "%é%", "%ERR%OR%")
FILTERS = ("", "ERROR", '"an ERROR"', "-error", "?error ?ERROR")

EVENTS = st.lists(
    st.builds(
        lambda stream, time, message, delay: Event(
            stream, time, message, None if delay is None else time + delay
        ),
        st.sampled_from(NAMES),
        st.sampled_from(TIMES),
        st.sampled_from(MESSAGES),
        st.sampled_from((None, 0, 1, 1000, -2 * HOUR, 14 * DAY)),
    ),
    max_size=12,
)
ENDS: dict[str, st.SearchStrategy[Any]] = {
    "log_stream": st.sampled_from((*OTHER_NAMES, "app%", "a%1", "app__")),
    "time": st.sampled_from(OTHER_TIMES),
    "message": st.sampled_from((*MESSAGES, *PATTERNS, "ERROS", "an F")),
    "event_time": st.sampled_from(OTHER_TIMES),
    "ingestion_time": st.sampled_from(OTHER_TIMES),
    "event_id": st.sampled_from(("1", "2")),
    "log_group": st.sampled_from(("/app", "/ap", "/%", "%x%")),
    "filter_pattern": st.sampled_from(FILTERS),
}
TYPES = {field.name: field.type for field in SCHEMA}
SUMMARIES = st.lists(st.sampled_from(SCHEMA.names), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries(
        {name: strategies.value_sets(TYPES[name], ends=ENDS[name]) for name in names}
    )
)
CONDITIONS = strategies.conditions(TYPES, arithmetic=False, depth=3, constants=ENDS)
TABLES = st.sampled_from((TABLE, TABLE, STREAM))


@given(EVENTS, SUMMARIES, TABLES)
@settings(max_examples=400, deadline=None)
def test_value_sets_lose_and_add_no_row(
    events: list[Event], summary: dict[str, ValueSet], table: LogTable
) -> None:
    selection = check(events, Constraints(summary), table)
    event(f"windows {len(selection.windows) > 0}")


@given(EVENTS, st.lists(CONDITIONS, max_size=2), SUMMARIES, TABLES)
@settings(max_examples=400, deadline=None)
def test_expressions_lose_and_add_no_row(
    events: list[Event],
    expressions: list[Expression],
    summary: dict[str, ValueSet],
    table: LogTable,
) -> None:
    check(events, Constraints(summary, tuple(expressions)), table)


def leaves() -> st.SearchStrategy[Expression]:
    """Return conditions that can be asked for, so that AND and OR of them have much to do."""
    functions = st.sampled_from(
        ("$equal", "$less_than", "$less_than_or_equal", "$greater_than", "$greater_than_or_equal")
    )
    times = st.sampled_from(TIMES)
    ready: list[st.SearchStrategy[Any]] = [
        st.builds(compare, functions, st.sampled_from(["time"]), times),
        st.builds(lambda f, v: compare(f, "event_time", v), functions, times),
        st.builds(lambda f, v: compare(f, "ingestion_time", v), functions, times),
        st.sampled_from(NAMES).map(lambda name: compare("$equal", "log_stream", name)),
        st.sampled_from(("app%", "ap%", "app-1%", "a%1")).map(
            lambda text: like("log_stream", text)
        ),
        st.sampled_from(PATTERNS).map(lambda text: like("message", text)),
        st.sampled_from(FILTERS).map(lambda text: compare("$equal", "filter_pattern", text)),
        st.just(call("$is_null", variable("filter_pattern"))),
    ]
    return st.one_of(ready)


def trees(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    joined = st.builds(
        lambda function, items: call(function, *items),
        st.sampled_from(("$and", "$or")),
        st.lists(inner, min_size=2, max_size=3),
    )
    return joined | inner.map(lambda item: call("$not", item))


@given(EVENTS, st.recursive(leaves(), trees, max_leaves=6), TABLES)
@settings(max_examples=600, deadline=None)
def test_nested_conditions_lose_and_add_no_row(
    events: list[Event], expression: Expression, table: LogTable
) -> None:
    check(events, Constraints({}, (expression,)), table)


# Times


X = NOW - DAY


@pytest.mark.parametrize("column", ["time", "event_time"])
@pytest.mark.parametrize(
    ("items", "windows"),
    [
        ([Range.equal(X)], [Window(X, X + 1)]),
        ([Range.at_most(X)], [Window(FIRST, X + 1)]),
        ([Range.less_than(X)], [Window(FIRST, X)]),
        ([Range.at_least(X)], [Window(X, None)]),
        ([Range.greater_than(X)], [Window(X + 1, None)]),
        ([Range.between(X, X + 9)], [Window(X, X + 10)]),
        ([Range.between(X, X + 9, high_inclusive=False)], [Window(X, X + 9)]),
        ([*map(Range.equal, (X, X + 5, X + 9))], [Window(X + n, X + n + 1) for n in (0, 5, 9)]),
        (
            [Range.between(X, X + 3), Range.between(X + 5, X + 9)],
            [Window(X, X + 4), Window(X + 5, X + 10)],
        ),
        ([Range.less_than(X), Range.greater_than(X)], [Window(FIRST, X), Window(X + 1, None)]),
        ([Range.all()], [EVERYTHING]),
        ([Range.less_than(0)], []),
        ([Range.at_most(-1), Range.equal(X)], [Window(X, X + 1)]),
        ([], []),
    ],
)
def test_complaint_01_each_form_of_a_condition_on_time_asks_for_its_ms(
    column: str, items: list[Range], windows: list[Window]
) -> None:
    constraints = ranges(column, *items)
    assert list(selected(constraints).windows) == windows
    assert is_exact(constraints)


def test_events_have_a_time() -> None:
    assert nothing(ranges("time", null_allowed=True))
    assert selected(ranges("time", Range.greater_than(X), null_allowed=True)).windows == (
        Window(X + 1, None),
    )
    assert is_exact(ranges("time", Range.all()))
    assert nothing(call("$is_null", variable("event_time")))


def test_events_are_not_older_than_their_group_lets_them_be() -> None:
    assert selected(Constraints()).windows == (EVERYTHING,)
    old = LogTable(LogGroup("/old"), None)
    assert selected(Constraints(), old).windows == (Window(0, None),)
    assert nothing(points("time", FIRST - 1))


def test_sets_of_every_class_are_windows() -> None:
    only = Constraints(
        {"time": EquatableValueSet(pa.int64(), (X,), white_list=True, null_allowed=False)}
    )
    assert selected(only).windows == (Window(X, X + 1),)
    but = Constraints(
        {"time": EquatableValueSet(pa.int64(), (X,), white_list=False, null_allowed=False)}
    )
    assert selected(but).windows == (Window(FIRST, X), Window(X + 1, None))
    assert nothing(
        Constraints({"time": AllOrNoneValueSet(pa.int64(), all=False, null_allowed=True)})
    )
    unclear = Constraints({"time": AllOrNoneValueSet(pa.int64(), all=False, null_allowed=False)})
    assert selected(unclear).windows == (EVERYTHING,)
    assert not is_exact(unclear)


def test_conditions_on_both_columns_of_time_meet() -> None:
    day = ranges("time", Range.between(X, X + DAY)).summary
    hour = ranges("event_time", Range.between(X + HOUR, X + 2 * HOUR)).summary
    constraints = Constraints({**day, **hour})
    assert selected(constraints).windows == (Window(X + HOUR, X + 2 * HOUR + 1),)
    assert is_exact(constraints)


def test_more_spans_than_are_read_one_by_one_are_filtered_here() -> None:
    constraints = points("time", *(X + 10 * n for n in range(9)))
    assert len(selected(constraints).windows) == 8
    (decision,) = plan(constraints).decisions
    assert decision.exactness is Exactness.SUPERSET
    assert "spans of time" in decision.reason
    narrowed = replace(constraints, expression=(compare("$less_than", "time", X + 30),))
    assert len(selected(narrowed).windows) == 3
    assert is_exact(narrowed)


@pytest.mark.parametrize(
    ("expression", "windows"),
    [
        (compare("$greater_than", "time", X), [Window(X + 1, None)]),
        (call("$less_than", constant(X), variable("time")), [Window(X + 1, None)]),
        (call("$not", compare("$greater_than", "time", X)), [Window(FIRST, X + 1)]),
        (
            compare("$greater_than", "time", Decimal(X) + Decimal("0.5"), pa.decimal128(20, 1)),
            [Window(X + 1, None)],
        ),
        (compare("$less_than", "time", X + 0.5, pa.float64()), [Window(FIRST, X + 1)]),
        (compare("$is_distinct_from", "time", X), [Window(FIRST, X), Window(X + 1, None)]),
        (call("$not", compare("$is_distinct_from", "time", X)), [Window(X, X + 1)]),
        (listed("time", X, X + 5), [Window(X, X + 1), Window(X + 5, X + 6)]),
        (listed("time", X, None), [Window(X, X + 1)]),
        (call("$not", listed("time", X, X)), [Window(FIRST, X), Window(X + 1, None)]),
        (call("$not", listed("time", X, None)), []),
        (compare("$greater_than", "time", None), []),
        (
            call(
                "$or",
                compare("$less_than", "time", X),
                compare("$greater_than", "event_time", X + 9),
            ),
            [Window(FIRST, X), Window(X + 10, None)],
        ),
        (
            compare("$equal", "event_time", X // DAY, pa.date32()),
            [Window(X // DAY * DAY, X // DAY * DAY + 1)],
        ),
        (
            call(
                "$equal",
                Call("$divide", (variable("time"), constant(1000)), pa.int64()),
                constant(X // 1000),
            ),
            [Window(X // 1000 * 1000, X // 1000 * 1000 + 1000)],
        ),
        (
            call(
                "$not",
                call(
                    "$in",
                    Call("$divide", (variable("time"), constant(1000)), pa.int64()),
                    Constant((X // 1000,), pa.int64()),
                ),
            ),
            [Window(FIRST, X // 1000 * 1000), Window(X // 1000 * 1000 + 1000, None)],
        ),
    ],
)
def test_expressions_on_time_are_windows(expression: Expression, windows: list[Window]) -> None:
    assert list(selected(expression).windows) == windows
    assert is_exact(expression)


def test_a_calculation_that_may_fail_is_done_here_too() -> None:
    later = Call("$add", (variable("time"), constant(HOUR)), pa.int64())
    expression = call("$greater_than", later, constant(X))
    assert selected(expression).windows == (Window(X - HOUR + 1, None),)
    assert plan(expression).decisions[0].exactness is Exactness.SUPERSET


def test_complaint_22_arrival_is_asked_for_by_time_and_filtered_here() -> None:
    constraints = ranges("ingestion_time", Range.between(X, X + HOUR))
    assert selected(constraints).windows == (Window(X - 14 * DAY, X + 3 * HOUR + 1),)
    (decision,) = plan(constraints).decisions
    assert decision.exactness is Exactness.SUPERSET
    assert "14 days" in decision.reason
    or_null = replace(constraints.summary["ingestion_time"], null_allowed=True)
    assert selected(Constraints({"ingestion_time": or_null})).windows == (EVERYTHING,)


def test_a_long_list_of_times_is_planned_quickly() -> None:
    many = [X + 10 * n for n in range(20_000)]
    assert len(selected(call("$not", listed("time", *many))).windows) == 8
    assert len(selected(listed("time", *many)).windows) == 8


# Streams


@pytest.mark.parametrize(
    ("predicate", "streams", "exact"),
    [
        (points("log_stream", "b", "a"), StreamSelector(("a", "b")), True),
        (points("log_stream", "b", "a:b", "*", "", "x" * 513), StreamSelector(("b",)), True),
        (
            ranges("log_stream", Range.between("abc", "abd", high_inclusive=False)),
            StreamSelector(prefix="abc"),
            True,
        ),
        (ranges("log_stream", Range.between("abc", "abd")), StreamSelector(prefix="ab"), False),
        (ranges("log_stream", Range.at_least("abc")), StreamSelector(), False),
        (like("log_stream", "app%"), StreamSelector(prefix="app"), True),
        (like("log_stream", "app%%"), StreamSelector(prefix="app"), True),
        (like("log_stream", "app_"), StreamSelector(prefix="app"), False),
        (like("log_stream", "app%1"), StreamSelector(prefix="app"), False),
        (like("log_stream", "%1"), StreamSelector(), False),
        (like("log_stream", "%"), StreamSelector(), True),
        (like("log_stream", "app"), StreamSelector(("app",)), True),
        (like("log_stream", "2024\\%"), StreamSelector(prefix="2024\\"), True),
        (listed("log_stream", "b", "a", None), StreamSelector(("a", "b")), True),
        (
            call("$or", like("log_stream", "ab%"), like("log_stream", "ac%")),
            StreamSelector(prefix="a"),
            False,
        ),
        (
            call("$or", like("log_stream", "ab%"), compare("$equal", "log_stream", "abc")),
            StreamSelector(prefix="ab"),
            True,
        ),
        (
            call("$and", listed("log_stream", "ab", "b"), like("log_stream", "a%")),
            StreamSelector(("ab",)),
            True,
        ),
        (
            call("$and", like("log_stream", "a%"), like("log_stream", "ab%")),
            StreamSelector(prefix="ab"),
            True,
        ),
        (compare("$not_equal", "log_stream", "a"), StreamSelector(), False),
        (call("$not", listed("log_stream", "a")), StreamSelector(), False),
        (call("$not", like("log_stream", "a%")), StreamSelector(), False),
        (call("$not", call("$is_null", variable("log_stream"))), StreamSelector(), True),
    ],
)
def test_complaint_24_conditions_on_streams_are_names_or_a_prefix(
    predicate: Constraints | Expression, streams: StreamSelector, *, exact: bool
) -> None:
    assert selected(predicate).streams == streams
    assert is_exact(predicate) == exact


@pytest.mark.parametrize(
    "predicate",
    [
        points("log_stream", "a:b"),
        points("log_stream", "a" * 513),
        like("log_stream", "a*%"),
        call("$and", like("log_stream", "a%"), like("log_stream", "b%")),
        call("$and", like("log_stream", "a%"), listed("log_stream", "b")),
        call("$is_null", variable("log_stream")),
        compare("$equal", "log_stream", None),
    ],
)
def test_what_no_stream_can_be_called_needs_no_call(predicate: Constraints | Expression) -> None:
    assert nothing(predicate)


@pytest.mark.parametrize(
    ("item", "prefix", "whole"),
    [
        (Range.between("p", "q", high_inclusive=False), "p", True),
        (Range.between("p", "q", low_inclusive=False, high_inclusive=False), "p", False),
        (Range.between("pa", "q", high_inclusive=False), "p", False),
        (Range.between("p", "q"), "", False),
        (Range.between("pa", "pb"), "p", False),
        (Range.between("p", "pb"), "p", False),
        (Range.between("a\ud7fe", "a\ud7ff", high_inclusive=False), "a\ud7fe", True),
        (Range.between("a\ud7ff", "a\ue000", high_inclusive=False), "a", False),
        (Range.all(), "", True),
        (Range.at_least("p"), "", False),
        (Range.at_most("p"), "", False),
    ],
)
def test_the_texts_of_a_range_have_a_prefix(item: Range, prefix: str, *, whole: bool) -> None:
    assert prefix_of(item) == (prefix, whole)


SETS = st.builds(
    StreamSet.of,
    st.lists(st.text("ab", max_size=3), max_size=4),
    st.lists(st.text("ab", max_size=3), max_size=3),
)


def has(streams: StreamSet, name: str) -> bool:
    return name in streams.names or any(name.startswith(item) for item in streams.prefixes)


@given(SETS, SETS)
@settings(max_examples=300)
def test_sets_of_streams_are_sets_of_names(left: StreamSet, right: StreamSet) -> None:
    names = ["a", "b", "aa", "ab", "ba", "bb", "aba", "abb", "abaa", "bbab"]
    union, shared = left.union(right), left.intersect(right)
    for name in names:
        assert has(union, name) == (has(left, name) or has(right, name))
        assert has(shared, name) == (has(left, name) and has(right, name))
    selector = left.selector()
    if selector.names is not None:
        assert set(selector.names) == left.names
    assert all(name.startswith(selector.prefix) for name in [*left.names, *left.prefixes])
    if right.covers(selector):
        assert left.intersect(right) == left
    assert StreamSet.of(left.names, left.prefixes) == left
    assert left.intersect(ALL_STREAMS) == left


def test_a_table_of_one_stream_asks_for_it_alone() -> None:
    assert selected(Constraints(), STREAM).streams == StreamSelector(("app-1",))
    assert selected(like("log_stream", "app%"), STREAM).streams == StreamSelector(("app-1",))


@pytest.mark.parametrize(
    "predicate",
    [
        points("log_stream", "app-1", "x"),
        like("log_stream", "%-1"),
        compare("$not_equal", "log_stream", "x"),
        compare("$equal", "log_group", "/app"),
        ranges("log_group", Range.less_than("/b")),
    ],
)
def test_what_is_the_same_in_all_rows_is_known_without_a_read(
    predicate: Constraints | Expression,
) -> None:
    assert selected(predicate, STREAM).windows == (EVERYTHING,)
    assert is_exact(predicate, STREAM)
    opposite = (
        Constraints({name: values.complement() for name, values in predicate.summary.items()})
        if isinstance(predicate, Constraints)
        else call("$not", predicate)
    )
    assert nothing(opposite, STREAM)


def test_the_schema_of_another_account_is_not_its_groups_name() -> None:
    linked = LogTable(replace(GROUP, identifier="arn:aws:logs:eu-west-1:1:log-group:/app"), None)
    predicate = points("log_group", "1:/app")
    assert selected(predicate, linked).windows == (EVERYTHING,)
    assert not is_exact(predicate, linked)


# Messages and patterns


@pytest.mark.parametrize(
    ("predicate", "pattern"),
    [
        (like("message", "%ERROR%"), "%ERROR%"),
        (like("message", "%Task timed%out%"), r"%Task\x20timed%"),
        (like("message", "ERROR_x"), "%ERROR%"),
        (compare("$equal", "message", "ERROR: x"), r"%ERROR\x3a\x20x%"),
        (points("message", "ERROR"), "%ERROR%"),
        (ranges("message", Range.between("ERROR", "ERRORS")), "%ERROR%"),
        (points("message", "ERROR", "WARN"), ""),
        (ranges("message", Range.equal("ERROR"), null_allowed=True), ""),
        (like("message", "%ab%"), ""),
        (like("message", "%***%"), ""),
        (call("$not", like("message", "%ERROR%")), ""),
        (call("$not", like("message", "ERROR")), ""),
        (call("$and", like("message", "%ERROR%"), like("message", "%timeout%")), "%timeout%"),
        (call("$or", like("message", "%ERROR%"), like("message", "%timeout%")), ""),
        (call("$or", like("message", "%ERROR%"), like("message", "ERROR%")), "%ERROR%"),
        (call("$or", like("message", "%ERROR%"), compare("$equal", "time", X)), ""),
    ],
)
def test_a_condition_on_messages_implies_a_pattern(
    predicate: Constraints | Expression, pattern: str
) -> None:
    assert selected(predicate).implied_pattern == pattern
    assert not is_exact(predicate)


def test_of_two_conditions_on_messages_one_gives_the_pattern() -> None:
    both = Constraints({}, (like("message", "%ERROR%"), like("message", "%timeout%")))
    short, long = plan(both).decisions
    assert long.exactness is Exactness.SUPERSET
    assert long.native == "filterPattern='%timeout%'"
    assert short.exactness is Exactness.NOT_PUSHED
    assert "one filter pattern" in short.reason


def test_no_pattern_is_derived_where_none_is_wanted_or_known() -> None:
    predicate = Constraints({}, (like("message", "%ERROR%"),))
    off = select(predicate, TABLE, replace(SETTINGS, derive_filter_pattern=False))
    assert isinstance(off.native, Selection)
    assert off.native.implied_pattern == ""
    assert "derive_filter_pattern" in off.decisions[0].reason
    cheap = LogTable(replace(GROUP, log_class=LogClass.INFREQUENT_ACCESS), None)
    assert selected(predicate, cheap).implied_pattern == ""
    assert "class" in plan(predicate, cheap).decisions[0].reason


@pytest.mark.parametrize(
    ("predicate", "patterns"),
    [
        (points("filter_pattern", "ERROR"), ("ERROR",)),
        (points("filter_pattern", "b", "a"), ("a", "b")),
        (compare("$equal", "filter_pattern", "ERROR"), ("ERROR",)),
        (listed("filter_pattern", "a", "b", "a"), ("a", "b")),
        (
            call(
                "$or",
                compare("$equal", "filter_pattern", "a"),
                compare("$equal", "filter_pattern", "b"),
            ),
            ("a", "b"),
        ),
        (
            call("$and", listed("filter_pattern", "a", "b"), listed("filter_pattern", "b", "c")),
            ("b",),
        ),
        (points("filter_pattern", ""), ("",)),
        (call("$is_null", variable("filter_pattern")), None),
        (ranges("filter_pattern", Range.equal("a"), null_allowed=True), None),
        (call("$or", compare("$equal", "filter_pattern", "a"), compare("$equal", "time", X)), None),
        (points("log_stream", "a"), None),
    ],
)
def test_patterns_that_a_predicate_demands_are_asked_for(
    predicate: Constraints | Expression, patterns: tuple[str, ...] | None
) -> None:
    assert selected(predicate).windows != ()
    assert selected(predicate).patterns == patterns
    assert is_exact(predicate) == (patterns is not None or predicate == points("log_stream", "a"))


@pytest.mark.parametrize(
    "predicate",
    [
        like("filter_pattern", "%ERROR%"),
        compare("$not_equal", "filter_pattern", "a"),
        compare("$greater_than", "filter_pattern", "a"),
        call("$not", call("$is_null", variable("filter_pattern"))),
        call("$not", listed("filter_pattern", "a")),
        ranges("filter_pattern", Range.at_least("a")),
        call(
            "$and",
            compare("$equal", "filter_pattern", "a"),
            compare("$equal", "filter_pattern", "b"),
        ),
    ],
)
def test_the_pattern_is_null_unless_one_is_demanded(predicate: Constraints | Expression) -> None:
    assert nothing(predicate)


def test_other_conditions_on_patterns_hold_beside_those_that_demand_some() -> None:
    both = Constraints(points("filter_pattern", "a", "b").summary, (like("filter_pattern", "a%"),))
    assert selected(both).patterns == ("a", "b")
    assert [each.exactness for each in plan(both).decisions] == [
        Exactness.EXACT,
        Exactness.NOT_PUSHED,
    ]


def test_a_demanded_pattern_leaves_no_place_for_a_derived_one() -> None:
    both = Constraints(points("filter_pattern", "a").summary, (like("message", "%ERROR%"),))
    assert selected(both).patterns == ("a",)
    assert selected(both).implied_pattern == ""


# Conditions that are not asked for


@pytest.mark.parametrize(
    "predicate",
    [
        points("event_id", "1"),
        compare("$equal", "event_id", "1"),
        call("$equal", variable("time"), variable("ingestion_time")),
        call("$equal", variable("message"), variable("log_stream")),
        compare("$equal", "time", "x", pa.string()),
        compare("$equal", "time", float("nan"), pa.float64()),
        compare("$equal", "time", 2.0**60, pa.float64()),
        compare("$equal", "time", 1.0, pa.float32()),
        compare("$equal", "event_time", 1, pa.int64()),
        call("$in", variable("time"), Call("$array", (variable("time"),), pa.list_(pa.null()))),
        call("$like_pattern", variable("message"), variable("log_stream")),
        call("$is_null", variable("message")),
        call("$equal", constant(1), constant(1)),
        Constraints({"time": SortedRangeSet.of_points(pa.string(), ["x"])}),
        call("$like_pattern", variable("time"), constant("x")),
    ],
)
def test_other_conditions_are_left_to_the_residual(predicate: Constraints | Expression) -> None:
    assert selected(predicate) == Selection((EVERYTHING,))
    (decision,) = plan(predicate).decisions
    assert decision.exactness is Exactness.NOT_PUSHED
    assert decision.reason.endswith(".")


def test_a_deep_expression_is_not_looked_into() -> None:
    expression: Expression = compare("$equal", "time", X)
    for _ in range(5000):
        expression = call("$not", expression)
    assert not is_exact(expression)


def test_or_of_different_columns_is_within_both() -> None:
    first = call("$and", compare("$less_than", "time", X), compare("$equal", "log_stream", "a"))
    second = call(
        "$and", compare("$less_than", "time", X + 9), compare("$equal", "log_stream", "b")
    )
    either = call("$or", first, second)
    assert selected(either).windows == (Window(FIRST, X + 9),)
    assert selected(either).streams == StreamSelector(("a", "b"))
    assert not is_exact(either)
    assert is_exact(call("$or", first, compare("$equal", "log_stream", "a")))


# Limit and order


RECENT = ranges("time", Range.at_least(X))
DESC = Direction.DESC_NULLS_LAST
ASC = Direction.ASC_NULLS_LAST


def limited(
    constraints: Constraints,
    *order: tuple[str, Direction],
    table: LogTable = TABLE,
    limit: int = 10,
) -> Pushdown:
    keys = tuple(OrderBy(*key) for key in order)
    return select(replace(constraints, order_by=keys, limit=limit), table, SETTINGS)


def native(pushdown: Pushdown) -> Selection:
    assert isinstance(pushdown.native, Selection)
    return pushdown.native


def test_a_limit_is_kept_if_nothing_is_left_to_filter() -> None:
    pushdown = limited(RECENT)
    assert pushdown.limit_pushed
    assert native(pushdown).limit == 10
    left = limited(replace(RECENT, expression=(like("message", "%ERROR%"),)))
    assert not left.limit_pushed
    assert native(left).limit is None
    assert left.limit_reason.endswith(".")
    assert native(plan(RECENT)).limit is None


@pytest.mark.parametrize("column", ["time", "event_time"])
def test_the_newest_events_are_read_first(column: str) -> None:
    pushdown = limited(RECENT, (column, DESC))
    assert (pushdown.limit_pushed, pushdown.order_pushed) == (True, True)
    assert native(pushdown).newest_first
    assert not native(pushdown).oldest_first
    assert native(pushdown).limit == 10


def test_the_oldest_events_are_read_first() -> None:
    pushdown = limited(points("time", X, X + 5), ("time", ASC))
    assert (pushdown.limit_pushed, pushdown.order_pushed) == (True, True)
    assert native(pushdown).oldest_first
    assert not native(pushdown).newest_first


def test_keys_that_say_nothing_more_are_no_hindrance() -> None:
    assert limited(RECENT, ("time", DESC), ("event_time", ASC)).order_pushed
    assert native(limited(RECENT, ("log_group", ASC), ("time", DESC))).newest_first
    constant_keys = limited(RECENT, ("log_stream", ASC), table=STREAM)
    assert constant_keys.order_pushed
    assert not native(constant_keys).newest_first
    assert not native(constant_keys).oldest_first


NAMED = points("log_stream", *(f"s{number}" for number in range(MAX_NAMES)))
TOO_MANY = points("log_stream", *(f"s{number}" for number in range(MAX_NAMES + 1)))
CHEAP = LogTable(replace(GROUP, log_class=LogClass.INFREQUENT_ACCESS), None)
FIRST_DAY = LogTable(LogGroup("/old"), None)


@pytest.mark.parametrize(
    ("constraints", "order", "table"),
    [
        (RECENT, [("message", DESC)], TABLE),
        (RECENT, [("ingestion_time", DESC)], TABLE),
        (RECENT, [("time", DESC), ("message", ASC)], TABLE),
        (RECENT, [("log_stream", DESC), ("time", DESC)], TABLE),
        (points("time", X, X + 5), [("time", DESC)], TABLE),
        (TOO_MANY, [("time", DESC)], TABLE),
        (TOO_MANY, [("time", ASC)], TABLE),
        (points("filter_pattern", "a", "b"), [("time", DESC)], TABLE),
        (points("filter_pattern", "a", "b"), [("time", ASC)], TABLE),
        (RECENT, [("time", DESC)], CHEAP),
        (RECENT, [("time", ASC)], CHEAP),
        (Constraints(), [("time", DESC)], FIRST_DAY),
        (ranges("time", Range.at_least(NEWEST_FIRST_SINCE - 1)), [("time", DESC)], FIRST_DAY),
        (ranges("ingestion_time", Range.at_least(X)), [("time", DESC)], TABLE),
    ],
)
def test_an_order_that_a_read_does_not_have_is_made_here(
    constraints: Constraints, order: list[tuple[str, Direction]], table: LogTable
) -> None:
    pushdown = limited(constraints, *order, table=table)
    assert (pushdown.limit_pushed, pushdown.order_pushed) == (False, False)
    assert native(pushdown).limit is None
    assert not native(pushdown).newest_first
    assert not native(pushdown).oldest_first
    assert pushdown.limit_reason.endswith(".")


def test_an_order_that_a_read_just_has_is_left_to_it() -> None:
    since = ranges("time", Range.at_least(NEWEST_FIRST_SINCE))
    assert limited(since, ("time", DESC), table=FIRST_DAY).order_pushed
    assert limited(NAMED, ("time", DESC)).order_pushed
    assert limited(points("filter_pattern", "a"), ("time", DESC)).order_pushed
    assert limited(Constraints(), ("time", ASC), table=FIRST_DAY).order_pushed
    assert limited(RECENT, table=CHEAP).limit_pushed


@pytest.mark.parametrize(
    ("constraints", "order", "limit", "is_pushed"),
    [
        (RECENT, ASC, PAGE_EVENTS, True),
        (RECENT, ASC, PAGE_EVENTS + 1, False),
        (RECENT, DESC, PAGE_EVENTS + 1, True),
        (ranges("time", Range.between(X, X + 5)), ASC, PAGE_EVENTS + 1, True),
    ],
)
def test_pages_in_ascending_order_need_an_end(
    constraints: Constraints, order: Direction, limit: int, *, is_pushed: bool
) -> None:
    pushdown = limited(constraints, ("time", order), limit=limit)
    assert (pushdown.limit_pushed, pushdown.order_pushed) == (is_pushed, is_pushed)
    assert native(pushdown).limit == (limit if is_pushed else None)
    assert bool(pushdown.limit_reason) is not is_pushed


def test_a_limit_of_nothing_is_kept() -> None:
    pushdown = limited(points("time", -1), ("message", DESC))
    assert (pushdown.limit_pushed, pushdown.order_pushed) == (True, True)
    assert native(pushdown).windows == ()


# Text


def test_decisions_show_what_is_asked_for() -> None:
    constraints = Constraints(
        {**RECENT.summary, **points("filter_pattern", "b", "a").summary},
        (like("log_stream", "app%1"), compare("$less_than", "time", X + 5)),
    )
    assert [(each.exactness, each.native) for each in plan(constraints).decisions] == [
        (Exactness.EXACT, f"startTime={X}"),
        (Exactness.EXACT, "filterPattern='a' or filterPattern='b'"),
        (Exactness.SUPERSET, "logStreamNamePrefix='app'"),
        (Exactness.EXACT, f"endTime={X + 5}"),
    ]


def test_the_requests_of_a_selection_are_shown() -> None:
    selection = Selection((Window(5, 9), Window(20, None)), patterns=("ERROR",))
    assert native_text(selection, operation="FilterLogEvents", group="/app") == (
        "FilterLogEvents /app startTime=5 endTime=9 filterPattern='ERROR'\n"
        "FilterLogEvents /app startTime=20 filterPattern='ERROR'"
    )
    named = Selection(
        (Window(0, 9),),
        StreamSelector(("a", "b", "c", "d", "e")),
        implied_pattern="%x%",
        newest_first=True,
    )
    assert native_text(named, operation="FilterLogEvents", group="/app") == (
        "FilterLogEvents /app endTime=9 logStreamNames='a', 'b', 'c', 2 more"
        " filterPattern='%x%' startFromHead=false"
    )
    assert native_text(Selection(()), operation="GetLogEvents", group="/app") == "no event"
