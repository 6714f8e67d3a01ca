from pathlib import Path

import pytest

from leed_traffic.artifacts.result_store import ResultStore
from leed_traffic.benchmark.cell import BARS_NAME, Bar
from leed_traffic.benchmark.config import StudyConfig
from leed_traffic.benchmark.learners import DemonstrationSource
from leed_traffic.benchmark.study import cells_of, n_steps, study, study_scenarios
from leed_traffic.errors import UsageError
from tests.short_scenario import shortened


def test_learners_of_one_seed_share_their_experts_demonstrations(tmp_path):
    config = StudyConfig(
        scenarios=("crossing",), out=tmp_path, learners="leed,ippo,clone,bad-expert", training_seeds=2
    )
    (scenario,) = study_scenarios(config)
    runs = cells_of(config, scenario)
    assert [(cell.learner.name, cell.seed) for cell in runs[:4]] == [
        ("leed", 1),
        ("ippo", 1),
        ("clone", 1),
        ("bad-expert", 1),
    ]
    assert runs[0].demonstrations == runs[2].demonstrations != runs[4].demonstrations
    assert runs[1].demonstrations is None
    assert runs[3].demonstrations.expert is DemonstrationSource.BAD
    assert (runs[0].episodes, runs[1].episodes) == (config.episodes, config.long_episodes)


@pytest.mark.parametrize("other", ["b/net.sumocfg", "b/Net.sumocfg"])
def test_two_scenarios_of_one_name_are_refused(tmp_path, other):
    config = StudyConfig(scenarios=("a/net.sumocfg", other), out=tmp_path)
    with pytest.raises(UsageError, match="two have one name"):
        study_scenarios(config)


@pytest.mark.sumo
@pytest.mark.slow
def test_a_study_ends_with_findings_and_does_nothing_twice(tmp_path):
    short = shortened("crossing", 120, tmp_path)
    config = StudyConfig(
        scenarios=(short,), out=tmp_path / "study", learners="leed,ippo", training_seeds=1, evaluation_seeds=1,
        validation_seeds=1, episodes=2, long_episodes=2, workers=0,
    )  # fmt: skip
    told: list[str] = []
    found = study(config, told.append)
    assert len(told) == n_steps(config)
    leed, ippo = found.scenarios[0].learners
    assert leed.seeds[0].curve[0][0] == pytest.approx(6 * 120.0 / 3600.0, abs=1e-3), (
        "search and demonstrations count"
    )
    assert ippo.seeds[0].curve[-1][0] == pytest.approx(2 * 120.0 / 3600.0, abs=1e-3)
    assert leed.seeds[0].unsafe_changes == 0
    made = {path: path.stat().st_mtime_ns for path in Path(config.out).rglob("*.pt")}
    assert study(config, lambda note: None) == found
    assert {path: path.stat().st_mtime_ns for path in Path(config.out).rglob("*.pt")} == made
    alone = study(config.model_copy(update={"learners": "ippo"}), lambda note: None)
    assert (alone.episodes, alone.search_runs, alone.long_episodes) == (None, None, 2), (
        "nobody with an expert took part"
    )
    for other in ({"episodes": 4}, {"search_runs": 42}, {"validation_seeds": 2}):
        with pytest.raises(UsageError, match="was trained with other settings"):
            study(config.model_copy(update={"learners": "leed", **other}), lambda note: None)
    assert study(config, lambda note: None) == found, "what was refused changed nothing"
    scenario = study_scenarios(config)[0].folder
    bars = ResultStore(scenario / BARS_NAME, Bar)
    kept = [bars.find(path.name.removesuffix(".json.gz")) for path in (scenario / BARS_NAME).iterdir()]
    assert sorted(len(bar.delays_s) for bar in kept if bar is not None) == [1, 2]
