import re
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.errors import UsageError
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.network.program_faults import program_faults
from leed_traffic.simulation.scenario.check import try_out
from leed_traffic.simulation.scenario.corrected_copy import write_corrected
from tests.networks.oddities import ALL_WAYS, ODDITIES, configure, cross, program

pytestmark = pytest.mark.sumo


def files_under(folder):
    return {path: path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


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
