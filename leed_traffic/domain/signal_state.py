"""What a signal shows and who waits there: the input of every ruling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.network import Intersection


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalState:
    """One signal at one moment."""

    stage: int  # shown, or being cleared towards
    is_clearing: bool
    green_s: float  # since the stage turned green; 0 while clearing
    wait_s: tuple[float, ...]  # (S,) how long the longest-waiting movement of each stage has waited at red; 0: nobody

    def __post_init__(self) -> None:
        if not 0 <= self.stage < len(self.wait_s):
            raise ValueError(f"need 0 <= stage < {len(self.wait_s)}, got {self.stage}")


class WaitClock:
    """Seconds that a call has stood at red, for every link of one signal.

    A call is remembered from the first detection until its link turns green, as a locking detector does. A crossing without a
    button calls whenever it is red.
    """

    def __init__(self, intersection: Intersection) -> None:
        self._wait_s = np.zeros(intersection.n_links)
        self._green = np.array([[letter in "Gg" for letter in st.state] for st in intersection.stages])
        lane_index = {lane.id: k for k, lane in enumerate(intersection.lanes)}
        self._lane_of_link: NDArray[np.bool_] = np.zeros((intersection.n_links, max(1, intersection.n_lanes)), dtype=bool)
        for movement in intersection.vehicle_movements:
            if movement.from_lane in lane_index:
                self._lane_of_link[movement.link, lane_index[movement.from_lane]] = True
        self._always = np.zeros(intersection.n_links, dtype=bool)
        self._always[list(intersection.pedestrian_links)] = True

    def reset(self) -> None:
        """Forget every call."""
        self._wait_s[:] = 0.0

    def update(self, stage: int, is_clearing: bool, count_veh: NDArray[np.float64], elapsed_s: float) -> tuple[float, ...]:
        """Move the clock on; return (S,) the longest wait of each stage's red movements, in seconds.

        Args:
            stage: shown, or being cleared towards.
            is_clearing: nothing of the target stage counts as green yet.
            count_veh: (L,) vehicles within reach; NaN (a dead detector) counts as a call.
            elapsed_s: since the last update.
        """
        occupied = np.zeros(self._lane_of_link.shape[1], dtype=bool)
        occupied[: len(count_veh)] = ~(count_veh <= 0.0)  # NaN <= 0 is False: a dead detector calls
        called = self._lane_of_link @ occupied | self._always | (self._wait_s > 0.0)
        self._wait_s = np.where(called, self._wait_s + elapsed_s, 0.0)
        if not is_clearing:
            self._wait_s[self._green[stage]] = 0.0
        return tuple((self._green * self._wait_s).max(axis=1).tolist())
