"""A small language model trained from nothing on lessons, in Llama's architecture, which vLLM serves.

It can write plans for junctions like those of its lessons and nothing else. It learns to continue briefs as well
as to reply: they repeat names and figures, and so teach it to copy. A tenth of the junctions is kept aside; the
weights that did best on their replies are saved. Lessons about one brief differ in their last paragraph, the task;
they are read as one text that branches there, which halves the time.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.document import Document
from leed_traffic.errors import TrainingError
from leed_traffic.planner.config import FineTuneConfig
from leed_traffic.planner.lessons import Lesson
from leed_traffic.planner.tokens import train_tokenizer

IGNORED = -100  # label of a token that does not count: torch's cross entropy leaves it out
CONTEXT = 4096  # tokens: the longest brief with a refused plan and the reason on top of it
WARM_UP = 0.05  # share of the steps
CLIP = 1.0  # norm of the gradient
EVALUATIONS = 8  # on the kept junctions, over the whole training
EVALUATED = 64  # briefs of the kept junctions at most, evenly from all of them

OnStep = Callable[[int, str], None]


class FineTuneRecord(Document):
    """Record of a training; beside the weights, and the command's `--json`."""

    parameters: int
    vocabulary: int
    lessons: int
    kept_lessons: int
    tokens_seen: int
    losses: tuple[tuple[int, float, float], ...]
    """Step, loss on the lessons since the last entry, loss on the kept junctions; nats per reply token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The end of a question, and its reply; labels are `IGNORED` up to the reply."""

    tokens: tuple[int, ...]
    n_prompt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Lessons whose questions begin alike, as tokens."""

    shared: tuple[int, ...]
    branches: tuple[Branch, ...]

    @property
    def n_tokens(self) -> int:
        """Tokens in all."""
        return len(self.shared) + sum(len(branch.tokens) for branch in self.branches)


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonBatch:
    """B samples, filled up on the right to T tokens: what comes after a reply cannot change it."""

    tokens: Tensor  # (B, T) int64
    labels: Tensor  # (B, T) int64
    positions: Tensor  # (B, T) int64, in the lesson that a token belongs to
    sees: Tensor  # (B, 1, T, T) bool: row i attends to column j

    def loss(self, model: Any) -> Tensor:  # noqa: ANN401  # no usable types
        """Nats per reply token."""
        read = model(
            input_ids=self.tokens, labels=self.labels, position_ids=self.positions, attention_mask=self.sees
        )
        loss: Tensor = read.loss
        return loss


def fine_tune(config: FineTuneConfig, on_step: OnStep | None = None) -> FineTuneRecord:
    """Train tokenizer and model, and write them as a Hugging Face folder.

    Raises:
        TrainingError: the lessons are unreadable or too few.
    """
    lessons = read_lessons(config.lessons)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    tokenizer = train_tokenizer([m["content"] for lesson in lessons for m in lesson.messages[1:]], context=CONTEXT)
    taught, kept = split(lessons)
    samples, kept_samples = (samples_of(part, tokenizer) for part in (taught, kept))
    kept_samples = kept_samples[:: math.ceil(len(kept_samples) / EVALUATED)]
    model = build_model(tokenizer, config)
    tokenizer.save_pretrained(config.out)
    losses, seen = _fit(model, samples, kept_samples, config, on_step or (lambda done, note: None))
    record = FineTuneRecord(
        parameters=sum(p.numel() for p in model.parameters()),
        vocabulary=len(tokenizer),
        lessons=len(taught),
        kept_lessons=len(kept),
        tokens_seen=seen,
        losses=tuple(losses),
    )
    (config.out / "training.json").write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return record


def planned_steps(config: FineTuneConfig) -> int:
    """Steps that a configuration asks for."""
    taught, _ = split(read_lessons(config.lessons))
    return _steps(len({_beginning(lesson.messages[-2]["content"]) for lesson in taught}), config)


def read_lessons(path: Path) -> list[Lesson]:
    """The lessons of a file, one per line.

    Raises:
        TrainingError: it cannot be read, a line is no lesson, or there are too few junctions to keep one aside.
    """
    try:
        lessons = [
            Lesson.model_validate(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()
        ]
    except (OSError, ValueError, RecursionError, ValidationError) as err:
        raise TrainingError(f"{path}: no lessons ({first_fault(err)[:200]}); run leedctl planner lessons") from err
    if len({lesson.junction for lesson in lessons}) < 2:
        raise TrainingError(f"{path}: need lessons of at least 2 junctions, got {len(lessons)} lessons of fewer")
    return lessons


def split(lessons: Sequence[Lesson]) -> tuple[list[Lesson], list[Lesson]]:
    """Lessons to learn from, and those of every tenth junction to judge by."""
    junctions = sorted({lesson.junction for lesson in lessons})
    kept = set(junctions[9::10] or junctions[-1:])
    return [x for x in lessons if x.junction not in kept], [x for x in lessons if x.junction in kept]


def samples_of(lessons: Sequence[Lesson], tokenizer: Any) -> list[Sample]:  # noqa: ANN401  # no usable types
    """Lessons as the served model will see them, those with a common beginning together."""
    ends: dict[str, list[tuple[str, str]]] = {}
    for lesson in lessons:
        prompt = tokenizer.apply_chat_template(
            list(lesson.messages[:-1]), add_generation_prompt=True, tokenize=False
        )
        begins = _beginning(prompt)
        reply = lesson.messages[-1]["content"] + tokenizer.eos_token
        ends.setdefault(begins, []).append((prompt.removeprefix(begins), reply))

    def tokens(text: str) -> tuple[int, ...]:
        return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])

    def branch(end: str, reply: str) -> Branch:
        asked = tokens(end)
        return Branch(tokens=asked + tokens(reply), n_prompt=len(asked))

    return [Sample(shared=tokens(k), branches=tuple(branch(*pair) for pair in pairs)) for k, pairs in ends.items()]


def _beginning(prompt: str) -> str:
    """All but the last paragraph; a tokenizer of ours never merges across lines, so text may be cut there."""
    return prompt.rpartition("\n\n")[0]


def build_model(tokenizer: Any, config: FineTuneConfig) -> Any:  # noqa: ANN401  # no usable types
    """Llama's architecture with random weights."""
    marks = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    heads = config.hidden // 32
    shape = LlamaConfig(
        vocab_size=math.ceil(len(tokenizer) / 64) * 64,
        hidden_size=config.hidden,
        intermediate_size=math.ceil(8 * config.hidden / 3 / 32) * 32,
        num_hidden_layers=config.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        **marks,
    )
    model = LlamaForCausalLM(shape).to(torch.float32)
    model.generation_config = GenerationConfig(**marks)
    return model


