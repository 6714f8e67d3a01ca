"""The test bench: executes sets of plans on demand seeds in parallel processes and remembers every result.

A result is filed under the digest of all that it depends on, so an interrupted run asks nothing twice and a
repeated run gets the same numbers.
"""

import hashlib
import io
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from leed_traffic import __version__
from leed_traffic.artifacts.demonstrations import digest_plans
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import Plan
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.generate.diagnosis import Diagnosis, diagnose, mean_diagnosis
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.episode import Controller, PlanController, run_episode, trajectories_of
from leed_traffic.simulation.env.signal_env import Request, SignalEnv, Situation
from leed_traffic.simulation.pool import WorkerPool

Plans = dict[str, Plan]

FORMAT = 4  # of a remembered result; one of another format is made again


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Result of one set of plans on one seed."""

    delay_s: float
    returns: tuple[float, ...]  # (N,) undiscounted local reward
    simulated_s: float
    diagnoses: tuple[Diagnosis, ...] = ()  # (N,)


_results: TypeAdapter[Result] = TypeAdapter(Result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Results of one set of plans on several seeds."""

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
        self._folder = folder
        self._on_run = on_run
        self._shown_seeds = frozenset(shown_seeds)
        self._digest = digest_of(setting)
        self._runs: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def simulated_hours(self) -> float:
        """Simulated hours of all different runs that were asked for, remembered or not."""
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
        trajectories = [t for run in runs for t in _load_trajectories(self._file(run, "npz"), run)]
        ordered = sorted(trajectories, key=lambda t: (t.intersection, t.seed))
        return Trial(results=tuple(results)), tuple(ordered)

    def _results(self, runs: Sequence[BenchRun], what: str) -> list[Result]:
        keys = [self._key(run) for run in runs]
        self._runs.update(keys)
        missing = {key: run for key, run in zip(keys, runs, strict=True) if not self._is_done(run)}
        for _ in range(len(runs) - len(missing)):
            self._on_run(what)
        todo = list(missing.values())

        def remember(index: int, made: tuple[Result, bytes]) -> None:
            self._remember(todo[index], *made)
            self._on_run(what)

        self._pool.run(make_run, todo, remember)
        return [_load_result(self._file(run, "json")) for run in runs]

    def _key(self, run: BenchRun) -> str:
        plans = digest_plans(run.plans) if run.plans is not None else "fallback"
        kind = "trajectories" if run.wants_trajectories else "score"
        return hashlib.sha256(f"{self._digest} {plans} {run.seed} {kind}".encode()).hexdigest()[:32]

    def _file(self, run: BenchRun, ending: str) -> Path:
        return self._folder / f"{self._key(run)}.{ending}"

    def _is_done(self, run: BenchRun) -> bool:
        return self._file(run, "json").is_file() and (
            not run.wants_trajectories or self._file(run, "npz").is_file()
        )

    def _remember(self, run: BenchRun, result: Result, arrays: bytes) -> None:
        if arrays:
            write_whole(self._file(run, "npz"), arrays)
        write_whole(self._file(run, "json"), _results.dump_json(result))


class FallbackController:
    """Asks for nothing: every signal walks through the fallback cycle of its site."""

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Nothing to prepare."""

    def decide(self, env: SignalEnv, situation: Situation) -> list[Request]:
        """(N,) no request."""
        return [None] * env.n


def make_run(run: BenchRun) -> tuple[Result, bytes]:
    """One simulation, in whatever process this is called; the trajectories' arrays as the bytes of an .npz file."""
    controller: Controller = FallbackController() if run.plans is None else PlanController(run.plans)
    with tempfile.TemporaryDirectory(prefix="leed-run-") as record, run.setting.open(Path(record)) as env:
        episode = run_episode(env, controller, run.seed)
        trajectories = trajectories_of(episode, env) if run.wants_trajectories else ()
    if episode.score is None:
        raise ValueError("a recording env must score its episode")
    result = Result(
        delay_s=float(episode.score.delay_s),
        returns=tuple(episode.total_reward.tolist()),
        simulated_s=float(episode.simulated_s),
        diagnoses=tuple(
            diagnose(episode.observation[:, n], intersection, run.setting.reach_m)
            for n, intersection in enumerate(run.setting.network.intersections)
        ),
    )
    return result, _pack(trajectories)


def sumo_version() -> str:
    """Version of the simulator that runs are made with."""
    return version("libsumo")


def digest_of(setting: EnvSpec) -> str:
    """sha256 over the files' contents and all settings, the versions included."""
    scenario = setting.scenario
    parts = hashlib.sha256()
    for path in (scenario.net_file, *scenario.route_files, *scenario.additional_files):
        parts.update(hashlib.sha256(path.read_bytes()).digest())
    facts = (
        scenario.demand,
        scenario.spread,
        scenario.begin_s,
        scenario.end_s,
        scenario.step_length_s,
        scenario.options,
    )
    limits = (
        setting.network.digest(),
        setting.site.digest,
        setting.decision_interval_s,
        setting.reach_m,
        setting.reward.value,
    )
    given = (setting.sensing, setting.site.weights, setting.site.priority)
    parts.update(repr((FORMAT, facts, limits, given, sumo_version(), __version__)).encode())
    return parts.hexdigest()


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


def _load_trajectories(path: Path, run: BenchRun) -> list[Trajectory]:
    with np.load(path) as arrays:
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


def _load_result(path: Path) -> Result:
    return _results.validate_json(path.read_bytes())
