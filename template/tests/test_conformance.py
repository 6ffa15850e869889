"""Held to what every connector is held to, on files of both formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing import ConnectorSuite, Gap, Sample, Supports, edge_table
from athena_connectors.template.app import handler

if TYPE_CHECKING:
    from collections.abc import Iterator

YEARS = range(1700, 2200)
"""Those of times with digits after the second."""
EDGES = edge_table(
    {
        "flag": pa.bool_(),
        "whole": pa.int64(),
        "real": pa.float64(),
        "text": pa.string(),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "since": pa.timestamp("us", "UTC"),
    },
    keep=lambda name, value: name not in {"at", "since"} or value.year in YEARS,
)
OBJECTS = [{"items": [1, None], "note": "é"}, {"items": [], "note": None}, None]
DOCUMENTS = EDGES.select(["flag", "whole", "real", "text"]).append_column(
    "nested", pa.array([OBJECTS[place % 3] for place in range(EDGES.num_rows)])
)
ODD_NAMES = ["select", "with blank", "with-dash.and.dot", 'quo"te', "größe", "Capital"]
ODD = pa.table({name: [place, None] for place, name in enumerate(ODD_NAMES)})
EMPTY = pa.table({"id": pa.array([], pa.string())})
PARTED = pa.table(
    {
        "id": range(9),
        "year": [2023, 2023, 2023, 2024, 2024, 2024, None, None, None],
        "quarter": [1, 1, 4, 2, 3, 2024, 1, 2, None],
        "region": ["eu", "a_b%", "eu", "us", "eu", "é", None, "us", "eu"],
    }
)
KEYS = ("year", "quarter", "region")
SOURCE_TYPES = {
    "id": "whole numbers",
    "flag": "true, false",
    "whole": "whole numbers",
    "real": "other numbers",
    "text": "anything else",
    "day": "dates",
    "at": "times",
    "since": "times with a zone",
    "nested": "objects, arrays",
    "year": "folders named by whole numbers",
    "quarter": "folders named by whole numbers",
    "region": "folders named by anything else",
}


class TestFiles(ConnectorSuite):
    report = Path(__file__).with_name("conformance.json")
    supports = Supports(
        disjunction=Gap.not_implemented("rows are looked at once they are read"),
        comparison=Gap.not_implemented("rows are looked at once they are read"),
        limit=Gap.not_implemented("rows are read until there are enough of them"),
        passthrough=Gap.never("files have no language of their own"),
    )

    def make(self, tmp_path: Path) -> Sample:
        write(tmp_path / "shop/edges.csv", csv_lines(EDGES))
        write(tmp_path / "shop/documents.jsonl", json_lines(DOCUMENTS))
        write(tmp_path / "shop/Odd Names.x.csv", csv_lines(ODD))
        write(tmp_path / "shop/empty.csv", csv_lines(EMPTY))
        for place, row in enumerate(PARTED.to_pylist()):
            folders = "/".join(f"{key}={folder_of(row[key])}" for key in KEYS)
            part = PARTED.slice(place, 1).select(["id"])
            write(tmp_path / "shop/parted" / folders / f"{place}.csv", csv_lines(part))
        odd = ODD.rename_columns([name.lower() for name in ODD_NAMES])
        return Sample(
            handler=handler,
            settings={"location": str(tmp_path)},
            tables={
                "shop.edges": EDGES,
                "shop.documents": DOCUMENTS,
                TableName("shop", "odd names.x"): odd,
                "shop.empty": EMPTY,
                "shop.parted": PARTED,
            },
            partition_columns={"shop.parted": KEYS},
            source_types={
                **dict.fromkeys(["shop.edges", "shop.documents", "shop.parted"], SOURCE_TYPES),
                TableName("shop", "odd names.x"): dict.fromkeys(odd.column_names, "whole numbers"),
                "shop.empty": {"id": "anything else"},
            },
        )


def write(path: Path, lines: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def folder_of(value: object) -> str:
    return "__HIVE_DEFAULT_PARTITION__" if value is None else str(value).replace("%", "%25")


def csv_lines(table: pa.Table) -> Iterator[str]:
    yield ",".join(map(quoted, table.column_names))
    for row in table.to_pylist():
        yield ",".join(map(csv_field, row.values()))


def csv_field(value: Any) -> str:
    if value is None:
        return ""
    return quoted(value) if isinstance(value, str) else str(value).replace("True", "true")


def quoted(text: str) -> str:
    escaped = text.replace('"', '""')
    return f'"{escaped}"'


def json_lines(table: pa.Table) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) for row in table.to_pylist())
