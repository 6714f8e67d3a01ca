import math

import numpy as np
import pytest

from leed_traffic.serve.control.requests import PolicyRequests
from tests.serve.control.signals import make_service, start, tick


def test_a_decision_is_due_at_the_start_and_after_every_interval():
    requests = PolicyRequests(make_service().assignment)
    assert requests.is_due(0.0)
    assert requests.begin(0.0) == 0.0
    assert not requests.is_due(4.9)
    assert requests.is_due(5.0 - 1e-7), "the device's clock has noise"
    assert requests.begin(6.0) == 6.0


def test_to_begin_anew_forgets_the_rhythm_and_the_waits():
    requests = PolicyRequests(make_service().assignment)
    requests.begin(3.0)
    requests.begin_anew()
    assert requests.asked_at_s == -math.inf
    assert requests.begin(9.0) == 0.0


def test_an_answer_bears_the_time_at_which_it_came_and_a_failure_none():
    controller, signal, service, device = start(answer=lambda: 1.0)
    tick(controller, device, seconds=6)
    requests = controller._requests
    assert (requests.asked_at_s, requests.wanted_at_s, signal.requested) == (5.0, 5.0, 1.0)
    ((first, seen), (second, _)) = service.journal.asked
    assert (first, second) == ([1.0], [1.0])
    assert np.isfinite(seen).all()

    def fails(observation, legal):
        raise ArithmeticError("no answer")

    service.policies.target.decider.decide = fails
    with pytest.raises(ArithmeticError):
        tick(controller, device, seconds=6)
    assert (requests.asked_at_s, requests.wanted_at_s) == (10.0, 5.0)
