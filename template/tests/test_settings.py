from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from athena_connectors.common.config import describe_settings, load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.template.settings import Settings


def load(**environ: str) -> Settings:
    return load_settings(Settings, {"location": "files", **environ})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("block_bytes", "", 1 << 20),
        ("block_bytes", "1024", 1024),
        ("delimiter", ";", ";"),
        ("delimiter", "tab", "\t"),
        ("delimiter", "", ","),
        ("text_columns", "zip, phone,", {"zip", "phone"}),
        ("text_columns", "", frozenset()),
    ],
)
def test_reads_each_kind(name: str, text: str, expected: Any) -> None:
    assert getattr(load(**{name: text}), name) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("location", ""),
        ("block_bytes", "1023"),
        ("block_bytes", "1e6"),
        ("delimiter", ";;"),
        ("delimiter", '"'),
        ("delimiter", "§"),
    ],
)
def test_a_missing_or_malformed_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load(**{name: text})


def test_every_setting_has_a_sentence() -> None:
    for described in describe_settings(Settings):
        assert described.doc.endswith("."), described.name


def test_the_readme_says_what_each_setting_is() -> None:
    here = Path(__file__).parents[1]
    readme = next(path for name in ("CONNECTOR.md", "README.md") if (path := here / name).exists())
    text = readme.read_text(encoding="utf-8")
    for described in describe_settings(Settings):
        default = f"`{described.default}`" if described.default else ""
        row = f"| `{described.name}` | {default} | {described.doc} |"
        assert row in text, f"write into {readme.name}: {row}"
