"""Self-organising traffic lights that keep platoons together (Cools, Gershenson and D'Hooghe 2013).

Every stage that is red counts the vehicles that approach it, over time:

    kappa_s <- kappa_s + dt n_s     n_s vehicles within rho on the fullest lane that stage s serves
                                    and the current one does not

Once the green has stood for its minimum, the signal changes to the stage with the largest kappa if that is at
least theta, and if no platoon would be cut: with 1 to mu - 1 vehicles within omega on the fullest green lane the
change waits for them. Green resets kappa.

The papers have crossings of two streets with one lane each. With more lanes the fullest one counts (their sum
would change the signal after every minimum green: 171 s against 65 s of delay on `arterial5`), with more stages
the largest count takes the turn. theta, rho, omega and mu are ours, close to the papers' choice, and the same on
every network.
"""

from collections.abc import Sequence

import numpy as np

from leed_traffic.domain.detectors.detection import Array, Detection, LocalReadings
from leed_traffic.domain.detectors.sensing import SensedDetection
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.situation import Situation
from leed_traffic.simulation.env.signal_env import Request, SignalEnv

THETA_VEH_S = 50.0  # vehicle seconds
RHO_M = 80.0  # m before a red light
OMEGA_M = 25.0  # m before the green light
MU_VEH = 3.0  # vehicles that are a platoon's tail; more are too many to wait for


class SotlSignal:
    """One signal's counts and its rule."""

    def __init__(self, intersection: Intersection) -> None:
        shares = [intersection.lane_shares(s, permissive=0.5) for s in range(intersection.n_stages)]
        self._serves = np.array(shares).reshape(intersection.n_stages, intersection.n_lanes) > 0.0  # (S, L)
        self._kappa = np.zeros(intersection.n_stages)

    def request(self, far: LocalReadings, near: LocalReadings, state: SignalState, elapsed_s: float) -> int:
        """The stage wanted next.

        Args:
            far: detectors that reach RHO_M.
            near: detectors that reach OMEGA_M.
            state: stage and clearance on display.
            elapsed_s: since the last call.
        """
        current = state.stage
        # kappa_s <- kappa_s + dt n_s
        red = self._serves & ~self._serves[current]
        self._kappa += elapsed_s * (red * _known(far.count_veh)).max(axis=1, initial=0.0)
        self._kappa[current] = 0.0
        passing = float((self._serves[current] * _known(near.count_veh)).max(initial=0.0))
        if state.is_clearing or 0.0 < passing < MU_VEH:
            return current
        fullest = int(self._kappa.argmax())
        return fullest if self._kappa[fullest] >= THETA_VEH_S else current


class SotlController:
    """Lets every signal organise itself; the minimum green is the envelope's."""

    def __init__(self) -> None:
        self._signals: list[SotlSignal] = []
        self._far: Detection | SensedDetection
        self._near: Detection | SensedDetection
        self._time_s = 0.0

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Begin to count anew."""
        self._signals = [SotlSignal(intersection) for intersection in env.intersections]
        self._far = env.watch([RHO_M] * env.n)
        self._near = env.watch([OMEGA_M] * env.n)
        self._time_s = 0.0

    def decide(self, env: SignalEnv, situation: Situation) -> Sequence[Request]:
        """(N,) stages that the signals want."""
        far = self._far.measure(env.vehicles)
        near = self._near.measure(env.vehicles)
        elapsed_s = situation.time_s - self._time_s
        self._time_s = situation.time_s
        return [
            signal.request(far.of(n), near.of(n), situation.states[n], elapsed_s)
            for n, signal in enumerate(self._signals)
        ]


def _known(count_veh: Array) -> Array:
    """A dead detector counts nobody."""
    known: Array = np.nan_to_num(count_veh)
    return known
