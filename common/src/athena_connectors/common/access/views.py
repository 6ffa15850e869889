"""A table as one caller sees it: which columns there are, masked or not, and which rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.access.filter_types import conjuncts_of
from athena_connectors.common.access.masks import MaskError
from athena_connectors.common.access.row_filters import FilterError
from athena_connectors.common.connector import TableDescription
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.evaluation import can_fail
from athena_connectors.common.expressions import referenced_columns
from athena_connectors.common.protocol.messages import Identity
from athena_connectors.common.types import engine_type, rows_without_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from athena_connectors.common.access.masks import Mask
    from athena_connectors.common.access.policy import Rule
    from athena_connectors.common.connector import Scan
    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.protocol.messages import TableName

__all__ = ["AskedScan", "TableView", "hidden_columns", "view_of"]

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TableView:
    """What a caller sees of a table of which it does not see all.

    Attributes:
        table: The table, in the source's spelling.
        source: The whole table.
        rule: The rule that says what is seen.
        masks: What is seen in place of the values of some columns.
    """

    table: TableName
    source: TableDescription
    rule: Rule
    masks: Mapping[str, Mask] = field(default_factory=dict)

    def asked(self, scan: Scan) -> AskedScan:
        """Return what the source is asked for a scan of this view.

        Conditions on masked columns are evaluated on what is seen, so they stay here, and
        with them, as with an order by a masked column, the limit. So do conditions that may
        fail, where rows are filtered: a failure would tell of rows that are not seen.
        """
        filters = self.filters(scan.identity)
        constraints = scan.constraints
        conjuncts = constraints.conjuncts()
        held = tuple(part for part in conjuncts if self._stays(part, is_filtered=bool(filters)))
        passed = [part for part in conjuncts if part not in held]
        domains = [part for part in passed if isinstance(part, ColumnDomain)]
        is_whole = not held and not any(key.column in self.masks for key in constraints.order_by)
        asked = replace(
            constraints,
            summary={each.column: each.values for each in domains},
            expression=(
                *(part for part in passed if not isinstance(part, ColumnDomain)),
                *filters,
            ),
            order_by=constraints.order_by if is_whole else (),
            limit=constraints.limit if is_whole else None,
        )
        return AskedScan(
            replace(
                scan,
                schema=self._source_schema(scan.schema),
                constraints=asked,
                description=self.source,
            ),
            filters,
            held,
            is_whole,
        )

    def filters(self, identity: Identity) -> tuple[Expression, ...]:
        """Return the conditions that hold for each row which a caller sees."""
        row_filter = self.rule.row_filter
        if row_filter is None:
            return ()
        return conjuncts_of(row_filter, self.source.schema, identity)

    def shown(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        """Return rows of the source as they are seen.

        Args:
            batch: Rows that are seen, in engine types; columns whose values no mask looks
                at may be missing.
            schema: The columns that are wanted.
        """
        if not schema.names:
            return rows_without_columns(batch.num_rows)
        anything = batch.column(0) if batch.num_columns else pa.nulls(batch.num_rows)
        fields, columns = [], []
        for wanted in schema:
            name, mask = wanted.name, self.masks.get(wanted.name)
            index = batch.schema.get_field_index(name)
            column = batch.column(index) if index >= 0 else anything
            if mask is not None:
                told: pa.DataType = engine_type(self.source.schema.field(name).type)
                column = mask.over(column, told)
            fields.append(wanted.with_type(column.type))
            columns.append(column)
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))

    def _stays(self, part: Conjunct, *, is_filtered: bool) -> bool:
        if isinstance(part, ColumnDomain):
            return part.column in self.masks
        return not self.masks.keys().isdisjoint(referenced_columns(part)) or (
            is_filtered and can_fail(part)
        )

    def _source_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return columns in their own types; those are missing that no mask looks at."""
        fields: list[pa.Field[Any]] = []
        for each in schema:
            mask = self.masks.get(each.name)
            if mask is None:
                fields.append(each)
            elif mask.reads_values:
                type_ = engine_type(self.source.schema.field(each.name).type)
                fields.append(pa.field(each.name, type_))
        return pa.schema(fields)


@dataclass(frozen=True, slots=True)
class AskedScan:
    """What a source is asked for a scan of a view.

    Attributes:
        scan: The scan of the whole table, with the filter among its conditions.
        filters: The conditions of the filter.
        held: Conditions of the caller that the source is not asked for.
        is_whole: Whether limit and order are asked for as the caller does.
    """

    scan: Scan
    filters: tuple[Expression, ...]
    held: tuple[Conjunct, ...]
    is_whole: bool


def hidden_columns(
    rule: Rule, names: Iterable[str], derived: Mapping[str, tuple[str, ...]]
) -> frozenset[str]:
    """Return the columns that do not exist for a caller.

    Args:
        rule: The rule.
        names: Columns.
        derived: Columns by which others can be looked into, and those others. They are
            hidden where one of those is hidden or masked.
    """

    def is_closed(name: str) -> bool:
        found = rule.column(name)
        return found is not None and (found.is_hidden or found.mask is not None)

    def is_hidden(name: str) -> bool:
        found = rule.column(name)
        return (found is not None and found.is_hidden) or any(
            is_closed(other) for other in derived.get(name.lower(), ())
        )

    return frozenset(name for name in names if is_hidden(name))


def view_of(
    table: TableName,
    source: TableDescription,
    rule: Rule,
    derived: Mapping[str, tuple[str, ...]],
) -> TableDescription:
    """Return a description of what is seen of a table, with a ``TableView`` as its facts.

    Raises:
        ConfigurationError: The rule does not go with the table. The log says why; the text
            tells nothing of the rule.
    """
    hidden = hidden_columns(rule, source.schema.names, derived)
    masks: dict[str, Mask] = {}
    fields: list[pa.Field[Any]] = []
    for each in source.schema:
        found = rule.column(each.name)
        if each.name in hidden:
            continue
        if found is None or found.mask is None:
            fields.append(each)
            continue
        masks[each.name] = found.mask
        try:
            type_ = found.mask.type_of(engine_type(each.type))
        except MaskError as error:
            raise _unfit(table, rule, f"column {each.name!r}: {error}") from None
        fields.append(pa.field(each.name, type_))
    view = TableView(table, source, rule, masks)
    try:
        view.filters(Identity())
    except FilterError as error:
        raise _unfit(table, rule, f"row_filter: {error}") from None
    return TableDescription(
        pa.schema(fields),
        partition_columns=tuple(
            name for name in source.partition_columns if name not in hidden and name not in masks
        ),
        facts=view,
    )


def _unfit(table: TableName, rule: Rule, reason: str) -> ConfigurationError:
    _LOGGER.error(
        "Rule %s of the access policy does not go with %s: %s.", rule.place, table, reason
    )
    return ConfigurationError(
        f"Table {table} can't be queried as this function is set up.",
        hint="Ask whoever runs the function: its log says why.",
    )
