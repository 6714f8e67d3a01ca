"""A shadow: one controller drives, another is asked at every decision and never obeyed.

So the two are compared on the very same traffic, before the second one touches a street: how often they want the
same stage, and where they do not.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.situation import Situation
from leed_traffic.simulation.env.episode import Controller
from leed_traffic.simulation.env.signal_env import Request, SignalEnv


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementTally:
    """Agreement of driver and shadow at one intersection, over the decisions at which there was a choice."""

    intersection: str
    decisions: int
    agreed: int
    differences: tuple[
        tuple[int | None, int | None, int], ...
    ]  # (driver's stage, shadow's stage, times), most often first


class ShadowedController:
    """Drives as `driver` does and asks `shadow` along; both see every decision, so both keep their own memory."""

    def __init__(self, driver: Controller, shadow: Controller) -> None:
        self._driver = driver
        self._shadow = shadow
        self._names: tuple[str, ...] = ()
        self._wanted: list[Counter[tuple[int | None, int | None]]] = []

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Begin anew, with empty tallies."""
        self._driver.reset(env, seed)
        self._shadow.reset(env, seed)
        self._names = tuple(i.id for i in env.intersections)
        self._wanted = [Counter() for _ in self._names]

    def decide(self, env: SignalEnv, situation: Situation) -> Sequence[Request] | NDArray[np.integer]:
        """(N,) stages that the driver wants."""
        wanted = self._driver.decide(env, situation)
        other = self._shadow.decide(env, situation)
        for n, state in enumerate(situation.states):
            if not state.is_clearing and situation.legal[n].sum() > 1:
                self._wanted[n][_stage(wanted[n]), _stage(other[n])] += 1
        return wanted

    def tallies(self) -> tuple[AgreementTally, ...]:
        """One per intersection, since the last reset."""
        return tuple(
            AgreementTally(
                intersection=name,
                decisions=sum(pairs.values()),
                agreed=sum(times for (mine, its), times in pairs.items() if mine == its),
                differences=_differences(pairs),
            )
            for name, pairs in zip(self._names, self._wanted, strict=True)
        )


def add_up(tallies: Sequence[AgreementTally]) -> AgreementTally:
    """One intersection's tally over several runs, at least one."""
    pairs: Counter[tuple[int | None, int | None]] = Counter()
    for tally in tallies:
        for mine, its, times in tally.differences:
            pairs[mine, its] += times
    return AgreementTally(
        intersection=tallies[0].intersection,
        decisions=sum(tally.decisions for tally in tallies),
        agreed=sum(tally.agreed for tally in tallies),
        differences=_differences(pairs),
    )


def _differences(pairs: Counter[tuple[int | None, int | None]]) -> tuple[tuple[int | None, int | None, int], ...]:
    apart = [(mine, its, times) for (mine, its), times in pairs.items() if mine != its]
    return tuple(sorted(apart, key=lambda item: (-item[2], str(item[0]), str(item[1]))))


def _stage(request: Request) -> int | None:
    """A request as a stage; None where the controller had nothing sound to say."""
    return int(request) if request is not None and np.isfinite(request) else None
