"""The JSON schema of a reply, made for one junction: what does not exist there cannot be named.

Only constructs that hold under constrained decoding (xgrammar): enumerations, integer ranges, bounded patterns and
arrays. A `maxLength` would admit control characters, free numbers would run on for ever, `uniqueItems` is refused
by the server, and a count over 128 in a pattern ends in an internal error there (xgrammar 0.2.8).
"""

import math
from typing import Any

from leed_traffic.domain.plan import URGENCY
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.language_model.names import Names

Schema = dict[str, Any]

# Printable ASCII as in a plan, never empty. In two parts: xgrammar 0.2.8 fails on a count over 128
REASONING_PATTERN = r"^[ !#-\[\]-~]{1,120}[ !#-\[\]-~]{0,120}$"
MAX_STEPS = 8  # per period; more only lengthen replies
QUEUES_VEH = [0, 1, 2, 3, 4, 5, 7, 10]
CYCLE_LOW_S = 30
CYCLE_HIGH_S = 180  # s, common practice

LANE_WEIGHTS = [0.2, 0.5, 0.7, 0.8, 1, 1.2, 1.5, 2, 3, 5]


def plan_schema(brief: Brief, names: Names) -> Schema:
    """The schema of a plan for one junction, in either form."""
    return {"anyOf": [_urgency(names), _sequence(brief, names)]}


def simple_schema(names: Names) -> Schema:
    """The form that cannot break a rule: where a model failed before, it still gets a plan."""
    return _urgency(names)


def _object(properties: Schema) -> Schema:
    """All properties in this order, and nothing else."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _reasoning() -> Schema:
    return {"type": "string", "pattern": REASONING_PATTERN}


def _urgency(names: Names) -> Schema:
    weights = {lane: {"enum": LANE_WEIGHTS} for lane in names.lanes.values()}
    return _object(
        {
            "form": {"enum": ["priority"]},
            "reasoning": _reasoning(),
            **{parameter.name: {"enum": list(parameter.choices)} for parameter in URGENCY},
            "lane_weights": {
                "type": "object",
                "properties": weights,
                "required": [],
                "additionalProperties": False,
            },
        }
    )


def _sequence(brief: Brief, names: Names) -> Schema:
    stages = range(brief.intersection.n_stages)
    steps: Schema = {
        "type": "array",
        "items": {"anyOf": [_step(stage, brief.timing, names) for stage in stages]},
        "minItems": 1,
        "maxItems": max(MAX_STEPS, len(stages)),
    }
    first, *later = [_short(start) for start in brief.period_starts_s]

    def period(starts: list[float]) -> Schema:
        return _object({"from_s": {"enum": starts}, **rest})

    rest = {
        "cycle_s": {"anyOf": [{"type": "null"}, _integer(CYCLE_LOW_S, CYCLE_HIGH_S)]},
        "offset_s": _integer(0, CYCLE_HIGH_S),
        "steps": steps,
    }
    periods = {"type": "array", "prefixItems": [period([first])], "items": period(later or [first]), "minItems": 1}
    return _object(
        {
            "form": {"enum": ["sequence"]},
            "reasoning": _reasoning(),
            "reach_m": {"enum": list(URGENCY[0].choices)},
            "periods": periods | {"maxItems": 1 + len(later)},
        }
    )


def _step(stage: int, timing: Timing, names: Names) -> Schema:
    low = timing.min_green_s[stage]
    high = timing.max_green_s[stage]
    first = math.ceil(low)
    last = math.floor(high)
    green = _integer(first, last) if first <= last else {"enum": sorted({low, high})}
    letters = list(names.approaches.values())
    extension = _object(
        {
            "approaches": {"type": "array", "items": {"enum": letters}, "maxItems": len(letters)},
            "queue_over": {"enum": QUEUES_VEH},
        }
    )
    return _object(
        {
            "stage": {"enum": [stage]},
            "min_green_s": green,
            "max_green_s": green,
            "extend_while": {"anyOf": [{"type": "null"}, extension]},
            "skip_if_queue_at_most": {"enum": [None, *QUEUES_VEH]},
        }
    )


def _integer(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _short(value: float) -> float:
    """Whole numbers without a decimal point."""
    return int(value) if value == int(value) else value
