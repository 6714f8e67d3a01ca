import json
from dataclasses import replace

import pytest

from leed_traffic.evaluate.records.intersections import LocalScore
from leed_traffic.evaluate.summary import evaluate_runs, summarise
from leed_traffic.simulation.score.limit_breaks import LimitBreak
from leed_traffic.simulation.score.score import ClassScore

from .conftest import make_run


def test_counts_are_totals_and_figures_are_means_over_the_seeds():
    result = summarise(
        "fixed", [make_run("fixed", seed, delay) for seed, delay in ((1, 10.0), (2, 12.0), (3, 14.0))]
    )
    assert (result.scheduled, result.departed, result.finished, result.never_departed) == (300, 294, 270, 6)
    assert result.emergency_stops == 3
    assert result.delay_s.mean == 12.0
    assert result.delay_s.low == pytest.approx(7.0317, abs=1e-3)
    assert result.delay_s.high == pytest.approx(16.9683, abs=1e-3)
    assert result.trip_time_s == 72.0


def test_a_single_seed_has_null_for_its_interval():
    delay = summarise("fixed", [make_run("fixed", 1, 10.0)]).delay_s
    assert json.loads(delay.model_dump_json()) == {"mean": 10.0, "low": None, "high": None}


def test_classes_and_intersections_are_summed_up_over_the_seeds():
    def run_of(seed, bus_s, junction_s):
        bus = ClassScore(
            of_class="bus", scheduled=4, departed=4, finished=3, delay_s=bus_s, waiting_s=1.0, trip_time_s=9.0
        )
        local = LocalScore(
            intersection="J", vehicles=10, delay_s=junction_s, waiting_s=1.0, queue_veh=2.0, stage_share=(0.5, 0.4),
            clearance_share=0.1, changes_per_h=60.0,
        )  # fmt: skip
        return replace(make_run("a", seed, 9.0), classes=(bus,) if bus_s else (), intersections=(local,))

    runs = [run_of(1, 10.0, 5.0), run_of(2, 14.0, 7.0), run_of(3, None, 9.0)]
    evaluation = evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=())
    (bus,), (junction,) = evaluation.classes, evaluation.intersections
    assert (bus.of_class, bus.scheduled, bus.finished, bus.delay_s.mean) == ("bus", 8, 6, 12.0)
    assert (junction.delay_s.mean, junction.stage_share) == (7.0, pytest.approx((0.5, 0.4)))


def test_a_broken_limit_is_summed_up_with_its_worst_case():
    def run_of(seed, times, mean_s, worst_s):
        found = LimitBreak(
            intersection="J", limit="short yellow", times=times, mean_s=mean_s, worst_s=worst_s, shown_s=4.5 - worst_s,
            needed_s=4.5, at_s=10.0 * seed,
        )  # fmt: skip
        return replace(make_run("a", seed, 9.0), limit_breaks=(found,))

    runs = [run_of(1, 1, 0.5, 0.5), run_of(2, 3, 1.0, 1.5), make_run("a", 3, 9.0)]
    (breaks,) = evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=()).limit_breaks
    assert (breaks.times, breaks.mean_s, breaks.worst_s) == (4, 0.875, 1.5)
    assert (breaks.seed, breaks.at_s, breaks.shown_s) == (2, 20.0, 3.0)


def test_causes_of_collisions_are_added_up_over_the_seeds():
    runs = [
        replace(make_run("a", seed, 9.0), collisions=n, collision_causes=(("permissive", n),))
        for seed, n in ((1, 2), (2, 3))
    ]
    (cause,) = evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=()).collision_causes
    assert (cause.cause, cause.times, cause.is_the_signals) == ("permissive", 5, False)
