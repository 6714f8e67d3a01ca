"""Settings of a training run, one frozen model per part of the algorithm; every ablation is a setting here.

The names of all settings differ, so that the command line and a study's learners give them flat
(`TrainConfig.from_flat`). The line under a field is its help on the command line.
"""

import hashlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from leed_traffic.domain.document import Document, Settings
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.domain.seeds import SEEDS_PER_RUN
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.train.similarity import Gate

NOT_SHAPING = frozenset({"demonstrations", "out", "resume", "compute"})  # parts that do not shape the result


class Backend(StrEnum):
    """Processes that do the work; the result is the same."""

    LOCAL = "local"  # of this machine
    RAY = "ray"  # of a Ray cluster (docs/scale.md)


class ExpertWeight(StrEnum):
    """Ways to set the weight of the expert loss."""

    DYNAMIC = "dynamic"  # (1 - sim) gate, see train/similarity.py
    FIXED = "fixed"
    DECAY = "decay"  # fixed_weight decay_rate^update (as DAPG, Rajeswaran et al. 2018)
    NONE = "none"  # PPO alone after cloning


class Similarity(StrEnum):
    """Uses of the similarity to the expert's trajectories in the dynamic weight."""

    LEAN_WHEN_FAR = "lean-when-far"  # (1 - sim) gate
    LEAN_WHEN_NEAR = "lean-when-near"  # sim gate: the opposite sign, an ablation
    OFF = "off"  # the gate alone


class Sharing(StrEnum):
    """Parameters that intersections have in common while they learn; each is exported as a policy of its own."""

    NOTHING = "nothing"  # actor and critic of their own, local observations (IPPO; ours)
    CRITIC = "critic"  # one critic sees all observations, actors are local (MAPPO, Yu et al. 2022)
    EVERYTHING = "everything"  # one actor and one critic for all, each on local observations


class EnvConfig(Settings):
    """Scenario, detectors and reward that the policies meet."""

    scenario: str
    """A name under scenarios/ or a path to a .sumocfg."""
    site: str | None = None
    """Limits: `derived`, `as-net` or a file; else the scenario's own."""
    spread: float | None = Field(default=None, ge=0.0, le=1.0)
    """How much days differ; else as the scenario says, a plain `.sumocfg` not at all."""
    decision_interval_s: float = Field(default=DEFAULT_DECISION_INTERVAL_S, gt=0.0)
    """Seconds between two requests; as in the demonstrations."""
    reach_m: float = Field(default=DEFAULT_REACH_M, ge=10.0, le=200.0)
    """Metres that the detectors see; as in the demonstrations."""
    sensing: str = "ideal"
    """Detectors of the policies: `ideal`, `camera`, `loops` or a sensing file; the expert sees the truth."""
    detector_faults: float = Field(default=0.0, ge=0.0, le=100.0)
    """Lasting detector faults per lane and hour while the policies drive: dead, stuck on or off, chattering."""
    reward: Reward = Reward.TIME_LOSS
    """What an intersection earns; as in the demonstrations."""


class ComputeConfig(Settings):
    """Processes that simulate and learn; they change no result."""

    workers: int = Field(default=2, ge=0, le=256)
    """Rollout processes and learning threads here; 0: in this process."""
    backend: Backend = Backend.LOCAL
    """`local`, or `ray`: a cluster, with the same result."""
    address: str | None = None
    """Head of the Ray cluster: HOST:PORT or `auto`; else a cluster of this machine alone."""

    @model_validator(mode="after")
    def _consistent(self) -> "ComputeConfig":
        if self.address is not None and self.backend is not Backend.RAY:
            raise ValueError(f"--address {self.address}: needs the backend ray, got {self.backend}")
        return self


class LearnerConfig(Settings):
    """Networks, and what cloning, DAgger and PPO have in common."""

    sharing: Sharing = Sharing.NOTHING
    """Baselines: what the intersections share while learning."""
    hidden: int = Field(default=64, ge=4, le=1024)
    """Width of both hidden layers."""
    gamma: float = Field(default=0.97, ge=0.0, lt=1.0)
    """Discount per decision step."""
    lam: float = Field(default=0.95, ge=0.0, le=1.0)
    """lambda of GAE."""
    minibatch: int = Field(default=80, ge=1)
    """Steps per intersection in one gradient step."""
    max_gradient: float = Field(default=0.5, gt=0.0)
    """Norm to which each intersection's gradient is clipped."""


