import numpy as np
import pytest

from leed_traffic.errors import TrainingError
from leed_traffic.train.config import ExpertWeight, ExpertWeightConfig, Similarity
from leed_traffic.train.expert import stack_demonstrations
from leed_traffic.train.weighting import ExpertWeighting
from tests.train.fakes import NETWORK, S_MAX, SHAPE, demonstrations, hour

DEMONSTRATED = stack_demonstrations(demonstrations(), NETWORK, SHAPE, S_MAX)


def weighting(demonstrated=DEMONSTRATED, **settings):
    return ExpertWeighting(demonstrated, 2, ExpertWeightConfig.model_validate(settings))


def good():
    return hour(5, lambda observation, legal, right: right)[0]


def bad():
    return hour(5, lambda observation, legal, right: np.zeros(2, dtype=int))[0]


def test_without_an_expert_the_weight_is_zero():
    assert weighting(None).update([bad()]).tolist() == [0.0, 0.0]
    assert weighting(expert_weight=ExpertWeight.NONE).update([bad()]).tolist() == [0.0, 0.0]


def test_a_fixed_weight_stays_and_a_decaying_one_falls_by_its_rate():
    assert weighting(expert_weight="fixed", fixed_weight=0.4).update([bad()]).tolist() == [0.4, 0.4]
    decaying = weighting(expert_weight="decay", fixed_weight=0.4, decay_rate=0.5)
    assert [decaying.update([bad()])[0] for _ in range(3)] == [0.4, 0.2, 0.1]


def test_an_agent_that_earns_as_much_leaves_the_expert():
    alone = weighting(similarity=Similarity.OFF)
    assert alone.update([good()]).tolist() == [0.0, 0.0]
    assert weighting(similarity=Similarity.OFF).update([bad()]).tolist() == [1.0, 1.0]


def test_the_weight_is_smoothed_and_goes_on_from_a_checkpoint():
    first = weighting(similarity="off", weight_smoothing=0.75)
    first.update([bad()])
    second = weighting(similarity="off", weight_smoothing=0.75)
    second.load_state(first.state())
    assert first.update([good()]).tolist() == second.update([good()]).tolist() == [0.75, 0.75]


def test_the_similarity_needs_two_demonstrated_hours():
    one = stack_demonstrations(demonstrations((101,)), NETWORK, SHAPE, S_MAX)
    with pytest.raises(TrainingError, match="at least 2 demonstrated hours, got 1; generate with more seeds"):
        weighting(one)
    weighting(one, similarity="off")
