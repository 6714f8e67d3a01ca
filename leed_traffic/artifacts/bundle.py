"""A bundle: what is deployed. One ONNX policy per intersection and the contract that it was trained under.

    BUNDLE/SHA256SUMS          of every other file, in the form that `sha256sum -c` reads
    BUNDLE/SHA256SUMS.sig      optional: Ed25519 signature of SHA256SUMS
    BUNDLE/manifest.json       versions, digests, decision interval, observation tables, stage maps, training
    BUNDLE/network.json        the intersections as they were trained
    BUNDLE/site.json           the site's limits as they were trained
    BUNDLE/<name>/policy.onnx  observation (1, D) float32 -> logits (1, S) float32; the legal mask comes outside
    BUNDLE/<name>/golden.json  a few real observations with the logits that belong to them

ONNX has no integrity check of its own: 295 of 300 single-bit flips in a policy load and run. So every byte is held
to its digest at every load, and what was checked is what runs: the models stay in memory. The same inputs give the
same bytes.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, FailFast, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from leed_traffic import __version__
from leed_traffic.artifacts.sealed_folder import Seal, read_seal, read_sealed, sha256, write_sealed
from leed_traffic.artifacts.site import Site, make_site
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.artifacts.whole_file import distinct_names
from leed_traffic.domain.document import FiniteDocument
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.observation import ObservationEntry, ObservationSpec, observation_spec
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.domain.shape import limits_difference, shape_difference
from leed_traffic.errors import BundleError, MismatchError

FORMAT_VERSION: Literal[1] = 1
MANIFEST_NAME = "manifest.json"
NETWORK_NAME = "network.json"
SITE_NAME = "site.json"
POLICY_NAME = "policy.onnx"
GOLDEN_NAME = "golden.json"
_DOCUMENT_BYTES = 32 << 20  # about 15 kB for each intersection
_BYTES_PER_ENTRY = 5  # at least, of a document; ours have 10 to 23
_MOST_ENTRIES = 50_000  # of one intersection; a large one has 2,000
_MOST_BYTES = {
    MANIFEST_NAME: _DOCUMENT_BYTES,
    NETWORK_NAME: _DOCUMENT_BYTES,
    SITE_NAME: _DOCUMENT_BYTES,
    POLICY_NAME: 16 << 20,  # about 50 kB; the screen knows how much the contract allows
    GOLDEN_NAME: 1 << 20,  # about 5 kB
}

_NONSENSE = (
    LookupError,
    TypeError,
    ArithmeticError,
    RecursionError,
)  # what a sealed document full of nonsense runs into


class _Format(BaseModel):
    """Field that is looked at before all others."""

    format_version: object = None


class GoldenVectors(FiniteDocument):
    """K real observations, the legal stages at that moment, and what the policy answers."""

    observation: tuple[tuple[float, ...], ...]  # (K, D)
    legal: tuple[tuple[bool, ...], ...]  # (K, S)
    logits: tuple[tuple[float, ...], ...]  # (K, S)


class TrainingRecord(FiniteDocument):
    """Origin of the policies."""

    seed: int
    episodes: int
    simulated_hours: float
    config_digest: str
    author: str  # of the demonstrations; empty without
    demonstrations_digest: str
    torch_version: str
    sumo_version: str
    validation_delay_s: float | None = None  # mean over the validation seeds, of the exported policies


class BundledIntersection(FiniteDocument):
    """One intersection's entry in the manifest."""

    id: str
    folder: str = Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")
    digest: str
    observation_digest: str
    observation: Annotated[tuple[ObservationEntry, ...], FailFast()]  # the table of what each input means
    stages: Annotated[tuple[str, ...], FailFast()]  # the state that each output asks for


