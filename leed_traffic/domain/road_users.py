"""Weights of road users: a rule of the site, for the reward and for the counts of plans.

By itself every vehicle counts 1 and nobody on foot counts. A site may say that a bus stands for the persons in it,
and that persons who wait at a crossing count, too; those then stand in the observation (domain/observation.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from leed_traffic.domain.network import Intersection, MovementKind, edge_of

PERSONS_SCALE = 10.0  # persons waiting at one crossing that make 1 in the observation


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weight of one road user of a class, in cars."""

    classes: tuple[tuple[str, float], ...] = ()  # SUMO's vehicle classes; 1 where one is not named
    persons: float = 0.0  # a person who waits at a crossing

    def __post_init__(self) -> None:
        if not all(0.0 < weight <= 100.0 for _, weight in self.classes) or not 0.0 <= self.persons <= 100.0:
            raise ValueError(
                "need class weights over 0 and at most 100, and persons from 0 to 100, "
                f"got {self.classes} and {self.persons}"
            )

    @cached_property
    def by_class(self) -> Mapping[str, float]:
        """Weight of every class that is named."""
        return dict(self.classes)

    @property
    def counts_persons(self) -> bool:
        """Return whether persons at crossings are observed and count."""
        return self.persons > 0.0


CARS = Weights()


Crossing = tuple[tuple[str, ...], str]  # the edges on which persons wait for it, and its own edge


def crossings_of(intersections: Sequence[Intersection]) -> list[Crossing]:
    """List the crossings of all intersections in turn, by link: edges where persons wait, and the crossing's own.

    Of a crossing with a signal for each direction each link has those who come from its side.
    """
    crossings = []
    for intersection in intersections:
        walks = sorted(
            (m for m in intersection.movements if m.kind is MovementKind.PEDESTRIAN), key=lambda m: m.link
        )
        areas = tuple(sorted({edge_of(m.from_lane) for m in walks}))
        by_link = {m.link: (edge_of(m.from_lane), edge_of(m.to_lane)) for m in walks}
        signals = Counter(crossing for _, crossing in by_link.values())
        crossings += [
            ((area,) if signals[crossing] > 1 else areas, crossing)
            for _, (area, crossing) in sorted(by_link.items())
        ]
    return crossings
