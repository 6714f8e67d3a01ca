"""A language model as a plan author: one question per intersection and candidate, faults sent back."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Self

from leed_traffic.artifacts.demonstrations import digest_plans
from leed_traffic.domain.plan import Plan
from leed_traffic.errors import PlanError, UsageError
from leed_traffic.generate.author import Author, Proposal
from leed_traffic.generate.bench import Plans
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.language_model.authorship import Authorship, RoundWriting, Writing, diversity, summarise
from leed_traffic.generate.language_model.brief_text import (
    PROMPT_VERSION,
    emphasis,
    prompt_digest,
    render_brief,
    repair_text,
    system_text,
    task_text,
)
from leed_traffic.generate.language_model.config import ModelConfig, check_model
from leed_traffic.generate.language_model.conversation import LanguageModel, ModelReply, Question
from leed_traffic.generate.language_model.names import Names, name_parts
from leed_traffic.generate.language_model.plan_schema import Schema, plan_schema, simple_schema
from leed_traffic.generate.language_model.reply import read_plan
from leed_traffic.generate.language_model.session import Timed, open_model
from leed_traffic.generate.progress import Asking, OnAsking
from leed_traffic.generate.schedule import LEAST_CONFIRMED, Schedule
from leed_traffic.generate.search.starts import N_STARTS, field_starts
from leed_traffic.simulation.env.env_spec import EnvSpec

TRANSCRIPTS_NAME = "transcripts.jsonl"
PATIENCE = 2  # rounds in a row without gain after which a model is asked no more
ECHO_CHARS = 2000  # of a refused reply, sent back with the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Settings of a question to the model."""

    temperature: float = 0.7
    max_tokens: int = 1500
    # times that a refused plan goes back to the model; the last time only the simpler form is allowed
    repairs: int = 2


@dataclass(slots=True)
class _Conversation:
    """Conversation about one plan."""

    brief: Brief
    names: Names
    question: Question
    plan: Plan | None = None
    reasons: list[str] = field(default_factory=list)
    replies: list[ModelReply] = field(default_factory=list)
    is_over: bool = False


