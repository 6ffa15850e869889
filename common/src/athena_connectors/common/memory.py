"""Memory of blocks that are gone, kept for those to come.

A result is a stream of blocks of 16 MB, each joined, written and encrypted in buffers of its
size. An allocator that gives these back to the system gets empty pages for the next block,
which costs more processor time than all that is done with them.

Source: ``mallopt(3)`` of glibc, whose own limits are these for the first block of such a size.
"""

from __future__ import annotations

import sys

import pyarrow as pa

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST_KEPT_BYTES = 32 * 1024 * 1024
"""Twice a block; glibc takes no higher one."""
_MOST_KEPT_BYTES = 2 * _LARGEST_KEPT_BYTES


def keep_freed_memory() -> None:
    """Let this process keep a few freed blocks, Arrow's too; nothing but on Linux with glibc."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT_BYTES)
    pa.set_memory_pool(pa.system_memory_pool())
