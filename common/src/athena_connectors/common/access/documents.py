"""Access policies as people write them: JSON, read with every slip of the pen refused.

    {
      "rules": [
        {
          "name": "analysts",
          "effect": "allow",
          "principals": {
            "accounts": ["111122223333"],
            "arns": ["arn:aws:sts::*:assumed-role/analyst/*"],
            "groups": ["bi-*"],
            "tags": {"team": ["sales", "finance"]}
          },
          "catalogs": ["shop"],
          "schemas": ["public"],
          "tables": ["orders", "order_*"],
          "columns": {
            "card_number": {"last_n": 4},
            "email": {"hash": {"salt": "${policy/salt}"}},
            "note": "null",
            "country": {"constant": "XX"},
            "internal_*": "hide"
          },
          "row_filter": "region = 'EU' AND NOT is_deleted"
        }
      ]
    }

| Member of a rule | Meaning |
|---|---|
| ``effect`` | ``allow`` or ``deny``; required |
| ``name`` | what logs call it |
| ``principals`` | whom it is about; everybody if left out |
| ``catalogs``, ``schemas``, ``tables`` | patterns of names; all if left out |
| ``columns`` | what becomes of a column, by patterns in order: ``hide``, ``show``, ``null``, \
``hash``, or an object with one of ``hash``, ``constant`` and ``last_n`` |
| ``row_filter`` | which rows are seen, see ``row_filters`` |
| ``passthrough`` | true if native queries may be run, see ``policy.Access`` |
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from athena_connectors.common.access.masks import Constant, Hash, LastCharacters, Null
from athena_connectors.common.access.patterns import EVERYTHING, Patterns
from athena_connectors.common.access.policy import ColumnRule, Policy, Principals, Rule
from athena_connectors.common.access.row_filters import FilterError, parse_row_filter
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.access.masks import Mask

__all__ = ["parse_policy"]

SETTING = "access_policy"
_RULE_MEMBERS = (
    *("name", "effect", "principals", "catalogs", "schemas", "tables"),
    *("columns", "row_filter", "passthrough"),
)
_PRINCIPAL_MEMBERS = ("accounts", "arns", "groups", "tags")
_MASK_MEMBERS = ("hash", "constant", "last_n")
_WORDS: dict[str, Mask | None] = {"hide": None, "show": None, "null": Null(), "hash": Hash()}
_HINT = "No request is answered until the policy is right: correct it."


def parse_policy(text: str, *, resolve: Callable[[str], str]) -> Policy:
    """Read a policy.

    Args:
        text: The document.
        resolve: Replaces each ``${name}`` of a salt by the secret of that name.

    Raises:
        ConfigurationError: The document is malformed; the text tells the line and column,
            or the path of what is at fault, and the reason.
        ConnectorError: A secret can't be read.
    """
    try:
        content = json.loads(
            text, object_pairs_hook=_members, parse_float=Decimal, parse_constant=_no_number
        )
    except _TwiceError as cause:
        _Place().refuse(f"has the member {cause.args[0]!r} twice in one object")
    except json.JSONDecodeError as cause:
        _Place().refuse(f"is no JSON: line {cause.lineno}, column {cause.colno}: {cause.msg}")
    except (ValueError, RecursionError) as cause:
        _Place().refuse(f"is no JSON: {cause}")
    place = _Place()
    rules = place.object_(content, known=("rules",)).get("rules")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    at = place.at("rules")
    return Policy(
        digest,
        tuple(_rule(told, at.item(number), resolve) for number, told in enumerate(at.list_(rules))),
    )


class _TwiceError(Exception):
    """An object has a member twice, of which JSON would keep the last in silence."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found


