"""What every connector stands on; the names an author starts with come from here.

Each name is imported when it is first used, so that a connector loads only what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from athena_connectors.common.capabilities import Capabilities
    from athena_connectors.common.config import load_settings, setting
    from athena_connectors.common.connector import (
        Connector,
        Decision,
        Exactness,
        Pushdown,
        Scan,
        TableDescription,
    )
    from athena_connectors.common.constraints import Constraints
    from athena_connectors.common.errors import ConnectorError, TableNotFoundError
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.handler import lambda_handler
    from athena_connectors.common.paging import Page
    from athena_connectors.common.protocol.messages import Identity, Split, TableName

__all__ = [
    "Capabilities",
    "Connector",
    "ConnectorError",
    "Constraints",
    "Decision",
    "Exactness",
    "Finding",
    "Identity",
    "Page",
    "Pushdown",
    "Scan",
    "Split",
    "TableDescription",
    "TableName",
    "TableNotFoundError",
    "lambda_handler",
    "load_settings",
    "setting",
]

_MODULES = {
    "Capabilities": "capabilities",
    "Connector": "connector",
    "ConnectorError": "errors",
    "Constraints": "constraints",
    "Decision": "connector",
    "Exactness": "connector",
    "Finding": "findings",
    "Identity": "protocol.messages",
    "Page": "paging",
    "Pushdown": "connector",
    "Scan": "connector",
    "Split": "protocol.messages",
    "TableDescription": "connector",
    "TableName": "protocol.messages",
    "TableNotFoundError": "errors",
    "lambda_handler": "handler",
    "load_settings": "config",
    "setting": "config",
}


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_MODULES.keys() - globals().keys()]
