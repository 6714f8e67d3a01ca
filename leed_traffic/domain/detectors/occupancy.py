"""Lanes inside a junction on which a vehicle extends a clearance; simulation and street read the same lanes."""

from collections.abc import Callable, Sequence

from leed_traffic.domain.network import GREEN
from leed_traffic.domain.safety.program import StageProgram

InnerLanes = tuple[tuple[str, ...], ...]  # per link the lanes inside the junction that its vehicles pass


def inner_lanes(links: Sequence[Sequence[tuple[str, str, str]]], lane_behind: Callable[[str], str]) -> InnerLanes:
    """List, per link of a signal, the lanes inside the junction that its vehicles pass.

    Args:
        links: of each signal link (from lane, to lane, first lane inside the junction or "") of the ways that it
            serves.
        lane_behind: the lane inside the junction that follows another there, or "": the way may wait in the middle
            and go on.
    """
    every: list[tuple[str, ...]] = []
    for ways in links:
        inner: list[str] = []
        for _, _, via in ways:
            lane = via
            while lane and lane not in inner:
                inner.append(lane)
                lane = lane_behind(lane)
        every.append(tuple(inner))
    return tuple(every)


def lanes_of_red(state: str, inner: InnerLanes) -> tuple[str, ...]:
    """The lanes inside the junction of all links that are red in a state, each once.

    A net's states may be longer than its signal has links.
    """
    red = (lanes for letter, lanes in zip(state, inner, strict=False) if letter not in GREEN)
    return tuple(dict.fromkeys(lane for lanes in red for lane in lanes))


def lanes_to_clear(program: StageProgram, inner: InnerLanes) -> dict[int, tuple[str, ...]]:
    """The lanes of all links that are red at the end of a clearance, by the phase in which it ends."""
    ends = {k: phase.extension for k, phase in enumerate(program.phases) if phase.extension is not None}
    return {k: lanes_of_red(program.phases[extension].state, inner) for k, extension in ends.items()}
