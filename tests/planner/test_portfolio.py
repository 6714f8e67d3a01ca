import json

import pytest

from leed_traffic.domain.plan import check_plan
from leed_traffic.generate.language_model.names import name_parts
from leed_traffic.generate.language_model.plan_schema import plan_schema
from leed_traffic.generate.language_model.reply import read_plan
from leed_traffic.planner.lessons import reply_text
from leed_traffic.planner.portfolio import SEQUENCES, portfolio, stretched
from leed_traffic.simulation.incumbents.webster import flow_ratios, split_greens, webster_cycle
from tests.planner.schemas import allows
from tests.planner.studies import loaded

BRIEF = loaded(2.0)


def test_every_plan_can_be_written_as_a_reply_and_keeps_the_limits():
    names = name_parts(BRIEF)
    schema = plan_schema(BRIEF, names)
    for plan in portfolio(BRIEF).values():
        check_plan(plan, BRIEF.intersection, BRIEF.timing)
        text = reply_text(plan, "Why.", names)
        assert allows(schema, json.loads(text)), text
        assert read_plan(text, "stop", BRIEF, names) == plan.model_copy(update={"reasoning": "Why."})


def test_a_sequence_has_websters_greens_stretched_in_the_sites_order():
    one = SEQUENCES[1]
    plan = stretched(BRIEF, one)
    ratios = flow_ratios(BRIEF, 0)
    greens = split_greens(ratios, webster_cycle(ratios, BRIEF.timing), BRIEF.timing).green_s
    steps = plan.periods[0].steps
    assert [step.stage for step in steps] == list(BRIEF.timing.fallback_order)
    for step in steps:
        wanted = one.stretch * round(greens[step.stage])
        high = BRIEF.timing.max_green_s[step.stage]
        assert step.max_green_s == pytest.approx(min(max(wanted, step.min_green_s), high), abs=0.5)
