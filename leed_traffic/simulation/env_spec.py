"""What an environment is made of: small, frozen, and sent to the processes that build it."""

from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Network
from leed_traffic.domain.sensing import IDEAL, Sensing
from leed_traffic.simulation.env import Reward, SignalEnv


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSpec:
    """Everything but demand seed and controller that an hour depends on."""

    scenario: Scenario
    network: Network
    site: Site
    decision_interval_s: float
    reach_m: float
    reward: Reward
    sensing: Sensing = IDEAL

    def open(self, record: Path | None = None) -> SignalEnv:
        """A fresh env; `record` is the folder for the outputs that a score is read from."""
        return SignalEnv(
            self.scenario,
            self.network,
            self.site,
            decision_interval_s=self.decision_interval_s,
            reach_m=self.reach_m,
            reward=self.reward,
            sensing=self.sensing,
            record=record,
        )
