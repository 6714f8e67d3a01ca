from dataclasses import replace

from leed_traffic.simulation.network.never_green import never_green, never_green_notes
from tests.intersections import crossing, shared_link, vehicle


def test_links_that_no_phase_serves_are_named_with_their_ways_and_what_follows():
    ways = [vehicle(0), vehicle(1), vehicle(2), crossing(3)]
    assert list(never_green_notes(ways, ["Grrr", "yrrr", "rGrr"], ["Grrr", "rGrr"])) == [
        "links 2, 3 are never green, in no phase of its program: vehicles and walkers there never pass "
        "(in2 to out2, walk3 to walk3)"
    ]
    assert list(never_green_notes(ways, ["GGrG", "rrrr"], ["GGrG"])) == [
        "link 2 is never green, in no phase of its program: vehicles there never pass (in2 to out2)"
    ]


def test_links_that_only_a_phase_serves_which_is_no_stage_are_told_apart():
    ways = [vehicle(0), vehicle(1), vehicle(2)]
    assert list(never_green_notes(ways, ["Grr", "rGG", "rGr"], ["Grr", "rGr"])) == [
        "link 2 is never green, in no stage that can be asked for: vehicles there never pass (in2 to out2)"
    ]
    assert list(never_green_notes(ways, ["Grr", "rGG"], ["Grr", "rGG"])) == []


def test_only_the_first_ways_of_many_are_named():
    (note,) = never_green_notes([vehicle(k) for k in range(6)], ["rrrrrr"], [])
    assert note.endswith("(in0 to out0, in1 to out1, in2 to out2, in3 to out3 and 2 more)")


def test_vehicles_pass_on_a_turn_on_red_and_where_it_is_off_and_walkers_only_on_green():
    ways = [vehicle(0), vehicle(1), vehicle(2), crossing(3)]
    assert never_green(ways, ["sooG"]) == ()
    assert never_green(ways, ["Oggo"]) == (3,)
    assert never_green(ways, ["yurs"]) == (0, 1, 2, 3)


def test_a_link_that_walkers_share_counts_for_both():
    junction = shared_link()
    assert never_green(junction.movements, ["srG", "rGr"]) == (0,)
    assert never_green(replace(junction).movements, [stage.state for stage in junction.stages]) == ()
