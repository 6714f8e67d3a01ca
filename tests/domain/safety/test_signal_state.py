from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.domain.safety.signal_state import SignalState, WaitClocks
from tests.intersections import four_legs, shared_link, t_junction, three_stages


class OneClock:
    """The clocks of one signal."""

    def __init__(self, intersection):
        self.clocks = WaitClocks([intersection])
        self.reset = self.clocks.reset

    def update(self, stage, is_clearing, count_veh, elapsed_s):
        return self.clocks.update([stage], [is_clearing], count_veh, elapsed_s)[0]


@pytest.mark.parametrize("stage", [-1, 3])
def test_a_stage_that_does_not_exist_is_refused(stage):
    with pytest.raises(ValueError, match="need 0 <= stage < 3"):
        SignalState(stage=stage, is_clearing=False, green_s=0.0, wait_s=(0.0,) * 3)


def test_nobody_waits_where_nobody_has_called():
    assert OneClock(three_stages()).update(0, False, np.zeros(3), 5.0) == (0.0, 0.0, 0.0)


def test_a_call_at_red_grows_and_is_remembered_after_the_vehicle_left_the_detector():
    clock = OneClock(three_stages())
    assert clock.update(0, False, np.array([0.0, 1.0, 0.0]), 5.0) == (0.0, 5.0, 0.0)
    assert clock.update(0, False, np.zeros(3), 5.0) == (0.0, 10.0, 0.0)


def test_a_call_ends_when_its_stage_is_green_not_while_it_is_cleared_towards():
    clock = OneClock(three_stages())
    clock.update(0, False, np.array([0.0, 1.0, 0.0]), 5.0)
    assert clock.update(1, True, np.zeros(3), 5.0)[1] == 10.0
    assert clock.update(1, False, np.ones(3), 5.0) == (5.0, 0.0, 5.0)


def test_a_dead_detector_calls():
    assert OneClock(three_stages()).update(0, False, np.array([0.0, np.nan, 0.0]), 5.0)[1] == 5.0


def test_a_crossing_calls_whenever_it_is_red():
    clock = OneClock(four_legs())
    assert clock.update(0, False, np.zeros(8), 5.0) == (0.0, 0.0, 5.0, 0.0)
    assert clock.update(1, False, np.zeros(8), 5.0) == (5.0, 0.0, 10.0, 0.0)


def test_a_link_that_is_green_in_the_shown_stage_does_not_wait_for_another():
    clock = OneClock(t_junction())
    counts = np.array([1.0, 0.0, 0.0, 0.0, 1.0])  # links 0 (stages 0 and 1) and 4 (stages 1 and 2)
    assert clock.update(0, False, counts, 5.0) == (0.0, 5.0, 5.0)
    assert clock.update(1, False, counts, 5.0) == (0.0, 0.0, 0.0)
    assert clock.update(2, False, counts, 5.0) == (5.0, 5.0, 0.0)


def test_reset_forgets_every_call():
    clock = OneClock(three_stages())
    clock.update(0, False, np.ones(3), 5.0)
    clock.reset()
    assert clock.update(0, False, np.zeros(3), 5.0) == (0.0, 0.0, 0.0)


def test_a_movement_whose_lane_has_no_detector_never_calls():
    junction = three_stages()
    clock = OneClock(replace(junction, lanes=junction.lanes[:2]))
    assert clock.update(0, False, np.ones(2), 5.0) == (0.0, 5.0, 0.0)


def test_signals_of_different_size_keep_their_clocks_apart():
    """Three signals in one array: 3 links and stages, 12 links and 4 stages, 5 links and 3 stages."""
    clocks = WaitClocks([three_stages(), four_legs(), t_junction()])
    counts = np.zeros(3 + 8 + 5)
    counts[1], counts[3 + 2], counts[3 + 8 + 3] = (
        1.0,
        1.0,
        1.0,
    )  # link 1; the east through of stage 2; the side road's left
    waits = clocks.update([0, 0, 0], [False, False, True], counts, 5.0)
    assert waits == [(0.0, 5.0, 0.0), (0.0, 0.0, 5.0, 0.0), (0.0, 0.0, 5.0)]
    counts[:] = 0.0
    counts[3 + 8 + 4] = 1.0  # the side road's right turn, served by stages 1 and 2
    waits = clocks.update([1, 2, 0], [False, True, False], counts, 1.5)
    assert waits == [(0.0, 0.0, 0.0), (1.5, 0.0, 6.5, 0.0), (0.0, 1.5, 6.5)]
    clocks.reset()
    assert clocks.update([0, 0, 0], [False] * 3, np.zeros(16), 1.0) == [
        (0.0,) * 3,
        (0.0, 0.0, 1.0, 0.0),
        (0.0,) * 3,
    ]


def test_a_signal_without_detectors_is_served_by_its_crossings_alone():
    clock = OneClock(replace(four_legs(), lanes=()))
    assert clock.update(0, False, np.zeros(0), 5.0) == (0.0, 0.0, 5.0, 0.0)


def test_reset_puts_every_clock_to_nought_even_between_two_looks_of_no_length():
    clock = OneClock(three_stages())
    clock.update(0, False, np.ones(3), 5.0)
    clock.reset()
    assert clock.update(0, False, np.array([0.0, 1.0, 0.0]), 2.0) == (0.0, 2.0, 0.0)


def test_a_link_that_cars_share_calls_for_its_walkers_without_a_car_and_for_its_cars_with_one():
    clock = OneClock(shared_link())
    assert clock.update(1, False, np.zeros(2), 5.0) == (5.0, 0.0)
    assert clock.update(0, False, np.ones(2), 5.0) == (0.0, 5.0)


def test_the_clocks_of_a_signal_go_on_from_where_others_left_them():
    clocks = WaitClocks([three_stages(), four_legs()])
    n_links = three_stages().n_links
    clocks.put(0, [0.0, 7.0, 3.0][:n_links])
    assert clocks.links_of(0) == (0.0, 7.0, 3.0)
    assert clocks.links_of(1) == (0.0,) * four_legs().n_links
    assert clocks.longest_s() == [(0.0, 7.0, 3.0), (0.0,) * 4]
    waits = clocks.update([0, 0], [False, True], np.zeros(11), np.array([[2.0], [0.5]]))
    assert waits[0] == (0.0, 9.0, 5.0)
    assert waits[1][2] == 0.5  # a crossing that is red, by its own signal's time


def test_a_limit_cuts_the_waits_of_one_signal_to_the_least_of_its_stages():
    clocks = WaitClocks([t_junction(), t_junction("U")])
    for n in range(2):
        clocks.put(n, [50.0] * t_junction().n_links)
    clocks.limit(1, (30.0, 10.0, 20.0))
    assert clocks.links_of(0) == (50.0,) * t_junction().n_links
    assert clocks.links_of(1) == (10.0, 10.0, 30.0, 20.0, 10.0)
    assert clocks.longest_s()[1] == (30.0, 10.0, 20.0)
    clocks.limit(1, (5.0, 50.0, 50.0))
    assert clocks.links_of(1) == (5.0, 5.0, 5.0, 20.0, 10.0)
