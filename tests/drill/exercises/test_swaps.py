import shutil

import pytest

from leed_traffic.drill.exercises import (
    swaps,
)
from leed_traffic.drill.row import DrillSetting
from leed_traffic.serve.control.hot_swap import HotSwap

pytestmark = pytest.mark.sumo


def test_swaps_leave_nothing_behind_and_what_would_grow_is_found_out(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 20)
    assert swaps.swap_again_and_again(setting).faults == []
    kept = [(100.0, 20), (150.0, 30)]
    monkeypatch.setattr(swaps, "_footprint", lambda: kept.pop(0))
    shutil.rmtree(setting.crossing.folder / "swaps")
    assert swaps.swap_again_and_again(setting).faults == ["memory +50.0 MB, open files +10"]


def test_bad_bundles_are_demoted_and_a_controller_that_keeps_them_is_found_out(setting, monkeypatch):
    assert swaps.demote_bad_bundles(setting).faults == []
    monkeypatch.setattr(HotSwap, "trip", lambda self, why: None)
    shutil.rmtree(setting.crossing.folder / "demotion")
    assert len(swaps.demote_bad_bundles(setting).faults) >= 10
