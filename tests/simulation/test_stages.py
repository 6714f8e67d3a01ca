from leed_traffic.domain.network import OwnPhase
from leed_traffic.simulation.stages import choose_stages


def choose(*phases, foes=(), gives_way=(), crossings=()):
    program = [OwnPhase(state=state, duration_s=seconds) for state, seconds in phases]
    return choose_stages(program, tuple(foes), frozenset(gives_way), frozenset(crossings))


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


def test_a_clashing_stage_is_dropped_where_the_others_serve_its_movements():
    choice = choose(("GG", 20), ("yy", 3), ("Gr", 10), ("yr", 3), ("rG", 10), ("ry", 3), foes=[(0, 1)])
    assert [state for state, _, _ in shown(choice)] == ["Gr", "rG"]
    assert choice.notes == ("phase 0 gives priority to links 0 and 1, whose paths conflict: not used as a stage",)


def test_the_minor_link_of_a_clashing_stage_yields_where_nothing_else_serves_it():
    choice = choose(("GGr", 20), ("yyr", 3), ("rrG", 10), ("rry", 3), foes=[(0, 1)], gives_way=[(1, 0)])
    assert [state for state, _, _ in shown(choice)] == ["Ggr", "rrG"]
    assert choice.notes == ("phase 0 gives priority to links 0 and 1, whose paths conflict: shown as Ggr",)


def test_a_clash_that_no_right_of_way_decides_is_no_stage():
    choice = choose(("GGr", 20), ("yyr", 3), ("rrG", 10), ("rry", 3), foes=[(0, 1)])
    assert [state for state, _, _ in shown(choice)] == ["rrG"]


def test_a_signal_that_is_switched_off_has_no_stage():
    assert choose(("oO", 90)).stages == ()
