"""Where things lie in this repository."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CONNECTORS", "ROOT", "folder_of", "sam", "template_of"]

ROOT = Path(__file__).parents[2]
TEMPLATES = [ROOT / "template/template.yaml", *sorted(ROOT.glob("connectors/*/template.yaml"))]
CONNECTORS = [path.parent.name for path in TEMPLATES]


def folder_of(connector: str) -> Path:
    """Return a connector's folder."""
    return ROOT / connector if connector == "template" else ROOT / "connectors" / connector


def template_of(connector: str) -> Path:
    """Return a connector's template."""
    return folder_of(connector) / "template.yaml"


def sam() -> str:
    """Return the command ``sam``, which make installs."""
    command = os.environ.get("SAM") or str(ROOT / ".tools/sam/bin/sam")
    assert Path(command).exists(), f"There is no {command}: `make test` installs it."
    return command
