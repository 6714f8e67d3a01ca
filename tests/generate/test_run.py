import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.demonstrations import read_demonstrations
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.detectors.sensing import LOOPS
from leed_traffic.domain.plan import SequencePlan, max_wave_plan
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import Weights
from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.errors import DemonstrationError, ScenarioError, UsageError
from leed_traffic.generate.author import Author
from leed_traffic.generate.bench import Bench, Result, Trial
from leed_traffic.generate.brief import write_briefs
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.refine import ExecutedPlans
from leed_traffic.generate.run import _best_start, _confirmed, generate
from leed_traffic.generate.search.budget import (
    AUTHOR_SEEDS,
    confirmation_seeds,
    least_runs,
    n_racers,
    planned_runs,
    round_sizes,
)
from leed_traffic.generate.search.race import CUT, MOST_RACERS, race_cost
from leed_traffic.generate.search.starts import start_plans
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.pool import WorkerPool
from tests.generate.briefs import crossroads
from tests.short_scenario import shortened

SHORT_S = 240


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Four minutes of the crossing, as anybody's .sumocfg."""
    return shortened("crossing", SHORT_S, tmp_path_factory.mktemp("short"))


@pytest.mark.parametrize("name", ["crossing", "arterial5", "grid4x4"])
def test_the_starts_fit_every_scenario_that_ships(name):
    scenario = load_scenario(name)
    network = import_network(scenario.net_file)
    briefs = write_briefs(scenario, network, load_site(None, scenario, network).timings, (11,))
    starts = start_plans(briefs, Author.SEARCH)
    assert len(starts) == 7
    assert all(set(plans) == {i.id for i in network.intersections} for plans in starts.values())
    assert all(turn.flow_vehph for brief in briefs for turn in brief.turns)


