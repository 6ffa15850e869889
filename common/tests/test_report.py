"""The page that ``query --report`` writes, in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.cli.report import report_page
from athena_connectors.common.estimates import Estimate
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.browser import find_browser
from athena_connectors.common.testing.engine import Catalog, LocalEngine, QueryResult
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.testing.transport import HttpEndpoint, InProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.testing.browser import Browser

EVIL = "<script>document.title='ran'</script>"
EVIL_IMAGE = '"><img src=x onerror="document.title=\'ran\'">'
TABLES = {
    "s.t": pa.record_batch({"id": pa.array(range(1000)), "name": ["a", "b", None, "d"] * 250}),
    f"s.{EVIL}": pa.record_batch({EVIL_IMAGE: pa.array([1, 2, 3]), "plain": ["x", EVIL, "z"]}),
}
MEASURE = """
<script>
const boxes = [...document.querySelectorAll('g.bar')].map(bar => {
  const rects = [...bar.querySelectorAll('rect')].map(rect => {
    const box = rect.getBoundingClientRect()
    return {kind: rect.getAttribute('class'), left: box.left, right: box.right, top: box.top,
            fill: getComputedStyle(rect).fill}
  })
  return {name: bar.querySelector('text').textContent, rects}
})
const steps = [...document.querySelectorAll('g.step')].map(step =>
  ({name: step.querySelector('text').textContent,
    width: step.querySelector('rect').getBoundingClientRect().width}))
const texts = document.body.innerText
const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth
document.title = JSON.stringify({boxes, steps, texts, wide})
</script>
"""


@pytest.fixture(scope="module")
def browser() -> Browser:
    return find_browser()


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[[str], QueryResult]]:
    store = FolderStore(tmp_path / "spill")
    handler = lambda_handler(lambda _: MemoryConnector(TABLES, splits=3))
    function = InProcess(handler, settings={"spill_bucket": "local"}, store=store)
    engine = LocalEngine({"mem": Catalog(function, store)}, parallel=1)
    yield engine.query
    engine.close()


def seen(browser: Browser, page: str, folder: Path) -> dict[str, object]:
    """What a browser makes of a page: its own policy is lifted, so that it can be measured."""
    without_policy, count = re.subn(r"<meta http-equiv[^>]*>", "", page)
    assert count == 1
    file = folder / "measured.html"
    file.write_text(without_policy.replace("</body>", f"{MEASURE}</body>"), "utf-8")
    found = re.search(r"<title>(.*?)</title>", browser.document(file), re.DOTALL)
    assert found
    told: dict[str, object] = json.loads(unescape(found[1]))
    return told


def title_of(document: str) -> str:
    found = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert found
    return found[1]


def test_the_browser_runs_scripts_of_a_page_that_lets_it(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<title>still</title>{EVIL}")
    assert title_of(browser.document(page)) == "ran"


@pytest.mark.parametrize("lifted", ["", "<meta http-equiv[^>]*>"])
def test_no_script_runs_from_a_name_or_a_value(
    lifted: str, browser: Browser, ask: Callable[[str], QueryResult], tmp_path: Path
) -> None:
    column = EVIL_IMAGE.replace('"', '""')
    value = EVIL.replace("'", "''")
    sql = f'SELECT "{column}" FROM mem.s."{EVIL}" WHERE plain <> \'{value}\''
    page = re.sub(lifted, "", report_page(sql=sql, result=ask(sql)))
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    document = browser.document(file)
    assert title_of(document) == "Query report"
    assert "<script" not in document
    assert "<img" not in document


def test_the_page_shows_the_query_and_each_scan(
    browser: Browser, ask: Callable[[str], QueryResult], tmp_path: Path
) -> None:
    sql = (
        "SELECT a.id FROM mem.s.t a JOIN mem.s.t b ON a.id = b.id WHERE a.id < 500 AND b.name = 'd'"
    )
    texts = str(seen(browser, report_page(sql=sql, result=ask(sql)), tmp_path)["texts"])
    for wanted in (
        sql,
        "2 scans, 6 splits read",
        "Scan 1: mem.s.t",
        "Scan 2: mem.s.t",
        "joins",
        '"id" < 500',
        "\"name\" = 'd'",
        "it looks at other tables too",
        "no estimate",
        "rows from the source",
        "1,000",
    ):
        assert wanted in texts


def test_bars_stand_in_the_order_of_time(
    browser: Browser, ask: Callable[[str], QueryResult], tmp_path: Path
) -> None:
    sql = "SELECT id, name FROM mem.s.t WHERE id >= 100"
    told = seen(browser, report_page(sql=sql, result=ask(sql)), tmp_path)
    bars = told["boxes"]
    assert isinstance(bars, list)
    assert [bar["name"] for bar in bars] == [
        "scan 1: plan",
        "scan 1, split 0",
        "scan 1, split 1",
        "scan 1, split 2",
    ]
    starts = [bar["rects"][0]["left"] for bar in bars]
    assert starts == sorted(starts)
    assert len(set(starts)) == 4
    assert [part["kind"] for part in bars[1]["rects"]] == [
        "read",
        "convert",
        "filter",
        "spill",
        "rest",
    ]
    for earlier, later in pairwise(bars[1:]):
        assert earlier["rects"][-1]["right"] <= later["rects"][0]["left"] + 0.5
        assert earlier["rects"][0]["top"] < later["rects"][0]["top"]
    assert len({part["fill"] for part in bars[1]["rects"]}) == 5
    assert not told["wide"]


def test_steps_are_as_long_as_their_numbers(
    browser: Browser, ask: Callable[[str], QueryResult], tmp_path: Path
) -> None:
    sql = "SELECT id, name FROM mem.s.t WHERE id >= 500"
    told = seen(browser, report_page(sql=sql, result=ask(sql)), tmp_path)
    steps = told["steps"]
    assert isinstance(steps, list)
    widths = {step["name"]: step["width"] for step in steps}
    assert widths["rows left by filter, limit"] == pytest.approx(
        widths["rows from the source"] / 2, abs=0.5
    )
    assert widths["rows arrived"] == widths["rows left by filter, limit"]


def test_an_estimate_stands_beside_the_fact(ask: Callable[[str], QueryResult]) -> None:
    result = ask("SELECT count(*) FROM mem.s.t")
    result.scans[0].estimate = Estimate("a <guess>", rows_scanned=5000)
    text = report_page(sql="SELECT 1", result=result)
    assert "no estimate" not in text
    assert "a &lt;guess&gt;" in text
    assert "5,000" in text
    assert "1,000 rows read" in text


class _Loaded(HTMLParser):
    """Gathers what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {"src", "href", "srcset", "data", "action"} & {name for name, _ in attrs}
        if tag in {"script", "link", "iframe", "object", "base", "form"} or named:
            self.found.append(f"{tag} {attrs}")


