import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.domain.network import Intersection, Movement, MovementKind, Stage
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import Clearances, Timing
from leed_traffic.serve.safety import monitor as monitoring
from leed_traffic.serve.safety.monitor import Fault, Monitor, Violation
from tests.intersections import with_limits
from tests.serve.bundles import crossing


def movement(link, kind=MovementKind.VEHICLE):
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
    movements=(movement(0), movement(1), movement(2, MovementKind.PEDESTRIAN)),
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
    clearances=Clearances(
        pedestrian_clearance_s=((0.0, 4.0), (0.0, 0.0)),
        yellow_s=((0.0, 3.0), (3.0, 0.0)),
        all_red_s=((0.0, 2.0), (2.0, 0.0)),
    ),
    max_red_s=180.0,
)


def faults(*parts, blind_s=0.0):
    """The faults found in a sequence of (state, seconds), looked at every second."""
    monitor, time_s, found = Monitor(INTERSECTION, TIMING, blind_s=blind_s), 0.0, []
    for state, seconds in parts:
        for _ in range(seconds):
            found += [violation.fault for violation in monitor.judge(time_s, state)]
            time_s += 1.0
    return found


ROUND = [
    ("GrG", 7),
    ("Grr", 4),
    ("yrr", 3),
    ("rrr", 2),
    ("rGr", 5),
    ("ryr", 3),
    ("rrr", 2),
    ("GrG", 7),
    ("Grr", 4),
    ("yrr", 3),
]


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


def test_after_forgetting_the_first_display_is_not_judged_by_its_length():
    monitor = Monitor(INTERSECTION, TIMING)
    monitor.judge(0.0, "rGr")
    monitor.forget()
    way = [(10.0, "GrG"), (11.0, "Grr"), (15.0, "yrr"), (18.0, "rrr"), (20.0, "rGr")]
    assert [v for time_s, state in way for v in monitor.judge(time_s, state)] == []


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
    less = tuple(tuple(max(0.0, value - 2.0) for value in row) for row in getattr(timing.clearances, part))
    program, monitor = (
        build_program(intersection, with_limits(timing, **{part: less})),
        Monitor(intersection, timing),
    )
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


@pytest.mark.parametrize(("stood_s", "is_short"), [(6.9, True), (7.0, False)])
def test_the_first_display_after_a_take_over_is_judged_by_the_one_that_stood(stood_s, is_short):
    monitor = Monitor(INTERSECTION, TIMING)
    monitor.begin(100.0, "Grr")
    found = [violation.fault for violation in monitor.judge(100.0 + stood_s, "yrr")]
    assert found == ([Fault.SHORT_GREEN] if is_short else [])


def seen(*parts, intersection=INTERSECTION, timing=TIMING, blind_s=0.0):
    """The violations in a sequence of (second, display)."""
    monitor = Monitor(intersection, timing, blind_s=blind_s)
    return [violation for time_s, state in parts for violation in monitor.judge(time_s, state)]


def violation(time_s, fault, link, detail):
    return Violation(time_s=time_s, intersection="X", fault=fault, link=link, detail=detail)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(3.0, "GX r")], [violation(3.0, Fault.UNKNOWN_LETTER, 0, "expected 3 letters of 'Ggyrs', read 'GX r'")]),
        ([(3.0, "GGr")], [violation(3.0, Fault.CONFLICT, 0, "links 0 and 1 both show G")]),
        ([(3.0, "rGG")], [violation(3.0, Fault.CONFLICT, 1, "links 1 and 2 both show G")]),
        ([(0.0, "rGr"), (9.0, "rrr")], [violation(9.0, Fault.MISSING_YELLOW, 1, "from green to red")]),
        (
            [(0.0, "rrr"), (2.0, "rGr"), (6.0, "ryr")],
            [violation(6.0, Fault.SHORT_GREEN, 1, "green for 4.0 s, needs 5")],
        ),
        (
            [(0.0, "rGr"), (9.0, "ryr"), (11.0, "rrr")],
            [violation(11.0, Fault.SHORT_YELLOW, 1, "yellow for 2.0 s, needs 3")],
        ),
        (
            [(0.0, "rGr"), (9.0, "ryr"), (12.0, "Gyr")],
            [violation(12.0, Fault.SHORT_ALL_RED, 0, "green while its foe 1 is yellow")],
        ),
        (
            [(0.0, "rGr"), (9.0, "ryr"), (12.0, "rrr"), (13.5, "Grr")],
            [violation(13.5, Fault.SHORT_ALL_RED, 0, "green 1.5 s after its foe 1 turned red, needs 2")],
        ),
    ],
)
def test_a_violation_says_when_where_what_and_how_much(parts, expected):
    assert seen(*parts) == expected


# a look every second and 0.999 s unseen: what lasted 1 s less may have lasted its whole time, to the last
# millisecond
@pytest.mark.parametrize(
    ("parts", "too_short"),
    [
        ([(0.0, "rrr"), (1.0, "Grr"), (7.0, "yrr")], [(0.0, "rrr"), (1.0, "Grr"), (6.99, "yrr")]),
        ([(0.0, "Grr"), (9.0, "yrr"), (11.0, "rrr")], [(0.0, "Grr"), (9.0, "yrr"), (10.99, "rrr")]),
        (
            [(0.0, "Grr"), (9.0, "yrr"), (12.0, "rrr"), (13.0, "rGr")],
            [(0.0, "Grr"), (9.0, "yrr"), (12.0, "rrr"), (12.99, "rGr")],
        ),
    ],
)
def test_what_just_suffices_does_not_trip(parts, too_short):
    assert seen(*parts, blind_s=0.999) == []
    assert len(seen(*too_short, blind_s=0.999)) == 1


