from itertools import permutations

import pytest

from leed_traffic.domain.network import OwnPhase
from leed_traffic.simulation.network.stages import choose_stages


def choose(*phases, foes=(), gives_way=(), crossings=(), turns=None):
    program = [OwnPhase(state=state, duration_s=seconds) for state, seconds in phases]
    return choose_stages(
        program, tuple(foes), frozenset(gives_way), frozenset(crossings), turns and frozenset(turns)
    )


def shown(choice):
    return [(stage.state, stage.own_phase, stage.own_green_s) for stage in choice.stages]


def test_yellow_all_red_and_red_yellow_are_no_stages():
    choice = choose(("Gr", 20), ("yr", 3), ("rr", 2), ("ru", 1), ("rG", 15), ("ry", 3), ("rr", 2))
    assert shown(choice) == [("Gr", 0, 20), ("rG", 4, 15)]


def test_vehicles_that_go_on_after_the_walkers_green_belong_to_the_stage_before():
    choice = choose(("GrG", 12), ("Grr", 8), ("yrr", 3), ("rGr", 15), ("ryr", 3), crossings=[2])
    assert shown(choice) == [("GrG", 0, 20), ("rGr", 3, 15)]


def test_a_program_that_begins_while_walkers_clear_counts_that_time_to_its_last_stage():
    choice = choose(("Grr", 8), ("yrr", 3), ("rGr", 15), ("ryr", 3), ("GrG", 12), crossings=[2])
    assert shown(choice) == [("rGr", 2, 15), ("GrG", 4, 20)]


def test_a_phase_that_shows_only_what_is_green_before_and_after_is_a_partial_all_red():
    choice = choose(("GGr", 20), ("Gyr", 3), ("Grr", 2), ("GrG", 15), ("Gry", 3))
    assert shown(choice) == [("GGr", 0, 20), ("GrG", 3, 15)]


def test_a_phase_that_gives_more_priority_than_its_neighbours_is_a_stage():
    choice = choose(("Ggr", 20), ("rGr", 6), ("rgG", 15))
    assert [state for state, _, _ in shown(choice)] == ["Ggr", "rGr", "rgG"]


def test_the_same_letters_again_are_the_same_stage_with_both_greens():
    choice = choose(("Gr", 20), ("yr", 3), ("rG", 5), ("ry", 3), ("Gr", 10), ("yr", 3), ("rG", 7), ("ry", 3))
    assert shown(choice) == [("Gr", 0, 30), ("rG", 2, 12)]


def test_a_clash_is_resolved_by_the_right_of_way_even_where_the_other_stages_serve_its_movements():
    choice = choose(
        ("GG", 20), ("yy", 3), ("Gr", 10), ("yr", 3), ("rG", 10), ("ry", 3), foes=[(0, 1)], gives_way=[(1, 0)]
    )
    assert [state for state, _, _ in shown(choice)] == ["Gg", "Gr", "rG"]
    assert choice.notes == ("phase 0 gives priority to links 0 and 1, whose paths conflict: shown as Gg",)


def test_a_clash_that_no_right_of_way_decides_is_no_stage():
    choice = choose(("GGr", 20), ("yyr", 3), ("rrG", 10), ("rry", 3), foes=[(0, 1)])
    assert [state for state, _, _ in shown(choice)] == ["rrG"]


def test_a_signal_that_is_switched_off_has_no_stage():
    assert choose(("oO", 90)).stages == ()


