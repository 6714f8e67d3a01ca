import math

import numpy as np
import pytest

from leed_traffic.domain.detectors.loops import LoopCounts, LoopMemory, balance, lanes_of

LANES = lanes_of([45.0], [15.0])  # six vehicles fit, tau = 3 s
ALONE = lanes_of([None], [15.0])


def counts(*, came=0.0, left=0.0, stands_s=0.0, behind_s=0.0):
    return LoopCounts(
        stop_passed_veh=np.array([left]),
        stop_covered_s=np.array([stands_s]),
        advance_passed_veh=np.array([came]),
        advance_covered_s=np.array([behind_s]),
    )


def after(*looks, lanes=LANES, elapsed_s=5.0):
    memory = LoopMemory.fresh(1)
    for look in looks:
        memory = balance(memory, look, lanes, elapsed_s)
    return float(memory.count_veh[0]), float(memory.queue_veh[0])


def test_who_comes_and_does_not_leave_is_counted_and_stands_after_the_way():
    count, queue = after(counts(came=3, left=1, stands_s=5.0), *[counts(stands_s=5.0)] * 3)
    assert count == 3.0  # one on the stop loop, two behind
    assert queue == pytest.approx(3.0, abs=0.05)


def test_who_has_just_come_is_counted_and_does_not_stand_yet():
    count, queue = after(counts(came=1, left=1, stands_s=5.0), counts(stands_s=5.0), counts(came=2, stands_s=5.0))
    moving = 2 * (1 - math.exp(-5 / 3)) * 3 / 5
    assert count == 3.0
    assert queue == pytest.approx(3.0 - moving, abs=0.05)


def test_a_gap_at_the_stop_line_ends_a_queue_that_the_balance_still_holds():
    """A vehicle that changed lanes between the loops came here and never left here."""
    drifted = [counts(came=2, left=1, stands_s=5.0), *[counts(stands_s=5.0)] * 2]
    assert after(*drifted)[0] == 2.0
    count, queue = after(*drifted, counts())
    assert (count, queue) == (pytest.approx(0.0, abs=0.05), 0.0)


def test_a_gap_shorter_than_a_discharging_queues_headway_ends_nothing():
    queued = [counts(came=3, left=1, stands_s=5.0), *[counts(stands_s=5.0)] * 2]
    memory = LoopMemory.fresh(1)
    for look in queued:
        memory = balance(memory, look, LANES, 5.0)
    memory = balance(memory, counts(), LANES, 3.9)
    assert memory.count_veh[0] == 2.0
    memory = balance(memory, counts(), LANES, 0.1)
    assert memory.count_veh[0] == pytest.approx(0.0, abs=0.05)


def test_a_covered_advance_loop_says_that_the_queue_stands_back_to_it_and_never_more():
    assert after(counts(behind_s=5.0, stands_s=5.0)) == (6.0, 6.0)
    assert after(counts(came=40, stands_s=5.0))[0] == 6.0


def test_a_single_loop_tells_presence_alone():
    assert after(counts(left=3, stands_s=1.0), lanes=ALONE) == (1.0, 1.0)
    assert after(counts(left=3, stands_s=1.0), counts(), lanes=ALONE) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["stop_passed_veh", "stop_covered_s", "advance_passed_veh"])
def test_a_dead_loop_leaves_nothing_known_and_the_balance_begins_anew_when_it_is_back(name):
    dead = LoopCounts(**{n: np.array([math.nan if n == name else 0.0]) for n in LoopCounts.__dataclass_fields__})
    assert math.isnan(after(counts(came=2, stands_s=5.0), dead)[0])
    count, _ = after(counts(came=5, stands_s=5.0), dead, counts(stands_s=5.0))
    assert count == 1.0


def test_counters_that_began_anew_count_from_zero():
    before, now = counts(came=10, stands_s=8.0), counts(came=2, stands_s=9.0)
    grown = now.since(before)
    assert (grown.advance_passed_veh[0], grown.stop_covered_s[0]) == (2.0, 1.0)


def test_no_time_no_change():
    memory = LoopMemory.fresh(1)
    assert balance(memory, counts(came=5), LANES, 0.0) is memory
