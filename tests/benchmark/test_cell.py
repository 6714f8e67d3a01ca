from pathlib import Path

import pytest

from leed_traffic.benchmark.cell import (
    BARS_NAME,
    COST_NAME,
    Cell,
    DemonstrationTask,
    StudyScenario,
    demonstrate,
    env_spec,
    set_bar,
    train_config,
)
from leed_traffic.benchmark.learners import BY_NAME, DemonstrationSource
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.simulation.env.episode import PlanController
from leed_traffic.simulation.env.hour import drive_hour
from tests.short_scenario import shortened


def study_scenario(folder, name="crossing"):
    return StudyScenario(name_or_path=name, site=None, folder=folder)


def cell(folder, learner, demonstrations=None):
    return Cell(
        scenario=study_scenario(folder), learner=BY_NAME[learner], seed=3, episodes=6, validation_seeds=2,
        demonstrations=demonstrations,
    )  # fmt: skip


def test_a_searchs_demonstrations_lie_apart_by_its_hours():
    def folder(expert, runs):
        return DemonstrationTask(scenario=study_scenario(Path("x")), expert=expert, seed=1, runs=runs).folder

    assert folder(DemonstrationSource.SEARCH, 6) != folder(DemonstrationSource.SEARCH, 42)
    assert folder(DemonstrationSource.WEBSTER, 6) == folder(DemonstrationSource.WEBSTER, 42)


def test_a_learner_trains_with_its_own_settings_and_the_studys(tmp_path):
    config = train_config(cell(tmp_path, "ippo"))
    asked = (config.ppo.episodes, config.seed, config.validation.validation_seeds, config.demonstrations)
    assert asked == (6, 3, 2, None)
    assert not config.resume
    made = DemonstrationTask(scenario=study_scenario(tmp_path), expert=DemonstrationSource.SEARCH, seed=3, runs=6)
    config = train_config(cell(tmp_path, "dagger", made))
    assert (config.ppo.episodes, config.demonstrations) == (0, made.made)


def test_demonstrations_whose_cost_is_known_are_not_made_again(tmp_path):
    task = DemonstrationTask(scenario=study_scenario(tmp_path), expert=DemonstrationSource.SEARCH, seed=1, runs=6)
    task.folder.mkdir(parents=True)
    (task.folder / COST_NAME).write_text("{}")
    demonstrate(task)
    assert [path.name for path in task.folder.iterdir()] == [COST_NAME]


@pytest.mark.sumo
def test_the_bar_is_max_wave_on_the_validation_hours_and_is_made_once(tmp_path, monkeypatch):
    driven = []

    def count(spec, controller, seed):
        driven.append(seed)
        return drive_hour(spec, controller, seed)

    monkeypatch.setattr("leed_traffic.benchmark.cell.drive_hour", count)
    scenario = study_scenario(tmp_path / "study", shortened("crossing", 120, tmp_path))
    bar = set_bar(scenario, 2)
    assert driven == [FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + 1]
    assert set_bar(scenario, 2) == bar
    assert len(driven) == 2
    assert set_bar(scenario, 1).delays_s == bar.delays_s[:1]
    assert len(list((scenario.folder / BARS_NAME).iterdir())) == 2
    spec = env_spec(scenario)
    controller = PlanController({i.id: max_wave_plan(i.id) for i in spec.network.intersections})
    assert drive_hour(spec, controller, FIRST_VALIDATION_SEED).score.delay_s == bar.delays_s[0]
