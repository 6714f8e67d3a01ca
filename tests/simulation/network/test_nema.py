import pytest

from leed_traffic.simulation.network.nema import NemaPhase, ring_program

RINGS = {"ring1": "1,2,3,4", "ring2": "5,6,7,8", "barrierPhases": "4,8", "barrier2Phases": "2,6"}


def phase(name, green_s=10.0):
    """Phase k serves link k - 1 alone."""
    state = "".join("G" if k == int(name) - 1 else "r" for k in range(8))
    return NemaPhase(name=name, state=state, min_green_s=5.0, max_green_s=green_s, yellow_s=3.0, red_s=1.0)


PHASES = [phase(str(k)) for k in range(1, 9)]


def greens(program):
    """(links that are green, seconds) of every part that shows no yellow and some green."""
    return [
        (tuple(k for k, letter in enumerate(part.state) if letter in "Gg"), part.duration_s)
        for part in program
        if "y" not in part.state and "G" in part.state
    ]


def test_every_pair_of_the_same_side_of_a_barrier_is_shown_and_no_other():
    shown = {links for links, _ in greens(ring_program(PHASES, RINGS)) if len(links) == 2}
    same_side = [((0, 1), (4, 5)), ((2, 3), (6, 7))]
    assert shown == {(a, b) for first, second in same_side for a in first for b in second}


def test_the_pairs_through_which_the_rings_pass_together_have_the_greens():
    program = ring_program(PHASES, {**RINGS, "total-cycle-length": "120"})
    long = {links for links, seconds in greens(program) if seconds >= 10.0}
    assert {(0, 4), (1, 5), (2, 6), (3, 7)} <= long


@pytest.mark.parametrize(("cycle_s", "is_shorter"), [("120", False), ("40", True)])
def test_greens_are_scaled_down_to_the_cycle(cycle_s, is_shorter):
    longest = max(seconds for _, seconds in greens(ring_program(PHASES, {**RINGS, "total-cycle-length": cycle_s})))
    assert (longest < 10.0) is is_shorter


@pytest.mark.parametrize("params", [{}, {"ring1": "1,2"}, {"ring1": "9", "ring2": "9", "barrierPhases": "9,9"}])
def test_parameters_of_no_two_rings_are_no_program(params):
    assert ring_program(PHASES, params) is None
