"""Record of a language model as an author, beside the demonstrations, for people and for `--json`."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from pydantic import Field, ValidationError

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.document import Document
from leed_traffic.domain.plan import Plan
from leed_traffic.errors import DemonstrationError

AUTHORSHIP_NAME = "authorship.json"


class Writing(Document):
    """Plans of the model for one intersection in one round."""

    asked: int = Field(ge=0)
    """Plans asked for."""
    valid_at_once: int = Field(ge=0)
    valid: int = Field(ge=0)
    """After repair."""
    reasons: tuple[str, ...] = ()
    """Why replies were refused, the repaired ones included."""
    diversity: float | None = None
    """Share of settings in which two valid plans differ, mean over the pairs; None with fewer than two."""


class RoundWriting(Document):
    """One round over all intersections."""

    number: int = Field(ge=1)
    asked: int
    valid_at_once: int
    valid: int
    fallbacks: int
    """Plans that could not be had; the best earlier plan stood in for each."""
    replies: int
    prompt_tokens: int
    reply_tokens: int
    model_s: float
    """Seconds of all replies added up, as they were when each was given; they overlapped."""
    diversity: float | None
    intersections: dict[str, Writing]


class Authorship(Document):
    """The whole run."""

    model: str
    prompt_version: str
    prompt_digest: str
    rounds: tuple[RoundWriting, ...]
    written_by: dict[str, str]
    """By intersection: who wrote the plan that was demonstrated in the end."""
    asking_s: float
    """Seconds in which the model was asked in this run; what transcripts held took none."""
    asked_now: int
    """Replies that this run waited for; the others were remembered."""

    @property
    def shares(self) -> dict[str, float]:
        """Share of the final plans by author: the model in whatever round, or one of the embedded plans."""
        authors = [
            self.model if who.startswith(f"{self.model}, round ") else who for who in self.written_by.values()
        ]
        return {author: authors.count(author) / len(authors) for author in sorted(set(authors))}


def diversity(plans: Sequence[Plan]) -> float | None:
    """Share of settings in which two plans differ, mean over all pairs: 0 all alike, 1 nothing in common."""
    settings = [_settings(plan.model_dump(mode="json", exclude={"reasoning", "intersection"})) for plan in plans]
    differing = [
        sum(a.get(k) != b.get(k) for k in a.keys() | b.keys()) / len(a.keys() | b.keys())
        for a, b in combinations(settings, 2)
    ]
    return round(sum(differing) / len(differing), 4) if differing else None


def summarise(
    number: int, writings: Mapping[str, Writing], *, replies: int, tokens: tuple[int, int], model_s: float
) -> RoundWriting:
    """One round, summed over its intersections."""
    found = [w.diversity for w in writings.values() if w.diversity is not None]
    asked, valid = (sum(getattr(w, name) for w in writings.values()) for name in ("asked", "valid"))
    return RoundWriting(
        number=number,
        asked=asked,
        valid_at_once=sum(w.valid_at_once for w in writings.values()),
        valid=valid,
        fallbacks=asked - valid,
        replies=replies,
        prompt_tokens=tokens[0],
        reply_tokens=tokens[1],
        model_s=round(model_s, 3),
        diversity=round(sum(found) / len(found), 4) if found else None,
        intersections=dict(writings),
    )


def write_authorship(folder: Path, authorship: Authorship) -> None:
    """Write the record of a run."""
    write_whole(folder / AUTHORSHIP_NAME, authorship.model_dump_json(indent=2) + "\n")


def read_authorship(folder: Path) -> Authorship:
    """The record of the last run into a folder.

    Raises:
        DemonstrationError: it is missing or broken.
    """
    path = folder / AUTHORSHIP_NAME
    try:
        return Authorship.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as err:
        raise DemonstrationError(
            f"{path}: no record of an author ({' '.join(str(err).split())[:200]}); generate again"
        ) from err


def _settings(value: object, path: str = "") -> dict[str, object]:
    """Leaves of a document, each under its path."""
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in _settings(item, f"{path}/{key}").items()}
    if isinstance(value, list):
        return {k: v for n, item in enumerate(value) for k, v in _settings(item, f"{path}/{n}").items()}
    return {path: value}
