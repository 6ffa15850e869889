"""Holds requests to what the real DynamoDB takes, where stand-ins are lenient.

Source: DynamoDB developer guide, "Quotas and limits" and the API's reference; what it says
of expressions was seen in answers of the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.dynamodb_expressions import (
    Between,
    Call,
    Comparison,
    Junction,
    Path,
    Place,
    walk,
)
from athena_connectors.common.testing.dynamodb_lint_expressions import Expressions
from athena_connectors.common.testing.dynamodb_lint_values import (
    about_value,
    identity,
    size_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.testing.dynamodb_expressions import Condition, Operand

__all__ = ["READS", "complaints", "watch_requests"]

READS = ("Scan", "Query", "BatchGetItem", "ExecuteStatement")
"""The operations whose requests are looked at."""

_MAX_KEYS = 100
_MAX_SEGMENTS = 1_000_000
_MAX_STATEMENT = 8192
_MAX_KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
_RANGE_OPERATORS = frozenset({"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"})
_PARAMETERS = {
    "Scan": frozenset({"Segment", "TotalSegments"}),
    "Query": frozenset({"KeyConditionExpression", "ScanIndexForward"}),
}
_SHARED_PARAMETERS = frozenset(
    {
        *("ConsistentRead", "ExclusiveStartKey", "ExpressionAttributeNames"),
        *("ExpressionAttributeValues", "FilterExpression", "IndexName", "Limit"),
        *("ProjectionExpression", "ReturnConsumedCapacity", "Select", "TableName"),
    }
)


def watch_requests(client: Any, describe: Callable[[str], Mapping[str, Any] | None]) -> None:
    """Let a botocore client send no request that DynamoDB would refuse.

    It raises an ``AssertionError`` instead.

    Args:
        client: The client.
        describe: As of ``complaints``.
    """

    def check(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        found = list(complaints(model.name, params, describe))
        assert not found, f"{model.name} {params}: {'; '.join(found)}"

    for operation in READS:
        client.meta.events.register(f"before-parameter-build.dynamodb.{operation}", check)


def complaints(
    operation: str,
    parameters: Mapping[str, Any],
    describe: Callable[[str], Mapping[str, Any] | None],
) -> Iterator[str]:
    """Yield what DynamoDB would refuse in a request, if anything.

    Args:
        operation: One of ``READS``; nothing is said of others.
        parameters: The request, with binary values as bytes or as base64 texts.
        describe: Returns the member ``Table`` of a DescribeTable reply, or ``None`` if there
            is no such table, of which nothing is said.
    """
    match operation:
        case "Scan" | "Query":
            table = describe(parameters["TableName"])
            if table is not None:
                yield from _of_page(operation, parameters, table)
        case "BatchGetItem":
            yield from _of_batch(parameters, describe)
        case "ExecuteStatement":
            yield from _of_statement(parameters)


def _of_statement(parameters: Mapping[str, Any]) -> Iterator[str]:
    if not 1 <= len(parameters["Statement"]) <= _MAX_STATEMENT:
        yield "statement of a wrong length"
    if not parameters.get("Parameters", True):
        yield "empty Parameters"
    if parameters.get("Limit", 1) < 1:
        yield "Limit below 1"


def _of_batch(
    parameters: Mapping[str, Any], describe: Callable[[str], Mapping[str, Any] | None]
) -> Iterator[str]:
    requests = parameters["RequestItems"]
    count = sum(len(request["Keys"]) for request in requests.values())
    if not 1 <= count <= _MAX_KEYS:
        yield f"{count} keys"
    for name, request in requests.items():
        table = describe(name)
        if table is None:
            continue
        schema = _Schema(table)
        seen = set()
        for key in request["Keys"]:
            if identity(key) in seen:
                yield f"key twice: {key}"
            seen.add(identity(key))
            yield from schema.complaints_about_key(key, schema.base)
        yield from Expressions(request).complaints()


def _of_page(
    operation: str, parameters: Mapping[str, Any], table: Mapping[str, Any]
) -> Iterator[str]:
    unknown = set(parameters) - _SHARED_PARAMETERS - _PARAMETERS[operation]
    if unknown:
        yield f"parameters {sorted(unknown)} do not belong to {operation}"
    schema = _Schema(table)
    name = parameters.get("IndexName")
    index = schema.index(name)
    if index is None:
        yield f"no index {name}"
        return
    is_global = index in table.get("GlobalSecondaryIndexes", ())
    if is_global and parameters.get("ConsistentRead"):
        yield "ConsistentRead on a global index"
    if parameters.get("Limit", 1) < 1:
        yield "Limit below 1"
    if "ProjectionExpression" in parameters and parameters.get("Select") not in {
        None,
        "SPECIFIC_ATTRIBUTES",
    }:
        yield "Select together with a projection"
    yield from _about_segments(parameters)
    if "ExclusiveStartKey" in parameters:
        keys = {**schema.base, **schema.keys(index)}
        yield from schema.complaints_about_key(parameters["ExclusiveStartKey"], keys)
    expressions = Expressions(parameters)
    yield from expressions.complaints()
    if expressions.is_readable:
        if operation == "Query":
            yield from _about_key_condition(expressions, schema, index)
        if is_global:
            yield from _about_coverage(expressions, schema, index)


def _about_segments(parameters: Mapping[str, Any]) -> Iterator[str]:
    segment, total = parameters.get("Segment"), parameters.get("TotalSegments")
    if (segment is None) != (total is None):
        yield "Segment and TotalSegments belong together"
    elif segment is not None and total is not None:
        if not 1 <= total <= _MAX_SEGMENTS:
            yield f"{total} segments"
        if not 0 <= segment < total:
            yield f"segment {segment} of {total}"


class _Schema:
    """Keys and types of a table."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self.types = {
            item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]
        }
        self.base = self.keys(table)

    def index(self, name: str | None) -> Mapping[str, Any] | None:
        if name is None:
            return self._table
        indexes: list[Mapping[str, Any]] = [
            *self._table.get("LocalSecondaryIndexes", ()),
            *self._table.get("GlobalSecondaryIndexes", ()),
        ]
        return next((index for index in indexes if index["IndexName"] == name), None)

    @staticmethod
    def keys(index: Mapping[str, Any]) -> dict[str, str]:
        """Return the keys of the table or of an index, in order, and their roles."""
        return {item["AttributeName"]: item["KeyType"] for item in index["KeySchema"]}

    def complaints_about_key(
        self, key: Mapping[str, Any], keys: Mapping[str, str]
    ) -> Iterator[str]:
        if set(key) != set(keys):
            yield f"{sorted(key)} are not the key {sorted(keys)}"
            return
        for name, value in key.items():
            yield from self.complaints_about_key_value(name, value, keys[name])

    def complaints_about_key_value(
        self, name: str, value: Mapping[str, Any], role: str
    ) -> Iterator[str]:
        if set(value) != {self.types[name]}:
            yield f"{value} is no value for key {name} of type {self.types[name]}"
            return
        yield from about_value(value)
        if not 1 <= size_bytes(value) <= _MAX_KEY_BYTES[role]:
            yield f"a value of {size_bytes(value)} bytes for key {name}"


