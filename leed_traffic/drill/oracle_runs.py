"""The outside oracle: SUMO counts collisions within junctions. Our limits cause none; without clearances it must count some."""

from dataclasses import replace
from pathlib import Path

from leed_traffic.artifacts.site import Site, make_site
from leed_traffic.domain.timing import Timing
from leed_traffic.drill.place import Place
from leed_traffic.drill.row import Finding, Ground
from leed_traffic.simulation.env import SignalEnv, Situation
from leed_traffic.simulation.episode import run_episode
from leed_traffic.simulation.metrics import SeedScore

CHANGE_EVERY = 1  # decision: every five seconds
HURRIED_S = 3600.0  # collisions within junctions are rare: drivers still yield where they can see each other


def junction_collisions(ground: Ground) -> Finding:
    """The same restless policy with the site's clearances, and with none."""
    place = ground.crossing
    place = replace(place, scenario=replace(place.scenario, end_s=place.scenario.begin_s + HURRIED_S))
    safe = _run(place, place.site, place.folder / "safe", ground.seed)
    unsafe = _run(place, make_site("none", [_without(t) for t in place.site.timings]), place.folder / "unsafe", ground.seed)
    faults = []
    if safe.collisions or safe.emergency_stops or safe.unsafe_changes:
        faults.append(
            f"under the site's limits: {safe.collisions} collisions, {safe.emergency_stops} emergency stops, "
            f"{safe.unsafe_changes} unsafe changes"
        )
    if not unsafe.collisions:
        faults.append("without clearances the oracle sees no collision")
    if not unsafe.unsafe_changes:
        faults.append("without clearances the audit sees no unsafe change")
    detail = f"without clearances it counts {unsafe.collisions} collisions, {unsafe.unsafe_changes} unsafe changes; with them 0"
    return Finding(count=2, faults=faults, detail=detail)


class _Restless:
    """Wants another stage every five seconds."""

    def __init__(self) -> None:
        self._k = 0

    def reset(self, env: SignalEnv, seed: int) -> None:
        """From the beginning."""
        self._k = 0

    def decide(self, env: SignalEnv, situation: Situation) -> list[float | None]:
        """The next stage in turn."""
        self._k += 1
        return [float(self._k // CHANGE_EVERY % i.n_stages) for i in env.network.intersections]


def _run(place: Place, site: Site, record: Path, seed: int) -> SeedScore:
    with SignalEnv(place.scenario, place.network, site, over="traci", record=record) as env:
        episode = run_episode(env, _Restless(), seed)
    if episode.score is None:
        raise ValueError("the environment was made to record")
    if site is place.site:
        return episode.score
    return replace(episode.score, unsafe_changes=place.unsafe_changes(record))


def _without(timing: Timing) -> Timing:
    """Nothing between two stages, and greens of five seconds."""
    s = timing.n_stages
    nothing = ((0.0,) * s,) * s
    return replace(
        timing,
        min_green_s=(5.0,) * s,
        fallback_green_s=(10.0,) * s,
        max_green_s=(60.0,) * s,
        pedestrian_clearance_s=nothing,
        yellow_s=nothing,
        all_red_s=nothing,
    )