def _no_number(text: str) -> NoReturn:
    message = f"{text} is no number"
    raise ValueError(message)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the document, such as ``rules[2].columns.email``."""

    path: str = ""

    def at(self, member: str) -> _Place:
        plain = member.isidentifier()
        step = member if plain else f"[{json.dumps(member, ensure_ascii=False)}]"
        return _Place(f"{self.path}.{step}" if self.path and plain else f"{self.path}{step}")

    def item(self, number: int) -> _Place:
        return _Place(f"{self.path}[{number}]")

    def refuse(self, reason: str) -> NoReturn:
        what = f"{self.path} of the access policy" if self.path else "The access policy"
        raise ConfigurationError(f"{what} {reason}.", hint=_HINT, setting=SETTING) from None

    def object_(self, value: Any, *, known: tuple[str, ...] | None = None) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.refuse("has to be an object")
        for name in value:
            if known is not None and name not in known:
                self.refuse(f"has a member {name!r}, and only {', '.join(known)} are known")
        return value

    def list_(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            self.refuse("has to be a list")
        return value

    def texts(self, value: Any) -> tuple[str, ...]:
        found = self.list_(value)
        if not found:
            self.refuse("is an empty list: leave it out, or list what is meant")
        if not all(isinstance(each, str) and each for each in found):
            self.refuse("has to be a list of texts, none of them empty")
        return tuple(found)


def _rule(told: Any, place: _Place, resolve: Callable[[str], str]) -> Rule:
    members = place.object_(told, known=_RULE_MEMBERS)
    effect = members.get("effect")
    if effect not in ("allow", "deny"):
        place.at("effect").refuse("has to be allow or deny")
    name = members.get("name", "")
    if not isinstance(name, str):
        place.at("name").refuse("has to be a text")
    rule = Rule(
        place=f"{place.path} ({name})" if name else place.path,
        allows=effect == "allow",
        principals=_principals(members, place.at("principals")),
        catalogs=_patterns(members, "catalogs", place) or EVERYTHING,
        schemas=_patterns(members, "schemas", place) or EVERYTHING,
        tables=_patterns(members, "tables", place) or EVERYTHING,
        columns=_columns(members, place.at("columns"), resolve),
        row_filter=_row_filter(members, place.at("row_filter")),
        passthrough=_passthrough(members, place.at("passthrough")),
    )
    _check(rule, place)
    return rule


def _check(rule: Rule, place: _Place) -> None:
    """Refuse a rule that says what it can't hold to."""
    if not rule.allows and (rule.restricts or rule.passthrough):
        place.refuse("denies, so it has neither columns nor row_filter nor passthrough")
    if rule.passthrough and (
        rule.restricts or not (rule.schemas.fits_all and rule.tables.fits_all)
    ):
        place.at("passthrough").refuse(
            "goes with no limits: a native query sees all that the source shows to the function,"
            " so a rule that allows it is about all schemas, tables, columns and rows"
        )


def _patterns(members: dict[str, Any], name: str, place: _Place) -> Patterns | None:
    if name not in members:
        return None
    return Patterns(place.at(name).texts(members[name]))


def _principals(members: dict[str, Any], place: _Place) -> Principals:
    if "principals" not in members:
        return Principals()
    told = place.object_(members["principals"], known=_PRINCIPAL_MEMBERS)

    def exact(name: str) -> Patterns | None:
        if name not in told:
            return None
        return Patterns(place.at(name).texts(told[name]), folded=False)

    tags = place.at("tags")
    return Principals(
        accounts=exact("accounts"),
        arns=exact("arns"),
        groups=exact("groups"),
        tags={
            tag: Patterns(tags.at(tag).texts(texts), folded=False)
            for tag, texts in tags.object_(told.get("tags", {})).items()
        },
    )


def _row_filter(members: dict[str, Any], place: _Place) -> Any:
    if "row_filter" not in members:
        return None
    text = members["row_filter"]
    if not isinstance(text, str):
        place.refuse("has to be a text")
    try:
        return parse_row_filter(text)
    except FilterError as error:
        place.refuse(f"is malformed: {error}")


def _passthrough(members: dict[str, Any], place: _Place) -> bool:
    value = members.get("passthrough", False)
    if not isinstance(value, bool):
        place.refuse("has to be true or false")
    return value


def _columns(
    members: dict[str, Any], place: _Place, resolve: Callable[[str], str]
) -> tuple[ColumnRule, ...]:
    if "columns" not in members:
        return ()
    return tuple(
        _column(name, told, place.at(name), resolve)
        for name, told in place.object_(members["columns"]).items()
    )


def _column(name: str, told: Any, place: _Place, resolve: Callable[[str], str]) -> ColumnRule:
    names = Patterns((name,))
    if isinstance(told, str) and told in _WORDS:
        return ColumnRule(names, is_hidden=told == "hide", mask=_WORDS[told])
    if not isinstance(told, dict) or len(told) != 1:
        place.refuse(
            f"has to be one of {', '.join(_WORDS)}, or an object with one of"
            f" {', '.join(_MASK_MEMBERS)}"
        )
    return ColumnRule(names, is_hidden=False, mask=_mask(told, place, resolve))


def _mask(told: dict[str, Any], place: _Place, resolve: Callable[[str], str]) -> Mask:
    ((kind, value),) = place.object_(told, known=_MASK_MEMBERS).items()
    at = place.at(kind)
    if kind == "constant":
        if not isinstance(value, str | int | Decimal):
            at.refuse("has to be a text, a number or a boolean")
        return Constant(value)
    if kind == "last_n":
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            at.refuse("has to be a whole number of 1 or more")
        return LastCharacters(value)
    salt = at.object_(value, known=("salt",)).get("salt")
    if not isinstance(salt, str) or not salt:
        at.at("salt").refuse("has to be a text, best ${name of a secret}")
    return Hash(Secret(resolve(salt)))
