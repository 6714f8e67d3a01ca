"""A small language model trained from nothing on lessons: Llama's architecture, so that vLLM serves the folder as it is.

It can write plans for junctions like those of its lessons and nothing else. Only the tokens of replies count in the loss; a
tenth of the junctions is kept aside, and the weights that did best on their lessons are the ones that are saved.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from leed_traffic.errors import TrainingError
from leed_traffic.planner.lessons import Lesson
from leed_traffic.planner.tokens import train_tokenizer

IGNORED = -100  # label of a token that does not count: torch's cross entropy leaves it out
CONTEXT = 4096  # tokens: the longest brief with a refused plan and the reason on top of it
WARM_UP = 0.05  # share of the steps
CLIP = 1.0  # norm of the gradient
EVALUATIONS = 8  # on the kept junctions, over the whole training

OnStep = Callable[[int, str], None]


class FineTuneConfig(BaseModel):
    """Settings of `leedctl planner train`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lessons: Path
    """File of `leedctl planner lessons`."""
    out: Path
    """Folder to write, as vLLM loads it."""
    epochs: float = Field(default=3.0, gt=0.0)
    """Times that each lesson is seen."""
    hidden: int = Field(default=192, ge=32, multiple_of=32)
    """Width; heads have 32."""
    layers: int = Field(default=7, ge=1)
    batch: int = Field(default=8, ge=1)
    """Lessons behind one step."""
    learning_rate: float = Field(default=2e-3, gt=0.0)
    """Highest; rises at first, then falls along half a cosine."""
    threads: int = Field(default=1, ge=1)
    """Of torch."""
    seed: int = Field(default=1, ge=0)
    """Of weights and order."""


class TrainingRecord(BaseModel):
    """How a training went; beside the weights, and the command's `--json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: int
    vocabulary: int
    lessons: int
    kept_lessons: int
    tokens_seen: int
    losses: tuple[tuple[int, float, float], ...]
    """Step, loss on the lessons since the last entry, loss on the kept junctions; nats per reply token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A lesson as tokens; labels are `IGNORED` up to the reply."""

    tokens: tuple[int, ...]
    n_prompt: int


def fine_tune(config: FineTuneConfig, on_step: OnStep | None = None) -> TrainingRecord:
    """Train tokenizer and model, and write them as a Hugging Face folder.

    Raises:
        TrainingError: the lessons are unreadable or too few.
    """
    lessons = read_lessons(config.lessons)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    tokenizer = train_tokenizer([m["content"] for lesson in lessons for m in lesson.messages[1:]], context=CONTEXT)
    taught, kept = split(lessons)
    samples, kept_samples = ([sample_of(lesson, tokenizer) for lesson in part] for part in (taught, kept))
    model = build_model(tokenizer, config)
    tokenizer.save_pretrained(config.out)
    losses, seen = _fit(model, samples, kept_samples, config, on_step or (lambda done, note: None))
    record = TrainingRecord(
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
    return _steps(len(split(read_lessons(config.lessons))[0]), config)


def read_lessons(path: Path) -> list[Lesson]:
    """The lessons of a file, one per line.

    Raises:
        TrainingError: it cannot be read, a line is no lesson, or there are too few junctions to keep one aside.
    """
    try:
        lessons = [Lesson.model_validate(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, ValidationError) as err:
        raise TrainingError(f"{path}: no lessons ({' '.join(str(err).split())[:200]}); run leedctl planner lessons") from err
    if len({lesson.junction for lesson in lessons}) < 2:
        raise TrainingError(f"{path}: need lessons of at least 2 junctions, got {len(lessons)} lessons of fewer")
    return lessons


def split(lessons: Sequence[Lesson]) -> tuple[list[Lesson], list[Lesson]]:
    """Lessons to learn from, and those of every tenth junction to judge by."""
    junctions = sorted({lesson.junction for lesson in lessons})
    kept = set(junctions[9::10] or junctions[-1:])
    return [x for x in lessons if x.junction not in kept], [x for x in lessons if x.junction in kept]


def sample_of(lesson: Lesson, tokenizer: Any) -> Sample:  # noqa: ANN401  # transformers ships no usable types
    """A lesson as the served model will see it, with the reply that ends it."""
    prompt = tokenizer.apply_chat_template(list(lesson.messages[:-1]), add_generation_prompt=True, tokenize=False)
    reply = lesson.messages[-1]["content"] + tokenizer.eos_token
    prompt_tokens = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    return Sample(
        tokens=(*prompt_tokens, *tokenizer(reply, add_special_tokens=False)["input_ids"]), n_prompt=len(prompt_tokens)
    )


def build_model(tokenizer: Any, config: FineTuneConfig) -> Any:  # noqa: ANN401  # transformers ships no usable types
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
    """Train, and write the weights whenever they do better on the kept samples; the losses on the way and the tokens seen."""
    steps = _steps(len(samples), config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.1)
    every = max(1, steps // EVALUATIONS)
    losses: list[tuple[int, float, float]] = []
    recent: list[float] = []
    seen = 0
    for step, chosen in zip(range(1, steps + 1), _batches(samples, config), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * _share_of_rate(step, steps)
        tokens, labels = collate(chosen)
        loss = model(input_ids=tokens, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        recent.append(float(loss.detach()))
        seen += tokens.numel()
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
    total, n = 0.0, 0
    ordered = sorted(kept, key=lambda sample: len(sample.tokens))
    with torch.inference_mode():
        for k in range(0, len(ordered), batch):
            tokens, labels = collate(ordered[k : k + batch])
            counted = int((labels != IGNORED).sum())
            total += float(model(input_ids=tokens, labels=labels).loss) * counted
            n += counted
    return total / max(n, 1)


def collate(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """(B, T) tokens and labels, filled up on the right: what comes after a reply cannot change it."""
    longest = max(len(sample.tokens) for sample in samples)
    tokens = torch.zeros(len(samples), longest, dtype=torch.long)
    labels = torch.full((len(samples), longest), IGNORED, dtype=torch.long)
    for row, sample in enumerate(samples):
        own = torch.tensor(sample.tokens, dtype=torch.long)
        tokens[row, : len(own)] = own
        labels[row, sample.n_prompt : len(own)] = own[sample.n_prompt :]
    return tokens, labels


def _batches(samples: Sequence[Sample], config: FineTuneConfig) -> Iterator[list[Sample]]:
    """Batches for ever, each of samples of about one length, the order drawn anew for every pass."""
    rng = np.random.default_rng(config.seed)
    while True:
        noisy = [len(sample.tokens) + 40.0 * rng.random() for sample in samples]
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
