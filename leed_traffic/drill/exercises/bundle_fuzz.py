"""Bundles damaged in every way that a disk, a network or an enemy finds; each must be refused, or decide as before.

Three kinds of damage: to the bytes (a bit, a cut, an exchange), to the folder (a file gone, extra, a link, a way
out), and to what is sealed again afterwards (numbers in the documents, tensors of huge size or outside the file,
weights that are no numbers, foreign operators). Sealed damage that leaves every decision as it was is no damage.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy, verify_bundle
from leed_traffic.artifacts.sealed_folder import SIGNATURE_NAME, SUMS_NAME, write_sealed
from leed_traffic.drill.rig.linear_policy import bytes_field, int_field, linear_model, model_of
from leed_traffic.errors import BundleError

Random = np.random.Generator
Damage = Callable[[Path, Bundle, Random], None]

_PROBES = 64  # observations on which decisions are compared
_LEAVES: tuple[Any, ...] = (
    0,
    -1,
    2**63,
    1e308,
    0.5,
    "",
    "x" * 1000,
    "../../etc/passwd",
    None,
    [],
    {},
    True,
    [[[[]]]],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzResult:
    """Outcome of the damaged bundles."""

    refused: int
    same_decisions: int
    faults: tuple[str, ...]  # an exception that is no refusal, or another decision
    by_damage: dict[str, int]


def fuzz_bundles(bundle: Bundle, scratch: Path, count: int, seed: int) -> FuzzResult:
    """Damage copies of a bundle and verify each.

    Args:
        bundle: sound.
        scratch: a folder for the copies.
        count: how many.
        seed: of all choices.
    """
    rng = np.random.default_rng(seed)
    expected = _decisions(bundle, 0)
    outcome = Counter[str]()
    by_damage = Counter[str]()
    faults = []
    with ThreadPoolExecutor(max_workers=1) as executor:
        for k in range(count):
            name, damage = DAMAGES[k % len(DAMAGES)]
            copy = scratch / "copy"
            shutil.copytree(bundle.path, copy)
            damage(copy, bundle, rng)
            future = executor.submit(_judge, copy, expected)
            error = future.exception()  # whatever it is: a refusal is the only one that is right
            result = (
                "refused"
                if isinstance(error, BundleError)
                else "same"
                if error is None and future.result()
                else ""
            )
            if not result:
                faults.append(
                    f"{name} {k}: {f'{type(error).__name__}: {error}' if error else 'decides otherwise'}"
                )
            outcome[result] += 1
            by_damage[name] += 1
            shutil.rmtree(copy)
    return FuzzResult(
        refused=outcome["refused"], same_decisions=outcome["same"], faults=tuple(faults), by_damage=dict(by_damage)
    )


def _judge(path: Path, expected: list[list[float | None]]) -> bool:
    """Return whether a bundle that is accepted decides as the sound one."""
    return _decisions(verify_bundle(path), 0) == expected


def _decisions(bundle: Bundle, seed: int) -> list[list[float | None]]:
    rng = np.random.default_rng(seed)
    d_max = max(spec.size for spec in bundle.specs)
    s_max = max(i.n_stages for i in bundle.network.intersections)
    policy = Policy(bundle)
    n = len(bundle.ids)
    legal = np.ones((n, s_max), dtype=bool)
    return [policy.decide(rng.uniform(size=(n, d_max)).astype(np.float32), legal) for _ in range(_PROBES)]


def _pick(path: Path, rng: Random) -> Path:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return files[int(rng.integers(len(files)))]


def _flip(path: Path, bundle: Bundle, rng: Random) -> None:
    victim = _pick(path, rng)
    content = bytearray(victim.read_bytes())
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    victim.write_bytes(content)


def _truncate(path: Path, bundle: Bundle, rng: Random) -> None:
    victim = _pick(path, rng)
    content = victim.read_bytes()
    victim.write_bytes(content[: int(rng.integers(len(content)))])


def _splice(path: Path, bundle: Bundle, rng: Random) -> None:
    """The end of one file behind the beginning of another."""
    one = _pick(path, rng)
    other = _pick(path, rng)
    a = one.read_bytes()
    b = other.read_bytes()
    spliced = a[: int(rng.integers(len(a)))] + b[int(rng.integers(len(b))) :]
    one.write_bytes(spliced if spliced != a else b"")


def _remove(path: Path, bundle: Bundle, rng: Random) -> None:
    _pick(path, rng).unlink()


def _add(path: Path, bundle: Bundle, rng: Random) -> None:
    (path / f"extra{int(rng.integers(1000))}").write_bytes(rng.bytes(100))


def _link(path: Path, bundle: Bundle, rng: Random) -> None:
    victim = _pick(path, rng)
    victim.unlink()
    target: Path = (Path("/etc/passwd"), bundle.path / victim.relative_to(path), victim, Path("/dev/zero"))[
        int(rng.integers(4))
    ]
    victim.symlink_to(target)


def _fifo(path: Path, bundle: Bundle, rng: Random) -> None:
    """A pipe that nobody writes to: whoever opens it waits for ever."""
    victim = _pick(path, rng)
    victim.unlink()
    os.mkfifo(victim)


def _way_out(path: Path, bundle: Bundle, rng: Random) -> None:
    """A listed file outside the folder."""
    sums = path / SUMS_NAME
    name = ("../secret", "/etc/passwd", "A/../../x", "./x", "..")[int(rng.integers(5))]
    sums.write_bytes(sums.read_bytes() + f"{'0' * 64}  {name}\n".encode())


def _resealed(alter: Callable[[dict[str, bytes], Bundle, Random], None]) -> Damage:
    """Damage that somebody seals again with the right digests."""

    def damage(path: Path, bundle: Bundle, rng: Random) -> None:
        files = {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}
        files = {name: content for name, content in files.items() if name not in (SUMS_NAME, SIGNATURE_NAME)}
        alter(files, bundle, rng)
        write_sealed(path, files)

    return damage


def _document(files: dict[str, bytes], bundle: Bundle, rng: Random) -> None:
    """A number or a text somewhere in a document becomes another."""
    name = sorted(n for n in files if n.endswith(".json"))[
        int(rng.integers(sum(n.endswith(".json") for n in files)))
    ]
    document = json.loads(files[name])
    node: Any = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = keys[int(rng.integers(len(keys)))]
        if not (isinstance(node[key], (dict, list)) and node[key]) or rng.uniform() < 0.1:
            node[key] = _LEAVES[int(rng.integers(len(_LEAVES)))]
            break
        node = node[key]
    files[name] = json.dumps(document).encode()


def _deep(files: dict[str, bytes], bundle: Bundle, rng: Random) -> None:
    """A document nested deeper than any stack."""
    name = sorted(n for n in files if n.endswith(".json"))[
        int(rng.integers(sum(n.endswith(".json") for n in files)))
    ]
    files[name] = (b"[", b'{"a":')[int(rng.integers(2))] * int(rng.integers(1000, 200_000))


def _onnx_name(files: dict[str, bytes], rng: Random) -> str:
    names = sorted(n for n in files if n.endswith(".onnx"))
    return names[int(rng.integers(len(names)))]


def _model(make: Callable[[int, int, Random], bytes]) -> Damage:
    """Another model, of the right inputs and outputs, in the place of one."""

    def alter(files: dict[str, bytes], bundle: Bundle, rng: Random) -> None:
        n = int(rng.integers(len(bundle.ids)))
        name = f"{bundle.manifest.intersections[n].folder}/policy.onnx"
        files[name] = make(bundle.specs[n].size, bundle.network.intersections[n].n_stages, rng)

    return _resealed(alter)


def _huge(size: int, n_stages: int, rng: Random) -> bytes:
    dims = [int(2 ** rng.integers(20, 62)) for _ in range(int(rng.integers(1, 5)))]
    tensor = b"".join(int_field(1, dim) for dim in dims) + int_field(2, 1) + bytes_field(8, b"weights")
    return model_of(tensor, size, n_stages)


def _outside(size: int, n_stages: int, rng: Random) -> bytes:
    target = (b"/etc/passwd", b"../../../etc/passwd", b"weights.bin", b"/dev/zero")[int(rng.integers(4))]
    entry = bytes_field(1, b"location") + bytes_field(2, target)
    tensor = int_field(1, size) + int_field(1, n_stages) + int_field(2, 1) + bytes_field(8, b"weights")
    return model_of(tensor + bytes_field(13, entry) + int_field(14, 1), size, n_stages)


def _no_number(size: int, n_stages: int, rng: Random) -> bytes:
    weights = rng.normal(size=(size, n_stages)).astype(np.float32)
    weights[int(rng.integers(size)), int(rng.integers(n_stages))] = (np.nan, np.inf, -np.inf)[int(rng.integers(3))]
    return linear_model(weights)


def _foreign(size: int, n_stages: int, rng: Random) -> bytes:
    tensor = int_field(1, size) + int_field(1, n_stages) + int_field(2, 1) + bytes_field(8, b"weights")
    tensor += bytes_field(9, bytes(4 * size * n_stages))
    op = (b"ConstantOfShape", b"Loop", b"If", b"Tile", b"Expand", b"", b"\xff\xfe", b"Scan")[int(rng.integers(8))]
    return model_of(tensor, size, n_stages, op=op)


def _other_weights(size: int, n_stages: int, rng: Random) -> bytes:
    return linear_model(rng.normal(size=(size, n_stages)).astype(np.float32))


def _flip_model(files: dict[str, bytes], bundle: Bundle, rng: Random) -> None:
    """A bit of the model's structure: its first and last bytes, where the weights are not."""
    name = _onnx_name(files, rng)
    content = bytearray(files[name])
    ends = [*range(min(60, len(content))), *range(max(0, len(content) - 120), len(content))]
    content[ends[int(rng.integers(len(ends)))]] ^= 1 << int(rng.integers(8))
    files[name] = bytes(content)


DAMAGES: tuple[tuple[str, Damage], ...] = (
    ("flipped bit", _flip),
    ("truncation", _truncate),
    ("splice", _splice),
    ("missing file", _remove),
    ("extra file", _add),
    ("symlink", _link),
    ("pipe", _fifo),
    ("way out of the folder", _way_out),
    ("document, sealed again", _resealed(_document)),
    ("deep nesting, sealed again", _resealed(_deep)),
    ("huge tensor, sealed again", _model(_huge)),
    ("tensor outside the file, sealed again", _model(_outside)),
    ("NaN and infinite weights, sealed again", _model(_no_number)),
    ("foreign operator, sealed again", _model(_foreign)),
    ("other weights, sealed again", _model(_other_weights)),
    ("bit of the model's structure, sealed again", _resealed(_flip_model)),
)
