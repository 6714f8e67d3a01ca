"""Programs of a signal's own: by name, and where each of our stages is in them."""

from types import SimpleNamespace

import pytest

from leed_traffic.serve.device.own_plans import NEMA, OwnPlan, is_own, own_plans
from tests.serve.bundles import crossing

INTERSECTION, _ = crossing()
STATES = [phase.state for phase in INTERSECTION.own_program]
STAGES = [stage.state for stage in INTERSECTION.stages]


def logic(states, kind=0):
    return SimpleNamespace(type=kind, phases=[SimpleNamespace(state=state) for state in states])


@pytest.mark.parametrize(
    ("name", "is_the_signals"),
    [("0", True), ("night", True), ("online", False), ("off", False), ("leed-0000aaaa", False)],
)
def test_a_program_is_the_signals_own_by_its_name(name, is_the_signals):
    assert is_own(name) is is_the_signals
    assert set(own_plans(INTERSECTION, {name: logic(STATES)})) == ({name} if is_the_signals else set())


def test_each_stage_is_found_where_the_program_shows_it():
    plan = own_plans(INTERSECTION, {"0": logic(STATES)})["0"]
    assert [STATES[phase] for phase in plan.phases] == STAGES
    assert (plan.n_phases, plan.missing) == (len(STATES), None)


def test_the_first_stage_that_a_program_never_shows_is_missing():
    plan = own_plans(INTERSECTION, {"0": logic([state for state in STATES if state not in STAGES[1:3]])})["0"]
    assert plan.missing == 1
    assert OwnPlan(name="0", phases=(0, 2), n_phases=4).missing is None


def test_a_nema_program_picks_its_phases_itself():
    plan = own_plans(INTERSECTION, {"0": logic(["r" * len(STATES[0])], kind=NEMA)})["0"]
    assert (plan.phases, plan.n_phases, plan.missing) == (None, 1, None)
