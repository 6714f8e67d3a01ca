from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo.additional_files import check_own_folder, readable_path, silenced

CROSSING = load_scenario("crossing")
ODD = ["a,b", "a${HOME}b", "a$b", "a\nb", "a'b", 'a"b', "a;b", "a:b"]


@pytest.mark.parametrize("name", ["plain", "a b", "Köln", "a=b", "-x", "a@b+c~d"])
def test_a_name_that_sumo_reads_as_it_is_stays(tmp_path, name):
    path = tmp_path / name
    path.write_text("<net/>")
    assert readable_path(path, tmp_path / "link") == path


@pytest.mark.parametrize("name", ODD)
def test_any_other_name_is_linked_under_a_plain_one(tmp_path, name):
    path = tmp_path / name
    path.write_text("<net/>")
    assert readable_path(path, tmp_path / "link") == tmp_path / "link"
    assert (tmp_path / "link").read_text() == "<net/>"


def test_a_folder_that_could_not_hold_a_plain_link_is_named(tmp_path):
    (tmp_path / "a,b").mkdir()
    with pytest.raises(
        ScenarioError, match="a,b: SUMO cannot read files in a folder of this name; set TMPDIR to a plain one"
    ):
        readable_path(tmp_path / "a,b" / "net.xml", tmp_path / "a,b" / "link")


@pytest.mark.parametrize("name", ["a,b", "run 10:30", "a$b", "a\nb"])
def test_a_folder_of_our_own_files_must_have_a_name_that_sumo_takes_for_one(tmp_path, name):
    check_own_folder(tmp_path / "a b")
    with pytest.raises(ScenarioError, match="SUMO cannot use a folder whose path has a comma") as fault:
        check_own_folder(tmp_path / name)
    assert "\n" not in str(fault.value)


def test_of_a_scenario_only_what_writes_or_is_oddly_named_is_replaced(tmp_path):
    odd, folder = tmp_path / "a,b", tmp_path / "copies"
    odd.mkdir()
    folder.mkdir()
    (odd / "r.xml").write_text("<routes/>")
    (tmp_path / "fine.xml").write_text("<additional/>")
    (tmp_path / "writes.xml").write_text('<additional><edgeData id="e" file="x"/></additional>')
    scenario = replace(CROSSING, demand=None, additional_files=(tmp_path / "fine.xml", tmp_path / "writes.xml"))
    quiet, routes = silenced(scenario, [odd / "r.xml"], folder, has_programs=False)
    assert quiet.net_file == CROSSING.net_file
    assert quiet.additional_files == (tmp_path / "fine.xml", folder / "1.add.xml")
    assert routes == (folder / "0.rou.xml",)
    assert 'file="NUL"' in quiet.additional_files[1].read_text()
