"""Answered questions in one append-only file: nothing is asked twice, and a run can be repeated without a model.

One JSON document per line; a line is on the disk before its reply is used. A last line that was cut off is
dropped.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from pydantic import Field, ValidationError

from leed_traffic.domain.document import Document
from leed_traffic.errors import DemonstrationError
from leed_traffic.generate.language_model.plain_text import clean_text, one_line
from leed_traffic.generate.language_model.served import MOST_TOKENS, LanguageModel, ModelReply, OnReply, Question


class Exchange(Document):
    """One question and its reply."""

    digest: str
    """sha256 of the question."""
    model: str = Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
    subject: str
    """The intersection."""
    messages: tuple[tuple[str, str], ...]
    """Role and content, as sent."""
    text: str
    finish_reason: str
    prompt_tokens: int = Field(ge=0, lt=MOST_TOKENS)
    reply_tokens: int = Field(ge=0, lt=MOST_TOKENS)
    latency_s: float = Field(ge=0.0, allow_inf_nan=False)
    fault: str = ""
    """Why the server refused the question; asked again when the run is."""

    def reply(self) -> ModelReply:
        """Reply as it arrived; a file from elsewhere may hold what this program would not have written."""
        return ModelReply(
            text=clean_text(self.text),
            finish_reason=self.finish_reason,
            prompt_tokens=self.prompt_tokens,
            reply_tokens=self.reply_tokens,
            latency_s=self.latency_s,
            fault=one_line(self.fault),
        )


class Transcripts:
    """The exchanges of a file; open to be written, or to be read only."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Read what is there.

        Raises:
            DemonstrationError: the file cannot be read, or a line other than the last is broken.
        """
        self.path = path
        self._known: dict[tuple[str, str], Exchange] = {}
        sound = self._read() if path.is_file() or read_only else 0
        self._sink = None
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = path.open("ab")
            self._sink.truncate(sound)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that answered, in the order of their first reply."""
        return tuple(dict.fromkeys(model for model, _ in self._known))

    def find(self, model: str, question: Question) -> ModelReply | None:
        """The reply to a question, if it was ever answered; a refusal counts only where nobody can be asked again."""
        exchange = self._known.get((model, question.digest()))
        if exchange is None or (exchange.fault and self._sink is not None):
            return None
        return exchange.reply()

    def add(self, model: str, question: Question, reply: ModelReply) -> None:
        """Write one exchange down; it is on the disk when this returns."""
        if self._sink is None:
            raise ValueError(f"{self.path} was opened to be read only")
        exchange = Exchange(
            digest=question.digest(),
            model=model,
            subject=question.subject,
            messages=question.messages,
            text=reply.text,
            finish_reason=reply.finish_reason,
            prompt_tokens=reply.prompt_tokens,
            reply_tokens=reply.reply_tokens,
            latency_s=reply.latency_s,
            fault=reply.fault,
        )
        self._sink.write(json.dumps(exchange.model_dump()).encode() + b"\n")
        self._sink.flush()
        os.fsync(self._sink.fileno())
        self._known[model, exchange.digest] = exchange

    def __len__(self) -> int:
        return len(self._known)

    def __enter__(self) -> "Transcripts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sink:
            self._sink.close()

    def _read(self) -> int:
        """Take in the file; bytes up to the end of its last sound line."""
        try:
            content = self.path.read_bytes()
        except OSError as err:
            raise DemonstrationError(
                f"{self.path}: cannot be read ({err.strerror}); give the transcripts of a run"
            ) from err
        sound = 0
        for number, line, ends_at in _lines(content):
            try:
                exchange = Exchange.model_validate(json.loads(line))
            except (ValidationError, ValueError, RecursionError) as err:
                if ends_at == len(content):
                    break
                raise DemonstrationError(
                    f"{self.path}: line {number} is no transcript; restore the file or remove it"
                ) from err
            self._known[exchange.model, exchange.digest] = exchange
            sound = ends_at
        return sound


class RememberedModel:
    """Answers from transcripts, and asks the model only what is not in them; without a model it replays."""

    def __init__(self, transcripts: Transcripts, model: LanguageModel | None, name: str) -> None:
        """Prepare.

        Args:
            transcripts: read before anything is asked, written after.
            model: asked what is missing; None to replay.
            name: of the model that answers or answered.
        """
        self._transcripts = transcripts
        self._model = model
        self.name = name

    def converse(self, questions: Sequence[Question], on_reply: OnReply) -> None:
        """See `LanguageModel`.

        Raises:
            DemonstrationError: a replay lacks an answer.
        """
        open_ones: list[tuple[int, Question]] = []
        for index, first in enumerate(questions):
            question = self._follow(index, first, on_reply)
            if question is not None:
                open_ones.append((index, question))
        if not open_ones:
            return
        if self._model is None:
            raise DemonstrationError(
                f"{self._transcripts.path}: holds no reply of {self.name} to a question on {open_ones[0][1].subject} "
                f"({len(open_ones)} missing); replay with the scenario, the options and the version it was made with"
            )

        def remember(place: int, reply: ModelReply) -> Question | None:
            index, question = open_ones[place]
            self._transcripts.add(self.name, question, reply)
            following = on_reply(index, reply)
            question_left = self._follow(index, following, on_reply) if following else None
            if question_left is not None:
                open_ones[place] = (index, question_left)
            return question_left

        self._model.converse([question for _, question in open_ones], remember)

    def _follow(self, index: int, question: Question | None, on_reply: OnReply) -> Question | None:
        """Go through a conversation as far as it is known; the first question without an answer, if any."""
        while question is not None and (reply := self._transcripts.find(self.name, question)) is not None:
            question = on_reply(index, reply)
        return question


def _lines(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Number, text and end of each line; a last line without its newline counts as broken."""
    position = 0
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        position += len(line) + 1
        yield number, line, position
    if position < len(content):
        yield -1, b"", len(content)
