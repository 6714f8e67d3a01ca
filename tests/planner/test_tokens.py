import numpy as np
import pytest

from leed_traffic.planner.fine_tune import (
    read_lessons,
)
from leed_traffic.planner.judgement import judge
from leed_traffic.planner.lessons import lessons_of
from leed_traffic.planner.tokens import train_tokenizer
from tests.planner.studies import studies


@pytest.fixture(scope="module")
def lessons_file(tmp_path_factory):
    found = studies()
    judgement = judge(found)
    lessons = [x for k in range(3) for x in lessons_of(found[4 * k], judgement, f"j{k}", np.random.default_rng(k))]
    path = tmp_path_factory.mktemp("lessons") / "lessons.jsonl"
    path.write_text("".join(f"{lesson.model_dump_json()}\n" for lesson in lessons))
    return path


def test_a_brief_has_few_tokens_and_comes_back_as_it_was(lessons_file):
    texts = [m["content"] for lesson in read_lessons(lessons_file) for m in lesson.messages[1:]]
    tokenizer = train_tokenizer(texts, context=4096)
    for text in texts[:6]:
        tokens = tokenizer(text)["input_ids"]
        assert tokenizer.decode(tokens) == text
        assert len(tokens) < len(text) / 3.5
    assert tokenizer.decode(tokenizer("A straße costs 5 €")["input_ids"]) == "A straße costs 5 €"
