"""Build the Lambda package of one connector: only what it needs, for the target machine.

Runs on the standard library alone, so that ``sam build`` needs nothing but a Python with
pip. What to install comes from the ``pyproject.toml`` of common and of the connector, in
the versions of the repository's ``constraints.txt``; runtime and architecture come from
the connector's ``template.yaml``.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

LAMBDA_LIMIT_BYTES = 262_144_000
MAX_BYTES = {False: 145_000_000, True: 215_000_000}
"""Our own limit, unzipped, without and with numpy (the JDBC connectors')."""

IN_THE_RUNTIME = {"boto3", "botocore", "urllib3", "s3transfer", "python-dateutil", "six"}
FORBIDDEN = ("boto3", "botocore", "urllib3", "duckdb", "sqlglot", "pytest", "hypothesis", "pip")
NEVER_SHIPPED = ("testing", "cli")
MACHINES = {"x86_64": ("x86_64", 0x3E), "arm64": ("aarch64", 0xB7)}

TRIMMED = (
    # pyarrow: headers, sources and tests
    "pyarrow/tests",
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/src",
    "pyarrow/**/*.pyx",
    "pyarrow/**/*.pxi",
    "pyarrow/**/*.pxd",
    # pyarrow: Flight, S3 and test modules that no connector imports
    "pyarrow/libarrow_flight.so*",
    "pyarrow/libarrow_python_flight.so*",
    "pyarrow/_flight*.so",
    "pyarrow/flight.py",
    "pyarrow/_pyarrow_cpp_tests*",
    "pyarrow/cuda.py",
    "pyarrow/gandiva.*",
    "pyarrow/libarrow_s3.so*",
    "pyarrow/_s3fs*.so",
    # numpy: what builds and tests it
    "numpy/f2py",
    "numpy/**/tests",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/_core/_*_tests*.so",
    "numpy/random/lib",
    "numpy/random/_examples",
    "numpy/**/*.pyi",
    "sqlalchemy/**/*.pyx",
    "sqlalchemy/**/*.pxd",
    "bin",
)


class BuildError(Exception):
    """The package can't be built or breaks a rule; the text says which."""


@dataclass(frozen=True)
class Target:
    """Where the package will run."""

    python: str
    architecture: str

    @property
    def machine(self) -> str:
        """The architecture as wheels name it."""
        return MACHINES[self.architecture][0]


def main(arguments: list[str] | None = None) -> int:
    """Build, trim and check one package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--connector", type=Path, required=True, help="the connector's folder")
    parser.add_argument("--common", type=Path, required=True, help="the folder of common")
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    parser.add_argument("--no-trim", action="store_true", help="ship libraries whole")
    parser.add_argument(
        "--architecture", choices=sorted(MACHINES), help="instead of the template's"
    )
    parser.add_argument("--python", help="version such as 3.13, instead of the template's")
    options = parser.parse_args(arguments)
    try:
        target = read_target(options.connector / "template.yaml")
        target = Target(
            options.python or target.python, options.architecture or target.architecture
        )
        build(options.connector, options.common, options.out, target, trim=not options.no_trim)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(connector: Path, common: Path, out: Path, target: Target, *, trim: bool) -> None:
    """Fill a folder with the package of a connector.

    Raises:
        BuildError: A library can't be installed, or the result breaks a rule.
    """
    requirements = read_requirements(connector, common)
    out.mkdir(parents=True, exist_ok=True)
    install(requirements, common.parent / "constraints.txt", out, target)
    if trim:
        trim_libraries(out)
    copy_sources(common, out)
    copy_sources(connector, out)
    compile_sources(out, target)
    size = check(out, target)
    print(f"{connector.name}: {size / 1e6:.1f} MB unzipped, {target.architecture}", flush=True)


def read_target(template: Path) -> Target:
    """Read runtime and architecture, which ``sam build`` does not pass on."""
    text = template.read_text(encoding="utf-8")
    runtime = re.search(r"^\s+Runtime: python(3\.\d+)\s*$", text, re.MULTILINE)
    architecture = re.search(r"^\s+Architectures: \[(x86_64|arm64)\]\s*$", text, re.MULTILINE)
    if runtime is None or architecture is None:
        raise BuildError(
            f"{template} must name its Runtime (python3.12 or later) and its Architectures"
            " ([x86_64] or [arm64]) as plain words: they say what is built."
        )
    if int(runtime[1].split(".")[1]) < 12:
        raise BuildError(
            f"Runtime python{runtime[1]} is too old for pyarrow: use python3.12 or later."
        )
    return Target(runtime[1], architecture[1])


def read_requirements(connector: Path, common: Path) -> list[str]:
    """Return what to install: the needs of both packages, less what the runtime has."""
    own = _project(connector)["dependencies"]
    shared = _project(common)
    needed = list(shared["dependencies"])
    for requirement in own:
        extras = re.match(r"athena-connectors-common(?:\[([\w, -]+)\])?$", requirement)
        if extras is None:
            needed.append(requirement)
            continue
        for extra in (extras[1] or "").replace(" ", "").split(","):
            needed.extend(shared["optional-dependencies"].get(extra, []) if extra else [])
    return [text for text in needed if _distribution(text) not in IN_THE_RUNTIME]


def _project(folder: Path) -> dict:
    with (folder / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def _distribution(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0].lower()


def install(requirements: list[str], constraints: Path, out: Path, target: Target) -> None:
    """Install wheels for the target machine, which need not be this one."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-compile", "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", target.python),
        *("--platform", f"manylinux_2_28_{target.machine}"),
        *("--platform", f"manylinux2014_{target.machine}"),
        *("--constraint", str(constraints), "--target", str(out), "--upgrade"),
        *requirements,
    ]
    if subprocess.run(command, check=False).returncode != 0:
        raise BuildError(
            f"pip of {sys.executable} could not install {', '.join(requirements)};"
            " its message is above. Set PYTHON to a Python 3.11 or later that has pip."
        )


