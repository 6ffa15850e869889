"""Recorded queries as tests: each file below ``recordings`` has to replay as it was recorded.

``athena-connectors query --record FILE "SELECT …"`` writes one; see ``CONNECTOR.md``.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.engine import Catalog
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.recording.record import record
from athena_connectors.common.testing.recording.replay import assert_replays
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.template.app import handler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.zip"))


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)
def test_a_recorded_query_gives_the_same_rows(file: Path) -> None:
    assert_replays(file)


def test_a_query_replays_when_its_files_are_gone(
    fill_folder: Callable[[Mapping[str, str]], dict[str, str]], tmp_path: Path
) -> None:
    settings = fill_folder(
        {
            "shop/orders/year=2024/a.csv": "id,note\n1,x\n2,\n",
            "shop/orders/year=2025/b.csv": "id,note\n3,y\n",
            "shop/customers.jsonl": '{"id": 1, "name": "Ada"}\n{"id": 3, "name": "Bo"}\n',
        }
    )
    store = FolderStore(tmp_path / "spill")
    function = InProcess(handler, settings={"spill_bucket": "local", **settings}, store=store)
    catalogs = {"files": Catalog(function, store, function.close)}
    plain, scrubbed = tmp_path / "plain.zip", tmp_path / "scrubbed.zip"
    sql = (
        "SELECT o.id, c.name FROM files.shop.orders o JOIN files.shop.customers c"
        " ON o.id = c.id WHERE o.year >= 2024 AND o.note <> ''"
    )
    assert record(sql, catalogs, plain).table.num_rows == 2
    record(sql, catalogs, scrubbed, scrub_values=True)
    shutil.rmtree(tmp_path / "root")
    assert_replays(plain)
    assert_replays(scrubbed)
