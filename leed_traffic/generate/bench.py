"""The test bench: executes sets of plans on demand seeds in parallel processes and remembers every result.

A result is filed under the digest of all that it depends on, so an interrupted run asks nothing twice and a
repeated run gets the same numbers.
"""

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.demonstrations import digest_plans
from leed_traffic.artifacts.result_store import ResultStore, digest_of
from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import Plan
from leed_traffic.domain.situation import Situation
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.generate.diagnosis import Diagnosis, diagnose, mean_diagnosis
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.episode import Controller, PlanController
from leed_traffic.simulation.env.hour import drive_hour
from leed_traffic.simulation.env.signal_env import Request, SignalEnv
from leed_traffic.simulation.pool import WorkerPool

Plans = dict[str, Plan]

FORMAT = 5  # of a remembered result: raise it when a diagnosis comes out otherwise; older ones are made again


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Score of one set of plans on one seed."""

    delay_s: float
    returns: tuple[float, ...]  # (N,) undiscounted local reward
    simulated_s: float
    diagnoses: tuple[Diagnosis, ...] = ()  # (N,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Scores of one set of plans on several seeds."""

    results: tuple[Result, ...]

    @property
    def delay_s(self) -> float:
        """Mean over the seeds, s per vehicle."""
        return float(np.mean([result.delay_s for result in self.results]))

    @property
    def returns(self) -> NDArray[np.float64]:
        """(N,) mean local return over the seeds."""
        mean: NDArray[np.float64] = np.mean([result.returns for result in self.results], axis=0)
        return mean

    def diagnosis(self, n: int) -> Diagnosis | None:
        """Diagnosis of the n-th intersection, over the seeds."""
        return mean_diagnosis([result.diagnoses[n] for result in self.results if result.diagnoses])


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRun:
    """One simulation to be made; without plans nobody asks, and the signals walk through their fallback cycle."""

    setting: EnvSpec
    plans: Plans | None
    seed: int
    wants_trajectories: bool = False


class Bench:
    """Runs what has not been run yet; results lie in a folder until it is removed."""

    def __init__(
        self,
        setting: EnvSpec,
        pool: WorkerPool,
        folder: Path,
        on_run: Callable[[str], None],
        shown_seeds: Collection[int] = (),
    ) -> None:
        """Prepare.

        Args:
            setting: what every run has in common.
            pool: where runs are made.
            folder: of the remembered results; made if it is not there.
            on_run: told after each run (remembered ones too) what it was for.
            shown_seeds: seeds of the demonstrations; a trial on one of them keeps its trajectories and is not run
                again.
        """
        self.setting = setting
        self._pool = pool
        self._store: ResultStore[Result] = ResultStore(folder, Result)
        self._on_run = on_run
        self._shown_seeds = frozenset(shown_seeds)
        self._digest = setting.digest()
        self._runs: set[str] = set()

    @property
    def simulated_hours(self) -> float:
        """Hours of all different runs that were asked for, remembered or not."""
        hour = self.setting.scenario.end_s - self.setting.scenario.begin_s
        return len(self._runs) * hour / 3600.0

    def try_out(self, candidates: Sequence[Plans | None], seeds: Sequence[int], what: str) -> list[Trial]:
        """Execute each candidate on every seed.

        Args:
            candidates: one plan for every intersection, or None for the fallback cycle.
            seeds: demand seeds.
            what: a few words for the progress bar.
        """
        runs = [self._trial_run(plans, seed) for plans in candidates for seed in seeds]
        results = self._results(runs, what)
        size = len(seeds)
        return [Trial(results=tuple(results[k * size : (k + 1) * size])) for k in range(len(candidates))]

    def _trial_run(self, plans: Plans | None, seed: int) -> BenchRun:
        is_shown = plans is not None and seed in self._shown_seeds
        return BenchRun(setting=self.setting, plans=plans, seed=seed, wants_trajectories=is_shown)

    def demonstrate(self, plans: Plans, seeds: Sequence[int]) -> tuple[Trial, tuple[Trajectory, ...]]:
        """Execute the final plans and keep what every intersection saw, did and earned."""
        runs = [BenchRun(setting=self.setting, plans=plans, seed=seed, wants_trajectories=True) for seed in seeds]
        results = self._results(runs, "demonstrations")
        trajectories = [t for run in runs for t in _unpack(self._arrays(run), run)]
        ordered = sorted(trajectories, key=lambda t: (t.intersection, t.seed))
        return Trial(results=tuple(results)), tuple(ordered)

    def _results(self, runs: Sequence[BenchRun], what: str) -> list[Result]:
        keys = [self._key(run) for run in runs]
        self._runs.update(keys)
        asked = dict(zip(keys, runs, strict=True))
        found = {key: result for key, run in asked.items() if (result := self._find(run)) is not None}
        missing = {key: run for key, run in asked.items() if key not in found}
        for _ in range(len(runs) - len(missing)):
            self._on_run(what)
        todo = list(missing.values())

        def remember(index: int, made: tuple[Result, bytes]) -> None:
            found[self._key(todo[index])] = made[0]
            self._remember(todo[index], *made)
            self._on_run(what)

        self._pool.run(make_run, todo, remember)
        return [found[key] for key in keys]

    def _key(self, run: BenchRun, part: str = "result") -> str:
        plans = digest_plans(run.plans) if run.plans is not None else "fallback"
        kind = "trajectories" if run.wants_trajectories else "score"
        return digest_of(FORMAT, self._digest, plans, run.seed, kind, part)

    def _find(self, run: BenchRun) -> Result | None:
        result = self._store.find(self._key(run))
        return None if result is None or (run.wants_trajectories and not self._arrays(run)) else result

    def _arrays(self, run: BenchRun) -> bytes:
        return self._store.find_bytes(self._key(run, "arrays")) or b""

    def _remember(self, run: BenchRun, result: Result, arrays: bytes) -> None:
        if arrays:
            self._store.keep_bytes(self._key(run, "arrays"), arrays)
        self._store.keep(self._key(run), result)


