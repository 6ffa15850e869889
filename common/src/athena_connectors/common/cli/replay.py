"""``athena-connectors replay``: a recorded query again, without its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.cli.output import complain, say

if TYPE_CHECKING:
    import argparse

    from athena_connectors.common.testing.recording.replay import Replayed

__all__ = ["run"]

MAX_TOLD = 50


def run(options: argparse.Namespace) -> int:
    """Replay a recording; tell what differs, and exit 1 if anything does."""
    from athena_connectors.common.testing.recording.replay import replay  # noqa: PLC0415

    replayed = replay(options.recording)
    found = replayed.differences
    for difference in found[:MAX_TOLD]:
        complain(f"- {difference}")
    if len(found) > MAX_TOLD:
        complain(f"… and {len(found) - MAX_TOLD} more.")
    if found:
        complain(f"The replay differs in {len(found)} places.")
        return 1
    say(_same(replayed))
    return 0


def _same(replayed: Replayed) -> str:
    recording = replayed.recording
    requests = len(recording.exchanges)
    blocks = sum(len(item.blocks) for item in recording.exchanges)
    rows = sum(block.num_rows for item in recording.exchanges for block in item.blocks)
    end = ""
    if recording.error is not None:
        end = f", and the same {recording.error.kind}"
    elif recording.answer is not None:
        end = f", and the same answer of {recording.answer.num_rows} rows"
    scrubbed = " Its values are scrubbed, so its scans were repeated and not its SQL."
    return (
        f"Same: {requests} requests, {blocks} blocks of {rows} rows{end}."
        f"{scrubbed if recording.scrubbed else ''}"
    )
