import re
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.errors import UsageError
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.network.program_faults import program_faults
from leed_traffic.simulation.scenario.check import check_scenario, try_out
from leed_traffic.simulation.scenario.corrected_copy import write_corrected
from leed_traffic.simulation.scenario.departures import find_never_departing

pytest.importorskip("sumo", reason="SUMO is not installed")
from tests.networks.oddities import ALL_WAYS, ODDITIES, configure, cross, program

pytestmark = pytest.mark.sumo


def files_under(folder):
    return {path: path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def test_the_page_says_of_every_signal_what_it_has_and_what_it_lacks(tmp_path):
    document, _ = check_scenario(load_scenario(str(ODDITIES["one_stage_beside_another"](tmp_path))), seed=1)
    (signal,) = document.signals
    assert (signal.id, signal.n_stages, signal.n_lanes, signal.program) == ("C", 2, 4, "0 (static)")
    assert [missing.sentence for missing in signal.missing] == [
        f"phase {k}: 3 s of yellow, need 3.5 s" for k in (1, 4)
    ]
    assert signal.detectors == {"zone": 4, "exit": 4, "stop": 4, "advance": 4}
    assert [(left.id, left.reason) for left in document.left_alone] == [("E", "has only one stage")]
    assert {(way.from_edge, way.to_edge) for way in signal.movements} >= {("NC", "CS"), ("WC", "CE")}


def test_demand_is_held_against_what_two_lanes_in_turn_can_carry(tmp_path):
    """600 veh/h straight on from N and from E: y = 600 / 1800 each; 10 s of clearances leave 110 of 120 s."""
    flows = "".join(
        f'<flow id="{a}{b}" from="{a}C" to="C{b}" begin="0" end="900" vehsPerHour="600"/>' for a, b in ("NS", "EW")
    )
    document, _ = check_scenario(load_scenario(str(configure(tmp_path, cross(tmp_path), flows))), seed=1)
    load = document.signals[0].load
    assert load.flow_ratio == pytest.approx((600 / 1800, 600 / 1800), abs=0.01)
    assert load.y == pytest.approx(2 / 3, abs=0.02)
    assert load.y_max == pytest.approx(1 - load.lost_s / 120.0, abs=1e-4)
    assert load.verdict == "below capacity"
    heavy = flows.replace('"600"', '"1000"')
    document, _ = check_scenario(load_scenario(str(configure(tmp_path, tmp_path / "x.net.xml", heavy))), seed=1)
    assert document.signals[0].load.verdict == "over capacity"


def test_whoever_can_never_depart_is_named_by_reason(tmp_path):
    ODDITIES["buses_and_a_tram"](tmp_path)
    traffic = (
        '<trip id="fine" depart="5" from="NC" to="CS"/><trip id="gone" depart="6" from="nowhere" to="CS"/>'
        '<trip id="back" depart="7" from="CS" to="NC"/><vehicle id="lost" depart="8" route="missing"/>'
        '<vehicle id="odd" depart="8" type="missing"><route edges="NC CS"/></vehicle>'
        '<trip id="closed" depart="9" from="tC" to="Cu"/><trip id="late" depart="900" from="WC" to="CE"/>'
    )
    found = find_never_departing(load_scenario(str(configure(tmp_path, tmp_path / "x.net.xml", traffic))))
    assert {stranded.reason: stranded.examples for stranded in found} == {
        "departs after the end": ("late",),
        "has no way from its start to its end": ("back",),
        "names an unknown edge": ("gone",),
        "names an unknown route": ("lost",),
        "names an unknown vehicle type": ("odd",),
        "uses an edge closed to its class": ("closed",),
    }


def test_demand_of_our_own_has_nobody_stranded():
    assert find_never_departing(load_scenario("crossing")) == ()


BARE = [("GGgrrrGGgrrr", 20), ("rrrGGgrrrGGg", 20), ("GGGGGGrrrrrr", 5)]


def test_a_corrected_copy_lacks_nothing_runs_and_leaves_the_source_alone(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    scenario = load_scenario(str(configure(source, program(cross(source), *BARE), ALL_WAYS)))
    before = files_under(source)
    fixes = write_corrected(scenario, import_network(scenario.net_file), tmp_path / "copy", 1)
    assert files_under(source) == before
    assert [
        kind
        for kind in ("conflict", "no-yellow", "no-all-red")
        if not any(f" {kind} corrected" in f for f in fixes)
    ] == []
    copy = load_scenario(str(tmp_path / "copy"))
    network = import_network(copy.net_file)
    assert program_faults(network.intersections[0]) == ()
    assert network.notes == ()
    assert try_out(copy, 1) == copy.begin_s + 300.0


def test_programs_of_an_additional_file_are_corrected_there(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    phases = "".join(f'<phase duration="{seconds}" state="{state}"/>' for state, seconds in BARE[:2])
    day = f'<tlLogic id="C" type="static" programID="day" offset="0">{phases}</tlLogic>'
    scenario = load_scenario(str(configure(source, cross(source), ALL_WAYS, additional=day)))
    network = import_network(scenario.net_file, scenario.additional_files)
    write_corrected(with_spread(scenario, 0.2), network, tmp_path / "copy", 1)
    assert load_scenario(str(tmp_path / "copy")).spread == 0.2
    assert len(re.findall("<phase", (tmp_path / "copy" / "x.add.xml").read_text())) == 6


def test_what_cannot_be_corrected_is_said_and_stays(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    scenario = load_scenario(str(ODDITIES["nema_with_lefts"](source)))
    network = import_network(scenario.net_file, scenario.additional_files)
    fixes = write_corrected(scenario, network, tmp_path / "copy", 1)
    assert all("left as it is (a NEMA program keeps its clearances in attributes" in fix for fix in fixes)


def test_a_copy_is_refused_where_nothing_is_missing_or_something_is_in_the_way(tmp_path):
    scenario = load_scenario("crossing")
    network = import_network(scenario.net_file)
    with pytest.raises(UsageError, match="no signal of crossing lacks anything"):
        write_corrected(scenario, network, tmp_path / "copy", 1)
    assert not (tmp_path / "copy").exists()
    source = tmp_path / "source"
    source.mkdir()
    scenario = load_scenario(str(configure(source, program(cross(source), *BARE), ALL_WAYS)))
    with pytest.raises(UsageError, match="exists and is not empty"):
        write_corrected(scenario, import_network(scenario.net_file), source, 1)
