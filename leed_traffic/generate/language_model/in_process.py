"""A language model in this process, without a server: vLLM's `LLM.chat`, one batch over all conversations."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from leed_traffic.errors import UsageError
from leed_traffic.generate.language_model.conversation import ModelReply, OnReply, Question
from leed_traffic.generate.language_model.plain_text import clean_text, one_line

INSTALL = "pip install '.[vllm]' (an environment of its own: vllm pins its torch), or give --url of a server"


class InProcessModel:
    """A model that vLLM loads here; each round of questions is one batch."""

    def __init__(self, model: str, *, max_model_len: int, clock: Callable[[], float]) -> None:
        """Load the model.

        Args:
            model: a folder, or a name that vLLM knows how to find.
            max_model_len: tokens of prompt and reply together.
            clock: monotonic seconds.

        Raises:
            UsageError: vLLM is not installed, or cannot load the model.
        """
        try:
            from vllm import LLM
        except ImportError as err:
            raise UsageError(
                f"--model {model} without --url needs vllm, which is not installed here; {INSTALL}"
            ) from err
        try:
            self._llm: Any = LLM(model=model, max_model_len=max_model_len)
        except (OSError, ValueError, RuntimeError) as err:
            raise UsageError(f"--model {model}: vLLM cannot load it ({one_line(err)})") from err
        self.name = model
        self._clock = clock

    def converse(self, questions: Sequence[Question], on_reply: OnReply) -> None:
        """See `LanguageModel`; what a reply leads to is asked in the next batch."""
        batch = list(enumerate(questions))
        while batch:
            following = []
            for (index, _), reply in zip(batch, self._answer([question for _, question in batch]), strict=True):
                question = on_reply(index, reply)
                if question is not None:
                    following.append((index, question))
            batch = following

    def _answer(self, questions: Sequence[Question]) -> list[ModelReply]:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        messages = [[{"role": role, "content": content} for role, content in q.messages] for q in questions]
        sampling = [
            SamplingParams(
                temperature=q.temperature,
                max_tokens=q.max_tokens,
                structured_outputs=StructuredOutputsParams(json=json.loads(q.schema)),
            )
            for q in questions
        ]
        began_s = self._clock()
        try:
            outputs = self._llm.chat(messages, sampling, use_tqdm=False)
        except ValueError as err:  # a prompt too long for the model refuses the batch: find out which, one by one
            if len(questions) > 1:
                return [reply for question in questions for reply in self._answer([question])]
            return [ModelReply(text="", finish_reason="refused", fault=one_line(err))]
        seconds = (self._clock() - began_s) / len(questions)
        return [_reply(output, seconds) for output in outputs]


def _reply(output: Any, seconds: float) -> ModelReply:  # noqa: ANN401  # vLLM is not here to name it
    completion = output.outputs[0]
    return ModelReply(
        text=clean_text(completion.text),
        finish_reason="length" if completion.finish_reason == "length" else "stop",
        prompt_tokens=len(output.prompt_token_ids or ()),
        reply_tokens=len(completion.token_ids),
        latency_s=round(seconds, 3),
    )
