import math
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.domain.safety.envelope import Reason, hold_s, keeps_closed_mps, may_extend, permit, rule
from leed_traffic.domain.safety.signal_state import SignalState
from tests.intersections import flat_timing

# three stages; clearance 4 s, minimum green 7 s, maximum 30 s;
# a round with decisions every 5 s takes 3 (7 + 4 + 5) = 48 s
TIMING = flat_timing(3)


def standing(green_s, wait_s=(0.0, 0.0, 0.0), stage=0):
    return SignalState(stage=stage, is_clearing=False, green_s=green_s, wait_s=wait_s)


def clearing(stage=0, wait_s=(0.0, 0.0, 0.0)):
    return SignalState(stage=stage, is_clearing=True, green_s=0.0, wait_s=wait_s)


def ask(requested, state, *, horizon_s=5.0, **age):
    return rule(requested, state, TIMING, horizon_s=horizon_s, **age)


@pytest.mark.parametrize(("green_s", "stage"), [(6.9, 0), (7.0, 1), (7.1, 1)])
def test_a_change_is_refused_before_min_green(green_s, stage):
    ruling = ask(1, standing(green_s))
    assert ruling.stage == stage
    assert ruling.reason == (Reason.MIN_GREEN if stage == 0 else Reason.GRANTED)
    assert ruling.renews


def test_a_green_of_unknown_age_has_not_lasted():
    assert ask(1, standing(math.nan)).reason is Reason.MIN_GREEN


def test_only_the_shown_stage_is_legal_before_min_green():
    assert permit(standing(6.9), TIMING, horizon_s=5.0).legal == (True, False, False)


@pytest.mark.parametrize("requested", [0, 1, 2, None, math.nan])
def test_a_clearance_is_neither_left_nor_lengthened(requested):
    ruling = ask(requested, clearing(stage=1))
    assert (ruling.stage, ruling.renews) == (1, False)


def test_another_request_during_a_clearance_is_told_why():
    assert ask(2, clearing(stage=1)).reason is Reason.CLEARING


def test_during_a_clearance_not_even_an_overdue_wait_moves_the_signal():
    assert ask(2, clearing(stage=1, wait_s=(0.0, 0.0, 500.0))).stage == 1


@pytest.mark.parametrize(("green_s", "stage"), [(24.9, 0), (25.0, 0), (25.1, 2)])
def test_while_somebody_waits_a_green_ends_before_the_ruling_after_next_would_pass_max_green(green_s, stage):
    ruling = ask(0, standing(green_s, (0.0, 1.0, 2.0)))
    assert ruling.stage == stage
    assert ruling.reason == (Reason.GRANTED if stage == 0 else Reason.MAX_GREEN)


def test_at_max_green_the_policy_still_chooses_among_the_others():
    assert ask(1, standing(30.0, (0.0, 1.0, 2.0))).stage == 1
    assert permit(standing(30.0, (0.0, 1.0, 2.0)), TIMING, horizon_s=5.0).legal == (False, True, True)


def test_max_green_does_not_count_while_nobody_waits():
    ruling = ask(0, standing(500.0))
    assert (ruling.stage, ruling.reason) == (0, Reason.GRANTED)


def test_a_wait_for_the_shown_stage_itself_does_not_end_it():
    assert ask(0, standing(500.0, (3.0, 0.0, 0.0))).stage == 0


def test_at_max_green_a_stage_goes_on_if_every_change_would_break_the_maximum_red():
    state = standing(
        30.0, (110.0, 1.0, 0.0)
    )  # serving stage 1 first brings stage 0 in at 110 + 4 + 12 + 4 = 130 s
    permission = permit(state, TIMING, horizon_s=5.0)
    assert (permission.legal, permission.otherwise, permission.reason) == ((True, False, False), 0, Reason.MAX_RED)


# choosing stage 1 next, stage 2 turns green 4 + 7 + 5 + 4 = 20 s from now;
# keeping stage 0, stage 2 does 5 + 4 = 9 s from now
@pytest.mark.parametrize(("wait_s", "legal"), [(99.9, True), (100.0, True), (100.1, False)])
def test_a_stage_is_refused_if_somebody_else_would_then_wait_beyond_max_red(wait_s, legal):
    permission = permit(standing(10.0, (0.0, 0.0, wait_s)), TIMING, horizon_s=5.0)
    assert permission.legal == (True, legal, True)
    ruling = ask(1, standing(10.0, (0.0, 0.0, wait_s)))
    assert (ruling.stage, ruling.reason) == ((1, Reason.GRANTED) if legal else (2, Reason.MAX_RED))


@pytest.mark.parametrize(("wait_s", "legal"), [(110.9, True), (111.0, True), (111.1, False)])
def test_a_green_is_not_kept_if_somebody_would_then_wait_beyond_max_red(wait_s, legal):
    assert permit(standing(10.0, (0.0, 0.0, wait_s)), TIMING, horizon_s=5.0).legal == (legal, False, True)