@pytest.mark.sumo
def test_webster_writes_demonstrations_that_are_its_better_half(short, tmp_path):
    config = GenerateConfig(scenario=short, out=tmp_path / "d", author=Author.WEBSTER, seeds=(1, 2))
    seen = []
    made = generate(config, lambda done, total, what: seen.append((done, total)))
    assert seen == [(k + 1, planned_runs(config)) for k in range(planned_runs(config))]
    assert all(isinstance(plan, SequencePlan) for plan in made.plans.values())
    assert made.manifest.delay_s == min(made.manifest.starts.values())
    assert (made.manifest.author, made.manifest.model) == ("webster", None)
    assert [(t.intersection, t.seed, len(t)) for t in made.trajectories] == [
        ("C", 1, SHORT_S // 5),
        ("C", 2, SHORT_S // 5),
    ]
    assert sorted(item.name for item in config.out.iterdir()) == [
        "manifest.json",
        "plans.json",
        "trajectories.parquet",
    ]


@pytest.mark.sumo
def test_the_search_goes_on_after_an_interruption_and_ends_with_the_same_bytes(short, tmp_path):
    runs = least_runs() + race_cost(MOST_RACERS, len(AUTHOR_SEEDS)) + 2 * 3  # a whole race, a round of two
    undisturbed = GenerateConfig(scenario=short, out=tmp_path / "whole", runs=runs, seeds=(1,))
    told = []
    whole = generate(undisturbed, lambda done, total, what: told.append((done, total)))
    assert told == [(k + 1, planned_runs(undisturbed)) for k in range(planned_runs(undisturbed))]
    manifest = whole.manifest
    assert manifest.delay_s <= manifest.starts["max-wave 100 m"]
    assert [r.candidates for r in manifest.rounds] == [2]
    assert manifest.simulated_hours <= planned_runs(undisturbed) * SHORT_S / 3600.0
    assert [r.valid for r in manifest.rounds] == [r.candidates for r in manifest.rounds]

    disturbed = undisturbed.model_copy(update={"out": tmp_path / "parts"})
    stamps = interrupted(disturbed, after=17)
    assert len(stamps) >= 14  # some of the 17 were the same plans again
    later = interrupted(disturbed, after=30)
    assert {name: later[name] for name in stamps} == stamps
    generate(disturbed)
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


def interrupted(config, *, after):
    """Stop after so many runs; the remembered results with the time of their writing."""

    def stop(done, total, what):
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(config, stop)
    return {file.name: file.stat().st_mtime_ns for file in (config.out / ".work").glob("*.json.gz")}


def files_of(folder: Path):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.mark.sumo
@pytest.mark.slow
def test_workers_in_processes_of_their_own_change_nothing(short, tmp_path):
    config = GenerateConfig(scenario=short, out=tmp_path / "one", author=Author.WEBSTER, seeds=(1,))
    generate(config)
    generate(config.model_copy(update={"out": tmp_path / "two", "workers": 2}))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert read_demonstrations(tmp_path / "two").manifest.author == "webster"


class CountingPool(WorkerPool):
    """Makes up a result for every run and counts the runs."""

    def __init__(self):
        super().__init__(0)
        self.runs = []

    def run(self, function, tasks, on_done=None):
        self.runs += tasks
        for k, task in enumerate(tasks):
            on_done(k, (Result(delay_s=float(task.seed), returns=(-1.0,), simulated_s=240.0), b""))
        return []


def bench(short, folder, pool):
    scenario = load_scenario(short)
    network = import_network(scenario.net_file)
    setting = EnvSpec(
        scenario=scenario, network=network, site=load_site(None, scenario, network), decision_interval_s=5.0, reach_m=100.0,
        reward=Reward.QUEUE,
    )  # fmt: skip
    return Bench(setting, pool, folder, lambda what: None)


def test_the_bench_asks_nothing_twice(short, tmp_path):
    pool = CountingPool()
    plans = {"C": max_wave_plan("C")}
    first = bench(short, tmp_path, pool)
    (trial, again) = first.try_out([plans, dict(plans)], (11, 12), "x")
    assert (trial.delay_s, again.delay_s, len(pool.runs)) == (11.5, 11.5, 2)
    assert bench(short, tmp_path, pool).try_out([plans], (12, 13), "x")[0].delay_s == 12.5
    assert [run.seed for run in pool.runs] == [11, 12, 13]
    assert first.simulated_hours == pytest.approx(2 * SHORT_S / 3600.0)


def test_a_trial_on_a_demonstrated_seed_keeps_its_trajectories(short, tmp_path):
    pool, plans = CountingPool(), {"C": max_wave_plan("C")}
    setting = bench(short, tmp_path, pool).setting
    both = Bench(setting, pool, tmp_path, lambda what: None, shown_seeds=(12, 13))
    both.try_out([plans, None], (11, 12), "x")
    assert [(run.seed, run.wants_trajectories) for run in pool.runs] == [
        (11, False),
        (12, True),
        (11, False),
        (12, False),
    ]


def test_the_bench_asks_again_when_plans_or_limits_change(short, tmp_path):
    pool = CountingPool()
    first = bench(short, tmp_path, pool)
    first.try_out([{"C": max_wave_plan("C")}], (11,), "x")
    first.try_out([{"C": max_wave_plan("C", reach_m=60.0)}, None], (11,), "x")
    assert len(pool.runs) == 3
    scenario, network = first.setting.scenario, first.setting.network
    setting = EnvSpec(
        scenario=scenario, network=network, site=load_site("as-net", scenario, network), decision_interval_s=5.0, reach_m=100.0,
        reward=Reward.QUEUE,
    )  # fmt: skip
    Bench(setting, pool, tmp_path, lambda what: None).try_out([{"C": max_wave_plan("C")}], (11,), "x")
    assert len(pool.runs) == 4


def test_the_bench_asks_again_when_detectors_priorities_or_weights_change(short, tmp_path):
    pool = CountingPool()
    setting = bench(short, tmp_path, pool).setting
    rule = PriorityRule(classes=("bus",), reach_m=100.0, max_extension_s=10.0, keep_green_s=8.0, lockout_s=60.0)
    for changed in (
        setting,
        replace(setting, sensing=LOOPS),
        replace(setting, site=replace(setting.site, priority=(rule,))),
        replace(setting, site=replace(setting.site, weights=Weights(persons=1.0))),
    ):
        for _ in range(2):
            Bench(changed, pool, tmp_path, lambda what: None).try_out([None], (11,), "x")
    assert len(pool.runs) == 4


def test_a_half_written_result_is_asked_again(short, tmp_path):
    pool = CountingPool()
    bench(short, tmp_path, pool).try_out([None], (11,), "x")
    (file,) = tmp_path.glob("*.json.gz")
    assert json.loads(gzip.decompress(file.read_bytes()))["delay_s"] == 11.0
    file.write_bytes(file.read_bytes()[:-1])
    bench(short, tmp_path, pool).try_out([None], (11,), "x")
    assert len(pool.runs) == 2


@pytest.mark.parametrize(
    ("trials", "sizes"), [(0, ()), (2, ()), (3, (2,)), (5, (4,)), (12, (5, 5)), (30, (5, 5, 5, 5, 5))]
)
def test_the_budget_is_cut_into_rounds_that_it_can_pay(trials, sizes):
    assert round_sizes(trials) == sizes
    assert sum(sizes) + len(sizes) <= trials


def test_the_evaluations_seeds_are_refused(tmp_path):
    with pytest.raises(UsageError, match="seed 501: seeds from 501 on judge the policies"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path, seeds=(1, 501)))


def test_a_seed_named_twice_is_refused(tmp_path):
    with pytest.raises(UsageError, match="named twice"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path, seeds=(1, 1)))


