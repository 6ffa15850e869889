"""The log groups of an account, and of those that are linked to it as a monitoring account.

A group of the account's own is a schema of its name, that of a linked account is schema
``<account>:<name>``; names of groups have no colon.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from athena_connectors.cloudwatch_logs.client import next_token
from athena_connectors.cloudwatch_logs.group_facts import account_of, group_of
from athena_connectors.cloudwatch_logs.spellings import (
    MAX_NAMES,
    MAX_REMEMBERED,
    SEARCH_SECONDS,
    close_to,
    listed,
    same_in_any_case,
)
from athena_connectors.common.errors import (
    AccessDeniedError,
    AmbiguousNameError,
    InvalidRequestError,
    SchemaNotFoundError,
    SourceError,
    ThrottledError,
    UnsupportedOperationError,
)
from athena_connectors.common.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.settings import Settings

__all__ = ["FoundGroup", "GroupFilter", "LogGroups"]

NAMES_SECONDS = 60.0
"""For how long all names are kept, once they had to be listed to find one."""

_TRY_SECONDS = 5.0
"""For how long ListLogGroups is tried, which not all may call and not every stand-in has."""
_LISTED = ("ListLogGroups", 1000)
_DESCRIBED = ("DescribeLogGroups", 50)
_MAX_ACCOUNTS = 20
_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_ACCOUNT = re.compile(r"\d{12}")

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A group and the schema that it is."""

    schema: str
    group: LogGroup


class GroupFilter:
    """Which groups exist for Athena: ``log_group_include`` and ``log_group_exclude``.

    Patterns know ``*``, ``?`` and ``[...]`` and tell upper from lower case, as CloudWatch Logs
    does. Each is for a group's name with its account as well as without.
    """

    def __init__(self, settings: Settings) -> None:
        self._include = settings.log_group_include
        self._exclude = settings.log_group_exclude

    def allows(self, schema: str) -> bool:
        """Return whether a group exists for Athena, by its name with or without account."""
        names = {schema, schema.rpartition(":")[2]}
        if _fit(names, self._exclude):
            return False
        return not self._include or _fit(names, self._include)


