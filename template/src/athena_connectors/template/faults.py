"""Rows that can't be read, as errors that say where."""

from __future__ import annotations

from athena_connectors.common.errors import DataConversionError

__all__ = ["bad_row"]

_HINT = (
    "Correct the file. If it is right, a larger block_bytes lets more of it tell the types of"
    " its columns."
)


def bad_row(path: str, fault: str) -> DataConversionError:
    """Return the error for a row; no value of it is told, as it may be private.

    Args:
        path: The file.
        fault: What is wrong, as the end of a sentence that starts with the file.
    """
    return DataConversionError(f"File {path}: {fault}.", hint=_HINT)