def test_whoever_cannot_be_served_in_time_any_more_is_served_first():
    ruling = ask(1, standing(10.0, (0.0, 130.0, 140.0)))
    assert (ruling.stage, ruling.reason) == (2, Reason.MAX_RED)
    assert permit(standing(10.0, (0.0, 130.0, 140.0)), TIMING, horizon_s=5.0).legal == (False, False, True)


def test_between_equal_waits_the_lower_stage_is_served_first():
    assert ask(0, standing(10.0, (0.0, 130.0, 130.0))).stage == 1


def test_two_that_are_close_to_max_red_are_served_in_the_order_that_saves_both():
    # 1 then 2: 2 is green at 20 s; 2 then 1: 1 is green at 20 s
    assert permit(standing(10.0, (0.0, 101.0, 99.0)), TIMING, horizon_s=5.0).legal == (False, True, False)


def test_a_stage_is_legal_if_serving_the_longest_waiting_first_is_in_time_though_the_other_order_is_not():
    # kept for 5 s: stage 1 is green at 9 s and 2 at 25 s; the other way round stage 1 would wait 100 + 25 s
    assert permit(standing(10.0, (0.0, 100.0, 50.0)), TIMING, horizon_s=5.0).legal == (True, True, True)


@pytest.mark.parametrize(("horizon_s", "legal"), [(5.0, True), (5.1, False)])
def test_a_longer_way_to_the_next_ruling_leaves_less_time(horizon_s, legal):
    assert permit(standing(10.0, (0.0, 0.0, 100.0)), TIMING, horizon_s=horizon_s).legal[1] is legal


UNUSABLE = [None, math.nan, math.inf, -math.inf, -1, 3, 0.5, True, False, "1", [1], 1j, np.float32(math.nan)]


@pytest.mark.parametrize("requested", UNUSABLE)
def test_an_unusable_request_is_refused_and_the_lease_runs_out(requested):
    ruling = ask(requested, standing(10.0))
    assert (ruling.stage, ruling.reason, ruling.renews) == (0, Reason.UNKNOWN_REQUEST, False)


@pytest.mark.parametrize("requested", [1, 1.0, np.int64(1), np.float32(1.0)])
def test_any_way_to_write_a_stage_number_is_understood(requested):
    assert ask(requested, standing(10.0)).stage == 1


@pytest.mark.parametrize(
    ("age_s", "is_stale"), [(9.9, False), (10.0, False), (10.1, True), (math.nan, True), (math.inf, True)]
)
def test_a_request_older_than_its_lease_no_longer_counts(age_s, is_stale):
    ruling = ask(1, standing(10.0), request_age_s=age_s, lease_s=10.0)
    assert (ruling.reason is Reason.STALE_REQUEST) is is_stale
    assert (ruling.stage, ruling.renews) == ((0, False) if is_stale else (1, True))


def test_without_a_request_the_maximum_green_still_ends_a_stage():
    ruling = ask(None, standing(30.0, (0.0, 1.0, 2.0)))
    assert (ruling.stage, ruling.reason) == (2, Reason.MAX_GREEN)


def test_without_a_request_the_maximum_red_still_serves_whoever_waits():
    ruling = ask(1, standing(10.0, (0.0, 0.0, 115.0)), request_age_s=99.0, lease_s=10.0)
    assert (ruling.stage, ruling.reason) == (2, Reason.MAX_RED)


# silence may go on to stage 1 within 5 s; stage 2 is then green 5 + 4 + 7 + 5 + 4 = 25 s from now
@pytest.mark.parametrize(("wait_s", "renews"), [(94.9, False), (95.0, False), (95.1, True)])
def test_without_a_request_a_stage_is_held_if_the_fallback_cycle_would_serve_somebody_too_late(wait_s, renews):
    ruling = ask(None, standing(10.0, (0.0, 0.0, wait_s)))
    assert (ruling.stage, ruling.renews) == (0, renews)


@pytest.mark.parametrize(
    ("green_s", "lease_s", "held_s"),
    [
        (0.0, 6.0, 7.0),  # a lost controller does not cut the minimum green
        (1.0, 6.0, 6.0),
        (10.0, 12.0, 12.0),
        (18.0, 12.0, 12.0),
        (18.1, 12.0, 11.9),  # nor does its last renewal pass the maximum green
        (24.5, 12.0, 6.0),  # but the next ruling is always reached
        (90.0, 12.0, 6.0),
    ],
)
def test_a_renewed_stage_stands_for_its_lease_within_its_limits(green_s, lease_s, held_s):
    assert hold_s(standing(green_s), TIMING, lease_s=lease_s, shortest_s=6.0) == pytest.approx(held_s)


@pytest.mark.parametrize(("extended_s", "allowed"), [(1.0, True), (15.0, True), (15.1, False), (math.nan, False)])
def test_a_clearance_is_extended_only_so_long(extended_s, allowed):
    state = SignalState(stage=1, is_clearing=True, green_s=0.0, wait_s=(0.0, 0.0))
    assert may_extend(state, flat_timing(2), extended_s=extended_s, delay_s=1.0, horizon_s=5.0) is allowed


