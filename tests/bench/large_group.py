"""A CloudWatch Logs with one stream of many events, in a process of its own."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from athena_connectors.common.testing.logs_server import logs_server
from athena_connectors.common.testing.logs_virtual import VirtualStreams

from tests.bench.children import serve_until_closed, served

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GROUP", "PAGE_EVENTS", "STREAM", "large_group"]

GROUP = "/bench/app"
STREAM = "2024/07/03/[$LATEST]0123456789abcdef0123456789abcdef"
PAGE_EVENTS = 10_000
"""Events of a page: as many as there can be, of 74 bytes, which is just below 1 MB."""

_START_MS = 1_720_000_000_000
_KINDS = ("INFO", "DEBUG", "WARNING", "ERROR")


def _message(number: int) -> str:
    """Return a text like those of a web server, with a character beyond ASCII in some."""
    place = "Zürich" if number % 50 == 0 else "Geneva"
    text = f"[{_KINDS[number % 4]}] request {number:09} took {number * 7919 % 997} ms in {place}"
    return f"{text:<73}"


@contextmanager
def large_group(pages: int) -> Iterator[str]:
    """Yield the URL of a stand-in whose group has so many pages of events."""
    with served("-m", "tests.bench.large_group", str(pages)) as url:
        yield url


def _serve(pages: int) -> None:
    streams = VirtualStreams(
        1, _START_MS, per_stream=pages * PAGE_EVENTS, name=lambda _: STREAM, message=_message
    )
    with logs_server() as logs:
        logs.create_group(GROUP, created_at=_START_MS, streams=streams)
        serve_until_closed(logs.url)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
