"""ONNX files, written field by field, that are small and ask for much."""

import numpy as np

from leed_traffic.drill.linear_policy import bytes_field, int_field

SIZE, N_STAGES = 3, 2


def node(op, inputs, outputs, *attributes):
    """An operator; an attribute is a name and a number."""
    content = b"".join(bytes_field(1, name.encode()) for name in inputs)
    content += b"".join(bytes_field(2, name.encode()) for name in outputs) + bytes_field(4, op.encode())
    for name, value in attributes:
        content += bytes_field(5, bytes_field(1, name.encode()) + int_field(3, value) + int_field(20, 2))
    return content


def tensor(name, values):
    """A named tensor of 32 bit floats."""
    array = np.asarray(values, dtype="<f4")
    dims = b"".join(int_field(1, dim) for dim in array.shape)
    return dims + int_field(2, 1) + bytes_field(8, name.encode()) + bytes_field(9, array.tobytes())


def value(name, *dims):
    """An input or an output."""
    shape = b"".join(bytes_field(1, int_field(1, dim)) for dim in dims)
    return bytes_field(1, name.encode()) + bytes_field(2, bytes_field(1, int_field(1, 1) + bytes_field(2, shape)))


def model(nodes, tensors, *, inputs=None, outputs=None, opset=b""):
    """A whole file."""
    graph = b"".join(bytes_field(1, content) for content in nodes) + bytes_field(2, b"policy")
    graph += b"".join(bytes_field(5, content) for content in tensors)
    graph += b"".join(bytes_field(11, content) for content in inputs or [value("observation", 1, SIZE)])
    graph += b"".join(bytes_field(12, content) for content in outputs or [value("logits", 1, N_STAGES)])
    return int_field(1, 8) + bytes_field(7, graph) + bytes_field(8, bytes_field(1, opset) + int_field(2, 17))


def dense(width, *between):
    """Observation to logits over a hidden row of some width, with operators in between: `h` in, `z` out."""
    last = node("MatMul", ["z" if between else "h", "w2"], ["logits"])
    first = node("MatMul", ["observation", "w1"], ["h"])
    return [first, *between, last], [tensor("w1", np.ones((SIZE, width))), tensor("w2", np.ones((width, N_STAGES)))]
