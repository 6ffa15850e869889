"""How large each connector's package is, by library, and why each library is in it.

``python -m tests.packaging.sizes`` builds the packages that the templates name and writes
what was measured beside the tests of each connector; documents show it, and a test fails
when a package has another size. Libraries are pinned, so the figures are those of any
machine. 1 MB is a million bytes.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from athena_connectors.common.testing.conformance.report import markdown_table

from tests.packaging.builds import build
from tests.packaging.distributions import FAMILY, owners
from tests.packaging.repository import CONNECTORS, folder_of

__all__ = [
    "OURS",
    "REASONS",
    "Sizes",
    "differences",
    "limit_mb",
    "measure",
    "read_sizes",
    "sizes_file",
    "sizes_table",
]

OURS = "the connector and common"
BYTECODE = "bytecode"
CERTIFICATES = "certificates"
REASONS = {
    "pyarrow": "Rows as columns, from the source to Athena's blocks, and all that is done to"
    " them. Its core needs the libraries for Parquet, datasets and Substrait to load at all;"
    " Flight, S3, headers and tests are taken out.",
    "numpy": "Columns from a database's binary values, 1.5 to 4 times as fast. Half of it is"
    " OpenBLAS, which its core needs to load.",
    "sqlalchemy": "Quoting and literals of the database's dialect. Its ORM, tests and compiled"
    " twins of Python modules are taken out.",
    "cryptography": "AES-GCM of spilled blocks, which the standard library lacks; most of it is"
    " OpenSSL.",
    "cffi": "cryptography needs it to load.",
    "pycparser": "cffi requires it.",
    "aws-lambda-powertools": "Log lines and metrics in the form that CloudWatch takes. Its"
    " router of HTTP requests and its classes of events are taken out.",
    "jmespath": "The logger of Powertools loads it.",
    "typing-extensions": "The logger of Powertools loads it, as does SQLAlchemy.",
    "psycopg2-binary": "The driver; nearly all of it is libpq with OpenSSL and Kerberos.",
    "pymongo": "The driver, with its BSON.",
    "pymongo-auth-aws": "PyMongo loads it to log in with the function's role.",
    "orjson": "JSON of a source's replies, as far as Arrow's own reader does not put it into"
    " columns.",
    "tzdata": "Time zones, in which texts without an offset are read: Lambda's image is not known"
    " to have any.",
    "protobuf": "Reads query plans, as Athena may send them.",
    "substrait-protobuf": "What the messages of such plans are.",
    "dnspython": "PyMongo requires it, for addresses of the form mongodb+srv.",
    "pymysql": "The driver.",
    OURS: "What this repository wrote.",
    CERTIFICATES: "What lay beside the template when it was built.",
    BYTECODE: "Compiled modules of all of these, which shorten a cold start: Lambda's disk is"
    " read-only, so it could never keep them.",
}
"""Why a library is in a package at all."""

_LIMIT = re.compile(r"^LIMIT_MB := (\d+)$", re.MULTILINE)
_LAMBDA_LIMIT_MB = 262
_TOLERANCE = 0.02
_ROUNDING = 100_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a package.

    Attributes:
        parts: By library, without bytecode; our own modules and all bytecode among them.
        zipped: Of the archive that is uploaded.
    """

    parts: dict[str, int]
    zipped: int

    @property
    def total(self) -> int:
        """Bytes unzipped."""
        return sum(self.parts.values())


def measure(package: Path) -> Sizes:
    """Measure a package.

    Raises:
        ValueError: A file in it is of no library and not ours.
    """
    owner = owners(package)
    parts: dict[str, int] = {}
    for path in sorted(package.rglob("*")):
        if path.is_dir():
            continue
        part = BYTECODE if path.suffix == ".pyc" else owner.get(path)
        if part is None and path.relative_to(package).parts[0] == FAMILY:
            part = OURS
        if part is None and path.parent == package and path.suffix == ".pem":
            part = CERTIFICATES
        if part is None:
            raise ValueError(f"{path.relative_to(package)} is of no library and not ours.")
        parts[part] = parts.get(part, 0) + path.stat().st_size
    return Sizes(parts, _zipped(package))


def _zipped(package: Path) -> int:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(package.rglob("*")):
            file.write(path, path.relative_to(package))
    return len(archive.getbuffer())


def differences(recorded: Sizes, measured: Sizes) -> list[str]:
    """Return what of a package has another size than was recorded: 2 % and 0.1 MB are none.

    Bytecode is not looked at where there was no Python to make it, nor are certificates, which
    who builds adds.
    """
    pairs = {
        name: (recorded.parts.get(name, 0), measured.parts.get(name, 0))
        for name in recorded.parts.keys() | measured.parts.keys()
    }
    pairs.pop(CERTIFICATES, None)
    if BYTECODE in measured.parts:
        pairs["zipped"] = (recorded.zipped, measured.zipped)
    else:
        pairs.pop(BYTECODE, None)
    return sorted(
        f"{name}: recorded {was:,} bytes, measured {now:,}"
        for name, (was, now) in pairs.items()
        if not (was and now) or abs(was - now) > max(_TOLERANCE * was, _ROUNDING)
    )


def sizes_table(sizes: Sizes, limit: int) -> str:
    """Return the sizes as a table of Markdown, largest first.

    Args:
        sizes: Of one package.
        limit: Its limit in MB, unzipped.
    """
    ordered = sorted(sizes.parts.items(), key=lambda item: -item[1])
    return markdown_table(
        ("Part", "MB", "Why"),
        [
            *((name, _mb(size), REASONS.get(name, "")) for name, size in ordered),
            ("**unzipped**", _mb(sizes.total), f"A build above {limit} MB fails."),
            ("**zipped**", _mb(sizes.zipped), "What is uploaded, and what Lambda fetches."),
        ],
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}" if size >= _ROUNDING else "< 0.1"


def limit_mb(connector: str) -> int:
    """Return above how many MB the build of a connector fails."""
    found = _LIMIT.search((folder_of(connector) / "Makefile").read_text(encoding="utf-8"))
    return int(found[1]) if found else _LAMBDA_LIMIT_MB


def sizes_file(connector: str) -> Path:
    """Return the file with the recorded sizes of a connector's package."""
    return folder_of(connector) / "tests" / "sizes.json"


def read_sizes(path: Path) -> Sizes:
    """Return recorded sizes; none of anything where none were recorded."""
    if not path.exists():
        return Sizes({}, 0)
    return Sizes(**json.loads(path.read_text(encoding="utf-8")))


def main() -> None:
    """Build each connector's package and record its size."""
    for connector in CONNECTORS:
        with TemporaryDirectory() as folder:
            package = Path(folder) / "package"
            build(connector, package)
            text = json.dumps(asdict(measure(package)), indent=2)
        sizes_file(connector).write_text(f"{text}\n", encoding="utf-8")
        sys.stdout.write(f"{sizes_file(connector)} written\n")


if __name__ == "__main__":
    main()
