"""Short names for what a junction consists of, so that nothing from a net file ever enters a prompt.

Approaches are letters, their lanes the letter with a number, neighbouring signals `signal 1` and so on.
Identifiers of real nets cost many tokens, and a street may be called anything, an instruction to the model
included.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass

from leed_traffic.domain.network import Intersection, Movement, edge_of
from leed_traffic.generate.brief import Brief
from leed_traffic.simulation.demand.turning_counts import Turn

DIRECTIONS = {"s": "straight", "l": "left", "r": "right", "t": "U-turn", "L": "half left", "R": "half right"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Both ways between a junction's identifiers and the short names."""

    approaches: dict[str, str]  # identifier -> letter, in the order of the lanes
    lanes: dict[str, str]  # identifier -> letter and number
    signals: dict[str, str]  # neighbouring signal -> signal k
    movements: dict[int, str]  # link -> approach and direction, or crossing k

    def lane_of(self) -> dict[str, str]:
        """Identifier of each lane by its short name."""
        return {short: lane for lane, short in self.lanes.items()}

    def approach_of(self) -> dict[str, str]:
        """Identifier of each approach by its letter."""
        return {short: approach for approach, short in self.approaches.items()}

    def turn(self, turn: Turn) -> str:
        """A turn in words."""
        return next((self.movements[link] for link in turn.links if link in self.movements), "an unused way")

    def words(self, links: Sequence[int]) -> list[str]:
        """Movements of some links, each once."""
        return list(dict.fromkeys(self.movements[link] for link in links if link in self.movements))


def name_parts(brief: Brief) -> Names:
    """Short names for the lanes, approaches, neighbours and movements of a brief's junction."""
    junction = brief.intersection
    approaches: dict[str, str] = {}
    lanes: dict[str, str] = {}
    counted: dict[str, int] = {}
    for lane in junction.lanes:
        letter = approaches.setdefault(lane.approach, letters(len(approaches)))
        counted[letter] = counted.get(letter, 0) + 1
        lanes[lane.id] = f"{letter}{counted[letter]}"
    neighbours = dict.fromkeys([up.neighbour for up in brief.upstream] + [n.id for n in junction.neighbours])
    return Names(
        approaches=approaches,
        lanes=lanes,
        signals={name: f"signal {k + 1}" for k, name in enumerate(neighbours)},
        movements=_movements(junction, approaches),
    )


def letters(k: int) -> str:
    """A to Z, then AA, AB and so on, as a spreadsheet counts."""
    text = ""
    k += 1
    while k > 0:
        k, rest = divmod(k - 1, 26)
        text = string.ascii_uppercase[rest] + text
    return text


def _movements(junction: Intersection, approaches: dict[str, str]) -> dict[int, str]:
    """Approach and direction; ways in the same direction to different exits are numbered."""
    lane_approach = {lane.id: lane.approach for lane in junction.lanes}
    exits: dict[str, dict[str, None]] = {}
    plain: list[tuple[Movement, str, str]] = []
    for movement in junction.vehicle_movements:
        approach = lane_approach.get(movement.from_lane, edge_of(movement.from_lane))
        words = f"{approaches.get(approach, 'other')} {DIRECTIONS.get(movement.direction, 'onward')}"
        exit_edge = edge_of(movement.to_lane)
        exits.setdefault(words, {}).setdefault(exit_edge)
        plain.append((movement, words, exit_edge))
    named = {}
    for movement, words, exit_edge in plain:
        position = list(exits[words]).index(exit_edge)
        named[movement.link] = words if position == 0 else f"{words} {position + 1}"
    for k, link in enumerate(sorted(junction.pedestrian_links)):
        named.setdefault(link, f"crossing {k + 1}")  # a link that vehicles share has their name
    return dict(sorted(named.items()))
