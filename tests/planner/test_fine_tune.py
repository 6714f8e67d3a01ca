import json

import numpy as np
import pytest
import torch

from leed_traffic.errors import TrainingError
from leed_traffic.planner.fine_tune import (
    IGNORED,
    Branch,
    FineTuneConfig,
    Sample,
    build_model,
    collate,
    fine_tune,
    planned_steps,
    read_lessons,
    samples_of,
    split,
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


def test_only_the_reply_counts_in_the_loss_and_the_constant_instructions_are_not_read(lessons_file):
    lessons = read_lessons(lessons_file)
    tokenizer = train_tokenizer([m["content"] for m in lessons[0].messages], context=4096)
    batch = collate([*samples_of(lessons[:4], tokenizer), *samples_of(lessons[-1:], tokenizer)])
    counted = batch.labels[0][batch.labels[0] != IGNORED].tolist()
    assert tokenizer.decode(counted) == "".join(
        f"{lesson.messages[2]['content']}<|end|>" for lesson in lessons[:4]
    )
    assert "You are a traffic signal engineer" not in tokenizer.decode(batch.tokens[0])


def test_lessons_about_one_brief_are_read_together_and_cost_the_same_loss_as_each_by_itself(lessons_file):
    lessons = read_lessons(lessons_file)[:6]
    tokenizer = train_tokenizer([m["content"] for m in lessons[0].messages], context=4096)
    together = samples_of(lessons, tokenizer)
    assert [len(sample.branches) for sample in together] == [4, 2]
    alone = [
        Sample(shared=(), branches=(_whole(sample, branch),)) for sample in together for branch in sample.branches
    ]
    model = build_model(tokenizer, FineTuneConfig(lessons=lessons_file, out=lessons_file, hidden=32, layers=2))
    with torch.inference_mode():
        losses = [float(collate([sample]).loss(model)) for sample in alone]
        counts = [int((collate([sample]).labels != IGNORED).sum()) for sample in alone]
        assert float(collate(together).loss(model)) == pytest.approx(np.average(losses, weights=counts), rel=1e-5)


def _whole(sample, branch):
    return Branch(tokens=sample.shared + branch.tokens, n_prompt=len(sample.shared) + branch.n_prompt)


def test_lessons_of_one_junction_stay_on_one_side_of_the_split(lessons_file):
    taught, kept = split(read_lessons(lessons_file))
    assert {x.junction for x in taught} & {x.junction for x in kept} == set()
    assert {x.junction for x in kept} == {"j2"}


@pytest.mark.slow
def test_training_writes_a_folder_that_loads_and_lowers_the_loss_on_junctions_it_never_saw(lessons_file, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    told = []
    config = FineTuneConfig(lessons=lessons_file, out=tmp_path / "model", epochs=6.0, hidden=32, layers=1, batch=2)
    record = fine_tune(config, lambda done, note: told.append(note))
    assert len(told) == record.losses[-1][0] == planned_steps(config) == 96
    assert record.losses[-1][2] < record.losses[0][2] < 7.0
    assert json.loads((config.out / "training.json").read_text())["parameters"] == record.parameters
    model, tokenizer = AutoModelForCausalLM.from_pretrained(config.out), AutoTokenizer.from_pretrained(config.out)
    assert sum(p.numel() for p in model.parameters()) == record.parameters
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "x"}], add_generation_prompt=True, tokenize=False
    )
    assert prompt == "<|bos|><|user|>x<|end|><|assistant|>"


@pytest.mark.parametrize("content", ["", "{}\n", "no json\n"])
def test_unusable_lessons_are_one_line_with_the_command_that_makes_them(tmp_path, content):
    path = tmp_path / "lessons.jsonl"
    path.write_text(content)
    with pytest.raises(TrainingError, match=r"lessons\.jsonl: (no lessons|need lessons of at least 2 junctions)"):
        read_lessons(path)
