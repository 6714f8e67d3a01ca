"""An exam for a served planner: unseen junctions, its plans beside embedded ones, on days that chose none of them."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.plan import Plan
from leed_traffic.generate.author import Author, PlanAuthor, Proposal
from leed_traffic.generate.bench import Bench, Plans
from leed_traffic.generate.brief import Brief, write_briefs
from leed_traffic.generate.model_config import ModelConfig
from leed_traffic.generate.model_run import open_model_run
from leed_traffic.generate.refine import Standing, refine
from leed_traffic.generate.run import TRANSCRIPTS_NAME, start_plans
from leed_traffic.generate.search import SearchAuthor
from leed_traffic.planner.junctions import build_junction
from leed_traffic.planner.study import SEED, TRIED_NAME, setting_of
from leed_traffic.planner.variants import common_settings, priority_plan
from leed_traffic.simulation.pool import WorkerPool

EXAM_SEEDS = (21, 22)  # days on which nothing was chosen
FALLBACK, MAX_WAVE, BEST_START = "fallback cycle", "max-wave 100 m", "best embedded start"
ALONE, ONE_FOR_ALL = "proposal 1 alone", "common plan {}"
RESULT_NAME = "exam.json"

OnJunction = Callable[[int, str], None]


class ExamConfig(BaseModel):
    """Settings of `leedctl planner examine`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path
    """Folder to write: junctions, transcripts, results."""
    language: ModelConfig
    """The model and how it is asked; its rounds are the exam's."""
    junctions: int = Field(default=10, ge=1)
    """How many."""
    seed: int = Field(default=1001, ge=0)
    """Of the junctions; not that of the lessons."""


class Sitting(BaseModel):
    """One junction: delays in seconds per vehicle, by whose plan stood, on the exam's days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    junction: str
    delay_s: dict[str, float]
    proposed_s: tuple[tuple[float, ...], ...]
    """By round, delay of each sound proposal on the author's day."""
    start_s: float
    """The best embedded start on the author's day."""
    forms: tuple[str, ...]
    """Form of each sound proposal."""


class ExamResult(BaseModel):
    """All junctions; the command's `--json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    seeds: tuple[int, ...]
    asked: int
    valid_at_once: int
    valid: int
    reply_tokens: int
    model_s: float
    """Seconds of all replies added up; they overlapped."""
    sittings: tuple[Sitting, ...]

    def mean_delay_s(self) -> dict[str, float]:
        """Over the junctions, by whose plans stood."""
        names = self.sittings[0].delay_s
        return {name: float(np.mean([s.delay_s[name] for s in self.sittings])) for name in names}

    def wins(self, against: str) -> dict[str, int]:
        """Junctions on which each is better than another by more than one percent."""
        names = self.sittings[0].delay_s
        return {name: sum(s.delay_s[name] < 0.99 * s.delay_s[against] for s in self.sittings) for name in names}


class _Recorded:
    """An author whose proposals are kept."""

    def __init__(self, author: PlanAuthor) -> None:
        self._author = author
        self.name, self.model = author.name, author.model
        self.rounds: list[Sequence[Proposal]] = []

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> Sequence[Proposal]:
        """See `PlanAuthor`."""
        self.rounds.append(self._author.propose(briefs, round_index, n_candidates))
        return self.rounds[-1]


def examine(config: ExamConfig, on_junction: OnJunction | None = None) -> ExamResult:
    """Let a model write plans for unseen junctions, round after round, and measure them; an interrupted exam goes on.

    Raises:
        LeedError: the model cannot be reached, or SUMO's tools are missing.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    tell = on_junction or (lambda done, note: None)
    sittings = []
    transcripts = config.out / TRANSCRIPTS_NAME
    with (
        WorkerPool(0) as pool,
        open_model_run(config.language, transcripts, time.monotonic, Random(config.seed), lambda asking: None) as run,
    ):
        for index in range(config.junctions):
            folder = config.out / "junctions" / f"{config.seed}-{index:04d}"
            scenario = build_junction(folder, np.random.default_rng([config.seed, index, 1]))
            bench = Bench(setting_of(scenario), pool, folder / TRIED_NAME, lambda what: None)
            (brief,) = write_briefs(scenario, bench.setting.network, bench.setting.site.timings, (SEED,))
            sittings.append(_sit(folder.name, _Recorded(run.author), brief, bench, config.language))
            tell(1, folder.name)
        record = run.authorship({})
    result = ExamResult(
        model=record.model,
        seeds=EXAM_SEEDS,
        asked=sum(r.asked for r in record.rounds),
        valid_at_once=sum(r.valid_at_once for r in record.rounds),
        valid=sum(r.valid for r in record.rounds),
        reply_tokens=sum(r.reply_tokens for r in record.rounds),
        model_s=round(sum(r.model_s for r in record.rounds), 3),
        sittings=tuple(sittings),
    )
    write_whole(config.out / RESULT_NAME, result.model_dump_json(indent=2) + "\n")
    return result


def _sit(junction: str, author: _Recorded, brief: Brief, bench: Bench, language: ModelConfig) -> Sitting:
    name = brief.intersection.id
    starts = start_plans([brief], Author.SEARCH)
    trials = bench.try_out(list(starts.values()), (SEED,), "starts")
    tried = [Standing(what=w, plans=p, trial=t) for (w, p), t in zip(starts.items(), trials, strict=True)]
    start = min(tried, key=lambda standing: standing.trial.delay_s)
    sizes = (language.candidates,) * language.rounds
    stood, rounds = refine(author, [brief], start, bench, (SEED,), sizes)
    searched, _ = refine(SearchAuthor(1), [brief], start, bench, (SEED,), sizes)
    by_what = {standing.what: standing.plans for standing in stood}
    standing_after = {f"model, round {k + 1}": by_what[r.what] for k, r in enumerate(rounds)}
    sound = [[proposal.plans[name] for proposal in proposed if name in proposal.plans] for proposed in author.rounds]
    proposed_s = [[t.delay_s for t in bench.try_out([{name: plan} for plan in plans], (SEED,), "proposals")] for plans in sound]
    common: dict[str, Plans] = {
        ONE_FOR_ALL.format(k + 1): {name: priority_plan(name, s)} for k, s in enumerate(common_settings())
    }
    others: dict[str, Plans | None] = {
        FALLBACK: None,
        MAX_WAVE: starts[MAX_WAVE],
        **common,
        BEST_START: start.plans,
        "search, as many trials": searched[-1].plans,
        ALONE: {name: _first(sound, start.plans[name])},
        **standing_after,
    }
    delays = bench.try_out(list(others.values()), EXAM_SEEDS, "exam")
    return Sitting(
        junction=junction,
        delay_s={what: round(trial.delay_s, 3) for what, trial in zip(others, delays, strict=True)},
        proposed_s=tuple(tuple(round(delay_s, 3) for delay_s in part) for part in proposed_s),
        start_s=round(start.trial.delay_s, 3),
        forms=tuple(plan.form for plans in sound for plan in plans),
    )


def _first(sound: Sequence[Sequence[Plan]], stand_in: Plan) -> Plan:
    return next((plan for plans in sound for plan in plans), stand_in)
