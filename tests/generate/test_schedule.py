import pytest

from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.generate.schedule import AUTHOR_SEEDS, Schedule
from leed_traffic.generate.search.budget import search_schedule


@pytest.mark.parametrize(("runs", "hours"), [(42, 3), (60, 3), (200, 10), (20_000, 100)])
def test_a_larger_budget_confirms_on_more_hours_none_of_which_chose_anything(runs, hours):
    first, more = search_schedule(runs).confirmation_seeds((1, 2, 3))
    seeds = (*first, *more)
    assert (len(first), len(set(seeds))) == (hours, 3 * hours)
    assert not set(seeds) & set(AUTHOR_SEEDS)
    assert max(seeds) < FIRST_VALIDATION_SEED


@pytest.mark.parametrize(
    ("shown", "confirmed"),
    [
        ((1, 2, 3), ((1, 2, 3), (13, 14, 15, 16, 17, 18))),
        ((14,), ((14, 13, 15), (16, 17, 18, 19, 20, 21))),
        ((12, 4), ((4, 13, 14), (15, 16, 17, 18, 19, 20))),
        ((11, 12), ((13, 14, 15), (16, 17, 18, 19, 20, 21))),
        ((5, 6, 7, 8), ((5, 6, 7), (8, 13, 14, 15, 16, 17))),
    ],
)
def test_what_will_be_demonstrated_is_confirmed_there(shown, confirmed):
    assert search_schedule(60).confirmation_seeds(shown) == confirmed


def test_what_a_schedule_spends_follows_from_its_parts():
    assert Schedule(n_starts=2).runs == 6, "the fallback cycle and two starts on two hours"
    assert Schedule(n_starts=2, seeds=(11,)).runs == 3
    confirmed = Schedule(n_starts=2, n_confirmed=3)
    assert confirmed.runs == 6 + 2 + 8 * 3
    rounds = Schedule(n_starts=2, n_drawn=8, sizes=(5, 2), n_confirmed=3)
    assert rounds.runs == confirmed.runs + (8 + 2) + 2 * (6 + 3)
    assert rounds.n_told == rounds.runs + 2
