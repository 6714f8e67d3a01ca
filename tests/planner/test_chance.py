import numpy as np

from leed_traffic.domain.plan import check_plan
from leed_traffic.planner.chance import RandomAuthor, random_plan
from tests.planner.studies import loaded

BRIEF = loaded(2.0)


def test_random_plans_are_of_both_forms_keep_the_limits_and_are_the_same_for_the_same_seed():
    rng = np.random.default_rng(1)
    drawn = [random_plan(BRIEF, rng) for _ in range(40)]
    for plan in drawn:
        check_plan(plan, BRIEF.intersection, BRIEF.timing)
    assert {plan.form for plan in drawn} == {"priority", "sequence"}
    assert len(set(map(str, drawn))) > 30
    assert RandomAuthor(3).propose([BRIEF], 1, 4) == RandomAuthor(3).propose([BRIEF], 1, 4)
    assert RandomAuthor(3).propose([BRIEF], 0, 4) != RandomAuthor(3).propose([BRIEF], 1, 4)
