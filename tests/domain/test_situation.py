"""The decision cycle that training and street share; its parts have their own tests beside them."""

import numpy as np
import pytest

from leed_traffic.domain.action import legal_mask
from leed_traffic.domain.detectors.detection import Detection, Vehicles, lanes_to_read
from leed_traffic.domain.observation import Encoder
from leed_traffic.domain.priority import PriorityRule, PriorityStrategy, PriorityVehicle
from leed_traffic.domain.safety.envelope import EXTENSION_LIMIT_S, Reason, permit
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.situation import Observer, RequestRules, StageDisplay, keeps_clearing
from tests.intersections import flat_timing, four_legs, star, tight_timing

X = four_legs()
TIMING = tight_timing(X)
BUS = PriorityRule(classes=("bus",), reach_m=100.0, max_extension_s=10.0, keep_green_s=12.0, lockout_s=60.0)


def readings(*, waiting=()):
    """One vehicle stands on each of these lanes."""
    index = {lane: k for k, lane in enumerate(lanes_to_read([X], 100.0))}
    lanes = [index[X.lanes[k].spans[0].lane] for k in waiting]
    ends = [X.lanes[k].spans[0].to_m - 5.0 for k in waiting]
    vehicles = Vehicles(
        lane=np.array(lanes, dtype=np.intp), position_m=np.array(ends), speed_mps=np.zeros(len(lanes))
    )
    return Detection([X], [100.0], index).measure(vehicles)


def green(stage, green_s=20.0):
    return StageDisplay(stage=stage, is_clearing=False, green_s=green_s)


def state(stage, green_s, *, wait_s=None):
    return SignalState(stage=stage, is_clearing=False, green_s=green_s, wait_s=wait_s or (0.0,) * X.n_stages)


def test_a_look_is_waits_then_states_then_permissions_then_the_vector_and_the_mask():
    observer = Observer([X], [TIMING], horizon_s=5.0)
    seen = readings(waiting=range(X.n_lanes))
    observer.look(0.0, [green(0)], seen, 0.0)
    situation = observer.look(5.0, [green(0, 25.0)], seen, 5.0)
    (now,) = situation.states
    assert (now.stage, now.green_s) == (0, 25.0)
    assert now.wait_s[0] == 0.0
    assert max(now.wait_s) == 5.0
    assert situation.permissions == (permit(now, TIMING, horizon_s=5.0),)
    assert np.array_equal(situation.legal, legal_mask(situation.permissions, X.n_stages))
    expected = Encoder([X], [TIMING]).encode(seen, [now], situation.permissions)
    assert situation.observation.tobytes() == expected.tobytes()
    assert situation.observation.shape == observer.shape


def test_a_reset_forgets_who_waits():
    observer = Observer([X], [TIMING], horizon_s=5.0)
    observer.look(0.0, [green(0)], readings(waiting=range(X.n_lanes)), 50.0)
    observer.reset()
    walks = observer.look(0.0, [green(0)], readings(), 0.0)
    assert walks.states[0].wait_s == (0.0,) * X.n_stages


def test_a_display_keeps_what_was_green_before_it_was_ours():
    display = StageDisplay(stage=1, is_clearing=False, green_s=3.0, earlier_s=7.0)
    assert display.with_waits((1.0, 0.0)) == SignalState(
        stage=1, is_clearing=False, green_s=3.0, wait_s=(1.0, 0.0), earlier_s=7.0
    )


def test_a_ruling_is_a_change_a_renewal_or_neither():
    rules = RequestRules(X, TIMING)
    low = TIMING.min_green_s[0]
    calls = (0.0, 4.0, 0.0, 0.0)
    change = rules.rule(1, state(0, low, wait_s=calls), [], time_s=0.0, horizon_s=5.0)
    assert (change.is_change, change.is_renewal) == (True, False)
    refused = rules.rule(1, state(0, low - 0.1, wait_s=calls), [], time_s=0.0, horizon_s=5.0)
    assert refused.ruling.reason is Reason.MIN_GREEN
    assert (refused.is_change, refused.is_renewal) == (False, True)
    silent = rules.rule(None, state(0, low), [], time_s=0.0, horizon_s=5.0)
    assert (silent.is_change, silent.is_renewal) == (False, False)
    clearing = SignalState(stage=1, is_clearing=True, green_s=0.0, wait_s=calls)
    ended = rules.rule(0, clearing, [], time_s=0.0, horizon_s=5.0)
    assert (ended.is_change, ended.is_renewal) == (False, False)


@pytest.mark.parametrize(("age_s", "reason"), [(10.0, Reason.GRANTED), (10.1, Reason.STALE_REQUEST)])
def test_a_request_counts_as_long_as_its_lease(age_s, reason):
    ruled = RequestRules(X, TIMING).rule(
        0, state(0, 20.0), [], time_s=0.0, horizon_s=5.0, request_age_s=age_s, lease_s=10.0
    )
    assert ruled.ruling.reason is reason


def test_priority_stands_before_the_ruling_and_a_reset_forgets_its_use():
    rules = RequestRules(X, TIMING, [BUS])
    bus = [PriorityVehicle(signal="X", link=0, distance_m=50.0, kind="bus")]
    for time_s in (0.0, 5.0):
        ruled = rules.rule(2, state(0, 20.0), bus, time_s=time_s, horizon_s=5.0)
        assert (ruled.request, ruled.strategy) == (0, PriorityStrategy.HOLD)
    used_up = rules.rule(2, state(0, 20.0), bus, time_s=10.0, horizon_s=5.0)
    assert (used_up.request, used_up.strategy) == (2, PriorityStrategy.NONE)
    rules.reset()
    assert rules.rule(2, state(0, 20.0), bus, time_s=15.0, horizon_s=5.0).strategy is PriorityStrategy.HOLD


def keeps(slowest_mps, *, extended_s=0.0, wait_s=0.0, since_look_s=0.0):
    timing = flat_timing(2, max_red_s=60.0, all_red_s=1.0)
    now = SignalState(stage=1, is_clearing=False, green_s=9.0, wait_s=(wait_s, 0.0))
    return keeps_clearing(
        now, timing, lambda speed_mps: slowest_mps < speed_mps,
        extended_s=extended_s, step_s=1.0, horizon_s=1.0, since_look_s=since_look_s,
    )  # fmt: skip


def test_a_clearance_stands_on_for_a_slow_vehicle_and_longer_until_it_drives_off():
    assert star(2).n_stages == 2
    assert keeps(2.9)
    assert not keeps(3.0)
    assert keeps(5.9, extended_s=1.0)
    assert not keeps(6.0, extended_s=1.0)


def test_an_extension_ends_at_its_limit():
    assert keeps(0.0, extended_s=EXTENSION_LIMIT_S - 1.0)
    assert not keeps(0.0, extended_s=EXTENSION_LIMIT_S - 0.9)


def test_the_maximum_red_goes_before_an_extension_and_counts_from_the_look():
    longest_s = max(s for s in range(61) if keeps(0.0, wait_s=float(s)))
    assert 0 < longest_s < 60
    assert keeps(0.0, wait_s=longest_s - 1.0, since_look_s=1.0)
    assert not keeps(0.0, wait_s=float(longest_s), since_look_s=1.0)
