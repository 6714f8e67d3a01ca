"""One scored hour: the one place where SUMO starts to be measured, runs to its end and is judged by its record.

With a controller the signals stand behind stage program and envelope; without one they run the programs that SUMO
holds.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.episode import Controller, Episode, run_episode
from leed_traffic.simulation.score.score import SeedScore, close_and_score
from leed_traffic.simulation.sumo.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenHour:
    """An hour under a controller: every decision, and the score."""

    setting: EnvSpec
    episode: Episode
    score: SeedScore
    sizes: tuple[int, ...]  # (N,) length of each intersection's observation, without padding

    def trajectories(self) -> tuple[Trajectory, ...]:
        """One trajectory per intersection, without padding."""
        episode = self.episode
        return tuple(
            Trajectory(
                intersection=intersection.id,
                seed=episode.seed,
                observation=episode.observation[:, n, :size],
                stage=episode.stage[:, n],
                reward=episode.reward[:, n],
                legal=episode.legal[:, n, : intersection.n_stages],
            )
            for n, (intersection, size) in enumerate(
                zip(self.setting.network.intersections, self.sizes, strict=True)
            )
        )


def drive_hour(
    setting: EnvSpec,
    controller: Controller,
    seed: int,
    *,
    record: Path | None = None,
    additional_files: Sequence[Path] = (),
    over: Literal["libsumo", "traci"] = "libsumo",
) -> DrivenHour:
    """Let a controller drive all signals through a scenario once, and score it.

    Args:
        setting: what is simulated.
        controller: decides for all signals.
        seed: of demand and drivers.
        record: folder that keeps SUMO's outputs; None: they are dropped once they are read.
        additional_files: further requests to SUMO, beside the scenario's own.
        over: see `SignalEnv`.

    Raises:
        ScenarioError: SUMO refuses a file or stops, or its outputs cannot be read.
        LeedError: the controller cannot drive here.
    """
    with _folder(record) as folder, setting.open(folder, additional_files=additional_files, over=over) as env:
        episode = run_episode(env, controller, seed)
        sizes = tuple(spec.size for spec in env.specs)
    if episode.score is None:
        raise ScenarioError(f"{setting.scenario.name}: the run left no record to score")
    return DrivenHour(setting=setting, episode=episode, score=episode.score, sizes=sizes)


def run_programs(
    setting: EnvSpec,
    seed: int,
    *,
    record: Path,
    additional_files: Sequence[Path] = (),
    plans_switch: bool = False,
) -> SeedScore:
    """Let the signals run SUMO's programs through a scenario once, and score it.

    Args:
        setting: what is simulated; of its limits only the score takes note.
        seed: of demand and drivers.
        record: folder that keeps SUMO's outputs.
        additional_files: further requests to SUMO, programs among them.
        plans_switch: weekly plans switch as they do in the street.

    Raises:
        ScenarioError: SUMO refuses a file or stops, or its outputs cannot be read.
    """
    scenario = setting.scenario
    engine = Engine()
    with tempfile.TemporaryDirectory(prefix="leed-demand-") as folder:
        route_files = write_demand(scenario, seed, Path(folder))
        try:
            engine.start(
                scenario,
                seed=seed,
                route_files=route_files,
                record=record,
                additional_files=additional_files,
                audit=True,
                plans_switch=plans_switch,
            )
            engine.advance(scenario.end_s)
            return close_and_score(
                engine, record, scenario, setting.network, setting.site, seed=seed, route_files=route_files
            )
        finally:
            engine.close()


@contextmanager
def _folder(record: Path | None) -> Iterator[Path]:
    if record is not None:
        yield record
        return
    with tempfile.TemporaryDirectory(prefix="leed-run-") as folder:
        yield Path(folder)
