"""The site: the limits of every intersection of a network, derived, read from a person's `site.toml`, or taken from the net.

A file may be stricter than the derived limits or laxer, but it cannot go below the floors: a yellow of 3 s where
vehicles lose their green, the whole pedestrian clearance, 7 s of walk, and a maximum green that leaves room for
one decision after the minimum. Only `as-net` is exempt: it exists to compare with published work, nobody has
reviewed it, and its name says so.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from leed_traffic.artifacts.home import expanded
from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.site_file import assemble_from_file, parse_site_file, render_site_file
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.network import Intersection, MovementKind, Network
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.domain.safety.timing import (
    DECISION_MARGIN_S,
    WALK_MIN_S,
    YELLOW_MIN_S,
    Timing,
    derive_timing,
    pedestrian_clearance_time,
    timing_as_net,
)
from leed_traffic.errors import SiteError

DERIVED = "derived"
AS_NET = "as-net"
_TOLERANCE_S = 1e-6  # s, decimal fractions in a file are no violation


@dataclass(frozen=True)
class Site:
    """Limits of all intersections of a network, in the network's order."""

    name: str  # "derived", "as-net", or the name of the file
    timings: tuple[Timing, ...]
    digest: str  # sha256 over the timings, whatever they were read from
    priority: tuple[
        PriorityRule, ...
    ] = ()  # in order of rank; no part of the digest: a rule of the place, not of a policy
    weights: Weights = CARS  # who counts how much; no part of the digest either


def make_site(
    name: str, timings: Sequence[Timing], priority: Sequence[PriorityRule] = (), weights: Weights = CARS
) -> Site:
    """A site and its digest; the digest depends on the limits alone, not on name, priorities or weights."""
    lines = sorted(TypeAdapter(Timing).dump_json(timing).decode() for timing in timings)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return Site(name=name, timings=tuple(timings), digest=digest, priority=tuple(priority), weights=weights)


def load_site(site: str | None, scenario: Scenario, network: Network) -> Site:
    """The limits to work with.

    Args:
        site: None for the scenario's own `site.toml` (derived where it has none), `derived`, `as-net`, or a file.
        scenario: whose net it is.
        network: its intersections.

    Raises:
        SiteError: the file is missing, broken, made for another net, or below a floor.
    """
    if site == AS_NET:
        return make_site(AS_NET, [timing_as_net(i) for i in network.intersections])
    if site is not None and site != DERIVED:
        return read_site_file(expanded(site), network)
    if site is None and scenario.site_file is not None:
        return read_site_file(scenario.site_file, network)
    return derive_site(network)


def derive_site(network: Network) -> Site:
    """The limits that speeds and geometry propose.

    Raises:
        SiteError: the geometry asks for what no limit can give, for instance a crossing of more than 60 s.
    """
    timings = []
    for intersection in network.intersections:
        try:
            timing = derive_timing(intersection)
        except ValueError as err:
            raise SiteError(f"derived: {err}; write a site.toml for this signal") from err
        check_floors(intersection, timing, where=DERIVED)
        timings.append(timing)
    return make_site(DERIVED, timings)


def read_site_file(path: Path, network: Network) -> Site:
    """A person's limits for a network.

    Raises:
        SiteError: what is wrong, where, and what to do; one line.
    """
    entries, priority, weights = parse_site_file(path)
    known = network.by_id
    for entry in entries:
        if entry.id not in known:
            raise SiteError(
                f"{path}: intersection {entry.id}: the net has no such signal; it has {', '.join(sorted(known))}"
            )
    by_id = {entry.id: entry for entry in entries}
    timings = []
    for intersection in network.intersections:
        if intersection.id not in by_id:
            raise SiteError(
                f"{path}: no [[intersection]] for signal {intersection.id}; add it, or derive the file again"
            )
        timing = assemble_from_file(by_id[intersection.id], intersection, path)
        check_floors(intersection, timing, where=str(path))
        timings.append(timing)
    return make_site(path.name, timings, priority, weights)


