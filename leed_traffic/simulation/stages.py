"""Which phases of a signal's own program are stages, and which are only ways from one stage to the next.

A candidate is a phase without yellow in which something is green. Not every candidate is a stage:

- the vehicles go on while the walkers' green has already ended: part of the stage before it;
- nothing is green that is not green, with at least that priority, both before and after: a partial all-red;
- two paths that cross or merge both have priority: dropped if the other stages serve all its movements, else the path that
  has to give way by the net's right of way shows `g` instead;
- the same letters again: the same stage, with the sum of the greens.
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


def choose_stages(phases: Sequence[OwnPhase], foes: tuple[Pair, ...], gives_way: Set[Pair], crossings: Set[int]) -> StageChoice:
    """The stages in a signal's own program, in its order.

    Args:
        phases: its own program.
        foes: link pairs whose paths cross or merge.
        gives_way: ordered pairs (a, b): a has to give way to b by the net's right of way.
        crossings: links of pedestrians.
    """
    candidates = [
        Stage(state=phase.state, own_phase=i, own_green_s=phase.duration_s)
        for i, phase in enumerate(phases)
        if set(phase.state) <= RESTING and not GREEN.isdisjoint(phase.state)
    ]
    stages = _without_partial_reds(_with_walk_outs(candidates, crossings))
    stages, notes = _without_clashes(_merged(stages), foes, gives_way)
    return StageChoice(stages=tuple(_merged(stages)), notes=tuple(notes))


def _with_walk_outs(candidates: list[Stage], crossings: Set[int]) -> list[Stage]:
    """Count a phase in which only walkers have lost their green towards the stage before it."""
    stages: list[Stage] = []
    for stage in candidates:
        if stages and _is_walk_out(stages[-1], stage, crossings):
            stages[-1] = replace(stages[-1], own_green_s=stages[-1].own_green_s + stage.own_green_s)
        else:
            stages.append(stage)
    if len(stages) > 1 and _is_walk_out(stages[-1], stages[0], crossings):  # the program begins in the middle of a stage
        stages[-1] = replace(stages[-1], own_green_s=stages[-1].own_green_s + stages[0].own_green_s)
        del stages[0]
    return stages


def _is_walk_out(before: Stage, after: Stage, crossings: Set[int]) -> bool:
    return (before.green - crossings == after.green - crossings) and (after.green & crossings < before.green & crossings)


def _without_partial_reds(stages: list[Stage]) -> list[Stage]:
    return [
        stage
        for i, stage in enumerate(stages)
        if not (_is_weaker(stage, stages[i - 1]) and _is_weaker(stage, stages[(i + 1) % len(stages)]))
    ]


def _is_weaker(stage: Stage, other: Stage) -> bool:
    """Whether everything green here is green there with at least this priority, and more besides."""
    pairs = [(_STRENGTH.get(a, 0), _STRENGTH.get(b, 0)) for a, b in zip(stage.state, other.state, strict=True)]
    return stage.green < other.green and all(a <= b for a, b in pairs)


def _merged(stages: Sequence[Stage]) -> list[Stage]:
    """Each state once: its first phase and the sum of its greens."""
    by_state: dict[str, Stage] = {}
    for stage in stages:
        first = by_state.get(stage.state)
        by_state[stage.state] = replace(first, own_green_s=first.own_green_s + stage.own_green_s) if first else stage
    return list(by_state.values())


def _without_clashes(stages: Sequence[Stage], foes: tuple[Pair, ...], gives_way: Set[Pair]) -> tuple[list[Stage], list[str]]:
    """No stage in which two foes both have priority; and a sentence on each that had one."""
    kept, notes = list(stages), []
    for stage in stages:
        clash = conflict_in(stage.state, foes)
        if clash is None:
            continue
        where = f"phase {stage.own_phase} gives priority to links {clash[0]} and {clash[1]}, whose paths conflict"
        served = frozenset[int]().union(*(other.green for other in kept if other is not stage))
        state = _demoted(stage.state, foes, gives_way)
        if stage.green <= served or state is None:
            kept.remove(stage)
            notes.append(f"{where}: not used as a stage")
        else:
            kept[kept.index(stage)] = replace(stage, state=state)
            notes.append(f"{where}: shown as {state}")
    return kept, notes


def _demoted(state: str, foes: tuple[Pair, ...], gives_way: Set[Pair]) -> str | None:
    """The state with `g` for every link that has to give way to a clashing one; None where no right of way decides."""
    while (clash := conflict_in(state, foes)) is not None:
        a, b = clash
        if clash not in gives_way and (b, a) not in gives_way:
            return None
        minor = a if clash in gives_way and (b, a) not in gives_way else b
        state = f"{state[:minor]}g{state[minor + 1 :]}"
    return state
