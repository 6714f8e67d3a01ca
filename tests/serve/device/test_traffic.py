"""Vehicles read over TraCI."""

import numpy as np
import pytest

from tests.serve.device.test_contract import LANES, open_device


@pytest.mark.sumo
def test_vehicles_are_those_on_the_lanes_read(start_sumo):
    device = open_device(start_sumo().port)
    snapshots = [device.read() for _ in range(60)]
    device.close()
    counts = [len(snapshot.vehicles.lane) for snapshot in snapshots]
    assert counts[0] == 0
    assert max(counts) > 3
    last = snapshots[-1].vehicles
    assert np.isfinite(last.position_m).all()
    assert (last.speed_mps >= 0.0).all()
    assert set(last.lane) <= set(range(len(LANES)))