def write_site_file(path: Path, network: Network, timings: Sequence[Timing]) -> None:
    """Write limits as a commented TOML file for a person to review; the same limits give the same bytes.

    Raises:
        SiteError: the file cannot be written there.
    """
    try:
        write_whole(path, render_site_file(network.intersections, timings))
    except OSError as err:
        raise SiteError(f"{path}: cannot be written ({err.strerror}); choose another --out") from err


def check_floors(intersection: Intersection, timing: Timing, *, where: str) -> None:
    """Refuse limits below what no site may undercut.

    Raises:
        SiteError: the first value found below its floor.
    """
    at = f"{where}: intersection {intersection.id}"
    for i, stage in enumerate(intersection.stages):
        walks = sorted(stage.green & intersection.pedestrian_links)
        if walks and timing.min_green_s[i] < WALK_MIN_S - _TOLERANCE_S:
            raise SiteError(
                f"{at}: min_green_s of stage {i}: links {walks} are crossings, need a walk of at least {WALK_MIN_S} s, "
                f"got {timing.min_green_s[i]}"
            )
        for j in range(intersection.n_stages):
            if i != j:
                _check_change(intersection, timing, i, j, at)
    check_interval(timing, DECISION_MARGIN_S, where=where)


def check_interval(timing: Timing, decision_interval_s: float, *, where: str) -> None:
    """Refuse limits that leave no room for decisions so far apart.

    Raises:
        SiteError: a maximum green ends before the first decision after the minimum can act, a stage falls back
            before it is asked about, or a round of all stages takes longer than the maximum red.
    """
    at = f"{where}: intersection {timing.intersection}"
    for i, (low, high) in enumerate(zip(timing.min_green_s, timing.max_green_s, strict=True)):
        if high < low + decision_interval_s - _TOLERANCE_S:
            raise SiteError(
                f"{at}: max_green_s of stage {i}: need min_green_s + decision interval = "
                f"{low + decision_interval_s} s, got {high}"
            )
        if timing.fallback_green_s[i] < decision_interval_s - _TOLERANCE_S:
            raise SiteError(
                f"{at}: fallback_green_s of stage {i}: need at least the decision interval, {decision_interval_s} s, "
                f"got {timing.fallback_green_s[i]}"
            )
    a_round = timing.round_at(decision_interval_s)
    if timing.max_red_s < a_round - _TOLERANCE_S:
        raise SiteError(
            f"{at}: max_red_s: one round of all stages with decisions every {decision_interval_s} s takes {a_round} s, "
            f"got {timing.max_red_s}"
        )


def _check_change(intersection: Intersection, timing: Timing, i: int, j: int, at: str) -> None:
    losing = intersection.stages[i].green - intersection.stages[j].green
    yellow = timing.clearances.yellow_s[i][j]
    if losing - intersection.walk_only_links and yellow < YELLOW_MIN_S - _TOLERANCE_S:
        raise SiteError(
            f"{at}: yellow_s from stage {i} to {j}: vehicles lose their green, need >= {YELLOW_MIN_S} s, got {yellow}"
        )
    total = timing.clearance_s(i, j)
    for movement in intersection.movements:
        if movement.kind is MovementKind.PEDESTRIAN and movement.link in losing:
            needed = pedestrian_clearance_time(movement)
            if (
                movement.link not in intersection.walk_only_links
                and timing.clearances.all_red_s[i][j] < needed - _TOLERANCE_S
            ):
                raise SiteError(
                    f"{at}: all_red_s from stage {i} to {j}: link {movement.link} serves vehicles and a crossing "
                    f"({movement.length_m:.1f} m), which walkers may enter until its yellow ends; need {needed} s of red, "
                    f"got {timing.clearances.all_red_s[i][j]}"
                )
            if total < needed - _TOLERANCE_S:
                raise SiteError(
                    f"{at}: stage {i} to {j}: the crossing of link {movement.link} ({movement.length_m:.1f} m) needs "
                    f"{needed} s of pedestrian_clearance_s + yellow_s + all_red_s, got {total}; raise one of them"
                )
