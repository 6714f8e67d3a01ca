"""Small bundles that ask for much: memory, time, bytes that are not there. None may get them."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy, verify_bundle
from leed_traffic.artifacts.sealed_folder import SIGNATURE_NAME, SUMS_NAME, write_sealed
from leed_traffic.drill.exercises.swaps import serve_walking, two_bundles
from leed_traffic.drill.rig.onnx_bytes import model, node, one_row, row, tensor
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import BundleError
from leed_traffic.serve.control.assignment import assign
from leed_traffic.serve.control.commands import CommandQueue, Reload
from leed_traffic.serve.control.hot_swap import Decider
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.operations.command_server import CommandServer
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.run import ServeConfig

MOST_MB, MOST_S = (
    64.0,
    1.0,
)  # of memory above what was held before, of processor time; a sound bundle of one policy takes 0.02 s
_BROAD = 20_000
_SPARSE_BYTES = 1 << 36

Bomb = Callable[[int, int], bytes]  # D, S -> a model
Verify = Callable[[Path], Bundle]


def costly_bundles(setting: DrillSetting, verify: Verify = verify_bundle) -> Finding:
    """Try that every bomb is refused before it costs anything; a bundle that is slow on probation goes."""
    faults = list[str]()
    count = 0
    dearest_mb = 0.0
    dearest_s = 0.0
    for name, path in _bombs(setting.crossing.bundle, setting.crossing.folder / "costly"):
        count += 1
        begin_mb = _peak_mb(anew=True)
        begin_s = time.process_time()
        try:
            verify(path)
            faults.append(f"{name}: accepted")
        except BundleError:
            pass
        mb = _peak_mb(anew=False) - begin_mb
        seconds = time.process_time() - begin_s
        dearest_mb = max(dearest_mb, mb)
        dearest_s = max(dearest_s, seconds)
        if mb > MOST_MB or seconds > MOST_S:
            faults.append(f"{name}: cost {mb:.0f} MB and {seconds:.2f} s")
        shutil.rmtree(path)
    for seconds, stays in ((0.4, True), (0.6, False)):
        count += 1
        faults += _slow(
            *two_bundles(setting.crossing, setting.crossing.folder / f"slow{seconds:g}"), seconds, stays=stays
        )
    return Finding(
        count=count, faults=faults, detail=f"the dearest took {max(dearest_mb, 0.0):.0f} MB and {dearest_s:.2f} s"
    )


def _bombs(bundle: Bundle, folder: Path) -> Iterator[tuple[str, Path]]:
    """Copies of a sound bundle, sealed again, whose first policy asks for much; or with files that are large and not there."""
    intersection = bundle.network.intersections[0]
    spec = bundle.specs[0]
    place = bundle.manifest.intersections[0].folder
    for name, bomb in BOMBS.items():
        path = _copy(bundle, folder)
        files = {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
        kept = {name: content for name, content in files.items() if name not in (SUMS_NAME, SIGNATURE_NAME)}
        write_sealed(path, {**kept, f"{place}/policy.onnx": bomb(spec.size, intersection.n_stages)})
        yield name, path
    for name in (
        "x1",
        f"{place}/x1",
        "manifest.json",
        f"{place}/policy.onnx",
        f"{place}/golden.json",
        SUMS_NAME,
        SIGNATURE_NAME,
    ):
        path = _copy(bundle, folder)
        with (path / name).open("ab") as file:
            file.truncate(_SPARSE_BYTES)
        yield f"a sparse {name}", path


def _copy(bundle: Bundle, folder: Path) -> Path:
    shutil.copytree(bundle.path, folder)
    return folder


def _spread_out(size: int, n_stages: int) -> bytes:
    """A column plus a row: an Add of 160 kB that makes 1.6 GB."""
    nodes = [
        node("MatMul", ["observation", "one"], ["z"]),
        node("Add", ["z", "v"], ["v2"]),
        node("Add", ["u", "v2"], ["uv"]),
        node("MatMul", ["c", "uv"], ["cu"]),
        node("MatMul", ["cu", "e"], ["logits"]),
    ]
    shapes = {"one": (size, 1), "v": (1, _BROAD), "u": (_BROAD, 1), "c": (1, _BROAD), "e": (_BROAD, n_stages)}
    return one_row(nodes, [tensor(name, np.zeros(shape)) for name, shape in shapes.items()], size, n_stages)


def _unfolded(size: int, n_stages: int) -> bytes:
    """The same of weights alone: it is computed when the model is loaded."""
    nodes = [node("MatMul", ["u", "v"], ["uv"]), node("MatMul", ["observation", "w"], ["logits"])]
    shapes = {"u": (_BROAD, 1), "v": (1, _BROAD), "w": (size, n_stages)}
    return one_row(nodes, [tensor(name, np.zeros(shape)) for name, shape in shapes.items()], size, n_stages)


def _again(size: int, n_stages: int) -> bytes:
    """The same weights in operator after operator."""
    names = ["in", *(f"x{k}" for k in range(60))]
    nodes = [node("MatMul", ["observation", "first"], ["in"])]
    nodes += [node("MatMul", [a, "w"], [b]) for a, b in pairwise(names)]
    nodes += [node("MatMul", [names[-1], "last"], ["logits"])]
    shapes = {"first": (size, 1000), "w": (1000, 1000), "last": (1000, n_stages)}
    return one_row(nodes, [tensor(name, np.full(shape, 1e-30)) for name, shape in shapes.items()], size, n_stages)


def _doubled(size: int, n_stages: int) -> bytes:
    """A Concat of itself with itself, forty times."""
    nodes = [node("Concat", [f"x{k}", f"x{k}"], [f"x{k + 1}"], axis=1) for k in range(40)]
    return one_row([node("Relu", ["observation"], ["x0"]), *nodes], [], size, n_stages)


def _endless(size: int, n_stages: int) -> bytes:
    """A million operators that do nothing."""
    nodes = [node("Relu", ["observation"], ["x"])] * 200_000
    return one_row(nodes, [], size, n_stages)


def _wide(size: int, n_stages: int) -> bytes:
    """Many observations at once."""
    outputs = [row("logits", 1 << 20, n_stages)]
    weights = [tensor("w", np.zeros((size, n_stages)))]
    return model(
        [node("MatMul", ["observation", "w"], ["logits"])], weights, [row("observation", 1 << 20, size)], outputs
    )


def _operator(op: str) -> Bomb:
    """An operator that makes much of little."""

    def bomb(size: int, n_stages: int) -> bytes:
        nodes = [node(op, ["observation", "n"], ["x"]), node("MatMul", ["x", "w"], ["logits"])]
        tensors = [tensor("n", np.full(2, 1e5)), tensor("w", np.zeros((size, n_stages)))]
        return one_row(nodes, tensors, size, n_stages)

    return bomb


def _deep(size: int, n_stages: int) -> bytes:
    """A message in a message in a message."""
    content = b""
    for _ in range(2000):
        content = bytes([58]) + _length(len(content)) + content  # field 7
    return content


def _length(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


BOMBS: dict[str, Bomb] = {
    "a column plus a row": _spread_out,
    "weights times weights": _unfolded,
    "the same weights again and again": _again,
    "doubled forty times": _doubled,
    "200,000 operators": _endless,
    "a million observations": _wide,
    "a message 2,000 deep": _deep,
    **{
        op: _operator(op)
        for op in (
            "ConstantOfShape",
            "Expand",
            "Tile",
            "Range",
            "Pad",
            "Gather",
            "Resize",
            "Loop",
            "Scan",
            "Pow",
            "Einsum",
        )
    },
}


class _Slow:
    """A policy that is sound and takes a while, by a clock of its own."""

    def __init__(self, policy: Decider, seconds: float) -> None:
        self._policy = policy
        self._seconds = seconds
        self.now_s = 0.0

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """Request of the policy, late."""
        self.now_s += self._seconds
        return self._policy.decide(observation, legal)


def _slow(first: Bundle, second: Bundle, seconds: float, *, stays: bool) -> list[str]:
    """Faults in the life of a bundle whose decisions take so long."""
    commands = CommandQueue()
    slow = _Slow(Policy(second), seconds)

    def decider(bundle: Bundle, ids: Sequence[str]) -> Decider:
        return slow if bundle.digest == second.digest else Policy(bundle, ids)

    server = CommandServer(
        assign(first, None), first, ServeConfig(bundle=first.path, port=1), decider, commands, StatusBoard()
    )

    def on_tick(time_s: float) -> None:
        if time_s == 30.0:
            commands.put(Reload(generation=server.check(second.path)), "drill")

    config = ServeConfig(bundle=first.path, port=1, until_s=200.0)
    summary = serve_walking(
        config,
        lambda time_s, device: on_tick(time_s),
        commands=commands,
        decider=decider,
        clock=lambda: slow.now_s,
    )
    runs = summary.bundle_digest
    wanted = (second if stays else first).digest
    said = [] if runs == wanted else [f"decisions of {seconds:g} s: {runs[:12]} runs, expected {wanted[:12]}"]
    n_back = summary.steps.get(ChangeKind.ROLLED_BACK, 0)
    return said + ([] if n_back == (not stays) else [f"decisions of {seconds:g} s: rolled back {n_back} times"])


def _peak_mb(*, anew: bool) -> float:
    """The most memory that this process held since it was last asked anew, in MB."""
    if anew:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        (line,) = (line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1000.0
