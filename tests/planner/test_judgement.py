import numpy as np
import pytest

from leed_traffic.planner.judgement import figures, judge
from tests.planner.studies import loaded, studies

JUDGEMENT = judge(studies())


def best(expected):
    return min(expected, key=expected.get)


def test_what_is_expected_of_a_plan_depends_on_how_full_the_junction_is():
    light, full = JUDGEMENT.expected(loaded(0.7)), JUDGEMENT.expected(loaded(2.5))
    assert light["quick"] < light["Webster x 2, over 2 within 50 m"] < light["slowest"]
    assert full["slowest"] < full["Webster x 2, over 2 within 50 m"] < full["quick"]


def test_a_plan_that_did_better_than_expected_raises_hopes_of_its_like():
    rng = np.random.default_rng(1)
    found = studies()
    lucky = [rng.normal(0.0, 0.3) for _ in found]
    noisy = []
    for one, luck in zip(found, lucky, strict=True):
        from dataclasses import replace

        others = tuple(
            replace(
                t, delay_s=t.delay_s * float(np.exp(luck * t.what.startswith("Webster") + 0.02 * rng.normal()))
            )
            for t in one.others
        )
        noisy.append(replace(one, others=others))
    judgement, brief = judge(noisy), loaded(1.5)
    before = judgement.expected(brief)
    seen = {"Webster x 2, over 2 within 50 m": float(np.exp(before["Webster x 2, over 2 within 50 m"] - 0.5))}
    after = judgement.expected(brief, seen)
    assert after["Webster x 1.5, over 2 within 50 m"] < before["Webster x 1.5, over 2 within 50 m"] - 0.2
    assert after["quick"] == pytest.approx(before["quick"], abs=0.1)
    assert after["Webster x 2, over 2 within 50 m"] == pytest.approx(
        np.log(seen["Webster x 2, over 2 within 50 m"])
    )


def test_an_imagined_trial_is_around_what_is_expected_and_the_same_for_the_same_seed():
    brief = loaded(1.0)
    drawn = [JUDGEMENT.imagined(brief, np.random.default_rng(k)) for k in range(50)]
    expected = JUDGEMENT.expected(brief)
    assert np.mean([np.log(trial["slow"]) for trial in drawn]) == pytest.approx(expected["slow"], abs=0.1)
    assert JUDGEMENT.imagined(brief, np.random.default_rng(3)) == drawn[3]


def test_the_first_figure_is_the_critical_flow_ratio_of_the_fullest_period():
    assert figures(loaded(2.0))[0] == pytest.approx(2.0 * figures(loaded(1.0))[0])
