"""Hand-built intersections and limits that tests share; geometry in round numbers."""

from dataclasses import replace
from itertools import combinations

from leed_traffic.domain.network import Intersection, Lane, Movement, MovementKind, OwnPhase, Span, Stage
from leed_traffic.domain.safety.timing import PARTS, Clearances, Timing, assemble_timing, derive_timing


def vehicle(link, *, speed_mps=13.89, length_m=20.0, direction="s", name=None):
    """A vehicle movement from lane in{link} to lane out{link}."""
    name = str(link) if name is None else name
    exit_span = Span(lane=f"out{name}_0", from_m=0.0, to_m=100.0, distance_m=length_m)
    return Movement(
        link=link, kind=MovementKind.VEHICLE, from_lane=f"in{name}_0", to_lane=f"out{name}_0", direction=direction,
        speed_mps=speed_mps, length_m=length_m, exit_span=exit_span,
    )  # fmt: skip


def crossing(link, *, length_m=12.8):
    """A pedestrian crossing."""
    return Movement(
        link=link, kind=MovementKind.PEDESTRIAN, from_lane=f"walk{link}_0", to_lane=f"walk{link}_1", direction="c",
        speed_mps=1.07, length_m=length_m, exit_span=None,
    )  # fmt: skip


def lane(link, *, length_m=80.0):
    """The lane of a vehicle movement, continued for another 120 m upstream."""
    spans = (
        Span(lane=f"in{link}_0", from_m=0.0, to_m=length_m, distance_m=0.0),
        Span(lane=f"up{link}_0", from_m=30.0, to_m=150.0, distance_m=length_m, share=0.5),
    )
    return Lane(id=f"in{link}_0", approach=f"in{link}", length_m=length_m, speed_mps=13.89, spans=spans)


def intersection(states, movements, foes, *, name="X", green_s=20.0):
    """An intersection whose own program shows the stages with 3 s of yellow and 1 s of all-red between them."""
    walkers = {m.link for m in movements if m.kind is MovementKind.PEDESTRIAN}
    program, stages = [], []
    for k, state in enumerate(states):
        after = states[(k + 1) % len(states)]
        stages.append(Stage(state=state, own_phase=len(program), own_green_s=green_s))
        pairs = list(enumerate(zip(state, after, strict=True)))
        yellow = "".join(
            ("r" if i in walkers else "y") if a in "Gg" and b not in "Gg" else a for i, (a, b) in pairs
        )
        red = "".join(a if a in "Gg" and b in "Gg" else "r" for _, (a, b) in pairs)
        program += [
            OwnPhase(state=state, duration_s=green_s),
            OwnPhase(state=yellow, duration_s=3.0),
            OwnPhase(state=red, duration_s=1.0),
        ]
    vehicles = [m.link for m in movements if m.kind is MovementKind.VEHICLE]
    return Intersection(
        id=name, lanes=tuple(lane(k) for k in vehicles), movements=tuple(movements), stages=tuple(stages),
        foes=tuple(sorted(foes)), neighbours=(), own_program=tuple(program), own_program_id="0", own_program_type="static",
    )  # fmt: skip


def four_legs(name="X"):
    """Four legs, a through and a left link each, crossings on every leg; lefts permissive beside the through stages.

    Links: N through 0, left 1; E 2, 3; S 4, 5; W 6, 7; crossings of the N, E, S and W leg 8, 9, 10, 11.
    """
    movements = []
    for through in (0, 2, 4, 6):
        movements += [vehicle(through), vehicle(through + 1, speed_mps=7.0, length_m=18.0, direction="l")]
    movements += [crossing(8), crossing(9, length_m=9.6), crossing(10), crossing(11, length_m=9.6)]
    foes = {(1, 4), (0, 5)} | {(3, 6), (2, 7)} | {(a, b) for a in (0, 1, 4, 5) for b in (2, 3, 6, 7) if a < b}
    foes |= {(b, a) for a in (4, 5) for b in (2, 3)}
    foes |= {(0, 8), (1, 8), (4, 8), (7, 8), (2, 9), (3, 9), (6, 9), (1, 9)}
    foes |= {(4, 10), (5, 10), (0, 10), (3, 10), (6, 11), (7, 11), (2, 11), (5, 11)}
    states = ["GgrrGgrrrGrG", "rGrrrGrrrrrr", "rrGgrrGgGrGr", "rrrGrrrGrrrr"]
    return intersection(states, movements, foes, name=name)