@pytest.mark.parametrize(("wait_s", "allowed"), [(119.0, True), (119.1, False)])
def test_an_extension_never_lets_the_next_stage_wait_beyond_the_maximum_red(wait_s, allowed):
    state = SignalState(stage=1, is_clearing=True, green_s=0.0, wait_s=(0.0, wait_s))
    assert may_extend(state, flat_timing(2), extended_s=1.0, delay_s=1.0, horizon_s=5.0) is allowed


def test_who_does_not_wait_need_not_be_served_in_time_and_who_waits_a_little_must():
    """Four stages, a ruling every 55 s: 1 next is green at 4 s, the second at 70 s, a third at 136 of 130 s."""
    timing = flat_timing(4, max_red_s=130.0)

    def is_legal(wait_s):
        return permit(
            SignalState(stage=0, is_clearing=False, green_s=20.0, wait_s=wait_s), timing, horizon_s=55.0
        ).legal[1]

    assert is_legal((0.0, 0.0, 1.0, 0.0))
    assert not is_legal((0.0, 0.0, 1.0, 0.5))


def test_nobody_s_request_is_needed_to_know_why_a_clearance_goes_on():
    ruling = ask(None, clearing(stage=1))
    assert (ruling.stage, ruling.reason, ruling.renews) == (1, Reason.UNKNOWN_REQUEST, False)
    assert ask(2, clearing(stage=1), request_age_s=99.0, lease_s=10.0).reason is Reason.STALE_REQUEST


def test_whoever_is_moved_on_to_is_one_who_may_be_served_now_not_simply_the_longest_waiting():
    at_max_green = permit(standing(30.0, (50.0, 1.0, 2.0)), TIMING, horizon_s=5.0)  # 0 itself has waited longest
    assert (at_max_green.legal, at_max_green.otherwise, at_max_green.reason) == (
        (False, True, True),
        2,
        Reason.MAX_GREEN,
    )
    # stage 1 has waited longest, but its 30 s of green would bring stage 2 in at 95 + 4 + 30 + 5 + 4 = 138 s
    uneven = replace(TIMING, min_green_s=(7.0, 30.0, 7.0), fallback_green_s=(7.0, 30.0, 7.0))
    late = permit(standing(10.0, (0.0, 100.0, 95.0)), uneven, horizon_s=5.0)
    assert (late.legal, late.otherwise, late.reason) == ((False, False, True), 2, Reason.MAX_RED)


def test_whoever_is_due_first_is_thought_of_first():
    # kept for 5 s; then stage 2 is green at 9 s, and stage 1 at 25 s; the other way round stage 2 would wait 90 +
    # 48 s
    uneven = replace(TIMING, min_green_s=(7.0, 30.0, 7.0), fallback_green_s=(7.0, 30.0, 7.0))
    assert permit(standing(10.0, (0.0, 90.0, 90.0)), uneven, horizon_s=5.0).legal[0]


def test_while_everything_is_legal_the_stage_that_stands_is_what_else_happens():
    permission = permit(standing(10.0), TIMING, horizon_s=5.0)
    assert (permission.legal, permission.otherwise, permission.reason) == ((True, True, True), 0, Reason.GRANTED)


def test_a_request_is_fresh_if_nobody_says_how_old_it_is():
    assert ask(1, standing(10.0), lease_s=0.5).reason is Reason.GRANTED


def test_who_is_slow_opens_an_extension_and_only_who_is_fast_closes_it():
    assert [keeps_closed_mps(extended_s) for extended_s in (0.0, 1.0, 15.0)] == [3.0, 6.0, 6.0]


@pytest.mark.parametrize(("wait_s", "allowed"), [(103.0, True), (103.1, False)])
def test_an_extension_leaves_time_for_the_next_stages_minimum_green_before_others_are_due(wait_s, allowed):
    # stage 1 would turn green in 1 s, stands 7 s and a decision's 5 s, then 4 s of clearance: stage 0 is green in
    # 17 s
    state = SignalState(stage=1, is_clearing=True, green_s=0.0, wait_s=(wait_s, 0.0))
    assert may_extend(state, flat_timing(2), extended_s=1.0, delay_s=1.0, horizon_s=5.0) is allowed


@pytest.mark.parametrize(("earlier_s", "stage"), [(14.9, 0), (15.0, 0), (15.1, 1)])
def test_a_green_that_stood_before_it_was_counted_is_part_of_the_maximum_green(earlier_s, stage):
    state = replace(standing(10.0, (0.0, 1.0, 0.0)), earlier_s=earlier_s)
    assert ask(0, state).stage == stage


def test_a_green_that_stood_before_it_was_counted_is_no_part_of_the_minimum_green():
    assert ask(1, replace(standing(6.9), earlier_s=100.0)).reason is Reason.MIN_GREEN


def test_a_lease_ends_with_the_maximum_green_that_began_before_it_was_counted():
    state = replace(standing(10.0), earlier_s=17.0)
    assert hold_s(state, TIMING, lease_s=4.0, shortest_s=2.0) == 3.0
