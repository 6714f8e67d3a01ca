"""Bundles of linear policies, written field by field: a drill needs something to serve, and neither torch nor onnx."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle, GoldenVectors, PolicyFile, TrainingRecord, write_bundle
from leed_traffic.artifacts.policy import PolicyNetwork
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.observation import WAIT, blocks_of, columns_of, decode

REACH_M = 100.0
INTERVAL_S = 5.0
_RECORD = TrainingRecord(
    seed=0,
    episodes=0,
    simulated_hours=0.0,
    config_digest="",
    author="",
    demonstrations_digest="",
    torch_version="",
    sumo_version="",
)


def write_linear_bundle(
    path: Path,
    scenario: str,
    network: Network,
    site: Site,
    weights: Mapping[str, NDArray[np.float32]] | None = None,
) -> Bundle:
    """A bundle whose policies ask for the stage that waits longest, or for what the weights (D, S) of an intersection say."""
    policies = {}
    for intersection in network.intersections:
        counts_persons = site.weights.counts_persons
        chosen = (weights or {}).get(intersection.id)
        if chosen is None:
            chosen = longest_wait(intersection, counts_persons=counts_persons)
        policies[intersection.id] = linear_policy(chosen)
    return write_bundle(
        path,
        scenario=scenario,
        network=network,
        site=site,
        decision_interval_s=INTERVAL_S,
        reach_m=REACH_M,
        policies=policies,
        training=_RECORD,
    )


def longest_wait(intersection: Intersection, *, counts_persons: bool = False) -> NDArray[np.float32]:
    """(D, S) weights that ask for the stage with the longest wait."""
    columns = columns_of(intersection, blocks_of(counts_persons=counts_persons))
    weights = np.zeros((columns[-1].stop, intersection.n_stages), dtype=np.float32)
    decode(weights.T, intersection, WAIT, counts_persons=counts_persons)[:] = np.eye(intersection.n_stages)
    return weights


def linear_policy(weights: NDArray[np.float32]) -> PolicyFile:
    """Logits (1, S) = observation (1, D) @ weights (D, S), with three golden vectors."""
    size, n_stages = weights.shape
    onnx = linear_model(weights)
    network = PolicyNetwork(onnx, size, n_stages, "drill")
    rows = [np.linspace(0.0, 1.0, size), np.ones(size), np.linspace(1.0, -1.0, size)]
    answers = [network.logits(row.astype(np.float32)) for row in rows]
    golden = GoldenVectors(
        observation=tuple(tuple(row.astype(np.float32).astype(float).tolist()) for row in rows),
        legal=((True,) * n_stages,) * len(rows),
        logits=tuple(tuple(answer.astype(float).tolist()) for answer in answers),
    )
    return PolicyFile(onnx=onnx, golden=golden)


def linear_model(weights: NDArray[np.float32]) -> bytes:
    """ONNX bytes (onnx.proto) of one matrix product."""
    size, n_stages = weights.shape
    tensor = int_field(1, size) + int_field(1, n_stages) + int_field(2, 1) + bytes_field(8, b"weights")
    return model_of(tensor + bytes_field(9, weights.astype("<f4").tobytes()), size, n_stages)


def model_of(tensor: bytes, size: int, n_stages: int, *, op: bytes = b"MatMul") -> bytes:
    """The model around one tensor."""
    node = (
        bytes_field(1, b"observation")
        + bytes_field(1, b"weights")
        + bytes_field(2, b"logits")
        + bytes_field(4, op)
    )
    graph = bytes_field(1, node) + bytes_field(2, b"policy") + bytes_field(5, tensor)
    graph += bytes_field(11, _value(b"observation", size)) + bytes_field(12, _value(b"logits", n_stages))
    return int_field(1, 8) + bytes_field(7, graph) + bytes_field(8, int_field(2, 17))


def int_field(number: int, value: int) -> bytes:
    """A number in a protobuf message."""
    return _varint(number << 3) + _varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """Text or a message in a protobuf message."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _value(name: bytes, width: int) -> bytes:
    shape = bytes_field(1, int_field(1, 1)) + bytes_field(1, int_field(1, width))
    return bytes_field(1, name) + bytes_field(2, bytes_field(1, int_field(1, 1) + bytes_field(2, shape)))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
