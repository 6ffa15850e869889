"""A thin stand-in for PartiQL in DynamoDB: SELECT of one table, answered by a scan.

It takes ``SELECT * | name, … FROM table[.index] [WHERE name op value AND …]``, where names
may be in double quotes and a value is a text, a number or ``?``. Everything else is an
error, as are wrong statements in DynamoDB.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["StatementError", "execute_statement"]

_MAX_CHARACTERS = 8192
_TOKEN = re.compile(
    r"""\s+|--[^\n]*|/\*.*?\*/
    |(?P<text>'(?:[^']|'')*')
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<word>[A-Za-z_][\w]*)
    |(?P<mark><=|>=|<>|[*,.=<>?])""",
    re.VERBOSE | re.DOTALL,
)
_OPERATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})


class StatementError(Exception):
    """The statement is wrong, or more than this stand-in understands."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def execute_statement(
    parameters: Mapping[str, Any], scan: Callable[[dict[str, Any]], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the reply to an ExecuteStatement request.

    Args:
        parameters: The request.
        scan: Makes a Scan request and returns its reply.

    Raises:
        StatementError: The request is wrong; the text is DynamoDB's as far as known.
    """
    statement = parameters["Statement"]
    if not 1 <= len(statement) <= _MAX_CHARACTERS:
        raise StatementError(f"Statement length {len(statement)} is not within 1 to 8192")
    request = _Parser(_tokens(statement), list(parameters.get("Parameters", ()))).request()
    if "Limit" in parameters:
        request["Limit"] = parameters["Limit"]
    for name in ("ConsistentRead", "ReturnConsumedCapacity"):
        if name in parameters:
            request[name] = parameters[name]
    asked = [statement, parameters.get("Parameters")]
    if "NextToken" in parameters:
        request["ExclusiveStartKey"] = _start(parameters["NextToken"], asked)
    reply = scan(request)
    answer = {"Items": reply["Items"]}
    if "LastEvaluatedKey" in reply:
        token = json.dumps([asked, reply["LastEvaluatedKey"]])
        answer["NextToken"] = base64.b64encode(token.encode()).decode()
    if "ConsumedCapacity" in reply:
        answer["ConsumedCapacity"] = reply["ConsumedCapacity"]
    return answer


def _start(token: str, asked: list[Any]) -> Any:
    try:
        of, start = json.loads(base64.b64decode(token, validate=True))
    except ValueError as error:
        raise StatementError("Invalid NextToken") from error
    if of != asked:
        raise StatementError("NextToken does not match request")
    return start


def _tokens(statement: str) -> list[_Token]:
    tokens, place = [], 0
    while place < len(statement):
        found = _TOKEN.match(statement, place)
        if found is None:
            raise _malformed(statement[place])
        if found.lastgroup:
            tokens.append(_Token(found.lastgroup, found.group()))
        place = found.end()
    return tokens


def _malformed(text: str) -> StatementError:
    return StatementError(f"Statement wasn't well formed, can't be processed: Unexpected {text!r}")


class _Parser:
    """Reads one statement, and writes the scan that answers it."""

    def __init__(self, tokens: list[_Token], given: list[Any]) -> None:
        self._tokens = tokens
        self._given = given
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def request(self) -> dict[str, Any]:
        self._expect("SELECT")
        columns = self._columns()
        self._expect("FROM")
        request: dict[str, Any] = {"TableName": self._name()}
        if self._accept("."):
            request["IndexName"] = self._name()
        if columns:
            request["ProjectionExpression"] = ", ".join(map(self._alias, columns))
        if self._accept("WHERE"):
            conditions = [self._condition()]
            while self._accept("AND"):
                conditions.append(self._condition())
            request["FilterExpression"] = " AND ".join(conditions)
        if self._tokens:
            raise _malformed(self._tokens[0].text)
        if self._given:
            raise StatementError("Number of parameters in request and statement don't match.")
        if self._names:
            request["ExpressionAttributeNames"] = self._names
        if self._values:
            request["ExpressionAttributeValues"] = self._values
        return request

    def _columns(self) -> list[str]:
        if self._accept("*"):
            return []
        columns = [self._name()]
        while self._accept(","):
            columns.append(self._name())
        return columns

    def _condition(self) -> str:
        name = self._alias(self._name())
        operator = self._next().text
        if operator not in _OPERATORS:
            raise _malformed(operator)
        place = f":v{len(self._values)}"
        self._values[place] = self._value()
        return f"{name} {operator} {place}"

    def _value(self) -> Any:
        token = self._next()
        match token.kind:
            case "text":
                return {"S": token.text[1:-1].replace("''", "'")}
            case "number":
                return {"N": token.text}
            case "mark" if token.text == "?" and self._given:
                return self._given.pop(0)
            case _:
                raise _malformed(token.text)

    def _name(self) -> str:
        token = self._next()
        if token.kind == "quoted":
            return token.text[1:-1].replace('""', '"')
        if token.kind == "word":
            return token.text
        raise _malformed(token.text)

    def _alias(self, name: str) -> str:
        alias = f"#n{len(self._names)}"
        known = {name: alias for alias, name in self._names.items()}
        if name in known:
            return known[name]
        self._names[alias] = name
        return alias

    def _next(self) -> _Token:
        if not self._tokens:
            raise _malformed("end of statement")
        return self._tokens.pop(0)

    def _accept(self, text: str) -> bool:
        if self._tokens and self._tokens[0].text.upper() == text:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise _malformed(self._tokens[0].text if self._tokens else "end of statement")
