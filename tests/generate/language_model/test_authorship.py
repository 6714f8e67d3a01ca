import pytest

from leed_traffic.domain.plan import UrgencyPlan
from leed_traffic.generate.language_model.authorship import Authorship, diversity


def test_diversity_is_nothing_for_equal_plans_and_grows_with_what_differs():
    one, other = UrgencyPlan(intersection="X"), UrgencyPlan(intersection="X", green_s=9.0)
    assert diversity([one, one]) == 0.0
    assert diversity([one, other]) == pytest.approx(1 / 9, abs=1e-3)
    assert diversity([one]) is None


def test_shares_count_a_model_once_whatever_the_round():
    names = {
        "A": "tiny, round 1, proposal 2",
        "B": "tiny, round 3, proposal 1",
        "C": "embedded: max-wave 100 m",
        "D": "tiny, round 1, proposal 1",
    }
    record = Authorship(
        model="tiny",
        prompt_version="v2",
        prompt_digest="d",
        rounds=(),
        written_by=names,
        asking_s=0.0,
        asked_now=0,
    )
    assert record.shares == {"embedded: max-wave 100 m": 0.25, "tiny": 0.75}
