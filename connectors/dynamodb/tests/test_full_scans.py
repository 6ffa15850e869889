"""A scan that settings forbid is refused with the keys that would avoid it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.dynamodb.full_scans import check_full_scan
from athena_connectors.dynamodb.relation import Column, Relation
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable

_BASE = Index("", IndexKind.TABLE, (Key("pk", "S"),), size_bytes=12_000_000_000, items=100_000_000)
_BY_CITY = Index("by_city", IndexKind.GLOBAL, (Key("city", "S"),), size_bytes=1_500_000)
_BY_BOTH = Index("by_both", IndexKind.GLOBAL, (Key("city", "S"), Key("Shop", "N")))
_RELATION = Relation(
    SourceTable("orders", "orders", _BASE, (_BY_CITY, _BY_BOTH)),
    tuple(
        Column(name, pa.string(), attribute)
        for name, attribute in (("pk", "pk"), ("city", "city"), ("branch", "Shop"))
    ),
)


def _refusal(index: Index, settings: Settings, **arguments: int) -> str:
    with pytest.raises(BudgetExceededError) as caught:
        check_full_scan(_RELATION, index, settings, **arguments)
    return str(caught.value)


def test_the_text_names_the_size_the_keys_and_the_indexes() -> None:
    assert _refusal(_BASE, replace(Settings(), allow_full_scan=False)) == (
        "The predicate gives no keys, so that table orders, 12 GB, would be scanned:"
        " allow_full_scan is false. Give pk = …, or city = … (index by_city), or city = … and"
        " branch = … (index by_both), or change allow_full_scan."
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dynamodb_index_mode": "never"}, "Give pk = …, or change"),
        ({"consistent_read": True}, "Give pk = …, or change"),
        (
            {"dynamodb_index_deny": ("by_b*",)},
            "Give pk = …, or city = … (index by_city), or change",
        ),
        (
            {"dynamodb_index_allow": ("by_both",)},
            "Give pk = …, or city = … and branch = … (index by_both), or change",
        ),
    ],
)
def test_only_indexes_that_may_be_chosen_are_named(changes: dict[str, Any], expected: str) -> None:
    assert expected in _refusal(_BASE, replace(Settings(), allow_full_scan=False, **changes))


def test_a_forced_index_is_the_only_way() -> None:
    settings = replace(Settings(), allow_full_scan=False)
    forced = replace(_RELATION, forced_index="by_city")
    with pytest.raises(BudgetExceededError, match=r"Give city = … \(index by_city\), or change"):
        check_full_scan(forced, _BY_CITY, settings)


def test_a_key_that_is_no_column_is_not_named() -> None:
    settings = replace(Settings(), allow_full_scan=False)
    with pytest.raises(BudgetExceededError, match="Give a value for its hash key, or change"):
        check_full_scan(replace(_RELATION, columns=()), _BASE, settings)


def test_an_index_is_no_less_scanned_than_a_table() -> None:
    text = _refusal(_BY_CITY, replace(Settings(), allow_full_scan=False))
    assert "index by_city of table orders, 1.5 MB, would be scanned" in text


def test_a_table_may_be_as_large_as_the_setting_says() -> None:
    check_full_scan(_RELATION, _BASE, Settings())
    check_full_scan(_RELATION, _BASE, replace(Settings(), max_scan_bytes=12_000_000_000))
    text = _refusal(_BASE, replace(Settings(), max_scan_bytes=11_999_999_999))
    assert "max_scan_bytes is 12 GB." in text
    check_full_scan(_RELATION, _BY_CITY, replace(Settings(), max_scan_bytes=2_000_000))


def test_the_size_of_a_new_index_is_not_known_yet() -> None:
    text = _refusal(_BY_BOTH, replace(Settings(), allow_full_scan=False))
    assert "index by_both of table orders, of a size not yet known, would be scanned" in text


def test_few_rows_of_a_large_table_are_no_scan_of_all_of_it() -> None:
    small = replace(Settings(), max_scan_bytes=1_000_000)
    check_full_scan(_RELATION, _BASE, small, rows=8000)
    _refusal(_BASE, small, rows=9000)
    _refusal(_BASE, replace(Settings(), allow_full_scan=False), rows=1)
