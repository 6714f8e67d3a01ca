from dataclasses import replace

from leed_traffic.domain.network import OwnPhase
from leed_traffic.simulation.network.program_faults import correct_program, program_faults
from tests.intersections import crossing, four_legs, intersection, shared_link, vehicle

CROSS = intersection(["Gr", "rG"], [vehicle(0), vehicle(1)], {(0, 1)})


def with_program(junction, *phases):
    return replace(
        junction, own_program=tuple(OwnPhase(state=state, duration_s=seconds) for state, seconds in phases)
    )


def sentences(junction):
    return [(fault.kind, fault.phase) for fault in program_faults(junction)]


def corrected(junction):
    return [(phase.source, phase.state, phase.duration_s) for phase in correct_program(junction)[0]]


def test_a_program_with_whole_clearances_lacks_nothing():
    whole = with_program(CROSS, ("Gr", 20), ("yr", 3.5), ("rr", 2), ("rG", 20), ("ry", 3.5), ("rr", 2))
    assert sentences(whole) == []
    assert corrected(whole) == [(k, phase.state, phase.duration_s) for k, phase in enumerate(whole.own_program)]


def test_a_green_that_turns_red_at_once_gets_its_yellow_and_all_red():
    bare = with_program(CROSS, ("Gr", 20), ("rG", 20))
    assert sentences(bare) == [("no-yellow", 0), ("no-all-red", 0), ("no-yellow", 1), ("no-all-red", 1)]
    assert [phase for _, *phase in corrected(bare)] == [
        ["Gr", 20], ["yr", 3.5], ["rr", 2.0], ["rG", 20], ["ry", 3.5], ["rr", 2.0],
    ]  # fmt: skip


def test_a_short_yellow_is_stretched_and_one_that_lasts_just_long_enough_stays():
    for yellow_s, expected in ((3.4, [("short-yellow", 1)]), (3.5, []), (3.6, [])):
        junction = with_program(CROSS, ("Gr", 20), ("yr", yellow_s), ("rr", 2), ("rG", 20), ("ry", 3.5), ("rr", 2))
        assert sentences(junction) == expected
        assert corrected(junction)[1] == (1, "yr", max(3.5, yellow_s))


def test_an_all_red_is_needed_only_where_a_foe_turns_green():
    apart = replace(CROSS, foes=())
    assert sentences(with_program(apart, ("Gr", 20), ("yr", 3.5), ("rG", 20), ("ry", 3.5))) == []


def test_two_paths_that_conflict_with_priority_both_yield():
    clash = with_program(CROSS, ("GG", 20), ("yy", 3.5), ("rr", 2), ("Gr", 20), ("yr", 3.5), ("rr", 2))
    assert ("conflict", 0) in sentences(clash)
    assert corrected(clash)[0] == (0, "gg", 20)


def test_walkers_get_the_time_to_finish_and_vehicles_beside_them_go_on():
    junction = intersection(["GrG", "rGr"], [vehicle(0), vehicle(1), crossing(2)], {(0, 1), (1, 2)})
    short = with_program(junction, ("GrG", 20), ("yrr", 3.5), ("rrr", 2), ("rGr", 20), ("ryr", 3.5), ("rrr", 2))
    (fault,) = program_faults(short)
    assert fault.sentence == "after phase 0: walkers on links 2 need 12 s, have 5.5"
    assert corrected(short)[1] == (None, "Grr", 6.5)


def test_what_is_corrected_lacks_nothing_any_more():
    bare = four_legs()
    bare = with_program(bare, *[(stage.state, 20.0) for stage in bare.stages])
    assert len(program_faults(bare)) > 4
    again = with_program(bare, *[(phase.state, phase.duration_s) for phase in correct_program(bare)[0]])
    assert program_faults(again) == ()


def test_walkers_who_share_a_link_with_vehicles_get_their_red_after_its_yellow():
    """Link 0 needs 3.5 s of yellow and 12 s of red; link 2, a crossing alone, 9 s without a foe's green."""
    whole = with_program(
        shared_link(), ("GrG", 20), ("yrr", 3.5), ("rrr", 12), ("rGr", 20), ("ryr", 3.5), ("rrr", 2)
    )
    assert sentences(whole) == []
    short = with_program(
        shared_link(), ("GrG", 20), ("yrr", 3.5), ("rrr", 5), ("rGr", 20), ("ryr", 3.5), ("rrr", 2)
    )
    assert [fault.sentence for fault in program_faults(short)] == [
        "after phase 0: walkers on links 2 need 9 s, have 8.5",
        "after phase 1: walkers on links 0, which vehicles share, need 12 s of red, have 5",
    ]
    assert [phase for _, *phase in corrected(short)][:5] == [
        ["GrG", 20], ["Grr", 0.5], ["yrr", 3.5], ["rrr", 7.0], ["rrr", 5],
    ]  # fmt: skip


def test_walkers_who_are_cleared_stay_at_red_in_the_phases_put_in_after_them():
    junction = intersection(["GrG", "rGr"], [vehicle(0), vehicle(1), crossing(2)], {(0, 1), (1, 2)})
    shown = [
        phase
        for _, *phase in corrected(with_program(junction, ("GrG", 20), ("rGr", 20), ("ryr", 3.5), ("rrr", 2)))
    ]
    assert shown[:4] == [["GrG", 20], ["Grr", 12.0], ["yrr", 3.5], ["rrr", 2.0]]


def test_a_shared_link_that_turns_red_at_once_gets_its_yellow_before_its_red():
    bare = with_program(shared_link(), ("GrG", 20), ("rGr", 20), ("ryr", 3.5), ("rrr", 2))
    assert sentences(bare) == [("short-walk-out", 0), ("no-yellow", 0), ("no-all-red", 0), ("short-walk-out", 0)]
    assert [phase for _, *phase in corrected(bare)][:5] == [
        ["GrG", 20], ["Grr", 9.0], ["yrr", 3.5], ["rrr", 12.0], ["rGr", 20],
    ]  # fmt: skip
