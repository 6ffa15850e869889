"""What a split cost, counted while it is read and told as one structured log line."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SplitStats"]


@dataclass(slots=True)
class SplitStats:
    """Counters of one split; changed while the split is read, by one thread at a time.

    Attributes:
        rows_read: Rows that came from the source.
        rows_returned: Rows left after residual and limit.
        bytes_read: Bytes received from the source, as far as the reader knows.
        bytes_returned: Serialised bytes of all blocks.
        source_seconds: Time spent waiting for the source.
        conversion_seconds: Time spent turning its answer into Arrow.
        residual_seconds: Time spent evaluating the residual.
        blocks: Blocks made, inline or spilled.
        spill_objects: Objects written to the spill bucket.
    """

    rows_read: int = 0
    rows_returned: int = 0
    bytes_read: int = 0
    bytes_returned: int = 0
    source_seconds: float = 0.0
    conversion_seconds: float = 0.0
    residual_seconds: float = 0.0
    blocks: int = 0
    spill_objects: int = 0
