"""What one training run is asked to do; every ablation is a setting here."""

import hashlib
from enum import StrEnum
from pathlib import Path

from pydantic import Field, model_validator

from leed_traffic.domain.document import Settings
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.domain.seeds import SEEDS_PER_RUN
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.train.similarity import Gate

WHERE_NOT_WHAT = frozenset(
    {"out", "workers", "engine", "address", "resume", "demonstrations"}
)  # settings that do not shape the result


class Backend(StrEnum):
    """Who does the work; the result is the same."""

    LOCAL = "local"  # processes of this machine
    RAY = "ray"  # a Ray cluster (docs/scale.md)


class ExpertWeight(StrEnum):
    """How the weight of the expert loss is set."""

    DYNAMIC = "dynamic"  # (1 - sim) gate, see train/similarity.py
    FIXED = "fixed"
    DECAY = "decay"  # fixed_weight decay_rate^update (as DAPG, Rajeswaran et al. 2018)
    NONE = "none"  # own experience alone after cloning


class Similarity(StrEnum):
    """What the similarity to the expert's trajectories does to the dynamic weight."""

    LEAN_WHEN_FAR = "lean-when-far"  # (1 - sim) gate
    LEAN_WHEN_NEAR = "lean-when-near"  # sim gate: the opposite sign, an ablation
    OFF = "off"  # the gate alone


class Sharing(StrEnum):
    """What intersections have in common while they learn; what is exported is one policy each in any case."""

    NOTHING = "nothing"  # actor and critic of their own, local observations (IPPO; ours)
    CRITIC = (
        "critic"  # one critic sees all observations (MAPPO: central training, local execution; Yu et al. 2022)
    )
    EVERYTHING = "everything"  # one actor and one critic for all, each on local observations


