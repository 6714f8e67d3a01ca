"""An author: one object that brings its starts, its rounds and its budget, and proposes plans."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self

from leed_traffic.domain.plan import Plan
from leed_traffic.generate.bench import Plans
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.executed import ExecutedPlans, best_of
from leed_traffic.generate.language_model.authorship import Authorship
from leed_traffic.generate.progress import OnAsking
from leed_traffic.generate.schedule import Schedule
from leed_traffic.simulation.env.env_spec import EnvSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One candidate: plans for any of the intersections, executed together; elsewhere the incumbents stand in."""

    what: str
    plans: Mapping[str, Plan]
    faults: Mapping[str, str] = field(default_factory=dict)  # by intersection: why a reply was no plan at all


class Proposer(Protocol):
    """Proposes plans in rounds."""

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> Sequence[Proposal]:
        """Candidates for one round; briefs carry the incumbent plans and how they did.

        Args:
            briefs: one per intersection.
            round_index: 0 is the first.
            n_candidates: at most so many.
        """


class Author(ABC):
    """Writes the plans of one generation. `authors.py` lists all; docs: CONTRIBUTING.md, "An author"."""

    name: ClassVar[AuthorName]  # an embedded author bears no model's name
    schedule: Schedule  # of this run
    model: str | None = None  # the language model, if one wrote the plans

    @classmethod
    def schedule_for(cls, config: GenerateConfig) -> Schedule:
        """Schedule that a configuration pays for; the class's own where that is always the same."""
        return cls.schedule

    @classmethod
    @abstractmethod
    def open(
        cls, config: GenerateConfig, setting: EnvSpec, clock: Callable[[], float], on_asking: OnAsking
    ) -> AbstractContextManager[Self]:
        """The author of a run, until it is over.

        Args:
            config: see there.
            setting: the network, its limits and what plans may see.
            clock: monotonic seconds.
            on_asking: told after every reply of a language model.
        """

    @classmethod  # noqa: B027  # most authors need nothing
    def check(cls, config: GenerateConfig) -> None:
        """Refuse a configuration before anything runs.

        Raises:
            UsageError: something that this author needs is missing.
        """

    @abstractmethod
    def starts(self, briefs: Sequence[Brief]) -> dict[str, Plans]:
        """Plans to begin from, by name, as many as the schedule says; all keep the site's limits."""

    def choose(self, tried: Sequence[ExecutedPlans]) -> ExecutedPlans:
        """The start that is handed out where nothing is improved."""
        return best_of(tried)

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> Sequence[Proposal]:
        """See `Proposer`; asked for the rounds of the schedule alone."""
        raise NotImplementedError(f"{self.name} has no rounds")

    def authorship(self, plans: Plans, briefs: Sequence[Brief]) -> Authorship | None:
        """Record of who wrote each of the final plans; None where the author's name says it."""
        return None
