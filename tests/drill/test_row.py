from pathlib import Path
from types import SimpleNamespace

import pytest

from leed_traffic.drill.row import SHIPPED, DrillSetting


@pytest.mark.parametrize(("full", "times"), [(False, 3), (True, 50)])
def test_a_full_drill_repeats_more_often(full, times):
    setting = DrillSetting(crossing=SimpleNamespace(folder=Path("drill")), full=full, seed=1)
    assert setting.many(3, 50) == times
    assert setting.scenarios == SHIPPED


def test_an_exercise_has_a_folder_for_every_scenario_named_or_by_path():
    setting = DrillSetting(crossing=SimpleNamespace(folder=Path("drill")), full=False, seed=1)
    assert setting.folder_of("grid4x4", "oracle") == Path("drill/oracle/grid4x4")
    assert setting.folder_of("nets/ours.sumocfg", "oracle") == Path("drill/oracle/ours.sumocfg")
