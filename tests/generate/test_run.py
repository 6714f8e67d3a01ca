import hashlib
from pathlib import Path

import pytest

from leed_traffic.artifacts.demonstrations import read_demonstrations
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.errors import DemonstrationError, ScenarioError, UsageError
from leed_traffic.generate.authors import planned_runs
from leed_traffic.generate.bench import Bench, Result, Trial
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.executed import ExecutedPlans
from leed_traffic.generate.run import _confirmed, generate
from leed_traffic.generate.schedule import CUT
from leed_traffic.generate.search.budget import MOST_DRAWN, least_runs
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.simulation.network.network_import import import_network
from tests.generate.short_hour import SHORT_S


@pytest.mark.sumo
def test_the_search_goes_on_after_an_interruption_and_ends_with_the_same_bytes(short, tmp_path):
    runs = least_runs() + MOST_DRAWN + MOST_DRAWN // CUT + 2 * 3  # all drawn rules, a round of two
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
    config = GenerateConfig(scenario=short, out=tmp_path / "one", author=AuthorName.WEBSTER, seeds=(1,))
    generate(config)
    generate(config.model_copy(update={"out": tmp_path / "two", "workers": 2}))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert read_demonstrations(tmp_path / "two").manifest.author == "webster"


def bench(short, folder, pool):
    scenario = load_scenario(short)
    network = import_network(scenario.net_file)
    setting = EnvSpec(
        scenario=scenario, network=network, site=load_site(None, scenario, network), decision_interval_s=5.0, reach_m=100.0,
        reward=Reward.QUEUE,
    )  # fmt: skip
    return Bench(setting, pool, folder, lambda what: None)


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


@pytest.mark.parametrize("settings", [{"author": AuthorName.GIVEN}, {"plans": Path("plans.json")}])
def test_given_plans_need_their_file_and_nobody_else_takes_one(tmp_path, settings):
    with pytest.raises(UsageError, match="belong together"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path, **settings))


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
