"""Who writes plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from leed_traffic.domain.plan import Plan
from leed_traffic.generate.brief import Brief


class Author(StrEnum):
    """Who may be chosen: two embedded authors that need no model, a language model, and plans that are there already."""

    WEBSTER = "webster"
    SEARCH = "search"
    VLLM = "vllm"
    GIVEN = "given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One candidate: plans for any of the intersections, executed together; elsewhere the incumbents stand in."""

    what: str
    plans: Mapping[str, Plan]
    faults: Mapping[str, str] = field(default_factory=dict)  # by intersection: why a reply was no plan at all


class PlanAuthor(Protocol):
    """Writes plans from briefs: a language model, Webster's method or a search."""

    @property
    def name(self) -> str:
        """As the provenance tells it; an embedded author bears no model's name."""

    @property
    def model(self) -> str | None:
        """The language model, if one wrote the plans."""

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> Sequence[Proposal]:
        """Candidates for one round; briefs carry the incumbent plans and how they did.

        Args:
            briefs: one per intersection.
            round_index: 0 is the first.
            n_candidates: at most so many.
        """
