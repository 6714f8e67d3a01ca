from dataclasses import replace

import pytest

from leed_traffic.domain.network import Intersection, Kind, Movement, Stage
from leed_traffic.domain.program import build_program
from leed_traffic.domain.timing import Timing
from leed_traffic.serve.monitor import Fault, Monitor
from tests.serve.bundles import crossing


def movement(link, kind=Kind.VEHICLE):
    return Movement(
        link=link,
        kind=kind,
        from_lane=f"in{link}",
        to_lane=f"out{link}",
        direction="s",
        speed_mps=13.9,
        length_m=15.0,
        exit_span=None,
    )


# links: 0 north-south, 1 east-west, 2 the crossing that goes with 0
INTERSECTION = Intersection(
    id="X",
    lanes=(),
    movements=(movement(0), movement(1), movement(2, Kind.PEDESTRIAN)),
    stages=(Stage(state="GrG", own_phase=0, own_green_s=30.0), Stage(state="rGr", own_phase=1, own_green_s=30.0)),
    foes=((0, 1), (1, 2)),
    neighbours=(),
    own_program=(),
    own_program_id="0",
    own_program_type="static",
)
TIMING = Timing(
    intersection="X",
    min_green_s=(7.0, 5.0),
    max_green_s=(60.0, 60.0),
    fallback_green_s=(20.0, 20.0),
    fallback_order=(0, 1),
    pedestrian_clearance_s=((0.0, 4.0), (0.0, 0.0)),
    yellow_s=((0.0, 3.0), (3.0, 0.0)),
    all_red_s=((0.0, 2.0), (2.0, 0.0)),
    max_red_s=180.0,
)


def faults(*parts, blind_s=0.0):
    """The faults found in a sequence of (state, seconds), looked at every second."""
    monitor, time_s, found = Monitor(INTERSECTION, TIMING, blind_s=blind_s), 0.0, []
    for state, seconds in parts:
        for _ in range(seconds):
            found += [violation.fault for violation in monitor.judge(time_s, state)]
            time_s += 1.0
    assert monitor.is_tripped == bool(found)
    return found


ROUND = [("GrG", 7), ("Grr", 4), ("yrr", 3), ("rrr", 2), ("rGr", 5), ("ryr", 3), ("rrr", 2), ("GrG", 7), ("Grr", 4), ("yrr", 3)]


def changed(part, seconds):
    return [(state, seconds if k == part else length) for k, (state, length) in enumerate(ROUND)]


def test_a_proper_round_is_silent():
    assert faults(*ROUND) == []


@pytest.mark.parametrize(
    ("part", "seconds", "fault"),
    [
        (4, 4, Fault.SHORT_GREEN),
        (5, 2, Fault.SHORT_YELLOW),
        (2, 2, Fault.SHORT_YELLOW),
        (3, 1, Fault.SHORT_ALL_RED),
        (6, 1, Fault.SHORT_ALL_RED),
        (7, 6, Fault.SHORT_GREEN),  # of the walkers
    ],
)
def test_a_second_too_little_trips(part, seconds, fault):
    assert fault in faults(*changed(part, seconds))


def test_walkers_need_their_whole_clearance():
    assert faults(("GrG", 7), ("Grr", 3), ("yrr", 3), ("rrr", 2), ("rGr", 5)) == [Fault.SHORT_ALL_RED]


def test_foes_that_both_have_priority_are_a_conflict():
    assert faults(("GGr", 1)) == [Fault.CONFLICT]
    assert faults(("gGr", 1)) == []


def test_a_green_that_turns_red_without_yellow_trips():
    assert faults(("GrG", 10), ("rrr", 1)) == [Fault.MISSING_YELLOW]


def test_green_beside_the_yellow_of_a_foe_trips():
    assert Fault.SHORT_ALL_RED in faults(("Grr", 10), ("yGr", 1))


def test_from_green_to_the_green_of_a_foe_trips_at_once():
    assert set(faults(("Grr", 10), ("rGr", 1))) == {Fault.MISSING_YELLOW, Fault.SHORT_ALL_RED}


