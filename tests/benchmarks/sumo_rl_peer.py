"""sumo-rl 1.4.5 with a stock PPO beside LEED and IPPO: same network, as many simulated hours of the same demand.

    python -m tests.benchmarks.sumo_rl_peer SCENARIO [--site as-net] --hours 32 --seed 1

Stable-Baselines3's PPO has the settings of sumo-rl's own example (`experiments/sb3_grid4x4.py`): one policy for
all signals, so that they must be alike (a single signal, a grid). Its final policy drives the evaluation hours
with its best stages and is scored as everything else here. sumo-rl has no all-red, no maximum red and no detectors
beyond its own lanes. Prints a JSON document; `pip install '.[bench]'`.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sumo

from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.benchmark.cell import Cell, DemonstrationTask, StudyScenario, demonstrate, train_config
from leed_traffic.benchmark.learners import BY_NAME, DemonstrationSource
from leed_traffic.benchmark.study import curve_of
from leed_traffic.domain.seeds import FIRST_EVALUATION_SEED, SEEDS_PER_RUN
from leed_traffic.evaluate.compare import compare
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.controllers import Choice, ControllerKind
from leed_traffic.generate.search.budget import SHORT_RUNS
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.env.env_spec import env_spec
from leed_traffic.simulation.score.trip_records import read_demand, read_trips
from leed_traffic.simulation.sumo.options import TRIPS_NAME
from leed_traffic.train.config import DaggerConfig, ValidationConfig
from leed_traffic.train.run import train

DELTA_S = 5
LEAST_HOURS = (
    SHORT_RUNS + DaggerConfig.model_fields["dagger_rounds"].default
)  # LEED's search, demonstrations, DAgger
SETTINGS = {
    "gamma": 0.95, "n_steps": 256, "ent_coef": 0.0905168, "learning_rate": 0.00062211, "vf_coef": 0.042202,
    "max_grad_norm": 0.9, "gae_lambda": 0.99, "n_epochs": 5, "clip_range": 0.3, "batch_size": 256,
}  # fmt: skip


class Hours:
    """The signals of a scenario in sumo-rl, an hour after the other, each with a seed of its own."""

    def __init__(self, scenario: Scenario, yellow_s: int, first_seed: int) -> None:
        from sumo_rl import SumoEnvironment

        self._scenario, self.seed = scenario, first_seed - 1
        self._folder = tempfile.TemporaryDirectory(prefix="sumo-rl-")
        self._env = SumoEnvironment(
            net_file=str(scenario.net_file), route_file="", begin_time=int(scenario.begin_s),
            num_seconds=int(scenario.end_s - scenario.begin_s), delta_time=DELTA_S, yellow_time=yellow_s, min_green=5,
            max_depart_delay=-1, time_to_teleport=-1, sumo_warnings=False, add_system_info=False, add_per_agent_info=False,
        )  # fmt: skip
        self.signals = list(self._env.ts_ids)
        self.space = self._env.observation_spaces(self.signals[0])
        self.choices = self._env.action_spaces(self.signals[0])
        if any(
            self._env.observation_spaces(s) != self.space or self._env.action_spaces(s) != self.choices
            for s in self.signals
        ):
            raise SystemExit(
                f"{scenario.name}: one policy for all needs signals that are alike, got different ones"
            )
        if scenario.step_length_s != 1.0:
            raise SystemExit(
                f"{scenario.name}: sumo-rl counts steps as seconds, got steps of {scenario.step_length_s} s"
            )

    def reset(self, record: Path | None = None) -> np.ndarray:
        """Begin the next hour; (N, D)."""
        self.seed += 1
        self.routes = write_demand(self._scenario, self.seed, Path(self._folder.name))
        self._env._route = ",".join(map(str, self.routes))
        self._env.sumo_seed = self.seed
        options = ["--no-step-log", "true", "--duration-log.disable", "true", "--end", str(self._scenario.end_s)]
        options += ["--collision.action", "none" if record is None else "warn", *self._scenario.options]
        if extra := self._scenario.additional_files:
            options += ["--additional-files", ",".join(map(str, extra))]
        if record is not None:
            options += ["--tripinfo-output", str(record / TRIPS_NAME)]
            options += ["--tripinfo-output.write-unfinished", "true", "--tripinfo-output.write-undeparted", "true"]
        self._env.additional_sumo_cmd = " ".join(options)
        return self._stacked(self._env.reset())

    def step(self, choices: Sequence[int]) -> tuple[np.ndarray, np.ndarray, bool]:
        """(N, D) observations, (N,) rewards, and whether the hour is over."""
        seen, earned, done, _ = self._env.step({s: int(c) for s, c in zip(self.signals, choices, strict=True)})
        return (
            self._stacked(seen),
            np.array([earned[s] for s in self.signals], dtype=np.float32),
            bool(done["__all__"]),
        )

    def score(self, record: Path) -> float:
        """Delay of the hour that ran, in s per vehicle scheduled; see `simulation/score/score.py`."""
        self._env.close()
        demand = read_demand(self.routes, self._scenario.additional_files, begin_s=self._scenario.begin_s)
        trips, _ = read_trips(record / TRIPS_NAME, self._scenario, demand)
        return float(np.mean([trip.delay_s for trip in trips]))

    def _stacked(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        return np.stack([seen[s] for s in self.signals]).astype(np.float32)


def vectorised(hours: Hours) -> Any:
    """The same as Stable-Baselines3 wants it: an env per signal, all of which end together."""
    from stable_baselines3.common.vec_env import VecEnv

    class Signals(VecEnv):
        def __init__(self) -> None:
            super().__init__(len(hours.signals), hours.space, hours.choices)

        def reset(self) -> np.ndarray:
            return hours.reset()

        def step_async(self, actions: np.ndarray) -> None:
            self._choices = actions

        def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
            seen, earned, over = hours.step(self._choices)
            infos: list[dict[str, Any]] = [{} for _ in hours.signals]
            if over:  # the hour is truncated, not ended: the value of what comes after counts
                for info, last in zip(infos, seen, strict=True):
                    info |= {"terminal_observation": last, "TimeLimit.truncated": True}
                seen = hours.reset()
            return seen, earned, np.full(len(hours.signals), over), infos

        def close(self) -> None:
            pass

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [None] * self.num_envs

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            raise NotImplementedError

        def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
            raise NotImplementedError

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
            return [False] * self.num_envs

    return Signals()


def sumo_rl(scenario: Scenario, yellow_s: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Train the peer and let it drive the evaluation hours."""
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(1)
    hours = Hours(scenario, yellow_s, first_seed=SEEDS_PER_RUN * asked.seed)
    decisions = round((scenario.end_s - scenario.begin_s) / DELTA_S) * asked.hours
    policy = PPO("MlpPolicy", vectorised(hours), seed=asked.seed, device="cpu", **SETTINGS)
    begin_s = time.process_time()
    policy.learn(total_timesteps=decisions * len(hours.signals))
    cpu_s = time.process_time() - begin_s
    delays = []
    hours.seed = FIRST_EVALUATION_SEED - 1
    for _ in range(asked.evaluation_seeds):
        with tempfile.TemporaryDirectory() as folder:
            seen, over = hours.reset(Path(folder)), False
            while not over:
                seen, _, over = hours.step(policy.predict(seen, deterministic=True)[0])
            delays.append(hours.score(Path(folder)))
    return {
        "delays_s": delays,
        "delay_s": float(np.mean(delays)),
        "cpu_s": cpu_s,
        "cpu_ms_per_decision": 1e3 * cpu_s / decisions,
    }


