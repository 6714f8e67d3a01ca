import signal

import pytest

from leed_traffic.drill.exercises import (
    beside,
)
from leed_traffic.drill.exercises.beside import judge
from leed_traffic.drill.rig.place import ServeOutcome
from leed_traffic.errors import DeviceError


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_survivor_of_a_kill_must_end_with_the_error_of_a_lost_device(number):
    def outcome(error):
        return ServeOutcome(summary=None, error=error, seconds=1.0, is_hung=False)

    assert judge(outcome(DeviceError("lost")), None, number) == []
    (fault,) = judge(outcome(ValueError("another")), None, number)
    assert "expected exit code 5" in fault


def test_a_survivor_that_hangs_or_a_wrong_exit_code_is_found_out():
    hung = ServeOutcome(summary=None, error=None, seconds=1.0, is_hung=True)
    assert judge(hung, 0, signal.SIGTERM) == ["the other one hangs"]
    ended = ServeOutcome(summary=None, error=None, seconds=1.0, is_hung=False)
    assert "left with exit code 99" in judge(ended, 99, signal.SIGTERM)


@pytest.mark.sumo
@pytest.mark.slow
def test_what_becomes_of_one_controller_is_no_danger_to_the_other(setting):
    assert beside.neighbours(setting).faults == []
