"""What serving costs without a simulator: ticks, inference, memory; processor time, so that a busy machine does not count."""

import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from leed_traffic.artifacts.bundle import GoldenVectors, PolicyFile, write_bundle
from leed_traffic.artifacts.policy import Policy, PolicyNetwork
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.drill.exercises.budget import serve_many
from leed_traffic.drill.rig.place import make_place
from leed_traffic.drill.rig.walking_device import copies

pytestmark = [pytest.mark.benchmark, pytest.mark.sumo]


@pytest.fixture
def place(tmp_path):
    return make_place("crossing", tmp_path)


def test_a_tick_of_100_junctions_stays_within_20_ms(place, tmp_path, capsys):
    summary = serve_many(place, tmp_path / "hundred", 100, 1200.0)
    tick, decision = summary.tick, summary.decision
    with capsys.disabled():
        print(f"\n100 junctions: tick p50 {tick.p50_ms:.1f}, p99 {tick.p99_ms:.1f}, max {tick.max_ms:.1f} ms; "
              f"decision of all p50 {decision.p50_ms:.1f}, p99 {decision.p99_ms:.1f} ms")  # fmt: skip
    assert tick.p99_ms < 20.0


def mlp(size, n_stages, seed):
    """A policy of the shape that the exporter writes: two hidden layers of 64."""
    rng, sizes = np.random.default_rng(seed), [size, 64, 64, n_stages]
    nodes, tensors, inner = [], [], "observation"
    for k, (rows, columns) in enumerate(pairwise(sizes)):
        tensors.append(
            numpy_helper.from_array(rng.normal(size=(rows, columns)).astype(np.float32) / rows**0.5, f"w{k}")
        )
        last = k == len(sizes) - 2
        nodes.append(helper.make_node("MatMul", [inner, f"w{k}"], ["logits" if last else f"z{k}"]))
        if not last:
            nodes.append(helper.make_node("Tanh", [f"z{k}"], [f"h{k}"]))
            inner = f"h{k}"
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, d])
        for n, d in (("observation", size), ("logits", n_stages))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "policy", ends[:1], ends[1:], tensors),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 8
    onnx = model.SerializeToString(deterministic=True)
    row = np.full(size, 0.5, dtype=np.float32)
    answer = PolicyNetwork(onnx, size, n_stages, "mlp").logits(row).astype(float).tolist()
    golden = GoldenVectors(
        observation=(tuple(row.tolist()),), legal=((True,) * n_stages,), logits=(tuple(answer),)
    )
    return PolicyFile(onnx=onnx, golden=golden)


def write_mlps(place, folder, n):
    many = copies(place.network.intersections[0], n)
    timings = [replace(place.site.timings[0], intersection=i.id) for i in many]
    size = place.bundle.specs[0].size
    return write_bundle(
        folder, scenario="copies", network=Network(intersections=many), site=make_site("copies", timings),
        decision_interval_s=5.0, reach_m=100.0, policies={i.id: mlp(size, 4, k) for k, i in enumerate(many)},
        training=place.bundle.manifest.training,
    )  # fmt: skip


def test_one_inference_stays_within_a_millisecond(place, tmp_path, capsys):
    bundle = write_mlps(place, tmp_path / "one", 1)
    policy = Policy(bundle)
    rows = np.random.default_rng(1).uniform(size=(5000, 1, bundle.specs[0].size)).astype(np.float32)
    legal, seconds = np.ones((1, 4), dtype=bool), []
    for row in rows:
        begin_s = time.thread_time()
        policy.decide(row, legal)
        seconds.append(time.thread_time() - begin_s)
    p50, p99 = np.percentile(np.array(seconds) * 1e6, [50.0, 99.0])
    with capsys.disabled():
        print(f"\none inference: p50 {p50:.0f} us, p99 {p99:.0f} us")
    assert p99 < 1000.0


MEASURE = """
import sys
from pathlib import Path
import numpy as np
from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.policy import Policy

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

bundle = read_bundle(Path(sys.argv[1]))
rows = np.zeros((100, bundle.specs[0].size), dtype=np.float32), np.ones((100, 4), dtype=bool)
Policy(bundle, bundle.ids[:1]).decide(*rows)  # the library itself
before_mb = resident_mb()
policy = Policy(bundle)
policy.decide(*rows)
print(resident_mb() - before_mb)
"""


def test_100_policies_stay_below_150_mb(place, tmp_path, capsys):
    bundle = write_mlps(place, tmp_path / "many", 100)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(bundle.path)], capture_output=True, text=True, check=True
    )
    grown_mb = float(done.stdout)
    with capsys.disabled():
        print(f"\n100 policies: {grown_mb:.1f} MB")
    assert grown_mb < 150.0


def test_a_tick_of_100_junctions_with_all_logs_stays_within_20_ms(place, tmp_path, capsys):
    """Event logs, recording and status board on, as `leedctl serve --events --status-port` has them."""
    seconds = 600.0
    logs = tmp_path / "logs"
    bare = serve_many(place, tmp_path / "bare", 100, seconds)
    summary = serve_many(place, tmp_path / "logged", 100, seconds, events=logs)
    size_kb = (logs / "recording.jsonl.gz").stat().st_size / 1024.0 / (100 * seconds / 3600.0)
    with capsys.disabled():
        print(f"\n100 junctions, CPU time of a tick: without logs p50 {bare.tick.p50_ms:.1f}, p99 {bare.tick.p99_ms:.1f} ms; "
              f"with all logs p50 {summary.tick.p50_ms:.1f}, p99 {summary.tick.p99_ms:.1f}, max {summary.tick.max_ms:.1f} ms; "
              f"recording {size_kb:.0f} kB an hour of a junction (vehicles drawn anew at every tick)")  # fmt: skip
    assert summary.tick.p99_ms < 20.0


def test_the_recording_of_a_real_street_is_small(tmp_path, capsys):
    from leed_traffic.drill.rig.place import sumo
    from leed_traffic.serve.control.loop import StopRequest
    from leed_traffic.serve.replay.replay import replay
    from leed_traffic.serve.run import ServeConfig, serve

    street = make_place("arterial5", tmp_path / "street", seconds=1200.0)
    with sumo(street, tmp_path / "record") as (port, _):
        config = ServeConfig(
            bundle=street.bundle.path, port=port, events=tmp_path / "logs", until_s=street.scenario.begin_s + 900.0
        )
        serve(config, clock=time.process_time, stop=StopRequest())
    path = tmp_path / "logs" / "recording.jsonl.gz"
    begin_s = time.process_time()
    report = replay(path)
    cpu_s, hours = time.process_time() - begin_s, 5 * report.ticks / 3600.0
    with capsys.disabled():
        print(f"\narterial5: recording {path.stat().st_size / 1024.0 / hours:.0f} kB an hour of a junction, replayed at "
              f"{report.ticks / cpu_s:.0f} ticks a CPU second")  # fmt: skip
    assert report.differ == 0
    assert path.stat().st_size / 1024.0 / hours < 2000.0
