"""What a connector is tested with: a local engine, a suite of tests, stand-ins of services.

Names are imported when they are first used: the engine alone needs DuckDB and sqlglot, the
suite pytest and hypothesis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from athena_connectors.common.testing.conformance.edges import edge_table, edge_values
    from athena_connectors.common.testing.conformance.report import Report
    from athena_connectors.common.testing.conformance.sample import NativeQuery, Sample
    from athena_connectors.common.testing.conformance.suite import ConnectorSuite
    from athena_connectors.common.testing.conformance.supports import Gap, Supports
    from athena_connectors.common.testing.engine import LocalEngine

__all__ = [
    "ConnectorSuite",
    "Gap",
    "LocalEngine",
    "NativeQuery",
    "Report",
    "Sample",
    "Supports",
    "edge_table",
    "edge_values",
]

_MODULES = {
    "ConnectorSuite": "conformance.suite",
    "Gap": "conformance.supports",
    "LocalEngine": "engine",
    "NativeQuery": "conformance.sample",
    "Report": "conformance.report",
    "Sample": "conformance.sample",
    "Supports": "conformance.supports",
    "edge_table": "conformance.edges",
    "edge_values": "conformance.edges",
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
