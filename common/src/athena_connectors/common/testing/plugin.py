"""The pytest plugin of the test kit: an option to write the reports of connectors.

``pytest --write-conformance`` writes the file that each ``ConnectorSuite`` names as its
``report`` instead of comparing it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    parser.getgroup("athena connectors").addoption(
        "--write-conformance",
        action="store_true",
        help="write the conformance reports of connectors instead of comparing them",
    )
