"""How long a lost device is tried again, and with which pauses."""

import logging
from collections.abc import Callable

from leed_traffic.errors import DeviceError
from leed_traffic.serve.loop import StopRequest
from leed_traffic.serve.pace import Clock

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
_LOOK_S = 0.1  # between two looks whether we are to stop


class Patience:
    """Doubles the pause from try to try; a connection that ticked makes it patient anew."""

    def __init__(self, retry_s: float, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._retry_s, self._clock, self._sleep = retry_s, clock, sleep
        self._pause_s = FIRST_PAUSE_S
        self._is_waiting = False
        self.lost_at_s = 0.0

    def lost(self, error: DeviceError, stop: StopRequest, *, had_ticks: bool) -> None:
        """The device is lost, or still away: pause, or give up.

        Args:
            error: raised again when patience ends.
            stop: ends the pause and the run.
            had_ticks: the connection that is lost had worked.

        Raises:
            DeviceError: `error`, when nobody wants to wait any longer.
        """
        if had_ticks or not self._is_waiting:
            self._pause_s, self._is_waiting, self.lost_at_s = FIRST_PAUSE_S, True, self._clock()
        if self._clock() - self.lost_at_s >= self._retry_s or stop.number is not None:
            raise error
        log.warning("%s; trying again in %g s", error, self._pause_s)
        for _ in range(round(self._pause_s / _LOOK_S)):
            self._sleep(_LOOK_S)
            if stop.number is not None:
                raise error
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)
