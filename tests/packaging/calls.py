"""The AWS actions and the variables that a connector's code names, read out of its syntax.

A client of AWS is recognised by ``….client("service")`` or ``….source_client("service")``,
and what is called of it by the word ``client`` in what the method or the paginator is of. What
a connector reads by ``source_client`` is called by the names of operations: each text counts
that is one.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

import botocore.session
from botocore import xform_name

from tests.packaging.repository import ROOT, folder_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = [
    "actions_called",
    "actions_needed",
    "package_of",
    "services_called",
    "variables_read",
]

OTHER_ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "dynamodb:ExecuteStatement": "dynamodb:PartiQLSelect",
}
"""Operations that IAM knows under another name."""
REPEATS = {ROOT / "common/src/athena_connectors/common/health.py"}
"""Tries out what other modules call, as far as settings name it."""
CALLED_BY_SETTING = {
    "glue_connection": "glue:GetConnection",
    "cross_account_role_arn": "sts:AssumeRole",
}
"""Calls that are made only with a setting, and so by no function without it."""
CLIENT_MAKERS = {"_create", "client", "create_client", "source_client"}
SIGNED_HERE = {"generate_db_auth_token": "rds-db:connect"}
"""Methods that call nothing and make what another service checks."""


def package_of(connector: str) -> str:
    """Return the name of a connector's package."""
    return f"athena_connectors.{connector.replace('-', '_')}"


def actions_called(connector: str) -> dict[str, str]:
    """Return each IAM action that the modules of a connector need, and the client it is of.

    Where several services have a method of that name, it is of one whose client the same
    module makes.
    """
    found: set[tuple[str, str]] = set()
    actions = {}
    services = services_called(connector)
    sources = {name for nodes in _modules(connector) for name in _sources(nodes)}
    for nodes in _modules(connector):
        own = {service for node in nodes for service in _client_of(node)}
        texts = _texts(nodes)
        for source in sources:
            found |= {(source, name) for name in texts & set(_operations(source).values())}
        for method in {name for node in nodes for name in _methods_of_client(node)}:
            if method in SIGNED_HERE:
                actions[SIGNED_HERE[method]] = "rds"
            known = {service for service in services if method in _operations(service)}
            found |= {(service, _operations(service)[method]) for service in known & own or known}
    for service, operation in found:
        action = f"{service}:{operation}"
        actions[OTHER_ACTIONS.get(action, action)] = service
    return actions


def actions_needed(connector: str, variables: Collection[str]) -> set[str]:
    """Return the IAM actions that a function with some variables needs."""
    unset = {action for name, action in CALLED_BY_SETTING.items() if name not in variables}
    return set(actions_called(connector)) - unset


def services_called(connector: str) -> set[str]:
    """Return the services for which the modules of a connector make clients."""
    return {name for nodes in _modules(connector) for node in nodes for name in _client_of(node)}


def variables_read(connector: str) -> set[str]:
    """Return the variables that are read by ``environ.get("NAME")``."""
    return {
        name
        for nodes in _modules(connector)
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("environ.get")
        for name in _text(node)
    }


@cache
def _operations(service: str) -> dict[str, str]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


@cache
def _modules(connector: str) -> tuple[tuple[ast.AST, ...], ...]:
    """Return the syntax of every module that the connector's entry may load, later ones too."""
    sources = (ROOT / "common/src", folder_of(connector) / "src")
    waiting = [f"{package_of(connector)}.app"]
    seen: set[Path] = set()
    found: list[tuple[ast.AST, ...]] = []
    while waiting:
        place = waiting.pop().replace(".", "/")
        names = (f"{place}.py", f"{place}/__init__.py")
        for path in (source / name for source in sources for name in names):
            if path in seen or path in REPEATS or not path.exists():
                continue
            seen.add(path)
            nodes = tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            for node in nodes:
                if isinstance(node, ast.ImportFrom):
                    waiting += [str(node.module), *(f"{node.module}.{n.name}" for n in node.names)]
            found.append(nodes)
    return tuple(found)


def _methods_of_client(node: ast.AST) -> list[str]:
    """Return the method in ``client.method`` or ``client.get_paginator("method")``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        of_client = "client" in ast.unparse(node.func.value)
        return _text(node) if of_client and node.func.attr == "get_paginator" else []
    if isinstance(node, ast.Attribute) and "client" in ast.unparse(node.value):
        return [node.attr]
    return []


def _texts(nodes: tuple[ast.AST, ...]) -> set[str]:
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str)}


def _sources(nodes: tuple[ast.AST, ...]) -> list[str]:
    """Return the services in ``….source_client("service")``."""
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return [
        name
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "source_client"
        for name in _text(call)
    ]


def _client_of(node: ast.AST) -> list[str]:
    """Return the service in ``….client("service")`` or ``….create_client("service")``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    return _text(node) if node.func.attr in CLIENT_MAKERS else []


def _text(call: ast.Call) -> list[str]:
    """Return the first argument, if it is a text that stands there."""
    argument = call.args[0] if call.args else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [argument.value]
    return []
