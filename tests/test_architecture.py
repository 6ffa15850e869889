"""Who may import whom, what loading costs, and what no file of the project may say.

All imports are read from the sources, those inside functions too. What stands under
``TYPE_CHECKING`` never runs and is free, except across connectors.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import athena_connectors.common
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FAMILY = "athena_connectors"
COMMON = f"{FAMILY}.common"
SOURCES = (
    ROOT / "common/src",
    ROOT / "template/src",
    *sorted(ROOT.glob("connectors/*/src")),
)
CONNECTORS = sorted(
    folder.name
    for source in SOURCES[1:]
    for folder in (source / FAMILY).iterdir()
    if (folder / "__init__.py").exists()
)

LAYERS: dict[str, tuple[set[str], set[str]]] = {
    "values": (
        {
            *(
                "casting",
                "comparisons",
                "constraints",
                "document_types",
                "errors",
                "expressions",
                "inference",
            ),
            *("json_text", "number_bounds", "number_types", "observed", "ordering"),
            *("other_names", "outcome", "physical", "schema_drift"),
            *("texts", "timestamps", "type_text", "types", "valueset", "zone_names"),
        },
        set(),
    ),
    "evaluation": (
        {
            *("arithmetic", "casts", "domains", "evaluation", "like", "limits", "operands"),
            "residual",
        },
        {"values"},
    ),
    "pushing": (
        {
            *("domain_predicates", "expression_predicates", "like_predicates"),
            *("predicate_leaves", "predicates"),
        },
        {"values"},
    ),
    "services": (
        {
            *("budgets", "config", "deadline", "document_settings", "estimates", "filter_rules"),
            *("findings", "garbage", "layouts", "memory", "naming", "observability"),
            *("paging", "rate_limits", "read_ahead", "remembered", "streaming", "throttling"),
        },
        {"values"},
    ),
    "plans": (
        {"plan_expressions", "plan_messages", "plan_relations", "plan_values", "plans"},
        {"values", "evaluation", "services"},
    ),
    "protocol": ({"protocol"}, {"values"}),
    "aws": (
        {
            *("aws", "aws_errors", "certificates", "clock", "crypto", "endpoints", "frozen_tables"),
            *("glue_columns", "glue_connection", "glue_tables", "health", "query_status"),
            *("schema_files", "seals", "secrets", "source_calls", "spill", "spill_store"),
        },
        {"values", "services", "protocol"},
    ),
    "connector": ({"capabilities", "connector"}, {"values", "services", "protocol"}),
    "sources": (
        {"catalogs", "directory", "sampled_tables", "source_connector"},
        {"values", "services", "protocol", "aws", "connector"},
    ),
    "access": (
        {"access"},
        {"values", "evaluation", "services", "protocol", "aws", "connector"},
    ),
    "serving": (
        {"handler", "planning", "reading", "service", "tables"},
        {"values", "evaluation", "services", "plans", "protocol", "aws", "connector", "access"},
    ),
    "sql": ({"sql"}, {"values", "services", "protocol", "aws", "connector", "sources"}),
    "laptop": (
        {"cli", "testing"},
        {
            *("values", "evaluation", "services", "plans", "protocol", "aws", "connector"),
            *("serving", "sql"),
        },
    ),
}
"""Layers of ``common``: the modules or packages of each, and the layers they may use."""

DRIVERS = {"MySQLdb", "bson", "mysql", "psycopg", "psycopg2", "pymongo", "pymysql", "sqlalchemy"}
VALUE_LIBRARIES = {"bson"}
"""Parts of drivers that hold types and their encoding, and talk to nobody."""

LOADED_BY_DRIVERS = {"pymysql": {"cryptography"}}
"""What a driver loads with itself: PyMySQL what some of its logins take."""

AWS_SDKS = {"boto3", "botocore"}
CONFINED = {
    **{driver: {"sql", "testing"} for driver in DRIVERS},
    **{sdk: {"aws", "aws_errors", "source_calls", "spill_store", "testing"} for sdk in AWS_SDKS},
    "aws_lambda_powertools": {"observability"},
    "cryptography": {"crypto", "seals", "testing"},
    "duckdb": {"testing"},
    "google": {"plan_messages"},
    "hypothesis": {"testing"},
    "numpy": {"sql"},
    "pytest": {"testing"},
    "rich": {"cli"},
    "sqlglot": {"testing"},
    "substrait": {"plan_messages", "testing"},
}
"""Distributions, and the only parts of ``common`` that may import them."""

SESSION_ROLES = {
    "catalogue",
    "client",
    "connection",
    "faults",
    "inquiry",
    "login",
    "metadata",
    "passthrough",
    "prepared",
    "raw_batches",
    "reader",
    "row_packets",
    "session",
    "snapshots",
    "text_answer",
}
"""Modules of a connector that may talk to the source, and therefore import its driver."""

PURE_ROLES = ("pushdown", "settings", "statement", "types")
"""Modules of a connector that load no driver, not even through what they import."""


@dataclass(frozen=True)
class Import:
    """One import: ``target`` is the module, ``name`` what is taken out of it, if anything."""

    importer: str
    target: str
    name: str | None
    level: int
    line: int
    runtime: bool
    inner: bool


@cache
def modules() -> dict[str, Path]:
    found = {}
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            dotted = ".".join(path.relative_to(source).with_suffix("").parts)
            found[dotted.removesuffix(".__init__")] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text("utf-8"))


@cache
def imports(module: str) -> tuple[Import, ...]:
    return tuple(_walk(module, tree(module), runtime=True, inner=False))


def _walk(module: str, node: ast.AST, *, runtime: bool, inner: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        here = runtime and not (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        deeper = inner or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(module, alias.name, None, 0, child.lineno, here, inner)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield _from(module, child, alias.name, runtime=here, inner=inner)
        else:
            yield from _walk(module, child, runtime=here, inner=deeper)


def _from(module: str, node: ast.ImportFrom, name: str, *, runtime: bool, inner: bool) -> Import:
    target = node.module or ""
    whole = f"{target}.{name}"
    if whole in modules():
        return Import(module, whole, None, node.level, node.lineno, runtime, inner)
    return Import(module, target, name, node.level, node.lineno, runtime, inner)


def all_imports() -> Iterator[Import]:
    for module in modules():
        yield from imports(module)


def ours(*, runtime: bool) -> Iterator[Import]:
    for item in all_imports():
        if item.target.split(".")[0] == FAMILY and (item.runtime or not runtime):
            yield item


def part(module: str) -> str:
    """The module or package of ``common`` that a module belongs to; empty for the root."""
    return module.removeprefix(COMMON).lstrip(".").split(".")[0]


def is_common(module: str) -> bool:
    return f"{module}.".startswith(f"{COMMON}.")


def layer(module: str) -> str:
    return next(name for name, (parts, _) in LAYERS.items() if part(module) in parts)


def reachable(module: str) -> set[Import]:
    """Everything that importing a module may ever run, functions included."""
    found: set[Import] = set()
    seen, queue = {module}, deque([module])
    while queue:
        for item in imports(queue.popleft()):
            if item.runtime:
                found.add(item)
                if item.target in modules() and item.target not in seen:
                    seen.add(item.target)
                    queue.append(item.target)
    return found


def shown(items: Iterator[Import] | list[Import]) -> list[str]:
    return [
        f"{item.importer}:{item.line} imports {item.target} {item.name or ''}" for item in items
    ]


# --- the reading of imports itself


def test_imports_are_found_at_all_depths() -> None:
    handler = {(i.target, i.name, i.runtime) for i in imports(f"{COMMON}.handler")}
    assert (f"{COMMON}.service", "Service", True) in handler
    assert (f"{COMMON}.connector", "Connector", False) in handler
    assert ("pyarrow.compute", None, True, True) in {
        (i.target, i.name, i.runtime, i.inner) for i in imports(f"{COMMON}.physical")
    }
    assert CONNECTORS


# --- direction


def test_every_module_of_common_has_its_layer() -> None:
    placed = [name for parts, _ in LAYERS.values() for name in parts]
    assert sorted(placed) == sorted(
        {part(module) for module in modules() if is_common(module)} - {""}
    )


def test_common_imports_downwards_only() -> None:
    wrong = [
        item
        for item in ours(runtime=True)
        if is_common(item.importer)
        and is_common(item.target)
        and part(item.importer)
        and layer(item.target) not in {layer(item.importer), *LAYERS[layer(item.importer)][1]}
    ]
    assert not shown(wrong)


def test_loading_has_no_circle() -> None:
    below = {
        module: {
            i.target for i in imports(module) if i.runtime and not i.inner and i.target in modules()
        }
        for module in modules()
    }
    while leaves := {module for module, targets in below.items() if not targets}:
        below = {module: targets - leaves for module, targets in below.items() if targets}
    assert not below


def test_common_knows_no_connector_and_connectors_not_each_other() -> None:
    def home(module: str) -> str:
        return f"{module}.".split(".")[1]

    wrong = [
        item
        for item in ours(runtime=False)
        if home(item.target) not in {"", "common", home(item.importer)}
    ]
    assert not shown(wrong)


def test_nothing_that_runs_imports_tests_or_the_command() -> None:
    laptop = LAYERS["laptop"][0]
    wrong = [
        item
        for item in ours(runtime=True)
        if is_common(item.target) and part(item.target) in laptop
        if not is_common(item.importer) or part(item.importer) not in laptop
    ]
    assert not shown(wrong)


@pytest.mark.parametrize("name", ["errors", "zone_names"])
def test_the_lowest_modules_import_nothing_of_ours(name: str) -> None:
    assert not [i for i in imports(f"{COMMON}.{name}") if i.target.startswith(FAMILY)]


def test_dependencies_stay_where_they_belong() -> None:
    wrong = [
        item
        for item in all_imports()
        if is_common(item.importer) and item.runtime
        if part(item.importer) not in CONFINED.get(item.target.split(".")[0], {part(item.importer)})
    ]
    assert not shown(wrong)


@pytest.mark.parametrize("connector", CONNECTORS)
def test_only_what_talks_to_the_source_imports_its_driver(connector: str) -> None:
    drivers = DRIVERS - {"sqlalchemy"} - VALUE_LIBRARIES  # it writes statements: the next test
    wrong = [
        item
        for item in all_imports()
        if item.importer.startswith(f"{FAMILY}.{connector}.") and item.runtime
        if item.target.split(".")[0] in drivers
        if item.importer.split(".")[2] not in SESSION_ROLES
    ]
    assert not shown(wrong)


@pytest.mark.parametrize(
    ("connector", "role"),
    [
        (connector, role)
        for connector in CONNECTORS
        for role in PURE_ROLES
        if f"{FAMILY}.{connector}.{role}" in modules()
    ],
)
def test_pure_modules_reach_no_driver_and_no_network(connector: str, role: str) -> None:
    sessions = {f"{FAMILY}.{connector}.{name}" for name in SESSION_ROLES}
    drivers = DRIVERS - {"sqlalchemy"} - VALUE_LIBRARIES
    forbidden = drivers | AWS_SDKS | {"socket", "ssl", "urllib", "http"}
    wrong = [
        item
        for item in reachable(f"{FAMILY}.{connector}.{role}")
        if item.target.split(".")[0] in forbidden or item.target in sessions
    ]
    assert not shown(wrong)


# --- form


def test_no_import_is_relative() -> None:
    assert not shown([item for item in all_imports() if item.level])


def test_no_private_name_is_imported() -> None:
    wrong = [item for item in ours(runtime=False) if (item.name or "").startswith("_")]
    assert not shown(wrong)


def test_modules_say_what_they_are_and_what_is_public() -> None:
    imported = {item.target for item in ours(runtime=False) if item.target in modules()}
    for module, path in modules().items():
        if path.name == "__init__.py" and not path.read_text("utf-8").strip():
            continue
        assert ast.get_docstring(tree(module)), f"{module} has no docstring"
        if module in imported and any(i.name for i in ours(runtime=False) if i.target == module):
            assert "__all__" in path.read_text("utf-8"), f"{module} has no __all__"


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "helper", "misc", "tools"])
def test_no_module_is_a_drawer(name: str) -> None:
    assert not [str(path) for path in modules().values() if path.stem == name]
    assert not [path for path in text_files() if path.stem == name and path.suffix == ".py"]


# --- names for authors


def test_the_public_names_are_sorted_and_there() -> None:
    names = athena_connectors.common.__all__
    assert list(names) == sorted(names)
    for name in names:
        value = getattr(athena_connectors.common, name)
        assert value.__module__.startswith(f"{COMMON}.")
        assert name in import_module(value.__module__).__all__
    assert set(names) <= set(dir(athena_connectors.common))
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = athena_connectors.common.nothing


def test_type_checkers_see_the_names_where_they_are() -> None:
    told = {i.name: i.target for i in imports(COMMON) if not i.runtime and is_common(i.target)}
    table = athena_connectors.common._MODULES
    assert told == {name: f"{COMMON}.{module}" for name, module in table.items()}
    assert set(told) == set(athena_connectors.common.__all__)


# --- what loading costs


def loaded(statement: str) -> set[str]:
    """Modules that a fresh process has after a statement, without numpy to be found.

    Arrow takes numpy along when it is installed, so its absence from the list would prove
    nothing: here an import of it by anyone else fails.
    """
    script = f"import sys; sys.modules['numpy'] = None\n{statement}\n"
    script += "import json; print(json.dumps([n for n, m in sys.modules.items() if m]))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_root_of_common_loads_nothing() -> None:
    new = loaded(f"import {COMMON}") - loaded("from importlib import import_module; import typing")
    assert {name for name in new if name.startswith(FAMILY)} == {FAMILY, COMMON}
    assert "pyarrow" not in new


@pytest.mark.parametrize("connector", CONNECTORS)
def test_the_lambda_entry_loads_only_what_every_request_needs(connector: str) -> None:
    package = f"{FAMILY}.{connector}"
    new = loaded(f"import {package}.app")
    own = {i.target.split(".")[0] for i in all_imports() if i.importer.startswith(f"{package}.")}
    late = (DRIVERS - own) | AWS_SDKS | {"sqlalchemy", "pyarrow.compute", "aws_lambda_powertools"}
    late |= {"cryptography", "duckdb", "hypothesis", "moto", "pytest", "rich", "sqlglot"}
    late |= {f"{COMMON}.{name}" for name in LAYERS["laptop"][0]}
    late |= {f"{FAMILY}.{other}" for other in CONNECTORS if other != connector}
    late -= {each for name in own for each in LOADED_BY_DRIVERS.get(name, ())}
    assert sorted(new & late) == []
    assert f"{COMMON}.handler" in new


def test_a_batch_that_fits_needs_no_kernels() -> None:
    new = loaded(
        "import pyarrow as pa\n"
        f"from {COMMON}.types import cast_batch\n"
        "batch = pa.RecordBatch.from_pydict({'a': [1], 'b': ['x']})\n"
        "assert cast_batch(batch, batch.schema, table='t') is batch\n"
        "assert cast_batch(batch, pa.schema([('b', pa.string())]), table='t').num_columns == 1"
    )
    assert "pyarrow.compute" not in new


# --- what no file says

REGISTRY_HOSTS = (
    *("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com"),
    *("yarn" + "pkg.com", "ana" + "conda.org", "anaconda" + ".com", "crates" + ".io"),
    *("proxy.go" + "lang.org", "repo1.ma" + "ven.org", "ruby" + "gems.org", "ghcr" + ".io"),
    *(
        "deb.deb" + "ian.org",
        "archive.ubu" + "ntu.com",
        "docker" + ".io",
        "dl-cdn.alp" + "inelinux",
    ),
)
REGISTRY_OPTIONS = ("--index" + "-url", "--extra-index" + "-url", "--find" + "-links")
MACHINE_PATHS = (
    re.compile(r"(?<![\w.~}*-])/" + r"work/"),
    re.compile(r"\.\./" + r"shared\b"),
    re.compile(r"(?<![\w.])/" + r"(home|Users)/(?!(sbx_user|runner)\b)\w"),
    re.compile(r"(?<![\w.])/" + r"root/"),
    re.compile(r"/tmp/" + r"(briefs|bash_jobs)"),
    re.compile(r"\.lib" + r"rary/"),
)
UNREAD_FOLDERS = {"node_modules", "build", "dist", "vectors", "__pycache__"}
UNREAD_SUFFIXES = {".pyc", ".png", ".gif", ".zip", ".whl", ".arrow", ".log"}


def text_files() -> Iterator[Path]:
    folders = deque([ROOT])
    while folders:
        for path in sorted(folders.popleft().iterdir()):
            hidden = path.name.startswith(".") and path.name not in {".ci", ".gitignore", ".github"}
            if hidden or path.name in UNREAD_FOLDERS or path.name.endswith(".egg-info"):
                continue
            if path.is_dir():
                folders.append(path)
            elif path.suffix not in UNREAD_SUFFIXES:
                yield path


def test_the_files_are_found() -> None:
    found = {str(path.relative_to(ROOT)) for path in text_files()}
    assert {"Makefile", "common/README.md", ".ci/run", "tests/test_architecture.py"} <= found


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    wrong = []
    for path in text_files():
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if any(word in line for word in (*REGISTRY_HOSTS, *REGISTRY_OPTIONS)) or any(
                pattern.search(line) for pattern in MACHINE_PATHS
            ):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert not wrong


@pytest.mark.parametrize("text", ["work/x", "root/z", "home/me/z", "Users/me"])
def test_places_on_a_machine_are_recognised(text: str) -> None:
    assert any(pattern.search(f"in /{text}") for pattern in MACHINE_PATHS)
    assert not any(pattern.search("src/work/x a/home/b http://h/root") for pattern in MACHINE_PATHS)


@pytest.mark.parametrize("name", sorted({name for parts, _ in LAYERS.values() for name in parts}))
def test_the_readme_of_common_names_every_module(name: str) -> None:
    assert f"`{name}`" in (ROOT / "common" / "README.md").read_text("utf-8")
