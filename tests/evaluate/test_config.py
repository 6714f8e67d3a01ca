import pytest
from pydantic import ValidationError

from leed_traffic.evaluate.config import EvaluateConfig


def config(**changes):
    return EvaluateConfig.model_validate(
        {"scenario": "crossing", "controllers": "fixed,max-wave", "seeds": "2"} | changes
    )


def test_words_are_read_as_on_the_command_line():
    made = config(show="max-wave, fixed")
    assert [choice.name for choice in made.controllers] == ["fixed", "max-wave"]
    assert made.seeds == (1001, 1002)
    assert made.drawn == ("max-wave", "fixed")


def test_unless_said_the_rules_meet_five_seeds_that_training_never_saw():
    made = EvaluateConfig(scenario="crossing")
    assert [choice.name for choice in made.controllers] == ["fixed", "actuated", "max-pressure", "max-wave"]
    assert made.seeds == (1001, 1002, 1003, 1004, 1005)
    assert made.n_runs == 20


@pytest.mark.parametrize(
    ("controllers", "drawn"),
    [
        ("fixed,max-wave", ("fixed", "max-wave")),
        ("fixed,bundle:b,bundle:c", ("fixed", "bundle:b")),
        ("sotl", ("sotl",)),
    ],
)
def test_a_report_draws_the_first_controller_and_the_first_bundle_or_the_last_one(controllers, drawn):
    assert config(controllers=controllers).drawn == drawn


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": "7,7"}, "need each seed once"),
        ({"seeds": ()}, "at least 1 item"),
        ({"controllers": "shadow:max-wave+sotl"}, "a shadow pair alone ranks nobody"),
        ({"reference": "sotl"}, "sotl is not among the controllers that are ranked: fixed, max-wave"),
        ({"show": "fixed,max-wave,sotl"}, "at most 2 items"),
        ({"spread": 1.01}, "less than or equal to 1"),
        ({"decision_interval_s": 0.0}, "greater than 0"),
        ({"horizon_s": float("inf")}, "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        config(**changes)
