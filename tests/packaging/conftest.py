"""The package of each connector, built for this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packaging.builds import build_for_host
from tests.packaging.repository import CONNECTORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    FindPackage = Callable[[str], Path]


@pytest.fixture(scope="session")
def package_of(tmp_path_factory: pytest.TempPathFactory) -> FindPackage:
    """Return the package of a connector by its name; each is built once."""
    built: dict[str, Path] = {}

    def find(connector: str) -> Path:
        if connector not in built:
            out = tmp_path_factory.mktemp("package") / connector
            build_for_host(connector, out)
            built[connector] = out
        return built[connector]

    return find


@pytest.fixture(scope="session", params=CONNECTORS)
def packaged(request: pytest.FixtureRequest, package_of: FindPackage) -> tuple[str, Path]:
    """A connector and its package."""
    connector: str = request.param
    return connector, package_of(connector)
