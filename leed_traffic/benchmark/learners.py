"""Learners: LEED, without an expert, from the same demonstrations, and LEED with one thing changed.

All of them have the same env, observation, reward, envelope, networks, optimiser and seeds; a learner is the
settings by which it differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from leed_traffic.domain.plan import UrgencyPlan
from leed_traffic.errors import UsageError
from leed_traffic.train.config import ExpertWeight, Sharing, Similarity
from leed_traffic.train.similarity import Gate

BAD_PLAN = {
    "reach_m": 10.0,
    "green_s": 45.0,
    "approaching": 0.0,
}  # sees a car's length or two and holds every green for long


class DemonstrationSource(StrEnum):
    """Source of the demonstrations."""

    NOBODY = "nobody"
    SEARCH = "search"  # the embedded author, with as many simulated hours as the study says
    WEBSTER = "webster"  # a sequence plan: far behind the priority rules
    BAD = "bad"  # a plan made to be bad


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningMethod:
    """One way to learn."""

    name: str
    description: str
    expert: DemonstrationSource = DemonstrationSource.SEARCH
    settings: Mapping[str, Any] = field(default_factory=dict)  # of TrainConfig, where they differ from LEED's
    is_long: bool = False  # gets the study's episodes for learners without an expert


def bad_plan(intersection: str) -> UrgencyPlan:
    """A plan that an agent must not be held to."""
    return UrgencyPlan(intersection=intersection, reasoning="Bad on purpose.", **BAD_PLAN)


_ALONE: dict[str, Any] = {"expert": DemonstrationSource.NOBODY, "is_long": True}
_RAW: dict[str, Any] = {"cloning_steps": 0, "critic_steps": 0, "dagger_rounds": 0}

LEARNERS = (
    LearningMethod(
        name="leed", description="clone, DAgger, then PPO with the expert loss weighted by similarity and return"
    ),
    LearningMethod(name="ippo", description="PPO per intersection, no demonstrations", **_ALONE),
    LearningMethod(
        name="mappo", description="the same with a central critic", settings={"sharing": Sharing.CRITIC}, **_ALONE
    ),
    LearningMethod(
        name="shared-ppo",
        description="one actor and critic for all",
        settings={"sharing": Sharing.EVERYTHING},
        **_ALONE,
    ),
    LearningMethod(
        name="clone", description="behaviour cloning alone", settings={"dagger_rounds": 0, "episodes": 0}
    ),
    LearningMethod(name="dagger", description="cloning and DAgger alone", settings={"episodes": 0}),
    LearningMethod(
        name="fixed-weight", description="w = 0.5 throughout", settings={"expert_weight": ExpertWeight.FIXED}
    ),
    LearningMethod(
        name="decayed-weight",
        description="w = 0.5 x 0.9^update, as in DAPG",
        settings={"expert_weight": ExpertWeight.DECAY},
    ),
    LearningMethod(
        name="no-expert-loss",
        description="clone, DAgger, then PPO alone",
        settings={"expert_weight": ExpertWeight.NONE},
    ),
    LearningMethod(
        name="gate-alone", description="w is the gate on return", settings={"similarity": Similarity.OFF}
    ),
    LearningMethod(
        name="opposite-sign",
        description="leans on the expert when near it",
        settings={"similarity": Similarity.LEAN_WHEN_NEAR},
    ),
    LearningMethod(name="no-gate", description="w is 1 - similarity", settings={"gate": Gate.NONE}),
    LearningMethod(
        name="margin-gate", description="leaves the expert when 10 % better", settings={"gate": Gate.MARGIN}
    ),
    LearningMethod(
        name="advantage-weighted", description="f = exp(A / beta), beta = 1", settings={"advantage_beta": 1.0}
    ),
    LearningMethod(
        name="mixed-loss-alone", description="no cloning, no DAgger: the mixed loss does it all", settings=_RAW
    ),
    LearningMethod(
        name="mixed-loss-gate-alone",
        description="the same without similarity",
        settings={**_RAW, "similarity": Similarity.OFF},
    ),
    LearningMethod(
        name="mixed-loss-fixed",
        description="the same with w = 0.5",
        settings={**_RAW, "expert_weight": ExpertWeight.FIXED},
    ),
    LearningMethod(
        name="webster-expert", description="LEED with Webster's plan as expert", expert=DemonstrationSource.WEBSTER
    ),
    LearningMethod(
        name="bad-expert",
        description="LEED with a plan made to be bad, which it leaves aside",
        expert=DemonstrationSource.BAD,
    ),
    LearningMethod(
        name="bad-expert-followed",
        description="LEED that follows the same plan all the same",
        expert=DemonstrationSource.BAD,
        settings={"follow_worse_expert": True},
    ),
    LearningMethod(
        name="bad-expert-fixed",
        description="the same with w = 0.5 throughout",
        expert=DemonstrationSource.BAD,
        settings={"expert_weight": ExpertWeight.FIXED, "follow_worse_expert": True},
    ),
)
BY_NAME = {learner.name: learner for learner in LEARNERS}


def find_learners(names: str) -> tuple[LearningMethod, ...]:
    """The learners of a comma-separated list.

    Raises:
        UsageError: one is unknown, or none is named.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in BY_NAME]
    if unknown or not wanted:
        raise UsageError(
            f"--learners: {unknown[0] if unknown else 'names nobody'}; there are {', '.join(BY_NAME)}"
        )
    return tuple(BY_NAME[name] for name in dict.fromkeys(wanted))
