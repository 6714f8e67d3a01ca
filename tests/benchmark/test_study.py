from pathlib import Path

import pytest

from leed_traffic.benchmark.cell import Bar
from leed_traffic.benchmark.config import StudyConfig
from leed_traffic.benchmark.learners import Expert
from leed_traffic.benchmark.study import cells_of, n_steps, scenarios_of, study
from leed_traffic.errors import UsageError
from tests.short_scenario import shortened


def test_learners_of_one_seed_share_their_experts_demonstrations(tmp_path):
    config = StudyConfig(
        scenarios=("crossing",), out=tmp_path, learners="leed,ippo,clone,bad-expert", training_seeds=2
    )
    (ground,) = scenarios_of(config)
    runs = cells_of(config, ground)
    assert [(cell.learner.name, cell.seed) for cell in runs[:4]] == [
        ("leed", 1),
        ("ippo", 1),
        ("clone", 1),
        ("bad-expert", 1),
    ]
    assert runs[0].demonstrations == runs[2].demonstrations != runs[4].demonstrations
    assert runs[1].demonstrations is None
    assert runs[3].demonstrations.expert is Expert.BAD
    assert (runs[0].episodes, runs[1].episodes) == (config.episodes, config.long_episodes)


@pytest.mark.parametrize("other", ["b/net.sumocfg", "b/Net.sumocfg"])
def test_two_scenarios_of_one_name_are_refused(tmp_path, other):
    config = StudyConfig(scenarios=("a/net.sumocfg", other), out=tmp_path)
    with pytest.raises(UsageError, match="two have one name"):
        scenarios_of(config)


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
    ground = scenarios_of(config)[0].folder
    assert len(Bar.model_validate_json((ground / "bar-1.json").read_bytes()).delays_s) == 1
    assert len(Bar.model_validate_json((ground / "bar-2.json").read_bytes()).delays_s) == 2
