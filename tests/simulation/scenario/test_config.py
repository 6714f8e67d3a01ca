from pathlib import Path

import pytest
from pydantic import ValidationError

from leed_traffic.simulation.scenario.config import ImportConfig


@pytest.mark.parametrize(
    ("setting", "last", "beyond"),
    [("spread", 1.0, 1.01), ("spread", 0.0, -0.01), ("per_hour", 100_000.0, 100_001.0), ("begin_s", 0.0, -1.0)],
)
def test_a_setting_beyond_its_bound_is_refused(setting, last, beyond):
    asked = {"source": Path("town.osm.xml"), "out": Path("town")}
    assert getattr(ImportConfig(**asked, **{setting: last}), setting) == last
    with pytest.raises(ValidationError, match=setting):
        ImportConfig(**asked, **{setting: beyond})
