"""Every kind of signal that real networks hold, each in the smallest net that shows it: what becomes of it."""

import re

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import derive_site, make_site
from leed_traffic.domain.road_users import crossings_of
from leed_traffic.domain.safety.timing import timing_as_net
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.incumbents.own_program import Incumbent, write_programs
from leed_traffic.simulation.network.network_import import import_network

pytest.importorskip("sumo", reason="SUMO is not installed")
from tests.networks.oddities import ODDITIES

pytestmark = pytest.mark.sumo

TWO = ["GGgrrrGGgrrr", "rrrGGgrrrGGg"]
STAGES = {
    "two_stages": TWO,
    "one_stage_beside_another": TWO,
    "t_junction": ["GgrrGG", "rrGGGr"],
    "all_red_and_walkers_alone": ["gGgrrrgGgrrrrrrr", "rrrgGgrrrgGgrrrr", "rrrrrrrrrrrrGGGG"],
    "right_on_red": ["GGgsrrGGgsrr", "srrGGgsrrGGg"],
    "crossings_beside_traffic": ["gGGgrrrrgGGgrrrrrGrG", "rrrrgGGgrrrrgGGgGrGr"],
    "a_signal_for_each_direction_of_a_crossing": ["gGgrrrGGgrrrrr", "rrrgGgrrrGGgGG"],
    "two_nodes_under_one_signal": ["rrGGGgrrGGGg", "rrGGrrGGGrrr", "GGGrrrrrrrGG"],
    "links_that_share_a_lane": ["GGrrrrGGrrrr", "rrgrrrrrGrrr", "rrrGGgrrrGGg"],
    "turning_back": ["GGggrrrrGGggrrrr", "rrrrGGggrrrrGGgg"],
    "a_conflicting_pair": TWO,
    "actuated": TWO,
    "delay_based": TWO,
    "nema": ["GGGgrrrrGGGgrrrr", "rrrrGGGgrrrrGGGg"],
    "weekly_plan": TWO,
    "offset_and_half_steps": TWO,
    "without_interiors": TWO,
    "rails_beside": TWO,
    "grouped_links": ["GgrrGgrr", "rrGgrrGg"],
    "red_and_yellow_before_green": TWO,
    "letters_to_spare": ["GGgrrrGGgrrrrr", "rrrGGgrrrGGgrr"],
    "packed_and_writing": TWO,
}
LEFT_ALONE = {
    "one_stage_beside_another": (("E", "has only one stage"),),
    "rails_beside": (("R", "a rail crossing"), ("rx", "a rail signal")),
}


@pytest.fixture
def bring(tmp_path):
    """The network of an oddity."""

    def load(name):
        scenario = load_scenario(str(ODDITIES[name](tmp_path)))
        return import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)

    return load


@pytest.mark.parametrize("name", STAGES)
def test_its_stages_are_found_and_what_is_left_alone_has_its_reason(bring, name):
    network = bring(name)
    assert [stage.state for stage in network.intersections[0].stages] == STAGES[name]
    assert network.left_alone == LEFT_ALONE.get(name, ())
    assert len(network.intersections) == 1


def test_a_stage_with_a_conflicting_pair_is_reported_and_not_used(bring):
    [(signal, note)] = bring("a_conflicting_pair").notes
    assert (signal, note) == (
        "C",
        "phase 0 gives priority to links 0 and 4, whose paths conflict: not used as a stage",
    )


def test_bus_lanes_and_tram_tracks_are_movements_like_any_other(bring):
    junction = bring("buses_and_a_tram").intersections[0]
    assert {"WC_0", "tC_0"} <= {lane.id for lane in junction.lanes}
    tram = next(m.link for m in junction.movements if m.from_lane == "tC_0")
    assert any(stage.state[tram] in "Gg" for stage in junction.stages)


def test_both_signals_of_a_crossing_have_its_foes_and_its_walkers_of_one_side_each(bring):
    junction = bring("a_signal_for_each_direction_of_a_crossing").intersections[0]
    assert junction.pedestrian_links == {12, 13}
    foes = {link: {a for a, b in junction.foes if b == link} for link in (12, 13)}
    assert foes[12] == foes[13] == {0, 1, 2, 3, 7, 11}
    assert crossings_of([junction]) == [((":C_w1",), ":C_c0"), ((":C_w0",), ":C_c0")]


def test_two_rings_become_every_pair_that_they_can_show(bring):
    network = bring("nema_with_lefts")
    junction = network.intersections[0]
    greens = [{k for k, letter in enumerate(stage.state) if letter in "Gg"} for stage in junction.stages]
    ring1, ring2 = [(15,), (4, 5, 6)], [(7,), (12, 13, 14)]
    far1, far2 = [(11,), (0, 1, 2)], [(3,), (8, 9, 10)]
    pairs = [set(a + b) for group in ((ring1, ring2), (far1, far2)) for a in group[0] for b in group[1]]
    shown = [pair for pair in pairs if pair in greens]
    assert shown == greens
    assert {4, 5, 6, 12, 13, 14} in greens
    assert {4, 5, 6, 7} in greens
    assert {0, 1, 2, 8, 9, 10} in greens
    assert all("conflict" in note for _, note in network.notes)


