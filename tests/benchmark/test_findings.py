import pytest

from leed_traffic.benchmark.findings import LearnerFindings, TrainingSeed


def seed(delay_s, hours=None):
    return TrainingSeed(
        curve=((4.0, 9.0, 40.0), (8.0, 20.0, delay_s)),
        hours_to_bar=hours,
        cpu_s_to_bar=None if hours is None else 2.0 * hours,
        hours_to_stay=hours,
        delay_s=delay_s,
        gridlocked_seeds=0,
        never_departed=1,
        unsafe_changes=0,
    )


def finding(*seeds):
    return LearnerFindings(learner="leed", what="", seeds=seeds)


@pytest.mark.parametrize(
    ("hours", "median"),
    [
        ((8.0, 4.0, 6.0), 6.0),
        ((None, 4.0, 6.0), 6.0),
        ((None, None, 6.0), None),
        ((4.0, None), None),
        ((4.0,), 4.0),
    ],
)
def test_the_median_cost_counts_runs_that_never_got_there(hours, median):
    assert finding(*(seed(20.0, h) for h in hours)).median("hours_to_bar") == median


def test_the_worst_run_is_measured_against_the_median_one():
    assert finding(seed(20.0), seed(22.0), seed(30.0)).off_median == pytest.approx(30.0 / 22.0 - 1.0)
