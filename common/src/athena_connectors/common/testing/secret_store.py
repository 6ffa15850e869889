"""Secrets Manager as far as a resolver of secrets asks, in the process of the tests."""

from __future__ import annotations

import json

__all__ = ["SecretStore", "login_secret"]


class SecretStore:
    """Holds secrets that a test may change, as rotation does.

    Attributes:
        secrets: Text of each secret under its name.
        calls: How often a secret was asked for.
    """

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.calls = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - AWS's name
        """Answer as the service does."""
        self.calls += 1
        return {"SecretString": self.secrets[SecretId]}


def login_secret(user: str, password: str, **more: str | int) -> str:
    """Return the text of a database's secret."""
    return json.dumps({"username": user, "password": password, **more})
