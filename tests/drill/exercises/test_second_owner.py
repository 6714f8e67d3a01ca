import pytest

from leed_traffic.drill.exercises import second_owner
from leed_traffic.serve.device.signal_locks import SignalLocks

pytestmark = pytest.mark.sumo


def test_a_second_owner_is_refused_or_waits(setting):
    found = second_owner.second_owner(setting)
    assert (found.faults, found.count) == ([], 6)


def test_a_second_owner_that_is_not_refused_is_found_out(setting, monkeypatch):
    monkeypatch.setattr(SignalLocks, "take", lambda self: None)
    faults = second_owner._same_machine(setting.crossing)
    assert len(faults) == 3
    assert "127.0.0.1: a second controller ended with" in faults[0]
