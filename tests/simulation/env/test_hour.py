from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.simulation.env.env_spec import env_spec
from leed_traffic.simulation.env.episode import PlanController
from leed_traffic.simulation.env.hour import drive_hour, run_programs
from leed_traffic.simulation.score.score import read_score
from leed_traffic.simulation.sumo.options import TRIPS_NAME

pytestmark = pytest.mark.sumo
SHORT_S = 300.0


@pytest.fixture(scope="module")
def setting():
    spec = env_spec(load_scenario("crossing"))
    return replace(spec, scenario=replace(spec.scenario, end_s=spec.scenario.begin_s + SHORT_S))


def driver(setting):
    return PlanController({i.id: max_wave_plan(i.id) for i in setting.network.intersections})


def test_a_driven_hour_has_one_row_per_decision_and_a_score(setting):
    hour = drive_hour(setting, driver(setting), 1)
    (trajectory,) = hour.trajectories()
    assert hour.episode.observation.shape[0] == SHORT_S / 5
    assert len(trajectory) == SHORT_S / 5
    with setting.open() as env:
        assert hour.episode.observation.shape[1:] == env.shape
        assert trajectory.observation.shape[1] == env.specs[0].size
    assert hour.score.unsafe_changes == 0
    assert hour.score.scheduled > 0


def test_an_hour_is_the_same_whether_its_record_is_kept_or_not(setting, tmp_path):
    hour = drive_hour(setting, driver(setting), 1)
    kept = drive_hour(setting, driver(setting), 1, record=tmp_path)
    assert kept.score == hour.score
    assert (tmp_path / TRIPS_NAME).is_file()


def test_signals_left_to_their_programs_are_scored_from_the_same_record(setting, tmp_path):
    score = run_programs(setting, 1, record=tmp_path)
    driven = drive_hour(setting, driver(setting), 1).score
    assert score.scheduled == driven.scheduled  # the same day
    assert score.delay_s > driven.delay_s
    again = read_score(
        tmp_path,
        setting.scenario,
        setting.network,
        setting.site,
        seed=1,
        route_files=setting.scenario.route_files,
        stuck_veh=score.stuck_veh,
    )
    assert again.emergency_stops == score.emergency_stops
