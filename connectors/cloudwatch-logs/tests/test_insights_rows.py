"""Rows of Logs Insights become columns, whatever is missing in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from athena_connectors.cloudwatch_logs.insights_rows import read_page
from athena_connectors.common.errors import SourceError
from athena_connectors.common.source_calls import Reply
from hypothesis import given, settings
from hypothesis import strategies as st

_TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
_ROWS = st.lists(st.dictionaries(st.sampled_from(["@message", "a", "A", "é"]), _TEXTS), max_size=6)


def _told(rows: list[dict[str, str]], token: str | None = None) -> dict[str, Any]:
    results = [[{"field": name, "value": row[name]} for name in row] for row in rows]
    told = {"results": results, "status": "Complete", "statistics": {"bytesScanned": 1.0}}
    return told if token is None else {**told, "nextToken": token}


def _replies(told: dict[str, Any]) -> list[Reply]:
    replies = [Reply(parsed=told), Reply(body=json.dumps(told).encode())]
    try:
        return [*replies, Reply(body=json.dumps(told, ensure_ascii=False).encode())]
    except UnicodeEncodeError:
        return replies


@given(_ROWS, st.none() | st.just("next"))
@settings(max_examples=200, deadline=None)
def test_a_page_holds_what_was_told(rows: list[dict[str, str]], token: str | None) -> None:
    for reply in _replies(_told(rows, token)):
        page = read_page(reply)
        assert (page.num_rows, page.state, page.token) == (len(rows), "Complete", token)
        assert page.names() == list(dict.fromkeys(name for row in rows for name in row))
        for name in ("@message", "a", "A", "é", "absent"):
            read = page.column(name).to_pylist()
            expected = [None if name not in row else _replaced(row[name]) for row in rows]
            assert read == expected


def _replaced(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_acceptance_12_lone_surrogates_and_large_texts_survive() -> None:
    text = "x" * 1_048_000 + "\ud83d"
    page = read_page(Reply(body=json.dumps(_told([{"@message": text}] * 3)).encode()))
    assert page.column("@message").to_pylist() == ["x" * 1_048_000 + "\ufffd"] * 3


def test_text_that_is_no_utf_8_is_read_all_the_same() -> None:
    body = json.dumps(_told([{"a": "x?y"}])).encode().replace(b"?", b"\xff")
    assert read_page(Reply(body=body)).column("a").to_pylist() == ["x\ufffdy"]


@pytest.mark.parametrize("body", [b"{}", b'{"results": null}'])
def test_a_reply_without_a_result_has_no_state(body: bytes) -> None:
    page = read_page(Reply(body=body))
    assert (page.num_rows, page.state) == (0, "")


@pytest.mark.parametrize("body", [b"[]", b"", b'{"results": [[{"field'])
def test_what_is_no_reply_is_an_error(body: bytes) -> None:
    with pytest.raises(SourceError):
        read_page(Reply(body=body))


def test_a_field_that_a_row_has_twice_counts_once() -> None:
    cells = [{"field": "a", "value": "1"}, {"field": "a", "value": "2"}]
    page = read_page(Reply(body=json.dumps({"results": [cells, []], "status": "x"}).encode()))
    assert page.column("a").to_pylist() == ["1", None]
