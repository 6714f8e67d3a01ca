import numpy as np
import pytest

from leed_traffic.artifacts.onnx.screen import MOST_WIDTH, most_weights, screen
from leed_traffic.drill.rig import onnx_bytes
from leed_traffic.drill.rig.linear_policy import bytes_field, int_field, linear_model, model_of
from leed_traffic.drill.rig.onnx_bytes import node, row, tensor

SIZE, N_STAGES = 3, 2


def model(nodes, tensors, *, inputs=None, outputs=None):
    return onnx_bytes.model(
        nodes, tensors, inputs or [row("observation", 1, SIZE)], outputs or [row("logits", 1, N_STAGES)]
    )


def dense(width, *between):
    """Observation to logits over a hidden row of some width, with operators in between: `h` in, `z` out."""
    last = node("MatMul", ["z" if between else "h", "w2"], ["logits"])
    first = node("MatMul", ["observation", "w1"], ["h"])
    return [first, *between, last], [
        tensor("w1", np.ones((SIZE, width))),
        tensor("w2", np.ones((width, N_STAGES))),
    ]


TENSOR = (
    int_field(1, 3) + int_field(1, 2) + int_field(2, 1) + bytes_field(8, b"weights") + bytes_field(9, bytes(24))
)


def test_a_small_dense_network_passes():
    assert screen(linear_model(np.ones((3, 2), dtype=np.float32)), 3, 2) == ""


def test_what_the_exporter_writes_passes():
    pytest.importorskip("onnx")
    from tests.artifacts.sample_bundle import linear_policy

    assert screen(linear_policy(5, 2).onnx, 5, 2) == ""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "needs one graph"),
        (b"not a model", "not an ONNX file"),
        (b"\xff" * 40, "not an ONNX file"),
        (model_of(TENSOR, 3, 2)[:-9], "not an ONNX file"),
        (model_of(TENSOR, 3, 2) * 2, "not an ONNX file of ours: field 1 is there twice"),
        (bytes_field(7, b"") * 2, "needs one graph, has 2"),
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
        (bytes_field(7, int_field(1, 5)), "expected inputs and outputs"),
        (int_field(7, 5), "not an ONNX file"),
    ],
)
def test_everything_else_is_refused(content, complaint):
    assert complaint in screen(content, 3, 2)


NODES, TENSORS = dense(4, node("Tanh", ["h"], ["z"]))


