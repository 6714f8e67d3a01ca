import pytest

from leed_traffic.drill.exercises import (
    unheard,
)

pytestmark = pytest.mark.sumo


def test_what_nobody_hears_ends_nothing(setting, monkeypatch):
    monkeypatch.setattr(unheard, "UNTIL_S", 40.0)
    monkeypatch.setattr(unheard, "_WAYS", ("closed", "nobody reads", "hang up"))
    assert unheard.speak_to_nobody(setting).faults == []
