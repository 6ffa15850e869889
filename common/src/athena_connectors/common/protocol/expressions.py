"""Expression trees in JSON.

When a tree leaves here, its functions are known ones with the right number of arguments,
and a constant has one value unless it is part of a list. Source: wire protocol, section
11.
"""

from __future__ import annotations

from typing import Any

from athena_connectors.common.expressions import (
    Call,
    Constant,
    Expression,
    Variable,
    check_calls,
)
from athena_connectors.common.protocol.arrow_types import ARROW_TYPE
from athena_connectors.common.protocol.members import (
    Form,
    MemberError,
    Node,
    each,
    nullable,
    object_of,
    read_member,
    variants,
)
from athena_connectors.common.protocol.scalars import text
from athena_connectors.common.protocol.value_blocks import VALUES, Values

__all__ = ["CONDITION"]


def _read_name(node: Node) -> str:
    name: str = text.read(node)
    if not name:
        raise MemberError("is empty.")
    return name


def _read_constant(node: Node) -> Constant:
    """Read a constant; its block tells the type in full, and a null block is NULL."""
    type_ = read_member(node, "type", ARROW_TYPE)
    block = read_member(node, "valueBlock", nullable(VALUES)) or Values((None,), type_)
    return Constant(block.values, block.type)


def _write_constant(constant: Constant, serde: int) -> Node:
    return {
        "@type": "ConstantExpression",
        "valueBlock": VALUES.write(Values(constant.values, constant.type), serde),
        "type": ARROW_TYPE.write(constant.type, serde),
    }


def _call(**parts: Any) -> Call:
    call = Call(**parts)
    for place, argument in enumerate(call.arguments):
        listed = call.function == "$array" or (call.function == "$in" and place == 1)
        if not listed:
            _check_single(argument, f"arguments[{place}].valueBlock")
    return call


def _check_single(node: Expression, member: str) -> None:
    if isinstance(node, Constant) and len(node.values) != 1:
        problem = f"has {len(node.values)} values, one is expected."
        raise MemberError(problem, member=member)


def _read(node: Node) -> Expression:
    expression: Expression = _VARIANTS.read(node)
    return expression


def _write(node: Expression, serde: int) -> Node:
    form = _FORMS.get(type(node))
    if form is None:
        raise MemberError("is no expression.")
    return form.write(node, serde)


_FUNCTION_NAME = Form(
    lambda node: read_member(node, "functionName", text),
    lambda name, serde: {"functionName": text.write(name, serde)},
)
_FORMS: dict[type, Form] = {
    Call: object_of(
        _call,
        {
            "type": ARROW_TYPE,
            "functionName": _FUNCTION_NAME,
            "arguments": each(Form(_read, _write)),
        },
        kind="FunctionCallExpression",
        attributes={"functionName": "function"},
    ),
    Constant: Form(_read_constant, _write_constant),
    Variable: object_of(
        Variable,
        {"columnName": Form(_read_name, text.write), "type": ARROW_TYPE},
        kind="VariableExpression",
        attributes={"columnName": "column"},
    ),
}
_VARIANTS: Form = variants(
    {
        "FunctionCallExpression": _FORMS[Call],
        "ConstantExpression": _FORMS[Constant],
        "VariableExpression": _FORMS[Variable],
    },
    _write,
)


def _read_condition(node: Node) -> Expression:
    expression = _read(node)
    check_calls(expression)
    _check_single(expression, "valueBlock")
    return expression


CONDITION = Form(_read_condition, _write)
"""A whole tree."""
