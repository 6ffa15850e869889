"""What a connector is tested with: a local engine, strategies and stand-ins of services.

Names are imported when they are first used: the engine alone needs DuckDB and sqlglot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from athena_connectors.common.testing.engine import LocalEngine

__all__ = ["LocalEngine"]


def __getattr__(name: str) -> Any:
    if name == "LocalEngine":
        from athena_connectors.common.testing.engine import LocalEngine  # noqa: PLC0415

        return LocalEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
