"""What no recording says: passwords, tokens and the settings that may hold them.

A setting is written only if it is declared, and not as a secret. What the others hold, and
every secret that the connector got hold of while it ran, is then looked for in all texts of
the recording.
"""

from __future__ import annotations

import importlib
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus

from athena_connectors.common.budgets import BudgetSettings
from athena_connectors.common.config import SpillSettings, describe_settings
from athena_connectors.common.secrets import Secret, SecretResolver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from athena_connectors.common.config import SettingDescription

__all__ = ["HIDDEN", "replayed_settings", "secret_texts", "shown_settings", "without_secrets"]

HIDDEN = "***"
MIN_CHARACTERS = 4
"""Shorter secrets are not looked for in texts: they would be found in every one."""

_FAMILY = "athena_connectors"
_TELLING_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_OF_COMMON = (SpillSettings, BudgetSettings)
_OF_THE_SOURCE = ("max_bytes_scanned", "max_source_seconds", "max_requests")
"""Limits of what a replay does not do."""
_OF_AWS = ("spill_bucket", "kms_key_id")
_MAY_HOLD_SECRETS = ("spill_put_request_headers",)
_USER_INFO = re.compile(r"://([^/@\s:]*):([^\s]*)@")
_PARAMETER = re.compile(r"[?&;,\s]?([\w.-]+)=([^?&;,\s]*)")
_SECRET_NAME = re.compile(r"pass|pwd|secret|token|credential|key", re.IGNORECASE)


def shown_settings(settings: Mapping[str, str], package: str) -> dict[str, str]:
    """Return a function's variables, those that may hold a secret as ``***``.

    Args:
        settings: The variables.
        package: The connector's, whose module ``settings`` declares them.
    """
    public = _public_names(package)
    return {
        name: without_secrets(value, _in_text(value)) if name in public else HIDDEN
        for name, value in settings.items()
    }


def replayed_settings(shown: Mapping[str, str]) -> dict[str, str]:
    """Return those of a recording's settings by which a handler goes that has no source."""
    known = {item.name for item in _common_settings()} - {*_OF_THE_SOURCE, *_OF_AWS}
    return {name: value for name, value in shown.items() if name in known and HIDDEN not in value}


def secret_texts(settings: Mapping[str, str], package: str, roots: Iterable[object]) -> set[str]:
    """Return all texts that are secret.

    Args:
        settings: The function's variables.
        package: The connector's.
        roots: Connectors that ran, whose secrets are looked for in all that they hold.
    """
    public = _public_names(package)
    secret = {item.name for item in _declared(package) if item.secret} | set(_MAY_HOLD_SECRETS)
    found: set[str] = set()
    for name, value in settings.items():
        found |= _in_text(value)
        if name not in public and (name in secret or _SECRET_NAME.search(name)):
            found.add(value)
    for item in _own_objects(roots):
        if isinstance(item, Secret):
            found |= _in_secret(item.reveal())
        elif isinstance(item, SecretResolver):
            for text in item.fetched():
                found |= _in_secret(text)
    return {text for text in found if len(text) >= MIN_CHARACTERS}


def without_secrets(node: Any, secrets: Iterable[str]) -> Any:
    """Return JSON in none of whose texts a secret stands, the longest ones found first."""
    texts = sorted(secrets, key=len, reverse=True)
    if not texts:
        return node
    pattern = re.compile("|".join(map(re.escape, texts)))

    def scrub(item: Any) -> Any:
        if isinstance(item, str):
            return pattern.sub(HIDDEN, item)
        if isinstance(item, list):
            return [scrub(each) for each in item]
        if isinstance(item, dict):
            return {scrub(name): scrub(each) for name, each in item.items()}
        return item

    return scrub(node)


def _public_names(package: str) -> set[str]:
    declared = [*_common_settings(), *_declared(package)]
    hidden = {item.name for item in declared if item.secret} | set(_MAY_HOLD_SECRETS)
    return {item.name for item in declared} - hidden | set(_TELLING_VARIABLES)


def _common_settings() -> list[SettingDescription]:
    return [item for declared in _OF_COMMON for item in describe_settings(declared)]


def _declared(package: str) -> Iterator[SettingDescription]:
    if not package:
        return
    try:
        module = importlib.import_module(f"{package}.settings")
    except ImportError:
        return
    for item in vars(module).values():
        if isinstance(item, type) and is_dataclass(item):
            yield from describe_settings(item)


def _in_text(text: str) -> set[str]:
    """Return the credentials that a text such as a URL holds."""
    found = {match[2] for match in _USER_INFO.finditer(text)}
    found |= {match[2] for match in _PARAMETER.finditer(text) if _SECRET_NAME.search(match[1])}
    found |= {plain(each) for each in list(found) for plain in (unquote, unquote_plus)}
    return {each for each in found if len(each) >= MIN_CHARACTERS}


def _in_secret(text: str) -> set[str]:
    """Return a secret, and each text in it where it is an object in JSON."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    held = content.items() if isinstance(content, dict) else ()
    parts = {value for name, value in held if _SECRET_NAME.search(name) and isinstance(value, str)}
    return {text, *_in_text(text), *parts}


def _own_objects(roots: Iterable[object]) -> Iterator[object]:
    """Yield what hangs on connectors, as far as this family or the connector made it."""
    queue: deque[object] = deque(roots)
    families = {_FAMILY} | {type(root).__module__.partition(".")[0] for root in queue}
    seen = set(map(id, queue))
    while queue:
        item = queue.popleft()
        if type(item).__module__.partition(".")[0] in families:
            yield item
            below = _attributes(item)
        else:
            below = _elements(item)
        for child in below:
            if id(child) not in seen:
                seen.add(id(child))
                queue.append(child)


def _attributes(item: object) -> Iterable[object]:
    slots = [name for kind in type(item).__mro__ for name in getattr(kind, "__slots__", ())]
    named = [getattr(item, name, None) for name in slots]
    return [*named, *getattr(item, "__dict__", {}).values()]


def _elements(item: object) -> Iterable[object]:
    if isinstance(item, Mapping):
        return item.values()
    return item if isinstance(item, list | tuple | set | frozenset | deque) else ()
