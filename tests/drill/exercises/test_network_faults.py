import time

import pytest

from leed_traffic.drill.exercises.network_faults import try_faults
from leed_traffic.drill.rig.proxy import NetworkFault


@pytest.mark.sumo
def test_whatever_the_network_does_serving_ends_in_time_and_in_one_line(crossing_place, tmp_path):
    begin_s = time.monotonic()
    result = try_faults(crossing_place, tmp_path, 26, seed=5)
    assert (result.hangs, result.unclassified, result.unsafe_changes) == (0, (), 0)
    assert result.struck > 13
    assert set(result.by_fault) == set(NetworkFault)
    assert time.monotonic() - begin_s < 60.0
