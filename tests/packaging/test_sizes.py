"""Sizes of packages are measured by library, and compared with what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packaging.sizes import BYTECODE, OURS, REASONS, Sizes, differences, measure, sizes_table

if TYPE_CHECKING:
    from pathlib import Path

RECORDED = Sizes({"pyarrow": 100_000_000, "cffi": 700_000, BYTECODE: 4_000_000}, 40_000_000)


def _package(folder: Path) -> Path:
    for name, size in {
        "cffi/api.py": 1000,
        "cffi/__pycache__/api.cpython-313.pyc": 500,
        "cffi-2.0.dist-info/METADATA": 0,
        "cffi-2.0.dist-info/RECORD": 0,
        "athena_connectors/own/app.py": 300,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(size))
    (folder / "cffi-2.0.dist-info/METADATA").write_text("Name: cffi\nVersion: 2.0\n")
    # One that was trimmed, and a script outside.
    (folder / "cffi-2.0.dist-info/RECORD").write_text(
        "cffi/api.py,,\ncffi/gone.py,,\n../../bin/cffi,,\n"
        "cffi-2.0.dist-info/METADATA,,\ncffi-2.0.dist-info/RECORD,,\n"
    )
    return folder


def test_each_byte_is_counted_once(tmp_path: Path) -> None:
    sizes = measure(_package(tmp_path))
    info = sum(path.stat().st_size for path in (tmp_path / "cffi-2.0.dist-info").iterdir())
    assert sizes.parts == {"cffi": 1000 + info, BYTECODE: 500, OURS: 300}
    assert sizes.total == sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
    assert sizes.zipped > 0


def test_a_file_of_nobody_is_refused(tmp_path: Path) -> None:
    (_package(tmp_path) / "stray.so").touch()
    with pytest.raises(ValueError, match=r"stray\.so is of no library"):
        measure(tmp_path)


@pytest.mark.parametrize(
    ("parts", "zipped", "told"),
    [
        ({}, 40_000_000, ""),
        ({"pyarrow": 101_900_000}, 40_700_000, ""),
        ({"cffi": 790_000}, 40_000_000, ""),
        ({"pyarrow": 102_100_000}, 40_000_000, "pyarrow: recorded 100,000,000 bytes"),
        ({"pyarrow": 97_900_000}, 40_000_000, "pyarrow: recorded 100,000,000 bytes"),
        ({"cffi": 810_000}, 40_000_000, "cffi: recorded 700,000 bytes"),
        ({"new": 5}, 40_000_000, "new: recorded 0 bytes"),
        ({BYTECODE: 5_000_000}, 40_000_000, "bytecode: recorded 4,000,000 bytes"),
        ({}, 41_000_000, "zipped: recorded 40,000,000 bytes"),
    ],
)
def test_other_sizes_are_told(parts: dict[str, int], zipped: int, told: str) -> None:
    found = differences(RECORDED, Sizes({**RECORDED.parts, **parts}, zipped))
    assert len(found) == bool(told)
    assert "".join(found).startswith(told)


def test_a_library_that_is_gone_is_told() -> None:
    parts = {name: size for name, size in RECORDED.parts.items() if name != "cffi"}
    (found,) = differences(RECORDED, Sizes(parts, 40_000_000))
    assert found.startswith("cffi: recorded 700,000 bytes, measured 0")


def test_without_bytecode_the_libraries_are_compared() -> None:
    parts = {name: size for name, size in RECORDED.parts.items() if name != BYTECODE}
    assert differences(RECORDED, Sizes(parts, 30_000_000)) == []
    parts["pyarrow"] = 1
    (found,) = differences(RECORDED, Sizes(parts, 30_000_000))
    assert found.startswith("pyarrow")


def test_the_table_tells_all_parts_and_their_sum() -> None:
    lines = sizes_table(RECORDED, 145).splitlines()
    assert lines[2] == f"| pyarrow | 100.0 | {REASONS['pyarrow']} |"
    assert lines[-2] == "| **unzipped** | 104.7 | A build above 145 MB fails. |"
    assert [line.split(" | ")[0] for line in lines[2:5]] == [
        "| pyarrow",
        "| bytecode",
        "| cffi",
    ]
