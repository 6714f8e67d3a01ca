"""The contract of a language model; also that a replay, or an author without a model, loads no client."""

import subprocess
import sys
from dataclasses import replace

import pytest

from leed_traffic.generate.language_model.conversation import Question

QUESTION = Question(
    subject="J", messages=(("user", "a plan, please"),), schema="{}", temperature=0.5, max_tokens=64
)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "K"},
        {"messages": (("system", "a plan, please"),)},
        {"schema": '{"type":"object"}'},
        {"temperature": 0.51},
        {"max_tokens": 65},
    ],
)
def test_a_question_that_differs_in_anything_has_another_key(change):
    assert replace(QUESTION).digest() == QUESTION.digest()
    assert replace(QUESTION, **change).digest() != QUESTION.digest()


def test_generation_loads_openais_client_only_where_a_server_is_asked():
    code = "import leed_traffic.generate.run, sys; print(sorted({'openai', 'vllm', 'torch'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
