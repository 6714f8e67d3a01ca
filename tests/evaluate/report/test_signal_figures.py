import pytest

from leed_traffic.evaluate.report.signal_figures import Cycle, Diagram, cycles_of

STATES = (
    (0.0, 10.0, "Gr"),
    (10.0, 13.0, "yr"),
    (13.0, 33.0, "rG"),
    (33.0, 40.0, "gr"),
    (40.0, 50.0, "Gr"),
    (50.0, 80.0, "rG"),
)


def test_a_cycle_runs_from_the_end_of_one_green_to_the_end_of_the_next():
    assert cycles_of(STATES, (0,)) == (Cycle(begin_s=10.0, green_s=33.0, end_s=50.0),)
    assert cycles_of(STATES, (1,)) == (Cycle(begin_s=33.0, green_s=50.0, end_s=80.0),)
    assert cycles_of((), (0,)) == ()


def test_the_seam_between_two_stages_that_serve_an_approach_ends_no_cycle():
    states = (
        (0.0, 10.0, "G"),
        (10.0, 30.0, "r"),
        (30.0, 40.0, "G"),
        (40.0, 47.0, "y"),
        (47.0, 60.0, "G"),
        (60.0, 90.0, "r"),
    )
    assert cycles_of(states, (0,)) == (Cycle(begin_s=10.0, green_s=30.0, end_s=60.0),)


def test_arrivals_on_green_and_the_platoon_ratio_are_those_worked_out_by_hand():
    # cycle 10 to 50, green 33 to 50; four arrive within it, three of them at green; green share 17 / 40
    diagram = Diagram(name="J", cycles=cycles_of(STATES, (0,)), arrivals_s=(5.0, 12.0, 33.0, 40.0, 49.9, 50.0))
    assert diagram.on_green == 0.75
    assert diagram.platoon_ratio == pytest.approx(0.75 / (17.0 / 40.0))


def test_where_nobody_arrived_there_is_no_share():
    assert Diagram(name="J", cycles=(), arrivals_s=(1.0,)).on_green is None
    assert Diagram(name="J", cycles=cycles_of(STATES, (0,)), arrivals_s=()).platoon_ratio is None
