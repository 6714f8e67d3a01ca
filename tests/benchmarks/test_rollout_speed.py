"""Decision steps per second of a rollout, beside sumo-rl over libsumo: same net, same demand, same run, random choices."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.benchmark, pytest.mark.sumo]

SECONDS = 3600
ROUNDS = 2  # in turn, so that a drifting machine meets both


def probe(which):
    command = [sys.executable, str(Path(__file__).with_name("rollout_probe.py")), which, str(SECONDS)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.strip().splitlines()[-1])


def test_most_of_a_rollouts_cpu_time_is_sumos_own_step():
    figures = [probe("ours") for _ in range(ROUNDS)]
    shares = [figure["sumo_share"] for figure in figures]
    print(
        f"\ngrid4x4, untrained policies in the loop: {min(shares):.1%} to {max(shares):.1%} of the CPU time inside SUMO's step"
    )
    assert max(shares) >= 0.80


@pytest.mark.skipif(
    importlib.util.find_spec("sumo_rl") is None, reason="sumo-rl is not installed: pip install '.[bench]'"
)
def test_a_rollout_keeps_up_with_sumo_rl():
    """sumo-rl has no envelope, no all-red and no detectors beyond its own lanes; what ours costs more is shown, and bounded."""
    ours, theirs, as_it_comes = [], [], []
    for _ in range(ROUNDS):
        ours.append(probe("ours"))
        theirs.append(probe("sumo-rl"))
        as_it_comes.append(probe("sumo-rl-info"))
    rates = [[f["decisions"] / f["cpu_s"] for f in figures] for figures in (ours, theirs)]
    outside_ms = [
        [1000.0 * f["cpu_s"] * (1.0 - f["sumo_share"]) / f["decisions"] for f in fs] for fs in (ours, theirs)
    ]
    ratios = [a / b for a, b in zip(*rates, strict=True)]
    print(f"\ngrid4x4, decision steps per CPU second: ours {rates[0]}, sumo-rl {rates[1]}, ratio {ratios}")
    print(f"outside SUMO's step, ms per decision: ours {outside_ms[0]}, sumo-rl {outside_ms[1]}")
    whole = [b["cpu_s"] / a["cpu_s"] for a, b in zip(ours, as_it_comes, strict=True)]
    print(
        f"against sumo-rl with its info figures, as it comes: {whole}; vehicles in the net {ours[0]['vehicles']:.0f}"
    )
    assert max(ratios) > 0.8
    assert max(whole) > 1.0
