"""A connector's package holds what it needs and no more, and is made of the same bytes anywhere."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from tests.packaging.builds import HOST_ARCHITECTURE, HOST_PYTHON, build
from tests.packaging.distributions import distributions
from tests.packaging.records import digests
from tests.packaging.repository import CONNECTORS, ROOT, folder_of, sam, template_of
from tests.packaging.runtime_api import required_distributions
from tests.packaging.sizes import (
    REASONS,
    differences,
    limit_mb,
    measure,
    read_sizes,
    sizes_file,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.packaging.sizes import Sizes

PACKAGER = ROOT / "common/packaging/package.py"

MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}

MAX_BYTES = {False: 145_000_000, True: 215_000_000}
"""Without and with numpy."""
NEVER_SHIPPED = ("boto3", "botocore", "urllib3", "duckdb", "sqlglot", "pytest", "hypothesis", "pip")


# Building


@pytest.fixture(scope="session", params=CONNECTORS)
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A connector, and the package that ``sam build`` makes of it for Lambda."""
    connector: str = request.param
    folder = tmp_path_factory.mktemp("sam")
    command = [sam(), "build", "--build-dir", str(folder / "build")]
    command += ["--template", str(template_of(connector))]
    environ = {**os.environ, "PYTHON": sys.executable, "SAM_CLI_TELEMETRY": "0"}
    # Where the command is called must not matter.
    run = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return connector, folder / "build/ConnectorFunction"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _native(folder: Path) -> dict[str, int]:
    """Return the machine of every native library, by its name."""
    heads = {path.name: path.read_bytes()[:20] for path in folder.rglob("*.so*")}
    assert all(head.startswith(b"\x7fELF") for head in heads.values())
    return {name: int.from_bytes(head[18:20], "little") for name, head in heads.items()}


@pytest.fixture(scope="session")
def measured(deployed: tuple[str, Path]) -> Sizes:
    """How large a connector's package is."""
    return measure(deployed[1])


def test_size_is_under_our_limit(deployed: tuple[str, Path], measured: Sizes) -> None:
    assert measured.total <= MAX_BYTES[(deployed[1] / "numpy").exists()]
    assert limit_mb(deployed[0]) * 1_000_000 <= MAX_BYTES[(deployed[1] / "numpy").exists()]


def test_each_part_has_a_reason(measured: Sizes) -> None:
    missing = measured.parts.keys() - REASONS.keys()
    assert not missing, "say in tests/packaging/sizes.py what each is for"


def test_size_is_as_recorded(deployed: tuple[str, Path], measured: Sizes) -> None:
    recorded = read_sizes(sizes_file(deployed[0]))
    assert differences(recorded, measured) == [], "run make docs"


def test_holds_what_the_connector_requires_and_no_more(deployed: tuple[str, Path]) -> None:
    connector, folder = deployed
    own = f"athena-connectors-{connector}"
    required = required_distributions(own, without={"boto3", "botocore"})
    assert set(distributions(folder)) == required - {own, "athena-connectors-common"}
    assert not [name for name in NEVER_SHIPPED if (folder / name).exists()]


def test_holds_no_other_connector_and_no_laptop_part(deployed: tuple[str, Path]) -> None:
    connector, folder = deployed
    ours, common = folder / "athena_connectors", ROOT / "common/src/athena_connectors/common"
    assert {path.name for path in ours.iterdir()} == {"common", connector.replace("-", "_")}
    modules = {path.relative_to(common) for path in common.rglob("*.py")}
    laptop = {path for path in modules if path.parts[0] in {"testing", "cli"}}
    shipped = {path.relative_to(ours / "common") for path in (ours / "common").rglob("*.py")}
    assert laptop
    assert shipped == modules - laptop


def test_native_libraries_are_for_the_function(
    deployed: tuple[str, Path], packager: ModuleType
) -> None:
    connector, folder = deployed
    target = packager.read_target(template_of(connector))
    assert set(_native(folder).values()) == {MACHINES[target.architecture]}


