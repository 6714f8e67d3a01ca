import json

import numpy as np
import pytest

from leed_traffic.errors import TrainingError
from leed_traffic.planner.fine_tune import IGNORED, FineTuneConfig, collate, fine_tune, read_lessons, sample_of, split
from leed_traffic.planner.lessons import lessons_of
from leed_traffic.planner.tokens import train_tokenizer
from tests.planner.studies import study


@pytest.fixture(scope="module")
def lessons_file(tmp_path_factory):
    lessons = [x for k in range(3) for x in lessons_of(study(f"J{k}"), f"j{k}", np.random.default_rng(k))]
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


def test_only_the_reply_counts_in_the_loss_and_the_constant_instructions_are_not_read(lessons_file):
    lesson = read_lessons(lessons_file)[0]
    tokenizer = train_tokenizer([m["content"] for m in lesson.messages], context=4096)
    sample = sample_of(lesson, tokenizer)
    tokens, labels = collate([sample, sample_of(read_lessons(lessons_file)[-1], tokenizer)])
    counted = labels[0][labels[0] != IGNORED].tolist()
    assert tokenizer.decode(counted) == lesson.messages[2]["content"] + "<|end|>"
    assert "You are a traffic signal engineer" not in tokenizer.decode(tokens[0])


def test_lessons_of_one_junction_stay_on_one_side_of_the_split(lessons_file):
    taught, kept = split(read_lessons(lessons_file))
    assert {x.junction for x in taught} & {x.junction for x in kept} == set()
    assert {x.junction for x in kept} == {"j2"}


@pytest.mark.slow
def test_training_writes_a_folder_that_loads_and_lowers_the_loss_on_junctions_it_never_saw(lessons_file, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    told = []
    config = FineTuneConfig(lessons=lessons_file, out=tmp_path / "model", epochs=6.0, hidden=32, layers=1, batch=8)
    record = fine_tune(config, lambda done, note: told.append(note))
    assert len(told) == record.losses[-1][0] == 48
    assert record.losses[-1][2] < record.losses[0][2] < 7.0
    assert json.loads((config.out / "training.json").read_text())["parameters"] == record.parameters
    model, tokenizer = AutoModelForCausalLM.from_pretrained(config.out), AutoTokenizer.from_pretrained(config.out)
    assert sum(p.numel() for p in model.parameters()) == record.parameters
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], add_generation_prompt=True, tokenize=False)
    assert prompt == "<|bos|><|user|>x<|end|><|assistant|>"


@pytest.mark.parametrize("content", ["", "{}\n", "no json\n"])
def test_unusable_lessons_are_one_line_with_the_command_that_makes_them(tmp_path, content):
    path = tmp_path / "lessons.jsonl"
    path.write_text(content)
    with pytest.raises(TrainingError, match=r"lessons\.jsonl: (no lessons|need lessons of at least 2 junctions)"):
        read_lessons(path)
