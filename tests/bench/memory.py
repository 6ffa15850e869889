"""How much memory the handler's process needs for a table of 2 GB in one split.

The table is as wide as those of ``postgres_read``; its rows are read, encrypted and uploaded
to a local S3 by one request. Told is the peak of the whole process, interpreter and
libraries included, next to the peak of a quarter of the table: memory must not grow with it.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import TYPE_CHECKING, Any

from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.postgres import postgres_server

from tests.bench.children import in_new_process
from tests.bench.object_sink import object_sink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.testing.postgres import PostgresAddress

__all__ = ["run"]

_TABLE = "public.bench_memory"
_ROW_BYTES = 1000
_BUILD = f"""
CREATE UNLOGGED TABLE {_TABLE} AS
SELECT g AS id, g * 0.5 AS amount, timestamp '2001-01-01' + g * interval '1 s' AS at,
    repeat(md5(g::text), 30) AS note
FROM generate_series(1::bigint, {{rows}}) g
"""


def run(megabytes: int = 2000) -> dict[str, Any]:
    """Return the peaks in MB; under 400 is wanted, and a growth under 1.1.

    Args:
        megabytes: Size of the table as the server stores it.
    """
    rows = megabytes * 1_000_000 // _ROW_BYTES
    with postgres_server() as address, object_sink() as spill:
        address.execute(
            f"DROP TABLE IF EXISTS {_TABLE}",
            _BUILD.format(rows=rows),
            # Kept as it is: compressed, the server would have to unpack each value.
            f"ALTER TABLE {_TABLE} ADD PRIMARY KEY (id)",
            f"ANALYZE {_TABLE}",
        )
        try:
            ((size,),) = address.execute(f"SELECT pg_relation_size('{_TABLE}')")
            part = _peak(address, spill, rows // 4)
            whole = _peak(address, spill, None)
        finally:
            address.execute(f"DROP TABLE {_TABLE}")
    return {
        "table_mb": round(size / 1e6),
        "rows": whole["rows"],
        "peak_mb": round(whole["peak_mb"]),
        "peak_of_a_quarter_mb": round(part["peak_mb"]),
        "growth": round(whole["peak_mb"] / part["peak_mb"], 2),
    }


def _peak(address: PostgresAddress, spill: Mapping[str, str], rows: int | None) -> dict[str, float]:
    measured: dict[str, float] = in_new_process(_read, address, spill, rows)
    return measured


def _read(address: PostgresAddress, spill: Mapping[str, str], rows: int | None) -> dict[str, float]:
    from athena_connectors.jdbc_postgres.app import handler  # noqa: PLC0415 - in its own process

    from tests.bench.handler_reading import TableReading, first_rows  # noqa: PLC0415

    reading = TableReading(
        handler,
        {"default": address.connection_string, "max_splits": "1", **spill},
        TableName(*_TABLE.split(".")),
        ["id", "amount", "at", "note"],
        constraints=first_rows(rows),
    )
    read = reading.upload()
    return {
        "rows": read,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:])), indent=2))  # noqa: T201