class LanguageModelAuthor(Author):
    """Asks a language model; the same replies propose the same plans, in whatever order they come."""

    name = AuthorName.VLLM

    def __init__(
        self,
        model: LanguageModel,
        sampling: Sampling,
        clock: Callable[[], float],
        on_asking: OnAsking,
        timed: Timed | None = None,
    ) -> None:
        """Prepare.

        Args:
            model: asked, or remembered.
            sampling: see there.
            clock: monotonic seconds.
            on_asking: told after every reply.
            timed: the part of it that asks a served model now, for the record.
        """
        self._model = model
        self._timed = timed
        self._sampling = sampling
        self._clock = clock
        self._on_asking = on_asking
        self.model = model.name
        self.rounds: list[RoundWriting] = []
        self._authors: dict[str, str] = {}

    @classmethod
    def schedule_for(cls, config: GenerateConfig) -> Schedule:
        """See `Author`."""
        language = config.language or ModelConfig()
        sizes = (language.candidates,) * language.rounds
        return Schedule(n_starts=N_STARTS, sizes=sizes, n_confirmed=LEAST_CONFIRMED, patience=PATIENCE)

    @classmethod
    @contextmanager
    def open(
        cls, config: GenerateConfig, setting: EnvSpec, clock: Callable[[], float], on_asking: OnAsking
    ) -> Iterator[Self]:
        """See `Author`; the transcripts are open meanwhile.

        Raises:
            UsageError: no way to a model is given, or several.
            DemonstrationError: the transcripts are unreadable.
        """
        language = config.language or ModelConfig()
        with cls.over(language, config.out / TRANSCRIPTS_NAME, clock, Random(config.seed), on_asking) as author:
            author.schedule = cls.schedule_for(config)
            yield author

    @classmethod
    @contextmanager
    def over(
        cls,
        language: ModelConfig,
        transcripts_file: Path,
        clock: Callable[[], float],
        rng: Random,
        on_asking: OnAsking,
    ) -> Iterator[Self]:
        """An author over the model that is configured.

        Args:
            language: see there.
            transcripts_file: where this run keeps what is asked; a replay leaves it alone.
            clock: monotonic seconds.
            rng: for the jitter of pauses.
            on_asking: told after every reply.
        """
        sampling = Sampling(
            temperature=language.temperature, max_tokens=language.max_tokens, repairs=language.repairs
        )
        with open_model(language, transcripts_file, clock, rng) as (model, timed):
            yield cls(model, sampling, clock, on_asking, timed)

    @classmethod
    def check(cls, config: GenerateConfig) -> None:
        """See `Author`."""
        check_model(config.language or ModelConfig())

    def starts(self, briefs: Sequence[Brief]) -> dict[str, Plans]:
        """See `Author`."""
        return field_starts(briefs)

    def authorship(self, plans: Plans, briefs: Sequence[Brief]) -> Authorship:
        """The record of the whole run: every plan is the model's, or an embedded start's."""
        starts = self.starts(briefs) if plans else {}
        written_by = {
            name: self.author_of(plan) or _start_of(plan, starts) for name, plan in sorted(plans.items())
        }
        return Authorship(
            model=self._model.name,
            prompt_version=PROMPT_VERSION,
            prompt_digest=prompt_digest(),
            rounds=tuple(self.rounds),
            written_by=written_by,
            asking_s=round(self._timed.seconds, 3) if self._timed else 0.0,
            asked_now=self._timed.replies if self._timed else 0,
        )

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> list[Proposal]:
        """One proposal per candidate number; it leaves out intersections without a sound plan, with the reason.

        Raises:
            UsageError: the model's server refused every single question.
            LeedError: the model cannot be reached.
        """
        talks = [talk for brief in briefs for talk in self._begin(brief, n_candidates)]
        progress = _Progress(round_index + 1, len(briefs), talks, self._clock, self._on_asking)

        def on_reply(index: int, reply: ModelReply) -> Question | None:
            following = self._take(talks[index], reply)
            progress.report(talks[index], reply)
            return following

        self._model.converse([talk.question for talk in talks], on_reply)
        refused = [talk.replies[-1].fault for talk in talks if talk.replies[-1].fault]
        if talks and len(refused) == len(talks):
            raise UsageError(f"the model's server refused every question: {refused[0]}")
        by_brief = [talks[k * n_candidates : (k + 1) * n_candidates] for k in range(len(briefs))]
        self._record(round_index + 1, briefs, by_brief)
        return [_proposal(round_index + 1, k, [part[k] for part in by_brief]) for k in range(n_candidates)]

    def author_of(self, plan: Plan) -> str | None:
        """Round and proposal that wrote a plan, or None if none did."""
        return self._authors.get(_key(plan))

    def _begin(self, brief: Brief, n_candidates: int) -> list[_Conversation]:
        names = name_parts(brief)
        schema = _compact(plan_schema(brief, names))
        text = render_brief(brief, names).text
        has_attempts = brief.feedback is not None and bool(brief.feedback.attempts)
        talks = []
        for k in range(n_candidates):
            task = task_text(k, n_candidates, has_attempts=has_attempts)
            question = Question(
                subject=brief.intersection.id,
                messages=(("system", system_text()), ("user", f"{text}\n\n{task}")),
                schema=schema,
                temperature=self._sampling.temperature,
                max_tokens=self._sampling.max_tokens,
            )
            talks.append(_Conversation(brief=brief, names=names, question=question))
        return talks

    def _take(self, talk: _Conversation, reply: ModelReply) -> Question | None:
        """Read a reply: a plan ends the conversation, a fault leads on while repairs are left."""
        talk.replies.append(reply)
        if reply.fault:
            talk.reasons.append(reply.fault)
            talk.is_over = True
            return None
        try:
            talk.plan = read_plan(reply.text, reply.finish_reason, talk.brief, talk.names)
        except PlanError as err:
            talk.reasons.append(str(err))
        talk.is_over = talk.plan is not None or len(talk.replies) > self._sampling.repairs
        if talk.is_over:
            return None
        is_last = len(talk.replies) == self._sampling.repairs
        first = talk.question.messages[:2]
        said = (("assistant", _printable(reply.text)), ("user", repair_text(talk.reasons[-1], simpler=is_last)))
        schema = _compact(simple_schema(talk.names)) if is_last else talk.question.schema
        return replace(talk.question, messages=(*first, *said), schema=schema)

    def _record(self, number: int, briefs: Sequence[Brief], by_brief: Sequence[Sequence[_Conversation]]) -> None:
        writings = {}
        for brief, talks in zip(briefs, by_brief, strict=True):
            plans = [talk.plan for talk in talks if talk.plan is not None]
            for k, talk in enumerate(talks):
                if talk.plan is not None:
                    self._authors.setdefault(_key(talk.plan), f"{self.model}, round {number}, proposal {k + 1}")
            writings[brief.intersection.id] = Writing(
                asked=len(talks),
                valid_at_once=sum(talk.plan is not None and not talk.reasons for talk in talks),
                valid=len(plans),
                reasons=tuple(reason for talk in talks for reason in talk.reasons),
                diversity=diversity(plans),
            )
        replies = [reply for talks in by_brief for talk in talks for reply in talk.replies]
        tokens = (sum(reply.prompt_tokens for reply in replies), sum(reply.reply_tokens for reply in replies))
        seconds = sum(reply.latency_s for reply in replies)
        self.rounds.append(summarise(number, writings, replies=len(replies), tokens=tokens, model_s=seconds))