def test_every_letter_that_a_signal_may_show_is_known():
    five = replace(INTERSECTION, movements=tuple(movement(k) for k in range(5)), foes=(),
                   stages=tuple(replace(st, state=st.state + "rr") for st in INTERSECTION.stages))  # fmt: skip
    assert seen((0.0, "Ggyrs"), intersection=five) == []


def test_a_green_that_yields_counts_as_green():
    """Link 0 yields in stage 0; the monitor's tables must know its green, its yellow and the red after it."""
    junction = replace(INTERSECTION, stages=(replace(INTERSECTION.stages[0], state="grG"), INTERSECTION.stages[1]))
    assert [v.fault for v in seen((0.0, "rrr"), (1.0, "grG"), (4.0, "yrG"), intersection=junction)] == [
        Fault.SHORT_GREEN
    ]
    short = seen((0.0, "grr"), (9.0, "yrr"), (12.0, "rrr"), (13.0, "rGr"), intersection=junction)
    assert [v.fault for v in short] == [Fault.SHORT_ALL_RED]


def test_a_link_that_no_stage_serves_or_ends_has_no_limit_of_its_own():
    """Link 3 is green in both stages and link 4 in none: nothing is known of their greens and yellows."""
    movements = (*INTERSECTION.movements, movement(3), movement(4))
    stages = tuple(replace(stage, state=stage.state + "Gr") for stage in INTERSECTION.stages)
    junction = replace(INTERSECTION, movements=movements, stages=stages)
    assert seen((0.0, "rrrrr"), (1.0, "rrrrG"), (1.5, "rrrry"), (2.0, "rrrrr"), intersection=junction) == []
    assert seen((0.0, "rrrGr"), (9.0, "rrryr"), (9.5, "rrrrr"), intersection=junction) == []


def test_the_shortest_of_several_limits_of_a_link_counts():
    """Link 0 may be followed by two stages with yellows of 3 and 4 s; 3 s can be right, and less cannot."""
    links = tuple(movement(k) for k in range(3))
    stages = tuple(
        Stage(state=state, own_phase=k, own_green_s=30.0) for k, state in enumerate(("Grr", "rGr", "rrG"))
    )
    junction = replace(INTERSECTION, movements=links, stages=stages, foes=((0, 1), (0, 2), (1, 2)))
    ways = ((0.0, 4.0, 3.0), (3.0, 0.0, 3.0), (3.0, 3.0, 0.0))
    none = ((0.0,) * 3,) * 3
    timing = with_limits(TIMING, min_green_s=(7.0,) * 3, max_green_s=(60.0,) * 3, fallback_green_s=(20.0,) * 3,
                         fallback_order=(0, 1, 2), pedestrian_clearance_s=none, yellow_s=ways,
                         all_red_s=none)  # fmt: skip
    assert seen((0.0, "Grr"), (9.0, "yrr"), (12.0, "rGr"), intersection=junction, timing=timing) == []
    less = seen((0.0, "Grr"), (9.0, "yrr"), (11.9, "rGr"), intersection=junction, timing=timing)
    assert [v.fault for v in less] == [Fault.SHORT_YELLOW]


def test_the_monitor_shares_no_code_with_envelope_and_program():
    """Its tables are its own: it may import a junction's facts and limits, nothing that decides."""
    tree = ast.parse(Path(monitoring.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    ours = {name for name in imported if name.startswith("leed_traffic")}
    assert ours == {"leed_traffic.domain.network", "leed_traffic.domain.safety.timing"}
    listed = "sorted(m for m in sys.modules if m.startswith('leed_traffic'))"
    code = f"import sys, leed_traffic.serve.safety.monitor; print(*{listed})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {
        "leed_traffic.domain.safety.envelope",
        "leed_traffic.domain.safety.program",
        "leed_traffic.domain.safety.oracle",
    } & set(loaded)


def test_a_clearance_that_is_extended_is_no_fault_and_hides_none():
    assert (
        faults(("GrG", 9), ("Grr", 4), ("yrr", 3), ("rrr", 2 + 15), ("rGr", 6), ("ryr", 3), ("rrr", 9), ("GrG", 3))
        == []
    )
    assert faults(("GrG", 9), ("Grr", 4), ("yrr", 2), ("rrr", 17), ("rGr", 3)) == [Fault.SHORT_YELLOW]
    assert faults(("rGr", 6), ("ryr", 3), ("ryr", 15), ("GrG", 3)) != [], "a yellow does not stand for a red"


def test_cars_that_share_a_link_with_walkers_need_their_yellow_and_its_red():
    shared = replace(INTERSECTION, movements=(*INTERSECTION.movements, movement(2)))
    assert [v.fault for v in seen((0.0, "GrG"), (9.0, "Grr"), intersection=shared)] == [Fault.MISSING_YELLOW]
    assert seen((0.0, "GrG"), (9.0, "Grr")) == []
    proper = [(0.0, "GrG"), (9.0, "yry"), (12.0, "rrr"), (14.0, "rGr")]
    assert seen(*proper, intersection=shared) == []
    hasty = seen(*proper[:3], (13.5, "rGr"), intersection=shared)
    assert [(v.fault, v.detail) for v in hasty] == [
        (Fault.SHORT_ALL_RED, f"green 1.5 s after its foe {foe} turned red, needs 2") for foe in (0, 2)
    ]
