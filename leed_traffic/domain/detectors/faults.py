"""Detectors that break: which lane's, how, and when, drawn for an hour ahead from a seeded generator.

dead        reports nothing: NaN, which the observation encodes as -1
stuck_on    reports a full zone, or a covered loop that counts nobody, for ever
stuck_off   reports an empty road for ever
chatter     presence comes and goes at random, whatever the traffic
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class DetectorFault(IntEnum):
    """Fault of a lane's detectors."""

    NONE = 0
    DEAD = 1
    STUCK_ON = 2
    STUCK_OFF = 3
    CHATTER = 4


LASTING = (DetectorFault.DEAD, DetectorFault.STUCK_ON, DetectorFault.STUCK_OFF, DetectorFault.CHATTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Rates at which detectors break."""

    dropouts_per_lane_hour: float = 0.0  # short silences, as of a lost radio packet or a glare
    dropout_s: float = 30.0  # mean length of one
    faults_per_lane_hour: float = 0.0  # lasting: one of the four kinds, equally likely
    fault_s: float = 1800.0  # mean length of one
    one_per_intersection: DetectorFault = DetectorFault.NONE  # one lane's detectors at every signal, all the time

    def __post_init__(self) -> None:
        for name in ("dropouts_per_lane_hour", "faults_per_lane_hour"):
            if not 0.0 <= getattr(self, name) <= 100.0:
                raise ValueError(f"need 0 <= {name} <= 100, got {getattr(self, name)}")
        if not (self.dropout_s > 0.0 and self.fault_s > 0.0):
            raise ValueError(f"need dropout_s and fault_s over 0, got {self.dropout_s} and {self.fault_s}")

    @property
    def is_sound(self) -> bool:
        """Return whether nothing ever breaks."""
        return not (self.dropouts_per_lane_hour or self.faults_per_lane_hour or self.one_per_intersection)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """The faults of an hour; a later one on the same lane hides an earlier one."""

    lane: NDArray[np.intp]  # (F,)
    kind: NDArray[np.intp]  # (F,) a DetectorFault
    from_s: NDArray[np.float64]  # (F,)
    to_s: NDArray[np.float64]  # (F,)
    n_lanes: int

    def at(self, time_s: float) -> NDArray[np.intp]:
        """(L,) what is wrong with each lane's detectors at a time."""
        now = np.zeros(self.n_lanes, dtype=np.intp)
        stands = (self.from_s <= time_s) & (time_s < self.to_s)
        now[self.lane[stands]] = self.kind[stands]
        return now


def draw_faults(rates: FaultRates, lanes: Sequence[int], duration_s: float, rng: np.random.Generator) -> FaultPlan:
    """The faults of one hour.

    Args:
        rates: how often.
        lanes: (N,) lanes of each signal; arrays run over all of them in turn.
        duration_s: of the hour.
        rng: the only source of chance.
    """
    n_lanes = sum(lanes)
    rows = []
    hours = duration_s / 3600.0
    for kinds, per_hour, length_s in (
        ((DetectorFault.DEAD,), rates.dropouts_per_lane_hour, rates.dropout_s),
        (LASTING, rates.faults_per_lane_hour, rates.fault_s),
    ):
        n = int(rng.poisson(per_hour * hours * n_lanes)) if n_lanes else 0
        begin_s = np.sort(rng.uniform(0.0, duration_s, n))
        for start_s in begin_s.tolist():
            kind = kinds[int(rng.integers(len(kinds)))]
            rows.append(
                (int(rng.integers(n_lanes)), int(kind), start_s, start_s + float(rng.exponential(length_s)))
            )
    if rates.one_per_intersection:
        first = 0
        for own in lanes:
            if own:
                rows.append((first + int(rng.integers(own)), int(rates.one_per_intersection), -np.inf, np.inf))
            first += own
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 4)
    return FaultPlan(
        lane=table[:, 0].astype(np.intp),
        kind=table[:, 1].astype(np.intp),
        from_s=table[:, 2],
        to_s=table[:, 3],
        n_lanes=n_lanes,
    )
