from dataclasses import replace

import pytest

from leed_traffic.evaluate.results import ProgramCycle
from leed_traffic.evaluate.runs import Comparison
from leed_traffic.evaluate.shadow import AgreementTally
from leed_traffic.evaluate.summary import evaluate_runs
from leed_traffic.evaluate.words import (
    collision_lines,
    cycle_lines,
    difference_lines,
    gridlock_line,
    limit_lines,
    shadow_lines,
    table_columns,
    table_rows,
    verdict,
)
from leed_traffic.simulation.score.limit_breaks import LimitBreak

from .conftest import make_run


def test_a_gridlocked_seed_shows_in_the_table(make_comparison):
    comparison = make_comparison({"plan:x": (15.9, 1112.0, 15.2)})
    (row,) = table_rows(comparison, {"plan:x": "plan:x"})
    cells = dict(zip(table_columns(comparison), row, strict=True))
    assert cells["worst seed"] == "1112.0"
    assert cells["never dep."] == "6"


def test_the_verdict_names_the_best_and_its_ties(make_comparison):
    comparison = make_comparison({"fixed": (60.0, 71.0, 80.0), "a": (20.0, 30.0, 40.0), "b": (19.0, 33.0, 41.0)})
    text = verdict(comparison, {"fixed": "fixed", "a": "rule a", "b": "rule b"})
    assert text.startswith("Lowest delay: rule a (30.0 s).")
    assert "Not distinguishable from it at 95 % over 3 paired seeds: rule b." in text
    assert text.endswith("So few seeds show only large and steady differences.")


def test_the_verdict_says_when_the_best_is_clear(make_comparison):
    comparison = make_comparison({"fixed": (50.0, 61.0, 70.0), "a": (20.0, 30.0, 40.0)})
    assert "Every other controller is worse" in verdict(comparison, {"fixed": "fixed", "a": "a"})


def test_one_seed_is_not_ranked(make_comparison):
    comparison = make_comparison({"fixed": (50.0,), "a": (20.0,)})
    assert verdict(comparison, {"fixed": "fixed", "a": "a"}).startswith("One seed")


def test_one_controller_is_not_compared(make_comparison):
    assert verdict(make_comparison({"fixed": (50.0, 51.0, 52.0)}), {"fixed": "fixed"}).startswith("One controller")


def test_the_others_are_compared_with_the_best_rule_unless_said_otherwise(make_comparison):
    delays = {"fixed": (60.0, 71.0, 80.0), "max-wave": (20.0, 30.0, 40.0), "bundle:b": (15.0, 25.1, 35.0)}
    evaluation = make_comparison(delays).evaluation
    assert evaluation.reference == "max-wave"
    fixed, bundle = evaluation.differences
    assert (fixed.controller, fixed.differs, bundle.controller, bundle.differs) == (
        "fixed",
        True,
        "bundle:b",
        True,
    )
    assert bundle.mean == pytest.approx(-4.9667, abs=1e-3)
    lines = difference_lines(make_comparison(delays), {name: name for name in delays})
    assert lines[1] == "  fixed: +40.3 [+38.9, +41.8], p < 0.001, worse"
    assert lines[2].endswith("better")


def test_who_does_not_differ_is_said_not_to(make_comparison):
    comparison = make_comparison({"a": (20.0, 30.0, 40.0), "b": (19.0, 33.0, 41.0)})
    assert difference_lines(comparison, {"a": "a", "b": "b"})[1].endswith("p 0.478, no difference shown")


def test_one_seed_shows_no_difference(make_comparison):
    comparison = make_comparison({"a": (20.0,), "b": (90.0,)})
    assert not comparison.evaluation.differences[0].differs
    assert difference_lines(comparison, {"a": "a", "b": "b"}) == []


def test_seeds_that_ended_in_gridlock_are_counted_out_of_all():
    runs = [
        replace(make_run("a", seed, delay), stuck_veh=stuck)
        for seed, delay, stuck in ((1, 9.0, 0), (2, 900.0, 14))
    ]
    (spread,) = evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=()).spread
    assert (spread.worst_seed, spread.worst_delay_s, spread.gridlocked_seeds, spread.seeds) == (2, 900.0, 1, 2)
    comparison = Comparison(
        evaluation=evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=()), runs=tuple(runs)
    )
    assert gridlock_line(comparison, {"a": "rule a"}).endswith("rule a on 1 of 2 seeds.")
    calm = Comparison(evaluation=comparison.evaluation.model_copy(update={"spread": ()}), runs=())
    assert gridlock_line(calm, {}).endswith("on no seed.")


