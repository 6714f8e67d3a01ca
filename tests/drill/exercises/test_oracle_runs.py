from dataclasses import replace

import pytest

from leed_traffic.drill.exercises import (
    displays,
    oracle_runs,
)
from leed_traffic.drill.exercises.oracle_runs import outside_oracle
from leed_traffic.drill.row import DrillSetting

pytestmark = pytest.mark.sumo


def test_all_states_of_the_crossing_are_sound(setting):
    found = displays.enumerate_states(replace(setting, scenarios=("crossing",)))
    assert found.faults == []
    assert found.count > 50_000


def test_the_outside_oracle_tells_an_unsafe_controller_from_ours(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 900)
    assert outside_oracle(replace(setting, scenarios=("crossing",))).faults == []


def test_an_oracle_that_is_given_an_unsafe_controller_as_ours_complains(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 300)
    monkeypatch.setattr(oracle_runs, "without_clearances", lambda site: site)
    (fault,) = outside_oracle(replace(setting, scenarios=("crossing",))).faults
    assert "without clearances: the oracle blames nobody" in fault