def test_same_input_gives_the_same_bytes(deployed: tuple[str, Path], tmp_path: Path) -> None:
    connector, folder = deployed
    copy = tmp_path / "a copy of the repository"
    for name in ("common", str(folder_of(connector).relative_to(ROOT))):
        shutil.copytree(ROOT / name, copy / name, copy_function=shutil.copyfile)  # of new times
    shutil.copyfile(ROOT / "constraints.txt", copy / "constraints.txt")
    elsewhere = {"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    build(connector, tmp_path / "out", root=copy, umask=0o077, environ=elsewhere)
    built = digests(tmp_path / "out")
    assert built == digests(folder)
    assert {mode for mode, _ in built.values()} == {0o755, 0o644}


def test_certificates_beside_the_template_are_shipped(tmp_path: Path) -> None:
    copy = tmp_path / "repository"
    for name in ("common", "connectors/documentdb"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copyfile(ROOT / "constraints.txt", copy / "constraints.txt")
    content = b"of Amazon"
    (copy / "connectors/documentdb/global-bundle.pem").write_bytes(content)
    build("documentdb", tmp_path / "out", root=copy)
    shipped = tmp_path / "out/global-bundle.pem"
    assert shipped.read_bytes() == content
    assert shipped.stat().st_mode & 0o777 == 0o644
    measured = measure(tmp_path / "out")
    others = dict(measured.parts)
    assert others.pop("certificates") == len(content)
    # Who has them beside the template has no other package for our tests.
    assert differences(replace(measured, parts=others), measured) == []


def test_builds_for_another_machine_and_python(tmp_path: Path) -> None:
    other = "arm64" if HOST_ARCHITECTURE == "x86_64" else "x86_64"
    build("jdbc-postgres", tmp_path / "out", "--architecture", other, "--python", "3.14")
    native = _native(tmp_path / "out")
    assert set(native.values()) == {MACHINES[other]}
    tags = {name.split(".")[1].split("-")[1] for name in native if ".cpython-" in name}
    assert tags == {"314"}


def test_no_requirement_depends_on_the_building_machine(deployed: tuple[str, Path]) -> None:
    # pip asks the Python that runs it, not the target, which branch of a marker is taken.
    for distribution in metadata.distributions(path=[str(deployed[1])]):
        for requirement in map(Requirement, distribution.requires or ()):
            answers = {
                requirement.marker is None
                or requirement.marker.evaluate(
                    {
                        "extra": "",
                        "platform_machine": machine,
                        "python_version": version,
                        "python_full_version": f"{version}.0",
                        "sys_platform": system.lower(),
                        "platform_system": system,
                    }
                )
                for machine in ("x86_64", "aarch64", "arm64")
                for version in ("3.11", "3.12", "3.13", "3.14")
                for system in ("Linux", "Darwin")
            }
            assert len(answers) == 1, f"{distribution.metadata['Name']} requires {requirement}"


# Refusing to build


@pytest.fixture(scope="session")
def packager() -> ModuleType:
    """The packager as a module."""
    spec = importlib.util.spec_from_file_location("packager", PACKAGER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["packager"] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "changed", "message"),
    [
        ("Runtime: python3.13", "Runtime: python3.11", "python3.11 is too old"),
        ("Runtime: python3.13", "Runtime: !Ref Runtime", "plain words"),
        ("Architectures: [x86_64]", "Architectures: !Ref Architectures", "plain words"),
        ("Handler: a.b", "Handler: !Ref Handler", "plain words"),
    ],
)
def test_template_says_in_plain_words_what_to_build(
    packager: ModuleType, tmp_path: Path, line: str, changed: str, message: str
) -> None:
    text = "P:\n  Runtime: python3.13\n  Architectures: [x86_64]\n  Handler: a.b\n"
    template = tmp_path / "template.yaml"
    template.write_text(text)
    assert packager.read_target(template) == packager.Target("3.13", "x86_64", "a.b")
    template.write_text(text.replace(line, changed))
    with pytest.raises(packager.BuildError, match=message):
        packager.read_target(template)


def _projects(folder: Path, dependencies: str) -> tuple[Path, Path]:
    for name, text in {
        "common": '[project]\nname = "athena-connectors-common"\n'
        'dependencies = ["pyarrow>=20", "Boto3>=1"]\n'
        '[project.optional-dependencies]\nsql = ["sqlalchemy"]\n',
        "own": f'[project]\nname = "own"\ndependencies = [{dependencies}]\n',
    }.items():
        (folder / name).mkdir()
        (folder / name / "pyproject.toml").write_text(text)
    return folder / "own", folder / "common"


@pytest.mark.parametrize(
    ("dependencies", "installed"),
    [
        ('"athena-connectors-common"', ["pyarrow>=20"]),
        ('"athena-connectors-common[sql]"', ["pyarrow>=20", "sqlalchemy"]),
        # Never asked of a package index, where the name may be a stranger's.
        ('"Athena_Connectors.Common [sql] >= 1", "x"', ["pyarrow>=20", "sqlalchemy", "x"]),
        ('"urllib3", "psycopg2-binary>=2.9"', ["pyarrow>=20", "psycopg2-binary>=2.9"]),
    ],
)
def test_requirements_are_those_of_both_packages(
    packager: ModuleType, tmp_path: Path, dependencies: str, installed: list[str]
) -> None:
    assert packager.read_requirements(*_projects(tmp_path, dependencies)) == installed


def test_unknown_extra_is_refused(packager: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(packager.BuildError, match="no such extra"):
        packager.read_requirements(*_projects(tmp_path, '"athena-connectors-common[sqll]"'))


def _elf(machine: int) -> bytes:
    return b"\x7fELF".ljust(18, b"\0") + machine.to_bytes(2, "little")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("boto3/__init__.py", b"", "holds boto3"),
        ("duckdb/__init__.py", b"", "holds duckdb"),
        ("lib.so", _elf(0xB7), "lib.so is for another machine"),
        ("lib.cpython-312-x86_64-linux-gnu.so", _elf(0x3E), "for another Python"),
    ],
    ids=["of-the-runtime", "of-a-laptop", "machine", "python"],
)
def test_foreign_files_are_refused(
    packager: ModuleType, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    target = packager.Target("3.13", "x86_64", "own.app.handler")
    with pytest.raises(packager.BuildError, match="lacks the module of its handler"):
        packager.check(tmp_path, target)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/app.py").touch()
    (tmp_path / "lib.cpython-313-x86_64-linux-gnu.so").write_bytes(_elf(0x3E))
    packager.check(tmp_path, target)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(packager.BuildError, match=message):
        packager.check(tmp_path, target)


def test_too_large_a_package_is_refused(packager: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy/data").write_bytes(bytes(1_500_000))
    (tmp_path / "numpy.libs").mkdir()
    (tmp_path / "numpy.libs/data").write_bytes(bytes(500_000))
    packager.check_size(tmp_path, 2)
    with pytest.raises(packager.BuildError, match=r"limit of 1\.99 MB\. 2\.0 MB .*: numpy 2\.0$"):
        packager.check_size(tmp_path, 1.99)


def test_folder_with_content_is_refused(
    packager: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "left over").touch()
    arguments = ["--connector", str(ROOT / "connectors/jdbc-postgres"), "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as exit_:
        packager.main([*arguments, "--common", str(ROOT / "common")])
    assert exit_.value.code == 1
    assert "is not empty" in capsys.readouterr().err


def test_kept_libraries_are_whole(packager: ModuleType, tmp_path: Path) -> None:
    kept = ["pyarrow/libarrow_s3.so.2600", "pyarrow/libarrow_python.so", "numpy/f2py/main.py"]
    for name in (*kept, "pyarrow/lib.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    packager.trim_libraries(tmp_path, keep=["pyarrow", "numpy"])
    assert all((tmp_path / name).exists() for name in kept)
    packager.trim_libraries(tmp_path, keep=[])
    assert [path.name for path in _files(tmp_path)] == ["lib.so"]


def test_modules_for_other_pythons_are_removed(packager: ModuleType, tmp_path: Path) -> None:
    names = [f"{module}.cpython-{tag}-x86_64-linux-gnu.so" for module in "ab" for tag in (39, 312)]
    for name in (*names, "a.cpython-313-x86_64-linux-gnu.so", "c.abi3.so"):
        (tmp_path / name).touch()
    packager.trim_versions(tmp_path, packager.Target("3.13", "x86_64", "own.app.handler"))
    left = [path.name for path in _files(tmp_path)]
    # What has no twin is left, for the check of the package to complain of.
    assert left == ["a.cpython-313-x86_64-linux-gnu.so", *sorted(names[2:]), "c.abi3.so"]


def test_python_that_starts_makes_the_bytecode(
    packager: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "shims/python3.99"
    real = tmp_path / "versions/3.99.1/bin/python3.99"
    for path in (shim, real):
        path.parent.mkdir(parents=True)
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert packager.find_interpreter("3.99") is None
    real.symlink_to(sys.executable)
    assert packager.find_interpreter("3.99") == str(real)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{real.parent}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    assert packager.find_interpreter("3.99") == str(real)
    assert packager.find_interpreter(HOST_PYTHON) == sys.executable
