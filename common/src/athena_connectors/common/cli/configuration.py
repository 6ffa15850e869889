"""The file ``athena-connectors.toml``: which function answers for which catalog.

Values are taken as they stand, nothing is expanded. Paths are relative to the file. Keys
that are not known are refused, so that a slip of the pen does not go unnoticed.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.engine_errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.handler import LambdaHandler
    from athena_connectors.common.testing.engine import Catalog
    from athena_connectors.common.testing.transport import Transport

__all__ = [
    "DEFAULT_FILE",
    "CatalogSettings",
    "Configuration",
    "installed_connectors",
    "open_catalogs",
    "read_configuration",
]

DEFAULT_FILE = "athena-connectors.toml"
FOLDER_BUCKET = "local"
"""Bucket under which in-process connectors spill to a folder."""
_S3 = "s3://"
_KINDS = ("connector", "function", "endpoint")


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """One ``[catalogs.NAME]`` table.

    Attributes:
        kind: ``connector``, ``function`` or ``endpoint``.
        target: Name of the connector or function, or the URL.
        settings: The connector's environment variables; may hold secrets, so not shown.
    """

    kind: str
    target: str
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole file.

    Attributes:
        path: The file.
        spill: Folder or ``s3://bucket/prefix``; a temporary folder when empty.
        catalogs: By name.
    """

    path: Path
    spill: str
    catalogs: Mapping[str, CatalogSettings]

    @property
    def spill_folder(self) -> Path | None:
        """The folder to spill to, if it is one."""
        if not self.spill or self.spill.startswith(_S3):
            return None
        return self.path.parent / self.spill


def read_configuration(path: str | os.PathLike[str] = DEFAULT_FILE) -> Configuration:
    """Read a configuration file.

    Raises:
        UsageError: It can't be read, is no TOML, or has an unknown or missing key.
    """
    file = Path(path).resolve()
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as cause:
        raise UsageError(
            f"{file} can't be read: {cause.strerror}.",
            hint="Name the file with --config, or write one.",
        ) from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise UsageError(f"{file} is no TOML: {cause}.") from cause
    _known_keys(content, ("engine", "catalogs"), where=str(file))
    engine = _table(content, "engine", where=str(file))
    _known_keys(engine, ("spill",), where="[engine]")
    spill = engine.get("spill", "")
    if not isinstance(spill, str):
        raise UsageError("spill in [engine] is no text.", hint="Name a folder or s3://bucket.")
    catalogs = _table(content, "catalogs", where=str(file))
    return Configuration(file, spill, {name: _catalog(name, catalogs) for name in catalogs})


def installed_connectors() -> list[str]:
    """Return the names of the connectors that can be imported, as the file spells them."""
    import athena_connectors  # noqa: PLC0415

    folders = [Path(folder) for folder in athena_connectors.__path__]
    found = {app.parent.name for folder in folders for app in folder.glob("*/app.py")}
    return sorted(name.replace("_", "-") for name in found)


def open_catalogs(configuration: Configuration) -> Mapping[str, Catalog]:
    """Return the catalogs of a file; each is opened when it is first looked at."""
    return _OpenCatalogs(configuration)


class _OpenCatalogs(Mapping[str, "Catalog"]):
    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._open: dict[str, Catalog] = {}

    def __getitem__(self, name: str) -> Catalog:
        if name not in self._open:
            self._open[name] = _open(self._configuration, name)
        return self._open[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._configuration.catalogs)

    def __len__(self) -> int:
        return len(self._configuration.catalogs)


def _open(configuration: Configuration, name: str) -> Catalog:
    from athena_connectors.common.testing.client import S3Reader  # noqa: PLC0415
    from athena_connectors.common.testing.engine import Catalog  # noqa: PLC0415
    from athena_connectors.common.testing.transport import (  # noqa: PLC0415
        HttpEndpoint,
        LambdaFunction,
    )

    settings = configuration.catalogs[name]
    if settings.kind == "connector":
        return _open_connector(configuration, settings)
    remote: Transport = (
        LambdaFunction(settings.target)
        if settings.kind == "function"
        else HttpEndpoint(settings.target)
    )
    return Catalog(remote, S3Reader(_aws_variables()))


