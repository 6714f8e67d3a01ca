"""A language model as the author sees it: conversations, many at once, each a chain of questions.

A question may lead to another (a refused plan is sent back with the reason). Answers come in any order; nothing
that the author makes of them may depend on it.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

MOST_TOKENS = 10**9  # that a reply is believed to have had


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One prompt. Everything but the subject is sent."""

    subject: str  # whom it is about: equal junctions get plans of their own
    messages: tuple[tuple[str, str], ...]  # (role, content)
    schema: str  # of the reply, as canonical JSON
    temperature: float
    max_tokens: int

    def digest(self) -> str:
        """sha256 over all of it: the key of its reply."""
        parts = [self.subject, self.messages, self.schema, self.temperature, self.max_tokens]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """Reply of a model; `fault` says why a server refused the question as such."""

    text: str
    finish_reason: str  # stop, length, or refused
    prompt_tokens: int = 0
    reply_tokens: int = 0
    latency_s: float = 0.0
    fault: str = ""


OnReply = Callable[[int, ModelReply], Question | None]  # conversation, reply -> what to ask next in it


class LanguageModel(Protocol):
    """Answers questions; neither the order nor the number of servers is seen."""

    @property
    def name(self) -> str:
        """The model, for the provenance."""

    def converse(self, questions: Sequence[Question], on_reply: OnReply) -> None:
        """Hold one conversation per question until none has anything left to ask.

        Args:
            questions: with which the conversations begin.
            on_reply: told as each reply arrives, in the caller's thread.

        Raises:
            LeedError: the model cannot be reached, or not in this way.
        """
