"""One rollout in a process of its own, timed: `python rollout_probe.py ours|sumo-rl|sumo-rl-info SECONDS`; prints JSON.

All choose at random among the stages, every 5 s, over libsumo, on the net and the demand of grid4x4. Loading is
not counted. `sumo-rl` leaves out what sumo-rl gathers for its info dictionaries unless told otherwise;
`sumo-rl-info` is as it comes.
"""

import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

SEED = 4001
SCENARIO = "grid4x4"


def ours(seconds: float) -> dict[str, float]:
    import numpy as np

    from leed_traffic.artifacts.scenario import load_scenario
    from leed_traffic.artifacts.site import load_site
    from leed_traffic.simulation.env.episode import run_episode
    from leed_traffic.simulation.env.signal_env import SignalEnv
    from leed_traffic.simulation.network.network_import import import_network
    from leed_traffic.simulation.sumo.engine import Engine
    from leed_traffic.train.rollout import ActorController, ActorWeights

    scenario = replace(load_scenario(SCENARIO), end_s=seconds)
    network = import_network(scenario.net_file, scenario.additional_files)
    inside, loading, running = [0.0], [0.0], []
    advance, start, vehicles = Engine.advance, Engine.start, SignalEnv.step

    def timed(engine, until_s):
        begin = time.process_time()
        advance(engine, until_s)
        inside[0] += time.process_time() - begin

    def loaded(*args, **kwargs):
        begin = time.process_time()
        start(*args, **kwargs)
        loading[0] += time.process_time() - begin

    def counted(env, requests):
        running.append(len(env.vehicles.lane))
        return vehicles(env, requests)

    Engine.advance, Engine.start, SignalEnv.step = timed, loaded, counted
    with SignalEnv(scenario, network, load_site(None, scenario, network)) as env:
        (n, d), s, h = env.shape, env.n_stages_max, 64
        rng = np.random.default_rng(0)
        shapes = ((n, d, s), (n, d, h), (n, 1, h), (n, h, h), (n, 1, h), (n, h, s), (n, 1, s))
        weights = ActorWeights(*(0.1 * rng.standard_normal(shape).astype(np.float32) for shape in shapes))
        begin, begin_wall = time.process_time(), time.perf_counter()
        episode = run_episode(env, ActorController(weights, sample_seed=1), SEED)
        cpu, wall = time.process_time() - begin - loading[0], time.perf_counter() - begin_wall
    return {
        "cpu_s": cpu, "wall_s": wall, "sumo_share": inside[0] / cpu, "decisions": len(episode.stage), "signals": n,
        "vehicles": sum(running) / len(running),
    }  # fmt: skip


def sumo_rl(seconds: float, with_info: bool) -> dict[str, float]:
    import sumo

    os.environ["SUMO_HOME"] = sumo.SUMO_HOME
    os.environ["LIBSUMO_AS_TRACI"] = "1"
    from sumo_rl import SumoEnvironment

    from leed_traffic.artifacts.scenario import load_scenario
    from leed_traffic.simulation.demand.demand import write_demand

    scenario = load_scenario(SCENARIO)
    with tempfile.TemporaryDirectory() as folder:
        (routes,) = write_demand(scenario, SEED, Path(folder))
        env = SumoEnvironment(
            net_file=str(scenario.net_file), route_file=str(routes), num_seconds=int(seconds), delta_time=5, yellow_time=4,
            min_green=5, sumo_seed=SEED, max_depart_delay=-1, time_to_teleport=-1, sumo_warnings=False,
            add_system_info=with_info, add_per_agent_info=with_info,
        )  # fmt: skip
        env.reset()
        for k, space in enumerate(env.ts_ids):
            env.action_spaces(space).seed(k)
        inside, step = [0.0], env.sumo.simulationStep

        def timed(*args):
            begin = time.process_time()
            step(*args)
            inside[0] += time.process_time() - begin

        env.sumo.simulationStep = timed
        running, done = [], False
        begin, begin_wall = time.process_time(), time.perf_counter()
        while not done:
            running.append(env.sumo.vehicle.getIDCount())
            done = env.step({ts: env.action_spaces(ts).sample() for ts in env.ts_ids})[2]["__all__"]
        cpu, wall = time.process_time() - begin, time.perf_counter() - begin_wall
        signals = len(env.ts_ids)
        env.close()
    return {
        "cpu_s": cpu, "wall_s": wall, "sumo_share": inside[0] / cpu, "decisions": len(running), "signals": signals,
        "vehicles": sum(running) / len(running),
    }  # fmt: skip


if __name__ == "__main__":
    from leed_traffic.simulation.sumo.in_place import allow

    which, seconds = sys.argv[1], float(sys.argv[2])
    allow()  # as in a worker of a pool, and all CPU time is this process's
    print(json.dumps(ours(seconds) if which == "ours" else sumo_rl(seconds, with_info=which == "sumo-rl-info")))