def _open_connector(configuration: Configuration, settings: CatalogSettings) -> Catalog:
    from athena_connectors.common.testing.client import S3Reader  # noqa: PLC0415
    from athena_connectors.common.testing.engine import Catalog  # noqa: PLC0415
    from athena_connectors.common.testing.folder_store import FolderStore  # noqa: PLC0415
    from athena_connectors.common.testing.transport import InProcess  # noqa: PLC0415

    handler = _load_handler(settings.target)
    environ = {**_aws_variables(), **settings.settings}
    if configuration.spill.startswith(_S3):
        bucket, _, prefix = configuration.spill.removeprefix(_S3).partition("/")
        environ.setdefault("spill_bucket", bucket)
        if prefix:
            environ.setdefault("spill_prefix", prefix.rstrip("/"))
        return Catalog(InProcess(handler, settings=environ), S3Reader(environ))
    folder, forget = _folder(configuration)
    store = FolderStore(folder)
    environ["spill_bucket"] = FOLDER_BUCKET
    return Catalog(InProcess(handler, settings=environ, store=store), store, forget)


def _folder(configuration: Configuration) -> tuple[Path, Callable[[], None]]:
    if configuration.spill_folder is not None:
        return configuration.spill_folder, lambda: None
    temporary = tempfile.TemporaryDirectory(prefix="athena-spill-")
    return Path(temporary.name), temporary.cleanup


def _load_handler(connector: str) -> LambdaHandler:
    installed = installed_connectors()
    if connector not in installed:
        close = get_close_matches(connector, installed, n=1)
        raise UsageError(
            f"There is no connector {connector!r}.",
            hint=f"Did you mean {close[0]}?" if close else f"Installed: {', '.join(installed)}.",
        )
    module = f"athena_connectors.{connector.replace('-', '_')}.app"
    try:
        handler: LambdaHandler = importlib.import_module(module).handler
    except (ImportError, AttributeError) as cause:
        raise UsageError(
            f"Connector {connector} can't be imported: {cause}.",
            hint="Install it with what it needs.",
        ) from cause
    return handler


def _aws_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def _catalog(name: str, catalogs: Mapping[str, Any]) -> CatalogSettings:
    where = f"[catalogs.{name}]"
    content = _table(catalogs, name, where="[catalogs]")
    _known_keys(content, (*_KINDS, "settings"), where=where)
    kinds = [kind for kind in _KINDS if kind in content]
    if len(kinds) != 1:
        raise UsageError(
            f"{where} has {' and '.join(kinds) or 'none'} of {', '.join(_KINDS)}.",
            hint="Give exactly one of them.",
        )
    (kind,) = kinds
    target = content[kind]
    if not isinstance(target, str) or not target:
        raise UsageError(f"{kind} in {where} is no text.")
    if "settings" in content and kind != "connector":
        raise UsageError(
            f"{where} has settings, which a deployed function does not take from here.",
            hint="Set its environment variables where it runs.",
        )
    settings = _table(content, "settings", where=where)
    variables = {key: _variable(key, value, where) for key, value in settings.items()}
    return CatalogSettings(kind, target, variables)


def _variable(key: str, value: object, where: str) -> str:
    """Return a setting as an environment variable would hold it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise UsageError(f"Setting {key} in {where} is no text.", hint="Environment holds text only.")


def _table(content: Mapping[str, Any], key: str, *, where: str) -> dict[str, Any]:
    table = content.get(key, {})
    if not isinstance(table, dict):
        raise UsageError(f"{key} in {where} is no table.")
    return table


def _known_keys(content: Mapping[str, Any], known: tuple[str, ...], *, where: str) -> None:
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise UsageError(
            f"{where} has the unknown key {', '.join(unknown)}.", hint=f"Known: {', '.join(known)}."
        )
