"""Where things lie in this repository."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CONNECTORS", "ROOT", "sam", "template_of"]

ROOT = Path(__file__).parents[2]
CONNECTORS = sorted(path.parent.name for path in ROOT.glob("connectors/*/template.yaml"))


def template_of(connector: str) -> Path:
    """Return a connector's template."""
    return ROOT / "connectors" / connector / "template.yaml"


def sam() -> str:
    """Return the command ``sam``, which make installs."""
    command = os.environ.get("SAM") or str(ROOT / ".tools/sam/bin/sam")
    assert Path(command).exists(), f"There is no {command}: `make test` installs it."
    return command