@pytest.mark.sumo
def test_a_small_budget_chooses_a_rule_on_two_hours(short, tmp_path):
    config = GenerateConfig(scenario=short, out=tmp_path / "out", runs=6, seeds=(11, 12))
    made = generate(config).manifest
    assert planned_runs(config) == 8
    assert set(made.starts) == {"max-wave 100 m", "steady"}
    assert made.delay_s in made.starts.values()
    assert made.rounds == ()
    assert made.simulated_hours == pytest.approx(6 * SHORT_S / 3600.0)  # the trials are its demonstrations


@pytest.mark.parametrize(
    ("steady_s", "chosen"),
    [((94.0, 94.0), "steady"), ((70.0, 96.0), "max-wave 100 m"), ((96.0, 70.0), "max-wave 100 m")],
)
def test_in_a_small_budget_a_rule_must_beat_max_wave_by_more_than_chance_on_every_hour(steady_s, chosen):
    class Tried:
        def try_out(self, candidates, seeds, what):
            delays = [(200.0, 220.0), (100.0, 100.0), steady_s]
            assert len(candidates) == len(delays)
            return [
                Trial(results=tuple(Result(delay_s=d, returns=(0.0,), simulated_s=1.0) for d in row))
                for row in delays
            ]

    written = _best_start([crossroads("J")], Tried(), Author.SEARCH)
    assert (written.baseline_delay_s, written.final.what) == (210.0, chosen)


FRESH, MORE = (13,), (14, 15)


class Told:
    """A bench that was told what everybody has, by hour."""

    def __init__(self, **delays_s):
        self.delays_s = {name.replace("_", "-"): delays for name, delays in delays_s.items()}
        self.asked = []

    def try_out(self, candidates, seeds, what):
        names = [plans["J"] for plans in candidates]
        self.asked.append((names, tuple(seeds)))
        hours = {13: 0, 14: 1, 15: 1}
        results = [
            [Result(delay_s=self.delays_s[n][hours[s]], returns=(0.0,), simulated_s=1.0) for s in seeds]
            for n in names
        ]
        return [Trial(results=tuple(row)) for row in results]


def standing(what):
    return ExecutedPlans(what=what, plans={"J": what}, trial=Trial(results=()))


@pytest.mark.parametrize(
    ("fresh_s", "chosen"),
    [
        ([50, 50, 50, 50], "max-wave"),
        ([50, 49, 51, 60], "known"),
        ([50, 51, 49, 60], "second"),
        ([50, 51, 51, 49], "third"),
    ],
)
def test_what_won_on_the_authors_hours_must_beat_max_wave_on_fresh_ones(fresh_s, chosen):
    names = ["max-wave", "known", "second", "third"]
    bench = Told(**{name.replace("-", "_"): (delay, delay) for name, delay in zip(names, fresh_s, strict=True)})
    found = [standing(what) for what in ("first", "second", "third")]
    assert _confirmed([standing("max-wave"), standing("known")], found, bench, FRESH, MORE).what == chosen
    assert bench.asked[0] == (names, FRESH), "the first found is out"


def test_a_gridlock_on_the_hours_of_the_last_two_decides_for_max_wave():
    bench = Told(max_wave=(50, 50), known=(45, 60), second=(48, 40), third=(49, 40))
    known, found = [standing("max-wave"), standing("known")], [standing("second"), standing("third")]
    assert _confirmed(known, found, bench, FRESH, MORE).what == "max-wave"
    assert bench.asked[1] == (["max-wave", "known"], MORE)


def test_max_wave_ahead_meets_the_next_best_other_plans():
    bench = Told(max_wave=(50, 50), second=(52, 47), third=(53, 40))
    known, found = [standing("max-wave"), standing("max-wave")], [standing("second"), standing("third")]
    assert _confirmed(known, found, bench, FRESH, MORE).what == "second"
    assert bench.asked[1] == (["max-wave", "second"], MORE)


