"""How long a query plan with a long list takes to become constraints.

The engine writes a list of 10,000 values as a chain of binary ORs 10,000 levels deep; the
same predicate as a value set of a request is the baseline.
"""

from __future__ import annotations

import json

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.plans import decode_plan, with_plan
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.codec import decode_request, encode_request
from athena_connectors.common.testing.client import LOCAL_IDENTITY
from athena_connectors.common.testing.plans import in_a_plan
from athena_connectors.common.valueset import SortedRangeSet

from tests.bench.timing import best_of

VALUES = 10_000
_REPEATS = 5
_NEWEST = 6
_TABLE = m.TableName("shop", "orders")
_SCHEMA = pa.schema([("name", pa.string())])


def run() -> dict[str, float]:
    """Return seconds of both ways and their ratio; less than a second is expected of a plan."""
    values = SortedRangeSet.of_points(pa.string(), [f"value {n}" for n in range(VALUES)])
    constraints = Constraints({"name": values})
    plan = in_a_plan(constraints, _TABLE, _SCHEMA).query_plan
    assert plan is not None
    event = json.dumps(
        encode_request(
            m.GetTableLayoutRequest(
                LOCAL_IDENTITY, "query", "shop", _TABLE, constraints, _SCHEMA, ()
            ),
            _NEWEST,
        )
    )
    text = plan.substrait_plan
    plan_s, planned = best_of(
        lambda: with_plan(Constraints(), decode_plan(text), _SCHEMA), _REPEATS
    )
    plain_s, _ = best_of(lambda: decode_request(json.loads(event)), _REPEATS)
    if planned.summary != constraints.summary:
        raise AssertionError("The plan and the value set disagree.")
    return {
        "plan_seconds": round(plan_s, 3),
        "value_set_seconds": round(plain_s, 3),
        "times_a_value_set": round(plan_s / plain_s, 1),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))  # noqa: T201
