from dataclasses import replace

from leed_traffic.evaluate.runs import Comparison
from leed_traffic.simulation.score.limit_breaks import LimitBreak

from .conftest import make_run

RUN = make_run("plan:a", 1, 9.0)


def test_a_run_is_gridlocked_from_one_vehicle_that_stands_for_good():
    assert not replace(RUN, stuck_veh=0).is_gridlocked
    assert replace(RUN, stuck_veh=1).is_gridlocked


def test_broken_limits_count_each_time():
    breaks = tuple(
        LimitBreak(
            intersection=name, limit="short green", times=times, mean_s=1.0, worst_s=1.0, shown_s=4.0, needed_s=5.0, at_s=9.0
        )
        for name, times in (("A", 2), ("B", 3))
    )  # fmt: skip
    assert (RUN.n_limit_breaks, replace(RUN, limit_breaks=breaks).n_limit_breaks) == (0, 5)


def test_only_collisions_that_a_display_caused_are_the_signals():
    causes = (("permissive", 46), ("short clearance", 1))
    assert replace(RUN, collision_causes=causes).collisions_of_signals == 1


def test_another_name_is_another_run_with_the_same_figures():
    named = RUN.named("plan:b")
    assert named.controller == "plan:b"
    assert named.named("plan:a") == RUN


def test_delays_are_a_controllers_own_and_the_worst_is_the_highest(make_comparison):
    comparison = make_comparison({"a": (1.0, 3.0, 2.0), "b": (9.0, 8.0, 7.0)})
    assert isinstance(comparison, Comparison)
    assert comparison.delays_s("a") == (1.0, 3.0, 2.0)
    assert comparison.worst_s("a") == 3.0
