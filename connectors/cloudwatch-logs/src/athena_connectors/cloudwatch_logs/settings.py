"""Every setting of the connector, with its default and its meaning.

Names are environment variables of the function; those that the Java connector knows mean
the same here. The README's table is generated from this module.
"""

from __future__ import annotations

from dataclasses import dataclass

from athena_connectors.common.config import parse_float, parse_int, parse_names, setting

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The connector's settings; each attribute is an environment variable's name."""

    # Where the logs are.
    logs_region: str = setting(
        "logs_region", default="", doc="Region of the log groups, if it is not the function's."
    )
    logs_endpoint: str = setting(
        "logs_endpoint",
        default="",
        doc="URL to send CloudWatch Logs requests to, for a VPC endpoint or a local stand-in.",
    )
    cross_account_role_arn: str = setting(
        "cross_account_role_arn",
        default="",
        doc="Role of another account to assume for CloudWatch Logs calls, and for these only.",
    )
    cross_account_external_id: str = setting(
        "cross_account_external_id", default="", doc="External id that this role asks for."
    )
    glue_connection: str = setting(
        "glue_connection",
        default="",
        doc="Name of a Glue connection that gives further settings.",
    )
    include_linked_accounts: bool = setting(
        "include_linked_accounts",
        default=False,
        doc="In a monitoring account: show the groups of linked accounts too, as schemas named"
        " `<account>:<group>`.",
    )
    linked_accounts: tuple[str, ...] = setting(
        "linked_accounts",
        default=(),
        parse=parse_names,
        doc="Ids of the linked accounts to show, 20 at most; all if blank.",
    )
    log_group_include: tuple[str, ...] = setting(
        "log_group_include",
        default=(),
        parse=parse_names,
        doc="Patterns of the log groups that exist for Athena, such as `/aws/lambda/*`, which"
        " tell upper from lower case; all if blank.",
    )
    log_group_exclude: tuple[str, ...] = setting(
        "log_group_exclude",
        default=(),
        parse=parse_names,
        doc="Patterns of log groups that do not exist for Athena; they tell upper from lower case.",
    )

    # What a table looks like.
    extra_columns: bool = setting(
        "extra_columns",
        default=True,
        doc="Show `event_time`, `ingestion_time`, `event_id`, `log_group` and `filter_pattern`"
        " behind the three columns of the Java connector.",
    )
    name_cache_ttl_s: int = setting(
        "name_cache_ttl_s",
        default=300,
        parse=parse_int(minimum=0, maximum=86_400),
        doc="Seconds for which a container remembers the real spelling of a name.",
    )

    # How it is read.
    max_splits: int = setting(
        "max_splits",
        default=8,
        parse=parse_int(minimum=1, maximum=1000),
        doc="Splits of one scan, and so readers at once, at most. The account's rate of calls"
        " is shared by all.",
    )
    slice_bytes: int = setting(
        "slice_bytes",
        default=64 * 1024 * 1024,
        parse=parse_int(minimum=1024 * 1024, maximum=1 << 40),
        doc="Estimated bytes of messages that make a time slice of its own worth while.",
    )
    derive_filter_pattern: bool = setting(
        "derive_filter_pattern",
        default=True,
        doc="Send a filter pattern that predicates on `message` imply.",
    )
    unmask: bool = setting(
        "unmask",
        default=False,
        doc="Ask for sensitive data as it is; the role needs `logs:Unmask`.",
    )
    max_calls_per_second: float = setting(
        "max_calls_per_second",
        default=0.0,
        parse=parse_float(minimum=0),
        doc="Calls per second of each operation that all splits of a scan make together at"
        " most; 0 for no limit but what the service throttles.",
    )
    insights_timeout_s: int = setting(
        "insights_timeout_s",
        default=600,
        parse=parse_int(minimum=1, maximum=870),
        doc="Seconds that one Logs Insights query may take.",
    )
    max_insights_bytes: int = setting(
        "max_insights_bytes",
        default=0,
        parse=parse_int(minimum=0),
        doc="Bytes that Logs Insights may scan, and bill, for one scan or one native query; 0 for"
        " no limit.",
    )
    enable_query_passthrough: bool = setting(
        "enable_query_passthrough",
        default=True,
        doc="Offer the table function `system.query` for Logs Insights.",
    )