def test_plans_that_are_all_the_same_meet_themselves():
    bench = Told(max_wave=(50, 50))
    assert (
        _confirmed([standing("max-wave")] * 2, [standing("max-wave")] * 2, bench, FRESH, MORE).what == "max-wave"
    )


@pytest.mark.sumo
def test_an_older_authors_record_does_not_stay_beside_other_plans(short, tmp_path):
    config = GenerateConfig(scenario=short, out=tmp_path / "out", runs=6, seeds=(1,))
    config.out.mkdir()
    for name in ("authorship.json", "report.html"):
        (config.out / name).write_text("of other plans")
    generate(config)
    assert sorted(item.name for item in config.out.iterdir()) == [
        "manifest.json",
        "plans.json",
        "trajectories.parquet",
    ]


@pytest.mark.sumo
def test_plans_that_are_there_already_become_demonstrations(short, tmp_path):
    (tmp_path / "plans.json").write_text(
        json.dumps({"C": max_wave_plan("C", reach_m=70.0).model_dump(mode="json")})
    )
    config = GenerateConfig(
        scenario=short, out=tmp_path / "out", author=Author.GIVEN, plans=tmp_path / "plans.json", seeds=(1,)
    )
    made = generate(config)
    assert (made.manifest.author, made.manifest.simulated_hours) == ("given", pytest.approx(3 * SHORT_S / 3600.0))
    assert (
        made.manifest.author_seeds == AUTHOR_SEEDS[:1]
    )  # the baseline, the plans, and one hour to demonstrate: three runs
    assert made.plans == {"C": max_wave_plan("C", reach_m=70.0)}


@pytest.mark.parametrize("settings", [{"author": Author.GIVEN}, {"plans": Path("plans.json")}])
def test_given_plans_need_their_file_and_nobody_else_takes_one(tmp_path, settings):
    with pytest.raises(UsageError, match="belong together"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path, **settings))


@pytest.mark.parametrize(("runs", "hours"), [(3, 3), (42, 3), (60, 3), (200, 10), (20_000, 100)])
def test_a_larger_budget_confirms_on_more_hours_none_of_which_chose_anything(runs, hours, tmp_path):
    first, more = confirmation_seeds(GenerateConfig(scenario="any", out=tmp_path, runs=runs))
    seeds = (*first, *more)
    assert (len(first), len(set(seeds))) == (hours, 3 * hours)
    assert not set(seeds) & set(AUTHOR_SEEDS)
    assert max(seeds) < FIRST_VALIDATION_SEED


@pytest.mark.parametrize(
    ("shown", "confirmed"),
    [
        ((1, 2, 3), ((1, 2, 3), (13, 14, 15, 16, 17, 18))),
        ((14,), ((14, 13, 15), (16, 17, 18, 19, 20, 21))),
        ((12, 4), ((4, 13, 14), (15, 16, 17, 18, 19, 20))),
        ((11, 12), ((13, 14, 15), (16, 17, 18, 19, 20, 21))),
        ((5, 6, 7, 8), ((5, 6, 7), (8, 13, 14, 15, 16, 17))),
    ],
)
def test_what_will_be_demonstrated_is_confirmed_there(shown, confirmed, tmp_path):
    assert confirmation_seeds(GenerateConfig(scenario="any", out=tmp_path, runs=60, seeds=shown)) == confirmed


@pytest.mark.parametrize("runs", [42, 60, 61, 199, 400])
def test_a_search_spends_at_most_what_it_may(runs, tmp_path):
    config = GenerateConfig(scenario="any", out=tmp_path, runs=runs, seeds=(1,))
    told_twice = n_racers(config) // CUT
    assert runs - 2 * len(AUTHOR_SEEDS) * 3 < planned_runs(config) - told_twice - len(config.seeds) <= runs


def test_a_budget_too_small_for_any_choice_is_refused(tmp_path):
    with pytest.raises(UsageError, match=f"needs 6 to choose among its rules, {least_runs()} to improve"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path, runs=5))


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DemonstrationError, match=r"holds thesis\.txt"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path))
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_folders_place_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(DemonstrationError, match="is a file"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path / "out"))


def test_an_unknown_scenario_leaves_nothing_behind(tmp_path):
    with pytest.raises(ScenarioError):
        generate(GenerateConfig(scenario="nowhere", out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
