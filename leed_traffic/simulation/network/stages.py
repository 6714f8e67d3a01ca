"""Stages among the phases of a signal's own program; the others only lead from one stage to the next.

A candidate is a phase without yellow in which something is green. Not every candidate is a stage:

- the vehicles go on while the walkers' green has already ended: part of the stage before it;
- nothing is green that is not green, with at least that priority, both before and after: a partial all-red;
- two paths that cross or merge both have priority: the one that has to give way by the net's right of way shows `g` instead;
  where the net does not say which, it is no stage; nor where neither path is a turn (two streets that cross), if the phases
  without such a fault serve all its movements;
- the same letters again: the same stage, with the sum of the greens.

A turn that is green whatever the signal shows has no stage of its own: it yields in all stages if it conflicts
with a priority green in any, so that it is the same signal whether the net writes such a turn as `G` or as `g`.
What becomes of a phase never depends on what became of another one.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from leed_traffic.domain.network import GREEN, RESTING, OwnPhase, Stage, conflict_in

Pair = tuple[int, int]
_STRENGTH = {"G": 2, "g": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChoice:
    """The stages of one signal, and a sentence on each phase that is not shown as it stands in the net."""

    stages: tuple[Stage, ...]
    notes: tuple[str, ...]


def choose_stages(
    phases: Sequence[OwnPhase],
    foes: tuple[Pair, ...],
    gives_way: Set[Pair],
    crossings: Set[int],
    turns: Set[int] | None = None,
) -> StageChoice:
    """The stages in a signal's own program, in its order.

    Args:
        phases: its own program.
        foes: link pairs whose paths cross or merge.
        gives_way: ordered pairs (a, b): a has to give way to b by the net's right of way.
        crossings: links of pedestrians alone.
        turns: links on which all vehicles turn; None: nobody knows.
    """
    candidates = [
        Stage(state=phase.state, own_phase=i, own_green_s=phase.duration_s)
        for i, phase in enumerate(phases)
        if set(phase.state) <= RESTING and not GREEN.isdisjoint(phase.state)
    ]
    free = _free_turns(_reduced(candidates, crossings), foes, turns or frozenset())

    def settled(stage: Stage) -> str | None:
        return _demoted(_yielding(stage.state, free), foes, gives_way)

    unusable = {stage.state for stage in candidates if settled(stage) is None}
    crossing_streets = (
        [] if turns is None else [s for s in candidates if _has_crossing_streets(s.state, foes, turns)]
    )
    served = frozenset[int]().union(
        *(s.green for s in candidates if s not in crossing_streets and s.state not in unusable)
    )
    unusable |= {stage.state for stage in crossing_streets if stage.green <= served}
    chosen = _reduced([stage for stage in candidates if stage.state not in unusable], crossings)
    stages = [replace(stage, state=settled(stage) or stage.state) for stage in chosen]
    dropped = [stage for stage in _merged(candidates) if stage.state in unusable]
    notes = [(stage.own_phase, _note(stage, None, foes)) for stage in dropped]
    notes += [
        (a.own_phase, _note(a, b.state, foes)) for a, b in zip(chosen, stages, strict=True) if a.state != b.state
    ]
    return StageChoice(stages=tuple(_merged(stages)), notes=tuple(note for _, note in sorted(notes)))


def _reduced(candidates: list[Stage], crossings: Set[int]) -> list[Stage]:
    """Candidates that are no way from one to the next, each state once."""
    return _merged(_without_partial_reds(_with_walk_outs(candidates, crossings)))


def _note(stage: Stage, state: str | None, foes: tuple[Pair, ...]) -> str:
    """A sentence on a phase that is shown with another state, or, with None, in no stage."""
    clash = conflict_in(stage.state, foes)
    what = "a turn that every stage serves and that yields in another"
    if clash is not None:
        what = f"links {clash[0]} and {clash[1]}, whose paths conflict"
    return f"phase {stage.own_phase} gives priority to {what}: {f'shown as {state}' if state else 'not used as a stage'}"


def _with_walk_outs(candidates: list[Stage], crossings: Set[int]) -> list[Stage]:
    """Count a phase in which only walkers have lost their green towards the stage before it."""
    stages: list[Stage] = []
    for stage in candidates:
        if stages and _is_walk_out(stages[-1], stage, crossings):
            stages[-1] = replace(stages[-1], own_green_s=stages[-1].own_green_s + stage.own_green_s)
        else:
            stages.append(stage)
    if len(stages) > 1 and _is_walk_out(
        stages[-1], stages[0], crossings
    ):  # the program begins in the middle of a stage
        stages[-1] = replace(stages[-1], own_green_s=stages[-1].own_green_s + stages[0].own_green_s)
        del stages[0]
    return stages


def _is_walk_out(before: Stage, after: Stage, crossings: Set[int]) -> bool:
    return (before.green - crossings == after.green - crossings) and (
        after.green & crossings < before.green & crossings
    )


def _without_partial_reds(stages: list[Stage]) -> list[Stage]:
    return [
        stage
        for i, stage in enumerate(stages)
        if not (_is_weaker(stage, stages[i - 1]) and _is_weaker(stage, stages[(i + 1) % len(stages)]))
    ]


def _is_weaker(stage: Stage, other: Stage) -> bool:
    """Return whether everything green here is green there with at least this priority, and more besides."""
    pairs = [(_STRENGTH.get(a, 0), _STRENGTH.get(b, 0)) for a, b in zip(stage.state, other.state, strict=True)]
    return stage.green < other.green and all(a <= b for a, b in pairs)


def _merged(stages: Sequence[Stage]) -> list[Stage]:
    """Each state once: its first phase and the sum of its greens."""
    by_state: dict[str, Stage] = {}
    for stage in stages:
        first = by_state.get(stage.state)
        by_state[stage.state] = (
            replace(first, own_green_s=first.own_green_s + stage.own_green_s) if first else stage
        )
    return list(by_state.values())


def _has_crossing_streets(state: str, foes: tuple[Pair, ...], turns: Set[int]) -> bool:
    return any(turns.isdisjoint(pair) for pair in _clashes(state, foes))


def _free_turns(stages: Sequence[Stage], foes: tuple[Pair, ...], turns: Set[int]) -> frozenset[int]:
    """Turns that every stage serves and one of them beside a foe with priority that is no such turn."""
    if not stages:
        return frozenset()
    always = frozenset.intersection(*(stage.green for stage in stages)) & turns
    clashes = [pair for stage in stages for pair in _clashes(stage.state, foes)]
    return frozenset(a for pair in clashes for a in pair if a in always and not always.issuperset(pair))


def _demoted(state: str, foes: tuple[Pair, ...], gives_way: Set[Pair]) -> str | None:
    """The state with `g` for every link that has to give way to a clashing one; None where no right of way decides."""
    clashes = _clashes(state, foes)
    minor = {a for a, b in clashes if (a, b) in gives_way} | {b for a, b in clashes if (b, a) in gives_way}
    state = _yielding(state, minor)
    return None if _clashes(state, foes) else state


def _clashes(state: str, foes: tuple[Pair, ...]) -> list[Pair]:
    return [(a, b) for a, b in foes if state[a] == state[b] == "G"]


def _yielding(state: str, links: Set[int]) -> str:
    return "".join("g" if k in links and letter == "G" else letter for k, letter in enumerate(state))
