import numpy as np
import onnx
import pytest

from leed_traffic.artifacts.onnx.screen import screen
from leed_traffic.drill.rig.onnx_bytes import node, one_row, tensor


@pytest.mark.parametrize(("op", "is_let_through"), [("Relu", True), ("Loop", False)])
def test_a_model_of_one_operator_is_read_as_it_was_meant(op, is_let_through):
    nodes = [node("MatMul", ["observation", "w"], ["h"]), node(op, ["h"], ["logits"])]
    content = one_row(nodes, [tensor("w", np.ones((4, 3)))], 4, 3)
    assert [n.op_type for n in onnx.load_from_string(content).graph.node] == ["MatMul", op]
    assert (screen(content, 4, 3) == "") is is_let_through


def test_a_tensor_holds_its_numbers():
    values = np.array([[1.5, -2.0], [0.0, 3.25]], dtype=np.float32)
    read = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(tensor("w", values)))
    assert np.array_equal(read, values)
