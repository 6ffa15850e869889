"""Requests and responses of the protocol as dataclasses.

Field names are the wire's own, in the wire's order; ``codec`` turns them into plain
dicts and back. Source: wire protocol, sections 4 to 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from athena_connectors.common.constraints import Constraints

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

__all__ = [
    "EncryptionKey",
    "GetDataSourceCapabilitiesRequest",
    "GetDataSourceCapabilitiesResponse",
    "GetSplitsRequest",
    "GetSplitsResponse",
    "GetTableLayoutRequest",
    "GetTableLayoutResponse",
    "GetTableRequest",
    "GetTableResponse",
    "Identity",
    "ListSchemasRequest",
    "ListSchemasResponse",
    "ListTablesRequest",
    "ListTablesResponse",
    "OptimizationSubType",
    "PingRequest",
    "PingResponse",
    "ReadRecordsRequest",
    "ReadRecordsResponse",
    "RemoteReadRecordsResponse",
    "Request",
    "Response",
    "S3SpillLocation",
    "Split",
    "TableName",
    "UserDefinedFunctionRequest",
    "UserDefinedFunctionResponse",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs the query, as Athena tells it.

    Attributes:
        account: AWS account of the caller.
        arn: ARN of the caller.
        tags: IAM principal tags.
        groups: IAM groups.
        configOptions: Options of a federated catalog; empty for a plain Lambda catalog.
            May hold a token, so it is not shown.
        id: Legacy, ``UNKNOWN``.
        principal: Legacy, ``UNKNOWN``.
    """

    id: str | None = "UNKNOWN"
    principal: str | None = "UNKNOWN"
    account: str | None = None
    arn: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    configOptions: Mapping[str, str | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's place: schema and name."""

    schemaName: str
    tableName: str

    @property
    def schema(self) -> str:
        """The schema's name."""
        return self.schemaName

    @property
    def table(self) -> str:
        """The table's name inside the schema."""
        return self.tableName

    def __str__(self) -> str:
        return f"{self.schemaName}.{self.tableName}"


@dataclass(frozen=True, slots=True)
class S3SpillLocation:
    """Where a split may spill (``directory``) or one spilled object."""

    bucket: str
    key: str
    directory: bool


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """AES-GCM key (16 or 32 bytes) and nonce (12 bytes) of one split; never shown."""

    key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Split:
    """One unit of parallel read.

    A connector fills ``properties``; the handler adds where and how to spill.

    Attributes:
        properties: All that ``read_split`` needs, as text: it crosses processes and is
            retried, and reading the same split twice gives the same rows.
        spillLocation: Set by the handler.
        encryptionKey: Set by the handler; ``None`` when encryption is off.
    """

    properties: Mapping[str, str] = field(default_factory=dict)
    spillLocation: S3SpillLocation | None = None
    encryptionKey: EncryptionKey | None = None


@dataclass(frozen=True, slots=True)
class OptimizationSubType:
    """One thing that a connector claims inside an optimization."""

    subType: str
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PingRequest:
    """Ask who is there and which protocol version it speaks."""

    identity: Identity
    catalogName: str
    queryId: str


@dataclass(frozen=True, slots=True)
class ListSchemasRequest:
    """Ask for the schemas of a catalog."""

    identity: Identity
    queryId: str
    catalogName: str


@dataclass(frozen=True, slots=True)
class ListTablesRequest:
    """Ask for the tables of a schema; ``pageSize`` -1 means all."""

    identity: Identity
    queryId: str
    catalogName: str
    schemaName: str
    nextToken: str | None = None
    pageSize: int = -1


@dataclass(frozen=True, slots=True)
class GetTableRequest:
    """Ask for the columns of a table, or of a passthrough query's result."""

    identity: Identity
    queryId: str
    catalogName: str
    tableName: TableName
    queryPassthroughArguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GetTableLayoutRequest:
    """Ask which partitions of a table a scan has to read."""

    identity: Identity
    queryId: str
    catalogName: str
    tableName: TableName
    constraints: Constraints
    schema: pa.Schema
    partitionColumns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GetSplitsRequest:
    """Ask how the partitions are to be cut into splits, page by page."""

    identity: Identity
    queryId: str
    catalogName: str
    tableName: TableName
    partitions: pa.RecordBatch
    partitionColumns: tuple[str, ...] = ()
    constraints: Constraints = field(default_factory=Constraints)
    continuationToken: str | None = None


@dataclass(frozen=True, slots=True)
class GetDataSourceCapabilitiesRequest:
    """Ask what can be pushed down (SerDe 4 and later)."""

    identity: Identity
    queryId: str
    catalogName: str


@dataclass(frozen=True, slots=True)
class ReadRecordsRequest:
    """Ask for the rows of one split; sizes in bytes."""

    identity: Identity
    queryId: str
    catalogName: str
    tableName: TableName
    schema: pa.Schema
    split: Split
    constraints: Constraints
    maxBlockSize: int
    maxInlineBlockSize: int


@dataclass(frozen=True, slots=True)
class UserDefinedFunctionRequest:
    """Ask to apply a function; decoded only to be refused clearly."""

    identity: Identity
    inputRecords: pa.RecordBatch
    outputSchema: pa.Schema
    methodName: str
    functionType: str


@dataclass(frozen=True, slots=True)
class PingResponse:
    """Who is there and which protocol version it speaks."""

    catalogName: str
    queryId: str
    sourceType: str | None
    capabilities: int
    serDeVersion: int


@dataclass(frozen=True, slots=True)
class ListSchemasResponse:
    """The schemas of a catalog."""

    catalogName: str
    schemas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListTablesResponse:
    """One page of tables; a ``nextToken`` says that there are more."""

    tables: tuple[TableName, ...]
    catalogName: str
    nextToken: str | None


@dataclass(frozen=True, slots=True)
class GetTableResponse:
    """The columns of a table, partition columns included."""

    catalogName: str
    tableName: TableName
    schema: pa.Schema
    partitionColumns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetTableLayoutResponse:
    """One row for each partition to read."""

    catalogName: str
    tableName: TableName
    partitions: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class GetSplitsResponse:
    """One page of splits; a ``continuationToken`` says that there are more."""

    catalogName: str
    splits: tuple[Split, ...]
    continuationToken: str | None


@dataclass(frozen=True, slots=True)
class GetDataSourceCapabilitiesResponse:
    """Optimizations by name, each with what is claimed of it."""

    catalogName: str
    capabilities: Mapping[str, tuple[OptimizationSubType, ...]]


@dataclass(frozen=True, slots=True)
class ReadRecordsResponse:
    """All rows of a split, inline."""

    catalogName: str
    records: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class RemoteReadRecordsResponse:
    """All rows of a split, in spilled objects."""

    catalogName: str
    schema: pa.Schema
    remoteBlocks: tuple[S3SpillLocation, ...]
    encryptionKey: EncryptionKey | None


@dataclass(frozen=True, slots=True)
class UserDefinedFunctionResponse:
    """The result of a function (client side only)."""

    records: pa.RecordBatch
    methodName: str


Request = (
    PingRequest
    | ListSchemasRequest
    | ListTablesRequest
    | GetTableRequest
    | GetTableLayoutRequest
    | GetSplitsRequest
    | GetDataSourceCapabilitiesRequest
    | ReadRecordsRequest
    | UserDefinedFunctionRequest
)

Response = (
    PingResponse
    | ListSchemasResponse
    | ListTablesResponse
    | GetTableResponse
    | GetTableLayoutResponse
    | GetSplitsResponse
    | GetDataSourceCapabilitiesResponse
    | ReadRecordsResponse
    | RemoteReadRecordsResponse
    | UserDefinedFunctionResponse
)
