import numpy as np
import onnx
import pytest

from leed_traffic.artifacts.policy import Policy, PolicyNetwork, verify_bundle
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import WAIT, decode, observation_spec
from leed_traffic.drill.rig.linear_policy import linear_model, longest_wait, write_linear_bundle
from leed_traffic.drill.rig.onnx_bytes import node, one_row, tensor
from tests.intersections import flat_timing, star

JUNCTION = star(3, "J")
SIZE = observation_spec(JUNCTION, decision_interval_s=5.0).size


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_the_stage_that_waits_longest_is_asked_for(stage):
    observation = np.zeros(SIZE, dtype=np.float32)
    decode(observation, JUNCTION, WAIT)[:] = [0.3 if s != stage else 0.6 for s in range(3)]
    network = PolicyNetwork(linear_model(longest_wait(JUNCTION)), SIZE, 3, "test")
    assert int(network.logits(observation).argmax()) == stage


def test_a_linear_bundle_verifies_and_decides(tmp_path):
    site = make_site("test", [flat_timing(3, name="J")])
    write_linear_bundle(tmp_path / "bundle", "fake", Network(intersections=(JUNCTION,)), site)
    policy = Policy(verify_bundle(tmp_path / "bundle"))
    legal = np.ones((1, 3), dtype=bool)
    legal[0, 0] = False
    assert policy.decide(np.zeros((1, SIZE), dtype=np.float32), legal)[0] in (1.0, 2.0)


def test_what_is_written_field_by_field_is_onnx_s_own_format():
    content = one_row(
        [node("Gemm", ["observation", "w"], ["logits"], transB=1)], [tensor("w", np.ones((2, 5)))], 5, 2
    )
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    assert [(n.op_type, [(a.name, a.i) for a in n.attribute]) for n in model.graph.node] == [
        ("Gemm", [("transB", 1)])
    ]
    assert onnx.load_from_string(linear_model(np.ones((4, 2), dtype=np.float32))).graph.node[0].op_type == "MatMul"
