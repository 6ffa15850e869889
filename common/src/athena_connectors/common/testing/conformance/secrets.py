"""Secrets are told by nothing: no log of any level, no output, no error, no ``repr``."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.connector import Connector
from athena_connectors.common.errors import ConnectorError, InternalError
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.testing.client import ProtocolClient
from athena_connectors.common.testing.faults import FaultCheck, OneInstance
from athena_connectors.common.testing.folder_store import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_secrets"]

_FAMILY = "athena_connectors"
_CONTAINERS = (list, tuple, set, frozenset, deque)


def check_secrets(subject: Subject, output: Callable[[], str]) -> None:
    """Check reads, a request that fails, and settings that are wrong.

    Args:
        subject: The connector; its sample names the secrets.
        output: Returns what was written to standard output and error since the last call.
    """
    _check_requests(subject, output)
    for name, value in subject.sample.settings.items():
        for secret in subject.sample.secrets:
            if secret in value:
                for wrong in (value[1:], f"{value}{{", value.replace(secret, f"{secret}x")):
                    _check_setting(subject, output, name, wrong)


def _check_requests(subject: Subject, output: Callable[[], str]) -> None:
    instance = _Watched(subject, {}, output)
    with instance.check.watched() as told:
        for table in subject.tables:
            scan = subject.scan(table)
            for split in list(instance.client.splits(scan)):
                instance.client.read(scan, split)
        nowhere = m.TableName("no_such_schema", "no_such_table")
        told.append(_error_of(partial(instance.client.describe, nowhere)))
        told += [repr(each) for each in _own_objects(instance.function)]
    instance.function.close()


def _check_setting(subject: Subject, output: Callable[[], str], name: str, wrong: str) -> None:
    instance = _Watched(subject, {name: wrong}, output)
    with instance.check.watched() as told:
        told.append(_error_of(instance.client.schemas))
        told += [repr(each) for each in _own_objects(instance.function)]
    instance.function.close()


class _Watched:
    """An instance of the function whose logs, output and errors are looked through."""

    def __init__(
        self, subject: Subject, settings: Mapping[str, str], output: Callable[[], str]
    ) -> None:
        store = FolderStore(subject.folder)
        sample = subject.sample
        self.function = OneInstance(
            sample.handler, {**subject.settings, **settings}, spill=store, store=store
        )
        self.client = ProtocolClient(sample.catalog, self.function, spill=store, max_inline_bytes=0)
        self.check = FaultCheck(
            self.function,
            secrets=sample.secrets,
            output=output,
            at_rest=lambda: None,
            recovered=lambda: None,
        )


def _error_of(act: Callable[[], object]) -> str:
    """Return all that an error tells with its causes; nothing if there is none."""
    try:
        act()
    except InternalError as error:
        raise AssertionError(f"What is wrong with a setting looks like a bug: {error}") from error
    except ConnectorError as error:
        return "".join([*traceback.format_exception(error), repr(error), repr(vars(error))])
    return ""


def _own_objects(root: object) -> Iterator[object]:
    """Yield what hangs on the function, as far as this family or the connector made it."""
    roots, seen = {_FAMILY}, {id(root)}
    queue: deque[Any] = deque([root])
    while queue:
        item = queue.popleft()
        if isinstance(item, Connector):
            roots.add(type(item).__module__.partition(".")[0])
        if type(item).__module__.partition(".")[0] in roots:
            yield item
            below = _attributes(item)
        else:
            below = _elements(item)
        for child in below:
            if id(child) not in seen:
                seen.add(id(child))
                queue.append(child)


def _attributes(item: object) -> Iterable[object]:
    slots = [name for kind in type(item).__mro__ for name in getattr(kind, "__slots__", ())]
    named = [getattr(item, name, None) for name in slots]
    return [*named, *getattr(item, "__dict__", {}).values()]


def _elements(item: object) -> Iterable[object]:
    if isinstance(item, Mapping):
        return item.values()
    return item if isinstance(item, _CONTAINERS) else ()
