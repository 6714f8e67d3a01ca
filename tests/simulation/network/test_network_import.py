import subprocess
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.network import MovementKind, conflict_in, edge_of
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.network_import import import_network

SHIPPED = ("crossing", "arterial5", "grid4x4")


@pytest.fixture(scope="module")
def crossing():
    (junction,) = import_network(load_scenario("crossing").net_file).intersections
    return junction


@pytest.fixture
def make_net(tmp_path):
    """Runs one of SUMO's net tools; returns the net's path."""
    sumo = pytest.importorskip("sumo", reason="SUMO is not installed")

    def make(tool, *options):
        net_file = tmp_path / "made.net.xml"
        command = [
            str(Path(sumo.SUMO_HOME) / "bin" / tool),
            "--output-file",
            str(net_file),
            "--no-warnings",
            *options,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return net_file

    return make


@pytest.fixture
def make_grid(make_net):
    """A 2 x 2 grid of signals with arms of 100 m."""

    def make(*options, junction="traffic_light"):
        return make_net(
            "netgenerate", "--grid", "--grid.number=2", "--grid.attach-length=100", f"-j={junction}", *options
        )

    return make


def link(junction, source, target):
    """The signal link from one leg's edge to another's."""
    found = [
        m.link
        for m in junction.vehicle_movements
        if edge_of(m.from_lane).startswith(source) and edge_of(m.to_lane) == target
    ]
    return found[0]


def test_the_crossings_links_conflict_where_their_paths_do(crossing):
    foes = set(crossing.foes)
    north, south = link(crossing, "N_C", "C_S"), link(crossing, "S_C", "C_N")
    east, north_left = link(crossing, "E_C", "C_W"), link(crossing, "N_C", "C_E")
    assert (min(north, east), max(north, east)) in foes
    assert (min(north_left, south), max(north_left, south)) in foes
    assert (min(north, south), max(north, south)) not in foes


def test_vehicles_conflict_with_the_crossings_that_they_drive_over(crossing):
    walkers = {m.link: m for m in crossing.movements if m.kind is MovementKind.PEDESTRIAN}
    assert len(walkers) == 4
    north = link(crossing, "N_C", "C_S")
    crossed = [a if b == north else b for a, b in crossing.foes if north in (a, b)]
    assert len([k for k in crossed if k in walkers]) == 2
    assert all(m.direction == "c" and m.exit_span is None and m.length_m > 5.0 for m in walkers.values())


def test_walk_and_walk_out_of_the_net_are_one_stage(crossing):
    assert crossing.stages[0].own_phase == 0
    assert crossing.own_program[1].state.count("G") < crossing.own_program[0].state.count("G")
    assert (
        crossing.stages[0].own_green_s == crossing.own_program[0].duration_s + crossing.own_program[1].duration_s
    )


def test_turns_are_no_faster_than_the_road_that_they_leave_and_have_a_way_through_the_junction(crossing):
    for movement in crossing.vehicle_movements:
        assert movement.speed_mps == pytest.approx(13.89, abs=0.01)
        assert 3.0 < movement.length_m < 60.0
        assert movement.exit_span is not None
        assert movement.exit_span.distance_m == 0.0


def test_a_bay_is_seen_through_into_the_street_before_it(crossing):
    for lane in crossing.lanes:
        first, *others = lane.spans
        assert (first.lane, first.to_m, first.distance_m, first.share) == (lane.id, lane.length_m, 0.0, 1.0)
        assert others, f"{lane.id} is shorter than the reach"
        assert others[0].distance_m == pytest.approx(lane.length_m)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_have_no_signal_left_alone_and_serve_every_link(name):
    network = import_network(load_scenario(name).net_file)
    assert network.left_alone == ()
    assert network.notes == ()
    for junction in network.intersections:
        served = frozenset().union(*(stage.green for stage in junction.stages))
        assert served == {m.link for m in junction.movements}
        assert all(conflict_in(stage.state, junction.foes) is None for stage in junction.stages)


def test_neighbours_feed_each_other_in_a_grid():
    network = import_network(load_scenario("grid4x4").net_file)
    feeds = {(n.id, i.id) for i in network.intersections for n in i.neighbours}
    assert len(feeds) == 48  # 4 x 4 cells: 24 streets between signals, both ways
    assert all((b, a) in feeds for a, b in feeds)
    assert all(
        50.0 < n.distance_m < 500.0 and n.travel_time_s > 3.0 for i in network.intersections for n in i.neighbours
    )


def test_two_imports_are_the_same():
    net_file = load_scenario("arterial5").net_file
    assert import_network(net_file).digest() == import_network(net_file).digest()


def test_the_last_program_that_is_loaded_counts(crossing, tmp_path):
    n = crossing.n_links
    extra = tmp_path / "programs.add.xml"
    phases = [("G" + "r" * (n - 1), 11), ("y" + "r" * (n - 1), 3), ("r" * (n - 1) + "G", 12), ("r" * n, 2)]
    rows = "".join(f'<phase duration="{seconds}" state="{state}"/>' for state, seconds in phases)
    extra.write_text(
        f'<additional><tlLogic id="C" type="actuated" programID="day" offset="5">{rows}</tlLogic></additional>'
    )
    (junction,) = import_network(load_scenario("crossing").net_file, [extra]).intersections
    assert (junction.own_program_id, junction.own_program_type, junction.own_offset_s) == ("day", "actuated", 5.0)
    assert [stage.own_green_s for stage in junction.stages] == [11.0, 12.0]


def test_a_signal_that_is_switched_off_is_left_alone(tmp_path):
    extra = tmp_path / "off.add.xml"
    extra.write_text('<additional><tlLogic id="C" type="static" programID="off"/></additional>')
    with pytest.raises(
        ScenarioError, match=r"no signal to control; 1 left alone \(C: has no program with phases\)"
    ):
        import_network(load_scenario("crossing").net_file, [extra])


@pytest.mark.parametrize(
    "options",
    [
        ("--tls.default-type=actuated",),
        ("--tls.default-type=NEMA", "--default.lanenumber=2"),
        ("--crossings.guess", "--sidewalks.guess"),
        ("--no-internal-links",),
        ("--lefthand", "--turn-lanes=1"),
        ("--tls.layout=incoming", "--tls.allred.time=2"),
        ("--junctions.join", "--tls.join"),
    ],
    ids=lambda options: options[0],
)
def test_any_kind_of_signal_imports_and_serves_every_link(make_grid, options):
    network = import_network(make_grid(*options))
    assert {i.id for i in network.intersections} == {"A0", "A1", "B0", "B1"}
    assert {reason for _, reason in network.left_alone} == {"has only one stage"}
    for junction in network.intersections:
        assert frozenset().union(*(stage.green for stage in junction.stages)) == {
            m.link for m in junction.movements
        }


def test_a_right_turn_after_a_stop_keeps_its_letter(make_grid):
    network = import_network(make_grid(junction="traffic_light_right_on_red"))
    assert any("s" in stage.state for junction in network.intersections for stage in junction.stages)


def test_a_net_whose_signals_leave_no_choice_says_so(make_grid):
    with pytest.raises(
        ScenarioError, match=r"no signal to control; 12 left alone .*has only one stage.* and 9 more"
    ):
        import_network(make_grid(junction="traffic_light_unregulated"))


def test_a_net_without_signals_says_so(make_net):
    with pytest.raises(ScenarioError, match=r"no signal to control; 0 left alone .the net has none"):
        import_network(make_net("netgenerate", "--grid", "--grid.number=2", "-j=priority"))


def test_one_signal_may_guard_two_junctions(make_net, tmp_path):
    (tmp_path / "n.nod.xml").write_text(
        '<nodes><node id="w" x="-100" y="0"/><node id="a" x="0" y="0" type="traffic_light" tl="both"/>'
        '<node id="b" x="40" y="0" type="traffic_light" tl="both"/><node id="e" x="140" y="0"/>'
        '<node id="an" x="0" y="90"/><node id="bn" x="40" y="90"/></nodes>'
    )
    streets = [("w", "a"), ("a", "b"), ("b", "e"), ("an", "a"), ("bn", "b")]
    rows = "".join(
        f'<edge id="{u}{v}" from="{u}" to="{v}"/><edge id="{v}{u}" from="{v}" to="{u}"/>' for u, v in streets
    )
    (tmp_path / "e.edg.xml").write_text(f"<edges>{rows}</edges>")
    net_file = make_net("netconvert", f"--node-files={tmp_path}/n.nod.xml", f"--edge-files={tmp_path}/e.edg.xml")
    (junction,) = import_network(net_file).intersections
    assert junction.id == "both"
    at = {m.link: edge_of(m.from_lane)[-1] for m in junction.movements}
    assert {at[a] + at[b] for a, b in junction.foes} == {"aa", "bb"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("", "not a SUMO net that can be read"),
        ("<net", "not a SUMO net that can be read"),
        ('<net version="1.20"><edge id="a"><lane id="a_0"/></edge></net>', "not a SUMO net that can be read"),
    ],
)
def test_a_missing_or_broken_net_is_one_line(tmp_path, content, message):
    net_file = tmp_path / "x.net.xml"
    if content is not None:
        net_file.write_text(content)
    with pytest.raises(ScenarioError, match=message) as caught:
        import_network(net_file)
    assert "\n" not in str(caught.value)


def test_a_broken_additional_file_is_named(tmp_path):
    extra = tmp_path / "x.add.xml"
    extra.write_text("<additional>")
    with pytest.raises(ScenarioError, match=r"x\.add\.xml: not readable as XML"):
        import_network(load_scenario("crossing").net_file, [extra])
