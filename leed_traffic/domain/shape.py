"""Shape of an intersection that a policy depends on, and the first difference of another one from it.

A policy depends on the order of its inputs and outputs (incoming lanes, stages), on what its detectors see (the
stretches of lane within reach), on what each signal link serves, and on which links conflict. It does not depend
on the program that the signal runs by itself, its offset, its neighbours, or anything farther away than the
detectors see: those may change. Speeds and lengths inside the junction reach it through the limits alone;
`limits_difference` compares those.
"""

from collections.abc import Iterator, Sequence

from leed_traffic.domain.network import Intersection, Lane, Movement, MovementKind, Span
from leed_traffic.domain.safety.timing import Timing

# m: a tenth of a vehicle; netconvert rounds coordinates, so an edit far away moves lengths by centimetres
TOLERANCE_M = 0.5
_UNASKED = (
    "intersection",
    "fallback_green_s",
    "fallback_order",
)  # what the signal shows when nobody asks for a stage


def shape_difference(trained: Intersection, here: Intersection, *, reach_m: float) -> str | None:
    """The first difference that matters to a policy: what, expected, got; None where there is none.

    Args:
        trained: the intersection that the policy was trained on.
        here: the one with its id in the network where it shall run.
        reach_m: of its detectors.
    """
    return next(_differences(trained, here, reach_m), None)


def limits_difference(trained: Timing, here: Timing) -> str | None:
    """The first limit that is not the trained one, with its stages; None where there is none.

    What the signal shows when nobody asks may differ: no policy learns from it.
    """
    new = here.limits()
    for name, old in trained.limits().items():
        if name not in _UNASKED and old != new[name]:
            return _limit(name, old, new[name])
    return None


def _differences(trained: Intersection, here: Intersection, reach_m: float) -> Iterator[str]:
    yield from _lanes(trained.lanes, here.lanes, here.id)
    if trained.n_links != here.n_links:
        yield f"made for {trained.n_links} signal links, intersection {here.id} has {here.n_links}"
    yield from _stages(trained, here)
    yield from _links(trained.movements, here.movements, here.id)
    for old, new in zip(trained.lanes, here.lanes, strict=True):
        yield from _spans(f"lane {old.id}", old.spans, new.spans, reach_m)
    for old_movement, new_movement in zip(_sorted(trained.movements), _sorted(here.movements), strict=True):
        exits = [(m.exit_span,) if m.exit_span else () for m in (old_movement, new_movement)]
        yield from _spans(f"the exit of link {old_movement.link}", exits[0], exits[1], reach_m)
    if changed := sorted(set(trained.foes) ^ set(here.foes)):
        a, b = changed[0]
        here_too = "conflict here and did not" if changed[0] in here.foes else "do not conflict here and did"
        yield f"links {a} and {b} of intersection {here.id} {here_too} where it was trained"


def _lanes(trained: Sequence[Lane], here: Sequence[Lane], where: str) -> Iterator[str]:
    old = [lane.id for lane in trained]
    new = [lane.id for lane in here]
    if old == new:
        return
    count = f"made for {len(old)} incoming lanes, intersection {where} has {len(new)}"
    if gone := [name for name in old if name not in new]:
        yield f"{count}: lane {gone[0]} is not among them"
    if added := [name for name in new if name not in old]:
        yield f"{count}: lane {added[0]} is new"
    yield f"made for the incoming lanes in the order {' '.join(old)}, intersection {where} has {' '.join(new)}"


def _stages(trained: Intersection, here: Intersection) -> Iterator[str]:
    old = [stage.state for stage in trained.stages]
    new = [stage.state for stage in here.stages]
    if len(old) != len(new):
        count = f"made for {len(old)} stages, intersection {here.id} has {len(new)}"
        odd = next((state for state in old if state not in new), None)
        yield f"{count}: none shows {odd}" if odd else f"{count}: {next(s for s in new if s not in old)} is new"
    for k, (before, now) in enumerate(zip(old, new, strict=False)):
        if before != now:
            yield f"made for stage {k} = {before}, intersection {here.id} has {now}"


def _links(trained: Sequence[Movement], here: Sequence[Movement], where: str) -> Iterator[str]:
    old = _by_link(trained)
    new = _by_link(here)
    for link in sorted(old.keys() | new.keys()):
        before = old.get(link, [])
        now = new.get(link, [])
        if before != now:
            serves = _said(now).removeprefix("that ")
            yield f"made for link {link} {_said(before)}, at intersection {where} it {serves}"


def _sorted(movements: Sequence[Movement]) -> list[Movement]:
    return sorted(movements, key=lambda m: (m.link, m.kind, m.from_lane, m.to_lane))


def _by_link(movements: Sequence[Movement]) -> dict[int, list[tuple[MovementKind, str, str]]]:
    found: dict[int, list[tuple[MovementKind, str, str]]] = {}
    for m in _sorted(movements):
        found.setdefault(m.link, []).append((m.kind, m.from_lane, m.to_lane))
    return found


def _said(movements: Sequence[tuple[MovementKind, str, str]]) -> str:
    if not movements:
        return "that serves nothing"
    return "that serves " + ", ".join(
        "a crossing" if kind is MovementKind.PEDESTRIAN else f"{a} to {b}" for kind, a, b in movements
    )


def _spans(what: str, trained: Sequence[Span], here: Sequence[Span], reach_m: float) -> Iterator[str]:
    """Two lists of stretches compared as far as the detectors see."""
    old, new = (_within(spans, reach_m) for spans in (trained, here))
    saw, see = (" ".join(name for name, *_ in spans) or "nothing" for spans in (old, new))
    if saw != see:
        yield f"{what}: {reach_m:g} m of detectors saw {saw}, here {see}"
        return
    for (name, *before), (_, *now) in zip(old, new, strict=True):
        if any(
            abs(a - b) > tolerance
            for a, b, tolerance in zip(before, now, (TOLERANCE_M,) * 2 + (1e-6,), strict=True)
        ):
            yield (
                f"{what}: detectors saw {before[0]:.1f} m of {name} from {before[1]:.1f} m off the stop line"
                f" (share {before[2]:.2f}), here {now[0]:.1f} m from {now[1]:.1f} m (share {now[2]:.2f})"
            )


def _within(spans: Sequence[Span], reach_m: float) -> list[tuple[str, float, float, float]]:
    """(lane, metres seen, distance from the stop line, share) of each stretch, by lane and distance."""
    seen = [(s.lane, min(s.to_m - s.from_m, reach_m - s.distance_m), s.distance_m, s.share) for s in spans]
    return sorted(row for row in seen if row[1] > TOLERANCE_M)


def _limit(name: str, old: object, new: object) -> str:
    """The first entry that differs: of a matrix with both stages, of a list with its stage."""
    where = ""
    while isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        k = next(k for k, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
        old = old[k]
        new = new[k]
        where += f" to {k}" if where else f" of stage {k}"
    return f"trained with {name}{where} {old}, the site has {new}"
