"""A look at an ONNX file before onnxruntime sees it: only what our exporter writes gets through.

A model can name files outside the bundle (external data), carry loops and functions, or ask for a tensor that no memory holds.
None of that belongs to a policy of a few dense layers, so the fields of the message (onnx.proto) are walked and everything else
is refused: a list of what is allowed needs no knowledge of what is dangerous.
"""

import math
from collections.abc import Iterator

ALLOWED_OPS = frozenset({"Gemm", "MatMul", "Add", "Tanh", "Relu"})
MOST_NODES, MOST_ENTRIES = 64, 1 << 24  # of a graph, of a tensor

_MODEL_GRAPH, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 20, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_LARGE = frozenset({5, 6, 10, 11, 14, 15, 22, 23})  # tensors, graphs, types, sparse tensors
_TENSOR_DIMS, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 13, 14

_Field = tuple[int, int | bytes]


def screen(onnx: bytes) -> str:
    """Why a model is refused; empty where it is a small dense network and nothing else."""
    try:
        return _model(onnx)
    except (ValueError, IndexError):
        return "not an ONNX file"


def _model(onnx: bytes) -> str:
    graphs = []
    for number, value in _fields(onnx):
        if number in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            return "holds functions or training steps of its own"
        if number == _MODEL_GRAPH:
            graphs.append(_content(value))
    if len(graphs) != 1:
        return f"needs one graph, has {len(graphs)}"
    n_nodes = 0
    for number, value in _fields(graphs[0]):
        if number == _GRAPH_SPARSE:
            return "holds a sparse tensor"
        if number == _GRAPH_INITIALIZER and (why := _tensor(_content(value))):
            return why
        if number == _GRAPH_NODE:
            n_nodes += 1
            if why := _node(_content(value)):
                return why
    return "" if 0 < n_nodes <= MOST_NODES else f"needs 1 to {MOST_NODES} nodes, has {n_nodes}"


def _node(content: bytes) -> str:
    ops = []
    for number, value in _fields(content):
        if number == _NODE_OP:
            ops.append(_content(value).decode("utf-8", "replace"))
        if number == _NODE_DOMAIN and value != b"":
            return "holds an operator of a foreign domain"
        if number == _NODE_ATTRIBUTE and any(field in _ATTRIBUTE_LARGE for field, _ in _fields(_content(value))):
            return "holds a tensor or a graph inside an operator"
    if len(ops) == 1 and ops[0] in ALLOWED_OPS:
        return ""
    return f"holds operator {', '.join(ops)[:40]!r}; a policy consists of {', '.join(sorted(ALLOWED_OPS))}"


def _tensor(content: bytes) -> str:
    dims: list[int] = []
    for number, value in _fields(content):
        if number in (_TENSOR_EXTERNAL, _TENSOR_LOCATION) and value not in (0, b""):
            return "keeps a tensor outside the file"
        if number == _TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else _varints(value)
    if not all(0 < dim <= MOST_ENTRIES for dim in dims) or math.prod(dims) > MOST_ENTRIES:
        return f"has a tensor of dimensions {dims[:6]}"
    return ""


def _content(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def _fields(content: bytes) -> Iterator[_Field]:
    """Number and value of every field of a message."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(content, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(content, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(content):
            raise ValueError("cut short")
        yield number, content[at : at + size]
        at += size


def _varints(content: bytes) -> list[int]:
    values, at = [], 0
    while at < len(content):
        value, at = _varint(content, at)
        values.append(value)
    return values


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(10):
        byte = content[at + k]
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value, at + k + 1
    raise ValueError("a number without end")