# links: 0 a right turn that is always green, 1 and 2 two streets, 3 a turn against 2, each a foe of the others but
# 1 of 3
FOES = [(0, 1), (0, 2), (1, 2), (2, 3)]
PHASES = ["GGrr", "GrGr", "GrrG", "GrGG"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
@pytest.mark.parametrize("turn", ["G", "g"])
def test_neither_the_order_of_the_phases_nor_the_letter_of_a_turn_that_is_always_green_changes_the_stages(
    order, turn
):
    ways = [(0, 1), (2, 0), (3, 2)]  # the net lets 0 yield to 1 and 2 yield to 0
    phases = [(PHASES[k].replace("G", turn, 1), 20 + k) for k in order]
    program = [part for state, seconds in phases for part in ((state, seconds), ("yyyy", 3))]
    choice = choose(*program, foes=FOES, gives_way=ways, turns=[0, 3])
    assert {(state, seconds) for state, _, seconds in shown(choice)} == {
        ("gGrr", 20), ("grGr", 21), ("grrG", 22), ("grGg", 23)
    }  # fmt: skip
    assert [state for state, _, _ in shown(choice)] == [
        "g" + PHASES[k][1:3] + ("g" if k == 3 else PHASES[k][3]) for k in order
    ]


def test_a_turn_with_priority_that_yields_in_another_stage_is_told_of():
    notes = choose(("GGr", 20), ("yyy", 3), ("GrG", 20), ("yyy", 3), foes=[(0, 1)], turns=[0]).notes
    assert notes == (
        "phase 0 gives priority to links 0 and 1, whose paths conflict: shown as gGr",
        "phase 2 gives priority to a turn that every stage serves and that yields in another: shown as grG",
    )


def test_a_street_that_is_always_green_yields_only_where_the_net_says_so():
    program = [("GGr", 20), ("yyy", 3), ("GrG", 20), ("yyy", 3)]
    assert [state for state, _, _ in shown(choose(*program, foes=[(0, 1)], gives_way=[(1, 0)]))] == ["Ggr", "GrG"]
    assert [state for state, _, _ in shown(choose(*program, foes=[(0, 1)], gives_way=[(0, 1)]))] == ["gGr", "GrG"]


def test_two_turns_that_are_always_green_decide_it_by_the_right_of_way():
    program = [("GGGr", 20), ("yyyy", 3), ("GGrG", 20), ("yyyy", 3)]
    choice = choose(*program, foes=[(0, 1)], gives_way=[(1, 0)], turns=[0, 1])
    assert [state for state, _, _ in shown(choice)] == ["GgGr", "GgrG"]


@pytest.mark.parametrize("foes", [[(0, 1), (1, 2)], [(1, 2), (0, 1)]])
def test_a_chain_of_yielding_links_does_not_depend_on_which_clash_is_met_first(foes):
    choice = choose(("GGGr", 20), ("yyyr", 3), ("rrrG", 9), ("rrry", 3), foes=foes, gives_way=[(0, 1), (1, 2)])
    assert [state for state, _, _ in shown(choice)] == ["ggGr", "rrrG"]


def test_two_links_that_have_to_give_way_to_each_other_both_yield():
    choice = choose(("GGr", 20), ("yyy", 3), ("rrG", 9), ("rry", 3), foes=[(0, 1)], gives_way=[(0, 1), (1, 0)])
    assert [state for state, _, _ in shown(choice)] == ["ggr", "rrG"]


def test_a_clash_that_no_right_of_way_decides_is_dropped_whatever_becomes_of_the_others():
    program = [("GGr", 20), ("yyr", 3), ("Grr", 10), ("yrr", 3), ("rrG", 9), ("rry", 3)]
    for k in (0, 2, 4):
        choice = choose(*program[k:], *program[:k], foes=[(0, 1)])
        assert {state for state, _, _ in shown(choice)} == {"Grr", "rrG"}


def test_a_stage_between_two_phases_that_cannot_be_used_is_no_partial_red_of_theirs():
    program = [("GGr", 20), ("Gyr", 3), ("Grr", 10), ("GGr", 9), ("yyr", 3), ("rrG", 9), ("rry", 3)]
    choice = choose(*program, foes=[(0, 1)])
    assert [(state, green_s) for state, _, green_s in shown(choice)] == [("Grr", 10), ("rrG", 9)]
    assert len(choice.notes) == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_two_streets_that_cross_are_no_stage_unless_one_is_served_nowhere_else(order):
    program = [[("GGr", 20), ("yyr", 3)], [("GrG", 10), ("yry", 3)], [("rGr", 9), ("ryr", 3)]]
    phases = [part for k in order for part in program[k]]
    choice = choose(*phases, foes=[(0, 1)], gives_way=[(1, 0)], turns=[2])
    assert {state for state, _, _ in shown(choice)} == {"GrG", "rGr"}
    less = [part for k in order for part in program[k] if part[0] != "rGr"]
    assert {state for state, _, _ in shown(choose(*less, foes=[(0, 1)], gives_way=[(1, 0)], turns=[2]))} == {
        "Ggr",
        "GrG",
    }