def _fit(names: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


class LogGroups:
    """The groups that exist for Athena; used by one thread.

    Args:
        client: Asks CloudWatch Logs.
        settings: The connector's settings.
        clock: Seconds that only ever grow.
    """

    def __init__(self, client: Client, settings: Settings, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._filter = GroupFilter(settings)
        # Only what was found is kept: what is not there now may be made the next moment.
        self._found: Remembered[FoundGroup] = Remembered(
            settings.name_cache_ttl_s, clock, most=MAX_REMEMBERED
        )
        self._names: Remembered[list[str]] = Remembered(NAMES_SECONDS, clock)
        self._may_list = True
        self._account = ""

    def allows(self, schema: str) -> bool:
        """Return whether a group exists for Athena, if there is one; see ``GroupFilter``."""
        return self._filter.allows(schema)

    def names(self) -> list[str]:
        """Return all schemas.

        Raises:
            UnsupportedOperationError: There are more than 100,000.
            ConnectorError: The service refuses or can't be reached.

        Cost:
            A call for each 1,000 groups if ``logs:ListLogGroups`` is allowed, else for each 50.
        """
        names: list[str] = []
        for name in self._each():
            if len(names) == MAX_NAMES:
                raise UnsupportedOperationError(
                    f"There are more than {MAX_NAMES:,} log groups, too many to be listed.",
                    hint="Name those that are needed in log_group_include; each can be queried by"
                    " its name in any case.",
                    setting="log_group_include",
                )
            names.append(name)
        return names

    def find(self, name: str) -> FoundGroup:
        """Return a group by the name of its schema, spelt exactly or else in any case.

        Raises:
            SchemaNotFoundError: There is none, or too many to look for other spellings.
            AmbiguousNameError: There are several and none is spelt exactly so.
            ConnectorError: The service refuses or can't be reached.

        Cost:
            Nothing within ``name_cache_ttl_s`` seconds, else one call. A listing of all
            groups, once in a minute, and one more call if there is none that is spelt so.
        """
        kept = self._found.get(name)
        if kept is not None:
            return kept
        found = self._described(name) or self._respelt(name)
        self._found.keep(name, found)
        return self._found.keep(found.schema, found)

    def _respelt(self, name: str) -> FoundGroup:
        names = self._names.get(None)
        if names is None:
            until = self._clock() + SEARCH_SECONDS
            names = listed(self._each(), until=until, clock=self._clock)
            if names is None:
                raise SchemaNotFoundError(
                    f"There is no log group spelt exactly {name!r}, and there are too many to look"
                    " for other spellings of it.",
                    hint="Name the groups that are needed in log_group_include; Athena folds names"
                    " of schemas to lower case.",
                    schema=name,
                )
            self._names.keep(None, names)
        same = same_in_any_case(name, names)
        if len(same) > 1:
            raise AmbiguousNameError(
                f"The schema name {name!r} fits several log groups: {', '.join(same)}.",
                hint="Name all but one of them in log_group_exclude, whose patterns tell upper"
                " from lower case.",
                schema=name,
            )
        found = self._described(same[0]) if same else None
        if found is None:
            raise SchemaNotFoundError(
                f"There is no log group {name!r}.", hint=self._advice(name, names), schema=name
            )
        return found

    def _advice(self, name: str, names: list[str]) -> str:
        close = close_to(name, names)
        if close:
            return close
        settings = "log_group_include and log_group_exclude"
        if ":" in name:
            settings += ", include_linked_accounts and linked_accounts"
        return f"List the schemas; check the region and the settings {settings}."

    def _described(self, schema: str) -> FoundGroup | None:
        """Return a group that is spelt exactly so, if there is one.

        Names come in order, so one that is the prefix of others comes first.
        """
        account, _, name = schema.rpartition(":")
        if _NAME.fullmatch(name) is None or not self._filter.allows(schema):
            return None
        scope: dict[str, Any] = {}
        if account:
            if not self._is_linked(account):
                return None
            scope = _of_accounts([account])
        request = {**scope, "logGroupNamePrefix": name, "limit": _DESCRIBED[1]}
        for told in self._client.call("DescribeLogGroups", request)["logGroups"]:
            if told["logGroupName"] == name and account in {"", account_of(told)}:
                spelt = self._schema(told) if account else name
                return FoundGroup(spelt, group_of(told, is_linked=spelt != name))
        return None

    def _is_linked(self, account: str) -> bool:
        settings = self._settings
        if not settings.include_linked_accounts or _ACCOUNT.fullmatch(account) is None:
            return False
        return not settings.linked_accounts or account in settings.linked_accounts

    def _schema(self, told: Mapping[str, Any]) -> str:
        name: str = told["logGroupName"]
        if not self._settings.include_linked_accounts:
            return name
        account = account_of(told)
        return name if account == self._own_account() else f"{account}:{name}"

    def _own_account(self) -> str:
        """Return the id of the function's account; empty as long as it has no group."""
        if not self._account:
            for told in self._client.call("DescribeLogGroups", {"limit": 1})["logGroups"]:
                self._account = account_of(told)
        return self._account

    def _each(self) -> Iterator[str]:
        """Yield the schemas, page by page."""
        for scope in self._scopes():
            for page in self._pages(scope):
                yield from filter(self._filter.allows, map(self._schema, page))

    def _scopes(self) -> Iterator[dict[str, Any]]:
        """Yield what to ask for, to get each group once."""
        settings = self._settings
        if not settings.include_linked_accounts:
            yield {}
        elif not settings.linked_accounts:
            yield {"includeLinkedAccounts": True}
        else:
            yield {}
            own = self._own_account()
            linked = [item for item in dict.fromkeys(settings.linked_accounts) if item != own]
            for start in range(0, len(linked), _MAX_ACCOUNTS):
                yield _of_accounts(linked[start : start + _MAX_ACCOUNTS])

    def _pages(self, scope: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
        if self._may_list:
            operation, limit = _LISTED
            request = {**scope, "limit": limit}
            try:
                first = self._client.call(
                    operation, request, deadline=time.monotonic() + _TRY_SECONDS
                )
            except (AccessDeniedError, InvalidRequestError, SourceError, ThrottledError) as error:
                _LOGGER.info("Log groups are listed 50 at a time: %s", error)
                self._may_list = not isinstance(error, AccessDeniedError)
            else:
                yield from self._from(first, operation, request)
                return
        operation, limit = _DESCRIBED
        request = {**scope, "limit": limit}
        yield from self._from(self._client.call(operation, request), operation, request)

    def _from(
        self, reply: Mapping[str, Any], operation: str, request: Mapping[str, Any]
    ) -> Iterator[list[Mapping[str, Any]]]:
        """Yield a page and those after it; only a missing token ends them."""
        token = ""
        while True:
            yield reply["logGroups"]
            token = next_token(reply, sent=token)
            if not token:
                return
            reply = self._client.call(operation, {**request, "nextToken": token})


def _of_accounts(accounts: list[str]) -> dict[str, Any]:
    return {"includeLinkedAccounts": True, "accountIdentifiers": accounts}
