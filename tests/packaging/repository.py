"""Where things lie in this repository."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CONNECTORS", "ROOT", "folder_of", "sam", "settings_of", "template_of"]

ROOT = Path(__file__).parents[2]
TEMPLATES = [ROOT / "template/template.yaml", *sorted(ROOT.glob("connectors/*/template.yaml"))]
CONNECTORS = [path.parent.name for path in TEMPLATES]
SETTINGS = {
    "template": {"location": str(ROOT / "template/sample")},
    "cloudwatch-logs": {"AWS_REGION": "eu-west-1"},
    "documentdb": {"default_docdb": "mongodb://u:p@127.0.0.1:1/"},
    "dynamodb": {"AWS_REGION": "eu-west-1"},
    "jdbc-mysql": {"default": "mysql://jdbc:mysql://127.0.0.1:1/d?user=u&password=p"},
    "jdbc-postgres": {"default": "postgres://jdbc:postgresql://127.0.0.1:1/d?user=u&password=p"},
}
"""What a connector can't be made without."""


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


def settings_of(connector: str) -> dict[str, str]:
    """Return settings with which a connector answers Ping; they lead nowhere.

    What is not known here is a copy of a known one, and gets the settings of all; where they
    differ, those of the one that it is most like.
    """
    if connector in SETTINGS:
        return SETTINGS[connector]
    own = _modules(connector)
    likest = max(SETTINGS, key=lambda known: -len(own ^ _modules(known)))
    every = {name: text for known in SETTINGS.values() for name, text in known.items()}
    return every | SETTINGS[likest]


def _modules(connector: str) -> set[str]:
    return {path.name for path in folder_of(connector).glob("src/*/*/*.py")}
