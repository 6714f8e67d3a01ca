import pytest

from leed_traffic.errors import UsageError
from leed_traffic.generate.authors import planned_runs
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.run import generate
from leed_traffic.generate.schedule import AUTHOR_SEEDS, CUT, Schedule
from leed_traffic.generate.search.budget import halving_size, least_runs, round_sizes, search_schedule


@pytest.mark.parametrize(
    ("trials", "sizes"), [(0, ()), (2, ()), (3, (2,)), (5, (4,)), (12, (5, 5)), (30, (5, 5, 5, 5, 5))]
)
def test_the_budget_is_cut_into_rounds_that_it_can_pay(trials, sizes):
    assert round_sizes(trials) == sizes
    assert sum(sizes) + len(sizes) <= trials


@pytest.mark.parametrize("runs", [42, 60, 61, 199, 400])
def test_a_search_spends_at_most_what_it_may(runs, tmp_path):
    config = GenerateConfig(scenario="any", out=tmp_path, runs=runs, seeds=(1,))
    told_twice = search_schedule(runs).n_drawn // CUT
    assert runs - 2 * len(AUTHOR_SEEDS) * 3 < planned_runs(config) - told_twice - len(config.seeds) <= runs


def test_a_budget_too_small_for_any_choice_is_refused(tmp_path):
    with pytest.raises(UsageError, match=f"needs 6 to choose among its rules, {least_runs()} to improve"):
        generate(GenerateConfig(scenario="crossing", out=tmp_path, runs=5))


@pytest.mark.parametrize(("runs", "n"), [(0, 0), (4, 0), (5, 4), (14, 8), (33, 16), (500, 16)])
def test_the_drawn_rules_cost_no_more_than_they_may(runs, n):
    assert halving_size(runs) == n
    with_rules = Schedule(n_starts=2, n_drawn=n, n_confirmed=3).runs
    assert with_rules - Schedule(n_starts=2, n_confirmed=3).runs <= runs
