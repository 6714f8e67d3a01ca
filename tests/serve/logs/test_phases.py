from dataclasses import replace

from leed_traffic.serve.logs.events import Event
from leed_traffic.serve.logs.phases import PhaseEvents, phase_of_lane, phases_of
from tests.intersections import four_legs, shared_link, star, t_junction

# links: N through 0, left 1; E 2, 3; S 4, 5; W 6, 7; crossings of the N, E, S and W leg 8, 9, 10, 11
NS, NS_LEFT, EW = (four_legs().stages[k].state for k in (0, 1, 2))


def test_links_that_are_green_in_the_same_stages_make_a_phase_vehicles_first():
    assert [(p.number, p.links, p.is_walk) for p in phases_of(four_legs())] == [
        (1, (0, 4), False), (2, (1, 5), False), (3, (2, 6), False), (4, (3, 7), False),
        (5, (8, 10), True), (6, (9, 11), True),
    ]  # fmt: skip
    assert [p.links for p in phases_of(t_junction())] == [(0, 1), (2,), (3,), (4,)]


def test_a_link_that_no_stage_serves_has_no_phase_and_its_lane_none_either():
    junction = star(3)
    stages = tuple(replace(stage, state=stage.state[:2] + "r") for stage in junction.stages[:2])
    junction = replace(junction, stages=stages)
    phases = phases_of(junction)
    assert [p.links for p in phases] == [(0,), (1,)]
    assert [phase_of_lane(junction, phases, f"in{k}_0") for k in range(3)] == [1, 2, None]


def test_a_lane_belongs_to_the_phase_that_serves_most_of_its_links():
    junction = four_legs()
    shared = tuple(replace(m, from_lane="in0_0") if m.link in (1, 4) else m for m in junction.movements)
    junction = replace(junction, movements=shared)  # links 0 and 4 of phase 1, link 1 of phase 2
    assert phase_of_lane(junction, phases_of(junction), "in0_0") == 1


def tell(*looks, why=None):
    """The events after each (letters, is a stage shown) look."""
    log = PhaseEvents(four_legs())
    return [
        [(int(code), phase) for code, phase in log.see(state, is_standing=stands, terminated_by=why)]
        for state, stands in looks
    ]


def test_a_change_tells_every_end_and_begin_of_its_phases():
    told = tell(
        (NS, True),
        ("GgrrGgrrrrrr", False),
        ("yyrryyrrrrrr", False),
        ("r" * 12, False),
        (EW, True),
        why=Event.FORCE_OFF,
    )
    assert told == [
        [(1, 1), (1, 2), (21, 6)],
        [(22, 6)],
        [(6, 1), (7, 1), (6, 2), (7, 2), (8, 1), (8, 2)],
        [(9, 1), (9, 2), (10, 1), (10, 2)],
        [(11, 1), (11, 2), (1, 3), (1, 4), (21, 5), (23, 6)],
    ]


def test_without_a_command_nobody_says_why_a_green_ended():
    assert tell((NS, True), ("yyrryyrrrGrG", False))[1] == [(7, 1), (7, 2), (8, 1), (8, 2)]


def test_a_clearance_that_passed_between_two_looks_is_told_all_the_same():
    assert tell((NS, True), (EW, True))[1] == [
        (7, 1), (10, 1), (11, 1), (7, 2), (10, 2), (11, 2), (22, 6), (1, 3), (1, 4), (21, 5), (23, 6),
    ]  # fmt: skip


def test_a_phase_that_stays_green_or_only_gains_priority_tells_nothing():
    assert tell((NS, True), ("ygrrygrrrrrr", False), ("rgrrrgrrrrrr", False), (NS_LEFT, True))[-1] == [
        (11, 1),
        (23, 6),
    ]


def test_letters_that_do_not_fit_tell_nothing():
    assert tell(("GG", True), ("", False)) == [[], []]


def test_a_link_that_cars_share_belongs_to_their_phase():
    phases = phases_of(shared_link())
    assert [(phase.links, phase.is_walk) for phase in phases] == [((0,), False), ((1,), False), ((2,), True)]
    assert phase_of_lane(shared_link(), phases, "in0_0") == 1
