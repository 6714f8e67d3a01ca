"""A look at an ONNX file before onnxruntime sees it: only what our exporter writes gets through, and its cost is known.

A model can name files outside the bundle, carry loops and functions, or ask for a tensor that no memory holds, by
nothing but the broadcasting of an Add. None of that belongs to a policy of a few dense layers, so the message
(onnx.proto) is walked and everything else is refused: a list of what is allowed needs no knowledge of what is
dangerous. Two rules bound what is left:

- every result of an operator is one row, (1, K) with K <= MOST_WIDTH: no intermediate is larger than a layer;
- every weight belongs to one operator alone: a decision multiplies no more numbers than the file holds, and the file no more
  than the largest network that can be trained for so many observations and stages.
"""

import math
from collections.abc import Set
from dataclasses import dataclass, field

from leed_traffic.artifacts.onnx.protobuf import (
    NotAMessageError,
    Value,
    as_bytes,
    as_number,
    as_numbers,
    read_message,
)

# fewest and most operands of each operator; nothing else gets through
_OPERANDS = {"Gemm": (2, 3), "MatMul": (2, 2), "Add": (2, 2), "Tanh": (1, 1), "Relu": (1, 1)}
MOST_NODES = 64
MOST_WIDTH = 1024  # of a hidden layer
MOST_NAME = 200  # bytes

_MODEL_GRAPH = 7
_MODEL_OPSET = 8
_MODEL_TRAINING = 20
_MODEL_FUNCTIONS = 25
_GRAPH_NODE = 1
_GRAPH_INITIALIZER = 5
_GRAPH_INPUT = 11
_GRAPH_OUTPUT = 12
_GRAPH_SPARSE = 15
_NODE_INPUT = 1
_NODE_OUTPUT = 2
_NODE_OP = 4
_NODE_ATTRIBUTE = 5
_NODE_DOMAIN = 7
_ATTRIBUTE_NAME = 1
_ATTRIBUTE_FLOAT = 2
_ATTRIBUTE_INT = 3
_ATTRIBUTE_TYPE = 20
_ATTRIBUTE_LARGE = frozenset({5, 6, 10, 11, 14, 15, 22, 23})  # tensors, graphs, types, sparse tensors
_TENSOR_DIMS = 1
_TENSOR_TYPE = 2
_TENSOR_NAME = 8
_TENSOR_RAW = 9
_TENSOR_EXTERNAL = 13
_TENSOR_LOCATION = 14
_FLOAT = 1
_FLOAT_BYTES = 4

_GEMM_ATTRIBUTES = frozenset({"alpha", "beta", "transA", "transB"})

_Message = dict[int, list[Value]]


class _RefusedError(Exception):
    """Reason why a model does not get through."""


@dataclass(slots=True)
class _Scope:
    """Rows that operators have computed so far, and weights that are left for the next."""

    widths: dict[str, int]  # of each row, by name
    weights: dict[str, tuple[int, ...]]  # dimensions of each tensor, by name
    used: set[str] = field(default_factory=set)

    def take(self, name: str) -> tuple[int, ...]:
        """The dimensions of a tensor that no other operator has."""
        if name not in self.weights:
            raise _RefusedError(f"needs weights where {name[:40]!r} is none")
        if name in self.used:
            raise _RefusedError(f"uses the weights {name[:40]!r} twice")
        self.used.add(name)
        return self.weights[name]


def screen(onnx: bytes, size: int, n_stages: int) -> str:
    """Reason why a model is refused; empty where it is a small dense network and nothing else.

    Args:
        onnx: the file.
        size: D, entries of an observation.
        n_stages: S.
    """
    try:
        _model(onnx, size, n_stages)
    except _RefusedError as err:
        return str(err)
    except NotAMessageError as err:
        return f"not an ONNX file of ours: {err}"
    return ""