class BundleManifest(FiniteDocument):
    """manifest.json."""

    format_version: Literal[1] = FORMAT_VERSION
    leed_version: str
    scenario: str
    network_digest: str
    site_name: str
    site_digest: str
    decision_interval_s: float = Field(gt=0.0)
    reach_m: float = Field(gt=0.0)
    weights: Weights = CARS  # who counted how much in training; with persons the observation tells of them
    intersections: Annotated[tuple[BundledIntersection, ...], FailFast()] = Field(min_length=1)
    training: TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """One intersection's policy as bytes, with its golden vectors."""

    onnx: bytes
    golden: GoldenVectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle whose every file was checked; N intersections in the order of the manifest."""

    path: Path
    digest: str  # sha256 of SHA256SUMS: names the bundle
    manifest: BundleManifest
    network: Network
    site: Site
    specs: tuple[ObservationSpec, ...]
    policies: tuple[PolicyFile, ...]
    sums: bytes  # SHA256SUMS: what a signature is given for
    signature: bytes | None = None  # as it lies there, unchecked; see signature.py

    @property
    def ids(self) -> tuple[str, ...]:
        """(N,) intersection ids."""
        return tuple(entry.id for entry in self.manifest.intersections)


Kind = TypeVar("Kind")

_intersection = TypeAdapter(Intersection)
_intersections = TypeAdapter(tuple[Intersection, ...])
_timing = TypeAdapter(Timing)
_timings = TypeAdapter(tuple[Timing, ...])


def write_bundle(
    path: Path,
    *,
    scenario: str,
    network: Network,
    site: Site,
    decision_interval_s: float,
    reach_m: float,
    policies: Mapping[str, PolicyFile],
    training: TrainingRecord,
) -> Bundle:
    """Write a bundle as a whole or not at all, and read it back.

    Args:
        path: the folder to make; an older bundle there is replaced, anything else is left alone.
        scenario: name of what it was trained on.
        network: its intersections; each needs a policy.
        site: limits in the order of the intersections.
        decision_interval_s: seconds between requests.
        reach_m: of the detectors.
        policies: by intersection id.
        training: where they come from.

    Raises:
        BundleError: something other than a bundle is at `path`, or it cannot be written.
    """
    files = {}
    entries = []
    folders = distinct_names(intersection.id for intersection in network.intersections)
    for intersection in network.intersections:
        spec = observation_spec(
            intersection,
            decision_interval_s=decision_interval_s,
            reach_m=reach_m,
            counts_persons=site.weights.counts_persons,
        )
        entry = BundledIntersection(
            id=intersection.id,
            folder=folders[intersection.id],
            digest=intersection.digest(),
            observation_digest=spec.digest(),
            observation=spec.entries,
            stages=tuple(stage.state for stage in intersection.stages),
        )
        entries.append(entry)
        policy = policies[intersection.id]
        files[f"{entry.folder}/{POLICY_NAME}"] = policy.onnx
        files[f"{entry.folder}/{GOLDEN_NAME}"] = _json_bytes(policy.golden.model_dump(mode="json"), indent=None)
    manifest = BundleManifest(
        leed_version=__version__,
        scenario=scenario,
        network_digest=network.digest(),
        site_name=site.name,
        site_digest=site.digest,
        decision_interval_s=decision_interval_s,
        reach_m=reach_m,
        weights=site.weights,
        intersections=tuple(entries),
        training=training,
    )
    files[MANIFEST_NAME] = _json_bytes(manifest.model_dump(mode="json"))
    files[NETWORK_NAME] = _json_bytes(_intersections.dump_python(network.intersections, mode="json"))
    files[SITE_NAME] = _json_bytes(_timings.dump_python(site.timings, mode="json"))
    write_sealed(path, files)
    return read_bundle(path)


def read_bundle(path: Path, seal: Seal | None = None) -> Bundle:
    """Read a bundle, holding every byte to its digest.

    Args:
        path: the folder.
        seal: its seal, where somebody has looked at it before; None: it is read now.

    Raises:
        BundleError: a file is missing, extra, altered, a link, or not what this version reads.
    """
    seal = read_seal(path) if seal is None else seal
    files = read_sealed(path, seal, _MOST_BYTES)
    manifest = _read_manifest(path, files)
    try:
        intersections = _read_entries(path, NETWORK_NAME, files, _intersection)
        timings = _read_entries(path, SITE_NAME, files, _timing)
        policies = tuple(
            PolicyFile(
                onnx=files[f"{entry.folder}/{POLICY_NAME}"],
                golden=GoldenVectors.model_validate_json(files[f"{entry.folder}/{GOLDEN_NAME}"]),
            )
            for entry in manifest.intersections
        )
    except KeyError as err:
        raise BundleError(f"{path}: {err.args[0]} is missing; export the bundle again") from err
    except (ValidationError, ValueError, *_NONSENSE) as err:
        raise BundleError(f"{path}: {first_fault(err)}; export the bundle again") from err
    bundle = Bundle(
        path=path,
        digest=sha256(seal.sums),
        manifest=manifest,
        network=Network(intersections=intersections),
        site=make_site(manifest.site_name, timings, weights=manifest.weights),
        specs=tuple(
            observation_spec(
                i,
                decision_interval_s=manifest.decision_interval_s,
                reach_m=manifest.reach_m,
                counts_persons=manifest.weights.counts_persons,
            )
            for i in intersections
        ),
        policies=policies,
        sums=seal.sums,
        signature=seal.signature,
    )
    _check_consistent(bundle)
    return bundle


def check_bundle_fits(
    bundle: Bundle, network: Network, site: Site, decision_interval_s: float | None = None
) -> None:
    """Refuse to run a bundle where it was not trained for.

    Further intersections are none of its business, nor is what no policy depends on at its own ones:
    `domain/shape.py`.

    Args:
        bundle: to run.
        network: of the place where it shall run.
        site: the limits there, in the order of `network.intersections`.
        decision_interval_s: of the loop that calls it; None: the bundle's own will be used.

    Raises:
        MismatchError: the first difference, precisely.
    """
    expected_s = bundle.manifest.decision_interval_s
    if decision_interval_s is not None and decision_interval_s != expected_s:
        raise MismatchError(
            f"{bundle.path}: trained for a decision every {expected_s:g} s, "
            f"asked to run every {decision_interval_s:g} s; "
            "use the same interval or train again"
        )
    if bundle.site.weights.counts_persons != site.weights.counts_persons:
        sees = "persons at crossings" if bundle.site.weights.counts_persons else "no persons at crossings"
        raise MismatchError(
            f"{bundle.path}: trained to see {sees}, site {site.name} says otherwise; give its [weights] or train"
        )
    timings = {timing.intersection: timing for timing in site.timings}
    for trained, limits in zip(bundle.network.intersections, bundle.site.timings, strict=True):
        where = f"{bundle.path}/{trained.id}"
        here = network.by_id.get(trained.id)
        there = timings.get(trained.id)
        if here is None:
            known = ", ".join(i.id for i in network.intersections[:5])
            raise MismatchError(
                f"{bundle.path}: made for intersection {trained.id}, "
                f"which this network does not have (it has {known})"
            )
        if difference := shape_difference(trained, here, reach_m=bundle.manifest.reach_m):
            raise MismatchError(
                f"{where}: {difference}; take the network that it was trained on, or train and export it again"
            )
        if there is None:
            raise MismatchError(
                f"{where}: the site {site.name} has no limits for it; derive them with `leedctl site derive`"
            )
        if difference := limits_difference(limits, there):
            raise MismatchError(
                f"{where}: {difference}; trained under site {bundle.site.name}, this is {site.name}: "
                "use that site or train again"
            )


def _read_entries(path: Path, name: str, files: Mapping[str, bytes], kind: TypeAdapter[Kind]) -> tuple[Kind, ...]:
    """Return what a document lists for each intersection; each is checked alone: the first fault is the last."""
    _check_density(path, name, files[name])
    entries: object = from_json(files[name])
    if not isinstance(entries, list):
        raise ValueError(f"{name}: expected a list")
    read: list[Kind] = []
    for entry in entries:
        if sum(1 for _ in islice(_within(entry), _MOST_ENTRIES)) == _MOST_ENTRIES:
            raise ValueError(f"{name}: an intersection of over {_MOST_ENTRIES} entries")
        try:
            read.append(kind.validate_python(entry))
        except ValidationError as err:
            raise ValueError(f"{name}: {len(read)}: {first_fault(err)}") from err
    return tuple(read)


def _within(entry: object) -> Iterator[object]:
    """Return everything inside of something."""
    inside = [entry]
    while inside:
        part = inside.pop()
        yield part
        inside += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _check_density(path: Path, name: str, content: bytes) -> None:
    """Refuse a document of nothing but brackets: each costs twenty times as much in memory as in the file."""
    n_entries = sum(map(content.count, (b"[", b"{", b",")))
    if n_entries > 1000 + len(content) // _BYTES_PER_ENTRY:
        raise BundleError(
            f"{path}/{name}: {len(content)} bytes with {n_entries} entries are no document of ours; "
            "export it again"
        )


def _read_manifest(path: Path, files: Mapping[str, bytes]) -> BundleManifest:
    try:
        _check_density(path, MANIFEST_NAME, files[MANIFEST_NAME])
        version = _Format.model_validate_json(files[MANIFEST_NAME]).format_version
        if version != FORMAT_VERSION:
            said = str(version)[:20]
            raise BundleError(
                f"{path}: bundle format {said}, this program reads {FORMAT_VERSION}; export it again"
            )
        return BundleManifest.model_validate_json(files[MANIFEST_NAME])
    except KeyError as err:
        raise BundleError(f"{path}: {MANIFEST_NAME} is missing; export the bundle again") from err
    except (ValueError, *_NONSENSE) as err:  # json's and pydantic's errors are ValueErrors
        raise BundleError(f"{path}/{MANIFEST_NAME}: {first_fault(err)}; export the bundle again") from err


def _check_consistent(bundle: Bundle) -> None:
    """Check that the parts of a bundle agree with each other and with this program's encoder."""
    path = bundle.path
    manifest = bundle.manifest
    if bundle.ids != tuple(i.id for i in bundle.network.intersections):
        raise BundleError(
            f"{path}: {MANIFEST_NAME} and {NETWORK_NAME} name different intersections; export the bundle again"
        )
    if bundle.ids != tuple(t.intersection for t in bundle.site.timings):
        raise BundleError(
            f"{path}: {MANIFEST_NAME} and {SITE_NAME} name different intersections; export the bundle again"
        )
    if len(set(bundle.ids)) != len(bundle.ids) or manifest.network_digest != bundle.network.digest():
        raise BundleError(
            f"{path}: {NETWORK_NAME} is not the network that the manifest names; export the bundle again"
        )
    if manifest.site_digest != bundle.site.digest:
        raise BundleError(f"{path}: {SITE_NAME} is not the site that the manifest names; export the bundle again")
    folders = Counter(entry.folder.casefold() for entry in manifest.intersections)
    if (most := folders.most_common(1)[0])[1] > 1:
        raise BundleError(f"{path}: {most[1]} intersections share the folder {most[0]}; export the bundle again")
    rows = zip(
        manifest.intersections, bundle.network.intersections, bundle.specs, bundle.site.timings, strict=True
    )
    for entry, intersection, spec, timing in rows:
        if entry.stages != tuple(stage.state for stage in intersection.stages):
            raise BundleError(f"{path}/{entry.id}: stage map and network differ; export the bundle again")
        if entry.observation_digest != spec.digest() or entry.observation != spec.entries:
            raise BundleError(
                f"{path}/{entry.id}: trained on an observation of {len(entry.observation)} entries, "
                "this program encodes "
                f"{spec.size} and not the same; train and export it again with this version"
            )
        if timing.n_stages != intersection.n_stages:
            raise BundleError(
                f"{path}/{entry.id}: limits for {timing.n_stages} stages, it has {intersection.n_stages}"
            )


def _json_bytes(document: object, indent: int | None = 1) -> bytes:
    return (json.dumps(document, indent=indent, sort_keys=True, allow_nan=False) + "\n").encode()
