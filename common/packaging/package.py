"""Build the Lambda package of one connector: only what it needs, for the target machine.

Runs on the standard library alone, so that ``sam build`` needs nothing but a Python with
pip. What to install comes from the ``pyproject.toml`` of common and of the connector, in
the versions of the repository's ``constraints.txt``; runtime, architecture and handler
come from the connector's ``template.yaml``. The same input gives the same bytes, in any
folder and on any machine that has the same Python.
"""
# ruff: noqa: INP001 - a script, run by its path

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

LAMBDA_LIMIT_MB = 262.144
OLDEST_RUNTIME = (3, 12)
"""The runtime of 3.11 has a C library that is too old for pyarrow."""
IN_THE_RUNTIME = frozenset({"boto3", "botocore", "s3transfer", "urllib3"})
ON_THE_RUNTIME = frozenset({"pymongo-auth-aws"})
"""Libraries that require nothing but what the runtime has, and are shipped without that."""
ON_A_LAPTOP = frozenset({"duckdb", "hypothesis", "moto", "pip", "pytest", "rich", "sqlglot"})
NEVER_SHIPPED = ("testing", "cli")
CERTIFICATES = "*.pem"
"""Files beside the template that are shipped, as far as somebody put them there."""
MACHINES = {"x86_64": ("x86_64", 0x3E), "arm64": ("aarch64", 0xB7)}
TASK_ROOT = "/var/task"
SHOWN = 6

TRIMMED = (
    # Scripts of libraries
    "bin",
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
    "numpy/_core/_simd*.so",
    "numpy/random/lib",
    "numpy/random/_examples",
    "numpy/**/*.pxd",
    "numpy/**/*.pyi",
    # SQLAlchemy: its tests, what is above Core, dialects of other databases than ours, and
    # compiled twins of Python modules for rows, which never pass through it; imports and
    # statements take the same time without them
    "sqlalchemy/testing",
    "sqlalchemy/orm",
    "sqlalchemy/ext",
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/oracle",
    "sqlalchemy/**/*_cy.*.so",
    "sqlalchemy/**/*.pyx",
    "sqlalchemy/**/*.pxd",
    # PyMongo: sources of its compiled modules, and files within a database
    "bson/*.[ch]",
    "pymongo/*.[ch]",
    "gridfs",
    # Powertools: a router of HTTP requests, with a browser's scripts, and classes of events
    # that no connector gets
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/data_classes",
    "aws_lambda_powertools/utilities/parser",
)


class BuildError(Exception):
    """The package can't be built or breaks a rule; the text says which."""


@dataclass(frozen=True)
class Target:
    """What will run the package, and where.

    Attributes:
        python: Version, such as 3.13.
        architecture: ``x86_64`` or ``arm64``, as Lambda names them.
        handler: Module and name of the entry.
    """

    python: str
    architecture: str
    handler: str

    @property
    def machine(self) -> str:
        """The architecture as wheels name it."""
        return MACHINES[self.architecture][0]