def test_a_ring_programs_own_clearances_and_shared_greens_are_kept(bring, tmp_path):
    junction = bring("nema_with_lefts").intersections[0]
    by_green = {stage.green: k for k, stage in enumerate(junction.stages)}
    through = by_green[frozenset({4, 5, 6, 12, 13, 14})]
    assert junction.stages[through].own_green_s > 10.0
    own = timing_as_net(junction)
    others = [k for k in range(junction.n_stages) if not junction.stages[k].green & junction.stages[through].green]
    assert {(own.clearances.yellow_s[through][k], own.clearances.all_red_s[through][k]) for k in others} == {
        (3.0, 2.0)
    }


def test_the_fixed_incumbent_of_two_rings_shows_only_pairs_that_have_time(bring, tmp_path):
    network = bring("nema_with_lefts")
    (path,) = write_programs(tmp_path, network, derive_site(network), Incumbent.FIXED, step_s=1.0)
    states = re.findall(r'state="(\w+)"', path.read_text())
    silent = [stage.state for stage in network.intersections[0].stages if stage.own_green_s == 0.0]
    assert silent
    assert not set(silent) & set(states)


def test_the_program_of_a_weekly_plan_that_is_in_force_at_the_begin_counts(bring):
    network = bring("weekly_plan")
    junction = network.intersections[0]
    assert junction.own_program_id == "day"
    assert junction.stages[0].own_green_s > 20.0
    assert network.notes == (
        ("C", "follows the weekly plan week: program day, in force at 25200 s, stands for the whole run"),
    )


def test_an_earlier_begin_finds_the_other_program(tmp_path):
    scenario = load_scenario(str(ODDITIES["weekly_plan"](tmp_path)))
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=0.0)
    assert network.intersections[0].own_program_id == "night"
    assert [stage.own_green_s for stage in network.intersections[0].stages] == [15.0, 15.0]


def test_a_weekly_plan_may_tell_its_times_as_a_clock_does(tmp_path):
    config = ODDITIES["weekly_plan"](tmp_path)
    plan = tmp_path / "x.add.xml"
    plan.write_text(
        plan.read_text().replace('time="25000"', 'time="6:56:40"').replace('refTime="0"', 'refTime="0:00:00"')
    )
    scenario = load_scenario(str(config))
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
    assert network.intersections[0].own_program_id == "day"


@pytest.mark.parametrize(("offset", "seconds"), [("begin", 120.0), ("0:00:10", 10.0), ("-5", -5.0)])
def test_offsets_and_durations_may_be_told_as_sumo_tells_times(tmp_path, offset, seconds):
    path = ODDITIES["two_stages"](tmp_path)
    net = path.parent / "x.net.xml"
    text = net.read_text().replace('offset="0"', f'offset="{offset}"')
    net.write_text(re.sub(r'<phase duration="(\d+)"', r'<phase duration="0:00:\1"', text))
    [intersection] = import_network(net, begin_s=120.0).intersections
    assert intersection.own_offset_s == seconds
    assert all(0.0 < phase.duration_s < 60.0 for phase in intersection.own_program)


def test_a_time_of_a_weekly_plan_that_is_none_is_named(tmp_path):
    scenario = load_scenario(str(ODDITIES["weekly_plan"](tmp_path)))
    plan = tmp_path / "x.add.xml"
    plan.write_text(plan.read_text().replace('time="25000"', 'time="dawn"'))
    with pytest.raises(
        ScenarioError, match=r"x\.add\.xml: weekly plan week: the time 'dawn', expected seconds or H:M:S"
    ):
        import_network(scenario.net_file, scenario.additional_files)


@pytest.mark.parametrize(
    ("name", "kind"), [("actuated", "actuated"), ("delay_based", "delay_based"), ("nema", "NEMA")]
)
def test_self_adapting_programs_are_incumbents_of_their_kind(bring, tmp_path, name, kind):
    network = bring(name)
    assert network.intersections[0].own_program_type == kind
    as_net = make_site("as-net", [timing_as_net(i) for i in network.intersections])
    assert write_programs(tmp_path, network, as_net, Incumbent.ACTUATED, step_s=1.0) == ()


def test_left_hand_traffic_turns_the_conflicts_round(bring):
    junction = bring("left_hand").intersections[0]
    through = next(m.link for m in junction.movements if m.direction == "s")
    rights = [m.link for m in junction.movements if m.direction == "r"]
    foes = {b if a == through else a for a, b in junction.foes if through in (a, b)}
    assert any(link in foes for link in rights)
    assert all("g" in stage.state for stage in junction.stages)
