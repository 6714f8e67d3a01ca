"""Environment of a training run: the scenario with the detectors that the settings ask for."""

from dataclasses import replace

from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.domain.detectors.sensing import Sensing
from leed_traffic.simulation.env.env_spec import EnvSpec, env_spec
from leed_traffic.train.config import EnvConfig


def env_of(config: EnvConfig) -> EnvSpec:
    """Build the env that the policies meet.

    Raises:
        ScenarioError: the scenario is missing or has no signals.
    """
    spec = env_spec(
        with_spread(load_scenario(config.scenario), config.spread),
        site=config.site,
        sensing=config.sensing,
        decision_interval_s=config.decision_interval_s,
        reach_m=config.reach_m,
        reward=config.reward,
    )
    return replace(spec, sensing=with_faults(spec.sensing, config.detector_faults))


def with_faults(sensing: Sensing, per_lane_hour: float) -> Sensing:
    """Add lasting faults to detectors; with any, every hour also draws how wrong the others are."""
    if not per_lane_hour:
        return sensing
    return replace(sensing, varies=True, faults=replace(sensing.faults, faults_per_lane_hour=per_lane_hour))
