import pytest

from leed_traffic.benchmark.learners import LEARNERS, DemonstrationSource, bad_plan, find_learners
from leed_traffic.errors import UsageError
from leed_traffic.train.config import TrainConfig


def test_every_learner_is_a_sound_setting_of_one_training_config(tmp_path):
    for learner in LEARNERS:
        made = None if learner.expert is DemonstrationSource.NOBODY else tmp_path
        config = TrainConfig.from_flat(
            {"scenario": "crossing", "out": tmp_path, "demonstrations": made, **learner.settings}
        )
        assert learner.settings.items() <= config.shaping().items()


def test_learners_are_found_by_name_once_each():
    assert [learner.name for learner in find_learners("leed, ippo,leed")] == ["leed", "ippo"]


@pytest.mark.parametrize(("names", "wrong"), [("leed,sarsa", "sarsa"), (" ,", "names nobody")])
def test_an_unknown_learner_is_refused_with_those_there_are(names, wrong):
    with pytest.raises(UsageError, match=f"{wrong}; there are leed, ippo"):
        find_learners(names)


def test_the_bad_plan_says_that_it_is_bad():
    assert bad_plan("A").reasoning == "Bad on purpose."
