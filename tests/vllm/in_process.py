"""Asks a model through vLLM in this process, as `leedctl generate --model PATH` does; runs where vLLM is installed.

    .venv-vllm/bin/python -m tests.vllm.in_process MODEL QUESTIONS REPLIES

QUESTIONS is a JSON list of [subject, messages, schema]; REPLIES becomes one of [text, finish reason, tokens,
fault].
"""

import json
import sys
import time
from pathlib import Path

from leed_traffic.generate.language_model.conversation import Question
from leed_traffic.generate.language_model.in_process import InProcessModel


def main():
    questions = [
        Question(
            subject=subject,
            messages=tuple((role, content) for role, content in messages),
            schema=schema,
            temperature=0.7,
            max_tokens=1500,
        )
        for subject, messages, schema in json.loads(Path(sys.argv[2]).read_text())
    ]
    model = InProcessModel(sys.argv[1], max_model_len=8192, clock=time.monotonic)
    replies = {}

    def on_reply(index, reply):
        replies[index] = [reply.text, reply.finish_reason, reply.reply_tokens, reply.fault]

    model.converse(questions, on_reply)
    Path(sys.argv[3]).write_text(json.dumps([replies[k] for k in range(len(questions))]))


if __name__ == "__main__":
    main()
