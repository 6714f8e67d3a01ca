"""Phases as the readers of event logs mean them: links that are green in the same stages, numbered from 1.

A stage is what our program shows, a phase what a high-resolution log speaks of. Vehicles come first in the
numbering, then crossings; a link that no stage serves belongs to no phase.
"""

from dataclasses import dataclass
from enum import Enum, auto

from leed_traffic.domain.network import GREEN, Intersection
from leed_traffic.serve.logs.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of a signal."""

    number: int
    links: tuple[int, ...]
    is_walk: bool


class _Look(Enum):
    """Display of a phase; CLEARED: red, and the clearance after it is over."""

    GREEN = auto()
    YELLOW = auto()
    RED = auto()
    CLEARED = auto()


def phases_of(intersection: Intersection) -> tuple[Phase, ...]:
    """Return the phases of a signal, in the order of their first links."""
    walks = intersection.walk_only_links  # who shares a link with vehicles has their phase
    groups: dict[tuple[bool, tuple[bool, ...]], list[int]] = {}
    for link in range(intersection.n_links):
        served = tuple(link in stage.green for stage in intersection.stages)
        if any(served):
            groups.setdefault((link in walks, served), []).append(link)
    ordered = sorted(groups.items(), key=lambda item: (item[0][0], item[1][0]))
    return tuple(Phase(number=k + 1, links=tuple(links), is_walk=key[0]) for k, (key, links) in enumerate(ordered))


def phase_of_lane(intersection: Intersection, phases: tuple[Phase, ...], lane: str) -> int | None:
    """Return the phase that serves most links of an incoming lane, the first of several; None where none does."""
    links = [m.link for m in intersection.vehicle_movements if m.from_lane == lane]
    shares = [(sum(link in phase.links for link in links), -phase.number) for phase in phases if not phase.is_walk]
    most, number = max(shares, default=(0, 0))
    return -number if most else None


class PhaseEvents:
    """Follows the letters of one signal and tells what its phases begin and end."""

    def __init__(self, intersection: Intersection) -> None:
        self._phases = phases_of(intersection)
        self._n_links = intersection.n_links
        self._looks: dict[int, _Look] = {}

    def see(self, state: str, *, is_standing: bool, terminated_by: Event | None) -> list[tuple[Event, int]]:
        """Return the events (code, phase) since the last call; at the first one only greens and yellows begin.

        Args:
            state: letters.
            is_standing: a stage is shown, so every clearance is over.
            terminated_by: why greens end, if we know.
        """
        if len(state) != self._n_links:
            return []
        ends: list[tuple[Event, int]] = []
        begins: list[tuple[Event, int]] = []
        for phase in self._phases:
            letters = {state[link] for link in phase.links}
            look = _Look.GREEN if letters & GREEN else _Look.YELLOW if letters & {"y", "Y"} else _Look.RED
            before = self._looks.get(phase.number, _Look.CLEARED)
            if look is _Look.RED and (is_standing or before is _Look.CLEARED):
                look = _Look.CLEARED
            self._looks[phase.number] = look
            if look is not before:
                ends += _ends(phase, before, terminated_by)
                passes_red = look is _Look.CLEARED and before is not _Look.RED  # both within one look
                ends += _begins(phase, _Look.RED) + _ends(phase, _Look.RED, None) if passes_red else []
                begins += _begins(phase, look)
        return ends + begins


def _ends(phase: Phase, look: _Look, terminated_by: Event | None) -> list[tuple[Event, int]]:
    if phase.is_walk:
        return []
    if look is _Look.GREEN:
        why = [] if terminated_by is None else [(terminated_by, phase.number)]
        return [*why, (Event.GREEN_TERMINATION, phase.number)]
    ending = {_Look.YELLOW: Event.END_YELLOW, _Look.RED: Event.END_RED_CLEARANCE}
    return [(ending[look], phase.number)] if look in ending else []


def _begins(phase: Phase, look: _Look) -> list[tuple[Event, int]]:
    if phase.is_walk:
        beginning = {
            _Look.GREEN: Event.BEGIN_WALK,
            _Look.RED: Event.BEGIN_WALK_CLEARANCE,
            _Look.CLEARED: Event.BEGIN_DONT_WALK,
        }
    else:
        beginning = {
            _Look.GREEN: Event.BEGIN_GREEN,
            _Look.YELLOW: Event.BEGIN_YELLOW,
            _Look.RED: Event.BEGIN_RED_CLEARANCE,
        }
    return [(beginning[look], phase.number)] if look in beginning else []
