"""Runs a bundle's policies: the one file, beside the exporter, that knows onnxruntime."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from leed_traffic.artifacts.bundle import Bundle, PolicyFile, read_bundle
from leed_traffic.artifacts.onnx.agreement import disagreement
from leed_traffic.artifacts.onnx.screen import screen
from leed_traffic.artifacts.sealed_folder import read_seal
from leed_traffic.artifacts.signature import check_signature
from leed_traffic.domain.action import choose_best
from leed_traffic.errors import BundleError, MismatchError

GOLDEN_SHARE = 1e-4  # of the logits' size; another processor may add in another order
MOST_GOLDEN = 64  # vectors of one policy; the exporter writes 8
DECISION_LIMIT_S = 0.02  # s of processor time for one policy; ours take under 0.0001
BUNDLE_LIMIT_S = 0.5  # s for all policies of a bundle: half a tick
INPUT_NAME = "observation"
OUTPUT_NAME = "logits"
_ORT_FAULTS = (  # onnxruntime's errors have no base class of their own
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NoModel,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
)


class PolicyNetwork:
    """One intersection's exported network: observation (D,) -> logits (S,)."""

    def __init__(self, onnx: bytes, size: int, n_stages: int, where: str) -> None:
        """Load the graph and check its shape.

        Args:
            onnx: the model, already held to its digest.
            size: D.
            n_stages: S.
            where: named in errors.

        Raises:
            BundleError: no ONNX model, or one with other inputs or outputs.
        """
        if why := screen(onnx, size, n_stages):
            raise BundleError(f"{where}: {why}; export it again with leedctl export")
        try:
            self._session = ort.InferenceSession(
                onnx, _session_options(), providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except (*_ORT_FAULTS, RuntimeError, ValueError, MemoryError) as err:
            raise BundleError(
                f"{where}: not a model that onnxruntime loads: {' '.join(str(err).split())[:160]}"
            ) from err
        shapes = [(v.name, list(v.shape)) for v in (*self._session.get_inputs(), *self._session.get_outputs())]
        expected = [(INPUT_NAME, [1, size]), (OUTPUT_NAME, [1, n_stages])]
        if shapes != expected:
            raise BundleError(
                f"{where}: expected inputs and outputs {expected}, the model has {shapes}; export it again"
            )

    def logits(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """(S,) one number per stage from (D,)."""
        row = np.ascontiguousarray(observation[None, :], dtype=np.float32)
        (out,) = self._session.run([OUTPUT_NAME], {INPUT_NAME: row})
        logits: NDArray[np.float32] = out[0]
        return logits


class Policy:
    """Policies of some intersections: small sessions, one thread, no spinning, fit for an edge device."""

    def __init__(self, bundle: Bundle, ids: Sequence[str] | None = None) -> None:
        """Load the networks.

        Args:
            bundle: checked.
            ids: the intersections to decide for, in the order of the rows to come; None: all, in the bundle's
                order.

        Raises:
            BundleError: a model does not load or has another shape.
            MismatchError: the bundle has no such intersection.
        """
        position = {id_: n for n, id_ in enumerate(bundle.ids)}
        self.ids = bundle.ids if ids is None else tuple(ids)
        if unknown := [id_ for id_ in self.ids if id_ not in position]:
            known = ", ".join(bundle.ids[:8])
            raise MismatchError(f"{bundle.path}: has no policy for intersection {unknown[0]}; it has {known}")
        picked = [position[id_] for id_ in self.ids]
        self._sizes = tuple(bundle.specs[n].size for n in picked)
        self._n_stages = tuple(bundle.network.intersections[n].n_stages for n in picked)
        self._networks = [load_network(bundle, n) for n in picked]

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """Return each policy's request; None where input or output is not finite or nothing is legal.

        Args:
            observation: (N, D_max), rows in the order of `ids`; entries beyond an intersection's own size are not
                read.
            legal: (N, S_max).
        """
        requests: list[float | None] = []
        for n, network in enumerate(self._networks):
            row = observation[n, : self._sizes[n]]
            mask = legal[n, : self._n_stages[n]]
            requests.append(_choose(network, row, mask))
        return requests


def load_network(bundle: Bundle, n: int) -> PolicyNetwork:
    """The n-th network of a bundle.

    Raises:
        BundleError: see `PolicyNetwork`.
    """
    intersection = bundle.network.intersections[n]
    where = f"{bundle.path}/{intersection.id}"
    return PolicyNetwork(bundle.policies[n].onnx, bundle.specs[n].size, intersection.n_stages, where)


def verify_bundle(
    path: Path, trusted_key: Path | None = None, *, clock: Callable[[], float] = time.thread_time
) -> Bundle:
    """Hold a bundle to its maker, read it, load every policy, run its golden vectors: the cheap checks first.

    Args:
        path: of the bundle.
        trusted_key: the public key that it must be signed with; None: any bundle will do.
        clock: processor seconds of this thread, in which the policies run: a busy machine is no reason to refuse
            one.

    Raises:
        BundleError: a file, a model or an answer is not what was exported or takes too long; a signature is
            missing or wrong.
        UsageError: the key cannot be read.
    """
    seal = read_seal(path)
    if trusted_key is not None:
        check_signature(path, seal, trusted_key)
    bundle = read_bundle(path, seal)
    spent_s = 0.0
    for n, id_ in enumerate(bundle.ids):
        with np.errstate(all="ignore"):  # a figure beyond float32 becomes infinite, and is refused for that
            spent_s += _check_golden(
                load_network(bundle, n), bundle.policies[n], bundle.specs[n].size, f"{path}/{id_}", clock
            )
    if not spent_s <= BUNDLE_LIMIT_S:
        raise BundleError(
            f"{path}: a decision of its {len(bundle.ids)} policies takes {spent_s:.2g} s, "
            f"allowed {BUNDLE_LIMIT_S:g}"
        )
    return bundle


def _check_golden(
    network: PolicyNetwork, policy: PolicyFile, size: int, where: str, clock: Callable[[], float]
) -> float:
    """Hold a policy to the answers it was exported with; the seconds that one decision takes."""
    golden = policy.golden
    took_s = list[float]()
    if not 0 < len(golden.observation) == len(golden.legal) == len(golden.logits) <= MOST_GOLDEN:
        raise BundleError(
            f"{where}: golden vectors are empty, of different numbers or over {MOST_GOLDEN}; export it again"
        )
    for k, (observation, legal, expected) in enumerate(
        zip(golden.observation, golden.legal, golden.logits, strict=True)
    ):
        if len(observation) != size:
            raise BundleError(
                f"{where}: golden vector {k} has {len(observation)} entries, the observation has {size}"
            )
        begin_s = clock()
        try:
            got = network.logits(np.array(observation, dtype=np.float32))
        except _ORT_FAULTS as err:
            raise BundleError(
                f"{where}: golden vector {k} cannot be computed: {' '.join(str(err).split())[:160]}"
            ) from err
        took_s.append(clock() - begin_s)
        if difference := disagreement(
            got, np.array(expected), np.array(legal, dtype=np.bool_), share=GOLDEN_SHARE
        ):
            raise BundleError(
                f"{where}: golden vector {k} {difference}; this machine computes another policy: export it again"
            )
    decision_s = statistics.median(took_s)
    if not decision_s <= DECISION_LIMIT_S:
        raise BundleError(
            f"{where}: a decision takes {decision_s:.2g} s, allowed {DECISION_LIMIT_S:g}; export it again"
        )
    return decision_s


def _choose(network: PolicyNetwork, row: NDArray[np.float32], legal: NDArray[np.bool_]) -> float | None:
    if not legal.any() or not np.isfinite(row).all():
        return None
    logits = network.logits(row)
    if not np.isfinite(logits).all():
        return None
    return float(choose_best(logits, legal))


def _session_options() -> ort.SessionOptions:
    """One thread that does not spin, no arena: 100 sessions fit an edge device and leave its cores alone."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4  # faults come back as exceptions, not as lines on stderr
    return options