class FallbackController:
    """Asks for nothing: every signal walks through the fallback cycle of its site."""

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Nothing to prepare."""

    def decide(self, env: SignalEnv, situation: Situation) -> list[Request]:
        """(N,) no request."""
        return [None] * env.n


def make_run(run: BenchRun) -> tuple[Result, bytes]:
    """Make one simulation, in whatever process; the trajectories' arrays are the bytes of an .npz file."""
    controller: Controller = FallbackController() if run.plans is None else PlanController(run.plans)
    hour = drive_hour(run.setting, controller, run.seed)
    episode = hour.episode
    result = Result(
        delay_s=float(hour.score.delay_s),
        returns=tuple(episode.total_reward.tolist()),
        simulated_s=float(episode.simulated_s),
        diagnoses=tuple(
            diagnose(episode.observation[:, n], intersection, run.setting.reach_m)
            for n, intersection in enumerate(run.setting.network.intersections)
        ),
    )
    return result, _pack(hour.trajectories() if run.wants_trajectories else ())


def mean_returns(trial: Trial, network: Network) -> Mapping[str, float]:
    """Mean local return by intersection id."""
    return {i.id: float(value) for i, value in zip(network.intersections, trial.returns, strict=True)}


def _pack(trajectories: Sequence[Trajectory]) -> bytes:
    arrays: dict[str, NDArray[np.generic]] = {}
    for n, trajectory in enumerate(trajectories):
        for name in ("observation", "stage", "reward", "legal"):
            arrays[f"{n}.{name}"] = getattr(trajectory, name)
    sink = io.BytesIO()
    np.savez(sink, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the first name for its flag
    return sink.getvalue() if trajectories else b""


def _unpack(arrays_file: bytes, run: BenchRun) -> list[Trajectory]:
    with np.load(io.BytesIO(arrays_file)) as arrays:
        return [
            Trajectory(
                intersection=intersection.id,
                seed=run.seed,
                observation=arrays[f"{n}.observation"],
                stage=arrays[f"{n}.stage"],
                reward=arrays[f"{n}.reward"],
                legal=arrays[f"{n}.legal"],
            )
            for n, intersection in enumerate(run.setting.network.intersections)
        ]