def _about_key_condition(
    expressions: Expressions, schema: _Schema, index: Mapping[str, Any]
) -> Iterator[str]:
    condition = expressions.key_condition
    if condition is None:
        yield "a Query without a key condition"
        return
    keys = schema.keys(index)
    conjunction = isinstance(condition, Junction) and condition.operator == "AND"
    parts = condition.parts if isinstance(condition, Junction) and conjunction else (condition,)
    operators: dict[str, str] = {}
    for part in parts:
        taken = _apart(part)
        if taken is None:
            yield f"{part} is no key condition"
            continue
        operator, path, operands = taken
        name = expressions.name(path)
        if name not in keys or len(path.steps) > 1:
            yield f"{name} is no key of the index"
            continue
        if name in operators:
            yield f"two conditions on {name}"
        operators[name] = operator
        for operand in operands:
            value = expressions.value(operand) or {}
            yield from schema.complaints_about_key_value(name, value, keys[name])
    yield from _about_operators(operators, keys)
    if expressions.filter is not None:
        filtered = {
            expressions.name(node) for node in walk(expressions.filter) if isinstance(node, Path)
        }
        if filtered & set(keys):
            yield f"a filter on keys of the index: {sorted(filtered & set(keys))}"


def _apart(part: Condition) -> tuple[str, Path, tuple[Operand, ...]] | None:
    """Return operator, path and operands of a condition that a key may have."""
    match part:
        case Comparison(operator, Path() as path, Place() as place):
            return operator, path, (place,)
        case Between(Path() as path, Place() as low, Place() as high):
            return "BETWEEN", path, (low, high)
        case Call("begins_with", (Path() as path, Place() as place)):
            return "begins_with", path, (place,)
        case _:
            return None


def _about_operators(operators: Mapping[str, str], keys: Mapping[str, str]) -> Iterator[str]:
    for name, role in keys.items():
        if role == "HASH" and operators.get(name) != "=":
            yield f"hash key {name} without an equality"
    ranges = [name for name, role in keys.items() if role == "RANGE"]
    used = [name for name in ranges if name in operators]
    if used != ranges[: len(used)]:
        yield f"range keys {used} with a gap"
    for name in used[:-1]:
        if operators[name] != "=":
            yield f"{operators[name]} on range key {name}, which is not the last one"
    for name in used[-1:]:
        if operators[name] not in _RANGE_OPERATORS:
            yield f"{operators[name]} on range key {name}"


def _about_coverage(
    expressions: Expressions, schema: _Schema, index: Mapping[str, Any]
) -> Iterator[str]:
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return
    held = {*schema.base, *schema.keys(index), *projection.get("NonKeyAttributes", ())}
    paths = list(expressions.projection)
    if expressions.filter is not None:
        paths += [node for node in walk(expressions.filter) if isinstance(node, Path)]
    lacking = {expressions.name(path) for path in paths} - held
    if lacking:
        yield f"the index lacks {sorted(lacking)}"
