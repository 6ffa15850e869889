"""Who asks: the option ``--identity``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from athena_connectors.common.protocol.messages import Identity
from athena_connectors.common.testing.client import LOCAL_IDENTITY
from athena_connectors.common.testing.engine_errors import UsageError

__all__ = ["identity_of"]

_ACCOUNT_PART = 4
"""Of an ARN, between colons, counted from 0."""
_HINT = 'A file holds {"account": "…", "arn": "…", "groups": ["…"], "tags": {"name": "value"}}.'


def identity_of(text: str) -> Identity:
    """Return who asks.

    Args:
        text: An ARN, the path of a file, or nothing.

    Raises:
        UsageError: It is none of these, or the file can't be read.
    """
    if not text:
        return LOCAL_IDENTITY
    if text.startswith("arn:"):
        parts = text.split(":")
        account = parts[_ACCOUNT_PART] if len(parts) > _ACCOUNT_PART else ""
        return Identity(account=account or None, arn=text)
    try:
        told = json.loads(Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise UsageError(f"The identity {text} can't be read: {cause}.", hint=_HINT) from cause
    if not isinstance(told, dict) or not _is_identity(told):
        raise UsageError(f"{text} holds no identity.", hint=_HINT)
    return Identity(
        account=told.get("account"),
        arn=told.get("arn"),
        groups=tuple(told.get("groups", ())),
        tags=told.get("tags", {}),
    )


def _is_identity(told: dict[str, Any]) -> bool:
    groups, tags = told.get("groups", []), told.get("tags", {})
    return (
        told.keys() <= {"account", "arn", "groups", "tags"}
        and all(isinstance(told.get(name), str | None) for name in ("account", "arn"))
        and isinstance(groups, list)
        and all(isinstance(each, str) for each in groups)
        and isinstance(tags, dict)
        and all(isinstance(each, str) for each in tags.values())
    )