def _start_of(plan: Plan, starts: Mapping[str, Plans]) -> str:
    """Name of the embedded plan that stood in."""
    name = next((name for name, plans in starts.items() if plans[plan.intersection] == plan), "unknown")
    return f"embedded: {name}"


class _Progress:
    """Says how far a round is."""

    def __init__(
        self,
        number: int,
        intersections: int,
        talks: Sequence[_Conversation],
        clock: Callable[[], float],
        on_asking: OnAsking,
    ) -> None:
        self._number = number
        self._asked = len(talks)
        self._intersections = intersections
        self._left = Counter(talk.brief.intersection.id for talk in talks)
        self._plans = 0
        self._valid = 0
        self._tokens = 0
        self._clock = clock
        self._on_asking = on_asking
        self._began_s = clock()

    def report(self, talk: _Conversation, reply: ModelReply) -> None:
        """Count a reply of one of the conversations, and pass the figures on."""
        self._tokens += reply.reply_tokens
        if talk.is_over:
            self._plans += 1
            self._valid += talk.plan is not None
            self._left[talk.brief.intersection.id] -= 1
        self._on_asking(
            Asking(
                round_number=self._number,
                intersections=self._intersections,
                done=sum(left == 0 for left in self._left.values()),
                plans=self._plans,
                asked=self._asked,
                valid=self._valid,
                tokens=self._tokens,
                seconds=self._clock() - self._began_s,
            )
        )


def _proposal(number: int, k: int, talks: Sequence[_Conversation]) -> Proposal:
    return Proposal(
        what=f"round {number}, proposal {k + 1}: {emphasis(k).rstrip('.').lower()}",
        plans={talk.brief.intersection.id: talk.plan for talk in talks if talk.plan is not None},
        faults={talk.brief.intersection.id: _fault(talk) for talk in talks if talk.plan is None},
    )


def _fault(talk: _Conversation) -> str:
    """Fault for the next brief; a model can do nothing about what a server says of itself."""
    return "the server did not take the question" if talk.replies[-1].fault else talk.reasons[-1]


def _compact(schema: Schema) -> str:
    return json.dumps(schema, separators=(",", ":"))


def _key(plan: Plan) -> str:
    return digest_plans({plan.intersection: plan})


def _printable(text: str) -> str:
    """Reply of a model, fit to be sent back to it."""
    return "".join(c if " " <= c <= "~" else " " for c in text[:ECHO_CHARS])
