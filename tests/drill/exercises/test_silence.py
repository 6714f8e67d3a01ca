import pytest

from leed_traffic.drill.exercises.silence import judge_walk, try_silences
from leed_traffic.simulation.score.audit import StateRun
from tests.serve.bundles import crossing


@pytest.mark.sumo
def test_a_frozen_or_killed_controller_leaves_a_signal_that_walks_on(crossing_place, tmp_path):
    result = try_silences(crossing_place, tmp_path, 4, seed=3)
    assert result.faults == ()
    assert result.unsafe_changes == 0
    assert 0.0 <= result.longest_s <= 5.0


def shown(*lengths, order=(0, 1, 2, 3), begin_s=0.0):
    runs, at_s = [], begin_s
    for k, length_s in enumerate(lengths):
        state = crossing()[0].stages[order[k % len(order)]].state
        runs += [StateRun(state=state, program="leed", begin_s=at_s, end_s=at_s + length_s),
                 StateRun(state="r" * 18, program="leed", begin_s=at_s + length_s, end_s=at_s + length_s + 5.0)]  # fmt: skip
        at_s += length_s + 5.0
    return runs


def judge(runs, silent_s):
    return judge_walk(runs, *crossing(), silent_s)


def test_the_judge_knows_a_good_walk():
    low = crossing()[1].min_green_s[0]
    assert judge(shown(low + 10.0, 20.0, 20.0, 20.0, 20.0), low + 6.0) == 4.0
    assert judge(shown(low, 20.0, 20.0, 20.0, 20.0), 2.0) == 0.0


def test_the_judge_finds_a_stage_that_stands_too_long_and_a_wrong_order():
    low = crossing()[1].min_green_s[0]
    assert "stood for 15 s" in judge(shown(low + 30.0, 20.0, 20.0, 20.0, 20.0), low + 15.0)
    assert "not its fallback order" in judge(shown(20.0, 20.0, 20.0, 20.0, 20.0, order=(0, 2, 1, 3)), 19.0)
    assert "served only stages" in judge(shown(20.0, 20.0), 19.0)
    assert judge([], 5.0) == 0.0


def test_a_stage_that_had_just_begun_stands_for_its_fallback_green():
    fallback = crossing()[1].fallback_green_s[0]
    assert judge(shown(fallback, 20.0, 20.0, 20.0, 20.0), 1.0) == 0.0
    assert "stood for" in judge(shown(fallback + 9.0, 20.0, 20.0, 20.0, 20.0), 1.0)
