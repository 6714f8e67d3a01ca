"""Demonstrations: what the plans of an author saw, did and earned, in a folder of three files.

| file | content |
|---|---|
| `manifest.json` | who wrote the plans, for what, how it went by round, sha256 of the other files |
| `plans.json` | one plan per intersection |
| `trajectories.parquet` | one row per decision step: intersection, seed, step, observation, stage, reward, legal |

The same plans on the same seeds give the same bytes; nothing in the folder tells the time.
"""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.document import FiniteDocument
from leed_traffic.domain.plan import Plan
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.errors import DemonstrationError

FORMAT: Literal[1] = 1
SMALL_VALUES, VALUES_PER_BYTE = (
    1 << 24,
    64,
)  # of a file of trajectories: always allowed, and for each byte; ours hold about one
MANIFEST_NAME = "manifest.json"
PLANS_NAME = "plans.json"
TRAJECTORIES_NAME = "trajectories.parquet"

Kind = TypeVar("Kind", bound=np.generic)

_plans_adapter: TypeAdapter[dict[str, Plan]] = TypeAdapter(dict[str, Plan])
_SCHEMA = pa.schema(
    [
        pa.field("intersection", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("step", pa.int32(), nullable=False),
        pa.field("observation", pa.list_(pa.float32()), nullable=False),
        pa.field("stage", pa.int16(), nullable=False),
        pa.field("reward", pa.float64(), nullable=False),
        pa.field("legal", pa.list_(pa.bool_()), nullable=False),
    ]
)


class Round(FiniteDocument):
    """One round of the author: plans proposed, plans that fit their intersections, and the score after it."""

    what: str
    """Where the best plans so far come from."""
    candidates: int = Field(ge=0)
    """Plans proposed, all intersections together."""
    valid: int = Field(ge=0)
    """Of these, plans that fit their intersections."""
    kept: int = Field(ge=0)
    """Intersections for which a proposal did better than the incumbent, and entered the composed set."""
    delay_s: float = Field(ge=0.0)
    """Mean delay of the best plans so far, s per vehicle."""
    rewards: dict[str, float] = Field(default_factory=dict)
    """Undiscounted return of those plans by intersection, mean over the author's seeds."""
    proposed_delay_s: float | None = None
    """Mean delay of the best proposal of the round as a whole, whether it stayed or not."""
    proposed_rewards: dict[str, float] = Field(default_factory=dict)
    """Return of the best plan proposed for each intersection in this round; missing where none was sound."""


class DemonstrationManifest(FiniteDocument):
    """Origin of demonstrations, and what they were made for."""

    format: Literal[1] = FORMAT
    author: str
    """`webster`, `search`: an embedded author, no model; else the language model's author."""
    model: str | None = None
    prompt_digest: str | None = None
    author_seed: int = 0
    author_seeds: tuple[int, ...] = ()
    """Demand seeds that the author tried plans on."""
    scenario: str
    network_digest: str
    site_name: str
    site_digest: str
    decision_interval_s: float = Field(gt=0.0)
    reach_m: float = Field(gt=0.0)
    """Reach of the observation's detectors; a plan has its own."""
    reward: str
    sensing: str = "ideal"
    """What plans and observation saw, by name or file."""
    weights: Weights = CARS
    """Who counted how much in reward and counts; with persons the observation tells of them."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Demand seeds of the trajectories."""
    sumo_version: str
    leed_version: str
    baseline_delay_s: float = Field(ge=0.0)
    """Mean delay on the author's seeds while nobody asks: the signals' fallback cycle."""
    starts: dict[str, float] = Field(default_factory=dict)
    """Mean delay of the plans that the author started from, by name."""
    delay_s: float = Field(ge=0.0)
    """Mean delay of the final plans on the author's seeds."""
    demonstrated_delay_s: float = Field(ge=0.0)
    """Mean delay of the final plans on the seeds of the trajectories."""
    written_by: dict[str, str] = Field(default_factory=dict)
    """Who wrote each plan, by intersection: a language model in some round, or the embedded author that stood in.
    Empty where one embedded author wrote them all."""
    rounds: tuple[Round, ...] = ()
    simulated_hours: float = Field(ge=0.0)
    files: dict[str, str] = Field(default_factory=dict)
    """sha256 of the other files; filled in when written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrations:
    """Plans, their provenance and what came of them.

    Raises:
        ValueError: plans and trajectories name different intersections, or a seed is missing.
    """

    manifest: DemonstrationManifest
    plans: dict[str, Plan]
    trajectories: tuple[Trajectory, ...]  # ordered by intersection, then by seed

    def __post_init__(self) -> None:
        shown = [(t.intersection, t.seed) for t in self.trajectories]
        wanted = [(name, seed) for name in sorted(self.plans) for seed in sorted(self.manifest.seeds)]
        if sorted(shown) != wanted:
            raise ValueError(f"need one trajectory per plan and seed ({len(wanted)}), got {len(shown)} or others")
        wrong = [name for name, plan in self.plans.items() if plan.intersection != name]
        if wrong:
            raise ValueError(f"the plan of {wrong[0]} was written for {self.plans[wrong[0]].intersection}")


def digest_plans(plans: dict[str, Plan]) -> str:
    """sha256 over all plans: the same set has the same digest whatever its order."""
    return hashlib.sha256(_plans_bytes(plans)).hexdigest()


def write_demonstrations(path: Path, demonstrations: Demonstrations) -> DemonstrationManifest:
    """Write the folder; each file under a temporary name first, the manifest last.

    Returns:
        The manifest with the files' digests.

    Raises:
        DemonstrationError: the folder cannot be written.
    """
    contents = {
        PLANS_NAME: _plans_bytes(demonstrations.plans),
        TRAJECTORIES_NAME: _trajectories_bytes(demonstrations.trajectories),
    }
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = demonstrations.manifest.model_copy(update={"files": files})
    contents[MANIFEST_NAME] = (manifest.model_dump_json(indent=2) + "\n").encode()
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (path / f".{name}.tmp").write_bytes(content)
        for name in contents:
            os.replace(path / f".{name}.tmp", path / name)
    except OSError as err:
        raise DemonstrationError(f"{path}: cannot be written ({err})") from err
    return manifest


def read_manifest(path: Path) -> DemonstrationManifest:
    """Read the manifest of a folder, without its trajectories.

    Raises:
        DemonstrationError: it is missing or broken.
    """
    if not path.is_dir():
        raise DemonstrationError(f"{path}: no such folder; make demonstrations with `leedctl generate`")
    content = _read(path / MANIFEST_NAME)
    try:
        stated = json.loads(content)
        if isinstance(stated, dict) and stated.get("format") != FORMAT:
            raise DemonstrationError(
                f"{path / MANIFEST_NAME}: format {stated.get('format')}, "
                f"this version reads {FORMAT}; generate again"
            )
        return DemonstrationManifest.model_validate_json(content)
    except ValidationError as err:
        raise DemonstrationError(f"{path / MANIFEST_NAME}: {first_fault(err)}; generate again") from err
    except (ValueError, RecursionError) as err:
        raise DemonstrationError(f"{path / MANIFEST_NAME}: not JSON ({err}); generate again") from err


def read_demonstrations(path: Path) -> Demonstrations:
    """Read the folder's content, after every digest was checked.

    Raises:
        DemonstrationError: a file is missing, broken or altered.
    """
    manifest = read_manifest(path)
    contents = {}
    for name in (PLANS_NAME, TRAJECTORIES_NAME):
        contents[name] = _read(path / name)
        found = hashlib.sha256(contents[name]).hexdigest()
        stated = manifest.files.get(name, "none")
        if found != stated:
            raise DemonstrationError(
                f"{path / name}: altered: sha256 {found[:12]}, the manifest says {stated[:12]}; generate again"
            )
    try:
        plans = _plans_adapter.validate_json(contents[PLANS_NAME])
        trajectories = _read_trajectories(contents[TRAJECTORIES_NAME])
        return Demonstrations(manifest=manifest, plans=plans, trajectories=trajectories)
    except ValidationError as err:
        raise DemonstrationError(f"{path / PLANS_NAME}: {first_fault(err)}; generate again") from err
    except (pa.ArrowException, OSError, ValueError, KeyError) as err:  # OSError: what Arrow calls damaged content
        said = " ".join(str(err).split())[:200]
        raise DemonstrationError(f"{path}: damaged, or not made by this program ({said}); generate again") from err


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise DemonstrationError(
            f"{path}: cannot be read ({err.strerror}); make it with `leedctl generate`"
        ) from err


def _plans_bytes(plans: dict[str, Plan]) -> bytes:
    ordered = {name: plans[name] for name in sorted(plans)}
    return _plans_adapter.dump_json(ordered, indent=2) + b"\n"


def _trajectories_bytes(trajectories: Sequence[Trajectory]) -> bytes:
    tables = [_table(t) for t in sorted(trajectories, key=lambda t: (t.intersection, t.seed))]
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(tables) if tables else _SCHEMA.empty_table(), sink, compression="zstd")
    return sink.getvalue()


def _table(trajectory: Trajectory) -> pa.Table:
    t = len(trajectory)
    columns = [
        pa.array([trajectory.intersection] * t, pa.string()),
        pa.array(np.full(t, trajectory.seed), pa.int64()),
        pa.array(np.arange(t), pa.int32()),
        _rows(trajectory.observation, pa.float32()),
        pa.array(trajectory.stage, pa.int16()),
        pa.array(trajectory.reward, pa.float64()),
        _rows(trajectory.legal, pa.bool_()),
    ]
    return pa.Table.from_arrays(columns, schema=_SCHEMA)


def _rows(values: NDArray[np.generic], kind: pa.DataType) -> pa.ListArray:
    """Return a (T, K) array as T lists of K."""
    t, k = values.shape
    return pa.ListArray.from_arrays(pa.array(np.arange(t + 1) * k, pa.int32()), pa.array(values.ravel(), kind))


def _read_trajectories(content: bytes) -> tuple[Trajectory, ...]:
    file = pq.ParquetFile(io.BytesIO(content))
    _check_size(file.metadata, len(content))
    table = file.read()
    if table.schema.names != _SCHEMA.names:
        raise ValueError(
            f"{TRAJECTORIES_NAME} needs columns {', '.join(_SCHEMA.names)}, got {', '.join(table.schema.names)}"
        )
    table = table.cast(_SCHEMA).combine_chunks()
    names, seeds, steps = (table[c].to_numpy(zero_copy_only=False) for c in ("intersection", "seed", "step"))
    starts = np.flatnonzero(steps == 0).tolist()
    if table.num_rows and starts[:1] != [0]:
        raise ValueError(f"{TRAJECTORIES_NAME} does not begin with step 0")
    trajectories = []
    for low, high in zip(starts, [*starts[1:], table.num_rows], strict=True):
        part = table.slice(low, high - low)
        if len(set(names[low:high])) > 1 or len(set(seeds[low:high])) > 1 or (np.diff(steps[low:high]) != 1).any():
            raise ValueError(
                f"{TRAJECTORIES_NAME}: rows {low} to {high - 1} are not consecutive steps of one trajectory"
            )
        trajectories.append(
            Trajectory(
                intersection=str(names[low]),
                seed=int(seeds[low]),
                observation=_matrix(part["observation"], np.float32),
                stage=part["stage"].to_numpy().astype(np.int64),
                reward=part["reward"].to_numpy().astype(np.float64),
                legal=_matrix(part["legal"], np.bool_),
            )
        )
    return tuple(trajectories)


def _check_size(metadata: pq.FileMetaData, n_bytes: int) -> None:
    """Refuse a small file that says to hold much: a run of equal values costs nothing until it is unpacked.

    Raises:
        ValueError: how many values it says to hold.
    """
    groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
    n_values = sum(group.column(c).num_values for group in groups for c in range(group.num_columns))
    n_unpacked = sum(group.column(c).total_uncompressed_size for group in groups for c in range(group.num_columns))
    most = max(SMALL_VALUES, VALUES_PER_BYTE * n_bytes)
    if not (0 <= n_values <= most and 0 <= n_unpacked <= 8 * most and metadata.num_rows <= n_values):
        raise ValueError(f"{TRAJECTORIES_NAME} has {n_bytes} bytes and says to hold {n_values} values")


def _matrix(column: pa.ChunkedArray, kind: type[Kind]) -> NDArray[Kind]:
    """(T, K) from T lists of K.

    Raises:
        ValueError: the lists differ in length, or something is missing.
    """
    lists = column.combine_chunks()
    lengths = set(lists.value_lengths().to_pylist())
    values = lists.flatten()
    if len(lengths) != 1 or values.null_count:
        raise ValueError(f"{TRAJECTORIES_NAME} has rows of {len(lengths)} lengths, or with gaps")
    matrix: NDArray[Kind] = values.to_numpy(zero_copy_only=False).astype(kind).reshape(len(lists), lengths.pop())
    return matrix
