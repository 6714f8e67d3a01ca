"""Patience with a lost device: for how long it is tried again, and with which pauses."""

import logging
from collections.abc import Callable

from leed_traffic.errors import DeviceError, ExitCode, StopError
from leed_traffic.serve.control.loop import StopRequest, stop_code
from leed_traffic.serve.control.pace import Clock

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
_LOOK_S = 0.1  # between two looks whether we are to stop


class ReconnectBackoff:
    """Doubles the pause from try to try; a connection that ticked makes it patient anew."""

    def __init__(
        self,
        retry_s: float,
        clock: Clock,
        sleep: Callable[[float], None],
        stop: StopRequest,
        on_wait: Callable[[str], None] = lambda why: None,
    ) -> None:
        """Begin with nothing lost.

        Args:
            retry_s: for how long a lost device is tried again.
            clock: measures that.
            sleep: from look to look.
            stop: ends the waiting and the run.
            on_wait: told why, at every look.
        """
        self._retry_s = retry_s
        self._clock = clock
        self._sleep = sleep
        self._stop = stop
        self._on_wait = on_wait
        self._why = "connecting"
        self._pause_s = FIRST_PAUSE_S
        self._is_waiting = self._had_ticks = False
        self.lost_at_s = 0.0

    def look(self) -> None:
        """Say between two tries that the device is still tried; leave when we are to stop.

        Raises:
            StopError: we are to stop; the code of the signal where no connection had worked, else that of a lost
                device.
        """
        number = self._stop.number
        if number is not None:
            code = ExitCode.BACKEND_LOST if self._had_ticks else stop_code(number)
            raise StopError(f"stopped while {self._why}", code)
        self._on_wait(self._why)

    def lost(self, error: DeviceError, *, had_ticks: bool) -> None:
        """Pause while the device is lost, or give up.

        Args:
            error: raised again when patience ends.
            had_ticks: the connection that is lost had worked.

        Raises:
            DeviceError: `error`, when its time is over.
            StopError: see `look`.
        """
        if had_ticks or not self._is_waiting:
            self._pause_s, self._is_waiting, self.lost_at_s = FIRST_PAUSE_S, True, self._clock()
        self._had_ticks = self._had_ticks or had_ticks
        if self._clock() - self.lost_at_s >= self._retry_s:
            raise error
        log.warning("%s; trying again in %g s", error, self._pause_s)
        self._why = f"trying again: {error}"
        self.look()
        for _ in range(round(self._pause_s / _LOOK_S)):
            self._sleep(_LOOK_S)
            self.look()
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)
