import pytest

from leed_traffic.domain.safety.program import PROGRAM_ID, build_program
from leed_traffic.domain.situation import StageDisplay
from leed_traffic.serve.control.display import DisplayTracker, LastSeen
from leed_traffic.serve.device.contract import SignalDisplay
from leed_traffic.serve.logs.events import Event
from tests.serve.bundles import crossing

JUNCTION, TIMING = crossing()
PROGRAM = build_program(JUNCTION, TIMING)


def own(stage, spent_s=0.0, *, state=None):
    """Its own program shows a stage of ours."""
    return SignalDisplay(state=state or JUNCTION.stages[stage].state, program="0", phase=0, spent_s=spent_s)


def ours(phase, spent_s, **changes):
    return SignalDisplay(
        state=PROGRAM.phases[phase].state, program=PROGRAM_ID, phase=phase, spent_s=spent_s, **changes
    )


def tracker(memory=None):
    return DisplayTracker(JUNCTION, PROGRAM, memory)


def test_nothing_stands_before_the_first_look():
    display = tracker()
    assert display.now == StageDisplay(stage=0, is_clearing=True, green_s=0.0)
    assert display.state.wait_s == (0.0,) * JUNCTION.n_stages
    assert display.remember() is None


def test_the_green_of_its_own_program_counts_from_the_first_look_and_what_was_before_beside_it():
    display = tracker()
    display.look(own(1, 4.0), 100.0)
    assert (display.now.green_s, display.now.earlier_s) == (0.0, 4.0)
    display.look(own(1, 5.0), 101.0)
    assert (display.now.green_s, display.now.earlier_s) == (1.0, 4.0)


def test_letters_that_are_no_stage_are_a_clearance_after_the_stage_before():
    display = tracker()
    display.look(own(1), 100.0)
    display.look(own(1, state="r" * JUNCTION.n_links), 101.0)
    assert display.now == StageDisplay(stage=1, is_clearing=True, green_s=0.0)


def test_a_take_over_begins_the_minimum_green_and_goes_on_with_the_maximum():
    display = tracker()
    display.look(own(1, 4.0), 100.0)
    display.wait((1.0,) * JUNCTION.n_stages)
    display.taken_over(1)
    assert (display.state.green_s, display.state.earlier_s) == (0.0, 4.0)
    assert display.state.wait_s == (1.0,) * JUNCTION.n_stages


def test_our_program_says_by_itself_which_stage_it_leads_to():
    display = tracker()
    display.look(ours(2, 7.0), 50.0)
    assert (display.now.stage, display.now.is_clearing, display.now.green_s) == (2, False, 7.0)
    way = PROGRAM.entries[2][1]
    display.look(ours(way, 0.0), 51.0)
    assert (display.now.stage, display.now.is_clearing) == (1, True)
    display.look(ours(way, 0.0, is_sound=False), 52.0)
    assert (display.now.stage, display.now.is_clearing) == (1, True)


@pytest.mark.parametrize(("spent_s", "earlier_s"), [(10.0, 15.0), (9.5, 0.0)])
def test_a_green_that_stood_through_a_loss_goes_on(spent_s, earlier_s):
    """It stood at 90 s since 75 s; at 100 s its phase is at least as old as the gap, or a new one."""
    display = tracker(LastSeen(stage=2, time_s=90.0, began_s=75.0))
    display.look(ours(2, spent_s), 100.0)
    assert display.now.earlier_s == earlier_s


def test_what_was_remembered_stays_when_nothing_was_seen():
    memory = LastSeen(stage=2, time_s=90.0, began_s=75.0)
    display = tracker(memory)
    assert display.remember() is memory
    display.look(ours(2, 30.0), 100.0)
    assert display.remember() == LastSeen(stage=2, time_s=100.0, began_s=75.0)


def test_a_change_is_put_down_to_the_command_that_ended_the_green():
    display = tracker()
    display.look(ours(0, 20.0), 50.0)
    display.will_end(Event.FORCE_OFF)
    phase = PROGRAM.entries[0][1]
    events = []
    while PROGRAM.phases[phase].is_clearance:
        events += [event for event, _ in display.look(ours(phase, 0.0), 51.0)]
        phase = PROGRAM.phases[phase].next
    assert Event.FORCE_OFF in events
    assert Event.MAX_OUT not in events
