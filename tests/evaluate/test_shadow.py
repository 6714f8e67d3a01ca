from types import SimpleNamespace

import numpy as np

from leed_traffic.evaluate.shadow import AgreementTally, ShadowedController, add_up


class Says:
    """Wants the same stages in turn, whatever happens."""

    def __init__(self, *requests):
        self._requests, self._at = requests, 0

    def reset(self, env, seed):
        self._at = 0

    def decide(self, env, situation):
        self._at += 1
        return [self._requests[(self._at - 1) % len(self._requests)]]


def situation(*, is_clearing: bool = False, legal=(True, True)):
    return SimpleNamespace(states=[SimpleNamespace(is_clearing=is_clearing)], legal=np.array([legal]))


ENV = SimpleNamespace(intersections=[SimpleNamespace(id="J")])


def test_the_driver_is_obeyed_and_the_shadow_only_asked():
    pair = ShadowedController(Says(0, 0, 0), Says(0, 1, None))
    pair.reset(ENV, 1)
    assert [pair.decide(ENV, situation()) for _ in range(3)] == [[0], [0], [0]]
    (tally,) = pair.tallies()
    assert (tally.decisions, tally.agreed) == (3, 1)
    assert tally.differences == ((0, 1, 1), (0, None, 1))


def test_only_decisions_with_a_choice_count():
    pair = ShadowedController(Says(0), Says(1))
    pair.reset(ENV, 1)
    pair.decide(ENV, situation(is_clearing=True))
    pair.decide(ENV, situation(legal=(True, False)))
    assert pair.tallies()[0].decisions == 0


def test_a_new_episode_begins_with_an_empty_tally():
    pair = ShadowedController(Says(0), Says(1))
    for _ in range(2):
        pair.reset(ENV, 1)
        pair.decide(ENV, situation())
    assert pair.tallies()[0].decisions == 1


def test_tallies_of_several_runs_add_up():
    one = AgreementTally(intersection="J", decisions=3, agreed=1, differences=((0, 1, 2),))
    other = AgreementTally(intersection="J", decisions=5, agreed=1, differences=((1, 0, 3), (0, 1, 1)))
    total = add_up([one, other])
    assert (total.decisions, total.agreed) == (8, 2)
    assert total.differences == ((0, 1, 3), (1, 0, 3))