def main(arguments: list[str] | None = None) -> None:
    """Build, trim and check one package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--connector", type=Path, required=True, help="the connector's folder")
    parser.add_argument("--common", type=Path, required=True, help="the folder of common")
    parser.add_argument("--out", type=Path, required=True, help="empty or new folder to fill")
    parser.add_argument(
        "--keep", action="append", default=[], metavar="LIBRARY", help="ship a library whole"
    )
    parser.add_argument(
        "--limit-mb", type=float, default=LAMBDA_LIMIT_MB, help="unzipped; Lambda's by default"
    )
    parser.add_argument(
        "--architecture", choices=sorted(MACHINES), help="instead of the template's"
    )
    parser.add_argument("--python", help="version such as 3.13, instead of the template's")
    options = parser.parse_args(arguments)
    connector = options.connector.resolve()
    try:
        target = read_target(connector / "template.yaml")
        target = replace(
            target,
            python=options.python or target.python,
            architecture=options.architecture or target.architecture,
        )
        build(connector, options.common, options.out, target, keep=options.keep)
        check_size(options.out, min(options.limit_mb, LAMBDA_LIMIT_MB))
    except BuildError as error:
        parser.exit(1, f"error: {error}\n")
    _tell(f"{connector.name} for python{target.python} on {target.architecture}:")
    _tell(f"  {summary(options.out)}")


def build(
    connector: Path, common: Path, out: Path, target: Target, *, keep: Collection[str]
) -> None:
    """Fill a folder with the package of a connector.

    Args:
        connector: The connector's folder.
        common: The folder of common, beside which ``constraints.txt`` lies.
        out: The folder to fill; empty or new.
        target: What will run the package.
        keep: Libraries that are not trimmed.

    Raises:
        BuildError: A library can't be installed, or the result breaks a rule.
    """
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise BuildError(f"{out} is not empty: what it holds would be shipped.")
    install(read_requirements(connector, common), common.parent / "constraints.txt", out, target)
    trim_libraries(out, keep=keep)
    trim_versions(out, target)
    copy_sources(common, out)
    copy_sources(connector, out)
    for file in connector.glob(CERTIFICATES):
        shutil.copyfile(file, out / file.name)
    compile_sources(out, target)
    set_modes(out)
    check(out, target)


def read_target(template: Path) -> Target:
    """Read runtime, architecture and handler, which ``sam build`` does not pass on.

    Raises:
        BuildError: One of them is missing, no plain word, or can't be built for.
    """
    text = template.read_text(encoding="utf-8")
    runtime = re.search(r"^\s+Runtime: python(\d+)\.(\d+)\s*$", text, re.MULTILINE)
    architecture = re.search(r"^\s+Architectures: \[(x86_64|arm64)\]\s*$", text, re.MULTILINE)
    handler = re.search(r"^\s+Handler: ([\w.]+\.\w+)\s*$", text, re.MULTILINE)
    if runtime is None or architecture is None or handler is None:
        raise BuildError(
            f"{template} must name its Runtime (python3.12 or later), its Architectures"
            " ([x86_64] or [arm64]) and its Handler as plain words: they say what is built."
        )
    if (int(runtime[1]), int(runtime[2])) < OLDEST_RUNTIME:
        raise BuildError(
            f"Runtime python{runtime[1]}.{runtime[2]} is too old for pyarrow: use python3.12 or"
            " later."
        )
    return Target(f"{runtime[1]}.{runtime[2]}", architecture[1], handler[1])


def read_requirements(connector: Path, common: Path) -> list[str]:
    """Return what to install: the needs of both packages, less what the runtime has.

    Raises:
        BuildError: The connector asks for an extra that common does not have.
    """
    shared = _project(common)
    needed: list[str] = list(shared["dependencies"])
    for requirement in _project(connector)["dependencies"]:
        name, extras = _split_requirement(requirement)
        if name != shared["name"]:
            needed.append(requirement)
            continue
        for extra in extras:
            if extra not in shared["optional-dependencies"]:
                raise BuildError(f"{connector.name} asks for {requirement}: no such extra.")
            needed.extend(shared["optional-dependencies"][extra])
    return [text for text in needed if _split_requirement(text)[0] not in IN_THE_RUNTIME]


def _project(folder: Path) -> dict[str, Any]:
    with (folder / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    return project


def _split_requirement(requirement: str) -> tuple[str, list[str]]:
    """Return the normalised name of a distribution, and the extras asked for."""
    found = re.match(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?", requirement)
    if found is None:
        raise BuildError(f"{requirement!r} is no requirement of a distribution.")
    name = re.sub(r"[-_.]+", "-", found[1]).lower()
    return name, [extra.strip() for extra in (found[2] or "").split(",") if extra.strip()]


def install(requirements: list[str], constraints: Path, out: Path, target: Target) -> None:
    """Install wheels for the target machine, which need not be this one.

    Raises:
        BuildError: pip failed; it has said why.
    """
    alone = [text for text in requirements if _split_requirement(text)[0] in ON_THE_RUNTIME]
    _pip([text for text in requirements if text not in alone], constraints, out, target)
    if alone:
        _pip(alone, constraints, out, target, "--no-deps")


def _pip(wanted: list[str], constraints: Path, out: Path, target: Target, *options: str) -> None:
    """Let pip install some libraries.

    Two platforms are named, because some libraries have wheels for one of them only.
    """
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-compile", "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", target.python),
        *("--platform", f"manylinux_2_28_{target.machine}"),
        *("--platform", f"manylinux2014_{target.machine}"),
        *("--constraint", str(constraints), "--target", str(out)),
        *options,
        *wanted,
    ]
    if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - our own Python
        raise BuildError(
            f"pip of {sys.executable} could not install {', '.join(wanted)};"
            " its message is above. Set PYTHON to a Python 3.11 or later that has pip."
        )


def trim_libraries(out: Path, *, keep: Collection[str]) -> None:
    """Remove what no connector can reach; the tests prove it by running the rest."""
    for pattern in TRIMMED:
        if pattern.partition("/")[0] not in keep:
            for path in sorted(out.glob(pattern)):
                _remove(path)
    if "pyarrow" in keep:
        return
    for library in sorted((out / "pyarrow").glob("libarrow_python*.so*")):
        # Each is there three times; the loader asks for the one named after the ABI alone.
        if not re.fullmatch(r"lib\w+\.so\.\d+", library.name):
            library.unlink()


def trim_versions(out: Path, target: Target) -> None:
    """Remove modules for other Pythons beside their twin for the one that is built for.

    Wheels of PyMongo hold what was compiled for all versions up to their own.
    """
    tag = f".cpython-{target.python.replace('.', '')}-"
    for path in sorted(out.rglob("*.cpython-*.so")):
        twin = re.sub(r"\.cpython-\d+-", tag, path.name)
        if twin != path.name and path.with_name(twin).exists():
            path.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy_sources(package: Path, out: Path) -> None:
    """Copy a package's modules, without what only serves tests and the command."""
    shutil.copytree(
        package / "src",
        out,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*", *NEVER_SHIPPED),
    )


