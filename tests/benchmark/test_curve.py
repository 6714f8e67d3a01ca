from leed_traffic.benchmark.curve import Point, learning_curve, reached, reached_for_good
from leed_traffic.train.records.run_folder import MetricsRow, UnitTiming


def curve(*delays):
    return [Point(float(k + 1), 10.0 * (k + 1), delay_s) for k, delay_s in enumerate(delays)]


def test_a_bar_counts_as_reached_within_two_percent():
    assert reached(curve(30.0, 20.5, 20.4), 20.0) == Point(3.0, 30.0, 20.4)
    assert reached(curve(30.0, 25.0), 20.0) is None


def test_a_bar_that_is_lost_again_is_not_reached_for_good():
    assert reached_for_good(curve(30.0, 19.0, 25.0, 19.0, 18.0), 20.0) == Point(4.0, 40.0, 19.0)
    assert reached_for_good(curve(19.0, 19.0, 25.0), 20.0) is None
    assert reached_for_good([], 20.0) is None


def test_a_curve_counts_the_demonstrations_and_leaves_out_units_without_a_look():
    rows = [
        MetricsRow(unit=1, phase="clone", episodes=0, simulated_hours=6.0, delay_s=30.0),
        MetricsRow(unit=2, phase="ppo", episodes=2, simulated_hours=8.0),
        MetricsRow(unit=3, phase="ppo", episodes=4, simulated_hours=10.0, delay_s=20.0),
    ]
    timings = [UnitTiming(unit=k + 1, cpu_s=5.0) for k in range(3)]
    assert learning_curve(rows, timings, 100.0) == [Point(6.0, 105.0, 30.0), Point(10.0, 115.0, 20.0)]
