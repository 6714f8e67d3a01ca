import pytest

from leed_traffic.errors import DeviceError
from leed_traffic.serve.logs.journal import FolderJournal
from leed_traffic.serve.logs.recorded_device import RecordedDevice
from leed_traffic.serve.logs.recording import RECORDING_NAME, Reader
from leed_traffic.serve.logs.records import Called, Connected, Ended, Lost, RecordedAnswer, Tick
from tests.serve.logs.test_recording import HEADER
from tests.serve.test_run import fake


@pytest.fixture
def journal(tmp_path):
    with FolderJournal(tmp_path, HEADER) as journal:
        yield journal


def recorded(journal, tmp_path):
    journal.flush()
    return [record for _, record in Reader(tmp_path / RECORDING_NAME).records()]


def test_the_device_is_told_first_and_then_each_tick_up_to_its_end(journal, tmp_path):
    device = RecordedDevice(fake(end_s=1.0), journal)
    seen = []
    while (snapshot := device.read()) is not None:
        seen.append(Tick.of(snapshot))
    found = recorded(journal, tmp_path)
    lanes = tuple(sorted(device.lane_index, key=device.lane_index.__getitem__))
    assert found == [Connected(step_s=device.step_s, end_s=1.0, lanes=lanes), *seen, Ended()]


@pytest.mark.parametrize("is_done", [True, False])
def test_a_command_is_recorded_with_the_answer(journal, tmp_path, is_done):
    inner = fake()
    inner.request = lambda n, stage, hold_s: is_done
    assert RecordedDevice(inner, journal).request(0, 2, 5.0) is is_done
    answer = RecordedAnswer.DONE if is_done else RecordedAnswer.REFUSED
    assert recorded(journal, tmp_path)[-1] == Called(
        intersection="C", verb="request", stage=2, hold_s=5.0, answer=answer
    )


def test_a_loss_is_recorded_and_told(journal, tmp_path):
    inner = fake()

    def lost(*_):
        raise DeviceError("gone")

    inner.extend = inner.read = lost
    device = RecordedDevice(inner, journal)
    with pytest.raises(DeviceError, match="gone"):
        device.extend(0, 1.0)
    with pytest.raises(DeviceError, match="gone"):
        device.read()
    called, said = recorded(journal, tmp_path)[-2:]
    assert (called.verb, called.answer, said) == ("extend", RecordedAnswer.LOST, Lost())