def t_junction(name="T"):
    """A side road from the south; one link of the main road stays green over two stages, and a right turn over two others.

    Links: E to W 0, E to S (left) 1, W to E 2, S to W (left) 3, S to E (right) 4.
    """
    movements = [vehicle(0), vehicle(1, speed_mps=7.0, direction="l"), vehicle(2)]
    movements += [vehicle(3, speed_mps=7.0, direction="l"), vehicle(4, speed_mps=6.0, length_m=9.0, direction="r")]
    return intersection(
        ["GgGrr", "GGrrG", "rrrGG"], movements, {(1, 2), (0, 3), (1, 3), (2, 3), (2, 4)}, name=name
    )


def star(n_stages, name="S"):
    """One link a stage, each a foe of every other."""
    states = ["".join("G" if k == s else "r" for k in range(n_stages)) for s in range(n_stages)]
    movements = [vehicle(k) for k in range(n_stages)]
    return intersection(states, movements, set(combinations(range(n_stages), 2)), name=name)


def three_stages(name="Y"):
    """Three legs that take turns."""
    return star(3, name)


def early_release(name="A"):
    """Stage 1 only adds a link to stage 0 and gives a yielding link priority; stage 2 serves the rest."""
    movements = [vehicle(0), vehicle(1), vehicle(2), crossing(3)]
    return intersection(["Ggrr", "GGrG", "rrGr"], movements, {(0, 2), (1, 2), (2, 3)}, name=name)


def shared_link(name="H"):
    """Link 0 serves a street and the crossing beside it, link 1 the other street, link 2 a crossing alone."""
    movements = [vehicle(0), crossing(0), vehicle(1), crossing(2, length_m=9.6)]
    return intersection(["GrG", "rGr"], movements, {(0, 1), (1, 2)}, name=name)


def tight_timing(junction, *, max_green_s=14.0, spare_s=0.0):
    """The derived clearances with short greens and the least maximum red that is possible."""
    derived = derive_timing(junction)
    least = [max(low, 5.0) for low in derived.min_green_s]
    tight = assemble_timing(
        junction,
        min_green_s=least,
        max_green_s=[max(max_green_s, low + 5.0) for low in least],
        fallback_green_s=least,
        clearances=derived.clearances,
        max_red_s=spare_s,
    )
    return replace(tight, fallback_order=tuple(range(len(least))))


def flat_timing(
    n_stages, *, name="S", min_green_s=7.0, max_green_s=30.0, yellow_s=3.0, all_red_s=1.0, max_red_s=120.0
):
    """The same values for all stages."""

    def matrix(value):
        return tuple(tuple(0.0 if i == j else value for j in range(n_stages)) for i in range(n_stages))

    return Timing(
        intersection=name, min_green_s=(min_green_s,) * n_stages, max_green_s=(max_green_s,) * n_stages,
        fallback_green_s=(min_green_s,) * n_stages, fallback_order=tuple(range(n_stages)),
        clearances=Clearances(
            pedestrian_clearance_s=matrix(0.0), yellow_s=matrix(yellow_s), all_red_s=matrix(all_red_s)
        ),
        max_red_s=max_red_s,
    )  # fmt: skip


def with_limits(timing, **limits):
    """The timing with other limits, each under its name in a site file."""
    parts = {name: limits.pop(name) for name in PARTS if name in limits}
    return replace(timing, clearances=replace(timing.clearances, **parts), **limits)
