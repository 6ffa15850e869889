"""Settings that sources without a schema share: what Glue, a file or a sample tells of tables.

Each function declares one of them, as ``config.setting`` does, under its own name.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args

from athena_connectors.common.config import parse_choice, parse_float, parse_int, setting

__all__ = [
    "DocumentSettings",
    "Mismatch",
    "MixedTypes",
    "disable_glue",
    "extra_json_column",
    "glue_catalog",
    "max_struct_fields",
    "min_share",
    "mixed_types",
    "on_type_mismatch",
    "schema_cache_ttl_s",
    "schema_file",
    "schema_sample_size",
]

Mismatch = Literal["null", "fail"]
MixedTypes = Literal["text", "json"]


class DocumentSettings(Protocol):
    """Settings by which tables are known; ``Settings`` of a connector declares them."""

    @property
    def disable_glue(self) -> bool:
        """Whether Glue is asked for nothing."""
        ...

    @property
    def glue_catalog(self) -> str:
        """Id of the Glue catalog; the account's own if blank."""
        ...

    @property
    def schema_file(self) -> str:
        """Where frozen schemas are; none if blank."""
        ...

    @property
    def schema_cache_ttl_s(self) -> int:
        """Seconds for which samples and frozen schemas are good."""
        ...


def _glue_is_disabled(text: str) -> bool:
    # As the Java connectors read it: whatever is set and is not "false".
    return text.strip().lower() != "false"


def disable_glue() -> Any:
    """Declare a truth: whether Glue is asked for nothing."""
    return setting(
        "disable_glue",
        default=False,
        parse=_glue_is_disabled,
        blank_is_value=True,
        doc="Anything but `false`: ask Glue for no database and no table.",
    )


def glue_catalog() -> Any:
    """Declare a text: the Glue catalog that is asked."""
    return setting(
        "glue_catalog",
        default="",
        doc="Id of the Glue catalog, if it is not the account's own.",
    )


def schema_file(tables: str) -> Any:
    """Declare a text: where frozen schemas are.

    Args:
        tables: What the source calls its tables.
    """
    return setting(
        "schema_file",
        default="",
        doc="File or `s3://` object with frozen schemas, as `athena-connectors freeze` writes it;"
        f" its {tables} are not sampled.",
    )


def schema_sample_size(rows: str, table: str) -> Any:
    """Declare a whole number: how much of a table is sampled.

    Args:
        rows: What the source calls its rows, with a capital.
        table: What it calls a table, with its article.
    """
    return setting(
        "schema_sample_size",
        default=1000,
        parse=parse_int(minimum=1, maximum=100_000),
        doc=f"{rows} that are looked at to find {table}'s columns.",
    )


def schema_cache_ttl_s() -> Any:
    """Declare a whole number of seconds: how long samples and frozen schemas are good for."""
    return setting(
        "schema_cache_ttl_s",
        default=300,
        parse=parse_int(minimum=0, maximum=86_400),
        doc="Seconds for which a container remembers what it found.",
    )


def mixed_types() -> Any:
    """Declare one of ``MixedTypes``."""
    return setting(
        "mixed_types",
        default="text",
        parse=parse_choice(*get_args(MixedTypes)),
        doc="How values of several types share a column: `text` shows texts as they are and all"
        " else as JSON, `json` shows texts as JSON too, in quotes.",
    )


def max_struct_fields(default: int) -> Any:
    """Declare a whole number: how large a structure may be."""
    return setting(
        "max_struct_fields",
        default=default,
        parse=parse_int(minimum=1, maximum=10_000),
        doc="Fields of a structure beyond which it becomes a map.",
    )


def min_share(name: str, doc: str) -> Any:
    """Declare a number from 0 to 1: how often something must be seen to be a column."""
    return setting(name, default=0.0, parse=parse_float(minimum=0, maximum=1), doc=doc)


def extra_json_column(fields: str) -> Any:
    """Declare a text: the column of what no other column shows.

    Args:
        fields: What the source calls the fields of its rows.
    """
    return setting(
        "extra_json_column",
        default="",
        doc=f"Name of a column that holds as JSON the {fields} that are no columns; none if blank.",
    )


def on_type_mismatch(value: str) -> Any:
    """Declare one of ``Mismatch``.

    Args:
        value: Which values are meant, with a capital.
    """
    return setting(
        "on_type_mismatch",
        default="null",
        parse=parse_choice(*get_args(Mismatch)),
        doc=f"{value}: `null` reads it as NULL and counts it, `fail` ends the query.",
    )