class CloningConfig(Settings):
    """Supervised learning from the demonstrations, before the policies drive; DAgger uses its rates."""

    cloning_steps: int = Field(default=3000, ge=0)
    """Most gradient steps on the demonstrations; 0: none (an ablation)."""
    cloning_agreement: float = Field(default=0.999, gt=0.0, le=1.0)
    """Cloning ends early where every intersection makes this share of the expert's choices."""
    cloning_learning_rate: float = Field(default=2e-4, gt=0.0)
    """Adam's; low, so that the direct path learns what is linear and the layers learn no hour by heart."""
    cloning_direct_learning_rate: float = Field(default=0.04, gt=0.0)
    """The same for the actors' direct path, whose inputs are small shares and whose weights are large."""
    critic_steps: int = Field(default=500, ge=0)
    """Gradient steps in which the critics learn what the demonstrated hours were worth; 0: none (an ablation)."""

    @property
    def rates(self) -> tuple[float, float]:
        """Adam's rates: of the networks, and of the actors' direct path."""
        return self.cloning_learning_rate, self.cloning_direct_learning_rate


class DaggerConfig(Settings):
    """Rounds in which the expert labels the states that the policies drive into (Ross et al. 2011)."""

    dagger_rounds: int = Field(default=8, ge=0)
    """Rounds of DAgger; 0: none (an ablation)."""
    dagger_episodes: int = Field(default=1, ge=1)
    """Hours per such round."""
    dagger_steps: int = Field(default=1500, ge=0)
    """Most gradient steps after each round."""


class PpoConfig(Settings):
    """Updates from on-policy episodes (Schulman et al. 2017)."""

    episodes: int = Field(default=16, ge=0)
    """On-policy hours after cloning and DAgger; 0: cloning and DAgger alone."""
    episodes_per_update: int = Field(default=2, ge=1)
    """On-policy hours behind one update."""
    learning_rate: float = Field(default=1e-3, gt=0.0)
    """Adam's, and the critics' in DAgger's rounds."""
    direct_learning_rate: float = Field(default=4e-3, gt=0.0)
    """The same for the actors' direct path."""
    cloned_rate_factor: float = Field(default=3.0, gt=0.0)
    """Times both rates where policies were cloned: their updates' mean is kept, which large steps hurt little."""
    clip: float = Field(default=0.2, gt=0.0)
    """epsilon of the clipped ratio."""
    epochs: int = Field(default=6, ge=1)
    """Passes over the steps of one update."""
    value_weight: float = Field(default=0.5, ge=0.0)
    """c_v."""
    entropy_weight: float = Field(default=0.01, ge=0.0)
    """c_h; keeps a cloned policy, which is nearly certain of everything, trying."""
    tempered_entropy: float = Field(default=0.3, ge=0.0)
    """Nats; the logits of cloned actors are tempered up to it before PPO. 0: they stay as they are."""
    averaging: float = Field(default=2.0, ge=0.0)
    """eta of the mean of cloned policies' updates (train/averaging.py): large values leave the last one."""
    critic_first_updates: int = Field(default=0, ge=0)
    """Updates in which only the critics learn; DAgger's rounds already teach them."""

    @model_validator(mode="after")
    def _consistent(self) -> "PpoConfig":
        if self.episodes % self.episodes_per_update:
            raise ValueError(
                f"--episodes {self.episodes}: need a multiple of --episodes-per-update, {self.episodes_per_update}"
            )
        return self

    @property
    def n_updates(self) -> int:
        """Updates of the run."""
        return self.episodes // self.episodes_per_update

    def rates(self, *, is_cloned: bool) -> tuple[float, float]:
        """Adam's rates: of the networks, and of the actors' direct path."""
        factor = self.cloned_rate_factor if is_cloned else 1.0
        return factor * self.learning_rate, factor * self.direct_learning_rate


class ExpertWeightConfig(Settings):
    """Weight w of the expert loss in (1 - w) L_a + w L_e."""

    expert_weight: ExpertWeight = ExpertWeight.DYNAMIC
    """How w is set: dynamic, fixed, decay or none."""
    fixed_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """w when it is fixed; where it begins when it decays."""
    decay_rate: float = Field(default=0.9, ge=0.0, lt=1.0)
    """Factor of a decaying w per update."""
    similarity: Similarity = Similarity.LEAN_WHEN_FAR
    """What the DTW similarity does to a dynamic w: lean-when-far, lean-when-near or off."""
    gate: Gate = Gate.PARITY
    """When the expert is left behind: parity, margin or none."""
    gate_margin: float = Field(default=0.1, gt=0.0)
    """Share of the expert's return over which the gate moves from 1 to 0."""
    weight_smoothing: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Share of the last update's w in a dynamic w."""
    advantage_beta: float | None = Field(default=None, gt=0.0)
    """beta of f(A_e) = exp(A_e / beta), clipped at 20; without: f = 1."""


