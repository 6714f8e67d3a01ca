"""A bundle for the crossing without torch and onnx: linear policies, encoded by hand."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.drill.rig.linear_policy import INTERVAL_S, REACH_M, write_linear_bundle

__all__ = ["INTERVAL_S", "REACH_M", "crossing", "write_crossing_bundle"]


@cache
def crossing() -> tuple[Intersection, Timing]:
    document = json.loads((Path(__file__).parent / "crossing.json").read_text())
    (intersection,) = TypeAdapter(tuple[Intersection, ...]).validate_python(document["intersections"])
    (timing,) = TypeAdapter(tuple[Timing, ...]).validate_python(document["timings"])
    return intersection, timing


def write_crossing_bundle(path: Path, weights: np.ndarray | None = None) -> Bundle:
    """A bundle whose policy asks for the legal stage with the longest wait, or for what the weights (D, S) say."""
    intersection, timing = crossing()
    chosen = {} if weights is None else {intersection.id: weights}
    network, site = Network(intersections=(intersection,)), make_site("derived", [timing])
    return write_linear_bundle(path, "crossing", network, site, chosen)