class TrainConfig(Settings):
    """Settings of one run; defaults are those that worked (docs/decisions.md)."""

    scenario: str
    """A name under scenarios/ or a path to a .sumocfg."""
    demonstrations: Path | None = None
    """Folder from `leedctl generate`; None: learn without an expert."""
    out: Path
    """Run folder to make."""
    site: str | None = None
    """Limits: None for the scenario's own, `as-net`, or a file."""
    spread: float | None = Field(default=None, ge=0.0, le=1.0)
    """How much days differ; None: as the scenario says, a plain `.sumocfg` not at all."""
    seed: int = Field(default=1, ge=1)
    """Of weights, choices and training demand (seed * 10,000 + episode)."""
    workers: int = Field(default=2, ge=0, le=256)
    """Rollout processes, and threads that learn; 0 drives in this process."""
    engine: Backend = Backend.LOCAL
    """Who does the work."""
    address: str | None = None
    """With the engine `ray`: HOST:PORT of the cluster's head or `auto`; None: a cluster of this machine alone."""
    resume: bool = False
    """Go on from the run's last checkpoint."""

    decision_interval_s: float = Field(default=DEFAULT_DECISION_INTERVAL_S, gt=0.0)
    """Between two requests; demonstrations must agree."""
    reach_m: float = Field(default=DEFAULT_REACH_M, ge=10.0, le=200.0)
    """Of the detectors; demonstrations must agree."""
    sensing: str = "ideal"
    """What the policies see: `ideal`, `camera`, `loops` or a sensing file; the expert's labels come from the truth."""
    detector_faults: float = Field(default=0.0, ge=0.0, le=100.0)
    """Lasting detector faults per lane and hour in own hours and relabelling: dead, stuck on, stuck off or chattering."""
    reward: Reward = Reward.TIME_LOSS
    """What an intersection earns; demonstrations must agree."""

    episodes: int = Field(default=16, ge=0)
    """Hours of own experience after cloning and relabelling; 0: cloning alone."""
    episodes_per_update: int = Field(default=2, ge=1)
    """Hours behind one update."""
    cloning_steps: int = Field(default=3000, ge=0)
    """Most gradient steps on the demonstrations before anything else."""
    cloning_agreement: float = Field(default=0.999, gt=0.0, le=1.0)
    """Cloning ends early where every intersection makes this share of the expert's choices."""
    critic_steps: int = Field(default=500, ge=0)
    """Gradient steps in which the critics learn what the demonstrated hours were worth."""
    dagger_rounds: int = Field(default=8, ge=0)
    """Rounds in which the expert labels what the policies run into (Ross et al. 2011)."""
    dagger_episodes: int = Field(default=1, ge=1)
    """Hours per such round."""
    dagger_steps: int = Field(default=1500, ge=0)
    """Most gradient steps after each round."""

    follow_worse_expert: bool = False
    """Whether to learn from demonstrations that lose to the fallback cycle; an ablation."""
    expert_weight: ExpertWeight = ExpertWeight.DYNAMIC
    """How w in (1 - w) L_a + w L_e is set."""
    fixed_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """w when it is fixed; where it begins when it decays."""
    decay_rate: float = Field(default=0.9, ge=0.0, lt=1.0)
    """Of a decaying w, per update."""
    similarity: Similarity = Similarity.LEAN_WHEN_FAR
    """What the DTW similarity does to a dynamic weight."""
    gate: Gate = Gate.PARITY
    """When the expert is left behind."""
    gate_margin: float = Field(default=0.1, gt=0.0)
    """Share of the expert's return over which the gate moves from 1 to 0."""
    weight_decay: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Smoothing of w over updates."""
    advantage_beta: float | None = Field(default=None, gt=0.0)
    """None: f(A_e) = 1; else f(A_e) = exp(A_e / beta), clipped at 20."""

    sharing: Sharing = Sharing.NOTHING
    """Baselines: what the intersections share while learning."""
    hidden: int = Field(default=64, ge=4, le=1024)
    """Width of both hidden layers."""
    learning_rate: float = Field(default=2e-4, gt=0.0)
    """Adam's, while cloning; low, so that the direct path learns what is linear and the layers learn no hour by heart."""
    direct_learning_rate: float = Field(default=0.04, gt=0.0)
    """The same for the actors' direct path, whose inputs are small shares and whose weights are large."""
    policy_learning_rate: float = Field(default=1e-3, gt=0.0)
    """Adam's, while learning from own experience, and the critics' while relabelling."""
    policy_direct_learning_rate: float = Field(default=4e-3, gt=0.0)
    """The same for the actors' direct path."""
    cloned_rate_factor: float = Field(default=3.0, gt=0.0)
    """Times both rates above where policies were cloned: what is kept is their updates' mean, which large steps hurt little."""
    gamma: float = Field(default=0.97, ge=0.0, lt=1.0)
    """Discount per decision step."""
    lam: float = Field(default=0.95, ge=0.0, le=1.0)
    """lambda of GAE."""
    clip: float = Field(default=0.2, gt=0.0)
    """epsilon of PPO."""
    epochs: int = Field(default=6, ge=1)
    """Passes over the experience of one update."""
    minibatch: int = Field(default=80, ge=1)
    """Steps per intersection in one gradient step."""
    value_weight: float = Field(default=0.5, ge=0.0)
    """c_v."""
    entropy_weight: float = Field(default=0.01, ge=0.0)
    """c_h; keeps a cloned policy, which is nearly certain of everything, trying."""
    max_gradient: float = Field(default=0.5, gt=0.0)
    """Norm to which each intersection's gradient is clipped."""
    own_entropy: float = Field(default=0.3, ge=0.0)
    """Nats; cloned actors are made uncertain up to it before they learn from own experience. 0: as certain as they are."""
    averaging: float = Field(default=2.0, ge=0.0)
    """eta of the mean of cloned policies' updates (train/averaging.py): large values leave the last one."""
    critic_first_updates: int = Field(default=0, ge=0)
    """Updates from own experience in which only the critics learn; relabelling rounds already teach them."""

    validation_seeds: int = Field(default=3, ge=1, le=400)
    """Hours on which policies are compared; never trained on, never evaluated on."""
    validate_every: int = Field(default=2, ge=1)
    """Updates, and relabelling rounds, between two validations."""

    @model_validator(mode="after")
    def _consistent(self) -> "TrainConfig":
        if self.demonstrations is None and self.cloning_steps == 0 and self.episodes == 0:
            raise ValueError("nothing to do: no demonstrations to clone and no episodes")
        if self.address is not None and self.engine is not Backend.RAY:
            raise ValueError(f"an address needs the engine ray, got {self.address} with {self.engine}")
        if self.episodes % self.episodes_per_update:
            raise ValueError(
                f"--episodes {self.episodes}: need a multiple of --episodes-per-update, {self.episodes_per_update}"
            )
        return self

    @property
    def n_updates(self) -> int:
        """Updates from own experience."""
        return self.episodes // self.episodes_per_update

    @property
    def n_rounds(self) -> int:
        """Relabelling rounds; none without an expert."""
        return self.dagger_rounds if self.demonstrations is not None else 0

    @property
    def is_cloned(self) -> bool:
        """Whether own experience begins where the expert stands."""
        return self.demonstrations is not None and (
            self.cloning_steps > 0 or (self.dagger_rounds > 0 and self.dagger_steps > 0)
        )

    @property
    def own_rates(self) -> tuple[float, float]:
        """Adam's rates while learning from own experience: of the networks, and of the actors' direct path."""
        factor = self.cloned_rate_factor if self.is_cloned else 1.0
        return factor * self.policy_learning_rate, factor * self.policy_direct_learning_rate

    @property
    def total_episodes(self) -> int:
        """Hours that a run simulates, validation included."""
        looks = -(-self.n_updates // self.validate_every)
        if self.demonstrations is not None:
            looks += 2 - (
                -self.n_rounds // self.validate_every
            )  # the expert, the clones, the clones as they are relabelled
        return self.episodes + self.n_rounds * self.dagger_episodes + looks * self.validation_seeds

    def training_seed(self, episode: int) -> int:
        """The demand seed of the run's episode-th own hour."""
        return self.seed * SEEDS_PER_RUN + episode

    def digest(self) -> str:
        """sha256 over all that shapes the result: not where it runs or is written."""
        text = self.model_dump_json(exclude=set(WHERE_NOT_WHAT))
        return hashlib.sha256(text.encode()).hexdigest()