def _fit(
    model: Any,  # noqa: ANN401
    samples: Sequence[Sample],
    kept: Sequence[Sample],
    config: FineTuneConfig,
    on_step: OnStep,
) -> tuple[list[tuple[int, float, float]], int]:
    """Train, and write the weights that do best on the kept samples; the losses and the tokens seen."""
    steps = _steps(len(samples), config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.1)
    every = max(1, steps // EVALUATIONS)
    losses: list[tuple[int, float, float]] = []
    recent: list[float] = []
    seen = 0
    for step, chosen in zip(range(1, steps + 1), _batches(samples, config), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * _share_of_rate(step, steps)
        batch = collate(chosen, with_briefs=True)
        loss = batch.loss(model)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        recent.append(float(loss.detach()))
        seen += batch.tokens.numel()
        if step % every == 0 or step == steps:
            losses.append((step, round(float(np.mean(recent)), 4), round(evaluate(model, kept, config.batch), 4)))
            recent.clear()
            if losses[-1][2] <= min(entry[2] for entry in losses):
                model.save_pretrained(config.out, safe_serialization=True)
        on_step(1, f"loss {losses[-1][2]:.3f} on kept junctions" if losses else f"loss {recent[-1]:.2f}")
    return losses, seen


def _steps(n_samples: int, config: FineTuneConfig) -> int:
    return max(1, round(config.epochs * n_samples / config.batch))


def evaluate(model: Any, kept: Sequence[Sample], batch: int) -> float:  # noqa: ANN401
    """Nats per reply token on samples that are not learnt from."""
    total = 0.0
    n = 0
    ordered = sorted(kept, key=lambda sample: sample.n_tokens)
    with torch.inference_mode():
        for k in range(0, len(ordered), batch):
            collated = collate(ordered[k : k + batch])
            counted = int((collated.labels != IGNORED).sum())
            total += float(collated.loss(model)) * counted
            n += counted
    return total / max(n, 1)


def collate(samples: Sequence[Sample], *, with_briefs: bool = False) -> LessonBatch:
    """Samples side by side; a branch sees itself and what all branches share, never another branch.

    Args:
        samples: filled up to the longest.
        with_briefs: what the branches share counts in the loss as well as their replies.
    """
    size = (len(samples), max(sample.n_tokens for sample in samples))
    tokens = torch.zeros(size, dtype=torch.long)
    positions = torch.zeros(size, dtype=torch.long)
    labels = torch.full(size, IGNORED)
    part = torch.full(size, -1)  # part: 0 shared, then by branch; -1 filled up
    for row, sample in enumerate(samples):
        at = n_shared = len(sample.shared)
        tokens[row, :at] = torch.tensor(sample.shared)
        positions[row, :at] = torch.arange(at)
        part[row, :at] = 0
        labels[row, :at] = tokens[row, :at] if with_briefs else IGNORED
        for k, branch in enumerate(sample.branches):
            end = at + len(branch.tokens)
            tokens[row, at:end] = torch.tensor(branch.tokens)
            part[row, at:end] = k + 1
            positions[row, at:end] = torch.arange(n_shared, n_shared + len(branch.tokens))
            labels[row, at + branch.n_prompt : end] = tokens[row, at + branch.n_prompt : end]
            at = end
    is_before = torch.ones(size[1], size[1], dtype=torch.bool).tril()
    sees = is_before & ((part[:, None, :] == 0) | (part[:, None, :] == part[:, :, None]))
    return LessonBatch(tokens=tokens, labels=labels, positions=positions, sees=sees[:, None])


def _batches(samples: Sequence[Sample], config: FineTuneConfig) -> Iterator[list[Sample]]:
    """Batches for ever, each of samples of about one length, the order drawn anew for every pass."""
    rng = np.random.default_rng(config.seed)
    while True:
        noisy = [sample.n_tokens + 80.0 * rng.random() for sample in samples]
        order = np.argsort(noisy)
        groups = [order[k : k + config.batch] for k in range(0, len(order), config.batch)]
        for g in rng.permutation(len(groups)):
            yield [samples[int(k)] for k in groups[int(g)]]


def _share_of_rate(step: int, steps: int) -> float:
    """Rises linearly over the warm-up, then falls along half a cosine to a twentieth."""
    warm = max(1.0, WARM_UP * steps)
    if step < warm:
        return step / warm
    return 0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1.0, steps - warm)))
