import pytest

from leed_traffic.drill.exercises import (
    beside,
)

pytestmark = pytest.mark.sumo


@pytest.mark.slow
def test_what_becomes_of_one_controller_is_no_danger_to_the_other(setting):
    assert beside.neighbours(setting).faults == []
