"""``athena-connectors invoke``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athena_connectors.common.cli.output import say
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.engine_errors import UsageError

if TYPE_CHECKING:
    import argparse

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Send a request as it is and print the reply as it is."""
    event = _read(options.request)
    with LocalEngine.from_file(options.config) as engine:
        reply = engine.invoke(options.catalog, event)
    say(json.dumps(reply, indent=2, ensure_ascii=False))
    return 0


def _read(source: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        event = json.loads(text)
    except OSError as cause:
        raise UsageError(f"{source} can't be read: {cause.strerror}.") from cause
    except ValueError as cause:
        raise UsageError(f"{source} is no JSON: {cause}.") from cause
    if not isinstance(event, dict):
        raise UsageError(f"{source} holds no request.", hint="A request is a JSON object.")
    return event
