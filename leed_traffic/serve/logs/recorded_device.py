"""A device whose whole conversation is written down."""

from collections.abc import Sequence

from leed_traffic.domain.road_users import Crossing
from leed_traffic.errors import DeviceError
from leed_traffic.serve.device.commands import OneCallDevice, Verb, command
from leed_traffic.serve.device.contract import SignalDevice, Snapshot
from leed_traffic.serve.logs.journal import FolderJournal
from leed_traffic.serve.logs.records import Called, Connected, Ended, Lost, RecordedAnswer, Tick


class RecordedDevice(OneCallDevice):
    """Passes everything on, and takes down what was said and answered."""

    def __init__(self, device: SignalDevice, journal: FolderJournal) -> None:
        self._device = device
        self._journal = journal
        self.step_s = device.step_s
        self.lane_index = device.lane_index
        self.end_s = device.end_s
        lanes = tuple(sorted(device.lane_index, key=device.lane_index.__getitem__))
        journal.record(lambda: Connected(step_s=device.step_s, end_s=device.end_s, lanes=lanes))

    def watch_crossings(self, crossings: Sequence[Crossing]) -> None:
        """Pass it on: snapshots tell what came of it."""
        self._device.watch_crossings(crossings)

    def read(self) -> Snapshot | None:
        """The device's next tick."""
        try:
            snapshot = self._device.read()
        except DeviceError:
            self._journal.record(Lost)
            raise
        if snapshot is None:
            self._journal.record(Ended)
        else:
            self._journal.record(lambda: Tick.of(snapshot))
        return snapshot

    def commit(self) -> None:
        """What was commanded reaches the device; a loss shows at the next call."""
        self._device.commit()

    def close(self) -> None:
        """Leave."""
        self._device.close()

    def _call(self, verb: Verb, n: int, stage: int, hold_s: float) -> bool:
        answer = RecordedAnswer.LOST
        try:
            is_done = command(self._device, verb, n, stage, hold_s)
            answer = RecordedAnswer.DONE if is_done else RecordedAnswer.REFUSED
        finally:
            id_ = self._journal.ids[n]
            self._journal.record(
                lambda: Called(intersection=id_, verb=verb, stage=stage, hold_s=hold_s, answer=answer)
            )
        return is_done