class ValidationConfig(Settings):
    """Hours that decide which policies are kept."""

    validation_seeds: int = Field(default=3, ge=1, le=400)
    """Hours on which policies are compared; never trained on, never evaluated on."""
    validate_every: int = Field(default=2, ge=1)
    """Updates, and DAgger rounds, between two validations."""


class TrainConfig(Settings):
    """Settings of one run; defaults are those that worked (docs/decisions/)."""

    demonstrations: Path | None = None
    """Folder from `leedctl generate`; without: no expert."""
    follow_worse_expert: bool = False
    """Learn from demonstrations that lose to the fallback cycle, too; an ablation."""
    out: Path
    """Run folder to make."""
    seed: int = Field(default=1, ge=1)
    """Of weights, choices and training demand (seed * 10,000 + episode)."""
    resume: bool = False
    """Go on from the run's last checkpoint, bit for bit."""
    env: EnvConfig
    """Scenario, detectors and reward."""
    compute: ComputeConfig = ComputeConfig()
    """Processes that do the work."""
    learner: LearnerConfig = LearnerConfig()
    """Networks and optimiser."""
    cloning: CloningConfig = CloningConfig()
    """Behaviour cloning."""
    dagger: DaggerConfig = DaggerConfig()
    """Labels for states that the policies reach."""
    ppo: PpoConfig = PpoConfig()
    """On-policy updates."""
    weighting: ExpertWeightConfig = ExpertWeightConfig()
    """Weight of the expert loss."""
    validation: ValidationConfig = ValidationConfig()
    """Hours that decide which policies are kept."""

    @model_validator(mode="after")
    def _consistent(self) -> "TrainConfig":
        if self.demonstrations is None and self.cloning.cloning_steps == 0 and self.ppo.episodes == 0:
            raise ValueError("nothing to do: no demonstrations to clone and no episodes")
        return self

    @classmethod
    def from_flat(cls, settings: Mapping[str, object]) -> "TrainConfig":
        """Settings by their names alone, each put into its part.

        Args:
            settings: those that differ from the defaults; `scenario` and `out` at least.

        Raises:
            ValidationError: an unknown name, or a value that makes no sense.
        """
        part_of = {name: part for part, model in cls.parts() for name in model.model_fields}
        nested: dict[str, Any] = {}
        for name, value in settings.items():
            place = nested.setdefault(part_of[name], {}) if name in part_of else nested
            place[name] = value
        return cls.model_validate(nested)

    @classmethod
    def parts(cls) -> Iterator[tuple[str, type[Document]]]:
        """Name and model of each part."""
        for name, field in cls.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Document):
                yield name, field.annotation

    @property
    def n_rounds(self) -> int:
        """Rounds of DAgger; none without an expert."""
        return self.dagger.dagger_rounds if self.demonstrations is not None else 0

    @property
    def is_cloned(self) -> bool:
        """True if PPO begins where the expert stands."""
        rounds = self.dagger
        return self.demonstrations is not None and (
            self.cloning.cloning_steps > 0 or (rounds.dagger_rounds > 0 and rounds.dagger_steps > 0)
        )

    @property
    def n_units(self) -> int:
        """Units of work: cloning, rounds of DAgger and updates of PPO."""
        return (self.demonstrations is not None) + self.n_rounds + self.ppo.n_updates

    @property
    def ppo_rates(self) -> tuple[float, float]:
        """Adam's rates of PPO: of the networks, and of the actors' direct path."""
        return self.ppo.rates(is_cloned=self.is_cloned)

    @property
    def total_episodes(self) -> int:
        """Hours that a run simulates, validation included."""
        every = self.validation.validate_every
        validations = -(-self.ppo.n_updates // every)
        if self.demonstrations is not None:
            validations += 2 - (-self.n_rounds // every)  # the expert, the clones, the clones in DAgger's rounds
        on_policy = self.ppo.episodes + self.n_rounds * self.dagger.dagger_episodes
        return on_policy + validations * self.validation.validation_seeds

    def shaping(self, *, exclude_unset: bool = False) -> dict[str, object]:
        """Settings that shape the result, by their names alone; with `exclude_unset` those that were given."""
        nested = self.model_dump(exclude=set(NOT_SHAPING), exclude_unset=exclude_unset)
        flat: dict[str, object] = {}
        for name, value in nested.items():
            flat |= value if isinstance(value, dict) else {name: value}
        return flat

    def training_seed(self, episode: int) -> int:
        """Demand seed of the run's episode-th on-policy hour."""
        return self.seed * SEEDS_PER_RUN + episode

    def digest(self) -> str:
        """sha256 over all that shapes the result: not where it runs or is written."""
        text = self.model_dump_json(exclude=set(NOT_SHAPING))
        return hashlib.sha256(text.encode()).hexdigest()
