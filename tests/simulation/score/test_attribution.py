"""Constructed collisions at a junction of four legs: N through 0, left 1; E 2, 3; S 4, 5; W 6, 7; crossings 8 to 11."""

from dataclasses import replace

import pytest

from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.simulation.score.attribution import Attribution, Verdict, count_verdicts
from leed_traffic.simulation.score.audit import StateRun
from leed_traffic.simulation.score.incidents import DrivenRoute, Incident, IncidentKind
from tests.intersections import four_legs

JUNCTION = four_legs()
LIMITS = derive_timing(
    JUNCTION
)  # N-S to E-W: yellow 3.5 s and all-red 3.5 s; E-W to N-S takes 12 s, for the walkers
NS, NS_LEFT, EW = (JUNCTION.stages[k].state for k in (0, 1, 2))
YELLOW_EW, YELLOW_NS, RED = "rryyrryyrrrr", "yyrryyrrrrrr", "r" * 12


def shown(*parts):
    """(letters, seconds) one after the other from second 0 on."""
    runs, at_s = [], 0.0
    for state, seconds in parts:
        runs.append(StateRun(state=state, program="leed", begin_s=at_s, end_s=at_s + seconds))
        at_s += seconds
    return {"X": runs}


def judge(runs, incident, **ways):
    judged = Attribution(Network(intersections=(JUNCTION,)), [LIMITS], runs, step_s=1.0)
    return judged.judge(
        incident, {name: DrivenRoute(edges=edges, left_s=left_s) for name, (edges, left_s) in ways.items()}
    )


def crash(time_s, *vehicles, lane=":X_0_0", **changes):
    return Incident(kind=IncidentKind.COLLISION, time_s=time_s, vehicles=vehicles, lane=lane, **changes)


def through(link, entered_s):
    """A vehicle that passed the stop line of a link's lane and has not left its exit."""
    return (f"in{link}", f"out{link}"), (entered_s,)


def pair(runs, first, second, time_s):
    """Two vehicles (link, entered)."""
    return judge(runs, crash(time_s, "a", "b"), a=through(*first), b=through(*second))


SOUND = [(EW, 30.0), (YELLOW_EW, 4.0), (RED, 8.0), (NS, 30.0)]
CUT = [(EW, 30.0), (YELLOW_EW, 4.0), (RED, 1.0), (NS, 30.0)]
BOTH = [(EW, 30.0), ("GrGrrrrrrrrr", 10.0)]


@pytest.mark.parametrize(
    ("parts", "first", "second", "time_s", "verdict"),
    [
        (SOUND, (2, 29.0), (0, 43.0), 45.0, Verdict.STILL_INSIDE),
        (SOUND, (2, 33.0), (0, 43.0), 45.0, Verdict.STILL_INSIDE),  # entered on yellow
        (CUT, (2, 29.0), (0, 36.0), 38.0, Verdict.SHORT_CLEARANCE),
        ([(EW, 30.0), (NS, 30.0)], (2, 29.0), (0, 31.0), 32.0, Verdict.SHORT_CLEARANCE),
        (BOTH, (2, 35.0), (0, 36.0), 38.0, Verdict.CONFLICT),
        (
            [(EW, 30.0), (RED, 20.0), (NS, 30.0)],
            (2, 40.0),
            (0, 51.0),
            52.0,
            Verdict.SHORT_YELLOW,
        ),  # no yellow at all
        (SOUND, (2, 38.0), (0, 43.0), 45.0, Verdict.RED_RUN),  # 4 s after the whole yellow
        ([(NS, 40.0)], (1, 20.0), (4, 22.0), 24.0, Verdict.PERMISSIVE),  # a left that had to yield
        ([(NS, 40.0)], (0, 20.0), (1, 22.0), 24.0, Verdict.FOLLOWING),  # from the same leg
    ],
)
def test_a_collision_is_put_down_to_what_the_signal_showed(parts, first, second, time_s, verdict):
    assert pair(shown(*parts), first, second, time_s) is verdict
    assert pair(shown(*parts), second, first, time_s) is verdict


@pytest.mark.parametrize(("red_s", "verdict"), [(1.4, Verdict.SHORT_CLEARANCE), (1.5, Verdict.STILL_INSIDE)])
def test_the_clearance_counts_to_the_tenth_of_a_second(red_s, verdict):
    needed_s = LIMITS.clearances.yellow_s[0][2] + LIMITS.clearances.all_red_s[0][2]
    runs = shown((NS, 30.0), (YELLOW_NS, needed_s - 1.5), (RED, red_s), (EW, 30.0))
    assert pair(runs, (0, 29.0), (2, 40.0), 41.0) is verdict


