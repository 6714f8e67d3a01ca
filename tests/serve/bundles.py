"""A bundle for the crossing without torch and onnx: linear policies, encoded by hand."""

import json
import struct
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
from pydantic import TypeAdapter

from leed_traffic.artifacts.bundle import Bundle, GoldenVectors, PolicyFile, TrainingRecord, write_bundle
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.observation import observation_spec
from leed_traffic.domain.timing import Timing

REACH_M, INTERVAL_S = 100.0, 5.0


@cache
def crossing() -> tuple[Intersection, Timing]:
    document = json.loads((Path(__file__).parent / "crossing.json").read_text())
    (intersection,) = TypeAdapter(tuple[Intersection, ...]).validate_python(document["intersections"])
    (timing,) = TypeAdapter(tuple[Timing, ...]).validate_python(document["timings"])
    return intersection, timing


def write_crossing_bundle(path: Path, weights: np.ndarray | None = None) -> Bundle:
    """A bundle whose policy asks for the legal stage with the longest wait, or for what the weights (D, S) say."""
    intersection, timing = crossing()
    size = observation_spec(intersection, decision_interval_s=INTERVAL_S, reach_m=REACH_M).size
    if weights is None:
        weights = np.zeros((size, intersection.n_stages), dtype=np.float32)
        weights[-intersection.n_stages :] = np.eye(intersection.n_stages)
    onnx = linear_model(weights)
    return write_bundle(
        path,
        scenario="crossing",
        network=Network(intersections=(intersection,)),
        site=make_site("derived", [timing]),
        decision_interval_s=INTERVAL_S,
        reach_m=REACH_M,
        policies={intersection.id: PolicyFile(onnx=onnx, golden=_golden(onnx, size, intersection.n_stages))},
        training=TrainingRecord(
            seed=0,
            episodes=0,
            simulated_hours=0.0,
            config_digest="",
            author="",
            demonstrations_digest="",
            torch_version="",
            sumo_version="",
        ),
    )


def _golden(onnx: bytes, size: int, n_stages: int) -> GoldenVectors:
    session = ort.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    row = np.linspace(0.0, 1.0, size, dtype=np.float32)[None, :]
    (logits,) = session.run(["logits"], {"observation": row})
    return GoldenVectors(observation=row.tolist(), legal=[[True] * n_stages], logits=logits.tolist())


def linear_model(weights: np.ndarray) -> bytes:
    """ONNX bytes of logits (1, S) = observation (1, D) @ weights (D, S), written field by field (onnx.proto)."""
    size, n_stages = weights.shape
    node = _bytes(1, b"observation") + _bytes(1, b"weights") + _bytes(2, b"logits") + _bytes(4, b"MatMul")
    tensor = _int(1, size) + _int(1, n_stages) + _int(2, 1) + _bytes(8, b"weights")
    tensor += _bytes(9, weights.astype("<f4").tobytes())
    graph = _bytes(1, node) + _bytes(2, b"policy") + _bytes(5, tensor)
    graph += _bytes(11, _value(b"observation", size)) + _bytes(12, _value(b"logits", n_stages))
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, _int(2, 17))


def _value(name: bytes, width: int) -> bytes:
    shape = _bytes(1, _int(1, 1)) + _bytes(1, _int(1, width))
    return _bytes(1, name) + _bytes(2, _bytes(1, _int(1, 1) + _bytes(2, shape)))


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)