def most_weights(size: int, n_stages: int) -> int:
    """Numbers in the largest network that can be trained for D entries and S stages: two hidden layers and a direct path."""
    hidden = MOST_WIDTH
    # (D + 1) H + (H + 1) H + (H + 1) S + D S
    return (size + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * n_stages + size * n_stages


def _model(onnx: bytes, size: int, n_stages: int) -> None:
    if len(onnx) > _FLOAT_BYTES * most_weights(size, n_stages) + (1 << 16):
        raise _RefusedError(
            f"has {len(onnx)} bytes, more than any policy for {size} observations and {n_stages} stages"
        )
    model = read_message(
        onnx, once={1, 2, 3, 4, 5, 6}, many={_MODEL_GRAPH, _MODEL_OPSET, 14, _MODEL_TRAINING, _MODEL_FUNCTIONS}
    )
    if model.keys() & {_MODEL_TRAINING, _MODEL_FUNCTIONS}:
        raise _RefusedError("holds functions or training steps of its own")
    graphs = model.get(_MODEL_GRAPH, [])
    if len(graphs) != 1:
        raise _RefusedError(f"needs one graph, has {len(graphs)}")
    _graph(as_bytes(graphs[0]), size, n_stages)


def _graph(content: bytes, size: int, n_stages: int) -> None:
    many = {_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE}
    graph = read_message(content, once={2, 10}, many=many)
    nodes = graph.get(_GRAPH_NODE, [])
    if _GRAPH_SPARSE in graph:
        raise _RefusedError("holds a sparse tensor")
    if not 0 < len(nodes) <= MOST_NODES:
        raise _RefusedError(f"needs 1 to {MOST_NODES} nodes, has {len(nodes)}")
    weights: dict[str, tuple[int, ...]] = {}
    for value in graph.get(_GRAPH_INITIALIZER, []):
        name, dims = _tensor(as_bytes(value))
        if name in weights:
            raise _RefusedError(f"has two tensors {name[:40]!r}")
        weights[name] = dims
    (entry, width), (result, asked) = (_row_of(graph, place) for place in (_GRAPH_INPUT, _GRAPH_OUTPUT))
    if (width, asked) != (size, n_stages):
        raise _RefusedError(
            f"expected inputs and outputs of {size} and {n_stages}, the model has {width} and {asked}"
        )
    scope = _Scope(widths={entry: width}, weights=weights)
    if entry in weights:
        raise _RefusedError(f"has two tensors {entry[:40]!r}")
    for value in nodes:
        _node(as_bytes(value), scope)
    if scope.widths.get(result) != n_stages or result == entry:
        raise _RefusedError(f"does not compute {result[:40]!r} of {n_stages} entries")


def _node(content: bytes, scope: _Scope) -> None:
    node = read_message(
        content, once={3, _NODE_OP, 6, _NODE_DOMAIN}, many={_NODE_INPUT, _NODE_OUTPUT, _NODE_ATTRIBUTE}
    )
    if node.get(_NODE_DOMAIN, [b""]) != [b""]:
        raise _RefusedError("holds an operator of a foreign domain")
    op = _text(node[_NODE_OP][0]) if _NODE_OP in node else ""
    if op not in _OPERANDS:
        raise _RefusedError(f"holds operator {op[:40]!r}; a policy consists of {', '.join(sorted(_OPERANDS))}")
    is_transposed = _attributes(node.get(_NODE_ATTRIBUTE, []), is_gemm=op == "Gemm")
    operands, results = ([_text(value) for value in node.get(place, [])] for place in (_NODE_INPUT, _NODE_OUTPUT))
    fewest, most = _OPERANDS[op]
    if not fewest <= len(operands) <= most or len(results) != 1:
        raise _RefusedError(f"holds {op} with {len(operands)} operands and {len(results)} results")
    width = _width(op, operands, scope, is_transposed=is_transposed)
    if results[0] in scope.widths or results[0] in scope.weights:
        raise _RefusedError(f"computes {results[0][:40]!r} twice")
    scope.widths[results[0]] = width


def _width(op: str, operands: list[str], scope: _Scope, *, is_transposed: bool) -> int:
    """Entries of the row that an operator computes."""
    rows = [scope.widths[name] for name in operands if name in scope.widths]
    if op == "Add":
        sizes = {*rows, *(_bias(scope.take(name)) for name in operands if name not in scope.widths)}
        if not rows or len(sizes) != 1:
            raise _RefusedError("adds rows of different sizes")
        return rows[0]
    if operands[0] not in scope.widths:
        raise _RefusedError(f"computes on {operands[0][:40]!r}, which is no row that was computed before")
    if len(operands) == 1:
        return rows[0]
    dims = scope.take(operands[1])
    inner, outer = dims[::-1] if is_transposed and len(dims) == 2 else dims if len(dims) == 2 else (0, 0)
    if inner != rows[0] or outer > MOST_WIDTH:
        raise _RefusedError(f"multiplies a row of {rows[0]} by weights of {list(dims)}")
    if len(operands) == 3 and _bias(scope.take(operands[2])) != outer:
        raise _RefusedError(f"adds a bias to a row of {outer} that is none")
    return outer


def _bias(dims: tuple[int, ...]) -> int:
    """Entries of a row that is added; 0 where it is none."""
    return dims[-1] if len(dims) == 1 or (len(dims) == 2 and dims[0] == 1) else 0


def _attributes(values: list[Value], *, is_gemm: bool) -> bool:
    """Return whether the weights lie transposed; nothing else that changes a shape is taken."""
    allowed = _GEMM_ATTRIBUTES if is_gemm else frozenset[str]()
    set_to: dict[str, int] = {}
    for value in values:
        attribute = read_message(
            as_bytes(value),
            once={_ATTRIBUTE_NAME, _ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_TYPE, 13},
            many=_ATTRIBUTE_LARGE,
        )
        if attribute.keys() & _ATTRIBUTE_LARGE:
            raise _RefusedError("holds a tensor or a graph inside an operator")
        name = _text(attribute.get(_ATTRIBUTE_NAME, [b""])[0])
        if name not in allowed or name in set_to:
            raise _RefusedError(f"holds an operator with the attribute {name[:40]!r}")
        set_to[name] = as_number(attribute.get(_ATTRIBUTE_INT, [0])[0])
    if set_to.get("transA", 0) != 0 or set_to.get("transB", 0) not in (0, 1):
        raise _RefusedError("transposes its observation")
    return set_to.get("transB", 0) == 1


def _tensor(content: bytes) -> tuple[str, tuple[int, ...]]:
    """Name and dimensions of 32 bit floats that lie in the file, all of them."""
    once = {_TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, 12, _TENSOR_LOCATION}
    tensor = read_message(content, once=once, many={_TENSOR_DIMS, _TENSOR_EXTERNAL})
    if _TENSOR_EXTERNAL in tensor or tensor.get(_TENSOR_LOCATION, [0]) != [0]:
        raise _RefusedError("keeps a tensor outside the file")
    dims = as_numbers(tensor.get(_TENSOR_DIMS, []))
    raw = as_bytes(tensor.get(_TENSOR_RAW, [b""])[0])
    if not 1 <= len(dims) <= 2 or min(dims) < 1 or _FLOAT_BYTES * math.prod(dims) != len(raw):
        raise _RefusedError(
            f"has a tensor of dimensions {[min(dim, 1 << 63) for dim in dims[:6]]} in {len(raw)} bytes"
        )
    if tensor.get(_TENSOR_TYPE) != [_FLOAT]:
        raise _RefusedError("has a tensor of something else than 32 bit floats")
    return _text(tensor.get(_TENSOR_NAME, [b""])[0]), tuple(dims)


def _row_of(graph: _Message, place: int) -> tuple[str, int]:
    """Name and width of the one input, or of the one output: a ValueInfoProto of 32 bit floats (1, K)."""
    values = graph.get(place, [])
    if len(values) != 1:
        raise _RefusedError(f"expected inputs and outputs: one of each, the model has {len(values)}")
    info = read_message(as_bytes(values[0]), once={1, 2, 3})
    tensor = _only(_only(info, 2), 1, {1, 2})
    shape = _message(tensor, 2, many={1})
    dims = [
        as_numbers([dim])
        for value in shape.get(1, [])
        for dim in read_message(as_bytes(value), once={1}).get(1, [b""])
    ]
    if tensor.get(1) != [_FLOAT] or len(dims) != 2 or dims[0] != [1] or len(dims[1]) != 1:
        raise _RefusedError(f"expected inputs and outputs of one row, the model has dimensions {dims[:6]}")
    return _text(info.get(1, [b""])[0]), dims[1][0]


def _only(message: _Message, number: int, once: Set[int] = frozenset({1})) -> _Message:
    return _message(message, number, once=once)


def _message(
    message: _Message, number: int, *, once: Set[int] = frozenset(), many: Set[int] = frozenset()
) -> _Message:
    """The message inside a message, empty where it is missing."""
    return read_message(as_bytes(message.get(number, [b""])[0]), once=once, many=many)


def _text(value: Value) -> str:
    """A name; it may stand in a message to a person."""
    content = as_bytes(value)
    if len(content) > MOST_NAME or not content.isascii() or not content.decode("ascii").isprintable():
        raise _RefusedError(
            f"has a name of {len(content)} bytes; a name is up to {MOST_NAME} printable ASCII characters"
        )
    return content.decode("ascii")