def compile_sources(out: Path, target: Target) -> None:
    """Compile to bytecode that stays valid whatever the file times become in the zip."""
    python = find_interpreter(target.python)
    if python is None:
        _tell(f"There is no python{target.python} here, so no bytecode is shipped.")
        _tell("  Cold starts take longer; install it to have them shorter.")
        return
    # Of the developer's own variables one would put the bytecode elsewhere. Tracebacks name
    # files where Lambda unpacks them, and so not where they were built.
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(  # noqa: S603 - a Python that was found
        [
            *(python, "-W", "ignore", "-m", "compileall", "-q"),
            *("--invalidation-mode", "unchecked-hash"),
            *("-s", str(out), "-p", TASK_ROOT, str(out)),
        ],
        check=False,  # some library's file may be for another Python version
        env={**environ, "PYTHONHASHSEED": "0"},
    )


def find_interpreter(version: str) -> str | None:
    """Return a Python of a version that runs here, if there is one."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return sys.executable
    name = f"python{version}"
    found = [shutil.which(name, path=folder) for folder in os.get_exec_path()]
    # What pyenv puts on the PATH runs only the versions chosen for the folder.
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found += map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/{name}")))
    return next((python for python in found if python and _runs(python)), None)


def _runs(python: str) -> bool:
    run = subprocess.run([python, "-c", ""], check=False, capture_output=True)  # noqa: S603
    return run.returncode == 0


def set_modes(out: Path) -> None:
    """Let everybody read the package, whatever the umask here: Lambda runs it as another."""
    for path in (out, *out.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def check(out: Path, target: Target) -> None:
    """Check what a package holds.

    Raises:
        BuildError: A library that must not be there, no handler, or a file for another
            machine or another Python.
    """
    for name in sorted(IN_THE_RUNTIME | ON_A_LAPTOP):
        if (out / name).exists():
            raise BuildError(f"The package holds {name}, which must not be shipped.")
    module, _, _ = target.handler.rpartition(".")
    if not (out / f"{module.replace('.', '/')}.py").exists():
        raise BuildError(f"The package lacks the module of its handler {target.handler}.")
    for path in _files(out):
        _check_machine(path, target)


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


def check_size(out: Path, limit_mb: float) -> None:
    """Check that a package is not too large.

    Raises:
        BuildError: It has more than so many MB (millions of bytes) unzipped.
    """
    size = sum(path.stat().st_size for path in _files(out))
    if size > limit_mb * 1e6:
        raise BuildError(f"The package is over its limit of {limit_mb:g} MB. {summary(out)}")


def summary(out: Path) -> str:
    """Return a package's size in MB and what it goes to, in one line."""
    sizes: Counter[str] = Counter()
    for path in _files(out):
        sizes[path.relative_to(out).parts[0].removesuffix(".libs")] += path.stat().st_size
    largest = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in sizes.most_common(SHOWN))
    return f"{sizes.total() / 1e6:.1f} MB unzipped: {largest}"


def _files(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.is_file()]


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
