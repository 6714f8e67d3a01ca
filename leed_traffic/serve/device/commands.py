"""The commands of a device as one call, for whoever stands between a controller and a device."""

from abc import ABC, abstractmethod
from enum import StrEnum

from leed_traffic.serve.device.contract import SignalDevice


class Verb(StrEnum):
    """Verb of a command; the words stand in recordings."""

    ENGAGE = "engage"
    REQUEST = "request"
    RELEASE = "release"
    EXTEND = "extend"


class OneCallDevice(ABC):
    """A `SignalDevice`'s commands, each of them one `_call`; what a command does not name is 0."""

    def engage(self, n: int, stage: int) -> bool:
        """See `SignalDevice`."""
        return self._call(Verb.ENGAGE, n, stage, 0.0)

    def request(self, n: int, stage: int, hold_s: float) -> bool:
        """See `SignalDevice`."""
        return self._call(Verb.REQUEST, n, stage, hold_s)

    def extend(self, n: int, hold_s: float) -> bool:
        """See `SignalDevice`."""
        return self._call(Verb.EXTEND, n, 0, hold_s)

    def release(self, n: int) -> bool:
        """See `SignalDevice`."""
        return self._call(Verb.RELEASE, n, 0, 0.0)

    @abstractmethod
    def _call(self, verb: Verb, n: int, stage: int, hold_s: float) -> bool:
        """Call the device; return whether it obeyed."""


def command(device: SignalDevice, verb: Verb, n: int, stage: int, hold_s: float) -> bool:
    """Return whether a device obeys a command that was written as one call."""
    if verb is Verb.ENGAGE:
        return device.engage(n, stage)
    if verb is Verb.REQUEST:
        return device.request(n, stage, hold_s)
    if verb is Verb.EXTEND:
        return device.extend(n, hold_s)
    return device.release(n)
