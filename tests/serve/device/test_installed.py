"""The numbers of our phases at a device: what hits the wrong program of a signal changes no display."""

from types import SimpleNamespace

from leed_traffic.domain.safety.program import build_program
from leed_traffic.serve.device.installed import Installed
from leed_traffic.serve.device.own_plans import OwnPlan, own_plans
from tests.serve.bundles import crossing

INTERSECTION, TIMING = crossing()
PROGRAM = build_program(INTERSECTION, TIMING)
STATES = [phase.state for phase in INTERSECTION.own_program]


def logic(states, kind=0):
    return SimpleNamespace(
        type=kind, phases=[SimpleNamespace(state=state, duration=5.0, next=()) for state in states]
    )


def installed(states=STATES, kind=0):
    (plan,) = own_plans(INTERSECTION, {"0": logic(states, kind)}).values()
    return Installed(program=PROGRAM, own=plan)


def test_the_number_of_an_own_phase_shows_the_same_stage_in_ours():
    layout = installed()
    rows = layout.rows()
    for k, number in enumerate(layout.own.phases):
        assert STATES[number] == INTERSECTION.stages[k].state == rows[number][0]
        assert layout.phase(number) == k


def test_no_number_of_ours_is_one_of_the_own_program():
    layout = installed()
    numbers = [layout.number(phase) for phase in range(len(PROGRAM.phases))]
    assert min(numbers) == len(STATES)
    assert [layout.phase(number) for number in numbers] == list(range(len(PROGRAM.phases)))
    assert [layout.rows()[number][0] for number in numbers] == [phase.state for phase in PROGRAM.phases]
    assert [layout.rows()[n][2] for n in numbers] == [layout.number(phase.next) for phase in PROGRAM.phases]


def test_an_own_number_without_a_stage_is_no_phase_of_ours():
    layout = installed()
    clearance = next(k for k, state in enumerate(STATES) if "y" in state)
    assert layout.phase(clearance) == -1
    assert layout.rows()[clearance] == layout.rows()[layout.number(0)], "never shown, and harmless"
    assert installed(STATES, kind=4).phase(0) == -1


def test_a_layout_is_known_again_and_any_other_is_not():
    layout = installed()
    there = [SimpleNamespace(state=s, duration=d, next=(n,)) for s, d, n in layout.rows()]
    assert layout.is_at(there)
    assert not layout.is_at(there[:-1])
    for changes in ({"state": "r"}, {"duration": 99.0}, {"next": (0,)}, {"next": ()}):
        other = SimpleNamespace(**(vars(there[-1]) | changes))
        assert not layout.is_at([*there[:-1], other])


def test_own_programs_are_all_but_ours_and_what_somebody_has_set():
    names = ["0", "day", "online", "off", "leed", "leed-0123abcd", "leed-plan", "leed-fixed"]
    plans = own_plans(INTERSECTION, {name: logic(STATES) for name in names})
    assert list(plans) == ["0", "day", "leed-plan", "leed-fixed"]
    assert [plan.name for plan in plans.values()] == list(plans)
    assert plans["0"].missing is None
    (followed,) = own_plans(INTERSECTION, {"rings": logic(STATES[:4], 4)}).values()
    assert followed == OwnPlan(name="rings", phases=None, n_phases=4)


def test_a_plan_that_never_shows_a_stage_says_which():
    gone = INTERSECTION.stages[2].state
    greens = ["g" if letter == "G" else letter for letter in gone]
    without = [state for state in STATES if state not in (gone, "".join(greens))]
    (plan,) = own_plans(INTERSECTION, {"0": logic(without)}).values()
    assert plan.missing == 2
    assert plan.phases[2] is None
    assert OwnPlan(name="n", phases=None, n_phases=8).missing is None
