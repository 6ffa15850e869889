"""The connectors' templates as data, and what CloudFormation makes of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from tests.packaging.repository import template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Template", "load_template", "resources_of", "role_statements"]

Template = dict[str, Any]

_NO_VALUE: Final = object()
_NAMED = re.compile(r"\$\{([\w.:]+)\}")


def load_template(connector: str) -> Template:
    """Return a connector's template, short forms of functions written out."""
    text = json.dumps(cfn_yaml.load(str(template_of(connector))))
    template: Template = json.loads(text)
    return template


def role_statements(template: Template) -> Iterator[dict[str, Any]]:
    """Yield the statements of the function's role, whatever condition they have."""
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Policy":
            yield from properties["PolicyDocument"]["Statement"]
        for policy in properties.get("Policies", ()):
            yield from policy["PolicyDocument"]["Statement"]


def resources_of(template: Template, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of each resource that a stack with these parameters has.

    Other resources and their attributes stay names: ``LogGroup``, ``FunctionRole.Arn``. For
    what the stand-in of CloudFormation leaves out.
    """
    defaults = {name: facts.get("Default") for name, facts in template["Parameters"].items()}
    stack = _Stack({**defaults, **parameters}, template["Conditions"])
    return {
        name: stack.value(resource["Properties"])
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or stack.holds(resource["Condition"])
    }


@dataclass(frozen=True)
class _Stack:
    parameters: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def holds(self, condition: str) -> bool:
        return bool(self.value(self.conditions[condition]))

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [value for each in node if (value := self.value(each)) is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        name, *others = node or ("",)
        if name in _FUNCTIONS and not others:
            return _FUNCTIONS[name](self, node[name])
        found = {name: self.value(each) for name, each in node.items()}
        return {name: value for name, value in found.items() if value is not _NO_VALUE}

    def reference(self, name: str) -> Any:
        return _NO_VALUE if name == "AWS::NoValue" else self.parameters.get(name, name)

    def choice(self, operands: list[Any]) -> Any:
        condition, then, otherwise = operands
        return self.value(then if self.holds(condition) else otherwise)

    def equal(self, operands: list[Any]) -> bool:
        one, other = map(self.value, operands)
        return str(one) == str(other)

    def joined(self, operands: list[Any]) -> str:
        between, items = operands
        return str(between).join(self.value(items))

    def filled(self, text: str) -> str:
        return _NAMED.sub(lambda found: str(self.reference(found[1])), text)


_FUNCTIONS: Mapping[str, Callable[[_Stack, Any], Any]] = {
    "Ref": _Stack.reference,
    "Condition": _Stack.holds,
    "Fn::If": _Stack.choice,
    "Fn::Equals": _Stack.equal,
    "Fn::Not": lambda stack, operands: not stack.value(operands[0]),
    "Fn::And": lambda stack, operands: all(stack.value(each) for each in operands),
    "Fn::Join": _Stack.joined,
    "Fn::Sub": _Stack.filled,
    "Fn::GetAtt": lambda stack, operands: stack.joined([".", operands]),
}
