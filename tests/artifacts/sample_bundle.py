"""A bundle of two small intersections with policies of drawn weights."""

import numpy as np

from leed_traffic.artifacts.bundle import GoldenVectors, PolicyFile, TrainingRecord, write_bundle
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import observation_spec
from tests.intersections import flat_timing, star

NETWORK = Network(intersections=(star(2, "A"), star(3, "cluster_#1/2 äö")))
SITE = make_site("test", [flat_timing(2, name="A"), flat_timing(3, name="cluster_#1/2 äö")])
SIZES = tuple(observation_spec(i, decision_interval_s=5.0).size for i in NETWORK.intersections)
RECORD = TrainingRecord(
    seed=1, episodes=2, simulated_hours=3.0, config_digest="c", author="webster", demonstrations_digest="d",
    torch_version="2", sumo_version="1.28.0", validation_delay_s=12.0,
)  # fmt: skip


def linear_policy(d, s, seed=0, logits=None):
    """logits = o W + b as ONNX, with golden vectors of its own."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(d, s)).astype(np.float32), rng.normal(size=s).astype(np.float32)
    if logits is not None:
        w, b = np.zeros((d, s), dtype=np.float32), np.array(logits, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["observation", "w", "b"], ["logits"])],
        "policy",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, [1, d])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, s])],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    observation = rng.uniform(size=(3, d)).astype(np.float32)
    golden = GoldenVectors(
        observation=tuple(map(tuple, observation.astype(float).tolist())),
        legal=((True,) * s,) * 3,
        logits=tuple(map(tuple, (observation @ w + b).astype(float).tolist())),
    )
    return PolicyFile(onnx=model.SerializeToString(deterministic=True), golden=golden)


def write_sample(path, network=NETWORK, site=SITE, policies=None):
    """The bundle on disk."""
    drawn = {
        i.id: linear_policy(observation_spec(i, decision_interval_s=5.0).size, i.n_stages, k)
        for k, i in enumerate(network.intersections)
    }
    return write_bundle(
        path, scenario="sample", network=network, site=site, decision_interval_s=5.0, reach_m=100.0,
        policies=drawn | (policies or {}), training=RECORD,
    )  # fmt: skip
