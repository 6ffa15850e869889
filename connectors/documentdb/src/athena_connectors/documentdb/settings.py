"""Every setting of the connector, with its default and its meaning.

Names are environment variables of the function; those that the Java connector knows mean
the same here. The README's table is generated from this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from athena_connectors.common import document_settings as shared
from athena_connectors.common.config import parse_choice, parse_int, setting
from athena_connectors.common.document_settings import Mismatch, MixedTypes

__all__ = ["Mismatch", "MixedTypes", "SampleStrategy", "Settings"]

SampleStrategy = Literal["spread", "natural", "newest", "random"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The connector's settings; each attribute is an environment variable's name."""

    # Where the documents are.
    default_docdb: str = setting(
        "default_docdb",
        default="",
        secret=True,
        doc="Connection string of every catalog without one of its own, such as"
        " `mongodb://${secret}@host:27017/?tls=true`. A catalog's own is a variable named as the"
        " catalog.",
    )
    tls_ca_file: str = setting(
        "tls_ca_file",
        default="",
        doc="File of certificates to trust, PEM, where the connection string names none. By default"
        " the system's own, and with them Amazon's for DocumentDB if `global-bundle.pem` is in the"
        " package or in a layer.",
    )
    glue_connection: str = setting(
        "glue_connection",
        default="",
        doc="Name of a Glue connection that gives the connection string.",
    )
    disable_glue: bool = shared.disable_glue()
    glue_catalog: str = shared.glue_catalog()
    include_system_databases: bool = setting(
        "include_system_databases",
        default=False,
        doc="List `admin`, `config` and `local`; they can be queried either way.",
    )

    # What a table looks like.
    schema_file: str = shared.schema_file("collections")
    schema_sample_size: int = shared.schema_sample_size("Documents", "a collection")
    schema_sample_strategy: SampleStrategy = setting(  # noqa: RUF009 - declares a field
        "schema_sample_strategy",
        default="spread",
        parse=parse_choice(*get_args(SampleStrategy)),
        doc="Which documents: `spread` (the first, the newest and some between, by `_id`),"
        " `natural` (the first), `newest` (by `_id`) or `random`.",
    )
    schema_cache_ttl_s: int = shared.schema_cache_ttl_s()
    mixed_types: MixedTypes = shared.mixed_types()  # noqa: RUF009 - declares a field
    max_struct_fields: int = shared.max_struct_fields(500)
    min_field_share: float = shared.min_share(
        "min_field_share",
        "Share of the sampled documents that must have a field for it to be a column.",
    )
    extra_json_column: str = shared.extra_json_column("fields")
    on_type_mismatch: Mismatch = shared.on_type_mismatch(  # noqa: RUF009 - declares a field
        "A value that its column can't hold"
    )
    enable_case_insensitive_match: bool = setting(
        "enable_case_insensitive_match",
        default=True,
        doc="Find databases and collections in any case, as Athena folds names.",
    )
    disable_projection_and_casing: bool = setting(
        "disable_projection_and_casing",
        default=False,
        doc="Read whole documents and find fields in any case.",
    )

    # How it is read.
    max_splits: int = setting(
        "max_splits",
        default=16,
        parse=parse_int(minimum=1, maximum=1000),
        doc="Splits of one scan at most.",
    )
    split_bytes: int = setting(
        "split_bytes",
        default=64 * 1024 * 1024,
        parse=parse_int(minimum=1024, maximum=1 << 40),
        doc="Bytes of documents that one split reads, by the server's count.",
    )
    batch_bytes: int = setting(
        "batch_bytes",
        default=2 * 1024 * 1024,
        parse=parse_int(minimum=65_536, maximum=16 * 1024 * 1024),
        doc="Bytes of documents asked for at a time, by their average size.",
    )
    enable_query_passthrough: bool = setting(
        "enable_query_passthrough",
        default=True,
        doc="Offer the table function `system.query`.",
    )
