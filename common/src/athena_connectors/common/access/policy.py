"""Rules that say who may see what, and what they come to for one caller.

Rules are tried in order, and the first that fits decides. What no rule fits is denied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from athena_connectors.common.access.patterns import EVERYTHING, Patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.access.masks import Mask
    from athena_connectors.common.access.row_filters import RowFilter
    from athena_connectors.common.protocol.messages import Identity, TableName

__all__ = ["Access", "ColumnRule", "Policy", "Principals", "Rule"]


@dataclass(frozen=True, slots=True)
class Principals:
    """Callers; each part that is given has to fit, by one of what it lists.

    Attributes:
        accounts: Numbers of AWS accounts.
        arns: Patterns of callers' ARNs.
        groups: Patterns of names of groups.
        tags: Patterns of the values of principal tags, by the tag's name; each has to fit.
    """

    accounts: Patterns | None = None
    arns: Patterns | None = None
    groups: Patterns | None = None
    tags: Mapping[str, Patterns] = field(default_factory=dict)

    def fits(self, identity: Identity) -> bool:
        """Return whether a caller is one of these."""
        return (
            _one_fits(self.accounts, (identity.account,))
            and _one_fits(self.arns, (identity.arn,))
            and _one_fits(self.groups, identity.groups)
            and all(_one_fits(some, (identity.tags.get(tag),)) for tag, some in self.tags.items())
        )


def _one_fits(patterns: Patterns | None, texts: tuple[str | None, ...]) -> bool:
    return patterns is None or any(text is not None and patterns.fits(text) for text in texts)


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What becomes of some columns.

    Attributes:
        names: Their names.
        is_hidden: Whether they do not exist for the caller.
        mask: What is seen in place of their values, if they are not hidden; ``None`` for
            the values themselves.
    """

    names: Patterns
    is_hidden: bool
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        place: Where it stands in the document, for the log.
        allows: Whether it allows; it denies otherwise.
        principals: Whom it is about.
        catalogs: Athena's names of sources.
        schemas: Schemas, in the source's spelling.
        tables: Tables in them.
        columns: What becomes of columns, the first that fits deciding; others are shown.
        row_filter: Which rows are seen; ``None`` for all.
        passthrough: Whether native queries may be run.
    """

    place: str
    allows: bool
    principals: Principals = field(default_factory=Principals)
    catalogs: Patterns = EVERYTHING
    schemas: Patterns = EVERYTHING
    tables: Patterns = EVERYTHING
    columns: tuple[ColumnRule, ...] = ()
    row_filter: RowFilter | None = None
    passthrough: bool = False

    @property
    def restricts(self) -> bool:
        """Whether less than the whole of a table is seen."""
        return bool(self.columns) or self.row_filter is not None

    def column(self, name: str) -> ColumnRule | None:
        """Return what becomes of a column; ``None`` if it is shown as it is."""
        return next((rule for rule in self.columns if rule.names.fits(name)), None)


@dataclass(frozen=True, slots=True)
class Access:
    """What one caller may see of one catalog.

    Attributes:
        key: The same for all callers who may see the same, row filters that look at the
            caller aside.
        rules: The rules about this caller and catalog, in order.
    """

    key: tuple[str, ...]
    rules: tuple[Rule, ...] = field(compare=False)

    def rule_for(self, table: TableName) -> Rule | None:
        """Return the rule by which a table is seen; ``None`` if it is not."""
        for rule in self.rules:
            if rule.schemas.fits(table.schema) and rule.tables.fits(table.table):
                return rule if rule.allows else None
        return None

    def shows_schema(self, schema: str) -> bool:
        """Return whether a schema may have a table that is seen."""
        for rule in self.rules:
            if rule.schemas.fits(schema):
                if rule.allows:
                    return True
                if rule.tables.fits_all:
                    return False
        return False

    @property
    def passthrough(self) -> bool:
        """Whether native queries may be run, which no rule about tables can hold back.

        So only the first of all rules counts: an earlier one would be passed by.
        """
        return bool(self.rules) and self.rules[0].passthrough


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules, in order.

    Attributes:
        version: Tells documents apart.
        rules: The rules.
    """

    version: str
    rules: tuple[Rule, ...]

    def access(self, identity: Identity, catalog: str) -> Access:
        """Return what a caller may see of a catalog."""
        rules = tuple(
            rule
            for rule in self.rules
            if rule.catalogs.fits(catalog) and rule.principals.fits(identity)
        )
        return Access((self.version, *(rule.place for rule in rules)), rules)