def test_the_page_loads_nothing(ask: Callable[[str], QueryResult]) -> None:
    page = report_page(sql="SELECT 1", result=ask("SELECT * FROM mem.s.t"))
    loaded = _Loaded()
    loaded.feed(page)
    assert loaded.found == []
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_a_query_of_no_table_has_a_page(ask: Callable[[str], QueryResult]) -> None:
    page = report_page(sql="SELECT 1", result=ask("SELECT 1"))
    assert "0 scans" in page


def test_parts_of_a_split_are_no_longer_than_it_took(ask: Callable[[str], QueryResult]) -> None:
    result = ask("SELECT * FROM mem.s.t")
    reading = result.scans[0].splits[0]
    assert reading.stats is not None
    reading.stats.source_seconds = reading.stats.spill_seconds = 100.0
    result.scans[0].splits[:] = [replace(reading, seconds=2.0)]
    page = report_page(sql="SELECT 1", result=result)
    drawn = re.search(
        r"scan 1, split 0: read ([\d.]+) s.*?spill ([\d.]+) s.*?rest ([\d.]+) s", page, re.DOTALL
    )
    assert drawn
    assert sum(map(float, drawn.groups())) == pytest.approx(2.0, abs=0.01)


def test_a_function_elsewhere_has_a_page_without_its_counters(
    ask: Callable[[str], QueryResult], browser: Browser, tmp_path: Path
) -> None:
    result = ask("SELECT id FROM mem.s.t WHERE id < 10")
    (scan,) = result.scans
    scan.splits[:] = [replace(item, stats=None) for item in scan.splits]
    scan.planned.client.transport = HttpEndpoint("http://127.0.0.1:1/")
    told = seen(browser, report_page(sql="SELECT 1", result=result), tmp_path)
    texts = str(told["texts"])
    assert "only the function knows" in texts
    assert "Only the function knows its native query." in texts
    assert '"id" < 10' in texts
    bars = told["boxes"]
    assert isinstance(bars, list)
    assert [part["kind"] for part in bars[1]["rects"]] == ["rest"]
