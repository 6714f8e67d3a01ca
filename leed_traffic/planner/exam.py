"""An exam for a served planner: its plans beside embedded ones at unseen junctions, on fresh days."""

import time
from collections.abc import Callable, Sequence
from random import Random

import numpy as np

from leed_traffic.artifacts.demonstrations import Round
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.document import Document
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.plan import Plan
from leed_traffic.evaluate.statistics import PairedDifference, paired_difference
from leed_traffic.generate.author import Proposal, Proposer
from leed_traffic.generate.bench import Bench, Plans
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.executed import ExecutedPlans
from leed_traffic.generate.language_model.author import TRANSCRIPTS_NAME, LanguageModelAuthor
from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.generate.refine import refine
from leed_traffic.generate.search.author import SearchAuthor
from leed_traffic.generate.search.starts import MAX_WAVE
from leed_traffic.planner.chance import RandomAuthor
from leed_traffic.planner.config import ExamConfig
from leed_traffic.planner.junctions import build_junction
from leed_traffic.planner.portfolio import embedded, portfolio
from leed_traffic.planner.study import SEED, TRIED_NAME, brief_at
from leed_traffic.simulation.env.env_spec import env_spec
from leed_traffic.simulation.pool import WorkerPool

EXAM_SEEDS = (21, 22)  # days on which nothing was chosen
FALLBACK = "fallback cycle"
BEST_START = "best embedded start"
ALONE = "the model's proposal 1 alone"
AFTER = "best after the model's round {}"
CHANCE_ALONE = "a random plan alone"
CHANCE_AFTER = "best after random round {}"
SEARCHED = "search, as many trials"
COMMON = (
    "quick, far",
    "steady",
    "slow",
    "Webster x 2, over 0 within 30 m",
)  # best for all junctions of the lessons together
RESULT_NAME = "exam.json"

OnJunction = Callable[[int, str], None]


class Sitting(Document):
    """One junction: delays in seconds per vehicle, by whose plan stood, on the exam's days."""

    junction: str
    delay_s: dict[str, float]
    proposed_s: tuple[tuple[float, ...], ...]
    """By round, delay of each sound proposal on the author's day."""
    random_s: tuple[tuple[float, ...], ...]
    """The same of as many random plans."""
    start_s: float
    """The best embedded start on the author's day."""
    forms: tuple[str, ...]
    """Form of each sound proposal."""


class ExamResult(Document):
    """All junctions; the command's `--json`."""

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

    def compared(self, name: str, base: str) -> PairedDifference:
        """Paired difference of log delay over the junctions: a full junction counts as much as a light one."""
        first, second = ([float(np.log(s.delay_s[who])) for s in self.sittings] for who in (name, base))
        return paired_difference(first, second)

    def proposals_compared(self, round_index: int) -> PairedDifference:
        """Paired difference of mean log delay of a round's proposals from random plans, on the author's day."""
        both = [
            (s.proposed_s[round_index], s.random_s[round_index])
            for s in self.sittings
            if s.proposed_s[round_index]
        ]
        means = [[float(np.log(part).mean()) for part in pair] for pair in both]
        return paired_difference([own for own, _ in means], [drawn for _, drawn in means])


class _Recorded:
    """An author whose proposals are kept."""

    def __init__(self, author: Proposer) -> None:
        self._author = author
        self.rounds: list[Sequence[Proposal]] = []

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> Sequence[Proposal]:
        """See `Proposer`."""
        self.rounds.append(self._author.propose(briefs, round_index, n_candidates))
        return self.rounds[-1]


def examine(config: ExamConfig, on_junction: OnJunction | None = None) -> ExamResult:
    """Let a model write plans for unseen junctions in rounds, and measure them; an interrupted exam goes on.

    Raises:
        LeedError: the model cannot be reached, or SUMO's tools are missing.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    tell = on_junction or (lambda done, note: None)
    sittings = []
    transcripts = config.out / TRANSCRIPTS_NAME
    with (
        WorkerPool(0) as pool,
        LanguageModelAuthor.over(
            config.language, transcripts, time.monotonic, Random(config.seed), lambda asking: None
        ) as author,
    ):
        for index in range(config.junctions):
            folder = config.out / "junctions" / f"{config.seed}-{index:04d}"
            scenario = build_junction(folder, np.random.default_rng([config.seed, index, 1]))
            bench = Bench(env_spec(scenario), pool, folder / TRIED_NAME, lambda what: None)
            drawing = _Recorded(RandomAuthor(config.seed + index))
            sittings.append(_sit(folder.name, _Recorded(author), drawing, bench, config.language))
            tell(1, folder.name)
        record = author.authorship({}, ())
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


def _sit(junction: str, author: _Recorded, drawing: _Recorded, bench: Bench, language: ModelConfig) -> Sitting:
    brief = brief_at(bench.setting)
    name = brief.intersection.id
    own = embedded(brief)
    starts: dict[str, Plans] = {what: {name: plan} for what, plan in own.items()}
    trials = bench.try_out(list(starts.values()), (SEED,), "starts")
    tried = [ExecutedPlans(what=w, plans=p, trial=t) for (w, p), t in zip(starts.items(), trials, strict=True)]
    start = min(tried, key=lambda standing: standing.trial.delay_s)
    sizes = (language.candidates,) * language.rounds
    model, chance, search = (
        refine(a, [brief], start, bench, (SEED,), sizes)
        for a in (author, drawing, SearchAuthor(1, DEFAULT_REACH_M))
    )
    sound = _proposed(author, name)
    drawn = _proposed(drawing, name)
    common = own | portfolio(brief)
    others: dict[str, Plans | None] = {
        FALLBACK: None,
        MAX_WAVE: starts[MAX_WAVE],
        **{f"for all: {what}": {name: common[what]} for what in COMMON},
        BEST_START: start.plans,
        SEARCHED: search[0][-1].plans,
        CHANCE_ALONE: {name: _first(drawn, start.plans[name])},
        **_after(chance, CHANCE_AFTER),
        ALONE: {name: _first(sound, start.plans[name])},
        **_after(model, AFTER),
    }
    delays = bench.try_out(list(others.values()), EXAM_SEEDS, "exam")
    return Sitting(
        junction=junction,
        delay_s={what: round(trial.delay_s, 3) for what, trial in zip(others, delays, strict=True)},
        proposed_s=_delays(sound, bench),
        random_s=_delays(drawn, bench),
        start_s=round(start.trial.delay_s, 3),
        forms=tuple(plan.form for plans in sound for plan in plans),
    )


def _after(refined: tuple[list[ExecutedPlans], list[Round]], called: str) -> dict[str, Plans]:
    """Plans that stood after each round."""
    stood, rounds = refined
    by_what = {standing.what: standing.plans for standing in stood}
    return {called.format(k + 1): by_what[r.what] for k, r in enumerate(rounds)}


def _proposed(author: _Recorded, name: str) -> list[list[Plan]]:
    """Plans that an author wrote, by round."""
    return [
        [proposal.plans[name] for proposal in proposed if name in proposal.plans] for proposed in author.rounds
    ]


def _delays(plans: Sequence[Sequence[Plan]], bench: Bench) -> tuple[tuple[float, ...], ...]:
    """Delays of plans by round, on the author's day."""
    trials = [bench.try_out([{plan.intersection: plan} for plan in part], (SEED,), "proposals") for part in plans]
    return tuple(tuple(round(trial.delay_s, 3) for trial in part) for part in trials)


def _first(sound: Sequence[Sequence[Plan]], stand_in: Plan) -> Plan:
    return next((plan for plans in sound for plan in plans), stand_in)