def test_a_fault_that_was_over_before_the_parties_entered_does_not_count():
    runs = shown(*CUT, (YELLOW_NS, 4.0), (RED, 4.0), (EW, 30.0))
    assert pair(runs, (0, 60.0), (2, 74.0), 77.0) is Verdict.STILL_INSIDE


def test_a_vehicle_that_was_caught_inside_by_a_short_clearance_long_ago_still_was():
    assert pair(shown(*CUT), (2, 29.0), (0, 60.0), 62.0) is Verdict.SHORT_CLEARANCE


# the E-W through and the crossing of the N leg (8) are served together by no stage; the right time between them is
# 12 s
@pytest.mark.parametrize(
    ("parts", "link", "verdict"),
    [
        ([(EW, 30.0), (YELLOW_EW, 4.0), (RED, 8.0), (NS, 30.0)], 0, Verdict.STILL_INSIDE),
        ([(EW, 30.0), (YELLOW_EW, 4.0), (RED, 4.0), (NS, 30.0)], 0, Verdict.SHORT_CLEARANCE),  # 8 of 12 s to cross
        ([(EW, 30.0), ("GrrrrrrrGrrr", 30.0)], 0, Verdict.CONFLICT),
        ([(EW, 30.0), ("grrrrrrrGrrr", 30.0)], 0, Verdict.SHORT_CLEARANCE),
    ],
)
def test_a_walker_is_judged_by_the_crossings_that_the_vehicle_met(parts, link, verdict):
    entered_s = sum(seconds for _, seconds in parts[:-1]) + 2.0
    hit = crash(entered_s + 1.0, "a", is_with_person=True)
    assert judge(shown(*parts), hit, a=through(link, entered_s)) is verdict


@pytest.mark.parametrize(
    ("yellow_s", "lane", "verdict"),
    [
        (4.0, "in0_0", Verdict.RED_RUN),
        (3.5, "in0_0", Verdict.RED_RUN),
        (3.4, "in0_0", Verdict.SHORT_YELLOW),
        (0.0, "in0_0", Verdict.SHORT_YELLOW),
        (0.0, "somewhere_0", Verdict.ELSEWHERE),
    ],
)
def test_an_emergency_stop_is_the_signal_s_after_less_yellow_than_the_site_gives(yellow_s, lane, verdict):
    parts = [(NS, 30.0), (YELLOW_NS, yellow_s), (RED, 30.0)]
    stop = Incident(
        kind=IncidentKind.EMERGENCY_STOP, time_s=31.0 + yellow_s, vehicles=("a",), lane=lane, is_at_red=True
    )
    runs = shown(*[part for part in parts if part[1] > 0.0])
    assert judge(runs, stop, a=(("in0", "out0"), ())) is verdict
    assert judge(runs, replace(stop, is_at_red=False), a=(("in0", "out0"), ())) is Verdict.ELSEWHERE
    assert judge(runs, stop) is verdict  # a vehicle whose way nobody knows


def test_who_passed_no_signal_or_had_left_it_is_not_the_signal_s():
    assert (
        judge(shown(*SOUND), crash(9.0, "a", "b"), a=(("p", "q"), (1.0,)), b=(("p", "r"), (1.0,)))
        is Verdict.ELSEWHERE
    )
    gone = (("in0", "out0", "on"), (5.0, 8.0))
    assert judge(shown(*SOUND), crash(9.0, "a", "b"), a=gone, b=through(2, 8.0)) is Verdict.ELSEWHERE
    assert judge(shown(*SOUND), crash(9.0, "a", "b", lane="out0_0"), a=through(0, 8.0)) is Verdict.ELSEWHERE


def test_what_cannot_be_told_counts_against_the_signal():
    assert judge(shown(*SOUND), crash(9.0, "a", "b"), a=through(0, 8.0)) is Verdict.UNKNOWN
    assert Verdict.UNKNOWN.is_the_signals
    assert not Verdict.PERMISSIVE.is_the_signals


def test_verdicts_are_counted_by_kind():
    stop = Incident(kind=IncidentKind.EMERGENCY_STOP, time_s=1.0, vehicles=("a",), lane="l")
    found = [(crash(1.0, "a", "b"), Verdict.CONFLICT), (stop, Verdict.RED_RUN), (stop, Verdict.RED_RUN)]
    assert count_verdicts(found) == {"collision: conflict": 1, "emergency stop: red run": 2}
