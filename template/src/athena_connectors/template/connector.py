"""The connector: which module does what, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.capabilities import VALUE_SET_FILTERS, Capabilities
from athena_connectors.common.config import load_settings
from athena_connectors.common.connector import Connector
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.template import metadata, pushdown, reader, splits
from athena_connectors.template.client import open_storage
from athena_connectors.template.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa
    from athena_connectors.common.connector import Pushdown, Scan, TableDescription
    from athena_connectors.common.protocol.messages import Split, TableName
    from athena_connectors.template.client import Storage

__all__ = ["TemplateConnector", "from_environment"]


def from_environment(environ: Mapping[str, str]) -> TemplateConnector:
    """Return the connector that a function's variables describe.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = load_settings(Settings, environ)
    return TemplateConnector(open_storage(settings.location, environ), settings)


class TemplateConnector(Connector):
    """Files of CSV and JSON lines in a folder or under a prefix of a bucket.

    Args:
        storage: Where the files lie.
        settings: The function's settings.
    """

    source_type = "template"

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._storage = storage
        self._settings = settings

    def list_schemas(self) -> Iterable[str]:
        """List the folders at the root."""
        return metadata.list_schemas(self._storage)

    def list_tables(self, schema: str) -> Iterable[str]:
        """List the files and folders of a schema."""
        return metadata.list_tables(self._storage, schema)

    def describe_table(self, name: TableName) -> TableDescription:
        """Describe a table by the first block of each of its files."""
        return metadata.describe(self._storage, name, self._settings)

    def capabilities(self) -> Capabilities:
        """Claim predicates, limits and orders: what files can't apply is applied here."""
        return Capabilities(filters=VALUE_SET_FILTERS, functions=FUNCTIONS, limit=True, top_n=True)

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Decide what the choice of files applies."""
        return pushdown.plan(scan.constraints, _facts(scan).keys)

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        """Choose the files to read."""
        keys = _facts(scan).keys
        files = metadata.files_of(self._storage, scan.table)
        return pushdown.wanted(splits.partitions_of(files, keys), scan.constraints, keys)

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        """Return a split for each chosen file."""
        del scan
        return splits.splits_of(partitions)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        """Read one file, if the predicate wants it."""
        facts, file = _facts(scan), splits.file_of(split, scan.table)
        partition = splits.partitions_of([file], facts.keys)
        if not pushdown.wanted(partition, scan.constraints, facts.keys).num_rows:
            return
        rows = reader.rows_of(
            self._storage,
            file,
            _file_columns(scan),
            self._settings,
            untyped=facts.untyped,
            stats=scan.stats,
        )
        for batch in rows:
            yield reader.with_constants(batch, partition.select(list(facts.keys)))

    def native_query(self, scan: Scan, split: Split) -> str:
        """Tell the file and the columns that a split reads."""
        columns = ", ".join(_file_columns(scan)) or "none, rows are counted"
        return f"{splits.file_of(split, scan.table).path}: {columns}"


def _facts(scan: Scan) -> metadata.Facts:
    facts = scan.description.facts
    assert isinstance(facts, metadata.Facts)
    return facts


def _file_columns(scan: Scan) -> dict[str, pa.DataType]:
    """Return the columns to read, with the types in which files hold them."""
    facts = _facts(scan)
    return {name: facts.columns[name] for name in scan.schema.names if name not in facts.keys}
