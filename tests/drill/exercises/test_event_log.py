import pytest

from leed_traffic.drill.exercises import (
    event_log,
)
from leed_traffic.drill.exercises.event_log import events_agree
from leed_traffic.drill.row import DrillSetting

pytestmark = pytest.mark.sumo


def test_the_event_log_tells_what_sumo_wrote_down(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 300)
    found = events_agree(setting)
    assert found.faults == []
    assert found.count > 200


def test_an_event_log_that_tells_of_a_green_too_many_is_found_out(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 120)
    read = event_log._read_csv
    monkeypatch.setattr(event_log, "_read_csv", lambda path: [*read(path), (50.3, 1, 1)])
    assert events_agree(setting).faults == [
        "events.parquet and events.csv differ",
        "phase 1, begin_green: apart at [50.3] s",
    ]