@pytest.mark.parametrize("state", ["GX r", "Gr", "", "oor", "GrGG"])
def test_letters_that_nobody_knows_trip(state):
    assert faults((state, 1)) == [Fault.UNKNOWN_LETTER]


def test_the_first_display_is_not_judged_by_its_length():
    assert faults(("GrG", 1), ("Grr", 4), ("yrr", 3)) == []
    assert faults(("yrr", 1), ("rrr", 1)) == []


def test_what_may_pass_unseen_between_two_looks_is_allowed_for():
    assert faults(("yrr", 1), ("Grr", 7), ("yrr", 2), ("rrr", 2)) == [Fault.SHORT_YELLOW]
    assert faults(("yrr", 1), ("Grr", 7), ("yrr", 2), ("rrr", 2), blind_s=1.0) == []


def test_forgetting_begins_anew():
    monitor = Monitor(INTERSECTION, TIMING)
    monitor.judge(0.0, "GrG")
    monitor.forget()
    assert monitor.judge(1.0, "rGr") == []


def test_the_latch_stays():
    monitor = Monitor(INTERSECTION, TIMING)
    monitor.judge(0.0, "GGr")
    monitor.forget()
    monitor.judge(1.0, "GrG")
    assert monitor.is_tripped


@pytest.mark.parametrize("step_s", [0.5, 1.0])
def test_no_way_through_the_stage_program_trips(step_s):
    """Every ordered pair of stages with every third between them, each for its minimum green."""
    intersection, timing = crossing()
    program = build_program(intersection, timing, step_s=step_s)
    s, time_s, monitor = range(program.n_stages), 0.0, Monitor(intersection, timing)
    now = 0

    def show(phase, seconds):
        nonlocal time_s
        for _ in range(round(seconds / step_s)):
            assert monitor.judge(time_s, program.phases[phase].state) == []
            time_s += step_s

    for target in [k for i in s for j in s for k in (i, j)]:
        show(now, timing.min_green_s[now])
        phase = program.entries[now][target]
        while program.phases[phase].is_clearance:
            show(phase, program.phases[phase].duration_s)
            phase = program.phases[phase].next
        now = phase


@pytest.mark.parametrize("part", ["yellow_s", "all_red_s", "pedestrian_clearance_s"])
def test_a_stage_program_with_a_clearance_cut_short_trips(part):
    """The monitor's tables come from the site, not from the program: a program built with less is caught."""
    intersection, timing = crossing()
    less = tuple(tuple(max(0.0, value - 2.0) for value in row) for row in getattr(timing, part))
    program, monitor = build_program(intersection, replace(timing, **{part: less})), Monitor(intersection, timing)
    found, time_s = [], 0.0
    for i in range(program.n_stages):
        for j in range(program.n_stages):
            phase, way = program.entries[i][j], [(i, 30.0)]
            while program.phases[phase].is_clearance:
                way.append((phase, program.phases[phase].duration_s))
                phase = program.phases[phase].next
            monitor.forget()
            for shown, seconds in [*way, (j, 30.0)]:
                for _ in range(round(seconds)):
                    found += monitor.judge(time_s, program.phases[shown].state)
                    time_s += 1.0
    assert found


def test_a_green_that_is_taken_over_has_its_minimum_from_then():
    intersection, timing = crossing()
    stage, low = intersection.stages[0].state, timing.min_green_s[0]
    after = build_program(intersection, timing).phases[build_program(intersection, timing).entries[0][1]].state
    for stood_s, trips in ((low - 1.0, True), (low, False)):
        monitor = Monitor(intersection, timing)
        monitor.begin(100.0, stage)
        found = [v.fault for k in range(int(stood_s)) for v in monitor.judge(101.0 + k, stage)]
        found += [v.fault for v in monitor.judge(100.0 + stood_s, after)]
        assert (Fault.SHORT_GREEN in found) == trips
