"""Display of a signal and the waits there: the input of every ruling."""

from collections.abc import Sequence
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
    wait_s: tuple[
        float, ...
    ]  # (S,) how long the longest-waiting movement of each stage has waited at red; 0: nobody
    # shown as green before `green_s` began to count: part of a maximum green, never of a minimum
    earlier_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.stage < len(self.wait_s):
            raise ValueError(f"need 0 <= stage < {len(self.wait_s)}, got {self.stage}")


class WaitClocks:
    """Seconds that a call has stood at red, for every link of N signals at once.

    A call is remembered from the first detection until its link turns green, as a locking detector does. A
    crossing without a button calls whenever it is red.
    """

    def __init__(self, intersections: Sequence[Intersection]) -> None:
        n = len(intersections)
        k_max = max(i.n_links for i in intersections)
        self._n_stages = [i.n_stages for i in intersections]
        self._n_links = [i.n_links for i in intersections]
        self._every = np.arange(n)
        self._wait_s = np.zeros((n, k_max))
        self._green = np.zeros((n, max(self._n_stages), k_max))  # 1 where a stage serves a link
        self._always = np.zeros((n, k_max))
        links: list[int] = []
        lanes: list[int] = []
        first_lane = 0
        for row, intersection in enumerate(intersections):
            for stage, shown in enumerate(intersection.stages):
                self._green[row, stage, list(shown.green)] = 1.0
            self._always[row, list(intersection.pedestrian_links)] = 1.0
            lane_index = {lane.id: first_lane + k for k, lane in enumerate(intersection.lanes)}
            first_lane += intersection.n_lanes
            for movement in intersection.vehicle_movements:
                if movement.from_lane in lane_index:
                    links.append(row * k_max + movement.link)
                    lanes.append(lane_index[movement.from_lane])
        self._links = np.array(links, dtype=np.intp)
        self._lanes = np.array(lanes, dtype=np.intp)

    def reset(self) -> None:
        """Forget every call."""
        self._wait_s[:] = 0.0

    def links_of(self, n: int) -> tuple[float, ...]:
        """The wait of every link of the n-th signal, in seconds."""
        return tuple(self._wait_s[n, : self._n_links[n]].tolist())

    def put(self, n: int, wait_s: Sequence[float]) -> None:
        """Go on from what was counted earlier, one wait in seconds for every link of the n-th signal."""
        self._wait_s[n, : self._n_links[n]] = wait_s

    def limit(self, n: int, stage_s: Sequence[float]) -> None:
        """Cut the waits of the n-th signal's links to what its stages may have waited, (S,) s, the least."""
        of_links = np.where(self._green[n, : self._n_stages[n]] > 0.0, np.array(stage_s)[:, None], np.inf).min(
            axis=0
        )
        self._wait_s[n] = np.minimum(self._wait_s[n], of_links)

    def longest_s(self) -> list[tuple[float, ...]]:
        """N times (S,) the longest wait of each stage's movements, in seconds."""
        longest = (self._green * self._wait_s[:, None, :]).max(axis=2).tolist()
        return [tuple(row[:n]) for row, n in zip(longest, self._n_stages, strict=True)]

    def update(
        self,
        stages: Sequence[int],
        are_clearing: Sequence[bool],
        count_veh: NDArray[np.float64],
        elapsed_s: float | NDArray[np.float64],
    ) -> list[tuple[float, ...]]:
        """Move the clocks on; return N times (S,) the longest wait of each stage's red movements, in seconds.

        Args:
            stages: (N,) shown, or being cleared towards.
            are_clearing: (N,) nothing of the target stage counts as green yet.
            count_veh: vehicles within reach on the lanes of all signals in turn; NaN (a dead detector) counts as a
                call.
            elapsed_s: since the last update, one for all signals or (N, 1).
        """
        occupied = ~(count_veh <= 0.0)  # NaN <= 0 is False: a dead detector calls
        detected = np.bincount(self._links, weights=occupied[self._lanes], minlength=self._wait_s.size)
        called = detected.reshape(self._wait_s.shape) + self._always + self._wait_s > 0.0
        self._wait_s = np.where(called, self._wait_s + elapsed_s, 0.0)
        shown = self._green[self._every, np.asarray(stages)]
        self._wait_s *= 1.0 - shown * np.logical_not(are_clearing)[:, None]
        return self.longest_s()
