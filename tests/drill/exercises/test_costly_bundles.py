import shutil

import pytest

from leed_traffic.drill.exercises import (
    costly_bundles,
)
from leed_traffic.serve.control.hot_swap import HotSwap

pytestmark = pytest.mark.sumo


def test_costly_bundles_are_refused_and_a_check_that_pays_for_them_is_found_out(setting, monkeypatch):
    finding = costly_bundles.costly_bundles(setting)
    assert finding.faults == []
    assert finding.count == len(costly_bundles.BOMBS) + 7 + 2
    monkeypatch.setattr(costly_bundles, "BOMBS", dict(list(costly_bundles.BOMBS.items())[:1]))
    monkeypatch.setattr(HotSwap, "trip", lambda self, why: None)
    for slow in setting.crossing.folder.glob("slow*"):
        shutil.rmtree(slow)

    def careless(path):
        memory = b"x" * (80 << 20)
        return setting.crossing.bundle if memory else None

    faults = costly_bundles.costly_bundles(setting, careless).faults
    assert "a column plus a row: accepted" in faults
    assert any(fault.startswith("a sparse manifest.json: cost 8") for fault in faults)
    assert faults[-1] == "decisions of 0.6 s: rolled back 0 times"
