"""Every setting of the connector, with its default and its meaning.

Names are environment variables of the function; those that the Java connector knows mean
the same here. The README's table is generated from this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from athena_connectors.common import document_settings as shared
from athena_connectors.common.config import (
    parse_choice,
    parse_float,
    parse_int,
    parse_names,
    setting,
)
from athena_connectors.common.document_settings import Mismatch, MixedTypes

__all__ = ["IndexMode", "Mismatch", "MixedTypes", "NumberInference", "Settings"]

NumberInference = Literal["decimal", "auto", "double", "varchar"]
IndexMode = Literal["auto", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The connector's settings; each attribute is an environment variable's name."""

    # Where the tables are.
    dynamodb_region: str = setting(
        "dynamodb_region",
        default="",
        doc="Region of the tables, if it is not the function's.",
    )
    dynamodb_endpoint: str = setting(
        "dynamodb_endpoint",
        default="",
        doc="URL to send DynamoDB requests to, for a VPC endpoint or a local stand-in.",
    )
    cross_account_role_arn: str = setting(
        "cross_account_role_arn",
        default="",
        doc="Role of another account to assume for DynamoDB calls, and for these only.",
    )
    cross_account_external_id: str = setting(
        "cross_account_external_id",
        default="",
        doc="External id that this role asks for.",
    )
    glue_connection: str = setting(
        "glue_connection",
        default="",
        doc="Name of a Glue connection that gives further settings.",
    )
    disable_glue: bool = shared.disable_glue()
    glue_catalog: str = shared.glue_catalog()
    table_include: tuple[str, ...] = setting(
        "table_include",
        default=(),
        parse=parse_names,
        doc="Patterns of the tables that exist for Athena, such as `shop-*,users`; all if blank.",
    )
    table_exclude: tuple[str, ...] = setting(
        "table_exclude",
        default=(),
        parse=parse_names,
        doc="Patterns of tables that do not exist for Athena.",
    )

    # What a table looks like.
    schema_file: str = shared.schema_file("tables")
    schema_sample_size: int = shared.schema_sample_size("Items", "a table")
    schema_sample_segments: int = setting(
        "schema_sample_segments",
        default=4,
        parse=parse_int(minimum=1, maximum=100),
        doc="Places of the table that these items are taken from.",
    )
    schema_cache_ttl_s: int = shared.schema_cache_ttl_s()
    number_inference: NumberInference = setting(  # noqa: RUF009 - declares a field
        "number_inference",
        default="decimal",
        parse=parse_choice(*get_args(NumberInference)),
        doc="What numbers become: `decimal` (38 digits, 9 of them after the point, or as many as"
        " were seen); `auto` (bigint if all are whole and fit); `double`, but for keys;"
        " `varchar`.",
    )
    mixed_types: MixedTypes = shared.mixed_types()  # noqa: RUF009 - declares a field
    max_struct_fields: int = shared.max_struct_fields(200)
    min_attribute_share: float = shared.min_share(
        "min_attribute_share",
        "Share of the sampled items that must have an attribute for it to be a column.",
    )
    extra_json_column: str = shared.extra_json_column("attributes")
    on_type_mismatch: Mismatch = shared.on_type_mismatch(  # noqa: RUF009 - declares a field
        "A value of another type than its column"
    )
    on_number_overflow: Mismatch = setting(  # noqa: RUF009 - declares a field
        "on_number_overflow",
        default="fail",
        parse=parse_choice(*get_args(Mismatch)),
        doc="A number with more digits before the point than its column, or with more digits of any"
        " kind in a key that is not rounded: `fail` or `null`.",
    )
    disable_projection_and_casing: str = setting(
        "disable_projection_and_casing",
        default="auto",
        doc="`always` reads whole items and finds attributes in any case; `auto` learns their"
        " real names.",
    )

    # How it is read.
    dynamodb_index_mode: IndexMode = setting(  # noqa: RUF009 - declares a field
        "dynamodb_index_mode",
        default="auto",
        parse=parse_choice(*get_args(IndexMode)),
        doc="`auto` reads by the best index that gives every row; `never` by the table only.",
    )
    dynamodb_index_allow: tuple[str, ...] = setting(
        "dynamodb_index_allow",
        default=(),
        parse=parse_names,
        doc="Patterns of the indexes that may be chosen, such as `by_*`; all if blank.",
    )
    dynamodb_index_deny: tuple[str, ...] = setting(
        "dynamodb_index_deny",
        default=(),
        parse=parse_names,
        doc="Patterns of indexes that are never chosen.",
    )
    consistent_read: bool = setting(
        "consistent_read",
        default=False,
        doc="Read what was written before the read started; costs twice the read units and"
        " rules out global indexes.",
    )
    max_batch_keys: int = setting(
        "max_batch_keys",
        default=1000,
        parse=parse_int(minimum=0, maximum=100_000),
        doc="Full keys of one query up to which items are fetched one by one.",
    )
    keys_per_split: int = setting(
        "keys_per_split",
        default=25,
        parse=parse_int(minimum=1, maximum=1000),
        doc="Key values that one split queries, one after the other.",
    )
    max_scan_segments: int = setting(
        "max_scan_segments",
        default=200,
        parse=parse_int(minimum=1, maximum=1_000_000),
        doc="Splits of one scan at most.",
    )
    scan_segment_bytes: int = setting(
        "scan_segment_bytes",
        default=256 * 1024 * 1024,
        parse=parse_int(minimum=1024 * 1024, maximum=1 << 30),
        doc="Bytes of a table that one split scans, by DynamoDB's own, hours-old count.",
    )
    enable_query_passthrough: bool = setting(
        "enable_query_passthrough",
        default=True,
        doc="Offer the table function `system.query` for PartiQL.",
    )

    # What it may cost.
    allow_full_scan: bool = setting(
        "allow_full_scan",
        default=True,
        doc="Whether a table or an index may be scanned as a whole; if not, a query has to give"
        " keys.",
    )
    max_scan_bytes: int = setting(
        "max_scan_bytes",
        default=0,
        parse=parse_int(minimum=0),
        doc="Size in bytes above which a table is not scanned as a whole; 0 for no limit.",
    )
    read_capacity_fraction: float = setting(
        "read_capacity_fraction",
        default=0.5,
        parse=parse_float(minimum=0.001, maximum=1),
        doc="Share of a table's read units per second that a scan plans to use.",
    )
    max_rcu_per_second: float = setting(
        "max_rcu_per_second",
        default=0.0,
        parse=parse_float(minimum=0),
        doc="Read units per second that all splits of a scan use together at most; 0 for no limit.",
    )
    max_rcu_per_query: float = setting(
        "max_rcu_per_query",
        default=0.0,
        parse=parse_float(minimum=0),
        doc="Read units after which a query ends with an error, each split having its share;"
        " 0 for no limit.",
    )
