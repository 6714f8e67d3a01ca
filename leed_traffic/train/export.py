"""Export of a training run: one ONNX graph per intersection, held to the policies that were trained.

A graph is three Gemm nodes, two Tanh and the direct path's MatMul and Add, written node by node: deterministic,
and nothing to trace. What scaling there is sits in the observation's definition, which is fixed and travels as the
bundle's table.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from leed_traffic.artifacts.bundle import Bundle, GoldenVectors, PolicyFile, TrainingRecord, write_bundle
from leed_traffic.artifacts.onnx.agreement import disagreement
from leed_traffic.artifacts.policy import INPUT_NAME, OUTPUT_NAME, PolicyNetwork
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.observation import observation_spec
from leed_traffic.errors import BundleError, TrainingError
from leed_traffic.train.actor_critic import StackedMlp
from leed_traffic.train.config import EnvConfig
from leed_traffic.train.records.best_policies import read_best
from leed_traffic.train.records.run_folder import BEST_NAME, read_config, read_setting
from leed_traffic.train.rollout import ActorWeights

OPSET = 17
IR_VERSION = 8  # old enough for any onnxruntime since 1.13
# of the logits' size, by which torch and onnxruntime may differ; a float32 is known to 1e-7 of itself
PARITY = 1e-5


def export_run(run: Path, out: Path) -> Bundle:
    """Export the best policies of a run.

    Args:
        run: folder of a finished or unfinished run.
        out: the bundle's folder.

    Raises:
        TrainingError: the run is missing or damaged, or a graph does not compute what was trained.
        BundleError: `out` holds something else or cannot be written.
    """
    config = read_config(run)
    setting = read_setting(run)
    best = read_best(run / BEST_NAME)
    record = TrainingRecord(
        seed=config.seed,
        episodes=best.episodes,
        simulated_hours=best.simulated_hours,
        config_digest=config.digest(),
        author=setting.author,
        demonstrations_digest=setting.demonstrations_digest,
        torch_version=setting.torch_version,
        sumo_version=setting.sumo_version,
        validation_delay_s=best.delay_s,
    )
    network = setting.network
    try:
        policies = {
            i.id: export_policy(
                n,
                i,
                config.env,
                best.actor,
                best.golden_observation[:, n],
                best.golden_legal[:, n],
                counts_persons=setting.weights.counts_persons,
            )
            for n, i in enumerate(network.intersections)
        }
        return write_bundle(
            out,
            scenario=setting.scenario,
            network=network,
            site=setting.site,
            decision_interval_s=config.env.decision_interval_s,
            reach_m=config.env.reach_m,
            policies=policies,
            training=record,
        )
    except (TrainingError, BundleError) as err:
        way_on = f"what was trained stays in {run}: leedctl export {run} --out BUNDLE does this step again"
        raise type(err)(f"{err}; {way_on}, here or beside another onnxruntime") from err


def export_policy(
    n: int,
    intersection: Intersection,
    env: EnvConfig,
    weights: ActorWeights,
    observation: NDArray[np.float32],
    legal: NDArray[np.bool_],
    *,
    counts_persons: bool = False,
) -> PolicyFile:
    """Write the n-th actor as a graph and check it against torch on real observations.

    Args:
        n: position in the stack.
        intersection: whose policy it is.
        env: its interval and reach fix the observation's table.
        weights: all actors, stacked.
        observation: (K, D_max) golden observations.
        legal: (K, S_max).
        counts_persons: the observation holds persons at crossings.

    Raises:
        TrainingError: a logit differs by more than 1e-5 of the logits' size, another stage is chosen, or one is
            not finite.
    """
    spec = observation_spec(
        intersection,
        decision_interval_s=env.decision_interval_s,
        reach_m=env.reach_m,
        counts_persons=counts_persons,
    )
    d = spec.size
    s = intersection.n_stages
    model = _graph(weights, n, d, s)
    rows = observation[:, :d]
    expected = _torch_logits(weights, n, observation)[:, :s]
    graph = PolicyNetwork(model, d, s, intersection.id)
    for k, row in enumerate(rows):
        if difference := disagreement(graph.logits(row), expected[k], legal[k, :s], share=PARITY):
            raise TrainingError(f"{intersection.id}: torch and onnxruntime differ: onnxruntime {difference}")
    golden = GoldenVectors(
        observation=tuple(tuple(row) for row in rows.astype(float).tolist()),
        legal=tuple(tuple(row) for row in legal[:, :s].tolist()),
        logits=tuple(tuple(row) for row in expected.astype(float).tolist()),
    )
    return PolicyFile(onnx=model, golden=golden)


def _torch_logits(weights: ActorWeights, n: int, observation: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, S_max) of the n-th actor as it was trained."""
    sizes = [weights.w1.shape[1]]
    hidden = weights.w1.shape[2]
    outputs = weights.w3.shape[2]
    actor = StackedMlp(sizes, hidden, outputs, gain=1.0, generator=torch.Generator())
    values: dict[str, Any] = {
        k: torch.from_numpy(np.ascontiguousarray(v[n : n + 1])) for k, v in weights._asdict().items()
    }
    actor.load_state_dict(values)
    with torch.no_grad():
        logits: NDArray[np.float32] = actor(torch.from_numpy(np.ascontiguousarray(observation))[None])[0].numpy()
    return logits


def _graph(weights: ActorWeights, n: int, d: int, s: int) -> bytes:
    """ONNX of the n-th actor, tanh(tanh(o W1 + b1) W2 + b2) W3 + b3 + o W0, without the padding."""
    values = {
        "w0": weights.w0[n, :d, :s],
        "w1": weights.w1[n, :d],
        "b1": weights.b1[n, 0],
        "w2": weights.w2[n],
        "b2": weights.b2[n, 0],
        "w3": weights.w3[n, :, :s],
        "b3": weights.b3[n, 0, :s],
    }
    nodes = [
        helper.make_node("Gemm", [INPUT_NAME, "w1", "b1"], ["z1"]),
        helper.make_node("Tanh", ["z1"], ["h1"]),
        helper.make_node("Gemm", ["h1", "w2", "b2"], ["z2"]),
        helper.make_node("Tanh", ["z2"], ["h2"]),
        helper.make_node("Gemm", ["h2", "w3", "b3"], ["deep"]),
        helper.make_node("MatMul", [INPUT_NAME, "w0"], ["direct"]),
        helper.make_node("Add", ["deep", "direct"], [OUTPUT_NAME]),
    ]
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [1, d])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [1, s])],
        [
            numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name)
            for name, value in values.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="leed_traffic")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