def test_every_allowed_operator_passes():
    nodes = [
        node("Gemm", ["observation", "w", "b"], ["h"], transB=1),
        node("Relu", ["h"], ["r"]),
        node("Add", ["r", "c"], ["z"]),
        node("Add", ["z", "h"], ["y"]),
        node("MatMul", ["y", "v"], ["logits"]),
    ]
    tensors = [
        tensor("w", np.ones((5, SIZE))),
        tensor("b", np.ones(5)),
        tensor("c", np.ones((1, 5))),
        tensor("v", np.ones((5, 2))),
    ]
    assert screen(model(nodes, tensors), SIZE, N_STAGES) == ""
    assert screen(model(NODES, TENSORS), SIZE, N_STAGES) == ""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        # an Add that spreads a column over a row
        (
            model(
                [node("MatMul", ["observation", "one"], ["z"]), node("Add", ["z", "v"], ["logits"])],
                [tensor("one", np.ones((SIZE, 1))), tensor("v", np.ones((1, 9)))],
            ),
            "adds rows of different sizes",
        ),
        (
            model([node("Add", ["observation", "u"], ["logits"])], [tensor("u", np.ones((9, SIZE)))]),
            "different sizes",
        ),
        (
            model([node("Add", ["u", "v"], ["logits"])], [tensor("u", np.ones(9)), tensor("v", np.ones(9))]),
            "different sizes",
        ),
        # weights times weights, computed when the model is loaded
        (
            model(
                [node("MatMul", ["u", "v"], ["x"])], [tensor("u", np.ones((9, 1))), tensor("v", np.ones((1, 9)))]
            ),
            "no row",
        ),
        # a row times a row
        (
            model([node("MatMul", ["observation", "observation"], ["x"])], []),
            "needs weights where 'observation' is none",
        ),
        # the same weights again and again: work that the file's size does not bound
        (
            model(
                [node("MatMul", ["observation", "w"], ["x"]), node("MatMul", ["x", "w"], ["logits"])],
                [tensor("w", np.ones((SIZE, SIZE)))],
            ),
            "uses the weights 'w' twice",
        ),
        (model(*dense(MOST_WIDTH + 1)), "multiplies a row of 3"),
        (
            model([node("Gemm", ["observation", "w"], ["x"], transA=1)], [tensor("w", np.ones((1, 2)))]),
            "transposes",
        ),
        (
            model(
                [node("Gemm", ["observation", "w", "b"], ["x"])],
                [tensor("w", np.ones((3, 2))), tensor("b", [1.0])],
            ),
            "a bias",
        ),
        (model([node("Tanh", ["observation"], ["x"], axis=1)], []), "the attribute 'axis'"),
        (model([node("Tanh", ["observation", "observation"], ["x"])], []), "2 operands"),
        (model([node("Tanh", ["later"], ["x"])], []), "no row that was computed before"),
        (model([node("Tanh", ["observation"], ["observation"])], []), "computes 'observation' twice"),
        (model([node("Tanh", ["observation"], ["x", "y"])], []), "2 results"),
        (model([node("Tanh", ["observation"], ["logits"])], []), "does not compute 'logits' of 2 entries"),
        (model(NODES, [*TENSORS, TENSORS[0]]), "two tensors 'w1'"),
        (model(NODES, [*TENSORS, tensor("observation", [1.0])]), "two tensors 'observation'"),
        (model(NODES, [*TENSORS, tensor("cube", np.ones((2, 2, 2)))]), "dimensions [2, 2, 2]"),
        (model(NODES, [*TENSORS, tensor("none", np.ones(()))]), "dimensions []"),
        (model(NODES, [*TENSORS, tensor("w3", [1.0]).replace(int_field(2, 1), int_field(2, 8))]), "32 bit floats"),
        (model(NODES, TENSORS, inputs=[row("observation", 1, SIZE), row("more", 1, 9)]), "the model has 2"),
        (model(NODES, TENSORS, inputs=[row("observation", 9, SIZE)]), "expected inputs and outputs of one row"),
        (model(NODES, TENSORS, inputs=[row("observation", 1, 4)]), "expected inputs and outputs of 3 and 2"),
        (model(NODES, TENSORS, inputs=[bytes_field(1, b"observation")]), "expected inputs and outputs of one row"),
        (model(NODES, TENSORS, outputs=[row("logits", 1)]), "expected inputs and outputs of one row"),
        (model([node("Tanh", ["observation"], ["\x1b[2J"])], []), "printable ASCII"),
        (model([node("Tanh", ["x" * 201], ["y"])], []), "a name of 201 bytes"),
        (model([node("Identity", ["observation"], [f"{n}"]) for n in range(2000)], []), "more than 1024 fields"),
        (model([bytes_field(4, b"Add") + bytes_field(7, b"com.x")], []), "foreign domain"),
        (model([bytes_field(4, b"Add") + bytes_field(5, bytes_field(6, b""))], []), "inside an operator"),
        (model([bytes_field(4, b"Add") * 2], []), "field 4 is there twice"),
        (
            model(NODES, [int_field(1, 1) + bytes_field(6, b"text") + bytes_field(8, b"s")]),
            "field 6 does not belong here",
        ),
        (
            model(NODES, TENSORS) + bytes_field(6, bytes(4 * most_weights(SIZE, N_STAGES) + 70_000)),
            "more than any policy",
        ),
        (model(NODES, [bytes_field(1, b"\x01" * 2000) + TENSORS[0]]), "more than 1024 numbers"),
        (model(NODES, [int_field(8, 5)]), "dimensions []"),
        (
            model([bytes_field(4, b"Gemm") + bytes_field(5, bytes_field(1, b"beta") + bytes_field(3, b"x"))], []),
            "not an ONNX",
        ),
        (bytes_field(7, b"\x0b" * 400), "wire type 3"),  # groups inside groups
        (bytes_field(7, b"\x0a\x05ab"), "cut short"),
        (b"\x80", "cut short"),
    ],
)
def test_a_model_whose_cost_the_contract_does_not_bound_is_refused(content, complaint):
    assert complaint in screen(content, SIZE, N_STAGES)


def test_the_largest_network_that_can_be_trained_passes():
    from leed_traffic.train.config import LearnerConfig

    (limit,) = (limit.le for limit in LearnerConfig.model_fields["hidden"].metadata if hasattr(limit, "le"))
    assert limit == MOST_WIDTH
    nodes = [
        node("Gemm", ["observation", "w1", "b1"], ["h1"]),
        node("Gemm", ["h1", "w2", "b2"], ["h2"]),
        node("Gemm", ["h2", "w3", "b3"], ["deep"]),
        node("MatMul", ["observation", "w0"], ["direct"]),
        node("Add", ["deep", "direct"], ["logits"]),
    ]
    shapes = {
        "w1": (SIZE, limit),
        "b1": limit,
        "w2": (limit, limit),
        "b2": limit,
        "w3": (limit, 2),
        "b3": 2,
        "w0": (SIZE, 2),
    }
    tensors = [tensor(name, np.zeros(shape)) for name, shape in shapes.items()]
    assert sum(np.zeros(shape).size for shape in shapes.values()) == most_weights(SIZE, N_STAGES)
    assert screen(model(nodes, tensors), SIZE, N_STAGES) == ""
