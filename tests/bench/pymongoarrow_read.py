"""A collection read by pymongoarrow, which works with an older pyarrow alone.

So it has an environment of its own beside the project's, made when it is first needed. What it
returns is no answer to compare with: NULL structures become structures of NULLs, and ids stay
bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tests.bench.readings import Cost

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["pymongoarrow_cost"]

_PINS = ("pymongoarrow==1.15.0", "pymongo==4.13.2", "pyarrow==25.0.1", "numpy==2.4.6")
_ID = pa.binary(12)

_PROGRAM = """
import base64, json, resource, sys, time
import pyarrow as pa
from pymongo import MongoClient
from pymongoarrow.context import PyMongoArrowContext
from pymongoarrow.schema import Schema
from pymongoarrow.types import ObjectIdType

def with_ids(type_):
    if pa.types.is_fixed_size_binary(type_):
        return ObjectIdType()
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, with_ids(field.type)) for field in type_])
    if pa.types.is_list(type_):
        return pa.list_(with_ids(type_.value_type))
    return type_

url, database, name, batch_rows, schema = sys.argv[1:]
schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(schema)))
schema = Schema({field.name: with_ids(field.type) for field in schema})
collection = MongoClient(url)[database][name]
collection.database.command("ping")
before, started, rows = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter(), 0
for raw in collection.find_raw_batches(batch_size=int(batch_rows)):
    context = PyMongoArrowContext(schema, codec_options=collection.codec_options)
    context.process_bson_stream(raw)
    rows += context.finish().num_rows
wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps([rows, wall, cpu, after.ru_maxrss * 1024 / 1e6]))
"""


def pymongoarrow_cost(
    url: str,
    database: str,
    collection: str,
    schema: pa.Schema,
    *,
    ids: Collection[str],
    batch_rows: int,
) -> Cost:
    """Return what reading a whole collection costs, batch by batch.

    Args:
        url: The server's connection string.
        database: The database.
        collection: The collection.
        schema: Its columns.
        ids: Names of columns and of children that are ObjectIds.
        batch_rows: Documents asked for at a time.
    """
    fields = [(field.name, _with_ids(field.name, field.type, ids)) for field in schema]
    told = b64encode(pa.schema(fields).serialize()).decode()
    done = subprocess.run(
        [_interpreter(), "-c", _PROGRAM, url, database, collection, str(batch_rows), told],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # warns of two builds of numpy
        check=True,
    )
    return Cost(*json.loads(done.stdout))


def _with_ids(name: str, type_: pa.DataType, ids: Collection[str]) -> pa.DataType:
    if isinstance(type_, pa.StructType):
        return pa.struct([(child.name, _with_ids(child.name, child.type, ids)) for child in type_])
    return _ID if name in ids and pa.types.is_string(type_) else type_


def _interpreter() -> Path:
    folder = Path(sys.prefix) / "bench-pymongoarrow"
    interpreter = folder / "bin/python"
    if not (folder / "is-complete").exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *_PINS], check=True)
        (folder / "is-complete").touch()
    return interpreter
