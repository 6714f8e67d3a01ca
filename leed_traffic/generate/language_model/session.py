"""The way to a configured model: served, in process, or remembered."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from leed_traffic.errors import UsageError
from leed_traffic.generate.language_model.brief_text import TOKEN_LIMIT
from leed_traffic.generate.language_model.config import ModelConfig, check_model
from leed_traffic.generate.language_model.served import (
    LanguageModel,
    ModelReply,
    OnReply,
    Question,
    ServedModel,
    ServerPatience,
)
from leed_traffic.generate.language_model.transcripts import RememberedModel, Transcripts

Clock = Callable[[], float]


class Timed:
    """Passes questions on, and adds up the time and the replies that this run waited for."""

    def __init__(self, model: LanguageModel, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self.name = model.name
        self.seconds = 0.0
        self.replies = 0

    def converse(self, questions: Sequence[Question], on_reply: OnReply) -> None:
        """See `LanguageModel`."""

        def counted(index: int, reply: ModelReply) -> Question | None:
            self.replies += 1
            return on_reply(index, reply)

        began_s = self._clock()
        try:
            self._model.converse(questions, counted)
        finally:
            self.seconds += self._clock() - began_s


@contextmanager
def open_model(
    config: ModelConfig, transcripts_file: Path, clock: Clock, rng: Random
) -> Iterator[tuple[LanguageModel, Timed | None]]:
    """The configured model behind its transcripts, and the part that is asked now (None in a replay).

    Args:
        config: see there.
        transcripts_file: where this run keeps what is asked; a replay leaves it alone.
        clock: monotonic seconds.
        rng: for the jitter of pauses.

    Raises:
        UsageError: no way to a model is given, or several.
        DemonstrationError: the transcripts are unreadable.
    """
    check_model(config)
    with Transcripts(config.replay or transcripts_file, read_only=config.replay is not None) as transcripts:
        if config.replay:
            yield RememberedModel(transcripts, None, _replayed_name(config, transcripts)), None
        else:
            timed = Timed(_open_model(config, clock, rng), clock)
            yield RememberedModel(transcripts, timed, timed.name), timed


def _open_model(config: ModelConfig, clock: Clock, rng: Random) -> LanguageModel:
    model = config.model or ""
    if not config.urls:
        from leed_traffic.generate.language_model.in_process import InProcessModel

        # a repair carries the refused plan and the reason on top of the brief
        return InProcessModel(model, max_model_len=2 * TOKEN_LIMIT + 2 * config.max_tokens, clock=clock)
    urls = [url.rstrip("/") if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1" for url in config.urls]
    patience = ServerPatience(timeout_s=config.timeout_s, start_s=config.start_s, attempts=config.attempts)
    return ServedModel(urls, model, concurrency=config.concurrency, patience=patience, clock=clock, rng=rng)


def _replayed_name(config: ModelConfig, transcripts: Transcripts) -> str:
    models = transcripts.models
    name = config.model or (models[0] if len(models) == 1 else None)
    if name is None or name not in models:
        found = ", ".join(models) or "no model"
        raise UsageError(f"--replay {transcripts.path}: holds replies of {found}; name one with --model")
    return name