def trim_libraries(out: Path) -> None:
    """Remove what no connector can reach; each line was proved by running the rest."""
    for pattern in TRIMMED:
        for path in sorted(out.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for library in sorted((out / "pyarrow").glob("libarrow_python*.so*")):
        # Each is there three times; the loader asks for the one named after the ABI alone.
        if not re.fullmatch(r"lib\w+\.so\.\d+", library.name):
            library.unlink()


def copy_sources(package: Path, out: Path) -> None:
    """Copy a package's modules, without what only serves tests and the command."""
    shutil.copytree(
        package / "src",
        out,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", *NEVER_SHIPPED),
    )


def compile_sources(out: Path, target: Target) -> None:
    """Compile to bytecode that stays valid whatever the file times become in the zip."""
    name = f"python{target.python}"
    own = f"{sys.version_info.major}.{sys.version_info.minor}" == target.python
    python = sys.executable if own else shutil.which(name)
    usable = python is not None and subprocess.run([python, "-c", ""], check=False).returncode == 0
    if python is None or not usable:
        print(f"notice: no {name} here, so no bytecode is shipped: cold starts take longer")
        return
    subprocess.run(
        [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(out)],
        check=False,  # some library's file may be for another Python version
    )


def check(out: Path, target: Target) -> int:
    """Check the package against its rules and return its size in bytes.

    Raises:
        BuildError: Too large, a library that must not be there, or a file for another
            machine.
    """
    for name in FORBIDDEN:
        if (out / name).exists():
            raise BuildError(f"The package holds {name}, which must not be shipped.")
    files = [path for path in out.rglob("*") if path.is_file()]
    for path in files:
        _check_machine(path, target)
    size = sum(path.stat().st_size for path in files)
    limit = min(LAMBDA_LIMIT_BYTES, MAX_BYTES[(out / "numpy").exists()])
    if size > limit:
        raise BuildError(f"The package has {size:,} bytes unzipped; the limit is {limit:,}.")
    return size


def _check_machine(path: Path, target: Target) -> None:
    with path.open("rb") as file:
        header = file.read(20)
    if not header.startswith(b"\x7fELF"):
        return
    if int.from_bytes(header[18:20], "little") != MACHINES[target.architecture][1]:
        raise BuildError(f"{path.name} is for another machine than {target.architecture}.")
    version = re.search(r"\.cpython-(\d)(\d+)-", path.name)
    if version is not None and f"{version[1]}.{version[2]}" != target.python:
        raise BuildError(f"{path.name} is for another Python than {target.python}.")


if __name__ == "__main__":
    sys.exit(main())
