"""The outside oracle: SUMO counts collisions within junctions and emergency stops. Ours must cause none.

Each scenario runs twice under the same restless policy: with the site's clearances, and with none, where the
oracle must find the signal to blame. A collision that would happen under any signal (a permissive turn, a driver)
is told apart by `attribution.py`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.site import Site, make_site
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S, NO_CHANGE, Clearances, Timing
from leed_traffic.domain.situation import Situation
from leed_traffic.drill.rig.place import Place, make_place
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.hour import drive_hour
from leed_traffic.simulation.env.signal_env import Reward, SignalEnv
from leed_traffic.simulation.score.attribution import Attribution, count_verdicts
from leed_traffic.simulation.score.incidents import incident_options, read_incidents, read_ways


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleResult:
    """Incidents that SUMO counted in one run, and whose they were."""

    collisions: int
    emergency_stops: int
    unsafe_changes: int
    verdicts: dict[str, int]  # by "collision: permissive"
    of_the_signal: int
    unexplained: int  # counted by SUMO and not written down

    def share_in_words(self) -> str:
        """Share that is the signal's, and what the incidents were."""
        why = ", ".join(f"{count} {what}" for what, count in self.verdicts.items())
        return f"{self.of_the_signal} of {self.collisions + self.emergency_stops}" + (f" ({why})" if why else "")

    def in_words(self) -> str:
        """One line."""
        why = "; ".join(f"{count} {what}" for what, count in self.verdicts.items())
        return f"{self.collisions} collisions, {self.emergency_stops} emergency stops" + (
            f" ({why})" if why else ""
        )


def outside_oracle(setting: DrillSetting) -> Finding:
    """Run every scenario with its clearances and with none."""
    faults = []
    words = []
    for name in setting.scenarios:
        place = make_place(
            name, setting.folder_of(name, "oracle"), seed=setting.seed, seconds=setting.many(1800, 3600)
        )
        safe = run_oracle(place, place.site, place.folder / "safe", setting.seed)
        unsafe = run_oracle(place, without_clearances(place.site), place.folder / "unsafe", setting.seed)
        if safe.of_the_signal or safe.unsafe_changes or safe.unexplained:
            faults.append(
                f"{name}, under the site's limits: {safe.in_words()}; {safe.unsafe_changes} unsafe changes"
            )
        if not (unsafe.of_the_signal and unsafe.unsafe_changes):
            faults.append(f"{name}, without clearances: the oracle blames nobody: {unsafe.in_words()}")
        words.append(f"{name} {safe.share_in_words()}, without clearances {unsafe.share_in_words()}")
    detail = "collisions and emergency stops that are the signal's: " + "; ".join(words)
    return Finding(count=2 * len(setting.scenarios), faults=faults, detail=detail)


def run_oracle(place: Place, site: Site, record: Path, seed: int) -> OracleResult:
    """One run under a site, judged by the place's own limits.

    Args:
        place: scenario, network and limits.
        site: in force.
        record: folder for SUMO's outputs.
        seed: of demand and drivers.
    """
    scenario = replace(place.scenario, options=(*place.scenario.options, *incident_options(record)))
    setting = EnvSpec(
        scenario=scenario,
        network=place.network,
        site=site,
        decision_interval_s=DEFAULT_DECISION_INTERVAL_S,
        reach_m=DEFAULT_REACH_M,
        reward=Reward.TIME_LOSS,
    )
    score = drive_hour(setting, _Restless(), seed, record=record, over="traci").score
    found = read_incidents(record)
    ways = read_ways(record, {vehicle for incident in found for vehicle in incident.vehicles})
    judge = Attribution(place.network, place.site.timings, place.runs(record), step_s=scenario.step_length_s)
    verdicts = [(incident, judge.judge(incident, ways)) for incident in found]
    return OracleResult(
        collisions=score.collisions,
        emergency_stops=score.emergency_stops,
        unsafe_changes=place.unsafe_changes(record),
        verdicts=count_verdicts(verdicts),
        of_the_signal=sum(verdict.is_the_signals for _, verdict in verdicts),
        unexplained=score.collisions + score.emergency_stops - len(found),
    )


def without_clearances(site: Site) -> Site:
    """Nothing between two stages, and greens of five seconds: what must be found out."""
    return make_site("none", [_without(timing) for timing in site.timings])


class _Restless:
    """Wants another stage every five seconds."""

    def __init__(self) -> None:
        self._k = 0

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Begin anew."""
        self._k = 0

    def decide(self, env: SignalEnv, situation: Situation) -> list[float | None]:
        """The next stage in turn."""
        self._k += 1
        return [float(self._k % i.n_stages) for i in env.network.intersections]


def _without(timing: Timing) -> Timing:
    s = timing.n_stages
    return replace(
        timing,
        min_green_s=(5.0,) * s,
        fallback_green_s=(10.0,) * s,
        max_green_s=(60.0,) * s,
        clearances=Clearances.of_changes(s, lambda i, j: NO_CHANGE),
    )