def test_a_shadow_pair_is_told_but_not_ranked():
    tally = AgreementTally(intersection="J", decisions=10, agreed=7, differences=((0, 1, 3),))
    runs = [make_run("a", 1, 9.0), replace(make_run("shadow:a+b", 1, 9.0), tallies=(tally,))]
    evaluation = evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=("a",))
    assert [result.controller for result in evaluation.results] == ["a"]
    (pair,) = evaluation.shadows
    assert (pair.decisions, pair.agreement, pair.intersections[0].differences[0].times) == (10, 0.7, 3)
    comparison = Comparison(evaluation=evaluation, runs=tuple(runs))
    assert shadow_lines(comparison, {"shadow:a+b": "a, asked along: b"}) == [
        "Shadow a, asked along: b: the same stage in 70% of 10 decisions; least at J (70%)."
    ]


def test_who_breaks_the_sites_limits_is_said_in_the_row_and_in_a_line_and_not_called_best_without_it():
    found = LimitBreak(
        intersection="J", limit="short yellow", times=7, mean_s=1.0, worst_s=1.5, shown_s=3.0, needed_s=4.5, at_s=20.0
    )  # fmt: skip
    runs = [
        run
        for seed in (1, 2, 3)
        for run in (
            replace(make_run("as-is", seed, 9.0 + seed), limit_breaks=(found,)),
            make_run("fixed", seed, 30.0 + seed),
        )
    ]
    names = {"as-is": "as-is", "fixed": "fixed"}
    comparison = Comparison(
        evaluation=evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=("fixed",)),
        runs=tuple(runs),
    )
    rows = [dict(zip(table_columns(comparison), row, strict=True)) for row in table_rows(comparison, names)]
    assert [row["limits broken"] for row in rows] == ["21, by 1.5 s", "0"]
    assert limit_lines(comparison, names) == [
        "as-is does not keep the site's limits: short yellow 21 (by up to 1.5 s), at 1 signal, over all seeds; "
        "by signal: --json, limit_breaks.csv."
    ]
    assert verdict(comparison, names).startswith(
        "Lowest delay: as-is (11.0 s), which does not keep the site's limits."
    )
    (breaks,) = comparison.evaluation.limit_breaks
    assert (breaks.times, breaks.worst_s, breaks.shown_s, breaks.needed_s) == (21, 1.5, 3.0, 4.5)


def test_without_a_broken_limit_there_is_neither_a_column_nor_a_line(make_comparison):
    comparison = make_comparison({"fixed": (60.0, 71.0, 80.0)})
    assert "limits broken" not in table_columns(comparison)
    assert limit_lines(comparison, {"fixed": "fixed"}) == []
    assert collision_lines(comparison, {"fixed": "fixed"}) == []
    assert cycle_lines(comparison, {"fixed": "fixed"}) == []


def test_a_line_says_how_many_collisions_were_the_signals():
    causes = (("permissive", 46), ("short clearance", 1))
    runs = [replace(make_run("a", 1, 9.0), collisions=47, collision_causes=causes), make_run("b", 1, 9.0)]
    evaluation = evaluate_runs(runs, scenario="x", site="y", sumo_version="1", rules=())
    comparison = Comparison(evaluation=evaluation, runs=tuple(runs))
    assert collision_lines(comparison, {"a": "rule a", "b": "b"}) == [
        "Collisions that were the signal's: rule a 1 of 47 (46 permissive, 1 short clearance)."
    ]


def test_cycles_before_and_after_are_told_by_how_many_signals_share_them(make_comparison):
    comparison = make_comparison({"fixed": (60.0, 71.0, 80.0), "actuated": (50.0, 51.0, 52.0)})

    def cycle(controller, signal, own_s, cycle_s):
        return ProgramCycle(
            controller=controller, intersection=signal, program="0", type="static", own_s=own_s, cycle_s=cycle_s,
            least_s=cycle_s, most_s=cycle_s, is_untouched=own_s == cycle_s,
        )  # fmt: skip

    after = {"J1": (90.0, 109.0), "J2": (90.0, 109.0), "J3": (72.0, 72.0)}
    cycles = tuple(cycle(name, signal, *pair) for name in ("fixed", "actuated") for signal, pair in after.items())
    told = replace(comparison, evaluation=comparison.evaluation.model_copy(update={"program_cycles": cycles}))
    assert cycle_lines(told, {"fixed": "fixed", "actuated": "actuated"}) == [
        "Own programs under site derived: fixed, actuated: cycle 90 -> 109 s at 2 signals, 72 s untouched at 1 signal."
    ]
