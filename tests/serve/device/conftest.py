import pytest

from tests.serve.device.line import open_device


@pytest.fixture
def opened(start_sumo):
    devices = []

    def make(port=None, **changes):
        devices.append(open_device(port or start_sumo().port, **changes))
        return devices[-1]

    yield make
    for device in devices:
        device.close()
