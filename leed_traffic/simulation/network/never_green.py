"""Links that a signal never serves: whoever comes there stands for ever."""

from collections.abc import Iterable, Iterator, Sequence

from leed_traffic.domain.network import GREEN, Movement, MovementKind, edge_of

_PASSING = GREEN | set("soO")  # vehicles also turn on red after a stop, and pass where a signal is switched off
_SHOWN_WAYS = 4  # named in a sentence


def never_green(movements: Sequence[Movement], states: Iterable[str]) -> tuple[int, ...]:
    """Links on which somebody could pass, but in none of these states."""
    shown = list(states)
    return tuple(
        sorted({m.link for m in movements if not any(state[m.link] in _letters(m.kind) for state in shown)})
    )


def never_green_notes(movements: Sequence[Movement], own: Iterable[str], stages: Iterable[str]) -> Iterator[str]:
    """A sentence on the links that are green in no phase of a signal's own program, and on those in no stage of ours.

    Args:
        movements: of the signal.
        own: states of its own program.
        stages: states of the stages in it.
    """
    in_no_phase = never_green(movements, own)
    in_no_stage = [link for link in never_green(movements, stages) if link not in in_no_phase]
    for links, what in ((in_no_phase, "no phase of its program"), (in_no_stage, "no stage that can be asked for")):
        if links:
            lost = [m for m in movements if m.link in links]
            yield f"{_named(links)} never green, in {what}: {_who(lost)} there never pass ({_ways(lost)})"


def _letters(kind: MovementKind) -> Iterable[str]:
    return _PASSING if kind is MovementKind.VEHICLE else GREEN


def _named(links: Sequence[int]) -> str:
    return f"link {links[0]} is" if len(links) == 1 else f"links {', '.join(map(str, links))} are"


def _who(movements: Sequence[Movement]) -> str:
    kinds = {m.kind for m in movements}
    return " and ".join(
        name
        for kind, name in ((MovementKind.VEHICLE, "vehicles"), (MovementKind.PEDESTRIAN, "walkers"))
        if kind in kinds
    )


def _ways(movements: Sequence[Movement]) -> str:
    ways = list(dict.fromkeys(f"{edge_of(m.from_lane)} to {edge_of(m.to_lane)}" for m in movements))
    return ", ".join(ways[:_SHOWN_WAYS]) + (
        f" and {len(ways) - _SHOWN_WAYS} more" if len(ways) > _SHOWN_WAYS else ""
    )
