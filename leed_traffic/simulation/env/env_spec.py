"""Specification of an environment: small, frozen, and sent to the processes that build it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from leed_traffic.artifacts.result_store import digest_of, file_digest, source_digest
from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.artifacts.site import Site, load_site
from leed_traffic.domain.detectors.sensing import IDEAL, Sensing
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.env.signal_env import Reward, SignalEnv
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.sumo.engine import sumo_version

_SOURCES = ("domain", "artifacts", "simulation")  # rooms whose code decides an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSpec:
    """Inputs of an hour, but for the demand seed and the controller."""

    scenario: Scenario
    network: Network
    site: Site
    decision_interval_s: float
    reach_m: float
    reward: Reward
    sensing: Sensing = IDEAL

    def open(
        self,
        record: Path | None = None,
        *,
        additional_files: Sequence[Path] = (),
        over: Literal["libsumo", "traci"] = "libsumo",
    ) -> SignalEnv:
        """A fresh env; see `SignalEnv` for the arguments."""
        return SignalEnv(
            self.scenario,
            self.network,
            self.site,
            decision_interval_s=self.decision_interval_s,
            reach_m=self.reach_m,
            reward=self.reward,
            sensing=self.sensing,
            record=record,
            additional_files=additional_files,
            over=over,
        )

    def digest(self) -> str:
        """sha256 over all of it: contents of files, limits, detectors, SUMO's version and the code."""
        site = self.site
        return digest_of(
            _scenario_facts(self.scenario),
            self.network.digest(),
            [site.name, site.digest, repr(site.priority), repr(site.weights)],
            [self.decision_interval_s, self.reach_m, self.reward],
            self.sensing.digest(),
            sumo_version(),
            source_digest(*_SOURCES),
        )


def _scenario_facts(scenario: Scenario) -> list[object]:
    """List what shapes a scenario's traffic; files by their content, those that its options name included."""
    named = [Path(option) for option in scenario.options if not option.startswith("--")]
    files = [scenario.net_file, *scenario.route_files, *scenario.additional_files]
    files += [path for path in named if path.is_file()]
    hour = [scenario.begin_s, scenario.end_s, scenario.step_length_s, list(scenario.options)]
    demand = None if scenario.demand is None else asdict(scenario.demand)
    return [scenario.name, hour, demand, scenario.spread, *(file_digest(path) for path in files)]


def env_spec(
    scenario: Scenario,
    *,
    site: str | None = None,
    sensing: str = "ideal",
    decision_interval_s: float = DEFAULT_DECISION_INTERVAL_S,
    reach_m: float = DEFAULT_REACH_M,
    reward: Reward = Reward.TIME_LOSS,
) -> EnvSpec:
    """Import a scenario's network and read what limits and what sees it.

    Args:
        scenario: as loaded.
        site: limits; None for the scenario's own, `as-net`, or a file.
        sensing: `ideal`, `camera`, `loops` or a file.
        decision_interval_s: between two requests.
        reach_m: of the detectors.
        reward: what an intersection earns.

    Raises:
        ScenarioError: the network has no signal that could be controlled, or is broken.
        LeedError: site or sensing are missing or do not fit.
    """
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
    if not network.intersections:
        raise ScenarioError(f"{scenario.name}: no signal to control; every signal has one stage or none")
    return EnvSpec(
        scenario=scenario,
        network=network,
        site=load_site(site, scenario, network),
        decision_interval_s=decision_interval_s,
        reach_m=reach_m,
        reward=reward,
        sensing=load_sensing(sensing, network),
    )
