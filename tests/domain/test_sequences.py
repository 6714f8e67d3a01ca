"""Sequences of requests, calls and silences break no limit: over 10,000 through envelope and stage program."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leed_traffic.domain.safety.timing import derive_timing
from tests.intersections import early_release, four_legs, star, t_junction, three_stages, tight_timing
from tests.street import Street, starve

JUNCTIONS = {j.id: j for j in (three_stages(), star(2, "S2"), t_junction(), early_release(), four_legs())}
STREETS = {(name, h): Street(j, tight_timing(j), interval_s=h) for name, j in JUNCTIONS.items() for h in (1, 5)}
REQUESTS = [0, 1, 2, 3, 0, 1, 2, 3, 7, -1, None, math.nan, math.inf, 0.5]


def play(street, sequence, *, may_be_silent):
    """One byte a decision: its low half is the request, its high half who arrives and if the request is late."""
    links = street.intersection.n_links
    for byte in sequence:
        low, high = byte & 15, byte >> 4
        if low == 15 and may_be_silent:
            # from here on the fallback cycle serves everybody, no maximum red is promised
            street.was_silent = True
            street.walk(3 * street.interval_s, [(1, high % links)])
        else:
            age_s = math.inf if low == 14 else 0.0
            request = REQUESTS[low] if low < 14 else 0
            street.decide(request, age_s=age_s, arrivals=[(high % street.interval_s, high % links)])


@pytest.mark.slow
def test_no_sequence_of_requests_breaks_a_limit():
    played = []

    @settings(max_examples=10_500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(STREETS)), st.booleans(), st.binary(min_size=16, max_size=60))
    def no_limit_is_broken(which, may_be_silent, sequence):
        street = STREETS[which]
        street.reset(stage=len(sequence) % street.timing.n_stages)
        play(street, sequence, may_be_silent=may_be_silent)
        played.append(len(sequence))
        assert street.violations == []

    no_limit_is_broken()
    print(f"{len(played)} sequences, {sum(played)} rulings or silences, 0 violations")
    assert len(played) >= 10_000


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("interval_s", [1, 5])
@pytest.mark.parametrize("junction", [*JUNCTIONS.values(), star(8, "S8")], ids=lambda j: j.id)
def test_nobody_is_starved_beyond_max_red_by_an_adversary(junction, interval_s, refuse):
    street = Street(junction, tight_timing(junction), interval_s=interval_s)
    for victim in range(junction.n_stages):
        street.reset()
        assert starve(street, victim, decisions=400 // interval_s, refuse=refuse) == []


def test_the_derived_maximum_red_is_reached_but_never_passed():
    street = Street(four_legs(), derive_timing(four_legs()))
    longest_s = 0
    for victim in range(4):
        street.reset()
        assert starve(street, victim, decisions=100) == []
        longest_s = max(longest_s, street.longest_wait_s)
    assert 140 <= longest_s <= 180


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_silence_serves_every_stage_within_a_cycle(stage):
    street = Street(three_stages(), tight_timing(three_stages()))
    street.reset(stage)
    street.decide(stage)
    for link in range(3):
        street.call(link)
    street.walk(60)
    assert (street.violations, street.called_s) == ([], [None, None, None])
