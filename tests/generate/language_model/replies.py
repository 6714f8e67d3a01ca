"""Replies about one junction."""

import json

from leed_traffic.generate.language_model.names import name_parts
from leed_traffic.generate.language_model.reply import read_plan
from tests.generate.briefs import crossroads

BRIEF = crossroads()


NAMES = name_parts(BRIEF)


def step(stage, **changes):
    return {
        "stage": stage,
        "min_green_s": 7,
        "max_green_s": 20,
        "extend_while": None,
        "skip_if_queue_at_most": None,
    } | changes


def sequence(*steps, **changes):
    period = {"from_s": 0, "cycle_s": None, "offset_s": 0, "steps": list(steps or map(step, range(4)))}
    return {"form": "sequence", "reasoning": "In order.", "reach_m": 50, "periods": [period | changes]}


def read(reply, finish="stop"):
    return read_plan(reply if isinstance(reply, str) else json.dumps(reply), finish, BRIEF, NAMES)
