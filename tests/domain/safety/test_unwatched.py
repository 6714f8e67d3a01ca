import itertools
from dataclasses import replace

import pytest

from leed_traffic.domain.safety.envelope import Reason, permit, rule
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.domain.safety.unwatched import lawful_waits, silent_cycle_s
from tests.intersections import flat_timing, four_legs, tight_timing

# three stages; clearance 4 s, minimum green 7 s: seconds until the k-th in turn is green, at a ruling a second
TIMING = flat_timing(3)  # max_red_s 120
FIRST, SECOND, THIRD = 4.0, 4.0 + 7.0 + 1.0 + 4.0, 4.0 + 2 * (7.0 + 1.0 + 4.0)


def test_where_nothing_is_known_the_fallback_order_is_the_order_of_urgency():
    assert lawful_waits((999.0,) * 3, 0, TIMING, horizon_s=1.0) == (120.0 - FIRST, 120.0 - SECOND, 120.0 - THIRD)
    assert lawful_waits((999.0,) * 3, 2, TIMING, horizon_s=1.0) == (120.0 - SECOND, 120.0 - THIRD, 120.0 - FIRST)
    backwards = replace(TIMING, fallback_order=(0, 2, 1))
    assert lawful_waits((999.0,) * 3, 0, backwards, horizon_s=1.0) == (
        120.0 - FIRST,
        120.0 - THIRD,
        120.0 - SECOND,
    )


def test_a_longer_silence_between_two_rulings_makes_waits_shorter():
    assert lawful_waits((999.0,) * 3, 0, TIMING, horizon_s=5.0) == (116.0, 120.0 - 20.0, 120.0 - 36.0)


def test_who_has_waited_longer_is_more_urgent_than_the_fallback_order_says():
    assert lawful_waits((0.0, 150.0, 999.0), 0, TIMING, horizon_s=1.0) == (0.0, 120.0 - THIRD, 120.0 - SECOND)


def test_what_is_less_than_the_worst_stays_as_it_is():
    assert lawful_waits((0.0, 30.0, 999.0), 0, TIMING, horizon_s=1.0) == (0.0, 30.0, 120.0 - SECOND)


def test_no_wait_is_negative_however_tight_the_maximum_red_is():
    timing = flat_timing(3, max_red_s=48.0)
    assert lawful_waits((999.0,) * 3, 0, timing, horizon_s=5.0) == (44.0, 28.0, 12.0)
    assert lawful_waits((999.0,) * 3, 0, timing, horizon_s=40.0) == (44.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("limits", "horizon_s"), list(itertools.product([TIMING, flat_timing(4, max_red_s=64.0)], [1.0, 5.0]))
)
def test_the_worst_that_is_assumed_can_still_be_served_in_time(limits, horizon_s):
    """From every stage: after its minimum green one order serves everybody, and the envelope finds it."""
    for now in range(limits.n_stages):
        waits = lawful_waits((999.0,) * limits.n_stages, now, limits, horizon_s=horizon_s)
        later = tuple(0.0 if k == now else wait + limits.min_green_s[now] for k, wait in enumerate(waits))
        state = SignalState(stage=now, is_clearing=False, green_s=limits.min_green_s[now], wait_s=later)
        allowed = permit(state, limits, horizon_s=horizon_s)
        assert allowed.legal[limits.next_in_fallback(now)]
        ruling = rule(now, state, limits, horizon_s=horizon_s)
        assert (ruling.stage, ruling.reason) in (
            (limits.next_in_fallback(now), Reason.MAX_RED),
            (now, Reason.GRANTED),
        )


def test_a_round_from_the_worst_keeps_every_maximum_red_at_a_tight_junction():
    junction = four_legs()
    timing = tight_timing(junction)
    waits = list(lawful_waits((999.0,) * timing.n_stages, 0, timing, horizon_s=1.0))
    now, green_s = 0, 0.0
    waits[0] = 0.0
    for _ in range(200):
        state = SignalState(stage=now, is_clearing=False, green_s=green_s, wait_s=tuple(waits))
        ruling = rule(0, state, timing, horizon_s=1.0)  # a policy that wants nothing but stage 0
        passed_s = 1.0 if ruling.stage == now else timing.clearance_s(now, ruling.stage)
        green_s = green_s + 1.0 if ruling.stage == now else 0.0
        now = ruling.stage
        waits = [wait + passed_s for wait in waits]
        assert max(waits) <= timing.max_red_s
        waits[now] = 0.0


def test_a_silent_cycle_is_every_green_and_the_longest_way_to_it_in_whole_seconds():
    assert silent_cycle_s(TIMING) == sum(TIMING.fallback_green_s) + 3 * 4.0
    assert silent_cycle_s(replace(TIMING, fallback_green_s=(7.2, 8.0, 9.0))) == 8.0 + 8.0 + 9.0 + 12.0
    timing = derive_timing(four_legs())
    assert silent_cycle_s(timing) <= timing.max_red_s
