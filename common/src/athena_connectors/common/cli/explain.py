"""``athena-connectors explain``: what is asked of each source, and a reason for the rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from athena_connectors.common.cli.identity import identity_of
from athena_connectors.common.cli.output import say
from athena_connectors.common.constraints import ColumnDomain, Conjunct
from athena_connectors.common.estimates import estimate_text
from athena_connectors.common.expressions import render
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.value_text import domain_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.handler import Explanation
    from athena_connectors.common.testing.engine import ScanExplanation

__all__ = ["run"]

_REMOTE = "only the function knows its native query"


def run(options: argparse.Namespace) -> int:
    """Print how a query would be read."""
    with LocalEngine.from_file(
        options.config,
        serde=options.serde,
        pushdown=options.pushdown,
        plans=options.plans,
        identity=identity_of(options.identity),
    ) as engine:
        scans = [_scan(item) for item in engine.explain(options.sql)]
    if options.format == "json":
        say(json.dumps(scans, indent=2, ensure_ascii=False))
    else:
        say("\n\n".join("\n".join(_lines(scan)) for scan in scans) or "No table is read.")
    return 0


def conjunct_text(conjunct: Conjunct) -> str:
    """Return a conjunct as text for people."""
    if isinstance(conjunct, ColumnDomain):
        return domain_text(conjunct.column, conjunct.values)
    return render(conjunct)


def _scan(item: ScanExplanation) -> dict[str, Any]:
    planned = item.planned
    constraints = planned.scan.constraints
    return {
        "table": str(planned.reference),
        "columns": planned.scan.projected.names,
        "sent": [conjunct_text(part) for part in constraints.conjuncts()],
        "kept": [{"condition": held.text, "reason": held.reason} for held in planned.held],
        "order": [f"{key.column} {key.direction.value}" for key in constraints.order_by],
        "limit": constraints.limit,
        "limit_reason": planned.limit_reason,
        "estimate": _estimate(item.estimate),
        "splits": [
            {"properties": dict(split.properties), **_native(split.native)} for split in item.splits
        ],
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {**asdict(estimate), "text": estimate_text(estimate)}


def _native(explanation: Explanation | None) -> dict[str, Any]:
    if explanation is None:
        return {"native": None, "note": _REMOTE}
    return {
        "native": explanation.native,
        "decisions": [
            {
                "condition": conjunct_text(decision.conjunct),
                "exactness": decision.exactness.value,
                "native": decision.native,
                "reason": decision.reason,
            }
            for decision in explanation.decisions
        ],
        "limit_pushed": explanation.limit_pushed,
        "order_pushed": explanation.order_pushed,
        "limit_reason": explanation.limit_reason,
        "plan_reasons": list(explanation.plan_reasons),
    }


def _lines(scan: dict[str, Any]) -> Iterator[str]:
    yield f"scan of {scan['table']}"
    yield f"  columns: {', '.join(scan['columns']) or 'none, rows are counted'}"
    for text in scan["sent"]:
        yield f"  sent: {text}"
    for held in scan["kept"]:
        yield f"  kept here: {held['condition']} ({held['reason']})"
    if scan["order"]:
        yield f"  order: {', '.join(scan['order'])}"
    if scan["limit"] is not None:
        yield f"  limit: {scan['limit']}"
    elif scan["limit_reason"]:
        yield f"  limit kept here: {scan['limit_reason']}"
    if scan["estimate"] is not None:
        yield f"  estimate: {scan['estimate']['text']}"
    yield f"  splits: {len(scan['splits'])}"
    for _, alike in groupby(enumerate(scan["splits"]), key=lambda item: _decided(item[1])):
        yield from _split_lines(list(alike))


def _decided(split: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in split.items() if key not in ("properties", "native")}


def _split_lines(splits: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """Yield the native query of neighbouring splits, and what was decided for all of them."""
    runs = [list(alike) for _, alike in groupby(splits, key=lambda item: item[1]["native"])]
    for alike in runs:
        yield _split_numbers(alike)
        yield from _native_lines(alike[0][1])
    decided = [f"    {line}" for line in _decision_lines(splits[0][1])]
    if len(runs) > 1 and decided:
        yield f"{_split_numbers(splits)}, each"
    yield from decided


def _split_numbers(splits: list[tuple[int, dict[str, Any]]]) -> str:
    first, last = splits[0][0], splits[-1][0]
    return f"  split {first}" if first == last else f"  splits {first} to {last}"


def _native_lines(split: dict[str, Any]) -> Iterator[str]:
    text = split["note"] if split["native"] is None else split["native"]
    for line in text.splitlines() or ["no native query"]:
        yield f"    {line}"


def _decision_lines(split: dict[str, Any]) -> Iterator[str]:
    if split["native"] is None:
        return
    for decision in split["decisions"]:
        is_told = decision["native"] in ("", decision["condition"])
        native = "" if is_told else f" as {decision['native']}"
        reason = f" ({decision['reason']})" if decision["reason"] else ""
        yield f"{decision['exactness']}: {decision['condition']}{native}{reason}"
    if split["order_pushed"] or split["limit_pushed"]:
        pushed = [word for word in ("order", "limit") if split[f"{word}_pushed"]]
        yield f"{' and '.join(pushed)} pushed"
    elif split["limit_reason"]:
        yield f"limit not pushed: {split['limit_reason']}"
    for reason in split["plan_reasons"]:
        yield f"left away of the query plan: {reason}"