def ours(name: str, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train one of our learners for as many hours, search and demonstrations included, and let what it exports drive.

    Every learner is looked at once at its end, LEED also before and after DAgger, on one validation hour; it
    exports the best look, the others their last policies. Looks are counted in neither hours nor CPU time.
    """
    ground = StudyScenario(scenario=asked.scenario, site=asked.site, folder=folder)
    learner = BY_NAME[name]
    expert = None
    if learner.expert is not DemonstrationSource.NOBODY:
        expert = DemonstrationTask(ground=ground, expert=learner.expert, seed=asked.seed, runs=SHORT_RUNS)
        demonstrate(expert)
    own = asked.hours if expert is None else asked.hours - LEAST_HOURS
    cell = Cell(
        ground=ground, learner=learner, seed=asked.seed, episodes=own, validation_seeds=1, demonstrations=expert
    )
    config = train_config(cell).model_copy(
        update={"validation": ValidationConfig(validation_seeds=1, validate_every=max(1, own))}
    )
    train(config, lambda _n, _note: None)
    end = curve_of(cell)[-1]  # the last unit is always looked at
    seeds = tuple(range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + asked.evaluation_seeds))
    judged = EvaluateConfig(
        scenario=asked.scenario,
        site=asked.site,
        controllers=(Choice(kind=ControllerKind.BUNDLE, path=cell.bundle),),
        seeds=seeds,
        workers=0,
        out=folder / f"{name}-evaluation",
    )
    (result,) = compare(judged, lambda _run: None).evaluation.results
    decisions = end.hours * 3600.0 / DELTA_S
    return {
        "hours": end.hours,
        "delay_s": result.delay_s.mean,
        "cpu_s": end.cpu_s,
        "cpu_ms_per_decision": 1e3 * end.cpu_s / decisions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--site")
    parser.add_argument("--hours", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluation-seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="file to write; one that is there is left as it is")
    asked = parser.parse_args()
    if asked.hours < LEAST_HOURS or asked.hours % 2:
        parser.error(
            f"--hours {asked.hours}: need an even number from {LEAST_HOURS} on, so that all learners get as many"
        )
    if asked.out is not None and asked.out.exists():
        return
    os.environ["SUMO_HOME"] = sumo.SUMO_HOME
    os.environ["LIBSUMO_AS_TRACI"] = "1"
    scenario = load_scenario(asked.scenario)
    spec = env_spec(scenario, site=asked.site)
    yellow_s = round(max(float(np.max(timing.clearances.yellow_s)) for timing in spec.site.timings))
    found: dict[str, Any] = {
        "scenario": scenario.name,
        "signals": len(spec.network.intersections),
        "hours": asked.hours,
        "seed": asked.seed,
    }
    with contextlib.redirect_stdout(sys.stderr):  # sumo-rl and libsumo print there
        found["sumo-rl, PPO"] = sumo_rl(scenario, yellow_s, asked)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("ippo", "leed"):
                found[name] = ours(name, asked, Path(folder) / name)
    if asked.out is None:
        print(json.dumps(found))
    else:
        write_whole(asked.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
