"""Access policies: what a document may say, and what becomes of what it says."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.access import gate as access_gate
from athena_connectors.common.access.documents import parse_policy
from athena_connectors.common.access.filter_types import conjuncts_of
from athena_connectors.common.access.gate import AccessGate
from athena_connectors.common.access.guard import GuardedConnector
from athena_connectors.common.access.masks import (
    Constant,
    Hash,
    LastCharacters,
    Mask,
    MaskError,
    Null,
)
from athena_connectors.common.access.row_filters import FilterError, parse_row_filter
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.connector import (
    Connector,
    Decision,
    Exactness,
    Pushdown,
    Scan,
    TableDescription,
)
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import (
    AccessDeniedError,
    ColumnNotFoundError,
    ConfigurationError,
    ConnectorError,
    DataConversionError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotFoundError,
    SourceError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.expressions import Call, Variable, render
from athena_connectors.common.expressions import Constant as ConstantOf
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.inference import InferredColumn, InferredTable
from athena_connectors.common.naming import resolve
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.messages import Identity, Split, TableName
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.seals import SEALED, Seal
from athena_connectors.common.secrets import Secret
from athena_connectors.common.service import Service
from athena_connectors.common.testing.client import LOCAL_IDENTITY, ProtocolClient, TableScan
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.testing.aws import AwsAddress

KEY = "sixteen or more characters"
ALLOW = {"effect": "allow"}
PEOPLE = pa.record_batch(
    {
        "id": pa.array([1, 2, 3, None], pa.int32()),
        "Name": ["Ann", "Bo", None, "Cy"],
        "ssn": ["123-45", "6", None, ""],
        "wage": pa.array([Decimal("10.00"), Decimal("0.00"), None, Decimal("12.50")]),
        "born": pa.array([0, 19_000, None, 1], pa.date32()),
    }
)
TABLES = {"hr.people": PEOPLE, "hr.pets": PEOPLE.select(["id"]), "ops.jobs": PEOPLE.select(["id"])}


def parsed(*rules: dict[str, Any]) -> Any:
    return parse_policy(json.dumps({"rules": list(rules)}), resolve=str)


def service(*rules: dict[str, Any], source: Connector | None = None) -> Service:
    environ = {
        "access_policy": json.dumps({"rules": list(rules)}),
        "split_signing_key": KEY,
    }
    return Service(source or MemoryConnector(TABLES), environ, store=None, observer=None)


def client(*rules: dict[str, Any], source: Connector | None = None) -> ProtocolClient:
    handler = lambda_handler(lambda _: source or MemoryConnector(TABLES)).with_environment(
        {"access_policy": json.dumps({"rules": list(rules)}), "split_signing_key": KEY}
    )

    class Direct:
        def send(self, event: dict[str, Any]) -> dict[str, Any]:
            reply: dict[str, Any] = json.loads(json.dumps(handler(event, None)))
            return reply

        def close(self) -> None:
            handler.close()

    store: Any = None
    return ProtocolClient("memory", Direct(), spill=store)


def rows(asked: ProtocolClient, table: str, *columns: str) -> list[dict[str, Any]]:
    name = TableName(*table.split("."))
    schema = asked.describe(name).schema
    projected = pa.schema([schema.field(column) for column in columns or schema.names])
    scan = TableScan(name, schema, (), projected, query_id="q")
    splits = [asked.read(scan, split) for split in asked.splits(scan)]
    return [row for split in splits for batch in split.batches for row in batch.to_pylist()]


def error_of(act: Callable[[], object]) -> ConnectorError:
    with pytest.raises(ConnectorError) as told:
        act()
    return told.value


# Documents


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ('{"rules": [\n {"effect": "allow",}]}', "line 2, column"),
        ("[]", "has to be an object"),
        ("{}", "rules of the access policy has to be a list"),
        ('{"rules": [], "rule": []}', "member 'rule'"),
        ('{"rules": [], "rules": []}', "'rules' twice"),
        ('{"rules": [{"effect": "allow", "row_filters": "a = 1"}]}', "rules[0]"),
        ('{"rules": [{}]}', "rules[0].effect"),
        ('{"rules": [{"effect": "allow", "tables": []}]}', "rules[0].tables"),
        ('{"rules": [{"effect": "allow", "tables": "t"}]}', "rules[0].tables"),
        ('{"rules": [{"effect": "allow", "principals": {"users": ["a"]}}]}', "rules[0].principals"),
        ('{"rules": [{"effect": "allow", "principals": {"tags": {"a": "b"}}}]}', "tags.a"),
        ('{"rules": [{"effect": "deny", "columns": {"a": "hide"}}]}', "rules[0]"),
        ('{"rules": [{"effect": "deny", "passthrough": true}]}', "rules[0]"),
        ('{"rules": [{"effect": "allow", "passthrough": 1}]}', "rules[0].passthrough"),
        (
            '{"rules": [{"effect": "allow", "passthrough": true, "tables": ["t"]}]}',
            "rules[0].passthrough",
        ),
        (
            '{"rules": [{"effect": "allow", "passthrough": true, "row_filter": "a = 1"}]}',
            "rules[0].passthrough",
        ),
        ('{"rules": [{"effect": "allow", "columns": {"a b": "drop"}}]}', '["a b"]'),
        ('{"rules": [{"effect": "allow", "columns": {"a": {"last_n": 0}}}]}', "columns.a.last_n"),
        ('{"rules": [{"effect": "allow", "columns": {"a": {"last_n": true}}}]}', "a.last_n"),
        ('{"rules": [{"effect": "allow", "columns": {"a": {"hash": {}}}}]}', "a.hash.salt"),
        ('{"rules": [{"effect": "allow", "columns": {"a": {"constant": null}}}]}', "a.constant"),
        ('{"rules": [{"effect": "allow", "columns": {"a": {"constant": NaN}}}]}', "NaN"),
        ('{"rules": [{"effect": "allow", "row_filter": "a = "}]}', "at character 5"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_malformed_document_is_refused_with_place_and_reason(document: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        parse_policy(document, resolve=str)
    assert reason in str(told.value)
    assert told.value.context["setting"] == "access_policy"


def test_no_salt_stands_in_an_error_or_a_repr() -> None:
    rule = {**ALLOW, "columns": {"a": {"hash": {"salt": "s3cr3t", "pepper": 1}}}}
    with pytest.raises(ConfigurationError) as told:
        parsed(rule)
    assert "s3cr3t" not in str(told.value)
    assert "s3cr3t" not in repr(parsed({**ALLOW, "columns": {"a": {"hash": {"salt": "s3cr3t"}}}}))


@pytest.mark.parametrize(
    ("principals", "fits"),
    [
        ({"accounts": ["1"]}, True),
        ({"accounts": ["11"]}, False),
        ({"arns": ["arn:aws:sts::1:assumed-role/bi/*"]}, True),
        ({"arns": ["arn:aws:sts::1:assumed-role/BI/*"]}, False),
        ({"arns": ["*/ann"], "accounts": ["2"]}, False),
        ({"groups": ["x", "b*"]}, True),
        ({"groups": ["*"], "tags": {"team": ["red", "blue"]}}, True),
        ({"tags": {"team": ["*"], "level": ["*"]}}, False),
        ({}, True),
    ],
)
def test_principals_fit_by_each_part_that_is_given(
    principals: dict[str, Any], *, fits: bool
) -> None:
    who = Identity(
        account="1",
        arn="arn:aws:sts::1:assumed-role/bi/ann",
        groups=("a", "bb"),
        tags={"team": "blue", "level": None},
    )
    access = parsed({**ALLOW, "principals": principals}).access(who, "c")
    assert bool(access.rules) is fits


def test_the_first_rule_that_fits_decides_and_the_rest_is_denied() -> None:
    policy = parsed(
        {**ALLOW, "catalogs": ["shop*"], "schemas": ["hr"], "tables": ["pets"]},
        {"effect": "deny", "schemas": ["hr"]},
        {**ALLOW, "schemas": ["HR", "ops"]},
    )
    access = policy.access(Identity(), "shop1")
    seen = {name: access.rule_for(TableName(*name.split("."))) is not None for name in TABLES}
    assert seen == {"hr.people": False, "hr.pets": True, "ops.jobs": True}
    assert [access.shows_schema(name) for name in ("hr", "OPS", "x")] == [True, True, False]
    elsewhere = policy.access(Identity(), "other")
    assert [elsewhere.shows_schema(name) for name in ("hr", "ops")] == [False, True]


def test_native_queries_need_the_first_rule_of_a_caller() -> None:
    whole = {**ALLOW, "passthrough": True}
    assert parsed(whole).access(Identity(), "c").passthrough
    assert (
        not parsed({"effect": "deny", "tables": ["x"]}, whole).access(Identity(), "c").passthrough
    )
    assert not parsed().access(Identity(), "c").passthrough


# Row filters

COLUMNS = pa.schema(
    [
        ("id", pa.int32()),
        ("Name", pa.string()),
        ("name2", pa.string()),
        ("Price", pa.decimal128(5, 2)),
        ("ratio", pa.float32()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("since", pa.timestamp("us", "UTC")),
        ("ok", pa.bool_()),
        ("raw", pa.binary()),
        ("list", pa.list_(pa.int32())),
        ("A", pa.int32()),
        ("a", pa.int32()),
    ]
)
WHO = Identity(account="1", arn="arn:x")


def filter_text(text: str) -> str:
    return " & ".join(map(render, conjuncts_of(parse_row_filter(text), COLUMNS, WHO)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ID = 1 AND NAME <> 'it''s'", "(\"id\" = 1) & (\"Name\" <> 'it''s')"),
        ("id != 1.0", '("id" <> 1)'),
        ("id < 9999999999", '("id" < 9999999999)'),
        ("price >= 1", '("Price" >= 1.00)'),
        ("1.005 <= price", '(1.005 <= "Price")'),
        ("day > DATE '1970-01-02'", '("day" > 1)'),
        ("at = TIMESTAMP '1970-01-01 00:00:01.5'", '("at" = 1500)'),
        ("at = DATE '1970-01-02'", '("at" = 86400000)'),
        ("since = TIMESTAMP '1970-01-01 00:00'", '("since" = 0)'),
        ("ok OR NOT ok", '("ok" OR not("ok"))'),
        ("id IS NOT NULL AND raw IS NULL", 'not(is_null("id")) & is_null("raw")'),
        ("id NOT IN (1, 2)", 'not(("id" IN (1, 2)))'),
        ("id BETWEEN 1 AND 2", '("id" >= 1) & ("id" <= 2)'),
        ("Name LIKE 'a%'", "(\"Name\" LIKE 'a%')"),
        ("name = name2", '("Name" = "name2")'),
        ('"A" = 1 OR "a" = 2', '(("A" = 1) OR ("a" = 2))'),
        ("name = current_arn OR current_account = '1'", "((\"Name\" = 'arn:x') OR ('1' = '1'))"),
        ("list IS NULL", 'is_null("list")'),
    ],
)
def test_a_row_filter_is_an_expression(text: str, told: str) -> None:
    assert filter_text(text) == told


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nothing = 1", "no column 'nothing'"),
        ("NAME3 = 1", "no column"),
        ('"b" = 1', "no column 'b'"),
        ("id = 'x'", "can't be compared"),
        ("name = 1", "can't be compared"),
        ("day = 'x'", "can't be compared"),
        ("since = at", "can't be compared"),
        ("since = DATE '2024-01-01'", "can't be compared"),
        ("list = list", "can't be compared"),
        ("id LIKE '1%'", "can't be compared"),
        ("ok LIKE TRUE", "texts alone"),
        ("id", "neither true nor false"),
        ("id IN (1, 'x')", "can't be compared"),
        (f"price = {'9' * 39}", "digits"),
    ],
)
def test_a_row_filter_that_does_not_go_with_its_table_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FilterError, match=reason):
        filter_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "id =", "id = = 1", "(id = 1", "id = 1)", "id = 1 id", "a = NULL", "NOT", "id NOT 1",
        "id IN ()", "id IN (name)", "id BETWEEN 1", "'x", 'id = "', "id = 1; DROP", "id + 1 = 2",
        "lower(name) = 'a'", "day = DATE '2024-02-30'", "at = TIMESTAMP '2024'", "1x = 1",
        "id -- 1", "name LIKE name2", "(" * 60 + "ok" + ")" * 60, "NOT " * 60 + "ok",
        "ok OR " * 2_000 + "ok",
    ],
)  # fmt: skip
def test_a_malformed_row_filter_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_row_filter(text)


def test_what_is_not_known_of_a_caller_is_null() -> None:
    (found,) = conjuncts_of(parse_row_filter("name = current_arn"), COLUMNS, Identity())
    assert render(found) == '("Name" = NULL)'


# Masks


@pytest.mark.parametrize(
    ("mask", "column", "seen"),
    [
        (Null(), pa.array([1, None]), [None, None]),
        (Constant("x"), pa.array(["a", None]), ["x", "x"]),
        (Constant(7), pa.array([1, None], pa.int8()), [7, 7]),
        (Constant(Decimal("1.5")), pa.array([0.0, None]), [1.5, 1.5]),
        (Constant(1), pa.array([Decimal("0.25")], pa.decimal128(5, 2)), [Decimal("1.00")]),
        (Constant(value=True), pa.array([False]), [True]),
        (LastCharacters(2), pa.array(["abc", "ab", "", None, "aé😀"]), ["bc", "", "", None, "é😀"]),
        (LastCharacters(2), pa.array([1234, -1, None]), ["34", "", None]),
    ],
)
def test_a_mask_is_seen_in_place_of_values(
    mask: Mask, column: pa.Array[Any], seen: list[Any]
) -> None:
    found = mask.over(column, column.type)
    assert found.to_pylist() == seen
    assert found.type == mask.type_of(column.type)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array(["é"]), "é"),
        (pa.array([-5]), "-5"),
        (pa.array([True]), "true"),
        (pa.array([Decimal("0.0000000001")], pa.decimal128(38, 10)), "0.0000000001"),
        (pa.array([1], pa.date32()), "1970-01-02"),
        (pa.array([1500], pa.int64()).view(pa.date64()), "1970-01-01 00:00:01.500"),
    ],
)
def test_a_hash_is_that_of_the_text_form_after_the_salt(column: pa.Array[Any], text: str) -> None:
    twice = pa.concat_arrays([column, pa.nulls(1, column.type), column])
    expected = hashlib.sha256(f"salt{text}".encode()).hexdigest()
    found = Hash(Secret("salt")).over(twice, twice.type)
    assert found.to_pylist() == [expected, None, expected]


@pytest.mark.parametrize(
    ("mask", "type_"),
    [
        (Hash(), pa.float64()),
        (Hash(), pa.list_(pa.int32())),
        (LastCharacters(1), pa.timestamp("ms", "UTC")),
        (Constant("x"), pa.int32()),
        (Constant(300), pa.int8()),
        (Constant(value=True), pa.int32()),
        (Constant("31.1."), pa.date32()),
        (Constant(Decimal("0.001")), pa.decimal128(5, 2)),
        (Constant("x"), pa.binary()),
    ],
)
def test_a_mask_that_does_not_go_with_a_type_is_refused(mask: Mask, type_: pa.DataType) -> None:
    with pytest.raises(MaskError):
        mask.type_of(type_)


# What a caller sees


def test_rows_are_filtered_by_hidden_columns_and_masked() -> None:
    rule = {
        **ALLOW,
        "columns": {"ssn": {"last_n": 2}, "wage": "hide", "NAME": "hash", "b*": "null"},
        "row_filter": "wage > 0",
    }
    names = [hashlib.sha256(name).hexdigest() for name in (b"Ann", b"Cy")]
    assert rows(client(rule), "hr.people") == [
        {"id": 1, "name": names[0], "ssn": "45", "born": None},
        {"id": None, "name": names[1], "ssn": "", "born": None},
    ]
    assert rows(client(rule), "hr.people", "id") == [{"id": 1}, {"id": None}]


def test_columns_that_are_not_listed_can_be_hidden() -> None:
    rule = {**ALLOW, "columns": {"id": "show", "*": "hide"}}
    assert client(rule).describe(TableName("hr", "people")).schema.names == ["id"]
    with pytest.raises(TableNotFoundError, match="There is no table 'people' in hr"):
        client({**ALLOW, "columns": {"*": "hide"}}).describe(TableName("hr", "people"))


@pytest.mark.parametrize(
    "rule",
    [
        {"row_filter": "salary > 0"},
        {"row_filter": "name > 0"},
        {"columns": {"id": {"constant": "x"}}},
    ],
)
def test_a_rule_that_does_not_go_with_its_table_is_told_to_the_log_alone(
    rule: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    asked = client({**ALLOW, "name": "payroll", **rule})
    with pytest.raises(ConfigurationError) as told:
        asked.describe(TableName("hr", "people"))
    text = str(told.value)
    assert not any(
        word in text for word in ("salary", "name ", "rule", "policy", "payroll", "'id'")
    )
    assert "rules[0] (payroll)" in caplog.text


def test_near_names_are_those_that_are_seen() -> None:
    asked = client({"effect": "deny", "tables": ["people"]}, ALLOW)
    error = error_of(lambda: asked.describe(TableName("hr", "peopl")))
    assert str(error) == str(
        error_of(partial(resolve, "peopl", ["pets"], kind="table", within="hr"))
    )
    assert "people" not in str(error)


def test_pages_are_full_and_their_tokens_name_what_is_seen() -> None:
    names = [f"t{place:02}" for place in range(20)]
    source = MemoryConnector({f"s.{name}": PEOPLE for name in names})
    asked = service({"effect": "deny", "tables": ["*1", "*2", "*0"]}, ALLOW, source=source)
    seen, token = [], None
    while token is not None or not seen:
        request = m.ListTablesRequest(Identity(), "q", "memory", "s", token, 5)
        page = asked.answer(request, remaining_ms=None)
        assert isinstance(page, m.ListTablesResponse)
        seen.append([table.tableName for table in page.tables])
        token = page.nextToken
    assert [len(page) for page in seen] == [5, 5, 4]
    assert [name for page in seen for name in page] == [
        name for name in names if name[-1] not in "120"
    ]


class Spelled(MemoryConnector):
    """Has tables under other names too, columns that look into others, and errors that tell."""

    derived_columns = {"search": ("ssn",)}  # noqa: RUF012 - as connectors declare it

    def resolve_table(self, name: TableName) -> TableName:
        resolved = super().resolve_table(self.listed_as(name))
        return TableName(resolved.schema, name.table)

    def listed_as(self, name: TableName) -> TableName:
        return TableName(name.schema, name.table.partition("$")[0])

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        if scan.table.table == "fail":
            raise SourceError("Column ssn of row 7 is '6'.", hint="Mend ssn.")
        return super().read_split(scan, split)

    def _table(self, name: str) -> pa.RecordBatch:
        return super()._table(name.partition("$")[0])


def test_a_table_under_another_name_is_the_same_table() -> None:
    asked = client({"effect": "deny", "tables": ["pets"]}, ALLOW, source=Spelled(TABLES))
    assert len(rows(asked, "hr.people$x")) == 4
    with pytest.raises(NotFoundError):
        asked.describe(TableName("hr", "pets$x"))


@pytest.mark.parametrize(("closed", "seen"), [({"ssn": "null"}, False), ({"id": "null"}, True)])
def test_columns_that_look_into_others_are_hidden_with_them(
    closed: dict[str, str], *, seen: bool
) -> None:
    table = PEOPLE.append_column("Search", PEOPLE.column("ssn"))
    asked = client({**ALLOW, "columns": closed}, source=Spelled({"hr.people": table}))
    assert ("search" in asked.describe(TableName("hr", "people")).schema.names) is seen


def test_errors_of_the_source_tell_nothing_of_a_restricted_table(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Spelled({"hr.fail": PEOPLE})
    with pytest.raises(SourceError, match="row 7"):
        rows(client(ALLOW, source=source), "hr.fail")
    caplog.clear()
    with pytest.raises(SourceError) as told:
        rows(client({**ALLOW, "columns": {"ssn": "hide"}}, source=source), "hr.fail")
    assert "ssn" not in f"{told.value}{told.value.__cause__}"
    assert "row 7" in caplog.text


class Mistyped(MemoryConnector):
    def describe_table(self, name: TableName) -> pa.Schema:
        return super().describe_table(name).set(0, pa.field("id", pa.int8()))


def test_values_of_rows_that_are_not_seen_fail_no_read_with_their_text() -> None:
    table = pa.record_batch({"id": pa.array([1, 70_007]), "ok": [True, False]})
    asked = client({**ALLOW, "row_filter": "ok"}, source=Mistyped({"s.t": table}))
    with pytest.raises(DataConversionError) as told:
        rows(asked, "s.t", "id")
    assert "70" not in str(told.value)


class Inferring(MemoryConnector):
    def infer_table(self, name: TableName) -> InferredTable:
        del name
        return InferredTable(
            tuple(InferredColumn(each.name, each.type, each.name) for each in PEOPLE.schema)
        )


def test_freeze_writes_what_everybody_may_see() -> None:
    shown = {**ALLOW, "tables": ["people"], "columns": {"ssn": "hide", "wage": "null"}}
    asked = service(shown, source=Inferring(TABLES))
    _, inferred = asked.infer_table("memory", TableName("hr", "people"))
    assert [column.name for column in inferred.columns] == ["id", "Name", "born"]
    with pytest.raises(TableNotFoundError):
        asked.infer_table("memory", TableName("hr", "pets"))
    other = service({**shown, "principals": {"accounts": ["1"]}}, source=Inferring(TABLES))
    with pytest.raises(NotFoundError):
        other.infer_table("memory", TableName("hr", "people"))


class Adopting(MemoryConnector):
    def adopt_columns(self, description: TableDescription, fields: Any) -> TableDescription:
        schema = description.schema
        for field in fields:
            schema = schema.append(field)
        return TableDescription(schema)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        for batch in super().read_split(scan, split):
            lacking = [each for each in scan.schema if each.name not in batch.schema.names]
            found = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield pa.record_batch(
                {**found, **{each.name: pa.nulls(batch.num_rows, each.type) for each in lacking}}
            )


@pytest.mark.parametrize("name", ["secret_1", "Secret_2", "ssn"])
def test_hidden_columns_are_not_taken_over_from_a_request(name: str) -> None:
    rule = {**ALLOW, "columns": {"s*": "hide"}}
    asked = client(rule, source=Adopting(TABLES))
    people = TableName("hr", "people")
    for column, is_refused in ((name, True), ("other", False)):
        wanted = pa.schema([(column, pa.string())])
        scan = TableScan(people, wanted, (), wanted, query_id="q")
        if is_refused:
            with pytest.raises(ColumnNotFoundError):
                asked.layout(scan)
            continue
        found = [asked.read(scan, split).rows for split in asked.splits(scan)]
        assert sum(found) == PEOPLE.num_rows


def test_every_hook_of_a_connector_is_guarded() -> None:
    hooks = {name for name in vars(Connector) if not name.startswith("_")}
    attributes = set(vars(GuardedConnector(MemoryConnector({}), parsed().access(WHO, "c"))))
    missing = hooks - set(vars(GuardedConnector)) - attributes
    assert missing == set(), "a hook that is not passed on is lost, or worse, not guarded"


def test_statistics_of_a_restricted_table_are_told_to_nobody() -> None:
    class Counting(MemoryConnector):
        def estimate(self, scan: Scan) -> Any:
            return scan

    access = parsed({**ALLOW, "tables": ["pets"], "row_filter": "id = 1"}, ALLOW).access(WHO, "c")
    guarded = GuardedConnector(Counting(TABLES), access)
    for table, is_told in (("people", True), ("pets", False)):
        name = TableName("hr", table)
        told = guarded.describe_table(name)
        scan = Scan(name, told.schema, Constraints(), told)
        assert (guarded.estimate(scan) is not None) is is_told


def test_plain_tables_are_explained_and_pushed_as_without_a_policy() -> None:
    class Pushing(MemoryConnector):
        def plan_pushdown(self, scan: Scan) -> Pushdown:
            del scan
            return Pushdown(native="its own", limit_pushed=True)

    guarded = GuardedConnector(Pushing(TABLES), parsed(ALLOW).access(WHO, "c"))
    name = TableName("hr", "people")
    told = guarded.describe_table(name)
    scan = Scan(name, told.schema, Constraints(limit=1), told)
    assert guarded.plan_pushdown(scan) == Pushdown(native="its own", limit_pushed=True)
    assert guarded.native_query(scan, Split()) == "hr.people[0:]"


def test_conditions_that_may_fail_see_no_row_that_is_not_seen() -> None:
    table = pa.record_batch({"n": pa.array([0, 1, 2], pa.int32()), "ok": [False, True, True]})
    number = Variable("n", pa.int32())
    share = Call("$divide", (ConstantOf((4,), pa.int32()), number), pa.int32())
    test = Call("$greater_than", (share, ConstantOf((2,), pa.int32())), pa.bool_())

    class Eager(MemoryConnector):
        """A source that evaluates all that it is asked, at once and for every row."""

        def plan_pushdown(self, scan: Scan) -> Pushdown:
            parts = scan.constraints.conjuncts()
            return Pushdown(decisions=tuple(Decision(part, Exactness.EXACT) for part in parts))

        def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
            for batch in super().read_split(scan, split):
                kept = batch
                for part in scan.constraints.conjuncts():
                    compile_residual([part]).apply(batch)
                    kept = compile_residual([part]).apply(kept)
                yield kept

    asked = client({**ALLOW, "row_filter": "ok"}, source=Eager({"s.t": table}))
    scan = scan_of(asked, "s.t", constraints=Constraints(expression=(test,)))
    found = [asked.read(scan, split) for split in asked.splits(scan)]
    assert sum(split.rows for split in found) == 1


def scan_of(asked: ProtocolClient, table: str, *, constraints: Constraints) -> TableScan:
    told = asked.describe(TableName(*table.split(".")))
    schema, parted = told.schema, told.partitionColumns
    return TableScan(told.tableName, schema, parted, schema, constraints, "q")


def test_limits_stay_here_with_the_conditions_that_do() -> None:
    class Limiting(MemoryConnector):
        """A source that applies a limit to what it is asked for, and says so."""

        def plan_pushdown(self, scan: Scan) -> Pushdown:
            parts = scan.constraints.conjuncts()
            decisions = tuple(Decision(part, Exactness.EXACT) for part in parts)
            return Pushdown(decisions=decisions, limit_pushed=scan.constraints.limit is not None)

        def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
            residual = compile_residual(scan.constraints.conjuncts())
            for batch in super().read_split(scan, split):
                yield residual.apply(batch).slice(0, scan.constraints.limit)

    rule = {**ALLOW, "columns": {"ssn": {"last_n": 2}}}
    asked = client(rule, source=Limiting(TABLES, splits=1))
    for tail, count in (("45", 1), ("", 1), ("5", 0)):
        domain = {"ssn": SortedRangeSet.of_points(pa.string(), [tail])}
        scan = scan_of(asked, "hr.people", constraints=Constraints(domain, limit=1))
        assert sum(asked.read(scan, split).rows for split in asked.splits(scan)) == count


def test_native_queries_are_claimed_for_who_may_run_them() -> None:
    assert client(ALLOW).capabilities().passthrough is None
    assert client({**ALLOW, "passthrough": True}).capabilities().passthrough is not None


class Parted(MemoryConnector):
    """A table with a partition for each pair of values of two columns."""

    def describe_table(self, name: TableName) -> TableDescription:
        return TableDescription(super().describe_table(name), ("year", "place"))

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        table = self._table(str(scan.table))
        return table.select(["year", "place"]).append_column("row", pa.array(range(len(table))))

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        del scan
        for row in partitions.column("row").to_pylist():
            yield Split({"start": str(row), "stop": str(row + 1)})


PARTED = pa.record_batch(
    {"year": pa.array([1, 2, 2, 3], pa.int32()), "place": ["a", "b", "c", None], "x": [1, 2, 3, 4]}
)


def test_partitions_are_those_with_rows_that_are_seen() -> None:
    source = Parted({"s.t": PARTED})
    rule = {**ALLOW, "columns": {"place": "hide"}, "row_filter": "place <> 'c' AND year > 1"}
    asked = client(rule, source=source)
    layout = asked.layout(scan_of(asked, "s.t", constraints=Constraints()))
    assert layout.select(["year"]).to_pydict() == {"year": [2]}
    assert layout.schema.names == ["year", SEALED]
    assert rows(asked, "s.t") == [{"year": 2, "x": 2}]


def test_masked_partition_columns_prune_by_what_is_seen() -> None:
    asked = client({**ALLOW, "columns": {"year": {"constant": 9}}}, source=Parted({"s.t": PARTED}))
    for year, count in ((9, 4), (2, 0)):
        domain = {"year": SortedRangeSet.of_points(pa.int32(), [year])}
        scan = scan_of(asked, "s.t", constraints=Constraints(domain))
        assert scan.partition_columns == ("place",)
        found = [row for split in asked.splits(scan) for row in asked.read(scan, split).batches]
        assert sum(batch.num_rows for batch in found) == count


def test_a_column_that_is_masked_without_a_look_is_not_read() -> None:
    read: list[list[str]] = []

    class Watched(MemoryConnector):
        def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
            read.append(scan.schema.names)
            return super().read_split(scan, split)

    rule = {**ALLOW, "columns": {"ssn": "null", "id": {"constant": 1}, "name": "hash"}}
    found = rows(client(rule, source=Watched(TABLES)), "hr.people", "ssn", "id", "name")
    assert [row["id"] for row in found] == [1] * PEOPLE.num_rows
    assert set(map(tuple, read)) == {("Name",)}


# Seals


@pytest.mark.parametrize(
    "other",
    [
        {"key": "another key, as long"},
        {"catalog": "d"},
        {"table": TableName("s", "u")},
        {"table": TableName("s.t", "")},
        {"query_id": "r"},
        {"identity": Identity(account="2", arn="arn:x")},
        {"identity": Identity(account="1", arn="arn:y")},
        {"identity": Identity(account="1")},
    ],
)
def test_a_seal_holds_for_one_caller_query_and_table(other: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "key": KEY, "catalog": "c", "table": TableName("s", "t"), "query_id": "q", "identity": WHO,
    }  # fmt: skip
    seal, same, foreign = (
        Seal(each.pop("key"), **each) for each in (dict(facts), dict(facts), {**facts, **other})
    )
    split = Split({"relation": "hidden", "n": "1"})
    sealed = seal.split(split)
    assert same.split(split) == sealed
    assert "hidden" not in str(base64.urlsafe_b64decode(sealed.properties[SEALED]))
    assert same.open_split(sealed) == split
    with pytest.raises(InvalidRequestError):
        foreign.open_split(sealed)
    partitions = seal.partitions(PARTED, ["year"])
    assert same.open_partitions(partitions) == PARTED
    for some in (partitions, pa.record_batch({SEALED: [sealed.properties[SEALED]]})):
        with pytest.raises(InvalidRequestError):
            (foreign if some is partitions else same).open_partitions(some)


def test_partitions_that_come_back_are_opened_in_their_order() -> None:
    seal = Seal(KEY, catalog="c", table=TableName("s", "t"), query_id="q", identity=WHO)
    sealed = seal.partitions(PARTED, [])
    assert seal.open_partitions(sealed.slice(2, 2)) == PARTED.slice(2, 2)
    assert seal.open_partitions(sealed.slice(0, 0)).num_rows == 0
    changed = sealed.set_column(0, SEALED, pa.array([*sealed.column(0).to_pylist()[:3], None]))
    for wrong in (changed, PARTED):
        with pytest.raises(InvalidRequestError):
            seal.open_partitions(wrong)


# The gate


def gate(environ: Mapping[str, str], aws: AwsAddress, clock: Callable[[], float]) -> AccessGate:
    return AccessGate(environ, lambda: AwsClients(aws.environ), clock=clock)


def test_without_a_policy_nothing_is_asked_and_everything_is_seen() -> None:
    def clients() -> AwsClients:
        raise AssertionError

    open_gate = AccessGate({"split_signing_key": "${secret}"}, clients)
    open_gate.check()
    assert open_gate.access(WHO, "c") is None
    who = {"catalog": "c", "table": TableName("s", "t"), "query_id": "q", "identity": WHO}
    assert open_gate.seal(**who) is None  # type: ignore[arg-type]
    assert open_gate.is_open


def test_a_stored_policy_is_read_again_after_a_minute(aws: AwsAddress) -> None:
    bucket = aws.client("s3")
    aws.create_bucket("policies")
    now = [0.0]
    watched = gate(
        {"access_policy": "s3://policies/p.json", "split_signing_key": KEY}, aws, lambda: now[0]
    )
    with pytest.raises(NotFoundError, match=r"access policy s3://policies/p\.json"):
        watched.check()
    for at, rules, is_seen in ((0, [ALLOW], True), (59, [], True), (61, [], False)):
        now[0] = at
        body = json.dumps({"rules": rules}).encode()
        bucket.put_object(Bucket="policies", Key="p.json", Body=body)
        access = watched.access(WHO, "c")
        assert access is not None
        assert bool(access.rules) is is_seen
    bucket.put_object(Bucket="policies", Key="p.json", Body=b"{")
    now[0] = 200
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="line 1, column 2"):
            watched.check()


@pytest.mark.parametrize(
    ("location", "body", "reason"),
    [
        ("s3://{}", b"", "no s3://bucket/key"),
        ("s3://{}/key", b"\xff", "not UTF-8"),
        ("s3://{}/key", b" " * (access_gate.MAX_POLICY_BYTES + 1), "bytes"),
    ],
)
def test_what_is_no_policy_is_refused(
    aws: AwsAddress, location: str, body: bytes, reason: str
) -> None:
    bucket = f"policies-{len(body)}"
    aws.create_bucket(bucket)
    location = location.format(bucket)
    aws.client("s3").put_object(Bucket=bucket, Key="key", Body=body)
    refused = gate({"access_policy": location, "split_signing_key": KEY}, aws, lambda: 0.0)
    with pytest.raises(ConfigurationError, match=reason):
        refused.check()


def test_key_and_salt_may_be_secrets(aws: AwsAddress) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="p/key", SecretString=KEY)
    secrets.create_secret(Name="p/short", SecretString="short")
    secrets.create_secret(Name="p/salt", SecretString="salt")
    rule = {**ALLOW, "columns": {"a": {"hash": {"salt": "${p/salt}"}}}}
    policy = json.dumps({"rules": [rule]})
    good = gate({"access_policy": policy, "split_signing_key": "${p/key}"}, aws, lambda: 0.0)
    good.check()
    access = good.access(WHO, "c")
    assert access is not None
    assert access.rules[0].columns[0].mask == Hash(Secret("salt"))
    for key, kind in (
        ("", ConfigurationError),
        ("short", ConfigurationError),
        ("${p/short}", ConfigurationError),
        ("${p/nothing}", InvalidCredentialsError),
    ):
        bad = gate({"access_policy": policy, "split_signing_key": key}, aws, lambda: 0.0)
        with pytest.raises(kind) as told:
            bad.check()
        assert KEY not in str(told.value)


def test_a_policy_that_may_not_be_read_refuses_every_request(
    monkeypatch: pytest.MonkeyPatch, aws: AwsAddress
) -> None:
    def refused(*_: object) -> str:
        raise AccessDeniedError("s3:GetObject was refused.")

    monkeypatch.setattr(AccessGate, "_stored", refused)
    environ = {**aws.environ, "access_policy": "s3://a/b", "split_signing_key": KEY}
    closed = Service(MemoryConnector(TABLES), environ, store=None, observer=None)
    for request in (
        m.PingRequest(LOCAL_IDENTITY, "memory", "q"),
        m.ListSchemasRequest(LOCAL_IDENTITY, "q", "memory"),
        m.GetDataSourceCapabilitiesRequest(LOCAL_IDENTITY, "q", "memory"),
    ):
        with pytest.raises(AccessDeniedError):
            closed.answer(request, remaining_ms=None)


def test_functions_of_a_user_are_refused_as_ever() -> None:
    batch = pa.record_batch({"a": [1]})
    request = m.UserDefinedFunctionRequest(WHO, batch, batch.schema, "f", "SCALAR")
    with pytest.raises(UnsupportedOperationError):
        service(ALLOW).answer(request, remaining_ms=None)


def test_only_some_accesses_are_remembered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    accounts = [str(place) for place in range(120)]
    rules = [{**ALLOW, "principals": {"accounts": [each]}} for each in accounts]
    asked = service(*rules)
    for account in accounts:
        request = m.GetTableRequest(
            Identity(account=account), "q", "memory", TableName("hr", "pets")
        )
        asked.answer(request, remaining_ms=None)
    assert len(asked._caches) <= 50
