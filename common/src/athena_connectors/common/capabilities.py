"""What a connector claims to the engine; a claim is a promise to apply.

Source: wire protocol, section 13. The wire words are checked nowhere else, so they
stand here once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.protocol.messages import OptimizationSubType

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VALUE_SET_FILTERS", "Capabilities", "PassthroughFunction", "require_passthrough"]

VALUE_SET_FILTERS: tuple[str, ...] = (
    "sorted_range_set",
    "equatable_range_set",
    "all_or_none_value_set",
    "nullable_comparison",
)
"""Every filter sub-type; ``equatable_range_set`` is the word for equatable value sets."""

_SIGNATURE = "schemaFunctionName"


@dataclass(frozen=True, slots=True)
class PassthroughFunction:
    """The table function that takes a native query, such as ``system.query(QUERY)``."""

    schema: str = "system"
    name: str = "query"
    arguments: tuple[str, ...] = ("QUERY",)

    @property
    def signature(self) -> str:
        """The name under which it is advertised and called, ``SYSTEM.QUERY``."""
        return f"{self.schema}.{self.name}".upper()

    def verify(self, arguments: Mapping[str, str]) -> None:
        """Check the arguments of a call.

        Raises:
            InvalidRequestError: Another function is called, or a declared argument is
                missing or blank.
        """
        called = arguments.get(_SIGNATURE, "")
        if called.upper() != self.signature:
            raise InvalidRequestError(
                f"Passthrough function {called!r} is not known.",
                hint=f"Call {self.schema}.{self.name}({', '.join(self.arguments)}).",
            )
        missing = [name for name in self.arguments if not arguments.get(name, "").strip()]
        if missing:
            raise InvalidRequestError(
                f"{self.schema}.{self.name} lacks its argument {', '.join(missing)}.",
                hint=f"Pass each of {', '.join(self.arguments)} as non-empty text.",
            )


def require_passthrough(*, enabled: bool) -> None:
    """Check that native queries are not switched off.

    Args:
        enabled: The connector's setting ``enable_query_passthrough``.

    Raises:
        UnsupportedOperationError: They are.
    """
    if not enabled:
        raise UnsupportedOperationError(
            "Native queries are switched off.",
            hint="Set enable_query_passthrough to true, or query tables.",
        )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Claims of one connector.

    Attributes:
        filters: Kinds of value set that are applied, words of ``VALUE_SET_FILTERS``.
        functions: Wire names of the functions applied in expressions.
        limit: Whether a constant LIMIT is applied.
        top_n: Whether ORDER BY with LIMIT is applied.
        hints: Data source hints, such as ``non_default_collate``.
        passthrough: The passthrough function, or ``None``.
    """

    filters: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    limit: bool = False
    top_n: bool = False
    hints: tuple[str, ...] = ()
    passthrough: PassthroughFunction | None = None

    @classmethod
    def everything(cls, passthrough: PassthroughFunction | None) -> Capabilities:
        """Claim all that there is: what the source can't do exactly is done here."""
        return cls(
            filters=VALUE_SET_FILTERS,
            functions=FUNCTIONS,
            limit=True,
            top_n=True,
            passthrough=passthrough,
        )

    def to_wire(self) -> dict[str, tuple[OptimizationSubType, ...]]:
        """Return the claims as the members of ``GetDataSourceCapabilitiesResponse``."""
        wire: dict[str, tuple[OptimizationSubType, ...]] = {}
        if self.filters:
            wire["supports_filter_pushdown"] = _sub_types(self.filters)
        if self.functions:
            wire["supports_complex_expression_pushdown"] = (
                OptimizationSubType("supported_function_expression_types", self.functions),
            )
        if self.limit:
            wire["supports_limit_pushdown"] = _sub_types(("integer_constant",))
        if self.top_n:
            wire["supports_top_n_pushdown"] = _sub_types(("SUPPORTS_ORDER_BY",))
        if self.hints:
            wire["data_source_hints"] = _sub_types(self.hints)
        if self.passthrough is not None:
            wire[self.passthrough.signature] = (
                OptimizationSubType("query_passthrough_schema", (self.passthrough.schema,)),
                OptimizationSubType("query_passthrough_name", (self.passthrough.name,)),
                OptimizationSubType("query_passthrough_arguments", self.passthrough.arguments),
            )
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, tuple[OptimizationSubType, ...]]) -> Capabilities:
        """Read the claims of a connector; words we do not know are passed over."""

        def words(name: str) -> tuple[str, ...]:
            return tuple(item.subType for item in wire.get(name, ()))

        functions = next(
            (
                item.properties
                for item in wire.get("supports_complex_expression_pushdown", ())
                if item.subType == "supported_function_expression_types"
            ),
            (),
        )
        return cls(
            filters=words("supports_filter_pushdown"),
            functions=functions,
            limit="integer_constant" in words("supports_limit_pushdown"),
            top_n="SUPPORTS_ORDER_BY" in words("supports_top_n_pushdown"),
            hints=words("data_source_hints"),
            passthrough=_passthrough(wire),
        )


def _sub_types(words: tuple[str, ...]) -> tuple[OptimizationSubType, ...]:
    return tuple(OptimizationSubType(word) for word in words)


def _passthrough(
    wire: Mapping[str, tuple[OptimizationSubType, ...]],
) -> PassthroughFunction | None:
    for items in wire.values():
        parts = {item.subType: item.properties for item in items}
        if "query_passthrough_arguments" in parts:
            return PassthroughFunction(
                schema=parts["query_passthrough_schema"][0],
                name=parts["query_passthrough_name"][0],
                arguments=parts["query_passthrough_arguments"],
            )
    return None
