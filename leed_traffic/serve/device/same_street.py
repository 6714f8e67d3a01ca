"""Comparison of the street at the device with the one that a bundle was trained on, as far as the device knows it.

The links of a signal are what a command means: a link that serves another way than in the bundle would give green
to the wrong vehicles. Speeds decide the clearances, lengths what the detectors see. What an agency's gateway may
well report slightly differently is held to tolerances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from leed_traffic.domain.network import Intersection, Movement, MovementKind
from leed_traffic.domain.safety.timing import all_red_time, yellow_time
from leed_traffic.domain.shape import TOLERANCE_M


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFacts:
    """Facts of a lane as the device reports them."""

    length_m: float
    speed_mps: float


def difference_at_device(
    intersection: Intersection, links: Sequence[Sequence[tuple[str, str, str]]], lanes: Mapping[str, LaneFacts]
) -> str | None:
    """The first thing in which the device's signal is not the bundle's; None where it is.

    Args:
        intersection: of the bundle.
        links: of each signal link (from lane, to lane, lane inside the junction) of the ways that it serves.
        lanes: by id; those of the intersection's incoming lanes are needed.
    """
    n_used = 1 + max(movement.link for movement in intersection.movements)
    if not n_used <= len(links) <= intersection.n_links:  # states may be longer than there are links
        return f"has {len(links)} links, the bundle was made for {intersection.n_links}"
    for movement in intersection.movements:
        ways = {(a, b) for a, b, _ in links[movement.link]}
        if movement.kind is MovementKind.VEHICLE and (movement.from_lane, movement.to_lane) not in ways:
            served = ", ".join(f"{a} to {b}" for a, b in sorted(ways)) or "nothing"
            return (
                f"link {movement.link} serves {served}, in the bundle {movement.from_lane} to {movement.to_lane}"
            )
        if movement.kind is MovementKind.VEHICLE and (
            said := _other_clearances(movement, lanes[movement.from_lane])
        ):
            return said
    for lane in intersection.lanes:
        if abs(lanes[lane.id].length_m - lane.length_m) > TOLERANCE_M:
            return f"lane {lane.id} is {lanes[lane.id].length_m:.1f} m long, in the bundle {lane.length_m:.1f} m"
    return None


def _other_clearances(movement: Movement, lane: LaneFacts) -> str | None:
    """Compare speed limits: another one matters where another yellow or all-red would be derived for it."""
    here = replace(movement, speed_mps=lane.speed_mps)
    for name, old, new in (
        ("yellow", yellow_time(movement.speed_mps), yellow_time(here.speed_mps)),
        ("all-red", all_red_time(movement), all_red_time(here)),
    ):
        if old != new:
            return (
                f"lane {movement.from_lane} has a speed limit of {lane.speed_mps:.2f} m/s, in the bundle "
                f"{movement.speed_mps:.2f}: {new:g} s of {name} instead of {old:g}"
            )
    return None
