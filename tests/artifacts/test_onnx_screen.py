import numpy as np
import pytest

from leed_traffic.artifacts.onnx_screen import screen
from leed_traffic.drill.linear_policy import bytes_field, int_field, linear_model, model_of

TENSOR = int_field(1, 3) + int_field(1, 2) + int_field(2, 1) + bytes_field(8, b"weights") + bytes_field(9, bytes(24))


def test_a_small_dense_network_passes():
    assert screen(linear_model(np.ones((3, 2), dtype=np.float32))) == ""


def test_what_the_exporter_writes_passes():
    pytest.importorskip("onnx")
    from tests.artifacts.sample_bundle import linear_policy

    assert screen(linear_policy(5, 2).onnx) == ""


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (b"", "needs one graph"),
        (b"not a model", "not an ONNX file"),
        (b"\xff" * 40, "not an ONNX file"),
        (model_of(TENSOR, 3, 2)[:-9], "not an ONNX file"),
        (model_of(TENSOR, 3, 2) * 2, "needs one graph, has 2"),
        (model_of(TENSOR, 3, 2, op=b"Loop"), "holds operator 'Loop'"),
        (model_of(TENSOR, 3, 2, op=b""), "holds operator"),
        (model_of(TENSOR, 3, 2) + bytes_field(25, b""), "functions"),
        (model_of(TENSOR, 3, 2) + bytes_field(20, b""), "training steps"),
        (model_of(TENSOR + int_field(14, 1), 3, 2), "outside the file"),
        (model_of(TENSOR + bytes_field(13, bytes_field(1, b"location")), 3, 2), "outside the file"),
        (model_of(int_field(1, 2**40) + TENSOR, 3, 2), "dimensions"),
        (model_of(int_field(1, 2**14) * 2 + TENSOR, 3, 2), "dimensions"),
        (model_of(int_field(1, 0) + TENSOR, 3, 2), "dimensions"),
        (bytes_field(7, bytes_field(15, b"")), "sparse"),
        (bytes_field(7, b""), "needs 1 to 64 nodes, has 0"),
        (bytes_field(7, bytes_field(1, bytes_field(4, b"Add")) * 65), "has 65"),
        (bytes_field(7, bytes_field(1, bytes_field(4, b"Add") + bytes_field(7, b"com.x"))), "foreign domain"),
        (bytes_field(7, bytes_field(1, bytes_field(5, bytes_field(6, b"")))), "inside an operator"),
        (bytes_field(7, int_field(1, 5)), "not an ONNX file"),
        (int_field(7, 5), "not an ONNX file"),
    ],
)
def test_everything_else_is_refused(model, complaint):
    assert complaint in screen(model)
