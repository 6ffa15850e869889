"""Memory of freed blocks stays with the process, so that the next ones need no new pages."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import os
import pyarrow as pa
from athena_connectors.common.memory import keep_freed_memory

def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGESIZE")

keep_freed_memory()
block = bytearray(b"x") * 16_000_000
before = resident()
del block
print(pa.default_memory_pool().backend_name, before - resident())
"""


def test_a_freed_block_is_kept_for_the_next_one() -> None:
    command = [sys.executable, "-c", _PROGRAM]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    backend, given_back = told.split()
    assert backend == "system"
    assert int(given_back) < 1_000_000
