"""ONNX files written field by field (onnx.proto), sound or not: a drill needs neither torch nor onnx."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from leed_traffic.drill.rig.linear_policy import bytes_field, int_field


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int) -> bytes:
    """An operator with whole numbers as attributes."""
    content = b"".join(bytes_field(1, name.encode()) for name in inputs)
    content += b"".join(bytes_field(2, name.encode()) for name in outputs) + bytes_field(4, op.encode())
    for name, number in attributes.items():
        content += bytes_field(5, bytes_field(1, name.encode()) + int_field(3, number) + int_field(20, 2))
    return content


def tensor(name: str, values: ArrayLike) -> bytes:
    """A tensor of 32 bit floats."""
    array = np.asarray(values, dtype="<f4")
    dims = b"".join(int_field(1, dim) for dim in array.shape)
    return dims + int_field(2, 1) + bytes_field(8, name.encode()) + bytes_field(9, array.tobytes())


def row(name: str, *dims: int) -> bytes:
    """An input or an output."""
    shape = b"".join(bytes_field(1, int_field(1, dim)) for dim in dims)
    return bytes_field(1, name.encode()) + bytes_field(2, bytes_field(1, int_field(1, 1) + bytes_field(2, shape)))


def model(
    nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]
) -> bytes:
    """A whole file."""
    graph = b"".join(bytes_field(1, content) for content in nodes) + bytes_field(2, b"policy")
    graph += b"".join(bytes_field(5, content) for content in tensors)
    graph += b"".join(bytes_field(11, content) for content in inputs)
    graph += b"".join(bytes_field(12, content) for content in outputs)
    return int_field(1, 8) + bytes_field(7, graph) + bytes_field(8, int_field(2, 17))


def one_row(nodes: Sequence[bytes], tensors: Sequence[bytes], size: int, n_stages: int) -> bytes:
    """A file that takes an observation (1, D) and gives logits (1, S)."""
    return model(nodes, tensors, [row("observation", 1, size)], [row("logits", 1, n_stages)])
